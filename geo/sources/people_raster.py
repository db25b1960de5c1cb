"""The cells of a raster of people: GeoTIFF or what else rasterio reads, in any reference system and orientation.

`geo.sources.study_people` calls it; `geo.sources.people_shapes` cuts large cells at borders and says where in them
people are.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.errors import InputError
from geo.sources import raster
from geo.sources.people_shapes import SPACING_M

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

MAX_PEOPLE_PER_CELL = 1e9
DENSEST_PER_KM2 = 500_000
"""Nowhere do more people live on a square kilometre, though they may in a single tall building."""
_BUILDING_M2 = 5_000
CELLS_OF_FINE_RASTER = 1000
"""A raster that has as many cells in the smallest area is fine: its cells are inside or outside as a whole, by their
centre, which changes the people of that area by less than one per cent."""
_NEGLIGIBLE = 0.0005
"""A smaller share of the area beyond the raster is not worth a note."""
_SEGMENTS = 200
"""Into how many pieces the width of the area is cut, so that a straight border stays straight in another projection."""


@dataclass
class Cells:
    """The people of a raster in and around an area.

    Attributes
    ----------
    people : GeoDataFrame in the study's projection with ``population``; the geometry is the centre of a small cell, or
        the outline of a large one that may be cut
    notes : (amount, remark) on what people should know of the raster
    left_out : (amount, remark) on cells whose value is no number of people
    """

    people: gpd.GeoDataFrame
    notes: list[tuple[float, str]]
    left_out: list[tuple[float, str]]


def read(path: Path, outline: BaseGeometry, area: str, smallest_m2: float, crs: str) -> Cells:
    """Read the cells with people in and around ``outline``.

    Parameters
    ----------
    outline : WGS84 polygon of the area
    area : what the area is called in messages
    smallest_m2 : how large the smallest unit is into which people are divided, in square metres
    crs : the study's projection

    Raises
    ------
    InputError
        The file is no raster of people, does not say where its cells are, or has nobody inside.
    """
    with raster.opened(path) as dataset:
        notes = _check(dataset, path)
        shapes, missing = _in_cells(dataset, outline, path)
        if not shapes:
            raise InputError(f"{path}: the raster does not touch {area}")
        row, column, people, inside = _values(dataset, shapes)
        grid, dataset_crs = dataset.transform, CRS.from_wkt(dataset.crs.to_wkt())
    to_study = Transformer.from_crs(dataset_crs, crs, always_xy=True)

    def positions(cells: BoolArray, right: float, down: float) -> Float64Array:
        """Where in the study's projection a point of each cell lies, shape (n, 2); 0, 0 is a cell's first corner."""
        across, along = column[cells] + right, row[cells] + down
        x, y = grid.a * across + grid.b * along + grid.c, grid.d * across + grid.e * along + grid.f
        return np.column_stack(to_study.transform(x, y))

    if missing > _NEGLIGIBLE:
        notes.append((1, f"{path.name} ends inside {area}: nobody counts in the {missing:.1%} that it does not cover"))
    left_out = _describe_values(people[inside], path, area, notes)
    with np.errstate(invalid="ignore"):
        populated = np.isfinite(people) & (people > 0)
    if people[populated].max(initial=0.0) > MAX_PEOPLE_PER_CELL:
        most = people[populated].max()
        raise InputError(f"{path}: a cell has {most:g} people; is it a raster of people in each cell?")
    corners = [positions(populated, right, down) for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))]
    shapes_of_cells: GeometryArray = shapely.polygons(np.stack(corners, axis=1))
    cell_m2 = float(np.median(shapely.area(shapes_of_cells))) if populated.any() else 0.0
    densest = people[populated & inside].max(initial=0.0)
    if cell_m2 > _BUILDING_M2 and densest / cell_m2 * 1e6 > DENSEST_PER_KM2:
        remark = (
            f"people are in one cell of {path.name} of {cell_m2 / 1e6:.3g} km²; if that means “no data”, state it as"
        )
        notes.append((densest, f"{remark} nodata in the raster"))
    if cell_m2 <= SPACING_M**2 and cell_m2 * CELLS_OF_FINE_RASTER <= smallest_m2:
        populated &= inside
        shapes_of_cells = np.atleast_1d(shapely.points(positions(populated, 0.5, 0.5)))
    frame = gpd.GeoDataFrame({"population": people[populated]}, geometry=shapes_of_cells, crs=crs)
    return Cells(frame, notes, left_out)


def _check(dataset: "DatasetReader", path: Path) -> list[tuple[float, str]]:
    """Refuse what is no raster of people (InputError); return a note where there are several bands."""
    if dataset.transform.is_identity or dataset.transform.is_degenerate:
        raise InputError(f"{path}: the raster does not say where its cells lie; save it as a GeoTIFF that does")
    if dataset.colorinterp[0].name in ("red", "palette"):
        raise InputError(f"{path}: is a picture; give a raster with the number of people in each cell")
    scale, offset = dataset.scales[0], dataset.offsets[0]
    if "complex" in dataset.dtypes[0] or not (np.isfinite([scale, offset]).all() and scale):
        raise InputError(
            f"{path}: its values cannot be people ({dataset.dtypes[0]}, scale {scale:g}, offset {offset:g})"
        )
    if dataset.count == 1:
        return []
    name = f" ({dataset.descriptions[0]})" if dataset.descriptions[0] else ""
    return [(dataset.count, f"bands are in {path.name}; only the first{name} is read as people")]


def _in_cells(dataset: "DatasetReader", outline: BaseGeometry, path: Path) -> tuple[list[BaseGeometry], float]:
    """The polygons of the area where they meet the raster, in its columns and rows; the share of the area that is not.

    An area on both sides of the 180th meridian has polygons at both ends of a raster from −180° to 180°. A raster from
    0° to 360° has the western hemisphere beyond 180°.
    """
    try:
        to_raster = Transformer.from_crs("EPSG:4326", CRS.from_wkt(dataset.crs.to_wkt()), always_xy=True)
    except ProjError as error:
        raise InputError(f"{path}: its coordinate reference system cannot be used: {error}") from error
    grid = ~dataset.transform
    whole = shapely.box(0, 0, dataset.width, dataset.height)
    west, south, east, north = outline.bounds
    shapes, area, covered = [], 0.0, 0.0
    for polygon in shapely.get_parts(shapely.segmentize(outline, max(east - west, north - south) / _SEGMENTS)):
        for turn in (0.0, 360.0, -360.0) if dataset.crs.is_geographic else (0.0,):

            def convert(lonlat: Float64Array, turn: float = turn) -> Float64Array:
                x, y = to_raster.transform(lonlat[:, 0], lonlat[:, 1])
                return np.column_stack(
                    [grid.a * (x + turn) + grid.b * y + grid.c, grid.d * (x + turn) + grid.e * y + grid.f]
                )

            shape = shapely.transform(polygon, convert)
            if not np.isfinite(shapely.get_coordinates(shape)).all():
                continue  # the raster's projection does not reach here, so neither does the raster
            shape = shapely.make_valid(shape)
            area += shape.area if turn == 0 else 0.0
            if (common := shape.intersection(whole).area) > 0:
                covered += common
                shapes.append(shape)
    return shapes, 1 - covered / area if area > 0 else 0.0


def _values(
    dataset: "DatasetReader", shapes: list[BaseGeometry]
) -> tuple[Int64Array, Int64Array, Float64Array, BoolArray]:
    """The cells around polygons given in columns and rows: row, column, people, and whether the centre is inside.

    People are infinite where the raster has no value, and NaN where its value is none.
    """
    from rasterio.windows import Window

    pieces = []
    for shape in shapes:
        left, top, right, bottom = shape.bounds
        first_column, first_row = max(math.floor(left) - 1, 0), max(math.floor(top) - 1, 0)
        width = min(math.ceil(right) + 1, dataset.width) - first_column
        height = min(math.ceil(bottom) + 1, dataset.height) - first_row
        cells = dataset.read(1, window=Window(first_column, first_row, width, height), masked=True)
        value = np.ma.getdata(cells).astype(float) * dataset.scales[0] + dataset.offsets[0]
        value[~np.isfinite(value)] = np.nan
        value[np.ma.getmaskarray(cells)] = np.inf
        row, column = np.indices(value.shape).reshape(2, -1) + np.array([[first_row], [first_column]])
        shapely.prepare(shape)
        pieces.append(
            (row * dataset.width + column, value.ravel(), shapely.contains_xy(shape, column + 0.5, row + 0.5))
        )
    cell, value, inside = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    # The windows of two polygons may have cells in common.
    cell, first, group = np.unique(cell, return_index=True, return_inverse=True)
    return cell // dataset.width, cell % dataset.width, value[first], np.bincount(group, inside) > 0


def _describe_values(
    people: Float64Array, path: Path, area: str, notes: list[tuple[float, str]]
) -> list[tuple[float, str]]:
    """Note how many cells inside have no value; return how many have one that is no number of people, and which."""
    without = np.isposinf(people)
    if without.any():
        notes.append((without.sum(), f"cells of {path.name} in {area} have no value; nobody counts there"))
    left_out: list[tuple[float, str]] = []
    if (nan := np.isnan(people)).any():
        left_out.append((nan.sum(), f"cells of {path.name} in {area} whose value is not a number (NaN)"))
    negative = people[np.isfinite(people) & (people < 0)]
    if len(negative):
        left_out.append((len(negative), f"cells of {path.name} in {area} below 0, the least {negative.min():g}"))
    return left_out
