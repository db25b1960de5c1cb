"""The areas of a study that is built: an own list, the boundaries that divide the place, or the place as one area."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray
from geo.errors import InputError
from geo.sources import own_lists
from geo.sources.inputs import Place, Sources
from geo.sources.osm import boundaries
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.study import areas
from geo.study.files import Row

VILLAGE_LEVEL = 10
"""The admin_level of villages in China; coarser levels are taken as towns."""
BUFFER_DEGREES = 1e-6


def collect(extract: Extract, sources: Sources, place: Place, summary: Summary) -> gpd.GeoDataFrame:
    """Areas, as `geo.study.areas` frames them.

    Raises
    ------
    InputError
        The own list is unusable or has no area in the place, or the extract has no boundary of the level asked for.
    """
    if sources.areas is not None:
        return _of_list(sources.areas, sources, place, summary)
    level, units = boundaries.finest(extract.boundaries.complete, place.boundary, sources.level)
    if level is None or units is None:
        summary.add("areas 区域", 1, "the whole is one area")
        rows = [_whole_place(extract, place)]
    else:
        summary.add("areas 区域", len(units), f"admin_level {level}")
        units = sorted(units, key=lambda unit: (unit.name, unit.osm_id))
        rows = [_of_boundary(unit, "village" if level >= VILLAGE_LEVEL else "town", extract) for unit in units]
    _account(extract, place, units or [], summary)
    return areas.from_rows(rows, extract.path)


def _account(extract: Extract, place: Place, units: Sequence[boundaries.Boundary], summary: Summary) -> None:
    """Say of each named administrative boundary whether it is an area of the study."""
    used = {unit.osm_id for unit in units}
    left_out = Counter(
        "is the place itself"
        if boundary is place.boundary
        else f"admin_level {boundary.admin_level}, outside or not the level of the areas"
        for boundary in extract.boundaries.complete
        if boundary.osm_id not in used
    )
    left_out["not complete in the extract"] = len(extract.boundaries.incomplete)
    read = len(extract.boundaries.complete) + len(extract.boundaries.incomplete)
    summary.account("named administrative boundaries", extract.path.name, read, {"areas": len(used)}, left_out)


def _of_list(path: Path, sources: Sources, place: Place, summary: Summary) -> gpd.GeoDataFrame:
    """The areas of an own list that have a point inside the place, and the towns that they belong to."""
    units = own_lists.read_areas(path, sources.stated, summary)
    read = len(units)
    if place.outline is not None:
        inside = units.representative_point().intersects(place.outline)
        if not inside.all():
            summary.left_out(int((~inside).sum()), f"areas of {path.name} outside")
        units = units[inside | units.index.isin(units["parent"][inside].dropna())]
        if units.empty:
            raise InputError(f"{path}: none of its areas is in {sources.area}")
    summary.add("areas 区域", len(units), f"from {path.name}")
    summary.account("areas", path.name, read, {"areas": len(units)}, {"outside": read - len(units)})
    return units


def _of_boundary(boundary: boundaries.Boundary, level: str, extract: Extract) -> Row:
    people = boundaries.population(boundary, extract.places)
    values = {"code": boundary.osm_id, "name": boundary.name, "level": level, "population": people}
    return boundary.osm_id, values, boundary.geometry


def _whole_place(extract: Extract, place: Place) -> Row:
    if place.boundary is not None:
        _, values, outline = _of_boundary(place.boundary, "town", extract)
    else:
        # The bounds of streets on one straight line have no area without a buffer.
        outline = shapely.box(*extract.streets.total_bounds).buffer(BUFFER_DEGREES)
        values = {"code": "all", "name": place.name, "level": "town", "population": None}
    return "the whole", values, outline


def divide(place: BaseGeometry, areas: GeometryArray) -> GeometryArray:
    """Polygons without overlap that together are a place: of its areas, the smallest first, and of what is left.

    ``place`` is a polygon and ``areas`` are shapes of any type, all in the same plane. The result has shape (parts,).
    """
    polygons = areas[(shapely.get_dimensions(areas) == 2) & shapely.intersects(place, areas)]
    polygons = polygons[np.argsort(shapely.area(polygons), kind="stable")]
    smaller_of: dict[int, list[int]] = {}
    for larger, smaller in shapely.STRtree(polygons).query(polygons, "intersects").T:
        if smaller < larger:
            smaller_of.setdefault(larger, []).append(smaller)
    parts = [
        shapely.difference(polygon, shapely.union_all(polygons[smaller_of[number]]))
        if number in smaller_of
        else polygon
        for number, polygon in enumerate(polygons)
    ]
    rest = shapely.difference(place, shapely.union_all(polygons))
    single = shapely.get_parts([*shapely.intersection(parts, place), rest])
    divided: GeometryArray = single[shapely.area(single) > 0]
    return divided
