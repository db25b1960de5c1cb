"""Makes covering problems smaller without changing what the best choice achieves."""

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int32Array
from geo.compiled import compiled


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


def dominated_sites(cover: sparse.csr_array, costs: Float64Array, candidates: BoolArray, over: BoolArray) -> BoolArray:
    """Which candidate sites another one replaces: it covers the same rows or more, and costs no more.

    Of equal sites the first stays. If ``over`` becomes True, the rest is not looked at.
    """
    numbers = np.flatnonzero(candidates)
    by_site = sparse.csr_array(cover[:, numbers].T)
    dominated = np.zeros(cover.shape[1], dtype=bool)
    dominated[numbers] = _contained(*_pairs(by_site), costs[numbers], over)
    dominated[numbers[np.diff(by_site.indptr) == 0]] = True
    return dominated


def unneeded_rows(cover: sparse.csr_array, over: BoolArray) -> BoolArray:
    """Rows of a set covering problem that are covered whenever another row is: its sites are among theirs."""
    return _containing(*_pairs(cover), over)


def _pairs(matrix: sparse.csr_array) -> tuple[Int32Array, Int32Array, Int32Array, Int32Array]:
    """Starts and members of the rows, and of the columns, of a matrix with sorted columns."""
    columns = matrix.tocsc()
    columns.sort_indices()
    start, members, back_start, back = (
        part.astype(np.int32) for part in (matrix.indptr, matrix.indices, columns.indptr, columns.indices)
    )
    return start, members, back_start, back


@compiled
def _is_within(small: int, large: int, start: Int32Array, members: Int32Array) -> bool:
    """Whether all members of a set are in another; both are in ascending order."""
    other, end = start[large], start[large + 1]
    for entry in range(start[small], start[small + 1]):
        while other < end and members[other] < members[entry]:
            other += 1
        if other == end or members[other] != members[entry]:
            return False
    return True


@compiled
def _rarest(item: int, start: Int32Array, members: Int32Array, back_start: Int32Array) -> int:
    """The member of a set that is in the fewest sets."""
    rarest, fewest = -1, 1 << 60
    for entry in range(start[item], start[item + 1]):
        member = members[entry]
        if back_start[member + 1] - back_start[member] < fewest:
            rarest, fewest = member, back_start[member + 1] - back_start[member]
    return rarest


@compiled
def _contained(
    start: Int32Array,
    members: Int32Array,
    back_start: Int32Array,
    back: Int32Array,
    costs: Float64Array,
    over: BoolArray,
) -> BoolArray:
    """Which sets are within another that costs no more; of equal ones the first is not."""
    sets = len(start) - 1
    contained = np.zeros(sets, dtype=np.bool_)
    for item in range(sets):
        if over[0]:
            break
        size = start[item + 1] - start[item]
        rarest = _rarest(item, start, members, back_start)
        if rarest < 0:
            continue
        for entry in range(back_start[rarest], back_start[rarest + 1]):
            other = back[entry]
            other_size = start[other + 1] - start[other]
            if other == item or other_size < size or costs[other] > costs[item] or contained[other]:
                continue
            if other_size == size and costs[other] == costs[item] and other > item:
                continue
            if _is_within(item, other, start, members):
                contained[item] = True
                break
    return contained


@compiled
def _containing(
    start: Int32Array, members: Int32Array, back_start: Int32Array, back: Int32Array, over: BoolArray
) -> BoolArray:
    """Which sets contain another; of equal ones the first does not count as containing."""
    sets = len(start) - 1
    containing = np.zeros(sets, dtype=np.bool_)
    for item in range(sets):
        if over[0]:
            break
        size = start[item + 1] - start[item]
        rarest = _rarest(item, start, members, back_start)
        if rarest < 0 or containing[item]:
            continue
        for entry in range(back_start[rarest], back_start[rarest + 1]):
            other = back[entry]
            other_size = start[other + 1] - start[other]
            if other == item or containing[other] or other_size < size or (other_size == size and other < item):
                continue
            if _is_within(item, other, start, members):
                containing[other] = True
    return containing
