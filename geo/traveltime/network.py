"""The street network of one mode, prepared for travel times: a graph of seconds, and streets that points snap to.

A facility is *reached* over one or more stretches of edges: a point over the position it snaps to, a park wherever a
street meets or enters it.
"""

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import AnyArray, BoolArray, Float64Array, GeometryArray, Int64Array
from geo.choices import Mode
from geo.geodesy.projection import projection
from geo.study import streets
from geo.study.restrictions import Path
from geo.study.settings import Speeds, StudySettings
from geo.traveltime.array_tables import NetworkEdges
from geo.traveltime.graph import Graph
from geo.traveltime.snapping import Snapper
from geo.traveltime.stretches import ChainStretches, EdgeStretches

KPH_TO_MPS = 1000.0 / 3600.0

# A component of the network that one cannot leave, or not come back from, is an island. It is small if it has fewer
# metres of street than this, and a smaller share of those of the largest component. A point is snapped to a small
# island only if no other street is near.
ISLAND_M = 5_000.0
ISLAND_SHARE = 0.01


class Network:
    """The edges of a study that are open to one mode, the ``graph`` they form, and the ``snapper`` onto them.

    Parameters
    ----------
    xy : shape (vertices, 2), the vertices of the edges' lines in projected metres
    first_vertex : shape (edges + 1,), where the vertices of each edge begin
    attracts : shape (edges,), false on small islands
    """

    def __init__(
        self, settings: StudySettings, graph: Graph, xy: Float64Array, first_vertex: Int64Array, attracts: BoolArray
    ) -> None:
        self.graph, self._xy, self._first_vertex = graph, xy, first_vertex
        self.walk_mps = settings.speeds.walk_kph * KPH_TO_MPS
        self.max_connector_m = settings.max_connector_m
        self.metric = projection(settings.projection)
        self.snapper = Snapper(xy, first_vertex, attracts, self.metric, self.max_connector_m)

    @classmethod
    def prepare(
        cls, table: gpd.GeoDataFrame, settings: StudySettings, mode: Mode, turn_restrictions: Sequence[Path] = ()
    ) -> "Network":
        """Make the network of ``mode`` from a study's frame of streets; only cars heed its ``turn_restrictions``."""
        forward_open, backward_open = _open(table, mode)
        is_open = forward_open | backward_open
        forbidden = _among(is_open, turn_restrictions) if mode == "drive" else []
        table, forward_open, backward_open = table[is_open], forward_open[is_open], backward_open[is_open]
        metres = table["length_m"].to_numpy()
        seconds = metres / (_kph(table, mode, settings.speeds) * KPH_TO_MPS)
        forward, backward = (seconds * pace for pace in _paces(table, mode))
        ends = table[["u", "v"]].to_numpy()
        names, nodes = np.unique(ends, return_inverse=True)
        u, v = nodes.reshape(ends.shape).T
        lines = projection(settings.projection).forward(table.geometry.to_numpy())
        xy, line = shapely.get_coordinates(lines, return_index=True)
        first_vertex = np.searchsorted(line, np.arange(len(lines) + 1))
        node_xy = np.empty((len(names), 2))
        node_xy[u], node_xy[v] = xy[first_vertex[:-1]], xy[first_vertex[1:] - 1]
        edges = NetworkEdges(
            u.astype(np.int32),
            v.astype(np.int32),
            np.where(forward_open, forward, np.inf),
            np.where(backward_open, backward, np.inf),
            metres,
        )
        graph = Graph.prepare(edges, node_xy[:, 0], node_xy[:, 1], forbidden)
        component_m = graph.component_metres()
        attracts = component_m >= min(ISLAND_M, ISLAND_SHARE * component_m.max(initial=0.0))
        return cls(settings, graph, xy, first_vertex, attracts[graph.edges.chain])

    def arrays(self) -> dict[str, AnyArray]:
        """All of the network as named arrays, for `from_arrays`."""
        return self.graph.arrays() | {
            "xy": self._xy,
            "first_vertex": self._first_vertex,
            "attracts": self.snapper.attracts,
        }

    @classmethod
    def from_arrays(cls, settings: StudySettings, arrays: Mapping[str, AnyArray]) -> "Network":
        """The network of a study that gave these `arrays`; nothing is copied.

        Raises
        ------
        KeyError
            An array is missing.
        ValueError
            The arrays do not belong together.
        """
        first_vertex, indptr = arrays["first_vertex"], arrays["outgoing_indptr"]
        if (first_vertex[0], first_vertex[-1]) != (0, len(arrays["xy"])) or indptr[-1] != len(arrays["outgoing_heads"]):
            raise ValueError("the arrays of a network do not belong together")
        return cls(settings, Graph.from_arrays(arrays), arrays["xy"], first_vertex, arrays["attracts"])

    @property
    def lines(self) -> GeometryArray:
        """The edges' lines in projected metres, shape (edges,)."""
        return self.snapper.lines

    def edge_stretches(self, shapes: GeometryArray) -> EdgeStretches:
        """How facilities at WGS84 points and polygons are reached; one with no street near enough has no stretch."""
        geometries = self.metric.forward(shapes)
        polygons = np.flatnonzero(shapely.get_dimensions(geometries) == 2)
        facility, edge, start_fraction, end_fraction = self._inside(geometries, polygons)
        attracts = self.snapper.attracts
        # These are snapped to the nearest street:
        # * points;
        # * polygons that no street meets;
        # * polygons that a street only touches, where the intersection is empty although the predicate is true: their
        #   nearest point is that touch;
        # * polygons that only small islands meet: they are reached from another street as well.
        others = np.setdiff1d(np.arange(len(geometries)), facility[attracts[edge]])
        points = self.snapper.snap_shapes(geometries[others])
        snapped = points.edge >= 0
        snapped[snapped] &= attracts[points.edge[snapped]] | ~np.isin(others[snapped], facility)
        fraction = points.fraction[snapped]
        return EdgeStretches(
            facility=np.concatenate([facility, others[snapped]]),
            edge=np.concatenate([edge, points.edge[snapped]]),
            start_fraction=np.concatenate([start_fraction, fraction]),
            end_fraction=np.concatenate([end_fraction, fraction]),
            connector_m=np.concatenate([np.zeros(len(facility)), points.connector_m[snapped]]),
        )

    def _inside(
        self, geometries: GeometryArray, polygons: Int64Array
    ) -> tuple[Int64Array, Int64Array, Float64Array, Float64Array]:
        """Stretches of edges inside the ``polygons`` among projected geometries: polygon, edge, and both fractions."""
        rows, edges = self.snapper.tree.query(geometries[polygons], predicate="intersects")
        rows = polygons[rows]
        parts, pair = shapely.get_parts(shapely.intersection(self.lines[edges], geometries[rows]), return_index=True)
        rows, edges = rows[pair], edges[pair]
        # A part is a stretch of the line, or a point where the line only touches the polygon.
        is_point = shapely.get_type_id(parts) == shapely.GeometryType.POINT
        parts[is_point] = [shapely.LineString([point, point]) for point in parts[is_point]]
        first_fraction, last_fraction = (
            self.snapper.fractions(edges, shapely.get_point(parts, end)) for end in (0, -1)
        )
        start_fraction = np.minimum(first_fraction, last_fraction)
        return rows, edges, start_fraction, np.maximum(first_fraction, last_fraction)

    def chain_stretches(self, stretches: EdgeStretches) -> ChainStretches:
        """Where on the graph facilities are reached."""
        return ChainStretches.of(self.graph, stretches, self.walk_mps)

    def location(self, edge: int, fraction: float) -> tuple[float, float]:
        """WGS84 longitude and latitude of a point at a ``fraction`` along an ``edge``."""
        point = self.metric.inverse(shapely.line_interpolate_point(self.lines[edge], fraction, normalized=True))
        return float(point.x), float(point.y)


