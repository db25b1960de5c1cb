"""Which pairs of facilities are worth comparing for duplicates: those of one category that are near each other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import shapely

from geo.arrays import BoolArray, GeometryArray, Int64Array, ObjectArray
from geo.lists.names import PlainName

MAX_COMPARED_WITH_ALL = 64
"""Where more facilities of a category stand within 3 × 3 squares of ``near_m``, not all pairs are compared."""
WINDOW = 8
"""With how many of the next by name each facility of such a crowd is compared."""


def near_pairs(
    shapes: GeometryArray, categories: ObjectArray, names: Sequence[PlainName | None], near_m: float
) -> tuple[Int64Array, Int64Array]:
    """Pairs of rows (lower, higher), each once, which include all duplicates.

    ``shapes`` are in metres. Work and memory grow with the number of facilities and not with its square: in a crowd,
    each facility is compared with the `WINDOW` next by name only, and with the next by the name read backwards.
    """
    category = np.unique(categories.astype(str), return_inverse=True)[1]
    size = max(near_m, 1.0)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    squares = np.floor(np.where(np.isfinite(centres), centres, 0) / size).astype(np.int64)
    crowded: BoolArray = _count_around(category, squares) > MAX_COMPARED_WITH_ALL
    pairs = [_pairs_within_distance(shapes, category, np.flatnonzero(~crowded), near_m)]
    rows = np.flatnonzero(crowded)
    if len(rows):
        forwards = [name.without_category + name.text if name else "" for name in names]
        for texts in (forwards, [text[::-1] for text in forwards]):
            rank = pd.factorize(np.array(texts, dtype=object), sort=True)[0]
            pairs += _pairs_next_by_rank(category[rows], squares[rows], rank[rows], rows)
    sorted_pairs = np.sort(np.concatenate(pairs), axis=1)
    count = max(len(shapes), 1)
    lower, higher = np.divmod(np.unique(sorted_pairs[:, 0] * len(shapes) + sorted_pairs[:, 1]), count)
    return lower, higher


def _count_around(category: Int64Array, squares: Int64Array) -> Int64Array:
    """How many facilities of its category are in a row's square and the eight around it, shape (n,)."""
    keys, key_of_row, counts = np.unique(
        np.column_stack([category, squares]), axis=0, return_inverse=True, return_counts=True
    )
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    count_of = {tuple(key): int(count) for key, count in zip(keys.tolist(), counts, strict=True)}
    offsets = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    sums = [sum(count_of.get((own, x + dx, y + dy), 0) for dx, dy in offsets) for own, x, y in keys.tolist()]
    return np.array(sums, dtype=np.int64)[key_of_row.reshape(-1)]


def _pairs_within_distance(shapes: GeometryArray, category: Int64Array, rows: Int64Array, near_m: float) -> Int64Array:
    """Pairs of ``rows`` with all facilities of their category that are near, shape (n, 2)."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for one_category in np.unique(category):
        members = np.flatnonzero(category == one_category)
        asking = rows[category[rows] == one_category]
        tree = shapely.STRtree(shapes[members])
        # The projection's metres are not exact, so that the radius is a little larger.
        a, b = tree.query(shapes[asking], predicate="dwithin", distance=near_m * 1.01 + 1)
        both = np.column_stack([asking[a], members[b]])
        pairs.append(both[both[:, 0] != both[:, 1]])
    return np.concatenate(pairs)


def _pairs_next_by_rank(
    category: Int64Array, squares: Int64Array, rank: Int64Array, rows: Int64Array
) -> list[Int64Array]:
    """Pairs of ``rows`` that follow each other by ``rank`` within a block of 2 × 2 squares.

    Blocks are laid in four ways, shifted by one square, so that any two facilities that are near share a block.
    """
    pairs = []
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = (squares + shift) // 2
        order = np.lexsort((rows, rank, block[:, 1], block[:, 0], category))
        keys = np.column_stack([category, block])[order]
        for ahead in range(1, WINDOW + 1):
            same_block = np.flatnonzero((keys[:-ahead] == keys[ahead:]).all(axis=1))
            pairs.append(np.column_stack([rows[order[same_block]], rows[order[same_block + ahead]]]))
    return pairs
