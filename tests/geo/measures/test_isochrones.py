"""Isochrones: contours are nested and valid and follow the streets; people are counted by their own travel times."""

import itertools

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geo.measures import isochrones
from geo.study.study import Study
from geo.traveltime import nearest, reasons
from geo.traveltime.travel import Travel
from support.handmade import Facility, People, Street, facility_frame

MINUTES = [5.0, 10.0, 15.0]


def street_seconds(travel: Travel, place: shapely.Point, mode: str, towards: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the first vertex of every edge (WGS84) and the seconds to reach it."""
    network = travel.network(mode)  # type: ignore[arg-type]
    access = network.edge_stretches(np.array([place]))
    at = network.graph.positions(np.arange(len(network.lines)), np.zeros(len(network.lines)))
    seconds, _ = nearest.position_seconds(network, network.chain_stretches(access), at, towards)
    return network.metric.inverse(shapely.get_point(network.lines, 0)), seconds


@pytest.mark.parametrize("towards", [False, True])
@pytest.mark.parametrize("which", ["liechtenstein", "porto_alegre"])
def test_contours_of_real_places_are_nested_valid_and_follow_the_streets(
    which: str, towards: bool, request: pytest.FixtureRequest
) -> None:
    study: Study = request.getfixturevalue(which)
    travel, rng = Travel(study), np.random.default_rng(5)
    within, beyond, seen = [], [], 0
    for row in rng.choice(len(study.demand), 8, replace=False):
        place = shapely.Point(*study.demand[["lon", "lat"]].iloc[row])
        answer = isochrones.around(travel, place, MINUTES, "walk", towards)
        if not answer.contours:
            assert answer.reason
            continue
        seen += 1
        assert [contour.minutes for contour in answer.contours] == MINUTES
        ends, seconds = street_seconds(travel, place, "walk", towards)
        for shorter, longer in zip(answer.contours[:-1], answer.contours[1:], strict=True):
            assert longer.geometry.covers(shorter.geometry)
            assert (longer.area_km2, longer.people) >= (shorter.area_km2, shorter.people)
        for contour in answer.contours:
            assert contour.geometry.is_valid
            square_metres = abs(Geod(ellps="WGS84").geometry_area_perimeter(contour.geometry)[0])
            assert contour.area_km2 * 1e6 == pytest.approx(square_metres, abs=60)
            inside = shapely.intersects(contour.geometry, ends)
            reached = seconds <= contour.minutes * 60
            within.append(inside[reached].mean())
            beyond.append(inside[~reached].mean())
    assert seen >= 5
    assert min(within) >= 0.99
    assert np.mean(beyond) < 0.02


def test_people_are_counted_by_their_own_travel_time(sample: Study) -> None:
    travel = Travel(sample)
    clinic = sample.facilities[sample.facilities["subtype"] == "community_health_centre"].iloc[[0]]
    answer = isochrones.around(travel, clinic.geometry.iloc[0], [20, 5], "walk", towards=True)
    seconds = travel.demand_times(clinic, "walk").seconds
    for contour in answer.contours:
        expected = sample.demand["population"][seconds <= contour.minutes * 60].sum()
        assert contour.people == expected > 0
    assert [contour.minutes for contour in answer.contours] == [5, 20]


def test_contour_does_not_cross_a_river_without_a_bridge(small_study) -> None:
    banks = [Street(line=[(0.0, 0.0), (2000.0, 0.0)]), Street(line=[(0.0, 150.0), (2000.0, 150.0)])]
    study = small_study(streets=banks, people=[People((1000.0, 0.0), 7), People((1000.0, 150.0), 5)])
    place = shapely.Point(*study.demand[["lon", "lat"]].iloc[0])
    (contour,) = isochrones.around(Travel(study), place, [10], "walk").contours
    assert contour.people == 7
    other = shapely.Point(*study.demand[["lon", "lat"]].iloc[1])
    assert not contour.geometry.intersects(other)
    # Ten minutes at 4 km/h are 667 m each way, and the street has some 36 to 60 m on each side.
    assert 2 * 667 * 2 * 36 < contour.area_km2 * 1e6 < 2 * (667 + 60) * 2 * 85


def test_one_way_streets_count_in_the_direction_of_travel(small_study) -> None:
    one_way = Street(line=[(0.0, 0.0), (3000.0, 0.0)], drive=(True, False))
    study = small_study(streets=[one_way], people=[People((1500.0, 0.0), 1), People((2500.0, 0.0), 2)])
    place = shapely.Point(*study.demand[["lon", "lat"]].iloc[0])
    travel = Travel(study)
    away = isochrones.around(travel, place, [10], "drive").contours[0]
    towards = isochrones.around(travel, place, [10], "drive", towards=True).contours[0]
    assert (away.people, towards.people) == (3, 1)
    assert away.geometry.bounds[0] > towards.geometry.bounds[0]
    assert away.geometry.bounds[2] > towards.geometry.bounds[2]


@pytest.mark.parametrize("minutes", [15.0, 30.0, 60.0])
def test_travel_time_equal_to_the_limit_is_inside(small_study, minutes: float) -> None:
    """The way is cut into 31 pieces of random length."""
    rng, metres = np.random.default_rng(6), minutes * 4000 / 60
    for _ in range(12):
        cuts = np.sort(rng.uniform(0, metres, 30))
        at = [0.0, *cuts.tolist(), metres]
        streets = [Street(line=[(a, 0.0), (b, 0.0)]) for a, b in itertools.pairwise(at)]
        streets += [Street(line=[(x, 0.0), (x, 20.0)]) for x in cuts.tolist()]  # so that each cut is a junction
        study = small_study(streets=streets, people=[People((metres, 0.0), 3)])
        clinic = facility_frame([Facility("c", "clinic", (0.0, 0.0))])
        travel = Travel(study)
        exactly = travel.demand_times(clinic, "walk").seconds[0] / 60
        assert exactly == pytest.approx(minutes, abs=1e-4)
        (contour,) = isochrones.around(travel, clinic.geometry.iloc[0], [minutes], "walk", towards=True).contours
        assert contour.people == 3


def test_contour_is_empty_where_the_way_to_the_street_takes_longer(small_study) -> None:
    study = small_study(streets=[Street(line=[(0.0, 0.0), (900.0, 0.0)])], people=[People((450.0, 500.0), 2)])
    place = shapely.Point(*study.demand[["lon", "lat"]].iloc[0])
    near, far = isochrones.around(Travel(study), place, [5, 10], "walk").contours
    assert near.geometry.is_empty
    assert not far.geometry.is_empty
    (only,) = isochrones.around(Travel(study), place, [5], "walk").contours
    assert only.geometry.is_empty
    assert (only.area_km2, only.people) == (0, 0)


def test_reason_says_that_no_street_is_near(sample: Study) -> None:
    answer = isochrones.around(Travel(sample), shapely.Point(121.5, 29.0), [10], "walk")
    assert answer.contours == []
    assert answer.reason == reasons.NO_STREET.format(metres=1000)


def test_contour_is_a_circle_without_streets(small_study) -> None:
    study = small_study(streets=None, people=[People((0.0, 0.0), 3), People((700.0, 0.0), 4)])
    place = shapely.Point(*study.demand[["lon", "lat"]].iloc[0])
    near, far = isochrones.around(Travel(study), place, [10, 15], "walk").contours
    radius = 4000 / 6 / 1.3  # metres in ten minutes
    assert near.area_km2 * 1e6 == pytest.approx(np.pi * radius**2, rel=0.01)
    assert (near.people, far.people) == (3, 7)


def test_contours_made_in_tiles_are_those_of_one_grid(sample: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    travel, place = Travel(sample), sample.facilities.geometry.iloc[0]
    whole = isochrones.around(travel, place, [5, 15], "cycle").contours
    monkeypatch.setattr(isochrones, "TILE_CORNERS", 40)
    tiles = isochrones.around(travel, place, [5, 15], "cycle").contours
    for one, many in zip(whole, tiles, strict=True):
        assert one.area_km2 > (40 * isochrones.CELL_M / 1000) ** 2 / 10
        assert many.geometry.is_valid
        assert shapely.area(shapely.symmetric_difference(one.geometry, many.geometry)) < 1e-6 * one.geometry.area
        assert (many.area_km2, many.people) == (pytest.approx(one.area_km2, rel=1e-4), one.people)


def test_no_grid_takes_more_than_a_tile(sample: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    travel, place = Travel(sample), sample.facilities.geometry.iloc[0]
    monkeypatch.setattr(isochrones, "TILE_CORNERS", 64)
    shapes, spread_seconds = [], isochrones.spread_seconds

    def spread(grid: np.ndarray, *arguments: object, **options: object) -> None:
        shapes.append(grid.shape)
        spread_seconds(grid, *arguments, **options)

    monkeypatch.setattr(isochrones, "spread_seconds", spread)
    isochrones.around(travel, place, [30], "drive")
    assert len(shapes) > 4
    assert max(max(shape) for shape in shapes) == 64
