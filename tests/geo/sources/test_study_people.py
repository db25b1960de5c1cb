"""People of a study from a table, and what the summary says of them."""

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geo.errors import InputError
from support.country import build_study, lines_of


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


def test_workbook_of_people_is_refused_with_advice(country_pbf: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.xlsx: save it as \.csv"):
        build_study(tmp_path / "study", country_pbf, population=tmp_path / "people.xlsx")


def test_table_without_people_in_the_area_is_refused(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n20.0,50.01,60\n", "utf-8")
    for people in (None, 100):
        with pytest.raises(InputError, match=r"people\.csv"):
            build_study(tmp_path / "study", country_pbf, area="Land", population=table, people=people)


def test_row_at_0_0_is_named_with_its_file_and_row(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("lon,lat,population\n10.01,50.01,60\n\n0,0,5\n", "utf-8")
    for area in (None, "Land"):
        with pytest.raises(InputError, match=r"p\.csv: row 4: lon and lat are 0, 0"):
            build_study(tmp_path / "study", country_pbf, area=area, population=table)


@pytest.mark.parametrize(("lon", "lat"), [(50.01, 10.01), (-10.01, 50.01), (10.01, -50.01), (12.5, 50.01)])
def test_row_far_from_the_extract_is_left_out_and_named(
    country_pbf: Path, tmp_path: Path, lon: float, lat: float
) -> None:
    """Without an area, nobody says where people may be; longitude and latitude that are swapped are far away."""
    table = tmp_path / "p.csv"
    table.write_text(f"lon,lat,population\n10.01,50.01,60\n{lon},{lat},5\n", "utf-8")
    land, summary = build_study(tmp_path / "study", country_pbf, population=table)
    assert land.demand["population"].tolist() == [60]
    [(people, remark)] = [line for line in lines_of(summary, "left out") if "p.csv" in line[1]]
    assert people == 5
    assert f"row 3 at {lon}, {lat}" in remark


def test_children_and_elders_are_scaled_with_the_people(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("lon,lat,population,children_3_6,elders_65\n10.01,50.01,60,6,\n10.03,50.01,40,50,8\n", "utf-8")
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=table, people=1000)
    assert land.demand["children_3_6"].tolist() == [60, 500]
    assert land.demand["elders_65"].sum() == 80
    assert land.demand["elders_65"].isna().tolist() == [True, False]
    assert any("100 scaled by 10 to 1,000" in remark for _, remark in lines_of(summary, "people"))
    assert any(count == 1 and "row 3" in remark for count, remark in lines_of(summary, "note"))


def test_area_codes_that_contradict_the_position_are_counted(country_pbf: Path, tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("lon,lat,population,area_code\n10.01,50.01,60,r3\n10.03,50.01,40,r3\n10.03,50.01,1,\n", "utf-8")
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=table)
    assert land.demand["area_code"].tolist() == ["r2", "r3", "r3"]
    assert any(count == 60 and "area_code" in remark for count, remark in lines_of(summary, "note"))


def test_people_of_polygons_add_up_to_those_read(country_pbf: Path, tmp_path: Path) -> None:
    """A polygon that the border of Land halves, one inside with a house in it, and one outside."""
    file = tmp_path / "tracts.gpkg"
    halved, inside, outside = (shapely.box(lon, 50.01, lon + 0.01, 50.02) for lon in (9.995, 10.02, 10.06))
    tracts = gpd.GeoDataFrame(
        {"人口": [100, 30, 7], "elders_65": [10, 3, 0]}, geometry=[halved, inside, outside], crs=4326
    )
    tracts.to_file(file, layer="tracts")
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=file)
    demand = land.demand
    by_area = demand.groupby("area_code")["population"].sum()
    assert by_area["r2"] == pytest.approx(50, rel=0.001)
    assert by_area["r3"] == pytest.approx(30)
    assert demand["elders_65"].sum() == pytest.approx(8, rel=0.001)
    left_out = sum(people for people, remark in lines_of(summary, "left out") if "tracts.gpkg" in remark)
    assert demand["population"].sum() + left_out == pytest.approx(137)
    assert any("人口" in remark for _, remark in lines_of(summary, "note"))
