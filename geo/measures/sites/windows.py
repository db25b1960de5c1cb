"""Improves a choice by solving windows of it exactly: a large neighbourhood search (Shaw 1998).

A window has the sites around one of them. What is open elsewhere stays; the window's own sites are chosen anew, which
is a maximal covering problem of its own, and small enough to be solved within a second.
"""

from collections.abc import Callable

import numpy as np

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.measures.sites import problem
from geo.measures.sites.cover_choice import Covering, Search
from geo.measures.sites.problem import Limits

SMALLEST, LARGEST = 12, 30
"""How many open sites a window has: more, as long as smaller windows bring nothing."""
_FRUITLESS = 12
_SECONDS = 2.0

Solve = Callable[[Covering, Limits], tuple[Int64Array, float, float]]


class Windows:
    """Windows of one search at random; ``solve`` solves the small problems."""

    def __init__(self, rest: Covering, search: Search, limits: Limits, solve: Solve) -> None:
        self._rest, self._search, self._limits, self._solve = rest, search, limits, solve
        self._random = np.random.default_rng(0)
        self._rows_of = rest.cover.T.tocsr()
        self._size, self._fruitless = SMALLEST, 0

    def improve(self) -> None:
        """Choose the sites of one window anew."""
        rest, best = self._rest, self._search.best.copy()
        inside = self._around(int(self._random.choice(np.flatnonzero(best))), best)
        outside = best & ~inside
        numbers, uncovered = np.flatnonzero(inside), ~(rest.cover @ outside.astype(float) > 0)
        watch = self._limits.watch
        limits = problem.limits(
            len(numbers),
            rest.count - int(outside.sum()),
            max(0.0, rest.budget - float(rest.costs[outside].sum())) if np.isfinite(rest.budget) else None,
            costs=rest.costs[numbers],
            start=np.flatnonzero(best[numbers]).tolist(),
            seconds=max(min(_SECONDS, watch.seconds_left()), 1e-3),
            stop=watch.is_over,
            cores=1,
        )
        with limits.watch:
            part = Covering.of(rest.cover[uncovered][:, numbers], rest.weights[uncovered], 0.0, limits)
            chosen, _, _ = self._solve(part, limits)
        outside[numbers[chosen]] = True
        before = self._search.value
        self._search.propose(outside)
        self._fruitless = 0 if self._search.value > before else self._fruitless + 1
        if self._fruitless >= _FRUITLESS:
            self._size, self._fruitless = min(self._size + 3, LARGEST), 0

    def _around(self, site: int, best: BoolArray) -> BoolArray:
        """The sites nearest to one of them, by the rows that they share, until so many open ones are among them."""
        inside: Float64Array = np.zeros(len(best))
        inside[site] = 1.0
        while (room := self._size - int(best[inside > 0].sum())) > 0:
            near = self._rows_of @ (self._rest.cover @ inside > 0).astype(float) > 0
            new = near & ~(inside > 0)
            if not new.any():
                break
            open_sites = np.flatnonzero(new & best)
            new[open_sites[room:]] = False
            inside[new] = 1.0
        return inside > 0
