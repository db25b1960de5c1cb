"""Set covering: the fewest sites, or the cheapest, that cover everybody or a share of the people."""

import time
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites import cover_search, covering, presolve, problem, solver
from geo.measures.sites.problem import Choice, Limits, Options
from geo.measures.sites.solver import Program

_WAIT_S = 0.02
_SHORT_S = 0.1


def fewest_sites(
    cover: object,
    share: float = 1.0,
    weights: ArrayLike | None = None,
    **options: Unpack[Options],
) -> Choice:
    """The fewest sites that cover a share of the people; with ``costs``, the cheapest.

    Parameters
    ----------
    cover, weights, options : as in `most_people`
    share : the share of all people that must be covered, above 0 and up to 1

    Returns
    -------
    Choice
        ``value`` and ``bound`` are the cost of the sites, fixed ones included: their number if there are no costs.

    Raises
    ------
    InputError
        A shape or number is wrong, or all sites together do not cover that share.
    """
    matrix = problem.covering_matrix(cover)
    cover_search.compile_or_load()
    limits = problem.limits(matrix.shape[1], None, None, **options)
    weight = problem.weights_of(weights, matrix.shape[0])
    if not 0 < share <= 1:
        raise InputError(f"share = {share!r} is not a share above 0 and up to 1")
    total = float(weight.sum())
    spare = total * (1 - share) + problem.RELATIVE_TOLERANCE * total
    reachable = matrix @ limits.allowed.astype(float) > 0
    if float(weight[~reachable].sum()) > spare:
        most = weight[reachable].sum() / total
        raise InputError(f"all sites together cover {most:.2%} of the people; {share:.2%} cannot be covered")
    with limits.watch:
        open_rows = reachable & (weight > 0) & ~(matrix @ limits.fixed.astype(float) > 0)
        rest = _Rest.of(matrix[open_rows], weight[open_rows], spare - float(weight[~reachable].sum()), limits)
        chosen, bound = _solve(rest, limits)
    sites = np.union1d(np.flatnonzero(limits.fixed), rest.numbers[chosen])
    return problem.choice(sites, rest.spent + float(rest.price[chosen].sum()), rest.spent + bound, most=False)


@dataclass(frozen=True)
class _Rest:
    """What the fixed sites leave to do.

    Attributes
    ----------
    rows, weight : rows × candidates, without equal rows; the weight of each row
    numbers, price : shape (candidates,), the number that the caller knows each by, and its cost
    spare : the weight that may stay uncovered; less than any row has if ``everybody`` must be covered
    spent : the cost of the fixed sites
    """

    rows: sparse.csr_array
    weight: Float64Array
    numbers: Int64Array
    price: Float64Array
    spare: float
    everybody: bool
    spent: float

    @staticmethod
    def of(rows: sparse.csr_array, weight: Float64Array, spare: float, limits: Limits) -> "_Rest":
        candidates = limits.allowed & ~limits.fixed
        candidates &= ~presolve.dominated_sites(rows, limits.costs, candidates, limits.watch.over)
        numbers = np.flatnonzero(candidates)
        rows, weight = presolve.without_equal_rows(rows[:, numbers], weight)
        everybody = spare < weight.min(initial=np.inf)
        if everybody:
            needed = ~presolve.unneeded_rows(rows, limits.watch.over)
            rows, weight, spare = rows[needed], weight[needed], 0.0
        spent = float(limits.costs[limits.fixed].sum())
        return _Rest(rows, weight, numbers, limits.costs[numbers], spare, everybody, spent)

    def is_enough(self, chosen: BoolArray) -> bool:
        """Whether a choice, shape (candidates,), covers enough."""
        return float(self.weight[~(self.rows @ chosen.astype(float) > 0)].sum()) <= self.spare


