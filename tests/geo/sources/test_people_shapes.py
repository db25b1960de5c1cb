"""People of polygons: files, borders, points in pieces."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.projection import projection
from geo.sources import people_shapes
from geo.study import areas

UTM = "EPSG:32632"
METRIC = projection(UTM)
ORIGIN = (500_000.0, 5_540_000.0)
NO_BUILDINGS = gpd.GeoDataFrame({"floor_m2": []}, geometry=[], crs=4326)


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    """A rectangle in the plane of the study, metres from its origin."""
    return shapely.box(ORIGIN[0] + west, ORIGIN[1] + south, ORIGIN[0] + east, ORIGIN[1] + north)


def units(**outlines: shapely.Geometry) -> gpd.GeoDataFrame:
    rows = [(code, {"code": code, "level": "town"}, METRIC.inverse(shape)) for code, shape in outlines.items()]
    return areas.from_rows(rows, "by hand")


def people(*rows: tuple[float, shapely.Geometry]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"population": [float(n) for n, _ in rows]}, geometry=[shape for _, shape in rows], crs=UTM)


def by_code(
    source: gpd.GeoDataFrame, place: shapely.Geometry, of: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame = NO_BUILDINGS
) -> dict[str | None, float]:
    points, inside = people_shapes.at_points(source, METRIC.inverse(place), of, buildings, UTM)
    assert points["population"].sum() == pytest.approx((source["population"] * inside).sum())
    codes = areas.locate(of, points["lon"].to_numpy(), points["lat"].to_numpy(), UTM)
    sums: dict[str | None, float] = {}
    for code, number in zip(codes, points["population"], strict=True):
        sums[code] = sums.get(code, 0.0) + number
    return sums


def test_people_are_divided_at_the_borders_of_place_and_areas_by_area() -> None:
    place = box(0, 0, 3000, 1000)
    towns = units(A=box(0, 0, 1000, 1000), B=box(1000, 0, 3000, 1000))
    tract = people((300, box(900, 100, 1200, 500)), (100, box(2900, 0, 3100, 100)), (7, box(5000, 0, 5100, 100)))
    assert by_code(tract, place, towns) == pytest.approx({"A": 100, "B": 250}, rel=1e-3)
    _, inside = people_shapes.at_points(tract, METRIC.inverse(place), towns, NO_BUILDINGS, UTM)
    assert inside.tolist() == pytest.approx([1, 0.5, 0], rel=1e-3)


def test_smallest_of_nested_areas_and_the_rest_of_the_place_have_their_shares() -> None:
    place = box(0, 0, 2000, 1000)
    nested = units(town=box(0, 0, 1000, 1000), village=box(0, 0, 500, 1000), hamlet=box(0, 0, 250, 1000))
    whole = people((2000, place))
    expected = {"hamlet": 250, "village": 250, "town": 500, None: 1000}
    assert by_code(whole, place, nested) == pytest.approx(expected, rel=1e-3)


cuts = st.lists(st.integers(-20, 30), min_size=2, max_size=2, unique=True).map(sorted)


@given(st.lists(st.tuples(cuts, cuts, st.integers(1, 500)), min_size=1, max_size=4), st.integers(1, 9), st.booleans())
def test_shares_of_rectangles_agree_with_their_areas(
    rectangles: list[tuple[list[int], list[int], int]], border: int, with_house: bool
) -> None:
    """Rectangles anywhere over a place of 1 km² in two towns; the house in one changes positions, and no sums."""
    place, step = box(0, 0, 1000, 1000), 100
    towns = units(A=box(0, 0, border * step, 1000), B=box(border * step, 0, 1000, 1000))
    rows, expected = [], {"A": 0.0, "B": 0.0}
    for (west, east), (south, north), number in rectangles:
        rows.append((number, box(west * step, south * step, east * step, north * step)))
        height = max(0, min(north, 10) - max(south, 0))
        for code, (left, right) in {"A": (0, border), "B": (border, 10)}.items():
            width = max(0, min(east, right) - max(west, left))
            expected[code] += number * height * width / ((north - south) * (east - west))
    house = gpd.GeoDataFrame(
        {"floor_m2": [90.0]}, geometry=[METRIC.inverse(box(510, 510, 510, 510).centroid)], crs=4326
    )
    sums = by_code(people(*rows), place, towns, house if with_house else NO_BUILDINGS) if rows else {}
    assert {"A": 0.0, "B": 0.0} | sums == pytest.approx(expected, rel=0.01, abs=0.2)


def test_people_of_a_piece_are_put_at_its_buildings_or_evenly_over_it() -> None:
    place = box(0, 0, 4000, 1000)
    houses = [METRIC.inverse(shapely.Point(ORIGIN[0] + x, ORIGIN[1] + 30)) for x in (100, 900, 5000)]
    buildings = gpd.GeoDataFrame({"floor_m2": [100.0, 300.0, 900.0]}, geometry=houses, crs=4326)
    source = people((80, box(0, 0, 1000, 1000)), (160, box(1000, 0, 2000, 1000)), (5, box(3000, 0, 3100, 100)))
    points, _ = people_shapes.at_points(source, METRIC.inverse(place), units(A=place), buildings, UTM)
    assert sorted(points["population"]) == pytest.approx([5.0, *[10.0] * 16, 20.0, 60.0], rel=1e-3)
    even = np.isclose(points["population"], 10, rtol=1e-3)
    spread = METRIC.points(points["lon"][even], points["lat"][even])
    assert sorted({round(float(shapely.get_x(point)) - ORIGIN[0]) for point in spread}) == [1125, 1375, 1625, 1875]


def test_points_count_where_they_are() -> None:
    place = box(0, 0, 1000, 1000)
    source = people((5, box(10, 10, 10, 10).centroid), (7, box(2000, 10, 2000, 10).centroid))
    assert by_code(source, place, units(A=place)) == {"A": 5}


FRAME = gpd.GeoDataFrame(
    {"population": [10.0, 20.0], "children_3_6": [1.0, 2.0]},
    geometry=[shapely.box(10.0, 50.0, 10.01, 50.01), shapely.box(10.01, 50.0, 10.02, 50.01)],
    crs=4326,
)


@pytest.mark.parametrize("ending", [ending for ending in people_shapes.ENDINGS if ending != ".zip"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32632"])
def test_every_format_is_read(tmp_path: Path, ending: str, crs: str) -> None:
    path, frame = tmp_path / f"tracts{ending}", FRAME.to_crs(crs)
    if ending in (".parquet", ".geoparquet"):
        frame.to_parquet(path)
    else:
        drivers = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".fgb": "FlatGeobuf", ".geojsonl": "GeoJSONSeq"}
        driver = drivers.get(ending, "GeoJSON")
        if "GeoJSON" in driver:  # always WGS84
            frame = FRAME
        frame.rename(columns={"children_3_6": "children_3"} if ending == ".shp" else {}).to_file(path, driver=driver)
    shapes, _ = people_shapes.read(path, None, UTM)
    assert sorted(shapes["population"]) == [10, 20]
    assert shapes["children_3_6"].sum() == 3
    expected = METRIC.forward(shapely.box(10.0, 50.0, 10.02, 50.01))
    assert shapely.hausdorff_distance(shapely.union_all(shapes.geometry.to_numpy()), expected) < 1


def test_coordinates_in_the_system_of_chinese_maps_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "tracts.geojson"
    polygon = shapely.box(120.04, 28.9, 120.05, 28.91)
    frame = gpd.GeoDataFrame({"人口": [10]}, geometry=[datums.geometry_from_wgs84(polygon, "gcj02")], crs=4326)
    frame.to_file(path, driver="GeoJSON")
    shapes, _ = people_shapes.read(path, "gcj02", "EPSG:32651")
    expected = projection("EPSG:32651").forward(polygon)
    assert shapely.hausdorff_distance(shapes.geometry.iloc[0], expected) < 0.1


@pytest.mark.parametrize("heading", ["population", "人口", "Pop", "常住人口"])
def test_column_of_people_is_recognised_by_its_heading(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "tracts.gpkg"
    FRAME.rename(columns={"population": heading}).to_file(path)
    shapes, notes = people_shapes.read(path, None, UTM)
    assert shapes["population"].sum() == 30
    assert any(heading in note for note in notes) == (heading != "population")


def geojson(path: Path, *features: tuple[object, object]) -> Path:
    rows = [{"type": "Feature", "properties": {"population": n}, "geometry": shape} for n, shape in features]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), "utf-8")
    return path


SQUARE = json.loads(shapely.to_geojson(shapely.box(10, 50, 10.01, 50.01)))
LINE = {"type": "LineString", "coordinates": [[10, 50], [10.01, 50.01]]}


@pytest.mark.parametrize(
    ("number", "shape", "problem"),
    [
        (-1, SQUARE, r"feature 2: population = '-1'"),
        ("many", SQUARE, r"feature 2: population = 'many'"),
        (1e12, SQUARE, r"feature 2: population = '1000000000000.0'"),
        (5, None, r"feature 2: has 5 people and no geometry"),
        (5, LINE, r"feature 2: is a LineString"),
    ],
)
def test_features_that_cannot_be_used_are_named(tmp_path: Path, number: object, shape: object, problem: str) -> None:
    path = geojson(tmp_path / "tracts.geojson", (3, SQUARE), (number, shape))
    with pytest.raises(TableError, match=rf"tracts\.geojson: {problem}"):
        people_shapes.read(path, None, UTM)


def test_unknown_numbers_crossing_outlines_and_overlaps_are_mentioned(tmp_path: Path) -> None:
    bowtie = {"type": "Polygon", "coordinates": [[[10.1, 50], [10.2, 50.1], [10.2, 50], [10.1, 50.1], [10.1, 50]]]}
    path = geojson(tmp_path / "t.geojson", (3, SQUARE), (None, SQUARE), (4, bowtie), (5, SQUARE), (0, None))
    shapes, notes = people_shapes.read(path, None, UTM)
    assert shapes["population"].tolist() == [3, 4, 5]
    assert [note.partition(" ")[0] for note in notes] == ["1", "1", "2"]
    assert "feature 3: repaired" in notes[1]
    assert "feature 1: people may count twice" in notes[2]


def test_files_that_are_no_polygons_of_people_are_refused(tmp_path: Path) -> None:
    broken = {"none.gpkg": None, "cut.gpkg": b"SQLite format 3\0cut", "cut.geojson": b'{"type": "Feat', "cut.shp": b"1",
              "cut.parquet": b"PAR1", "cut.zip": b"PK", "cut.fgb": b"fgb"}  # fmt: skip
    for name, content in broken.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(TableError, match=rf"{name}: cannot be read"):
            people_shapes.read(path, None, UTM)
    FRAME.drop(columns="population").to_file(tmp_path / "none.geojson", driver="GeoJSON")
    with pytest.raises(TableError, match=r"no column population \(人口\); its columns: children_3_6"):
        people_shapes.read(tmp_path / "none.geojson", None, UTM)
    two = tmp_path / "two.gpkg"
    FRAME.to_file(two, layer="a")
    FRAME.to_file(two, layer="b")
    with pytest.raises(TableError, match="several layers with people: a, b"):
        people_shapes.read(two, None, UTM)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_shapefile_without_reference_system_is_read_as_degrees_or_refused(tmp_path: Path) -> None:
    frame = FRAME[["population", "geometry"]]
    frame.to_crs(UTM).set_crs(None, allow_override=True).to_file(tmp_path / "m.shp")
    with pytest.raises(TableError, match="does not state its coordinate reference system"):
        people_shapes.read(tmp_path / "m.shp", None, UTM)
    path = tmp_path / "d.shp"
    frame.set_crs(None, allow_override=True).to_file(path)
    shapes, notes = people_shapes.read(path, None, UTM)
    assert np.isclose(shapes["population"].sum(), 30)
    assert any("read as degrees (wgs84)" in note for note in notes)
