"""Small graphs for the engine's tests, drawn at random by hypothesis or made as a grid."""

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import strategies as st

from geo.arrays import Float64Array
from geo.traveltime import catchments
from geo.traveltime.array_tables import NetworkEdges
from geo.traveltime.graph import Graph
from geo.traveltime.network import Network
from geo.traveltime.positions import ChainPositions
from geo.traveltime.stretches import ChainStretches, EdgeStretches

Edge = tuple[int, int, float, float]
"""The nodes u and v, seconds from u to v, and seconds from v to u (infinity: closed)."""
EdgePoint = tuple[int, float]
"""The number of an edge, and a fraction of the way along it."""

_SECONDS = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.5, 7.0, 30.0, 400.0])
_EDGE_POINTS = st.lists(
    st.tuples(st.integers(0, 39), st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0])), min_size=1, max_size=6
)


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    """How many nodes, and edges: with one-ways, ties, parallel edges, loops and islands."""
    nodes = draw(st.integers(2, 14))
    node = st.integers(0, nodes - 1)
    edge = st.tuples(node, node, _SECONDS, st.one_of(_SECONDS, st.just(np.inf)))
    return nodes, draw(st.lists(edge, min_size=1, max_size=40))


@st.composite
def searches(draw: st.DrawFn) -> tuple[int, list[Edge], list[EdgePoint], list[EdgePoint], list[float]]:
    """A network, where people are, where facilities are, and the seconds of the facilities' connectors.

    People and facilities are often on the same edges.
    """
    nodes, edges = draw(networks())
    points = _EDGE_POINTS.map(lambda drawn: [(edge % len(edges), fraction) for edge, fraction in drawn])
    facilities = draw(points)
    connectors = st.lists(st.sampled_from([0.0, 0.0, 3.0]), min_size=len(facilities), max_size=len(facilities))
    return nodes, edges, draw(points), facilities, draw(connectors)


def prepare_graph(nodes: int, edges: list[Edge], forbidden: Collection[tuple[int, ...]] = ()) -> Graph:
    """The prepared graph of a network; every edge is a metre long, and nodes lie at random."""
    u, v, forward, backward = (np.array(column) for column in zip(*edges, strict=True))
    table = NetworkEdges(
        u.astype(np.int32), v.astype(np.int32), forward.astype(float), backward.astype(float), np.ones(len(u))
    )
    rng = np.random.default_rng(nodes)
    return Graph.prepare(table, rng.random(nodes), rng.random(nodes), forbidden)


def grid_graph(side: int, rng: np.random.Generator) -> tuple[Graph, int]:
    """The streets of a square grid, each of its own seconds and as many metres; the graph, and how many edges."""
    node = np.arange(side * side, dtype=np.int32).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    seconds = rng.uniform(5, 60, len(u))
    edges = NetworkEdges(u, v, seconds, seconds, seconds)
    return Graph.prepare(edges, node.ravel() % float(side), node.ravel() // float(side)), len(u)


def network_with_facilities(
    graph: Graph, facilities: list[EdgePoint], connector_seconds: list[float]
) -> tuple[Network, ChainStretches]:
    """A network that has a graph but no map, and facilities at points of its edges; people walk a metre a second."""
    network = Network.__new__(Network)
    network.graph, network.walk_mps = graph, 1.0
    edge, fraction = (np.array(column) for column in zip(*facilities, strict=True))
    stretches = EdgeStretches(np.arange(len(facilities)), edge, fraction, fraction, np.array(connector_seconds))
    return network, network.chain_stretches(stretches)


def check_catchments(
    graph: Graph,
    stretches: ChainStretches,
    positions: ChainPositions,
    expected: Float64Array,
    limit: float,
    towards: bool,
) -> None:
    """The catchment of each facility has the people within ``limit`` seconds, by ``expected`` (people, facilities)."""
    facilities = expected.shape[1]
    catchment = catchments.within(graph, stretches, facilities, positions, limit, towards)
    for candidate in range(facilities):
        rows = slice(*catchment.indptr[candidate : candidate + 2])
        listed = dict(zip(catchment.point[rows].tolist(), catchment.seconds[rows].tolist(), strict=True))
        assert len(listed) == rows.stop - rows.start
        in_reach = {p: s for p, s in enumerate(expected[:, candidate].tolist()) if s <= limit and np.isfinite(s)}
        assert listed == pytest.approx(in_reach, abs=1e-3)
