"""Set covering: the fewest sites, or the cheapest, that cover everybody or a share of the people."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array
from geo.errors import InputError
from geo.measures.sites import covering, presolve, problem, solver
from geo.measures.sites.problem import Choice, Limits
from geo.measures.sites.solver import Program


def fewest_sites(
    cover: object,
    share: float = 1.0,
    weights: ArrayLike | None = None,
    *,
    costs: ArrayLike | None = None,
    fixed: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    seconds: float = 60.0,
) -> Choice:
    """The fewest sites that cover a share of the people; with ``costs``, the cheapest.

    Parameters
    ----------
    cover, weights, fixed, forbidden, seconds : as in `most_people`
    share : the share of all people that must be covered, above 0 and up to 1
    costs : shape (sites,), what each site costs; 1 each if None, so that sites are counted

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
    limits = problem.limits(matrix.shape[1], None, costs, None, fixed, forbidden, seconds)
    weight = problem.weights_of(weights, matrix.shape[0])
    if not 0 < share <= 1:
        raise InputError(f"share = {share!r} is not a share above 0 and up to 1")
    total = float(weight.sum())
    spare = total * (1 - share) + problem.RELATIVE_TOLERANCE * total
    reachable = matrix @ limits.allowed.astype(float) > 0
    if float(weight[~reachable].sum()) > spare:
        most = weight[reachable].sum() / total
        raise InputError(f"all sites together cover {most:.2%} of the people; {share:.2%} cannot be covered")
    open_rows = reachable & (weight > 0) & ~(matrix @ limits.fixed.astype(float) > 0)
    spare -= float(weight[~reachable].sum())
    rows, weight = matrix[open_rows], weight[open_rows]
    candidates = limits.allowed & ~limits.fixed
    candidates &= ~presolve.dominated_sites(rows, limits.costs, candidates)
    numbers = np.flatnonzero(candidates)
    rows, weight = presolve.without_equal_rows(rows[:, numbers], weight)
    everybody = spare < weight.min(initial=np.inf)
    if everybody:
        needed = ~presolve.unneeded_rows(rows)
        rows, weight, spare = rows[needed], weight[needed], 0.0
    price = limits.costs[numbers]
    chosen = _greedy(rows, weight, price, spare)
    program = _program(rows, weight, price, spare, everybody)
    least = 0.0
    if not everybody and len(price) and (price == 1).all():
        chosen, least = _bisected(rows, weight, spare, chosen, limits)
    spent = float(limits.costs[limits.fixed].sum())
    value, bound = float(price[chosen].sum()), least
    if value > least:
        solution = solver.whole(program, limits.seconds_left(), _columns(rows, chosen, everybody), heuristics=True)
        bound = min(max(solution.bound, least), value)
        if solution.x is not None:
            better = solution.x[: len(numbers)] > 0.5
            # HiGHS may take a constraint as met that misses by its tolerance.
            enough = float(weight[~(rows @ better.astype(float) > 0)].sum()) <= spare
            if enough and price[better].sum() < value:
                chosen, value = better, float(price[better].sum())
    if problem.are_whole(limits.costs):
        bound = float(np.ceil(bound - 1e-6))
    sites = np.union1d(np.flatnonzero(limits.fixed), numbers[chosen])
    return problem.choice(sites, spent + value, spent + bound, most=False)


def _greedy(rows: sparse.csr_array, weight: Float64Array, price: Float64Array, spare: float) -> BoolArray:
    """Add the site that covers most for its cost until enough is covered; then leave out what is not needed."""
    chosen, uncovered = np.zeros(rows.shape[1], dtype=bool), np.ones(rows.shape[0], dtype=bool)
    by_site = sparse.csr_array(rows.T)
    while float(weight[uncovered].sum()) > spare:
        gain = by_site @ np.where(uncovered, weight, 0.0)
        best = int(np.argmax(gain / np.maximum(price, 1e-12)))
        chosen[best] = True
        uncovered[by_site.indices[by_site.indptr[best] : by_site.indptr[best + 1]]] = False
    for site in sorted(np.flatnonzero(chosen), key=lambda number: -price[number]):
        without = chosen.copy()
        without[site] = False
        if float(weight[~(rows @ without.astype(float) > 0)].sum()) <= spare:
            chosen = without
    return chosen


def _bisected(
    rows: sparse.csr_array, weight: Float64Array, spare: float, chosen: BoolArray, limits: Limits
) -> tuple[BoolArray, float]:
    """The smallest number of sites with which maximal covering reaches enough: a choice, and a bound on the number."""
    enough = float(weight.sum()) - spare
    least, most = 1, int(chosen.sum())
    while least < most and limits.seconds_left() > 0.1:
        count = (least + most) // 2
        result = covering.most_people(rows, count, weight, seconds=limits.seconds_left() / 3)
        if result.value >= enough:
            chosen = np.isin(np.arange(rows.shape[1]), result.sites)
            most = len(result.sites)
        elif result.bound < enough:
            least = count + 1
        else:
            break
    return chosen, float(least)


def _program(
    rows: sparse.csr_array, weight: Float64Array, price: Float64Array, spare: float, everybody: bool
) -> Program:
    """Columns are the candidates and, unless everybody must be covered, the share of each row that is not."""
    people, sites = rows.shape
    if everybody:
        matrix, columns = sparse.csc_array(rows), sites
        lower, upper = np.ones(people), np.full(people, np.inf)
    else:
        matrix = sparse.csc_array(sparse.block_array([[rows, sparse.eye_array(people)], [None, weight[None, :]]]))
        columns = sites + people
        lower, upper = np.append(np.ones(people), -np.inf), np.append(np.full(people, np.inf), spare)
    costs = np.zeros(columns)
    costs[:sites] = price
    whole = np.arange(columns) < sites
    return Program(costs, matrix, lower, upper, np.zeros(columns), np.ones(columns), whole)


def _columns(rows: sparse.csr_array, chosen: BoolArray, everybody: bool) -> Float64Array:
    sites = chosen.astype(float)
    return sites if everybody else np.concatenate([sites, (rows @ sites == 0).astype(float)])
