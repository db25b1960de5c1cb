"""Everything here that calls the program."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import build, isochrones, kernel, osm, study
from geo.graph import Arcs, Graph, Positions
from geo.traveltime import BUCKET_SECONDS, Travel
from networks import Floats, Ints, Network


@dataclass(frozen=True)
class Prepared:
    """The contracted graph, and where on it the raw nodes are."""

    graph: Graph
    nodes: Positions


def prepare(network: Network) -> Prepared:
    """From raw arrays to what a search needs."""
    graph = Graph.prepare(network.u, network.v, network.forward, network.backward, network.metres, network.x, network.y)
    # A node is where any edge that touches it begins or ends.
    edge, fraction = np.zeros(len(network), np.int32), np.zeros(len(network))
    edges = np.arange(len(network.u), dtype=np.int32)
    edge[network.u] = edges
    edge[network.v], fraction[network.v] = edges, 1.0
    return Prepared(graph, graph.positions(edge, fraction))


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> Positions:
    """Where on the graph places are that lie at a ``fraction`` along a raw ``edge``, shape (places,)."""
    return prepared.graph.positions(edge, fraction)


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source in the order of the raw nodes, shape (nodes,); infinity beyond the limit."""
    return _towards(prepared, prepared.nodes, source_nodes, limit_s)


def demand(prepared: Prepared, places: Positions, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,); infinity beyond the limit."""
    return _towards(prepared, places, source_nodes, limit_s)


def _towards(prepared: Prepared, at: Positions, source_nodes: Ints, limit_s: float) -> Floats:
    graph, nodes = prepared.graph, prepared.nodes
    order = np.argsort(nodes.chain[source_nodes], kind="stable")
    source = source_nodes[order]
    node = np.concatenate([nodes.start[source], nodes.end[source]])
    over = np.concatenate([nodes.from_start[source], nodes.from_end[source]])
    label = np.arange(len(source), dtype=np.int32)
    usable = np.isfinite(over)
    node_seconds, node_label = kernel.search(
        graph.into.indptr,
        graph.into.heads,
        graph.into.seconds,
        node[usable],
        over[usable],
        np.tile(label, 2)[usable],
        limit_s,
        BUCKET_SECONDS,
        kernel.INHERIT,
        True,
    )
    seconds, owner = kernel.read_off(node_seconds, node_label, at.start, at.end, at.to_start, at.to_end)
    kernel.along_chains(
        seconds,
        owner,
        at.chain,
        at.at,
        at.ahead,
        at.behind,
        np.isfinite(graph.there),
        np.isfinite(graph.back),
        np.searchsorted(nodes.chain[source], np.arange(len(graph.start) + 1)).astype(np.int32),
        nodes.at[source],
        nodes.at[source],
        nodes.ahead[source],
        nodes.behind[source],
        np.zeros(len(source)),
        label,
    )
    seconds[seconds > limit_s] = np.inf
    return seconds


def catchments(prepared: Prepared, nodes: Ints, limit_s: float) -> tuple[NDArray[np.int64], Ints, Floats]:
    """Who reaches each of ``nodes``: where its rows begin, the raw node of each row, and its seconds."""
    counts, reached, times = [0], [], []
    for node in nodes:
        seconds = every_node(prepared, np.array([node], np.int32), limit_s)
        inside = np.flatnonzero(np.isfinite(seconds)).astype(np.int32)
        counts.append(len(inside))
        reached.append(inside)
        times.append(seconds[inside])
    return np.cumsum(counts), np.concatenate(reached), np.concatenate(times)


def save(prepared: Prepared, folder: Path) -> None:
    """Write a prepared network into ``folder``, for `reopen`."""
    for name, array in _arrays(prepared).items():
        np.save(folder / f"{name}.npy", array)


def reopen(folder: Path) -> Prepared:
    """The prepared network that `save` wrote."""
    kept = {path.stem: np.load(path) for path in folder.glob("*.npy")}

    def part(kind: type, prefix: str, **more: Any) -> Any:
        return kind(**{one.name: kept[prefix + one.name] for one in fields(kind) if one.name not in more}, **more)

    arcs = {name: part(Arcs, f"{name}-") for name in ("out", "into")}
    return Prepared(part(Graph, "graph-", **arcs), part(Positions, "nodes-"))


def _arrays(prepared: Prepared) -> dict[str, NDArray[Any]]:
    graph, arcs = prepared.graph, ("out", "into")
    kept = {f"graph-{one.name}": getattr(graph, one.name) for one in fields(graph) if one.name not in arcs}
    for name in arcs:
        kept |= {f"{name}-{one.name}": getattr(getattr(graph, name), one.name) for one in fields(Arcs)}
    return kept | {f"nodes-{one.name}": getattr(prepared.nodes, one.name) for one in fields(Positions)}


def touched_bytes(prepared: Prepared) -> int:
    """Bytes that `every_node` must read or write at least once: arcs, junctions' seconds, read-off and answer."""
    arcs, at = prepared.graph.into, prepared.nodes
    read = sum(a.nbytes for a in (arcs.indptr, arcs.heads, arcs.seconds, at.start, at.end, at.to_start, at.to_end))
    return int(read + 8 * (len(arcs.indptr) - 1) + 8 * len(at.start))


def read_extract(extract: Path, area: str | None) -> osm.Extract:
    """All that a study takes from an extract, as `fuwuquan build` reads it."""
    boundaries = osm.read_boundaries(extract, _silent)
    # The margin that a study keeps around its area, some 15 km.
    within = None if area is None else osm.find_area(boundaries, area)["geometry"].buffer(0.2)
    return osm.read(extract, boundaries, within, _silent)


def build_study(extract: Path, area: str | None, population: Path | None, folder: Path) -> Travel:
    """A study made from an extract and a table of people, opened for `isochrone`."""
    build.build(folder, build.Sources(extract, area=area, population=population), _silent)
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
