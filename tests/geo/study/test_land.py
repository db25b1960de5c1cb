"""The file of residential land is checked when a study is read."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import FuwuquanError, StudyError
from geo.study import land, study
from support import handmade
from support.handmade import Area, People

HERE = shapely.box(120.0, 28.9, 120.001, 28.901)
BESIDE = shapely.box(120.001, 28.9, 120.002, 28.901)


def folder_with(tmp_path: Path, shapes: list[BaseGeometry], crs: str = "EPSG:4326", **columns: Any) -> Path:
    areas = [Area("A", "town", shapely.box(-1000, -1000, 1000, 1000))]
    handmade.study(None, [], [People((0, 0), 10)], areas, folder=tmp_path)
    frame = gpd.GeoDataFrame(
        {"area_code": "A", "source": "x"} | columns, geometry=shapes, crs=crs, index=range(len(shapes))
    )
    frame.to_parquet(tmp_path / land.FILE)
    return tmp_path


def test_land_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [HERE, BESIDE], area_code=["A", None])
    known = study.read(folder).land
    assert known is not None
    assert known.frame["area_code"].tolist() == ["A", None]
    assert known.hectares.sum() == pytest.approx(2 * 1.0809, rel=1e-3)


def test_file_without_land_is_no_land(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [HERE])
    land.write(land.empty(), folder / land.FILE)
    assert study.read(folder).land is None
    (folder / land.FILE).unlink()
    assert study.read(folder).land is None


@pytest.mark.parametrize(
    ("shapes", "columns", "message"),
    [
        ([HERE, HERE], {}, "1.08 hectares lie in two polygons and would count twice: unite them"),
        ([HERE, shapely.box(120.0, 28.9, 120.0005, 28.901)], {}, "0.54 hectares lie in two polygons"),
        ([HERE], {"area_code": "B"}, "row 0: area_code 'B' is not in areas.geojson"),
        ([shapely.Point(120, 28)], {}, "row 0: is no valid polygon in degrees"),
        ([shapely.Polygon()], {}, "row 0: is no valid polygon in degrees"),
        ([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], {}, "row 0: is no valid polygon in degrees"),
        ([shapely.box(500_000, 0, 500_001, 1)], {}, "row 0: is no valid polygon in degrees"),
        ([HERE], {"crs": "EPSG:32651"}, "is not in EPSG:4326"),
    ],
)
def test_wrong_land_is_refused(tmp_path: Path, shapes: list[BaseGeometry], columns: Any, message: str) -> None:
    with pytest.raises(FuwuquanError) as refused:
        study.read(folder_with(tmp_path, shapes, **columns))
    assert message in str(refused.value)


def test_file_that_is_no_land_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [HERE])
    gpd.GeoDataFrame({"source": ["x"]}, geometry=[HERE], crs="EPSG:4326").to_parquet(folder / land.FILE)
    with pytest.raises(StudyError, match="has no column area_code"):
        study.read(folder)
    (folder / land.FILE).write_bytes(b"PAR1")
    with pytest.raises(StudyError, match="cannot be read as GeoParquet"):
        study.read(folder)
