"""Snaps points and shapes to the nearest street, within the longest connector of the study.

A *connector* is the straight way between a point and the street. `geo.traveltime.network` makes one `Snapper` of the
edges of each network. Points are snapped with `geo.traveltime.segment_grid`, polygons and lines with search trees.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int8Array, Int64Array
from geo.geodesy.distance import geodesic_distance, geodesic_lengths
from geo.geodesy.projection import Projection
from geo.traveltime.segment_grid import SegmentGrid

# Fractions this near to an end are the end: line_locate_point is only so exact, and it matters whether a point is at a
# junction, from which it may leave by any street.
_AT_END = 1e-9
# The search is in projected metres, the limit in geodesic ones: search a little farther, then measure.
SEARCH_FACTOR = 1.02


@dataclass(frozen=True)
class SnappedPoints:
    """Points on the streets of a network, arrays of shape (points,).

    Attributes
    ----------
    edge : the nearest edge; −1: no street is near
    fraction : where on the edge, from 0 to 1
    connector_m : geodesic metres to there; infinity where no street is near
    island_skipped : whether a street of a small island is nearer than the chosen one
    """

    edge: Int64Array
    fraction: Float64Array
    connector_m: Float64Array
    island_skipped: BoolArray

    def __getitem__(self, rows: Int64Array) -> "SnappedPoints":
        return SnappedPoints(self.edge[rows], self.fraction[rows], self.connector_m[rows], self.island_skipped[rows])


class Snapper:
    """The lines of edges in projected metres, to which points and shapes are snapped.

    Parameters
    ----------
    xy : shape (vertices, 2), the vertices of the lines in the metres of ``metric``
    first_vertex : shape (edges + 1,), where the vertices of each line begin
    attraction : shape (edges,), 1 on most; 0 on small islands: a point near another street is not snapped to them; −1
        where no trip begins or ends, such as in a tunnel: nothing is snapped there
    max_connector_m : the longest connector (≤), in geodesic metres
    """

    def __init__(
        self,
        xy: Float64Array,
        first_vertex: Int64Array,
        attraction: Int8Array,
        metric: Projection,
        max_connector_m: float,
    ) -> None:
        self.attraction, self._metric, self._max_connector_m = attraction, metric, max_connector_m
        self._grid = SegmentGrid(xy, first_vertex, attraction)
        self._farthest = max_connector_m * SEARCH_FACTOR

    @cached_property
    def lines(self) -> GeometryArray:
        """The edges' lines in projected metres, shape (edges,)."""
        vertices, first_vertex = self._grid.xy, self._grid.first_vertex
        return np.asarray(shapely.from_ragged_array(shapely.GeometryType.LINESTRING, vertices, (first_vertex,)))

    @cached_property
    def tree(self) -> shapely.STRtree:
        """A search tree of all `lines` that trips may begin or end on: others are empty in it."""
        return shapely.STRtree(np.where(self.attraction >= 0, self.lines, shapely.LineString()))

    @cached_property
    def _trees(self) -> tuple[tuple[Int64Array, shapely.STRtree], tuple[Int64Array, shapely.STRtree]]:
        """The edges that attract, and those of small islands, each with their tree."""
        attracting, islands = np.flatnonzero(self.attraction > 0), np.flatnonzero(self.attraction == 0)
        tree = self.tree if len(attracting) == len(self.lines) else shapely.STRtree(self.lines[attracting])
        return (attracting, tree), (islands, shapely.STRtree(self.lines[islands]))

    def snap(self, lon: Float64Array, lat: Float64Array) -> SnappedPoints:
        """The nearest point on an edge for each WGS84 point, if within the longest connector (≤).

        Small islands are skipped where another street is within that distance.
        """
        return self._snap_metric(shapely.get_coordinates(self._metric.points(lon, lat)))

    def snap_one(self, lon: float, lat: float) -> tuple[SnappedPoints, tuple[float, float]] | None:
        """What `snap` does with one point, and where on the street that is (WGS84); None if no street is near."""
        points = np.array([self._metric.to_metres(lon, lat)])
        edges, nearest_at = self._grid.nearest(points, self._farthest)
        for edge, (fraction, x, y) in zip(edges[0].tolist(), nearest_at[0].tolist(), strict=True):
            if edge < 0:
                continue
            location = self._metric.to_degrees(x, y)
            metres = geodesic_distance(lon, lat, *location)
            if metres <= self._max_connector_m:
                # For one number, `_snapped_to_ends` takes longer than everything else here.
                fraction = 0.0 if fraction < _AT_END else 1.0 if fraction > 1 - _AT_END else fraction
                point = SnappedPoints(np.array([edge]), np.array([fraction]), np.array([metres]), np.zeros(1, bool))
                return point, location
        return None

    def snap_shapes(self, shapes: GeometryArray) -> SnappedPoints:
        """What `snap` does, for shapes in projected metres: the nearest of all their points counts."""
        is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
        # Points are not left to the trees, so that they are snapped exactly as `snap` does it.
        points = self._snap_metric(shapely.get_coordinates(shapes[is_point]))
        others = _choose(*(self._nearest_in_tree(shapes[~is_point], edges, tree) for edges, tree in self._trees))
        order = np.argsort(np.concatenate([np.flatnonzero(is_point), np.flatnonzero(~is_point)]))
        columns = {name: np.concatenate([column, getattr(others, name)]) for name, column in vars(points).items()}
        return SnappedPoints(**{name: column[order] for name, column in columns.items()})

    def fractions(self, edges: Int64Array, points: GeometryArray) -> Float64Array:
        """The fraction along each of ``edges`` at which its line is nearest to a projected point, shape (edges,)."""
        return _snapped_to_ends(np.asarray(shapely.line_locate_point(self.lines[edges], points, normalized=True)))

    def _snap_metric(self, xy: Float64Array) -> SnappedPoints:
        edges, nearest_at = self._grid.nearest(xy, self._farthest)
        return _choose(*(self._near_enough(xy, edges[:, column], nearest_at[:, column]) for column in range(2)))

    def _near_enough(self, xy: Float64Array, edge: Int64Array, nearest_at: Float64Array) -> SnappedPoints:
        """Points on an ``edge`` (−1: none) as far as they are within the longest connector."""
        connectors = shapely.linestrings(np.stack([xy, nearest_at[:, 1:]], axis=1)[edge >= 0])
        connector_m = np.full(len(xy), np.inf)
        connector_m[edge >= 0] = geodesic_lengths(self._metric.inverse(connectors))
        near = connector_m <= self._max_connector_m
        return SnappedPoints(
            edge=np.where(near, edge, -1),
            fraction=np.where(near, _snapped_to_ends(nearest_at[:, 0]), np.nan),
            connector_m=np.where(near, connector_m, np.inf),
            island_skipped=np.zeros(len(xy), dtype=bool),
        )

    def _nearest_in_tree(self, shapes: GeometryArray, edges_of: Int64Array, tree: shapely.STRtree) -> SnappedPoints:
        """Shapes snapped to the lines of a tree, which stand for the edges ``edges_of``."""
        count = len(shapes)
        edge, fraction = np.full(count, -1), np.full(count, np.nan)
        connector_m = np.full(count, np.inf)
        rows, numbers = tree.query_nearest(shapes, max_distance=self._farthest, all_matches=False)
        edges = edges_of[numbers]
        connectors = shapely.shortest_line(shapes[rows], self.lines[edges])
        metres = geodesic_lengths(self._metric.inverse(connectors))
        near = metres <= self._max_connector_m
        rows, edges, connectors = rows[near], edges[near], connectors[near]
        edge[rows], connector_m[rows] = edges, metres[near]
        fraction[rows] = self.fractions(edges, shapely.get_point(connectors, 1))
        return SnappedPoints(edge, fraction, connector_m, np.zeros(count, dtype=bool))


def _choose(attracting: SnappedPoints, islands: SnappedPoints) -> SnappedPoints:
    """The nearest points on streets that attract; where there are none, those on small islands."""
    island_nearer = islands.connector_m < attracting.connector_m
    on_island = island_nearer & (attracting.edge < 0)
    return SnappedPoints(
        edge=np.where(on_island, islands.edge, attracting.edge),
        fraction=np.where(on_island, islands.fraction, attracting.fraction),
        connector_m=np.where(on_island, islands.connector_m, attracting.connector_m),
        island_skipped=island_nearer & ~on_island,
    )


def _snapped_to_ends(fraction: Float64Array) -> Float64Array:
    """The same fractions; those closer than `_AT_END` to 0 or 1 become 0 or 1."""
    fraction[fraction < _AT_END] = 0.0
    fraction[fraction > 1 - _AT_END] = 1.0
    return fraction
