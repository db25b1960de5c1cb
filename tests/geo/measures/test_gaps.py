"""Gaps: their groups against all pairs, their numbers by hand, and their sums against the coverage."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from scipy.cluster.hierarchy import DisjointSet

from geo.geodesy.projection import projection
from geo.measures import counting, coverage, gaps
from geo.measures.gaps import Gaps
from geo.measures.grouping import PointGrouping
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import PROJECTION, Area, Facility, People, Street, standard
from support.two_towns import TODAY

GEOD = Geod(ellps="WGS84")
METRIC = projection(PROJECTION)


def measure(study: Study, goal: Standard) -> Gaps:
    travel = Travel(study)
    return gaps.measure(travel, goal, counting.count_units(travel, study.facilities, goal, TODAY))


def test_gap_has_the_numbers_of_its_people() -> None:
    # 10 and 20 people live 200 m and 900 m from the clinic; 30, 40 and 50 at 1,500, 2,500 and 3,900 m: too far for 15
    # minutes. 1,500 and 2,500 m lie in two towns; 60 and 70 people are out of reach.
    study = replace(two_towns.study(), settings=two_towns.study().settings.model_copy(update={"gap_m": 1450}))
    result = measure(study, standard("travel_time", minutes=15))
    frame = result.frame
    assert (result.unit, result.beyond_unit) == ("people", "minutes")
    assert frame.index.tolist() == ["1", "2", "3", "4"]
    assert frame["people"].tolist() == [90, 70, 60, 30]
    assert frame["name"].tolist() == ["B2", "A1附近 near A1", "A", "A2"]
    assert frame["town"].tolist() == ["B", None, "A", "A"]
    assert frame["out_of_reach"].tolist() == [0, 70, 60, 0]
    far_away, off_network = frame.iloc[0], frame.iloc[1]
    # 2,500 m at 4 km/h are 37.5 minutes, 3,900 m 58.5.
    assert far_away["mean_beyond"] == pytest.approx((40 * 22.5 + 50 * 43.5) / 90, abs=1e-3)
    assert far_away["worst_beyond"] == pytest.approx(43.5, abs=1e-3)
    assert far_away["nearest_value"] == pytest.approx(far_away["mean_beyond"] + 15)
    assert (far_away["nearest_id"], far_away["children_3_6"]) == ("c", 5)
    assert off_network[["mean_beyond", "worst_beyond", "nearest_id", "nearest_value"]].isna().all()
    assert frame["elders_65"].isna().all()


def test_smaller_distance_between_points_makes_more_gaps() -> None:
    assert len(measure(two_towns.study(), standard("travel_time", minutes=15)).frame) == 5


def test_polygon_of_a_gap_contains_its_people() -> None:
    people = [People((x, y), 1) for x in range(2000, 3000, 200) for y in range(0, 1000, 200)]
    study = handmade.study([Street([(0, 0), (3000, 0)])], [two_towns.CLINIC], people)
    frame = measure(study, standard("radius", metres=1500)).frame
    assert (len(frame), frame["people"].item()) == (1, 25)
    polygon = frame.geometry.item()
    points = shapely.points(study.demand[["lon", "lat"]].to_numpy())
    assert polygon.geom_type == "Polygon"
    assert shapely.contains(polygon, points).all()


@pytest.mark.parametrize(
    "goal",
    [
        standard("travel_time", minutes=15),
        standard("travel_time", minutes=15, people="urban"),
        standard("travel_time", minutes=15, people="children_3_6"),
        standard("radius", metres=1000),
        standard("radius", metres=1000, people="rural"),
    ],
)
def test_gaps_add_up_to_the_people_who_are_not_covered(goal: Standard) -> None:
    study = two_towns.study()
    summary = coverage.measure(Travel(study), study.facilities, goal, TODAY)
    frame = measure(study, goal).frame
    assert frame["people"].sum() == pytest.approx(summary.total - summary.covered)
    assert (frame["people"].diff().dropna() <= 0).all()


def test_of_equally_many_people_the_farther_come_first() -> None:
    people = [People((2000, 0), 10), People((3000, 0), 10), People((0, 9000), 10)]
    study = handmade.study([Street([(0, 0), (4000, 0)])], [two_towns.CLINIC], people)
    frame = measure(study, standard("travel_time", minutes=15)).frame
    assert frame["mean_beyond"].fillna(-1).round(1).tolist() == [-1, 30, 15]


def test_units_without_a_facility_are_gaps_of_presence() -> None:
    study = two_towns.study()
    result = measure(study, standard("presence", units="town"))
    assert (result.unit, result.beyond_unit) == ("towns", "metres")
    town = result.frame.loc["1"]
    assert (town["area_code"], town["people"], town["children_3_6"]) == ("B", 90, 5)
    assert town["nearest_id"] == "c"
    metres = METRIC.geodesic_distances(
        METRIC.forward(np.array([town.geometry.point_on_surface()])), METRIC.points(*handmade.lonlat(0, 0))
    )
    assert town["nearest_value"] == pytest.approx(metres[0])
    assert town["mean_beyond"] is None or np.isnan(town["mean_beyond"])
    village = measure(study, standard("presence", units="village")).frame
    assert len(village) == 2  # A2 and B2; the communities A1 and B1 are no villages
    assert village["people"].tolist() == [50, 30]


def test_openings_have_no_gaps() -> None:
    goal = standard("opened", since="2021-01-01", until="2021-12-31", target=3)
    result = measure(two_towns.study(), goal)
    assert result.frame.empty
    assert result.beyond_unit is None


def test_full_coverage_has_no_gaps() -> None:
    study = handmade.study([Street([(0, 0), (900, 0)])], [two_towns.CLINIC], [People((500, 0), 10)])
    assert measure(study, standard("travel_time", minutes=15)).frame.empty


def test_place_without_a_facility_is_out_of_reach_and_named_after_the_nearest_area() -> None:
    closed = Facility("c", "clinic", (0, 0), {"closed": "2020-01-01"})
    areas = [Area("X", "town", (0, 0)), Area("Y", "town", (9000, 0))]
    study = handmade.study(None, [closed], [People((500, 0), 10)], areas)
    record = measure(study, standard("radius", metres=100)).frame.loc["1"]
    assert (record["people"], record["out_of_reach"], record["name"]) == (10, 10, "X附近 near X")
    assert record["nearest_id"] is None


@pytest.mark.parametrize(
    "goal",
    [
        standard("travel_time", minutes=15, category="park"),
        standard("radius", metres=100, category="park"),
        standard("presence", units="town", category="park"),
    ],
)
def test_no_gaps_where_nothing_is_known_of_the_facilities(goal: Standard) -> None:
    assert measure(two_towns.study(), goal).frame.empty


def _all_pairs(lon: np.ndarray, lat: np.ndarray, codes: list[str | None], gap_m: float) -> set[frozenset[int]]:
    groups = DisjointSet(range(len(lon)))
    for a in range(len(lon)):
        for b in range(a):
            if codes[a] == codes[b] and GEOD.inv(lon[a], lat[a], lon[b], lat[b])[2] <= gap_m + 1e-6:
                groups.merge(a, b)
    return {frozenset(members) for members in groups.subsets()}


# Few different numbers make equal places, points on one line, and distances that equal the limit.
_NUMBERS = st.sampled_from([0, 300, 600]) | st.integers(-2000, 2000) | st.floats(-2000, 2000)


@settings(max_examples=examples(60), deadline=None)
@given(
    places=st.lists(
        st.tuples(_NUMBERS, _NUMBERS, st.sampled_from(["A", "B", None]), st.booleans(), st.booleans()), max_size=30
    ),
    gap_m=st.sampled_from([100.0, 300.0, 900.0]),
)
def test_groups_equal_those_of_all_pairs_also_when_the_choice_of_points_changes(
    places: list[tuple[float, float, str | None, bool, bool]], gap_m: float
) -> None:
    lonlat = np.array([handmade.lonlat(x, y) for x, y, *_ in places]).reshape(-1, 2)
    codes = [code for _, _, code, *_ in places]
    grouping = PointGrouping(*lonlat.T, np.array(codes, dtype=object), gap_m, METRIC)
    groups = None
    for choice in (3, 4):
        chosen = np.array([place[choice] for place in places], dtype=bool)
        groups = grouping.groups(chosen, groups)
        rows = np.flatnonzero(chosen)
        members = {frozenset(np.flatnonzero(groups.of_point == number).tolist()) for number in range(groups.count)}
        expected = _all_pairs(*lonlat[rows].T, [codes[row] for row in rows], gap_m)
        assert members == {frozenset(rows[list(group)].tolist()) for group in expected}
        assert (groups.of_point[~chosen] == -1).all()
