"""The sheets and layers of a list, whatever file it is: which rows are facilities, and which field each column is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from geo.errors import TableError
from geo.lists import headings, tabular_files, vector_files
from geo.lists.headings import Heading
from geo.lists.spreadsheets import unescape_formula
from geo.lists.tabular_files import Sheet
from geo.lists.vector_files import Layer

_SUM = re.compile(r"(?:合计|小计|总计|共计|总数|total|subtotal|sum)[:：]?\s*\d*\s*[家个所张处]?", re.IGNORECASE)
_REMARK = re.compile(r"(?:注|备注|说明|附注|填表人|制表人?|审核人?|note)\s*\d*\s*[:：]", re.IGNORECASE)


@dataclass
class Part:
    """A sheet or layer by its ``name``: where its rows stand; of each column the name, the field, and a cell a row.

    ``shapes`` are a layer's; a sheet's are in its columns. ``system`` is what it states its coordinates to be.
    ``nulls_clear``: whether an empty cell means that there is nothing. ``left_out`` says which rows are none, and why.
    """

    name: str
    wheres: list[str]
    names: list[str]
    fields: list[str]
    cells: list[list[Any]]
    shapes: NDArray[Any] | None = None
    system: str | None = None
    nulls_clear: bool = False
    problems: dict[int, list[str]] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def placed(self) -> bool:
        """Whether it gives places at all."""
        return self.shapes is not None or not {*headings.PLACES}.isdisjoint(self.fields)


def read(path: Path, kind: str, mapping: Mapping[str, str], within: Any, notes: list[str]) -> Iterator[Part]:
    """The sheets or layers of a file of some `sheets.kind`; what is to be said of the file goes to ``notes``.

    Raises
    ------
    TableError, ExtractError
        As `listing.read`.
    """
    if kind in ("xlsx", "xls", "csv"):
        yield from _tables(path, kind, mapping, notes)
        return
    if kind == "json":
        content, encoding = tabular_files.text(path)
        if encoding != "utf-8":
            notes.append(f"its text was read as {encoding.upper()}")
        found = [vector_files.geojson(path, content)]
    elif kind == "pbf":
        found = [vector_files.extract(path, within)]
    else:
        found = list(vector_files.layers(path, kind))
    headings.checked(mapping, list(dict.fromkeys(name for layer in found for name in layer.columns)), path)
    parts = [_layer(path, kind, layer, mapping) for layer in found]
    for layer, part in zip(found, parts, strict=True):
        if len(parts) > 1 and not set(part.fields) - {"extra"}:
            notes.append(f"layer {layer.name} is passed over: none of its columns is known")
            continue
        notes += [f"layer {layer.name}: {note}" if layer.name else note for note in layer.notes]
        yield part


def _layer(path: Path, kind: str, layer: Layer, mapping: Mapping[str, str]) -> Part:
    names = list(layer.columns)
    # An extract's are fields already.
    found = names if kind == "pbf" else headings.fields(names, mapping, path, but=headings.PLACES)
    return Part(
        layer.name,
        layer.wheres,
        names,
        found,
        list(layer.columns.values()),
        layer.shapes,
        layer.system,
        nulls_clear=kind == "json",
        problems=layer.problems,
    )


def _tables(path: Path, kind: str, mapping: Mapping[str, str], notes: list[str]) -> Iterator[Part]:
    read_as = ""
    if kind == "csv":
        content, encoding = tabular_files.text(path)
        if encoding != "utf-8":
            read_as = f"its text was read as {encoding.upper()}"
            notes.append(read_as)
        found = [tabular_files.table(path, content, lambda rows: headings.score(rows, mapping))]
    else:
        found = tabular_files.workbook(path, kind)
    headed = [(sheet, headings.find(sheet, mapping)) for sheet in found]
    taken = [(sheet, heading) for sheet, heading in headed if heading is not None]
    every = list(dict.fromkeys(name for _, heading in taken for name in heading.names))
    if not taken:
        doubt = f"; {read_as}: if that is not what it is, save it as “CSV UTF-8”" if read_as else ""
        raise TableError(path, [_no_heading(found) + doubt])
    headings.checked(mapping, every, path)
    parts = []
    for sheet, heading in headed:
        if heading is None:
            notes.append(f"sheet {sheet.name} is passed over: it has no heading that names two fields")
        else:
            where = f"{sheet.name} row" if len(found) > 1 else "row"
            parts.append(_table(path, sheet, heading, where, mapping))
    if len(found) > 1:
        notes.append(f"sheets taken: {', '.join(sheet.name for sheet, _ in taken)}")
    if not any(part.wheres for part in parts):
        raise TableError(path, [f"has a heading and no rows under it: {', '.join(filter(None, every))}"])
    yield from parts


def _no_heading(found: list[Sheet]) -> str:
    if not any(str(cell).strip() for sheet in found for row in sheet.rows[: headings.SEARCHED] for cell in row):
        return "is empty"
    rows = [row for sheet in found for row in sheet.rows[: headings.SEARCHED]]
    fullest = max(rows, key=lambda row: sum(isinstance(cell, str) and bool(cell.strip()) for cell in row))
    listed = ", ".join(str(cell).strip()[:30] for cell in fullest[:20] if str(cell).strip())
    return (
        f"no heading is known: none of the first {headings.SEARCHED} rows names two fields such as 名称 and 经度; "
        f"found: {listed or 'nothing'}; say column 机构名=name, or what it is"
    )


def _table(path: Path, sheet: Sheet, heading: Heading, where: str, mapping: Mapping[str, str]) -> Part:
    wide = len(heading.names)
    names = heading.names[: max(column for column, name in enumerate(heading.names, 1) if name)]
    found = headings.fields(names, mapping, path)
    heads = [[cell for cell in row if not _is_blank(cell)] for row in sheet.rows[: heading.row + 1]]
    kept: list[int] = []
    left_out: list[tuple[str, str]] = []
    blank: list[int] = []
    placed = [column for column, one in enumerate(found) if one in headings.PLACES]
    again = {row[placed[0]] for row in sheet.rows[: heading.row + 1] if placed and placed[0] < len(row)}
    number_of = sheet.first_row
    for number in range(heading.row + 1, len(sheet.rows)):
        row = sheet.rows[number]
        at = row[placed[0]] if placed and len(row) == wide else ""
        if at != "" and at not in again and row.count("") < wide - 1 and not blank:
            kept.append(number)  # as most rows are, and this is the quickest
            continue
        filled = [cell for cell in row if cell != "" and not _is_blank(cell)]
        if not filled:
            blank.append(number)
            continue
        left_out += [(f"{where} {empty + number_of}", "is blank") for empty in blank]
        blank.clear()
        why = None
        if len(filled) < len(row) or len(filled) == 1:
            why = _no_facility(row, filled, placed, len(found))
        if not why and filled in heads:
            why = "repeats the heading"
        if not why and len(row) > wide and any(not _is_blank(cell) for cell in row[wide:]):
            raise TableError(path, [f"{where} {number + number_of} has more cells than the heading"])
        if why:
            left_out.append((f"{where} {number + number_of}", why))
        else:
            kept.append(number)
    _fill(sheet, kept, heading.row + 1)
    width = len(names)
    if width * len(kept) > tabular_files.MOST_CELLS:
        raise TableError(path, [f"has {width:,} columns in {len(kept):,} rows: too many; delete the empty columns"])
    rows = [row if len(row) == width else (row + [""] * width)[:width] for row in (sheet.rows[one] for one in kept)]
    columns = zip(*rows, strict=True) if rows else ((),) * width
    cells = [
        [unescape_formula(cell) if cell.__class__ is str and cell[:1] == "'" else cell for cell in one]
        for one in columns
    ]
    part = Part(sheet.name, [f"{where} {one + number_of}" for one in kept], names, found, cells, left_out=left_out)
    part.system = headings.system(names, found, (heading.groups + [""] * width)[:width], path)
    if sheet.unread:
        at = {number: row for row, number in enumerate(kept)}
        for (number, column), why in sheet.unread.items():
            if number in at and column < width and found[column]:
                kind = part.notes if found[column] == "extra" else part.problems
                kind.setdefault(at[number], []).append(why)
    return part


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _no_facility(row: list[Any], filled: list[Any], placed: list[int], width: int) -> str | None:
    """Why a row under the heading is no facility, if it is none."""
    first = str(filled[0]).strip()
    if len(filled) == 1 and width > 1:
        return f"only one cell is filled: {first[:60]!r}"
    if any(column < len(row) and not _is_blank(row[column]) for column in placed):
        return None
    if any(isinstance(cell, str) and _SUM.fullmatch("".join(cell.split())) for cell in filled[:3]):
        return f"is a sum: {first[:60]!r}"
    return f"is a remark: {first[:60]!r}" if _REMARK.match(first) else None


def _fill(sheet: Sheet, kept: list[int], begin: int) -> None:
    """Writes merged cells' values into the rows that they cover."""
    rows = set(kept)
    left = tabular_files.MOST_CELLS
    for top, column, bottom, _ in sheet.merged:
        bottom = min(bottom, len(sheet.rows) - 1)
        if top < begin or bottom <= top or column >= len(sheet.rows[top]) or left < 0:
            continue
        left -= bottom - top
        for number in range(top + 1, bottom + 1):
            if number in rows and column < len(sheet.rows[number]):
                sheet.rows[number][column] = sheet.rows[top][column]
