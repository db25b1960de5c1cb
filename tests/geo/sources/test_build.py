"""Builds of studies: of two real extracts, and which standards and names they have."""

from pathlib import Path

import pytest
import shapely

from geo.study.study import Study
from support.country import build_study, lines_of


def test_areas_of_liechtenstein_are_its_eleven_municipalities(liechtenstein: Study) -> None:
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
    # Each demand point lies in the area whose code it has.
    points = shapely.points(demand["lon"], demand["lat"])
    homes = areas.geometry.reindex(demand["area_code"]).to_numpy()
    assert (shapely.distance(points, homes) < 1e-6).all()


def test_facilities_of_liechtenstein_are_those_of_its_extract(liechtenstein: Study) -> None:
    counts = liechtenstein.facilities["category"].value_counts()
    assert set(counts.index) == {"park", "clinic", "kindergarten", "cultural_hall"}
    assert counts["kindergarten"] == 18
    assert counts["park"] == 17
    assert counts["clinic"] >= 10
    geometry_types = liechtenstein.facilities.geometry.geom_type.groupby(liechtenstein.facilities["category"]).unique()
    assert all(list(geometry_types[name]) == ["Point"] for name in ("clinic", "kindergarten", "cultural_hall"))
    assert "Polygon" in geometry_types["park"]
    assert set(liechtenstein.facilities["provenance"]) == {"openstreetmap"}


def test_people_option_scales_the_total(liechtenstein_extract: Path, tmp_path: Path) -> None:
    scaled, _ = build_study(tmp_path / "study", liechtenstein_extract, area="Liechtenstein", people=40_000)
    assert scaled.demand["population"].sum() == pytest.approx(40_000, abs=0.01)
    assert len(scaled.areas) == 11


def test_porto_alegre_is_one_area(porto_alegre: Study) -> None:
    assert len(porto_alegre.areas) == 1
    assert porto_alegre.demand["population"].sum() == 812_935
    assert porto_alegre.demand["area_code"].notna().mean() > 0.99
    assert {"schools", "jobs", "healthcare"} <= set(porto_alegre.demand.columns)
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    assert len(clinics) == 117
    assert set(clinics["provenance"]) == {"file"}
    assert "health-15" in [standard.id for standard in porto_alegre.standards]


def test_study_starts_with_the_standards_that_its_data_can_answer(country_pbf: Path, tmp_path: Path) -> None:
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land")
    assert [standard.id for standard in land.standards] == [
        "health-15", "health-20", "park-500", "kindergarten-town", "kindergarten-300"
    ]  # fmt: skip
    left_out = {remark.split(":")[0] for _, remark in lines_of(summary, "standard left out")}
    assert left_out == {"hall-presence", "hall-new", "park-new", "kindergarten-new"}


def test_english_name_is_empty_where_the_extract_has_none(country_pbf: Path, tmp_path: Path) -> None:
    ost, _ = build_study(tmp_path / "ost", country_pbf, area="Ost")
    land, _ = build_study(tmp_path / "land", country_pbf, area="Land")
    assert (ost.settings.name_en, land.settings.name_en) == ("", "Country")
