"""The compiled loops against scipy and plain Python, on random graphs with all that real ones have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo import kernel
from geo.graph import Graph

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


def prepared(nodes: int, edges: list[tuple[int, int, float, float]]) -> Graph:
    u, v, forward, backward = arrays(edges)
    rng = np.random.default_rng(nodes)
    return Graph.prepare(u, v, forward, backward, np.ones(len(u)), rng.random(nodes), rng.random(nodes))


def by_scipy(nodes: int, edges: list[tuple[int, int, float, float]], sources: list[int]) -> np.ndarray:
    """Seconds from the sources' nodes to all nodes against the direction of travel: from all nodes to the sources."""
    best: dict[tuple[int, int], float] = {}
    for u, v, forward, backward in edges:
        for tail, head, seconds in ((u, v, forward), (v, u, backward)):
            if np.isfinite(seconds):
                best[head, tail] = min(best.get((head, tail), np.inf), seconds)
    rows = sorted(best)
    graph = csr_array(
        (
            np.array([best[row] for row in rows]),
            np.array([row[1] for row in rows], dtype=np.int32),
            np.searchsorted([row[0] for row in rows], np.arange(nodes + 1)).astype(np.int32),
        ),
        shape=(nodes, nodes),
    )
    return dijkstra(graph, indices=sources).reshape(len(sources), nodes)


@given(network=networks(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_every_node_of_a_contracted_graph_has_scipys_time(network, data: st.DataObject) -> None:
    nodes, edges = network
    u, v, _, _ = arrays(edges)
    used = np.unique(np.concatenate([u, v])).tolist()
    sources = data.draw(st.lists(st.sampled_from(used), min_size=1, max_size=4))
    width = data.draw(st.sampled_from([0.3, 1.0, 4.0, 1000.0]))
    batched = data.draw(st.booleans())
    expected = by_scipy(nodes, edges, sources).min(axis=0)

    graph = prepared(nodes, edges)
    # A node is where an edge that touches it begins or ends; a source likewise.
    edge_of, fraction_of = {}, {}
    for number, (tail, head, *_) in enumerate(edges):
        edge_of[tail], fraction_of[tail] = number, 0.0
        edge_of[head], fraction_of[head] = number, 1.0
    at = graph.positions(np.array([edge_of[n] for n in used]), np.array([fraction_of[n] for n in used]))
    rows = [used.index(source) for source in sources]
    node = np.concatenate([at.start[rows], at.end[rows]])
    seconds = np.concatenate([at.from_start[rows], at.from_end[rows]])
    usable = np.isfinite(seconds)
    label = np.tile(np.arange(len(rows), dtype=np.int32), 2)
    node_seconds, node_label = kernel.search(
        graph.into.indptr,
        graph.into.heads,
        graph.into.seconds,
        node[usable],
        seconds[usable],
        label[usable],
        np.inf,
        width,
        kernel.INHERIT,
        batched,
    )
    got, owner = kernel.read_off(node_seconds, node_label, at.start, at.end, at.to_start, at.to_end)
    order = np.argsort(at.chain[rows], kind="stable")
    sorted_rows = np.array(rows)[order]
    kernel.along_chains(
        got,
        owner,
        at.chain,
        at.at,
        at.ahead,
        at.behind,
        np.isfinite(graph.there),
        np.isfinite(graph.back),
        np.searchsorted(at.chain[sorted_rows], np.arange(len(graph.start) + 1)).astype(np.int32),
        at.at[sorted_rows],
        at.at[sorted_rows],
        at.ahead[sorted_rows],
        at.behind[sorted_rows],
        np.zeros(len(rows)),
        label[: len(rows)][order],
    )
    np.testing.assert_allclose(got, expected[used], atol=1e-4)
    assert np.array_equal(owner >= 0, np.isfinite(expected[used]))
    each = by_scipy(nodes, edges, sources)
    reached = owner >= 0
    assert np.allclose(each[owner[reached], np.array(used)[reached]], expected[used][reached], atol=1e-4)


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
    arguments = (graph.out.indptr, graph.out.heads, graph.out.seconds, seeds, np.zeros(len(seeds)), seeds)
    got, _ = kernel.search(*arguments, limit, 4.0, kernel.INHERIT, True)
    whole, _ = kernel.search(*arguments, np.inf, 4.0, kernel.INHERIT, False)
    assert np.array_equal(got, np.where(whole <= limit, whole, np.inf))
    assert 0 < np.isfinite(got).sum() <= len(graph.origin)


def test_the_arcs_lead_back_to_the_seed() -> None:
    nodes, edges = 6, [(0, 1, 5.0, 5.0), (1, 2, 5.0, 5.0), (1, 3, 2.0, 2.0), (3, 2, 1.0, 1.0), (2, 4, 1.0, np.inf)]
    graph = prepared(nodes, edges)
    start = int(np.flatnonzero(graph.origin == 0)[0])
    seconds, arc = kernel.search(
        graph.out.indptr,
        graph.out.heads,
        graph.out.seconds,
        np.array([start], np.int32),
        np.zeros(1),
        np.zeros(1, np.int32),
        np.inf,
        4.0,
        kernel.ARC,
        False,
    )
    assert arc[start] == -2
    for node in range(len(graph.origin)):
        walked, here = 0.0, node
        while arc[here] >= 0:
            walked += float(graph.out.seconds[arc[here]])
            here = int(np.searchsorted(graph.out.indptr, arc[here], side="right")) - 1
        assert here == start
        assert walked == seconds[node]


def test_chains_keep_every_edge_once_and_end_at_junctions() -> None:
    #    0 - 1 - 2 - 3   and a ring 4 - 5 - 6 - 4 of its own; 2 - 7 makes 2 a junction.
    edges = [(0, 1, 1.0, 1.0), (2, 1, 2.0, 2.0), (2, 3, 3.0, 3.0), (2, 7, 1.0, 1.0)]
    ring = [(4, 5, 1.0, 1.0), (5, 6, 1.0, 1.0), (6, 4, 1.0, 1.0)]
    graph = prepared(8, edges + ring)
    assert len(set(graph.chain[:2])) == 1
    assert len(set(graph.chain[2:4])) == 2
    assert len(set(graph.chain[4:])) == 1
    whole = graph.chain[0]
    assert (graph.there[whole], graph.back[whole], graph.length[whole]) == (3.0, 3.0, 2.0)
    assert sorted(graph.origin[[graph.start[whole], graph.end[whole]]]) == [0, 2]
    assert graph.start[graph.chain[4]] == graph.end[graph.chain[4]]


def test_a_one_way_in_the_middle_is_a_chain_of_its_own() -> None:
    graph = prepared(4, [(0, 1, 1.0, 1.0), (1, 2, 1.0, np.inf), (2, 3, 1.0, 1.0)])
    assert len(set(graph.chain)) == 3


def test_the_hilbert_curve_visits_each_cell_next_to_the_last() -> None:
    bits = 5
    x, y = (axis.ravel().astype(np.uint32) for axis in np.meshgrid(np.arange(2**bits), np.arange(2**bits)))
    places = kernel.hilbert(x, y, bits)
    assert sorted(places) == list(range(4**bits))
    order = np.argsort(places)
    steps = np.abs(np.diff(x[order].astype(int))) + np.abs(np.diff(y[order].astype(int)))
    assert (steps == 1).all()
