"""The p-median problem: sites to which people travel least in total."""

import time
from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import median_search, problem, solver
from geo.measures.sites.median_search import Pairs, Room
from geo.measures.sites.problem import Choice, Limits, Options
from geo.measures.sites.solver import Program

_ROUNDS = 20
_FRUITLESS = 4
_FRUITLESS_ASCENTS = 3
_WAIT_S = 0.02
_MOST_PAIRS = 3_000_000
"""With more pairs of people and sites left than this, the mixed integer program is not tried."""
_SEARCH_SHARE = 0.3
"""The share of the time that local search may take before the bound is computed."""


def least_time(
    times: object,
    count: int | None = None,
    weights: ArrayLike | None = None,
    *,
    otherwise: float | None = None,
    budget: float | None = None,
    **options: Unpack[Options],
) -> Choice:
    """The sites to which people travel least in total, each to the nearest chosen one.

    Parameters
    ----------
    times : matrix people × sites of times or distances, 0 or more. In a dense array infinity, in a scipy sparse array a
        missing entry means that the site cannot be reached; a stored 0 is a time of 0
    count : how many sites at most, fixed ones included; None if only the budget limits them
    weights : shape (people,), how many people each row stands for; 1 each if None
    otherwise : the time that counts for people who reach no chosen site; None if everybody must reach one
    budget : what the chosen sites may cost together, fixed ones included
    options : costs, sites that are fixed or forbidden, the time and more: see `Options`

    Returns
    -------
    Choice
        ``value`` and ``bound`` are times multiplied by people.

    Raises
    ------
    InputError
        A shape or number is wrong, the fixed sites break a limit, neither count nor budget is given, or no choice was
        seen that everybody reaches and ``otherwise`` is None.
    """
    matrix = _reachable(times)
    if count is None and budget is None:
        raise InputError("give a count of sites or a budget")
    if otherwise is not None and not 0 <= otherwise < np.inf:
        raise InputError(f"otherwise = {otherwise!r} is not a time")
    median_search.compile_or_load()
    limits = problem.limits(matrix.shape[1], count, budget, **options)
    weight = problem.weights_of(weights, matrix.shape[0])
    with limits.watch:
        total = float(matrix.data.max(initial=0.0) * weight.sum()) + 1.0
        # Without `otherwise`, nobody reaching a site costs more than everybody travelling as far as anybody can.
        missing = np.full(len(weight), total) if otherwise is None else weight * otherwise
        missing[weight == 0] = 0.0
        pairs = median_search.pairs_of(matrix, weight, missing, limits)
        stranded = (np.diff(pairs.row_start) == 0) & (weight > 0)
        if otherwise is None and stranded.any():
            raise InputError(
                f"{stranded.sum()} of {len(weight)} rows, with {weight[stranded].sum():g} people, reach no site at all;"
                " leave them out, or say what time counts otherwise"
            )
        sites, value, bound = _solve(pairs, limits)
    if otherwise is None and value >= total:
        raise InputError(
            "no choice was seen that everybody reaches; allow more sites, or say what time counts otherwise"
        )
    return problem.choice(sites, value, bound, most=False)


def _reachable(times: object) -> sparse.csr_array:
    """The finite times, as a sparse array whose stored zeros are kept."""
    if sparse.issparse(times):
        matrix = sparse.csr_array(times).astype(np.float64)
        matrix.sum_duplicates()
    else:
        dense = np.asarray(times, dtype=np.float64)
        if dense.ndim != 2:
            raise InputError(f"times has {dense.ndim} dimensions; a matrix people × sites is needed")
        reached = ~np.isposinf(dense)
        start = np.concatenate([[0], np.cumsum(reached.sum(axis=1))])
        site = np.broadcast_to(np.arange(dense.shape[1], dtype=np.int32), dense.shape)[reached]
        matrix = sparse.csr_array((dense[reached], site, start), dense.shape)
    if np.isnan(matrix.data).any() or (matrix.data < 0).any():
        raise InputError("times must be numbers from 0")
    finite = np.isfinite(matrix.data)
    if not finite.all():
        person = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        matrix = sparse.csr_array((matrix.data[finite], (person[finite], matrix.indices[finite])), matrix.shape)
    return matrix


def _room(limits: Limits) -> Room:
    return Room(limits.count, limits.budget * (1 + problem.RELATIVE_TOLERANCE), limits.fixed, limits.allowed)


class _Search:
    """The best choice and bound so far, and the local search that improves the choice.

    Attributes
    ----------
    best, value : shape (sites,), and its total cost
    bound : below which no choice is
    step : how much a better choice is better at least: 1 where all costs are whole numbers
    """

    def __init__(self, pairs: Pairs, limits: Limits) -> None:
        self._pairs, self._limits, self._seed = pairs, limits, 0
        whole = problem.are_whole(pairs.row_costs) and problem.are_whole(pairs.otherwise)
        self.step = 1.0 if whole else 0.0
        self.best, self.bound = limits.fixed.copy(), 0.0
        self.value = float(pairs.otherwise.sum())
        self.fruitless = 0
        greedy = limits.fixed.copy()
        median_search.search(pairs._replace(over=np.zeros(1, dtype=np.bool_)), _room(limits), greedy, 0, 0)
        self.run(greedy, 1)
        if (limits.start & ~limits.fixed).any():
            self.run(limits.start, 1)

    def run(self, beginning: BoolArray, rounds: int = _ROUNDS) -> None:
        """Improve a choice, and keep it if it is better than the best one."""
        choice = beginning.copy()
        value = float(median_search.search(self._pairs, _room(self._limits), choice, rounds, self._seed))
        self._seed += 1
        self.fruitless += 1
        if value < self.value or (value == self.value and not self._seed):
            self.best, self.value, self.fruitless = choice, value, 0
            self._report()

    def raise_bound(self, bound: float) -> None:
        """Keep a bound if it is better; where costs are whole numbers, it is rounded up."""
        bound = float(np.ceil(bound - 1e-6)) if self.step and np.isfinite(bound) else bound
        if bound > self.bound:
            self.bound = min(bound, self.value)
            self._report()

    def needed(self) -> float:
        """What a choice must cost at most to be better."""
        return self.value - (self.step or problem.RELATIVE_TOLERANCE * max(self.value, 1.0))

    def meanwhile(self, bound: float) -> None:
        """What to do while the solver works: search on if there is another core."""
        self.raise_bound(bound)
        if self._limits.cores > 1:
            self.run(self.best)
        else:
            time.sleep(_WAIT_S)

    def _report(self) -> None:
        self._limits.watch.report(self.value, min(self.bound, self.value))


