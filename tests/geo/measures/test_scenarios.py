"""Scenarios equal the coverage of a register with the same changes, and say what cannot work."""

from dataclasses import asdict, replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import FieldError
from geo.measures import counting, coverage, gaps, scenario_changes, scenarios
from geo.measures.scenario_document import Change, Scenario
from geo.measures.scenarios import Comparison
from geo.measures.standing import Standing
from geo.study.land import ResidentialLand
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime import search
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import Facility, People, Street, facility_frame, lonlat, standard
from support.two_towns import TODAY

GOALS = (
    standard("travel_time", id="time", minutes=15, alternatives=["cycle"]),
    standard("travel_time", id="drive", minutes=3, mode="drive", people="children_3_6"),
    standard("radius", id="radius", metres=1000),
    standard("presence", id="presence", units="village"),
    standard("opened", id="opened", since="2021-01-01", until="2021-12-31", target=3),
    standard("travel_time", id="hospital", minutes=15, subtypes=["hospital"]),
)
CLINICS = [
    two_towns.CLINIC,
    Facility("d", "clinic", (3000, 0), {"area_code": "B1", "opened": "2021-03-01"}),
    Facility("gone", "clinic", (1500, 0), {"closed": "2020-01-01"}),
    Facility("later", "clinic", (1500, 0), {"opened": "2030-01-01"}),
    Facility("park", "park", shapely.box(2400, -10, 2600, 10), {"area_code": "B1"}),
]


@pytest.fixture(scope="module")
def study() -> Study:
    return replace(two_towns.study(), facilities=facility_frame(CLINICS), standards=GOALS)


@pytest.fixture(scope="module")
def travel(study: Study) -> Travel:
    return Travel(study)


def changes(*documents: dict[str, Any]) -> list[Change]:
    return Scenario.model_validate({"changes": list(documents)}).changes


def add(x: float, y: float = 0, **members: Any) -> dict[str, Any]:
    lon, lat = lonlat(x, y)
    return {"action": "add", "category": "clinic", "lon": lon, "lat": lat, **members}


def move(name: str, x: float, y: float = 0) -> dict[str, Any]:
    lon, lat = lonlat(x, y)
    return {"action": "move", "id": name, "lon": lon, "lat": lat}


def compare(travel: Travel, goal: Standard, *documents: dict[str, Any], day: date = TODAY) -> Comparison:
    facilities = travel.study.facilities
    counted = counting.count_units(travel, facilities, goal, day)
    standing = Standing(travel, goal, counted, coverage.summarise(travel, goal, counted), facilities)
    changed = scenario_changes.apply(facilities, changes(*documents), travel.study, day)
    return scenarios.compare(changed, standing, day)


def from_scratch(study: Study, goal: Standard, facilities: gpd.GeoDataFrame, day: date = TODAY) -> Any:
    fresh = Travel(study)
    counted = counting.count_units(fresh, facilities, goal, day)
    return coverage.summarise(fresh, goal, counted), gaps.measure(fresh, goal, counted)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.id)
def test_scenario_equals_the_coverage_of_a_register_with_the_same_changes(travel: Travel, goal: Standard) -> None:
    documents = [add(3800, id="new", name="新"), move("c", 1400), {"action": "close", "id": "d"}]
    facilities = [
        Facility("new", "clinic", (3800, 0), {"area_code": "B2", "opened": TODAY, "name": "新"}),
        Facility("c", "clinic", (1400, 0), {"area_code": "A2"}),
        Facility("d", "clinic", (3000, 0), {"area_code": "B1", "opened": "2021-03-01", "closed": TODAY}),
        *CLINICS[2:],
    ]
    result = compare(travel, goal, *documents)
    expected, remaining = from_scratch(travel.study, goal, facility_frame(facilities))
    assert asdict(result.after) == asdict(expected)
    assert result.gaps is not None
    pd.testing.assert_frame_equal(result.gaps.frame, remaining.frame)
    assert asdict(result.before) == asdict(from_scratch(travel.study, goal, travel.study.facilities)[0])


