"""The nearest of many lines to a point, by a grid of square cells: what a search tree of shapes takes many steps for.

A grid suits streets, whose segments are short and of one size, and a compiled search of it touches little memory.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled

# As few segments a cell as keep the grid smaller than they are.
SEGMENTS_PER_CELL = 2.0
MOST_CELLS = 2**24


@dataclass(frozen=True)
class Segments:
    """The segments of lines in metres.

    ``xy`` are the lines' vertices, shape (vertices, 2), those of a line begin at ``first_vertex``, shape (lines + 1,);
    ``kind``, shape (lines,), is true for lines of one kind and false for those of the other.
    """

    xy: Float64Array
    first_vertex: Int64Array
    kind: BoolArray

    @cached_property
    def _tables(self) -> tuple[Int32Array, Float64Array, Float64Array, Int64Array, Int32Array, Int64Array, float]:
        """Line of each vertex, metres of its line before it, origin, and the grid: its segments by cell, its size."""
        xy, counts = self.xy, np.diff(self.first_vertex)
        line = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        same = line[1:] == line[:-1]
        steps = np.where(same, np.hypot(*np.diff(xy, axis=0).T), 0.0)
        run = np.concatenate([[0.0], np.cumsum(steps)])[: len(xy)]
        before = run - run[self.first_vertex[:-1]][line]
        low, high = (xy.min(axis=0), xy.max(axis=0)) if len(xy) else (np.zeros(2), np.zeros(2))
        area = max(float(np.prod(high - low)), 1.0)
        cell = max(np.sqrt(area * SEGMENTS_PER_CELL / max(len(xy), 1)), 1.0, np.sqrt(area / MOST_CELLS))
        cell = max(cell, float((high - low).max()) / MOST_CELLS)
        shape = ((high - low) / cell).astype(np.int64) + 1
        indptr = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
        _fill(xy, line, low, cell, shape, indptr, np.empty(0, dtype=np.int32))
        indptr = np.concatenate([[0], np.cumsum(indptr[:-1])])
        held = np.empty(indptr[-1], dtype=np.int32)
        _fill(xy, line, low, cell, shape, indptr.copy(), held)
        return line, before, low, indptr, held, shape, cell

    def nearest(self, points: Float64Array, farthest: float) -> tuple[Int64Array, Float64Array]:
        """The nearest line of each kind to each of ``points``, shape (n, 2), within ``farthest`` metres (≤).

        Two arrays: the line, shape (n, 2), first of the kind that is true, then of the other (−1: none is so near, or
        another of the first kind is nearer); and where it is nearest, shape (n, 2, 3): the fraction of its length, x
        and y. Of lines equally near it is the first.
        """
        return _nearest(points, farthest, self.xy, self.first_vertex, self.kind, *self._tables)


@compiled
def _fill(
    xy: Float64Array,
    line: Int32Array,
    low: Float64Array,
    cell: float,
    shape: Int64Array,
    at: Int64Array,
    held: Int32Array,
) -> None:
    """Count the segments of each cell into ``at``; or, if ``held`` has room, put them where ``at`` says."""
    for vertex in range(len(xy) - 1):
        if line[vertex] != line[vertex + 1]:
            continue
        ax, ay = (xy[vertex, 0] - low[0]) / cell, (xy[vertex, 1] - low[1]) / cell
        bx, by = (xy[vertex + 1, 0] - low[0]) / cell, (xy[vertex + 1, 1] - low[1]) / cell
        first_row, last_row = int(min(ay, by)), int(max(ay, by))
        for row in range(first_row, min(last_row, shape[1] - 1) + 1):
            # The columns of the part that lies in the row; a hair more, as it is rounded.
            left, right = min(ax, bx), max(ax, bx)
            if first_row != last_row:
                one = ax + (bx - ax) * (max(float(row), min(ay, by)) - ay) / (by - ay)
                two = ax + (bx - ax) * (min(row + 1.0, max(ay, by)) - ay) / (by - ay)
                left, right = max(left, min(one, two) - 1e-6), min(right, max(one, two) + 1e-6)
            for column in range(int(left), min(int(right), shape[0] - 1) + 1):
                number = row * shape[0] + column
                if len(held):
                    held[at[number]] = vertex
                at[number] += 1


@compiled
def _nearest(
    points: Float64Array,
    farthest: float,
    xy: Float64Array,
    first_vertex: Int64Array,
    kind: BoolArray,
    line: Int32Array,
    before: Float64Array,
    low: Float64Array,
    indptr: Int64Array,
    held: Int32Array,
    shape: Int64Array,
    cell: float,
) -> tuple[Int64Array, Float64Array]:
    found, where = np.full((len(points), 2), -1), np.full((len(points), 2, 3), np.nan)
    best = np.empty(2)
    for point in range(len(points)):
        x, y = points[point, 0], points[point, 1]
        across, up = (x - low[0]) / cell, (y - low[1]) / cell
        rings = farthest / cell + 1.0
        if not (-rings <= across <= shape[0] + rings and -rings <= up <= shape[1] + rings):  # nor if it is no number
            continue
        column, row = int(np.floor(across)), int(np.floor(up))
        margin = min(across - column, column + 1 - across, up - row, row + 1 - up)
        best[:] = farthest * farthest
        for ring in range(int(rings) + 2):
            known = max(ring - 1 + margin, 0.0) * cell  # nothing so near is left
            if known > farthest or (found[point, 0] >= 0 and best[0] < known * known):
                break
            for r in range(max(row - ring, 0), min(row + ring, shape[1] - 1) + 1):
                step = 1 if abs(r - row) == ring else max(2 * ring, 1)
                for c in range(column - ring, column + ring + 1, step):
                    if not 0 <= c < shape[0]:
                        continue
                    for one in range(indptr[r * shape[0] + c], indptr[r * shape[0] + c + 1]):
                        vertex = held[one]
                        ax, ay = xy[vertex, 0], xy[vertex, 1]
                        dx, dy = xy[vertex + 1, 0] - ax, xy[vertex + 1, 1] - ay
                        square = dx * dx + dy * dy
                        part = 0.0
                        if square > 0.0:
                            part = min(max(((x - ax) * dx + (y - ay) * dy) / square, 0.0), 1.0)
                        near_x, near_y = ax + part * dx, ay + part * dy
                        away = (x - near_x) ** 2 + (y - near_y) ** 2
                        of = line[vertex]
                        which = 0 if kind[of] else 1
                        if away < best[which] or (
                            away == best[which] and (found[point, which] < 0 or of < found[point, which])
                        ):
                            best[which], found[point, which] = away, of
                            where[point, which, 0] = before[vertex] + part * np.sqrt(square)
                            where[point, which, 1], where[point, which, 2] = near_x, near_y
        if found[point, 0] >= 0 and best[1] >= best[0]:
            found[point, 1] = -1
        for which in range(2):
            if found[point, which] >= 0:
                last = first_vertex[found[point, which] + 1] - 1
                whole = before[last]
                where[point, which, 0] = min(where[point, which, 0] / whole, 1.0) if whole > 0.0 else 0.0
    return found, where
