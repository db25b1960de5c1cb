"""Slopes along streets: closed forms on planes, a slow answer piece by piece, and builds with a raster of heights."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.errors import InputError
from geo.measures import counting, coverage, isochrones
from geo.sources import build, elevation
from geo.sources.build import Sources
from geo.sources.osm import boundaries, highways
from geo.sources.osm import extract as osm
from geo.sources.summary import Summary
from geo.study import streets, study
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support.extracts import Extract
from support.handmade import CENTRE, PROJECTION, Facility, People, Street, lonlat, standard, street_frame

rasterio = pytest.importorskip("rasterio")
GEOD = Geod(ellps="WGS84")
NOW = date(2022, 1, 1)
# rasterio's own arithmetic, which affine 3 has superseded
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
SITE = 'LOCAL_CS["site",UNIT["metre",1]]'
Ground = Callable[[Any, Any], Any]


def tobler(slope: float) -> float:
    """Tobler's 6 exp(−3.5 |s + 0.05|) km/h on the flat, by his speed on the slope."""
    return 6 * math.exp(-3.5 * 0.05) / (6 * math.exp(-3.5 * abs(slope + 0.05)))


def heights(
    path: Path,
    ground: Ground,
    crs: str | None = PROJECTION,
    cell: float = 30.0,
    turned: float = 0.0,
    cells: tuple[int, int] = (120, 100),
    spoil: Callable[[np.ndarray], None] | None = None,
    **more: Any,
) -> Path:
    """A GeoTIFF around the handmade world's middle whose cells have the height of ``ground`` (metres) at their centre.

    ``cells`` are its columns and rows, ``turned`` degrees against the clock.
    """
    from rasterio.transform import Affine

    here = PROJECTION if crs in (None, SITE) else crs
    x, y = Transformer.from_crs("EPSG:4326", here, always_xy=True).transform(*CENTRE)
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    a, b, d, e = cell * cos, cell * sin, cell * sin, -cell * cos
    grid = Affine(a, b, x - (a * cells[0] + b * cells[1]) / 2, d, e, y - (d * cells[0] + e * cells[1]) / 2)
    column, row = np.meshgrid(np.arange(cells[0]) + 0.5, np.arange(cells[1]) + 0.5)
    world = Transformer.from_crs(here, PROJECTION, always_xy=True)
    values = np.asarray(
        ground(*world.transform(grid.a * column + grid.b * row + grid.c, grid.d * column + grid.e * row + grid.f)),
        dtype=more.setdefault("dtype", "float64"),
    )
    if spoil:
        spoil(values)
    unit = more.pop("unit", None)
    with rasterio.open(path, "w", driver="GTiff", width=cells[0], height=cells[1], count=1, crs=crs, transform=grid,
                       **more) as file:  # fmt: skip
        file.write(values, 1)
        if unit:
            file.set_band_unit(1, unit)
    return path


def east(rise: float) -> Ground:
    """A plane that rises to the east, 100 m high in the middle."""
    return lambda x, y: 100 + rise * x + 0 * y


def frame(lines: Sequence[Sequence[tuple[float, float]]], off_ground: Sequence[int] = ()) -> Any:
    table = street_frame([Street(line) for line in lines])
    return table.assign(off_ground=[row in off_ground for row in range(len(table))])


# --- what a hand can compute -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slope", "kph"), [(0.0, 4.0), (-0.05, 4.765), (0.05, 3.358), (0.1, 2.819), (-0.1, 4.0), (-0.3, 1.986)]
)
def test_walking_on_a_slope_is_the_design_s_formula(slope: float, kph: float) -> None:
    assert 4 / elevation.pace(np.array([slope]))[0] == pytest.approx(kph, abs=1e-3)
    assert 4 * math.exp(-3.5 * abs(slope + 0.05)) / math.exp(-0.175) == pytest.approx(kph, abs=1e-3)
    assert elevation.pace(np.array([slope]))[0] == pytest.approx(tobler(slope))


