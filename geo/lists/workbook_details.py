"""What a workbook says of its cells beside their values: errors, formulas without a value, hidden rows and columns.

python-calamine returns an empty cell for an error, and does not say what is hidden. Each format keeps this in its own
way: xlsx and ods as XML, xlsb as records (MS-XLSB), xls as records that xlrd reads.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from geo.errors import TableError
from geo.lists.file_types import MAX_ROWS, Workbook, open_zip


@dataclass
class SheetDetails:
    """Rows and columns are counted from 0 at the top left of the sheet.

    Attributes
    ----------
    cells
        Why a cell has no value, by (row, column).
    """

    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)


def read(path: Path, file_type: Workbook) -> dict[int, SheetDetails] | None:
    """The details of each sheet, by its number in the workbook; None if they cannot be read.

    Raises
    ------
    TableError
        The zip is truncated, broken or encrypted.
    """
    if file_type == "xls":
        return _of_xls(path)
    with open_zip(path) as archive:
        try:
            return {"xlsx": _of_xlsx, "xlsb": _of_xlsb, "ods": _of_ods}[file_type](archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
        except (ElementTree.ParseError, KeyError, IndexError):
            return None


def cell_name(row: int, column: int) -> str:
    """The name of a cell as spreadsheets show it, such as C5."""
    return f"{column_letters(column)}{row + 1}"


def column_letters(column: int) -> str:
    """The letters of a column that is counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _problem(row: int, column: int, content: str) -> str:
    return f"cell {cell_name(row, column)} holds {content}: save the file in Excel or WPS and look at it"


def _error(text: str) -> str:
    return f"the error {text}".rstrip()


_NO_VALUE = "a formula without its value"


# --- xlsx --------------------------------------------------------------------------------------------------------

# Possessive quantifiers: the file's author may want the search to take long.
_CELL_WITHOUT_VALUE = re.compile(
    rb"<c\b(?P<attributes>[^<>]*+)>\s*+(?P<formula><f\b[^<>]*+>(?:(?<=/>)|[^<]*+</f>))?+\s*+"
    rb"(?P<value><v\b[^<>]*+>(?:(?<=/>)|[^<]*+</v>))?+\s*+</c>"
)
_REFERENCE = re.compile(rb"""\br=["']([A-Z]+)(\d+)""")
_ROW = re.compile(rb"<row\b([^<>]*+)>")
_COLUMNS = re.compile(rb"<col\b([^<>]*+)>")
_IS_HIDDEN = re.compile(rb"""\bhidden=["'](?:1|true)|\b(?:ht|width)=["']0(?:\.0*)?["']""")
_LAST_COLUMN = 16_384


def _of_xlsx(archive: zipfile.ZipFile) -> dict[int, SheetDetails]:
    names = archive.namelist()
    book = archive.read("xl/workbook.xml")
    targets = _targets(archive, "xl/_rels/workbook.xml.rels")
    by_name = {name: _of_sheet_xml(archive.read(name)) for name in names if name.startswith("xl/worksheets/")}
    identities = [identity.decode() for identity in re.findall(rb"""<sheet\b[^>]*?:id=["']([^"']+)""", book)]
    return {
        number: by_name.get(targets.get(identity, ""), SheetDetails()) for number, identity in enumerate(identities)
    }


