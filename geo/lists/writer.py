"""Writes facilities as GeoJSON, CSV, xlsx or GeoPackage, so that `geo.lists.reader` reads the same facilities again.

Coordinates have nine decimals of a degree, a tenth of a millimetre, in any coordinate system. CSV and xlsx are for
people: their headings are Chinese, as `columns.toml` lists them first, and state the coordinate system; categories and
known subtypes are given by their labels, and parks' outlines as WKT beside a point inside. GeoJSON and GeoPackage use
the fields' own names. Further properties are JSON in one column or property, so that no name among them is taken for a
field.
"""

import io
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, get_args

import geopandas as gpd
import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import shapely

from geo.arrays import Float64Array, GeometryArray
from geo.errors import UnknownNameError
from geo.geodesy import datums
from geo.lists import spreadsheets
from geo.lists.headings import FACILITY_COLUMNS
from geo.study import facilities
from geo.study.categories import BUILT_IN, Categories

Format: TypeAlias = Literal["geojson", "csv", "xlsx", "gpkg"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: Mapping[str, str] = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gpkg": "application/geopackage+sqlite3",
}
DECIMALS = 9

_SYSTEM_LABELS = {"wgs84": "WGS84", "gcj02": "GCJ-02", "bd09": "BD-09", "cgcs2000": "CGCS2000"}
_CRS = {"wgs84": "EPSG:4326", "cgcs2000": "EPSG:4490"}
_UNDEFINED_CRS = {"SRID": "0"}  # GeoPackage's number for undefined geographic coordinates
_TEXT_FIELDS = ("id", "area_code", "phone")
_OUTLINE_HEADING = "边界WKT"


@dataclass(frozen=True, slots=True)
class Export:
    """The ``content`` of a file, and ``notes`` on what it could not hold."""

    content: bytes
    notes: tuple[str, ...] = ()


def write(
    frame: gpd.GeoDataFrame, file_format: str, coordinates: str = "wgs84", categories: Categories = BUILT_IN
) -> Export:
    """Facilities as a file, in the order of the frame.

    The same frame gives the same bytes, except as GeoPackage, which holds the time of writing.

    Parameters
    ----------
    frame
        Facilities, as `geo.study.facilities.from_rows` returns them.
    file_format
        One of `FORMATS`.
    coordinates
        The coordinate system of the file.
    categories
        The study's, whose labels stand in CSV and xlsx.

    Raises
    ------
    UnknownNameError
        There is no such format or coordinate system.
    """
    writers: dict[str, Callable[[gpd.GeoDataFrame, GeometryArray, str], Export]] = {
        "geojson": _geojson,
        "csv": partial(_csv, categories=categories),
        "xlsx": partial(_xlsx, categories=categories),
        "gpkg": _geopackage,
    }
    if file_format not in writers:
        raise UnknownNameError("kind of file", file_format, writers)
    return writers[file_format](frame, _shapes_in(frame.geometry.to_numpy(), coordinates), coordinates)


def _shapes_in(shapes: GeometryArray, coordinates: str) -> GeometryArray:
    """WGS84 shapes in another system, such that reading them gives the same shapes again.

    The published inverse of BD-09 errs by a decimetre, so the result is corrected by what it misses.
    """

    def move(xy: Float64Array) -> Float64Array:
        moved = np.column_stack(datums.from_wgs84(xy[:, 0], xy[:, 1], coordinates))
        for _ in range(3):
            error = xy - np.column_stack(datums.to_wgs84(moved[:, 0], moved[:, 1], coordinates))
            # The error is larger only at the edge of the rectangle around China, outside which nothing is shifted.
            moved = np.where(np.abs(error) < 1e-5, moved + error, moved)
        return moved.round(DECIMALS) + 0.0  # no −0

    datums.geometry_from_wgs84(shapely.Point(), coordinates)  # refuses an unknown system even if there are no shapes
    result: GeometryArray = shapely.transform(shapes, move)
    return result


def _further_properties(extra: Mapping[str, object]) -> str | None:
    """``extra`` as JSON; None if it is empty.

    The text is printable and has no two spaces together, so that cleaning the cell on import does not change it.
    """
    if not extra:
        return None
    text = orjson.dumps(extra, option=orjson.OPT_SORT_KEYS).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return text.replace("  ", r"\u0020\u0020")


# --- for programs ------------------------------------------------------------------------------------------------


