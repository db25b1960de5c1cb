"""The cells of rasters of people: values, borders, orientation, reference systems."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from geo.errors import InputError
from geo.sources import people_raster, people_shapes
from geo.study import areas
from support.country import build_study, lines_of

rasterio = pytest.importorskip("rasterio")
from rasterio.transform import Affine, from_origin  # noqa: E402

# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
UTM = "EPSG:32632"
PLACE = shapely.box(10.0, 50.0, 10.04, 50.02)
FINE, COARSE = 0.0005, 0.005
NO_BUILDINGS = gpd.GeoDataFrame({"floor_m2": []}, geometry=[], crs=4326)


def write(path: Path, cells: np.ndarray, transform: Affine, crs: str | None = "EPSG:4326", **options: Any) -> Path:
    """Write a GeoTIFF of one band, or of several where ``cells`` has three dimensions."""
    scale, offset = options.pop("scale", 1.0), options.pop("offset", 0.0)
    bands = cells[None] if cells.ndim == 2 else cells
    count, height, width = bands.shape
    with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=count, dtype=cells.dtype, crs=crs,
                       transform=transform, **options) as file:  # fmt: skip
        file.write(bands)
        file.scales, file.offsets = [scale] * count, [offset] * count
    return path


def around(cell: float, west: float = 9.9, north: float = 50.1) -> tuple[np.ndarray, Affine]:
    """Cells of different numbers of people that reach beyond the place on each side, with their grid."""
    rows, columns = int(0.2 / cell), int(0.3 / cell)
    cells = np.random.default_rng(1).integers(1, 200, (rows, columns)).astype("float32")
    return cells, from_origin(west, north, cell, cell)


def read(path: Path, place: Any = PLACE, smallest_m2: float = 6e6, crs: str = UTM) -> people_raster.Cells:
    return people_raster.read(path, place, "Land", smallest_m2, crs)


def people_in(path: Path, place: Any = PLACE, crs: str = UTM, smallest_m2: float = 6e6) -> float:
    units = areas.from_rows([("row 1", {"code": "A", "level": "town"}, place)], "by hand")
    cells = read(path, place, smallest_m2, crs)
    points, _ = people_shapes.at_points(cells.people, place, units, NO_BUILDINGS, crs)
    assert shapely.intersects_xy(place, points["lon"], points["lat"]).all()
    return float(points["population"].sum())


def counted_slowly(cells: np.ndarray, grid: Affine, place: Any = PLACE, parts: int = 12) -> float:
    """People in the place, each cell cut into parts × parts that are inside or outside by their centre."""
    total = 0.0
    for row, column in np.ndindex(cells.shape):
        for down, right in np.ndindex(parts, parts):
            x = column + (right + 0.5) / parts
            y = row + (down + 0.5) / parts
            lon, lat = grid.a * x + grid.b * y + grid.c, grid.d * x + grid.e * y + grid.f
            if shapely.intersects_xy(place, lon, lat):
                total += float(cells[row, column]) / parts**2
    return total


@pytest.mark.parametrize("shift", [0.0, 0.0011, 0.0029, 0.0046])
def test_large_cells_are_divided_at_the_border_by_area(tmp_path: Path, shift: float) -> None:
    cells, _ = around(COARSE)
    cells, grid = cells[14:22, 16:32], from_origin(9.98 - shift, 50.03 + shift, COARSE, COARSE)
    path = write(tmp_path / "people.tif", cells, grid)
    assert people_in(path) == pytest.approx(counted_slowly(cells, grid), rel=0.01)


def test_fine_cells_are_inside_by_their_centre(tmp_path: Path) -> None:
    cells, grid = around(FINE)
    path = write(tmp_path / "people.tif", cells, grid)
    first_row, first_column = round((50.1 - 50.02) / FINE), round((10.0 - 9.9) / FINE)
    expected = cells[first_row : first_row + 40, first_column : first_column + 80].sum()
    assert people_in(path) == pytest.approx(expected)
    assert read(path).people.geometry.geom_type.eq("Point").all()


def test_fine_cells_are_divided_where_areas_are_small(tmp_path: Path) -> None:
    """A village of 2 × 1.5 cells."""
    village = shapely.box(10.0, 50.0, 10.001, 50.00075)
    path = write(tmp_path / "people.tif", np.full((400, 600), 8.0, "float32"), from_origin(9.9, 50.1, FINE, FINE))
    assert people_in(path, village, smallest_m2=6000.0) == pytest.approx(24, rel=0.001)


@pytest.mark.parametrize("cell", [FINE, COARSE])
@pytest.mark.parametrize("orientation", ["south-up", "mirrored", "turned"])
def test_orientation_does_not_matter(tmp_path: Path, cell: float, orientation: str) -> None:
    cells, grid = around(cell)
    expected = people_in(write(tmp_path / "north_up.tif", cells, grid))
    rows, columns = cells.shape
    if orientation == "south-up":
        cells, grid = cells[::-1], grid @ Affine.translation(0, rows) @ Affine.scale(1, -1)
    elif orientation == "mirrored":
        cells, grid = cells[:, ::-1], grid @ Affine.translation(columns, 0) @ Affine.scale(-1, 1)
    else:
        cells, grid = cells.T, grid @ Affine(0, 1, 0, 1, 0, 0)
    assert people_in(write(tmp_path / "turned.tif", np.ascontiguousarray(cells), grid)) == pytest.approx(expected)


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3857", "ESRI:54009"])
def test_raster_may_be_in_metres_and_turned(tmp_path: Path, crs: str) -> None:
    """Ten people on each 100 × 100 units of a grid that is turned by 20°."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(10.02, 50.01)
    grid = Affine.translation(x, y) @ Affine.rotation(20) @ Affine.translation(-6000, 6000) @ Affine.scale(400, -400)
    path = write(tmp_path / "people.tif", np.full((30, 30), 160.0, "float32"), grid, crs)
    to_raster = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    outline = shapely.transform(shapely.segmentize(PLACE, 0.001), to_raster.transform, interleaved=False)
    assert people_in(path) == pytest.approx(outline.area / 1000, rel=0.002)
    assert read(path).notes == []


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "int32"])
@pytest.mark.parametrize(("scale", "offset"), [(0.01, 0.0), (0.5, 3.0), (2.0, -1.0)])
def test_scale_and_offset_count(tmp_path: Path, dtype: str, scale: float, offset: float) -> None:
    """The value that means “no data” is compared before scale and offset."""
    cells = np.full((40, 80), 100, dtype)
    cells[3, 3] = 99
    path = write(
        tmp_path / "people.tif", cells, from_origin(10.0, 50.02, FINE, FINE), nodata=99, scale=scale, offset=offset
    )
    assert people_in(path) == pytest.approx((40 * 80 - 1) * (100 * scale + offset))
    assert [amount for amount, remark in read(path).notes if "no value" in remark] == [1]


