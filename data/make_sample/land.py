"""The land under the sample: a flat plane (metres around the county's middle) and the smooth bend that curves it.

Everything is first drawn on the plane with straight lines; `Land.lonlat` bends it. A bend without folds keeps what
touches touching and what is apart apart, so neighbours stay exact neighbours and no new crossing arises.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import LineString, Polygon
from shapely.ops import substring

Floats = NDArray[np.float64]
Rng = np.random.Generator

BANK_M, WATER_M = 80.0, 55.0  # from the river's middle to its bank roads, and to dry land
RIVER = [(120.21, 28.93), (120.13, 28.908), (120.08, 28.893), (120.05, 28.884), (120.03, 28.8885),
         (120.0, 28.892), (119.975, 28.884), (119.93, 28.87)]  # fmt: skip
FLAT = pyproj.Proj(proj="tmerc", lon_0=120.1, lat_0=28.92, ellps="WGS84")


@dataclass(frozen=True)
class Land:
    """The outline, the river, the towns' centres, and the bend: a sum of a few sine waves, hence smooth."""

    waves: Floats  # one row a wave: its direction times its wave number
    pushes: Floats  # how many metres each wave moves a place east and north
    phases: Floats
    centres: Floats
    edge: Polygon
    river: LineString

    @property
    def downtown(self) -> Any:
        return self.centres[:3].mean(axis=0).round(2)  # the three 街道 of the city head the list of towns

    def bent(self, flat: Floats) -> Any:
        # The city lies in a calm basin, where streets run nearly straight.
        away = np.clip(metres(flat, self.centres[0]) / 7_000, 0, 1)
        calm = 0.25 + 0.75 * away**2 * (3 - 2 * away)
        return flat + calm[:, None] * (np.sin(flat @ self.waves.T + self.phases) @ self.pushes)

    def hill(self, flat: Floats) -> Any:
        """0 in the basins around the towns … 1 up in the hills."""
        basin = metres(flat[:, None], self.centres).min(axis=1)
        noise = np.sin(flat @ (self.waves[2:6] * 0.6).T + self.phases[2:6]).sum(axis=1)
        return np.clip((basin - 1_800) / 4_200 + 0.18 * noise, 0, 1).round(6)

    def lonlat(self, shapes: Any, piece_m: float = 60.0) -> Any:
        """Bent shapes in degrees, rounded before anything else is derived from them."""
        return shapely.transform(
            shapely.segmentize(np.asarray(shapes), piece_m),
            lambda flat: np.column_stack(FLAT(*self.bent(flat).T, inverse=True)).round(6),  # type: ignore[misc]
        )


def shaped(rng: Rng, towns: pd.DataFrame, outline: pd.DataFrame) -> Land:
    """The land with a random bend that leaves the towns' known centres where they are."""
    lengths = np.repeat([9_000, 4_600, 2_100, 950, 480], 2)[:, None]
    sizes = np.repeat([330.0, 170.0, 75.0, 28.0, 9.0], 2)[:, None]  # much steeper, and the plane would fold
    angles, turns, phases = rng.uniform(0, 2 * np.pi, (3, len(lengths)))
    centres = on_plane(towns[["centre_lon", "centre_lat"]])
    edge = Polygon(smooth(on_plane(outline), 3, ring=True))
    river = LineString(smooth(on_plane(RIVER), 3))
    waves = (rays(angles) * 2 * np.pi / lengths).round(9)
    land = Land(waves, (rays(turns) * sizes).round(3), phases.round(6), centres, edge, river)
    flat = centres
    for _ in range(60):  # look for what bends onto the known centres
        flat = flat + centres - land.bent(flat)
    return replace(land, centres=flat.round(2))


def on_plane(lonlat: ArrayLike) -> Any:
    return np.column_stack(FLAT(*np.asarray(lonlat).T)).round(2)


def metres(a: Floats, b: Floats) -> Any:
    """Distances between places, broadcast; shape (…)."""
    return np.hypot(*np.moveaxis(a - b, -1, 0))


def rays(angles: ArrayLike) -> Floats:
    """Unit vectors, shape (…, 2)."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def spin(angle: float) -> Floats:
    """The matrix that turns rows of places."""
    return rays([angle, angle + np.pi / 2])


def smooth(line: Floats, times: int, ring: bool = False) -> Floats:
    """Chaikin's corner cutting."""
    for _ in range(times):
        before, after = (line, np.roll(line, -1, axis=0)) if ring else (line[:-1], line[1:])
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        line = cut if ring else np.vstack([line[:1], cut, line[-1:]])
    return line.round(2)


def blob(rng: Rng, centre: Floats, radius: float, corners: int, rough: float) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    two, three, five = np.sin(np.outer([2, 3, 5], angle) + rng.uniform(0, 2 * np.pi, (3, 1)))
    reach = radius * (1 + rough * (two + three + five / 2))
    return Polygon((centre + reach[:, None] * rays(angle)).round(2))


def inside(rng: Rng, area: Any, centre: Floats, low: float, high: float) -> Floats | None:
    """A random place in the area, `low` to `high` metres from the centre; None if forty throws miss."""
    for _ in range(40):
        angle, distance = rng.uniform(0, 2 * np.pi), high * (rng.uniform((low / high) ** 2, 1)) ** 0.5
        place: Floats = (centre + distance * rays(angle)).round(2)
        if shapely.contains_xy(area, *place):
            return place
    return None


def neighbours(places: Floats, lune: bool) -> list[tuple[int, int]]:
    """Pairs with no third place between them: the Gabriel graph, or (`lune`) relative neighbours.

    Both are planar and hang together, as do the roads between villages.
    """
    square = ((places[:, None] - places) ** 2).sum(axis=2).round(3)
    found = []
    for i, near in enumerate(square):
        detour = np.maximum(near, square) if lune else near + square
        found += [(i, int(j)) for j in np.flatnonzero(detour.min(axis=1) >= near) if j > i]
    return found


def cut(line: LineString, places: Iterable[float]) -> list[LineString]:
    return [substring(line, start, end) for start, end in pairwise(sorted({0.0, *places, line.length}))]
