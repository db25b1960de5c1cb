"""Reading an extract costs little more than a bare pass over it, and holds what the place keeps, not what lies far."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import osmium
import pytest
import shapely

from geo.errors import ExtractError
from geo.sources import inputs
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from support.extracts import Extract

ROAD = {"highway": "residential"}
HOUSE = {"building": "house"}
HERE = shapely.box(10.0, 50.0, 10.1, 50.1)


def quiet(step: str, count: int) -> None:
    pass


def read(path: Path, within: object = None) -> osm.Extract:
    return osm.read(path, boundaries.read(path, quiet), within, quiet)


# --- time ----------------------------------------------------------------------------------------------------------


def bare(path: Path) -> None:
    for _ in osmium.FileProcessor(str(path)).with_locations():
        pass


def of_an_area(path: Path) -> None:
    drawn = boundaries.read(path, quiet)
    outline = boundaries.find(drawn, "Liechtenstein").geometry
    osm.read(path, drawn, inputs.widened(outline, 15_000.0), quiet)


@pytest.mark.alone
@pytest.mark.parametrize(("name", "reading"), [("liechtenstein", of_an_area), ("porto_alegre", read)])
def test_reading_takes_half_again_as_long_as_a_bare_pass(
    shared: Path, name: str, reading: Callable[[Path], object]
) -> None:
    path = shared / "data" / name / f"{name}.osm.pbf"
    reading(path)  # compiled loops and projections are loaded on first use
    seconds: dict[object, list[float]] = {bare: [], reading: []}
    # Turn by turn, for the machine may be busy; more turns only while they are needed.
    for turn in range(12):
        for step, taken in seconds.items():
            begin = time.perf_counter()
            step(path)  # type: ignore[operator]
            taken.append(time.perf_counter() - begin)
        if turn >= 2 and min(seconds[reading]) <= 1.5 * min(seconds[bare]):
            break
    assert min(seconds[reading]) <= 1.5 * min(seconds[bare])


# --- memory --------------------------------------------------------------------------------------------------------

PEAK = """
import sys
from pathlib import Path
import shapely
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
path = Path(sys.argv[1])
drawn = boundaries.read(path, lambda step, count: None)
extract = osm.read(path, drawn, shapely.box(10.0, 50.0, 10.1, 50.1), lambda step, count: None)
assert len(drawn) == 1 and len(extract.streets) == 2 and len(extract.buildings) == 2, extract
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def near(extract: Extract) -> None:
    """A boundary, two streets, a house, a house with a yard."""
    extract.boundary("Dorf", 8, (10.0, 50.0, 10.1, 50.1))
    extract.way([(10.0, 50.01), (10.01, 50.01), (10.02, 50.01)], ROAD)
    extract.way([(10.01, 50.01), (10.01, 50.02)], {"highway": "footway", "area": "yes", "foot": "no"})
    extract.way([(10.01, 50.02), (10.05, 50.02)], ROAD)
    extract.box(10.03, 50.03, 10.031, 50.031, HOUSE)
    outer, inner = extract.box(10.04, 50.03, 10.041, 50.031, {}), extract.box(10.0402, 50.0302, 10.0408, 50.0308, {})
    extract.multipolygon([(outer, "outer"), (inner, "inner")], HOUSE)


def with_far(extract: Extract, path: Path, count: int) -> Path:
    """``extract`` with ``count`` more nodes some thousand kilometres off, and a way to every ten of them."""
    lines = extract.write(path.with_suffix(".opl")).read_text("utf-8").splitlines(keepends=True)
    first = 10_000
    nodes = [f"n{first + n} v1 x{30 + n % 1000 / 1000:.3f} y{20 + n // 1000 / 1000:.3f}\n" for n in range(count)]
    ways = [
        f"w{first + n} v1 T{'highway=path' if n % 20 else 'building=yes'} "
        f"N{','.join(f'n{first + n + i % 10}' for i in range(11))}\n"
        for n in range(0, count - 10, 10)
    ]
    text = path.with_suffix(".far.opl")
    parts = [[line for line in lines if line[0] == kind] for kind in "nwr"]
    text.write_text("".join([*parts[0], *nodes, *parts[1], *ways, *parts[2]]), "utf-8")
    with osmium.SimpleWriter(str(path)) as writer, osmium.io.Reader(str(text)) as reader:
        osmium.apply(reader, writer)
    return path


def peak_bytes(path: Path) -> int:
    # Short queues and one heap, lest what osmium has in hand, or glibc does not give back, fill up by and by.
    short = {f"OSMIUM_MAX_{queue}_QUEUE_SIZE": "2" for queue in ("INPUT", "OSMDATA", "WORK", "OUTPUT")}
    heap = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **short, **heap})
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux")
def test_what_lies_far_takes_no_memory(tmp_path: Path) -> None:
    extract = Extract()
    near(extract)
    few, many = 200_000, 1_000_000
    peaks = [peak_bytes(with_far(extract, tmp_path / f"{count}.osm.pbf", count)) for count in (few, many)]
    # A table of all places takes 16 bytes a node, one of the numbers alone 8.
    assert peaks[1] - peaks[0] < 6 * (many - few)


def test_what_lies_far_changes_nothing(tmp_path: Path) -> None:
    extract = Extract()
    near(extract)
    alone = read(extract.write(tmp_path / "near.osm.pbf"), HERE)
    crowded = read(with_far(extract, tmp_path / "far.osm.pbf", 1_000), HERE)
    assert len(alone.streets) == 2
    assert crowded.streets.equals(alone.streets)
    assert crowded.buildings.equals(alone.buildings)
    assert crowded.left_out == alone.left_out == {"ways closed to everybody": 1}
    assert len(read(tmp_path / "far.osm.pbf").streets) > 2


