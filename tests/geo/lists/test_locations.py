"""Where the rows of a list lie: coordinate systems stated and unstated, swapped axes, doubts."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo.geodesy import datums
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from support import list_files
from support.list_files import (
    SQUARE,
    WITHIN,
    A,
    B,
    clinic,
    collection,
    feature,
    moved,
    read,
    refusal,
    table,
)


def test_a_doubted_location_is_kept_with_its_doubt(tmp_path: Path) -> None:
    far = (121.47, 31.23)
    make = table(clinic(1, A), clinic(2, far), clinic(3, (0, 0)), clinic(4, (39526000, 3197000)))
    sound, away, nowhere, metres = read(tmp_path / "a.csv", make).rows
    assert (sound.problems, sound.doubts) == ((), ())
    assert (away.problems, away.geometry) == ((), shapely.Point(far))
    assert re.fullmatch(r"lies 2\d\d km outside the area", away.doubts[0])
    assert (nowhere.problems, nowhere.geometry) == ((), shapely.Point(0, 0))
    assert nowhere.doubts == ("its place is 0, 0, which stands for an unknown place",)
    assert (metres.doubts, metres.geometry, len(metres.problems)) == ((), None, 1)


def test_a_stated_system_is_used_with_a_note_where_another_fits_better(tmp_path: Path) -> None:
    make = table(*(clinic(n, at) for n, at in enumerate(list_files.GCJ_BORDER)))
    facility_list = read(tmp_path / "a.csv", make, coordinates="wgs84")
    assert any(
        "12 of 12 places lie outside the area as wgs84, which is what was stated; none as gcj02" in n
        for n in facility_list.notes
    )
    assert all("as gcj02" in note and "km outside" in note for row in facility_list.rows for note in row.notes)
    facility_list = read(tmp_path / "a.csv", make, coordinates="gcj02")
    assert (facility_list.coordinates, facility_list.notes, [row.notes for row in facility_list.rows]) == (
        "gcj02",
        [],
        [()] * 12,
    )


def test_a_list_that_fits_one_system_is_not_called_mixed(tmp_path: Path) -> None:
    """Though some of its places fit as wgs84 and not as bd09, and others the other way about."""
    border = shapely.line_interpolate_point(WITHIN.exterior, np.arange(3000) / 3000, normalized=True)
    steps = np.tile((-0.004, -0.001, 0.001, 0.004), len(border))
    x, y = np.repeat(shapely.get_coordinates(border), 4, axis=0).T
    written = datums.geometry_from_wgs84(shapely.points(x + steps, y), "gcj02")
    shapely.prepare(WITHIN)
    lies = {
        system: shapely.contains(WITHIN, datums.geometry_to_wgs84(written, system))
        for system in ("wgs84", "gcj02", "bd09")
    }
    kinds = (lies["wgs84"] & ~lies["bd09"], lies["bd09"] & ~lies["wgs84"], ~lies["wgs84"] & ~lies["bd09"])
    fitting = [shapely.get_coordinates(written[lies["gcj02"] & kind]) for kind in kinds]
    some = [tuple(at) for places in fitting for at in places[:: len(places) // 10][:10].tolist()]
    assert len(some) == 30
    said = refusal(tmp_path / "a.csv", table(*(clinic(n, at) for n, at in enumerate(some))))
    assert "none as gcj02" in said
    assert "give --coordinates gcj02 (HTTP: coordinates=gcj02), or wgs84 if that is right" in said


def test_an_unstated_system_is_noted_with_the_distance_to_the_others(tmp_path: Path) -> None:
    (note,) = read(tmp_path / "a.csv", table(clinic(1, A))).notes
    shift, twice = (float(number.replace(",", "")) for number in re.findall(r"([\d,]+) m elsewhere", note))
    assert 540 < shift < 570
    assert 900 < twice < 1400
    assert read(tmp_path / "a.csv", table(clinic(1, A)), coordinates="wgs84").notes == []


@pytest.mark.parametrize("system", ["wgs84", "gcj02", "bd09", "cgcs2000"])
def test_locations_are_moved_to_wgs84_from_any_system(tmp_path: Path, system: str) -> None:
    make = table(clinic(1, moved(A, system)), clinic(2, moved(B, system)))
    facility_list = read(tmp_path / "a.csv", make, coordinates=system)
    assert facility_list.coordinates == system
    for row, at in zip(facility_list.rows, (A, B), strict=True):
        assert row.geometry is not None
        assert (row.geometry.x, row.geometry.y) == pytest.approx(at, abs=3e-6)
    stated = collection(feature(moved(A, system)), coordinates=system)
    (row,) = read(tmp_path / "a.geojson", stated).rows
    assert row.geometry is not None
    assert (row.geometry.x, row.geometry.y) == pytest.approx(A, abs=3e-6)


def test_without_an_area_only_impossible_degrees_are_swapped(tmp_path: Path) -> None:
    make = table(clinic(1, (A[1], A[0])), clinic(2, A), clinic(3, (28.9, 29.1)), clinic(4, (220, 28.9)))
    rows = read(tmp_path / "a.csv", make, within=None).rows
    assert [row.notes for row in rows] == [("longitude and latitude were swapped",), (), (), ()]
    assert rows[0].geometry == shapely.Point(A)
    assert "is not a longitude and latitude in degrees" in rows[3].problems[0]


@pytest.mark.parametrize("name", ["list_wgs84", "list_gcj02", "list_bd09", "list_cgcs2000", "list"])
def test_the_name_of_a_layer_states_its_coordinate_system(tmp_path: Path, name: str) -> None:
    frame = gpd.GeoDataFrame({"类别": ["诊所"]}, geometry=[shapely.Point(A)], crs="EPSG:4326")
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(frame, path, layer=name)
    facility_list = facility_lists.read_in_this_process(path, ListOptions(within=WITHIN))
    system = name.partition("_")[2]
    assert (facility_list.coordinates, facility_list.coordinates_stated) == (system or "wgs84", bool(system))


def test_an_outline_and_a_point_must_agree(tmp_path: Path) -> None:
    within, beside, off = (120.0405, 28.8905), (120.0413, 28.8905), (120.0419, 28.8905)
    make = table(
        *(["p", "公园", SQUARE, *at] for at in (within, beside, off, within[::-1])),
        ["p", "公园", SQUARE, "甲", 28.89],
        head=["数", "类别", "边界WKT", "经度", "纬度"],
    )
    rows = read(tmp_path / "a.csv", make).rows
    assert [len(row.problems) for row in rows] == [0, 0, 1, 0, 1]
    assert re.search(r"longitude and latitude lie 8\d m from its outline", rows[2].problems[0])
    assert "'甲'" in rows[4].problems[0]
    assert rows[1].geometry == shapely.from_wkt(SQUARE)
