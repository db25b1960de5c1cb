"""Columns of a sheet that need a second look: those without a heading, hidden ones, and cells that hold errors."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from geo.lists import headings, option_hints
from geo.lists.headings import Vocabulary
from geo.lists.remarks import Remarks
from geo.lists.sheets import Cell, Sheet, is_blank
from geo.lists.spreadsheets import error_value
from geo.lists.workbook_details import column_letters

_PARTS_OF_AXIS = {"lon": ("经度分", "经度秒"), "lat": ("纬度分", "纬度秒")}
_UNITS = (("分", "′", "'", "minutes", "min"), ("秒", "″", '"', "seconds", "sec"))
_MARKS = " °度′'分″\"秒"


def placeholder(sheet: Sheet, column: int) -> str:
    """What a column without a heading is called, such as “column C”."""
    return f"column {column_letters(sheet.first_column + column)}"


def named_by_user(sheet: Sheet, names: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The names of the columns; one without a heading gets its placeholder if the user says what it is."""
    placeholders = (placeholder(sheet, column) for column in range(len(names)))
    return [
        name or (letters if letters in vocabulary.mapping else "")
        for name, letters in zip(names, placeholders, strict=True)
    ]


def with_minutes(
    sheet: Sheet, heading_row: int, names: Sequence[str], vocabulary: Vocabulary, note: Callable[[str], None]
) -> list[str]:
    """The names of the columns; those of minutes and seconds beside a column of whole degrees get headings that say so.

    Such columns have no heading, 分 and 秒, or that of the degrees repeated, where one merged cell is above all three.
    """
    result = list(names)
    for column, name in enumerate(names):
        parts = _PARTS_OF_AXIS.get(vocabulary.field_of(name) or "")
        if parts is None or name in vocabulary.mapping:
            continue
        beside = []
        for number, part in enumerate(parts, start=1):
            following = names[column + number] if column + number < len(names) else None
            unit = re.sub(r" \(\d+\)$", "", following or "")
            if (following not in ("", f"{name} ({number + 1})") and unit not in _UNITS[number - 1]) or part in names:
                break
            if not _holds_numbers(sheet, heading_row, column + number, 60, whole=False):
                break
            beside.append(column + number)
        if beside and _holds_numbers(sheet, heading_row, column, 180.5, whole=True):
            for position, part in zip(beside, parts, strict=False):
                result[position] = part
            letters = " and ".join(placeholder(sheet, position) for position in beside)
            what = "minutes" if len(beside) == 1 else "minutes and seconds"
            note(f"{letters} beside the whole degrees of {name} were read as {what}")
    return result


def _holds_numbers(sheet: Sheet, heading_row: int, column: int, below: float, whole: bool) -> bool:
    """Whether a column holds numbers from 0 to ``below`` and nothing else."""
    count = 0
    for row in sheet.rows[heading_row + 1 :]:
        if column >= len(row) or is_blank(row[column]):
            continue
        text = unicodedata.normalize("NFKC", str(row[column])).strip(_MARKS)
        if not re.fullmatch(r"\d{1,3}(?:\.\d+)?", text) or not 0 <= float(text) < below or (whole and float(text) % 1):
            return False
        count += 1
    return count > 0


def remarks(sheet: Sheet, names: Sequence[str], width: int, rows: Sequence[int]) -> Iterator[str]:
    """What is to be said of the columns: those that are not read because they have no heading, and hidden ones."""
    for column in range(width):
        if column < len(names) and names[column]:
            if column in sheet.hidden_columns:
                yield f"{placeholder(sheet, column)} ({names[column]}) is hidden; it is read like the others"
            continue
        filled = [
            cells[column] for row in rows if column < len(cells := sheet.rows[row]) and not is_blank(cells[column])
        ]
        if filled:
            name, example = placeholder(sheet, column), str(filled[0]).strip()[:30]
            hint = option_hints.column(name, "address").replace(f"{name}=", f"{name!r}=", 1)
            yield (
                f"{name} has no heading and is not read: {len(filled):,} of {len(rows):,} rows fill it, such as "
                f"{example!r}; give it a heading, or {hint} or whatever it is"
            )


def report_errors(names: Sequence[str], fields: Sequence[str], columns: list[list[Cell]], reports: Remarks) -> None:
    """Report cells whose text is an error of a spreadsheet, as files saved as text have them, and empty them."""
    for name, column_field, cells in zip(names, fields, columns, strict=True):
        if not column_field:
            continue
        for row, cell in enumerate(cells):
            # A shortcut: few texts begin like an error.
            if cell.__class__ is str and cell[:1] in ("#", "E") and (error := error_value(cell)):
                is_extra = column_field == headings.EXTRA
                texts = (reports.notes if is_extra else reports.problems)[row]
                texts.append(f"{name} holds the error {error}: look at it in the workbook that it comes from")
                cells[row] = ""
