"""Workbooks (xlsx, xlsb, xls, ods) as sheets of cells, read by python-calamine.

A workbook is a zip that may unpack to anything, and one cell in the last row and column makes calamine allocate all
cells before it, or end the process. So the program reads workbooks under the limits of `geo.limited_process` only.
"""

from pathlib import Path
from typing import cast

import python_calamine
from python_calamine import CalamineWorkbook

from geo.errors import TableError
from geo.lists import workbook_details
from geo.lists.file_types import MAX_CELLS, MAX_ROWS, SAVE_AS_XLSX, Workbook
from geo.lists.sheets import Cell, Sheet, too_many_rows
from geo.lists.workbook_details import SheetDetails

_LOCKED = "is locked with a password; save it without one"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream that holds an encrypted xlsx or xlsb, which is a file of the type of xls (MS-OFFCRYPTO 2.3.4)."""


def read(path: Path, file_type: Workbook, notes: list[str]) -> list[Sheet]:
    """The sheets of a workbook that hold anything, hidden ones too.

    Raises
    ------
    TableError
        The file is truncated or locked with a password, or has too many rows or cells.
    """
    if file_type == "xls" and _ENCRYPTED_PACKAGE in path.read_bytes():
        raise TableError(path, [_LOCKED])
    sheets: list[Sheet] = []
    details: dict[int, SheetDetails] | None = None if file_type == "xls" else workbook_details.read(path, file_type)
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
                rows = cast(list[list[Cell]], sheet.to_python())
                is_hidden = metadata.visible != python_calamine.SheetVisibleEnum.Visible
                sheets.append(Sheet(metadata.name, rows, top + 1, left, merged, is_hidden=is_hidden, number=number))
    except TableError:
        raise
    except python_calamine.PasswordError as error:
        raise TableError(path, [_LOCKED]) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise TableError(path, [f"is truncated or no workbook ({error}); {SAVE_AS_XLSX}"]) from error
    except BaseException as error:  # calamine's PanicException is not an Exception
        if type(error).__name__ != "PanicException":
            raise
        raise TableError(path, [f"is a broken workbook; {SAVE_AS_XLSX}"]) from error
    if file_type == "xls":
        details = workbook_details.read(path, file_type)  # after calamine, which is quicker to refuse a broken file
    if details is None:
        notes.append(f"it cannot be told which of its rows are hidden and which cells hold errors; {SAVE_AS_XLSX}")
    for made in sheets:
        _add_details(made, (details or {}).get(made.number, SheetDetails()))
    return sheets


def _add_details(sheet: Sheet, details: SheetDetails) -> None:
    top, left = sheet.first_row - 1, sheet.first_column
    sheet.unread = {(row - top, column - left): why for (row, column), why in details.cells.items()}
    sheet.hidden_rows = {row - top for row in details.hidden_rows}
    sheet.hidden_columns = {column - left for column in details.hidden_columns}