@pytest.mark.parametrize("rise", [0.0, 0.02, 0.08, -0.08, 0.4])
def test_a_plane_tilted_east(tmp_path: Path, rise: float) -> None:
    lines = [
        [(-500, 7), (500, 7)],
        [(3, -500), (3, 400)],
        [(-300, -200), (0, 200)],
        [(500, 11), (0, 11)],
        [(1, 1), (4, 1)],
    ]
    slopes = elevation.slopes_along(frame(lines), heights(tmp_path / "plane.tif", east(rise)), PROJECTION)
    onward = [rise, 0.0, rise * 0.6, -rise, rise]
    assert slopes.forward == pytest.approx([tobler(s) for s in onward], rel=1e-6)
    assert slopes.backward == pytest.approx([tobler(-s) for s in onward], rel=1e-6)
    assert slopes.known.all()
    assert slopes.steepest == pytest.approx(abs(rise), abs=1e-6)
    lengths = [1000, 900, 500, 500, 3]
    assert slopes.mean == pytest.approx(np.average(np.abs(onward), weights=lengths), abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "cell", "turned"),
    [("EPSG:4326", 1 / 3600, 0), ("EPSG:32650", 30, 0), ("EPSG:32651", 25, 0), ("EPSG:3857", 40, 0),
     ("EPSG:6933", 20, 0), (PROJECTION, 30, 33), ("EPSG:4490", 1 / 3600, -20)],
)  # fmt: skip
def test_a_raster_in_any_projection(tmp_path: Path, crs: str, cell: float, turned: float) -> None:
    path = heights(tmp_path / "plane.tif", east(0.08), crs, cell, turned)
    slopes = elevation.slopes_along(frame([[(-500, 7), (500, 7)], [(3, -500), (3, 400)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.08), 1], abs=1e-5)
    assert slopes.backward == pytest.approx([tobler(-0.08), 1], abs=1e-5)


def test_up_and_down_a_ridge_is_not_flat(tmp_path: Path) -> None:
    """Between equally high ends an edge over a ridge costs what its pieces cost."""
    path = heights(tmp_path / "ridge.tif", lambda x, y: 200 - 0.2 * np.abs(x - 15) + 0 * y)
    slopes = elevation.slopes_along(frame([[(-290, 0), (320, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([(tobler(0.2) + tobler(-0.2)) / 2], rel=1e-6)
    assert slopes.backward == pytest.approx(slopes.forward)


def test_a_bend_is_climbed_by_the_way_along_it(tmp_path: Path) -> None:
    """A hairpin of 500 m that gains 40 m has 8 %, however near its ends are."""
    path = heights(tmp_path / "plane.tif", east(0.2))
    line = [(0, 0), (120, 160), (200, 100 - 1e-6), (0, 100)]
    onward = [0.12, 0.16, -0.2]
    metres = [200, 100, 200]
    slopes = elevation.slopes_along(frame([line]), path, PROJECTION)
    by_part = np.average([tobler(s) for s in onward], weights=metres)
    assert slopes.forward == pytest.approx([by_part], rel=0.05)  # pieces lie over the bends


# --- by a slow answer --------------------------------------------------------------------------------------------


@lru_cache
def mover(of: str, to: str) -> Transformer:
    return Transformer.from_crs(of, to, always_xy=True)


def slow(line: Any, length_m: float, path: Path, crs: str, piece_m: float) -> tuple[float, float]:
    """The paces of one edge: pieces cut by walking along it, heights from four cells, Tobler by hand; NaN unknown."""
    metric = mover("EPSG:4326", crs)
    xy = [metric.transform(*place) for place in line.coords]
    gone = [0.0]
    for (x, y), (x2, y2) in itertools.pairwise(xy):
        gone.append(gone[-1] + math.hypot(x2 - x, y2 - y))
    count = max(1, int(length_m / piece_m))
    found = []
    with rasterio.open(path) as file:
        band = file.read(1).astype(float)
        there = mover(crs, file.crs.to_wkt())
        for step in range(count + 1):
            aim = gone[-1] * step / count
            at = max(number for number, metres in enumerate(gone[:-1]) if metres <= aim)
            part = (aim - gone[at]) / (gone[at + 1] - gone[at])
            x, y = there.transform(*(a + part * (b - a) for a, b in zip(xy[at], xy[at + 1], strict=True)))
            t = file.transform
            det = t.a * t.e - t.b * t.d
            column = (t.e * (x - t.c) - t.b * (y - t.f)) / det - 0.5
            row = (t.a * (y - t.f) - t.d * (x - t.c)) / det - 0.5
            if not (-0.5 <= column <= file.width - 0.5 and -0.5 <= row <= file.height - 0.5):
                return math.nan, math.nan
            height = 0.0
            for r, wr in ((math.floor(row), 1 - row % 1), (math.floor(row) + 1, row % 1)):
                for c, wc in ((math.floor(column), 1 - column % 1), (math.floor(column) + 1, column % 1)):
                    cell = band[min(max(r, 0), file.height - 1), min(max(c, 0), file.width - 1)]
                    height += wr * wc * (math.nan if cell == file.nodata else cell)
            found.append(height)
    slopes = [(b - a) / (length_m / count) for a, b in itertools.pairwise(found)]
    slopes = [min(max(s, -0.6), 0.6) for s in slopes] if not math.isnan(sum(slopes)) else [math.nan]
    onward, back = (sum(tobler(sign * s) for s in slopes) / len(slopes) for sign in (1, -1))
    return onward, back


@pytest.mark.parametrize("strip", [2**22, 130])
@pytest.mark.parametrize(
    ("crs", "cell", "turned"), [(PROJECTION, 30, 0), ("EPSG:4326", 1 / 3600, 0), ("EPSG:32650", 30, 25)]
)
def test_rough_ground_against_the_slow_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crs: str, cell: float, turned: float, strip: int
) -> None:
    """Bent edges of all lengths on random ground with voids, some beyond the raster; read as one, and in strips."""
    monkeypatch.setattr(elevation, "CELLS_AT_ONCE", strip)
    rng = np.random.default_rng(1993)

    def spoil(values: np.ndarray) -> None:
        values[rng.random(values.shape) < 0.01] = -77

    def rough(x: Any, y: Any) -> Any:
        return 300 + 40 * np.sin(x / 150) + rng.normal(0, 3, x.shape)

    path = heights(tmp_path / "rough.tif", rough, crs, cell, turned, (60, 50), spoil, dtype="float32", nodata=-77)
    lines = []
    for _ in range(150):
        place, step = rng.uniform(-1000, 1000, 2), rng.choice([1, 10, 80, 300])
        lines.append([tuple(place + step * rng.normal(0, 1, 2)) for _ in range(rng.integers(2, 6))])
    table = frame(lines)
    slopes = elevation.slopes_along(table, path, PROJECTION)
    west, south = lonlat(0, 0)
    sides = [GEOD.line_length(*zip(*_cell(path, west, south, way), strict=True)) for way in ("right", "down")]
    expected = [
        slow(line, length_m, path, PROJECTION, max(*sides, 10))
        for line, length_m in zip(table.geometry, table["length_m"], strict=True)
    ]
    unknown = np.isnan([onward for onward, _ in expected])
    assert 10 < unknown.sum() < 140
    assert slopes.known.tolist() == (~unknown).tolist()
    for got, side in ((slopes.forward, 0), (slopes.backward, 1)):
        assert got[unknown].tolist() == [1.0] * unknown.sum()
        want = np.array([pair[side] for pair in expected])
        assert got[~unknown] == pytest.approx(want[~unknown], rel=1e-6)


def _cell(path: Path, lon: float, lat: float, way: str) -> list[tuple[float, float]]:
    """Two corners of a cell near a place, one to the right of or below the other, in degrees."""
    with rasterio.open(path) as file:
        t = file.transform
        x, y = Transformer.from_crs("EPSG:4326", file.crs.to_wkt(), always_xy=True).transform(lon, lat)
        x2, y2 = (x + t.a, y + t.d) if way == "right" else (x + t.b, y + t.e)
        back = Transformer.from_crs(file.crs.to_wkt(), "EPSG:4326", always_xy=True)
        return [back.transform(x, y), back.transform(x2, y2)]


# --- bridges, noise, voids ---------------------------------------------------------------------------------------


def valley(x: Any, y: Any) -> Any:
    """Banks of 100 m at x ≤ 0 and 112 m at x ≥ 300, and 60 m deeper between."""
    return np.where(x < 0, 100.0, np.where(x > 300, 112.0, 45.0)) + 0 * y


BANK, OTHER = (-45.0, 0.0), (345.0, 0.0)  # a cell or more from the edge


@pytest.mark.parametrize("piers", [[], [150.0], [20.0, 21.0, 100.0, 300.0]])
def test_a_bridge_runs_straight_from_bank_to_bank(tmp_path: Path, piers: list[float]) -> None:
    """However many edges it is of; and a way in the valley below that meets none of it is as low as it is."""
    places = [BANK, *((x, 0.0) for x in piers), OTHER]
    bridge = list(itertools.pairwise(places))
    roads = [[(-400, 0), BANK], [OTHER, (700, 0)], [(150, -100), (150, 100)], [(-45, 90), (150, 90), (345, 90)]]
    path = heights(tmp_path / "valley.tif", valley)
    slopes = elevation.slopes_along(frame([*bridge, *roads], range(len(bridge))), path, PROJECTION)
    rise = 12 / 390
    assert slopes.forward[: len(bridge)] == pytest.approx(tobler(rise), rel=1e-6)
    assert slopes.backward[: len(bridge)] == pytest.approx(tobler(-rise), rel=1e-6)
    assert slopes.forward[len(bridge) : len(bridge) + 3] == pytest.approx([1, 1, 1], rel=1e-6)
    assert slopes.forward[-1] > 1.3  # down and up again


def test_a_bridge_that_branches_and_one_that_ends_in_the_air(tmp_path: Path) -> None:
    """Three banks of 0, 30 and 60 m at equal distances of a node in the air, which is at 30; a pier; a bridge alone."""
    middle, pier = (0.0, 0.0), (0.0, -60.0)
    banks = [(-300.0, 0.0), (300.0, 0.0), (0.0, 300.0)]
    heights_of = {banks[0]: 0.0, banks[1]: 30.0, banks[2]: 60.0}

    def ground(x: Any, y: Any) -> Any:
        near = [np.hypot(x - bx, y - by) < 100 for bx, by in banks]
        return np.select(near, list(heights_of.values()), -50.0)

    roads = [[bank, (bank[0] * 1.1, bank[1] * 1.1)] for bank in banks]
    air = [*([bank, middle] for bank in banks), [middle, pier], [(500, -500), (600, -500)], [(600, -500), (600, -650)]]
    table = frame([*air, *roads], range(len(air)))
    slopes = elevation.slopes_along(table, heights(tmp_path / "banks.tif", ground), PROJECTION)
    assert slopes.forward[:6] == pytest.approx([tobler(0.1), 1, tobler(-0.1), 1, 1, 1], rel=1e-6)
    assert slopes.backward[:6] == pytest.approx([tobler(-0.1), 1, tobler(0.1), 1, 1, 1], rel=1e-6)


def test_long_bridges_of_many_edges(tmp_path: Path) -> None:
    """A chain of 400 edges of unlike lengths is one slope: the solver has come to its end."""
    rng = np.random.default_rng(5)
    xs = np.sort(rng.uniform(-1500, 1500, 399))
    places = [(-1600.0, 0.0), *((float(x), 0.0) for x in xs), (1600.0, 0.0)]
    bridge = list(itertools.pairwise(places))
    roads = [[(-1700, 0), places[0]], [places[-1], (1700, 0)]]
    path = heights(tmp_path / "far.tif", lambda x, y: np.where(x < 0, 0.0, 320.0) + 0 * y)
    slopes = elevation.slopes_along(frame([*bridge, *roads], range(len(bridge))), path, PROJECTION)
    assert slopes.forward[:-2] == pytest.approx(tobler(0.1), rel=1e-5)


@pytest.mark.parametrize(
    ("tags", "off"),
    [({}, False), ({"bridge": "yes"}, True), ({"bridge": "viaduct"}, True), ({"bridge": "no"}, False),
     ({"tunnel": "yes"}, True), ({"tunnel": "no"}, False), ({"layer": "1"}, False)],
)  # fmt: skip
def test_what_leaves_the_ground(tags: dict[str, str], off: bool) -> None:
    assert highways.off_ground({"highway": "residential", **tags}) is off


def test_short_edges_are_no_steeper_than_their_cell(tmp_path: Path) -> None:
    """Rough ground of ± 1 m costs an edge of 2 m no more than the steepest way across a cell there."""
    rng = np.random.default_rng(7)
    path = heights(tmp_path / "rough.tif", lambda x, y: rng.uniform(-1, 1, x.shape))
    lines = [[(x, y), (x + 2, y + 1)] for x, y in rng.uniform(-1000, 1000, (500, 2))]
    slopes = elevation.slopes_along(frame(lines), path, PROJECTION)
    assert slopes.steepest < math.hypot(2, 2) / 30
    assert slopes.clipped == 0


@pytest.mark.parametrize("cell", [1.0, 4.0])
def test_fine_rasters_are_taken_ten_metres_at_a_time(tmp_path: Path, cell: float) -> None:
    """Kerbs of 30 cm every metre are no slopes."""
    path = heights(
        tmp_path / "fine.tif", lambda x, y: 0.3 * (np.floor(x) % 2) + 0.1 * x + 0 * y, cell=cell, cells=(900, 90)
    )
    slopes = elevation.slopes_along(frame([[(-200.25, 0), (199.75, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.1)], rel=5e-3)


def test_a_cliff_is_no_steeper_than_any_street(tmp_path: Path) -> None:
    path = heights(tmp_path / "cliff.tif", lambda x, y: np.where(x < 0, 0.0, 500.0) + 0 * y)
    lines = [[(-90, 0), (90, 0)], [(-300, 50), (-200, 50)]]
    slopes = elevation.slopes_along(frame(lines), path, PROJECTION)
    # Two of six pieces lie on the slope between the centres of cells, 15 m on each side.
    steep = [tobler(0.6)] * 2 + [1.0] * 4
    assert slopes.forward == pytest.approx([np.mean(steep), 1], rel=1e-6)
    assert (slopes.steepest, slopes.clipped) == (0.6, 1)


@pytest.mark.parametrize("void", [-77.0, float("nan"), -9999.0, 32767.0])
def test_voids_leave_an_edge_flat(tmp_path: Path, void: float) -> None:
    """Whether the raster declares them (−77) or not; the next edge has its slope."""

    def spoil(values: np.ndarray) -> None:
        values[:, 60:63] = void

    path = heights(tmp_path / "void.tif", east(0.1), spoil=spoil, nodata=-77)
    lines = [[(-300, 0), (300, 0)], [(-300, 0), (-100, 0)], [(200, 0), (300, 0)], [(4000, 0), (4100, 0)]]
    slopes = elevation.slopes_along(frame(lines), path, PROJECTION)
    assert slopes.known.tolist() == [False, True, True, False]
    assert slopes.forward == pytest.approx([1, tobler(0.1), tobler(0.1), 1], rel=1e-6)
    assert slopes.backward == pytest.approx([1, tobler(-0.1), tobler(-0.1), 1], rel=1e-6)
    assert slopes.mean == pytest.approx(0.1)


def test_a_bridge_over_a_void_is_known_by_its_banks(tmp_path: Path) -> None:
    def spoil(values: np.ndarray) -> None:
        values[:, 55:65] = -77

    path = heights(tmp_path / "void.tif", east(0.1), spoil=spoil, nodata=-77)
    bridge = [[(-200, 0), (10, 0)], [(10, 0), (200, 0)]]
    roads = [[(-250, 0), (-200, 0)], [(200, 0), (250, 0)]]
    slopes = elevation.slopes_along(frame([*bridge, *roads], range(2)), path, PROJECTION)
    assert slopes.known.all()
    assert slopes.forward == pytest.approx(tobler(0.1), rel=1e-6)
    # Where one bank is in the void, that edge is not known, and what hangs on the other bank is level.
    slopes = elevation.slopes_along(
        frame([[(-200, 0), (-150, 0)], [(-150, 0), (0, 0)], roads[0], [(0, 0), (9, 0)]], range(2)), path, PROJECTION
    )
    assert slopes.known.tolist() == [True, False, True, False]
    assert slopes.forward[:2] == pytest.approx([1, 1], abs=1e-9)


def test_heights_as_whole_numbers_of_decimetres(tmp_path: Path) -> None:
    path = heights(tmp_path / "scaled.tif", lambda x, y: np.rint(800 * 10 + x), dtype="int16", cell=10)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (-700.0,)
    slopes = elevation.slopes_along(frame([[(-295, 0), (295, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.1)], rel=1e-3)


# --- times -------------------------------------------------------------------------------------------------------


def sloped(made: Study, forward: Any, backward: Any) -> Study:
    assert made.streets is not None
    table = made.streets.assign(**dict(zip(streets.PACE_COLUMNS, (forward, backward), strict=True)))
    return replace(made, streets=table)


def test_uphill_and_downhill_in_closed_form(small_study: Callable[..., Study], tmp_path: Path) -> None:
    """A kilometre up 8 % on foot, back down, by e-bike and by car; the straight pieces are flat."""
    line = [Street([(-500, 0), (500, 0)])]
    ends = [Facility("west", "clinic", (-500, 40)), Facility("east", "clinic", (500, 0))]
    made = small_study(line, ends, [People((-500, 0), 1), People((500, 0), 1), People((250, 0), 1)])
    slopes = elevation.slopes_along(frame([line[0].line]), heights(tmp_path / "plane.tif", east(0.08)), PROJECTION)
    travel = Travel(sloped(made, slopes.forward, slopes.backward))
    flat = Travel(made)
    west, east_ = made.facilities.iloc[[0]], made.facilities.iloc[[1]]
    up, down = tobler(0.08), tobler(-0.08)
    assert travel.demand_times(east_, "walk").seconds == pytest.approx([900 * up, 0, 225 * up], abs=1e-3)
    assert travel.demand_times(west, "walk").seconds == pytest.approx([36, 900 * down + 36, 675 * down + 36], abs=1e-3)
    for mode in ("cycle", "drive"):
        assert travel.demand_times(west, mode).seconds.tolist() == flat.demand_times(west, mode).seconds.tolist()
    ranking = travel.ranked(made.facilities, *lonlat(250, 0), "walk")
    assert ranking.rows.tolist() == [1, 0]
    assert ranking.seconds == pytest.approx([225 * up, 675 * down + 36], abs=1e-3)
    assert ranking.metres == pytest.approx([250, 790], abs=1e-2)


def net(rng: np.random.Generator) -> tuple[list[Street], np.ndarray]:
    """Most edges of a grid of 6 × 5 crossings, and some between crossings a knight's move apart."""
    crossings = [
        (100.0 * x + rng.uniform(-20, 20), 100.0 * y + rng.uniform(-20, 20)) for x in range(6) for y in range(5)
    ]
    pairs = [(5 * x + y, 5 * (x + 1) + y) for x in range(5) for y in range(5)]
    pairs += [(5 * x + y, 5 * x + y + 1) for x in range(6) for y in range(4)]
    kept = [pairs[n] for n in rng.choice(len(pairs), 36, replace=False)]
    return [Street([crossings[a], crossings[b]]) for a, b in kept], np.array(kept)


@pytest.mark.parametrize("seed", range(6))
def test_slopes_both_ways_against_scipy(small_study: Callable[..., Study], seed: int) -> None:
    """People in the middle of edges and clinics at crossings: Dijkstra on the graph of seconds, by direction."""
    rng = np.random.default_rng(seed)
    lines, ends = net(rng)
    clinics = [Facility(f"c{n}", "clinic", lines[n].line[0]) for n in (0, 7)]
    parts = rng.uniform(0.05, 0.95, len(lines))
    spots = [
        tuple(np.array(s.line[0]) + part * (np.array(s.line[1]) - np.array(s.line[0])))
        for s, part in zip(lines, parts, strict=True)
    ]
    made = small_study(lines, clinics, [People(spot, 1) for spot in spots])
    onward, back = rng.uniform(0.8, 5, (2, len(lines)))
    travel = Travel(sloped(made, onward, back))
    assert made.streets is not None
    whole = made.streets["length_m"].to_numpy() / (4 / 3.6)
    graph = csr_array(
        (np.concatenate([whole * onward, whole * back]), (ends[:, [0, 1]].T.ravel(), ends[:, [1, 0]].T.ravel())),
        shape=(30, 30),
    )
    goals = [int(ends[n, 0]) for n in (0, 7)]
    between = dijkstra(graph)
    to = between[:, goals].min(axis=1)
    expected = np.minimum(whole * back * parts + to[ends[:, 0]], whole * onward * (1 - parts) + to[ends[:, 1]])
    times = travel.demand_times(made.facilities, "walk")
    reached = np.isfinite(expected)
    assert reached.sum() > 20
    assert np.array_equal(reached, np.isfinite(times.seconds))
    assert times.seconds[reached] == pytest.approx(expected[reached], abs=1e-2)

    # From a clinic outwards the other slopes count, and isochrones count the people of either.
    out = between[goals[0]]
    away = np.minimum(out[ends[:, 0]] + whole * onward * parts, out[ends[:, 1]] + whole * back * (1 - parts))
    home = np.minimum(
        whole * back * parts + between[ends[:, 0], goals[0]],
        whole * onward * (1 - parts) + between[ends[:, 1], goals[0]],
    )
    for seconds, towards in ((away, False), (home, True)):
        minutes = sorted(float(np.quantile(seconds[np.isfinite(seconds)], share)) / 60 + 1e-3 for share in (0.3, 0.8))
        answer = isochrones.around(travel, made.facilities.geometry.iloc[0], minutes, "walk", towards=towards)
        assert [c.people for c in answer.contours] == [float((seconds <= m * 60).sum()) for m in minutes]
    ranking = travel.ranked(made.facilities, *lonlat(*spots[3]), "walk")
    if len(ranking.seconds):
        assert ranking.seconds[0] == pytest.approx(expected[3], abs=1e-2)


def test_isochrones_reach_as_far_as_downhill_takes_one(small_study: Callable[..., Study]) -> None:
    """Down 5 % in 12 minutes: 953 m, beyond the 800 m of the flat, on edges that are all drawn uphill."""
    lines = [Street([(50.0 * n, 0.0), (50.0 * n + 50, 0.0)]) for n in range(24)]
    made = sloped(small_study(lines), tobler(0.05), tobler(-0.05))
    (contour,) = isochrones.around(Travel(made), shapely.Point(lonlat(1200, 0)), [12], "walk").contours
    assert contour.geometry.contains(shapely.Point(lonlat(1200 - 945, 0)))
    assert not contour.geometry.contains(shapely.Point(lonlat(1200 - 1000, 0)))


def test_shares_at_other_speeds_are_those_of_a_study_at_that_speed(small_study: Callable[..., Study]) -> None:
    rng = np.random.default_rng(3)
    lines, _ = net(rng)
    people = [People((float(x), float(y)), 1 + n) for n, (x, y) in enumerate(rng.uniform(0, 500, (60, 2)))]
    onward, back = rng.uniform(0.8, 5, (2, len(lines)))
    goal = standard("travel_time", minutes=9)
    at = {}
    for kph in (4.0, 3.2):
        made = small_study(lines, [Facility("c", "clinic", lines[0].line[0])], people, speeds={"walk_kph": kph})
        travel = Travel(sloped(made, onward, back))
        at[kph] = coverage.measure(travel, made.facilities, goal, NOW)
    slower = next(one for one in at[4.0].alternatives if one.speed_kph == 3.2)
    assert slower.covered == at[3.2].covered
    assert 0 < at[3.2].covered < at[4.0].covered


def test_answers_say_that_slopes_count_where_they_do(small_study: Callable[..., Study]) -> None:
    made = small_study([Street([(0, 0), (900, 0)])], [Facility("c", "clinic", (900, 0))], [People((0, 0), 1)])
    hilly = sloped(made, [1.2], [1.0])
    goals = {
        "walk": standard("travel_time", minutes=15),
        "beside": standard("travel_time", minutes=15, mode="cycle", alternatives=["walk"]),
        "cycle": standard("travel_time", minutes=15, mode="cycle"),
        "radius": standard("radius", metres=500),
    }
    for name, goal in goals.items():
        for one, said in ((made, False), (hilly, name in ("walk", "beside"))):
            notes = coverage.measure(Travel(one), one.facilities, goal, NOW).notes
            assert (counting.SLOPE_NOTE in notes) is said, name
    assert coverage.measure(Travel(made), made.facilities, goals["walk"], NOW).share == 1
    assert coverage.measure(Travel(hilly), hilly.facilities, goals["walk"], NOW).share == 0


# --- builds ------------------------------------------------------------------------------------------------------


def built(folder: Path, extract: Path, **more: Any) -> tuple[Study, Summary]:
    summary = build.build(folder, Sources(extract, people=10, **more), lambda step, count: None)
    return study.read(folder), summary


@pytest.fixture
def pbf(tmp_path: Path) -> Path:
    """A road to the east over a bridge of two ways, a ring, a way of no length, and a far road; one house."""
    extract = Extract()
    place = {x: lonlat(x, 0) for x in (-400.0, -45.0, 150.0, 345.0, 700.0)}
    extract.way([place[-400.0], place[-45.0]], {"highway": "residential"})
    extract.way([place[-45.0], place[150.0]], {"highway": "residential", "bridge": "yes"})
    extract.way([place[150.0], place[345.0]], {"highway": "residential", "bridge": "yes", "lanes": "2"})
    extract.way([place[345.0], place[700.0]], {"highway": "residential"})
    ring = [place[-400.0], lonlat(-400, 120), lonlat(-550, 120), lonlat(-550, 0), place[-400.0]]
    extract.way(ring, {"highway": "residential"})
    node = extract.node(*place[700.0])
    extract.way_of([extract.node(*place[700.0]), node], {"highway": "footway"})
    extract.way([place[700.0], lonlat(5000, 0)], {"highway": "residential"})
    extract.box(*lonlat(-300, 20), *lonlat(-290, 30), {"building": "house"})
    return extract.write(tmp_path / "valley.osm.pbf")


def test_a_study_with_slopes(pbf: Path, tmp_path: Path) -> None:
    tif = heights(tmp_path / "valley.tif", valley, dtype="float32")
    made, summary = built(tmp_path / "study", pbf, elevation=tif)
    table = made.streets
    assert table is not None
    assert streets.OFF_GROUND not in table
    assert (table.dtypes[list(streets.PACE_COLUMNS)] == "float32").all()
    flat, none = built(tmp_path / "flat", pbf)
    assert flat.streets is not None
    assert flat.streets.columns.tolist() == [*streets.COLUMNS, "geometry"]
    assert table.drop(columns=list(streets.PACE_COLUMNS)).equals(flat.streets)
    # By place: the bridge rises by 12 m on 390, all else is level, and the far road leaves the raster.
    middle = [Transformer.from_crs("EPSG:4326", PROJECTION, always_xy=True).transform(*line.centroid.coords[0])[0]
              for line in table.geometry]  # fmt: skip
    rise = 12 / 390
    for x, line, forward, backward in zip(
        middle, table.geometry, *(table[name] for name in streets.PACE_COLUMNS), strict=True
    ):
        eastward = line.coords[-1][0] > line.coords[0][0]
        slope = (rise if eastward else -rise) if 0 < x < 300 else 0.0
        assert (forward, backward) == pytest.approx((tobler(slope), tobler(-slope)), rel=1e-5)
    said = {what: (count, remark) for what, count, remark in summary.lines}
    far_km = table["length_m"].max() / 1000
    assert said["elevation 高程"][0] == len(table) - 1
    assert "valley.tif" in said["elevation 高程"][1]
    assert said["note 注"] == (1, f"edges, {far_km:.1f} km, have no height in valley.tif; they count as flat")
    assert not any("elevation" in what for what, *_ in none.lines)
    assert "valley.tif" in made.settings.attribution
    # Built again without heights the study is flat, and says nothing else.
    again, _ = built(tmp_path / "study", pbf)
    assert again.streets is not None
    assert again.streets.equals(flat.streets)


def test_rasters_that_cannot_be_used(pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "heights.tif"

    def refused(said: str, path: Path = tif) -> None:
        with pytest.raises(InputError, match=said) as caught:
            built(tmp_path / "study", pbf, elevation=path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "study").exists()
        assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]

    refused("No such file", tmp_path / "none.tif")
    tif.write_bytes(b"lon,lat\n")
    refused("cannot be read as a raster")
    refused("cannot be read as a raster", pbf)
    heights(tif, east(0.1), crs=None)
    refused("does not say its coordinate reference system")
    heights(tif, east(0.1), cells=(4, 4), spoil=lambda values: values.fill(-77), nodata=-77)
    refused("no height on any street")
    heights(tif, east(0.1), unit="ft")
    refused("convert them to metres")
    heights(tif, east(0.1), crs=SITE)
    refused("coordinate reference system")
    from rasterio.transform import from_origin

    with rasterio.open(tif, "w", driver="GTiff", width=9, height=9, count=1, dtype="int16", crs="EPSG:4326",
                       transform=from_origin(10, 50, 0.1, 0.1)) as file:  # fmt: skip
        file.write(np.ones((9, 9), "int16"), 1)
    refused("no height on any street")
    heights(tif, east(0.1), cells=(600, 600))
    tif.write_bytes(tif.read_bytes()[:40_000])
    refused("cannot be read as a raster")


# --- a real place ------------------------------------------------------------------------------------------------


def test_slopes_of_porto_alegre_against_the_slow_answer(shared: Path) -> None:
    data = shared / "data" / "porto_alegre"
    extract = data / "porto_alegre.osm.pbf"
    table = osm.read(extract, boundaries.read(extract, lambda *_: None), None, lambda *_: None).streets
    slopes = elevation.slopes_along(table, data / "elevation.tif", "EPSG:32722")
    assert 0.97 < slopes.known.mean() < 0.99
    assert 0.02 < slopes.mean < 0.06
    # A second of arc is longer from north to south.
    cell_m = GEOD.inv(-51.2, -30.05, -51.2, -30.05 - 1 / 3600)[2]
    ground = np.flatnonzero(~table["off_ground"])
    rows = np.random.default_rng(30).choice(ground, 120, replace=False)
    for row in rows:
        line, length_m = table.geometry.iloc[row], table["length_m"].iloc[row]
        expected = slow(line, length_m, data / "elevation.tif", "EPSG:32722", cell_m)
        assert slopes.known[row] == (not math.isnan(expected[0]))
        if slopes.known[row]:
            assert (slopes.forward[row], slopes.backward[row]) == pytest.approx(expected, rel=1e-4)
    # What no street shows: the two ways of an edge together are never faster than the flat.
    assert ((slopes.forward + slopes.backward) / 2 >= 1 - 1e-9).all()
    assert shapely.length(table.geometry[table["off_ground"]]).sum() > 0
