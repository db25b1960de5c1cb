"""Shapes of a list: closed lines are outlines, broken ones are repaired, and whatever became a point is said."""

from pathlib import Path
from typing import Any

import pytest
import shapely

from geo.study import facilities
from geo.study.categories import BUILT_IN
from support.list_files import SQUARE, collection, feature, read, table

RING = [[120.04, 28.88], [120.05, 28.88], [120.05, 28.89], [120.04, 28.89], [120.04, 28.88]]
BOWTIE = [RING[0], RING[2], RING[1], RING[3], RING[0]]


def shape(geometry_type: str, coordinates: Any) -> dict[str, Any]:
    return {"type": geometry_type, "coordinates": coordinates}


CASES: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("closed line", shape("LineString", RING), "Polygon", "its line is closed and was read as its outline"),
    ("closed lines", shape("MultiLineString", [RING]), "Polygon", "closed and was read as its outline"),
    ("open line", shape("LineString", RING[:3]), "Point", "of its line the point 120.050000, 28.880000 was taken"),
    ("bowtie", shape("Polygon", [BOWTIE]), "MultiPolygon", "crosses or touches itself and was repaired"),
    ("closed bowtie line", shape("LineString", BOWTIE), "MultiPolygon", "read as its outline"),
    ("two points", shape("MultiPoint", RING[:2]), "Point", "of its 2 points the point"),
    ("one point", shape("MultiPoint", RING[:1]), "Point", None),
    ("point", shape("Point", RING[0]), "Point", None),
    ("outline", shape("Polygon", [RING]), "Polygon", None),
    ("no area", shape("Polygon", [[RING[0], RING[1], RING[0], RING[0]]]), "Point", "was taken"),
    (
        "collection",
        {"type": "GeometryCollection", "geometries": [shape("Polygon", [RING]), shape("Point", RING[0])]},
        "Polygon",
        "the outlines were kept",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "geometry", "expected", "said"), CASES, ids=[case[0] for case in CASES])
def test_what_becomes_of_a_park(
    name: str, geometry: dict[str, Any], expected: str, said: str | None, tmp_path: Path
) -> None:
    (row,) = read(tmp_path / "a.geojson", collection(feature(geometry, category="park")), coordinates="wgs84").rows
    assert row.geometry is not None
    assert (row.geometry.geom_type, row.geometry.is_valid) == (expected, True)
    assert row.problems == ()
    assert (row.notes == ()) if said is None else (said in "; ".join(row.notes)), row.notes


@pytest.mark.parametrize("ending", ["csv", "geojson"])
def test_the_point_that_replaces_the_outline_of_a_building_is_said(ending: str, tmp_path: Path) -> None:
    square = shapely.from_wkt(SQUARE)
    make = (
        table(["c1", "诊所", SQUARE], head=["编号", "类别", "wkt"])
        if ending == "csv"
        else collection(feature(shapely.geometry.mapping(square)))
    )
    (row,) = read(tmp_path / f"a.{ending}", make, coordinates="wgs84").rows
    assert row.geometry is not None
    assert row.geometry.within(square)
    assert f"of its outline the point {row.geometry.x:.6f}, {row.geometry.y:.6f} was taken" in row.notes[0]


def test_a_closed_line_of_a_building_is_no_outline() -> None:
    kept = facilities.facility_geometry(BUILT_IN["clinic"], shapely.LineString(RING))
    assert kept.geom_type == "Point"
