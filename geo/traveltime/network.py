"""The street network of one mode, prepared for travel times: a graph of seconds, and streets that points snap to.

A facility is *reached* over one or more stretches of edges: a point over the position it snaps to, a park wherever a
street meets or enters it.
"""

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import AnyArray, BoolArray, Float64Array, GeometryArray, Int8Array, Int64Array
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
    attraction : shape (edges,), 1 on most; 0 on small islands; −1 where no trip begins or ends

    Attributes
    ----------
    walk_mps : speed on connectors, in metres per second
    pace : by how much `Travel` divides the times of the demand, see `at_pace`; else 1
    """

    pace = 1.0

    def __init__(
        self, settings: StudySettings, graph: Graph, xy: Float64Array, first_vertex: Int64Array, attraction: Int8Array
    ) -> None:
        self.graph, self._xy, self._first_vertex = graph, xy, first_vertex
        self.walk_mps = settings.speeds.walk_kph * KPH_TO_MPS
        self.max_connector_m = settings.max_connector_m
        self.metric = projection(settings.projection)
        self.snapper = Snapper(xy, first_vertex, attraction, self.metric, self.max_connector_m)

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
        forward, backward = _seconds(table, mode, settings.speeds)
        ends = _cut_at_barriers(table, mode)
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
        forbidden = [path for path in forbidden if _is_connected(path, nodes.reshape(ends.shape))]
        graph = Graph.prepare(edges, node_xy[:, 0], node_xy[:, 1], forbidden)
        component_m = graph.component_metres()
        attracts = component_m >= min(ISLAND_M, ISLAND_SHARE * component_m.max(initial=0.0))
        # An edge without length lies on the ends of its neighbours, and points are snapped to those.
        may_attract = _attract(table, mode) & (metres > 0)
        attraction = np.where(may_attract, attracts[graph.edges.chain], -1).astype(np.int8)
        return cls(settings, graph, xy, first_vertex, attraction)

    def at_pace(self, factor: float, slows_connectors: bool) -> "Network":
        """This network with streets that go ``factor`` times as fast; the graph is shared.

        Times on it are in units of which the ``pace`` makes seconds: that streets go faster is the same, in other
        units, as connectors going slower (``slows_connectors``; else they go faster as well).
        """
        paced = copy.copy(self)
        paced.pace = factor
        if slows_connectors:
            paced.walk_mps /= factor
        return paced

    def arrays(self) -> dict[str, AnyArray]:
        """All of the network as named arrays, for `from_arrays`."""
        return self.graph.arrays() | {
            "xy": self._xy,
            "first_vertex": self._first_vertex,
            "attraction": self.snapper.attraction,
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
        return cls(settings, Graph.from_arrays(arrays), arrays["xy"], first_vertex, arrays["attraction"])

    @property
    def lines(self) -> GeometryArray:
        """The edges' lines in projected metres, shape (edges,)."""
        return self.snapper.lines

    def edge_stretches(self, shapes: GeometryArray) -> EdgeStretches:
        """How facilities at WGS84 points and polygons are reached; one with no street near enough has no stretch."""
        geometries = self.metric.forward(shapes)
        polygons = np.flatnonzero(shapely.get_dimensions(geometries) == 2)
        facility, edge, start_fraction, end_fraction = self._inside(geometries, polygons)
        attracts = self.snapper.attraction > 0
        # These are snapped to the nearest street:
        # * points;
        # * polygons that no street meets, or only one that nobody can leave there, such as a tunnel below;
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


def _is_connected(path: Path, ends: Int64Array) -> bool:
    """Whether the edges of a path still follow each other, and no barrier between two of them stops the mode.

    ``ends`` are the nodes of all edges, shape (edges, 2).
    """
    steps = pairwise(path)
    return all(ends[here >> 1, 1 - (here & 1)] == ends[there >> 1, there & 1] for here, there in steps)


def _open(table: pd.DataFrame, mode: Mode) -> tuple[BoolArray, BoolArray]:
    """Which edges are open to a mode, along and against them."""
    if mode == "walk":
        walk, oneway = table["walk"].to_numpy(dtype=bool), _column(table, streets.WALK_ONEWAY, 0)
        return walk & (oneway >= 0), walk & (oneway <= 0)
    return table[f"{mode}_forward"].to_numpy(dtype=bool), table[f"{mode}_backward"].to_numpy(dtype=bool)


def _attract(table: pd.DataFrame, mode: Mode) -> BoolArray:
    """Whether trips of a mode may begin and end on each edge."""
    return _column(table, streets.ATTRACTS[mode], 1) > 0


def _column(table: pd.DataFrame, name: str, default: float) -> Float64Array:
    """An optional column of numbers, shape (edges,)."""
    return table[name].to_numpy(dtype=float) if name in table else np.full(len(table), default)


def _cut_at_barriers(table: pd.DataFrame, mode: Mode) -> Int64Array:
    """The node numbers at both ends of each edge, shape (edges, 2); an end at a barrier has a number of its own."""
    ends: Int64Array = table[["u", "v"]].to_numpy(dtype=np.int64, copy=True)
    stops = np.column_stack([_column(table, name, 0) for name in streets.STOPS_COLUMNS]).astype(np.int64)
    is_cut = (stops & streets.STOPS[mode]) > 0
    ends[is_cut] = ends.max(initial=0) + 1 + np.arange(is_cut.sum())
    return ends


def _seconds(table: pd.DataFrame, mode: Mode, speeds: Speeds) -> tuple[Float64Array, Float64Array]:
    """The seconds that each edge takes a mode, along it and against it."""
    metres, ferry_kph = table["length_m"].to_numpy(), _column(table, streets.FERRY_KPH, np.nan)
    forward, backward = (
        metres / (kph * KPH_TO_MPS) * pace
        for kph, pace in zip(_kph(table, mode, speeds), _paces(table, mode), strict=True)
    )
    on_ferry, ferry = ~np.isnan(ferry_kph), metres / (ferry_kph * KPH_TO_MPS)
    return np.where(on_ferry, ferry, forward), np.where(on_ferry, ferry, backward)


def _kph(table: pd.DataFrame, mode: Mode, speeds: Speeds) -> tuple[Float64Array, Float64Array]:
    """The speed of a mode along each edge and against it, on the flat."""
    one_speed = speeds.kph(mode)
    if one_speed is not None:
        return np.full(len(table), one_speed), np.full(len(table), one_speed)
    classes = table["highway"].map(dict(speeds.drive_class_kph)).fillna(speeds.drive_other_kph).to_numpy(dtype=float)
    backward_name = streets.BACKWARD_KPH if streets.BACKWARD_KPH in table else "maxspeed_kph"
    forward, backward = (table[name].to_numpy(dtype=float) for name in ("maxspeed_kph", backward_name))
    forward, backward = (np.where(np.isnan(legal), classes, legal) for legal in (forward, backward))
    return forward * speeds.drive_factor, backward * speeds.drive_factor


def _paces(table: pd.DataFrame, mode: Mode) -> tuple[Float64Array, Float64Array]:
    """How many times longer slopes make each edge take, along it and against it; slopes count on foot only."""
    if mode != "walk" or not streets.has_slopes(table):
        return np.ones(len(table)), np.ones(len(table))
    forward, backward = (table[name].to_numpy(dtype=float) for name in streets.PACE_COLUMNS)
    return forward, backward
