"""Rows of lists: values, categories, subtypes and shapes as the reader recognises them."""

from pathlib import Path

import pytest

from geo.errors import UnknownNameError
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.study import facilities
from support import list_files
from support.list_files import WITHIN, A, clinic, collection, feature, read, refusal, table


def test_an_empty_cell_keeps_and_a_null_of_geojson_clears(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), "", " "], head=[*list_files.HEAD, "电话", "地址"])).rows
    assert not {"phone", "address"} & row.values.keys()
    rows = read(tmp_path / "a.geojson", collection(feature(phone=None, id="a"), feature(id="b", capacity=3))).rows
    assert rows[0].values == {"id": "a", "category": "clinic", "phone": None}
    assert rows[1].values == {"id": "b", "category": "clinic", "capacity": 3}


def test_a_cell_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), "新", ""], head=[*list_files.HEAD, "床位", "电话"])).rows
    assert row.problems == ("capacity = '新': is no whole number",)


def test_a_row_needs_a_category_or_an_id(tmp_path: Path) -> None:
    make = table(["1", "甲", "x"], ["", "乙", "y"], head=["编号", "名称", "地址"])
    first, second = read(tmp_path / "a.csv", make).rows
    assert (first.values, first.problems) == ({"id": "1", "name": "甲", "address": "x"}, ())
    assert second.problems == ("has neither a category nor an id",)
    assert "category" not in first.values
    again = read(tmp_path / "a.csv", make, category="park").rows
    assert [row.values["category"] for row in again] == ["park", "park"]


def test_subtypes_are_recognised_by_any_name(tmp_path: Path) -> None:
    make = table(
        ["1", "诊所", "医院"], ["2", "诊所", "Village clinic"], ["3", "诊所", "镶牙馆"],
        ["4", "", "民办"], ["5", "公园", "community"],
        head=["编号", "类别", "机构类别"],
    )  # fmt: skip
    rows = [row.values for row in read(tmp_path / "a.csv", make).rows]
    assert [(row["category"], row["subtype"]) for row in rows] == [
        ("clinic", "hospital"), ("clinic", "village_clinic"), ("clinic", "镶牙馆"), ("kindergarten", "private"),
        ("park", "community"),
    ]  # fmt: skip


def test_only_parks_keep_their_outlines(tmp_path: Path) -> None:
    make = table(["1", "诊所", list_files.SQUARE], ["2", "公园", list_files.SQUARE], head=["编号", "类别", "wkt"])
    clinic_row, park_row = read(tmp_path / "a.csv", make).rows
    assert clinic_row.geometry is not None
    assert park_row.geometry is not None
    assert (clinic_row.geometry.geom_type, park_row.geometry.geom_type) == ("Point", "Polygon")
    assert clinic_row.geometry.within(park_row.geometry)


def test_the_sample_is_read_as_the_study_reads_it() -> None:
    path = Path(__file__).resolve().parents[3] / "data" / "facilities.geojson"
    known = facilities.read(path)
    facility_list = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
    assert not [row for row in facility_list.rows if row.problems]
    assert [row.values["id"] for row in facility_list.rows] == known.index.tolist()
    for field in ("category", "subtype", "name", "opened", "closed", "capacity", "area_code"):
        assert [row.values[field] for row in facility_list.rows] == known[field].tolist()
    assert all(a.geometry.equals(b) for a, b in zip(facility_list.rows, known.geometry, strict=True))


def test_progress_adds_up_to_the_number_of_rows(tmp_path: Path) -> None:
    counts: list[int] = []
    facility_list = read(tmp_path / "a.csv", table(*(clinic(n, A) for n in range(25_000))), advance=counts.append)
    assert len(counts) > 2
    assert sum(counts) == len(facility_list.rows) == 25_000


def test_unknown_options_and_missing_files_are_refused(tmp_path: Path) -> None:
    for options in ({"coordinates": "mars"}, {"category": "zoo"}):
        with pytest.raises(UnknownNameError):
            read(tmp_path / "a.csv", table(clinic(1, A)), **options)
    assert "cannot be read" in refusal(tmp_path / "missing.csv", lambda path: None)
    assert "cannot be read" in refusal(tmp_path, lambda path: None)
