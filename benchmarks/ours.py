"""Everything here that calls the program."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.measures import isochrones
from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from geo.study import study
from geo.traveltime import catchments as within_reach
from geo.traveltime import mapped_arrays, nearest
from geo.traveltime import network as net
from geo.traveltime.graph import ChainPositions, Ends, Graph
from geo.traveltime.network import ChainStretches
from geo.traveltime.travel import Travel
from networks import Floats, Ints, Network

ENDS = ("start", "end", "to_start", "to_end")


@dataclass(frozen=True)
class Prepared:
    """The contracted graph, and the raw nodes in the order of its chains.

    ``nodes`` are where they are on it, ``metres`` how far from the start of their chains; ``order`` is which node each
    of these is, ``rank`` where each node is among them.
    """

    graph: Graph
    nodes: ChainPositions
    metres: Floats
    order: Ints
    rank: NDArray[np.intp]


def on_one_core() -> None:
    """Take no second core for reading times off; catchments still take all there are."""
    nearest.PLACES_FROM = 2**62


def prepare(network: Network) -> Prepared:
    """From raw arrays to what a search needs."""
    graph = Graph.prepare(network.u, network.v, network.forward, network.backward, network.metres, network.x, network.y)
    # A node is where any edge that touches it begins or ends.
    edge, fraction = np.zeros(len(network), np.int32), np.zeros(len(network), np.int8)
    edges = np.arange(len(network.u), dtype=np.int32)
    edge[network.u] = edges
    edge[network.v], fraction[network.v] = edges, 1
    order = graph.positions(edge, fraction).by_chain[1]
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    edge, fraction = edge[order], fraction[order]
    nodes = _looked_at(graph.positions(edge, fraction))
    return Prepared(graph, nodes, graph.metres_before(edge, fraction), order, rank)


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> ChainPositions:
    """Where on the graph places are that lie at a ``fraction`` along a raw ``edge``, shape (places,)."""
    return _looked_at(prepared.graph.positions(edge, fraction))


def _looked_at(places: ChainPositions) -> ChainPositions:
    """Positions with all that is kept with them once it was asked for."""
    _ = places.towards.by_node, places.by_chain
    return places


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source in the order of the raw nodes, shape (nodes,); infinity beyond the limit."""
    # Clipped, for numpy then writes without looking at each number first.
    return in_own_order(prepared, source_nodes, limit_s).take(prepared.rank, mode="clip")


def in_own_order(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """The same in the order of chains along the curve, in which the program keeps its places."""
    return demand(prepared, prepared.nodes, source_nodes, limit_s)


def demand(prepared: Prepared, places: ChainPositions, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,); infinity beyond the limit."""
    network, stretches = _at_nodes(prepared, source_nodes)
    return nearest.position_seconds(network, stretches, places, limit=limit_s)[0]


def _at_nodes(prepared: Prepared, nodes: Ints) -> tuple[net.Network, ChainStretches]:
    """Facilities that stand at raw nodes, each owned by its row in ``nodes``."""
    network = net.Network.__new__(net.Network)  # there is no map here, only its graph
    network.graph = prepared.graph
    where = prepared.rank[nodes]
    order = np.argsort(where, kind="stable").astype(np.int32)
    at, metres, none = prepared.nodes[where[order]], prepared.metres[where[order]], np.zeros(len(nodes))
    return network, ChainStretches(at, at, metres, metres, none, none, order)


def catchments(prepared: Prepared, nodes: Ints, limit_s: float) -> tuple[NDArray[np.int64], Ints, Floats]:
    """Who reaches each of ``nodes``: where its rows begin, the raw node of each row, and its seconds."""
    _, stretches = _at_nodes(prepared, nodes)
    found = within_reach.within(prepared.graph, stretches, len(nodes), prepared.nodes, limit_s)
    return found.indptr, prepared.order[found.place], found.seconds


def save(prepared: Prepared, folder: Path) -> None:
    """Write a prepared network into ``folder``, for `reopen`."""
    nodes = prepared.nodes
    arrays = prepared.graph.arrays() | {f"ends_{name}": getattr(nodes.towards, name) for name in ENDS}
    arrays |= {f"by_node_{number}": array for number, array in enumerate(nodes.towards.by_node)}
    arrays |= {"order": prepared.order, "rank": prepared.rank}
    arrays |= {f"node_{name}": getattr(nodes, name) for name in ("chain", "at", "ahead", "behind")}
    first, places = nodes.by_chain
    mapped_arrays.write(
        folder / "network.npy", arrays | {"first": first, "places": places, "node_metres": prepared.metres}
    )


def reopen(folder: Path) -> Prepared:
    """The prepared network that `save` wrote."""
    kept = mapped_arrays.read(folder / "network.npy")
    graph = Graph.from_arrays(kept)
    nodes = ChainPositions(graph, *(kept[f"node_{name}"] for name in ("chain", "at", "ahead", "behind")))
    ends = Ends(len(graph.origin), *(kept[f"ends_{name}"] for name in ENDS))
    vars(ends).update(by_node=tuple(kept[f"by_node_{number}"] for number in range(5)))
    vars(nodes).update(towards=ends, by_chain=(kept["first"], kept["places"]))
    return Prepared(graph, nodes, kept["node_metres"], kept["order"], kept["rank"])


def touched_bytes(prepared: Prepared) -> int:
    """Bytes that `in_own_order` must read or write at least once: the hierarchy, junctions, ends and the answer."""
    ends = prepared.nodes.towards
    levels = prepared.graph.hierarchy
    arcs = (levels.rank, levels.first, levels.higher, levels.up, *(() if levels.up is levels.down else (levels.down,)))
    read = sum(a.nbytes for a in (*arcs, *(getattr(ends, name) for name in ENDS)))
    return int(read + (8 + 4) * (len(levels.rank) + len(ends.start)))


def read_extract(extract: Path, area: str | None) -> osm.Extract:
    """All that a study takes from an extract, as `fuwuquan build` reads it."""
    drawn = boundaries.read(extract, _silent)
    # The margin that a study keeps around its area, some 15 km.
    within = None if area is None else boundaries.find(drawn, area).geometry.buffer(0.2)
    return osm.read(extract, drawn, within, _silent)


def build_study(extract: Path, area: str | None, population: Path | None, folder: Path) -> Travel:
    """A study made from an extract and a table of people, opened for `isochrone`."""
    build.build(folder, Sources(extract, area=area, population=population), _silent)
    return Travel(study.read(folder))


def isochrone(travel: Travel, lon: float, lat: float, minutes: Sequence[float], mode: Any = "walk") -> list[Any]:
    """WGS84 polygons of what lies within each of ``minutes`` of a place."""
    found = isochrones.around(travel, shapely.Point(lon, lat), minutes, mode)
    return [contour.geometry for contour in found.contours]


def speeds() -> tuple[dict[str, float], float]:
    """The speeds of cars by class in km/h, and the factor on them, of a new study."""
    default = study.Speeds()
    return dict(default.drive_class_kph), default.drive_factor


def _silent(step: str, count: int) -> None:
    pass
