"""Tables out of files, told by what the file holds and not by what it is called: workbooks and text, as rows of cells.

Nothing is handed to a reader before it is known what it would take: a workbook is a zip that may unpack to anything,
and one cell in the last row and column makes a reader allot all cells before it.
"""

import csv
import io
import pickle
import re
import resource
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import python_calamine
from python_calamine import CalamineWorkbook

from geo.errors import TableError

MOST_ROWS = 1_000_000
MOST_BYTES = 300_000_000
MOST_UNPACKED = 600_000_000
MOST_CELLS = 30_000_000
MOST_TEXT = 2_000_000_000
MOST_MEMORY = 4 << 30
MOST_SECONDS = 120
ENDINGS = {
    "xlsx": (".xlsx", ".xlsm"),
    "xls": (".xls", ".et"),
    "csv": (".csv", ".tsv", ".txt"),
    "json": (".geojson", ".json"),
    "gpkg": (".gpkg",),
    "shp": (".shp",),
    "zip": (".zip",),
    "pbf": (".pbf",),
}
WORDS = {
    "xlsx": "an Excel workbook (xlsx)",
    "xls": "an old Excel workbook (xls)",
    "csv": "a text table (csv)",
    "json": "GeoJSON",
    "gpkg": "a GeoPackage",
    "shp": "a shapefile",
    "zip": "a zipped shapefile",
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
_AS_XLSX = "open it in Excel or WPS and save it as .xlsx"
# Written with both quotes by one program or another.
_FAR = re.compile(rb"""r=["'](?:([A-Z]{2,3})\d|[A-Z]\d{7})""")
_ROW = re.compile(rb"""r=["'][A-Z]+(\d+)""")
# Possessive throughout, as whoever wrote the file may want this to take long.
_UNREAD = re.compile(
    rb"<c\b(?P<attributes>[^<>]*+)>\s*+(?P<formula><f\b[^<>]*+>(?:(?<=/>)|[^<]*+</f>))?+\s*+"
    rb"(?P<value><v\b[^<>]*+>(?:(?<=/>)|[^<]*+</v>))?+\s*+</c>"
)
_REFERENCE = re.compile(rb"""\br=["']([A-Z]+)(\d+)""")


@dataclass
class Sheet:
    """Rows of cells. ``first_row``: how spreadsheets number ``rows[0]``; ``merged``: (top, left, bottom, right) within
    ``rows``; ``unread``: why the file has no value for the cell at (row, column) within ``rows``.
    """

    name: str
    rows: list[list[Any]]
    first_row: int = 1
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    unread: dict[tuple[int, int], str] = field(default_factory=dict)


def kind(path: Path) -> str:
    """What ``path`` holds, a key of `WORDS`; TableError if it is nothing that can be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        size = path.stat().st_size
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    if not head:
        raise TableError(path, ["is empty"])
    found = _kind(path, head)
    if found != "pbf" and size > MOST_BYTES:
        raise TableError(path, [f"has {size / 1e6:,.0f} MB; {MOST_BYTES / 1e6:,.0f} MB can be read: split it"])
    return found


def _kind(path: Path, head: bytes) -> str:
    for start, why in _REFUSED.items():
        if head.startswith(start):
            raise TableError(path, [why])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with _opened_zip(path) as archive:
            names = archive.namelist()
        if "xl/workbook.xml" in names:
            return "xlsx"
        if any(name.lower().endswith(".shp") for name in names):
            return "zip"
        raise TableError(path, ["is a zip that holds neither a workbook nor a shapefile; unpack it"])
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "xls"
    if head.startswith(b"SQLite format 3\0"):
        return "gpkg"
    if head.startswith(b"\0\0\x27\x0a"):
        return "shp"
    if b"OSMHeader" in head[:32]:
        return "pbf"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<?xml")):
        raise TableError(path, [f"is a web page or XML that only calls itself a table; {_AS_XLSX}"])
    return "json" if start.startswith((b"{", b"[")) else "csv"


# --- zips --------------------------------------------------------------------------------------------------------


def _opened_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise TableError(path, [f"is truncated or broken ({error}); copy it again"]) from error


def unpacked(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the ``wanted`` members of a zip, after all its members have been measured.

    Raises
    ------
    TableError
        It is broken or encrypted, or would unpack to more than `MOST_UNPACKED`.
    """
    bomb = TableError(path, [f"would unpack to more than {MOST_UNPACKED / 1e6:,.0f} MB: refused; save it as CSV"])
    with _opened_zip(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > MOST_UNPACKED:
            raise bomb
        left = MOST_UNPACKED
        for info in archive.infolist():
            info.file_size = MOST_UNPACKED + 1  # so that what it holds is measured, not what it says
            parts: list[bytes] = []
            keep = wanted(info.filename)
            try:
                with archive.open(info) as member:
                    while block := member.read(1 << 20):
                        left -= len(block)
                        if left < 0:
                            raise bomb
                        if keep:
                            parts.append(block)
            except TableError:
                raise
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
                raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
            if keep:
                yield info.filename, b"".join(parts)


# --- workbooks ---------------------------------------------------------------------------------------------------


def workbook(path: Path, kind: str) -> list[Sheet]:
    """The sheets of a file of the `kind` xlsx or xls that hold anything, hidden ones too.

    Raises
    ------
    TableError
        The file is truncated or locked with a password, would unpack to too much, or has too many rows.
    """
    return _sheets(path, _checked(path)) if kind == "xlsx" else _read_apart(path)


def _read_apart(path: Path) -> list[Sheet]:
    """The sheets of an xls file, read in a process of its own.

    What an xlsx would take is seen in its XML. Nobody can see that of an xls, and calamine ends the process when it
    asks for more memory than there is.
    """
    command = [
        sys.executable,
        "-c",
        "import sys; from geo.lists import tabular_files; tabular_files.hand_over(sys.argv[1])",
        str(path),
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=MOST_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise TableError(path, [f"is a broken workbook, or takes too much to read; {_AS_XLSX}"]) from error
    found: list[Sheet] | list[str] = pickle.loads(done.stdout)
    problems = [one for one in found if isinstance(one, str)]
    if problems:
        raise TableError(path, problems)
    return [one for one in found if isinstance(one, Sheet)]


def hand_over(path: str) -> None:
    """Writes the sheets of an xls file, or the texts of its problems, to standard output for `_read_apart`."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    found: list[Sheet] | list[str]
    try:
        found = _sheets(Path(path), {})
    except TableError as error:
        found = error.problems
    pickle.dump(found, sys.stdout.buffer)


def _sheets(path: Path, unread: dict[int, dict[tuple[int, int], str]]) -> list[Sheet]:
    found: list[Sheet] = []
    try:
        # A stream, since by path calamine goes by the ending.
        with path.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            for number, about in enumerate(book.sheets_metadata):
                if about.typ != python_calamine.SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_name(about.name)
                if sheet.start is None:
                    continue
                top, left = sheet.start
                if sheet.height > MOST_ROWS:
                    raise _too_long(path)
                merged = [(a - top, b - left, c - top, d - left) for (a, b), (c, d) in sheet.merged_cell_ranges or []]
                lacking = {(row - top, column - left): why for (row, column), why in unread.get(number, {}).items()}
                found.append(Sheet(about.name, sheet.to_python(), top + 1, merged, lacking))
    except python_calamine.PasswordError as error:
        raise TableError(path, ["is locked with a password; save it without one"]) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(path, [f"is truncated or no workbook ({error}); {_AS_XLSX}"]) from error
    except BaseException as error:  # a panic of calamine's is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise TableError(path, [f"is a broken workbook; {_AS_XLSX}"]) from error
    return found


def _too_long(path: Path) -> TableError:
    return TableError(path, [f"has more than {MOST_ROWS:,} rows; split it"])


def _checked(path: Path) -> dict[int, dict[tuple[int, int], str]]:
    """Of each sheet by number, the cells that hold a formula without a value, or an error; and why.

    TableError if reading the workbook would take too much.
    """
    sheets: dict[str, bytes] = {}
    longest = 0
    order: list[str] = []
    for name, content in unpacked(path, lambda name: name.startswith("xl/") and name.endswith((".xml", ".rels"))):
        if name == "xl/sharedStrings.xml":
            longest = max(map(len, content.split(b"</si>")))
        elif name == "xl/workbook.xml":
            order = [found.decode() for found in re.findall(rb"""<sheet\b[^>]*?:id=["']([^"']+)""", content)]
        elif name == "xl/_rels/workbook.xml.rels":
            sheets[""] = content
        elif name.startswith("xl/worksheets/"):
            sheets[name] = content
    relations = sheets.pop("", b"").decode("utf-8", "replace")
    targets = {
        identity[1]: "xl/" + target[1].removeprefix("/xl/")
        for relation in re.findall(r"<Relationship\b[^>]*>", relations)
        if (identity := re.search(r"""\bId=["']([^"']+)""", relation))
        and (target := re.search(r"""\bTarget=["']([^"']+)""", relation))
    }
    shared = 0
    found: dict[str, dict[tuple[int, int], str]] = {}
    for name, content in sheets.items():
        if far := set(_FAR.findall(content)):
            tallest = max(map(int, _ROW.findall(content)))
            if tallest > MOST_ROWS:
                raise _too_long(path)
            columns = max(map(_column, far)) + 1
            if columns * tallest > MOST_CELLS:
                raise TableError(path, [f"{name} spans {columns:,} columns and too many rows; delete the far cells"])
        shared += content.count(b't="s"') + content.count(b"t='s'")
        found[name] = _unread(content) if b"<f" in content or b't="e"' in content else {}
    if longest * shared > MOST_TEXT:
        raise TableError(path, [f"would unpack to more than {MOST_TEXT / 1e6:,.0f} MB of text: refused"])
    return {number: found.get(targets.get(identity, ""), {}) for number, identity in enumerate(order)}


def _unread(content: bytes) -> dict[tuple[int, int], str]:
    result = {}
    for cell in _UNREAD.finditer(content):
        failed = re.search(rb"""\bt=["']e["']""", cell["attributes"])
        value = re.sub(rb"<[^>]*>", b"", cell["value"] or b"")
        at = _REFERENCE.search(cell["attributes"])
        if at is None or not (failed or (cell["formula"] and not value)):
            continue
        name = (at[1] + at[2]).decode()
        why = f"holds the error {value.decode('utf-8', 'replace')}" if failed else "holds a formula without its value"
        result[int(at[2]) - 1, _column(at[1])] = f"cell {name} {why}: save the file in Excel or WPS and look at it"
    return result


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# --- text --------------------------------------------------------------------------------------------------------


def text(path: Path) -> tuple[str, str]:
    """A text file's content and its encoding: by its mark, else UTF-8, else GB18030; TableError if it is neither."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    marks = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
    marked = next((encoding for mark, encoding in marks if content.startswith(mark)), None)
    if marked is None and content[:400].count(0) > len(content[:400]) // 4:
        marked = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    for encoding in (marked,) if marked else ("utf-8", "gb18030"):
        try:
            return content.decode(encoding), encoding.removesuffix("-sig")
        except UnicodeDecodeError as error:
            line, last = content.count(b"\n", 0, error.start) + 1, error
    what = "no UTF-16 text" if marked and "16" in marked else "neither UTF-8 nor GB18030 text"
    raise TableError(path, [f"line {line} is {what} (byte {last.start}); save it as “CSV UTF-8”"])


def table(path: Path, content: str, score: Callable[[list[list[Any]]], int]) -> Sheet:
    """A text table as a sheet, by the delimiter with which ``score`` of its first rows is highest.

    Raises
    ------
    TableError
        A quotation mark is not closed, a cell is longer than a million characters, or there are too many rows.
    """
    csv.field_size_limit(1_000_000)
    best = max(",\t;，|", key=lambda delimiter: score(_first_rows(content, delimiter)))
    reader = csv.reader(_stream(content), delimiter=best, strict=True)
    rows: list[list[Any]] = []
    cells = 0
    try:
        for row in reader:
            rows.append(row)
            cells += len(row)
            if len(rows) > MOST_ROWS or cells > MOST_CELLS:
                break
    except csv.Error as error:
        raise TableError(path, [f"line {reader.line_num}: {error}; is a quotation mark missing?"]) from error
    if len(rows) > MOST_ROWS:
        raise _too_long(path)
    if cells > MOST_CELLS:
        raise TableError(path, [f"has more than {MOST_CELLS:,} cells; delete the empty columns, or split it"])
    return Sheet("", rows)


def _first_rows(content: str, delimiter: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    try:
        rows.extend(islice(csv.reader(_stream(content[:100_000]), delimiter=delimiter), 25))
    except csv.Error:
        return []
    return rows


def _stream(content: str) -> IO[str]:
    # A NUL is no text; what else is no text is taken out with each cell.
    return io.StringIO(content.replace("\0", " ") if "\0" in content else content, newline="")
