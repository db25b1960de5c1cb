"""The program in the benchmark: the only module that calls it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.choices import Mode
from geo.measures import isochrones
from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.osm import boundaries, opl
from geo.sources.osm import extract as osm
from geo.study import study
from geo.study.settings import Speeds
from geo.traveltime import catchments as within_reach
from geo.traveltime import mapped_arrays, nearest
from geo.traveltime.array_tables import ChainEnds, NetworkEdges, PointsByNode
from geo.traveltime.graph import Graph
from geo.traveltime.network import Network as StudyNetwork
from geo.traveltime.positions import ChainPositions
from geo.traveltime.stretches import ChainStretches
from geo.traveltime.travel import Travel
from networks import Floats, Ints, Network

POSITION_FIELDS = ("chain", "coordinate", "forward_seconds", "backward_seconds")


@dataclass(frozen=True)
class Prepared:
    """The contracted graph, and the raw nodes in the order of its chains.

    Attributes
    ----------
    nodes : shape (nodes,), where the raw nodes are on the chains
    metres : shape (nodes,), how far they are from the start of their chains
    order : shape (nodes,), the raw number of each of these nodes
    rank : shape (nodes,), where each raw node is among them
    """

    graph: Graph
    nodes: ChainPositions
    metres: Floats
    order: Ints
    rank: NDArray[np.intp]


def on_one_core() -> None:
    """Read times off on one core only; catchments still use all cores."""
    nearest.PARALLEL_FROM = 2**62


def prepare(network: Network) -> Prepared:
    """Prepare raw arrays for a search."""
    edges = NetworkEdges(network.u, network.v, network.forward, network.backward, network.metres)
    graph = Graph.prepare(edges, network.x, network.y)
    # A node is where any edge that touches it begins or ends.
    edge, fraction = np.zeros(len(network), np.int32), np.zeros(len(network), np.int8)
    numbers = np.arange(len(network.u), dtype=np.int32)
    edge[network.u] = numbers
    edge[network.v], fraction[network.v] = numbers, 1
    order = graph.positions(edge, fraction).by_chain[1]
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    edge, fraction = edge[order], fraction[order]
    nodes = _with_tables(graph.positions(edge, fraction))
    return Prepared(graph, nodes, graph.metres_before(edge, fraction), order, rank)


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> ChainPositions:
    """Where on the graph demand is that lies at a ``fraction`` along a raw ``edge``, shape (places,)."""
    return _with_tables(prepared.graph.positions(edge, fraction))


def _with_tables(positions: ChainPositions) -> ChainPositions:
    """Positions whose tables are computed already."""
    _ = positions.towards.by_node, positions.by_chain
    return positions


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source in the order of the raw nodes, shape (nodes,); infinity beyond the limit."""
    # mode="clip", since numpy then does not check each index before it writes.
    return in_own_order(prepared, source_nodes, limit_s).take(prepared.rank, mode="clip")


