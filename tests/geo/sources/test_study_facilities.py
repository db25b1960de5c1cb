"""Facilities of a study: those of the extract, and of own lists."""

from datetime import date
from pathlib import Path

import pytest

from geo.errors import InputError
from support.country import ROAD, build_study
from support.extracts import Extract


def test_unusable_tags_of_a_facility_count_as_unknown(country: Extract, tmp_path: Path) -> None:
    country.node(
        10.01, 50.01, {"amenity": "clinic", "capacity": "99999999999", "start_date": "2021", "name": "x" * 255}
    )
    country.node(10.01, 50.012, {"amenity": "clinic", "start_date": "2021-W05-3", "name": "week"})
    country.node(10.01, 50.011, {"amenity": "clinic", "capacity": "-1", "start_date": "C19", "name": "\u202e\x07"})
    land, _ = build_study(tmp_path / "study", country.write(tmp_path / "c.osm.pbf"), area="Land")
    clinics = land.facilities[land.facilities["category"] == "clinic"].tail(3)
    assert clinics["capacity"].tolist() == [None, None, None]
    assert clinics["opened"].tolist() == [None, date(2021, 2, 3), None]


def test_own_facilities_are_added(country_pbf: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("id,category,lon,lat,opened\nmine,cultural_hall,10.01,50.01,2021-05-01\n", "utf-8")
    land, _ = build_study(tmp_path / "study", country_pbf, area="Land", facilities=[own])
    assert land.facilities.loc["mine", "area_code"] == "r2"
    assert "hall-new" in [standard.id for standard in land.standards]
    osm_id = next(key for key in land.facilities.index if key.startswith("osm-"))
    own.write_text(f"id,category,lon,lat\n{osm_id},clinic,10.01,50.01\n", "utf-8")
    with pytest.raises(InputError, match=osm_id):
        build_study(tmp_path / "other", country_pbf, area="Land", facilities=[own])


def test_study_may_have_no_facility(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0), (10.01, 50.01)], ROAD)
    extract.box(10.0, 50.0, 10.001, 50.001, {"building": "house"})
    own = tmp_path / "none.csv"
    own.write_text("category,lon,lat\n", "utf-8")
    path = extract.write(tmp_path / "c.osm.pbf")
    for number, files in enumerate(([], [own])):
        empty, _ = build_study(tmp_path / f"study{number}", path, people=5, facilities=files)
        assert (len(empty.facilities), empty.standards) == (0, ())
