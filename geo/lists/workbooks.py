"""Workbooks (xlsx, xls) as sheets of cells, read by python-calamine.

A workbook is a zip that may unpack to anything, and one cell in the last row and column makes calamine allocate all
cells before it, or end the process. So the program reads workbooks under the limits of `geo.limited_process` only.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import cast

import python_calamine
from python_calamine import CalamineWorkbook

from geo.errors import TableError
from geo.lists.file_types import MAX_CELLS, MAX_ROWS, SAVE_AS_XLSX, FileType, open_zip
from geo.lists.sheets import Cell, Sheet, too_many_rows

_CellProblems = dict[tuple[int, int], str]
"""Why a cell has no value, by (row, column) counted from 0 at the top left of the sheet."""

# Possessive quantifiers: the file's author may want the search to take long.
_CELL_WITHOUT_VALUE = re.compile(
    rb"<c\b(?P<attributes>[^<>]*+)>\s*+(?P<formula><f\b[^<>]*+>(?:(?<=/>)|[^<]*+</f>))?+\s*+"
    rb"(?P<value><v\b[^<>]*+>(?:(?<=/>)|[^<]*+</v>))?+\s*+</c>"
)
_REFERENCE = re.compile(rb"""\br=["']([A-Z]+)(\d+)""")


def read(path: Path, file_type: FileType) -> list[Sheet]:
    """The sheets of an xlsx or xls file that hold anything, hidden ones too.

    Raises
    ------
    TableError
        The file is truncated or locked with a password, or has too many rows or cells.
    """
    problems = _cells_without_value(path) if file_type == "xlsx" else {}
    sheets: list[Sheet] = []
    try:
        # A stream, because calamine goes by the ending of a path.
        with path.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            for number, metadata in enumerate(book.sheets_metadata):
                if metadata.typ != python_calamine.SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_name(metadata.name)
                if sheet.start is None:
                    continue
                if sheet.height > MAX_ROWS:
                    raise too_many_rows(path)
                if sheet.height * sheet.width > MAX_CELLS:
                    raise TableError(
                        path,
                        [f"sheet {metadata.name} spans {sheet.width:,} columns and {sheet.height:,} rows: too many; "
                         "delete the cells far from the table"],
                    )  # fmt: skip
                top, left = sheet.start
                merged = [(a - top, b - left, c - top, d - left) for (a, b), (c, d) in sheet.merged_cell_ranges or []]
                unread = {(row - top, column - left): why for (row, column), why in problems.get(number, {}).items()}
                rows = cast(list[list[Cell]], sheet.to_python())
                sheets.append(Sheet(metadata.name, rows, top + 1, merged, unread))
    except TableError:
        raise
    except python_calamine.PasswordError as error:
        raise TableError(path, ["is locked with a password; save it without one"]) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise TableError(path, [f"is truncated or no workbook ({error}); {SAVE_AS_XLSX}"]) from error
    except BaseException as error:  # calamine's PanicException is not an Exception
        if type(error).__name__ != "PanicException":
            raise
        raise TableError(path, [f"is a broken workbook; {SAVE_AS_XLSX}"]) from error
    return sheets


def _cells_without_value(path: Path) -> dict[int, _CellProblems]:
    """By the number of the sheet, its cells that hold an error, or a formula whose value was not saved.

    calamine returns an empty cell for both, so they are looked for in the XML of the sheets.
    """
    with open_zip(path) as archive:
        try:
            names = archive.namelist()
            book = archive.read("xl/workbook.xml")
            relations_name = "xl/_rels/workbook.xml.rels"
            relations = archive.read(relations_name).decode("utf-8", "replace") if relations_name in names else ""
            by_name = {
                name: _problems_of_sheet(archive.read(name)) for name in names if name.startswith("xl/worksheets/")
            }
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise TableError(path, [f"is truncated, broken or encrypted ({error})"]) from error
    targets = {
        identity[1]: "xl/" + target[1].removeprefix("/xl/")
        for relation in re.findall(r"<Relationship\b[^>]*>", relations)
        if (identity := re.search(r"""\bId=["']([^"']+)""", relation))
        and (target := re.search(r"""\bTarget=["']([^"']+)""", relation))
    }
    identities = [identity.decode() for identity in re.findall(rb"""<sheet\b[^>]*?:id=["']([^"']+)""", book)]
    return {number: by_name.get(targets.get(identity, ""), {}) for number, identity in enumerate(identities)}


def _problems_of_sheet(content: bytes) -> _CellProblems:
    result: _CellProblems = {}
    if b"<f" not in content and b't="e"' not in content:
        return result
    for cell in _CELL_WITHOUT_VALUE.finditer(content):
        is_error = re.search(rb"""\bt=["']e["']""", cell["attributes"])
        value = re.sub(rb"<[^>]*>", b"", cell["value"] or b"")
        reference = _REFERENCE.search(cell["attributes"])
        if reference is None or not (is_error or (cell["formula"] and not value)):
            continue
        name = (reference[1] + reference[2]).decode()
        content_of_cell = f"the error {value.decode('utf-8', 'replace')}" if is_error else "a formula without its value"
        problem = f"cell {name} holds {content_of_cell}: save the file in Excel or WPS and look at it"
        result[int(reference[2]) - 1, _column_number(reference[1])] = problem
    return result


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
