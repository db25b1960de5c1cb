"""Areas: reading and checking their files, and finding the area that a point lies in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from geo.study import areas
from geo.study.study import Study
from support.files import problems_of, write_features
from support.handmade import Area, lonlat

POINT = {"type": "Point", "coordinates": [120.0, 28.9]}


def unit(code: object = "1", geometry: object = POINT, **more: object) -> dict[str, Any]:
    properties = {"code": code, "name": "甲", "level": "town", "parent": None, "urban": None, "population": None}
    return {"type": "Feature", "properties": properties | more, "geometry": geometry}


def test_levels_and_urban_are_read_in_chinese_and_english(tmp_path: Path) -> None:
    path = write_features(
        tmp_path,
        "areas.geojson",
        unit("007", level="镇", population="1200.5"),
        unit("0071", level="行政村", parent="007", urban="农村"),
        unit("0072", level="社区", parent="007", urban="城镇", population=0),
        unit("0073", level="village", parent="007", urban=True),
    )
    frame = areas.read(path)
    assert frame.index.tolist() == ["007", "0071", "0072", "0073"]
    assert frame["level"].tolist() == ["town", "village", "community", "village"]
    assert frame["parent"].tolist() == [None, "007", "007", "007"]
    assert frame["urban"].tolist() == [None, False, True, True]
    assert frame["population"].tolist() == [1200.5, None, 0.0, None]  # zero is not unknown


@pytest.mark.parametrize(
    ("feature", "expected"),
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
def test_wrong_area_is_refused_by_its_number(tmp_path: Path, feature: dict[str, Any], expected: str) -> None:
    problems = problems_of(areas.read, write_features(tmp_path, "areas.geojson", unit("0"), feature))
    assert any("feature 2" in problem and expected in problem for problem in problems)
    assert not any("feature 1" in problem for problem in problems)


def test_repeated_codes_and_unknown_parents_are_refused(tmp_path: Path) -> None:
    problems = problems_of(
        areas.read,
        write_features(tmp_path, "areas.geojson", unit("1"), unit("1"), unit("11", level="village", parent="1"),
                  unit("99", level="village", parent="9"), unit("98", level="community")),
    )  # fmt: skip
    assert len(problems) == 3
    for expected in ("'1' is used", "99: parent '9'", "98: parent None"):
        assert any(expected in problem for problem in problems)


def test_written_areas_read_back_equal(tmp_path: Path) -> None:
    square = shapely.geometry.mapping(shapely.box(120, 28.9, 120.1, 29))
    path = write_features(
        tmp_path, "areas.geojson", unit("1", square, urban=True, population=7), unit("11", level="village", parent="1")
    )
    frame = areas.read(path)
    path.write_text(json.dumps(areas.to_geojson(frame)), "utf-8")
    again = areas.read(path)
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(frame.drop(columns="geometry"))
    )
    assert (shapely.equals_exact(again.geometry.to_numpy(), frame.geometry.to_numpy(), 1e-7)).all()


def codes_at(small_study: Callable[..., Study], units: list[Area], *places: tuple[float, float]) -> list[str | None]:
    study = small_study(areas=units)
    lon, lat = np.array([lonlat(*place) for place in places]).T
    codes: list[str | None] = areas.locate(study.areas, lon, lat, study.settings.projection).tolist()
    return codes


def test_point_belongs_to_the_smallest_polygon_around_it(small_study: Callable[..., Study]) -> None:
    units = [
        Area("T", "town", shapely.box(0, 0, 1000, 1000)),
        Area("V", "village", shapely.box(0, 0, 400, 400), "T"),
        Area("U", "town", shapely.box(1000, 0, 2000, 1000)),
    ]
    places = (200.0, 200.0), (600.0, 600.0), (1500.0, 500.0), (3000.0, 0.0), (2000.0, 500.0)
    assert codes_at(small_study, units, *places) == ["V", "T", "U", None, "U"]  # a polygon contains its border


def test_point_belongs_to_the_nearest_village_where_villages_are_points(small_study: Callable[..., Study]) -> None:
    units = [
        Area("T", "town", (0.0, 0.0)),
        Area("V", "village", (0.0, 0.0), "T"),
        Area("W", "village", (1000.0, 0.0), "T"),
    ]
    assert codes_at(small_study, units, (-50.0, 900.0), (499.0, 0.0), (501.0, 0.0)) == ["V", "V", "W"]


def test_point_has_no_area_where_a_study_has_none(small_study: Callable[..., Study]) -> None:
    assert codes_at(small_study, [], (0.0, 0.0)) == [None]


def test_locate_takes_the_smallest_area_and_the_nearest_point_of_the_own_town() -> None:
    town = {"level": "town"}
    rows = [
        ("1", {"code": "A", **town}, shapely.box(0, 0, 0.1, 0.1)),
        ("2", {"code": "B", **town}, shapely.box(0.1, 0, 0.2, 0.1)),
        ("3", {"code": "a", "level": "village", "parent": "A"}, shapely.Point(0.01, 0.05)),
        ("4", {"code": "b", "level": "village", "parent": "B"}, shapely.Point(0.101, 0.05)),
        ("5", {"code": "b2", "level": "village", "parent": "B"}, shapely.box(0.15, 0, 0.2, 0.1)),
        ("6", {"code": "b3", "level": "community", "parent": "B"}, shapely.box(0.17, 0, 0.18, 0.1)),
    ]
    positions = np.array([[0.099, 0.05], [0.105, 0.05], [0.16, 0.05], [0.175, 0.05], [0.5, 0.5]])
    for order in (rows, rows[::-1]):
        codes = areas.locate(areas.from_rows(order, "test"), positions[:, 0], positions[:, 1], "EPSG:32631")
        # The second position is nearer to a village of the other town; the fourth is in two polygons; the last in none.
        assert codes.tolist() == ["a", "b", "b2", "b3", None]
