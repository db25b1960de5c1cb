"""The residential land (居住用地) of a study that is built: of a file, or OpenStreetMap's areas of landuse=residential.

It is cut at the borders of the place and of its areas, and united where polygons overlap, so that no hectare counts
twice.
"""

from collections.abc import Iterable
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, GeometryArray
from geo.errors import InputError
from geo.geodesy.projection import Projection
from geo.lists.land_reader import LandList, LandOptions
from geo.sources import facility_lists, study_areas
from geo.sources.inputs import Place, Sources
from geo.sources.osm import land as osm_land
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.study import areas, land

_SMALLEST = 1e-4
"""Hectares below which a difference comes from rounding."""
_MENTIONED = 0.5
"""Hectares from which on the summary has a line of its own."""
_MENTIONED_COLUMNS = 20
SUBJECT = "residential land 居住用地"


class _Polygons(NamedTuple):
    """Valid WGS84 polygons of residential land, whom they come from, the file, and the hectares of other classes."""

    shapes: GeometryArray
    source: str
    file_name: str
    other_hectares: float


def collect(
    extract: Extract, sources: Sources, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> gpd.GeoDataFrame:
    """The land, as `geo.study.land` frames it; without rows if none is known.

    Parameters
    ----------
    units : the study's areas
    crs : the study's projection

    Raises
    ------
    InputError
        The file is unusable, or has no residential land in the place.
    """
    outline = shapely.box(*extract.streets.total_bounds) if place.outline is None else place.outline
    metric = land.equal_area(np.array([outline]))
    polygons = _of_extract(extract, summary) if sources.land is None else _of_file(sources, place, metric, summary)
    pieces, inside = _within(polygons.shapes, outline, units)
    read, kept = _hectares(polygons.shapes, metric).sum(), _hectares(pieces, metric).sum()
    if kept < _SMALLEST:
        if sources.land is not None:
            raise InputError(f"{sources.land}: none of its residential land is in {place.name}")
        summary.add(SUBJECT, 0, f"{osm_land.TAG} is not drawn here; --land FILE gives such land")
        pieces = pieces[:0]
    overlaps, outside = _hectares(inside, metric).sum() - kept, read - _hectares(inside, metric).sum()
    left_out = {"outside": outside, "overlaps, counted once": overlaps, "other classes": polygons.other_hectares}
    left_out = {reason: float(hectares) for reason, hectares in left_out.items() if hectares >= _SMALLEST}
    if len(pieces):
        remark = f"hectares, from {polygons.file_name}"
        if sources.land is None:
            remark += f" ({osm_land.TAG}): what nobody has drawn is missing"
        summary.add(SUBJECT, kept, remark)
    for reason, hectares in left_out.items():
        if hectares >= _MENTIONED:
            summary.left_out(hectares, f"hectares of land of {polygons.file_name}: {reason}")
    if read + polygons.other_hectares:
        total = kept + sum(left_out.values())
        summary.account("hectares of land", polygons.file_name, total, {"in the area": kept}, left_out)
    return _frame(pieces, polygons.source, units, crs)


def _of_extract(extract: Extract, summary: Summary) -> _Polygons:
    broken = [osm_id for osm_id, outline in extract.residential_land.items() if outline is None]
    if broken:
        remark = (
            f"areas of {osm_land.TAG} of unknown size: their outlines are not closed, cross themselves, or lack a part"
        )
        summary.left_out(len(broken), remark, broken)
    outlines = [outline for outline in extract.residential_land.values() if outline is not None]
    return _Polygons(_array(outlines), land.OPENSTREETMAP, extract.path.name, 0.0)


def _of_file(sources: Sources, place: Place, metric: Projection, summary: Summary) -> _Polygons:
    path = sources.land
    if path is None:
        raise ValueError("there is no file of land")
    options = LandOptions(sources.stated, place.outline, sources.land_field, tuple(sources.land_classes))
    polygons = facility_lists.read_land(path, options)
    if polygons.classes and not any(polygons.counts):
        known = ", ".join(sorted({name[:40] or "nothing" for name in polygons.classes})[:_MENTIONED_COLUMNS])
        raise InputError(f"{path}: no class in {sources.land_field} counts as residential land; it says: {known}")
    for note in polygons.notes:
        summary.note(1, f"{path.name}: {note}")
    for reason, names in polygons.left_out.items():
        summary.left_out(len(names), f"{reason}, of unknown size, of {path.name}", names)
    hectares, counts = _hectares(polygons.shapes, metric), np.array(polygons.counts, dtype=bool)
    repaired = np.array(polygons.repaired, dtype=bool) & counts
    if repaired.any():
        names = [name for name, was_repaired in zip(polygons.names, repaired, strict=True) if was_repaired]
        remark = (
            f"outlines of {path.name} cross or touch themselves and were repaired, {hectares[repaired].sum():,.1f} ha"
        )
        summary.note(len(names), remark, names)
    _add_classes(path.name, polygons, hectares, sources.land_field, summary)
    return _Polygons(polygons.shapes[counts], path.name, path.name, float(hectares[~counts].sum()))


def _add_classes(
    file_name: str, polygons: LandList, hectares: Float64Array, field: str | None, summary: Summary
) -> None:
    """Say which classes of land count and which do not; or that all count, where no column says their class."""
    if field is None:
        columns = ", ".join(polygons.columns[:_MENTIONED_COLUMNS]) or "none"
        remark = f"all polygons of {file_name} are taken as residential land; --land-field COLUMN names the column of "
        summary.note(len(polygons.shapes), f"{remark}their class of land; columns: {columns}")
        return
    table = pd.DataFrame({"class": polygons.classes, "counts": polygons.counts, "hectares": hectares})
    sums = table.groupby(["counts", "class"])["hectares"].sum()
    for counts, what in ((True, "counts as residential land"), (False, "does not count")):
        if counts in sums.index.get_level_values("counts"):
            listed = [f"{name or 'without a class'} ({each:,.1f} ha)" for name, each in sums[counts].items()]
            summary.note(float(sums[counts].sum()), f"hectares of {file_name}, whose class {field} {what}", listed)


def _within(
    shapes: GeometryArray, outline: BaseGeometry, units: gpd.GeoDataFrame
) -> tuple[GeometryArray, GeometryArray]:
    """The land inside a place: single polygons without overlap, each in one area; and what of each shape is inside."""
    inside = shapely.intersection(shapes[shapely.intersects(shapes, outline)], outline)
    united = shapely.get_parts(shapely.union_all(inside))
    parts = study_areas.divide(outline, units.geometry.to_numpy())
    part, piece = shapely.STRtree(united).query(parts, "intersects")
    pieces = shapely.get_parts(shapely.intersection(parts[part], united[piece]))
    return pieces[shapely.area(pieces) > 0], inside


def _frame(pieces: GeometryArray, source: str, units: gpd.GeoDataFrame, crs: str) -> gpd.GeoDataFrame:
    if not len(pieces):
        return land.empty()
    points = shapely.point_on_surface(pieces)
    codes = areas.locate(units, shapely.get_x(points), shapely.get_y(points), crs)
    table = pd.DataFrame({"area_code": codes, "source": source})
    return gpd.GeoDataFrame(table, geometry=pieces, crs="EPSG:4326")


def _hectares(shapes: GeometryArray, metric: Projection) -> Float64Array:
    return np.asarray(shapely.area(metric.forward(shapes))) / land.SQUARE_METRES if len(shapes) else np.zeros(0)


def _array(shapes: Iterable[BaseGeometry]) -> GeometryArray:
    values = list(shapes)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
