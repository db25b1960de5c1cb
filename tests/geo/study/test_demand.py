"""Demand: reading, checking and writing the table of where people are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geo.geodesy import datums
from geo.study import demand
from support.files import problems_of, write_lines


def test_csv_table_is_read(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path,
        "d.csv",
        "lat,lon,population,area_code,urban,children_3_6,name",
        "29.0,120.0,10.5,007,1,2,甲",
        "29.1,120.1,0,,0,,乙",
        "29.2,120.2,3,0070,,0,",
    )
    frame = demand.read(path)
    assert frame.columns.tolist()[: len(demand.COLUMNS)] == list(demand.COLUMNS)
    assert frame["lon"].tolist() == [120.0, 120.1, 120.2]
    assert frame["population"].tolist() == [10.5, 0, 3]
    assert frame["area_code"].tolist() == ["007", None, "0070"]
    assert frame["name"].tolist()[:2] == ["甲", "乙"]
    assert frame["urban"].tolist()[:2] == [1, 0]
    assert np.isnan([frame["urban"][2], frame["children_3_6"][1]]).all()
    assert frame["elders_65"].isna().all()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("lon", value) for value in ("abc", "", "181", "-181", "inf", "nan", "1e400")),
        *(("lat", value) for value in ("90.1", "", "north")),
        *(("population", value) for value in ("-1", "", "many", "1e12", "inf", '"1,000"')),
        ("children_3_6", "-1"),
        ("elders_65", "some"),
        ("urban", "2"),
        ("urban", "yes"),
    ],
)
def test_number_outside_its_limits_is_refused_by_row_and_column(tmp_path: Path, column: str, value: str) -> None:
    row = {"lon": "120", "lat": "29", "population": "5", "children_3_6": "", "elders_65": "", "urban": ""}
    lines = [",".join(row), ",".join(row.values()), ",".join({**row, column: value}.values())]
    (problem,) = problems_of(demand.read, write_lines(tmp_path, "d.csv", *lines))
    assert problem.startswith(f"row 3: {column} = ")


def test_every_wrong_row_is_named(tmp_path: Path) -> None:
    rows = ["120,29,1", "x,29,1", "120,29,1", "120,99,-1"]
    problems = problems_of(demand.read, write_lines(tmp_path, "d.csv", "lon,lat,population", *rows))
    assert sorted(problem.split(" =")[0] for problem in problems) == ["row 3: lon", "row 5: lat", "row 5: population"]


def test_empty_lines_count_in_row_numbers(tmp_path: Path) -> None:
    path = write_lines(tmp_path, "d.csv", "lon,lat,population", "120,29,1", "", "120,29,-1")
    (problem,) = problems_of(demand.read, path)
    assert problem.startswith("row 4")


@pytest.mark.parametrize("rows", [["120,29,5,9", "121,29,5,9"], ["120,29,5", "121,29,5,9"]])
def test_row_longer_than_the_heading_is_refused(tmp_path: Path, rows: list[str]) -> None:
    """pandas would take the first column for an index, so that latitude would become longitude."""
    problems_of(demand.read, write_lines(tmp_path, "d.csv", "lon,lat,population", *rows))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    (problem,) = problems_of(demand.read, write_lines(tmp_path, "d.csv", "x,lat,people", "120,29,1"))
    assert "lon, population" in problem
    assert "people" in problem.split("its columns")[1]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", "名,人口".encode("gbk"), b"\x89PNG\r\n\x1a\n", b'lon,"lat\n']
)
def test_file_that_is_not_a_utf8_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    problems_of(demand.read, path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    problems_of(demand.read, tmp_path / "none.csv")
    problems_of(demand.read, tmp_path)


def test_coordinates_are_converted_to_wgs84(tmp_path: Path) -> None:
    frame = demand.read(write_lines(tmp_path, "d.csv", "lon,lat,population", "120,28.9,1"), "bd09")
    assert (frame["lon"][0], frame["lat"][0]) == pytest.approx(
        [float(degree) for degree in datums.to_wgs84(120.0, 28.9, "bd09")], abs=1e-12
    )


def test_written_demand_reads_back_equal(tmp_path: Path) -> None:
    lines = [
        "lon,lat,population,children_3_6,elders_65,area_code,urban,name",
        "120.1234567,29,1.25,1,,007,0,甲",
        "1,2,3,,4,,,",
    ]
    frame = demand.read(write_lines(tmp_path, "d.csv", *lines))
    demand.write(frame, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(demand.read(tmp_path / "again.csv"), frame)
