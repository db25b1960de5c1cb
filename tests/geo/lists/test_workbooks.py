"""Old Excel workbooks (xls), of which a hand-made one is read and a hostile one refused."""

import struct
from pathlib import Path

import pytest
import shapely

from geo.errors import TableError
from geo.sources import facility_lists
from support.binary_workbooks import old_workbook
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
