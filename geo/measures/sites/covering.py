"""Maximal covering: the sites that cover most people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import cover_search, presolve, problem, solver
from geo.measures.sites.problem import Choice, Limits
from geo.measures.sites.solver import Program

_ROUNDS = 40
_SEARCH_SHARE = 0.15
"""The share of the time that local search may take before the bound is computed."""
_FRUITLESS = 6
"""Local search ends after so many calls of `_ROUNDS` rounds without a better choice."""


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

    def keeping(self, candidates: BoolArray) -> "_Covering":
        """The problem with fewer candidates."""
        numbers = np.flatnonzero(candidates)
        rows, weights = presolve.without_equal_rows(self.cover[:, numbers], self.weights)
        count = min(self.count, len(numbers))
        return replace(
            self, cover=rows, weights=weights, numbers=self.numbers[numbers], costs=self.costs[numbers], count=count
        )


def _solve(rest: _Covering, limits: Limits) -> tuple[Int64Array, float, float]:
    """The best sites to add, the weight that they cover, and a bound on what any could cover."""
    everything = float(rest.weights.sum())
    if rest.count == 0 or not everything:
        return np.empty(0, dtype=np.int64), 0.0, 0.0
    step = 1.0 if problem.are_whole(rest.weights) else 0.0
    best = _searched(rest, limits)
    value = rest.covered(best)
    if value >= everything * (1 - problem.RELATIVE_TOLERANCE):
        return rest.numbers[best], value, value
    program = _program(rest)
    bound, multipliers = _bound(rest, program, limits)
    bound = min(bound, everything)
    if step:
        bound = np.floor(bound + 1e-6)
    # Only a choice that covers more is of interest; with whole numbers, at least one more.
    needed = value + (step or problem.RELATIVE_TOLERANCE * max(value, 1.0))
    if bound < needed or limits.seconds_left() <= 0:
        return rest.numbers[best], value, max(bound, value)
    chosen, remaining_bound = _branch(rest, best, multipliers, needed, limits)
    if chosen is not None and (found := rest.covered(chosen)) > value:
        best, value = chosen, found
    bound = min(bound, max(remaining_bound, value))
    if step:
        bound = np.floor(bound + 1e-6)
    return rest.numbers[best], value, bound


def _searched(rest: _Covering, limits: Limits) -> BoolArray:
    """A good choice by local search, shape (candidates,)."""
    columns = rest.cover.tocsc()
    best, fixed = np.zeros(len(rest.numbers), dtype=bool), np.zeros(len(rest.numbers), dtype=bool)
    value, fruitless, seed = -1.0, 0, 0
    until = limits.seconds_left() * (1 - _SEARCH_SHARE)
    while fruitless < _FRUITLESS and (seed == 0 or limits.seconds_left() > until):
        improved = cover_search.search(
            columns.indptr.astype(np.int32), columns.indices.astype(np.int32), rest.cover.indptr.astype(np.int32),
            rest.cover.indices.astype(np.int32), rest.weights, rest.costs, rest.count, rest.budget, fixed, best,
            _ROUNDS if seed else 1, seed,
        )  # fmt: skip
        fruitless = 0 if improved > value else fruitless + 1
        value, seed = improved, seed + 1
    return best


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


@dataclass(frozen=True)
class _Multipliers:
    """What a relaxation says of each candidate: ``bound`` less |``reduced``| bounds the choices that differ in it."""

    bound: float
    reduced: Float64Array


def _bound(rest: _Covering, program: Program, limits: Limits) -> tuple[float, _Multipliers]:
    """A bound on the weight that can be covered, from the multipliers of the linear program.

    The bound is computed from the multipliers themselves, which is valid whatever the solver's accuracy: with u of the
    rows, λ of the count and μ of the budget it is Σ max(0, w − u) + λ count + μ budget + Σ max(0, reduced), where a
    site's ``reduced`` is the sum of u over its rows less λ and μ times its cost.
    """
    rows, sites = rest.cover.shape
    duals = solver.relaxed(program, limits.seconds_left()).row_duals
    if duals is None:
        return float(rest.weights.sum()), _Multipliers(float(rest.weights.sum()), np.zeros(sites))
    u = np.clip(duals[:rows], 0.0, rest.weights)
    by_count = max(0.0, -duals[rows])
    by_budget = max(0.0, -duals[rows + 1]) if np.isfinite(rest.budget) else 0.0
    reduced = rest.cover.T @ u - by_count - by_budget * rest.costs
    bound = float((rest.weights - u).sum() + by_count * rest.count + np.maximum(reduced, 0.0).sum())
    bound += by_budget * rest.budget if by_budget else 0.0
    return bound, _Multipliers(bound, reduced)


def _branch(
    rest: _Covering, best: BoolArray, multipliers: _Multipliers, needed: float, limits: Limits
) -> tuple[BoolArray | None, float]:
    """Solve with whole numbers after fixing sites; the choice, and a bound on those that cover ``needed`` or more."""
    slack = multipliers.bound - needed
    never = multipliers.reduced < -slack - 1e-6
    always = multipliers.reduced > slack + 1e-6
    small = rest.keeping(~never)
    of_small = np.flatnonzero(~never)
    program = _program(small)
    lower = program.lower.copy()
    lower[: len(of_small)][always[of_small]] = 1.0
    start = np.concatenate([best[of_small], small.cover @ best[of_small].astype(float) == 0]).astype(float)
    usable = not best[never].any() and best[always].all()
    solution = solver.whole(replace(program, lower=lower), limits.seconds_left(), start if usable else None)
    bound = float(small.weights.sum()) - solution.bound
    if solution.x is None:
        return None, bound
    chosen = np.zeros(len(rest.numbers), dtype=bool)
    chosen[of_small[solution.x[: len(of_small)] > 0.5]] = True
    return chosen, bound
