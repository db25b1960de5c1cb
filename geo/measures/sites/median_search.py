"""Compiled loops of the p-median problem: local search by interchange, and the ascent of its Lagrangian bound."""

import numpy as np

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled

_MINIMUM_GAIN = 1e-9
_ITERATIONS = 400


@compiled
def _assign(
    site_start: Int64Array,
    site_rows: Int32Array,
    site_costs: Float64Array,
    otherwise: Float64Array,
    is_open: BoolArray,
    nearest: Int32Array,
    first: Float64Array,
    second: Float64Array,
) -> float:
    """Assign each row to its cheapest open site, −1 for none, with the costs of the two cheapest; return the total."""
    for row in range(len(otherwise)):
        nearest[row] = -1
        first[row] = otherwise[row]
        second[row] = otherwise[row]
    for site in range(len(is_open)):
        if is_open[site]:
            for entry in range(site_start[site], site_start[site + 1]):
                row, cost = site_rows[entry], site_costs[entry]
                if cost < first[row]:
                    second[row] = first[row]
                    first[row] = cost
                    nearest[row] = site
                elif cost < second[row]:
                    second[row] = cost
    total = 0.0
    for row in range(len(otherwise)):
        total += first[row]
    return total


@compiled
def search(
    site_start: Int64Array,
    site_rows: Int32Array,
    site_costs: Float64Array,
    otherwise: Float64Array,
    prices: Float64Array,
    count: int,
    budget: float,
    fixed: BoolArray,
    allowed: BoolArray,
    best: BoolArray,
    rounds: int,
    seed: int,
) -> float:
    """Improve ``best``, shape (sites,), by ``rounds`` of interchange, in place; return its total cost.

    For each closed site, one pass over its rows gives the change of the total for every open site that it could
    replace (Whitaker 1983). Every round but the first begins with some random swaps of the best choice.
    """
    np.random.seed(seed)
    sites, rows = len(prices), len(otherwise)
    nearest = np.empty(rows, dtype=np.int32)
    first, second = np.empty(rows), np.empty(rows)
    loss = np.empty(sites)
    is_open = best.copy()
    best_total = _assign(site_start, site_rows, site_costs, otherwise, is_open, nearest, first, second)
    for round_number in range(rounds):
        is_open[:] = best
        if round_number > 0:
            free = np.flatnonzero(is_open & ~fixed)
            np.random.shuffle(free)
            for site in free[: 1 + np.random.randint(0, 2 + len(free) // 8)]:
                is_open[site] = False
        order = np.flatnonzero(allowed)
        improving = True
        while improving:
            improving = False
            np.random.shuffle(order)
            total = _assign(site_start, site_rows, site_costs, otherwise, is_open, nearest, first, second)
            loss[:] = 0.0
            for row in range(rows):
                if nearest[row] >= 0:
                    loss[nearest[row]] += second[row] - first[row]
            used, money = 0, 0.0
            for site in range(sites):
                if is_open[site]:
                    used += 1
                    money += prices[site]
            if used < count:
                adding, most = -1, _MINIMUM_GAIN * (1.0 + abs(total))
                for site in order:
                    if is_open[site] or money + prices[site] > budget:
                        continue
                    gain = 0.0
                    for entry in range(site_start[site], site_start[site + 1]):
                        gain += max(0.0, first[site_rows[entry]] - site_costs[entry])
                    if gain > most:
                        adding, most = int(site), gain
                if adding >= 0:
                    is_open[adding] = True
                    improving = True
                    continue
            open_sites = np.flatnonzero(is_open & ~fixed)
            for site in order:
                if is_open[site]:
                    continue
                gain = 0.0
                for entry in range(site_start[site], site_start[site + 1]):
                    row, cost = site_rows[entry], site_costs[entry]
                    if cost < first[row]:
                        gain += first[row] - cost
                        if nearest[row] >= 0:
                            loss[nearest[row]] -= second[row] - first[row]
                    elif cost < second[row] and nearest[row] >= 0:
                        loss[nearest[row]] -= second[row] - cost
                out, least = -1, gain - _MINIMUM_GAIN * (1.0 + abs(total))
                for other in open_sites:
                    if loss[other] < least and money - prices[other] + prices[site] <= budget:
                        out, least = int(other), loss[other]
                if out >= 0:
                    is_open[out], is_open[site] = False, True
                    improving = True
                    break
                for entry in range(site_start[site], site_start[site + 1]):
                    row, cost = site_rows[entry], site_costs[entry]
                    if nearest[row] >= 0:
                        if cost < first[row]:
                            loss[nearest[row]] += second[row] - first[row]
                        elif cost < second[row]:
                            loss[nearest[row]] += second[row] - cost
        total = _assign(site_start, site_rows, site_costs, otherwise, is_open, nearest, first, second)
        if total < best_total - _MINIMUM_GAIN * (1.0 + abs(total)):
            best_total = total
            best[:] = is_open
    return best_total


@compiled
def ascend(
    row_start: Int64Array,
    row_sites: Int32Array,
    row_costs: Float64Array,
    otherwise: Float64Array,
    prices: Float64Array,
    count: int,
    budget: float,
    fixed: BoolArray,
    allowed: BoolArray,
    upper: float,
    multipliers: Float64Array,
    reduced: Float64Array,
) -> float:
    """Raise the Lagrangian bound by subgradients; return the best bound.

    The constraint that each row is assigned is relaxed with ``multipliers``, shape (rows,), which are replaced by the
    best. ``reduced``, shape (sites,), receives the reduced costs: a choice that has a site with a positive one, or
    lacks a site with a negative one, costs at least the bound plus the size of it. The entries of a row are in order of
    cost. ``upper`` is the cost of a known choice.
    """
    rows, sites = len(otherwise), len(prices)
    candidates = np.flatnonzero(allowed & ~fixed)
    places = count - int(fixed.sum())
    money = budget
    for site in range(sites):
        if fixed[site]:
            money -= prices[site]
    u = multipliers.copy()
    benefit, part, gradient = np.empty(sites), np.empty(sites), np.empty(rows)
    best, pace, fruitless = -np.inf, 1.0, 0
    for _ in range(_ITERATIONS):
        benefit[:] = 0.0
        total = 0.0
        for row in range(rows):
            total += min(u[row], otherwise[row])
            for entry in range(row_start[row], row_start[row + 1]):
                if row_costs[entry] >= u[row]:
                    break
                benefit[row_sites[entry]] += u[row] - row_costs[entry]
        part[:] = 0.0
        for site in range(sites):
            if fixed[site]:
                part[site] = 1.0
                total -= benefit[site]
        by_count, by_budget = 0.0, 0.0
        if len(candidates):
            order = candidates[np.argsort(-benefit[candidates])]
            count_sum = 0.0
            for site in order[:places]:
                count_sum += benefit[site]
            budget_sum = np.inf
            if np.isfinite(budget):
                ratio = candidates[np.argsort(-benefit[candidates] / np.maximum(prices[candidates], 1e-12))]
                budget_sum, left, last = 0.0, money, 0.0
                for site in ratio:
                    share = 1.0 if prices[site] <= left else left / prices[site]
                    budget_sum += share * benefit[site]
                    left -= share * prices[site]
                    if share < 1.0:
                        last = benefit[site] / prices[site]
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
                    share = 1.0 if prices[site] <= left else left / prices[site]
                    part[site] = share
                    left -= share * prices[site]
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
                reduced[site] = by_count + by_budget * prices[site] - benefit[site]
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
            gradient[row] = 0.0 if u[row] > otherwise[row] else 1.0
            for entry in range(row_start[row], row_start[row + 1]):
                if row_costs[entry] >= u[row]:
                    break
                gradient[row] -= part[row_sites[entry]]
            norm += gradient[row] ** 2
        if norm == 0.0:
            break
        step = pace * (upper * 1.001 - total) / norm
        for row in range(rows):
            u[row] += step * gradient[row]
    return best
