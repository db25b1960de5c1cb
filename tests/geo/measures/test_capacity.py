"""Capacity of a standard: by hand, and on real places against dense tables of travel times and another maximum flow."""

import time
import tracemalloc
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod
from scipy import sparse
from scipy.optimize import linprog

from geo.errors import FieldError, UnknownNameError
from geo.measures import capacity, counting
from geo.measures.capacity import Assumption, Capacity
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.handmade import Facility, People, Street, facility_frame, standard
from support.two_towns import TODAY

RATIO = {"people_per_place": 1, "people_per_place_source": "here"}
GROUPS = ["served", "full", "capacity_unknown", "out_of_reach"]


def measure(study: Study, goal: Standard, *facilities: Facility, assume: Assumption = "none") -> Capacity:
    travel = Travel(study)
    frame = facility_frame(facilities) if facilities else study.facilities
    return capacity.measure(travel, goal, counting.count_units(travel, frame, goal, TODAY), assume)


def clinic(name: str, x: float, places: int | None, **properties: object) -> Facility:
    return Facility(name, "clinic", (x, 0), {"capacity": places, **properties})


def test_groups_and_accessibility_by_hand() -> None:
    # Of the 280 people 10 + 20 are within 15 minutes (1,000 m) of a, 40 of b, and 30 of both: 500 m from a third zone.
    goal = standard("travel_time", minutes=15, catchment_weights=[1, 0.5], **RATIO)
    result = measure(two_towns.study(), goal, clinic("a", 600, 35), clinic("b", 2400, 8))
    total = result.total
    assert (total.total, total.served, total.full, total.capacity_unknown, total.out_of_reach) == (280, 43, 57, 0, 180)
    assert result.points[GROUPS].sum(axis=1).tolist() == [10, 20, 30, 40, 50, 60, 70]
    # a is 400, 300 and 900 m from 10, 20 and 30 people; b 100 and 900 m from 40 and 30. 500 m and less weigh 1.
    a, b = 35 / (10 + 20 + 30 / 2), 8 / (40 + 30 / 2)
    expected = [a, a, a / 2 + b / 2, b, 0, 0, 0]
    assert result.points["accessibility"].tolist() == pytest.approx([1000 * share for share in expected])
    assert total.accessibility == pytest.approx(1000 * 43 / 280, abs=1e-4)
    assert result.facilities.loc["b", ["load", "assigned", "free"]].tolist() == pytest.approx([55 / 8, 8, 0])
    assert result.facilities.index.tolist() == ["b", "a"]
    towns = {area.code: area for area in result.areas}
    assert (towns["A"].total, towns["A"].served, towns["A"].full, towns["A"].out_of_reach) == (120, 35, 25, 60)
    assert (towns["B"].total, towns["B"].served, towns["B"].full, towns["B"].out_of_reach) == (90, 8, 32, 50)


def test_unstated_capacity_is_named_and_counts_only_as_asked() -> None:
    goal = standard("travel_time", minutes=15, **RATIO)
    facilities = [
        clinic("a", 600, None, subtype="hospital"),
        clinic("b", 2400, 20, subtype="hospital"),
        clinic("c", 2450, 31, subtype="hospital"),
        clinic("d", 3900, None, subtype="village_clinic"),
    ]
    none = measure(two_towns.study(), goal, *facilities)
    assert (none.stated, none.assumed, none.unstated) == (2, 0, 2)
    assert (none.total.served, none.total.full, none.total.capacity_unknown) == (51, 0, 99)
    assert sum("state no capacity" in note for note in none.notes) == 2
    assert none.facilities.loc["a", ["capacity", "load", "ratio", "assigned"]].isna().all()
    median = measure(two_towns.study(), goal, *facilities, assume="median")
    assert (median.stated, median.assumed, median.unstated) == (2, 1, 1)
    assert median.facilities.loc["a", ["capacity", "is_assumed"]].tolist() == [25.5, True]
    assert (median.total.served, median.total.capacity_unknown) == (76.5, 50)
    assert any("25.5" in note for note in median.notes)
    assert any("nor does any other" in note for note in median.notes)


def test_zero_is_a_stated_capacity_and_closed_facilities_do_not_count() -> None:
    goal = standard("travel_time", minutes=15, **RATIO)
    closed = clinic("z", 3900, 500, closed="2020-01-01")
    result = measure(two_towns.study(), goal, clinic("a", 600, 0), closed)
    assert (result.total.served, result.total.full, result.total.out_of_reach) == (0, 60, 220)
    assert (result.total.accessibility, result.facilities.index.tolist()) == (0, ["a"])
    assert np.isnan(result.facilities["load"].item())
    nothing = measure(two_towns.study(), goal, closed)
    assert (nothing.total.served, nothing.total.out_of_reach, nothing.total.accessibility) == (0, 280, 0)


