"""A layer of features: its columns and shapes, reprojected to degrees."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyproj

from geo.arrays import GeometryArray
from geo.errors import TableError
from geo.geodesy.projection import projection
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell


@dataclass
class Layer:
    """The features of one layer.

    Attributes
    ----------
    name
        "" where the file has only one layer.
    row_names
        What each feature is called in messages.
    columns
        {heading: one cell a feature}; `MISSING` where a feature does not have the property.
    shapes
        Shape (n,), None where a feature has none; in degrees.
    system
        The coordinate system that the file states; None if it states none.
    is_without_crs
        Whether the file, which could, does not say in which CRS its shapes are.
    notes
        What is to be said of the whole layer.
    """

    name: str
    row_names: list[str]
    columns: Mapping[str, Sequence[Cell]]
    shapes: GeometryArray
    system: str | None = None
    is_without_crs: bool = False
    remarks: Remarks = field(default_factory=Remarks)
    notes: list[str] = field(default_factory=list)


def reproject(layer: Layer, crs: object, path: Path) -> None:
    """Reproject the shapes of a layer to WGS84, and set the system that its CRS states."""
    try:
        known = pyproj.CRS.from_user_input(crs)
        geographic = known.geodetic_crs
    except (pyproj.exceptions.CRSError, TypeError) as error:
        raise TableError(path, [f"its CRS {str(crs)[:60]!r} is unknown"]) from error
    if geographic is None:
        raise TableError(path, [f"its CRS {known.name!r} is no place on Earth; reproject it to WGS84"])
    is_cgcs2000 = geographic.to_epsg() == 4490 or re.search("CGCS2000|2000", geographic.name or "") is not None
    is_wgs84 = geographic.to_epsg() == 4326 or "WGS84" in known.name.replace(" ", "")
    if known.is_geographic and (is_cgcs2000 or is_wgs84):
        # Degrees of any system are saved as EPSG:4326, also GCJ-02, which has no code of its own.
        layer.system = "cgcs2000" if is_cgcs2000 else None
        return
    layer.system = "cgcs2000" if is_cgcs2000 else "wgs84"
    try:
        layer.shapes = projection(known.to_wkt()).inverse(layer.shapes)
    except pyproj.exceptions.ProjError as error:
        raise TableError(path, [f"its CRS {known.name!r} cannot be reprojected: {error}"]) from error
    layer.notes.append(f"reprojected from {known.name}")