def _targets(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    """The member of the archive that each relation of a workbook names, by the relation's id."""
    relations = archive.read(name).decode("utf-8", "replace") if name in archive.namelist() else ""
    return {
        identity[1]: "xl/" + target[1].removeprefix("/xl/")
        for relation in re.findall(r"<Relationship\b[^>]*>", relations)
        if (identity := re.search(r"""\bId=["']([^"']+)""", relation))
        and (target := re.search(r"""\bTarget=["']([^"']+)""", relation))
    }


def _of_sheet_xml(content: bytes) -> SheetDetails:
    details = SheetDetails()
    if b"<f" in content or b't="e"' in content:
        for cell in _CELL_WITHOUT_VALUE.finditer(content):
            is_error = re.search(rb"""\bt=["']e["']""", cell["attributes"])
            value = re.sub(rb"<[^>]*>", b"", cell["value"] or b"")
            reference = _REFERENCE.search(cell["attributes"])
            if reference is None or not (is_error or (cell["formula"] and not value)):
                continue
            row, column = int(reference[2]) - 1, _column_number(reference[1])
            words = _error(value.decode("utf-8", "replace")) if is_error else _NO_VALUE
            details.cells[row, column] = _problem(row, column, words)
    if b"hidden=" in content or b'="0' in content:
        row = -1
        for match in _ROW.finditer(content):
            number = re.search(rb"""\br=["'](\d+)""", match[1])
            row = int(number[1]) - 1 if number else row + 1
            if _IS_HIDDEN.search(match[1]):
                details.hidden_rows.add(row)
        for match in _COLUMNS.finditer(content):
            ends = [re.search(rb"""\b%s=["'](\d+)""" % end, match[1]) for end in (b"min", b"max")]
            if ends[0] and ends[1] and _IS_HIDDEN.search(match[1]):
                details.hidden_columns |= {*range(int(ends[0][1]) - 1, min(int(ends[1][1]), _LAST_COLUMN))}
    return details


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# --- ods ---------------------------------------------------------------------------------------------------------

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_VALUE_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"
_HIDDEN_IN_ODS = ("collapse", "filter")
_GROUPS_IN_ODS = (f"{_TABLE}table-row-group", f"{_TABLE}table-column-group")  # hidden whole where folded away


def _of_ods(archive: zipfile.ZipFile) -> dict[int, SheetDetails]:
    result: dict[int, SheetDetails] = {}
    details, row, column = SheetDetails(), 0, 0
    hidden_from: list[tuple[int, int] | None] = []  # where each open group begins; None if it is shown
    with archive.open("content.xml") as content:
        for event, element in ElementTree.iterparse(content, ("start", "end")):
            if event == "start":
                if element.tag == f"{_TABLE}table":
                    details, row, column = SheetDetails(), 0, 0
                    result[len(result)] = details
                elif element.tag == f"{_TABLE}table-row":
                    column = 0
                elif element.tag in _GROUPS_IN_ODS:
                    hidden_from.append((row, column) if element.get(f"{_TABLE}display") == "false" else None)
                continue
            if element.tag in _GROUPS_IN_ODS:
                first = hidden_from.pop()
                if first is not None and element.tag == _GROUPS_IN_ODS[0]:
                    details.hidden_rows |= {*range(first[0], min(row, MAX_ROWS))}
                elif first is not None:
                    details.hidden_columns |= {*range(first[1], min(column, _LAST_COLUMN))}
            if element.tag == f"{_TABLE}table-column":
                column = _ods_span(element, "columns", column, _LAST_COLUMN, details.hidden_columns)
            elif element.tag == f"{_TABLE}table-row":
                row = _ods_span(element, "rows", row, MAX_ROWS, details.hidden_rows)
                element.clear()
            elif element.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                if element.get(_VALUE_TYPE) == "error":
                    details.cells[row, column] = _problem(row, column, _error(element.findtext(_TEXT) or ""))
                column += _ods_count(element, "columns", _LAST_COLUMN)
    return result


def _ods_count(element: ElementTree.Element, what: str, maximum: int) -> int:
    return min(max(int(element.get(f"{_TABLE}number-{what}-repeated", "1")), 1), maximum)


def _ods_span(element: ElementTree.Element, what: str, first: int, maximum: int, hidden: set[int]) -> int:
    """The number after the rows or columns that an element stands for, which are added to ``hidden`` if they are so."""
    after = first + _ods_count(element, what, maximum)
    if element.get(f"{_TABLE}visibility") in _HIDDEN_IN_ODS:
        hidden |= {*range(first, min(after, maximum))}
    return after


# --- xlsb --------------------------------------------------------------------------------------------------------

_ROW_HEADER, _CELL_ERROR, _FORMULA_ERROR, _COLUMN_INFO, _BUNDLE_SHEET = 0, 3, 11, 60, 156
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


def _of_xlsb(archive: zipfile.ZipFile) -> dict[int, SheetDetails]:
    targets = _targets(archive, "xl/_rels/workbook.bin.rels")
    result: dict[int, SheetDetails] = {}
    for number, content in _records(archive.read("xl/workbook.bin")):
        if number == _BUNDLE_SHEET:
            length = int.from_bytes(content[8:12], "little")
            identity = content[12 : 12 + 2 * length].decode("utf-16-le", "replace")
            name = targets.get(identity, "")
            has_cells = name.startswith("xl/worksheets/") and name in archive.namelist()
            result[len(result)] = _of_sheet_records(archive.read(name)) if has_cells else SheetDetails()
    return result


def _of_sheet_records(content: bytes) -> SheetDetails:
    details, row = SheetDetails(), 0
    for number, record in _records(content):
        if number == _ROW_HEADER:
            row = int.from_bytes(record[:4], "little")
            if record[11] & 0x10:
                details.hidden_rows.add(row)
        elif number == _COLUMN_INFO and record[16] & 1:
            first, last = (int.from_bytes(record[at : at + 4], "little") for at in (0, 4))
            details.hidden_columns |= {*range(first, min(last + 1, _LAST_COLUMN))}
        elif number in (_CELL_ERROR, _FORMULA_ERROR):
            column = int.from_bytes(record[:4], "little")
            details.cells[row, column] = _problem(row, column, _error(_ERRORS.get(record[8], "")))
    return details


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, content) of the records of a binary part; both numbers have seven bits a byte (MS-XLSB 2.1.4)."""
    at = 0
    while at < len(content):
        number = content[at]
        at += 1
        if number & 0x80:
            number = (number & 0x7F) | (content[at] << 7)
            at += 1
        size = shift = 0
        while True:
            byte = content[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift == 28:
                break
        yield number, content[at : at + size]
        at += size


# --- xls ---------------------------------------------------------------------------------------------------------


def _of_xls(path: Path) -> dict[int, SheetDetails] | None:
    import xlrd  # in this process with limits only, and for few files

    try:
        with (
            Path(os.devnull).open("w") as silent,
            xlrd.open_workbook(path, logfile=silent, formatting_info=True) as book,
        ):
            return {number: _of_xlrd(sheet) for number, sheet in enumerate(book.sheets())}
    except Exception:  # xlrd raises errors of every type on broken files, and calamine reads more files than xlrd
        return None


def _of_xlrd(sheet: Any) -> SheetDetails:
    import xlrd

    details = SheetDetails()
    details.hidden_rows = {row for row, info in sheet.rowinfo_map.items() if info.hidden}
    details.hidden_columns = {column for column, info in sheet.colinfo_map.items() if info.hidden}
    for row in range(sheet.nrows):
        for column, cell_type in enumerate(sheet.row_types(row)):
            if cell_type == xlrd.XL_CELL_ERROR:
                text = xlrd.error_text_from_code.get(sheet.cell_value(row, column), "")
                details.cells[row, column] = _problem(row, column, _error(text))
    return details
