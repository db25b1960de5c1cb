"""What --area, --level and --areas do to the areas of a study, and what they cut."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError, InputError
from support.country import LAND, ROAD, build_study, lines_of
from support.extracts import Extract


def test_area_cuts_people_and_areas_but_not_streets_and_facilities(country_pbf: Path, tmp_path: Path) -> None:
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land")
    assert land.areas["name"].tolist() == ["Ost", "West"]
    assert land.areas["population"].tolist() == [300, 700]  # from its own tag, and from the place node of its name
    assert land.demand["population"].sum() == pytest.approx(1000)
    assert len(land.demand) == 3
    assert land.demand.groupby("area_code")["population"].sum().to_dict() == pytest.approx({"r2": 700, "r3": 300})
    assert sorted(land.demand["population"]) == pytest.approx(
        [175, 300, 525], abs=0.01
    )  # in proportion to floors: one and three in West
    names = set(land.facilities["name"].dropna())
    assert names == {"Praxis", "Nachbar", "Park", "Kita"}
    assert land.streets is not None
    assert land.streets.total_bounds[2] > 10.09
    codes = land.facilities.set_index("name")["area_code"]
    assert (codes["Praxis"], codes["Kita"], codes["Nachbar"]) == ("r2", "r3", None)
    assert land.facilities.geometry[land.facilities["name"] == "Kita"].iloc[0].geom_type == "Point"
    assert (1, "facilities that are private: park") in lines_of(summary, "left out")
    assert land.settings.id.startswith("land-")
    assert land.settings.projection == "EPSG:32632"


def test_margin_limits_facilities_and_streets(country_pbf: Path, tmp_path: Path) -> None:
    land, _ = build_study(tmp_path / "study", country_pbf, area="Country", margin_m=1000)
    assert "Nachbar" not in set(land.facilities["name"])
    assert land.streets is not None
    # A street that begins within the margin is kept up to its end.
    assert land.streets.total_bounds[2] < 10.31


def test_level_selects_the_boundaries(country_pbf: Path, tmp_path: Path) -> None:
    countries, _ = build_study(tmp_path / "study", country_pbf, level=4, people=100)
    assert set(countries.areas["name"]) == {"Land", "Ausland"}
    with pytest.raises(ExtractError, match="4, 8"):
        build_study(tmp_path / "other", country_pbf, level=6, people=100)


def test_whole_extract_is_one_area_and_needs_people(country_pbf: Path, tmp_path: Path) -> None:
    whole, _ = build_study(tmp_path / "study", country_pbf, people=100)
    assert whole.areas["name"].tolist() == ["country"]
    assert whole.demand["population"].sum() == pytest.approx(100)
    with pytest.raises(InputError, match="--people"):
        build_study(tmp_path / "other", country_pbf)


def test_level_that_covers_little_of_the_area_is_not_used(country: Extract, tmp_path: Path) -> None:
    country.boundary("Weiler", 10, (10.0, 50.0, 10.001, 50.001))
    land, _ = build_study(tmp_path / "study", country.write(tmp_path / "c.osm.pbf"), area="Land")
    assert land.areas["name"].tolist() == ["Ost", "West"]


def test_area_without_streets_is_refused(tmp_path: Path) -> None:
    extract = Extract()
    extract.boundary("Land", 4, LAND, population="100")
    extract.way([(20.0, 50.0), (20.01, 50.0)], ROAD)
    with pytest.raises(ExtractError, match="no street"):
        build_study(tmp_path / "study", extract.write(tmp_path / "c.osm.pbf"), area="Land")
    assert not (tmp_path / "study").exists()


def own_areas(path: Path, to_geometry: Callable[[BaseGeometry], BaseGeometry]) -> Path:
    """Write a list of a town and its four villages, of which three are in the country and one is abroad."""
    boxes = {
        "V1": shapely.box(10.0, 50.0, 10.01, 50.02),
        "V2": shapely.box(10.01, 50.0, 10.02, 50.02),
        "V3": shapely.box(10.02, 50.0, 10.04, 50.02),
        "X": shapely.box(10.05, 50.0, 10.06, 50.02),
    }
    town = {"code": "T", "name": "镇", "level": "town", "geometry": to_geometry(shapely.box(*LAND))}
    villages = [
        {"code": code, "name": code, "level": "village", "parent": "T", "urban": code == "V1", "population": 100,
         "geometry": to_geometry(box)} for code, box in boxes.items()
    ]  # fmt: skip
    features = [
        {"type": "Feature", "geometry": shapely.geometry.mapping(unit.pop("geometry")), "properties": unit}
        for unit in (town, *villages)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


@pytest.mark.parametrize("to_geometry", [lambda box: box, lambda box: box.centroid], ids=["polygons", "points"])
def test_own_villages_replace_boundaries(
    country_pbf: Path, tmp_path: Path, to_geometry: Callable[[BaseGeometry], BaseGeometry]
) -> None:
    units = own_areas(tmp_path / "units.geojson", to_geometry)
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", areas=units)
    assert sorted(land.areas.index) == ["T", "V1", "V2", "V3"]
    assert any(count == 1 and "units.geojson" in remark for count, remark in lines_of(summary, "left out"))
    people = land.demand.groupby("area_code")["population"].sum().to_dict()
    assert people == pytest.approx({"V1": 100, "V2": 100, "V3": 100})
    assert land.demand.set_index("area_code")["urban"].to_dict() == {"V1": 1, "V2": 0, "V3": 0}
    codes = land.facilities.set_index("name")["area_code"]
    assert (codes["Praxis"], codes["Kita"]) == ("V2", "V3")
    assert land.reporting_level == "town"
    assert "hall-presence" in [standard.id for standard in land.standards]


def test_own_areas_outside_the_area_are_refused(country_pbf: Path, tmp_path: Path) -> None:
    units = own_areas(tmp_path / "units.geojson", lambda box: shapely.affinity.translate(box, 20, 0))
    with pytest.raises(InputError, match=r"units\.geojson"):
        build_study(tmp_path / "study", country_pbf, area="Land", areas=units)
