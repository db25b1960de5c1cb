"""Standards whose radius depends on a park's size, against plain geometry: coverage, gaps, scenarios and hours."""

import math
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point
from shapely.geometry.base import BaseGeometry

from geo.geodesy.distance import geodesic_area
from geo.measures import counting, coverage, gaps, hours, scenario_changes, scenarios
from geo.measures.counting import CountedUnits
from geo.measures.scenario_document import Change
from geo.measures.standing import Standing
from geo.study.standards import Radius
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade
from support.examples import examples
from support.handmade import Area, Facility, People, facility_frame, standard

DAY = date(2021, 7, 1)
CLASSES = [{"least_m2": 400, "metres": 300}, {"least_m2": 5000, "metres": 500}]
AREAS = [Area("A", "town", shapely.box(-9000, -9000, 9000, 9000))]


def goal(**fields: Any) -> Radius:
    made = standard("radius", **({"metres": 200, "category": "park", "radius_by_area": CLASSES} | fields))
    assert isinstance(made, Radius)
    return made


def study_of(*east: float) -> Study:
    """People at some metres east of the middle, ten in each place."""
    return handmade.study(None, [], [People((x, 0), 10, {"area_code": "A"}) for x in east], AREAS)


def square(name: str, x: float, side: float) -> Facility:
    """A square park whose west edge is at ``x``."""
    return Facility(name, "park", shapely.box(x, -side / 2, x + side, side / 2))


def count(study: Study, chosen: Radius, *parks: Facility) -> CountedUnits:
    return counting.count_units(Travel(study), facility_frame(parks), chosen, DAY)


def test_radius_is_that_of_the_parks_class() -> None:
    study = study_of(-501, -499, -301, -299)
    assert count(study, goal(), square("large", 0, 71)).rows["inside"].tolist() == [False, True, True, True]
    assert count(study, goal(), square("small", 0, 70)).rows["inside"].tolist() == [False, False, False, True]
    assert count(study, goal(), square("tiny", 0, 19)).rows["inside"].tolist() == [False] * 4


def test_park_of_exactly_the_least_size_belongs_to_the_class() -> None:
    frame = facility_frame([square("p", 0, 70.5)])
    metres2 = geodesic_area(frame.geometry.iloc[0])
    for least, expected in ((metres2, 500), (metres2 * (1 + 1e-12), 500), (metres2 * (1 + 1e-6), 100)):
        chosen = goal(radius_by_area=[{"least_m2": least, "metres": 500}, {"least_m2": 1, "metres": 100}])
        assert chosen.radii(frame).tolist() == [expected]


def test_small_parks_and_those_of_unknown_size_are_named() -> None:
    study = study_of(-201, -199)
    counted = count(study, goal(), Facility("point", "park", (0, 0)), square("tiny", 0, 19), square("tiny 2", 50, 10))
    assert counted.rows["inside"].tolist() == [False, True]
    assert counted.facilities.index.tolist() == ["point"]
    assert counted.notes == [
        "2 处不足 400 平方米，不计入 2 smaller than 400 m² do not count",
        "1 处面积不详（只有点位），按 200 米计 1 of unknown size (points) count with 200 m",
    ]
    assert count(study, goal(radius_by_area=()), square("tiny", 0, 19)).notes == []


def test_only_small_parks_is_known_and_covers_nobody() -> None:
    answer = coverage.measure(Travel(study_of(0)), facility_frame([square("tiny", 0, 19)]), goal(), DAY)
    assert (answer.known, answer.share, answer.facilities) == (True, 0.0, 0)
    assert [asdict(each) for each in answer.radius_by_area] == [
        {"least_m2": 5000, "metres": 500},
        {"least_m2": 400, "metres": 300},
    ]


