"""Coverage by travel time and radius, against examples computed by hand and a plain loop."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geo.measures import coverage
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.reasons import NO_FACILITIES, NO_ROUTE, NO_STREET
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.handmade import Facility, People, Street, standard
from support.two_towns import CLINIC, PEOPLE, STREETS, TODAY, by_area, measure, with_demand

GEOD = Geod(ellps="WGS84")


@pytest.fixture
def county() -> Study:
    return two_towns.study()


# --- travel_time -------------------------------------------------------------------------------------------------


def test_travel_time_of_all_people(county: Study) -> None:
    answer = measure(county, standard("travel_time", minutes=15, target=0.1))
    assert (answer.total, answer.covered, answer.people, answer.unit) == (280, 30, 280, "people")
    assert answer.share == pytest.approx(30 / 280, abs=1e-6)
    assert (answer.measure, answer.method, answer.mode, answer.speed_kph) == ("travel_time", "network", "walk", 4.0)
    assert (answer.minutes, answer.metres, answer.facilities, answer.category) == (15, None, 1, "clinic")
    assert (answer.target, answer.targets, answer.meets_target) == (0.1, [0.1], True)
    assert by_area(answer) == {"A": (120, 120, 30, 0.25), "B": (90, 90, 0, 0)}
    assert {each.reason: each.count for each in answer.unreachable} == {
        NO_ROUTE: 60,
        NO_STREET.format(metres=1000): 70,
    }
    assert any("outside all areas" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("people", "total", "covered", "areas"),
    [
        ("urban", 140, 30, {"A": (120, 30, 30, 1), "B": (90, 40, 0, 0)}),
        ("rural", 140, 0, {"A": (120, 90, 0, 0), "B": (90, 50, 0, 0)}),
        ("children_3_6", 11, 3, {"A": (120, 6, 3, 0.5), "B": (90, 5, 0, 0)}),
    ],
)
def test_travel_time_of_a_group_of_people(
    county: Study, people: str, total: float, covered: float, areas: dict[str, tuple[float, ...]]
) -> None:
    answer = measure(county, standard("travel_time", minutes=15, people=people))
    assert (answer.total, answer.covered) == (total, covered)
    assert by_area(answer) == areas
    assert not any("cannot be told" in note or "not known" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("column", "people"),
    [("urban", "urban"), ("urban", "rural"), ("children_3_6", "children_3_6"), ("elders_65", "elders_65")],
)
def test_all_people_count_where_the_group_is_unknown_and_a_note_says_so(
    county: Study, column: str, people: str
) -> None:
    study = with_demand(county, **{column: np.nan})
    answer = measure(study, standard("travel_time", minutes=15, people=people))
    assert (answer.total, answer.covered) == (280, 30)
    (note,) = (note for note in answer.notes if "all people count" in note)
    assert note not in measure(county, standard("travel_time", minutes=15)).notes


def test_unknown_subtypes_are_noted(county: Study) -> None:
    goal = standard("travel_time", minutes=15, subtypes=("hospital",))
    answer = measure(county, goal)
    assert (answer.covered, answer.facilities) == (30, 1)
    assert any("no facility is known to be one of: hospital; every clinic counts" in note for note in answer.notes)
    hospital = Facility("h", "clinic", (4000, 0), {"subtype": "hospital"})
    answer = measure(county, goal, CLINIC, hospital)
    assert (answer.covered, answer.facilities) == (50, 1)
    assert not any("every clinic counts" in note for note in answer.notes)


def test_note_of_the_standard_is_among_the_notes(county: Study) -> None:
    assert "慢" in measure(county, standard("travel_time", minutes=15, note="慢")).notes


def test_slower_and_faster_walking_scale_the_times_exactly(county: Study) -> None:
    # In 15 minutes: 1000 m at 4.0, 800 m at 3.2, 1200 m at 4.8 km/h. Within 25.5: 1700, 1360, 2040.
    answer = measure(county, standard("travel_time", minutes=15))
    assert [(a.mode, a.speed_kph, a.covered) for a in answer.alternatives] == [("walk", 3.2, 10), ("walk", 4.8, 30)]
    answer = measure(county, standard("travel_time", minutes=25.5))
    assert answer.covered == 60
    assert [a.covered for a in answer.alternatives] == [30, 60]
    assert [a.share for a in answer.alternatives] == [
        pytest.approx(30 / 280, abs=1e-6),
        pytest.approx(60 / 280, abs=1e-6),
    ]


def test_alternative_speed_equals_a_study_with_that_speed(sample: Study) -> None:
    goal = sample.standard("health-15")
    answer = coverage.measure(Travel(sample), sample.facilities, goal, TODAY)
    for alternative in answer.alternatives:
        speeds = sample.settings.speeds.model_copy(update={"walk_kph": alternative.speed_kph})
        paced = replace(sample, settings=sample.settings.model_copy(update={"speeds": speeds}))
        own = coverage.measure(Travel(paced), sample.facilities, goal, TODAY)
        assert (own.covered, own.share) == (alternative.covered, alternative.share)


def test_alternative_modes_are_listed_beside_the_result(county: Study) -> None:
    goal = standard("travel_time", minutes=15, mode="cycle", alternatives=("walk", "drive"))
    answer = measure(county, goal)
    assert (answer.mode, answer.speed_kph, answer.covered) == ("cycle", 15, 100)  # 3750 m
    got = [(a.mode, a.speed_kph, a.covered) for a in answer.alternatives]
    assert got == [("walk", 4.0, 30), ("walk", 3.2, 10), ("walk", 4.8, 30), ("drive", None, 150)]


MEASURES = [
    standard("travel_time", minutes=15, target=0.5, alternatives=("cycle",)),
    standard("radius", metres=500, target=0.5),
    standard("presence", units="village", target=0.5),
    standard("opened", since="2021-01-01", until="2021-12-31", target=5),
]


@pytest.mark.parametrize("goal", MEASURES, ids=lambda goal: goal.measure)
def test_share_is_not_known_where_the_register_never_had_a_facility(county: Study, goal: Standard) -> None:
    answer = measure(replace(county, facilities=county.facilities.iloc[:0]), goal)
    assert (answer.known, answer.share, answer.meets_target, answer.covered) == (False, None, None, 0)
    assert {area.share for area in answer.areas} == {None}
    assert {alternative.share for alternative in answer.alternatives} <= {None}
    assert answer.unreachable == []
    (note,) = (note for note in answer.notes if "nothing is known" in note)
    assert note.startswith("没有任何诊所的资料") and note.endswith("import a list of them")


@pytest.mark.parametrize("goal", MEASURES, ids=lambda goal: goal.measure)
def test_nobody_is_covered_where_all_facilities_have_closed(county: Study, goal: Standard) -> None:
    closed = replace(CLINIC, properties={"opened": "2010-01-01", "closed": "2020-01-01"})
    answer = measure(county, goal, closed)
    assert (answer.known, answer.share, answer.meets_target, answer.covered) == (True, 0, False, 0)
    assert not any("nothing is known" in note for note in answer.notes)
    if answer.unit == "people":
        assert {each.reason: each.count for each in answer.unreachable} == {NO_FACILITIES: 280}
        assert all(alternative.share == 0 for alternative in answer.alternatives)


def test_openings_are_not_known_where_no_opening_date_is(county: Study) -> None:
    goal, clinics = MEASURES[3], [replace(CLINIC, id=name, properties={}) for name in "abc"]
    answer = measure(county, goal, *clinics)
    assert (answer.known, answer.share, answer.meets_target, answer.total) == (False, None, None, 3)
    assert any("no opening date of the 3 facilities is known" in note for note in answer.notes)
    dated = replace(CLINIC, id="d", properties={"opened": "2021-05-01"})
    answer = measure(county, goal, *clinics, dated)
    assert (answer.known, answer.share, answer.meets_target, answer.covered) == (True, 0.2, False, 1)


def test_whom_the_numbers_count_is_said_beside_them(county: Study) -> None:
    goal = standard("travel_time", minutes=15, people="children_3_6")
    answer = measure(county, goal)
    assert (answer.people_group, answer.people_counted, answer.residents) == ("children_3_6", "children_3_6", 280)
    answer = measure(with_demand(county, children_3_6=np.nan), goal)
    assert (answer.people_group, answer.people_counted, answer.residents) == ("children_3_6", "all", 280)
    for other in MEASURES[2:]:
        answer = measure(county, other)
        assert (answer.people_group, answer.people_counted, answer.residents) == (None, None, 280)


def test_no_share_where_nobody_is_counted(county: Study) -> None:
    answer = measure(with_demand(county, urban=0.0), standard("travel_time", minutes=15, people="urban", target=0.9))
    assert (answer.total, answer.share, answer.meets_target) == (0, None, None)
    assert {area.share for area in answer.areas} == {None}
    assert [a.share for a in answer.alternatives] == [None, None]


@pytest.mark.parametrize(("target", "meets"), [(0.25, True), (0.2500001, False), (None, None)])
def test_target_reached_exactly_is_met(county: Study, target: float | None, meets: bool | None) -> None:
    study = replace(county, demand=county.demand[county.demand["area_code"].isin(["A", "A1", "A2"])])
    answer = measure(study, standard("travel_time", minutes=15, target=target))
    assert (answer.share, answer.meets_target) == (0.25, meets)
    assert answer.targets == ([] if target is None else [target])


@pytest.mark.parametrize(
    ("inside", "outside", "target"),
    [([8.1], [0.9], 0.9), ([0.1] * 9, [0.1], 0.9), ([2.7, 5.4], [0.9], 0.9), ([0.1, 0.2], [0.1], 0.75)],
)
def test_target_is_met_exactly_by_fractions_of_people(inside: list[float], outside: list[float], target: float) -> None:
    """8.1 of 9.0 are less than 0.9 in binary fractions."""
    people = [*(People((100, 0), number) for number in inside), *(People((3000, 0), number) for number in outside)]
    study = handmade.study(STREETS, [CLINIC], people)
    answer = measure(study, standard("travel_time", minutes=15, target=target))
    assert (answer.share, answer.meets_target) == (target, True)


@given(
    total=st.integers(1, 10**9),
    covered=st.integers(0, 10**9),
    denominator=st.integers(1, 10**9),
    unit=st.floats(1e-3, 1),
)
def test_targets_are_compared_as_fractions_are(total: int, covered: int, denominator: int, unit: float) -> None:
    """Against exact fractions: people counted in any unit, such as tenths, and any target that is a fraction."""
    covered = min(covered, total)
    for target in (Fraction(covered, total), Fraction(min(denominator, 10**9), 10**9)):
        share = Fraction(covered, total)
        if share >= target or share < target * (1 - Fraction(2, 10**9)):
            assert coverage.meets((covered * unit) / (total * unit), float(target)) == (share >= target)


def test_one_person_of_ten_million_is_missing() -> None:
    """The share rounds to its target, and is told with all its decimals instead."""
    people = [People((100, 0), 8_999_999), People((3000, 0), 1_000_001)]
    answer = measure(handmade.study(STREETS, [CLINIC], people), standard("travel_time", minutes=15, target=0.9))
    assert (answer.share, answer.meets_target) == (0.8999999, False)


def test_order_of_demand_rows_does_not_matter(county: Study) -> None:
    study = replace(county, demand=county.demand.iloc[::-1])
    assert (
        measure(study, standard("travel_time", minutes=15)).areas
        == measure(county, standard("travel_time", minutes=15)).areas
    )


# --- radius ------------------------------------------------------------------------------------------------------


def test_radius_is_measured_to_the_edge_of_a_polygon(county: Study) -> None:
    park = Facility("p", "park", shapely.box(1000, -50, 1100, 50))
    goal = standard("radius", category="park", metres=400, targets=(0.9, 0.8), target=0.9)
    answer = measure(county, goal, park)
    # The point at 1500 m is 400 m from the edge, so inside; 900 is 100 m from it; 200 and 2500 are outside.
    assert (answer.total, answer.covered, answer.unit, answer.people) == (280, 50, "people", 280)
    assert (answer.method, answer.metres, answer.minutes, answer.mode) == ("geodesic", 400, None, None)
    assert (answer.targets, answer.meets_target, answer.alternatives) == ([0.9, 0.8], False, [])
    assert by_area(answer) == {"A": (120, 120, 50, pytest.approx(50 / 120, abs=1e-6)), "B": (90, 90, 0, 0)}
    assert answer.unreachable == []
    assert measure(county, standard("radius", category="park", metres=399.9), park).covered == 20
    inside = Facility("q", "park", shapely.box(0, -50, 4000, 50))
    assert measure(county, standard("radius", category="park", metres=1), inside).covered == 150


def test_limits_in_metres_are_geodesic_in_any_projection(small_study: Callable[..., Study]) -> None:
    """At the edge of its zone UTM stretches 500 m to 500.3 m; the limit is 500 m on the ground."""
    people = [People((499.95, 0), 1), People((500.05, 0), 1)]
    park = Facility("p", "park", (0, 0))
    study = small_study([Street([(0, 0), (0, 500)])], [park], people, projection="EPSG:32650", max_connector_m=500)
    assert measure(study, standard("radius", category="park", metres=500)).covered == 1
    times = Travel(study).demand_times(study.facilities, "walk").seconds
    assert np.isfinite(times).tolist() == [True, False]
    assert times[0] == pytest.approx(499.95 * 0.9, abs=1e-3)


def test_radius_equals_a_plain_loop(sample: Study) -> None:
    """For 200 random demand points: distances to all points of the densified outlines of all parks."""
    parks = sample.facilities[sample.facilities["category"] == "park"]
    parks = parks[[day is None or day <= TODAY for day in parks["opened"]]]
    assert parks["closed"].isna().all()
    polygons = [shape for shape in parks.geometry if shape.geom_type != "Point"]
    assert polygons
    rows = np.random.default_rng(500).choice(len(sample.demand), 200, replace=False)
    people = sample.demand.iloc[np.sort(rows)]
    outlines = [shapely.get_coordinates(shapely.segmentize(shape, 0.00002)) for shape in parks.geometry]
    x, y = np.concatenate(outlines).T
    covered = 0.0
    for lon, lat, population in zip(people["lon"], people["lat"], people["population"], strict=True):
        metres = float(np.min(GEOD.inv(np.full(len(x), lon), np.full(len(x), lat), x, y)[2]))
        within = any(shape.contains(shapely.Point(lon, lat)) for shape in polygons)
        assert within or abs(metres - 500) > 0.02, "too near the limit for a loop over points: take another seed"
        covered += population if within or metres <= 500 else 0
    answer = measure(replace(sample, demand=people), sample.standard("park-500"))
    assert 0 < answer.covered < answer.total
    assert answer.total == pytest.approx(people["population"].sum(), abs=0.05)
    assert answer.covered == pytest.approx(covered, abs=0.05)


# --- all measures -------------------------------------------------------------------------------------------------


def test_areas_add_up_to_the_total(sample: Study) -> None:
    travel = Travel(sample)
    for goal in sample.standards:
        answer = coverage.measure(travel, sample.facilities, goal, TODAY)
        assert len(answer.areas) == 14
        assert sum(area.total for area in answer.areas) == pytest.approx(answer.total, abs=1), goal.id
        assert sum(area.covered for area in answer.areas) == pytest.approx(answer.covered, abs=1), goal.id
        assert sum(area.people for area in answer.areas) == pytest.approx(964_203, abs=1), goal.id
        assert answer.covered <= answer.total
        assert answer.sample is True
        assert answer.data_date == date(2024, 12, 31)


def test_result_names_the_study_and_the_standard(county: Study) -> None:
    goal = standard("travel_time", minutes=15)
    answer = measure(county, goal)
    assert (answer.standard, answer.name, answer.name_en, answer.source) == ("goal", "目标", "Goal", "here")
    assert (answer.study, answer.sample, answer.data_date) == ("小", False, None)


def test_study_without_areas_has_only_a_total(small_study: Callable[..., Study]) -> None:
    people = [replace(person, attributes={}) for person in PEOPLE]
    study = small_study(STREETS, [CLINIC], people)
    answer = measure(study, standard("travel_time", minutes=15))
    assert (answer.total, answer.covered, answer.areas) == (280, 30, [])


def test_closing_a_facility_never_raises_coverage(sample: Study) -> None:
    """Closing the last facility of a subtype does not make the subtypes unknown."""
    travel, goal = Travel(sample), sample.standard("health-15")
    everything = sample.facilities
    stations = everything.index[everything["subtype"].isin(goal.subtypes)]
    before = 1.0
    for left in (len(stations), 5, 1, 0):
        some = everything.copy()
        some.loc[stations[left:], "closed"] = date(2025, 12, 31)
        share = coverage.measure(travel, some, goal, date(2026, 1, 1)).share
        assert share is not None and share <= before
        before = share
    assert before == 0.0


def test_people_of_unknown_group_do_not_count_and_a_note_says_so(sample: Study) -> None:
    demand = sample.demand.copy()
    demand.loc[demand.index[:500], "urban"] = np.nan
    lost = demand["population"].iloc[:500].sum()
    travel = Travel(replace(sample, demand=demand))
    answers = [
        coverage.measure(travel, sample.facilities, sample.standard(name), date(2026, 1, 1))
        for name in ("health-15", "health-20")
    ]
    assert sum(one.total for one in answers) == 964203 - lost
    assert all(any(f"{lost:,.0f} people of unknown urban" in note for note in one.notes) for one in answers)


def test_travel_times_add_up_exactly_over_many_edges(small_study) -> None:
    """Seventy-two streets of 100 seconds each are 7,200 seconds, in whatever order they are added up."""
    step = 100 * 4000 / 3600
    streets = [Street(line=[(row * step, 0.0), ((row + 1) * step, 0.0)]) for row in range(72)]
    # Side streets make each corner a junction.
    streets += [Street(line=[(row * step, 0.0), (row * step, 50.0)]) for row in range(1, 72)]
    study = small_study(
        streets=streets,
        facilities=[Facility("c", "clinic", (72 * step, 0.0))],
        people=[People((0.0, 0.0), 10)],
    )
    exact = study.streets.assign(length_m=np.where(study.streets["length_m"] > 60, step, study.streets["length_m"]))
    travel = Travel(replace(study, streets=exact))
    seconds = travel.demand_times(study.facilities, "walk").seconds[0]
    assert seconds == pytest.approx(7200, abs=0.01)
    whole = travel.demand_times(study.facilities, "walk")
    connectors = travel.demand_points("walk").connector_m[0] / (4000 / 3600)
    access = travel.network("walk").edge_stretches(study.facilities.geometry.to_numpy()).connector_m[0] / (4000 / 3600)
    assert whole.seconds[0] - connectors - access == pytest.approx(7200, abs=1e-8)
