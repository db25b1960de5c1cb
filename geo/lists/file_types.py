"""What type a list's file is, judged by its first bytes, and how large a list may be.

Offices rename CSV files to .xls and save web pages as .xls, so the name of a file says little. `geo.lists.list_tables`
and `geo.sources.facility_lists` choose their reader by `detect`.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from geo.errors import TableError

Workbook: TypeAlias = Literal["xlsx", "xls", "xlsb", "ods"]
FileType: TypeAlias = Workbook | Literal["csv", "json", "gpkg", "shp", "zip", "kml", "kmz", "fgb", "parquet", "pbf"]
WORKBOOKS: tuple[Workbook, ...] = get_args(Workbook)

MAX_ROWS = 1_000_000
MAX_CELLS = 30_000_000
MAX_FILE_BYTES = 300_000_000
MAX_UNPACKED_BYTES = 600_000_000
SAVE_AS_XLSX = "open it in Excel or WPS and save it as .xlsx"

ENDINGS: dict[FileType, tuple[str, ...]] = {
    "xlsx": (".xlsx", ".xlsm"),
    "xls": (".xls", ".et"),
    "xlsb": (".xlsb",),
    "ods": (".ods", ".ots"),
    "csv": (".csv", ".tsv", ".txt"),
    "json": (".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".jsonl", ".ndgeojson"),
    "gpkg": (".gpkg",),
    "shp": (".shp",),
    "zip": (".zip",),
    "kml": (".kml",),
    "kmz": (".kmz",),
    "fgb": (".fgb",),
    "parquet": (".parquet", ".geoparquet"),
    "pbf": (".pbf",),
}
DESCRIPTIONS: dict[FileType, str] = {
    "xlsx": "an Excel workbook (xlsx)",
    "xls": "an old Excel workbook (xls)",
    "xlsb": "a binary Excel workbook (xlsb)",
    "ods": "an OpenDocument spreadsheet (ods)",
    "csv": "a text table (csv)",
    "json": "GeoJSON",
    "gpkg": "a GeoPackage",
    "shp": "a shapefile",
    "zip": "a zipped shapefile",
    "kml": "KML",
    "kmz": "KMZ",
    "fgb": "FlatGeobuf",
    "parquet": "GeoParquet",
    "pbf": "an OpenStreetMap extract",
}
_REFUSED = {
    b"%PDF": "is a PDF; give the table it was printed from",
    b"\x89PNG": "is a picture; give a table",
    b"\xff\xd8\xff": "is a picture; give a table",
    b"Rar!": "is a RAR archive; unpack it",
    b"7z\xbc\xaf": "is a 7z archive; unpack it",
    b"\x1f\x8b": "is a gzip archive; unpack it",
}


_STARTS: dict[bytes, FileType] = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "xls",
    b"SQLite format 3\0": "gpkg",
    b"\0\0\x27\x0a": "shp",
    b"fgb\x03fgb": "fgb",
    b"PAR1": "parquet",
}
_KML = re.compile(rb"<(?:\w+:)?kml[\s>]", re.IGNORECASE)


def detect(path: Path) -> FileType:
    """The type of the file ``path``.

    Raises
    ------
    TableError
        The file cannot be opened, is empty, is of no type that can be read, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        size = path.stat().st_size
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    if not head:
        raise TableError(path, ["is empty"])
    file_type = _by_first_bytes(path, head)
    if file_type != "pbf" and size > MAX_FILE_BYTES:
        raise TableError(path, [f"has {size / 1e6:,.0f} MB; {MAX_FILE_BYTES / 1e6:,.0f} MB can be read: split it"])
    return file_type


def _by_first_bytes(path: Path, head: bytes) -> FileType:
    for start, problem in _REFUSED.items():
        if head.startswith(start):
            raise TableError(path, [problem])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _by_members(path)
    for start, file_type in _STARTS.items():
        if head.startswith(start):
            return file_type
    if b"OSMHeader" in head[:32]:
        return "pbf"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and _KML.search(head):
        return "kml"
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<?xml")):
        raise TableError(path, [f"is a web page or XML that only calls itself a table; {SAVE_AS_XLSX}"])
    return "json" if start.startswith((b"{", b"[", b"\x1e")) else "csv"


def _by_members(path: Path) -> FileType:
    """The type of a zip, judged by what it holds."""
    with open_zip(path) as archive:
        names = archive.namelist()
        mimetype = b""
        if "mimetype" in names:
            try:
                with archive.open("mimetype") as member:
                    mimetype = member.read(200)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
                raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "xlsb"
    if b"opendocument.spreadsheet" in mimetype:
        return "ods"
    if any(name.lower().endswith(".shp") for name in names):
        return "zip"
    if any(name.lower().endswith(".kml") for name in names):
        return "kmz"
    raise TableError(path, ["is a zip that holds neither a workbook nor a shapefile; unpack it"])


def naming_note(path: Path, file_type: FileType) -> list[str]:
    """A note where a file's name does not fit its type; else none."""
    if path.suffix.lower() in ENDINGS[file_type]:
        return []
    name = f"is called {path.suffix}" if path.suffix else "has a name without ending"
    return [f"{name} but is {DESCRIPTIONS[file_type]}: read as that"]


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip archive; TableError if it is truncated or broken."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise TableError(path, [f"is truncated or broken ({error}); copy it again"]) from error
