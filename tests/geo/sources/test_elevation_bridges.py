"""Bridges and tunnels do not follow the ground: they run straight between the nodes where they meet it."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from geo.sources import elevation
from support.handmade import PROJECTION
from support.heights import edges, rising_east, tobler, valley, write_raster

rasterio = pytest.importorskip("rasterio")
# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

WEST_BANK, EAST_BANK = (-45.0, 0.0), (345.0, 0.0)  # more than a cell from the valley


@pytest.mark.parametrize("piers", [[], [150.0], [20.0, 21.0, 100.0, 300.0]])
def test_bridge_of_any_number_of_edges_runs_straight_from_bank_to_bank(tmp_path: Path, piers: list[float]) -> None:
    """Streets in the valley below, which do not meet it, follow the ground."""
    places = [WEST_BANK, *((x, 0.0) for x in piers), EAST_BANK]
    bridge = list(itertools.pairwise(places))
    roads = [
        [(-400, 0), WEST_BANK],
        [EAST_BANK, (700, 0)],
        [(150, -100), (150, 100)],
        [(-45, 90), (150, 90), (345, 90)],
    ]
    path = write_raster(tmp_path / "valley.tif", valley)
    slopes = elevation.slopes_along(edges([*bridge, *roads], range(len(bridge))), path, PROJECTION)
    rise = 12 / 390
    assert slopes.forward[: len(bridge)] == pytest.approx(tobler(rise), rel=1e-6)
    assert slopes.backward[: len(bridge)] == pytest.approx(tobler(-rise), rel=1e-6)
    assert slopes.forward[len(bridge) : len(bridge) + 3] == pytest.approx([1, 1, 1], rel=1e-6)
    assert slopes.forward[-1] > 1.3  # down and up again


def test_branching_bridge_and_bridge_without_banks(tmp_path: Path) -> None:
    """Banks of 0, 30 and 60 m lie equally far from a node in the air, which is at 30 m; a pier and a lone bridge are
    level.
    """
    middle, pier = (0.0, 0.0), (0.0, -60.0)
    banks = [(-300.0, 0.0), (300.0, 0.0), (0.0, 300.0)]
    bank_heights = [0.0, 30.0, 60.0]

    def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        near = [np.hypot(x - bx, y - by) < 100 for bx, by in banks]
        return np.select(near, bank_heights, -50.0)

    roads = [[bank, (bank[0] * 1.1, bank[1] * 1.1)] for bank in banks]
    air = [*([bank, middle] for bank in banks), [middle, pier], [(500, -500), (600, -500)], [(600, -500), (600, -650)]]
    table = edges([*air, *roads], range(len(air)))
    slopes = elevation.slopes_along(table, write_raster(tmp_path / "banks.tif", ground), PROJECTION)
    assert slopes.forward[:6] == pytest.approx([tobler(0.1), 1, tobler(-0.1), 1, 1, 1], rel=1e-6)
    assert slopes.backward[:6] == pytest.approx([tobler(-0.1), 1, tobler(0.1), 1, 1, 1], rel=1e-6)


def test_solver_converges_for_a_bridge_of_many_edges(tmp_path: Path) -> None:
    """A chain of 400 edges of different lengths has one slope."""
    rng = np.random.default_rng(5)
    xs = np.sort(rng.uniform(-1500, 1500, 399))
    places = [(-1600.0, 0.0), *((float(x), 0.0) for x in xs), (1600.0, 0.0)]
    bridge = list(itertools.pairwise(places))
    roads = [[(-1700, 0), places[0]], [places[-1], (1700, 0)]]
    path = write_raster(tmp_path / "far.tif", lambda x, y: np.where(x < 0, 0.0, 320.0) + 0 * y)
    slopes = elevation.slopes_along(edges([*bridge, *roads], range(len(bridge))), path, PROJECTION)
    assert slopes.forward[:-2] == pytest.approx(tobler(0.1), rel=1e-5)


def test_bridge_over_a_void_is_known_if_its_banks_are(tmp_path: Path) -> None:
    def spoil(values: np.ndarray) -> None:
        values[:, 55:65] = -77

    path = write_raster(tmp_path / "void.tif", rising_east(0.1), spoil=spoil, nodata=-77)
    bridge = [[(-200, 0), (10, 0)], [(10, 0), (200, 0)]]
    roads = [[(-250, 0), (-200, 0)], [(200, 0), (250, 0)]]
    slopes = elevation.slopes_along(edges([*bridge, *roads], range(2)), path, PROJECTION)
    assert slopes.heights_known.all()
    assert slopes.forward == pytest.approx(tobler(0.1), rel=1e-6)
    # If one bank is in the void, the edge there is unknown, and the edge to the other bank is level.
    slopes = elevation.slopes_along(
        edges([[(-200, 0), (-150, 0)], [(-150, 0), (0, 0)], roads[0], [(0, 0), (9, 0)]], range(2)), path, PROJECTION
    )
    assert slopes.heights_known.tolist() == [True, False, True, False]
    assert slopes.forward[:2] == pytest.approx([1, 1], abs=1e-9)
