"""The street network of one mode, prepared for travel times: a graph of seconds, and places snapped onto its edges.

A *place* sits at a fraction of the way along an edge, joined to it by a straight connector at walking speed. A
facility is *reached* over one or more stretches of edges: a point over the place it snaps to, a park wherever a street
meets or enters it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from geo.choices import Mode
from geo.geodesy.distance import geodesic_distance, geodesic_lengths
from geo.geodesy.projection import projection
from geo.study import streets
from geo.study.settings import Speeds, StudySettings
from geo.traveltime import lookup
from geo.traveltime.graph import ChainPositions, Graph
from geo.traveltime.segment_grid import Segments

KPH_TO_MPS = 1000.0 / 3600.0
# Positions this near to an end are the end: line_locate_point is only so exact, and at a node one-ways do not bind.
_AT_END = 1e-9
# The search is in projected metres, the limit in geodesic ones: search a little farther, then measure.
_FARTHER = 1.02

# A part of the network that one cannot leave, or not come back from, is an island. One that is shorter than this many
# metres of street, and than this share of the largest part, does not attract who is near other streets too.
ISLAND_M = 5_000.0
ISLAND_SHARE = 0.01


@dataclass(frozen=True)
class SnappedPoints:
    """Places on the network, arrays of shape (n,).

    ``edge`` (−1: no street is near), ``fraction`` 0…1, ``connector_m``; ``island_skipped``, whether a street of a small
    island is nearer than the chosen one.
    """

    edge: Int64Array
    fraction: Float64Array
    connector_m: Float64Array
    island_skipped: BoolArray


@dataclass(frozen=True)
class EdgeStretches:
    """Stretches of edges over which facilities are reached, arrays of shape (n,).

    ``facility`` is the row of the facility, ``start_fraction`` ≤ ``end_fraction`` the ends of the stretch on ``edge``.
    """

    facility: Int64Array
    edge: Int64Array
    start_fraction: Float64Array
    end_fraction: Float64Array
    connector_m: Float64Array


@dataclass(frozen=True)
class ChainStretches:
    """`EdgeStretches` on the graph, sorted by chain; arrays of shape (n,).

    ``low`` and ``high`` are the positions of each stretch's ends along its chain, ``low_m`` and ``high_m`` metres from
    the chain's start, ``extra`` the seconds and ``extra_m`` the metres of its connector, ``owner`` the facility it
    leads to.
    """

    low: ChainPositions
    high: ChainPositions
    low_m: Float64Array
    high_m: Float64Array
    extra: Float64Array
    extra_m: Float64Array
    owner: Int32Array

    def ends(self, towards: bool) -> Float64Array:
        """Both ends as `readoff.along_chains` takes them, shape (n, 4)."""
        low, high = self.low, self.high
        pair = (low.ahead, high.behind) if towards else (low.behind, high.ahead)
        return np.column_stack([low.at, pair[0], high.at, pair[1]])

    def seeds(self, towards: bool) -> "Seeds":
        """What a search for the stretches begins with: the ends of their chains."""
        graph = self.low.graph
        home, over = (graph.back, graph.there) if towards else (graph.there, graph.back)
        found = lookup.seeds(
            graph.start,
            graph.end,
            home,
            over,
            graph.pieces,
            graph.length,
            self.low.chain,
            self.ends(towards),
            self.extra,
            np.column_stack([self.low_m, self.high_m, self.extra_m]),
            self.owner,
        )
        return Seeds(*found)


@dataclass(frozen=True)
class Seeds:
    """Nodes that a search begins with: seconds and metres there already, and the facility; shape (n,)."""

    node: Int32Array
    seconds: Float64Array
    metres: Float64Array
    owner: Int32Array


class Network:
    """The edges of a study that are open to one mode, and the ``graph`` they form.

    ``xy`` are the vertices of the edges' lines in the projected metres of ``metric``, shape (vertices, 2); those of an
    edge begin at ``first_vertex``, shape (edges + 1,). ``attracts``, shape (edges,), is false on small islands.
    """

    def __init__(
        self,
        about: StudySettings,
        graph: Graph,
        xy: Float64Array,
        first_vertex: Int64Array,
        attracts: BoolArray,
    ) -> None:
        self.graph, self.xy, self.first_vertex, self.attracts = graph, xy, first_vertex, attracts
        self.walk_mps = about.speeds.walk_kph * KPH_TO_MPS
        self.max_connector_m = about.max_connector_m
        self.metric = projection(about.projection)

    @classmethod
    def prepare(cls, table: gpd.GeoDataFrame, about: StudySettings, mode: Mode) -> "Network":
        """From a study's frame of streets."""
        forward, backward = _open(table, mode)
        used = forward | backward
        table, forward, backward = table[used], forward[used], backward[used]
        metres = table["length_m"].to_numpy()
        seconds = metres / (_kph(table, mode, about.speeds) * KPH_TO_MPS)
        onward, back = (seconds * pace for pace in _paces(table, mode))
        ends = table[["u", "v"]].to_numpy()
        names, nodes = np.unique(ends, return_inverse=True)
        nodes = nodes.reshape(ends.shape)
        lines = projection(about.projection).forward(table.geometry.to_numpy())
        xy, line = shapely.get_coordinates(lines, return_index=True)
        first_vertex = np.searchsorted(line, np.arange(len(lines) + 1))
        places = np.empty((len(names), 2))
        places[nodes[:, 0]], places[nodes[:, 1]] = xy[first_vertex[:-1]], xy[first_vertex[1:] - 1]
        graph = Graph.prepare(
            nodes[:, 0],
            nodes[:, 1],
            np.where(forward, onward, np.inf),
            np.where(backward, back, np.inf),
            metres,
            *places.T,
        )
        part_m = graph.part_metres()
        attracts = part_m >= min(ISLAND_M, ISLAND_SHARE * part_m.max(initial=0.0))
        return cls(about, graph, xy, first_vertex, attracts[graph.chain])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as named arrays, for `from_arrays`."""
        return self.graph.arrays() | {
            "xy": self.xy,
            "first_vertex": self.first_vertex,
            "attracts": self.attracts,
        }

    @classmethod
    def from_arrays(cls, about: StudySettings, arrays: Mapping[str, NDArray[Any]]) -> "Network":
        """The network of a study that gave these `arrays`; nothing is copied.

        Raises
        ------
        ValueError
            They do not belong together.
        """
        first_vertex, indptr = arrays["first_vertex"], arrays["out_indptr"]
        if (first_vertex[0], first_vertex[-1]) != (0, len(arrays["xy"])) or indptr[-1] != len(arrays["out_heads"]):
            raise ValueError("the arrays of a network do not belong together")
        return cls(about, Graph.from_arrays(arrays), *(arrays[name] for name in ("xy", "first_vertex", "attracts")))

    @cached_property
    def lines(self) -> NDArray[Any]:
        """The edges' lines in projected metres, shape (edges,)."""
        lines: NDArray[Any] = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, self.xy, (self.first_vertex,))
        return lines

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.lines)

    @cached_property
    def _segments(self) -> Segments:
        return Segments(self.xy, self.first_vertex, self.attracts)

    def snap(self, lon: Float64Array, lat: Float64Array) -> SnappedPoints:
        """The nearest point on an edge for each WGS84 place, if within the longest connector (≤).

        Small islands are passed over where another street is within that distance.
        """
        return self._snap(shapely.get_coordinates(self.metric.points(lon, lat)))

    def _snap(self, xy: Float64Array) -> SnappedPoints:
        found, where = self._segments.nearest(xy, self.max_connector_m * _FARTHER)
        return self._chosen(*(self._near(xy, found[:, kind], where[:, kind]) for kind in range(2)))

    def _near(self, xy: Float64Array, edge: Int64Array, where: Float64Array) -> SnappedPoints:
        """Places on the edges found (−1: none), as far as they are within the longest connector."""
        ways = shapely.linestrings(np.stack([xy, where[:, 1:]], axis=1)[edge >= 0])
        connector_m = np.full(len(xy), np.inf)
        connector_m[edge >= 0] = geodesic_lengths(self.metric.inverse(ways))
        near = connector_m <= self.max_connector_m
        return SnappedPoints(
            edge=np.where(near, edge, -1),
            fraction=np.where(near, _exact(where[:, 0]), np.nan),
            connector_m=np.where(near, connector_m, np.inf),
            island_skipped=np.zeros(len(xy), dtype=bool),
        )

    def _chosen(self, taken: SnappedPoints, island: SnappedPoints) -> SnappedPoints:
        """Of the nearest places on streets that attract and on small islands, the ones to take."""
        nearer = island.connector_m < taken.connector_m
        stranded = nearer & (taken.edge < 0)
        return SnappedPoints(
            edge=np.where(stranded, island.edge, taken.edge),
            fraction=np.where(stranded, island.fraction, taken.fraction),
            connector_m=np.where(stranded, island.connector_m, taken.connector_m),
            island_skipped=nearer & ~stranded,
        )

    def snap_one(self, lon: float, lat: float) -> tuple[SnappedPoints, tuple[float, float]] | None:
        """What `snap` does with one place, and where on the street that is (WGS84); None if no street is near."""
        points = np.array([self.metric.to_metres(lon, lat)])
        found, where = self._segments.nearest(points, self.max_connector_m * _FARTHER)
        for edge, (fraction, x, y) in zip(found[0].tolist(), where[0].tolist(), strict=True):
            if edge < 0:
                continue
            there = self.metric.to_degrees(x, y)
            metres = geodesic_distance(lon, lat, *there)
            if metres <= self.max_connector_m:
                # For one number what `_exact` does takes longer than all the rest.
                fraction = 0.0 if fraction < _AT_END else 1.0 if fraction > 1 - _AT_END else fraction
                return SnappedPoints(
                    np.array([edge]), np.array([fraction]), np.array([metres]), np.zeros(1, bool)
                ), there
        return None

    def _snap_shapes(self, shapes: NDArray[Any]) -> SnappedPoints:
        """The same for shapes, nearest to any of their points; a point is where `snap` has it, to the last bit."""
        point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
        points = self._snap(shapely.get_coordinates(shapes[point]))
        others = self._chosen(*(self._nearest(shapes[~point], *each) for each in self._apart))
        order = np.argsort(np.concatenate([np.flatnonzero(point), np.flatnonzero(~point)]))
        both = {name: np.concatenate([values, getattr(others, name)]) for name, values in vars(points).items()}
        return SnappedPoints(**{name: values[order] for name, values in both.items()})

    @cached_property
    def _apart(self) -> tuple[tuple[Int64Array, shapely.STRtree], tuple[Int64Array, shapely.STRtree]]:
        """The edges that attract, and those of small islands, each with their tree."""
        drawing, others = np.flatnonzero(self.attracts), np.flatnonzero(~self.attracts)
        tree = self._tree if not len(others) else shapely.STRtree(self.lines[drawing])
        return (drawing, tree), (others, shapely.STRtree(self.lines[others]))

    def _nearest(self, geometries: NDArray[Any], edges_of: Int64Array, tree: shapely.STRtree) -> SnappedPoints:
        count = len(geometries)
        edge, fraction = np.full(count, -1), np.full(count, np.nan)
        connector_m = np.full(count, np.inf)
        rows, found = tree.query_nearest(geometries, max_distance=self.max_connector_m * _FARTHER, all_matches=False)
        edges = edges_of[found]
        ways = shapely.shortest_line(geometries[rows], self.lines[edges])
        metres = geodesic_lengths(self.metric.inverse(ways))
        near = metres <= self.max_connector_m
        rows, edges, ways = rows[near], edges[near], ways[near]
        edge[rows], connector_m[rows] = edges, metres[near]
        fraction[rows] = self._locate(edges, shapely.get_point(ways, 1))
        return SnappedPoints(edge, fraction, connector_m, np.zeros(count, dtype=bool))

    def edge_stretches(self, places: NDArray[Any]) -> EdgeStretches:
        """How facilities at WGS84 points and polygons are reached; one with no street near enough has no stretch."""
        geometries = self.metric.forward(places)
        kinds = shapely.get_dimensions(geometries)
        polygons = np.flatnonzero(kinds == 2)
        met, edges = self._tree.query(geometries[polygons], predicate="intersects")
        met = polygons[met]
        inside = shapely.intersection(self.lines[edges], geometries[met])
        parts, pair = shapely.get_parts(inside, return_index=True)
        # A part is a stretch of the line, or a point where the line only touches the park.
        ends = [self._locate(edges[pair], shapely.get_point(_as_line(parts), at)) for at in (0, -1)]
        # Where predicate and overlay disagree about a bare touch, the nearest point is that touch; and who meets small
        # islands only is reached from another street as well.
        others = np.setdiff1d(np.arange(len(geometries)), met[pair][self.attracts[edges[pair]]])
        snapped = self._snap_shapes(geometries[others])
        found = snapped.edge >= 0
        found[found] &= self.attracts[snapped.edge[found]] | ~np.isin(others[found], met[pair])
        return EdgeStretches(
            facility=np.concatenate([met[pair], others[found]]),
            edge=np.concatenate([edges[pair], snapped.edge[found]]),
            start_fraction=np.concatenate([np.minimum(*ends), snapped.fraction[found]]),
            end_fraction=np.concatenate([np.maximum(*ends), snapped.fraction[found]]),
            connector_m=np.concatenate([np.zeros(len(pair)), snapped.connector_m[found]]),
        )

    def chain_stretches(self, access: EdgeStretches) -> ChainStretches:
        """Where on the graph facilities are reached."""
        swapped = ~self.graph.along[access.edge]
        first, last = (
            np.where(swapped, access.end_fraction, access.start_fraction),
            np.where(swapped, access.start_fraction, access.end_fraction),
        )
        low, high = self.graph.positions(access.edge, first), self.graph.positions(access.edge, last)
        order = np.argsort(low.chain, kind="stable")
        return ChainStretches(
            low=low[order],
            high=high[order],
            low_m=self.graph.metres_before(access.edge, first)[order],
            high_m=self.graph.metres_before(access.edge, last)[order],
            extra=access.connector_m[order] / self.walk_mps,
            extra_m=access.connector_m[order],
            owner=access.facility[order].astype(np.int32),
        )

    def position(self, edge: int, fraction: float) -> tuple[float, float]:
        """WGS84 longitude, latitude of a place on the network."""
        place = self.metric.inverse(shapely.line_interpolate_point(self.lines[edge], fraction, normalized=True))
        return float(place.x), float(place.y)

    def _locate(self, edges: Int64Array, points: NDArray[Any]) -> Float64Array:
        return _exact(np.asarray(shapely.line_locate_point(self.lines[edges], points, normalized=True)))


