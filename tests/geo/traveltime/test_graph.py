"""Contraction: chains and the curve that orders junctions; and graphs that are kept in files."""

import numpy as np
import pytest
from hypothesis import given, settings

from geo.traveltime import contraction, mapped_arrays
from geo.traveltime.graph import Graph
from support.examples import examples
from support.graphs import networks, prepare_graph


@given(network=networks())
@settings(max_examples=examples(30))
def test_graph_from_a_file_equals_the_one_that_was_written(network, tmp_path_factory: pytest.TempPathFactory) -> None:
    graph = prepare_graph(*network)
    path = tmp_path_factory.mktemp("graph") / "walk.npy"
    mapped_arrays.write(path, graph.arrays())
    reopened = Graph.from_arrays(mapped_arrays.read(path))
    assert reopened.arrays().keys() == graph.arrays().keys()
    for name, array in graph.arrays().items():
        assert np.array_equal(reopened.arrays()[name], array)
        assert reopened.arrays()[name].dtype == array.dtype
    assert reopened.outgoing.longest_seconds == graph.outgoing.longest_seconds
    assert (reopened.incoming is reopened.outgoing) == (graph.incoming is graph.outgoing)


def test_chains_hold_every_edge_once_and_end_at_junctions() -> None:
    #    0 - 1 - 2 - 3   and a ring 4 - 5 - 6 - 4 of its own; 2 - 7 makes 2 a junction.
    edges = [(0, 1, 1.0, 1.0), (2, 1, 2.0, 2.0), (2, 3, 3.0, 3.0), (2, 7, 1.0, 1.0)]
    ring = [(4, 5, 1.0, 1.0), (5, 6, 1.0, 1.0), (6, 4, 1.0, 1.0)]
    graph = prepare_graph(8, edges + ring)
    chain, chains = graph.edges.chain, graph.chains
    assert len(set(chain[:2])) == 1
    assert len(set(chain[2:4])) == 2
    assert len(set(chain[4:])) == 1
    first = chain[0]
    assert (chains.forward_seconds[first], chains.backward_seconds[first], chains.metres[first]) == (3.0, 3.0, 2.0)
    assert sorted(graph.network_node[[chains.start_node[first], chains.end_node[first]]]) == [0, 2]
    assert chains.start_node[chain[4]] == chains.end_node[chain[4]]


def test_one_way_between_two_way_streets_is_a_chain_of_its_own() -> None:
    graph = prepare_graph(4, [(0, 1, 1.0, 1.0), (1, 2, 1.0, np.inf), (2, 3, 1.0, 1.0)])
    assert len(set(graph.edges.chain)) == 3


def test_edge_with_negative_seconds_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        prepare_graph(2, [(0, 1, -1.0, 1.0)])


def test_hilbert_curve_visits_each_cell_next_to_the_one_before() -> None:
    bits = 5
    x, y = (axis.ravel().astype(np.uint32) for axis in np.meshgrid(np.arange(2**bits), np.arange(2**bits)))
    positions = contraction.hilbert(x, y, bits)
    assert sorted(positions) == list(range(4**bits))
    order = np.argsort(positions)
    steps = np.abs(np.diff(x[order].astype(int))) + np.abs(np.diff(y[order].astype(int)))
    assert (steps == 1).all()
