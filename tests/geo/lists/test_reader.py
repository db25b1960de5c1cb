"""Lists as offices keep them: what hostile files report, what is recognised, and that nothing else is ever raised."""

import re
import struct
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import ExtractError, TableError, UnknownNameError
from geo.geodesy import datums
from geo.lists import headings, reader
from geo.lists.reader import FacilityList, ListOptions
from geo.sources import facility_lists
from geo.study import facilities
from support import hostile, list_files
from support.list_files import SQUARE, WITHIN, A, B, HostileFile, book, clinic, collection, feature, moved, table


def read(path: Path, make: Any, **options: Any) -> FacilityList:
    make(path)
    advance = options.pop("advance", reader.ignore_progress)
    return facility_lists.read_in_this_process(path, ListOptions(**{"within": WITHIN} | options), advance)


def refusal(path: Path, make: Any, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        read(path, make, **options)
    return str(caught.value)


# --- hostile files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", hostile.FILES, ids=lambda file: file.name)
def test_hostile_files_are_reported(file: HostileFile, tmp_path: Path) -> None:
    path = tmp_path / file.name
    file.make(path)
    read_file = facility_lists.read if file.needs_limits else facility_lists.read_in_this_process
    if file.error is not None:
        with pytest.raises(TableError) as caught:
            read_file(path, ListOptions(within=WITHIN, **file.options))
        assert re.search(file.error, str(caught.value)), str(caught.value)
        assert str(caught.value).startswith(str(path))
        return
    found = read_file(path, ListOptions(within=WITHIN, **file.options))
    rows = {row.where: row for row in found.rows}
    assert len(found.rows) == file.row_count
    assert len(rows) == file.row_count
    wrong = {where: "\n".join(row.problems + row.doubts) for where, row in rows.items() if row.problems or row.doubts}
    assert wrong.keys() == file.problems.keys(), wrong
    for where, pattern in file.problems.items():
        assert re.search(pattern, wrong[where]), wrong[where]
    for where, pattern in file.row_notes.items():
        assert re.search(pattern, "\n".join(rows[where].notes)), rows[where].notes
    for pattern in file.notes:
        assert re.search(pattern, "\n".join(found.notes)), found.notes
    left_out = dict(found.left_out)
    assert left_out.keys() == file.left_out.keys(), left_out
    assert all(re.search(pattern, left_out[where]) for where, pattern in file.left_out.items()), left_out
    for where, fields in file.values.items():
        assert {name: rows[where].values.get(name) for name in fields} == fields
    for where, (lon, lat) in file.locations.items():
        place = rows[where].geometry
        assert place is not None
        middle = place.centroid
        assert (middle.x, middle.y) == pytest.approx((lon, lat), abs=2e-5)
    assert found.coordinates == file.coordinates
    assert all(row.geometry is None or row.geometry.is_valid for row in found.rows)


def test_there_are_enough_of_them() -> None:
    assert len(hostile.FILES) >= 24
    assert len({file.name for file in hostile.FILES}) == len(hostile.FILES)
    assert len(list_files.GCJ_BORDER) == len(list_files.WGS_BORDER) == 12


def test_what_goes_on_in_a_workbook_does_not_depend_on_its_being_old(tmp_path: Path) -> None:
    rows = [["编号", "类别", "名称", "经度", "纬度"], ["c1", "诊所", "甲", *A]]
    found = read(tmp_path / "old.xls", lambda path: path.write_bytes(old_workbook(rows)))
    (row,) = found.rows
    assert (row.values, row.geometry) == ({"id": "c1", "category": "clinic", "name": "甲"}, shapely.Point(A))


def test_an_old_workbook_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    content = old_workbook([["编号", "类别", "名称", "经度", "纬度"], ["c1", "诊所", "甲", *A]])
    last = struct.pack("<HHHH", 0x203, 14, 1, 4)
    assert content.count(last) == 1
    far = content.replace(last, struct.pack("<HHHH", 0x203, 14, 0xFFFF, 0xFFFF))
    path = tmp_path / "a.xls"
    path.write_bytes(far)
    with pytest.raises(TableError, match="takes more than 2 GB of memory"):
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


# --- columns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for names in headings.FACILITY_COLUMNS.headings.values() for name in names])
def test_every_heading_of_the_table_is_recognised(name: str) -> None:
    field = next(field for field, names in headings.FACILITY_COLUMNS.headings.items() if name in names)
    variants = (name, f" {name.upper()} ", f"*{name}:", *([] if "(" in name else [f"{name}(必填)", f"{name}【单位】"]))
    assert {headings.FACILITY_COLUMNS.recognise(one)[0] for one in variants} == {field}


def test_every_field_of_a_facility_has_a_heading() -> None:
    assert set(headings.FACILITY_COLUMNS.fields) == {*facilities.FIELDS, *headings.LOCATION_FIELDS}


@pytest.mark.parametrize(
    ("heading", "field", "system"),
    [
        ("经度(GCJ-02)", "lon", "gcj02"), ("高德经度", "lon", "gcj02"), ("百度纬度", "lat", "bd09"),
        ("火星坐标", "place", "gcj02"), ("lng_bd09", "lon", "bd09"), ("gcj02_lon", "lon", "gcj02"),
        ("WGS84经度", "lon", "wgs84"), ("国测局坐标", "place", "gcj02"), ("经度（CGCS2000）", "lon", "cgcs2000"),
        ("纬度 (°)", "lat", None), ("经　度", "lon", None), ("Ｘ", "lon", None),
        ("百度", None, None), ("高德评分", None, None),
    ],
)  # fmt: skip
def test_headings_state_a_system(heading: str, field: str | None, system: str | None) -> None:
    assert headings.FACILITY_COLUMNS.recognise(heading) == (field, system)


def test_the_user_says_which_column_is_which(tmp_path: Path) -> None:
    make = table(["1", "甲", "x", *A], head=["编码", "叫法", "名称", "经度", "纬度"])
    found = read(tmp_path / "a.csv", make, columns={"叫法": "name"}, category="clinic")
    assert found.rows[0].values == {"id": "1", "name": "甲", "category": "clinic", "extra": {"名称": "x"}}
    assert found.columns == {"编码": "id", "叫法": "name", "名称": "extra", "经度": "lon", "纬度": "lat"}
    assert "no column '叫'" in refusal(tmp_path / "b.csv", make, columns={"叫": "name"})
    assert "no field 'nom'" in refusal(tmp_path / "c.csv", make, columns={"叫法": "nom"})


def test_columns_that_nobody_knows_can_all_be_said(tmp_path: Path) -> None:
    make = table(["甲", *A], head=["叫法", "横", "竖"])
    columns = {"叫法": "name", "横": "lon", "竖": "lat"}
    (row,) = read(tmp_path / "a.csv", make, columns=columns, category="park").rows
    assert (row.values, row.geometry) == ({"name": "甲", "category": "park"}, shapely.Point(A))


def test_of_two_like_columns_the_one_with_the_field_s_own_name_is_taken(tmp_path: Path) -> None:
    make = table(["1", "诊所", "甲", "乙", *A], head=["编号", "类别", "名称", "机构名称", "经度", "纬度"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert (row.values["name"], row.values["extra"]) == ("甲", {"机构名称": "乙"})


def test_twice_the_same_heading_can_be_told_apart(tmp_path: Path) -> None:
    make = table([*clinic(1, A, "甲"), "乙"], head=[*list_files.HEAD, "名称"])
    (row,) = read(tmp_path / "a.csv", make, columns={"名称 (2)": "extra"}).rows
    assert (row.values["name"], row.values["extra"]) == ("甲", {"名称 (2)": "乙"})


def test_a_location_in_words_is_no_place(tmp_path: Path) -> None:
    make = table(["1", "诊所", "江南街道"], head=["编号", "类别", "location"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert (row.geometry, row.problems, row.values["extra"]) == (None, (), {"location": "江南街道"})
    make = table(["1", "诊所", "江南街道"], head=["编号", "类别", "坐标"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert row.problems == ("place = '江南街道': is no longitude, latitude",)


def test_a_heading_repeated_on_each_page_is_left_out(tmp_path: Path) -> None:
    head = ["编号", "类别", "lon_wgs84", "纬度"]
    make = table(["1", "诊所", *A], head, ["2", "诊所", *B], head, ["3", "诊所", *B], head=head)
    found = read(tmp_path / "a.csv", make)
    assert [row.where for row in found.rows] == ["row 2", "row 4", "row 6"]
    assert found.left_out == [("row 3", "repeats the heading"), ("row 5", "repeats the heading")]
    assert not any(row.problems for row in found.rows)


def test_both_levels_of_a_heading_repeat(tmp_path: Path) -> None:
    two = [["编号", "类别", "坐标", ""], ["", "", "经度", "纬度"]]
    make = table(two[1], ["1", "诊所", *A], *two, ["2", "诊所", *B], head=two[0])
    found = read(tmp_path / "a.csv", make)
    assert [row.geometry for row in found.rows] == [shapely.Point(A), shapely.Point(B)]
    assert [where for where, _ in found.left_out] == ["row 4", "row 5"]


def test_columns_without_heading_at_the_end_are_none(tmp_path: Path) -> None:
    make = table([*clinic(1, A), "", "看", ""], head=[*list_files.HEAD, "", "", ""])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert row.values == {"id": "c1", "category": "clinic", "name": "第1卫生室"}


# --- rows --------------------------------------------------------------------------------------------------------


def test_an_empty_cell_keeps_and_a_null_of_geojson_clears(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), "", " "], head=[*list_files.HEAD, "电话", "地址"])).rows
    assert not {"phone", "address"} & row.values.keys()
    rows = read(tmp_path / "a.geojson", collection(feature(phone=None, id="a"), feature(id="b", capacity=3))).rows
    assert rows[0].values == {"id": "a", "category": "clinic", "phone": None}
    assert rows[1].values == {"id": "b", "category": "clinic", "capacity": 3}


def test_a_cell_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), "新", ""], head=[*list_files.HEAD, "床位", "电话"])).rows
    assert row.problems == ("capacity = '新': is no whole number",)


