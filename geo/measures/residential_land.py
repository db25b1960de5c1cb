"""The official figure of a standard of radius: which share of residential land lies within the radius of a facility.

GB/T 51346-2019 4.3.4 and GB 55014-2021 2.1.3 count hectares of residential land (居住用地), and not people. Land counts
wherever it lies within the straight-line radius of a facility's point or outline. `geo.study.land` says how areas and
distances are measured. An arc of a circle is drawn with `_SEGMENTS` straight pieces for a quarter of it, so that the
distance is right within 0.02 %, and the area of a circle exactly.
"""

from functools import cached_property

import numpy as np
import pandas as pd
import shapely

from geo.arrays import Float64Array, GeometryArray, Int64Array
from geo.study.land import SQUARE_METRES, ResidentialLand

_SEGMENTS = 32
_HALF_TURN = np.pi / (2 * _SEGMENTS)
_WIDER = float(np.sqrt(_HALF_TURN / np.sin(_HALF_TURN)))
"""A regular polygon of 4 × `_SEGMENTS` corners has the area of a circle if its corners lie this much farther out."""


class LandCover:
    """Which part of each polygon of residential land lies within the radius of a facility; computed on first use."""

    def __init__(
        self, land: ResidentialLand, shapes: GeometryArray, radii: Float64Array, earlier: "LandCover | None" = None
    ) -> None:
        """The cover by facilities of WGS84 ``shapes`` with ``radii`` in metres, both of shape (facilities,).

        ``earlier`` is the cover by other facilities: only land near those that differ is then computed.
        """
        self.land, self._shapes, self._radii, self._earlier = land, shapes, radii, earlier

    def updating(self, earlier: "LandCover") -> "LandCover":
        """The same cover, computed from ``earlier``, that of facilities that differ little."""
        return LandCover(self.land, self._shapes, self._radii, earlier)

    @cached_property
    def parts(self) -> GeometryArray:
        """What is covered of each polygon of the land, in its projection, shape (polygons,); may be empty."""
        if self._earlier is None:
            return self._parts_of(np.arange(len(self.land.shapes)))
        parts, own, others = self._earlier.parts.copy(), self._keys, self._earlier._keys
        changed = [circles[~keys.isin(other)] for circles, keys, other in
                   ((self._circles, own, others), (self._earlier._circles, others, own))]  # fmt: skip
        rows = np.unique(self.land.tree.query(np.concatenate(changed), "intersects")[1])
        parts[rows] = self._parts_of(rows)
        return parts

    @cached_property
    def hectares(self) -> Float64Array:
        """The covered hectares of each polygon of the land, shape (polygons,)."""
        return np.asarray(shapely.area(self.parts)) / SQUARE_METRES

    @property
    def uncovered(self) -> GeometryArray:
        """What of the land is not covered, in WGS84 degrees; polygons that are not empty."""
        rest = shapely.difference(self.land.shapes, self.parts)
        return self.land.projection.inverse(rest[~shapely.is_empty(rest)])

    @cached_property
    def _circles(self) -> GeometryArray:
        shapes = self.land.projection.forward(self._shapes)
        circles: GeometryArray = shapely.buffer(shapes, self._radii * _WIDER, quad_segs=_SEGMENTS)
        return circles

    @cached_property
    def _keys(self) -> pd.MultiIndex:
        """What makes two circles equal: shape and radius."""
        return pd.MultiIndex.from_arrays([pd.Index(shapely.to_wkb(self._shapes), dtype=object), self._radii])

    def _parts_of(self, rows: Int64Array) -> GeometryArray:
        """What is covered of the polygons ``rows``."""
        shapes, circles = self.land.shapes[rows], self._circles
        tree = self.land.tree if len(rows) == len(self.land.shapes) else shapely.STRtree(shapes)
        is_whole = np.zeros(len(shapes), dtype=bool)
        is_whole[tree.query(circles, "covers")[1]] = True
        circle, polygon = tree.query(circles, "intersects")
        parts = np.full(len(shapes), shapely.Polygon(), dtype=object)
        parts[is_whole] = shapes[is_whole]
        touching, polygons = _unions(circles, circle[~is_whole[polygon]], polygon[~is_whole[polygon]])
        parts[polygons] = shapely.intersection(shapes[polygons], touching)
        return parts


def _unions(circles: GeometryArray, circle: Int64Array, polygon: Int64Array) -> tuple[GeometryArray, Int64Array]:
    """For each polygon of some pairs, the union of its circles; and the polygons, ascending."""
    order = np.argsort(polygon, kind="stable")
    circle, (polygons, starts) = circle[order], np.unique(polygon[order], return_index=True)
    unions = circles[circle[starts]]
    ends = np.append(starts[1:], len(circle))
    for number in np.flatnonzero(ends - starts > 1):
        unions[number] = shapely.union_all(circles[circle[starts[number] : ends[number]]])
    return unions, polygons
