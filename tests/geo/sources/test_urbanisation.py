"""The Degree of Urbanisation: thresholds, neighbours, gaps and borders, against a slow computation cell by cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.sources import urbanisation
from geo.sources.urbanisation import CENTRE, CLUSTER, RURAL
from support.examples import examples
from support.slow_urbanisation import slowly


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 14), st.sampled_from([0.15, 0.4, 0.7, 0.9]))
def test_classes_equal_the_slow_computation(seed: int, width: int, height: int, built: float) -> None:
    rng = np.random.default_rng(seed)
    densities = np.array([0, 299, 300, 1499, 1500, 4000, 9000])
    shares = [(1 - built) / 4] * 4 + [built / 3] * 3
    people = rng.choice(densities, (width, height), p=shares).astype(float)
    assert urbanisation.classify(people).tolist() == slowly(people)


@pytest.mark.parametrize(
    ("each", "cells", "expected"),
    [
        (1500, 34, CENTRE),  # 51,000 people
        (1500, 33, CLUSTER),  # 49,500
        (50_000 / 34, 34, CLUSTER),  # enough people, not dense enough
        (2000, 25, CENTRE),  # 50,000 exactly
        (300, 17, CLUSTER),  # 5,100
        (300, 16, RURAL),  # 4,800
        (299, 40, RURAL),
        (500, 10, CLUSTER),  # 5,000 exactly
    ],
)
def test_published_thresholds(each: float, cells: int, expected: int) -> None:
    assert set(urbanisation.classify(np.full((1, cells), float(each))).ravel().tolist()) == {expected}


def test_centres_touch_at_sides_and_clusters_at_corners_too() -> None:
    diagonal = np.diag([30_000.0, 30_000.0])
    assert urbanisation.classify(diagonal).tolist() == [[CLUSTER, RURAL], [RURAL, CLUSTER]]
    assert urbanisation.classify(np.array([[30_000.0, 30_000.0]])).tolist() == [[CENTRE, CENTRE]]


@pytest.mark.parametrize(("rows", "filled"), [([2, 4, 4, 2], True), ([3, 5, 5, 3], False)], ids=["12", "16"])
def test_gaps_of_a_centre_are_filled_below_15_cells(rows: list[int], filled: bool) -> None:
    # Empty cells in the form of an octagon: none of them has more than four neighbours in the centre around it.
    people = np.full((len(rows) + 2, max(rows) + 2), 5000.0)
    for row, length in enumerate(rows, start=1):
        begin = (people.shape[1] - length) // 2
        people[row, begin : begin + length] = 0
    assert ((urbanisation.classify(people) == CENTRE).all()) == filled


def test_a_bay_in_a_centre_is_filled_by_the_majority() -> None:
    people = np.full((3, 3), 10_000.0)
    people[0, 1] = 0  # five of its eight neighbours belong to the centre
    assert urbanisation.classify(people)[0, 1] == CENTRE
    people[0, 0] = people[0, 1] = 0
    assert urbanisation.classify(people)[0].tolist() == [RURAL, RURAL, CENTRE]


def test_points_get_the_class_of_their_cell_and_those_beyond_count() -> None:
    to_degrees = urbanisation.Transformer.from_crs(urbanisation.GRID_CRS, "EPSG:4326", always_xy=True)
    x, y = np.arange(40) * 1000.0 + 9_700_500, np.full(40, 3_500_500.0)  # in China
    lonlat = np.column_stack(to_degrees.transform(x, y))
    people = np.full(40, 1500.0)
    alone, together = (urbanisation.of_points(lonlat[:count], people[:count], 20) for count in (20, 40))
    assert alone is not None and together is not None
    assert (set(alone.classes.tolist()), alone.cells) == ({CLUSTER}, (0, 20, 0))
    assert (set(together.classes.tolist()), together.cells) == ({CENTRE}, (0, 0, 20))


def test_cells_have_one_square_kilometre() -> None:
    from pyproj import Geod

    to_degrees = urbanisation.Transformer.from_crs(urbanisation.GRID_CRS, "EPSG:4326", always_xy=True)
    for x, y in ((9_700_000, 3_500_000), (700_000, 5_600_000), (-4_300_000, -3_600_000)):
        lon, lat = to_degrees.transform([x, x + 1000, x + 1000, x], [y, y, y + 1000, y + 1000])
        area, _ = Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
        assert abs(area) == pytest.approx(1e6, rel=0.01)


def test_without_people_and_too_large() -> None:
    empty = urbanisation.of_points(np.empty((0, 2)), np.empty(0), 0)
    assert empty is not None and empty.cells == (0, 0, 0)
    assert urbanisation.of_points(np.array([[-170.0, -60.0], [170.0, 60.0]]), np.ones(2), 2) is None
