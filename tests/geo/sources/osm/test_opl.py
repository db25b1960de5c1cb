"""Reading an extract through OPL text: what of it is read completely, and which files are refused."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import shapely

from geo.errors import ExtractError
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from support.extracts import HOUSE, ROAD, Extract, add_nearby_objects

HERE = shapely.box(10.0, 50.0, 10.1, 50.1)


def quiet(step: str, count: int) -> None:
    pass


def read(path: Path, within: object = None) -> osm.Extract:
    return osm.read(path, boundaries.read(path, quiet), within, quiet)


def test_ways_and_multipolygons_that_enter_the_box_are_read_completely(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(9.0, 50.05), (9.5, 50.05), (10.05, 50.05), (10.05, 51.0), (10.05, 52.0)], ROAD)
    extract.way([(9.5, 50.05), (9.5, 50.5)], ROAD)  # meets the first way outside
    park = extract.box(9.98, 50.0, 10.02, 50.02, {"leisure": "park"})  # its first corner is outside
    west, east = [(9.99, 50.06), (9.97, 50.06), (9.97, 50.08), (9.99, 50.08)], [(10.01, 50.06), (10.01, 50.08)]
    members = [
        extract.way(west, {}),
        extract.way([west[0], *east, west[3]], {}),
        extract.box(9.98, 50.065, 9.985, 50.07, {}),
    ]
    extract.multipolygon(list(zip(members, ("outer", "outer", "inner"), strict=True)), {"leisure": "park"})
    extract.multipolygon([(extract.box(9.0, 50.0, 9.1, 50.1, {}), "outer")], {"leisure": "park"})  # outside
    result = read(extract.write(tmp_path / "town.osm.pbf"), HERE)
    assert len(result.streets) == 1
    assert result.streets.geometry[0].length == pytest.approx(1.05 + 1.95)
    outlines = {osm_id: outline for osm_id, _, outline in result.facility_rows}
    assert list(outlines) == [f"w{park}", "r1"]
    assert outlines["r1"].equals(shapely.box(9.97, 50.06, 10.01, 50.08) - shapely.box(9.98, 50.065, 9.985, 50.07))
    assert not result.left_out["ways cut at the extract's border"]


def test_buildings_with_invalid_or_incomplete_outlines(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], ROAD)
    simple = extract.box(10.0, 50.0, 10.001, 50.001, HOUSE)
    extract.way([(10.0, 50.0), (10.001, 50.001), (10.001, 50.0), (10.0, 50.001), (10.0, 50.0)], HOUSE)  # crosses itself
    touching = [(10.01, 50.0), (10.011, 50.0005), (10.012, 50.0), (10.012, 50.001), (10.011, 50.0005), (10.01, 50.001)]
    extract.way([*touching, touching[0]], HOUSE)
    corners = [extract.node(10.02 + east, 50 + north) for east, north in ((0, 0), (0.001, 0), (0.001, 0.001))]
    extract.way_of([*corners, 99_999, corners[0]], HOUSE)  # a corner is missing
    extract.way_of([*corners], HOUSE)  # open
    extract.way_of([*corners, corners[0]], {**HOUSE, "area": "no"})
    extract.multipolygon([(simple, "outer")], {"leisure": "park"})  # one house, although it is the edge of a park too
    result = read(extract.write(tmp_path / "town.osm.pbf"))
    assert result.left_out == {"areas with a broken outline": 3}
    assert sorted(result.buildings["floor_m2"] / result.buildings["floor_m2"].max()) == pytest.approx(
        [0.999, 1.0], abs=2e-3
    )
    assert [osm_id for osm_id, _, _ in result.facility_rows] == ["r1"]


def test_tags_may_hold_any_text(tmp_path: Path) -> None:
    text = "a b,c=d%e@f\tg\n%20% 东门\u202e😀 x10 y50 Nn1"
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], {**ROAD, "name": text, "note": "highway=motorway,foot=no"})
    extract.way([(10.0, 50.0), (10.0, 50.01)], {"old_highway": "path", "highway:note": "x"})
    osm_id = extract.node(10.0, 50.0, {"amenity": "clinic", "name": text, text: text})
    extract.box(10.0, 50.0, 10.001, 50.001, {"leisure": "park", "name": text})
    result = read(extract.write(tmp_path / "town.osm.pbf"))
    assert result.streets["highway"].tolist() == ["residential"]
    (first, clinic, _), (_, park, _) = result.facility_rows
    assert first == f"n{osm_id}"
    assert clinic["name"] == park["name"] == text
    assert clinic["extra"][text] == text


def test_locations_are_read_to_the_last_digit(tmp_path: Path) -> None:
    lonlat = np.round(np.random.default_rng(1).uniform([-180, -90], [180, 90], (500, 2)), 7)
    lonlat[:4] = [[0, 0], [-0.0000001, 0.0000001], [180, 90], [-180, -90]]
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], ROAD)
    for lon, lat in lonlat.tolist():
        extract.node(lon, lat, {"place": "town", "name": "x"})
    places = read(extract.write(tmp_path / "town.osm.pbf")).places
    assert np.array_equal(shapely.get_coordinates(places.geometry), lonlat)


def test_ids_may_be_negative(tmp_path: Path) -> None:
    """Objects that nobody has uploaded yet have negative ids."""
    path = tmp_path / "town.opl"
    corners = "n-1 x10 y50\nn-2 x10.01 y50\nn-3 x10.01 y50.01\nn4 x10 y50.01\n"
    ways = "w-1 Thighway=path Nn-1,n-2,n-3\nw-2 Tbuilding=house Nn-1,n-2,n-3,n4,n-1\n"
    path.write_text(corners + ways, "utf-8")
    result = read(path)
    assert result.streets.geometry[0].coords[:] == [(10, 50), (10.01, 50), (10.01, 50.01)]
    assert len(result.buildings) == 1


def test_file_in_another_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.opl"
    nodes, way = "n1 x10 y50\nn2 x10.01 y50\n", "w1 Thighway=path Nn1,n2\n"
    path.write_text(nodes + way, "utf-8")
    assert len(read(path).streets) == 1
    for number, content in enumerate((way + nodes, nodes + way + "n3 x10 y50\n", "r1 Tbuilding=yes M\n" + nodes + way)):
        path = tmp_path / f"{number}.opl"
        path.write_text(content, "utf-8")
        with pytest.raises(ExtractError, match="order"):
            read(path)


def test_disk_without_room_for_the_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = Extract()
    add_nearby_objects(extract)
    path = extract.write(tmp_path / "town.osm.pbf")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=path.stat().st_size))
    with pytest.raises(ExtractError, match="TMPDIR"):
        read(path)
