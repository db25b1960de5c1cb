"""Capacity on arrays: against double loops, a linear program, networkx, and the numbers that IPEA published."""

import itertools
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from geo.errors import InputError
from geo.measures import capacity
from support.examples import examples

LIMIT = 30.0
PUBLISHED = {
    "89a88cdb57bffff": 0.4278111, "89a88cdb597ffff": 0.3863614, "89a88cdb5b3ffff": 0.4501725,
    "89a88cdb5cfffff": 0.5366707, "89a88cd909bffff": 0.4280401, "89a88cd90b7ffff": 0.5176583,
}  # fmt: skip
"""Jobs per person in six hexagons of Belo Horizonte, by the accessibility package of IPEA, cutoff 50 minutes."""


def test_two_steps_give_what_ipea_published(shared: Path) -> None:
    folder = shared / "data" / "siting"
    hexagons = pd.read_csv(folder / "land_use_data.csv", index_col="id")
    trips = pd.read_csv(folder / "travel_matrix.csv.gz")
    start, end = (hexagons.index.get_indexer(trips[name]) for name in ("from_id", "to_id"))
    minutes = np.full((len(hexagons), len(hexagons)), np.inf)
    minutes[start, end] = trips["travel_time"]
    people, jobs = hexagons["population"].to_numpy(), hexagons["jobs"].to_numpy()
    result = capacity.two_step_floating_catchment(minutes, people, jobs, 50)
    for name, per_person in PUBLISHED.items():
        assert result.accessibility[hexagons.index.get_loc(name)] == pytest.approx(per_person, abs=5e-8)


# Zone edges, the limit itself, and beyond; infinity is no way.
_COSTS = st.sampled_from([0.0, 10.0, 20.0, 30.0, 30.1, np.inf]) | st.floats(0, 40)
_WEIGHTS = st.sampled_from([(1.0,), (1.0, 0.68, 0.22), (1.0, 0.42, 0.09), (0.5, 1.0)])


