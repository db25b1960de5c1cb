"""The grid of segments against all lines measured one by one, and against a search tree on real streets."""

from itertools import pairwise

import numpy as np
import pytest
import shapely

from geo.study.study import Study
from geo.traveltime import segment_grid
from geo.traveltime.segment_grid import SegmentGrid
from geo.traveltime.travel import Travel
from support.examples import only_long


def grid_of(lines: list[list[tuple[float, float]]], preferred: list[bool] | None = None) -> SegmentGrid:
    """A grid of lines, all of them preferred unless said otherwise."""
    xy = np.array([vertex for line in lines for vertex in line], dtype=float).reshape(-1, 2)
    first_vertex = np.cumsum([0, *(len(line) for line in lines)])
    return SegmentGrid(
        xy, first_vertex, np.array(preferred if preferred is not None else [True] * len(lines), dtype=np.int8)
    )


def count_nearest(grid: SegmentGrid, points: np.ndarray, farthest: float) -> int:
    """How many nearest lines there are for the points; checks that each is as far as the least of all distances."""
    nearest_line, nearest_at = grid.nearest(points, farthest)
    lines = np.array([shapely.LineString(xy) for xy in np.split(grid.xy, grid.first_vertex[1:-1])], dtype=object)
    metres = shapely.distance(shapely.points(points)[:, None], lines[None, :])
    for row, point in enumerate(points):
        least = [np.min(metres[row, grid.preference == preferred], initial=np.inf) for preferred in (True, False)]
        for column in range(2):
            line, (fraction, x, y) = nearest_line[row, column], nearest_at[row, column]
            if line < 0:
                assert least[column] > farthest or (column == 1 and least[0] <= least[1])
                continue
            assert grid.preference[line] == (column == 0)
            assert np.hypot(x - point[0], y - point[1]) == pytest.approx(least[column], abs=1e-7)
            assert least[column] <= farthest + 1e-9
            if lines[line].length:
                at_fraction = shapely.line_interpolate_point(lines[line], fraction, normalized=True)
                assert shapely.distance(at_fraction, shapely.Point(x, y)) < 1e-7
            else:
                assert fraction == 0
    return int((nearest_line >= 0).sum())


@pytest.mark.parametrize("seed", range(20))
def test_nearest_of_random_lines(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(segment_grid, "SEGMENTS_PER_CELL", [0.01, 0.5, 2.0, 50.0][seed % 4])
    size = 10 ** rng.uniform(0, 5)
    lines = []
    for _ in range(rng.integers(1, 60)):
        start, count = rng.uniform(0, size, 2), rng.integers(2, 7)
        steps = rng.normal(0, size * rng.choice([0.001, 0.05, 1.0]), (count, 2)) * rng.integers(0, 2, 2)
        lines.append([tuple(vertex) for vertex in start + np.cumsum(steps, axis=0)])
    grid = grid_of(lines, list(rng.random(len(lines)) < 0.7))
    points = np.concatenate([rng.uniform(-size / 2, size * 1.5, (150, 2)), grid.xy[:50]])
    assert count_nearest(grid, points, size * rng.choice([0.01, 0.2, 3.0])) >= len(grid.xy[:50])


@pytest.mark.parametrize("axis", [0, 1])
def test_nearest_of_lines_that_lie_on_one_straight_line(axis: int):
    vertices = np.zeros((9, 2))
    vertices[:, axis] = np.arange(9) * 7.0
    grid = grid_of([[tuple(a), tuple(b)] for a, b in pairwise(vertices)])
    points = np.random.default_rng(1).uniform(-60, 60, (200, 2))
    assert count_nearest(grid, points, 50.0) > 100


def test_line_exactly_at_the_limit_is_near_enough():
    grid = grid_of([[(0, 0), (10, 0)]])
    points = np.array([[5.0, 3.0], [5.0, 3.0000001], [13.0, 0.0], [-3.0, 0.0]])
    nearest_line, nearest_at = grid.nearest(points, 3.0)
    assert nearest_line[:, 0].tolist() == [0, -1, 0, 0]
    assert nearest_at[[0, 2, 3], 0, 0].tolist() == [0.5, 1.0, 0.0]


def test_first_of_lines_equally_near_is_taken():
    star = [[(0.0, 0.0), (x, y)] for x, y in ((9, 9), (-9, 9), (9, -9), (-9, -9))]
    nearest_line, nearest_at = grid_of(star).nearest(np.array([[0.0, 0.0], [0.0, -1.0]]), 5.0)
    assert nearest_line.tolist() == [[0, -1], [2, -1]]
    assert nearest_at[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e18])
def test_point_that_is_not_finite_or_far_away_is_near_no_line(bad: float):
    grid = grid_of([[(0, 0), (10, 0)], [(3, 3), (3, 3)]], [True, False])
    nearest_line, _ = grid.nearest(np.array([[bad, 0.0], [0.0, bad], [bad, bad], [3.0, 2.9]]), 1000.0)
    assert nearest_line.tolist() == [[-1, -1]] * 3 + [[0, 1]]


def test_grid_without_lines_has_no_nearest():
    nearest_line, nearest_at = grid_of([]).nearest(np.zeros((3, 2)), 10.0)
    assert (nearest_line == -1).all()
    assert np.isnan(nearest_at).all()


@pytest.mark.parametrize("name", ["sample", "porto_alegre", pytest.param("liechtenstein", marks=only_long)])
def test_points_snap_to_real_streets_as_shapes_do_with_search_trees(name: str, request: pytest.FixtureRequest):
    study: Study = request.getfixturevalue(name)
    network = Travel(study).network("drive")
    snapper = network.snapper
    west, south, east, north = shapely.total_bounds(network.lines)
    low, high = np.array([west, south]) - 500, np.array([east, north]) + 500
    points = shapely.points(np.random.default_rng(3).uniform(low, high, (20_000, 2)))
    lonlat = network.metric.inverse(points)
    by_grid = snapper.snap(shapely.get_x(lonlat), shapely.get_y(lonlat))
    # A point drawn as a line of no length is snapped as a shape.
    by_tree = snapper.snap_shapes(shapely.linestrings(np.repeat(shapely.get_coordinates(points)[:, None], 2, axis=1)))
    assert ((by_grid.edge >= 0) == (by_tree.edge >= 0)).all()
    snapped = by_grid.edge >= 0
    assert 1000 < snapped.sum() < 20_000
    assert np.abs(by_grid.connector_m[snapped] - by_tree.connector_m[snapped]).max() < 1e-6
    # At a junction, any of its edges may be the nearest.
    same_edge = snapped & (by_grid.edge == by_tree.edge)
    assert same_edge.sum() > 0.95 * snapped.sum()
    assert np.abs(by_grid.fraction[same_edge] - by_tree.fraction[same_edge]).max() < 1e-8
    assert (by_grid.island_skipped == by_tree.island_skipped).all()
    for row in np.flatnonzero(snapped)[::500]:
        lon, lat = shapely.get_x(lonlat[row]), shapely.get_y(lonlat[row])
        point, _ = snapper.snap_one(lon, lat) or pytest.fail("no street is near")
        expected = (by_grid.edge[row], by_grid.fraction[row])
        assert (point.edge[0], point.fraction[0]) == pytest.approx(expected, abs=1e-9)
