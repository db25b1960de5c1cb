"""Layers of features out of GeoJSON, GeoPackage and shapefile: columns, and shapes reprojected to degrees."""

import json
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from geo.arrays import GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.geodesy.projection import projection
from geo.lists.file_types import MAX_CELLS, MAX_ROWS, FileType, open_zip
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell
from geo.lists.values import MISSING
from geo.study import files

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MAX_UNPACKED_BYTES = 600_000_000


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
    notes
        What is to be said of the whole layer.
    """

    name: str
    row_names: list[str]
    columns: Mapping[str, Sequence[Cell]]
    shapes: GeometryArray
    system: str | None = None
    remarks: Remarks = field(default_factory=Remarks)
    notes: list[str] = field(default_factory=list)


# --- GeoJSON -----------------------------------------------------------------------------------------------------


def geojson(path: Path, content: str) -> Layer:
    """The features of a FeatureCollection.

    Its member ``coordinate_system`` or ``coordinates``, or ``crs`` as old files have it, states the coordinate system.

    Raises
    ------
    TableError
        It is no FeatureCollection, or states a coordinate system that is not known.
    """
    try:
        collection = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(path, [f"is not JSON, or truncated: {error}"]) from error
    features = list(files.features_of(collection, path))
    if len(features) > MAX_ROWS:
        raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
    properties = [feature.get("properties") or {} for _, feature in features]
    names = dict.fromkeys(name for row in properties for name in row)
    if len(names) * len(properties) > MAX_CELLS:
        raise TableError(path, [f"has {len(names):,} different properties in {len(properties):,} features: too many"])
    columns: dict[str, list[Cell]] = {name: [row.get(name, MISSING) for row in properties] for name in names}
    ids = [feature.get("id", MISSING) for _, feature in features]
    if any(identity is not MISSING for identity in ids):
        property_ids = columns.get("id", ids)
        columns["id"] = [b if a is MISSING else a for a, b in zip(ids, property_ids, strict=True)]
    shapes, unreadable = _geometries([feature.get("geometry") for _, feature in features])
    layer = Layer("", [row_name for row_name, _ in features], columns, shapes)
    for row in unreadable:
        layer.remarks.problems[row].append("its geometry cannot be read")
    system = collection.get("coordinate_system", collection.get("coordinates"))
    if system is not None:
        if system not in COORDINATE_SYSTEMS:
            raise TableError(
                path, [f"states the coordinates {str(system)[:60]!r}; known: {', '.join(COORDINATE_SYSTEMS)}"]
            )
        layer.system = system
    elif isinstance(crs := collection.get("crs"), dict) and isinstance(crs.get("properties"), dict):
        _reproject(layer, crs["properties"].get("name"), path)
    return layer


def _geometries(geometries: Sequence[object]) -> tuple[GeometryArray, list[int]]:
    """Shapes of GeoJSON geometries, shape (n,), None for null; and the rows that cannot be read."""
    shapes = np.full(len(geometries), None, dtype=object)
    point_rows: list[int] = []
    coordinates: list[tuple[float, float]] = []
    unreadable: list[int] = []
    for row, geometry in enumerate(geometries):
        if geometry is None:
            continue
        try:
            if not isinstance(geometry, dict):
                raise TypeError
            if geometry["type"] == "Point":  # most are, and this takes a tenth of the time
                lon, lat = geometry["coordinates"][:2]
                coordinates.append((float(lon), float(lat)))
                point_rows.append(row)
            else:
                shapes[row] = shapely.from_geojson(json.dumps(geometry))
        except (shapely.errors.GEOSException, TypeError, ValueError, KeyError, IndexError):
            unreadable.append(row)
    if point_rows:
        shapes[point_rows] = shapely.points(np.array(coordinates))
    return shapes, unreadable


# --- GeoPackages and shapefiles ----------------------------------------------------------------------------------


def layers(path: Path, file_type: FileType) -> Iterator[Layer]:
    """The layers of a GeoPackage, a shapefile or a zip that holds one, reprojected from their own CRS.

    Raises
    ------
    TableError
        The file is truncated, has too many features, or its text is in no known encoding.
    """
    if file_type == "gpkg":
        _refuse_views(path)
    with _unpacked_shapefile(path) if file_type == "zip" else with_ending(path, f".{file_type}") as file:
        try:
            listed = [(str(name), geometry_type) for name, geometry_type in pyogrio.list_layers(file)]
        except (pyogrio.errors.DataSourceError, ValueError, RuntimeError) as error:
            raise TableError(path, [_broken(file_type)]) from error
        names = [name for name, geometry_type in listed if geometry_type is not None]
        if not names:
            raise TableError(path, [f"has no layer with places; its layers: {[name for name, _ in listed] or 'none'}"])
        for name in names:
            yield _layer(path, file, file_type, name, name if len(names) > 1 else "")


def _refuse_views(path: Path) -> None:
    """TableError if a GeoPackage has views, or layers in virtual tables: computing their rows may never end.

    GDAL looks into every view, even if it is no layer.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            tables = database.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
            views = [name for name, table_type, _ in tables if table_type == "view"]
            virtual = {str(name).casefold() for name, _, sql in tables if str(sql).upper().startswith("CREATE VIRTUAL")}
            views += [name for name in virtual if name.startswith("gpkg_")]
            if not views:
                contents = database.execute("SELECT table_name FROM gpkg_contents").fetchall()
                views = [name for (name,) in contents if str(name).casefold() in virtual]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise TableError(path, [_broken("gpkg")]) from error
    if views:
        listed = ", ".join(str(name)[:60] for name in views[:5])
        raise TableError(path, [f"has views or virtual tables ({listed}), which are not read: save them as layers"])


