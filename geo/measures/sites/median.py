"""The p-median problem: sites to which people travel least in total."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import median_search, problem, solver
from geo.measures.sites.problem import Choice, Limits
from geo.measures.sites.solver import Program

_ROUNDS = 20
_FRUITLESS = 4
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
    costs: ArrayLike | None = None,
    budget: float | None = None,
    fixed: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    seconds: float = 60.0,
) -> Choice:
    """The sites to which people travel least in total, each to the nearest chosen one.

    Parameters
    ----------
    times : matrix people × sites of times or distances, 0 or more. In a dense array infinity, in a scipy sparse array a
        missing entry means that the site cannot be reached; a stored 0 is a time of 0
    count : how many sites at most, fixed ones included; None if only the budget limits them
    weights : shape (people,), how many people each row stands for; 1 each if None
    otherwise : the time that counts for people who reach no chosen site; None if everybody must reach one
    costs, budget, fixed, forbidden, seconds : as in `most_people`

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
    limits = problem.limits(matrix.shape[1], count, costs, budget, fixed, forbidden, seconds)
    weight = problem.weights_of(weights, matrix.shape[0])
    matrix, weight = matrix[weight > 0], weight[weight > 0]
    spread = np.repeat(weight, np.diff(matrix.indptr))
    total = float(matrix.data.max(initial=0.0) * weight.sum()) + 1.0
    # Without `otherwise`, nobody reaching a site costs more than everybody travelling as far as anybody can.
    missing = np.full(len(weight), total) if otherwise is None else weight * otherwise
    rows = _Rows.of(matrix, matrix.data * spread, missing)
    sites, value, bound = _solve(rows, limits)
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
        person, site = np.nonzero(~np.isposinf(dense))
        matrix = sparse.csr_array((dense[person, site], (person, site)), dense.shape)
    if np.isnan(matrix.data).any() or (matrix.data < 0).any():
        raise InputError("times must be numbers from 0")
    finite = np.isfinite(matrix.data)
    if not finite.all():
        person = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        matrix = sparse.csr_array((matrix.data[finite], (person[finite], matrix.indices[finite])), matrix.shape)
    return matrix


@dataclass(frozen=True)
class _Rows:
    """People's costs by row in order of cost, and by site; ``otherwise`` is a row's cost without a site."""

    row_start: Int64Array
    row_sites: Int32Array
    row_costs: Float64Array
    site_start: Int64Array
    site_rows: Int32Array
    site_costs: Float64Array
    otherwise: Float64Array

    @staticmethod
    def of(pattern: sparse.csr_array, costs: Float64Array, otherwise: Float64Array) -> "_Rows":
        rows, sites = pattern.shape
        row = np.repeat(np.arange(rows), np.diff(pattern.indptr))
        usable = costs < otherwise[row]
        row, site, cost = row[usable], pattern.indices[usable], costs[usable]
        by_row, by_site = np.lexsort((cost, row)), np.argsort(site, kind="stable")
        return _Rows(
            np.searchsorted(row[by_row], np.arange(rows + 1)).astype(np.int64),
            site[by_row].astype(np.int32),
            cost[by_row],
            np.searchsorted(site[by_site], np.arange(sites + 1)).astype(np.int64),
            row[by_site].astype(np.int32),
            cost[by_site],
            otherwise,
        )

    @property
    def row_of_entry(self) -> Int64Array:
        return np.repeat(np.arange(len(self.otherwise)), np.diff(self.row_start))

    def search(self, limits: Limits, best: BoolArray, rounds: int, seed: int) -> float:
        return median_search.search(
            self.site_start, self.site_rows, self.site_costs, self.otherwise, limits.costs, limits.count,
            _money(limits), limits.fixed, limits.allowed, best, rounds, seed,
        )  # fmt: skip

    def ascend(self, limits: Limits, value: float, multipliers: Float64Array, reduced: Float64Array) -> float:
        return median_search.ascend(
            self.row_start, self.row_sites, self.row_costs, self.otherwise, limits.costs, limits.count, _money(limits),
            limits.fixed, limits.allowed, value, multipliers, reduced,
        )  # fmt: skip


def _money(limits: Limits) -> float:
    return limits.budget * (1 + problem.RELATIVE_TOLERANCE)


