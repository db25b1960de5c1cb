"""Compiled loops of the p-median problem: local search by interchange, and the ascent of its Lagrangian bound."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled
from geo.measures.sites.problem import Limits

_MINIMUM_GAIN = 1e-9
_ITERATIONS = 400


class Pairs(NamedTuple):
    """A p-median problem for compiled loops: the cost of each pair of a row and a site that is worth a journey.

    Attributes
    ----------
    site_start, site_rows, site_costs : the pairs of site s are ``site_start[s]`` to ``site_start[s + 1]``
    row_start, row_sites, row_costs : the pairs of a row likewise, the cheapest first
    otherwise : shape (rows,), a row's cost without a site
    prices : shape (sites,), what each site costs
    over : shape (1,), True when the search has to end
    """

    site_start: Int64Array
    site_rows: Int32Array
    site_costs: Float64Array
    row_start: Int64Array
    row_sites: Int32Array
    row_costs: Float64Array
    otherwise: Float64Array
    prices: Float64Array
    over: BoolArray


class Room(NamedTuple):
    """Which choices are allowed: how many sites at most, for how much, which always, and which perhaps."""

    places: int
    budget: float
    fixed: BoolArray
    allowed: BoolArray


def pairs_of(times: sparse.csr_array, weights: Float64Array, otherwise: Float64Array, limits: Limits) -> Pairs:
    """The pairs of rows and allowed sites that cost less than no site at all; costs are times multiplied by weights."""
    rows, sites = times.shape
    parts = _usable(times.indptr, times.indices, times.data, weights, otherwise, limits.allowed)
    by_site = sparse.csr_array((parts[2], parts[1], parts[0]), (rows, sites)).tocsc()
    return Pairs(
        by_site.indptr.astype(np.int64), by_site.indices.astype(np.int32), by_site.data, *parts,
        otherwise, limits.costs, limits.watch.over,
    )  # fmt: skip


@compiled
def _usable(
    start: Int32Array, sites: Int32Array, times: Float64Array,
    weights: Float64Array, otherwise: Float64Array, allowed: BoolArray,
) -> tuple[Int64Array, Int32Array, Float64Array]:  # fmt: skip
    """Starts of the rows, sites and costs of the pairs that cost less than no site at all."""
    row_start = np.zeros(len(otherwise) + 1, dtype=np.int64)
    row_sites, costs = np.empty(len(sites), dtype=np.int32), np.empty(len(sites))
    number = 0
    for row in range(len(otherwise)):
        for entry in range(start[row], start[row + 1]):
            cost = times[entry] * weights[row]
            if cost < otherwise[row] and allowed[sites[entry]]:
                row_sites[number], costs[number] = sites[entry], cost
                number += 1
        row_start[row + 1] = number
    return row_start, row_sites[:number].copy(), costs[:number].copy()


@compiled
def _assign(pairs: Pairs, is_open: BoolArray, nearest: Int32Array, first: Float64Array, second: Float64Array) -> float:
    """Assign each row to its cheapest open site, −1 for none, with the costs of the two cheapest; return the total."""
    for row in range(len(pairs.otherwise)):
        nearest[row] = -1
        first[row] = pairs.otherwise[row]
        second[row] = pairs.otherwise[row]
    for site in range(len(is_open)):
        if is_open[site]:
            for entry in range(pairs.site_start[site], pairs.site_start[site + 1]):
                row, cost = pairs.site_rows[entry], pairs.site_costs[entry]
                if cost < first[row]:
                    second[row] = first[row]
                    first[row] = cost
                    nearest[row] = site
                elif cost < second[row]:
                    second[row] = cost
    total = 0.0
    for row in range(len(pairs.otherwise)):
        total += first[row]
    return total


@compiled
def _fill(
    pairs: Pairs, room: Room, is_open: BoolArray, nearest: Int32Array, first: Float64Array, second: Float64Array
) -> float:
    """Open the site that saves most, and so on while there is room; return the total.

    A site saves ever less as others open, so that only sites are evaluated that have once saved more than the best.
    """
    total = _assign(pairs, is_open, nearest, first, second)
    used, money = 0, 0.0
    for site in range(len(is_open)):
        if is_open[site]:
            used += 1
            money += pairs.prices[site]
    saved = np.where(room.allowed & ~is_open, np.inf, -1.0)
    while used < room.places and not pairs.over[0]:
        chosen, most = -1, _MINIMUM_GAIN * (1.0 + abs(total))
        for site in np.argsort(-saved):
            if saved[site] <= most or pairs.over[0]:
                break
            if money + pairs.prices[site] > room.budget:
                continue
            gain = 0.0
            for entry in range(pairs.site_start[site], pairs.site_start[site + 1]):
                gain += max(0.0, first[pairs.site_rows[entry]] - pairs.site_costs[entry])
            saved[site] = gain
            if gain > most:
                chosen, most = site, gain
        if chosen < 0:
            break
        is_open[chosen] = True
        saved[chosen] = -1.0
        used += 1
        money += pairs.prices[chosen]
        total -= most
        for entry in range(pairs.site_start[chosen], pairs.site_start[chosen + 1]):
            row, cost = pairs.site_rows[entry], pairs.site_costs[entry]
            if cost < first[row]:
                second[row] = first[row]
                first[row] = cost
                nearest[row] = chosen
            elif cost < second[row]:
                second[row] = cost
    return float(total)


@compiled
def search(pairs: Pairs, room: Room, best: BoolArray, rounds: int, seed: int) -> float:
    """Improve ``best``, shape (sites,), by ``rounds`` of interchange, in place; return its total cost.

    For each closed site, one pass over its rows gives the change of the total for every open site that it could
    replace (Whitaker 1983). Every round but the first begins with some random swaps of the best choice. Without rounds
    the choice is filled up only, which is greedy from an empty one.
    """
    np.random.seed(seed)
    sites, rows = len(pairs.prices), len(pairs.otherwise)
    nearest = np.empty(rows, dtype=np.int32)
    first, second = np.empty(rows), np.empty(rows)
    loss = np.empty(sites)
    is_open = best.copy()
    if rounds == 0:
        _fill(pairs, room, best, nearest, first, second)
        is_open[:] = best
    best_total = _assign(pairs, is_open, nearest, first, second)
    for round_number in range(rounds):
        is_open[:] = best
        if round_number > 0:
            free = np.flatnonzero(is_open & ~room.fixed)
            np.random.shuffle(free)
            for site in free[: 1 + np.random.randint(0, 2 + len(free) // 8)]:
                is_open[site] = False
        order = np.flatnonzero(room.allowed)
        improving = True
        while improving:
            improving = False
            np.random.shuffle(order)
            total = _fill(pairs, room, is_open, nearest, first, second)
            money = pairs.prices[is_open].sum()
            loss[:] = 0.0
            for row in range(rows):
                if nearest[row] >= 0:
                    loss[nearest[row]] += second[row] - first[row]
            open_sites = np.flatnonzero(is_open & ~room.fixed)
            for site in order:
                if is_open[site]:
                    continue
                if pairs.over[0]:
                    break
                gain = 0.0
                for entry in range(pairs.site_start[site], pairs.site_start[site + 1]):
                    row, cost = pairs.site_rows[entry], pairs.site_costs[entry]
                    if cost < first[row]:
                        gain += first[row] - cost
                        if nearest[row] >= 0:
                            loss[nearest[row]] -= second[row] - first[row]
                    elif cost < second[row] and nearest[row] >= 0:
                        loss[nearest[row]] -= second[row] - cost
                out, least = -1, gain - _MINIMUM_GAIN * (1.0 + abs(total))
                for other in open_sites:
                    if loss[other] < least and money - pairs.prices[other] + pairs.prices[site] <= room.budget:
                        out, least = int(other), loss[other]
                if out >= 0:
                    is_open[out], is_open[site] = False, True
                    improving = True
                    break
                for entry in range(pairs.site_start[site], pairs.site_start[site + 1]):
                    row, cost = pairs.site_rows[entry], pairs.site_costs[entry]
                    if nearest[row] >= 0:
                        if cost < first[row]:
                            loss[nearest[row]] += second[row] - first[row]
                        elif cost < second[row]:
                            loss[nearest[row]] += second[row] - cost
        total = _assign(pairs, is_open, nearest, first, second)
        if total < best_total - _MINIMUM_GAIN * (1.0 + abs(total)):
            best_total = total
            best[:] = is_open
        if pairs.over[0]:
            break
    return best_total


@compiled
def sorted_rows(pairs: Pairs) -> Float64Array:
    """Sort the pairs of each row by cost, in place; return the cost of the cheapest, shape (rows,)."""
    cheapest = pairs.otherwise.copy()
    for row in range(len(cheapest)):
        if pairs.over[0]:
            break
        begin, end = pairs.row_start[row], pairs.row_start[row + 1]
        order = np.argsort(pairs.row_costs[begin:end])
        pairs.row_costs[begin:end] = pairs.row_costs[begin:end][order]
        pairs.row_sites[begin:end] = pairs.row_sites[begin:end][order]
        if begin < end:
            cheapest[row] = pairs.row_costs[begin]
    return cheapest


@compiled
def ascend(pairs: Pairs, room: Room, upper: float, multipliers: Float64Array, reduced: Float64Array) -> float:
    """Raise the Lagrangian bound by subgradients; return the best bound.

    The constraint that each row is assigned is relaxed with ``multipliers``, shape (rows,), which are replaced by the
    best. ``reduced``, shape (sites,), receives the reduced costs: a choice that has a site with a positive one, or
    lacks a site with a negative one, costs at least the bound plus the size of it. The entries of a row are in order of
    cost. ``upper`` is the cost of a known choice.
    """
    rows, sites = len(pairs.otherwise), len(pairs.prices)
    candidates = np.flatnonzero(room.allowed & ~room.fixed)
    places = room.places - int(room.fixed.sum())
    money = room.budget
    for site in range(sites):
        if room.fixed[site]:
            money -= pairs.prices[site]
    u = multipliers.copy()
    benefit, part, gradient = np.empty(sites), np.empty(sites), np.empty(rows)
    best, pace, fruitless = -np.inf, 1.0, 0
    for _ in range(_ITERATIONS):
        if pairs.over[0]:
            break
        benefit[:] = 0.0
        total = 0.0
        for row in range(rows):
            total += min(u[row], pairs.otherwise[row])
            for entry in range(pairs.row_start[row], pairs.row_start[row + 1]):
                if pairs.row_costs[entry] >= u[row]:
                    break
                benefit[pairs.row_sites[entry]] += u[row] - pairs.row_costs[entry]
        part[:] = 0.0
        for site in range(sites):
            if room.fixed[site]:
                part[site] = 1.0
                total -= benefit[site]
        by_count, by_budget = 0.0, 0.0
        if len(candidates):
            order = candidates[np.argsort(-benefit[candidates])]
            count_sum = 0.0
            for site in order[:places]:
                count_sum += benefit[site]
            budget_sum = np.inf
            if np.isfinite(room.budget):
                ratio = candidates[np.argsort(-benefit[candidates] / np.maximum(pairs.prices[candidates], 1e-12))]
                budget_sum, left, last = 0.0, money, 0.0
                for site in ratio:
                    share = 1.0 if pairs.prices[site] <= left else left / pairs.prices[site]
                    budget_sum += share * benefit[site]
                    left -= share * pairs.prices[site]
                    if share < 1.0:
                        last = benefit[site] / pairs.prices[site]
                        break
            if count_sum <= budget_sum:
                total -= count_sum
                for site in order[:places]:
                    part[site] = 1.0
                if 0 < places < len(order):
                    by_count = 0.5 * (benefit[order[places - 1]] + benefit[order[places]])
                elif places == 0:
                    by_count = benefit[order[0]]
            else:
                total -= budget_sum
                by_budget, left = last, money
                for site in ratio:
                    share = 1.0 if pairs.prices[site] <= left else left / pairs.prices[site]
                    part[site] = share
                    left -= share * pairs.prices[site]
                    if share < 1.0:
                        break
        if total > best + 1e-7 * (1.0 + abs(total)):
            fruitless = 0
        else:
            fruitless += 1
        if total > best:
            best = total
            multipliers[:] = u
            for site in range(sites):
                reduced[site] = by_count + by_budget * pairs.prices[site] - benefit[site]
        if best >= upper - 1e-9 * (1.0 + abs(upper)):
            break
        if fruitless >= 20:
            fruitless = 0
            pace *= 0.6
            u[:] = multipliers
            if pace < 1e-4:
                break
            continue
        norm = 0.0
        for row in range(rows):
            gradient[row] = 0.0 if u[row] > pairs.otherwise[row] else 1.0
            for entry in range(pairs.row_start[row], pairs.row_start[row + 1]):
                if pairs.row_costs[entry] >= u[row]:
                    break
                gradient[row] -= part[pairs.row_sites[entry]]
            norm += gradient[row] ** 2
        if norm == 0.0:
            break
        step = pace * (upper * 1.001 - total) / norm
        for row in range(rows):
            u[row] += step * gradient[row]
    return best


@cache
def compile_or_load() -> None:
    """Compile the loops or load them from the cache, so that the time of the first search is its own."""
    start, number, ones = np.array([0, 1]), np.zeros(1, dtype=np.int32), np.ones(1)
    yes, no = np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.bool_)
    pairs = Pairs(start, number, ones, start, number, ones, 2 * ones, ones, no)
    room = Room(1, np.inf, no, yes)
    search(pairs, room, np.zeros(1, dtype=np.bool_), 1, 0)
    sorted_rows(pairs)
    ascend(pairs, room, 1.0, np.ones(1), np.ones(1))
