"""Facilities written as GeoJSON, CSV, xlsx or GeoPackage, so that `geo.lists.reader` reads the same facilities again.

Places have nine decimals of a degree, a tenth of a millimetre, in any coordinate system. CSV and xlsx are for people:
headings in Chinese, as `columns.toml` has them first, that state the coordinate system; categories and known subtypes
by their labels; parks' outlines as WKT beside a point in them. GeoJSON and GeoPackage have the fields' own names.
What else is known of a facility is JSON in one column or property, so that no name in it is taken for a field.
"""

import io
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import geopandas as gpd
import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray

from geo.arrays import Float64Array
from geo.errors import UnknownNameError
from geo.geodesy import datums
from geo.lists import headings, spreadsheets
from geo.study import categories, facilities

Format: TypeAlias = Literal["geojson", "csv", "xlsx", "gpkg"]
FORMATS: tuple[str, ...] = get_args(Format)
MEDIA_TYPES: Mapping[str, str] = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gpkg": "application/geopackage+sqlite3",
}
DECIMALS = 9

_SYSTEMS = {"wgs84": "WGS84", "gcj02": "GCJ-02", "bd09": "BD-09", "cgcs2000": "CGCS2000"}
_CRS = {"wgs84": "EPSG:4326", "cgcs2000": "EPSG:4490"}
_UNDEFINED = {"SRID": "0"}  # what GeoPackage has for degrees of no CRS
_AS_TEXT = ("id", "area_code", "phone")
_OUTLINE = "边界WKT"


@dataclass(frozen=True, slots=True)
class Export:
    """A file's ``content``, and ``notes`` on what it could not hold."""

    content: bytes
    notes: tuple[str, ...] = ()


def write(frame: gpd.GeoDataFrame, kind: str, coordinates: str = "wgs84") -> Export:
    """A frame of facilities as a file of some ``kind``, its places in ``coordinates``, its rows in their order.

    The same frame gives the same bytes, but for GeoPackage, which holds the time of writing.

    Raises
    ------
    UnknownNameError
        ``kind`` is none of `FORMATS`, or ``coordinates`` none of `geo.geodesy.COORDINATE_SYSTEMS`.
    """
    writers: dict[str, Callable[[gpd.GeoDataFrame, NDArray[Any], str], Export]] = {
        "geojson": _geojson,
        "csv": _csv,
        "xlsx": _xlsx,
        "gpkg": _geopackage,
    }
    if kind not in writers:
        raise UnknownNameError("kind of file", kind, writers)
    return writers[kind](frame, _placed(frame.geometry.to_numpy(), coordinates), coordinates)


def _placed(shapes: NDArray[Any], coordinates: str) -> NDArray[Any]:
    """WGS84 shapes as what reads back as these: rounded, and exact where the published inverse of BD-09 is not."""

    def moved(xy: Float64Array) -> Float64Array:
        found = np.column_stack(datums.from_wgs84(xy[:, 0], xy[:, 1], coordinates))
        for _ in range(3):
            missed = xy - np.column_stack(datums.to_wgs84(found[:, 0], found[:, 1], coordinates))
            # More is missed only where China's rectangle ends, within which a place is shifted and beyond which not.
            found = np.where(np.abs(missed) < 1e-5, found + missed, found)
        return found.round(DECIMALS) + 0.0  # no −0

    datums.geometry_from_wgs84(
        shapely.Point(), coordinates
    )  # unknown coordinates are named, however few shapes there are
    result: NDArray[Any] = shapely.transform(shapes, moved)
    return result


def _json(extra: Mapping[str, Any]) -> str | None:
    """``extra`` as JSON that cleaning a cell does not change: printable, with no two spaces together; None if empty."""
    if not extra:
        return None
    text = orjson.dumps(extra, option=orjson.OPT_SORT_KEYS).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return text.replace("  ", r"\u0020\u0020")


# --- for programs ------------------------------------------------------------------------------------------------


def _geojson(frame: gpd.GeoDataFrame, shapes: NDArray[Any], coordinates: str) -> Export:
    fields = [field for field in facilities.FIELDS if field not in ("id", "extra")]
    extras = [_json(extra) for extra in frame["extra"]]
    features = [
        orjson.dumps(
            {
                "type": "Feature",
                "id": str(key),
                "geometry": orjson.Fragment(geometry),
                "properties": dict(zip(fields, row, strict=True))
                | ({"extra": orjson.Fragment(extra)} if extra else {}),
            }
        )
        for key, row, extra, geometry in zip(
            frame.index,
            zip(*(frame[field] for field in fields), strict=True),
            extras,
            shapely.to_geojson(shapes),
            strict=True,
        )
    ]
    head = f'{{"type":"FeatureCollection","coordinate_system":"{coordinates}","features":[\n'.encode()
    return Export(head + b",\n".join(features) + b"\n]}\n")


