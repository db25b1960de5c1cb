"""Residential land (居住用地): polygons, none of which overlap. This module checks, reads and writes them.

A frame of land is a GeoDataFrame in WGS84 with a Polygon per row and the columns `COLUMNS`: ``area_code``, the smallest
area that the polygon lies in, None outside all areas; and ``source``, whom the polygon comes from.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import Float64Array, GeometryArray
from geo.errors import StudyError, TableError
from geo.geodesy.projection import Projection, projection

FILE = "land.parquet"
COLUMNS = ("area_code", "source")
OPENSTREETMAP = "OpenStreetMap landuse=residential"
"""The source of land that is OpenStreetMap's."""
SQUARE_METRES = 10_000.0
"""Of a hectare."""
_MOST_OVERLAP = 1e-4
"""The share of the land that may lie in two polygons: borders are cut with rounding."""


@dataclass(frozen=True, eq=False)
class ResidentialLand:
    """The residential land of a study; ``frame`` is described above.

    Areas and distances are measured in a Lambert azimuthal equal-area projection around the middle of the land. Its
    areas are those of the ellipsoid; its distances are true within 0.01 % up to 100 km from the middle and within
    0.1 % up to 500 km (Snyder 1987, chapter 24).
    """

    frame: gpd.GeoDataFrame

    @cached_property
    def projection(self) -> Projection:
        """The equal-area projection."""
        return equal_area(self.frame.geometry.to_numpy())

    @cached_property
    def shapes(self) -> GeometryArray:
        """The polygons in the projection, shape (polygons,)."""
        return self.projection.forward(self.frame.geometry.to_numpy())

    @cached_property
    def hectares(self) -> Float64Array:
        """The area of each polygon, shape (polygons,)."""
        return np.asarray(shapely.area(self.shapes)) / SQUARE_METRES

    @cached_property
    def tree(self) -> shapely.STRtree:
        """A tree of `shapes`."""
        return shapely.STRtree(self.shapes)

    @property
    def source(self) -> str:
        """Whom the land comes from."""
        return ", ".join(dict.fromkeys(self.frame["source"]))


def equal_area(shapes: GeometryArray) -> Projection:
    """The equal-area projection around the middle of some WGS84 shapes."""
    west, south, east, north = shapely.total_bounds(shapes)
    lon, lat = round((west + east) / 2, 2), round((south + north) / 2, 2)
    return projection(f"+proj=laea +lon_0={lon} +lat_0={lat} +datum=WGS84 +units=m")


def read(path: Path, areas: gpd.GeoDataFrame) -> ResidentialLand | None:
    """Read the land of a GeoParquet file and check it; None if it holds none.

    Raises
    ------
    StudyError, TableError
        The file cannot be read, lacks a column, or has a shape that is no valid polygon in degrees, polygons that
        overlap, or an area_code that is not one of ``areas``.
    """
    try:
        frame = gpd.read_parquet(path)
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read as GeoParquet: {error}") from error
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise StudyError(f"{path}: has no column {', '.join(missing)}")
    if not len(frame):
        return None
    if frame.crs is None or frame.crs.to_epsg() != 4326:
        raise StudyError(f"{path}: is not in EPSG:4326")
    codes = frame["area_code"].astype(object).where(frame["area_code"].notna(), None)
    frame = frame[["geometry"]].assign(area_code=codes, source=frame["source"].astype(str)).reset_index(drop=True)
    shapes = frame.geometry.to_numpy()
    west, south, east, north = shapely.bounds(shapes).T
    usable = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes) & shapely.is_valid(shapes)
    usable &= (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    problems = [f"row {row}: is no valid polygon in degrees" for row in np.flatnonzero(~usable)]
    unknown = frame["area_code"].notna() & ~frame["area_code"].isin(areas.index)
    problems += [f"row {row}: area_code {codes[row]!r} is not in areas.geojson" for row in frame.index[unknown]]
    if problems:
        raise TableError(path, problems)
    land = ResidentialLand(frame)
    overlap = _overlapping_hectares(land)
    if overlap > _MOST_OVERLAP * land.hectares.sum():
        raise StudyError(f"{path}: {overlap:,.2f} hectares lie in two polygons and would count twice: unite them")
    return land


def _overlapping_hectares(land: ResidentialLand) -> float:
    a, b = land.tree.query(land.shapes, "intersects")
    a, b = a[a < b], b[a < b]
    return float(shapely.area(shapely.intersection(land.shapes[a], land.shapes[b])).sum()) / SQUARE_METRES


def write(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write a frame of land, which may be empty, to a GeoParquet file."""
    frame.to_parquet(path, compression="zstd")


def empty() -> gpd.GeoDataFrame:
    """A frame without land."""
    columns = {name: pd.Series(dtype=object) for name in COLUMNS}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs="EPSG:4326"), crs="EPSG:4326")