def test_a_row_without_category_is_known_by_its_id(tmp_path: Path) -> None:
    make = table(["1", "甲", "x"], ["", "乙", "y"], head=["编号", "名称", "地址"])
    first, second = read(tmp_path / "a.csv", make).rows
    assert (first.values, first.problems) == ({"id": "1", "name": "甲", "address": "x"}, ())
    assert second.problems == ("has no category, nor an id by which it is known",)
    assert "category" not in first.values
    again = read(tmp_path / "a.csv", make, category="park").rows
    assert [row.values["category"] for row in again] == ["park", "park"]


def test_subtypes_are_known_by_any_name(tmp_path: Path) -> None:
    make = table(
        ["1", "诊所", "医院"], ["2", "诊所", "Village clinic"], ["3", "诊所", "门诊部"],
        ["4", "", "民办"], ["5", "公园", "community"],
        head=["编号", "类别", "机构类别"],
    )  # fmt: skip
    rows = [row.values for row in read(tmp_path / "a.csv", make).rows]
    assert [(row["category"], row["subtype"]) for row in rows] == [
        ("clinic", "hospital"), ("clinic", "village_clinic"), ("clinic", "门诊部"), ("kindergarten", "private"),
        ("park", "community"),
    ]  # fmt: skip


def test_a_facility_that_is_no_park_is_a_point(tmp_path: Path) -> None:
    make = table(["1", "诊所", list_files.SQUARE], ["2", "公园", list_files.SQUARE], head=["编号", "类别", "wkt"])
    clinic_row, park_row = read(tmp_path / "a.csv", make).rows
    assert clinic_row.geometry is not None
    assert park_row.geometry is not None
    assert (clinic_row.geometry.geom_type, park_row.geometry.geom_type) == ("Point", "Polygon")
    assert clinic_row.geometry.within(park_row.geometry)


