"""The compiled searches against scipy and plain Python, on random graphs with everything that real ones have."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.traveltime import catchments, nearest, routes, search
from geo.traveltime.array_tables import NetworkEdges, Seeds
from geo.traveltime.graph import Graph
from geo.traveltime.snapping import SnappedPoints
from support.examples import examples
from support.graphs import (
    Edge,
    EdgePoint,
    check_catchments,
    grid_graph,
    network_with_facilities,
    prepare_graph,
    searches,
)


def node_seconds_by_scipy(nodes: int, edges: list[Edge]) -> np.ndarray:
    """Seconds from every node (row) to every node (column)."""
    least: dict[tuple[int, int], float] = {}
    for u, v, forward, backward in edges:
        for tail, head, seconds in ((u, v, forward), (v, u, backward)):
            if np.isfinite(seconds):
                least[tail, head] = min(least.get((tail, head), np.inf), seconds)
    arcs = sorted(least)
    graph = csr_array(
        (
            np.array([least[arc] for arc in arcs]),
            np.array([head for _, head in arcs], dtype=np.int32),
            np.searchsorted([tail for tail, _ in arcs], np.arange(nodes + 1)).astype(np.int32),
        ),
        shape=(nodes, nodes),
    )
    return np.asarray(dijkstra(graph)).reshape(nodes, nodes)


def seconds_between(edges: list[Edge], node_seconds: np.ndarray, origin: EdgePoint, target: EdgePoint) -> float:
    """Seconds from one point on an edge to another, by the times between nodes."""

    def along_edge(edge: int, first: float, last: float) -> float:
        seconds = edges[edge][2 if last > first else 3]
        if first == last:
            return 0.0
        return abs(last - first) * seconds if np.isfinite(seconds) else np.inf

    ways = [along_edge(origin[0], origin[1], target[1])] if origin[0] == target[0] else []
    for leaving, entering in itertools.product((0, 1), repeat=2):
        between = node_seconds[edges[origin[0]][leaving], edges[target[0]][entering]]
        first, last = along_edge(*origin, float(leaving)), along_edge(target[0], float(entering), target[1])
        ways.append(first + between + last)
    return min(ways)


@given(
    case=searches(),
    limit=st.sampled_from([5.0, 31.0, np.inf]),
    towards=st.booleans(),
    most_neighbours=st.sampled_from([0, 1, 2, 64]),
    sweeps=st.booleans(),
)
@settings(max_examples=examples(400))
def test_seconds_are_those_of_scipy(case, limit: float, towards: bool, most_neighbours: int, sweeps: bool) -> None:
    """Whatever core the elimination leaves, and whether the search sweeps or uses its queue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo.traveltime.graph.MOST_NEIGHBOURS", most_neighbours)
        patch.setattr(nearest, "SWEEP_FROM", 0 if sweeps else 10**6)
        compare_with_scipy(case, limit, towards)


def compare_with_scipy(case, limit: float, towards: bool) -> None:
    nodes, edges, people, facilities, connectors = case
    node_seconds = node_seconds_by_scipy(nodes, edges)
    expected = np.array(
        [
            [
                seconds_between(edges, node_seconds, *((p, f) if towards else (f, p))) + connector
                for f, connector in zip(facilities, connectors, strict=True)
            ]
            for p in people
        ]
    )
    least = expected.min(axis=1)
    graph = prepare_graph(nodes, edges)
    network, stretches = network_with_facilities(graph, facilities, connectors)
    edge, fraction = (np.array(column) for column in zip(*people, strict=True))
    positions = graph.positions(edge, fraction)

    seconds, facility = nearest.position_seconds(network, stretches, positions, towards)
    np.testing.assert_allclose(seconds, least, atol=1e-3)
    reached = facility >= 0
    assert np.array_equal(reached, np.isfinite(seconds))
    np.testing.assert_allclose(expected[np.flatnonzero(reached), facility[reached]], seconds[reached], atol=1e-3)

    # With bounded times of junctions, a point may still be reached along its own chain beyond the limit.
    bounded = nearest.junction_seconds(network, stretches, towards, limit)
    seconds_by_bounded, _ = nearest.position_seconds(network, stretches, positions, towards, bounded)
    within = least <= limit
    np.testing.assert_allclose(seconds_by_bounded[within], least[within], atol=1e-3)
    assert (seconds_by_bounded >= seconds - 1e-3).all()
    limited, facility = nearest.position_seconds(network, stretches, positions, towards, limit=limit)
    np.testing.assert_allclose(limited, np.where(within, least, np.inf), atol=1e-3)
    assert np.array_equal(facility >= 0, np.isfinite(limited))

    check_catchments(graph, stretches, positions, expected, limit, towards)


