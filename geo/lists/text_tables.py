"""Text tables (CSV and its kin) as rows of cells: their encoding and delimiter are recognised."""

import csv
import io
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import IO

from geo.errors import TableError
from geo.lists.file_types import MAX_CELLS, MAX_ROWS
from geo.lists.sheets import Cell, Sheet, too_many_rows

DELIMITERS = ",\t;，|"
MAX_CELL_LENGTH = 1_000_000


def decode(path: Path) -> tuple[str, str]:
    """The content of a text file and its encoding: the one its byte order mark names, else UTF-8, else GB18030.

    Raises
    ------
    TableError
        The text is in neither encoding.
    """
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
            line, position = content.count(b"\n", 0, error.start) + 1, error.start
    problem = "no UTF-16 text" if marked and "16" in marked else "neither UTF-8 nor GB18030 text"
    raise TableError(path, [f"line {line} is {problem} (byte {position}); save it as “CSV UTF-8”"])


def encoding_note(encoding: str) -> list[str]:
    """A note that a text was not read as UTF-8; else none."""
    return [] if encoding == "utf-8" else [f"its text was read as {encoding.upper()}"]


def read(path: Path, content: str, score: Callable[[list[list[Cell]]], int]) -> Sheet:
    """A text table as a sheet.

    The delimiter is the one with which ``score`` of the first rows is highest.

    Raises
    ------
    TableError
        A quotation mark is not closed, a cell is longer than `MAX_CELL_LENGTH`, or there are too many rows or cells.
    """
    csv.field_size_limit(MAX_CELL_LENGTH)
    delimiter = max(DELIMITERS, key=lambda delimiter: score(_first_rows(content, delimiter)))
    reader = csv.reader(_stream(content), delimiter=delimiter, strict=True)
    rows: list[list[Cell]] = []
    cells = 0
    try:
        for row in reader:
            rows.append(list[Cell](row))
            cells += len(row)
            if len(rows) > MAX_ROWS or cells > MAX_CELLS:
                break
    except csv.Error as error:
        raise TableError(path, [f"line {reader.line_num}: {error}; is a quotation mark missing?"]) from error
    if len(rows) > MAX_ROWS:
        raise too_many_rows(path)
    if cells > MAX_CELLS:
        raise TableError(path, [f"has more than {MAX_CELLS:,} cells; delete the empty columns, or split it"])
    return Sheet("", rows, is_text=True)


def _first_rows(content: str, delimiter: str) -> list[list[Cell]]:
    try:
        return [list[Cell](row) for row in islice(csv.reader(_stream(content[:100_000]), delimiter=delimiter), 25)]
    except csv.Error:
        return []


def _stream(content: str) -> IO[str]:
    # csv refuses NUL; other control characters are removed cell by cell later.
    return io.StringIO(content.replace("\0", " ") if "\0" in content else content, newline="")