def test_study_without_people_or_facilities() -> None:
    goal = standard("travel_time", minutes=15, **RATIO)
    nobody = replace(two_towns.study(), demand=two_towns.study().demand.assign(population=0.0))
    result = measure(nobody, goal, clinic("a", 600, 5))
    assert (result.total.total, result.total.served, result.total.accessibility) == (0, 0, None)
    assert result.facilities["free"].item() == 5
    park = measure(two_towns.study(), standard("radius", metres=500, category="park", **RATIO))
    assert (park.total.served, park.total.accessibility, park.total.out_of_reach) == (None, None, 280)
    assert any("no facilities are known" in note for note in park.notes)


def test_areas_where_nobody_lives_have_no_split_where_others_have_none() -> None:
    study = two_towns.study()
    people = study.demand["population"].where(study.demand_areas != "B", 0.0)
    result = measure(replace(study, demand=study.demand.assign(population=people)), standard("travel_time", minutes=15))
    nobody = next(area for area in result.areas if area.code == "B")
    assert (nobody.total, nobody.served, nobody.served_nearest_first, nobody.full) == (0, None, None, None)


def test_places_for_children_are_not_compared_with_all_people() -> None:
    goal = standard("radius", metres=1000, people="children_3_6", **RATIO)
    result = measure(two_towns.study(), goal, clinic("a", 600, 2))
    assert (result.total.total, result.total.served, result.total.full) == (11, 2, 4)
    unknown = two_towns.with_demand(two_towns.study(), children_3_6=np.nan)
    result = measure(unknown, goal, clinic("a", 600, 2))
    assert (result.total.total, result.total.served) == (280, None)
    assert any("children_3_6" in note for note in result.notes)


def test_fractions_of_people_add_up_to_their_tenths() -> None:
    people = [People((100 * number, 0), 0.35) for number in range(30)]
    study = handmade.study([Street([(0, 0), (3000, 0)])], [], people)
    total = measure(study, standard("travel_time", minutes=15, **RATIO), clinic("a", 0, 1)).total
    groups = [total.served or 0, total.full or 0, total.capacity_unknown or 0, total.out_of_reach]
    assert round(sum(groups), 1) == total.total == 10.5


@pytest.mark.parametrize(
    "goal", [standard("presence", units="town"), standard("opened", since="2021-01-01", until="2021-12-31")]
)
def test_standards_without_a_limit_are_refused(goal: Standard) -> None:
    with pytest.raises(UnknownNameError, match="limit of time or distance"):
        measure(two_towns.study(), goal)


def test_too_many_pairs_are_refused() -> None:
    travel, goal = Travel(two_towns.study()), standard("travel_time", minutes=15)
    counted = counting.count_units(travel, two_towns.study().facilities, goal, TODAY)
    assert capacity.measure(travel, goal, counted, most_pairs=2).total.out_of_reach == 250
    with pytest.raises(FieldError, match="more than 1 pairs"):
        capacity.measure(travel, goal, counted, most_pairs=1)


def test_large_parks_have_larger_circles_and_zones_in_proportion() -> None:
    people = [People((x, 0), 10) for x in (100, 240, 400)]
    parks = [
        Facility("small", "park", shapely.box(-30, -10, 0, 10), {"capacity": 6}),
        Facility("large", "park", shapely.box(-100, -60, 0, 60), {"capacity": 20}),
    ]
    goal = standard(
        "radius", category="park", metres=300, catchment_weights=[1, 0.5], **RATIO,
        radius_by_area=[{"least_m2": 5000, "metres": 500}, {"least_m2": 400, "metres": 300}],
    )  # fmt: skip
    result = measure(handmade.study(None, parks, people), goal)
    assert result.facilities["people_in_reach"].to_dict() == {"large": 30, "small": 20}
    # 240 m is in the second half of 300 m, and in the first half of 500 m.
    assert result.facilities["weighted_people"].to_dict() == {"large": 25, "small": 15}
    assert (result.total.served, result.total.full) == (26, 4)


def _with_capacities(study: Study, category: str) -> gpd.GeoDataFrame:
    """The study's facilities, with capacities of 0 to 600 people in steps of 10."""
    frame = study.facilities[study.facilities["category"] == category].copy()
    frame["capacity"] = np.random.default_rng(3).integers(0, 61, len(frame)).astype(object) * 10
    return frame


