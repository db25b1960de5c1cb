"""Shapefiles whose names and texts are cut, in several encodings, with a .cpg file and without."""

import shutil
import struct
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from geo.errors import TableError
from geo.lists import headings
from geo.lists.reader import FacilityList, ListOptions
from geo.sources import facility_lists
from support.list_files import A


def shapefile(folder: Path, fields: dict[str, str], encoding: str, cpg: str | None, width: int = 80) -> Path:
    """A shapefile of one point, its names cut at ten bytes and its texts at ``width``, as many programs write it."""
    path = folder / "list.shp"
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(A)], crs="EPSG:4326")
    pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile")
    header_size = 32 + 32 * len(fields) + 1
    header = struct.pack("<BBBBIHH20x", 3, 126, 1, 1, 1, header_size, 1 + width * len(fields))
    for name in fields:
        header += struct.pack("<11scIBB14x", name.encode(encoding)[:10], b"C", 0, width, 0)
    values = b"".join(value.encode(encoding)[:width].ljust(width) for value in fields.values())
    path.with_suffix(".dbf").write_bytes(header + b"\r " + values + b"\x1a")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


def read(path: Path, **options: Any) -> FacilityList:
    return facility_lists.read_in_this_process(path, ListOptions(coordinates="wgs84", **options))


FIELDS = {"机构名称": "甲诊所", "设施类型": "诊所", "联系电话": "0579-1", "核定床位": "12", "建成时间": "2021-03-01"}


@pytest.mark.parametrize(
    ("encoding", "cpg"),
    [("utf-8", "UTF-8"), ("utf-8", "65001"), ("utf-8", None), ("utf-8", "ISO-8859-1"), ("gb18030", "GBK"),
     ("gb18030", "936"), ("gb18030", None), ("gb18030", "UTF-8"), ("big5", "Big5")],
)  # fmt: skip
def test_cut_names_are_recognised_in_every_encoding(encoding: str, cpg: str | None, tmp_path: Path) -> None:
    fields = FIELDS if encoding != "big5" else {"名稱": "x", "name": "甲診所", "category": "clinic", "beds": "12"}
    facility_list = read(shapefile(tmp_path, fields, encoding, cpg))
    (row,) = facility_list.rows
    assert row.problems == ()
    assert (row.values["category"], row.values["capacity"]) == ("clinic", 12)
    assert row.values["name"] == ("甲诊所" if encoding != "big5" else "甲診所")
    if encoding == "utf-8":
        assert any("'机构名' is cut at 10 bytes: read as 机构名称 (name)" in note for note in facility_list.notes)


@pytest.mark.parametrize("field", [field for field in headings.FACILITY_COLUMNS.fields if field != "extra"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_no_cut_heading_is_taken_as_another_field(field: str, encoding: str, tmp_path: Path) -> None:
    vocabulary = headings.FACILITY_COLUMNS
    for heading in vocabulary.headings[field]:
        cut = heading.encode(encoding)[:10]
        if len(heading.encode(encoding)) <= 10:
            continue
        shown = cut.decode(encoding, "ignore")
        known = vocabulary.field_of(shown)
        assert known in (None, field), (heading, shown)


def test_a_cut_name_of_several_fields_asks(tmp_path: Path) -> None:
    path = shapefile(tmp_path, {"医疗机构地址": "胜利街1号", "设施类型": "诊所"}, "utf-8", "UTF-8")
    facility_list = read(path)
    assert any(
        "'医疗机' is cut at 10 bytes and may be name or address: give --column 医疗机=" in note
        for note in facility_list.notes
    )
    assert facility_list.rows[0].values["extra"] == {"医疗机": "胜利街1号"}
    assert read(path, columns={"医疗机": "address"}).rows[0].values["address"] == "胜利街1号"


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 10), ("utf-8", 11), ("gb18030", 9)])
def test_a_cut_text_is_kept_and_said(encoding: str, width: int, tmp_path: Path) -> None:
    facility_list = read(shapefile(tmp_path, {"name": "甲乙丙丁戊己", "类型": "诊所"}, encoding, None, width))
    (row,) = facility_list.rows
    assert row.values["name"] == "甲乙丙丁戊己"[: width // (3 if encoding == "utf-8" else 2)]
    assert f"is cut in the shapefile, at {width} bytes" in row.notes[0]


def test_a_text_in_no_known_encoding_is_refused(tmp_path: Path) -> None:
    path = shapefile(tmp_path, {"name": "x", "category": "clinic"}, "utf-8", None)
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace(b"x" + b" " * 10, b"\xff\xfe\xff" + b" " * 8))
    with pytest.raises(TableError, match="neither UTF-8 nor GB18030"):
        read(path)


def test_a_shapefile_in_a_zip_is_read_alike(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    shapefile(folder, FIELDS, "utf-8", "UTF-8")
    path = Path(shutil.make_archive(str(tmp_path / "list"), "zip", folder))
    assert read(path).rows[0].values["phone"] == "0579-1"
