"""Coverage by radius, presence and openings of random small counties, against plain Python that counts one by one."""

import math
from collections.abc import Mapping
from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.measures import coverage
from geo.measures.coverage import Coverage
from geo.study.standards import Opened, Presence, Radius, Standard
from geo.traveltime.travel import Travel
from support import handmade
from support.examples import examples
from support.handmade import Area, Facility, People, facility_frame, lonlat, standard

GEOD = Geod(ellps="WGS84")
DAY = date(2021, 7, 1)
DAYS = [None, *(date(year, month, day) for year in (2020, 2021) for month, day in ((1, 1), (7, 1), (12, 31)))]
AREAS = [
    Area("A", "town", (0, 0)),
    Area("B", "town", (3000, 0)),
    Area("A1", "village", (0, 0), "A"),
    Area("A2", "village", (900, 0), "A"),
    Area("B1", "community", (3000, 0), "B"),
    Area("B2", "village", (3900, 0), "B"),
]
TOWN = {area.code: area.parent or area.code for area in AREAS}
CODES = st.sampled_from([*TOWN, None, "nowhere"])

POSITIONS = st.tuples(st.integers(-20, 60).map(lambda n: n * 73.0), st.integers(-20, 20).map(lambda n: n * 61.0))


@st.composite
def facilities(draw: st.DrawFn, number: int) -> Facility:
    opened, closed = draw(st.sampled_from(DAYS)), draw(st.sampled_from(DAYS))
    if opened and closed and closed < opened:
        opened, closed = closed, opened
    subtype = draw(st.sampled_from([None, "hospital", "village_clinic", "township_health_centre"]))
    category = draw(st.sampled_from(["clinic", "clinic", "park"]))
    properties = {
        "subtype": subtype if category == "clinic" else None,
        "area_code": draw(CODES),
        "opened": opened,
        "closed": closed,
    }
    return Facility(f"f{number}", category, draw(POSITIONS), properties)


PEOPLE = st.builds(
    People,
    POSITIONS,
    st.sampled_from([0.0, 0.1, 1.0, 7.5, 300.0]),
    st.fixed_dictionaries(
        {
            "area_code": st.sampled_from([*TOWN, None]),
            "urban": st.sampled_from([0, 1, None]),
            "children_3_6": st.sampled_from([0, 0.1, None]),
        }
    ),
)
SUBTYPES = st.sampled_from([(), ("hospital",), ("village_clinic", "township_health_centre")])
TARGETS = st.sampled_from([None, 0.1, 0.5, 0.9, 1.0])
PLAIN: Mapping[str, st.SearchStrategy[Standard]] = {
    "radius": st.builds(
        lambda metres, **more: standard("radius", metres=metres, **more),
        st.sampled_from([50.0, 500.0, 2000.0]),
        people=st.sampled_from(["all", "urban", "rural", "children_3_6", "elders_65"]),
        subtypes=SUBTYPES,
        target=TARGETS,
    ),
    "presence": st.builds(
        lambda **more: standard("presence", **more),
        units=st.sampled_from(["village", "town"]),
        subtypes=SUBTYPES,
        target=TARGETS,
    ),
    "opened": st.builds(
        lambda **more: standard("opened", since="2021-01-01", until="2021-07-01", **more),
        subtypes=SUBTYPES,
        target=st.sampled_from([None, 1, 2, 5]),
    ),
}


def chosen(register: list[Facility], goal: Standard) -> list[Facility]:
    of_category = [each for each in register if each.category == goal.category]
    of_subtypes = [each for each in of_category if each.properties["subtype"] in goal.subtypes]
    return of_subtypes or of_category


def stands(facility: Facility) -> bool:
    opened, closed = facility.properties["opened"], facility.properties["closed"]
    return (opened is None or opened <= DAY) and (closed is None or closed > DAY)