def _check_against_dense_table(result: Capacity, cost: np.ndarray, limit: float, places: np.ndarray) -> None:
    """Compare with NumPy on all pairs, and with HiGHS's maximum of people served."""
    people = result.points["people"].to_numpy()
    weight = np.select(
        [cost <= limit / 3 + 2e-5, cost <= limit * 2 / 3 + 2e-5, cost <= limit + 2e-5], [1, 0.68, 0.22], 0.0
    )
    around = people @ weight
    ratio = np.where(around > 0, places / np.maximum(around, 1e-300), 0)
    assert result.points["accessibility"].to_numpy() == pytest.approx(weight @ ratio * 1000, rel=1e-9)
    near = cost <= limit + 2e-5
    assert result.total.out_of_reach == pytest.approx(people[~near.any(axis=1)].sum(), abs=0.11)
    point, facility = np.nonzero(near)
    rows = np.concatenate([point, len(people) + facility])
    table = sparse.csr_array((np.ones(len(rows)), (rows, np.tile(np.arange(len(point)), 2))))
    rooms = np.concatenate([people, places])[: table.shape[0]]
    most = -linprog(-np.ones(len(point)), A_ub=table, b_ub=rooms, method="highs").fun
    assert result.points["served"].sum() == pytest.approx(most, abs=1e-4)
    assert result.total.served_nearest_first <= result.total.served
    assert result.facilities["assigned"].sum() == pytest.approx(most, abs=1e-4)
    assert (result.points[GROUPS].sum(axis=1).to_numpy() == pytest.approx(people)) and (
        result.points[GROUPS] >= -1e-9
    ).all(axis=None)


def test_porto_alegre_on_foot_equals_dense_tables_of_single_searches(porto_alegre: Study) -> None:
    travel, goal = Travel(porto_alegre), standard("travel_time", minutes=15, **RATIO)
    clinics = _with_capacities(porto_alegre, "clinic")
    result = capacity.measure(travel, goal, counting.count_units(travel, clinics, goal, TODAY))
    # One search for each clinic by itself goes another way through the program than catchments do.
    single = [travel.demand_times(clinics.iloc[[row]], "walk").seconds / 60 for row in range(len(clinics))]
    cost = np.column_stack(single)[porto_alegre.demand.index.get_indexer(result.points.index)]
    _check_against_dense_table(result, cost, 15, clinics["capacity"].to_numpy(dtype=float))


def test_liechtenstein_in_a_straight_line_equals_all_geodesics(liechtenstein: Study) -> None:
    travel, goal = Travel(liechtenstein), standard("radius", metres=900, category="kindergarten", **RATIO)
    kindergartens = _with_capacities(liechtenstein, "kindergarten")
    result = capacity.measure(travel, goal, counting.count_units(travel, kindergartens, goal, TODAY))
    demand = liechtenstein.demand.loc[result.points.index]
    shape = len(demand), len(kindergartens)
    lon, lat = (np.broadcast_to(demand[name].to_numpy()[:, None], shape) for name in ("lon", "lat"))
    x, y = (np.broadcast_to(np.array(values), shape) for values in (kindergartens.geometry.x, kindergartens.geometry.y))
    _check_against_dense_table(
        result, Geod(ellps="WGS84").inv(lon, lat, x, y)[2], 900, kindergartens["capacity"].to_numpy(dtype=float)
    )


@pytest.mark.parametrize("place", ["sample", "porto_alegre"])
def test_answer_takes_less_than_a_second_and_200_megabytes(place: str, request: pytest.FixtureRequest) -> None:
    """Of the clinics within 20 minutes by e-bike, with too few places: more pairs than other shipped goals have."""
    study: Study = request.getfixturevalue(place)
    travel = Travel(study)
    goal = standard("travel_time", minutes=20, mode="cycle", people_per_place=10, people_per_place_source="here")
    counted = counting.count_units(travel, _with_capacities(study, "clinic"), goal, TODAY)
    capacity.measure(travel, goal, counted)  # loads compiled loops and the network
    started = time.process_time()
    result = capacity.measure(travel, goal, counted)
    assert time.process_time() - started < 1
    tracemalloc.start()
    capacity.measure(travel, goal, counted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 2**20
    assert result.facilities["people_in_reach"].sum() > 10 * result.total.total
    assert (result.total.full or 0) > 0
