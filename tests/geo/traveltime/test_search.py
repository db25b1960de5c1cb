"""The compiled loops against scipy and plain Python, on random graphs with all that real ones have."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.traveltime import catchments, contraction, mapped_arrays, routes
from geo.traveltime import nearest as reach
from geo.traveltime import search as kernel
from geo.traveltime.graph import Graph
from geo.traveltime.network import ChainStretches, EdgeStretches, Network, SnappedPoints

WEIGHT = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.5, 7.0, 30.0, 400.0])


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float, float]]]:
    """Nodes and edges (u, v, seconds along, seconds against): one-ways, ties, parallels, self-loops, islands."""
    nodes = draw(st.integers(2, 14))
    node = st.integers(0, nodes - 1)
    edge = st.tuples(node, node, WEIGHT, st.one_of(WEIGHT, st.just(np.inf)))
    return nodes, draw(st.lists(edge, min_size=1, max_size=40))


def arrays(edges: list[tuple[int, int, float, float]]) -> tuple[np.ndarray, ...]:
    u, v, forward, backward = (np.array(column) for column in zip(*edges, strict=True))
    return u, v, forward.astype(float), backward.astype(float)


def prepared_graph(nodes: int, edges: list[tuple[int, int, float, float]]) -> Graph:
    u, v, forward, backward = arrays(edges)
    rng = np.random.default_rng(nodes)
    return Graph.prepare(u, v, forward, backward, np.ones(len(u)), rng.random(nodes), rng.random(nodes))


Spot = tuple[int, float]
SPOT = st.tuples(st.integers(0, 39), st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0]))


def by_scipy(nodes: int, edges: list[tuple[int, int, float, float]]) -> np.ndarray:
    """Seconds from every node (row) to every node (column)."""
    best: dict[tuple[int, int], float] = {}
    for u, v, forward, backward in edges:
        for tail, head, seconds in ((u, v, forward), (v, u, backward)):
            if np.isfinite(seconds):
                best[tail, head] = min(best.get((tail, head), np.inf), seconds)
    rows = sorted(best)
    graph = csr_array(
        (
            np.array([best[row] for row in rows]),
            np.array([row[1] for row in rows], dtype=np.int32),
            np.searchsorted([row[0] for row in rows], np.arange(nodes + 1)).astype(np.int32),
        ),
        shape=(nodes, nodes),
    )
    return np.asarray(dijkstra(graph)).reshape(nodes, nodes)


def between(edges: list[tuple[int, int, float, float]], every: np.ndarray, a: Spot, b: Spot) -> float:
    """Seconds from one place on an edge to another, by the times between nodes."""

    def part(edge: int, low: float, high: float) -> float:
        seconds = edges[edge][2 if high > low else 3]
        return 0.0 if low == high else abs(high - low) * seconds if np.isfinite(seconds) else np.inf

    ways = [part(a[0], a[1], b[1])] if a[0] == b[0] else []
    for leaving in (0, 1):
        for entering in (0, 1):
            across = every[edges[a[0]][leaving], edges[b[0]][entering]]
            ways.append(part(a[0], a[1], float(leaving)) + across + part(b[0], float(entering), b[1]))
    return min(ways)


def reach_of(graph: Graph, spots: list[Spot], extra: list[float]) -> tuple[Network, ChainStretches]:
    """A bare network of a graph, and facilities at spots of it with connectors of so many seconds."""
    network = Network.__new__(Network)
    network.graph, network.walk_mps = graph, 1.0
    edge, fraction = (np.array(column) for column in zip(*spots, strict=True))
    access = EdgeStretches(np.arange(len(spots)), edge, fraction, fraction, np.array(extra))
    return network, network.chain_stretches(access)


@st.composite
def searches(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float, float]], list[Spot], list[Spot], list[float]]:
    """A network, places where people are, and facilities with connectors, often on edges that both are on."""
    nodes, edges = draw(networks())
    spots = st.lists(SPOT, min_size=1, max_size=6).map(lambda found: [(edge % len(edges), at) for edge, at in found])
    facilities = draw(spots)
    extra = draw(st.lists(st.sampled_from([0.0, 0.0, 3.0]), min_size=len(facilities), max_size=len(facilities)))
    return nodes, edges, draw(spots), facilities, extra


@given(
    search=searches(),
    limit=st.sampled_from([5.0, 31.0, np.inf]),
    towards=st.booleans(),
    most=st.sampled_from([0, 1, 2, 64]),
    many=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_times_are_scipys(search, limit: float, towards: bool, most: int, many: bool) -> None:
    """Whatever is left of the network after ``most``, and whether there are ``many`` seeds or few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo.traveltime.graph.MOST_NEIGHBOURS", most)
        patch.setattr(reach, "SEEDS_FROM", 0 if many else 10**6)
        compare_with_scipy(search, limit, towards)


