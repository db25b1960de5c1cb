"""People of a study from a table or a raster."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from geo.errors import InputError
from support.country import LAND, build_study, lines_of

# rasterio's own arithmetic uses an operator that affine 3 has superseded.
in_rasterio = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
CELL = 0.005


def test_people_of_a_table_outside_the_area_are_left_out_and_others_scaled(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text(
        "lon,lat,population,urban,name\n10.01,50.01,60,1,a\n10.03,50.01,40,0,b\n10.06,50.01,50,1,c\n", "utf-8"
    )
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=table)
    assert land.demand["population"].tolist() == [60, 40]
    assert land.demand["area_code"].tolist() == ["r2", "r3"]
    assert land.demand["urban"].tolist() == [1, 0]
    assert land.demand["name"].tolist() == ["a", "b"]
    assert any(count == 50 and "people.csv" in remark for count, remark in lines_of(summary, "left out"))
    scaled, _ = build_study(tmp_path / "scaled", country_pbf, area="Land", population=table, people=1000)
    assert scaled.demand["population"].tolist() == pytest.approx([600, 400])


def test_table_with_unusable_rows_is_refused(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n10.01,50.01,60\n10.01,north,40\n10.01,50.01,-1\n", "utf-8")
    with pytest.raises(InputError, match=r"people\.csv.*row 3.*north.*row 4.*-1"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=table)
    assert not (tmp_path / "study").exists()


def test_table_without_people_in_the_area_is_refused(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n20.0,50.01,60\n", "utf-8")
    for people in (None, 100):
        with pytest.raises(InputError, match=r"people\.csv"):
            build_study(tmp_path / "study", country_pbf, area="Land", population=table, people=people)


def write_raster(
    path: Path, west: float = 9.98, north: float = 50.04, crs: str | None = "EPSG:4326", **profile: Any
) -> np.ndarray:
    """Write a GeoTIFF of 24 × 12 cells around the country and return its cells: 1 … 288 people, and some without."""
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import from_origin

    cells: np.ndarray = np.arange(1, 289, dtype="float32").reshape(12, 24)
    cells[6, 6], cells[6, 7], cells[5, 8], cells[6, 9] = -99999, np.nan, 0, 0.25
    transform = profile.pop("transform", from_origin(west, north, CELL, CELL))
    with rasterio.open(path, "w", driver="GTiff", height=12, width=24, count=1, dtype="float32", crs=crs,
                       transform=transform, nodata=-99999, **profile) as file:  # fmt: skip
        file.write(cells, 1)
    return cells


def people_inside(cells: np.ndarray, west: float = 9.98, north: float = 50.04) -> float:
    """The people of all cells whose centre is in the country, added up one by one."""
    total = 0.0
    for row in range(12):
        for column in range(24):
            lon, lat = west + (column + 0.5) * CELL, north - (row + 0.5) * CELL
            value = float(cells[row, column])
            if LAND[0] < lon < LAND[2] and LAND[1] < lat < LAND[3] and value > 0:
                total += value
    return total


@in_rasterio
def test_people_of_a_raster_are_those_of_cells_whose_centre_is_inside(country_pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "people.tif"
    cells = write_raster(tif)
    land, _ = build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    assert land.demand["population"].sum() == pytest.approx(people_inside(cells))
    assert len(land.demand) == 8 * 4 - 3
    assert (land.demand["population"] > 0).all()
    first = land.demand.iloc[0]
    assert (first["lon"], first["lat"]) == pytest.approx((10.0025, 50.0175), abs=1e-6)
    assert first["population"] == cells[4, 4]
    scaled, _ = build_study(tmp_path / "scaled", country_pbf, area="Land", population=tif, people=5000)
    assert scaled.demand["population"].sum() == pytest.approx(5000)
    assert np.allclose(scaled.demand["population"] / land.demand["population"], 5000 / people_inside(cells))


@in_rasterio
@pytest.mark.parametrize("shift", [0.0004, 0.0021, 0.0029, 0.0046])
def test_no_cell_at_the_border_is_lost(country_pbf: Path, tmp_path: Path, shift: float) -> None:
    """Cells whose centre is inside count, wherever the border cuts the grid."""
    tif = tmp_path / "people.tif"
    cells = write_raster(tif, west=9.98 - shift, north=50.04 + shift)
    land, _ = build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    assert land.demand["population"].sum() == pytest.approx(people_inside(cells, 9.98 - shift, 50.04 + shift))


@in_rasterio
def test_raster_may_be_in_metres(country_pbf: Path, tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    from pyproj import Transformer
    from rasterio.transform import from_origin

    tif = tmp_path / "people.tif"
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32632", always_xy=True).transform(9.98, 50.04)
    cells = write_raster(tif, crs="EPSG:32632", transform=from_origin(x, y, 400, 400))
    land, _ = build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    expected = 0.0
    for row in range(12):
        for column in range(24):
            lon, lat = to_degrees.transform(x + (column + 0.5) * 400, y - (row + 0.5) * 400)
            if shapely.box(*LAND).contains(shapely.Point(lon, lat)) and cells[row, column] > 0:
                expected += float(cells[row, column])
    assert land.demand["population"].sum() == pytest.approx(expected)


@in_rasterio
def test_unusable_rasters_are_refused(country_pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "people.tif"
    write_raster(tif, west=30.0)
    with pytest.raises(InputError, match=r"people\.tif.*does not touch"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    write_raster(tif, crs=None)
    with pytest.raises(InputError, match=r"people\.tif.*coordinate reference system"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    tif.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"people\.tif"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=tif)
    with pytest.raises(InputError, match=r"none\.tif"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=tmp_path / "none.tif")
    assert not (tmp_path / "study").exists()