def _among(is_open: BoolArray, paths: Sequence[Path]) -> list[Path]:
    """Those of the ``paths`` whose edges are all open, with the edges renumbered among the open ones."""
    number = np.cumsum(is_open) - 1
    return [
        tuple(int(2 * number[directed >> 1]) + (directed & 1) for directed in path)
        for path in paths
        if all(is_open[directed >> 1] for directed in path)
    ]


def _open(table: pd.DataFrame, mode: Mode) -> tuple[BoolArray, BoolArray]:
    """Which edges are open to a mode, along and against them."""
    names = ("walk", "walk") if mode == "walk" else (f"{mode}_forward", f"{mode}_backward")
    return table[names[0]].to_numpy(dtype=bool), table[names[1]].to_numpy(dtype=bool)


def _kph(table: pd.DataFrame, mode: Mode, speeds: Speeds) -> Float64Array:
    """The speed of a mode on each edge, on the flat."""
    one_speed = speeds.kph(mode)
    if one_speed is not None:
        return np.full(len(table), one_speed)
    by_class = table["highway"].map(dict(speeds.drive_class_kph)).fillna(speeds.drive_other_kph)
    legal = table["maxspeed_kph"].to_numpy(dtype=float)
    return np.asarray(np.where(np.isnan(legal), by_class.to_numpy(dtype=float), legal) * speeds.drive_factor)


def _paces(table: pd.DataFrame, mode: Mode) -> tuple[Float64Array, Float64Array]:
    """How many times longer slopes make each edge take, along it and against it; slopes count on foot only."""
    if mode != "walk" or not streets.has_slopes(table):
        return np.ones(len(table)), np.ones(len(table))
    forward, backward = (table[name].to_numpy(dtype=float) for name in streets.PACE_COLUMNS)
    return forward, backward