def test_values_that_are_no_people_are_counted_by_reason(tmp_path: Path) -> None:
    cells = np.full((40, 80), 2.0, "float32")
    cells[0, :5], cells[1, :3], cells[2, :2] = -9999, np.nan, np.inf
    cells[5, :7] = -1
    path = write(tmp_path / "people.tif", cells, from_origin(10.0, 50.02, FINE, FINE), nodata=-1)
    result = read(path)
    assert result.people["population"].sum() == pytest.approx(2 * (40 * 80 - 17))
    left_out = {remark.split("Land ")[1]: amount for amount, remark in result.left_out}
    assert left_out == {"whose value is not a number (NaN)": 5, "below 0, the least -9999": 5}
    assert [amount for amount, remark in result.notes if "no value" in remark] == [7]


def test_first_band_is_read_and_others_are_mentioned(tmp_path: Path) -> None:
    cells = np.stack([np.full((40, 80), value, "float32") for value in (3, 500, 0)])
    path = write(tmp_path / "people.tif", cells, from_origin(10.0, 50.02, FINE, FINE), photometric="MINISBLACK")
    assert people_in(path) == pytest.approx(3 * 40 * 80)
    assert [(amount, "only the first" in remark) for amount, remark in read(path).notes] == [(3, True)]


@pytest.mark.parametrize("cell", [FINE, COARSE])
def test_raster_that_ends_inside_the_area_is_mentioned_with_the_share_that_it_misses(
    tmp_path: Path, cell: float
) -> None:
    cells = np.full((round(0.06 / cell), round(0.05 / cell)), 1.0, "float32")
    path = write(tmp_path / "people.tif", cells, from_origin(9.98, 50.04, cell, cell))
    [(_, remark)] = read(path).notes
    assert "people.tif ends inside Land" in remark
    assert "25.0%" in remark


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_area_on_both_sides_of_the_180th_meridian(tmp_path: Path, west: float) -> None:
    """The raster goes from −180° to 180°, or from 0° to 360°."""
    place = shapely.union(shapely.box(179.95, -17.05, 180, -17), shapely.box(-180, -17.05, -179.9, -17))
    cells = np.zeros((20, 3600), "float32")
    grid = from_origin(west, -16.0, 0.1, 0.1)
    column = {round((lon - west) / 0.1) % 3600: people for lon, people in ((179.9, 200), (-180.0, 60))}
    for number, people in column.items():
        cells[10, number] = people
    path = write(tmp_path / "people.tif", cells, grid)
    # Half of each cell's height, and half of the width of the one west of the meridian.
    assert people_in(path, place, "EPSG:32760") == pytest.approx(200 / 4 + 60 / 2, rel=0.01)
    assert read(path, place, crs="EPSG:32760").notes == []