# --- what is read ----------------------------------------------------------------------------------------------------


def test_what_comes_into_the_box_is_whole(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(9.0, 50.05), (9.5, 50.05), (10.05, 50.05), (10.05, 51.0), (10.05, 52.0)], ROAD)
    extract.way([(9.5, 50.05), (9.5, 50.5)], ROAD)  # meets it outside
    park = extract.box(9.98, 50.0, 10.02, 50.02, {"leisure": "park"})  # its first corner is outside
    west, east = [(9.99, 50.06), (9.97, 50.06), (9.97, 50.08), (9.99, 50.08)], [(10.01, 50.06), (10.01, 50.08)]
    parts = [
        extract.way(west, {}),
        extract.way([west[0], *east, west[3]], {}),
        extract.box(9.98, 50.065, 9.985, 50.07, {}),
    ]
    extract.multipolygon(list(zip(parts, ("outer", "outer", "inner"), strict=True)), {"leisure": "park"})
    extract.multipolygon([(extract.box(9.0, 50.0, 9.1, 50.1, {}), "outer")], {"leisure": "park"})  # outside
    got = read(extract.write(tmp_path / "town.osm.pbf"), HERE)
    assert len(got.streets) == 1
    assert got.streets.geometry[0].length == pytest.approx(1.05 + 1.95)
    shapes = {number: shape for number, _, shape in got.facility_rows}
    assert list(shapes) == [f"w{park}", "r1"]
    assert shapes["r1"].equals(shapely.box(9.97, 50.06, 10.01, 50.08) - shapely.box(9.98, 50.065, 9.985, 50.07))
    assert not got.left_out["ways cut at the extract's border"]


def test_rings_that_are_not_simple(tmp_path: Path) -> None:
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
    extract.multipolygon([(simple, "outer")], {"leisure": "park"})  # a house that is a park's edge too is one house
    got = read(extract.write(tmp_path / "town.osm.pbf"))
    assert got.left_out == {"areas with a broken outline": 1}
    assert sorted(got.buildings["floor_m2"] / got.buildings["floor_m2"].max()) == pytest.approx([0.999, 1.0], abs=2e-3)
    assert [number for number, _, _ in got.facility_rows] == ["r1"]


def test_any_text_may_be_in_a_tag(tmp_path: Path) -> None:
    odd = "a b,c=d%e@f\tg\n%20% 东门\u202e😀 x10 y50 Nn1"
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], {**ROAD, "name": odd, "note": "highway=motorway,foot=no"})
    extract.way([(10.0, 50.0), (10.0, 50.01)], {"old_highway": "path", "highway:note": "x"})
    number = extract.node(10.0, 50.0, {"amenity": "clinic", "name": odd, odd: odd})
    extract.box(10.0, 50.0, 10.001, 50.001, {"leisure": "park", "name": odd})
    got = read(extract.write(tmp_path / "town.osm.pbf"))
    assert got.streets["highway"].tolist() == ["residential"]
    (first, clinic, _), (_, park, _) = got.facility_rows
    assert first == f"n{number}"
    assert clinic["name"] == park["name"] == odd
    assert clinic["extra"][odd] == odd


def test_places_are_read_to_the_last_digit(tmp_path: Path) -> None:
    lonlat = np.round(np.random.default_rng(1).uniform([-180, -90], [180, 90], (500, 2)), 7)
    lonlat[:4] = [[0, 0], [-0.0000001, 0.0000001], [180, 90], [-180, -90]]
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], ROAD)
    for lon, lat in lonlat.tolist():
        extract.node(lon, lat, {"place": "town", "name": "x"})
    places = read(extract.write(tmp_path / "town.osm.pbf")).places
    assert np.array_equal(shapely.get_coordinates(places.geometry), lonlat)


def test_numbers_may_be_negative(tmp_path: Path) -> None:
    """As those are of objects that nobody has uploaded yet."""
    path = tmp_path / "town.opl"
    corners = "n-1 x10 y50\nn-2 x10.01 y50\nn-3 x10.01 y50.01\nn4 x10 y50.01\n"
    ways = "w-1 Thighway=path Nn-1,n-2,n-3\nw-2 Tbuilding=house Nn-1,n-2,n-3,n4,n-1\n"
    path.write_text(corners + ways, "utf-8")
    got = read(path)
    assert got.streets.geometry[0].coords[:] == [(10, 50), (10.01, 50), (10.01, 50.01)]
    assert len(got.buildings) == 1


def test_objects_in_another_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.opl"
    nodes, way = "n1 x10 y50\nn2 x10.01 y50\n", "w1 Thighway=path Nn1,n2\n"
    path.write_text(nodes + way, "utf-8")
    assert len(read(path).streets) == 1
    for number, content in enumerate((way + nodes, nodes + way + "n3 x10 y50\n", "r1 Tbuilding=yes M\n" + nodes + way)):
        path = tmp_path / f"{number}.opl"
        path.write_text(content, "utf-8")
        with pytest.raises(ExtractError, match="order"):
            read(path)


def test_without_room_for_the_text_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = Extract()
    near(extract)
    path = extract.write(tmp_path / "town.osm.pbf")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=path.stat().st_size))
    with pytest.raises(ExtractError, match="TMPDIR"):
        read(path)
