"""Maximal covering: the sites that cover most people."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import cover_cuts, cover_search, problem, solver
from geo.measures.sites.cover_choice import Covering, Search
from geo.measures.sites.problem import Choice, Limits, Options
from geo.measures.sites.solver import Program
from geo.measures.sites.windows import SMALLEST, Windows

_FRUITLESS = 8
"""Local search ends after so many calls without a better choice."""
_SEARCH_SHARE = 0.1
"""The share of the time that local search may take before the bound is computed."""
_CUTTING_SHARE = 0.8
"""The share of the time then left in which the bound may be tightened by cuts before HiGHS branches."""
_LEAST_PROGRESS = 0.004
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
        rest = Covering.of(matrix[open_rows], weight[open_rows], already, limits)
        sites, value, bound = _solve(rest, limits)
    chosen = np.union1d(np.flatnonzero(limits.fixed), sites)
    return problem.choice(chosen, already + value, already + bound, most=True)


def _solve(rest: Covering, limits: Limits, with_windows: bool = True) -> tuple[Int64Array, float, float]:
    """The best sites to add, the weight that they cover, and a bound on what any could cover."""
    everything = float(rest.weights.sum())
    if rest.count == 0 or not everything:
        return np.empty(0, dtype=np.int64), 0.0, 0.0
    search = Search(rest, limits)
    search.begin()
    if (known := limits.start[rest.numbers]).any():
        search.run(known)
    until = limits.watch.seconds_left() * (1 - _SEARCH_SHARE)
    while search.fruitless < _FRUITLESS and limits.watch.seconds_left() > until:
        search.run(search.best)
    if search.value < everything * (1 - problem.RELATIVE_TOLERANCE):
        improve = _improvement(rest, search, limits, with_windows)
        program = _tightened(rest, search, limits, improve)
        if search.bound >= search.needed() and limits.watch.seconds_left() > 0:
            _branched(rest, program, search, limits, improve)
    else:
        search.bound = search.value
    return rest.numbers[search.best], search.value, max(search.bound, search.value)


def _improvement(rest: Covering, search: Search, limits: Limits, with_windows: bool) -> Callable[[], None]:
    """What improves the choice a little at each call: local search, and windows once it brings nothing."""
    windows = Windows(rest, search, limits, partial(_solve, with_windows=False))

    def improve() -> None:
        if not with_windows or search.value == 0 or search.best.sum() <= SMALLEST or search.fruitless < _FRUITLESS:
            search.run(search.best)
        else:
            windows.improve()

    return improve


def _tightened(rest: Covering, search: Search, limits: Limits, improve: Callable[[], None]) -> Program:
    """The linear program with cuts, and with columns fixed whose other value no better choice has."""
    program, everything = _program(rest), float(rest.weights.sum())
    rows, sites = rest.cover.shape
    own_rows = program.matrix.shape[0]
    watch, meanwhile = limits.watch, improve if limits.cores > 1 else None
    until = watch.seconds_left() * (1 - _CUTTING_SHARE)
    while not watch.is_over():
        begun = watch.seconds_left()
        solution = solver.relaxed(program, watch, meanwhile)
        if solution.x is None or solution.row_duals is None:
            break
        uncovered, reduced = program.dual_bound(solution.row_duals)
        previous = search.bound
        search.lower(everything - uncovered)
        if search.bound < search.needed():
            break
        search.run_near(solution.x[:sites])
        if meanwhile is None:
            as_long = max(0.0, 2 * watch.seconds_left() - begun)  # as the solver took
            while watch.seconds_left() > as_long and search.bound >= search.needed():
                improve()
        program = _fixed(program, reduced, everything - search.needed() - uncovered + 1e-6)
        if watch.seconds_left() < until or previous - search.bound < _LEAST_PROGRESS * (search.bound - search.value):
            break
        x, y = np.clip(solution.x[:sites], 0, 1), np.clip(solution.x[sites : sites + rows], 0, 1)
        sets = cover_cuts.violated(rest.cover, x, y)
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


def _branched(rest: Covering, program: Program, search: Search, limits: Limits, improve: Callable[[], None]) -> None:
    """Solve with whole numbers."""
    sites, everything = len(rest.numbers), float(rest.weights.sum())
    start = np.concatenate([search.best, rest.cover @ search.best.astype(float) == 0]).astype(float)
    is_possible = ((start >= program.lower) & (start <= program.upper)).all()

    def meanwhile(bound: float) -> None:
        search.lower(max(everything - bound, search.value))
        if limits.cores > 1:
            improve()
        else:
            time.sleep(_WAIT_S)

    solution = solver.whole(program, limits.watch, start if is_possible else None, meanwhile=meanwhile)
    if solution.x is not None:
        search.propose(solution.x[:sites] > 0.5)
    search.lower(max(everything - solution.bound, search.value))


def _program(rest: Covering) -> Program:
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
