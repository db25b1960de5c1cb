"""Routes from one point: a search from it, and the metres and lines of the ways that the search took."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from geo.arrays import Float64Array, Int32Array
from geo.traveltime import search
from geo.traveltime.array_tables import Seeds
from geo.traveltime.network import Network
from geo.traveltime.positions import ChainPositions
from geo.traveltime.snapping import SnappedPoints
from geo.traveltime.stretches import ChainStretches

SAME_M = 0.001
"""Vertices of a route this near to the previous one are left out."""

OVER_START, OVER_END, ALONG = range(3)
"""How a route arrives at a stretch: over the start or the end of its chain, or along the chain if it began there."""


def seconds_along_chain(position: ChainPositions, stretches: ChainStretches, rows: slice) -> Float64Array:
    """Seconds from one position along its chain to stretches of the same chain, shape (rows,).

    Infinity where the chain is closed in that direction. `geo.traveltime.lookup._along_chain` does the same in compiled
    loops over many points.
    """
    chains, chain = position.graph.chains, int(position.chain[0])
    low, high = stretches.low[rows], stretches.high[rows]
    before, after = position.coordinate < low.coordinate, position.coordinate > high.coordinate
    forward_open = np.isfinite(chains.forward_seconds[chain])
    backward_open = np.isfinite(chains.backward_seconds[chain])
    forward = np.where(forward_open, low.forward_seconds - position.forward_seconds, np.inf)
    backward = np.where(backward_open, position.backward_seconds - high.backward_seconds, np.inf)
    seconds = np.where(before, forward, np.where(after, backward, 0.0))
    return np.asarray(seconds + stretches.connector_seconds[rows])


class SearchFromPoint:
    """The search from one ``point`` (arrays of length one), as far as ``limit`` seconds, to all of ``stretches``.

    ``seconds``, shape (stretches,), are those to each of them, connectors included; infinity where out of reach.
    """

    def __init__(self, network: Network, stretches: ChainStretches, point: SnappedPoints, limit: float) -> None:
        graph = network.graph
        self._network, self._stretches, self._connector_m = network, stretches, float(point.connector_m[0])
        position = graph.positions(point.edge, point.fraction)
        self._coordinate, self._chain = float(position.coordinate[0]), int(position.chain[0])
        ends = position.towards.ends
        self._to_ends = np.concatenate([ends.start_seconds, ends.end_seconds]).astype(float)
        self._ends = np.concatenate([ends.start_node, ends.end_node])
        self._node_seconds, self._arc = self._search(limit)
        low, high = stretches.low, stretches.high
        same_chain = slice(*np.searchsorted(low.chain, [self._chain, self._chain + 1]))
        ways = np.full((3, len(low.chain)), np.inf)
        low_ends, high_ends = low.away.ends, high.away.ends
        self._last_nodes = (low_ends.start_node, high_ends.end_node)
        for way, end_seconds in ((OVER_START, low_ends.start_seconds), (OVER_END, high_ends.end_seconds)):
            ways[way] = self._node_seconds[self._last_nodes[way]] + end_seconds + stretches.connector_seconds
        ways[ALONG, same_chain] = seconds_along_chain(position, stretches, same_chain)
        self._way = ways.argmin(axis=0)
        self.seconds: Float64Array = ways.min(axis=0) + point.connector_m[0] / network.walk_mps

    def _search(self, limit: float) -> tuple[Float64Array, Int32Array]:
        """Seconds from the point to every junction, and the arc by which it is reached."""
        usable = np.isfinite(self._to_ends)
        no_facility = np.zeros(int(usable.sum()), np.int32)
        seeds = Seeds(self._ends[usable], self._to_ends[usable], no_facility)
        return search.search(self._network.graph.outgoing, seeds, limit, track_arcs=True)

    def metres(self, stretch: int) -> float:
        """Metres travelled to a stretch, connectors included."""
        pieces = self._pieces(stretch)
        metres = sum(abs(self._metres(chain, last) - self._metres(chain, first)) for chain, first, last in pieces)
        return float(metres + self._connector_m + self._stretches.connector_m[stretch])

    def path(self, stretch: int, origin: tuple[float, float], facility: BaseGeometry) -> shapely.LineString:
        """The way from the WGS84 ``origin`` to a stretch, and on to the ``facility``'s point or polygon, in WGS84."""
        metric = self._network.metric
        lines = [shapely.get_coordinates(metric.points(*origin))]
        lines += [self._line(*piece) for piece in self._pieces(stretch)]
        street_end = shapely.Point(lines[-1][-1])
        lines.append(shapely.get_coordinates(shapely.shortest_line(street_end, metric.forward(facility)))[1:])
        xy = np.concatenate(lines)
        moves = np.append(True, np.hypot(*np.diff(xy, axis=0).T) > SAME_M)
        if moves.sum() == 1:  # the origin is at the facility: a line has two vertices
            moves[-1] = True
        path: shapely.LineString = metric.inverse(shapely.LineString(xy[moves]))
        return path

    def _metres(self, chain: int, coordinate: float) -> float:
        """Metres from the start of ``chain`` to a ``coordinate`` of it."""
        graph = self._network.graph
        first, edges = graph.chain_edges
        index = min(int(coordinate), first[chain + 1] - first[chain] - 1)
        edge = edges[first[chain] + index]
        return float(graph.edges.metres_before[edge] + (coordinate - index) * graph.edges.metres[edge])

    def _pieces(self, stretch: int) -> list[tuple[int, float, float]]:
        """The way to a stretch as pieces of chains: the chain, and the coordinates where it is joined and left."""
        graph, way = self._network.graph, int(self._way[stretch])
        chains, stretches = graph.chains, self._stretches
        chain = int(stretches.low.chain[stretch])
        low, high = float(stretches.low.coordinate[stretch]), float(stretches.high.coordinate[stretch])
        if way == ALONG:
            return [(chain, self._coordinate, min(max(self._coordinate, low), high))]
        node = int(self._last_nodes[way][stretch])
        # Backwards: first the stretch's own chain, then the arcs to the point's chain, then that chain.
        pieces = [(chain, 0.0, low) if way == OVER_START else (chain, float(chains.edge_count[chain]), high)]
        while (arc := int(self._arc[node])) >= 0:
            tail = int(np.searchsorted(graph.outgoing.indptr, arc, side="right")) - 1
            chain = int(graph.outgoing_chain[arc])
            if chain >= 0:  # else it leads from one node of a junction to another
                length = float(chains.edge_count[chain])
                pieces.append((chain, length, 0.0) if graph.outgoing_against[arc] else (chain, 0.0, length))
            node = tail
        # A chain may begin and end at one junction; then the way over its nearer end was taken.
        to_ends = np.where(self._ends == node, self._to_ends, np.inf)
        end = 0.0 if to_ends[0] <= to_ends[1] else float(chains.edge_count[self._chain])
        pieces.append((self._chain, self._coordinate, end))
        return pieces[::-1]

    def _line(self, chain: int, first: float, last: float) -> Float64Array:
        """The vertices of a piece of a chain, in projected metres, shape (n, 2)."""
        first_edge, edges = self._network.graph.chain_edges
        along_chain = self._network.graph.edges.along_chain
        low, high = min(first, last), max(first, last)
        count = int(first_edge[chain + 1] - first_edge[chain])
        lowest = min(int(low), count - 1)  # what lies at the very end of a chain is on its last edge
        parts = []
        for index in range(lowest, min(max(int(np.ceil(high)), lowest + 1), count)):
            edge = edges[first_edge[chain] + index]
            line = self._network.lines[edge]
            if not along_chain[edge]:
                line = shapely.reverse(line)
            parts.append(shapely.get_coordinates(substring(line, max(low - index, 0.0), min(high - index, 1.0), True)))
        xy = np.concatenate(parts) if parts else np.empty((0, 2))
        return xy if first <= last else xy[::-1]
