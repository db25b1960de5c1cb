"""Features out of files: GeoJSON, GeoPackage, shapefiles and OpenStreetMap extracts, as columns and WGS84 shapes."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.geodesy.projection import projection
from geo.lists import tabular_files
from geo.lists.values import MISSING
from geo.sources.osm import extract as osm
from geo.study import files

SHAPES = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@dataclass
class Layer:
    """Features: where each stands, its ``columns`` by heading (one cell a feature), its shape, None where it has none.

    ``system`` is what the file states its coordinates to be, None if it states nothing.
    """

    name: str
    wheres: list[str]
    columns: dict[str, list[Any]]
    shapes: NDArray[Any]
    system: str | None = None
    problems: dict[int, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


# --- GeoJSON -----------------------------------------------------------------------------------------------------


def geojson(path: Path, content: str) -> Layer:
    """The features of a FeatureCollection; its member ``coordinates``, or ``crs`` as old files have it, is heeded.

    Raises
    ------
    TableError
        It is no FeatureCollection, or states coordinates that nobody knows.
    """
    try:
        collection = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(path, [f"is not JSON, or truncated: {error}"]) from error
    features = list(files.features_of(collection, path))
    if len(features) > tabular_files.MOST_ROWS:
        raise TableError(path, [f"has more than {tabular_files.MOST_ROWS:,} features; split it"])
    rows = [feature.get("properties") or {} for _, feature in features]
    names = dict.fromkeys(name for row in rows for name in row)
    if len(names) * len(rows) > tabular_files.MOST_CELLS:
        raise TableError(path, [f"has {len(names):,} different properties in {len(rows):,} features: too many"])
    columns = {name: [row.get(name, MISSING) for row in rows] for name in names}
    ids = [feature.get("id", MISSING) for _, feature in features]
    if any(one is not MISSING for one in ids):
        own = columns.get("id", ids)
        columns["id"] = [b if a is MISSING else a for a, b in zip(ids, own, strict=True)]
    shapes, odd = _geometries([feature.get("geometry") for _, feature in features])
    layer = Layer("", [where for where, _ in features], columns, shapes)
    layer.problems = {number: ["its geometry cannot be read"] for number in odd}
    system = collection.get("coordinate_system", collection.get("coordinates"))
    if system is not None:
        if system not in COORDINATE_SYSTEMS:
            known = ", ".join(COORDINATE_SYSTEMS)
            raise TableError(path, [f"states the coordinates {str(system)[:60]!r}; known: {known}"])
        layer.system = system
    elif isinstance(crs := collection.get("crs"), dict) and isinstance(crs.get("properties"), dict):
        _reproject(layer, crs["properties"].get("name"), path)
    return layer


def _geometries(found: Sequence[Any]) -> tuple[NDArray[Any], list[int]]:
    """Shapes of GeoJSON geometries, None for none; and which of them cannot be read."""
    shapes = np.full(len(found), None, dtype=object)
    points: list[int] = []
    places: list[tuple[float, float]] = []
    odd: list[int] = []
    for number, one in enumerate(found):
        if one is None:
            continue
        try:
            if one["type"] == "Point":  # nearly all are, and this is a tenth of the time
                lon, lat = one["coordinates"][:2]
                places.append((float(lon), float(lat)))
                points.append(number)
            else:
                shapes[number] = shapely.from_geojson(json.dumps(one))
        except (shapely.errors.GEOSException, TypeError, ValueError, KeyError, IndexError):
            odd.append(number)
    if points:
        shapes[points] = shapely.points(np.array(places))
    return shapes, odd


# --- GeoPackages and shapefiles ----------------------------------------------------------------------------------


def layers(path: Path, kind: str) -> Iterator[Layer]:
    """The layers of a GeoPackage, a shapefile or a zip that holds one, reprojected from their own CRS.

    Raises
    ------
    TableError
        It is truncated, has too many features, or its text is of no known encoding.
    """
    if kind == "gpkg":
        _tables_only(path)
    with _shapefile(path) if kind == "zip" else _named(path, f".{kind}") as file:
        try:
            listed = [(str(name), shape) for name, shape in pyogrio.list_layers(file)]
        except (pyogrio.errors.DataSourceError, ValueError, RuntimeError) as error:
            raise TableError(path, [_broken(kind)]) from error
        found = [name for name, shape in listed if shape is not None]
        if not found:
            raise TableError(path, [f"has no layer with places; its layers: {[name for name, _ in listed] or 'none'}"])
        for name in found:
            yield _layer(path, file, kind, name if len(found) > 1 else "", name)


def _tables_only(path: Path) -> None:
    """TableError if a GeoPackage has views, or layers in virtual tables: what these compute may have no end.

    GDAL looks into every view, whether it is a layer or not.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as book:
            known = book.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
            views = [name for name, kind, _ in known if kind == "view"]
            virtual = {str(name).casefold() for name, _, sql in known if str(sql).upper().startswith("CREATE VIRTUAL")}
            views += [name for name in virtual if name.startswith("gpkg_")]
            if not views:
                contents = book.execute("SELECT table_name FROM gpkg_contents").fetchall()
                views = [name for (name,) in contents if str(name).casefold() in virtual]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise TableError(path, [_broken("gpkg")]) from error
    if views:
        listed = ", ".join(str(name)[:60] for name in views[:5])
        raise TableError(path, [f"has views or virtual tables ({listed}), which are not read: save them as layers"])


