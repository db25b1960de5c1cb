"""Pedestrian squares: streets with an area, which people cross straight and not only along the outline.

The ways across a square are lines between the places where streets meet it and the corners that one has to walk round,
as far as they lie in the square. So the shortest way is the exact one (a visibility graph, see de Berg and others,
Computational Geometry, 2008, chapter 15).
"""

from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, Int64Array

MOST_PLACES = 100
"""The most places and corners of a square between which it is crossed; with more, people walk along its outline."""
_WIDER = 1e-8
"""Degrees, a millimetre, by which a line may leave a square: its corners are rounded to centimetres."""


class Ring(NamedTuple):
    """A part of a square's outline, closed or not: its nodes' numbers and their longitudes and latitudes in degrees."""

    nodes: Int64Array
    lonlat: Float64Array
    is_inner: bool


class Crossings(NamedTuple):
    """Straight ways across a square: the two nodes of each, shape (n, 2), and their places, shape (n, 2, 2).

    ``too_many`` is true where the square has more than `MOST_PLACES`, and no crossings for that reason.
    """

    nodes: Int64Array
    lonlat: Float64Array
    too_many: bool


def crossings(rings: list[Ring], street_nodes: Int64Array) -> Crossings:
    """The ways across a square; ``street_nodes`` are the numbers of the nodes that it shares with other streets.

    A square whose outline is not closed has no ways across.
    """
    nothing = Crossings(np.empty((0, 2), np.int64), np.empty((0, 2, 2)), False)
    nodes, first = np.unique(np.concatenate([ring.nodes for ring in rings]), return_index=True)
    meets_street = np.isin(nodes, street_nodes)
    if meets_street.sum() < 2:
        return nothing
    polygon = _polygon(rings)
    if polygon.is_empty:
        return nothing
    lonlat = np.concatenate([ring.lonlat for ring in rings])[first]
    places = np.flatnonzero(meets_street | _is_corner(polygon, lonlat))
    if len(places) > MOST_PLACES:
        return nothing._replace(too_many=True)
    pairs = places[np.column_stack(np.triu_indices(len(places), 1))]
    pairs = pairs[(lonlat[pairs[:, 0]] != lonlat[pairs[:, 1]]).any(axis=1)]
    wider = polygon.buffer(_WIDER, quad_segs=1)
    shapely.prepare(wider)
    inside = shapely.covers(wider, shapely.linestrings(lonlat[pairs]))
    return Crossings(nodes[pairs[inside]], lonlat[pairs[inside]], False)


def _polygon(rings: list[Ring]) -> BaseGeometry:
    """The area between the outer and the inner rings; empty where they are not closed."""
    if len(rings) == 1 and rings[0].nodes[0] == rings[0].nodes[-1] and len(rings[0].nodes) > 3:
        polygon = shapely.Polygon(rings[0].lonlat)
        if shapely.is_valid(polygon):
            return polygon
    outer, inner = (
        shapely.union_all(
            shapely.get_parts(shapely.polygonize([shapely.linestrings(r.lonlat) for r in rings if r.is_inner == which]))
        )
        for which in (False, True)
    )
    return shapely.difference(outer, inner)


def _is_corner(polygon: BaseGeometry, lonlat: Float64Array) -> BoolArray:
    """Whether each position is a corner of a polygon where the inner angle is more than 180°, shape (n,).

    Shortest ways inside a polygon bend only there.
    """
    corners: set[tuple[float, float]] = set()
    for part in shapely.get_parts(polygon):
        for number, ring in enumerate(shapely.get_rings(part)):
            xy = shapely.get_coordinates(ring)[:-1]
            edge = np.diff(xy, axis=0, append=xy[:1])
            before = np.roll(edge, 1, axis=0)
            turn = before[:, 0] * edge[:, 1] - before[:, 1] * edge[:, 0]
            # Whoever walks an outer ring anticlockwise, and inner rings clockwise, has the polygon on the left.
            polygon_on_left = shapely.is_ccw(ring) == (number == 0)
            corners.update(map(tuple, xy[(turn < 0) if polygon_on_left else (turn > 0)].tolist()))
    return np.array([tuple(place) in corners for place in lonlat.tolist()], dtype=bool)
