"""Workbooks in Excel's binary format (xlsb), made by hand because no library that we use writes them."""

import struct
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"


def record(number: int, content: bytes = b"") -> bytes:
    """One record: its type and size in seven bits a byte (MS-XLSB 2.1.4)."""

    def packed(value: int) -> bytes:
        result = b""
        while value > 0x7F:
            result += bytes([value & 0x7F | 0x80])
            value >>= 7
        return result + bytes([value])

    return packed(number) + packed(len(content)) + content


def _text(words: str) -> bytes:
    return struct.pack("<I", len(words)) + words.encode("utf-16-le")


def write(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    hidden_sheets: Collection[str] = (),
    hidden_rows: Collection[int] = (),
    hidden_columns: Collection[int] = (),
) -> None:
    """Write sheets of cells; a cell is a text, a number, None or an error such as `ValueError(42)` for #N/A."""
    book = record(131) + record(143)
    relations = ""
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            state = 1 if name in hidden_sheets else 0
            book += record(156, struct.pack("<II", state, number) + _text(f"rId{number}") + _text(name))
            relations += f'<Relationship Id="rId{number}" Type="{_RELATION}" Target="worksheets/sheet{number}.bin"/>'
            archive.writestr(f"xl/worksheets/sheet{number}.bin", _sheet(rows, hidden_rows, hidden_columns))
        archive.writestr("xl/workbook.bin", book + record(144) + record(132))
        archive.writestr("xl/_rels/workbook.bin.rels", f"<Relationships>{relations}</Relationships>")
        archive.writestr("[Content_Types].xml", "<Types/>")


def _sheet(rows: Sequence[Sequence[Any]], hidden_rows: Collection[int], hidden_columns: Collection[int]) -> bytes:
    width = max(map(len, rows))
    content = record(129) + record(148, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1))
    for column in hidden_columns:
        content += record(60, struct.pack("<IIIIH", column, column, 256, 0, 1))
    content += record(145)
    for number, row in enumerate(rows):
        flags = 0x10 if number in hidden_rows else 0
        content += record(0, struct.pack("<IIHBBBI", number, 0, 300, 0, flags, 0, 0))
        for column, cell in enumerate(row):
            at = struct.pack("<II", column, 0)
            if isinstance(cell, ValueError):
                content += record(3, at + bytes([cell.args[0]]))
            elif isinstance(cell, str):
                content += record(6, at + _text(cell))
            elif cell is not None:
                content += record(5, at + struct.pack("<d", cell))
    return content + record(146) + record(130)