def _broken(kind: str) -> str:
    more = "; a shapefile is .shp, .shx, .dbf and .prj together: zip them" if kind in ("shp", "zip") else ""
    return f"is truncated, or no {'GeoPackage' if kind == 'gpkg' else 'shapefile'}{more}"


def _layer(path: Path, file: Path, kind: str, called: str, name: str) -> Layer:
    encodings: list[str | None] = [None]
    if kind != "gpkg" and not file.with_suffix(".cpg").exists():
        encodings = ["UTF-8", "GB18030"]
    for encoding in encodings:
        try:
            about, _, shapes, cells = pyogrio.raw.read(
                file, layer=name, encoding=encoding, max_features=tabular_files.MOST_ROWS + 1, force_2d=True
            )
            break
        except UnicodeDecodeError:
            continue
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, RuntimeError) as error:
            raise TableError(path, [_broken(kind)]) from error
    else:
        raise TableError(path, ["its text is neither UTF-8 nor GB18030; put a .cpg file beside it"])
    if len(shapes) > tabular_files.MOST_ROWS:
        raise TableError(path, [f"has more than {tabular_files.MOST_ROWS:,} features; split it"])
    where = f"layer {called} feature" if called else "feature"
    layer = Layer(
        called,
        [f"{where} {number}" for number in range(1, len(shapes) + 1)],
        {str(one): _cells(column) for one, column in zip(about["fields"], cells, strict=True)},
        shapely.from_wkb(shapes, on_invalid="ignore"),
    )
    odd = np.flatnonzero(shapely.is_missing(layer.shapes) & (shapes != None))  # noqa: E711
    layer.problems = {int(number): ["its geometry cannot be read"] for number in odd}
    if encoding == "GB18030":
        layer.notes.append("its text was read as GB18030")
    if about["crs"] and "Undefined" not in about["crs"]:
        _reproject(layer, about["crs"], path)
    elif _in_metres(layer.shapes):
        which = f"layer {called} has" if called else "has"
        raise TableError(
            path, [f"{which} no CRS, and its places are in metres: say in GIS which CRS it is, save again"]
        )
    else:
        layer.notes.append(f"no CRS is given{'' if kind == 'gpkg' else ' (.prj)'}: taken as degrees")
    called_so = re.search(f"_({'|'.join(COORDINATE_SYSTEMS)})$", name)
    if called_so:  # as exports call a layer, since no CRS can say GCJ-02, and EPSG:4326 says nothing
        layer.system = called_so[1]
    return layer