def in_own_order(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """The same in the order of chains along the curve, in which the program keeps its points."""
    return demand(prepared, prepared.nodes, source_nodes, limit_s)


def demand(prepared: Prepared, positions: ChainPositions, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,); infinity beyond the limit."""
    network, stretches = _facilities_at_nodes(prepared, source_nodes)
    return nearest.position_seconds(network, stretches, positions, limit=limit_s).seconds


def _facilities_at_nodes(prepared: Prepared, nodes: Ints) -> tuple[StudyNetwork, ChainStretches]:
    """Facilities that stand at raw nodes; each is the row of its node in ``nodes``."""
    network = StudyNetwork.__new__(StudyNetwork)  # there is no map here, only its graph
    network.graph = prepared.graph
    ranks = prepared.rank[nodes]
    order = np.argsort(ranks, kind="stable").astype(np.int32)
    positions, metres, zeros = prepared.nodes[ranks[order]], prepared.metres[ranks[order]], np.zeros(len(nodes))
    return network, ChainStretches(positions, positions, metres, metres, zeros, zeros, order)


def catchments(prepared: Prepared, nodes: Ints, limit_s: float) -> tuple[NDArray[np.int64], Ints, Floats]:
    """Which nodes reach each of ``nodes``: where its rows begin, the raw node of each row, and its seconds."""
    _, stretches = _facilities_at_nodes(prepared, nodes)
    indptr, point, seconds = within_reach.within(prepared.graph, stretches, len(nodes), prepared.nodes, limit_s)
    return indptr, prepared.order[point], seconds


def save(prepared: Prepared, folder: Path) -> None:
    """Write a prepared network into ``folder``, for `reopen`."""
    nodes = prepared.nodes
    arrays = prepared.graph.arrays()
    arrays |= {f"ends_{name}": array for name, array in nodes.towards.ends._asdict().items()}
    arrays |= {f"by_node_{name}": array for name, array in nodes.towards.by_node._asdict().items()}
    arrays |= {f"node_{name}": getattr(nodes, name) for name in POSITION_FIELDS}
    arrays |= {"order": prepared.order, "rank": prepared.rank, "node_metres": prepared.metres}
    first_point, points = nodes.by_chain
    mapped_arrays.write(folder / "network.npy", arrays | {"first_point": first_point, "points": points})


def reopen(folder: Path) -> Prepared:
    """The prepared network that `save` wrote."""
    arrays = mapped_arrays.read(folder / "network.npy")
    graph = Graph.from_arrays(arrays)
    nodes = ChainPositions(graph, *(arrays[f"node_{name}"] for name in POSITION_FIELDS))
    tables = nodes.towards
    vars(tables)["ends"] = ChainEnds(*(arrays[f"ends_{name}"] for name in ChainEnds._fields))
    vars(tables)["by_node"] = PointsByNode(*(arrays[f"by_node_{name}"] for name in PointsByNode._fields))
    vars(nodes)["by_chain"] = (arrays["first_point"], arrays["points"])
    return Prepared(graph, nodes, arrays["node_metres"], arrays["order"], arrays["rank"])


def touched_bytes(prepared: Prepared) -> int:
    """Bytes that `in_own_order` must read or write at least once: the hierarchy, junctions, ends and the answer."""
    ends, hierarchy = prepared.nodes.towards.ends, prepared.graph.hierarchy
    same_both_ways = hierarchy.up_seconds is hierarchy.down_seconds
    read = sum(array.nbytes for array in (*ends, *(hierarchy[:-1] if same_both_ways else hierarchy)))
    return int(read + (8 + 4) * (len(hierarchy.rank) + len(ends.start_node)))


def read_extract(extract: Path, area: str | None) -> osm.Extract:
    """Everything that a study takes from an extract, as `fuwuquan build` reads it."""
    with opl.converted(extract) as text:
        all_boundaries = boundaries.read(text, _silent)
        # A study keeps about 15 km around its area.
        within = None if area is None else boundaries.find(all_boundaries, area).geometry.buffer(0.2)
        return osm.read(text, all_boundaries, within, _silent)


def build_study(extract: Path, area: str | None, population: Path | None, folder: Path) -> Travel:
    """Travel on a study that is built from an extract and a table of people, for `isochrone`."""
    build.build(folder, Sources(extract, area=area, population=population), _silent)
    return Travel(study.read(folder))


def isochrone(
    travel: Travel, lon: float, lat: float, minutes: Sequence[float], mode: Mode = "walk"
) -> list[BaseGeometry]:
    """WGS84 polygons of the area within each of ``minutes`` of a place."""
    result = isochrones.around(travel, shapely.Point(lon, lat), minutes, mode)
    return [contour.geometry for contour in result.contours]


def speeds() -> tuple[dict[str, float], float]:
    """The speeds of cars by class of street in km/h, and the factor on them, in a new study."""
    default = Speeds()
    return dict(default.drive_class_kph), default.drive_factor


def _silent(step: str, count: int) -> None:
    pass
