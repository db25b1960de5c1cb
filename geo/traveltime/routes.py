"""Ways from one place: the search forwards from it, metres and lines of the ways it found."""

from typing import Any

import numpy as np
import shapely
from shapely.ops import substring

from geo.arrays import Float64Array
from geo.traveltime import search
from geo.traveltime.graph import ChainPositions, Graph
from geo.traveltime.network import ChainStretches, Network, SnappedPoints

SAME_M = 0.001
"""Vertices of a path this near to the last one are left out."""


def along(graph: Graph, at: ChainPositions, stretches: ChainStretches, rows: slice) -> Float64Array:
    """Seconds from one position along its chain to stretches of the same chain, shape (rows,).

    Infinity where a one-way is in the way.
    """
    chain, low, high = int(at.chain[0]), stretches.low[rows], stretches.high[rows]
    before, after = at.at < low.at, at.at > high.at
    ahead = np.where(np.isfinite(graph.there[chain]), low.ahead - at.ahead, np.inf)
    behind = np.where(np.isfinite(graph.back[chain]), at.behind - high.behind, np.inf)
    return np.asarray(np.where(before, ahead, np.where(after, behind, 0.0)) + stretches.extra[rows])


class FromPlace:
    """The search from one ``place`` (arrays of length one), as far as ``limit`` seconds, to all of ``stretches``.

    ``seconds`` to each of them, shape (stretches,), connectors included; infinity where out of reach.
    """

    def __init__(self, network: Network, stretches: ChainStretches, place: SnappedPoints, limit: float) -> None:
        graph = network.graph
        self._network, self._stretches, self._place = network, stretches, place
        self._at = graph.positions(place.edge, place.fraction)
        self._chain = int(self._at.chain[0])
        self._over = np.concatenate([self._at.towards.to_start, self._at.towards.to_end]).astype(float)
        self._ends = np.array([graph.start[self._chain], graph.end[self._chain]])
        usable = np.isfinite(self._over)
        node_seconds, self._arc = search.search(
            graph.out.indptr,
            graph.out.heads,
            graph.out.seconds,
            graph.out.longest,
            self._ends[usable],
            self._over[usable],
            np.zeros(int(usable.sum()), np.int32),
            limit,
            search.ARC,
        )
        # Ways onto a stretch: over the start of its chain, over its end, or along the chain if the place is on it too.
        low, high = stretches.low, stretches.high
        over_start, over_end = low.away.to_start, high.away.to_end
        own = slice(*np.searchsorted(low.chain, [self._chain, self._chain + 1]))
        ways = np.full((3, len(low.chain)), np.inf)
        ways[0] = node_seconds[graph.start[low.chain]] + over_start + stretches.extra
        ways[1] = node_seconds[graph.end[low.chain]] + over_end + stretches.extra
        ways[2, own] = along(graph, self._at, stretches, own)
        self._way = ways.argmin(axis=0)
        self.seconds: Float64Array = ways.min(axis=0) + place.connector_m[0] / network.walk_mps

    def metres(self, stretch: int) -> float:
        """Metres travelled to a stretch, connectors included."""
        pieces = self._pieces(stretch)
        gone = sum(abs(self._metres(chain, last) - self._metres(chain, first)) for chain, first, last in pieces)
        return float(gone + self._place.connector_m[0] + self._stretches.extra_m[stretch])

    def path(self, stretch: int, origin: tuple[float, float], end: Any) -> shapely.LineString:
        """The way from the WGS84 ``origin`` to a stretch, and on to ``end``, a point or a polygon's edge, in WGS84."""
        metric = self._network.metric
        places = [shapely.get_coordinates(metric.points(*origin))]
        places += [self._line(*piece) for piece in self._pieces(stretch)]
        street = shapely.Point(places[-1][-1])
        places.append(shapely.get_coordinates(shapely.shortest_line(street, metric.forward(end)))[1:])
        xy = np.concatenate(places)
        turns = np.append(True, np.hypot(*np.diff(xy, axis=0).T) > SAME_M)
        if turns.sum() == 1:  # one is there already
            turns[-1] = True
        return metric.inverse(shapely.LineString(xy[turns]))

    def _metres(self, chain: int, at: float) -> float:
        """Metres from the start of ``chain`` to the coordinate ``at`` of it."""
        first, edges = self._network.graph.chain_edges
        whole = min(int(at), first[chain + 1] - first[chain] - 1)
        edge = edges[first[chain] + whole]
        graph = self._network.graph
        return float(graph.before[edge] + (at - whole) * graph.metres[edge])

    def _pieces(self, stretch: int) -> list[tuple[int, float, float]]:
        """The way to a stretch as pieces of chains: which, from where on it and to where."""
        graph, way = self._network.graph, int(self._way[stretch])
        chain, here = int(self._stretches.low.chain[stretch]), float(self._at.at[0])
        low, high = float(self._stretches.low.at[stretch]), float(self._stretches.high.at[stretch])
        if way == 2:
            return [(chain, here, min(max(here, low), high))]
        target = int((graph.start, graph.end)[way][chain])
        pieces = [(chain, 0.0, low) if way == 0 else (chain, float(graph.pieces[chain]), high)]
        node = target
        while (arc := int(self._arc[node])) >= 0:
            tail = int(np.searchsorted(graph.out.indptr, arc, side="right")) - 1
            along = int(graph.out.chain[arc])
            whole = float(graph.pieces[along])
            pieces.append((along, 0.0, whole) if graph.start[along] == tail else (along, whole, 0.0))
            node = tail
        # A chain may begin and end at one node; then the nearer way round was taken.
        over = np.where(self._ends == node, self._over, np.inf)
        pieces.append((self._chain, here, 0.0 if over[0] <= over[1] else float(graph.pieces[self._chain])))
        return pieces[::-1]

    def _line(self, chain: int, first: float, last: float) -> Float64Array:
        """The vertices of a piece of a chain, in projected metres, shape (n, 2)."""
        begin, edges = self._network.graph.chain_edges
        low, high = min(first, last), max(first, last)
        parts, count = [], int(begin[chain + 1] - begin[chain])
        begins = min(int(low), count - 1)  # what lies at the very end of a chain is on its last edge
        for turn in range(begins, min(max(int(np.ceil(high)), begins + 1), count)):
            edge = edges[begin[chain] + turn]
            line = self._network.lines[edge]
            if not self._network.graph.along[edge]:
                line = shapely.reverse(line)
            parts.append(shapely.get_coordinates(substring(line, max(low - turn, 0.0), min(high - turn, 1.0), True)))
        xy = np.concatenate(parts) if parts else np.empty((0, 2))
        return xy if first <= last else xy[::-1]