def _solve(rest: _Rest, limits: Limits) -> tuple[BoolArray, float]:
    """The cheapest choice of candidates, and a bound on its cost."""
    watch, whole_costs = limits.watch, problem.are_whole(limits.costs)
    chosen = _greedy(rest, np.zeros(len(rest.numbers), dtype=bool))
    started = _greedy(rest, limits.start[rest.numbers])
    if rest.price[started].sum() < rest.price[chosen].sum():
        chosen = started
    value, least = float(rest.price[chosen].sum()), 0.0
    watch.report(rest.spent + value, rest.spent)
    if not rest.everybody and (rest.price == 1).all():
        chosen, least = _bisected(rest, chosen, limits)
        value = float(rest.price[chosen].sum())

    def rounded(bound: float) -> float:
        bound = min(max(bound, least), value)
        return float(np.ceil(bound - 1e-6)) if whole_costs else bound

    def meanwhile(bound: float) -> None:
        watch.report(rest.spent + value, rest.spent + rounded(bound))
        time.sleep(_WAIT_S)

    if value > least and not watch.is_over():
        known = _columns(rest, chosen)
        solution = solver.whole(_program(rest), watch, known, heuristics=True, meanwhile=meanwhile)
        least = rounded(solution.bound)
        if solution.x is not None:
            better = solution.x[: len(rest.numbers)] > 0.5
            # HiGHS may take a constraint as met that misses by its tolerance.
            if rest.is_enough(better) and rest.price[better].sum() < value:
                chosen = better
    value = float(rest.price[chosen].sum())
    least = rounded(least)
    watch.report(rest.spent + value, rest.spent + least)
    return chosen, least


def _greedy(rest: _Rest, start: BoolArray) -> BoolArray:
    """Add the site that covers most for its cost until enough is covered; then leave out what is not needed."""
    by_site = sparse.csr_array(rest.rows.T)
    chosen, uncovered = start.copy(), ~(rest.rows @ start.astype(float) > 0)
    left, gain = float(rest.weight[uncovered].sum()), by_site @ np.where(uncovered, rest.weight, 0.0)
    while left > rest.spare:
        best = int(np.argmax(gain / np.maximum(rest.price, 1e-12)))
        chosen[best] = True
        own = by_site.indices[by_site.indptr[best] : by_site.indptr[best + 1]]
        own = own[uncovered[own]]
        uncovered[own] = False
        gain -= rest.rows[own].T @ rest.weight[own]
        gain[chosen] = 0.0
        left -= float(rest.weight[own].sum())
    times = np.asarray(rest.rows @ chosen.astype(float))
    for site in sorted(np.flatnonzero(chosen), key=lambda number: -rest.price[number]):
        own = by_site.indices[by_site.indptr[site] : by_site.indptr[site + 1]]
        lost = float(rest.weight[own[times[own] == 1]].sum())
        if left + lost <= rest.spare:
            chosen[site] = False
            times[own] -= 1
            left += lost
    return chosen


def _bisected(rest: _Rest, chosen: BoolArray, limits: Limits) -> tuple[BoolArray, float]:
    """The smallest number of sites with which maximal covering reaches enough: a choice, and a bound on the number."""
    enough = float(rest.weight.sum()) - rest.spare
    least, most, watch = 1, int(chosen.sum()), limits.watch
    while least < most and watch.seconds_left() > _SHORT_S:
        count = (least + most) // 2
        result = covering.most_people(
            rest.rows, count, rest.weight, seconds=watch.seconds_left() / 3, stop=watch.is_over, cores=limits.cores
        )
        if result.value >= enough:
            chosen = np.isin(np.arange(rest.rows.shape[1]), result.sites)
            most = len(result.sites)
        elif result.bound < enough:
            least = count + 1
        else:
            break
        watch.report(rest.spent + most, rest.spent + least)
    return chosen, float(min(least, most))


def _program(rest: _Rest) -> Program:
    """Columns are the candidates and, unless everybody must be covered, the share of each row that is not."""
    people, sites = rest.rows.shape
    if rest.everybody:
        matrix, columns = sparse.csc_array(rest.rows), sites
        lower, upper = np.ones(people), np.full(people, np.inf)
    else:
        blocks = [[rest.rows, sparse.eye_array(people)], [None, rest.weight[None, :]]]
        matrix, columns = sparse.csc_array(sparse.block_array(blocks)), sites + people
        lower, upper = np.append(np.ones(people), -np.inf), np.append(np.full(people, np.inf), rest.spare)
    costs = np.zeros(columns)
    costs[:sites] = rest.price
    whole = np.arange(columns) < sites
    return Program(costs, matrix, lower, upper, np.zeros(columns), np.ones(columns), whole)


def _columns(rest: _Rest, chosen: BoolArray) -> Float64Array:
    sites = chosen.astype(float)
    return sites if rest.everybody else np.concatenate([sites, (rest.rows @ sites == 0).astype(float)])