def compare_with_scipy(search, limit: float, towards: bool) -> None:
    nodes, edges, people, facilities, extra = search
    every = by_scipy(nodes, edges)
    expected = np.array(
        [
            [
                between(edges, every, *((p, f) if towards else (f, p))) + e
                for f, e in zip(facilities, extra, strict=True)
            ]
            for p in people
        ]
    )
    graph = prepared_graph(nodes, edges)
    network, stretches = reach_of(graph, facilities, extra)
    edge, fraction = (np.array(column) for column in zip(*people, strict=True))
    at = graph.positions(edge, fraction)

    seconds, owner = reach.position_seconds(network, stretches, at, towards)
    np.testing.assert_allclose(seconds, expected.min(axis=1), atol=1e-3)
    assert np.array_equal(owner >= 0, np.isfinite(seconds))
    found = owner >= 0
    np.testing.assert_allclose(expected[np.flatnonzero(found), owner[found]], seconds[found], atol=1e-3)

    # On its own chain a place may be nearer than any limit of the search between junctions.
    bounded = reach.junction_seconds(network, stretches, towards, limit)
    cut, _ = reach.position_seconds(network, stretches, at, towards, bounded)
    within = expected.min(axis=1) <= limit
    np.testing.assert_allclose(cut[within], expected.min(axis=1)[within], atol=1e-3)
    assert (cut >= seconds - 1e-3).all()
    held, owner = reach.position_seconds(network, stretches, at, towards, limit=limit)
    np.testing.assert_allclose(held, np.where(within, expected.min(axis=1), np.inf), atol=1e-3)
    assert np.array_equal(owner >= 0, np.isfinite(held))

    found_within = catchments.within(graph, stretches, len(facilities), at, limit, towards)
    for candidate in range(len(facilities)):
        rows = slice(*found_within.indptr[candidate : candidate + 2])
        got = dict(zip(found_within.place[rows].tolist(), found_within.seconds[rows].tolist(), strict=True))
        assert len(got) == rows.stop - rows.start
        wanted = {p: t for p, t in enumerate(expected[:, candidate].tolist()) if t <= limit and np.isfinite(t)}
        assert got == pytest.approx(wanted, abs=1e-3)