def _exact(fraction: Float64Array) -> Float64Array:
    """The same, but for what is as good as an end."""
    fraction[fraction < _AT_END] = 0.0
    fraction[fraction > 1 - _AT_END] = 1.0
    return fraction


def _open(table: pd.DataFrame, mode: Mode) -> tuple[BoolArray, BoolArray]:
    names = ("walk", "walk") if mode == "walk" else (f"{mode}_forward", f"{mode}_backward")
    return table[names[0]].to_numpy(dtype=bool), table[names[1]].to_numpy(dtype=bool)


def _kph(table: pd.DataFrame, mode: Mode, speeds: Speeds) -> Float64Array:
    one_speed = speeds.kph(mode)
    if one_speed is not None:
        return np.full(len(table), one_speed)
    by_class = table["highway"].map(dict(speeds.drive_class_kph)).fillna(speeds.drive_other_kph)
    legal = table["maxspeed_kph"].to_numpy(dtype=float)
    return np.asarray(np.where(np.isnan(legal), by_class.to_numpy(dtype=float), legal) * speeds.drive_factor)


def _paces(table: pd.DataFrame, mode: Mode) -> tuple[Float64Array, Float64Array]:
    """The time that slopes make of a second on the flat, along each edge and against it; slopes count on foot only."""
    if mode != "walk" or not streets.has_slopes(table):
        return np.ones(len(table)), np.ones(len(table))
    onward, back = (table[name].to_numpy(dtype=float) for name in streets.PACE_COLUMNS)
    return onward, back


def _as_line(parts: NDArray[Any]) -> NDArray[Any]:
    point = shapely.get_type_id(parts) == shapely.GeometryType.POINT
    lines = parts.copy()
    lines[point] = [shapely.LineString([p, p]) for p in parts[point]]
    return lines
