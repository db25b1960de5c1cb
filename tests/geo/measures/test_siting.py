"""Siting in a study: against all choices compared one by one, and against the coverage once the sites are imported."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import FieldError
from geo.geodesy.distance import geodesic_distance
from geo.measures import counting, coverage, scenario_changes
from geo.measures.siting import candidates, measure
from geo.measures.siting.document import SitesRequest
from geo.measures.siting.measure import Siting
from geo.measures.siting.problem import HORIZON
from geo.measures.siting.question import Effort
from geo.measures.standing import Standing
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import Facility, People, Street, facility_frame, lonlat, standard
from support.two_towns import TODAY

WALK = standard("travel_time", id="walk", minutes=9, target=0.5)
RADIUS = standard("radius", id="radius", metres=700)
GRID = [
    *(Street([(x * 1000, y * 1000), (x * 1000 + 1000, y * 1000)]) for x in range(3) for y in range(3)),
    *(Street([(x * 1000, y * 1000), (x * 1000, y * 1000 + 1000)]) for x in range(4) for y in range(2)),
]
PEOPLE = [People((x * 170.0, y * 310.0), x + y + 1) for x in range(18) for y in range(7)]
SMALL = handmade.study(GRID, [], PEOPLE, standards=[WALK, RADIUS], max_connector_m=400)
TRAVEL = Travel(SMALL)
PLENTY = Effort(seconds=20.0, count=500, pairs=10_000_000, cores=1)
JUNCTIONS = [(float(x * 1000), float(y * 1000)) for x in range(4) for y in range(3) if x in (1, 2) or y == 1]
"""Where at least three streets meet: at the corners of the grid a street only bends."""


def standing(travel: Travel, goal: Standard, facilities: gpd.GeoDataFrame) -> Standing:
    counted = counting.count_units(travel, facilities, goal, TODAY)
    return Standing(travel, goal, counted, coverage.summarise(travel, goal, counted), facilities)


def ask(
    travel: Travel, goal: Standard, facilities: gpd.GeoDataFrame | None = None, effort: Effort = PLENTY, **members: Any
) -> Siting:
    everything = travel.study.facilities if facilities is None else facilities
    request = SitesRequest.model_validate({"standard": goal.id, **members})
    return measure.measure(travel, everything, standing(travel, goal, everything), request, "wgs84", TODAY, effort)


def clinics(places: list[tuple[float, float]]) -> gpd.GeoDataFrame:
    return facility_frame([Facility(f"c{number}", "clinic", place) for number, place in enumerate(places)])


def place(x: float, y: float, **members: Any) -> dict[str, Any]:
    lon, lat = lonlat(x, y)
    return {"lon": round(lon, 7), "lat": round(lat, 7), **members}


def geojson_of(shape: shapely.Geometry) -> Any:
    return json.loads(shapely.to_geojson(shape))


def measured_from_scratch(study: Study, facilities: gpd.GeoDataFrame, goal: Standard, siting: Siting) -> Any:
    changed = (
        scenario_changes.apply(facilities, siting.changes, study, TODAY).facilities if siting.changes else facilities
    )
    return coverage.measure(Travel(study), changed, goal, TODAY)


def values_of(goal: Standard, places: list[tuple[float, float]]) -> np.ndarray:
    """Seconds or metres from everybody to each place, one column each, by the engine's search of one facility."""
    frames = [clinics([position]) for position in places]
    if goal.measure == "radius":
        return np.column_stack([TRAVEL.demand_distances(frame).metres for frame in frames])
    return np.column_stack([TRAVEL.demand_times(frame, "walk").seconds for frame in frames])


JUNCTION_VALUES = {goal.id: values_of(goal, JUNCTIONS) for goal in (WALK, RADIUS)}
POSITIONS = st.sampled_from(JUNCTIONS)