def test_an_outline_and_a_point_must_agree(tmp_path: Path) -> None:
    within, beside, off = (120.0405, 28.8905), (120.0413, 28.8905), (120.0419, 28.8905)
    make = table(
        *(["p", "公园", SQUARE, *at] for at in (within, beside, off, within[::-1])),
        ["p", "公园", SQUARE, "甲", 28.89],
        head=["数", "类别", "边界WKT", "经度", "纬度"],
    )
    rows = read(tmp_path / "a.csv", make).rows
    assert [len(row.problems) for row in rows] == [0, 0, 1, 0, 1]
    assert re.search(r"longitude and latitude lie 8\d m from its outline", rows[2].problems[0])
    assert "'甲'" in rows[4].problems[0]
    assert rows[1].geometry == shapely.from_wkt(SQUARE)


@pytest.mark.parametrize("name", ["list_wgs84", "list_gcj02", "list_bd09", "list_cgcs2000", "list"])
def test_a_layer_s_name_states_its_system(tmp_path: Path, name: str) -> None:
    frame = gpd.GeoDataFrame({"类别": ["诊所"]}, geometry=[shapely.Point(A)], crs="EPSG:4326")
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(frame, path, layer=name)
    found = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
    system = name.partition("_")[2]
    assert (found.coordinates, found.coordinates_stated) == (system or "wgs84", bool(system))


def test_the_sample_is_read_as_it_is() -> None:
    path = Path(__file__).resolve().parents[3] / "data" / "facilities.geojson"
    known = facilities.read(path)
    found = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
    assert not [row for row in found.rows if row.problems]
    assert [row.values["id"] for row in found.rows] == known.index.tolist()
    for field in ("category", "subtype", "name", "opened", "closed", "capacity", "area_code"):
        assert [row.values[field] for row in found.rows] == known[field].tolist()
    assert all(a.geometry.equals(b) for a, b in zip(found.rows, known.geometry, strict=True))


