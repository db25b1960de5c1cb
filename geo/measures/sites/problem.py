"""What siting is asked for, checked; and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.sites.watch import Watch
from geo.parallel import CORES

RELATIVE_TOLERANCE = 1e-9
"""A value this near to its bound is taken as equal, since sums of floats are not exact."""


class Options(TypedDict, total=False):
    """What `most_people`, `fewest_sites` and `least_time` all take by name.

    Attributes
    ----------
    costs : shape (sites,), what each site costs, 0 or more; 1 each if None
    fixed, forbidden : numbers of sites that the choice must have, or must not have
    start : a choice that is known to be good, such as the one for one site less; the search begins there too
    seconds : when the time is over, the best choice so far is returned with its bound
    progress : called as ``progress(value, bound)`` in the caller's thread whenever either has improved
    stop : asked some 20 times a second, in another thread; once it answers True, the search ends as if its time were
        over. A `threading.Event` can be given as ``stop=event.is_set``
    cores : with 2 or more, local search runs beside the solver of linear programs
    """

    costs: ArrayLike | None
    fixed: Sequence[int]
    forbidden: Sequence[int]
    start: Sequence[int]
    seconds: float
    progress: Callable[[float, float], None] | None
    stop: Callable[[], bool] | None
    cores: int


@dataclass(frozen=True)
class Choice:
    """Sites, and how good they are.

    Attributes
    ----------
    sites : shape (k,), the numbers of the chosen sites (columns of the matrix) in ascending order
    value : what they achieve: people covered, sites (or their costs) needed, or person-seconds travelled
    bound : no choice achieves more people than this, or needs fewer sites or less time
    proven : whether ``value`` equals ``bound``, so that no choice is better
    """

    sites: Int64Array
    value: float
    bound: float
    proven: bool

    @property
    def gap(self) -> float:
        """How far the value is from the bound, as a share of the larger of the two."""
        return 0.0 if self.proven else abs(self.value - self.bound) / max(abs(self.bound), abs(self.value))


def choice(sites: Int64Array, value: float, bound: float, most: bool) -> Choice:
    """A `Choice`, whose bound is never on the wrong side of its value; ``most``: the more the better."""
    bound = max(bound, value) if most else min(bound, value)
    proven = bool(abs(bound - value) <= RELATIVE_TOLERANCE * max(1.0, abs(bound)))
    return Choice(np.sort(sites), value, value if proven else bound, proven)


@dataclass(frozen=True)
class Limits:
    """Which choices are allowed, and how the best is looked for.

    Attributes
    ----------
    count : how many sites at most, fixed ones included
    costs : shape (sites,)
    budget : what the chosen sites may cost in total; infinite if there is no limit
    fixed, allowed : shape (sites,), sites that every choice has, and sites that a choice may have
    start : shape (sites,), a choice within these limits from which the search begins
    watch : the time, and the best value and bound so far
    cores : how many cores the search may use
    """

    count: int
    costs: Float64Array
    budget: float
    fixed: BoolArray
    allowed: BoolArray
    start: BoolArray
    watch: Watch
    cores: int

    @property
    def budget_left(self) -> float:
        """What sites beside the fixed ones may cost, with some tolerance for sums of floats."""
        left = self.budget - float(self.costs[self.fixed].sum())
        return left + RELATIVE_TOLERANCE * abs(self.budget) if np.isfinite(left) else np.inf


def limits(
    sites: int,
    count: int | None,
    budget: float | None,
    costs: ArrayLike | None = None,
    fixed: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    start: Sequence[int] = (),
    seconds: float = 60.0,
    progress: Callable[[float, float], None] | None = None,
    stop: Callable[[], bool] | None = None,
    cores: int = CORES,
) -> Limits:
    """Check what a caller asks for; the parameters are those of `Options`.

    Raises
    ------
    InputError
        A number is not in its range, a site is fixed and forbidden, or the fixed sites alone break a limit.
    """
    if not seconds > 0:
        raise InputError(f"seconds = {seconds!r} is not a time")
    if not cores >= 1:
        raise InputError(f"cores = {cores!r} is not a number of cores")
    watch = Watch(seconds, stop, progress)
    is_fixed, allowed = _flags("fixed", fixed, sites), ~_flags("forbidden", forbidden, sites)
    if (both := np.flatnonzero(is_fixed & ~allowed)).size:
        raise InputError(f"site {both[0]} is fixed and forbidden")
    prices = _numbers("costs", costs, sites)
    if count is not None and not (count == int(count) and count >= 0):
        raise InputError(f"count = {count!r} is not a whole number of sites")
    if budget is not None and not budget >= 0:
        raise InputError(f"budget = {budget!r} is not a number from 0")
    most = sites if count is None else min(int(count), sites)
    money = np.inf if budget is None else float(budget)
    if (number := int(is_fixed.sum())) > most:
        raise InputError(f"{number} sites are fixed; the count of {most} allows fewer")
    if (spent := float(prices[is_fixed].sum())) > money * (1 + RELATIVE_TOLERANCE):
        raise InputError(f"the fixed sites alone cost {spent:g}; the budget is {money:g}")
    begun = _flags("start", start, sites) & allowed & ~is_fixed
    order = np.flatnonzero(begun)
    fits = (np.cumsum(prices[order]) <= money - spent) & (np.arange(len(order)) < most - number)
    begun[order[~fits]] = False
    return Limits(most, prices, money, is_fixed, allowed, begun | is_fixed, watch, int(cores))


def _flags(name: str, numbers: Sequence[int], sites: int) -> BoolArray:
    flags, index = np.zeros(sites, dtype=bool), np.asarray(numbers).ravel()
    if not len(index):
        return flags
    if not np.issubdtype(index.dtype, np.integer):
        raise InputError(f"{name} must be the numbers of sites")
    if not (index.min() >= 0 and index.max() < sites):
        raise InputError(f"{name} has a site that does not exist; sites are numbered 0 to {sites - 1}")
    flags[index] = True
    return flags


def weights_of(weights: ArrayLike | None, people: int) -> Float64Array:
    """How much each row counts, shape (people,); 1 if not given; InputError if one is negative or not a number."""
    return _numbers("weights", weights, people)


def _numbers(name: str, values: ArrayLike | None, length: int) -> Float64Array:
    if values is None:
        return np.ones(length)
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (length,):
        raise InputError(f"{name} has the shape {array.shape}; ({length},) is needed")
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise InputError(f"{name} must be finite numbers from 0")
    return array


def are_whole(values: Float64Array) -> bool:
    """Whether all values are whole numbers that floats add up exactly."""
    return bool((values == np.round(values)).all() and values.sum() < 2**52)


def covering_matrix(cover: object) -> sparse.csr_array:
    """The rows × sites that ``cover`` has other than 0, as a matrix of ones with sorted columns.

    Raises
    ------
    InputError
        It is no matrix.
    """
    matrix = sparse.csr_array(cover if sparse.issparse(cover) else np.asarray(cover) != 0)
    if matrix.ndim != 2:
        raise InputError(f"cover has {matrix.ndim} dimensions; a matrix people × sites is needed")
    matrix = sparse.csr_array((np.ones(matrix.nnz) * (matrix.data != 0), matrix.indices, matrix.indptr), matrix.shape)
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
