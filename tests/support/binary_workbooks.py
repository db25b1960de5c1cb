"""Workbooks in Excel's binary formats (xlsb, xls), made by hand because no library that we use writes them."""

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


def old_workbook(rows: Sequence[Sequence[Any]], hidden_rows: Collection[int] = ()) -> bytes:
    """A BIFF8 workbook (xls) of one sheet in a compound file."""

    def record(number: int, content: bytes) -> bytes:
        return struct.pack("<HH", number, len(content)) + content

    cells = b""
    for row in hidden_rows:
        cells += record(0x208, struct.pack("<HHHHHHI", row, 0, len(rows[row]), 255, 0, 0, 0x20))
    for y, values in enumerate(rows):
        for x, cell in enumerate(values):
            at = struct.pack("<HHH", y, x, 0)
            if isinstance(cell, str):
                cells += record(0x204, at + struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le"))
            else:
                cells += record(0x203, at + struct.pack("<d", cell))
    begin = struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)
    size = len(record(0x809, begin)) + 4 + len(record(0x85, bytes(8) + "S".encode("utf-16-le"))) + 4
    head = record(0x809, begin) + record(0x85, struct.pack("<IBBBB", size - 4, 0, 0, 1, 1) + "S".encode("utf-16-le"))
    stream = head + record(0x0A, b"")
    stream += record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    dimensions = struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0)
    stream += record(0x200, dimensions) + cells + record(0x0A, b"")
    stream = stream.ljust(4096, b"\0")  # below that it would be in smaller sectors

    def entry(name: str, kind: int, child: int, start: int, length: int) -> bytes:
        words = (name + "\0").encode("utf-16-le")
        return (
            words.ljust(64, b"\0")
            + struct.pack("<HBBiii", len(words), kind, 1, -1, -1, child)
            + bytes(36)
            + struct.pack("<iQ", start, length)
        )

    directory = entry("Root Entry", 5, 1, -2, 0) + entry("Workbook", 2, -1, 2, len(stream)) + 2 * bytes(128)
    sectors = len(stream) // 512
    table = [-3, -2, *range(3, 2 + sectors), -2]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIiIiI", 0, 1, 1, 0, 4096, -2, 0, -2, 0) + struct.pack("<109i", 0, *[-1] * 108)
    return header + struct.pack("<128i", *table, *[-1] * (128 - len(table))) + directory + stream