def test_progress_adds_up(tmp_path: Path) -> None:
    counts: list[int] = []
    found = read(tmp_path / "a.csv", table(*(clinic(n, A) for n in range(25_000))), advance=counts.append)
    assert len(counts) > 2
    assert sum(counts) == len(found.rows) == 25_000


def test_an_extract_gives_its_facilities(liechtenstein_extract: Path) -> None:
    found = facility_lists.read_in_this_process(liechtenstein_extract)
    assert found.coordinates == "wgs84"
    assert len(found.rows) > 40
    assert not [row for row in found.rows if row.problems]
    kinds = {row.values["category"] for row in found.rows}
    assert {"kindergarten", "park", "clinic"} <= kinds
    assert all(row.geometry is not None and row.values["id"].startswith("osm-") for row in found.rows)
    some = shapely.box(9.5, 47.1, 9.53, 47.2)
    assert {
        row.values["id"]
        for row in facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(within=some)).rows
    } == {row.values["id"] for row in found.rows if row.geometry is not None and row.geometry.intersects(some)}
    with pytest.raises(TableError, match="states that its coordinates are wgs84"):
        facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(coordinates="gcj02"))


def test_an_extract_with_nothing_in_the_area_says_so(liechtenstein_extract: Path) -> None:
    with pytest.raises(TableError, match="holds no facility within the area"):
        facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(within=WITHIN))


def test_a_truncated_extract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    path.write_bytes(b"\0\0\0\x0d\x0a\x09OSMHeader\x18\x7c" + bytes(40))
    with pytest.raises(ExtractError, match="truncated"):
        facility_lists.read_in_this_process(path)


def test_a_doubted_place_is_kept(tmp_path: Path) -> None:
    far = (121.47, 31.23)
    make = table(clinic(1, A), clinic(2, far), clinic(3, (0, 0)), clinic(4, (39526000, 3197000)))
    sound, away, nowhere, metres = read(tmp_path / "a.csv", make).rows
    assert (sound.problems, sound.doubts) == ((), ())
    assert (away.problems, away.geometry) == ((), shapely.Point(far))
    assert re.fullmatch(r"lies 2\d\d km outside the area", away.doubts[0])
    assert (nowhere.problems, nowhere.geometry) == ((), shapely.Point(0, 0))
    assert nowhere.doubts == ("place 0, 0 is nowhere: longitude and latitude are not known",)
    assert (metres.doubts, metres.geometry, len(metres.problems)) == ((), None, 1)


# --- coordinates -------------------------------------------------------------------------------------------------


def test_a_stated_system_is_used_and_doubted(tmp_path: Path) -> None:
    make = table(*(clinic(n, at) for n, at in enumerate(list_files.GCJ_BORDER)))
    found = read(tmp_path / "a.csv", make, coordinates="wgs84")
    assert any(
        "12 of 12 places lie outside the area as wgs84, which is what was stated; none as gcj02" in n
        for n in found.notes
    )
    assert all("as gcj02" in note and "km outside" in note for row in found.rows for note in row.notes)
    found = read(tmp_path / "a.csv", make, coordinates="gcj02")
    assert (found.coordinates, found.notes, [row.notes for row in found.rows]) == ("gcj02", [], [()] * 12)


