"""Seconds to the nearest facility, for everybody, in one pass.

The search starts at all facilities at once, on the graph against the direction of travel (people travel *to* the
facility), and every place reads its time off the two ends of its edge: Dijkstra's algorithm with many sources, as in
Erwig (2000), "The graph Voronoi diagram with applications", Networks 36(3).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo import straightline
from geo.network import Access, Network, Places
from geo.standards import Mode
from geo.study import Study

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["network", "straight-line"]

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
        self.network = lru_cache(maxsize=None)(self._network)
        self._demand_places = lru_cache(maxsize=None)(self._snap_demand)

    def _network(self, mode: Mode) -> Network:
        if self.study.streets is None:
            raise ValueError("the study has no street network")
        return Network(self.study.streets, self.study.about, mode)

    def _snap_demand(self, mode: Mode) -> Places:
        demand = self.study.demand
        return self.network(mode).snap(demand["lon"].to_numpy(), demand["lat"].to_numpy())

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Times:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        if self.method == "straight-line":
            demand = self.study.demand
            return self._straight(facilities, demand["lon"].to_numpy(), demand["lat"].to_numpy(), mode)
        return self._on_network(facilities, self._demand_places(mode), mode)

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
        self, facilities: gpd.GeoDataFrame, lon: float, lat: float, mode: Mode, limit: int | None = None
    ) -> "Ranking":
        """The first ``limit`` of ``facilities`` by travel time from one WGS84 place, nearest first."""
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
        order, seconds, metres = _from_place(network, network.access(facilities), place, limit)
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

    A place's time is its connector, plus the least of: to either end of its edge and on from there, or along the edge
    where a facility is reached on the same one; plus the facility's connector.
    """
    count = len(places.edge)
    best, found = np.full(count, np.inf), np.full(count, -1)
    node_seconds, node_facility = _search_to(network, access)
    on = np.flatnonzero(places.edge >= 0)
    edge, fraction = places.edge[on], places.fraction[on]
    for node, to_node in zip((network.u, network.v), network.ends_seconds(edge, fraction), strict=True):
        seconds = to_node + node_seconds[node[edge]]
        better = seconds < best[on]
        best[on[better]], found[on[better]] = seconds[better], node_facility[node[edge]][better]
    place, stretch = _same_edge(edge, access.edge)
    along = network.along_edge_seconds(edge[place], fraction[place], access.start[stretch], access.end[stretch])
    along = along + access.connector_m[stretch] / network.walk_mps
    order = np.lexsort((along, place))
    place, stretch, along = place[order], stretch[order], along[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    place, stretch, along = place[first], stretch[first], along[first]
    better = along < best[on[place]]
    best[on[place[better]]], found[on[place[better]]] = along[better], access.facility[stretch[better]]

    reason = reasons(~np.isfinite(best), NO_FACILITY)
    reason[places.edge < 0] = NO_STREET.format(metres=network.max_connector_m)
    connector_s = np.where(places.edge >= 0, places.connector_m, np.inf) / network.walk_mps
    return Times(best + connector_s, found, reason)


def _search_to(network: Network, access: Access) -> tuple[Floats, Ints]:
    # Each stretch is a node of its own beyond the network's, with an edge to either end of its street.
    stretches = len(access.edge)
    if not stretches:
        return np.full(network.nodes, np.inf), np.full(network.nodes, -1)
    offset = access.connector_m / network.walk_mps
    seeds = np.stack(network.seconds_from_ends(access.edge, access.start, access.end)) + offset
    heads = np.stack([network.u[access.edge], network.v[access.edge]])
    graph = _with_extra_rows(network.reversed_graph, heads.T, seeds.T)
    sources = network.nodes + np.arange(stretches)
    seconds, _, source = dijkstra(graph, indices=sources, min_only=True, return_predecessors=True)
    seconds, source = seconds[: network.nodes], source[: network.nodes]
    reached = np.isfinite(seconds)
    facility = np.full(network.nodes, -1)
    facility[reached] = access.facility[source[reached] - network.nodes]
    return seconds, facility


def _with_extra_rows(graph: csr_array, heads: Ints, seconds: Floats) -> csr_array:
    """``graph`` with a node more for each row of ``heads``, (extra, 2), joined to those nodes; infinity is no edge."""
    nodes, extra = graph.shape[0], len(heads)
    joined = np.isfinite(seconds)
    ends = graph.indptr[-1] + np.cumsum(joined.sum(axis=1))
    return csr_array(
        (
            np.concatenate([graph.data, seconds[joined]]),
            np.concatenate([graph.indices, heads[joined]]),
            np.concatenate([graph.indptr, ends]),
        ),
        shape=(nodes + extra, nodes + extra),
    )


def _same_edge(edges: Ints, stretch_edges: Ints) -> tuple[Ints, Ints]:
    """All pairs (row of ``edges``, row of ``stretch_edges``) that lie on one edge."""
    pairs = pd.DataFrame({"edge": edges, "place": np.arange(len(edges))}).merge(
        pd.DataFrame({"edge": stretch_edges, "stretch": np.arange(len(stretch_edges))}), on="edge"
    )
    return pairs["place"].to_numpy(), pairs["stretch"].to_numpy()


def _from_place(network: Network, access: Access, place: Places, limit: int | None) -> tuple[Ints, Floats, Floats]:
    """Facilities by travel time from one place: rows, seconds and travelled metres, those out of reach left out."""
    edge, fraction = place.edge[:1], place.fraction[:1]
    ends = np.array([network.u[edge[0]], network.v[edge[0]]])
    to_ends = np.concatenate(network.ends_seconds(edge, fraction))
    graph = _with_extra_rows(network.graph[0], ends[None, :], to_ends[None, :])
    node_seconds, before = dijkstra(graph, indices=network.nodes, return_predecessors=True)

    # Ways onto a stretch: over the end u of its edge, over v, or along the edge if the place is on it too.
    stretch_ends = np.stack([network.u[access.edge], network.v[access.edge]])
    over_ends = node_seconds[stretch_ends] + np.stack(network.seconds_from_ends(access.edge, access.start, access.end))
    along = np.where(
        access.edge == edge[0],
        network.along_edge_seconds(edge, fraction, access.start, access.end),
        np.inf,
    )
    ways = np.vstack([over_ends, along])
    way = ways.argmin(axis=0)
    connectors_m = place.connector_m[0] + access.connector_m
    seconds = ways.min(axis=0) + connectors_m / network.walk_mps

    order = np.lexsort((access.facility, seconds))
    order = order[np.isfinite(seconds[order])]
    first = np.sort(np.unique(access.facility[order], return_index=True)[1])
    chosen = order[first][:limit]
    metres = np.array(
        [
            connectors_m[stretch]
            + _edge_metres(network, access, stretch, int(way[stretch]), float(fraction[0]))
            + (
                0.0
                if way[stretch] == 2
                else _path_metres(
                    network,
                    before,
                    ends,
                    int(stretch_ends[way[stretch], stretch]),
                    float(fraction[0]),
                    int(edge[0]),
                )
            )
            for stretch in chosen
        ]
    )
    return access.facility[chosen], seconds[chosen], metres


def _edge_metres(network: Network, access: Access, stretch: int, way: int, fraction: float) -> float:
    """Metres on a stretch's own edge: from its end u (way 0), from v (1), or from ``fraction`` along it (2)."""
    start, end = access.start[stretch], access.end[stretch]
    share = (start, 1 - end, max(start - fraction, fraction - end, 0.0))[way]
    return float(share * network.length_m[access.edge[stretch]])


def _path_metres(network: Network, before: Ints, ends: Ints, node: int, fraction: float, edge: int) -> float:
    """Metres from a place on an edge to ``node``, along the predecessors ``before`` of a search from that place."""
    graph, graph_edge = network.graph
    metres = 0.0
    while (previous := before[node]) != network.nodes:
        row = slice(graph.indptr[previous], graph.indptr[previous + 1])
        step = graph.indptr[previous] + int(np.flatnonzero(graph.indices[row] == node)[0])
        metres += network.length_m[graph_edge[step]]
        node = previous
    share = fraction if node == ends[0] else 1 - fraction
    return float(metres + share * network.length_m[edge])