@settings(max_examples=examples(9), deadline=None)
@given(
    today=st.lists(POSITIONS, max_size=2, unique=True),
    count=st.integers(1, 3),
    goal=st.sampled_from([WALK, RADIUS]),
    objective=st.sampled_from(["most_people", "least_time"]),
)
def test_no_choice_of_junctions_is_better(
    today: list[tuple[float, float]], count: int, goal: Standard, objective: str
) -> None:
    facilities = clinics(today)
    siting = ask(TRAVEL, goal, facilities, objective=objective, count=count)
    people = SMALL.demand["population"].to_numpy()
    limit = goal.minutes * 60 if goal.measure == "travel_time" else goal.metres
    unit = 60.0 if goal.measure == "travel_time" else 1.0
    base = values_of(goal, today).min(axis=1) if today else np.full(len(people), np.inf)

    def value(sites: tuple[int, ...]) -> float:
        best = np.minimum(base, JUNCTION_VALUES[goal.id][:, sites].min(axis=1)) if sites else base
        if objective == "most_people":
            return float(people[best <= limit + 1e-3].sum())
        return float((people * np.minimum(best, HORIZON * limit)).sum() / people.sum() / unit)

    better = max if objective == "most_people" else min
    for point in siting.curve:
        best = better(value(sites) for sites in itertools.combinations(range(len(JUNCTIONS)), point.count))
        assert point.value == pytest.approx(best, abs=0.06 if objective == "most_people" else 0.002)
        assert point.proven
    best = better(value(sites) for sites in itertools.combinations(range(len(JUNCTIONS)), count))
    assert siting.value == pytest.approx(best, abs=0.06 if objective == "most_people" else 0.002)
    assert siting.proven
    assert siting.bound == siting.value
    after = measured_from_scratch(SMALL, facilities, goal, siting)
    assert siting.comparison.after.covered == after.covered
    assert sum(site.newly_inside for site in siting.sites) == pytest.approx(
        after.covered - siting.comparison.before.covered
    )


@settings(max_examples=examples(4), deadline=None)
@given(today=st.lists(POSITIONS, max_size=2, unique=True), share=st.sampled_from([0.2, 0.5, 0.8]))
def test_no_fewer_junctions_reach_the_share(today: list[tuple[float, float]], share: float) -> None:
    facilities = clinics(today)
    people = SMALL.demand["population"].to_numpy()
    base = values_of(WALK, today).min(axis=1) if today else np.full(len(people), np.inf)
    inside = JUNCTION_VALUES["walk"] <= WALK.minutes * 60 + 1e-3

    def reaches(sites: tuple[int, ...]) -> bool:
        covered = (base <= WALK.minutes * 60 + 1e-3) | inside[:, sites].any(axis=1)
        return people[covered].sum() >= share * people.sum() * (1 - 1e-9)

    numbers = range(len(JUNCTIONS))
    enough = [n for n in range(len(JUNCTIONS) + 1) if any(map(reaches, itertools.combinations(numbers, n)))]
    if not enough:
        with pytest.raises(FieldError, match=r"share: all candidates together bring \d\d\.\d+% inside"):
            ask(TRAVEL, WALK, facilities, objective="fewest_sites", share=share)
        return
    siting = ask(TRAVEL, WALK, facilities, objective="fewest_sites", share=share)
    assert (siting.value, siting.bound, siting.proven) == (enough[0], enough[0], True)
    assert measured_from_scratch(SMALL, facilities, WALK, siting).share >= share


def test_without_a_share_the_target_of_the_standard_counts() -> None:
    assert ask(TRAVEL, WALK, objective="fewest_sites").comparison.after.share >= 0.5
    with pytest.raises(FieldError, match="radius has no target: say which share"):
        ask(TRAVEL, RADIUS, objective="fewest_sites")


def test_plan_keeps_the_sites_of_the_steps_before_and_says_what_that_costs() -> None:
    # Sites at both ends of a street cover 20 + 20, one in the middle 30: alone it is the best, but not among two.
    people = [People((100.0, 0), 10), People((600.0, 0), 15), People((1400.0, 0), 15), People((1900.0, 0), 10)]
    goal = standard("travel_time", id="walk", minutes=8)  # 533 m
    study = handmade.study([Street([(0, 0), (2000, 0)])], [], people, standards=[goal])
    spots = [place(350, 0), place(1000, 0), place(1650, 0)]
    siting = ask(Travel(study), goal, objective="most_people", count=2, candidates=spots)
    assert siting.value == 50
    one, two = siting.curve
    assert (one.value, one.planned, one.lost_by_order) == (30, 25, 5)
    assert (two.value, two.planned, two.lost_by_order) == (50, 50, 0)
    assert [site.inside for site in siting.sites] == [25, 50]