def _in_metres(shapes: NDArray[Any]) -> bool:
    bounds = np.abs(shapely.bounds(shapes))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    return bool(len(bounds) and np.median(bounds.max(axis=1)) > 1000)


def _cells(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "M":
        return [None if np.isnat(one) else one.astype("datetime64[us]").item() for one in column]
    if column.dtype.kind == "f":
        return [None if one != one else one for one in column.tolist()]
    return list(column.tolist())


@contextmanager
def _named(path: Path, ending: str) -> Iterator[Path]:
    """``path`` under a name with the right ending, which GDAL and osmium go by."""
    if path.suffix.lower() == ending or path.name.lower().endswith(f".osm{ending}"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        named = Path(folder) / f"list{ending}"
        named.symlink_to(path.resolve())
        yield named


@contextmanager
def _shapefile(path: Path) -> Iterator[Path]:
    """The one shapefile of a zip, unpacked under names of our own."""
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        bases: set[str] = set()
        for name, content in tabular_files.unpacked(path, lambda name: name.lower().endswith(SHAPES)):
            base, ending = name[:-4], name[-4:].lower()
            if "__MACOSX" in name:
                continue
            if ending == ".shp":
                bases.add(base)
            (Path(folder) / f"{_number(base)}{ending}").write_bytes(content)
        if len(bases) != 1:
            raise TableError(path, [f"holds {len(bases)} shapefiles; zip each by itself"])
        yield Path(folder) / f"{_number(bases.pop())}.shp"


def _number(name: str) -> str:
    return name.encode("utf-8", "surrogatepass").hex()[-100:]


def _reproject(layer: Layer, crs: Any, path: Path) -> None:
    """Shapes of ``crs`` as WGS84, and what that states of them."""
    try:
        known = pyproj.CRS.from_user_input(crs)
        geographic = known.geodetic_crs
    except (pyproj.exceptions.CRSError, TypeError) as error:
        raise TableError(path, [f"its CRS {str(crs)[:60]!r} is unknown"]) from error
    if geographic is None:
        raise TableError(path, [f"its CRS {known.name!r} is no place on Earth; reproject it to WGS84"])
    modern = geographic.to_epsg() == 4490 or re.search("CGCS2000|2000", geographic.name or "") is not None
    if known.is_geographic and (modern or geographic.to_epsg() == 4326 or "WGS84" in known.name.replace(" ", "")):
        # EPSG:4326 is what everything is saved as, GCJ-02 too, which has no code of its own.
        layer.system = "cgcs2000" if modern else None
        return
    layer.system = "cgcs2000" if modern else "wgs84"
    try:
        layer.shapes = projection(known.to_wkt()).inverse(layer.shapes)
    except pyproj.exceptions.ProjError as error:
        raise TableError(path, [f"its CRS {known.name!r} cannot be reprojected: {error}"]) from error
    layer.notes.append(f"reprojected from {known.name}")


# --- OpenStreetMap -----------------------------------------------------------------------------------------------


def extract(path: Path, within: Any) -> Layer:
    """The facilities of an OpenStreetMap extract that touch ``within`` (a WGS84 polygon; None: all).

    Raises
    ------
    ExtractError
        As `osm.read`.
    """
    with _named(path, ".pbf") as file:
        rows, left_out = osm.read_facilities(file, within)
    names = dict.fromkeys(name for _, row, _ in rows for name in row)
    layer = Layer(
        "",
        [where for where, _, _ in rows],
        {name: [row.get(name, MISSING) for _, row, _ in rows] for name in names},
        np.array([shape for _, _, shape in rows] + [None], dtype=object)[:-1],
        system="wgs84",
    )
    layer.notes = [f"left out: {count} {what}" for what, count in left_out.items()]
    return layer
