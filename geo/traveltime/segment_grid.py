"""Searches the nearest of many lines to a point in a grid of square cells.

A grid suits streets, whose segments are short and of one size: a compiled search of it touches little memory, where a
search tree of shapes takes many steps. `geo.traveltime.snapping` snaps points with it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from geo.arrays import Float64Array, Int8Array, Int32Array, Int64Array
from geo.compiled import compiled

# The fewest segments per cell for which the grid takes less memory than the segments.
SEGMENTS_PER_CELL = 2.0
MOST_CELLS = 2**24


class GridTables(NamedTuple):
    """Lines, and the grid of their segments, as the compiled loops take them.

    Attributes
    ----------
    xy : shape (vertices, 2), the lines' vertices in metres
    first_vertex : shape (lines + 1,), where the vertices of each line begin
    preference : shape (lines,), see `SegmentGrid`
    line : shape (vertices,), the line of each vertex
    metres_before : shape (vertices,), metres of its line before each vertex
    corner : shape (2,), the lower left corner of the grid
    cell_m : the width of a cell
    shape : shape (2,), how many columns and rows there are
    indptr : shape (cells + 1,), where the segments of each cell begin, row by row
    segments : the first vertex of each segment that meets the cell
    """

    xy: Float64Array
    first_vertex: Int64Array
    preference: Int8Array
    line: Int32Array
    metres_before: Float64Array
    corner: Float64Array
    cell_m: float
    shape: Int64Array
    indptr: Int64Array
    segments: Int32Array


@dataclass(frozen=True)
class SegmentGrid:
    """The segments of lines in metres; the grid is built on first use.

    ``xy`` are the lines' vertices, shape (vertices, 2), those of a line begin at ``first_vertex``, shape (lines + 1,).
    ``preference``, shape (lines,), is 1 for lines that a point is snapped to before others, 0 for others, and −1 for
    lines that no point is snapped to.
    """

    xy: Float64Array
    first_vertex: Int64Array
    preference: Int8Array

    @cached_property
    def _tables(self) -> tuple[object, ...]:
        """`GridTables` as a plain tuple, whose type numba recognizes faster than that of a NamedTuple."""
        xy, counts = self.xy, np.diff(self.first_vertex)
        line = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        same_line = line[1:] == line[:-1]
        steps = np.where(same_line, np.hypot(*np.diff(xy, axis=0).T), 0.0)
        total = np.concatenate([[0.0], np.cumsum(steps)])[: len(xy)]
        metres_before = total - total[self.first_vertex[:-1]][line]
        low, high = (xy.min(axis=0), xy.max(axis=0)) if len(xy) else (np.zeros(2), np.zeros(2))
        area = max(float(np.prod(high - low)), 1.0)
        cell_m = max(np.sqrt(area * SEGMENTS_PER_CELL / max(len(xy), 1)), 1.0, np.sqrt(area / MOST_CELLS))
        cell_m = float(max(cell_m, float((high - low).max()) / MOST_CELLS))
        shape = ((high - low) / cell_m).astype(np.int64) + 1
        counted = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
        empty = GridTables(
            xy,
            self.first_vertex,
            self.preference,
            line,
            metres_before,
            low,
            cell_m,
            shape,
            counted,
            np.empty(0, dtype=np.int32),
        )
        _fill(empty, counted)
        indptr = np.concatenate([[0], np.cumsum(counted[:-1])])
        filled = empty._replace(indptr=indptr, segments=np.empty(indptr[-1], dtype=np.int32))
        _fill(filled, indptr.copy())
        return tuple(filled)

    def nearest(self, points: Float64Array, farthest: float) -> tuple[Int64Array, Float64Array]:
        """The nearest line to each of ``points``, shape (n, 2), within ``farthest`` metres (≤).

        Returns
        -------
        line : shape (n, 2), the nearest preferred line, and the nearest other line if it is nearer; −1: none
        nearest_at : shape (n, 2, 3), the fraction of the line's length at which it is nearest, and x and y of that
            point. Of lines equally near it is the first.
        """
        return _nearest(points, farthest, self._tables)  # type: ignore[arg-type]


@compiled
def _fill(tables: GridTables, free: Int64Array) -> None:
    """Count the segments of each cell in ``free``; or write them to where ``free`` says, if there is room for them."""
    xy, line, corner, cell_m, shape = tables.xy, tables.line, tables.corner, tables.cell_m, tables.shape
    segments = tables.segments
    for vertex in range(len(xy) - 1):
        if line[vertex] != line[vertex + 1] or tables.preference[line[vertex]] < 0:
            continue
        ax, ay = (xy[vertex, 0] - corner[0]) / cell_m, (xy[vertex, 1] - corner[1]) / cell_m
        bx, by = (xy[vertex + 1, 0] - corner[0]) / cell_m, (xy[vertex + 1, 1] - corner[1]) / cell_m
        first_row, last_row = int(min(ay, by)), int(max(ay, by))
        for row in range(first_row, min(last_row, shape[1] - 1) + 1):
            # The columns that the segment crosses within the row; a hair more, because of rounding.
            left, right = min(ax, bx), max(ax, bx)
            if first_row != last_row:
                enters = ax + (bx - ax) * (max(float(row), min(ay, by)) - ay) / (by - ay)
                leaves = ax + (bx - ax) * (min(row + 1.0, max(ay, by)) - ay) / (by - ay)
                left, right = max(left, min(enters, leaves) - 1e-6), min(right, max(enters, leaves) + 1e-6)
            for column in range(int(left), min(int(right), shape[0] - 1) + 1):
                cell = row * shape[0] + column
                if len(segments):
                    segments[free[cell]] = vertex
                free[cell] += 1


@compiled
def _nearest(points: Float64Array, farthest: float, plain_tables: GridTables) -> tuple[Int64Array, Float64Array]:
    tables = GridTables(*plain_tables)
    xy, first_vertex, preference, line = tables.xy, tables.first_vertex, tables.preference, tables.line
    metres_before, corner, cell_m, shape = tables.metres_before, tables.corner, tables.cell_m, tables.shape
    indptr, segments = tables.indptr, tables.segments
    nearest_line, nearest_at = np.full((len(points), 2), -1), np.full((len(points), 2, 3), np.nan)
    least = np.empty(2)
    for point in range(len(points)):
        x, y = points[point, 0], points[point, 1]
        across, up = (x - corner[0]) / cell_m, (y - corner[1]) / cell_m
        rings = farthest / cell_m + 1.0
        # NaN is skipped too: it fails every comparison.
        if not (-rings <= across <= shape[0] + rings and -rings <= up <= shape[1] + rings):
            continue
        column, row = int(np.floor(across)), int(np.floor(up))
        margin = min(across - column, column + 1 - across, up - row, row + 1 - up)
        least[:] = farthest * farthest
        for ring in range(int(rings) + 2):
            searched_m = max(ring - 1 + margin, 0.0) * cell_m  # nothing nearer than this is left
            if searched_m > farthest or (nearest_line[point, 0] >= 0 and least[0] < searched_m * searched_m):
                break
            for r in range(max(row - ring, 0), min(row + ring, shape[1] - 1) + 1):
                step = 1 if abs(r - row) == ring else max(2 * ring, 1)
                for c in range(column - ring, column + ring + 1, step):
                    if not 0 <= c < shape[0]:
                        continue
                    for number in range(indptr[r * shape[0] + c], indptr[r * shape[0] + c + 1]):
                        vertex = segments[number]
                        ax, ay = xy[vertex, 0], xy[vertex, 1]
                        dx, dy = xy[vertex + 1, 0] - ax, xy[vertex + 1, 1] - ay
                        square = dx * dx + dy * dy
                        segment_fraction = 0.0
                        if square > 0.0:
                            segment_fraction = min(max(((x - ax) * dx + (y - ay) * dy) / square, 0.0), 1.0)
                        near_x, near_y = ax + segment_fraction * dx, ay + segment_fraction * dy
                        away = (x - near_x) ** 2 + (y - near_y) ** 2
                        candidate = line[vertex]
                        group = 0 if preference[candidate] > 0 else 1
                        if away < least[group] or (
                            away == least[group]
                            and (nearest_line[point, group] < 0 or candidate < nearest_line[point, group])
                        ):
                            least[group], nearest_line[point, group] = away, candidate
                            nearest_at[point, group, 0] = metres_before[vertex] + segment_fraction * np.sqrt(square)
                            nearest_at[point, group, 1], nearest_at[point, group, 2] = near_x, near_y
        if nearest_line[point, 0] >= 0 and least[1] >= least[0]:
            nearest_line[point, 1] = -1
        for group in range(2):
            if nearest_line[point, group] >= 0:
                length = metres_before[first_vertex[nearest_line[point, group] + 1] - 1]
                at = nearest_at[point, group, 0]
                nearest_at[point, group, 0] = min(at / length, 1.0) if length > 0.0 else 0.0
    return nearest_line, nearest_at
