"""What siting is asked for, checked; and what it answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import InputError

RELATIVE_TOLERANCE = 1e-9
"""A value this near to its bound is taken as equal, since sums of floats are not exact."""


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
        """How far the value is from the bound, as a share of the bound."""
        return 0.0 if self.proven else abs(self.value - self.bound) / max(abs(self.bound), 1e-12)


def choice(sites: Int64Array, value: float, bound: float, most: bool) -> Choice:
    """A `Choice`, whose bound is never on the wrong side of its value; ``most``: the more the better."""
    bound = max(bound, value) if most else min(bound, value)
    proven = bool(abs(bound - value) <= RELATIVE_TOLERANCE * max(1.0, abs(bound)))
    return Choice(np.sort(sites), value, value if proven else bound, proven)


@dataclass(frozen=True)
class Limits:
    """Which choices are allowed.

    Attributes
    ----------
    count : how many sites at most, fixed ones included
    costs : shape (sites,)
    budget : what the chosen sites may cost in total; infinite if there is no limit
    fixed, allowed : shape (sites,), sites that every choice has, and sites that a choice may have
    deadline : when the time is over, in `time.monotonic` seconds
    """

    count: int
    costs: Float64Array
    budget: float
    fixed: BoolArray
    allowed: BoolArray
    deadline: float

    def seconds_left(self) -> float:
        """How much time is left, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


def limits(
    sites: int,
    count: int | None,
    costs: ArrayLike | None,
    budget: float | None,
    fixed: Sequence[int],
    forbidden: Sequence[int],
    seconds: float,
) -> Limits:
    """Check what a caller asks for.

    Raises
    ------
    InputError
        A number is not in its range, a site is fixed and forbidden, or the fixed sites alone break a limit.
    """
    started = time.monotonic()
    is_fixed, allowed = np.zeros(sites, dtype=bool), np.ones(sites, dtype=bool)
    for name, numbers, flags, value in (("fixed", fixed, is_fixed, True), ("forbidden", forbidden, allowed, False)):
        index = np.asarray(numbers, dtype=np.int64).ravel()
        if len(index) and not (index.min() >= 0 and index.max() < sites):
            raise InputError(f"{name} has a site that does not exist; sites are numbered 0 to {sites - 1}")
        flags[index] = value
    if (both := np.flatnonzero(is_fixed & ~allowed)).size:
        raise InputError(f"site {both[0]} is fixed and forbidden")
    prices = _numbers("costs", costs, sites)
    if count is not None and not (count == int(count) and count >= 0):
        raise InputError(f"count = {count!r} is not a whole number of sites")
    if budget is not None and not budget >= 0:
        raise InputError(f"budget = {budget!r} is not a number from 0")
    most = sites if count is None else min(int(count), sites)
    money = np.inf if budget is None else float(budget)
    if is_fixed.sum() > most or prices[is_fixed].sum() > money * (1 + RELATIVE_TOLERANCE):
        raise InputError("the fixed sites alone are more than the count or the budget allows")
    if not seconds > 0:
        raise InputError(f"seconds = {seconds!r} is not a time")
    return Limits(most, prices, money, is_fixed, allowed, started + seconds)


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
    matrix = sparse.csr_array(cover)
    if matrix.ndim != 2:
        raise InputError(f"cover has {matrix.ndim} dimensions; a matrix people × sites is needed")
    matrix = sparse.csr_array((np.ones(matrix.nnz) * (matrix.data != 0), matrix.indices, matrix.indptr), matrix.shape)
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