def test_gains_and_losses_by_hand(travel: Travel) -> None:
    # At first 10, 20 (from c), 40 and 50 (from d) are within 1,000 m. c moves from 0 to 1,500 m: 10 lose, 30 gain.
    result = compare(travel, GOALS[0], move("c", 1500))
    assert (result.before.covered, result.after.covered) == (120, 140)
    assert (result.gained, result.lost) == (30, 10)
    assert [(place.area_code, place.name, place.gained, place.lost) for place in result.places] == [
        ("A2", "A2", 30, 0),
        ("A1", "A1", 0, 10),
    ]
    areas = [(area.code, area.before.covered, area.after.covered, area.gained, area.lost) for area in result.areas]
    assert areas == [("A", 30, 50, 30, 10), ("B", 90, 90, 0, 0)]


def test_village_gains_a_facility(travel: Travel) -> None:
    result = compare(travel, GOALS[3], add(3500))
    assert (result.gained, result.lost) == (1, 0)
    assert [(place.area_code, place.gained) for place in result.places] == [("B2", 1)]


def test_facility_that_opens_counts_as_opened_on_the_day(travel: Travel) -> None:
    result = compare(travel, GOALS[4], add(3500))
    assert (result.before.covered, result.after.covered, result.gained) == (1, 2, 1)


def test_first_of_a_subtype_makes_only_that_subtype_count(travel: Travel) -> None:
    result = compare(travel, GOALS[5], {"action": "change", "id": "d", "subtype": "hospital"})
    assert (result.before.covered, result.after.covered) == (120, 90)
    assert (result.gained, result.lost) == (0, 30)


def test_attributes_change_nothing_else(travel: Travel) -> None:
    document = {"action": "change", "id": "d", "capacity": 40, "opening_hours": "Mo-Fr 08:00-17:00", "name": None}
    changed = scenario_changes.apply(travel.study.facilities, changes(document), travel.study, TODAY)
    row = changed.facilities.loc["d"]
    assert (row["capacity"], row["opening_hours"], row["name"]) == (40, "Mo-Fr 08:00-17:00", None)
    old = travel.study.facilities
    assert changed.facilities.drop("d").index.tolist() == sorted(old.index.drop("d"))
    assert row["opened"] == old.loc["d", "opened"]
    assert compare(travel, GOALS[0], document).gained == 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"action": "close", "id": "x"}, "change 1: there is no facility with the id 'x'"),
        ({"action": "close", "id": "gone"}, "change 1: facility 'gone' is closed already, since 2020-01-01"),
        (move("gone", 100), "closed already"),
        ({"action": "change", "id": "later", "capacity": 1}, "has not opened yet; it opens on 2030-01-01"),
        (add(100, id="c"), "id 'c' is a facility's already"),
        (add(100, category="school"), "category = 'school'"),
        (add(100, subtype="temple"), "unknown subtype 'temple' of clinic; known: "),
        ({"action": "change", "id": "c", "subtype": "temple"}, "unknown subtype 'temple'"),
        (add(100_000), "km outside the territory of 小"),
        (add(0) | {"lon": lonlat(0, 0)[1], "lat": lonlat(0, 0)[0]}, "longitude and latitude are swapped"),
        (add(0) | {"lon": 10.0, "lat": 130.0}, "is not a longitude and latitude in degrees"),
        ({"action": "add", "category": "clinic", "lat": 28.9}, "add needs lon"),
        ({"action": "add", "lon": 120.0, "lat": 28.9}, "add needs category"),
        ({"action": "move", "id": "c"}, "move needs lon"),
        ({"action": "close"}, "close needs id"),
        ({"action": "close", "id": "c", "capacity": 3}, "close does not take capacity"),
        ({"action": "change", "id": "c"}, "change needs one of subtype, name, capacity, opening_hours"),
        ({"action": "change", "id": "c", "lon": 120.0, "lat": 28.9}, "change does not take lon: use move"),
        ({"action": "change", "id": "c", "category": "park"}, "close it and add another"),
    ],
)
def test_what_cannot_work_is_said(travel: Travel, document: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match="change 1: ") as error:
        scenario_changes.apply(travel.study.facilities, changes(document), travel.study, TODAY)
    assert message in str(error.value)
    assert all(name.startswith("changes[0].") for name, _ in error.value.problems)


def test_every_wrong_change_is_named(travel: Travel) -> None:
    documents = [{"action": "close", "id": "c"}, {"action": "close", "id": "x"}, move("c", 100)]
    with pytest.raises(FieldError) as error:
        scenario_changes.apply(travel.study.facilities, changes(*documents), travel.study, TODAY)
    assert [name for name, _ in error.value.problems] == ["changes[1].id", "changes[2].id"]
    assert "change 3: id 'c' is changed twice" in str(error.value)