@given(case=searches(), k=st.integers(1, 4))
@settings(max_examples=examples(200))
def test_several_nearest_of_every_junction_are_the_nearest(case, k: int) -> None:
    nodes, edges, _, facilities, connectors = case
    node_seconds = node_seconds_by_scipy(nodes, edges)
    graph = prepare_graph(nodes, edges)
    network, stretches = network_with_facilities(graph, facilities, connectors)
    several = nearest.several_nearest(network, stretches, k)
    for junction in np.flatnonzero(~dead_ends(graph)):
        node = int(graph.network_node[junction])
        edge, fraction = next((n, float(edge[1] == node)) for n, edge in enumerate(edges) if node in edge[:2])
        expected = [
            seconds_between(edges, node_seconds, (edge, fraction), point) + connector
            for point, connector in zip(facilities, connectors, strict=True)
        ]
        reached = several.facility[junction] >= 0
        seconds, facility = several.seconds[junction][reached], several.facility[junction][reached]
        finite = sorted(s for s in expected if np.isfinite(s))
        np.testing.assert_allclose(seconds, finite[: len(seconds)], atol=1e-3)
        assert len(seconds) == min(k, len(finite))
        assert len(set(facility)) == len(facility)
        np.testing.assert_allclose([expected[row] for row in facility], seconds, atol=1e-3)
        assert (several.metres[junction][reached] >= 0).all()


@given(case=searches())
@settings(max_examples=examples(200))
def test_look_up_and_search_from_one_point_give_the_same_ranking(case) -> None:
    nodes, edges, people, facilities, connectors = case
    node_seconds = node_seconds_by_scipy(nodes, edges)
    graph = prepare_graph(nodes, edges)
    network, stretches = network_with_facilities(graph, facilities, connectors)
    nearest_facilities = nearest.NearestFacilities(network, stretches)
    for edge, fraction in people:
        point = SnappedPoints(np.array([edge]), np.array([fraction]), np.array([2.0]), np.array([False]))
        expected = [
            2.0 + seconds_between(edges, node_seconds, (edge, fraction), facility) + connector
            for facility, connector in zip(facilities, connectors, strict=True)
        ]
        finite = sorted(s for s in expected if np.isfinite(s))
        several = nearest_facilities.at_points(point)
        reached = several.facility[0] >= 0
        rows, seconds = several.facility[0][reached], several.seconds[0][reached]
        np.testing.assert_allclose(seconds, finite[: nearest.FACILITIES_PER_JUNCTION], atol=1e-3)
        np.testing.assert_allclose([expected[row] for row in rows], seconds, atol=1e-3)
        from_point = routes.SearchFromPoint(network, stretches, point, np.inf)
        first_stretches = nearest.first_of_each(stretches.facility, from_point.seconds)
        np.testing.assert_allclose(from_point.seconds[first_stretches], finite, atol=1e-3)
        for stretch in first_stretches:
            # The way has no gaps: each piece begins where the last one ended, and its metres are those of its pieces.
            pieces = from_point._pieces(int(stretch))
            ends = [tuple(junction_at(graph, chain, at) for at in (first, last)) for chain, first, last in pieces]
            assert all(one[1] == following[0] is not None for one, following in itertools.pairwise(ends))
            metres = sum(abs(last - first) for _, first, last in pieces)
            both_connectors = 2.0 + stretches.connector_m[stretch]
            assert from_point.metres(int(stretch)) == pytest.approx(metres + both_connectors, abs=1e-3)


def junction_at(graph: Graph, chain: int, coordinate: float) -> int | None:
    """The junction at a coordinate of a chain; None between its ends."""
    if coordinate == 0:
        return int(graph.chains.start_node[chain])
    return int(graph.chains.end_node[chain]) if coordinate == graph.chains.edge_count[chain] else None


