"""Tables as CSV and xlsx for spreadsheets, with text in their cells that no spreadsheet takes for a formula."""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from numbers import Real
from typing import TypeVar

import xlsxwriter

T = TypeVar("T")

MAX_CELL_LENGTH = 32_767
"""How many UTF-16 units a cell of xlsx can hold."""

_ERROR_VALUE = re.compile(
    r"'*(?:#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|名称\?)|Err:\d{3})\s*"
)
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_QUOTED = re.compile(r'="((?:[^"]|"")*)"')
_ESCAPE_LIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # written as _x005F_ (ECMA-376, ST_Xstring)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Before March 1900 xlsx counts a 29 February that never was, and before 1900 it has no dates.
_FIRST_DATE = date(1900, 3, 1)
# In the file's properties; any fixed time, so that equal rows give an equal file.
_CREATED = datetime(2000, 1, 1)
_MIN_WIDTH, _MAX_WIDTH = 8, 40


def escape_formula(value: T) -> T | str:
    """``value``, with an apostrophe before text that begins like a formula, so that no spreadsheet runs it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unescape_formula(value: T) -> T | str:
    """The value that `escape_formula` was given, from what it returned."""
    was_escaped = isinstance(value, str) and value.startswith("'") and _FORMULA.match(value)
    return value[1:] if isinstance(value, str) and was_escaped else value


def _escape_in_text(value: T) -> T | str:
    """As `escape_formula`, for a text file, in which a text such as #N/A would be taken for an error."""
    return f"'{value}" if isinstance(value, str) and _ERROR_VALUE.fullmatch(value) else escape_formula(value)


def plain_cell(text: str, in_text_file: bool) -> str:
    """The text of a cell without what keeps spreadsheets from changing it: an apostrophe, or quotes as in ="0579"."""
    if match := _QUOTED.fullmatch(text):
        return match[1].replace('""', '"')
    if in_text_file and text.startswith("'") and _ERROR_VALUE.fullmatch(text):
        return text[1:]
    return str(unescape_formula(text))


def error_value(cell: object) -> str | None:
    """The error that a cell of a text file holds, such as #N/A; None if it holds none."""
    is_error = isinstance(cell, str) and cell[:1] in ("#", "E") and _ERROR_VALUE.fullmatch(cell)
    return str(cell).strip() if is_error else None


def fits_in_cell(text: str) -> bool:
    """Whether a cell of xlsx can hold ``text``."""
    written = _ESCAPE_LIKE.sub("_x005F_", text) if "_x" in text else text
    # `escape_formula` may add one character.
    return len(written.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_CELL_LENGTH - 1


def as_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV, its formulas escaped; None and NaN are empty cells.

    It begins with a byte order mark: without it Excel would read the text as GBK.
    """
    content = io.StringIO(newline="")
    table = csv.writer(content, lineterminator="\n")
    table.writerow(map(_escape_in_text, headings))
    table.writerows([None if cell != cell else _escape_in_text(cell) for cell in row] for row in rows)
    return content.getvalue().encode("utf-8-sig")


def as_xlsx(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], text_columns: Collection[str] = ()
) -> bytes:
    """A table as a workbook of one sheet, its formulas escaped; None and NaN are empty cells.

    The heading stays in view and dates are dates. The columns with the headings ``text_columns`` are formatted as
    text, so that a number that somebody types there keeps its leading zeros. Characters that XML cannot hold are left
    out. Equal rows give an equal file.
    """
    content = io.BytesIO()
    # Rows are written as they come, with their texts in the cells, which takes less time and memory.
    with xlsxwriter.Workbook(content, {"constant_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        as_text, as_date, bold = (
            book.add_format({"num_format": "@"}),
            book.add_format({"num_format": "yyyy-mm-dd"}),
            book.add_format({"bold": True}),
        )
        sheet = book.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        formats = [as_text if heading in text_columns else None for heading in headings]
        for column, heading in enumerate(headings):
            width = _width(heading, (row[column] for row in rows[:200]))
            sheet.set_column(column, column, width, formats[column])
            sheet.write_string(0, column, _text(heading), bold)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if cell is None or cell != cell:
                    continue
                if isinstance(cell, str):
                    sheet.write_string(number, column, _text(cell), formats[column])
                elif isinstance(cell, bool):
                    sheet.write_boolean(number, column, cell)
                elif isinstance(cell, Real):
                    sheet.write_number(number, column, cell)
                elif isinstance(cell, date) and cell >= _FIRST_DATE:
                    sheet.write_datetime(number, column, cell, as_date)
                else:
                    sheet.write_string(number, column, _text(str(cell)), formats[column])
    return content.getvalue()


def _text(value: str) -> str:
    text = _NOT_IN_XML.sub("", escape_formula(value))
    # XlsxWriter would write such a text as XML; readers strip the space.
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text


def _width(heading: str, cells: Iterable[object]) -> int:
    texts = (str(cell)[:_MAX_WIDTH] for cell in (heading, *cells) if cell is not None)
    widest = max(sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text) for text in texts)
    return min(max(widest + 2, _MIN_WIDTH), _MAX_WIDTH)
