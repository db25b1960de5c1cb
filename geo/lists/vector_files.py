"""Layers of features: GeoPackages, shapefiles and FlatGeobuf, which GDAL reads, GeoParquet, and KML."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from geo.arrays import GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.lists import kml_files, shapefiles
from geo.lists.file_types import DESCRIPTIONS, MAX_CELLS, MAX_ROWS, FileType
from geo.lists.headings import Vocabulary
from geo.lists.layers import Layer, reproject
from geo.lists.sheets import Cell


def layers(path: Path, file_type: FileType, vocabulary: Vocabulary) -> Iterator[Layer]:
    """The layers of a file or of a zip that holds a shapefile, reprojected from their own CRS.

    Parameters
    ----------
    vocabulary
        The headings of which the cut field names of a shapefile may be the beginning.

    Raises
    ------
    TableError
        The file is truncated, has too many features, or its text is in no known encoding.
    """
    if file_type == "parquet":
        yield _parquet_layer(path)
        return
    if file_type == "kml" or file_type == "kmz":
        yield from kml_files.read(path, file_type, vocabulary)
        return
    if file_type == "gpkg":
        _refuse_views(path)
    is_zipped_shapefile = file_type == "zip"
    with shapefiles.unpacked(path) if is_zipped_shapefile else with_ending(path, f".{file_type}") as file:
        try:
            listed = [(str(name), geometry_type) for name, geometry_type in pyogrio.list_layers(file)]
        except (pyogrio.errors.DataSourceError, ValueError, RuntimeError) as error:
            raise TableError(path, [_broken(file_type)]) from error
        names = [name for name, geometry_type in listed if geometry_type is not None]
        if not names:
            raise TableError(path, [f"has no layer with places; its layers: {[name for name, _ in listed] or 'none'}"])
        for name in names:
            yield _layer(path, file, file_type, name, name if len(names) > 1 else "", vocabulary)


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
    if file_type in ("shp", "zip"):
        return "is truncated, or no shapefile; a shapefile is .shp, .shx, .dbf and .prj together: zip them"
    return f"is truncated, or no {DESCRIPTIONS[file_type].removeprefix('a ')}"


def _layer(path: Path, file: Path, file_type: FileType, name: str, shown_name: str, vocabulary: Vocabulary) -> Layer:
    is_shapefile = file_type in ("shp", "zip")
    try:
        metadata, _, wkb, values = pyogrio.raw.read(
            file,
            layer=name,
            encoding=shapefiles.RAW if is_shapefile else None,
            max_features=MAX_ROWS + 1,
            force_2d=True,
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, RuntimeError) as error:
        raise TableError(path, [_broken(file_type)]) from error
    columns: dict[str, Sequence[Cell]] = {
        str(heading): _cells(column) for heading, column in zip(metadata["fields"], values, strict=True)
    }
    layer = _empty_layer(path, shown_name, columns, wkb)
    if is_shapefile:
        layer.columns = shapefiles.decode(
            path, file, list(columns), list(columns.values()), vocabulary, layer.notes, layer.remarks
        )
    if metadata["crs"] and "Undefined" not in metadata["crs"]:
        reproject(layer, metadata["crs"], path)
    else:
        layer.is_without_crs = True
    if match := re.search(f"_({'|'.join(COORDINATE_SYSTEMS)})$", name):
        # Exports name the system in the layer's name: GCJ-02 has no CRS, and EPSG:4326 states nothing.
        layer.system = match[1]
    return layer


def _empty_layer(path: Path, name: str, columns: dict[str, Sequence[Cell]], wkb: NDArray[np.object_]) -> Layer:
    """A layer of these columns and shapes, whose CRS is not known yet."""
    if len(wkb) > MAX_ROWS:
        raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
    if len(columns) * len(wkb) > MAX_CELLS:
        raise TableError(path, [f"has {len(columns):,} columns in {len(wkb):,} features: too many"])
    prefix = f"layer {name} feature" if name else "feature"
    row_names = [f"{prefix} {number}" for number in range(1, len(wkb) + 1)]
    layer = Layer(name, row_names, columns, shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore")))
    unreadable = shapely.is_missing(layer.shapes) & (wkb != None)  # noqa: E711  (element by element)
    for row in np.flatnonzero(unreadable).tolist():
        layer.remarks.problems[row].append("its geometry cannot be read")
    return layer


def is_in_metres(shapes: GeometryArray) -> bool:
    """Whether most shapes have coordinates that are too large for degrees."""
    bounds = np.abs(shapely.bounds(shapes))
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    return bool(len(bounds) and np.median(bounds.max(axis=1)) > 1000)


def _cells(column: NDArray[np.generic]) -> list[Cell]:
    if column.dtype.kind == "M":
        return [None if np.isnat(cell) else cell.astype("datetime64[us]").item() for cell in column]
    if column.dtype.kind == "f":
        return [None if cell != cell else cell for cell in column.tolist()]
    return list(column.tolist())


def _parquet_layer(path: Path) -> Layer:
    """The layer of a GeoParquet file (OGC GeoParquet 1.0 and 1.1, or its earlier versions)."""
    import geopandas as gpd
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        primary = geo.get("primary_column") if isinstance(geo, dict) else None
        if not isinstance(primary, str):
            raise TableError(path, ["is a Parquet file without places (GeoParquet): save it as .csv or .xlsx"])
        if file.metadata.num_rows > MAX_ROWS:
            raise TableError(path, [f"has more than {MAX_ROWS:,} features; split it"])
        other_geometries = geo["columns"].keys()
        names = [name for name in file.schema_arrow.names if name not in other_geometries and name[:2] != "__"]
        table = file.read(columns=names, use_threads=False)
        columns: dict[str, Sequence[Cell]] = {
            name: [_plain(cell) for cell in table[name].to_pylist()] for name in names
        }
        frame = gpd.read_parquet(path, columns=[primary])
        layer = _empty_layer(path, "", columns, np.array(shapely.to_wkb(frame.geometry.to_numpy()), dtype=object))
        crs: Any = frame.crs
    except (ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(path, [_broken("parquet")]) from error
    if crs is None:
        layer.is_without_crs = True
    else:
        reproject(layer, crs, path)
    return layer


def _plain(cell: object) -> Cell:
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.replace(tzinfo=None)
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


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