def dead_ends(graph: Graph) -> np.ndarray:
    """Which junctions have a single chain, shape (nodes,)."""
    return np.bincount(np.concatenate([graph.chains.start_node, graph.chains.end_node])) == 1


@pytest.mark.parametrize("limit", [0.0, 3.0, 900.0])
def test_nothing_beyond_the_limit_is_reached(limit: float) -> None:
    rng = np.random.default_rng(2)
    nodes = 3000
    xy = rng.random((nodes, 2))
    u = np.repeat(np.arange(nodes, dtype=np.int32), 3)
    v = rng.integers(0, nodes, 3 * nodes).astype(np.int32)
    seconds = rng.choice([1.0, 3.0, 250.0, 600.0], 3 * nodes)
    graph = Graph.prepare(NetworkEdges(u, v, seconds, seconds, seconds), xy[:, 0], xy[:, 1])
    seed_nodes = np.arange(0, len(graph.network_node), 500, dtype=np.int32)
    seeds = Seeds(seed_nodes, np.zeros(len(seed_nodes)), seed_nodes)
    limited, _ = search.search(graph.outgoing, seeds, limit, track_arcs=False)
    unlimited, _ = search.search(graph.outgoing, seeds, np.inf, track_arcs=False)
    assert np.array_equal(limited, np.where(unlimited <= limit, unlimited, np.inf))
    assert 0 < np.isfinite(limited).sum() <= len(graph.network_node)


def test_several_nearest_are_the_same_in_many_batches() -> None:
    rng = np.random.default_rng(4)
    graph, edges = grid_graph(230, rng)
    assert len(graph.network_node) > 2**search.BATCH_BITS
    facilities = list(zip(rng.integers(0, edges, 300).tolist(), rng.random(300).tolist(), strict=True))
    network, stretches = network_with_facilities(graph, facilities, [1.0] * 300)
    several = nearest.several_nearest(network, stretches, 3)
    seconds, facility = nearest.junction_seconds(network, stretches)
    compared = ~dead_ends(graph)
    np.testing.assert_allclose(several.seconds[compared, 0], seconds[compared], atol=0.01)
    assert np.array_equal(several.facility[compared, 0], facility[compared])
    # A metre takes a second here, on connectors too.
    np.testing.assert_allclose(several.metres[compared], several.seconds[compared], atol=0.05)
    others = [point for row, point in enumerate(facilities) if row != several.facility[7, 0]]
    network, stretches = network_with_facilities(graph, others, [1.0] * 299)
    without_nearest, _ = nearest.junction_seconds(network, stretches)
    assert without_nearest[7] == pytest.approx(several.seconds[7, 1], abs=0.01)


def test_points_looked_up_in_threads_have_the_same_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    graph, edges = grid_graph(20, rng)
    network, stretches = network_with_facilities(graph, [(3, 0.5), (70, 0.25)], [0.0, 2.0])
    edge = rng.integers(0, edges, 1001)
    edge[::7] = -1
    positions = graph.positions(edge, rng.random(1001))
    in_one_thread = nearest.position_seconds(network, stretches, positions)
    monkeypatch.setattr(nearest, "PARALLEL_FROM", 10)
    monkeypatch.setattr(nearest, "CORES", 3)
    in_threads = nearest.position_seconds(network, stretches, positions)
    assert np.isinf(in_one_thread.seconds).any()
    assert np.array_equal(in_threads.seconds, in_one_thread.seconds)
    assert np.array_equal(in_threads.label, in_one_thread.label)


def test_candidates_searched_in_threads_have_the_same_catchments(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    monkeypatch.setattr(catchments, "CORES", 3)
    graph, edges = grid_graph(40, rng)
    candidates = list(zip(rng.integers(0, edges, 200).tolist(), rng.random(200).tolist(), strict=True))
    _, stretches = network_with_facilities(graph, candidates, [1.0] * 200)
    positions = graph.positions(rng.integers(0, edges, 5000), rng.random(5000))
    in_threads = catchments.within(graph, stretches, 200, positions, 300.0)
    monkeypatch.setattr(catchments, "PARALLEL_FROM", 1000)
    in_one_thread = catchments.within(graph, stretches, 200, positions, 300.0)
    assert len(in_one_thread.point) > 10_000
    for one, other in zip(in_threads, in_one_thread, strict=True):
        assert np.array_equal(one, other)
