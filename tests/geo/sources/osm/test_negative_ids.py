"""Ids below zero, which editors give to objects that nobody has uploaded, mean the same as others."""

import re
from pathlib import Path

import pytest

from geo.errors import ExtractError
from geo.sources.osm import boundaries, opl_lines
from geo.sources.osm import extract as osm
from geo.sources.osm.boundaries import Boundaries
from geo.study.categories import BUILT_IN

LINES = """n1 x10 y50
n2 x10.01 y50
n3 x10.01 y50.01
n4 x10 y50.01
n5 x10.002 y50.002
n6 x10.004 y50.002
n7 x10.004 y50.004
n8 Tamenity=clinic,name=n-8%2c%n8 x10.005 y50.005
w1 Thighway=path,note=Nn-1 Nn1,n2,n3
w2 Nn1,n2,n3,n4,n1
w3 Nn5,n6,n7,n5
w4 Tamenity=clinic,name=w-4 Nn5,n6,n7,n5
w5 Tbuilding=house Nn5,n6,n7,n5
r1 Tadmin_level=8,boundary=administrative,name=Town,type=boundary Mw2@outer
r2 Tleisure=park,name=Mw-1,type=multipolygon Mw2@outer,w3@inner
r3 Ttype=restriction,restriction=no_u_turn Mw1@from,n2@via,w1@to
"""


def quiet(step: str, count: int) -> None:
    pass


def numbered(sign: dict[str, int]) -> str:
    """The lines with the ids of each object type (n, w, r) multiplied by a number."""

    def renumber(match: re.Match[str]) -> str:
        return match[1] + match[2] + str(int(match[3]) * sign[match[2]])

    lines = []
    for line in LINES.splitlines():
        head, *tags, tail = line.split(" ")
        head = re.sub(r"(^)([nwr])(\d+)", renumber, head)
        tail = re.sub(r"(^[NM]|,)([nwr])(\d+)", renumber, tail)
        lines.append(" ".join([head, *(tags if line[0] == "n" or tags else ["T"]), tail]))
    # The order of osmium: below zero by size, then above.
    lines.sort(key=lambda line: ("nwr".index(line[0]), "-" not in line.split(" ")[0], opl_lines.object_id(line)))
    return "\n".join(lines) + "\n"


def contents(path: Path) -> tuple[object, ...]:
    """What is read of a file, with the ids that differ made positive."""
    drawn = boundaries.read(path, quiet)
    extract = osm.read(path, drawn, None, quiet)
    rows, *_ = osm.read_facilities(path, None, BUILT_IN)
    return (
        [(boundary.osm_id.replace("-", ""), boundary.geometry.wkt) for boundary in drawn.complete],
        extract.streets.geometry.to_wkt().tolist(),
        extract.buildings.geometry.to_wkt().tolist(),
        *(
            [(osm_id.replace("-", ""), fields["name"], shape.normalize().wkt) for osm_id, fields, shape in table]
            for table in (extract.facility_rows, rows)
        ),
        extract.left_out,
        extract.notes,
        len(extract.turn_restrictions),
    )


@pytest.fixture(scope="module")
def positive(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    path = tmp_path_factory.mktemp("positive") / "a.opl"
    path.write_text(numbered({"n": 1, "w": 1, "r": 1}), "utf-8")
    return contents(path)


@pytest.mark.parametrize("negative", ["n", "w", "r", "nw", "nr", "wr", "nwr"])
def test_ids_below_zero_mean_the_same_as_others(tmp_path: Path, negative: str, positive: tuple[object, ...]) -> None:
    path = tmp_path / "a.opl"
    path.write_text(numbered({letter: -1 if letter in negative else 1 for letter in "nwr"}), "utf-8")
    assert contents(path) == positive
    assert len(positive[3]) == 3  # type: ignore[arg-type]


def test_ids_of_both_signs_may_be_mixed_and_may_have_the_same_number(tmp_path: Path) -> None:
    path = tmp_path / "a.opl"
    clinic = "Tamenity=clinic,name=A"
    nodes = "n-3 x10.5 y-50.01\nn-2 x10.51 y-50\nn-1 x10.5 y-50\nn1 x10 y-50\nn2 x10.01 y-50\nn3 x10.01 y-50.01\n"
    ways = f"w-1 {clinic} Nn1,n2,n3,n1\nw1 {clinic} Nn-1,n-2,n-3,n-1\nw2 Thighway=path Nn1,n2,n-2\n"
    path.write_text(nodes + ways, "utf-8")
    rows = osm.read(path, Boundaries(), None, quiet).facility_rows
    assert {osm_id: round(shape.centroid.x) for osm_id, _, shape in rows} == {"w-1": 10, "w1": 11}


def test_boundaries_are_chosen_by_ids_below_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.opl"
    path.write_text(numbered({"n": -1, "w": -1, "r": -1}), "utf-8")
    drawn = boundaries.read(path, quiet)
    assert [boundaries.find(drawn, text).osm_id for text in ("Town", "r-1", "-1")] == ["r-1"] * 3
    for text in ("1", "r1", "w-1", "r--1", "-Town"):
        with pytest.raises(ExtractError, match=r"Town \(r-1, admin_level 8\)"):
            boundaries.find(drawn, text)