@pytest.mark.filterwarnings("ignore:The given matrix is equal to Affine.identity")
def test_files_that_are_no_raster_of_people_are_refused(tmp_path: Path) -> None:
    cells, grid = around(COARSE)
    path = tmp_path / "people.tif"
    for message, options in {
        "does not touch Land": {"transform": from_origin(30, 50.1, COARSE, COARSE)},
        "coordinate reference system": {"crs": None},
        "does not say where": {"transform": Affine.identity()},
        "is a picture": {"cells": np.zeros((3, 4, 4), "uint8"), "photometric": "RGB"},
        "cannot be people": {"cells": cells.astype("complex64")},
        "a cell has": {"cells": np.where(cells > 3, 3e38, cells).astype("float32")},
    }.items():
        with np.errstate(over="ignore"):
            write(path, **({"cells": cells, "transform": grid} | options))  # type: ignore[arg-type]
        with pytest.raises(InputError, match=rf"people\.tif.*{message}"):
            read(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    for broken in (path, tmp_path / "none.tif"):
        with pytest.raises(InputError, match=rf"{broken.name}.*cannot be read as a raster"):
            read(broken)


def test_build_accounts_for_the_people_of_a_raster(country_pbf: Path, tmp_path: Path) -> None:
    cells, _ = around(COARSE)
    path = write(tmp_path / "people.tif", cells[14:22, 16:32], from_origin(9.9787, 50.0311, COARSE, COARSE))
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=path)
    assert land.demand["population"].sum() == pytest.approx(people_in(path), rel=1e-6)
    [cut] = [people for people, remark in lines_of(summary, "left out") if "that its border cuts" in remark]
    assert cut > 0
    codes = land.demand["area_code"]
    assert set(codes) == {"r2", "r3"}
    scaled, _ = build_study(tmp_path / "scaled", country_pbf, area="Land", population=path, people=5000)
    assert scaled.demand["population"].sum() == pytest.approx(5000)


def test_build_without_people_inside_is_refused(country_pbf: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "people.tif", np.zeros((40, 80), "float32"), from_origin(10.0, 50.02, FINE, FINE))
    with pytest.raises(InputError, match=r"people\.tif: nobody in it is in Land"):
        build_study(tmp_path / "study", country_pbf, area="Land", population=path)
    assert not (tmp_path / "study").exists()
