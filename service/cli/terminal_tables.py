"""Prints tables in the terminal; all commands that list something use it.

`service.cli.coverage_tables` makes the tables and spreadsheets of coverage.
"""

import os
import sys
from collections.abc import Sequence
from typing import IO

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

WIDTH = 160
"""Characters in a line of a table that is not shown in a terminal."""


def console(file: IO[str] | None = None) -> Console:
    """Make a console on ``file`` or standard output, as wide as the terminal, or `WIDTH` where there is none."""
    fits_terminal = (file is None and sys.stdout.isatty()) or "COLUMNS" in os.environ
    return Console(file=file, highlight=False, width=None if fits_terminal else WIDTH)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Table:
    """Make a terminal table.

    The columns whose numbers are in ``right`` are aligned right. Cells of the first column are never wrapped.
    """
    result = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        justify: JustifyMethod = "right" if number in right else "left"
        result.add_column(heading, justify=justify, no_wrap=number == 0, overflow="fold")
    for row in rows:
        result.add_row(*(Text(cell) for cell in row))  # rich would read [brackets] in a str as markup
    return result


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print a `table` to standard output."""
    console().print(table(headings, rows, right))