def test_place_that_no_street_reaches_is_refused(travel: Travel) -> None:
    changed = scenario_changes.apply(travel.study.facilities, changes(add(100), add(500, 4000)), travel.study, TODAY)
    message = "change 2: no street for walk within 1000 m: nobody could get there"
    with pytest.raises(FieldError, match=message):
        scenario_changes.check_reachable(travel, changed, [GOALS[0]])
    scenario_changes.check_reachable(travel, changed, [GOALS[2], GOALS[3]])  # a straight line needs no street


def test_position_in_another_system(travel: Travel) -> None:
    from geo.geodesy import datums

    lon, lat = datums.position_from_wgs84(*lonlat(3800, 0), "gcj02")
    document = changes(add(0) | {"lon": lon, "lat": lat})
    changed = scenario_changes.apply(travel.study.facilities, document, travel.study, TODAY, "gcj02")
    point = changed.facilities.geometry["scenario-1"]
    assert (point.x, point.y) == pytest.approx(lonlat(3800, 0), abs=1e-7)
    assert changed.facilities.loc["scenario-1", "area_code"] == "B2"


def test_standards_of_the_changed_categories(study: Study) -> None:
    def chosen(categories: set[str], **members: Any) -> list[str]:
        document = Scenario.model_validate({"changes": [{"action": "close", "id": "c"}], **members})
        return [goal.id for goal in scenarios.chosen_standards(study, document, categories)]

    assert chosen({"clinic"}) == [goal.id for goal in GOALS]
    assert chosen({"park"}, standards=["radius", "time"]) == ["time", "radius"]
    for members, message in [
        ({}, "no standard of this study is about park"),
        ({"standards": ["x"]}, "unknown standard 'x'; known: time"),
        ({"standards": ["time", "time"]}, "'time' is named twice"),
    ]:
        with pytest.raises(FieldError, match=message):
            chosen({"park"}, **members)


def test_no_more_than_two_searches_however_many_changes(travel: Travel, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(travel, GOALS[0], add(100))  # what stands is searched once
    searches: list[None] = []
    sweep = search.sweep

    def counted(*arguments: Any) -> Any:
        searches.append(None)
        return sweep(*arguments)

    monkeypatch.setattr(search, "sweep", counted)
    compare(
        travel, GOALS[1].model_copy(update={"mode": "walk"}), move("c", 1400), *(add(x) for x in range(0, 3900, 80))
    )
    assert len(searches) == 2
    compare(travel, GOALS[1].model_copy(update={"mode": "walk"}), add(100))
    assert len(searches) == 3


POSITIONS = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda xy: (xy[0] * 1000.0, xy[1] * 1000.0))
GRID = [
    *(Street([(x * 1000, y * 1000), (x * 1000 + 1000, y * 1000)]) for x in range(3) for y in range(3)),
    *(Street([(x * 1000, y * 1000), (x * 1000, y * 1000 + 1000)]) for x in range(4) for y in range(2)),
]
SMALL = handmade.study(GRID, [], [People((x * 170.0, y * 310.0), x + y) for x in range(18) for y in range(7)])


@settings(max_examples=examples(40), deadline=None)
@given(
    before=st.lists(POSITIONS, max_size=4),
    after=st.lists(POSITIONS, max_size=3),
    moves=st.lists(st.tuples(st.integers(0, 3), st.none() | POSITIONS), max_size=3, unique_by=lambda pair: pair[0]),
    has_streets=st.booleans(),
)
def test_any_changes_give_the_people_of_a_computation_from_scratch(
    before: list[tuple[float, float]],
    after: list[tuple[float, float]],
    moves: list[tuple[int, tuple[float, float] | None]],
    has_streets: bool,
) -> None:
    standing = [Facility(f"f{number}", "clinic", place) for number, place in enumerate(before)]
    study = replace(SMALL, facilities=facility_frame(standing), streets=SMALL.streets if has_streets else None)
    documents: list[dict[str, Any]] = [add(*place) for place in after]
    for number, place in moves:
        if number < len(before):
            name = f"f{number}"
            documents.append({"action": "close", "id": name} if place is None else move(name, *place))
    if not documents:
        return
    travel = Travel(study)
    changed = scenario_changes.apply(study.facilities, changes(*documents), study, TODAY)
    for goal in (GOALS[0], GOALS[2]):
        result = compare(travel, goal, *documents)
        expected, remaining = from_scratch(study, goal, changed.facilities)
        assert asdict(result.after) == asdict(expected)
        assert result.gained - result.lost == pytest.approx(result.after.covered - result.before.covered)
        assert result.gaps is not None
        assert result.gaps.frame["people"].tolist() == remaining.frame["people"].tolist()