def _geopackage(frame: gpd.GeoDataFrame, shapes: NDArray[Any], coordinates: str) -> Export:
    types = {"capacity": pa.int32(), **dict.fromkeys(facilities.DATE_FIELDS, pa.date32())}
    columns = {"id": frame.index.astype(str), **{field: frame[field] for field in facilities.FIELDS if field != "id"}}
    columns["extra"] = [_json(extra) for extra in frame["extra"]]
    # Typed one by one, so that a column of nothing is still a column.
    table = pa.table(
        {field: pa.array(list(column), types.get(field, pa.string())) for field, column in columns.items()}
        | {"geometry": pa.array(shapely.to_wkb(shapes), pa.binary())}
    )
    name, content = _SYSTEMS[coordinates], io.BytesIO()
    described = f"Facilities; longitude and latitude in {name}"
    if coordinates not in _CRS:
        described += ", which is shifted from WGS84 by hundreds of metres and is no CRS that GIS programs know"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # meant, and said in the layer's name
        pyogrio.write_arrow(
            table,
            content,
            layer=f"facilities_{coordinates}",
            driver="GPKG",
            geometry_name="geometry",
            geometry_type="Unknown",
            crs=_CRS.get(coordinates),
            layer_options={"DESCRIPTION": described} | ({} if coordinates in _CRS else _UNDEFINED),
        )
    return Export(content.getvalue())


# --- for people --------------------------------------------------------------------------------------------------


def _csv(frame: gpd.GeoDataFrame, shapes: NDArray[Any], coordinates: str) -> Export:
    columns = _columns(frame, shapes, coordinates)
    return Export(spreadsheets.as_csv(list(columns), zip(*columns.values(), strict=True)))


def _xlsx(frame: gpd.GeoDataFrame, shapes: NDArray[Any], coordinates: str) -> Export:
    columns, notes = _columns(frame, shapes, coordinates), []
    for head, what in (
        (_OUTLINE, "outline, and stands there as a point"),
        (headings.FACILITY_COLUMNS.headings["extra"][0], "further properties"),
    ):
        long = [row for row, text in enumerate(columns[head]) if text and not spreadsheets.fits_in_cell(text)]
        for row in long:
            columns[head][row] = None
            notes.append(
                f"{frame.index[row]} is without its {what}: {head} would be longer than a cell of xlsx, "
                f"{spreadsheets.MAX_CELL_LENGTH:,} characters; GeoJSON, GeoPackage and CSV have it"
            )
    as_text = [headings.FACILITY_COLUMNS.headings[field][0] for field in _AS_TEXT]
    rows = list(zip(*columns.values(), strict=True))
    return Export(spreadsheets.as_xlsx("设施", list(columns), rows, as_text), tuple(notes))


def _columns(frame: gpd.GeoDataFrame, shapes: NDArray[Any], coordinates: str) -> dict[str, list[Any]]:
    """{heading: one cell a facility}."""
    fields: dict[str, list[Any]] = {field: list(frame[field]) for field in facilities.FIELDS if field != "id"}
    labels = {kind.id: {id: zh for id, (zh, _) in kind.subtypes.items()} for kind in categories.CATEGORIES.values()}
    subtypes = zip(fields["category"], fields["subtype"], strict=True)
    fields["subtype"] = [labels[category].get(subtype, subtype) for category, subtype in subtypes]
    fields["category"] = [categories.category(category).label for category in fields["category"]]
    extra = [_json(extra) for extra in fields.pop("extra")]
    points = shapely.get_coordinates(shapely.point_on_surface(shapes)).round(DECIMALS)
    outlines = np.full(len(shapes), None, dtype=object)
    drawn = np.flatnonzero(shapely.get_dimensions(shapes) > 0)
    outlines[drawn] = shapely.to_wkt(shapes[drawn], rounding_precision=DECIMALS)
    return {
        headings.FACILITY_COLUMNS.headings["id"][0]: [str(key) for key in frame.index],
        **{headings.FACILITY_COLUMNS.headings[field][0]: column for field, column in fields.items()},
        f"经度({_SYSTEMS[coordinates]})": points[:, 0].tolist(),
        f"纬度({_SYSTEMS[coordinates]})": points[:, 1].tolist(),
        headings.FACILITY_COLUMNS.headings["extra"][0]: extra,
        _OUTLINE: outlines.tolist(),
    }
