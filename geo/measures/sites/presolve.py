"""Makes covering problems smaller without changing what the best choice achieves."""

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array

_MOST_PAIRS = 60_000_000
"""With more pairs of overlapping sites than this, finding the dominated ones takes longer than it saves."""


def without_equal_rows(cover: sparse.csr_array, weights: Float64Array) -> tuple[sparse.csr_array, Float64Array]:
    """Merge rows that the same sites cover, adding their weights; rows that no site covers are dropped.

    Rows are compared by two sums of random numbers, one for each of their sites.
    """
    random = np.random.default_rng(0).integers(1, 2**61, (cover.shape[1], 2), dtype=np.uint64)
    occupied = np.flatnonzero(np.diff(cover.indptr))
    if not len(occupied):
        return cover[:0], weights[:0]
    keys = np.add.reduceat(random[cover.indices], cover.indptr[occupied], axis=0)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    merged = np.bincount(group.ravel(), weights[occupied], minlength=len(first)).astype(np.float64)
    order = np.argsort(first)
    return cover[occupied[first[order]]], merged[order]


def dominated_sites(cover: sparse.csr_array, costs: Float64Array, candidates: BoolArray) -> BoolArray:
    """Which candidate sites another one replaces: it covers the same rows or more, and costs no more.

    Of equal sites the first stays.
    """
    dominated = np.zeros(cover.shape[1], dtype=bool)
    numbers = np.flatnonzero(candidates)
    matrix = cover[:, numbers]
    if float((np.diff(matrix.indptr).astype(float) ** 2).sum()) > _MOST_PAIRS:
        return dominated
    size = np.bincount(matrix.indices, minlength=len(numbers))
    common = sparse.coo_array(matrix.T @ matrix)
    small, large = common.coords
    contained = (common.data == size[small]) & (small != large)
    small, large = small[contained], large[contained]
    price = costs[numbers]
    equal = (size[small] == size[large]) & (price[small] == price[large])
    worse = (price[large] <= price[small]) & (~equal | (large < small))
    dominated[numbers[small[worse]]] = True
    dominated[numbers[size == 0]] = True
    return dominated


def unneeded_rows(cover: sparse.csr_array) -> BoolArray:
    """Rows of a set covering problem that are covered whenever another row is: its sites are among theirs."""
    unneeded = np.zeros(cover.shape[0], dtype=bool)
    columns = cover.tocsc()
    if float((np.diff(columns.indptr).astype(float) ** 2).sum()) > _MOST_PAIRS:
        return unneeded
    size = np.diff(cover.indptr)
    common = sparse.coo_array(cover @ cover.T)
    small, large = common.coords
    contained = (common.data == size[small]) & (small != large)
    small, large = small[contained], large[contained]
    unneeded[large[(size[large] > size[small]) | (small < large)]] = True
    return unneeded