def test_fixed_forbidden_costs_and_budget() -> None:
    left = ask(TRAVEL, WALK, count=2, fixed=[place(0, 0)])
    assert left.sites[0].is_fixed
    assert (left.sites[0].point.x, left.sites[0].point.y) == pytest.approx(lonlat(0, 0), abs=1e-6)
    free = ask(TRAVEL, WALK, count=2)
    assert free.value > left.value
    west = handmade.to_degrees(shapely.box(-500, -500, 1500, 2500))
    polygon = geojson_of(west)
    east = ask(TRAVEL, WALK, count=2, forbidden=[{"type": "Feature", "properties": {}, "geometry": polygon}])
    assert all(not west.intersects(site.point) for site in east.sites)
    assert any("禁建" in note for note in east.notes)
    spots = [place(*spot) for spot in JUNCTIONS]
    costs = [5.0 if spot[0] >= 2000 else 1.0 for spot in JUNCTIONS]
    cheap = ask(TRAVEL, WALK, candidates=spots, costs=costs, budget=3)
    assert sum(site.cost or 0 for site in cheap.sites) <= 3
    assert len(cheap.sites) == 3
    assert all(west.intersects(site.point) for site in cheap.sites)


def test_least_costs_for_a_share() -> None:
    spots = [place(*spot) for spot in JUNCTIONS]
    siting = ask(TRAVEL, WALK, objective="fewest_sites", share=0.3, candidates=spots, costs=[2.5] * len(spots))
    assert siting.unit == "cost"
    assert siting.value == siting.bound == 2.5 * len(siting.sites)


def test_weights_count_children_more_and_say_where_they_are_unknown() -> None:
    people = [
        People((0.0, 0), 10, {"children_3_6": 9, "elders_65": 0}),
        People((2000.0, 0), 15, {"children_3_6": 0, "elders_65": None}),
    ]
    goal = standard("travel_time", id="walk", minutes=5)
    study = handmade.study([Street([(0, 0), (2000, 0)])], [], people, standards=[goal])
    spots = [place(0, 0), place(2000, 0)]

    def chosen(**members: Any) -> Siting:
        return ask(Travel(study), goal, count=1, candidates=spots, **members)

    assert chosen().comparison.after.covered == 15
    weighted = chosen(weights={"children_3_6": 2})
    assert (weighted.comparison.after.covered, weighted.value, weighted.unit) == (10, 19, "weighted people")
    assert any("15 people it is unknown how many are elders" in note for note in chosen(weights={"elders_65": 3}).notes)
    with pytest.raises(FieldError, match="weights: fewest_sites counts people"):
        ask(Travel(study), goal, objective="fewest_sites", share=0.5, weights={"elders_65": 2})


def test_replacements_are_those_of_all_candidates_compared_one_by_one() -> None:
    siting = ask(TRAVEL, WALK, count=2)
    spots = [place(*spot) for spot in JUNCTIONS]
    site, kept = siting.sites
    for alternative in site.alternatives[:1]:
        others = [{"lon": spot.x, "lat": spot.y} for spot in (kept.point, alternative.point)]
        assert siting.value - ask(TRAVEL, WALK, count=2, candidates=others).value == pytest.approx(alternative.costs)
    wide = standard("travel_time", id="wide", minutes=20)
    chosen = ask(TRAVEL, wide, count=1, candidates=spots)
    near = {round(alternative.costs) for alternative in chosen.sites[0].alternatives}
    x, y = chosen.sites[0].point.x, chosen.sites[0].point.y
    reach = 20 * 60 * 4000 / 3600 / SMALL.settings.detour
    losses = [
        chosen.value - ask(TRAVEL, wide, count=1, candidates=[spot]).value
        for spot in spots
        if 1 < geodesic_distance(x, y, spot["lon"], spot["lat"]) <= reach
    ]
    assert near == {round(loss) for loss in sorted(losses)[:3]}


