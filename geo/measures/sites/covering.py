"""Maximal covering: the sites that cover most people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import cover_cuts, cover_search, presolve, problem, solver
from geo.measures.sites.problem import Choice, Limits
from geo.measures.sites.solver import Program
from geo.parallel import map_in_threads

Result = TypeVar("Result")

_ROUNDS = 100
_FRUITLESS = 8
"""Local search ends after so many calls of `_ROUNDS` rounds without a better choice."""
_SEARCH_SHARE = 0.1
"""The share of the time that local search may take before the bound is computed."""
_MOSTLY_OPEN = 0.4
"""Local search begins with the sites that a relaxation opens by more than this share."""
_CUTTING_SHARE = 0.6
"""The share of the time then left in which the bound may be tightened by cuts before HiGHS branches."""
_LEAST_PROGRESS = 0.01
"""Cuts end when they close less than this share of the gap."""
_LOOSE = 0.05
"""A cut that holds by more than this is dropped."""


def most_people(
    cover: object,
    count: int | None = None,
    weights: ArrayLike | None = None,
    *,
    costs: ArrayLike | None = None,
    budget: float | None = None,
    fixed: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    seconds: float = 60.0,
) -> Choice:
    """The sites that cover most people.

    Parameters
    ----------
    cover : matrix people × sites, dense or a scipy sparse array; other than 0 where the site covers the people
    count : how many sites at most, fixed ones included; None if only the budget limits them
    weights : shape (people,), how many people each row stands for; 1 each if None
    costs, budget : shape (sites,), and what the chosen sites may cost together, fixed ones included
    fixed, forbidden : numbers of sites that the choice must have, or must not have
    seconds : when the time is over, the best choice so far is returned with its bound

    Returns
    -------
    Choice
        ``value`` and ``bound`` are people.

    Raises
    ------
    InputError
        A shape or number is wrong, the fixed sites break a limit, or neither count nor budget is given.
    """
    matrix = problem.covering_matrix(cover)
    if count is None and budget is None:
        raise InputError("give a count of sites or a budget")
    allowed = problem.limits(matrix.shape[1], count, costs, budget, fixed, forbidden, seconds)
    weight = problem.weights_of(weights, matrix.shape[0])
    covered = matrix @ allowed.fixed.astype(float) > 0
    already = float(weight[covered].sum())
    rest = _Covering.of(matrix[~covered], weight[~covered], allowed)
    sites, value, bound = _solve(rest, allowed)
    chosen = np.union1d(np.flatnonzero(allowed.fixed), sites)
    return problem.choice(chosen, already + value, already + bound, most=True)


@dataclass(frozen=True)
class _Covering:
    """A maximal covering problem: rows that are not yet covered, and the sites that may be added.

    Attributes
    ----------
    cover, weights : rows × candidates, without equal rows; the weight of each row
    numbers, costs : shape (candidates,), the number that the caller knows each by, and its cost
    count, budget : how many may be added, and for how much
    """

    cover: sparse.csr_array
    weights: Float64Array
    numbers: Int64Array
    costs: Float64Array
    count: int
    budget: float

    @staticmethod
    def of(cover: sparse.csr_array, weights: Float64Array, limits: Limits) -> "_Covering":
        budget = limits.budget - float(limits.costs[limits.fixed].sum())
        budget += problem.RELATIVE_TOLERANCE * abs(budget) if np.isfinite(budget) else 0.0
        candidates = limits.allowed & ~limits.fixed & (limits.costs <= budget)
        candidates &= ~presolve.dominated_sites(cover, limits.costs, candidates)
        numbers = np.flatnonzero(candidates)
        rows, merged = presolve.without_equal_rows(cover[:, numbers], weights)
        count = min(limits.count - int(limits.fixed.sum()), len(numbers))
        return _Covering(rows, merged, numbers, limits.costs[numbers], count, budget)

    def covered(self, is_open: BoolArray) -> float:
        return float(self.weights[self.cover @ is_open.astype(float) > 0].sum())


def _solve(rest: _Covering, limits: Limits) -> tuple[Int64Array, float, float]:
    """The best sites to add, the weight that they cover, and a bound on what any could cover."""
    everything = float(rest.weights.sum())
    if rest.count == 0 or not everything:
        return np.empty(0, dtype=np.int64), 0.0, 0.0
    search = _Search(rest)
    until = limits.seconds_left() * (1 - _SEARCH_SHARE)
    while search.fruitless < _FRUITLESS and (search.seed == 0 or limits.seconds_left() > until):
        search.run(search.best)
    bound = everything
    if search.value < everything * (1 - problem.RELATIVE_TOLERANCE):
        program, bound = _tightened(rest, search, limits)
        if bound >= search.needed() and limits.seconds_left() > 0.05:
            bound = _branched(rest, program, search, bound, limits)
    return rest.numbers[search.best], search.value, max(bound, search.value)


class _Search:
    """The best choice so far, ``best`` of shape (candidates,), and the local search that improves it."""

    def __init__(self, rest: _Covering) -> None:
        self._rest = rest
        columns = rest.cover.tocsc()
        tables = (columns.indptr, columns.indices, rest.cover.indptr, rest.cover.indices)
        self._tables = tuple(table.astype(np.int32) for table in tables)
        self._step = 1.0 if problem.are_whole(rest.weights) else 0.0
        self.best = np.zeros(len(rest.numbers), dtype=bool)
        self.value, self.fruitless, self.seed = 0.0, 0, 0

    def run(self, beginning: BoolArray) -> None:
        """Improve a choice, and keep it if it covers more than the best one."""
        rest, choice = self._rest, beginning.copy()
        site_start, site_rows, row_start, row_sites = self._tables
        cover_search.search(
            site_start, site_rows, row_start, row_sites, rest.weights, rest.costs, rest.count, rest.budget, choice,
            _ROUNDS if self.seed else 1, self.seed,
        )  # fmt: skip
        self.seed += 1
        self.fruitless += 1
        self.propose(choice)

    def run_beside(self, task: Callable[[], Result]) -> Result:
        """The result of a task; until it ends, another core improves the best choice."""
        done = Event()

        def work() -> Result | None:
            try:
                return task()
            finally:
                done.set()

        def improve() -> None:
            while not done.is_set():
                self.run(self.best)

        result, _ = map_in_threads(lambda function: function(), [work, improve])
        return cast(Result, result)

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

    def needed(self) -> float:
        """What a choice has to cover to be better: with whole weights, at least one more."""
        return self.value + (self._step or problem.RELATIVE_TOLERANCE * max(self.value, 1.0))

    def rounded(self, bound: float) -> float:
        """A bound, rounded down where weights are whole numbers."""
        return float(np.floor(bound + 1e-6)) if self._step else bound


def _tightened(rest: _Covering, search: _Search, limits: Limits) -> tuple[Program, float]:
    """The linear program with cuts, and with columns fixed whose other value no better choice has; and its bound."""
    program, everything = _program(rest), float(rest.weights.sum())
    rows, sites = rest.cover.shape
    own_rows = program.matrix.shape[0]
    bound, known, until = everything, set[bytes](), limits.seconds_left() * (1 - _CUTTING_SHARE)
    while limits.seconds_left() > 0.05:
        solution = search.run_beside(partial(solver.relaxed, program, limits.seconds_left()))
        if solution.x is None or solution.row_duals is None:
            break
        uncovered, reduced = program.dual_bound(solution.row_duals)
        previous, bound = bound, min(bound, search.rounded(everything - uncovered))
        if bound < search.needed():
            break
        search.run_near(solution.x[:sites])
        slack = everything - search.needed() - uncovered + 1e-6
        is_free = program.lower < program.upper
        program = replace(
            program,
            lower=np.where(is_free & (-reduced > slack), 1.0, program.lower),
            upper=np.where(is_free & (reduced > slack), 0.0, program.upper),
        )
        if limits.seconds_left() < until or previous - bound < _LEAST_PROGRESS * (bound - search.value):
            break
        x, y = np.clip(solution.x[:sites], 0, 1), np.clip(solution.x[sites : sites + rows], 0, 1)
        sets = cover_cuts.violated(rest.cover, x, y, known)
        if not sets.shape[0]:
            break
        halves = sparse.csr_array(sets @ rest.cover)
        halves.data = np.ceil(halves.data / 2)
        is_tight = program.matrix @ solution.x < program.row_lower + _LOOSE
        is_tight[:own_rows] = True
        size = np.diff(sets.indptr)
        program = program.with_rows(is_tight, sparse.csr_array(sparse.hstack([halves, sets])), (size + 1) / 2)
    return program, bound


def _branched(rest: _Covering, program: Program, search: _Search, bound: float, limits: Limits) -> float:
    """Solve with whole numbers; the bound."""
    sites = len(rest.numbers)
    start = np.concatenate([search.best, rest.cover @ search.best.astype(float) == 0]).astype(float)
    is_possible = ((start >= program.lower) & (start <= program.upper)).all()
    known = start if is_possible else None
    solution = search.run_beside(partial(solver.whole, program, limits.seconds_left(), known))
    if solution.x is not None:
        search.propose(solution.x[:sites] > 0.5)
    return min(bound, search.rounded(max(float(rest.weights.sum()) - solution.bound, search.value)))


def _program(rest: _Covering) -> Program:
    """Columns are the candidates, then the share of each row that stays uncovered, whose weights are minimised."""
    rows, sites = rest.cover.shape
    blocks: list[list[object]] = [[rest.cover, sparse.eye_array(rows)], [np.ones((1, sites)), None]]
    lower, upper = np.append(np.ones(rows), -np.inf), np.append(np.full(rows, np.inf), rest.count)
    if np.isfinite(rest.budget):
        blocks.append([rest.costs[None, :], None])
        lower, upper = np.append(lower, -np.inf), np.append(upper, rest.budget)
    return Program(
        costs=np.concatenate([np.zeros(sites), rest.weights]),
        matrix=sparse.csc_array(sparse.block_array(blocks)),
        row_lower=lower,
        row_upper=upper,
        lower=np.zeros(sites + rows),
        upper=np.ones(sites + rows),
        whole=np.arange(sites + rows) < sites,
    )