def _broken(file_type: FileType) -> str:
    if file_type == "gpkg":
        return "is truncated, or no GeoPackage"
    return "is truncated, or no shapefile; a shapefile is .shp, .shx, .dbf and .prj together: zip them"


def _layer(path: Path, file: Path, file_type: FileType, name: str, shown_name: str) -> Layer:
    encodings: list[str | None] = [None]
    if file_type != "gpkg" and not file.with_suffix(".cpg").exists():
        encodings = ["UTF-8", "GB18030"]
    for encoding in encodings:
        try:
            metadata, _, wkb, columns = pyogrio.raw.read(
                file, layer=name, encoding=encoding, max_features=MAX_ROWS + 1, force_2d=True
            )
            break
        except UnicodeDecodeError:
            continue
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, RuntimeError) as error:
            raise TableError(path, [_broken(file_type)]) from error
    else:
        raise TableError(path, ["its text is neither UTF-8 nor GB18030; put a .cpg file beside it"])
    if len(wkb) > MAX_ROWS:
        raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
    prefix = f"layer {shown_name} feature" if shown_name else "feature"
    layer = Layer(
        shown_name,
        [f"{prefix} {number}" for number in range(1, len(wkb) + 1)],
        {str(heading): _cells(column) for heading, column in zip(metadata["fields"], columns, strict=True)},
        shapely.from_wkb(wkb, on_invalid="ignore"),
    )
    unreadable = shapely.is_missing(layer.shapes) & (wkb != None)  # noqa: E711  (element by element)
    for row in np.flatnonzero(unreadable).tolist():
        layer.remarks.problems[row].append("its geometry cannot be read")
    if encoding == "GB18030":
        layer.notes.append("its text was read as GB18030")
    if metadata["crs"] and "Undefined" not in metadata["crs"]:
        _reproject(layer, metadata["crs"], path)
    elif _is_in_metres(layer.shapes):
        subject = f"layer {shown_name} has" if shown_name else "has"
        raise TableError(
            path, [f"{subject} no CRS, and its places are in metres: say in GIS which CRS it is, save again"]
        )
    else:
        layer.notes.append(f"no CRS is given{'' if file_type == 'gpkg' else ' (.prj)'}: taken as degrees")
    if match := re.search(f"_({'|'.join(COORDINATE_SYSTEMS)})$", name):
        # Exports name the system in the layer's name: GCJ-02 has no CRS, and EPSG:4326 states nothing.
        layer.system = match[1]
    return layer


def _is_in_metres(shapes: GeometryArray) -> bool:
    bounds = np.abs(shapely.bounds(shapes))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    return bool(len(bounds) and np.median(bounds.max(axis=1)) > 1000)


def _cells(column: NDArray[np.generic]) -> list[Cell]:
    if column.dtype.kind == "M":
        return [None if np.isnat(cell) else cell.astype("datetime64[us]").item() for cell in column]
    if column.dtype.kind == "f":
        return [None if cell != cell else cell for cell in column.tolist()]
    return list(column.tolist())


@contextmanager
def with_ending(path: Path, ending: str) -> Iterator[Path]:
    """``path`` under a name that ends in ``ending``: GDAL and osmium tell file types by it."""
    if path.suffix.lower() == ending or path.name.lower().endswith(f".osm{ending}"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        link = Path(folder) / f"list{ending}"
        link.symlink_to(path.resolve())
        yield link


@contextmanager
def _unpacked_shapefile(path: Path) -> Iterator[Path]:
    """The only shapefile of a zip, unpacked under names of our own."""
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder, open_zip(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if member.filename.lower().endswith(SHAPEFILE_PARTS) and "__MACOSX" not in member.filename
        ]
        # zipfile unpacks no more of a member than its stated size.
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise TableError(path, [f"would unpack to more than {MAX_UNPACKED_BYTES / 1e6:,.0f} MB: split it"])
        stems: set[str] = set()
        for member in members:
            stem, ending = member.filename[:-4], member.filename[-4:].lower()
            if ending == ".shp":
                stems.add(stem)
            try:
                (Path(folder) / f"{_file_name(stem)}{ending}").write_bytes(archive.read(member))
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
                raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
        if len(stems) != 1:
            raise TableError(path, [f"holds {len(stems)} shapefiles; zip each by itself"])
        yield Path(folder) / f"{_file_name(stems.pop())}.shp"


def _file_name(stem: str) -> str:
    return stem.encode("utf-8", "surrogatepass").hex()[-100:]


def _reproject(layer: Layer, crs: object, path: Path) -> None:
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
