"""The order in which to build, a greedy choice with bounds for any number of sites, and replacements for each site.

The benefit of a set of sites is monotone and submodular: a site never adds more than it would have added earlier. So
from any set S that has the fixed sites, no choice of k further sites achieves more than the benefit of S and the k
largest gains there together (Nemhauser, Wolsey and Fisher 1978). `greedy` takes the least of these bounds over the sets
that it passes through.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from geo.arrays import Float64Array, Int64Array
from geo.geodesy.projection import projection
from geo.measures.siting.problem import Problem

MOST_ALTERNATIVES = 3
APART_M = 200.0
"""Replacements are at least so far from the site and from each other: a plot across the street says little."""


@dataclass(frozen=True)
class Replacement:
    """A candidate that could stand for a site, and the benefit that is lost; below 0, more is gained."""

    site: int
    lost: float


def ordered(problem: Problem, sites: Int64Array) -> Int64Array:
    """Sites in the order in which each adds most to those before it; fixed sites come first."""
    is_fixed = problem.candidates.is_fixed
    remaining = [int(site) for site in sites]
    order: list[int] = []
    reached = np.zeros(len(problem.people.weight))
    while remaining:
        ready = [site for site in remaining if is_fixed[site]] or remaining
        gains = [_gain(problem, reached, site) for site in ready]
        best = ready[int(np.argmax(gains))]
        remaining.remove(best)
        order.append(best)
        reached = np.maximum(reached, problem.reached([best]))
    return np.array(order, dtype=np.int64)


def _gain(problem: Problem, reached: Float64Array, site: int) -> float:
    entries = slice(*problem.benefits.indptr[site : site + 2])
    rows = problem.benefits.indices[entries]
    return float(np.maximum(problem.benefits.data[entries] - reached[rows], 0.0).sum())


@dataclass(frozen=True)
class Greedy:
    """A greedy choice, and bounds on any choice.

    Attributes
    ----------
    sites : shape (k,), fixed ones first, then each that adds most to those before
    benefits : shape (k + 1,), what the first 0, 1, … of them achieve
    bounds : shape (most + 1,), what no choice of 0, 1, … sites achieves more than, the fixed ones included; infinite
        for fewer sites than are fixed
    """

    sites: Int64Array
    benefits: Float64Array
    bounds: Float64Array

    def benefit(self, count: int) -> float:
        """What the first ``count`` sites achieve, or all if there are fewer."""
        return float(self.benefits[min(count, len(self.sites))])

    def bound(self, count: int) -> float:
        """What no choice of ``count`` sites achieves more than; infinite if that is not known."""
        return float(self.bounds[count]) if count < len(self.bounds) else np.inf

    def fewest(self, needed: float) -> int:
        """A number of sites below which no choice achieves ``needed``."""
        enough = np.flatnonzero(self.bounds >= needed - 1e-9 * abs(needed))
        enough = enough[np.isfinite(self.bounds[enough])]
        return int(enough[0]) if len(enough) else len(self.bounds)


def greedy(problem: Problem, most: int, budget: float | None = None, enough: float = np.inf) -> Greedy:
    """A greedy choice of up to ``most`` sites, or until it achieves ``enough``.

    With a ``budget``, only sites are added that it allows; the bounds hold without it too.
    """
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    sites: list[int] = ordered(problem, fixed).tolist()
    benefits = [float(problem.reached(sites[:count]).sum()) for count in range(len(sites) + 1)]
    reached, bounds = problem.reached(sites), np.full(max(most, len(sites)) + 1, np.inf)
    usable, costs = ~problem.candidates.is_fixed, problem.candidates.costs
    while True:
        gains = np.where(usable, problem.gains(reached), 0.0)
        further = len(bounds) - 1 - len(fixed)
        largest = np.zeros(further)
        sorted_gains = -np.sort(-gains)[:further]
        largest[: len(sorted_gains)] = sorted_gains
        sums = benefits[-1] + np.concatenate([[0.0], np.cumsum(largest)])
        bounds[len(fixed) :] = np.minimum(bounds[len(fixed) :], sums)
        if budget is not None:
            gains[costs > budget - float(costs[sites].sum())] = 0.0
        if len(sites) >= most or benefits[-1] >= enough or not gains.max(initial=0.0) > 0:
            return Greedy(np.array(sites, dtype=np.int64), np.array(benefits), bounds)
        best = int(np.argmax(gains))
        sites.append(best)
        usable[best] = False
        reached = np.maximum(reached, problem.reached([best]))
        benefits.append(float(reached.sum()))


def replacements(
    problem: Problem, sites: Int64Array, budget: float | None, within_m: float, crs: str
) -> list[list[Replacement]]:
    """For each of ``sites``, the candidates within ``within_m`` metres of it that would cost least in its place.

    A fixed site has none. With a ``budget``, a replacement costs no more than what the site and the budget leave.
    """
    xy = shapely.get_coordinates(projection(crs).forward(problem.candidates.points))
    best, second, holder = _two_best(problem, sites)
    usable = np.ones(len(problem.candidates), dtype=bool)
    usable[sites] = False
    costs = problem.candidates.costs
    left = np.inf if budget is None else budget - float(costs[sites].sum())
    result: list[list[Replacement]] = []
    for site in sites.tolist():
        if problem.candidates.is_fixed[site]:
            result.append([])
            continue
        without = np.where(holder == site, second, best)
        lost = float((best - without).sum())
        metres = np.hypot(*(xy - xy[site]).T)
        possible = usable & (metres <= within_m) & (metres >= min(APART_M, within_m / 2))
        possible &= costs <= left + costs[site] + 1e-9 * abs(left + costs[site]) if np.isfinite(left) else True
        gains = problem.gains(without)
        result.append(_best_apart(np.flatnonzero(possible), gains, lost, xy))
    return result


def _two_best(problem: Problem, sites: Int64Array) -> tuple[Float64Array, Float64Array, Int64Array]:
    """The largest and the second benefit of ``sites`` for each row, and the site with the largest (−1: none)."""
    rows = len(problem.people.weight)
    best, second, holder = np.zeros(rows), np.zeros(rows), np.full(rows, -1)
    for site in sites.tolist():
        entries = slice(*problem.benefits.indptr[site : site + 2])
        row, benefit = problem.benefits.indices[entries], problem.benefits.data[entries]
        is_better = benefit > best[row]
        second[row] = np.where(is_better, best[row], np.maximum(second[row], benefit))
        holder[row[is_better]] = site
        best[row] = np.maximum(best[row], benefit)
    return best, second, holder


def _best_apart(possible: Int64Array, gains: Float64Array, lost: float, xy: Float64Array) -> list[Replacement]:
    chosen: list[int] = []
    for site in possible[np.argsort(-gains[possible], kind="stable")].tolist():
        if all(np.hypot(*(xy[site] - xy[other])) >= APART_M for other in chosen):
            chosen.append(site)
        if len(chosen) == MOST_ALTERNATIVES:
            break
    return [Replacement(site, lost - float(gains[site])) for site in chosen]
