"""The residential land of a built study: of the extract or of a file, cut at borders, united, and accounted for."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geo.errors import FieldError, InputError, TableError
from geo.geodesy import datums
from geo.lists import land_reader
from geo.lists.land_reader import RESIDENTIAL, LandOptions, is_of
from geo.lists.table_locations import StatedSystem
from geo.sources.inputs import Sources
from geo.sources.summary import Account, Summary
from geo.study.study import Study
from support import country
from support.country import lines_of
from support.extracts import Extract

GEOD = Geod(ellps="WGS84")
HOMES = {"landuse": "residential"}


def hectares(*boxes: tuple[float, float, float, float]) -> float:
    """Of rectangles in degrees that do not overlap."""
    outlines = [shapely.segmentize(shapely.box(*each), 1e-4) for each in boxes]
    return sum(abs(GEOD.geometry_area_perimeter(outline)[0]) for outline in outlines) / 10_000


def build(tmp_path: Path, extract: Extract | None = None, **options: Any) -> tuple[Study, Summary]:
    path = tmp_path / "land.osm.pbf"
    path.unlink(missing_ok=True)
    (extract or country.make_extract()).write(path)
    return country.build_study(tmp_path / "study", path, **({"area": "Land", "people": 100} | options))


def by_area(study: Study) -> dict[str | None, float]:
    """Hectares by the name of the area."""
    assert study.land is not None
    codes = study.land.frame["area_code"]
    assert codes.notna().all()
    return {study.areas["name"][code]: study.land.hectares[codes == code].sum() for code in codes.unique()}


def account_of(summary: Summary) -> Account:
    [account] = [account for account in summary.accounts if account.kind == "hectares of land"]
    assert abs(account.unexplained) < 1e-9
    return account


def test_land_of_the_extract_is_cut_at_borders_and_united_and_broken_areas_are_named(tmp_path: Path) -> None:
    extract = country.make_extract()
    extract.box(10.015, 50.005, 10.025, 50.006, HOMES)  # in both districts
    extract.box(10.024, 50.005, 10.026, 50.006, HOMES)  # overlaps it
    extract.box(10.039, 50.005, 10.042, 50.006, HOMES)  # crosses the country's border
    extract.box(10.05, 50.005, 10.06, 50.006, HOMES)  # outside
    outer = extract.box(10.004, 50.001, 10.008, 50.003, {})
    inner = extract.box(10.005, 50.0015, 10.006, 50.0025, {})
    extract.multipolygon([(outer, "outer"), (inner, "inner")], HOMES)
    farm = extract.box(10.0, 50.016, 10.01, 50.018, {"landuse": "farmland"})
    extract.multipolygon([(farm, "outer")], {"landuse": "forest"})
    open_way = extract.way([(10.01, 50.001), (10.012, 50.001), (10.012, 50.002)], HOMES)
    bow_tie = [(10.03, 50.001), (10.032, 50.003), (10.032, 50.001), (10.03, 50.003), (10.03, 50.001)]
    crossing = extract.way(bow_tie, HOMES)
    study, summary = build(tmp_path, extract)
    ring = hectares((10.004, 50.001, 10.008, 50.003)) - hectares((10.005, 50.0015, 10.006, 50.0025))
    expected = {
        "West": hectares((10.015, 50.005, 10.02, 50.006)) + ring,
        "Ost": hectares((10.02, 50.005, 10.026, 50.006), (10.039, 50.005, 10.04, 50.006)),
    }
    assert by_area(study) == pytest.approx(expected, rel=1e-6)
    account = account_of(summary)
    assert account.kept == pytest.approx({"in the area": sum(expected.values())}, rel=1e-6)
    left_out = {
        "outside": hectares((10.05, 50.005, 10.06, 50.006), (10.04, 50.005, 10.042, 50.006)),
        "overlaps, counted once": hectares((10.024, 50.005, 10.025, 50.006)),
    }
    assert account.left_out == pytest.approx(left_out, rel=1e-5)
    [(amount, remark)] = lines_of(summary, "residential land")
    assert amount == pytest.approx(sum(expected.values()), rel=1e-6)
    assert "what nobody has drawn is missing" in remark
    accounts = {account.kind: account for account in summary.accounts}
    [line] = [line for line in summary.lines if "landuse=residential of unknown size" in line.remark]
    assert (line.amount, sorted(line.names)) == (2, sorted([f"w{open_way}", f"w{crossing}"]))
    assert accounts["ways"].left_out["residential land without a closed outline"] == 2
    assert (accounts["ways"].kept["residential land"], accounts["relations"].kept["residential land"]) == (4, 1)
    assert all(abs(account.unexplained) < 1e-6 for account in summary.accounts)
    assert study.land is not None
    assert study.land.source == "OpenStreetMap landuse=residential"


def test_extract_without_land_says_so_and_a_later_build_forgets_the_land(tmp_path: Path) -> None:
    extract = country.make_extract()
    study, summary = build(tmp_path, extract, land=file_of(tmp_path, [SQUARE]))
    assert study.land is not None
    assert study.settings.attribution.endswith("居住用地 residential land: homes.geojson")
    study, summary = build(tmp_path, extract)
    assert study.land is None
    assert lines_of(summary, "residential land") == [
        (0, "landuse=residential is not drawn here; --land FILE gives such land")
    ]


# --- files ---------------------------------------------------------------------------------------------------------

SQUARE = shapely.box(10.01, 50.001, 10.013, 50.003)
BOW_TIE = shapely.Polygon([(10.03, 50.001), (10.034, 50.003), (10.034, 50.001), (10.03, 50.003)])


def file_of(
    tmp_path: Path, shapes: list[BaseGeometry | None], name: str = "homes.geojson", **columns: list[Any]
) -> Path:
    path = tmp_path / name
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_file(path)
    return path


def test_file_of_land(tmp_path: Path) -> None:
    name = "homes.geojson"
    far = shapely.box(10.05, 50.005, 10.06, 50.006)
    path = file_of(tmp_path, [SQUARE, BOW_TIE, shapely.Point(10.02, 50.01), None, far], name, DLBM=list("abcde"))
    study, summary = build(tmp_path, land=path)
    triangles = hectares((10.03, 50.001, 10.034, 50.003)) / 2
    square = hectares((10.01, 50.001, 10.013, 50.003))
    assert by_area(study) == pytest.approx({"West": square, "Ost": triangles}, rel=1e-3)
    remarks = {line.remark: line for line in summary.lines}
    assert f"outlines of {name} cross or touch themselves and were repaired, {triangles:,.1f} ha" in remarks
    assert f"features that are no polygons, of unknown size, of {name}" in remarks
    assert f"features whose geometry cannot be read or placed, of unknown size, of {name}" in remarks
    [taken] = [remark for remark in remarks if "all polygons of" in remark]
    assert "--land-field COLUMN" in taken
    assert taken.endswith("columns: DLBM")
    assert account_of(summary).kept == pytest.approx({"in the area": square + triangles}, rel=1e-3)
    assert account_of(summary).left_out == pytest.approx({"outside": hectares(far.bounds)}, rel=1e-3)
    report = json.loads((tmp_path / "study" / "build.json").read_text("utf-8"))
    assert [each["source"] for each in report["accounts"] if each["kind"] == "hectares of land"] == [name]


def test_classes_of_land(tmp_path: Path) -> None:
    boxes = [shapely.box(10.001 + n * 0.003, 50.001, 10.003 + n * 0.003, 50.003) for n in range(4)]
    path = file_of(tmp_path, [*boxes], "homes.gpkg", DLBM=["0701", "0703", "0801", None])
    one = hectares(boxes[0].bounds)
    study, summary = build(tmp_path, land=path, land_field="DLBM")
    assert by_area(study) == pytest.approx({"West": 2 * one}, rel=1e-6)
    assert account_of(summary).left_out == pytest.approx({"other classes": 2 * one}, rel=1e-6)
    names = [line.names for line in summary.lines if "class DLBM" in line.remark]
    ha = f"({one:,.1f} ha)"
    assert names == [(f"0701 {ha}", f"0703 {ha}"), (f"without a class {ha}", f"0801 {ha}")]
    options = LandOptions(StatedSystem(), field="DLBM", classes=("0701",))
    assert land_reader.read(path, options).counts == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        *(("07", True), ("0701", True), ("070102", True), ("701", True), ("7", True), ("R", True), ("r2", True)),
        *(("R21", True), ("二类居住用地", True), ("Ｒ２", True), ("residential", True), (" 0703 农村宅基地", True)),
        *(("08", False), ("0801", False), ("", False), ("RB", False), ("road", False), ("非居住用地", False)),
        *(("17", False), ("1007", False), ("B1", False), ("商业", False)),
    ],
)
def test_codes_and_words_of_residential_land(text: str, counts: bool) -> None:
    assert is_of(text, RESIDENTIAL) is counts


def test_file_in_another_coordinate_system(tmp_path: Path) -> None:
    """Outside China GCJ-02 equals WGS84, so the file is in BD-09, which differs everywhere."""
    shifted = datums.geometry_from_wgs84(SQUARE, "bd09")
    path = file_of(tmp_path, [shifted], name="homes.shp")
    path.with_suffix(".prj").unlink()
    polygons = land_reader.read(path, LandOptions(StatedSystem("bd09"), within=shapely.box(*country.LAND)))
    assert shapely.hausdorff_distance(polygons.shapes[0], SQUARE) < 1e-6
    assert land_reader.read(path, LandOptions(StatedSystem())).notes[0].startswith("no CRS is given")


def test_file_without_residential_land_in_the_place_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, [shapely.box(10.05, 50.005, 10.06, 50.006)], DLBM=["0701"])
    with pytest.raises(InputError, match="none of its residential land is in Land"):
        build(tmp_path, land=path)
    with pytest.raises(InputError, match="no class in DLBM counts as residential land; it says: 0701"):
        build(tmp_path, land=path, land_field="DLBM", land_classes=["08"])
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("homes.csv", "lon,lat\n1,2\n", "is a text table (csv): give polygons"),
        ("homes.geojson", '{"type": "FeatureColl', "is not JSON, or truncated"),
        ("homes.geojson", '{"type": "FeatureCollection", "features": []}', "has no column 'DLBM' (--land-field)"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(TableError) as refused:
        land_reader.read(path, LandOptions(StatedSystem(), field="DLBM"))
    assert message in str(refused.value)


@pytest.mark.parametrize("ending", ["gpkg", "shp", "fgb", "parquet"])
def test_every_type_of_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"homes.{ending}"
    frame = gpd.GeoDataFrame({"DLBM": ["0701", "08"]}, geometry=[SQUARE, SQUARE], crs="EPSG:4326").to_crs("EPSG:32632")
    frame.to_parquet(path) if ending == "parquet" else frame.to_file(path)
    polygons = land_reader.read(path, LandOptions(StatedSystem(), field="DLBM"))
    assert (polygons.counts, polygons.classes, polygons.left_out) == ([True, False], ["0701", "08"], {})
    assert shapely.hausdorff_distance(polygons.shapes[0], SQUARE) < 1e-6


def test_of_several_layers_the_column_of_classes_tells_which(tmp_path: Path) -> None:
    path = tmp_path / "homes.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[SQUARE], crs="EPSG:4326").to_file(path, layer="roads")
    gpd.GeoDataFrame({"DLBM": ["07"]}, geometry=[SQUARE], crs="EPSG:4326").to_file(path, layer="land")
    with pytest.raises(TableError, match="has several layers: roads, land"):
        land_reader.read(path, LandOptions(StatedSystem()))
    assert land_reader.read(path, LandOptions(StatedSystem(), field="DLBM")).names == ["layer land feature 1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"land_field": "DLBM"}, "--land-field names a column of --land FILE"),
        ({"land": Path("x.gpkg"), "land_classes": ["07"]}, "--land-class needs --land-field"),
        ({"land": Path("x.gpkg"), "land_field": "a", "land_classes": [" "]}, "--land-class must not be empty"),
    ],
)
def test_options_that_need_others(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError) as refused:
        Sources(Path("a.osm.pbf"), **options).check()
    assert message in str(refused.value)
