"""Facilities whose outline is broken are points amid what is there of it, and the summary names them."""

from pathlib import Path

import pytest
import shapely

from geo.sources import facility_lists
from geo.sources.osm import extract as osm
from geo.sources.osm.boundaries import Boundaries
from geo.study.categories import BUILT_IN
from support import country

NODES = """n1 Tamenity=clinic,name=whole x10 y50
n2 x10.01 y50
n11 x10.002 y50.002
n12 x10.004 y50.002
n13 x10.004 y50.004
n14 x10.002 y50.004
"""
STREET = "w1 Thighway=residential Nn1,n2\n"
CLINIC = "Tamenity=clinic,name=C"
PLACE = shapely.box(10.002, 50.002, 10.004, 50.004)
BROKEN: dict[str, tuple[str, str]] = {
    "not closed": ("w7", f"w7 {CLINIC} Nn11,n12,n13,n14\n"),
    "a line": ("w7", f"w7 {CLINIC} Nn11,n13\n"),
    "all but one node missing": ("w7", f"w7 {CLINIC} Nn98,n12,n99,n98\n"),
    "a node missing": ("w7", f"w7 {CLINIC} Nn11,n12,n13,n99,n11\n"),
    "crosses itself": ("w7", f"w7 {CLINIC} Nn11,n13,n12,n14,n11\n"),
    "there and back": ("w7", f"w7 {CLINIC} Nn11,n12,n11\n"),
    "two nodes": ("w7", f"w7 {CLINIC} Nn11,n11\n"),
    "no area": ("w7", "w7 Tamenity=clinic,area=no,name=C Nn11,n12,n13,n11\n"),
    "a member missing": ("r7", f"w7 T Nn11,n12,n13\nr7 {CLINIC},type=multipolygon Mw7@outer,w99@outer\n"),
    "a member's node missing": ("r7", f"w7 T Nn11,n12,n99,n11\nr7 {CLINIC},type=multipolygon Mw7@outer\n"),
    "rings not closed": ("r7", f"w7 T Nn11,n12,n13\nr7 {CLINIC},type=multipolygon Mw7@outer\n"),
    "rings that cross": ("r7", f"w7 T Nn11,n13,n12,n14,n11\nr7 {CLINIC},type=multipolygon Mw7@outer\n"),
    "a boundary": ("r7", f"w7 T Nn11,n12,n13\nr7 {CLINIC},type=boundary Mw7@outer,w99@outer\n"),
}


def write(path: Path, objects: str) -> Path:
    path.write_text(NODES + STREET + objects, "utf-8")
    return path


@pytest.mark.parametrize("case", BROKEN)
def test_facilities_with_a_broken_outline_are_points_and_named(tmp_path: Path, case: str) -> None:
    osm_id, objects = BROKEN[case]
    path = write(tmp_path / "x.opl", objects)
    extract = osm.read(path, Boundaries(), None, lambda step, count: None)
    rows, names, _ = osm.read_facilities(path, None, BUILT_IN)
    assert extract.broken_outlines == {f"osm-{osm_id}": f"C (osm-{osm_id})"}
    assert names == [f"C (osm-{osm_id})"]
    for facility_rows in (extract.facility_rows, rows):
        (_, whole, _), (row_id, fields, point) = facility_rows
        assert (whole["name"], row_id, fields["name"]) == ("whole", osm_id, "C")
        assert point.geom_type == "Point"
        assert PLACE.intersects(point)
    assert "areas with a broken outline" not in extract.left_out


def test_the_summary_of_a_build_names_facilities_with_a_broken_outline(tmp_path: Path) -> None:
    far = "n21 x12 y50\nn22 x12.001 y50\n"
    ways = BROKEN["not closed"][1] + f"w9 {CLINIC.replace('C', 'far')} Nn21,n22\n"
    path = tmp_path / "x.opl"
    square = "n31 x9.99 y49.99\nn32 x10.02 y49.99\nn33 x10.02 y50.02\nn34 x9.99 y50.02\n"
    town = "r1 Ttype=boundary,boundary=administrative,admin_level=8,name=Town Mw10@outer\n"
    path.write_text(NODES + far + square + STREET + ways + "w10 T Nn31,n32,n33,n34,n31\n" + town, "utf-8")
    people = tmp_path / "people.csv"
    people.write_text("lon,lat,population\n10,50,100\n")
    study, summary = country.build_study(tmp_path / "study", path, population=people, area="Town")
    assert sorted(study.facilities["name"]) == ["C", "whole"]
    [line] = [line for line in summary.lines if "outlines are not closed" in line.remark]
    assert (line.amount, line.names) == (1, ("C (osm-w7)",))


@pytest.mark.parametrize(
    "objects",
    [
        f"w7 {CLINIC} Nn11,n12,n13,n14,n11\n",
        # Both the relation and the ways that it consists of have the tags.
        f"w7 {CLINIC} Nn11,n12,n13\nw8 {CLINIC} Nn13,n14,n11\nr7 {CLINIC},type=multipolygon Mw7@outer,w8@outer\n",
        f"w7 {CLINIC} Nn11,n12,n13\nr7 {CLINIC},type=multipolygon Mw7@outer,w99@outer\n",
    ],
)
def test_no_facility_is_there_twice(tmp_path: Path, objects: str) -> None:
    extract = osm.read(write(tmp_path / "x.opl", objects), Boundaries(), None, lambda step, count: None)
    assert [fields["name"] for _, fields, _ in extract.facility_rows] == ["whole", "C"]


def test_areas_of_which_nothing_is_there_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "x.opl", f"w7 {CLINIC} Nn97,n98,n99,n97\nw8 Tamenity=clinic,access=private Nn11,n12,n13\n")
    extract = osm.read(path, Boundaries(), None, lambda step, count: None)
    assert extract.left_out["areas with a broken outline"] == 1
    assert extract.left_out["facilities that are private: clinic"] == 1
    assert not extract.broken_outlines


@pytest.mark.parametrize(
    ("objects", "broken"),
    [
        ("w7 Tbuilding=house Nn11,n12,n13,n11\n", 0),
        ("w7 Tbuilding=house Nn11,n12,n13\n", 1),
        ("w7 Tbuilding=house Nn11,n99,n13,n11\n", 1),
        ("w7 Tbuilding=house Nn11,n13,n12,n14,n11\n", 1),
        ("w7 T Nn11,n12,n13\nr7 Tbuilding=house,type=multipolygon Mw7@outer,w99@outer\n", 1),
        ("w7 Tbuilding=industrial Nn11,n12,n13\n", 0),
    ],
)
def test_homes_with_a_broken_outline_are_counted(tmp_path: Path, objects: str, broken: int) -> None:
    extract = osm.read(write(tmp_path / "x.opl", objects), Boundaries(), None, lambda step, count: None)
    assert extract.left_out["areas with a broken outline"] == broken
    assert len(extract.buildings) == ("building=house" in objects) - broken


def test_an_import_names_facilities_with_a_broken_outline(tmp_path: Path) -> None:
    import osmium

    path = write(tmp_path / "x.opl", BROKEN["a node missing"][1])
    with osmium.SimpleWriter(str(tmp_path / "x.osm.pbf")) as writer, osmium.io.Reader(str(path)) as reader:
        osmium.apply(reader, writer)
    facilities = facility_lists.read_in_this_process(tmp_path / "x.osm.pbf")
    assert any("count as points" in note and "C (osm-w7)" in note for note in facilities.notes)
