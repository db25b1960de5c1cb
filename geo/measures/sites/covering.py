"""Maximal covering: the sites that cover most people."""

import time
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import cover_cuts, cover_search, presolve, problem, solver
from geo.measures.sites.problem import Choice, Limits, Options
from geo.measures.sites.solver import Program

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
_WAIT_S = 0.02
_LOOSE = 0.05
"""A cut that holds by more than this is dropped."""


def most_people(
    cover: object,
    count: int | None = None,
    weights: ArrayLike | None = None,
    *,
    budget: float | None = None,
    **options: Unpack[Options],
) -> Choice:
    """The sites that cover most people.

    Parameters
    ----------
    cover : matrix people × sites, dense or a scipy sparse array; other than 0 where the site covers the people
    count : how many sites at most, fixed ones included; None if only the budget limits them
    weights : shape (people,), how many people each row stands for; 1 each if None
    budget : what the chosen sites may cost together, fixed ones included
    options : costs, sites that are fixed or forbidden, the time and more: see `Options`

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
    cover_search.compile_or_load()
    limits = problem.limits(matrix.shape[1], count, budget, **options)
    weight = problem.weights_of(weights, matrix.shape[0])
    with limits.watch:
        covered = matrix @ limits.fixed.astype(float) > 0
        already = float(weight[covered].sum())
        open_rows = ~covered & (weight > 0)
        rest = _Covering.of(matrix[open_rows], weight[open_rows], already, limits)
        sites, value, bound = _solve(rest, limits)
    chosen = np.union1d(np.flatnonzero(limits.fixed), sites)
    return problem.choice(chosen, already + value, already + bound, most=True)


@dataclass(frozen=True)
class _Covering:
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
    def of(cover: sparse.csr_array, weights: Float64Array, already: float, limits: Limits) -> "_Covering":
        budget = limits.budget_left
        candidates = limits.allowed & ~limits.fixed & (limits.costs <= budget)
        candidates &= ~presolve.dominated_sites(cover, limits.costs, candidates, limits.watch.over)
        numbers = np.flatnonzero(candidates)
        rows, merged = presolve.without_equal_rows(cover[:, numbers], weights)
        count = min(limits.count - int(limits.fixed.sum()), len(numbers))
        return _Covering(rows, merged, numbers, limits.costs[numbers], count, budget, already)

    def covered(self, is_open: BoolArray) -> float:
        return float(self.weights[self.cover @ is_open.astype(float) > 0].sum())


def _solve(rest: _Covering, limits: Limits) -> tuple[Int64Array, float, float]:
    """The best sites to add, the weight that they cover, and a bound on what any could cover."""
    everything = float(rest.weights.sum())
    if rest.count == 0 or not everything:
        return np.empty(0, dtype=np.int64), 0.0, 0.0
    search = _Search(rest, limits)
    search.begin()
    if (known := limits.start[rest.numbers]).any():
        search.run(known)
    until = limits.watch.seconds_left() * (1 - _SEARCH_SHARE)
    while search.fruitless < _FRUITLESS and limits.watch.seconds_left() > until:
        search.run(search.best)
    if search.value < everything * (1 - problem.RELATIVE_TOLERANCE):
        program = _tightened(rest, search, limits)
        if search.bound >= search.needed() and limits.watch.seconds_left() > 0:
            _branched(rest, program, search, limits)
    else:
        search.bound = search.value
    return rest.numbers[search.best], search.value, max(search.bound, search.value)


class _Search:
    """The best choice and bound so far, and the local search that improves the choice.

    Attributes
    ----------
    best, value : shape (candidates,), and the weight that they cover
    bound : what no choice covers more than
    fruitless : how many calls of `run` in a row brought no better choice
    """

    def __init__(self, rest: _Covering, limits: Limits) -> None:
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

    def meanwhile(self) -> None:
        """What to do while the solver works: search on if there is another core."""
        if self._limits.cores > 1:
            self.run(self.best)
        else:
            time.sleep(_WAIT_S)

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


def _tightened(rest: _Covering, search: _Search, limits: Limits) -> Program:
    """The linear program with cuts, and with columns fixed whose other value no better choice has."""
    program, everything = _program(rest), float(rest.weights.sum())
    rows, sites = rest.cover.shape
    own_rows = program.matrix.shape[0]
    known, watch = set[bytes](), limits.watch
    until = watch.seconds_left() * (1 - _CUTTING_SHARE)
    while not watch.is_over():
        solution = solver.relaxed(program, watch, search.meanwhile)
        if solution.x is None or solution.row_duals is None:
            break
        uncovered, reduced = program.dual_bound(solution.row_duals)
        previous = search.bound
        search.lower(everything - uncovered)
        if search.bound < search.needed():
            break
        search.run_near(solution.x[:sites])
        program = _fixed(program, reduced, everything - search.needed() - uncovered + 1e-6)
        if watch.seconds_left() < until or previous - search.bound < _LEAST_PROGRESS * (search.bound - search.value):
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
    return program


def _fixed(program: Program, reduced: Float64Array, slack: float) -> Program:
    """Fix columns whose other value costs more than the ``slack``; a column that is fixed keeps its value."""
    is_free = program.lower < program.upper
    return replace(
        program,
        lower=np.where(is_free & (-reduced > slack), 1.0, program.lower),
        upper=np.where(is_free & (reduced > slack), 0.0, program.upper),
    )


def _branched(rest: _Covering, program: Program, search: _Search, limits: Limits) -> None:
    """Solve with whole numbers."""
    sites, everything = len(rest.numbers), float(rest.weights.sum())
    start = np.concatenate([search.best, rest.cover @ search.best.astype(float) == 0]).astype(float)
    is_possible = ((start >= program.lower) & (start <= program.upper)).all()

    def improve(bound: float) -> None:
        search.lower(max(everything - bound, search.value))
        search.meanwhile()

    solution = solver.whole(program, limits.watch, start if is_possible else None, meanwhile=improve)
    if solution.x is not None:
        search.propose(solution.x[:sites] > 0.5)
    search.lower(max(everything - solution.bound, search.value))


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