def _geojson(frame: gpd.GeoDataFrame, shapes: GeometryArray, coordinates: str) -> Export:
    fields = [field for field in facilities.FIELDS if field not in ("id", "extra")]
    rows = zip(
        frame.index,
        zip(*(frame[field] for field in fields), strict=True),
        map(_further_properties, frame["extra"]),
        shapely.to_geojson(shapes),
        strict=True,
    )
    features = [
        orjson.dumps(
            {
                "type": "Feature",
                "id": str(facility_id),
                "geometry": orjson.Fragment(geometry),
                "properties": dict(zip(fields, values, strict=True))
                | ({"extra": orjson.Fragment(extra)} if extra else {}),
            }
        )
        for facility_id, values, extra, geometry in rows
    ]
    head = f'{{"type":"FeatureCollection","coordinate_system":"{coordinates}","features":[\n'.encode()
    return Export(head + b",\n".join(features) + b"\n]}\n")


def _geopackage(frame: gpd.GeoDataFrame, shapes: GeometryArray, coordinates: str) -> Export:
    types = {"capacity": pa.int32(), **dict.fromkeys(facilities.DATE_FIELDS, pa.date32())}
    columns = {"id": frame.index.astype(str), **{field: frame[field] for field in facilities.FIELDS if field != "id"}}
    columns["extra"] = [_further_properties(extra) for extra in frame["extra"]]
    # With explicit types, because a column without values would have none and be left out.
    table = pa.table(
        {field: pa.array(list(column), types.get(field, pa.string())) for field, column in columns.items()}
        | {"geometry": pa.array(shapely.to_wkb(shapes), pa.binary())}
    )
    description = f"Facilities; longitude and latitude in {_SYSTEM_LABELS[coordinates]}"
    if coordinates not in _CRS:
        description += ", which is shifted from WGS84 by hundreds of metres and is no CRS that GIS programs know"
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # on purpose; the layer's name says the system
        pyogrio.write_arrow(
            table,
            content,
            layer=f"facilities_{coordinates}",
            driver="GPKG",
            geometry_name="geometry",
            geometry_type="Unknown",
            crs=_CRS.get(coordinates),
            layer_options={"DESCRIPTION": description} | ({} if coordinates in _CRS else _UNDEFINED_CRS),
        )
    return Export(content.getvalue())


# --- for people --------------------------------------------------------------------------------------------------


def _heading(field: str) -> str:
    return FACILITY_COLUMNS.headings[field][0]


def _csv(frame: gpd.GeoDataFrame, shapes: GeometryArray, coordinates: str, categories: Categories) -> Export:
    columns = _columns(frame, shapes, coordinates, categories)
    return Export(spreadsheets.as_csv(list(columns), zip(*columns.values(), strict=True)))


def _xlsx(frame: gpd.GeoDataFrame, shapes: GeometryArray, coordinates: str, categories: Categories) -> Export:
    columns, notes = _columns(frame, shapes, coordinates, categories), []
    for heading, what in (
        (_OUTLINE_HEADING, "outline, and stands there as a point"),
        (_heading("extra"), "further properties"),
    ):
        for row, text in enumerate(columns[heading]):
            if isinstance(text, str) and not spreadsheets.fits_in_cell(text):
                columns[heading][row] = None
                notes.append(
                    f"{frame.index[row]} is without its {what}: {heading} would be longer than a cell of xlsx, "
                    f"{spreadsheets.MAX_CELL_LENGTH:,} characters; GeoJSON, GeoPackage and CSV have it"
                )
    text_columns = [_heading(field) for field in _TEXT_FIELDS]
    rows = list(zip(*columns.values(), strict=True))
    return Export(spreadsheets.as_xlsx("设施", list(columns), rows, text_columns), tuple(notes))


def _columns(
    frame: gpd.GeoDataFrame, shapes: GeometryArray, coordinates: str, categories: Categories
) -> dict[str, list[object]]:
    """{heading: one cell a facility}."""
    fields: dict[str, list[object]] = {field: list(frame[field]) for field in facilities.FIELDS if field != "id"}
    labels = {category.id: {subtype: zh for subtype, (zh, _) in category.subtypes.items()} for category in categories}
    fields["subtype"] = [
        labels[category].get(subtype, subtype)
        for category, subtype in zip(frame["category"], frame["subtype"], strict=True)
    ]
    fields["category"] = [categories[category].label for category in frame["category"]]
    del fields["extra"]  # comes last
    points = shapely.get_coordinates(shapely.point_on_surface(shapes)).round(DECIMALS)
    outlines = np.full(len(shapes), None, dtype=object)
    drawn = np.flatnonzero(shapely.get_dimensions(shapes) > 0)
    outlines[drawn] = shapely.to_wkt(shapes[drawn], rounding_precision=DECIMALS)
    system = _SYSTEM_LABELS[coordinates]
    return {
        _heading("id"): [str(facility_id) for facility_id in frame.index],
        **{_heading(field): column for field, column in fields.items()},
        f"经度({system})": points[:, 0].tolist(),
        f"纬度({system})": points[:, 1].tolist(),
        _heading("extra"): [_further_properties(extra) for extra in frame["extra"]],
        _OUTLINE_HEADING: outlines.tolist(),
    }
