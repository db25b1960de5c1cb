"""Searches the facilities nearest to every junction of a network, and computes the times of points from those.

One search starts at all facilities at once and runs against the direction of travel, since people travel *to* them.
Every junction then has its nearest facility. A point takes the shorter way over the two ends of its chain, or the way
along the chain to a facility on it. This is the graph Voronoi diagram of Erwig (2000, Networks 36(3)).
`geo.traveltime.travel` keeps the results.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from geo.arrays import Float64Array, Int32Array, Int64Array, ObjectArray
from geo.parallel import CORES, map_in_threads
from geo.traveltime import lookup, search
from geo.traveltime.array_tables import ChainNodes, Chains, Edges, NodeTimes, SeveralNearest, StretchTable, Table, plain
from geo.traveltime.network import Network
from geo.traveltime.positions import ChainPositions
from geo.traveltime.snapping import SnappedPoints
from geo.traveltime.stretches import ChainStretches


@dataclass(frozen=True)
class TravelTimes:
    """Travel times from points to their nearest facility.

    Attributes
    ----------
    seconds : shape (points,), infinity where none can be reached
    facility : shape (points,), row of the nearest facility in the frame of facilities, −1 where none can be reached
    reason : shape (points,), why none can be reached; None where one can
    """

    seconds: Float64Array
    facility: Int64Array
    reason: ObjectArray

    @property
    def nbytes(self) -> int:
        """The bytes that these times take; the reasons are shared."""
        return self.seconds.nbytes + self.facility.nbytes + self.reason.nbytes


@dataclass(frozen=True)
class Distances:
    """Straight lines from points to their nearest facility.

    Attributes
    ----------
    metres : geodesic, shape (points,), infinity where there is no facility
    facility : shape (points,), row of the nearest facility in the frame of facilities, −1 where there is none
    """

    metres: Float64Array
    facility: Int64Array

    @property
    def nbytes(self) -> int:
        """The bytes that these distances take."""
        return self.metres.nbytes + self.facility.nbytes


FACILITIES_PER_JUNCTION = 8
"""How many nearest facilities are kept for every junction."""

_NODE_BYTES, _FACILITY_BYTES = 8 + 4, 8 + 4 + 4
"""What `NodeTimes` take for each node, and `SeveralNearest` for each of its facilities."""

SWEEP_FROM = 64
"""Seeds from which on a sweep over the whole network is faster than a search around each."""
PARALLEL_FROM = 2**17
"""With fewer points than this, threads take longer than they save."""


class NearestFacilities:
    """The facilities nearest to every junction of a network: searched once, on first use, and looked up after that.

    ``stretches`` are those over which the facilities are reached.
    """

    def __init__(self, network: Network, stretches: ChainStretches) -> None:
        self.network, self.stretches = network, stretches

    @cached_property
    def junction_times(self) -> NodeTimes:
        """The nearest facility of every junction, as `junction_seconds` gives it."""
        return junction_seconds(self.network, self.stretches)

    @cached_property
    def several_of_junctions(self) -> SeveralNearest:
        """The `FACILITIES_PER_JUNCTION` nearest facilities of every junction."""
        return several_nearest(self.network, self.stretches, FACILITIES_PER_JUNCTION)

    @property
    def nbytes(self) -> int:
        """The bytes that this takes once all of it is computed, without the network."""
        nodes = len(self.network.graph.network_node)
        stretches = sum(array.nbytes for array in self.stretches.table(towards=True))
        return nodes * (_NODE_BYTES + FACILITIES_PER_JUNCTION * _FACILITY_BYTES) + 2 * stretches

    def prepare_ranking(self) -> None:
        """Search `several_of_junctions` now, so that `at_points` only looks them up."""
        _ = self.several_of_junctions

    @cached_property
    def _tables(self) -> tuple[Edges, Chains, ChainNodes, SeveralNearest, StretchTable]:
        """The tables that `lookup.nearest_few` takes besides the points, as plain tuples."""
        return self._tables_with(self.several_of_junctions)

    def _tables_with(self, several: SeveralNearest) -> tuple[Edges, Chains, ChainNodes, SeveralNearest, StretchTable]:
        graph, stretches = self.network.graph, self.stretches.table(towards=True)
        return plain(graph.edges), plain(graph.chains), plain(graph.origins), plain(several), plain(stretches)

    def at_points(self, points: SnappedPoints, limit: int = FACILITIES_PER_JUNCTION) -> SeveralNearest:
        """The ``limit`` (≤ `FACILITIES_PER_JUNCTION`) nearest facilities of each point, connectors included."""
        walk_mps = self.network.walk_mps
        return lookup.nearest_few(points.edge, points.fraction, points.connector_m, walk_mps, limit, self._tables)

    def two_at_points(self, points: SnappedPoints) -> SeveralNearest:
        """The two nearest facilities of each of many points: what `at_points` gives, by a search of their own."""
        tables = self._tables_with(several_nearest(self.network, self.stretches, 2))
        return lookup.nearest_few(points.edge, points.fraction, points.connector_m, self.network.walk_mps, 2, tables)


def first_of_each(facility: Int32Array, seconds: Float64Array) -> Int64Array:
    """The first row of each ``facility`` in the order of ``seconds``; rows with infinite seconds are left out."""
    order = np.lexsort((facility, seconds))
    order = order[np.isfinite(seconds[order])]
    return np.asarray(order[np.sort(np.unique(facility[order], return_index=True)[1])])


def junction_seconds(
    network: Network, stretches: ChainStretches, towards: bool = True, limit: float = np.inf
) -> NodeTimes:
    """Seconds between all junctions and the nearest of ``stretches``, within ``limit`` (≤), and its facility.

    No arc leads to a dead end. So the seconds of a node at a dead end are those of a stretch on its own chain, or
    infinity if there is none, although a way over the other end of the chain may be shorter. `position_seconds`
    compares the ways over both ends of the chain, so that points at dead ends get their right times.
    """
    graph = network.graph
    seeds, _ = stretches.seeds(towards)
    if len(seeds.node) < SWEEP_FROM and limit < np.inf:
        arcs, _ = graph.arcs(towards)
        return search.search(arcs, seeds, limit, track_arcs=False)
    hierarchy, core = graph.sweep(towards)
    return search.sweep(plain(hierarchy), plain(core), plain(seeds), limit)


def several_nearest(network: Network, stretches: ChainStretches, k: int) -> SeveralNearest:
    """The ``k`` nearest facilities of all junctions."""
    graph = network.graph
    seeds, seed_metres = stretches.seeds(towards=True)
    arcs, chain = graph.arcs(towards=True)
    arc_metres = np.append(graph.chains.metres, np.float32(0.0))[chain]  # −1, a turn, takes the last: no metres
    return search.search_several(arcs, arc_metres, seeds, seed_metres, k, np.inf)


def position_seconds(
    network: Network,
    stretches: ChainStretches,
    positions: ChainPositions,
    towards: bool = True,
    junction_times: NodeTimes | None = None,
    limit: float = np.inf,
) -> NodeTimes:
    """Seconds between positions on the network and the nearest of ``stretches``, whose connectors they include.

    Parameters
    ----------
    towards : people travel towards the stretches, or from them
    junction_times : what `junction_seconds` returned for the same stretches and direction; None: compute it here
    limit : seconds beyond which nothing is reached (≤)

    Returns
    -------
    times : shape (positions,), seconds, and as label the facility that the nearest stretch belongs to
    """
    tables = positions.towards if towards else positions.away
    if not len(network.graph.network_node):
        return NodeTimes(np.full(len(positions), np.inf), np.full(len(positions), np.int32(-1)))
    times = NodeTimes(np.empty(len(positions)), np.empty(len(positions), np.int32))  # the loop below writes all of it
    junction_times = junction_times or junction_seconds(network, stretches, towards, limit)
    ends, by_node = tables.ends, plain(junction_times)

    def over_ends(rows: slice) -> None:
        lookup.over_ends(by_node, _rows(ends, rows), limit, _rows(times, rows))

    cuts = np.linspace(0, len(positions), (CORES if len(positions) >= PARALLEL_FROM else 1) + 1).astype(int)
    map_in_threads(over_ends, [slice(*cut) for cut in itertools.pairwise(cuts)])
    by_chain, table = plain(tables.by_chain), plain(stretches.table(towards))
    lookup.along_chains(plain(times), plain(tables.sides), by_chain, table, limit)
    return times


def _rows(table: Table, rows: slice) -> Table:
    """Some rows of a table, as a plain tuple."""
    return cast(Table, tuple([column[rows] for column in table]))
