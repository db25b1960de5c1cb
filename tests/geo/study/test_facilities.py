"""Facilities: reading and checking their files, writing them as GeoJSON, and which exist on a day."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely

from geo.errors import TableError, UnknownNameError
from geo.geodesy import datums
from geo.study import facilities, geojson

POINT = {"type": "Point", "coordinates": [120.0, 28.9]}
SQUARE = {"type": "Polygon", "coordinates": [[[120, 28.9], [120.01, 28.9], [120.01, 28.91], [120, 28.91], [120, 28.9]]]}


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a CSV file and returns its path."""

    def write(*rows: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\n".join(rows).encode(encoding) + b"\n")
        return path

    return write


@pytest.fixture
def collection(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a GeoJSON file and returns its path."""

    def write(*features: object, name: str = "list.geojson") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
        return path

    return write


def feature(geometry: object = POINT, id: str | int | None = "a", **properties: object) -> dict[str, Any]:
    written = {"type": "Feature", "geometry": geometry, "properties": {"category": "clinic"} | properties}
    return written if id is None else {**written, "id": id}


def problems(path: Path, coordinates: str = "wgs84") -> list[str]:
    with pytest.raises(TableError) as caught:
        facilities.read(path, coordinates)
    assert path.name in str(caught.value)
    return caught.value.problems


# --- files that are read ---------------------------------------------------------------------------------------------


def test_csv_table_is_read(table: Callable[..., Path]) -> None:
    path = table(
        "name,category,lon,lat,subtype,opened,capacity,doctors",
        "人民医院,clinic,120.04,28.89,hospital,2021-06-30,500,80",
        ",kindergarten,120.05,28.90,,,,",
    )
    frame = facilities.read(path)
    assert frame.crs == "EPSG:4326"
    assert frame.index.name == "id"
    assert frame.index.tolist() == ["list-2", "list-3"]
    first, second = frame.iloc[0], frame.iloc[1]
    assert (first["name"], first["subtype"], first["capacity"]) == ("人民医院", "hospital", 500)
    assert first["opened"] == date(2021, 6, 30)
    assert first["extra"] == {"doctors": "80"}
    assert (first.geometry.x, first.geometry.y) == (120.04, 28.89)
    assert [second[name] for name in ("name", "subtype", "opened", "capacity", "closed")] == [None] * 5
    assert second["provenance"] == "file"


def test_geojson_keeps_ids_and_further_properties(collection: Callable[..., Path]) -> None:
    path = collection(
        feature(id="x7", beds={"icu": 3}, name="甲"), feature(id=8), feature(id=None), feature(id="p", id_=1)
    )
    frame = facilities.read(path)
    assert frame.index.tolist() == ["x7", "8", "list-3", "p"]
    assert frame.loc["x7", "extra"] == {"beds": {"icu": 3}}


def test_byte_order_mark_and_windows_line_ends_are_read(table: Callable[..., Path]) -> None:
    path = table("category,lon,lat\r", "clinic,120,29\r", encoding="utf-8-sig")
    assert facilities.read(path)["category"].tolist() == ["clinic"]


def test_empty_files_give_frames_without_rows(table: Callable[..., Path], collection: Callable[..., Path]) -> None:
    for path in (table("category,lon,lat"), collection()):
        frame = facilities.read(path)
        assert len(frame) == 0
        assert {"category", "opened", "geometry", "extra"} <= set(frame.columns)
        assert geojson.feature_collection(frame) == {"type": "FeatureCollection", "features": []}


def test_only_parks_keep_polygons(collection: Callable[..., Path]) -> None:
    multi = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}
    frame = facilities.read(
        collection(
            feature(SQUARE, "p", category="park"), feature(multi, "m", category="park"), feature(SQUARE, "c"),
            feature({"type": "LineString", "coordinates": [[120, 28], [121, 29]]}, "line", category="park"),
        )
    )  # fmt: skip
    assert frame.geometry.geom_type.tolist() == ["Polygon", "MultiPolygon", "Point", "Point"]
    assert frame.geometry["c"].within(shapely.box(120, 28.9, 120.01, 28.91))


def test_self_crossing_polygon_is_made_valid(collection: Callable[..., Path]) -> None:
    tie = {"type": "Polygon", "coordinates": [[[120, 28], [121, 29], [121, 28], [120, 29], [120, 28]]]}
    park = facilities.read(collection(feature(tie, category="park"))).geometry.iloc[0]
    assert park.is_valid
    assert park.area == pytest.approx(0.5)


def test_heights_are_dropped(collection: Callable[..., Path]) -> None:
    frame = facilities.read(collection(feature({"type": "Point", "coordinates": [120, 29, 77]})))
    assert not frame.geometry.has_z.any()


@pytest.mark.parametrize("coordinates", ["gcj02", "bd09", "cgcs2000"])
def test_coordinates_are_converted_to_wgs84(
    table: Callable[..., Path], collection: Callable[..., Path], coordinates: str
) -> None:
    expected = [float(degree) for degree in datums.to_wgs84(120.0, 28.9, coordinates)]
    for path in (table("category,lon,lat", "clinic,120.0,28.9"), collection(feature())):
        place = facilities.read(path, coordinates).geometry.iloc[0]
        assert [place.x, place.y] == pytest.approx(expected, abs=1e-12)


def test_unknown_coordinate_system_is_refused_with_the_known_ones(table: Callable[..., Path]) -> None:
    with pytest.raises(UnknownNameError, match="bd09"):
        facilities.read(table("category,lon,lat", "clinic,120.0,28.9"), "baidu")


def test_written_geojson_reads_back_equal(collection: Callable[..., Path], tmp_path: Path) -> None:
    path = collection(
        feature(id="a", name="甲", subtype="hospital", opened="2021-06-30", closed="2022-01-01", capacity=5, beds=[1]),
        feature(SQUARE, id="b", category="park"),
    )
    frame = facilities.read(path)
    for coordinates, tolerance in (("wgs84", 0), ("gcj02", 1e-7), ("bd09", 3e-6)):
        again = tmp_path / "again.geojson"
        again.write_text(json.dumps(geojson.feature_collection(frame, coordinates)), "utf-8")
        back = facilities.read(again, coordinates)
        pd.testing.assert_frame_equal(
            pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(frame.drop(columns="geometry"))
        )
        assert shapely.equals_exact(back.geometry.to_numpy(), frame.geometry.to_numpy(), tolerance).all()


# --- files that are refused ------------------------------------------------------------------------------------------


def test_every_wrong_row_is_named_and_the_file_refused(table: Callable[..., Path]) -> None:
    rows = [
        "clinic,120,29",
        "clinic,abc,29",
        "clinic,120,",
        "clinic,500,29",
        "clinic,120,29",
        ",120,29",
        "clinic,nan,29",
    ]
    refused = problems(table("category,lon,lat", *rows))
    assert [problem.split(":")[0] for problem in refused] == ["row 3", "row 4", "row 5", "row 7", "row 8"]
    assert "500" in refused[2]


def test_row_of_unknown_category_is_refused(table: Callable[..., Path]) -> None:
    refused = problems(table("category,lon,lat", "zoo,120,29", "clinic,120,29", "clinic,x,29", "aquarium,120,29"))
    assert [problem.split(":")[0] for problem in refused] == ["row 2", "row 4", "row 5"]
    assert "zoo" in refused[0]
    assert "park" in refused[0]
    assert "aquarium" in refused[2]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("opened", "2021-13-01"),
        ("opened", "last spring"),
        ("opened", "20210630"),
        ("closed", "30.6.2021"),
        ("capacity", "many"),
        ("capacity", "-3"),
        ("capacity", "2.5"),
        ("capacity", "99999999999"),
        ("name", "长" * 10_000),
        ("id", "长" * 10_000),
        ("provenance", "长" * 10_000),
    ],
)
def test_wrong_value_is_named_with_row_and_column(table: Callable[..., Path], column: str, value: str) -> None:
    good = "a" if column in ("id", "provenance") else ""  # these two may not be empty
    (problem,) = problems(table(f"category,lon,lat,{column}", f"clinic,120,29,{good}", f"clinic,120,29,{value}"))
    assert problem.startswith(f"row 3: {column} = ")
    assert value[:30] in problem
    assert len(problem) < 400


def test_repeated_id_is_refused_with_both_rows(table: Callable[..., Path]) -> None:
    (problem,) = problems(table("id,category,lon,lat", "a,clinic,120,29", "b,clinic,120,29", "a,park,120,29"))
    assert problem.startswith("row 4")
    assert "'a'" in problem
    assert "row 2" in problem


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        [],
        "POINT (120 29)",
        {"type": "Point"},
        {"type": "Point", "coordinates": []},
        {"type": "Point", "coordinates": ["a", "b"]},
        {"type": "Point", "coordinates": [float("nan"), 29]},
        {"type": "Point", "coordinates": [1e400, 29]},
        {"type": "Point", "coordinates": [12_000_000.0, 3_300_000.0]},  # metres, not degrees
        {"type": "Point", "coordinates": [28.9, 120.0]},  # latitude first
        {"type": "Polygon", "coordinates": [[[120, 29], [121, 29]]]},
        {"type": "GeometryCollection", "geometries": []},
    ],
)
@pytest.mark.parametrize("coordinates", ["wgs84", "gcj02"])
def test_feature_without_a_usable_geometry_is_refused(
    collection: Callable[..., Path], geometry: object, coordinates: str
) -> None:
    (problem,) = problems(collection(feature(), feature(geometry, id="b")), coordinates)
    assert problem.startswith("feature 2")


@pytest.mark.parametrize(
    "wrong",
    [
        {"properties": [1]},
        {"properties": "text"},
        {"properties": {"category": "clinic", "extra": 5}},
        {"properties": {"category": "clinic", "extra": "text"}},
        {"properties": {"category": None}},
        {"properties": {"category": ["clinic"]}},
        {"properties": {"category": "clinic", "name": {"zh": "甲"}}},
        {"properties": None},
        {"id": {"a": 1}},
        {"id": ""},
        {"id": "\x00\x01"},
    ],
)
def test_feature_with_values_of_the_wrong_type_is_refused(
    collection: Callable[..., Path], wrong: dict[str, Any]
) -> None:
    refused = problems(collection(feature(), {**feature(id="b"), **wrong}))
    assert all(problem.startswith("feature 2") for problem in refused)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "5", '{"features": 5}', '{"features": [5]}', '{"type": "Feature"}', "\x00", "[" * 100_000],
)
def test_file_that_is_not_a_feature_collection_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.geojson"
    path.write_text(content, "utf-8")
    problems(path)


@pytest.mark.parametrize("name", ["list.geojson", "list.csv"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "名称".encode("gbk"), b"\x89PNG\r\n\x1a\n\x00\xff"])
def test_file_that_is_not_utf8_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    problems(path)


@pytest.mark.parametrize("name", ["none.csv", "none.geojson", "none.xls", "folder.csv", "folder.geojson"])
def test_missing_file_and_folder_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.geojson").mkdir()
    problems(tmp_path / name)


def test_missing_columns_are_named(table: Callable[..., Path]) -> None:
    (problem,) = problems(table("name,lon", "a,120"))
    assert "category, lat" in problem
    assert "name" in problem.split("its columns")[1]
    problems(table(""))


def test_rows_longer_or_shorter_than_the_heading_are_refused(table: Callable[..., Path]) -> None:
    heading = "category,lon,lat,name"
    refused = problems(table(heading, "clinic,120,29,a,b", "clinic,120,29,a", "clinic,120,29,a,b,c"))
    assert [problem.split()[1].rstrip(":") for problem in refused] == ["2", "4"]
    refused = problems(table(heading, "clinic,120", "clinic,120,29,a", "clinic"))
    assert [problem.split()[1].rstrip(":") for problem in refused] == ["2", "4"]


def test_missing_last_cell_is_unknown(table: Callable[..., Path]) -> None:
    assert facilities.read(table("category,lon,lat,name", "clinic,120,29"))["name"].tolist() == [None]


def test_cell_beyond_the_csv_limit_is_refused(table: Callable[..., Path]) -> None:
    problems(table("category,lon,lat,name", f"clinic,120,29,{'x' * 200_000}"))


def test_control_characters_are_removed_and_markup_is_kept(
    table: Callable[..., Path], collection: Callable[..., Path]
) -> None:
    """Markup is text like any other; the pages that show it escape it."""
    name = "<script>alert('1')</script>\x00\x1b[31m\u202e甲\n乙"
    for path in (table("category,lon,lat,name", f'clinic,120,29,"{name}"'), collection(feature(name=name))):
        (cleaned,) = facilities.read(path)["name"]
        assert cleaned.startswith("<script>alert('1')</script>")
        assert cleaned.isprintable()
        assert cleaned.endswith("甲 乙")


def test_message_about_many_rows_is_shortened(table: Callable[..., Path]) -> None:
    path = table("category,lon,lat", *["clinic,x,29"] * 1000)
    with pytest.raises(TableError, match="and 995 more") as caught:
        facilities.read(path)
    assert len(caught.value.problems) == 1000
    assert len(str(caught.value)) < 1000


# --- days ------------------------------------------------------------------------------------------------------------


def test_facilities_that_exist_on_a_day(table: Callable[..., Path]) -> None:
    rows = ["always,,", "new,2021-06-30,", "gone,,2021-06-30", "brief,2021-06-01,2021-06-30", "later,2021-07-01,"]
    frame = facilities.read(
        table("id,category,lon,lat,opened,closed", *(r.replace(",", ",clinic,120,29,", 1) for r in rows))
    )

    def ids_on(day: str) -> list[str]:
        return facilities.existing_on(frame, date.fromisoformat(day)).index.tolist()

    assert ids_on("2021-06-29") == ["always", "gone", "brief"]
    assert ids_on("2021-06-30") == ["always", "new"]
    assert ids_on("2021-07-01") == ["always", "new", "later"]
