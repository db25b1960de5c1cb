"""Seconds to the nearest facility, for everybody, in one pass.

The search starts at all facilities at once, on the graph against the direction of travel (people travel *to* the
facility), and every place reads its time off the two ends of its edge: Dijkstra's algorithm with many sources, as in
Erwig (2000), "The graph Voronoi diagram with applications", Networks 36(3).
"""

from dataclasses import dataclass
from threading import RLock
from typing import Literal

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo import kernel, straightline
from geo.graph import Graph, Positions
from geo.network import Access, Network, Places, Stretches
from geo.standards import Mode
from geo.study import Study

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["network", "straight-line"]

BUCKET_SECONDS = 4.0
# 15 minutes exactly are inside, also when they were added up another way and differ in the last bits: a millionth of
# the unit that a limit is in, minutes, metres or seconds.
TOLERANCE = 1e-6
NO_STREET = "{metres:g} 米内无街道 no street within {metres:g} m"
NO_FACILITY = "沿街道到不了任何设施 no facility can be reached on the network"
NONE_THERE = "没有这类设施 there is no such facility"


def reasons(lost: NDArray[np.bool_], reason: str) -> NDArray[np.object_]:
    """``reason`` where ``lost``, else None, shape (n,)."""
    texts = np.full(len(lost), None, dtype=object)
    texts[lost] = reason
    return texts


@dataclass(frozen=True)
class Times:
    """Travel times from places to their nearest facility.

    Attributes
    ----------
    seconds : shape (places,), infinity where none can be reached
    facility : shape (places,), row of the nearest facility in the frame asked about, −1 where none
    reason : shape (places,), why none can be reached; None where one can
    """

    seconds: Floats
    facility: Ints
    reason: NDArray[np.object_]


