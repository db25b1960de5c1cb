"""The study folder: areas, demand, settings, and all of them together."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import FuwuquanError, InputError, StudyError, TableError, UnknownNameError
from geo.geodesy import datums
from geo.study import areas, demand, study
from geo.study.settings import read_settings
from geo.study.study import Study
from support.handmade import Area, Facility, People, Street, lonlat

POINT = {"type": "Point", "coordinates": [120.0, 28.9]}
ABOUT = 'id = "here"\nname = "此地"\nprojection = "EPSG:4549"\n'


def written(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def collected(folder: Path, *features: Any) -> Path:
    return written(folder, "areas.geojson", json.dumps({"type": "FeatureCollection", "features": features}))


def unit(code: Any = "1", geometry: Any = POINT, **more: Any) -> dict[str, Any]:
    properties = {"code": code, "name": "甲", "level": "town", "parent": None, "urban": None, "population": None}
    return {"type": "Feature", "properties": properties | more, "geometry": geometry}


def problems(read: Callable[[Path], Any], path: Path) -> list[str]:
    with pytest.raises(TableError) as caught:
        read(path)
    assert path.name in str(caught.value)
    return caught.value.problems


# --- areas -------------------------------------------------------------------------------------------------------


def test_areas_of_a_table(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a.csv",
        "code,name,level,parent,urban,population,lon,lat",
        "007,甲镇,镇,,,1200.5,120,29",
        "0071,甲一村,行政村,007,农村,,120,29",
        "0072,甲二社区,社区,007,城镇,0,120,29",
    )
    frame = areas.read(path)
    assert frame.index.tolist() == ["007", "0071", "0072"]
    assert frame["level"].tolist() == ["town", "village", "community"]
    assert frame["parent"].tolist() == [None, "007", "007"]
    assert frame["urban"].tolist() == [None, False, True]
    assert frame["population"].tolist() == [1200.5, None, 0.0]  # nobody is not unknown


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (unit(None), "code"),
        (unit("  "), "code"),
        (unit(level="province"), "province"),
        (unit(level=None), "level"),
        (unit(urban="perhaps"), "perhaps"),
        (unit(urban=2), "2"),
        (unit(geometry=None), "polygon or a point"),
        (unit(geometry={"type": "LineString", "coordinates": [[120, 29], [121, 29]]}), "polygon or a point"),
        (unit(geometry={"type": "Point", "coordinates": [999, 29]}), "999"),
        (unit(geometry={"type": "Point", "coordinates": [float("nan"), 29]}), "feature 2"),
        (unit(population="many"), "many"),
        (unit(population=-5), "-5"),
        ({"type": "Feature", "properties": [1], "geometry": POINT}, "feature 2"),
        ({"type": "Feature", "geometry": POINT}, "feature 2"),
    ],
)
def test_a_bad_area_is_named(tmp_path: Path, spoilt: dict[str, Any], said: str) -> None:
    found = problems(areas.read, collected(tmp_path, unit("0"), spoilt))
    assert any("feature 2" in problem and said in problem for problem in found)
    assert not any("feature 1" in problem for problem in found)


def test_areas_contradict_each_other(tmp_path: Path) -> None:
    found = problems(
        areas.read,
        collected(tmp_path, unit("1"), unit("1"), unit("11", level="village", parent="1"),
                  unit("99", level="village", parent="9"), unit("98", level="community")),
    )  # fmt: skip
    assert len(found) == 3
    for said in ("'1' stands", "99: parent '9'", "98: parent None"):
        assert any(said in problem for problem in found)


@pytest.mark.parametrize(
    "row", ["1,甲,town,abc,29", "1,甲,town,,", "1,甲,town,nan,29", "1,甲", "1,甲,town,inf,29", "1,甲,town,29,120"]
)
def test_an_area_at_no_place(tmp_path: Path, row: str) -> None:
    found = problems(areas.read, written(tmp_path, "a.csv", "code,name,level,lon,lat", "0,乙,town,120,29", row))
    assert all("row 3" in problem for problem in found)


def test_areas_come_out_as_they_went_in(tmp_path: Path) -> None:
    square = shapely.geometry.mapping(shapely.box(120, 28.9, 120.1, 29))
    path = collected(tmp_path, unit("1", square, urban=True, population=7), unit("11", level="village", parent="1"))
    frame = areas.read(path)
    path.write_text(json.dumps(areas.to_geojson(frame)), "utf-8")
    again = areas.read(path)
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(frame.drop(columns="geometry"))
    )
    assert (shapely.equals_exact(again.geometry.to_numpy(), frame.geometry.to_numpy(), 1e-7)).all()


def test_an_area_where_nobody_lives(tmp_path: Path) -> None:
    assert areas.read(collected(tmp_path, unit(population=0)))["population"].tolist() == [0]


def test_areas_are_moved(tmp_path: Path) -> None:
    moved = areas.read(collected(tmp_path, unit()), "gcj02").geometry.iloc[0]
    assert (moved.x, moved.y) == pytest.approx([float(d) for d in datums.to_wgs84(120.0, 28.9, "gcj02")], abs=1e-12)


def locate(small_study: Callable[..., Study], units: list[Area], *places: tuple[float, float]) -> list[str | None]:
    made = small_study(areas=units)
    lon, lat = np.array([lonlat(*place) for place in places]).T
    found: list[str | None] = areas.locate(made.areas, lon, lat, made.settings.projection).tolist()
    return found


def test_the_smallest_unit_counts(small_study: Callable[..., Study]) -> None:
    units = [
        Area("T", "town", shapely.box(0, 0, 1000, 1000)),
        Area("V", "village", shapely.box(0, 0, 400, 400), "T"),
        Area("U", "town", shapely.box(1000, 0, 2000, 1000)),
    ]
    places = (200.0, 200.0), (600.0, 600.0), (1500.0, 500.0), (3000.0, 0.0), (2000.0, 500.0)
    assert locate(small_study, units, *places) == ["V", "T", "U", None, "U"]  # a border belongs to its unit


def test_where_units_are_points_the_nearest_counts(small_study: Callable[..., Study]) -> None:
    units = [
        Area("T", "town", (0.0, 0.0)),
        Area("V", "village", (0.0, 0.0), "T"),
        Area("W", "village", (1000.0, 0.0), "T"),
    ]
    assert locate(small_study, units, (-50.0, 900.0), (499.0, 0.0), (501.0, 0.0)) == ["V", "V", "W"]


def test_no_areas(small_study: Callable[..., Study]) -> None:
    assert locate(small_study, [], (0.0, 0.0)) == [None]


# --- demand ------------------------------------------------------------------------------------------------------


def test_demand_of_a_table(tmp_path: Path) -> None:
    path = written(
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
def test_a_bad_number_is_named(tmp_path: Path, column: str, value: str) -> None:
    row = {"lon": "120", "lat": "29", "population": "5", "children_3_6": "", "elders_65": "", "urban": ""}
    lines = [",".join(row), ",".join(row.values()), ",".join({**row, column: value}.values())]
    (problem,) = problems(demand.read, written(tmp_path, "d.csv", *lines))
    assert problem.startswith(f"row 3: {column} = ")


def test_all_bad_rows_are_named(tmp_path: Path) -> None:
    rows = ["120,29,1", "x,29,1", "120,29,1", "120,99,-1"]
    found = problems(demand.read, written(tmp_path, "d.csv", "lon,lat,population", *rows))
    assert sorted(problem.split(" =")[0] for problem in found) == ["row 3: lon", "row 5: lat", "row 5: population"]


def test_rows_are_counted_as_the_file_has_them(tmp_path: Path) -> None:
    path = written(tmp_path, "d.csv", "lon,lat,population", "120,29,1", "", "120,29,-1")
    (problem,) = problems(demand.read, path)
    assert problem.startswith("row 4")


@pytest.mark.parametrize("rows", [["120,29,5,9", "121,29,5,9"], ["120,29,5", "121,29,5,9"]])
def test_a_row_longer_than_the_heading(tmp_path: Path, rows: list[str]) -> None:
    """Taken as pandas takes them, the first column would be an index, and longitude the latitude."""
    problems(demand.read, written(tmp_path, "d.csv", "lon,lat,population", *rows))


def test_demand_without_its_columns(tmp_path: Path) -> None:
    (problem,) = problems(demand.read, written(tmp_path, "d.csv", "x,lat,people", "120,29,1"))
    assert "lon, population" in problem
    assert "people" in problem.split("its columns")[1]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", "名,人口".encode("gbk"), b"\x89PNG\r\n\x1a\n", b'lon,"lat\n']
)
def test_demand_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    problems(demand.read, path)


def test_no_demand_file(tmp_path: Path) -> None:
    problems(demand.read, tmp_path / "none.csv")
    problems(demand.read, tmp_path)


def test_demand_is_moved(tmp_path: Path) -> None:
    frame = demand.read(written(tmp_path, "d.csv", "lon,lat,population", "120,28.9,1"), "bd09")
    assert (frame["lon"][0], frame["lat"][0]) == pytest.approx(
        [float(degree) for degree in datums.to_wgs84(120.0, 28.9, "bd09")], abs=1e-12
    )


def test_demand_comes_out_as_it_went_in(tmp_path: Path) -> None:
    lines = [
        "lon,lat,population,children_3_6,elders_65,area_code,urban,name",
        "120.1234567,29,1.25,1,,007,0,甲",
        "1,2,3,,4,,,",
    ]
    frame = demand.read(written(tmp_path, "d.csv", *lines))
    demand.write(frame, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(demand.read(tmp_path / "again.csv"), frame)


# --- settings ----------------------------------------------------------------------------------------------------


def test_settings_have_the_documented_defaults(tmp_path: Path) -> None:
    about = read_settings(written(tmp_path, "study.toml", ABOUT))
    assert (about.max_connector_m, about.detour, about.sample, about.data_date) == (1000, 1.3, False, None)
    speeds = about.speeds
    assert (speeds.walk_kph, speeds.walk_slower_kph, speeds.walk_faster_kph) == (4.0, 3.2, 4.8)
    assert (speeds.cycle_kph, speeds.drive_factor) == (15.0, 0.8)
    assert (speeds.kph("walk"), speeds.kph("cycle"), speeds.kph("drive")) == (4.0, 15.0, None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "here"\n', "", "id"),
        ('"here"', '"../there"', "id"),
        ('"此地"', '""', "name"),
        ('"EPSG:4549"', '"EPSG:4326"', "metres"),
        ('"EPSG:4549"', '"EPSG:2263"', "metres"),  # feet
        ('"EPSG:4549"', '"Atlantis"', "Atlantis"),
        ('"EPSG:4549"', "4549", "projection"),
        ("\n", "\nwalk_kph = 4\n", "walk_kph"),
        ('4549"', '4549"\nmax_connector_m = 0', "max_connector_m"),
        ('4549"', '4549"\nmax_connector_m = inf', "max_connector_m"),
        ('4549"', '4549"\ndetour = 0.9', "detour"),
        ('4549"', '4549"\ndata_date = "spring"', "data_date"),
        ('4549"', '4549"\n[speeds]\nwalk_kph = 0', "speeds.walk_kph"),
        ('4549"', '4549"\n[speeds]\nwalk_kph = nan', "speeds.walk_kph"),
        ('4549"', '4549"\n[speeds]\nfly_kph = 900', "speeds.fly_kph"),
        ('4549"', '4549"\n[speeds]\ndrive_factor = 1.1', "speeds.drive_factor"),
        ('4549"', '4549"\n[speeds.drive_class_kph]\nprimary = -1', "speeds.drive_class_kph.primary"),
        ('4549"', '4549"\nspeeds = 4', "speeds"),
        ("=", "", "TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in ABOUT
    with pytest.raises(StudyError) as caught:
        read_settings(written(tmp_path, "study.toml", ABOUT.replace(old, new, 1)))
    assert said in str(caught.value)
    assert "study.toml" in str(caught.value)


def test_no_settings(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.toml"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match=r"study\.toml"):
        read_settings(tmp_path / "study.toml")


# --- the folder --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(small_study: Callable[..., Study], tmp_path: Path) -> Path:
    made: Study = small_study(
        [Street([(0, 0), (1000, 0)])],
        [Facility("c", "clinic", (1000, 0), {"area_code": "V"}), Facility("p", "park", shapely.box(0, 0, 50, 50))],
        [People((0, 0), 5, {"area_code": "V"}), People((500, 0), 2)],
        [Area("T", "town", shapely.box(-1, -1, 2000, 2000)), Area("V", "village", shapely.box(0, 0, 9, 9), "T")],
        folder=tmp_path / "study",
    )
    return made.folder


def test_a_study_reads_back(folder: Path) -> None:
    read = study.read(folder)
    assert read.folder == folder
    assert read.facilities.index.tolist() == ["c", "p"]
    assert read.demand["population"].tolist() == [5, 2]
    assert read.demand["area_code"].tolist() == ["V", None]
    assert read.areas.index.tolist() == ["T", "V"]
    assert read.streets is not None
    assert read.streets["length_m"].tolist() == pytest.approx([1000], abs=1e-4)
    assert read.standard("park-500").category == "park"
    with pytest.raises(UnknownNameError, match="park-500"):
        read.standard("park-501")


def test_results_are_summed_over_towns(folder: Path) -> None:
    read = study.read(folder)
    assert read.reporting_level == "town"
    assert read.reporting_codes(pd.Series(["V", "T", None, "X"], dtype=object)).tolist() == ["T", "T", None, None]


def test_where_there_are_no_towns_over_what_there_is(small_study: Callable[..., Study]) -> None:
    villages = small_study(areas=[Area("V", "village", (0.0, 0.0)), Area("W", "village", (9.0, 0.0))])
    assert villages.reporting_level == "village"
    assert villages.reporting_codes(pd.Series(["V", "X"], dtype=object)).tolist() == ["V", None]
    assert small_study().reporting_level is None


def test_streets_may_be_missing(folder: Path) -> None:
    (folder / "streets.parquet").unlink()
    assert study.read(folder).streets is None


@pytest.mark.parametrize("name", ["study.toml", "standards.toml", "facilities.geojson", "demand.csv", "areas.geojson"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        study.read(folder)


@pytest.mark.parametrize(
    "name", ["study.toml", "standards.toml", "facilities.geojson", "demand.csv", "areas.geojson", "streets.parquet"]
)
@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff", b"\x89PNG\r\n\x1a\n", b"]"])
def test_a_spoilt_file_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        study.read(folder)


def test_no_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(StudyError, match="fuwuquan build"):
            study.read(path)


def test_demand_in_an_unknown_area_is_named(folder: Path) -> None:
    table = pd.read_csv(folder / "demand.csv", dtype=str)
    table["area_code"] = ["V", "X"]
    table.to_csv(folder / "demand.csv", index=False)
    with pytest.raises(TableError, match=r"demand\.csv: row 3: area_code 'X'"):
        study.read(folder)


def test_a_study_is_a_folder_that_can_be_copied(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    one, other = study.read(folder), study.read(copied)
    pd.testing.assert_frame_equal(one.demand, other.demand)
    assert one.settings == other.settings
    assert one.standards == other.standards


def test_all_errors_are_of_one_family(tmp_path: Path) -> None:
    with pytest.raises(FuwuquanError):
        study.read(tmp_path)
    with pytest.raises(ValueError, match="no study folder"):
        study.read(tmp_path)
