"""Cutting planes that bring the relaxation of maximal covering nearer to whole sites: {0, ½}-Chvátal-Gomory cuts.

Add the constraints Σ x + y ≥ 1 of an odd set of rows, halve the sum, and round every coefficient and the right side up:
that holds for whole numbers (Caprara and Fischetti 1996). It cuts off fractions where sites cover the rows of the set
by twos, such as three rows and a half of each of the three sites that cover two of them. A cut is violated if the rows'
slack, what they leave uncovered, and the sites that cover an odd number of the rows sum to less than 1.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled

LARGEST_SET = 11
_MOST_SETS = 100_000
_VIOLATED = 0.92
"""Sums above are not worth a cut."""
_PROMISING = 1.3
_MOST_TRIPLES = 300_000
_STARTS = 20_000
_USES_OF_A_ROW = 4
_MOST_CUTS = 600
_SUPPORT = 1e-4
_LOOSE_ROW = 0.5


class Support(NamedTuple):
    """The sites that a fractional solution opens and the rows that are tight in it, both ways.

    ``share`` is how far each site is open, and ``own`` the slack and uncovered part of each row.
    """

    row_start: Int32Array
    row_sites: Int32Array
    site_start: Int32Array
    site_rows: Int32Array
    share: Float64Array
    own: Float64Array


@compiled
def _change(row: int, support: Support, is_odd: BoolArray) -> float:
    """By how much the sum over odd sites would change."""
    change = 0.0
    for entry in range(support.row_start[row], support.row_start[row + 1]):
        site = support.row_sites[entry]
        change += -support.share[site] if is_odd[site] else support.share[site]
    return change


@compiled
def _toggle(row: int, support: Support, is_odd: BoolArray) -> float:
    """Put a row into the set or take it out; return by how much the sum over odd sites changes."""
    change = _change(row, support, is_odd)
    for entry in range(support.row_start[row], support.row_start[row + 1]):
        site = support.row_sites[entry]
        is_odd[site] = not is_odd[site]
    return change


@compiled
def _triples(support: Support, sets: Int32Array, sums: Float64Array) -> int:
    """Fill ``sets`` with promising sets of three rows, the second and third of which share a site with the first."""
    rows = len(support.own)
    is_odd = np.zeros(len(support.share), dtype=np.bool_)
    seen, near = np.full(rows, -1), np.empty(rows, dtype=np.int64)
    number = 0
    for a in range(rows):
        size = 0
        for entry in range(support.row_start[a], support.row_start[a + 1]):
            site = support.row_sites[entry]
            for other in range(support.site_start[site], support.site_start[site + 1]):
                b = support.site_rows[other]
                if b > a and seen[b] != a:
                    seen[b] = a
                    near[size] = b
                    size += 1
        sum_a = support.own[a] + _toggle(a, support, is_odd)
        for position in range(size):
            b = near[position]
            sum_b = sum_a + support.own[b] + _toggle(b, support, is_odd)
            for c in near[position + 1 : size]:
                total = sum_b + support.own[c] + _change(c, support, is_odd)
                if total < _PROMISING and number < len(sums):
                    sets[number, 0], sets[number, 1], sets[number, 2] = a, b, c
                    sums[number] = total
                    number += 1
            _toggle(b, support, is_odd)
        _toggle(a, support, is_odd)
    return number


@compiled
def _grow(support: Support, starts: Int32Array, sets: Int32Array, sums: Float64Array) -> int:
    """Grow sets of rows by the two rows that lower the sum most, and so on; fill ``sets`` with the violated ones."""
    rows, largest = len(support.own), sets.shape[1]
    is_odd = np.zeros(len(support.share), dtype=np.bool_)
    seen, near, change = np.full(rows, -1), np.empty(rows, dtype=np.int64), np.empty(rows)
    members = np.empty(largest, dtype=np.int32)
    number = 0
    for start in range(len(starts)):
        size, total = 0, 0.0
        for row in starts[start]:
            if row >= 0:
                members[size] = row
                size += 1
                total += support.own[row] + _toggle(row, support, is_odd)
        while size + 2 <= largest:
            mark, nearby = start * 16 + size, 0
            seen[members[:size]] = mark
            for row in members[:size]:
                for entry in range(support.row_start[row], support.row_start[row + 1]):
                    site = support.row_sites[entry]
                    if not is_odd[site]:
                        continue
                    for other in range(support.site_start[site], support.site_start[site + 1]):
                        b = support.site_rows[other]
                        if seen[b] != mark:
                            seen[b] = mark
                            change[b] = support.own[b] + _change(b, support, is_odd)
                            if change[b] < 0.6:
                                near[nearby] = b
                                nearby += 1
            least, first, second = 1e9, -1, -1
            for position in range(nearby):
                b = near[position]
                _toggle(b, support, is_odd)
                for c in near[position + 1 : nearby]:
                    if change[b] + change[c] - 1.2 < least:
                        both = change[b] + support.own[c] + _change(c, support, is_odd)
                        if both < least:
                            least, first, second = both, b, c
                _toggle(b, support, is_odd)
            if first < 0 or total + least > 1.5:
                break
            total += least
            for row in (first, second):
                members[size] = row
                size += 1
                _toggle(row, support, is_odd)
            if total < _VIOLATED and number < len(sums):
                sets[number, :size] = members[:size]
                sums[number] = total
                number += 1
        for row in members[:size]:
            for entry in range(support.row_start[row], support.row_start[row + 1]):
                is_odd[support.row_sites[entry]] = False
    return number


def violated(cover: sparse.csr_array, x: Float64Array, y: Float64Array) -> sparse.csr_array:
    """Odd sets of rows whose cut a fractional solution violates, as a matrix sets × rows of ones.

    Parameters
    ----------
    cover : rows × sites
    x, y : how far each site is open, and how far each row is uncovered
    """
    own = np.maximum(cover @ x + y - 1.0, 0.0) + np.maximum(y, 0.0)
    sites = np.flatnonzero(x > _SUPPORT)
    rows = np.flatnonzero(own < _LOOSE_ROW)
    rows = rows[np.argsort(own[rows], kind="stable")]
    part = cover[rows][:, sites]
    # Of rows that the same open sites cover, the tightest is enough.
    random = np.random.default_rng(0).random(len(sites))
    _, first = np.unique(part @ random, return_index=True)
    rows, part = rows[first], sparse.csr_array(part[first])
    by_site = sparse.csc_array(part)
    support = Support(
        part.indptr.astype(np.int32), part.indices.astype(np.int32), by_site.indptr.astype(np.int32),
        by_site.indices.astype(np.int32), x[sites], own[rows],
    )  # fmt: skip
    triples, sums = np.full((_MOST_TRIPLES, 3), -1, dtype=np.int32), np.empty(_MOST_TRIPLES)
    count = _triples(support, triples, sums)
    order = np.argsort(sums[:count], kind="stable")
    triples, sums = triples[:count][order], sums[:count][order]
    single = np.full((len(rows), 3), -1, dtype=np.int32)
    single[:, 0] = np.arange(len(rows))
    larger, larger_sums = np.full((_MOST_SETS, LARGEST_SET), -1, dtype=np.int32), np.empty(_MOST_SETS)
    count = _grow(support, np.concatenate([triples[:_STARTS], single]), larger, larger_sums)
    triples = triples[sums < _VIOLATED]
    everything = np.full((len(triples) + count, LARGEST_SET), -1, dtype=np.int32)
    everything[: len(triples), :3], everything[len(triples) :] = triples, larger[:count]
    return _selected(everything, np.append(sums[: len(triples)], larger_sums[:count]), rows, cover.shape[0])


def _selected(sets: Int32Array, sums: Float64Array, rows: Int64Array, all_rows: int) -> sparse.csr_array:
    """The most violated sets, so that no row is in many of them."""
    used, chosen, known = np.zeros(all_rows, dtype=np.int64), [], set[bytes]()
    for number in np.argsort(sums, kind="stable"):
        members = np.sort(rows[sets[number][sets[number] >= 0]])
        if used[members].max() >= _USES_OF_A_ROW or members.tobytes() in known:
            continue
        used[members] += 1
        known.add(members.tobytes())
        chosen.append(members)
        if len(chosen) == _MOST_CUTS:
            break
    starts = np.cumsum([0, *map(len, chosen)])
    indices = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    return sparse.csr_array((np.ones(len(indices)), indices, starts), (len(chosen), all_rows))