@st.composite
def _places(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs, people and capacities; some of them are 0, and people may be fractions."""
    points, facilities = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    cost = draw(st.lists(_COSTS, min_size=points * facilities, max_size=points * facilities))
    people = draw(st.lists(st.integers(0, 20) | st.floats(0.1, 20), min_size=points, max_size=points))
    places = draw(st.lists(st.integers(0, 30), min_size=facilities, max_size=facilities))
    return np.array(cost).reshape(points, facilities), np.array(people, float), np.array(places, float)


def _weight(cost: float, weights: tuple[float, ...]) -> float:
    for zone, weight in enumerate(weights, start=1):
        if cost <= LIMIT * zone / len(weights):
            return weight
    return 0.0


@settings(max_examples=examples(150), deadline=None)
@given(_places(), _WEIGHTS)
def test_floating_catchment_equals_a_double_loop(
    places: tuple[np.ndarray, np.ndarray, np.ndarray], weights: tuple[float, ...]
) -> None:
    cost, people, supply = places
    result = capacity.two_step_floating_catchment(cost, people, supply, LIMIT, weights)
    points, facilities = cost.shape
    ratio = []
    for j in range(facilities):
        around = sum(_weight(cost[i, j], weights) * people[i] for i in range(points))
        ratio.append(supply[j] / around if around else 0.0)
    expected = [sum(_weight(cost[i, j], weights) * ratio[j] for j in range(facilities)) for i in range(points)]
    assert result.ratio == pytest.approx(ratio)
    assert result.accessibility == pytest.approx(expected)
    # Everybody together has all the capacity that somebody reaches.
    assert people @ result.accessibility == pytest.approx(supply[result.people > 0].sum())


def _most_by_networkx(near: np.ndarray, people: np.ndarray, places: np.ndarray) -> float:
    graph = nx.DiGraph()
    graph.add_nodes_from(["from", "to"])
    for i, amount in enumerate(people):
        graph.add_edge("from", ("people", i), capacity=amount)
    for j, amount in enumerate(places):
        graph.add_edge(("places", j), "to", capacity=amount)
    graph.add_edges_from((("people", i), ("places", j)) for i, j in np.argwhere(near))
    return float(nx.maximum_flow_value(graph, "from", "to"))


def _most_by_linear_program(near: np.ndarray, people: np.ndarray, places: np.ndarray) -> float:
    pairs = np.argwhere(near)
    if not len(pairs):
        return 0.0
    rows = np.concatenate([pairs[:, 0], len(people) + pairs[:, 1]])
    columns = np.tile(np.arange(len(pairs)), 2)
    table = sparse.csr_array((np.ones(len(rows)), (rows, columns)), (len(people) + len(places), len(pairs)))
    return -float(linprog(-np.ones(len(pairs)), A_ub=table, b_ub=np.concatenate([people, places])).fun)


def _nearest_first(cost: np.ndarray, people: np.ndarray, places: np.ndarray) -> np.ndarray:
    people_left, places_left = people.tolist(), places.tolist()
    pairs = [(cost[i, j], i, j) for i, j in itertools.product(*map(range, cost.shape)) if cost[i, j] <= LIMIT]
    for _, i, j in sorted(pairs):
        amount = min(people_left[i], places_left[j])
        people_left[i] -= amount
        places_left[j] -= amount
    return people - people_left


@settings(max_examples=examples(150), deadline=None)
@given(_places())
def test_allocation_serves_as_many_as_a_maximum_flow_and_nobody_loses_a_place(
    places: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    cost, people, room = places
    result = capacity.allocate(cost, people, room, LIMIT)
    near = cost <= LIMIT
    assert result.served.sum() == pytest.approx(_most_by_networkx(near, people, room), abs=1e-6)
    assert result.served.sum() == pytest.approx(_most_by_linear_program(near, people, room), abs=1e-6)
    assert result.served_nearest_first == pytest.approx(_nearest_first(cost, people, room))
    assert (result.served >= result.served_nearest_first - 1e-9).all()
    assert (result.served <= people + 1e-9).all()
    assert (result.assigned <= room + 1e-9).all()
    assert result.assigned.sum() == pytest.approx(result.served.sum())
    # Whoever has no place reaches full facilities only.
    full = room - result.assigned <= 1e-6
    assert all(full[near[i]].all() for i in np.flatnonzero(people - result.served > 1e-6))


def test_somebody_moves_so_that_two_have_a_place() -> None:
    # Both are near A, which the first is nearer to; only the first reaches B as well.
    cost = np.array([[1.0, 20.0], [2.0, np.inf]])
    result = capacity.allocate(cost, [10, 10], [10, 10], LIMIT)
    assert result.served_nearest_first.tolist() == [10, 0]
    assert result.served.tolist() == [10, 10]
    assert result.assigned.tolist() == [10, 10]


def test_many_places_need_chains_of_moves() -> None:
    # Each of 200 facilities in a row is full with people who also reach the next; only the last has room.
    count = 200
    cost = np.full((count, count), np.inf)
    cost[np.arange(count), np.arange(count)] = np.arange(count) / count
    cost[np.arange(count - 1), np.arange(1, count)] = 10
    people = np.full(count, 1.0)
    people[0] = 2.0
    places = np.ones(count)
    places[-1] = 3.0
    result = capacity.allocate(cost, people, places, LIMIT)
    assert result.served_nearest_first.sum() == count
    assert result.served.sum() == people.sum()


def test_sparse_costs_equal_dense_ones() -> None:
    generator = np.random.default_rng(5)
    cost = generator.uniform(0, 60, (50, 9)).round()
    near = np.argwhere(cost <= 40)
    stored = sparse.csr_array((cost[tuple(near.T)], tuple(near.T)), cost.shape)  # a stored 0 is a cost of 0
    people, supply = generator.integers(0, 9, 50), generator.integers(0, 40, 9)
    dense, thin = (
        capacity.two_step_floating_catchment(table, people, supply, LIMIT, (1, 0.5)) for table in (cost, stored)
    )
    assert (dense.accessibility == thin.accessibility).all()
    assert (cost == 0).any()
    assert (
        capacity.allocate(cost, people, supply, LIMIT).served == capacity.allocate(stored, people, supply, LIMIT).served
    ).all()


def test_edge_of_a_zone_is_inside_it() -> None:
    result = capacity.two_step_floating_catchment(
        [[10.0], [10.001], [20.0], [30.0], [30.001]], [1] * 5, [1], 30, (1, 0.5, 0.25)
    )
    assert (result.accessibility / result.ratio[0]).tolist() == [1, 0.5, 0.5, 0.25, 0]


@pytest.mark.parametrize(
    ("cost", "demand", "supply", "limit", "weights", "words"),
    [
        ([1.0, 2.0], [1], [1], 5, (1,), "dimensions"),
        ([[np.nan]], [1], [1], 5, (1,), "cost"),
        ([[-1.0]], [1], [1], 5, (1,), "cost"),
        ([[1.0]], [1, 2], [1], 5, (1,), "demand"),
        ([[1.0]], [-1], [1], 5, (1,), "demand"),
        ([[1.0]], [1], [np.inf], 5, (1,), "supply"),
        ([[1.0]], [1], [1], np.inf, (1,), "limit"),
        ([[1.0]], [1], [1], np.nan, (1,), "limit"),
        ([[1.0]], [1], [1], 5, (), "weights"),
        ([[1.0]], [1], [1], 5, (1, 0), "weights"),
        ([[1.0]], [1], [1], 5, (1, np.nan), "weights"),
        ([[1.0]], [1], [1], 5, (1,) * 13, "weights"),
    ],
)
def test_wrong_numbers_are_refused_by_name(
    cost: object, demand: list, supply: list, limit: float, weights: tuple[float, ...], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        capacity.two_step_floating_catchment(cost, demand, supply, limit, weights)