def _solve(rows: _Rows, limits: Limits) -> tuple[Int64Array, float, float]:
    """The best sites, their total cost, and a bound below which no choice is."""
    step = 1.0 if problem.are_whole(rows.row_costs) and problem.are_whole(rows.otherwise) else 0.0
    best = limits.fixed.copy()
    value = rows.search(limits, best, 1, 0)
    value = _searched(rows, limits, best, value)
    multipliers = np.zeros(len(rows.otherwise))
    nonempty = np.diff(rows.row_start) > 0
    multipliers[nonempty] = rows.row_costs[rows.row_start[:-1][nonempty]]
    bound, reduced = -np.inf, np.zeros(len(limits.costs))
    remaining, fruitless = limits, 0
    while fruitless < 3 and limits.seconds_left() > 0 and bound < value:
        previous, seed = bound, 1000 + fruitless
        raised = rows.ascend(remaining, value, multipliers, reduced)
        bound = max(bound, np.ceil(raised - 1e-6) if step else raised)
        needed = value - (step or problem.RELATIVE_TOLERANCE * max(value, 1.0))
        if bound > needed:
            return np.flatnonzero(best), value, bound
        is_free = remaining.allowed & ~remaining.fixed
        never = is_free & (reduced > needed - raised + 1e-6)
        always = is_free & (-reduced > needed - raised + 1e-6)
        remaining = replace(remaining, allowed=remaining.allowed & ~never, fixed=remaining.fixed | always)
        if remaining.fixed.sum() > remaining.count:
            return np.flatnonzero(best), value, value  # no choice is better than the known one
        value = rows.search(limits, best, _ROUNDS, seed)
        fruitless = 0 if bound > previous + 1e-4 * abs(bound) else fruitless + 1
    chosen, remaining_bound = _branch(rows, remaining, best, multipliers, value - bound, limits)
    if chosen is not None:
        candidate = chosen.copy()
        total = rows.search(limits, candidate, 1, 0)
        if total < value:
            best, value = candidate, total
    bound = max(bound, min(remaining_bound, value))
    return np.flatnonzero(best), value, np.ceil(bound - 1e-6) if step else bound


def _searched(rows: _Rows, limits: Limits, best: BoolArray, value: float) -> float:
    seed, fruitless, until = 1, 0, limits.seconds_left() * (1 - _SEARCH_SHARE)
    while fruitless < _FRUITLESS and limits.seconds_left() > until:
        improved = rows.search(limits, best, _ROUNDS, seed)
        fruitless = 0 if improved < value else fruitless + 1
        value, seed = improved, seed + 1
    return value


def _branch(
    rows: _Rows, remaining: Limits, best: BoolArray, multipliers: Float64Array, slack: float, limits: Limits
) -> tuple[BoolArray | None, float]:
    """Solve with whole numbers what the bound left open; the choice, and a bound on all that are better than ``best``.

    Columns are the open sites, then the pairs of a row and a site, then the rows that go to a site that is fixed, or to
    none. A pair that would cost more than the bound allows belongs to no better choice and is left out.
    """
    row, site, cost = rows.row_of_entry, rows.row_sites, rows.row_costs
    fallback = rows.otherwise.copy()
    of_fixed = remaining.fixed[site]
    np.minimum.at(fallback, row[of_fixed], cost[of_fixed])
    free = remaining.allowed & ~remaining.fixed
    usable = free[site] & (cost < fallback[row]) & (cost - multipliers[row] <= slack + 1e-6)
    row, site, cost = row[usable], site[usable], cost[usable]
    if len(row) > _MOST_PAIRS or limits.seconds_left() < 0.1:
        return None, -np.inf
    numbers = np.flatnonzero(free)
    position = np.full(len(free), -1)
    position[numbers] = np.arange(len(numbers))
    people, pairs, sites = len(fallback), len(row), len(numbers)
    pair = np.arange(pairs)
    assigned = sparse.coo_array((np.ones(pairs), (row, sites + pair)), (people, sites + pairs))
    opened = sparse.coo_array(
        (np.repeat([1.0, -1.0], pairs), (np.tile(pair, 2), np.concatenate([position[site], sites + pair]))),
        (pairs, sites + pairs),
    )
    price = limits.costs[numbers]
    counted = np.zeros((2, sites + pairs))
    counted[0, :sites], counted[1, :sites] = 1.0, price
    matrix = sparse.block_array([[assigned, sparse.eye_array(people)], [opened, None], [counted, None]])
    budget = _money(limits) - float(limits.costs[remaining.fixed].sum())
    infinity = np.inf
    program = Program(
        costs=np.concatenate([np.zeros(sites), cost, fallback]),
        matrix=sparse.csc_array(matrix),
        row_lower=np.concatenate([np.ones(people), np.zeros(pairs), [-infinity, -infinity]]),
        row_upper=np.concatenate(
            [np.ones(people), np.full(pairs, infinity), [limits.count - int(remaining.fixed.sum()), budget]]
        ),
        lower=np.zeros(sites + pairs + people),
        upper=np.ones(sites + pairs + people),
        whole=np.arange(sites + pairs + people) < sites,
    )
    solution = solver.whole(program, limits.seconds_left())
    if solution.x is None:
        return None, solution.bound
    chosen = remaining.fixed.copy()
    chosen[numbers[solution.x[:sites] > 0.5]] = True
    return chosen, solution.bound
