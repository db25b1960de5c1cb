"""Builds of a study with a raster of heights, and rasters that are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from geo.errors import InputError
from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.summary import Summary
from geo.study import streets, study
from geo.study.study import Study
from support.extracts import Extract
from support.handmade import PROJECTION, lonlat
from support.heights import LOCAL_SYSTEM, rising_east, tobler, valley, write_raster

rasterio = pytest.importorskip("rasterio")
# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


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


def test_build_with_elevation_adds_paces_to_streets(pbf: Path, tmp_path: Path) -> None:
    tif = write_raster(tmp_path / "valley.tif", valley, dtype="float32")
    hilly, summary = built(tmp_path / "study", pbf, elevation=tif)
    table = hilly.streets
    assert table is not None
    assert streets.OFF_GROUND not in table
    assert (table.dtypes[list(streets.PACE_COLUMNS)] == "float32").all()
    flat, flat_summary = built(tmp_path / "flat", pbf)
    assert flat.streets is not None
    assert not set(streets.PACE_COLUMNS) & set(flat.streets.columns)
    assert table.drop(columns=list(streets.PACE_COLUMNS)).equals(flat.streets)
    # The bridge rises by 12 m on 390 m, all other streets are level, and the far road leaves the raster.
    middle = [Transformer.from_crs("EPSG:4326", PROJECTION, always_xy=True).transform(*line.centroid.coords[0])[0]
              for line in table.geometry]  # fmt: skip
    rise = 12 / 390
    for x, line, forward, backward in zip(
        middle, table.geometry, *(table[name] for name in streets.PACE_COLUMNS), strict=True
    ):
        eastward = line.coords[-1][0] > line.coords[0][0]
        slope = (rise if eastward else -rise) if 0 < x < 300 else 0.0
        assert (forward, backward) == pytest.approx((tobler(slope), tobler(-slope)), rel=1e-5)
    lines = {line.subject: line for line in reversed(summary.lines)}
    far_km = table["length_m"].max() / 1000
    assert lines["elevation 高程"].amount == len(table) - 1
    assert "valley.tif" in lines["elevation 高程"].remark
    assert lines["note 注"][1:3] == (1, f"edges, {far_km:.1f} km, have no height in valley.tif; they count as flat")
    assert not any("elevation" in line.subject for line in flat_summary.lines)
    assert "valley.tif" in hilly.settings.attribution
    # A build without heights makes the study flat again.
    again, _ = built(tmp_path / "study", pbf)
    assert again.streets is not None
    assert again.streets.equals(flat.streets)


def test_unusable_rasters_are_refused(pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "heights.tif"

    def assert_refused(reason: str, path: Path = tif) -> None:
        with pytest.raises(InputError, match=reason) as error:
            built(tmp_path / "study", pbf, elevation=path)
        assert path.name in str(error.value)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "study").exists()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

    assert_refused("No such file", tmp_path / "none.tif")
    tif.write_bytes(b"lon,lat\n")
    assert_refused("cannot be read as a raster")
    assert_refused("cannot be read as a raster", pbf)
    write_raster(tif, rising_east(0.1), crs=None)
    assert_refused("does not state its coordinate reference system")
    write_raster(tif, rising_east(0.1), cells=(4, 4), spoil=lambda values: values.fill(-77), nodata=-77)
    assert_refused("no height on any street")
    write_raster(tif, rising_east(0.1), unit="ft")
    assert_refused("convert them to metres")
    write_raster(tif, rising_east(0.1), crs=LOCAL_SYSTEM)
    assert_refused("coordinate reference system")
    from rasterio.transform import from_origin

    with rasterio.open(tif, "w", driver="GTiff", width=9, height=9, count=1, dtype="int16", crs="EPSG:4326",
                       transform=from_origin(10, 50, 0.1, 0.1)) as file:  # fmt: skip
        file.write(np.ones((9, 9), "int16"), 1)
    assert_refused("no height on any street")
    write_raster(tif, rising_east(0.1), cells=(600, 600))
    tif.write_bytes(tif.read_bytes()[:40_000])
    assert_refused("cannot be read as a raster")
