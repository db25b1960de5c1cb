"""Facilities: reading and checking them, writing them as GeoJSON, and which exist on a day."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely

from geo.errors import TableError
from geo.geodesy import datums
from geo.study import facilities, geojson
from support.files import problems_of, write_features

POINT = {"type": "Point", "coordinates": [120.0, 28.9]}
SQUARE = {"type": "Polygon", "coordinates": [[[120, 28.9], [120.01, 28.9], [120.01, 28.91], [120, 28.91], [120, 28.9]]]}


def feature(geometry: object = POINT, id: object = "a", **properties: object) -> dict[str, Any]:
    """Return a GeoJSON feature of a clinic; without the member ``id`` if it is None."""
    result = {"type": "Feature", "geometry": geometry, "properties": {"category": "clinic"} | properties}
    return result if id is None else {**result, "id": id}


def written(tmp_path: Path, *features: object) -> Path:
    return write_features(tmp_path, "list.geojson", *features)


def problems(tmp_path: Path, *features: object) -> list[str]:
    return problems_of(facilities.read, written(tmp_path, *features))


# --- facilities that are read ------------------------------------------------------------------------------------


def test_fields_are_read_and_unknown_ones_are_none(tmp_path: Path) -> None:
    full = feature(name="人民医院", subtype="hospital", opened="2021-06-30", capacity="500", doctors=80)
    frame = facilities.read(written(tmp_path, full, feature(id="b", category="kindergarten", name="", opened="")))
    assert frame.crs == "EPSG:4326"
    assert frame.index.name == "id"
    assert frame.index.tolist() == ["a", "b"]
    first, second = frame.iloc[0], frame.iloc[1]
    assert (first["name"], first["subtype"], first["capacity"]) == ("人民医院", "hospital", 500)
    assert first["opened"] == date(2021, 6, 30)
    assert first["extra"] == {"doctors": 80}
    assert (first.geometry.x, first.geometry.y) == (120.0, 28.9)
    assert [second[name] for name in ("name", "subtype", "opened", "capacity", "closed")] == [None] * 5
    assert second["provenance"] == "file"


def test_ids_are_those_of_the_features_else_of_their_positions(tmp_path: Path) -> None:
    path = written(
        tmp_path, feature(id="x7", beds={"icu": 3}, name="甲"), feature(id=8), feature(id=None), feature(id="p", id_=1)
    )
    frame = facilities.read(path)
    assert frame.index.tolist() == ["x7", "8", "list-3", "p"]
    assert frame.loc["x7", "extra"] == {"beds": {"icu": 3}}


def test_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, feature())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert facilities.read(path)["category"].tolist() == ["clinic"]


def test_empty_file_gives_a_frame_without_rows(tmp_path: Path) -> None:
    frame = facilities.read(written(tmp_path))
    assert len(frame) == 0
    assert {"category", "opened", "geometry", "extra"} <= set(frame.columns)
    assert geojson.feature_collection(frame) == {"type": "FeatureCollection", "features": []}


def test_only_parks_keep_polygons(tmp_path: Path) -> None:
    multi = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}
    line = {"type": "LineString", "coordinates": [[120, 28], [121, 29]]}
    frame = facilities.read(
        written(
            tmp_path,
            feature(SQUARE, "p", category="park"),
            feature(multi, "m", category="park"),
            feature(SQUARE, "c"),
            feature(line, "line", category="park"),
        )
    )
    assert frame.geometry.geom_type.tolist() == ["Polygon", "MultiPolygon", "Point", "Point"]
    assert frame.geometry["c"].within(shapely.box(120, 28.9, 120.01, 28.91))


def test_self_crossing_polygon_is_made_valid(tmp_path: Path) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[120, 28], [121, 29], [121, 28], [120, 29], [120, 28]]]}
    park = facilities.read(written(tmp_path, feature(bow_tie, category="park"))).geometry.iloc[0]
    assert park.is_valid
    assert park.area == pytest.approx(0.5)


def test_heights_are_dropped(tmp_path: Path) -> None:
    frame = facilities.read(written(tmp_path, feature({"type": "Point", "coordinates": [120, 29, 77]})))
    assert not frame.geometry.has_z.any()


def test_control_characters_are_removed_and_markup_is_kept(tmp_path: Path) -> None:
    """Markup is text like any other; the pages that show it escape it."""
    name = "<script>alert('1')</script>\x00\x1b[31m\u202e甲\n乙"
    (cleaned,) = facilities.read(written(tmp_path, feature(name=name)))["name"]
    assert cleaned.startswith("<script>alert('1')</script>")
    assert cleaned.isprintable()
    assert cleaned.endswith("甲 乙")


@pytest.mark.parametrize(("coordinates", "tolerance"), [("wgs84", 0), ("cgcs2000", 0), ("gcj02", 1e-7), ("bd09", 3e-6)])
def test_written_geojson_reads_back_equal(tmp_path: Path, coordinates: str, tolerance: float) -> None:
    clinic = feature(
        id="a", name="甲", subtype="hospital", opened="2021-06-30", closed="2022-01-01", capacity=5, beds=[1]
    )
    frame = facilities.read(written(tmp_path, clinic, feature(SQUARE, id="b", category="park")))
    path = tmp_path / "again.geojson"
    path.write_text(json.dumps(geojson.feature_collection(frame, coordinates)), "utf-8")
    again = facilities.read(path)
    geometries = datums.geometry_to_wgs84(again.geometry.to_numpy(), coordinates)
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(frame.drop(columns="geometry"))
    )
    assert shapely.equals_exact(geometries, frame.geometry.to_numpy(), tolerance).all()


# --- facilities that are refused ---------------------------------------------------------------------------------


def test_every_wrong_feature_is_named_and_the_file_refused(tmp_path: Path) -> None:
    far = {"type": "Point", "coordinates": [500, 29]}
    refused = problems(
        tmp_path,
        feature(id="a"),
        feature(None, id="b"),
        feature(far, id="c"),
        feature(id="d"),
        feature(id="e", category="zoo"),
        feature(id="f", category=None),
    )
    assert [problem.split(":")[0] for problem in refused] == ["feature 2", "feature 3", "feature 5", "feature 6"]
    assert "500" in refused[1]
    assert "zoo" in refused[2]
    assert "park" in refused[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("opened", "2021-13-01"),
        ("opened", "last spring"),
        ("opened", "20210630"),
        ("opened", "0999-12-31"),
        ("closed", "30.6.2021"),
        ("closed", "2201-01-01"),
        ("verified", "2199-01-01"),
        ("capacity", "many"),
        ("capacity", "-3"),
        ("capacity", "2.5"),
        ("capacity", "99999999999"),
        ("name", "长" * 10_000),
        ("provenance", "长" * 10_000),
    ],
)
def test_wrong_value_is_named_with_feature_and_field(tmp_path: Path, name: str, value: str) -> None:
    (problem,) = problems(tmp_path, feature(), feature(id="b", **{name: value}))
    assert problem.startswith(f"feature 2: {name} = ")
    assert value[:30] in problem
    assert len(problem) < 400


@pytest.mark.parametrize("id", ["长" * 10_000, "", "\x00\x01", ".", "..", "a/history", {"a": 1}])
def test_unusable_id_is_refused(tmp_path: Path, id: object) -> None:
    (problem,) = problems(tmp_path, feature(), feature(id=id))
    assert problem.startswith("feature 2: id = ")


def test_facility_that_closed_before_it_opened_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, feature(opened="2021-06-30", closed="2021-06-29"))
    assert "closed 2021-06-29 is before opened 2021-06-30" in problem


def test_too_many_further_properties_are_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, feature(note="x" * facilities.MAX_EXTRA_BYTES))
    assert "more than 20000 bytes of further properties" in problem


def test_repeated_id_is_refused_with_both_features(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, feature(id="a"), feature(id="b"), feature(id="a", category="park"))
    assert problem.startswith("feature 3")
    assert "'a'" in problem
    assert "feature 1" in problem


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
def test_feature_without_a_usable_geometry_is_refused(tmp_path: Path, geometry: object) -> None:
    (problem,) = problems(tmp_path, feature(), feature(geometry, id="b"))
    assert problem.startswith("feature 2")


@pytest.mark.parametrize(
    "properties",
    [
        None,
        [1],
        "text",
        {"category": ["clinic"]},
        {"category": "clinic", "extra": 5},
        {"category": "clinic", "extra": "text"},
        {"category": "clinic", "name": {"zh": "甲"}},
    ],
)
def test_properties_of_the_wrong_type_are_refused(tmp_path: Path, properties: object) -> None:
    refused = problems(tmp_path, feature(), {**feature(id="b"), "properties": properties})
    assert all(problem.startswith("feature 2") for problem in refused)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "5", '{"features": 5}', '{"features": [5]}', '{"type": "Feature"}', "\x00", "[" * 100_000],
)
def test_file_that_is_not_a_feature_collection_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.geojson"
    path.write_text(content, "utf-8")
    problems_of(facilities.read, path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "名称".encode("gbk"), b"\x89PNG\r\n\x1a\n\x00\xff"])
def test_file_that_is_not_utf8_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.geojson"
    path.write_bytes(content)
    problems_of(facilities.read, path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    problems_of(facilities.read, tmp_path / "none.geojson")
    problems_of(facilities.read, tmp_path)


def test_message_about_many_features_is_shortened(tmp_path: Path) -> None:
    path = written(tmp_path, *(feature(None, id=str(number)) for number in range(1000)))
    with pytest.raises(TableError, match="and 995 more") as caught:
        facilities.read(path)
    assert len(caught.value.problems) == 1000
    assert len(str(caught.value)) < 1000


# --- days --------------------------------------------------------------------------------------------------------


def test_facilities_that_exist_on_a_day(tmp_path: Path) -> None:
    days = {
        "always": (None, None),
        "new": ("2021-06-30", None),
        "gone": (None, "2021-06-30"),
        "brief": ("2021-06-01", "2021-06-30"),
        "later": ("2021-07-01", None),
    }
    features = [feature(id=name, opened=opened, closed=closed) for name, (opened, closed) in days.items()]
    frame = facilities.read(written(tmp_path, *features))

    def ids_on(day: str) -> list[str]:
        return facilities.existing_on(frame, date.fromisoformat(day)).index.tolist()

    assert ids_on("2021-06-29") == ["always", "gone", "brief"]
    assert ids_on("2021-06-30") == ["always", "new"]
    assert ids_on("2021-07-01") == ["always", "new", "later"]