@given(search=searches(), k=st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_the_nearest_of_every_junction_are_the_nearest(search, k: int) -> None:
    nodes, edges, _, facilities, extra = search
    every = by_scipy(nodes, edges)
    graph = prepared_graph(nodes, edges)
    network, stretches = reach_of(graph, facilities, extra)
    seconds, owner, metres = reach.several_nearest(network, stretches, k)
    dead_end = np.bincount(np.concatenate([graph.start, graph.end])) == 1
    for junction in np.flatnonzero(~dead_end):
        node = int(graph.origin[junction])
        number, end = next((n, float(edge[1] == node)) for n, edge in enumerate(edges) if node in edge[:2])
        times = [
            between(edges, every, (number, end), spot) + more for spot, more in zip(facilities, extra, strict=True)
        ]
        found = owner[junction] >= 0
        np.testing.assert_allclose(
            seconds[junction][found], sorted(t for t in times if np.isfinite(t))[: found.sum()], atol=1e-3
        )
        assert found.sum() == min(k, sum(np.isfinite(times)))
        assert len(set(owner[junction][found])) == found.sum()
        np.testing.assert_allclose([times[f] for f in owner[junction][found]], seconds[junction][found], atol=1e-3)
        # Every edge is a metre long, and the way is one that takes so long.
        assert (metres[junction][found] >= 0).all()


@given(search=searches())
@settings(max_examples=200, deadline=None)
def test_from_one_place_the_ranking_is_the_same(search) -> None:
    nodes, edges, people, facilities, extra = search
    every = by_scipy(nodes, edges)
    graph = prepared_graph(nodes, edges)
    network, stretches = reach_of(graph, facilities, extra)
    everywhere = reach.NearestFacilities.__new__(reach.NearestFacilities)
    everywhere.network, everywhere.stretches = network, stretches
    for edge, fraction in people:
        place = SnappedPoints(np.array([edge]), np.array([fraction]), np.array([2.0]), np.array([False]))
        times = [
            2.0 + between(edges, every, (edge, fraction), spot) + more
            for spot, more in zip(facilities, extra, strict=True)
        ]
        several, taken, gone = (each[0] for each in everywhere.at_points(place))
        rows, seconds, metres = (each[several >= 0] for each in (several, taken, gone))
        wanted = sorted(t for t in times if np.isfinite(t))
        np.testing.assert_allclose(seconds, wanted[: reach.FACILITIES_PER_JUNCTION], atol=1e-3)
        np.testing.assert_allclose([times[row] for row in rows], seconds, atol=1e-3)
        search_ = routes.FromPlace(network, stretches, place, np.inf)
        chosen = reach.first_of_each(stretches.owner, search_.seconds)
        np.testing.assert_allclose(search_.seconds[chosen], wanted, atol=1e-3)
        assert len(metres) == len(rows)
        for stretch in chosen:
            # A way is whole: each piece begins where the last one ended, and its metres are those of its pieces.
            pieces = search_._pieces(int(stretch))
            ends = [
                (junction_at(graph, chain, first), junction_at(graph, chain, last)) for chain, first, last in pieces
            ]
            assert all(a[1] == b[0] is not None for a, b in itertools.pairwise(ends))
            gone = sum(abs(last - first) for _, first, last in pieces)
            connectors = 2.0 + stretches.extra[stretch]
            assert search_.metres(int(stretch)) == pytest.approx(gone + connectors, abs=1e-3)


def junction_at(graph: Graph, chain: int, at: float) -> int | None:
    """The junction at a coordinate of a chain; None between its ends."""
    return int(graph.start[chain]) if at == 0 else int(graph.end[chain]) if at == graph.pieces[chain] else None


@pytest.mark.parametrize("limit", [0.0, 3.0, 900.0])
def test_nothing_beyond_the_limit_is_reached(limit: float) -> None:
    rng = np.random.default_rng(2)
    count = 3000
    points = rng.random((count, 2))
    u = np.repeat(np.arange(count), 3)
    v = rng.integers(0, count, 3 * count)
    seconds = rng.choice([1.0, 3.0, 250.0, 600.0], 3 * count)
    graph = Graph.prepare(u, v, seconds, seconds, seconds, points[:, 0], points[:, 1])
    seeds = np.arange(0, len(graph.origin), 500, dtype=np.int32)
    arcs = graph.out
    arguments = (arcs.indptr, arcs.heads, arcs.seconds, arcs.longest, seeds, np.zeros(len(seeds)), seeds)
    got, _ = kernel.search(*arguments, limit, kernel.INHERIT)
    whole, _ = kernel.search(*arguments, np.inf, kernel.INHERIT)
    assert np.array_equal(got, np.where(whole <= limit, whole, np.inf))
    assert 0 < np.isfinite(got).sum() <= len(graph.origin)


def grid(side: int, rng: np.random.Generator) -> tuple[Graph, int]:
    """Streets of a chessboard, each of its own seconds and as many metres; the graph, and how many edges."""
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    seconds = rng.uniform(5, 60, len(u))
    graph = Graph.prepare(u, v, seconds, seconds, seconds, node.ravel() % float(side), node.ravel() // float(side))
    return graph, len(u)


def test_several_are_the_same_in_many_batches() -> None:
    rng = np.random.default_rng(4)
    graph, edges = grid(230, rng)
    assert len(graph.origin) > 2**kernel.BATCH_BITS
    spots = list(zip(rng.integers(0, edges, 300).tolist(), rng.random(300).tolist(), strict=True))
    network, stretches = reach_of(graph, spots, [1.0] * 300)
    seconds, owner, metres = reach.several_nearest(network, stretches, 3)
    nearest, whose = reach.junction_seconds(network, stretches)
    tips = np.bincount(np.concatenate([graph.start, graph.end])) == 1
    np.testing.assert_allclose(seconds[~tips, 0], nearest[~tips], atol=0.01)
    assert np.array_equal(owner[~tips, 0], whose[~tips])
    np.testing.assert_allclose(metres[~tips], seconds[~tips], atol=0.05)  # a metre a second, connectors too
    without = [spot for row, spot in enumerate(spots) if row != owner[7, 0]]
    network, stretches = reach_of(graph, without, [1.0] * 299)
    assert reach.junction_seconds(network, stretches)[0][7] == pytest.approx(seconds[7, 1], abs=0.01)


def test_places_in_threads_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    graph, edges = grid(20, rng)
    network, stretches = reach_of(graph, [(3, 0.5), (70, 0.25)], [0.0, 2.0])
    edge = rng.integers(0, edges, 1001)
    edge[::7] = -1
    at = graph.positions(edge, rng.random(1001))
    alone = reach.position_seconds(network, stretches, at)
    monkeypatch.setattr(reach, "PLACES_FROM", 10)
    monkeypatch.setattr(reach, "CORES", 3)
    together = reach.position_seconds(network, stretches, at)
    assert np.isinf(alone[0]).any()
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


def test_candidates_in_threads_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    monkeypatch.setattr(catchments, "CORES", 3)
    graph, edges = grid(40, rng)
    spots = list(zip(rng.integers(0, edges, 200).tolist(), rng.random(200).tolist(), strict=True))
    _, stretches = reach_of(graph, spots, [1.0] * 200)
    at = graph.positions(rng.integers(0, edges, 5000), rng.random(5000))
    together = catchments.within(graph, stretches, 200, at, 300.0)
    monkeypatch.setattr(catchments, "PARALLEL_FROM", 1000)
    alone = catchments.within(graph, stretches, 200, at, 300.0)
    assert len(alone.place) > 10_000
    for name in ("indptr", "place", "seconds"):
        assert np.array_equal(getattr(together, name), getattr(alone, name))


@given(network=networks())
@settings(max_examples=30, deadline=None)
def test_a_graph_kept_in_a_file_is_the_same(network, tmp_path_factory: pytest.TempPathFactory) -> None:
    graph = prepared_graph(*network)
    path = tmp_path_factory.mktemp("graph") / "walk.npy"
    mapped_arrays.write(path, graph.arrays())
    again = Graph.from_arrays(mapped_arrays.read(path))
    for name, array in graph.arrays().items():
        assert np.array_equal(again.arrays()[name], array)
        assert again.arrays()[name].dtype == array.dtype
    assert (again.into is again.out) == (graph.into is graph.out)


def test_what_is_no_prepared_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "walk.npy"
    np.save(path, np.arange(3))
    with pytest.raises(ValueError, match="holds no record"):
        mapped_arrays.read(path)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises((ValueError, OSError)):
        mapped_arrays.read(path)


def test_chains_keep_every_edge_once_and_end_at_junctions() -> None:
    #    0 - 1 - 2 - 3   and a ring 4 - 5 - 6 - 4 of its own; 2 - 7 makes 2 a junction.
    edges = [(0, 1, 1.0, 1.0), (2, 1, 2.0, 2.0), (2, 3, 3.0, 3.0), (2, 7, 1.0, 1.0)]
    ring = [(4, 5, 1.0, 1.0), (5, 6, 1.0, 1.0), (6, 4, 1.0, 1.0)]
    graph = prepared_graph(8, edges + ring)
    assert len(set(graph.chain[:2])) == 1
    assert len(set(graph.chain[2:4])) == 2
    assert len(set(graph.chain[4:])) == 1
    whole = graph.chain[0]
    assert (graph.there[whole], graph.back[whole], graph.length[whole]) == (3.0, 3.0, 2.0)
    assert sorted(graph.origin[[graph.start[whole], graph.end[whole]]]) == [0, 2]
    assert graph.start[graph.chain[4]] == graph.end[graph.chain[4]]


def test_a_one_way_in_the_middle_is_a_chain_of_its_own() -> None:
    graph = prepared_graph(4, [(0, 1, 1.0, 1.0), (1, 2, 1.0, np.inf), (2, 3, 1.0, 1.0)])
    assert len(set(graph.chain)) == 3


def test_the_hilbert_curve_visits_each_cell_next_to_the_last() -> None:
    bits = 5
    x, y = (axis.ravel().astype(np.uint32) for axis in np.meshgrid(np.arange(2**bits), np.arange(2**bits)))
    places = contraction.hilbert(x, y, bits)
    assert sorted(places) == list(range(4**bits))
    order = np.argsort(places)
    steps = np.abs(np.diff(x[order].astype(int))) + np.abs(np.diff(y[order].astype(int)))
    assert (steps == 1).all()
