"""The stretches of streets over which facilities are reached, on edges and on the chains of a graph."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo.arrays import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array
from geo.traveltime import lookup
from geo.traveltime.array_tables import Seeds, StretchTable, plain
from geo.traveltime.graph import Graph
from geo.traveltime.positions import ChainPositions, chain_sides
from geo.traveltime.snapping import SnappedPoints


@dataclass(frozen=True)
class EdgeStretches:
    """Stretches of edges over which facilities are reached, arrays of shape (stretches,).

    ``facility`` is the row of the facility, ``start_fraction`` ≤ ``end_fraction`` the ends of the stretch on ``edge``,
    and ``connector_m`` the straight way from there to the facility.
    """

    facility: Int64Array
    edge: Int64Array
    start_fraction: Float64Array
    end_fraction: Float64Array
    connector_m: Float64Array

    @classmethod
    def at_points(cls, points: SnappedPoints) -> "EdgeStretches":
        """How facilities at snapped points are reached; one with no street near has no stretch."""
        snapped = np.flatnonzero(points.edge >= 0)
        fraction = points.fraction[snapped]
        return cls(snapped, points.edge[snapped], fraction, fraction, points.connector_m[snapped])

    def of_facilities(self, facilities: Int64Array) -> "EdgeStretches":
        """The stretches of some ``facilities``, in rising order, which are numbered anew from 0."""
        number = np.searchsorted(facilities, self.facility)
        kept = np.append(facilities, -1)[number] == self.facility
        columns = (self.edge, self.start_fraction, self.end_fraction, self.connector_m)
        return EdgeStretches(number[kept], *(column[kept] for column in columns))


@dataclass(frozen=True)
class ChainStretches:
    """The same stretches on the chains of a graph, sorted by chain; arrays of shape (stretches,).

    Attributes
    ----------
    low, high : the positions of each stretch's lower and upper end
    low_m, high_m : metres from the chain's start to these ends
    connector_seconds, connector_m : of the straight way between the stretch and its facility
    facility : the row of the facility
    """

    low: ChainPositions
    high: ChainPositions
    low_m: Float64Array
    high_m: Float64Array
    connector_seconds: Float64Array
    connector_m: Float64Array
    facility: Int32Array

    @classmethod
    def of(cls, graph: Graph, stretches: EdgeStretches, walk_mps: float) -> "ChainStretches":
        """Where ``stretches`` of edges are on the chains; connectors are walked at ``walk_mps`` metres per second."""
        against = ~graph.edges.along_chain[stretches.edge]
        low_fraction = np.where(against, stretches.end_fraction, stretches.start_fraction)
        high_fraction = np.where(against, stretches.start_fraction, stretches.end_fraction)
        low, high = (graph.positions(stretches.edge, fraction) for fraction in (low_fraction, high_fraction))
        order = np.argsort(low.chain, kind="stable")
        return cls(
            low=low[order],
            high=high[order],
            low_m=graph.metres_before(stretches.edge, low_fraction)[order],
            high_m=graph.metres_before(stretches.edge, high_fraction)[order],
            connector_seconds=stretches.connector_m[order] / walk_mps,
            connector_m=stretches.connector_m[order],
            facility=stretches.facility[order].astype(np.int32),
        )

    def __getitem__(self, rows: BoolArray) -> "ChainStretches":
        """Some of the stretches, as a mask of shape (stretches,) says."""
        return ChainStretches(
            self.low[rows],
            self.high[rows],
            self.low_m[rows],
            self.high_m[rows],
            self.connector_seconds[rows],
            self.connector_m[rows],
            self.facility[rows],
        )

    def table(self, towards: bool) -> StretchTable:
        """The stretches as the compiled loops take them, for travel ``towards`` the facilities or from them."""
        return self._table_towards if towards else self._table_away

    @cached_property
    def _table_towards(self) -> StretchTable:
        return self._table(self.low.forward_seconds, self.high.backward_seconds)

    @cached_property
    def _table_away(self) -> StretchTable:
        return self._table(self.low.backward_seconds, self.high.forward_seconds)

    def _table(self, low_end_side: Float32Array, high_start_side: Float32Array) -> StretchTable:
        ends = (self.low.coordinate, low_end_side, self.high.coordinate, high_start_side)
        metres = (self.low_m, self.high_m, self.connector_m)
        return StretchTable(
            self.low.chain, np.column_stack(ends), self.connector_seconds, self.facility, np.column_stack(metres)
        )

    def seeds(self, towards: bool) -> tuple[Seeds, Float64Array]:
        """What a search for the stretches begins with, the ends of their chains, and the metres travelled there."""
        graph = self.low.graph
        nodes, sides = graph.destinations if towards else graph.origins, chain_sides(graph.chains, towards)
        return lookup.seeds(plain(graph.chains), plain(nodes), plain(sides), plain(self.table(towards)))