def _solve(pairs: Pairs, limits: Limits) -> tuple[Int64Array, float, float]:
    """The best sites, their total cost, and a bound below which no choice is."""
    watch, search = limits.watch, _Search(pairs, limits)
    until = watch.seconds_left() * (1 - _SEARCH_SHARE)
    while search.fruitless < _FRUITLESS and watch.seconds_left() > until:
        search.run(search.best)
    cheapest = median_search.sorted_rows(pairs)
    if not watch.is_over():
        search.raise_bound(float(cheapest.sum()))
    multipliers, reduced, remaining, fruitless = cheapest, np.zeros(len(limits.costs)), limits, 0
    while fruitless < _FRUITLESS_ASCENTS and search.bound <= search.needed() and not watch.is_over():
        previous = search.bound
        raised = median_search.ascend(pairs, _room(remaining), search.value, multipliers, reduced)
        search.raise_bound(raised)
        if search.bound > search.needed():
            break
        slack, is_free = search.needed() - raised + 1e-6, remaining.allowed & ~remaining.fixed
        remaining = replace(
            remaining,
            allowed=remaining.allowed & ~(is_free & (reduced > slack)),
            fixed=remaining.fixed | (is_free & (-reduced > slack)),
        )
        if remaining.fixed.sum() > remaining.count:
            search.raise_bound(search.value)  # no choice is better than the known one
            break
        search.run(search.best)
        fruitless = 0 if search.bound > previous + 1e-4 * abs(search.bound) else fruitless + 1
    if search.bound <= search.needed() and not watch.is_over():
        _branch(pairs, remaining, multipliers, search, limits)
    return np.flatnonzero(search.best), search.value, search.bound


def _row_of_entry(pairs: Pairs) -> Int64Array:
    return np.repeat(np.arange(len(pairs.otherwise)), np.diff(pairs.row_start))


def _branch(pairs: Pairs, remaining: Limits, multipliers: Float64Array, search: _Search, limits: Limits) -> None:
    """Solve with whole numbers what the bound left open.

    Columns are the open sites, then the pairs of a row and a site, then the rows that go to a site that is fixed, or to
    none. A pair that would cost more than the bound allows belongs to no better choice and is left out.
    """
    row, site, cost = _row_of_entry(pairs), pairs.row_sites, pairs.row_costs
    fallback = pairs.otherwise.copy()
    of_fixed = remaining.fixed[site]
    np.minimum.at(fallback, row[of_fixed], cost[of_fixed])
    free = remaining.allowed & ~remaining.fixed
    slack = search.value - search.bound + 1e-6
    usable = free[site] & (cost < fallback[row]) & (cost - multipliers[row] <= slack)
    row, site, cost = row[usable], site[usable], cost[usable]
    if len(row) > _MOST_PAIRS:
        return
    numbers = np.flatnonzero(free)
    position = np.full(len(free), -1)
    position[numbers] = np.arange(len(numbers))
    people, number, sites = len(fallback), len(row), len(numbers)
    pair = np.arange(number)
    assigned = sparse.coo_array((np.ones(number), (row, sites + pair)), (people, sites + number))
    opened = sparse.coo_array(
        (np.repeat([1.0, -1.0], number), (np.tile(pair, 2), np.concatenate([position[site], sites + pair]))),
        (number, sites + number),
    )
    price = limits.costs[numbers]
    counted = np.zeros((2, sites + number))
    counted[0, :sites], counted[1, :sites] = 1.0, price
    matrix = sparse.block_array([[assigned, sparse.eye_array(people)], [opened, None], [counted, None]])
    budget = limits.budget * (1 + problem.RELATIVE_TOLERANCE) - float(limits.costs[remaining.fixed].sum())
    infinity = np.inf
    program = Program(
        costs=np.concatenate([np.zeros(sites), cost, fallback]),
        matrix=sparse.csc_array(matrix),
        row_lower=np.concatenate([np.ones(people), np.zeros(number), [-infinity, -infinity]]),
        row_upper=np.concatenate(
            [np.ones(people), np.full(number, infinity), [limits.count - int(remaining.fixed.sum()), budget]]
        ),
        lower=np.zeros(sites + number + people),
        upper=np.ones(sites + number + people),
        whole=np.arange(sites + number + people) < sites,
    )
    solution = solver.whole(program, limits.watch, meanwhile=search.meanwhile)
    if solution.x is not None:
        chosen = remaining.fixed.copy()
        chosen[numbers[solution.x[:sites] > 0.5]] = True
        search.run(chosen, 1)
    search.raise_bound(min(solution.bound, search.value))