def test_gap_is_as_far_beyond_as_the_nearest_circle() -> None:
    """A place 550 m from a small park and 650 m from a large one lacks 150 m to the circle of the large one."""
    study = study_of(0)
    parks = [square("small", 550, 30), Facility("large", "park", shapely.box(-750, -50, -650, 50))]
    counted = count(study, goal(), *parks)
    [gap] = gaps.measure(Travel(study), goal(), counted).frame.to_dict("records")
    assert (gap["nearest_id"], gap["nearest_value"], gap["mean_beyond"]) == ("large", 650.0, 150.0)


# --- any parks -----------------------------------------------------------------------------------------------------

PLACES = st.tuples(st.integers(-12, 12), st.integers(-12, 12))
PARKS = st.lists(st.tuples(PLACES, st.sampled_from([0, 15, 25, 60, 80])), max_size=5)


def park(name: str, place: tuple[int, int], side: int) -> Facility:
    x, y = place[0] * 97.0, place[1] * 97.0
    return Facility(name, "park", shapely.box(x, y, x + side, y + side) if side else (x, y))


def plain(parks: list[Facility], person: Point) -> float:
    """How many metres a place lacks to the nearest circle of a park; negative inside."""
    beyond = [math.inf]
    for each in parks:
        shape: BaseGeometry = Point(each.place) if isinstance(each.place, tuple) else each.place
        metres = 200 if not shape.area else 500 if shape.area >= 5000 else 300 if shape.area >= 400 else None
        if metres is not None:
            beyond.append(person.distance(shape) - metres)
    return min(beyond)


@settings(max_examples=examples(15), deadline=None)
@given(people=st.lists(PLACES, min_size=1, max_size=6), drawn=PARKS, more=PARKS)
def test_any_parks_equal_plain_geometry_also_in_scenarios(
    people: list[tuple[int, int]], drawn: list[Any], more: list[Any]
) -> None:
    places = [Point(x * 97.0 + 3, y * 97.0 - 5) for x, y in people]
    rows = [People((place.x, place.y), 1, {"area_code": "A"}) for place in places]
    travel, chosen = Travel(handmade.study(None, [], rows, AREAS)), goal()
    parks = [park(f"p{number}", *each) for number, each in enumerate(drawn)]
    others = parks[1:] + [park(f"q{number}", *each) for number, each in enumerate(more)]
    counted = counting.count_units(travel, facility_frame(parks), chosen, DAY)
    expected = [plain(parks, place) for place in places]
    assert counted.rows["inside"].tolist() == [each <= 0 for each in expected]
    assert counted.rows["beyond"].tolist() == pytest.approx(np.maximum(expected, 0.0), abs=0.001)
    updated, frame = travel.updating(counted.facilities), facility_frame(others)
    after = coverage.summarise(updated, chosen, counting.count_units(updated, frame, chosen, DAY))
    assert after == coverage.measure(travel, frame, chosen, DAY)


def test_scenario_adds_a_park_of_unknown_size() -> None:
    study = study_of(0, 199, 299)
    facilities = facility_frame([square("far", 5000, 80)])
    before = counting.count_units(Travel(study), facilities, goal(), DAY)
    lon, lat = handmade.lonlat(0, 0)
    change = Change.model_validate({"action": "add", "category": "park", "lon": lon, "lat": lat})
    changed, travel = scenario_changes.apply(facilities, [change], study, DAY), Travel(study)
    standing = Standing(travel, goal(), before, coverage.summarise(travel, goal(), before), facilities)
    result = scenarios.compare(changed, standing, DAY)
    assert result.gained == 20
    assert any("unknown size" in note for note in result.after.notes)


def test_hours_count_each_park_with_its_radius() -> None:
    study = study_of(-450, -250)
    parks = [
        replace(square("large", 0, 80), properties={"opening_hours": "Mo-Su 06:00-12:00"}),
        replace(square("small", 0, 40), properties={"opening_hours": "Mo-Su 12:00-20:00"}),
    ]
    counted = count(study, goal(), *parks)
    week = hours.measure(Travel(study), goal(), counted, DAY)
    covered = {hour.hour: hour.covered for hour in week.hours[:24]}
    assert (covered[6], covered[12], covered[21]) == (20.0, 10.0, 0.0)