PARKS = (
    standard("radius", id="park", category="park", metres=900),
    standard(
        "radius",
        id="by-size",
        category="park",
        metres=700,
        radius_by_area=[{"least_m2": 5000, "metres": 1500}, {"least_m2": 400, "metres": 300}],
    ),
)
ON_STREET = st.integers(0, 39).map(lambda number: number * 100.0 + 50.0)
ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(["clinic", "park"]), ON_STREET),
    st.tuples(st.just("move"), st.sampled_from(["c", "d", "park"]), ON_STREET),
    st.tuples(st.just("close"), st.sampled_from(["c", "d", "park"]), st.none()),
    st.tuples(st.just("change"), st.sampled_from(["c", "d"]), st.sampled_from(["hospital", None])),
)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=5))
def test_any_actions_equal_the_register_after_them_for_every_measure(drawn: list[tuple[str, str, Any]]) -> None:
    outlines = [handmade.to_degrees(shapely.box(x, -80, x + 1200, 80)) for x in (100, 2700)]
    table = {"area_code": ["A1", "B1"], "source": "规划局.gpkg"}
    land = ResidentialLand(gpd.GeoDataFrame(table, geometry=outlines, crs="EPSG:4326"))
    study = replace(two_towns.study(), facilities=facility_frame(CLINICS), standards=(*GOALS, *PARKS), land=land)
    documents: list[dict[str, Any]] = []
    register = {facility.id: facility for facility in CLINICS}
    for action, name, value in drawn:
        if action == "add":
            documents.append(add(value, category=name))
            new = f"scenario-{len(documents)}"
            register[new] = Facility(new, name, (value, 0), {"area_code": village(value), "opened": TODAY})
        elif name not in {document.get("id") for document in documents}:
            old = register[name]
            if action == "move":
                documents.append(move(name, value))
                properties = old.properties | {"area_code": village(value)}
                register[name] = replace(old, place=(value, 0), properties=properties)
            else:
                members = {"closed": TODAY} if action == "close" else {"subtype": value}
                documents.append({"action": action, "id": name} | ({} if action == "close" else members))
                register[name] = replace(old, properties=old.properties | members)
    travel, frame = Travel(study), facility_frame(register.values())
    for chosen in study.standards:
        result = compare(travel, chosen, *documents)
        expected, remaining = from_scratch(study, chosen, frame)
        assert asdict(result.after) == asdict(expected)
        assert result.gaps is not None
        assert result.gaps.frame.equals(remaining.frame)
    assert documents


def village(x: float) -> str:
    """The village in which a place on the street lies."""
    return ("A1", "A2", "B1", "B2")[int(x // 1000)]


@pytest.mark.parametrize("name", ["liechtenstein", "porto_alegre"])
def test_scenarios_of_real_places_equal_a_computation_from_scratch(name: str, request: pytest.FixtureRequest) -> None:
    study: Study = request.getfixturevalue(name)
    travel, day, random = Travel(study), date(2026, 6, 1), np.random.default_rng(7)
    for goal in [goal for goal in study.standards if goal.measure in ("travel_time", "radius")]:
        ids = study.facilities.index[study.facilities["category"] == goal.category]
        people = study.demand.iloc[random.integers(len(study.demand), size=3)]
        documents = [
            {"action": "add", "category": goal.category, "lon": float(row.lon), "lat": float(row.lat)}
            for row in people.itertuples()
        ]
        documents[-1] = {"action": "move", "id": ids[0]} | {key: documents[-1][key] for key in ("lon", "lat")}
        documents += [{"action": "close", "id": name} for name in ids[1:2]]
        changed = scenario_changes.apply(study.facilities, changes(*documents), study, day)
        counted = counting.count_units(travel, study.facilities, goal, day)
        before = coverage.summarise(travel, goal, counted)
        standing = Standing(travel, goal, counted, before, study.facilities)
        result = scenarios.compare(changed, standing, day, most_gaps=0)
        expected = coverage.measure(travel, changed.facilities, goal, day)
        assert asdict(result.after) == asdict(expected)
        assert result.gained - result.lost == pytest.approx(expected.covered - before.covered, abs=0.11)
