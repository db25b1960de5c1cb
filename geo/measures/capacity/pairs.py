"""Pairs of people and facilities within a limit of each other, as the measures of capacity take them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from geo.arrays import Float64Array, Int32Array
from geo.errors import InputError

RELATIVE_TOLERANCE = 1e-9
"""How far a cost may exceed the limit, relative to it, and still be within: sums of floats are not exact."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of places where people are and facilities, each pair once.

    Attributes
    ----------
    point, facility : shape (pairs,), row and column of a pair
    cost : shape (pairs,), minutes or metres from the one to the other, at most the limit
    shape : how many points and facilities there are
    """

    point: Int32Array
    facility: Int32Array
    cost: Float64Array
    shape: tuple[int, int]


def within(cost: object, limit: float) -> Pairs:
    """The pairs of a matrix of costs, shape (points, facilities), that are at most ``limit``.

    Parameters
    ----------
    cost : dense, with infinity where there is no way; or one of scipy's sparse arrays, in which what is not stored is
        out of reach (a stored 0 is a cost of 0)

    Raises
    ------
    InputError
        It is no matrix, or a cost is negative or NaN, or the limit is no number from 0.
    """
    if not 0 <= limit < np.inf:
        raise InputError(f"limit = {limit!r} is not a number from 0")
    if sparse.issparse(cost):
        table = sparse.coo_array(sparse.csr_array(cost))
        rows, columns = table.coords
        values, shape = np.asarray(table.data, dtype=np.float64), table.shape
    else:
        dense = np.asarray(cost, dtype=np.float64)
        if dense.ndim != 2:
            raise InputError(f"cost has {dense.ndim} dimensions; a matrix people × facilities is needed")
        rows, columns = np.indices(dense.shape, dtype=np.int32).reshape(2, -1)
        values, shape = dense.ravel(), dense.shape
    if not (values >= 0).all():
        raise InputError("cost must have numbers from 0, and infinity where there is no way")
    near = np.flatnonzero(values <= limit * (1 + RELATIVE_TOLERANCE))
    return Pairs(
        rows[near].astype(np.int32), columns[near].astype(np.int32), values[near], (int(shape[0]), int(shape[1]))
    )


def amounts(name: str, values: ArrayLike, length: int) -> Float64Array:
    """People or places, shape (length,); InputError if there are more or fewer, or a value is no number from 0."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (length,):
        raise InputError(f"{name} has the shape {array.shape}; ({length},) is needed")
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise InputError(f"{name} must be finite numbers from 0")
    return array