def test_a_list_wholly_in_one_system_is_not_mixed(tmp_path: Path) -> None:
    """Though some of its places fit as wgs84 and not as bd09, and others the other way about."""
    border = shapely.line_interpolate_point(WITHIN.exterior, np.arange(3000) / 3000, normalized=True)
    steps = np.tile((-0.004, -0.001, 0.001, 0.004), len(border))
    x, y = np.repeat(shapely.get_coordinates(border), 4, axis=0).T
    written = datums.geometry_from_wgs84(shapely.points(x + steps, y), "gcj02")
    shapely.prepare(WITHIN)
    lies = {
        system: shapely.contains(WITHIN, datums.geometry_to_wgs84(written, system))
        for system in ("wgs84", "gcj02", "bd09")
    }
    kinds = (lies["wgs84"] & ~lies["bd09"], lies["bd09"] & ~lies["wgs84"], ~lies["wgs84"] & ~lies["bd09"])
    fitting = [shapely.get_coordinates(written[lies["gcj02"] & kind]) for kind in kinds]
    some = [tuple(at) for places in fitting for at in places[:: len(places) // 10][:10].tolist()]
    assert len(some) == 30
    said = refusal(tmp_path / "a.csv", table(*(clinic(n, at) for n, at in enumerate(some))))
    assert "none as gcj02" in said
    assert "say coordinates gcj02 (or wgs84)" in said


def test_where_it_makes_no_difference_it_is_said_how_much_it_would(tmp_path: Path) -> None:
    (note,) = read(tmp_path / "a.csv", table(clinic(1, A))).notes
    shift, twice = (float(number.replace(",", "")) for number in re.findall(r"([\d,]+) m elsewhere", note))
    assert 540 < shift < 570
    assert 900 < twice < 1400
    assert read(tmp_path / "a.csv", table(clinic(1, A)), coordinates="wgs84").notes == []


@pytest.mark.parametrize("system", ["wgs84", "gcj02", "bd09", "cgcs2000"])
def test_places_come_back_from_any_system(tmp_path: Path, system: str) -> None:
    make = table(clinic(1, moved(A, system)), clinic(2, moved(B, system)))
    found = read(tmp_path / "a.csv", make, coordinates=system)
    assert found.coordinates == system
    for row, at in zip(found.rows, (A, B), strict=True):
        assert row.geometry is not None
        assert (row.geometry.x, row.geometry.y) == pytest.approx(at, abs=3e-6)
    stated = collection(feature(moved(A, system)), coordinates=system)
    (row,) = read(tmp_path / "a.geojson", stated).rows
    assert row.geometry is not None
    assert (row.geometry.x, row.geometry.y) == pytest.approx(A, abs=3e-6)


def test_without_an_area_only_the_impossible_is_swapped(tmp_path: Path) -> None:
    make = table(clinic(1, (A[1], A[0])), clinic(2, A), clinic(3, (28.9, 29.1)), clinic(4, (220, 28.9)))
    rows = read(tmp_path / "a.csv", make, within=None).rows
    assert [row.notes for row in rows] == [("longitude and latitude were swapped",), (), (), ()]
    assert rows[0].geometry == shapely.Point(A)
    assert "is not a longitude and latitude in degrees" in rows[3].problems[0]


def test_what_nobody_knows_is_refused(tmp_path: Path) -> None:
    for options in ({"coordinates": "mars"}, {"category": "zoo"}):
        with pytest.raises(UnknownNameError):
            read(tmp_path / "a.csv", table(clinic(1, A)), **options)
    assert "cannot be read" in refusal(tmp_path / "missing.csv", lambda path: None)
    assert "cannot be read" in refusal(tmp_path, lambda path: None)


# --- anything at all ---------------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from([
        "编号", "类别", "名称", "经度", "纬度", "坐标", "开业时间", "床位", "诊所", "120.04", "28.89", "120°2′", "合计",
        "", "2021年6月", "1e400", "-0", "POINT(1", "{}", "120.04,28.89", "=1", "'", "\"", "经度(GCJ-02)",
        "其他", "1_0",
    ]),
    st.floats().map(str),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(CELLS, max_size=7), max_size=8), st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16", "gb18030"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_text_raises_anything_else(
    tmp_path: Path, rows: list[list[str]], delimiter: str, encoding: str, headed: bool, area: bool
) -> None:
    path = tmp_path / "any.csv"
    head = [["编号", "类别", "名称", "经度", "纬度", "开业时间", "床位"]] if headed else []
    text = "\n".join(delimiter.join(row) for row in head + rows)
    path.write_bytes(text.encode(encoding, "replace"))
    try:
        found = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN if area else None))
    except TableError:
        return
    for row in found.rows:
        assert row.geometry is None or (row.geometry.is_valid and not row.geometry.is_empty)
        assert row.values.keys() <= set(facilities.FIELDS)
        assert row.values.get("opened") is None or isinstance(row.values["opened"], date)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"SQLite format 3\0", b"\0\0\x27\x0a", b'{"type":'])
)
def test_no_bytes_raise_anything_else(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "any.xlsx"
    path.write_bytes(start + content)
    with pytest.raises(TableError, match=re.escape(str(path))):
        facility_lists.read_in_this_process(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.xlsx", book(list_files.HEAD, clinic(1, A))),
        ("a.zip", list_files.zipped(list_files.layer("ESRI Shapefile", "EPSG:4326", "GBK"))),
        ("a.geojson", collection(feature(), feature(B, "f2"))),
        ("a.gpkg", list_files.layer("GPKG", "EPSG:4326")),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # GDAL says much of a broken file
def test_broken_files_raise_nothing_else(tmp_path: Path, name: str, make: Any) -> None:
    path = tmp_path / name
    make(path)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
        except TableError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused
