"""Tables for spreadsheets, as CSV and xlsx, and text in their cells, which is a formula where it begins like one."""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from numbers import Real
from typing import Any, TypeVar
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

T = TypeVar("T")

MAX_CELL_LENGTH = 32_767
"""As many UTF-16 units a cell of xlsx holds."""

_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # ECMA-376, ST_Xstring
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# By any prefix: whatever else the process has loaded may have chosen another for Dublin Core.
_TIMES = re.compile(rb"<(\w+):(created|modified)[^>]*>[^<]*</\1:\2>")
_DAY_0 = date(1899, 12, 30)
_FIRST_DAY = date(1900, 3, 1)  # before it, xlsx counts a day that never was, and before 1900 it has none
_WIDTHS = range(8, 41)


def escape_formula(value: T) -> T | str:
    """``value`` so that no spreadsheet runs it: text that begins like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unescape_formula(value: T) -> T | str:
    """What `escape_formula` was given, by what it gave."""
    escaped_before = isinstance(value, str) and value.startswith("'") and _FORMULA.match(value)
    return value[1:] if isinstance(value, str) and escaped_before else value


def fits_in_cell(text: str) -> bool:
    """Whether a cell of xlsx holds ``text``."""
    return (
        len(_escaped(text).encode("utf-16-le", "surrogatepass")) // 2 <= MAX_CELL_LENGTH - 1
    )  # one for `escape_formula`


def as_csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Defused cells as CSV with a byte order mark, without which Excel takes it for GBK; None and NaN are empty."""
    content = io.StringIO(newline="")
    table = csv.writer(content, lineterminator="\n")
    table.writerow(map(escape_formula, heads))
    table.writerows([None if value != value else escape_formula(value) for value in row] for row in rows)
    return content.getvalue().encode("utf-8-sig")


def as_xlsx(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], as_text: Collection[str] = ()) -> bytes:
    """Defused cells as a workbook of one sheet: the heading stays in view, dates are dates, None and NaN are empty.

    What is typed into the columns ``as_text`` later stays text too, with the zeros that it begins with. Characters
    that XML cannot hold are left out.
    """
    frame = Workbook()
    sheet = frame.active
    sheet.title, sheet.freeze_panes = title, "A2"
    text, day = (_style(sheet, number_format) for number_format in ("@", "yyyy-mm-dd"))
    letters = [get_column_letter(number + 1) for number in range(len(heads))]
    for number, (letter, head) in enumerate(zip(letters, heads, strict=True)):
        sheet.column_dimensions[letter].width = _width(head, (row[number] for row in rows[:200]))
        if head in as_text:
            sheet.column_dimensions[letter].number_format = "@"
        sheet[f"{letter}1"].value = escape_formula(head)
        sheet[f"{letter}1"].font = Font(bold=True)
    styles = [text if head in as_text else 0 for head in heads]
    # openpyxl needs 30 µs a cell, in which a large register would take most of a minute.
    lines = (
        f'<row r="{number}">'
        + "".join(_cell(f"{at}{number}", one, style, day) for at, one, style in zip(letters, row, styles, strict=True))
        + "</row>"
        for number, row in enumerate(rows, start=2)
    )
    return _with_rows(frame, lines)


def _style(sheet: Any, number_format: str) -> int:
    cell = Cell(sheet)  # which stands nowhere in it
    cell.number_format = number_format
    return int(cell.style_id)


def _cell(at: str, value: Any, text: int, day: int) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, date) and value >= _FIRST_DAY:
        return f'<c r="{at}" s="{day}"><v>{(value - _DAY_0).days}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, Real):
        return f'<c r="{at}"><v>{value!s}</v></c>'
    words = escape(_escaped(_ILLEGAL.sub("", str(escape_formula(value)))))
    return f'<c r="{at}" s="{text}" t="inlineStr"><is><t xml:space="preserve">{words}</t></is></c>'


def _with_rows(book: Workbook, lines: Iterable[str]) -> bytes:
    """A workbook of one sheet with ``lines`` of XML after its rows."""
    bare, content = io.BytesIO(), io.BytesIO()
    book.save(bare)
    with ZipFile(bare) as parts, ZipFile(content, "w", ZIP_DEFLATED) as result:
        for name in parts.namelist():
            part = ZipInfo(name)  # which has no time: equal rows are an equal file
            part.compress_type = ZIP_DEFLATED
            whole = _TIMES.sub(b"", parts.read(name))
            before, end, after = whole.partition(b"</sheetData>")
            with result.open(part, "w") as file:
                file.write(before)
                for line in lines if end else ():
                    file.write(line.encode())
                file.write(end + after)
    return content.getvalue()


def _escaped(text: str) -> str:
    """``text`` such that _x0041_ is not read as A."""
    return _ESCAPED.sub("_x005F_", text) if "_x" in text else text


def _width(head: str, values: Iterable[Any]) -> int:
    widest = max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in str(one)[:40])
                 for one in (head, *values) if one is not None)  # fmt: skip
    return min(max(widest + 2, _WIDTHS[0]), _WIDTHS[-1])
