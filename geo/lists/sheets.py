"""A sheet: rows of cells with their row numbers, from a workbook or a text table."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from geo.errors import TableError
from geo.lists.file_types import MAX_ROWS

Cell: TypeAlias = object
"""What a file holds in one cell: text, a number, a date, a truth value, None; in GeoJSON lists and objects too."""


@dataclass
class Sheet:
    """Rows of cells.

    Attributes
    ----------
    first_row
        The row number that spreadsheets show for ``rows[0]``.
    first_column
        The column, counted from 0, that ``rows`` begin in.
    merged
        Merged cells as (top, left, bottom, right), inclusive, within ``rows``.
    unread
        Why a cell has no value in the file, by (row, column) within ``rows``.
    hidden_rows, hidden_columns
        Those that spreadsheets do not show, because of a filter or by hand, within ``rows``.
    is_hidden
        Whether spreadsheets do not show the sheet.
    is_text
        Whether the rows come from a text file, which has no types.
    number
        The number of the sheet in the workbook, from 0.
    """

    name: str
    rows: list[list[Cell]]
    first_row: int = 1
    first_column: int = 0
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    unread: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    is_hidden: bool = False
    is_text: bool = False
    number: int = 0


def too_many_rows(path: Path) -> TableError:
    """The error for a list of more than `MAX_ROWS` rows."""
    return TableError(path, [f"has more than {MAX_ROWS:,} rows; split it"])


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty or holds only spaces."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