def test_existing_facility_that_becomes_one_that_counts() -> None:
    goal = standard("travel_time", id="hospital", minutes=9, subtypes=["hospital"])
    facilities = facility_frame(
        [
            Facility("h", "clinic", (0.0, 0.0), {"subtype": "hospital"}),
            Facility("v", "clinic", (3000.0, 2000.0), {"subtype": "village_clinic"}),
            Facility("k", "kindergarten", (2000.0, 1000.0)),
        ]
    )
    siting = ask(TRAVEL, goal, facilities, count=2, candidates=[{"facility": "v"}, {"facility": "k", "name": "新院"}])
    actions = {change.id: change.action for change in siting.changes}
    assert actions["v"] == "change"
    assert sorted(actions.values()) == ["add", "change"]
    assert siting.comparison.after.covered == measured_from_scratch(SMALL, facilities, goal, siting).covered
    assert siting.comparison.after.covered > siting.comparison.before.covered
    with pytest.raises(FieldError, match="facility 'h' counts for hospital already"):
        ask(TRAVEL, goal, facilities, count=1, candidates=[{"facility": "h"}])
    with pytest.raises(FieldError, match="no facility with the id 'x' stands today"):
        ask(TRAVEL, goal, facilities, count=1, candidates=[{"facility": "x"}])


def test_sites_count_although_no_subtype_is_known() -> None:
    goal = standard("travel_time", id="hospital", minutes=9, subtypes=["hospital"])
    facilities = clinics([(0.0, 0.0)])
    siting = ask(TRAVEL, goal, facilities, count=2)
    assert siting.comparison.after.covered == measured_from_scratch(SMALL, facilities, goal, siting).covered
    assert siting.comparison.after.covered > siting.comparison.before.covered
    assert any("sites have no subtype" in note for note in siting.notes)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (standard("presence", id="p", units="village"), "p asks for one facility in each unit, so each of its gaps"),
        (standard("opened", id="o", since="2021-01-01", until="2021-12-31", target=3), "o counts openings"),
    ],
)
def test_standards_without_places_are_refused_with_words(goal: Standard, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        ask(Travel(two_towns.study()), goal, count=1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"count": 1, "candidates": [{"lon": 10.0, "lat": 20.0}]}, r"candidates\[0\]: position 10, 20 lies [\d,]+ km"),
        ({"count": 1, "candidates": [{"lon": 28.9, "lat": 120.0}]}, r"candidates\[0\]: latitude 120 is not"),
        ({"count": 1, "fixed": [place(0, 0), place(1000, 0)]}, "fixed: 2 places are fixed, more than the count of 1"),
        ({"count": 1, "forbidden": {"type": "Point", "coordinates": [120, 28.9]}}, "geometry 1 is no GeoJSON Polygon"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": [[["a", 1]]]}}, "no longitude and latitude"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": [[[120, 28.9]]]}}, "geometry 1 is no polygon"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": [[[1e400, 2]] * 4]}}, "not in degrees"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": [[[0, 0]] * 20_001]}}, "20,000 vertices"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": 3}}, "geometry 1 is no GeoJSON Polygon"),
        ({"count": 1, "forbidden": ["x"]}, "is no GeoJSON object"),
        (
            {"count": 1, "forbidden": geojson_of(shapely.box(119, 28, 121, 29))},
            "the polygons leave no candidate",
        ),
        (
            {
                "count": 1,
                "fixed": [place(0, 0)],
                "forbidden": geojson_of(handmade.to_degrees(shapely.box(-9, -9, 9, 9))),
            },
            "fixed: place 1 lies on forbidden land",
        ),
    ],
)
def test_what_cannot_work_is_said(members: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=message):
        ask(TRAVEL, WALK, **members)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "most_people needs a count of sites, such as 5, or a budget"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": True}, "valid integer"),
        ({"count": 501}, "less than or equal to 500"),
        ({"count": 2, "share": 0.5}, "only fewest_sites takes a share"),
        ({"objective": "fewest_sites", "share": 0.5, "count": 2}, "fewest_sites finds the count"),
        ({"objective": "fewest_sites", "share": float("nan")}, "share"),
        ({"budget": 3}, "budget: needs costs"),
        ({"budget": 3, "costs": [1]}, "one cost for each of the candidates"),
        ({"count": 1, "candidates": [{"lon": 1.0}]}, "needs both lon and lat"),
        ({"count": 1, "candidates": [{"lon": 1.0, "lat": 1.0, "facility": "x"}]}, "needs lon and lat, or a facility"),
        ({"count": 1, "candidates": [{}]}, "needs lon and lat, or a facility"),
        ({"count": 1, "weights": {"children_3_6": -1}}, "greater than or equal to 0"),
        ({"count": 1, "seconds": 1e9}, "less than or equal to 3600"),
        ({"count": 1, "kount": 1}, "Extra inputs"),
    ],
)
def test_documents_that_contradict_themselves_are_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SitesRequest.model_validate({"standard": "walk", **members})


