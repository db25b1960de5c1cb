"""Rasters of heights, written for one test, and what walking on their slopes takes."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from pyproj import Transformer

from support.handmade import CENTRE, PROJECTION, Metres, Street, street_frame

LOCAL_SYSTEM = 'LOCAL_CS["site",UNIT["metre",1]]'
"""A coordinate reference system that does not say where on Earth it lies."""
Ground = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Heights in metres at positions in the metres of `support.handmade`."""


def tobler(slope: float) -> float:
    """The time to walk on a slope as a multiple of that on the flat: Tobler's 6 exp(−3.5 |s + 0.05|) km/h."""
    return 6 * math.exp(-3.5 * 0.05) / (6 * math.exp(-3.5 * abs(slope + 0.05)))


def rising_east(slope: float) -> Ground:
    """A plane that rises to the east, 100 m high in the middle."""
    return lambda x, y: 100 + slope * x + 0 * y


def write_raster(
    path: Path,
    ground: Ground,
    crs: str | None = PROJECTION,
    cell: float = 30.0,
    turned: float = 0.0,
    cells: tuple[int, int] = (120, 100),
    spoil: Callable[[np.ndarray], None] | None = None,
    **profile: Any,
) -> Path:
    """Write a GeoTIFF around the middle of the handmade world, each cell as high as the ground at its centre.

    Parameters
    ----------
    cell : side of a cell, in units of ``crs``
    turned : degrees by which the raster is turned against the clock
    cells : how many columns and rows
    spoil : changes the array of heights before it is written
    profile : rasterio's options, and ``unit``, the unit that the band states
    """
    import rasterio
    from rasterio.transform import Affine

    system = PROJECTION if crs in (None, LOCAL_SYSTEM) else crs
    x, y = Transformer.from_crs("EPSG:4326", system, always_xy=True).transform(*CENTRE)
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    a, b, d, e = cell * cos, cell * sin, cell * sin, -cell * cos
    grid = Affine(a, b, x - (a * cells[0] + b * cells[1]) / 2, d, e, y - (d * cells[0] + e * cells[1]) / 2)
    column, row = np.meshgrid(np.arange(cells[0]) + 0.5, np.arange(cells[1]) + 0.5)
    to_metres = Transformer.from_crs(system, PROJECTION, always_xy=True)
    x, y = to_metres.transform(grid.a * column + grid.b * row + grid.c, grid.d * column + grid.e * row + grid.f)
    values = np.asarray(ground(x, y), dtype=profile.setdefault("dtype", "float64"))
    if spoil:
        spoil(values)
    unit = profile.pop("unit", None)
    shape = {"width": cells[0], "height": cells[1], "count": 1}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=grid, **shape, **profile) as file:
        file.write(values, 1)
        if unit:
            file.set_band_unit(1, unit)
    return path


def edges(lines: Sequence[Sequence[Metres]], off_ground: Sequence[int] = ()) -> gpd.GeoDataFrame:
    """A frame of streets from lines in metres; ``off_ground`` are the rows that are bridges or tunnels."""
    table = street_frame([Street(line) for line in lines])
    return table.assign(off_ground=[row in off_ground for row in range(len(table))])


def valley(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A valley 45 m high between banks of 100 m (x < 0) and 112 m (x > 300)."""
    return np.where(x < 0, 100.0, np.where(x > 300, 112.0, 45.0)) + 0 * y
