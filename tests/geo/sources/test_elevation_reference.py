"""Slopes along streets against an independent slow computation: pieces cut one by one, heights cell by cell."""

import itertools
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer

from geo.sources import elevation
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from support.handmade import PROJECTION, lonlat
from support.heights import edges, tobler, write_raster

rasterio = pytest.importorskip("rasterio")
# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
GEOD = Geod(ellps="WGS84")


@lru_cache
def transformer(from_crs: str, to_crs: str) -> Transformer:
    return Transformer.from_crs(from_crs, to_crs, always_xy=True)


def slow_paces(line: shapely.LineString, length_m: float, path: Path, crs: str, piece_m: float) -> tuple[float, float]:
    """The paces along one WGS84 line and back, piece by piece; NaN where a height is unknown."""
    xy = [transformer("EPSG:4326", crs).transform(*position) for position in line.coords]
    metres = [0.0, *itertools.accumulate(math.dist(start, end) for start, end in itertools.pairwise(xy))]
    pieces = max(1, int(length_m / piece_m))
    heights = []
    with rasterio.open(path) as file:
        band = file.read(1).astype(float)
        to_raster = transformer(crs, file.crs.to_wkt())
        for step in range(pieces + 1):
            metre = metres[-1] * step / pieces
            segment = max(number for number, start in enumerate(metres[:-1]) if start <= metre)
            part = (metre - metres[segment]) / (metres[segment + 1] - metres[segment])
            position = (a + part * (b - a) for a, b in zip(xy[segment], xy[segment + 1], strict=True))
            heights.append(slow_height(file, band, *to_raster.transform(*position)))
    if math.isnan(sum(heights)):
        return math.nan, math.nan
    slopes = [(end - start) / (length_m / pieces) for start, end in itertools.pairwise(heights)]
    slopes = [min(max(slope, -0.6), 0.6) for slope in slopes]
    return sum(map(tobler, slopes)) / pieces, sum(tobler(-slope) for slope in slopes) / pieces


def slow_height(file: rasterio.DatasetReader, band: np.ndarray, x: float, y: float) -> float:
    """The bilinear height at one position in the raster's coordinates; NaN outside and beside a void."""
    t = file.transform
    determinant = t.a * t.e - t.b * t.d
    column = (t.e * (x - t.c) - t.b * (y - t.f)) / determinant - 0.5
    row = (t.a * (y - t.f) - t.d * (x - t.c)) / determinant - 0.5
    if not (-0.5 <= column <= file.width - 0.5 and -0.5 <= row <= file.height - 0.5):
        return math.nan
    height = 0.0
    for r, row_weight in ((math.floor(row), 1 - row % 1), (math.floor(row) + 1, row % 1)):
        for c, column_weight in ((math.floor(column), 1 - column % 1), (math.floor(column) + 1, column % 1)):
            cell = band[min(max(r, 0), file.height - 1), min(max(c, 0), file.width - 1)]
            height += row_weight * column_weight * (math.nan if cell == file.nodata else cell)
    return height


@pytest.mark.parametrize("strip", [2**22, 130])
@pytest.mark.parametrize(
    ("crs", "cell", "turned"), [(PROJECTION, 30, 0), ("EPSG:4326", 1 / 3600, 0), ("EPSG:32650", 30, 25)]
)
def test_rough_ground_agrees_with_the_slow_computation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crs: str, cell: float, turned: float, strip: int
) -> None:
    """Bent edges of all lengths on random ground with voids, partly outside the raster; read whole, and in strips."""
    monkeypatch.setattr(elevation, "CELLS_AT_ONCE", strip)
    rng = np.random.default_rng(1993)

    def spoil(values: np.ndarray) -> None:
        values[rng.random(values.shape) < 0.01] = -77

    def rough(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 300 + 40 * np.sin(x / 150) + rng.normal(0, 3, x.shape)

    path = write_raster(tmp_path / "rough.tif", rough, crs, cell, turned, (60, 50), spoil, dtype="float32", nodata=-77)
    lines = []
    for _ in range(150):
        middle, size = rng.uniform(-1000, 1000, 2), rng.choice([1, 10, 80, 300])
        lines.append([tuple(middle + size * rng.normal(0, 1, 2)) for _ in range(rng.integers(2, 6))])
    table = edges(lines)
    slopes = elevation.slopes_along(table, path, PROJECTION)
    piece_m = max(*cell_sides_m(path, *lonlat(0, 0)), 10)
    expected = [
        slow_paces(line, length_m, path, PROJECTION, piece_m)
        for line, length_m in zip(table.geometry, table["length_m"], strict=True)
    ]
    unknown = np.isnan([forward for forward, _ in expected])
    assert 10 < unknown.sum() < 140
    assert slopes.heights_known.tolist() == (~unknown).tolist()
    for paces, expected_paces in zip((slopes.forward, slopes.backward), np.transpose(expected), strict=True):
        assert paces[unknown].tolist() == [1.0] * unknown.sum()
        assert paces[~unknown] == pytest.approx(expected_paces[~unknown], rel=1e-6)


def cell_sides_m(path: Path, lon: float, lat: float) -> list[float]:
    """Metres of the two sides of a raster cell at a position."""
    with rasterio.open(path) as file:
        t, crs = file.transform, file.crs.to_wkt()
    x, y = transformer("EPSG:4326", crs).transform(lon, lat)
    to_degrees = transformer(crs, "EPSG:4326")
    corner = to_degrees.transform(x, y)
    others = (to_degrees.transform(x + t.a, y + t.d), to_degrees.transform(x + t.b, y + t.e))
    return [GEOD.inv(*corner, *other)[2] for other in others]


def test_slopes_of_porto_alegre_agree_with_the_slow_computation(shared: Path) -> None:
    data = shared / "data" / "porto_alegre"
    extract = data / "porto_alegre.osm.pbf"
    table = osm.read(extract, boundaries.read(extract, lambda *_: None), None, lambda *_: None).streets
    slopes = elevation.slopes_along(table, data / "elevation.tif", "EPSG:32722")
    assert 0.97 < slopes.heights_known.mean() < 0.99
    assert 0.02 < slopes.mean < 0.06
    # A second of arc is longer from north to south.
    cell_m = GEOD.inv(-51.2, -30.05, -51.2, -30.05 - 1 / 3600)[2]
    ground = np.flatnonzero(~table["off_ground"])
    rows = np.random.default_rng(30).choice(ground, 120, replace=False)
    for row in rows:
        line, length_m = table.geometry.iloc[row], table["length_m"].iloc[row]
        expected = slow_paces(line, length_m, data / "elevation.tif", "EPSG:32722", cell_m)
        assert slopes.heights_known[row] == (not math.isnan(expected[0]))
        if slopes.heights_known[row]:
            assert (slopes.forward[row], slopes.backward[row]) == pytest.approx(expected, rel=1e-4)
    # Walking an edge there and back is never faster than on the flat.
    assert ((slopes.forward + slopes.backward) / 2 >= 1 - 1e-9).all()
    assert shapely.length(table.geometry[table["off_ground"]]).sum() > 0