def test_studies_without_people_streets_or_facilities() -> None:
    empty = replace(SMALL, demand=SMALL.demand.iloc[:0])
    with pytest.raises(FieldError, match="walk counts nobody here"):
        ask(Travel(empty), WALK, count=1)
    straight = replace(SMALL, streets=None)
    siting = ask(Travel(straight), WALK, count=2)
    assert any("places where people live" in note for note in siting.notes)
    after = measured_from_scratch(straight, straight.facilities, WALK, siting)
    assert siting.comparison.after.covered == after.covered > 0
    enough = clinics(JUNCTIONS)
    done = ask(TRAVEL, WALK, enough, count=3)
    assert (done.sites, done.proven, done.value) == ([], True, done.comparison.before.covered)
    assert any("0 sites do all that can be done" in note for note in done.notes)


def test_candidates_are_thinned_evenly_and_the_answer_says_so() -> None:
    some = candidates.junctions(TRAVEL, "walk")
    assert len(some) == len(JUNCTIONS)
    thinned = candidates.thinned(some, 4, SMALL.settings.projection)
    assert 1 <= len(thinned) <= 4
    assert thinned.thinned_to_m is not None
    assert "in each cell of a grid of" in thinned.notes[-1]
    assert candidates.thinned(some, 8, SMALL.settings.projection) is some


def test_search_that_is_stopped_gives_the_best_so_far_with_a_bound() -> None:
    before = standing(TRAVEL, WALK, SMALL.facilities)
    request = SitesRequest.model_validate({"standard": "walk", "count": 3})
    seen: list[tuple[float, float]] = []
    siting = measure.measure(
        TRAVEL, SMALL.facilities, before, request, "wgs84", TODAY, PLENTY,
        lambda value, bound: seen.append((value, bound)), lambda: True,
    )  # fmt: skip
    best = ask(TRAVEL, WALK, count=3)
    assert siting.value <= best.value <= siting.bound
    assert all(value <= best.value <= bound for value, bound in seen)


@pytest.mark.parametrize(
    ("goal_id", "objective"),
    [("health-15", "most_people"), ("health-15", "least_time"), ("park-500", "fewest_sites")],
)
@pytest.mark.parametrize("name", ["porto_alegre", "liechtenstein"])
def test_coverage_with_the_sites_imported_is_what_the_answer_says(
    name: str, goal_id: str, objective: str, request: pytest.FixtureRequest, travel_of: Callable[[Study], Travel]
) -> None:
    study: Study = request.getfixturevalue(name)
    travel, goal = travel_of(study), study.standard(goal_id)
    members = {"share": 0.85} if objective == "fewest_sites" else {"count": 4}
    siting = ask(travel, goal, objective=objective, effort=Effort(0.1, 500, 500_000, 1), **members)
    facilities = scenario_changes.apply(study.facilities, siting.changes, study, TODAY).facilities
    after = coverage.measure(travel, facilities, goal, TODAY)
    assert siting.comparison.after.covered == after.covered
    gained = after.covered - siting.comparison.before.covered
    assert sum(site.newly_inside for site in siting.sites) == pytest.approx(gained, abs=0.3)
    assert not any("the former counts" in note for note in siting.notes)
    sign = -1 if objective == "most_people" else 1
    assert sign * siting.value >= sign * siting.bound


@pytest.fixture(scope="module")
def travel_of() -> Callable[[Study], Travel]:
    """The `Travel` of a study, made once."""
    made: dict[str, Travel] = {}

    def get(study: Study) -> Travel:
        return made.setdefault(study.settings.id, Travel(study))

    return get
