"""The grid of segments against all lines measured one by one, and against a search tree on real streets."""

from itertools import pairwise

import numpy as np
import pytest
import shapely

from geo.study.study import Study
from geo.traveltime import segment_grid
from geo.traveltime.segment_grid import Segments
from geo.traveltime.travel import Travel


def made(lines: list[list[tuple[float, float]]], kind: list[bool] | None = None) -> Segments:
    xy = np.array([place for line in lines for place in line], dtype=float).reshape(-1, 2)
    first = np.cumsum([0, *(len(line) for line in lines)])
    return Segments(xy, first, np.array(kind if kind is not None else [True] * len(lines), dtype=bool))


def check(some: Segments, points: np.ndarray, farthest: float) -> int:
    """That the nearest of each kind is as far as the least of all distances; how many were found."""
    found, where = some.nearest(points, farthest)
    lines = np.array([shapely.LineString(xy) for xy in np.split(some.xy, some.first_vertex[1:-1])], dtype=object)
    metres = shapely.distance(shapely.points(points)[:, None], lines[None, :])
    for row, point in enumerate(points):
        least = [np.min(metres[row, some.kind == one], initial=np.inf) for one in (True, False)]
        for kind in range(2):
            line, (fraction, x, y) = found[row, kind], where[row, kind]
            if line < 0:
                assert least[kind] > farthest or (kind == 1 and least[0] <= least[1])
                continue
            assert some.kind[line] == (kind == 0)
            assert np.hypot(x - point[0], y - point[1]) == pytest.approx(least[kind], abs=1e-7)
            assert least[kind] <= farthest + 1e-9
            if lines[line].length:
                at = shapely.line_interpolate_point(lines[line], fraction, normalized=True)
                assert shapely.distance(at, shapely.Point(x, y)) < 1e-7
            else:
                assert fraction == 0
    return int((found >= 0).sum())


@pytest.mark.parametrize("seed", range(20))
def test_the_nearest_of_any_lines(seed: int, monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(seed)
    monkeypatch.setattr(segment_grid, "SEGMENTS_PER_CELL", [0.01, 0.5, 2.0, 50.0][seed % 4])
    size = 10 ** random.uniform(0, 5)
    lines = []
    for _ in range(random.integers(1, 60)):
        start, count = random.uniform(0, size, 2), random.integers(2, 7)
        steps = random.normal(0, size * random.choice([0.001, 0.05, 1.0]), (count, 2)) * random.integers(0, 2, 2)
        lines.append([tuple(place) for place in start + np.cumsum(steps, axis=0)])
    some = made(lines, list(random.random(len(lines)) < 0.7))
    points = np.concatenate([random.uniform(-size / 2, size * 1.5, (150, 2)), some.xy[:50]])
    assert check(some, points, size * random.choice([0.01, 0.2, 3.0])) >= len(some.xy[:50])


@pytest.mark.parametrize("axis", [0, 1])
def test_lines_on_one_line(axis: int):
    place = np.zeros((9, 2))
    place[:, axis] = np.arange(9) * 7.0
    some = made([[tuple(a), tuple(b)] for a, b in pairwise(place)])
    points = np.random.default_rng(1).uniform(-60, 60, (200, 2))
    assert check(some, points, 50.0) > 100


def test_what_is_as_far_as_may_be_is_found():
    some = made([[(0, 0), (10, 0)]])
    found, where = some.nearest(np.array([[5.0, 3.0], [5.0, 3.0000001], [13.0, 0.0], [-3.0, 0.0]]), 3.0)
    assert found[:, 0].tolist() == [0, -1, 0, 0]
    assert where[[0, 2, 3], 0, 0].tolist() == [0.5, 1.0, 0.0]


def test_of_lines_equally_near_it_is_the_first():
    star = [[(0.0, 0.0), (x, y)] for x, y in ((9, 9), (-9, 9), (9, -9), (-9, -9))]
    found, where = made(star).nearest(np.array([[0.0, 0.0], [0.0, -1.0]]), 5.0)
    assert found.tolist() == [[0, -1], [2, -1]]
    assert where[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e18])
def test_a_place_that_is_nowhere_is_near_nothing(bad: float):
    some = made([[(0, 0), (10, 0)], [(3, 3), (3, 3)]], [True, False])
    found, _ = some.nearest(np.array([[bad, 0.0], [0.0, bad], [bad, bad], [3.0, 2.9]]), 1000.0)
    assert found.tolist() == [[-1, -1]] * 3 + [[0, 1]]


def test_no_lines():
    found, where = made([]).nearest(np.zeros((3, 2)), 10.0)
    assert (found == -1).all()
    assert np.isnan(where).all()


@pytest.mark.parametrize("place", ["sample", "porto_alegre", "liechtenstein"])
def test_real_streets_as_a_tree_finds_them(place: str, request: pytest.FixtureRequest):
    study: Study = request.getfixturevalue(place)
    network = Travel(study).network("drive")
    low, high = network.xy.min(axis=0) - 500, network.xy.max(axis=0) + 500
    points = shapely.points(np.random.default_rng(3).uniform(low, high, (20_000, 2)))
    there = network.metric.inverse(points)
    snapped = network.snap(shapely.get_x(there), shapely.get_y(there))
    trees = network._chosen(*(network._nearest(points, *each) for each in network._apart))
    assert ((snapped.edge >= 0) == (trees.edge >= 0)).all()
    on = snapped.edge >= 0
    assert 1000 < on.sum() < 20_000
    assert np.abs(snapped.connector_m[on] - trees.connector_m[on]).max() < 1e-6
    same = on & (snapped.edge == trees.edge)
    # At crossings it is any of their edges.
    assert same.sum() > 0.95 * on.sum()
    assert np.abs(snapped.fraction[same] - trees.fraction[same]).max() < 1e-8
    assert (snapped.island_skipped == trees.island_skipped).all()
    for row in np.flatnonzero(on)[::500]:
        one, _ = network.snap_one(shapely.get_x(there[row]), shapely.get_y(there[row])) or pytest.fail("nothing")
        assert (one.edge[0], one.fraction[0]) == pytest.approx((snapped.edge[row], snapped.fraction[row]), abs=1e-9)
