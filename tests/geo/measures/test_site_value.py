"""The value of sites and the fragility of facilities equal an independent computation, and what scenarios say."""

import functools
from collections.abc import Iterator
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.measures import counting, fragility, site_value
from geo.measures.fragility import Fragility
from geo.measures.site_value import SiteValues
from geo.measures.siting import candidates
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime import network
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import Facility, People, Street, facility_frame, lonlat, standard
from support.two_towns import TODAY

SIDE, STEP_M, OFF_STREET_M = 4, 200.0, 10.0
NODES = [(column * STEP_M, row * STEP_M) for column in range(SIDE) for row in range(SIDE)]
EDGES = [(n, n + SIDE) for n in range(SIDE * (SIDE - 1))] + [(n, n + 1) for n in range(SIDE**2) if (n + 1) % SIDE]
WALK = standard("travel_time", id="walk", minutes=6.13)
DRIVE = standard("travel_time", id="drive", minutes=1.37, mode="drive", people="elders_65")
RADIUS = standard("radius", id="radius", metres=333)


@pytest.fixture(scope="module", autouse=True)
def junctions_as_they_are_drawn() -> Iterator[None]:
    """Positions drawn in metres have more decimals than OpenStreetMap's; and no island counts as small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "DECIMALS", 12)
        patch.setattr(network, "ISLAND_M", 0.0)
        yield


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, float, float, float | None]], list[int]]:
    """The direction of each street for cars, people (edge, fraction, people, elders) and the nodes of facilities."""
    directions = [draw(st.sampled_from([-1, 0, 0, 1])) for _ in EDGES]
    person = st.tuples(
        st.integers(0, len(EDGES) - 1),
        st.sampled_from([0.1, 0.35, 0.6, 0.85]),
        st.sampled_from([1.0, 2.5, 40.0]),
        st.sampled_from([None, 0.0, 1.0]),
    )
    nodes = st.lists(st.integers(0, SIDE**2 - 1), max_size=3, unique=True)
    return directions, draw(st.lists(person, min_size=1, max_size=12)), draw(nodes)


def built(directions: list[int], people: list[tuple[int, float, float, float | None]], nodes: list[int]) -> Study:
    streets = [
        Street([NODES[u], NODES[v]], drive=(way >= 0, way <= 0)) for (u, v), way in zip(EDGES, directions, strict=True)
    ]
    demand = [
        People(_off_street(edge, fraction), count, {"elders_65": elders}) for edge, fraction, count, elders in people
    ]
    facilities = [Facility(f"c{node}", "clinic", NODES[node]) for node in nodes]
    facilities.append(Facility("gone", "clinic", (0, 0), {"closed": "2000-01-01"}))
    return handmade.study(streets, facilities, demand)


def _off_street(edge: int, fraction: float) -> tuple[float, float]:
    (x, y), (to_x, to_y) = NODES[EDGES[edge][0]], NODES[EDGES[edge][1]]
    along = (x + fraction * (to_x - x), y + fraction * (to_y - y))
    return (along[0], along[1] + OFF_STREET_M) if y == to_y else (along[0] + OFF_STREET_M, along[1])


def slow_minutes(study: Study, goal: Standard, directions: list[int], people: list) -> np.ndarray:
    """Minutes, or metres, from each person to each node, by the algorithm of Floyd and Warshall."""
    if goal.measure == "radius":
        at = np.array([lonlat(*_off_street(edge, fraction)) for edge, fraction, _, _ in people])
        to = np.array([lonlat(*node) for node in NODES])
        pairs = np.repeat(at, len(to), axis=0), np.tile(to, (len(at), 1))
        return np.array(Geod(ellps="WGS84").inv(*pairs[0].T, *pairs[1].T)[2]).reshape(len(at), -1)
    speeds, by_car = study.settings.speeds, goal.mode == "drive"
    kph = dict(speeds.drive_class_kph)["residential"] * speeds.drive_factor if by_car else speeds.walk_kph
    edge_min = STEP_M / kph * 0.06
    between = np.where(np.eye(SIDE**2, dtype=bool), 0.0, np.inf)
    along, against = np.empty(len(EDGES)), np.empty(len(EDGES))
    for number, ((u, v), way) in enumerate(zip(EDGES, directions, strict=True)):
        along[number], against[number] = (
            edge_min if is_open else np.inf for is_open in (not by_car or way >= 0, not by_car or way <= 0)
        )
        between[u, v], between[v, u] = along[number], against[number]
    for middle in range(SIDE**2):
        between = np.minimum(between, between[:, [middle]] + between[[middle]])
    minutes = []
    for edge, fraction, _, _ in people:
        u, v = EDGES[edge]
        ways = (fraction * against[edge] + between[u], (1 - fraction) * along[edge] + between[v])
        minutes.append(np.minimum(*ways) + OFF_STREET_M / speeds.walk_kph * 0.06)
    return np.array(minutes)


def measured(study: Study, goal: Standard, facilities: gpd.GeoDataFrame) -> tuple[Travel, counting.CountedUnits]:
    travel = Travel(study)
    return travel, counting.count_units(travel, facilities, goal, TODAY)


@settings(max_examples=examples(20), deadline=None)
@given(towns())
@pytest.mark.parametrize("goal", [WALK, DRIVE, RADIUS], ids=lambda goal: goal.id)
def test_value_and_fragility_equal_brute_force(goal: Standard, town: tuple) -> None:
    directions, people, nodes = town
    study = built(*town)
    travel, counted = measured(study, goal, study.facilities)
    times = slow_minutes(study, goal, directions, people)
    counts = np.array([count for _, _, count, _ in people])
    elders = np.array([np.nan if number is None else number for _, _, _, number in people])
    weight = np.nan_to_num(elders) if goal.id == "drive" and not np.isnan(elders).all() else counts
    limit = goal.metres if goal.measure == "radius" else goal.minutes
    inside = (times[:, nodes] <= limit).any(axis=1)
    gains = (times <= limit) & ~inside[:, None]
    values = site_value.measure(travel, goal, counted).frame
    # At the corners of the town a street just goes on: they are no junctions.
    junctions = [node for node in range(SIDE**2) if node not in (0, SIDE - 1, SIDE**2 - SIDE, SIDE**2 - 1)]
    expected = {node: float(weight @ gains[:, node]) for node in junctions if weight @ gains[:, node] > 0}
    by_node = {_node_at(point): row for row, point in enumerate(values.geometry)}
    by_node = {node: row for node, row in by_node.items() if node in junctions}  # of one-ways corners may be some
    assert {node: values["people"].iloc[row] for node, row in by_node.items()} == pytest.approx(expected, abs=2e-3)
    for node, row in by_node.items():
        chosen = gains[:, node] & (weight > 0)
        known = elders[chosen & ~np.isnan(elders)]
        assert values["residents"].iloc[row] == pytest.approx(counts[chosen].sum(), abs=2e-3)
        assert values["elders_65"].iloc[row] == pytest.approx(known.sum() if len(known) else np.nan, nan_ok=True)
    losses = fragility.measure(travel, goal, counted).frame
    assert set(losses.index) == {f"c{node}" for node in nodes}
    for node in nodes:
        loss = losses.loc[f"c{node}"]
        before = times[:, nodes].min(axis=1)
        after = times[:, [other for other in nodes if other != node]].min(axis=1, initial=np.inf)
        lost, longer = inside & (after > limit), after > before + 1e-4
        stay = inside & ~lost & longer
        assert loss["people_lost"] == pytest.approx(weight[lost].sum(), abs=2e-3)
        assert loss["people_longer"] == pytest.approx(weight[stay].sum(), abs=2e-3)
        assert loss["outside_longer"] == pytest.approx(weight[~inside & longer].sum(), abs=2e-3)
        if weight[stay].sum():
            mean = ((after[stay] - before[stay]) @ weight[stay]) / weight[stay].sum()
            assert loss["mean_longer"] == pytest.approx(mean, abs=2e-3)


def _node_at(point: shapely.Point) -> int:
    at = [lonlat(*node) for node in NODES]
    return min(range(len(NODES)), key=lambda node: abs(point.x - at[node][0]) + abs(point.y - at[node][1]))


GOALS = (
    standard("travel_time", id="time", minutes=14),
    standard("radius", id="radius", metres=1010),
    standard("radius", id="by-area", category="park", metres=310, radius_by_area=[{"least_m2": 5000, "metres": 520}]),
    standard("presence", id="village", units="village"),
    standard("presence", id="town", units="town"),
    standard("opened", id="opened", since="2021-01-01", until="2021-12-31", target=3),
)
PLACES = [
    two_towns.CLINIC,
    Facility("d", "clinic", (3000, 0), {"area_code": "B1"}),
    Facility("e", "clinic", (3400, 0), {"area_code": "B1"}),
    Facility("large", "park", shapely.box(1000, -60, 1100, 60)),
    Facility("point", "park", (1500, 0)),
]


@functools.cache
def town() -> Study:
    return replace(two_towns.study(), facilities=facility_frame(PLACES))


def covered(counted: counting.CountedUnits) -> float:
    return float(counted.rows["weight"][counted.rows["inside"]].sum())


def of(goal: Standard, streets: bool = True) -> tuple[Study, counting.CountedUnits, SiteValues, Fragility]:
    study = town() if streets else replace(town(), streets=None)
    travel, counted = measured(study, goal, study.facilities)
    return study, counted, site_value.measure(travel, goal, counted), fragility.measure(travel, goal, counted)


@pytest.mark.parametrize("streets", [True, False], ids=["streets", "no streets"])
@pytest.mark.parametrize("goal", GOALS[:-1], ids=lambda goal: goal.id)
def test_values_and_losses_are_those_of_a_register_with_the_change(goal: Standard, streets: bool) -> None:
    study, counted, values, losses = of(goal, streets)
    before, total = covered(counted), float(counted.rows["weight"].sum())
    assert len(values.frame) > 0 or before == total  # each town has a facility
    for _, site in values.frame.iloc[::3].iterrows():
        properties = {"area_code": site["area_code"]}
        new = facility_frame([*PLACES, Facility("new", goal.category, (0, 0), properties)])
        new.loc["new", "geometry"] = site.geometry
        gained = covered(measured(study, goal, new)[1]) - before
        assert site["share"] == pytest.approx(gained / total, abs=1e-6)
        if counted.unit == "people":
            assert site["people"] == pytest.approx(gained, abs=1e-3)
    assert len(losses.frame) == len(counted.facilities)
    for name, loss in losses.frame.iterrows():
        lost = before - covered(measured(study, goal, study.facilities.drop(index=str(name)))[1])
        assert loss["share_lost"] == pytest.approx(lost / total, abs=1e-6)
        if counted.unit == "people":
            assert loss["people_lost"] == pytest.approx(lost, abs=1e-3)


def test_openings_and_unknown_facilities_have_neither_value_nor_fragility() -> None:
    _, _, values, losses = of(GOALS[-1])
    assert (len(values.frame), values.sites, len(losses.frame)) == (0, 0, 0)
    study = town()
    travel, counted = measured(study, GOALS[0], study.facilities.iloc[:0])
    assert len(site_value.measure(travel, GOALS[0], counted).frame) == 0
    assert len(fragility.measure(travel, GOALS[0], counted).frame) == 0


@pytest.mark.parametrize("goal", GOALS[:2], ids=lambda goal: goal.id)
def test_large_studies_have_one_exact_site_in_each_square(goal: Standard) -> None:
    study, counted, every, _ = of(goal)
    some = site_value.measure(Travel(study), goal, counted, most_steps=3.0)
    assert 0 < len(some.frame) < len(every.frame)
    assert some.sites == every.sites
    assert "one in each square" in some.notes[0]
    everywhere = {(row.geometry.x, row.geometry.y): row.people for row in every.frame.itertuples()}
    assert all(everywhere[row.geometry.x, row.geometry.y] == row.people for row in some.frame.itertuples())
    assert every.notes == []
    assert site_value.measure(Travel(study), goal, counted, most_steps=None).frame.equals(every.frame)
