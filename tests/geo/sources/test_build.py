"""Building a study from an extract, a population source and own lists: what goes in, what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from geo.errors import ExtractError, FuwuquanError, InputError, StudyError
from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.summary import Summary
from geo.study import areas, study
from geo.study.study import Study
from support.extracts import Extract

ROAD = {"highway": "residential"}
LAND = (10.0, 50.0, 10.04, 50.02)  # two districts side by side


def built(folder: Path, extract: Path, **more: Any) -> tuple[Study, Summary]:
    summary = build.build(folder, Sources(extract, **more), lambda step, count: None)
    return study.read(folder), summary


def lines(summary: Summary, what: str) -> list[tuple[float, str]]:
    return [(count, remark) for name, count, remark in summary.lines if what in name]


# rasterio's own arithmetic, which affine 3 has superseded
in_rasterio = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


@pytest.fixture
def country() -> Extract:
    """A country of two districts, with streets, houses, places, and something of every category."""
    extract = Extract()
    west, south, east, north = LAND
    extract.boundary("Land", 4, LAND, **{"name:en": "Country"})
    extract.boundary("West", 8, (west, south, 10.02, north), **{"name:en": "Westend"})
    extract.boundary("Ost", 8, (10.02, south, east, north), population="300")
    extract.boundary("Ausland", 4, (10.04, south, 10.08, north))
    extract.boundary("Fern", 8, (10.04, south, 10.08, north), population="9999")
    extract.node(10.005, 50.005, {"place": "town", "name": "West", "population": "700"})
    extract.way([(9.99, 50.01), (10.01, 50.01), (10.03, 50.01), (10.1, 50.01), (10.3, 50.01)], ROAD)
    extract.way([(10.01, 50.01), (10.01, 50.015)], {"highway": "footway"})
    for lon, levels in ((10.005, 1), (10.006, 3), (10.025, 2), (10.05, 9)):
        house = {"building": "apartments", "building:levels": str(levels)}
        extract.box(lon, 50.012, lon + 0.0005, 50.0125, house)
    extract.node(10.012, 50.011, {"amenity": "clinic", "name": "Praxis"})
    extract.node(10.1, 50.011, {"amenity": "clinic", "name": "Nachbar"})  # some 4 km beyond the border
    extract.node(10.9, 50.011, {"amenity": "clinic", "name": "Weit"})  # some 60 km
    extract.box(10.0, 50.0, 10.002, 50.001, {"leisure": "park", "name": "Park"})
    extract.box(10.003, 50.0, 10.004, 50.001, {"leisure": "park", "access": "private"})
    extract.box(10.03, 50.012, 10.0305, 50.0125, {"amenity": "kindergarten", "name": "Kita"})
    extract.node(10.02, 50.015, {"amenity": "community_centre"})
    return extract


@pytest.fixture
def pbf(country: Extract, tmp_path: Path) -> Path:
    return country.write(tmp_path / "country.osm.pbf")


# --- real extracts -----------------------------------------------------------------------------------------------


def test_liechtenstein_is_its_eleven_municipalities(liechtenstein: Study) -> None:
    names = {"Balzers", "Eschen", "Gamprin", "Mauren", "Planken", "Ruggell", "Schaan", "Schellenberg", "Triesen",
             "Triesenberg", "Vaduz"}  # fmt: skip
    assert set(liechtenstein.areas["name"]) == names
    assert len(liechtenstein.areas) == 11
    assert set(liechtenstein.areas["level"]) == {"town"}
    assert (liechtenstein.settings.name, liechtenstein.settings.sample) == ("Liechtenstein", False)
    assert "OpenStreetMap" in liechtenstein.settings.attribution


def test_people_of_liechtenstein_are_those_of_its_place_nodes(liechtenstein: Study) -> None:
    demand, areas = liechtenstein.demand, liechtenstein.areas
    assert demand["population"].sum() == pytest.approx(37_269, abs=0.01)
    in_area = demand.groupby("area_code")["population"].sum()
    assert in_area.to_dict() == pytest.approx(areas["population"].astype(float).to_dict(), abs=0.01)
    # Where the file says they are is where they are.
    points = shapely.points(demand["lon"], demand["lat"])
    homes = areas.geometry.reindex(demand["area_code"]).to_numpy()
    assert (shapely.distance(points, homes) < 1e-6).all()


def test_facilities_of_liechtenstein(liechtenstein: Study) -> None:
    counts = liechtenstein.facilities["category"].value_counts()
    assert set(counts.index) == {"park", "clinic", "kindergarten", "cultural_hall"}
    assert counts["kindergarten"] == 18
    assert counts["park"] == 17
    assert counts["clinic"] >= 10
    kinds = liechtenstein.facilities.geometry.geom_type.groupby(liechtenstein.facilities["category"]).unique()
    assert all(list(kinds[name]) == ["Point"] for name in ("clinic", "kindergarten", "cultural_hall"))
    assert "Polygon" in kinds["park"]
    assert set(liechtenstein.facilities["provenance"]) == {"openstreetmap"}


def test_people_of_liechtenstein_may_be_given(liechtenstein_extract: Path, tmp_path: Path) -> None:
    given, _ = built(tmp_path / "study", liechtenstein_extract, area="Liechtenstein", people=40_000)
    assert given.demand["population"].sum() == pytest.approx(40_000, abs=0.01)
    assert len(given.areas) == 11


def test_porto_alegre_is_one_area(porto_alegre: Study) -> None:
    assert len(porto_alegre.areas) == 1
    assert porto_alegre.demand["population"].sum() == 812_935
    assert porto_alegre.demand["area_code"].notna().mean() > 0.99
    assert {"schools", "jobs", "healthcare"} <= set(porto_alegre.demand.columns)
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    assert len(clinics) == 117
    assert set(clinics["provenance"]) == {"file"}
    assert "health-15" in [standard.id for standard in porto_alegre.standards]


# --- an extract of a handful of objects --------------------------------------------------------------------------


def test_an_area_cuts_people_and_areas_but_not_streets_and_facilities(pbf: Path, tmp_path: Path) -> None:
    made, summary = built(tmp_path / "study", pbf, area="Land")
    assert made.areas["name"].tolist() == ["Ost", "West"]
    assert made.areas["population"].tolist() == [300, 700]  # of the tag, and of the place node of its name
    assert made.demand["population"].sum() == pytest.approx(1000)
    assert len(made.demand) == 3
    assert made.demand.groupby("area_code")["population"].sum().to_dict() == pytest.approx({"r2": 700, "r3": 300})
    assert sorted(made.demand["population"]) == pytest.approx([175, 300, 525], abs=0.01)  # one floor and three
    names = set(made.facilities["name"].dropna())
    assert names == {"Praxis", "Nachbar", "Park", "Kita"}
    assert made.streets is not None
    assert made.streets.total_bounds[2] > 10.09
    codes = made.facilities.set_index("name")["area_code"]
    assert (codes["Praxis"], codes["Kita"], codes["Nachbar"]) == ("r2", "r3", None)
    assert made.facilities.geometry[made.facilities["name"] == "Kita"].iloc[0].geom_type == "Point"
    assert (1, "parks that are private") in lines(summary, "left out")
    assert made.settings.id.startswith("land-")
    assert made.settings.projection == "EPSG:32632"


def test_the_margin_is_a_setting(pbf: Path, tmp_path: Path) -> None:
    made, _ = built(tmp_path / "study", pbf, area="Country", margin_m=1000)
    assert "Nachbar" not in set(made.facilities["name"])
    assert made.streets is not None
    # A street that begins within the margin is kept to its end.
    assert made.streets.total_bounds[2] < 10.31


def test_a_level_may_be_asked_for(pbf: Path, tmp_path: Path) -> None:
    made, _ = built(tmp_path / "study", pbf, level=4, people=100)
    assert set(made.areas["name"]) == {"Land", "Ausland"}
    with pytest.raises(ExtractError, match="4, 8"):
        built(tmp_path / "other", pbf, level=6, people=100)


def test_without_an_area_the_extract_is_one(pbf: Path, tmp_path: Path) -> None:
    made, _ = built(tmp_path / "study", pbf, people=100)
    assert made.areas["name"].tolist() == ["country"]
    assert made.demand["population"].sum() == pytest.approx(100)
    with pytest.raises(InputError, match="--people"):
        built(tmp_path / "other", pbf)


def test_districts_that_leave_much_out_do_not_divide(country: Extract, tmp_path: Path) -> None:
    country.boundary("Weiler", 10, (10.0, 50.0, 10.001, 50.001))
    made, _ = built(tmp_path / "study", country.write(tmp_path / "c.osm.pbf"), area="Land")
    assert made.areas["name"].tolist() == ["Ost", "West"]


def test_standards_that_the_data_can_answer(pbf: Path, tmp_path: Path) -> None:
    made, summary = built(tmp_path / "study", pbf, area="Land")
    assert [goal.id for goal in made.standards] == [
        "health-15", "health-20", "park-500", "kindergarten-town", "kindergarten-300"
    ]  # fmt: skip
    left_out = {remark.split(":")[0] for _, remark in lines(summary, "standard left out")}
    assert left_out == {"hall-presence", "hall-new", "park-new", "kindergarten-new"}


def test_odd_values_of_one_facility_do_not_stop_a_build(country: Extract, tmp_path: Path) -> None:
    country.node(
        10.01, 50.01, {"amenity": "clinic", "capacity": "99999999999", "start_date": "2021", "name": "x" * 255}
    )
    country.node(10.01, 50.011, {"amenity": "clinic", "capacity": "-1", "start_date": "C19", "name": "\u202e\x07"})
    made, _ = built(tmp_path / "study", country.write(tmp_path / "c.osm.pbf"), area="Land")
    odd = made.facilities[made.facilities["category"] == "clinic"].tail(2)
    assert odd["capacity"].tolist() == [None, None]
    assert odd["opened"].tolist() == [None, None]


def test_own_facilities_are_added(pbf: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("id,category,lon,lat,opened\nmine,cultural_hall,10.01,50.01,2021-05-01\n", "utf-8")
    made, _ = built(tmp_path / "study", pbf, area="Land", facilities=[own])
    assert made.facilities.loc["mine", "area_code"] == "r2"
    assert "hall-new" in [goal.id for goal in made.standards]
    number = next(key for key in made.facilities.index if key.startswith("osm-"))
    own.write_text(f"id,category,lon,lat\n{number},clinic,10.01,50.01\n", "utf-8")
    with pytest.raises(InputError, match=number):
        built(tmp_path / "other", pbf, area="Land", facilities=[own])


def test_nothing_of_any_category_is_a_study_too(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0), (10.01, 50.01)], ROAD)
    extract.box(10.0, 50.0, 10.001, 50.001, {"building": "house"})
    own = tmp_path / "none.csv"
    own.write_text("category,lon,lat\n", "utf-8")
    pbf = extract.write(tmp_path / "c.osm.pbf")
    for number, files in enumerate(([], [own])):
        made, _ = built(tmp_path / f"study{number}", pbf, people=5, facilities=files)
        assert (len(made.facilities), made.standards) == (0, ())


# --- population from a table or raster ---------------------------------------------------------------------------


def test_population_of_a_table(pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text(
        "lon,lat,population,urban,name\n10.01,50.01,60,1,a\n10.03,50.01,40,0,b\n10.06,50.01,50,1,c\n", "utf-8"
    )
    made, summary = built(tmp_path / "study", pbf, area="Land", population=table)
    assert made.demand["population"].tolist() == [60, 40]
    assert made.demand["area_code"].tolist() == ["r2", "r3"]
    assert made.demand["urban"].tolist() == [1, 0]
    assert made.demand["name"].tolist() == ["a", "b"]
    assert any(count == 50 and "people.csv" in remark for count, remark in lines(summary, "left out"))
    scaled, _ = built(tmp_path / "scaled", pbf, area="Land", population=table, people=1000)
    assert scaled.demand["population"].tolist() == pytest.approx([600, 400])


def test_population_of_a_bad_table(pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n10.01,50.01,60\n10.01,north,40\n10.01,50.01,-1\n", "utf-8")
    with pytest.raises(InputError, match=r"people\.csv.*row 3.*north.*row 4.*-1"):
        built(tmp_path / "study", pbf, area="Land", population=table)
    assert not (tmp_path / "study").exists()


def test_nobody_of_the_table_is_inside(pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n20.0,50.01,60\n", "utf-8")
    for people in (None, 100):
        with pytest.raises(InputError, match=r"people\.csv"):
            built(tmp_path / "study", pbf, area="Land", population=table, people=people)


CELL = 0.005


def raster(
    path: Path, west: float = 9.98, north: float = 50.04, crs: str | None = "EPSG:4326", **more: Any
) -> np.ndarray:
    """A GeoTIFF of 24 × 12 cells of 0.005 degrees around the country: 1 … 288 people, with a hole and a sea."""
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import from_origin

    cells: np.ndarray = np.arange(1, 289, dtype="float32").reshape(12, 24)
    cells[6, 6], cells[6, 7], cells[5, 8], cells[6, 9] = -99999, np.nan, 0, 0.25
    transform = more.pop("transform", from_origin(west, north, CELL, CELL))
    with rasterio.open(path, "w", driver="GTiff", height=12, width=24, count=1, dtype="float32", crs=crs,
                       transform=transform, nodata=-99999, **more) as file:  # fmt: skip
        file.write(cells, 1)
    return cells


def inside(cells: np.ndarray, west: float = 9.98, north: float = 50.04) -> float:
    """People of the cells whose centre is in the country, one by one."""
    total = 0.0
    for row in range(12):
        for column in range(24):
            lon, lat = west + (column + 0.5) * CELL, north - (row + 0.5) * CELL
            value = float(cells[row, column])
            if LAND[0] < lon < LAND[2] and LAND[1] < lat < LAND[3] and value > 0:
                total += value
    return total


@in_rasterio
def test_population_of_a_raster(pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "people.tif"
    cells = raster(tif)
    made, _ = built(tmp_path / "study", pbf, area="Land", population=tif)
    assert made.demand["population"].sum() == pytest.approx(inside(cells))
    assert len(made.demand) == 8 * 4 - 3
    assert (made.demand["population"] > 0).all()
    first = made.demand.iloc[0]
    assert (first["lon"], first["lat"]) == pytest.approx((10.0025, 50.0175), abs=1e-6)
    assert first["population"] == cells[4, 4]
    scaled, _ = built(tmp_path / "scaled", pbf, area="Land", population=tif, people=5000)
    assert scaled.demand["population"].sum() == pytest.approx(5000)
    assert np.allclose(scaled.demand["population"] / made.demand["population"], 5000 / inside(cells))


@in_rasterio
@pytest.mark.parametrize("shift", [0.0004, 0.0021, 0.0029, 0.0046])
def test_no_cell_at_the_border_is_lost(pbf: Path, tmp_path: Path, shift: float) -> None:
    """Cells whose centre is inside count, however the grid lies over the border."""
    tif = tmp_path / "people.tif"
    cells = raster(tif, west=9.98 - shift, north=50.04 + shift)
    made, _ = built(tmp_path / "study", pbf, area="Land", population=tif)
    assert made.demand["population"].sum() == pytest.approx(inside(cells, 9.98 - shift, 50.04 + shift))


@in_rasterio
def test_raster_in_metres(pbf: Path, tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    from pyproj import Transformer
    from rasterio.transform import from_origin

    tif = tmp_path / "people.tif"
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32632", always_xy=True).transform(9.98, 50.04)
    cells = raster(tif, crs="EPSG:32632", transform=from_origin(x, y, 400, 400))
    made, _ = built(tmp_path / "study", pbf, area="Land", population=tif)
    back = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    expected = 0.0
    for row in range(12):
        for column in range(24):
            lon, lat = back.transform(x + (column + 0.5) * 400, y - (row + 0.5) * 400)
            if shapely.box(*LAND).contains(shapely.Point(lon, lat)) and cells[row, column] > 0:
                expected += float(cells[row, column])
    assert made.demand["population"].sum() == pytest.approx(expected)


@in_rasterio
def test_rasters_that_cannot_be_used(pbf: Path, tmp_path: Path) -> None:
    tif = tmp_path / "people.tif"
    raster(tif, west=30.0)
    with pytest.raises(InputError, match=r"people\.tif.*does not touch"):
        built(tmp_path / "study", pbf, area="Land", population=tif)
    raster(tif, crs=None)
    with pytest.raises(InputError, match=r"people\.tif.*coordinate reference system"):
        built(tmp_path / "study", pbf, area="Land", population=tif)
    tif.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"people\.tif"):
        built(tmp_path / "study", pbf, area="Land", population=tif)
    with pytest.raises(InputError, match=r"none\.tif"):
        built(tmp_path / "study", pbf, area="Land", population=tmp_path / "none.tif")
    assert not (tmp_path / "study").exists()


# --- own areas ---------------------------------------------------------------------------------------------------


def own_areas(path: Path, geometry: Callable[[Any], Any]) -> Path:
    """A town of three villages in the country, and one abroad."""
    boxes = {
        "V1": shapely.box(10.0, 50.0, 10.01, 50.02),
        "V2": shapely.box(10.01, 50.0, 10.02, 50.02),
        "V3": shapely.box(10.02, 50.0, 10.04, 50.02),
        "X": shapely.box(10.05, 50.0, 10.06, 50.02),
    }
    town = {"code": "T", "name": "镇", "level": "town", "geometry": geometry(shapely.box(*LAND))}
    villages = [
        {"code": code, "name": code, "level": "village", "parent": "T", "urban": code == "V1", "population": 100,
         "geometry": geometry(box)} for code, box in boxes.items()
    ]  # fmt: skip
    features = [
        {"type": "Feature", "geometry": shapely.geometry.mapping(unit.pop("geometry")), "properties": unit}
        for unit in (town, *villages)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


@pytest.mark.parametrize("geometry", [lambda box: box, lambda box: box.centroid], ids=["polygons", "points"])
def test_own_villages(pbf: Path, tmp_path: Path, geometry: Callable[[Any], Any]) -> None:
    units = own_areas(tmp_path / "units.geojson", geometry)
    made, summary = built(tmp_path / "study", pbf, area="Land", areas=units)
    assert sorted(made.areas.index) == ["T", "V1", "V2", "V3"]
    assert any(count == 1 and "units.geojson" in remark for count, remark in lines(summary, "left out"))
    people = made.demand.groupby("area_code")["population"].sum().to_dict()
    assert people == pytest.approx({"V1": 100, "V2": 100, "V3": 100})
    assert made.demand.set_index("area_code")["urban"].to_dict() == {"V1": 1, "V2": 0, "V3": 0}
    codes = made.facilities.set_index("name")["area_code"]
    assert (codes["Praxis"], codes["Kita"]) == ("V2", "V3")
    assert made.reporting_level == "town"
    assert "hall-presence" in [goal.id for goal in made.standards]


def test_own_areas_elsewhere(pbf: Path, tmp_path: Path) -> None:
    units = own_areas(tmp_path / "units.geojson", lambda box: shapely.affinity.translate(box, 20, 0))
    with pytest.raises(InputError, match=r"units\.geojson"):
        built(tmp_path / "study", pbf, area="Land", areas=units)


# --- what is refused, and what it leaves behind ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"area": "Atlantis"}, "Land"),
        ({"area": "Land", "facilities": [Path("none.csv")]}, r"none\.csv"),
        ({"area": "Land", "areas": Path("none.geojson")}, r"none\.geojson"),
        ({"area": "Land", "population": Path("none.csv")}, r"none\.csv"),
        ({"area": "Land", "level": 7}, "7"),
    ],
)
def test_a_failed_build_leaves_nothing_behind(pbf: Path, tmp_path: Path, more: dict[str, Any], said: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FuwuquanError, match=said):
        built(tmp_path / "study", pbf, **more)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_build_leaves_the_study_there_is(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    built(folder, pbf, area="Land")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n10.01,50.01,many\n", "utf-8")
    with pytest.raises(InputError):
        built(folder, pbf, area="Land", population=table)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_build_replaces_a_study_and_keeps_its_register(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    built(folder, pbf, area="Land", people=10)
    (folder / "register.sqlite").write_bytes(b"kept")
    made, _ = built(folder, pbf, area="Land", people=20)
    assert made.demand["population"].sum() == pytest.approx(20)
    assert (folder / "register.sqlite").read_bytes() == b"kept"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_same_sources_give_the_same_files(pbf: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        built(tmp_path / name, pbf, area="Land")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_folder_that_is_no_study_is_not_touched(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(StudyError, match="photos"):
        built(folder, pbf, area="Land")
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]
    with pytest.raises(StudyError, match=re.escape("holiday.jpg")):
        built(folder / "holiday.jpg", pbf, area="Land")


def test_an_empty_folder_and_missing_parents_are_filled(pbf: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    built(tmp_path / "empty", pbf, area="Land")
    built(tmp_path / "a" / "b" / "study", pbf, area="Land")


def test_no_streets_around_the_area(tmp_path: Path) -> None:
    extract = Extract()
    extract.boundary("Land", 4, LAND, population="100")
    extract.way([(20.0, 50.0), (20.01, 50.0)], ROAD)
    with pytest.raises(ExtractError, match="no street"):
        built(tmp_path / "study", extract.write(tmp_path / "c.osm.pbf"), area="Land")
    assert not (tmp_path / "study").exists()


def test_where_a_place_is() -> None:
    town = {"level": "town"}
    rows = [
        ("1", {"code": "A", **town}, shapely.box(0, 0, 0.1, 0.1)),
        ("2", {"code": "B", **town}, shapely.box(0.1, 0, 0.2, 0.1)),
        ("3", {"code": "a", "level": "village", "parent": "A"}, shapely.Point(0.01, 0.05)),
        ("4", {"code": "b", "level": "village", "parent": "B"}, shapely.Point(0.101, 0.05)),
        ("5", {"code": "b2", "level": "village", "parent": "B"}, shapely.box(0.15, 0, 0.2, 0.1)),
        ("6", {"code": "b3", "level": "community", "parent": "B"}, shapely.box(0.17, 0, 0.18, 0.1)),
    ]
    places = np.array([[0.099, 0.05], [0.105, 0.05], [0.16, 0.05], [0.175, 0.05], [0.5, 0.5]])
    for order in (rows, rows[::-1]):
        found = areas.locate(areas.from_rows(order, "test"), places[:, 0], places[:, 1], "EPSG:32631")
        # In its own town, however near the other's village; the smaller of two that lie over each other; nowhere.
        assert found.tolist() == ["a", "b", "b2", "b3", None]


def test_built_again_a_study_keeps_what_was_edited(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    built(folder, pbf, area="Land", people=50)
    goals, about = folder / "standards.toml", folder / "study.toml"
    goals.write_text(goals.read_text("utf-8").replace("minutes = 15", "minutes = 17"), "utf-8")
    about.write_text(about.read_text("utf-8").replace("walk_kph = 4.0", "walk_kph = 3.5"), "utf-8")
    again, summary = built(folder, pbf, area="Land", people=60)
    assert again.standard("health-15").minutes == 17
    assert again.settings.speeds.walk_kph == 3.5
    assert again.demand["population"].sum() == pytest.approx(60)
    assert any(what.startswith("kept") for what, *_ in summary.lines)


def test_another_place_is_not_built_over_a_study(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    built(folder, pbf, area="Land", people=50)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(StudyError, match="holds the study"):
        built(folder, pbf, people=50)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_said(pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    built(folder, pbf, area="Land", people=50)
    (folder / "streets.parquet").unlink()
    (folder / "streets.parquet").mkdir()
    with pytest.raises(StudyError, match=r"streets\.parquet"):
        built(folder, pbf, area="Land", people=60)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="broken"):
        built(tmp_path / "broken", pbf, area="Land", people=60)
