"""A maximal covering problem without what is decided already, and the best choice and bound so far."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.measures.sites import cover_search, presolve, problem
from geo.measures.sites.problem import Limits

_ROUNDS = 100
_MOSTLY_OPEN = 0.4
"""Local search begins with the sites that a relaxation opens by more than this share."""


@dataclass(frozen=True)
class Covering:
    """A maximal covering problem: rows that are not yet covered, and the sites that may be added.

    Attributes
    ----------
    cover, weights : rows × candidates, without equal rows; the weight of each row
    numbers, costs : shape (candidates,), the number that the caller knows each by, and its cost
    count, budget : how many may be added, and for how much
    already : the weight that fixed sites cover, which is no part of the problem
    """

    cover: sparse.csr_array
    weights: Float64Array
    numbers: Int64Array
    costs: Float64Array
    count: int
    budget: float
    already: float

    @staticmethod
    def of(cover: sparse.csr_array, weights: Float64Array, already: float, limits: Limits) -> "Covering":
        budget = limits.budget_left
        candidates = limits.allowed & ~limits.fixed & (limits.costs <= budget)
        candidates &= ~presolve.dominated_sites(cover, limits.costs, candidates, limits.watch.over)
        numbers = np.flatnonzero(candidates)
        rows, merged = presolve.without_equal_rows(cover[:, numbers], weights)
        count = min(limits.count - int(limits.fixed.sum()), len(numbers))
        return Covering(rows, merged, numbers, limits.costs[numbers], count, budget, already)

    def covered(self, is_open: BoolArray) -> float:
        return float(self.weights[self.cover @ is_open.astype(float) > 0].sum())


class Search:
    """The best choice and bound so far, and the local search that improves the choice.

    Attributes
    ----------
    best, value : shape (candidates,), and the weight that they cover
    bound : what no choice covers more than
    fruitless : how many calls of `run` in a row brought no better choice
    """

    def __init__(self, rest: Covering, limits: Limits) -> None:
        self._rest, self._limits = rest, limits
        self._tables = cover_search.Tables.of(
            rest.cover, rest.weights, rest.costs, rest.count, rest.budget, limits.watch.over
        )
        self._step = 1.0 if problem.are_whole(rest.weights) else 0.0
        self.best = np.zeros(len(rest.numbers), dtype=bool)
        self.value, self.bound = 0.0, float(rest.weights.sum())
        self.fruitless, self._seed = 0, 0

    def begin(self) -> None:
        """Begin with the greedy choice, even if the time is over."""
        choice = np.zeros(len(self._rest.numbers), dtype=bool)
        cover_search.search(self._tables._replace(over=np.zeros(1, dtype=np.bool_)), choice, 0, 0)
        self.propose(choice)
        self.run(choice)

    def run(self, beginning: BoolArray) -> None:
        """Improve a choice, and keep it if it covers more than the best one."""
        choice = beginning.copy()
        cover_search.search(self._tables, choice, _ROUNDS if self._seed else 1, self._seed)
        self._seed += 1
        self.fruitless += 1
        self.propose(choice)

    def lower(self, bound: float) -> None:
        """Keep a bound if it is better; where weights are whole numbers, it is rounded down."""
        bound = float(np.floor(bound + 1e-6)) if self._step else bound
        if bound < self.bound:
            self.bound = bound
            self._report()

    def _report(self) -> None:
        already = self._rest.already
        self._limits.watch.report(already + self.value, already + max(self.bound, self.value))

    def run_near(self, shares: Float64Array) -> None:
        """Begin with the sites that a relaxation opens most."""
        rest, beginning = self._rest, np.zeros(len(shares), dtype=bool)
        order = np.argsort(-shares, kind="stable")
        order = order[shares[order] > _MOSTLY_OPEN][: rest.count]
        beginning[order[np.cumsum(rest.costs[order]) <= rest.budget]] = True
        self.run(beginning)

    def propose(self, choice: BoolArray) -> None:
        """Keep a choice if it covers more than the best one."""
        if (value := self._rest.covered(choice)) > self.value:
            self.best, self.value, self.fruitless = choice, value, 0
            self._report()

    def needed(self) -> float:
        """What a choice has to cover to be better: with whole weights, at least one more."""
        return self.value + (self._step or problem.RELATIVE_TOLERANCE * max(self.value, 1.0))
