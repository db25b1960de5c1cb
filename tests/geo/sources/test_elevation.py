"""Slopes along streets on ground whose slopes are known: planes, ridges, cliffs; voids, units and fine rasters."""

import math
from pathlib import Path

import numpy as np
import pytest

from geo.sources import elevation
from support.handmade import PROJECTION
from support.heights import edges, rising_east, tobler, write_raster

rasterio = pytest.importorskip("rasterio")
# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


@pytest.mark.parametrize(
    ("slope", "kph"), [(0.0, 4.0), (-0.05, 4.765), (0.05, 3.358), (0.1, 2.819), (-0.1, 4.0), (-0.3, 1.986)]
)
def test_pace_on_a_slope_is_tobler_s_scaled_to_the_flat(slope: float, kph: float) -> None:
    assert 4 / elevation.pace(np.array([slope]))[0] == pytest.approx(kph, abs=1e-3)
    assert 4 * math.exp(-3.5 * abs(slope + 0.05)) / math.exp(-0.175) == pytest.approx(kph, abs=1e-3)
    assert elevation.pace(np.array([slope]))[0] == pytest.approx(tobler(slope))


@pytest.mark.parametrize("rise", [0.0, 0.02, 0.08, -0.08, 0.4])
def test_slopes_of_a_plane_follow_the_direction_of_each_edge(tmp_path: Path, rise: float) -> None:
    lines = [
        [(-500, 7), (500, 7)],
        [(3, -500), (3, 400)],
        [(-300, -200), (0, 200)],
        [(500, 11), (0, 11)],
        [(1, 1), (4, 1)],
    ]
    slopes = elevation.slopes_along(edges(lines), write_raster(tmp_path / "plane.tif", rising_east(rise)), PROJECTION)
    forward = [rise, 0.0, rise * 0.6, -rise, rise]
    assert slopes.forward == pytest.approx([tobler(s) for s in forward], rel=1e-6)
    assert slopes.backward == pytest.approx([tobler(-s) for s in forward], rel=1e-6)
    assert slopes.heights_known.all()
    assert slopes.steepest == pytest.approx(abs(rise), abs=1e-6)
    lengths = [1000, 900, 500, 500, 3]
    assert slopes.mean == pytest.approx(np.average(np.abs(forward), weights=lengths), abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "cell", "turned"),
    [("EPSG:4326", 1 / 3600, 0), ("EPSG:32650", 30, 0), ("EPSG:32651", 25, 0), ("EPSG:3857", 40, 0),
     ("EPSG:6933", 20, 0), (PROJECTION, 30, 33), ("EPSG:4490", 1 / 3600, -20)],
)  # fmt: skip
def test_raster_may_be_in_any_projection_and_turned(tmp_path: Path, crs: str, cell: float, turned: float) -> None:
    path = write_raster(tmp_path / "plane.tif", rising_east(0.08), crs, cell, turned)
    slopes = elevation.slopes_along(edges([[(-500, 7), (500, 7)], [(3, -500), (3, 400)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.08), 1], abs=1e-5)
    assert slopes.backward == pytest.approx([tobler(-0.08), 1], abs=1e-5)


def test_edge_over_a_ridge_is_not_flat(tmp_path: Path) -> None:
    """An edge between equally high ends costs what its pieces cost."""
    path = write_raster(tmp_path / "ridge.tif", lambda x, y: 200 - 0.2 * np.abs(x - 15) + 0 * y)
    slopes = elevation.slopes_along(edges([[(-290, 0), (320, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([(tobler(0.2) + tobler(-0.2)) / 2], rel=1e-6)
    assert slopes.backward == pytest.approx(slopes.forward)


def test_slope_of_a_bend_is_measured_along_the_edge(tmp_path: Path) -> None:
    """A hairpin of 500 m that gains 40 m has an average slope of 8 %, however near its ends are."""
    path = write_raster(tmp_path / "plane.tif", rising_east(0.2))
    line = [(0, 0), (120, 160), (200, 100 - 1e-6), (0, 100)]
    slope_of_part = [0.12, 0.16, -0.2]
    metres = [200, 100, 200]
    slopes = elevation.slopes_along(edges([line]), path, PROJECTION)
    expected = np.average([tobler(slope) for slope in slope_of_part], weights=metres)
    assert slopes.forward == pytest.approx([expected], rel=0.05)  # some pieces span a bend


def test_short_edges_are_not_steeper_than_their_cell(tmp_path: Path) -> None:
    """Rough ground of ± 1 m costs an edge of 2 m no more than the steepest way across a cell there."""
    rng = np.random.default_rng(7)
    path = write_raster(tmp_path / "rough.tif", lambda x, y: rng.uniform(-1, 1, x.shape))
    lines = [[(x, y), (x + 2, y + 1)] for x, y in rng.uniform(-1000, 1000, (500, 2))]
    slopes = elevation.slopes_along(edges(lines), path, PROJECTION)
    assert slopes.steepest < math.hypot(2, 2) / 30
    assert slopes.clipped == 0


@pytest.mark.parametrize("cell", [1.0, 4.0])
def test_pieces_on_fine_rasters_are_ten_metres_long(tmp_path: Path, cell: float) -> None:
    """Kerbs of 30 cm every metre do not count as slopes."""
    path = write_raster(
        tmp_path / "fine.tif", lambda x, y: 0.3 * (np.floor(x) % 2) + 0.1 * x + 0 * y, cell=cell, cells=(900, 90)
    )
    slopes = elevation.slopes_along(edges([[(-200.25, 0), (199.75, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.1)], rel=5e-3)


def test_steep_pieces_are_clipped(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "cliff.tif", lambda x, y: np.where(x < 0, 0.0, 500.0) + 0 * y)
    lines = [[(-90, 0), (90, 0)], [(-300, 50), (-200, 50)]]
    slopes = elevation.slopes_along(edges(lines), path, PROJECTION)
    # Two of six pieces lie on the slope between the centres of cells, 15 m on each side.
    paces = [tobler(0.6)] * 2 + [1.0] * 4
    assert slopes.forward == pytest.approx([np.mean(paces), 1], rel=1e-6)
    assert (slopes.steepest, slopes.clipped) == (0.6, 1)


@pytest.mark.parametrize("void", [-77.0, float("nan"), -9999.0, 32767.0])
def test_edge_over_a_void_is_flat_and_unknown(tmp_path: Path, void: float) -> None:
    """A void is a value that the raster declares (−77) or an impossible height; other edges keep their slopes."""

    def spoil(values: np.ndarray) -> None:
        values[:, 60:63] = void

    path = write_raster(tmp_path / "void.tif", rising_east(0.1), spoil=spoil, nodata=-77)
    lines = [[(-300, 0), (300, 0)], [(-300, 0), (-100, 0)], [(200, 0), (300, 0)], [(4000, 0), (4100, 0)]]
    slopes = elevation.slopes_along(edges(lines), path, PROJECTION)
    assert slopes.heights_known.tolist() == [False, True, True, False]
    assert slopes.forward == pytest.approx([1, tobler(0.1), tobler(0.1), 1], rel=1e-6)
    assert slopes.backward == pytest.approx([1, tobler(-0.1), tobler(-0.1), 1], rel=1e-6)
    assert slopes.mean == pytest.approx(0.1)


def test_scale_and_offset_of_the_raster_apply(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "scaled.tif", lambda x, y: np.rint(800 * 10 + x), dtype="int16", cell=10)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (-700.0,)
    slopes = elevation.slopes_along(edges([[(-295, 0), (295, 0)]]), path, PROJECTION)
    assert slopes.forward == pytest.approx([tobler(0.1)], rel=1e-3)
