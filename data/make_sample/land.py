"""The land that the sample is drawn on: a plane, in metres around the county's middle, and how it is bent.

All else is drawn on the plane with straight lines, and then `Land.lonlat` bends the plane smoothly, so that streets and
borders look natural. The bent plane has no folds: shapes that touch still touch, shapes that do not touch still do not,
and no new crossing arises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

Floats = NDArray[np.float64]
GeometryArray = NDArray[np.object_]
Rng = np.random.Generator

BANK_M, WATER_M = 80.0, 55.0  # from the middle of the river to the roads on its banks, and to dry land
RIVER = [(120.21, 28.93), (120.13, 28.908), (120.08, 28.893), (120.05, 28.884), (120.03, 28.8885),
         (120.0, 28.892), (119.975, 28.884), (119.93, 28.87)]  # fmt: skip
FLAT = pyproj.Proj(proj="tmerc", lon_0=120.1, lat_0=28.92, ellps="WGS84")


@dataclass(frozen=True)
class Land:
    """The county's outline, its river, the towns' centres, and the bend of the plane: a sum of sine waves.

    ``waves``, shape (waves, 2), are the direction of each wave times its wave number; ``shifts``, shape (waves, 2), how
    many metres it moves a point east and north.
    """

    waves: Floats
    shifts: Floats
    phases: Floats
    centres: Floats
    edge: Polygon
    river: LineString

    @property
    def downtown(self) -> Floats:
        """The middle of the city: of the three 街道, which are the first of the towns."""
        middle: Floats = self.centres[:3].mean(axis=0).round(2)
        return middle

    def bent(self, flat: Floats) -> Floats:
        """Where points of the plane are after it is bent, shape (n, 2)."""
        # The plane is bent less in the city, where streets are nearly straight.
        away = np.clip(metres(flat, self.centres[0]) / 7_000, 0, 1)
        strength = 0.25 + 0.75 * away**2 * (3 - 2 * away)
        return flat + strength[:, None] * (np.sin(flat @ self.waves.T + self.phases) @ self.shifts)

    def hilliness(self, flat: Floats) -> Floats:
        """From 0 in the basins around the towns to 1 in the hills, shape (n,)."""
        centre_m = metres(flat[:, None], self.centres).min(axis=1)
        noise = np.sin(flat @ (self.waves[2:6] * 0.6).T + self.phases[2:6]).sum(axis=1)
        hilliness: Floats = np.clip((centre_m - 1_800) / 4_200 + 0.18 * noise, 0, 1).round(6)
        return hilliness

    def lonlat(self, shapes: Sequence[BaseGeometry] | GeometryArray, piece_m: float = 60.0) -> GeometryArray:
        """Shapes of the plane after it is bent, in degrees; the vertices are at most ``piece_m`` apart.

        Degrees are rounded here, so that all that is derived from them is the same on every machine.
        """
        bent: GeometryArray = shapely.transform(
            shapely.segmentize(np.asarray(shapes), piece_m),
            lambda flat: np.column_stack(FLAT(*self.bent(flat).T, inverse=True)).round(6),  # type: ignore[misc]
        )
        return bent


def random_land(rng: Rng, towns: pd.DataFrame, outline: pd.DataFrame) -> Land:
    """The land with a random bend under which the towns' centres come to lie where they really are."""
    lengths = np.repeat([9_000, 4_600, 2_100, 950, 480], 2)[:, None]
    sizes = np.repeat([330.0, 170.0, 75.0, 28.0, 9.0], 2)[:, None]  # larger waves would fold the plane
    angles, shift_angles, phases = rng.uniform(0, 2 * np.pi, (3, len(lengths)))
    centres = on_plane(towns[["centre_lon", "centre_lat"]])
    edge = Polygon(smooth(on_plane(outline), 3, ring=True))
    river = LineString(smooth(on_plane(RIVER), 3))
    waves = (unit_vectors(angles) * 2 * np.pi / lengths).round(9)
    land = Land(waves, (unit_vectors(shift_angles) * sizes).round(3), phases.round(6), centres, edge, river)
    flat = centres
    for _ in range(60):  # fixed-point iteration for the points that the bend moves to the centres
        flat = flat + centres - land.bent(flat)
    return replace(land, centres=flat.round(2))


def on_plane(lonlat: ArrayLike) -> Floats:
    """Points in degrees as points of the plane before it is bent, shape (n, 2)."""
    xy: Floats = np.column_stack(FLAT(*np.asarray(lonlat).T)).round(2)
    return xy


def metres(a: Floats, b: Floats) -> Floats:
    """Distances between points, shapes (…, 2) that broadcast; shape (…)."""
    distances: Floats = np.hypot(*np.moveaxis(a - b, -1, 0))
    return distances


def unit_vectors(angles: ArrayLike) -> Floats:
    """Unit vectors in the directions of angles, shape (…, 2)."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def rotation(angle: float) -> Floats:
    """The matrix that turns points, one in each row, when they are multiplied by it."""
    return unit_vectors([angle, angle + np.pi / 2])


def smooth(line: Floats, times: int, ring: bool = False) -> Floats:
    """A line without sharp corners, by Chaikin's corner cutting."""
    for _ in range(times):
        start, end = (line, np.roll(line, -1, axis=0)) if ring else (line[:-1], line[1:])
        corners = np.stack([0.75 * start + 0.25 * end, 0.25 * start + 0.75 * end], axis=1).reshape(-1, 2)
        line = corners if ring else np.vstack([line[:1], corners, line[-1:]])
    return line.round(2)


def blob(rng: Rng, centre: Floats, radius: float, corners: int, roughness: float) -> Polygon:
    """A polygon that is nearly a circle."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    two, three, five = np.sin(np.outer([2, 3, 5], angle) + rng.uniform(0, 2 * np.pi, (3, 1)))
    distance = radius * (1 + roughness * (two + three + five / 2))
    return Polygon((centre + distance[:, None] * unit_vectors(angle)).round(2))


def random_point(rng: Rng, area: BaseGeometry, centre: Floats, low: float, high: float) -> Floats | None:
    """A random point in the area, `low` to `high` metres from the centre; None if forty draws miss the area."""
    for _ in range(40):
        angle, distance = rng.uniform(0, 2 * np.pi), high * (rng.uniform((low / high) ** 2, 1)) ** 0.5
        point: Floats = (centre + distance * unit_vectors(angle)).round(2)
        if shapely.contains_xy(area, *point):
            return point
    return None


def neighbours(points: Floats, relative: bool) -> list[tuple[int, int]]:
    """Pairs of points with no third point between them: the Gabriel graph, or the relative neighbourhood graph.

    Like roads between villages, both are connected and have no crossings; the second is a part of the first.
    """
    square = ((points[:, None] - points) ** 2).sum(axis=2).round(3)
    pairs = []
    for i, own in enumerate(square):
        via_third = np.maximum(own, square) if relative else own + square
        pairs += [(i, int(j)) for j in np.flatnonzero(via_third.min(axis=1) >= own) if j > i]
    return pairs


def cut(line: LineString, positions: Iterable[float]) -> list[LineString]:
    """The pieces of a line that is cut at some distances from its start."""
    return [substring(line, start, end) for start, end in pairwise(sorted({0.0, *positions, line.length}))]
