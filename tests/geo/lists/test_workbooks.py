"""Old Excel workbooks (xls), of which a hand-made one is read and a hostile one refused."""

import struct
from pathlib import Path
from typing import Any

import pytest
import shapely

from geo.errors import TableError
from geo.sources import facility_lists
from support.list_files import A, read


def test_an_old_workbook_is_read_like_a_new_one(tmp_path: Path) -> None:
    rows = [["编号", "类别", "名称", "经度", "纬度"], ["c1", "诊所", "甲", *A]]
    facility_list = read(tmp_path / "old.xls", lambda path: path.write_bytes(old_workbook(rows)))
    (row,) = facility_list.rows
    assert (row.values, row.geometry) == ({"id": "c1", "category": "clinic", "name": "甲"}, shapely.Point(A))


def test_an_old_workbook_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    content = old_workbook([["编号", "类别", "名称", "经度", "纬度"], ["c1", "诊所", "甲", *A]])
    last = struct.pack("<HHHH", 0x203, 14, 1, 4)
    assert content.count(last) == 1
    far = content.replace(last, struct.pack("<HHHH", 0x203, 14, 0xFFFF, 0xFFFF))
    path = tmp_path / "a.xls"
    path.write_bytes(far)
    with pytest.raises(TableError, match="takes too much memory"):
        facility_lists.read(path)


def old_workbook(rows: list[list[Any]]) -> bytes:
    """A BIFF8 workbook of one sheet in a compound file, by hand: nothing writes them any more."""

    def record(number: int, content: bytes) -> bytes:
        return struct.pack("<HH", number, len(content)) + content

    cells = b""
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
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
