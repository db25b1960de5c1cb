"""Isochrones as osmnx's examples draw them: an ego graph for each contour, its streets buffered and united."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry.base import BaseGeometry

from networks import Network

EDGE_BUFFER_M, NODE_BUFFER_M = 25.0, 50.0  # as in osmnx's example


def prepare(network: Network, crs: str) -> nx.MultiDiGraph:
    """The simplified graph in metres of ``crs``, as `ox.graph_from_place` and `ox.project_graph` give it."""
    graph = nx.MultiDiGraph(crs=crs)
    x, y = network.x.tolist(), network.y.tolist()
    graph.add_nodes_from((node, {"x": x[node], "y": y[node]}) for node in np.unique([network.u, network.v]).tolist())
    ends = network.u.tolist(), network.v.tolist()
    for tails, heads, seconds in ((*ends, network.forward), (*ends[::-1], network.backward)):
        for tail, head, metres, time in zip(tails, heads, network.metres.tolist(), seconds.tolist(), strict=True):
            if np.isfinite(time):
                graph.add_edge(tail, head, length=metres, travel_time=time)
    simplified = ox.simplify_graph(graph)
    for tail, head, data in simplified.edges(data=True):
        if "geometry" not in data:
            data["geometry"] = shapely.LineString([(x[tail], y[tail]), (x[head], y[head])])
    return simplified


def isochrone(graph: nx.MultiDiGraph, node: int, minutes: Sequence[float]) -> list[BaseGeometry]:
    """Polygons in the graph's metres, one for each of ``minutes``.

    The example looks each edge up in a frame; here edges and nodes are buffered in one call each, which is faster.
    """
    polygons = []
    for level in minutes:
        reached = nx.ego_graph(graph, node, radius=level * 60.0, distance="travel_time")
        nodes = shapely.points([(data["x"], data["y"]) for _, data in reached.nodes(data=True)])
        edges = np.array([data["geometry"] for _, _, data in reached.edges(data=True)], dtype=object)
        shapes = np.concatenate([shapely.buffer(nodes, NODE_BUFFER_M), shapely.buffer(edges, EDGE_BUFFER_M)])
        polygons.append(shapely.union_all(shapes))
    return polygons
