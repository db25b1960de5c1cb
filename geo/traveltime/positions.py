"""Points on the chains of a graph, and the tables from which the compiled loops compute their times."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geo.arrays import Float32Array, Float64Array, Int32Array
from geo.traveltime.array_tables import ChainEnds, ChainNodes, Chains, ChainSides, PointsByChain, PointsByNode

if TYPE_CHECKING:
    from geo.traveltime.graph import Graph


def chain_sides(chains: Chains, towards: bool) -> ChainSides:
    """Seconds of whole chains for travel ``towards`` facilities, or from them."""
    if towards:
        return ChainSides(chains.backward_seconds, chains.forward_seconds)
    return ChainSides(chains.forward_seconds, chains.backward_seconds)


@dataclass(frozen=True)
class ChainPositions:
    """Where points are on the chains of a ``graph``, arrays of shape (points,).

    Attributes
    ----------
    chain : the chain that the point is on; −1: none, as no street is near
    coordinate : how many edges of the chain lie before the point, with the fraction of its own edge
    forward_seconds : seconds along the chain from its start to the point (0 where closed)
    backward_seconds : seconds against the chain from the point to its start (0 where closed)
    """

    graph: "Graph" = field(repr=False)
    chain: Int32Array
    coordinate: Float64Array
    forward_seconds: Float32Array
    backward_seconds: Float32Array

    def __len__(self) -> int:
        return len(self.chain)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> "ChainPositions":
        return ChainPositions(
            self.graph,
            self.chain[rows],
            self.coordinate[rows],
            self.forward_seconds[rows],
            self.backward_seconds[rows],
        )

    @cached_property
    def towards(self) -> "PointTables":
        """The tables for travel from the points, towards facilities."""
        sides = chain_sides(self.graph.chains, towards=True)
        return PointTables(
            self, sides, self.graph.origins, start_side=self.backward_seconds, end_side=self.forward_seconds
        )

    @cached_property
    def away(self) -> "PointTables":
        """The tables for travel to the points, from facilities."""
        sides = chain_sides(self.graph.chains, towards=False)
        return PointTables(
            self, sides, self.graph.destinations, start_side=self.forward_seconds, end_side=self.backward_seconds
        )

    @cached_property
    def by_chain(self) -> tuple[Int32Array, Int32Array]:
        """The points on each chain in CSR form: where those of each begin (chains + 1,), and the points."""
        order = np.argsort(self.chain, kind="stable").astype(np.int32)
        first = np.searchsorted(self.chain[order], np.arange(len(self.graph.chains.start_node) + 1)).astype(np.int32)
        return first, order


@dataclass(frozen=True)
class PointTables:
    """Tables of points for one direction of travel; ``nodes`` are those that it meets at the ends of the chains.

    ``start_side`` and ``end_side``, shape (points,), are seconds between the start nodes of their chains and the
    points; the sketch in `geo.traveltime.array_tables` explains them.
    """

    positions: ChainPositions = field(repr=False)
    sides: ChainSides
    nodes: ChainNodes
    start_side: Float32Array
    end_side: Float32Array

    @cached_property
    def ends(self) -> ChainEnds:
        """Seconds between the points and both ends of their chains."""
        positions, chains, nodes = self.positions, self.positions.graph.chains, self.nodes
        count = len(positions)
        if not len(chains.start_node):
            return ChainEnds(*np.zeros((2, count), np.int32), *np.full((2, count), np.inf, np.float32))
        off_network = positions.chain < 0
        chain = np.where(off_network, 0, positions.chain)
        # A point at an end of its chain is at the junction, from which it may leave by any street.
        open_start = np.isfinite(self.sides.start_side[chain])
        at_start, at_end = positions.coordinate == 0, positions.coordinate == chains.edge_count[chain]
        to_start = np.where(at_start, 0.0, np.where(open_start, self.start_side, np.inf))
        seconds_to_end = np.maximum(self.sides.end_side[chain] - self.end_side, 0.0)
        to_end = np.where(at_end, 0.0, seconds_to_end)
        to_start[off_network] = to_end[off_network] = np.inf
        start_node, end_node = nodes.start[chain], nodes.end[chain]
        if nodes.start is not nodes.start_junction:
            start_node = np.where(at_start, nodes.start_junction[chain], start_node)
            end_node = np.where(at_end, nodes.end_junction[chain], end_node)
        return ChainEnds(start_node, end_node, to_start.astype(np.float32), to_end.astype(np.float32))

    @property
    def by_chain(self) -> PointsByChain:
        """The points by the chain that they are on."""
        return PointsByChain(*self.positions.by_chain, self.positions.coordinate, self.start_side, self.end_side)

    @cached_property
    def by_node(self) -> PointsByNode:
        """The points by the nodes at the ends of their chains."""
        ends, nodes = self.ends, len(self.positions.graph.network_node)
        two_nodes = ends.start_node != ends.end_node
        node = np.concatenate([ends.start_node, ends.end_node[two_nodes]])
        order = np.argsort(node, kind="stable")
        first_row = np.searchsorted(node[order], np.arange(nodes + 1)).astype(np.int32)
        points = np.arange(len(two_nodes), dtype=np.int32)
        point = np.concatenate([points, points[two_nodes]])
        near = np.concatenate([ends.start_seconds, ends.end_seconds[two_nodes]])
        far = np.concatenate([ends.end_seconds, ends.start_seconds[two_nodes]])
        far_node = np.concatenate([ends.end_node, ~ends.start_node[two_nodes]])
        return PointsByNode(first_row, point[order], near[order], far[order], far_node[order])