def number_of(person: People, goal: Radius, everybody: list[People]) -> float:
    """How many people of the standard's group a demand point has."""
    if goal.people == "all":
        return person.population
    column = "urban" if goal.people in ("urban", "rural") else goal.people
    if all(other.attributes.get(column) is None for other in everybody):
        return person.population
    value = person.attributes.get(column)
    if column != "urban":
        return value or 0.0
    return person.population if value is not None and bool(value) == (goal.people == "urban") else 0.0


def rows_of(goal: Standard, register: list[Facility], people: list[People]) -> list[tuple[str | None, float, bool]]:
    """(town, weight, inside) of everything that a standard counts."""
    counting = chosen(register, goal)
    match goal:
        case Radius():
            places = [lonlat(*facility.place) for facility in counting if stands(facility)]
            rows = []
            for person in people:
                here = lonlat(*person.place)
                metres = min((GEOD.inv(*here, *there)[2] for there in places), default=math.inf)
                assume(abs(metres - goal.metres) > 0.01)
                town = TOWN.get(person.attributes["area_code"])
                rows.append((town, number_of(person, goal, people), metres <= goal.metres))
            return rows
        case Presence():
            codes = {facility.properties["area_code"] for facility in counting if stands(facility)}
            codes |= {TOWN.get(code) for code in codes}
            return [(TOWN[area.code], 1.0, area.code in codes) for area in AREAS if area.level == goal.units]
        case Opened():
            return [
                (
                    TOWN.get(facility.properties["area_code"]),
                    1.0,
                    facility.properties["opened"] is not None
                    and goal.since <= facility.properties["opened"] <= goal.until,
                )
                for facility in counting
            ]
    raise AssertionError(goal)


def check(answer: Coverage, goal: Standard, register: list[Facility], people: list[People]) -> None:
    rows = rows_of(goal, register, people)
    total, covered = sum(row[1] for row in rows), sum(row[1] for row in rows if row[2])
    counting = chosen(register, goal)
    known = any(facility.properties["opened"] for facility in counting) if goal.measure == "opened" else bool(counting)
    assert answer.known == known
    assert math.isclose(answer.total, total, abs_tol=0.051)
    assert math.isclose(answer.covered, covered, abs_tol=0.051)
    whole = goal.target if goal.measure == "opened" else total
    if not known or not whole:
        assert (answer.share, answer.meets_target) == (None, None)
    else:
        share = covered / whole
        assert answer.share is not None and math.isclose(answer.share, share, abs_tol=6e-7)
        if goal.target is None:
            assert answer.meets_target is None
        else:
            target = 1.0 if goal.measure == "opened" else goal.target
            assert answer.meets_target == (share > target or math.isclose(share, target, rel_tol=1e-12))
    for area in answer.areas:
        own = [row for row in rows if row[0] == area.code]
        area_total, area_covered = sum(row[1] for row in own), sum(row[1] for row in own if row[2])
        assert math.isclose(area.total, area_total, abs_tol=0.051)
        assert math.isclose(area.covered, area_covered, abs_tol=0.051)
        if not known or not area_total or goal.measure == "opened":
            assert area.share is None
        else:
            assert area.share is not None and math.isclose(area.share, area_covered / area_total, abs_tol=6e-7)
        residents = sum(person.population for person in people if TOWN.get(person.attributes["area_code"]) == area.code)
        assert math.isclose(area.people, residents, abs_tol=0.051)
    assert math.isclose(answer.residents, sum(person.population for person in people), abs_tol=0.051)


@settings(max_examples=examples(60))
@given(data=st.data(), count=st.integers(0, 5), people=st.lists(PEOPLE, min_size=1, max_size=6))
def test_coverage_equals_a_plain_count(data: st.DataObject, count: int, people: list[People]) -> None:
    register = [data.draw(facilities(number)) for number in range(count)]
    study = handmade.study(None, [], people, AREAS)
    frame = facility_frame(register)
    for measure in PLAIN:
        goal = data.draw(PLAIN[measure])
        check(coverage.measure(Travel(study), frame, goal, DAY), goal, register, people)