class Travel:
    """Travel on one study: the networks of its modes, prepared on first use, and its demand snapped onto them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.method: Method = "straight-line" if study.streets is None else "network"
        self._lock = RLock()  # what one request prepares, others wait for
        self._networks: dict[Mode, Network] = {}
        self._demand_places: dict[Mode, Places] = {}

    def speed_kph(self, mode: Mode) -> float | None:
        """The one speed of ``mode``; None for driving on streets, each of which has its own."""
        speeds = self.study.about.speeds
        if mode == "drive" and self.method == "straight-line":
            return speeds.drive_other_kph * speeds.drive_factor
        return speeds.kph(mode)

    def network(self, mode: Mode) -> Network:
        """The network of ``mode``; ValueError if the study has no streets."""
        if self.study.streets is None:
            raise ValueError("the study has no street network")
        with self._lock:
            if mode not in self._networks:
                self._networks[mode] = Network(self.study.streets, self.study.about, mode)
            return self._networks[mode]

    def demand_places(self, mode: Mode) -> Places:
        """The study's demand, snapped onto the network of ``mode``."""
        demand, network = self.study.demand, self.network(mode)
        with self._lock:
            if mode not in self._demand_places:
                self._demand_places[mode] = network.snap(demand["lon"].to_numpy(), demand["lat"].to_numpy())
            return self._demand_places[mode]

    def stretches(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Stretches | None:
        """Where ``facilities`` are reached, for `ranked` to be asked often; None without streets."""
        if self.method == "straight-line":
            return None
        network = self.network(mode)
        return network.stretches(network.access(facilities))

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Times:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        if self.method == "straight-line":
            demand = self.study.demand
            return self._straight(facilities, demand["lon"].to_numpy(), demand["lat"].to_numpy(), mode)
        return self._on_network(facilities, self.demand_places(mode), mode)

    def times(self, facilities: gpd.GeoDataFrame, lon: Floats, lat: Floats, mode: Mode) -> Times:
        """From WGS84 places to the nearest of ``facilities``."""
        if self.method == "straight-line":
            return self._straight(facilities, lon, lat, mode)
        return self._on_network(facilities, self.network(mode).snap(lon, lat), mode)

    def _on_network(self, facilities: gpd.GeoDataFrame, places: Places, mode: Mode) -> Times:
        network = self.network(mode)
        times = nearest(network, network.access(facilities), places)
        if facilities.empty:
            times.reason[:] = NONE_THERE
        return times

    def _straight(self, facilities: gpd.GeoDataFrame, lon: Floats, lat: Floats, mode: Mode) -> Times:
        about = self.study.about
        metres, found = straightline.nearest(facilities, lon, lat, about.projection)
        seconds = metres * about.detour / straightline.metres_per_second(about, mode)
        return Times(seconds, found, reasons(found < 0, NONE_THERE))

    def ranked(
        self,
        facilities: gpd.GeoDataFrame,
        lon: float,
        lat: float,
        mode: Mode,
        limit: int | None = None,
        stretches: Stretches | None = None,
    ) -> "Ranking":
        """The first ``limit`` of ``facilities`` by travel time from one WGS84 place, nearest first.

        ``stretches`` are theirs by the mode, if they are at hand.
        """
        about = self.study.about
        if facilities.empty:
            return Ranking.none(NONE_THERE)
        if self.method == "straight-line":
            metres = straightline.to_each(facilities, lon, lat, about.projection) * about.detour
            order = np.argsort(metres, kind="stable")[:limit]
            seconds = metres[order] / straightline.metres_per_second(about, mode)
            return Ranking(order, seconds, metres[order], None, None, None)
        network = self.network(mode)
        place = network.snap(np.array([lon]), np.array([lat]))
        if place.edge[0] < 0:
            return Ranking.none(NO_STREET.format(metres=network.max_connector_m))
        stretches = stretches or network.stretches(network.access(facilities))
        order, seconds, metres = _from_place(network, stretches, place, limit)
        reason = None if len(order) else NO_FACILITY
        return Ranking(order, seconds, metres, network.position(place, 0), float(place.connector_m[0]), reason)


@dataclass(frozen=True)
class Ranking:
    """Facilities by travel time from one place, those out of reach left out.

    ``rows``, ``seconds`` and ``metres`` (travelled) have shape (reached,), nearest first. ``snapped`` is the WGS84
    place on the street and ``connector_m`` the way to it; None without a network. ``reason``: why ``rows`` is empty.
    """

    rows: Ints
    seconds: Floats
    metres: Floats
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None

    @classmethod
    def none(cls, reason: str) -> "Ranking":
        """Nothing is reached, for ``reason``."""
        return cls(np.empty(0, dtype=int), np.empty(0), np.empty(0), None, None, reason)


def nearest(network: Network, access: Access, places: Places) -> Times:
    """From each of ``places`` to the nearest facility of ``access``, exact.

    A place's time is its connector, plus the least of: to either end of its chain of edges and on from there, or along
    the chain where a facility is reached on the same one; plus the facility's connector.
    """
    at = network.graph.positions(places.edge, places.fraction)
    seconds, facility = reached(network, network.stretches(access), at)
    reason = reasons(~np.isfinite(seconds), NO_FACILITY)
    reason[places.edge < 0] = NO_STREET.format(metres=network.max_connector_m)
    connector_s = np.where(places.edge >= 0, places.connector_m, np.inf) / network.walk_mps
    return Times(seconds + connector_s, facility.astype(np.int64), reason)


def junction_seconds(
    network: Network, stretches: Stretches, towards: bool = True, limit: float = np.inf
) -> tuple[Floats, NDArray[np.int32]]:
    """Seconds between all junctions and the nearest of ``stretches``, within ``limit`` (≤), and its facility.

    Two arrays of shape (junctions,): seconds (infinity: out of reach) and facility (−1).
    """
    low, high = stretches.low, stretches.high
    arcs = network.graph.into if towards else network.graph.out
    node = np.concatenate([low.start, high.end])
    over = np.concatenate([low.from_start, high.from_end] if towards else [low.to_start, high.to_end])
    over += np.tile(stretches.extra, 2)
    usable = np.isfinite(over)
    return kernel.search(
        arcs.indptr,
        arcs.heads,
        arcs.seconds,
        node[usable],
        over[usable],
        np.tile(stretches.owner, 2)[usable],
        limit,
        BUCKET_SECONDS,
        kernel.INHERIT,
        True,
    )


def reached(
    network: Network,
    stretches: Stretches,
    at: Positions,
    towards: bool = True,
    junctions: tuple[Floats, NDArray[np.int32]] | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """Seconds between positions on the network and the nearest of ``stretches``, whose connectors they include.

    ``towards`` the stretches or from them; ``junctions`` is what `junction_seconds` gave, if it is at hand. Two arrays
    of shape (positions,): seconds (infinity: out of reach) and the facility that the stretch belongs to (−1).
    """
    graph, low, high = network.graph, stretches.low, stretches.high
    node_seconds, node_facility = junctions or junction_seconds(network, stretches, towards)
    start, end = (at.to_start, at.to_end) if towards else (at.from_start, at.from_end)
    seconds, facility = kernel.read_off(node_seconds, node_facility, at.start, at.end, start, end)
    open_ahead, open_behind = np.isfinite(graph.there), np.isfinite(graph.back)
    # From a stretch to a place one goes against the way from the place to it.
    along = (
        (at.ahead, at.behind, open_ahead, open_behind, low.ahead, high.behind)
        if towards
        else (at.behind, at.ahead, open_behind, open_ahead, low.behind, high.ahead)
    )
    kernel.along_chains(
        seconds,
        facility,
        at.chain,
        at.at,
        *along[:4],
        stretches.first,
        low.at,
        high.at,
        *along[4:],
        stretches.extra,
        stretches.owner,
    )
    return seconds, facility


def _from_place(
    network: Network, stretches: Stretches, place: Places, limit: int | None
) -> tuple[Ints, Floats, Floats]:
    """Facilities by travel time from one place: rows, seconds and travelled metres, those out of reach left out."""
    graph = network.graph
    at = graph.positions(place.edge, place.fraction)
    chain, low, high = int(at.chain[0]), stretches.low, stretches.high
    node = np.concatenate([at.start, at.end])
    to_node = np.concatenate([at.to_start, at.to_end])
    node_seconds, node_arc = kernel.search(
        graph.out.indptr,
        graph.out.heads,
        graph.out.seconds,
        node[np.isfinite(to_node)],
        to_node[np.isfinite(to_node)],
        np.zeros(int(np.isfinite(to_node).sum()), np.int32),
        np.inf,
        BUCKET_SECONDS,
        kernel.ARC,
        False,
    )
    # Ways onto a stretch: over the start of its chain, over its end, or along the chain if the place is on it too.
    along = np.full(len(low.chain), np.inf)
    same = low.chain == chain
    before, after = same & (low.at > at.at[0]), same & (high.at < at.at[0])
    along[same & ~before & ~after] = 0.0
    if np.isfinite(graph.there[chain]):
        along[before] = low.ahead[before] - at.ahead[0]
    if np.isfinite(graph.back[chain]):
        along[after] = at.behind[0] - high.behind[after]
    over_start, over_end = node_seconds[low.start] + low.from_start, node_seconds[high.end] + high.from_end
    ways = np.stack([over_start, over_end, along])
    way = ways.argmin(axis=0)
    seconds = ways.min(axis=0) + stretches.extra + place.connector_m[0] / network.walk_mps

    order = np.lexsort((stretches.owner, seconds))
    order = order[np.isfinite(seconds[order])]
    first = np.sort(np.unique(stretches.owner[order], return_index=True)[1])
    chosen = order[first][:limit]
    metres = np.empty(len(chosen))
    for row, stretch in enumerate(chosen):
        onto = (
            low.metres[stretch],
            graph.length[high.chain[stretch]] - high.metres[stretch],
            max(low.metres[stretch] - at.metres[0], at.metres[0] - high.metres[stretch], 0.0),
        )[way[stretch]]
        if way[stretch] < 2:
            onto += _path_metres(graph, at, node_arc, int((low.start, high.end)[way[stretch]][stretch]))
        metres[row] = onto + place.connector_m[0] + stretches.extra[stretch] * network.walk_mps
    return stretches.owner[chosen].astype(np.int64), seconds[chosen], metres


def _path_metres(graph: Graph, at: Positions, node_arc: NDArray[np.int32], node: int) -> float:
    """Metres from a place to ``node``, along the last arcs that a search from that place wrote."""
    metres = 0.0
    while (arc := node_arc[node]) >= 0:
        metres += graph.length[graph.out.chain[arc]]
        node = int(np.searchsorted(graph.out.indptr, arc, side="right")) - 1
    # A chain may begin and end at one node; then the nearer way round was taken.
    first = [at.metres[0]] if node == at.start[0] else []
    if node == at.end[0] and (not first or at.to_end[0] < at.to_start[0]):
        first = [graph.length[at.chain[0]] - at.metres[0]]
    return float(metres + first[0])
