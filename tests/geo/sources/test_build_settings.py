"""What a build states of the place itself: its time zone, its standards, and what these count."""

from datetime import date
from pathlib import Path

import pytest

from geo.measures import coverage
from geo.study.categories import FILE
from geo.traveltime.travel import Travel
from support.country import build_study
from support.extracts import ROAD, Extract


def extract_at(folder: Path, lon: float, lat: float) -> Path:
    """A street with a clinic, a park, a kindergarten and a hall that have opening dates, in a village of a town."""
    extract = Extract()
    box = (lon - 0.01, lat - 0.01, lon + 0.02, lat + 0.01)
    extract.boundary("Town", 8, box)
    extract.way([(lon, lat), (lon + 0.01, lat)], ROAD)
    extract.box(lon, lat + 0.001, lon + 0.0002, lat + 0.0012, {"building": "house"})
    for tags in (
        {"amenity": "clinic"},
        {"leisure": "park"},
        {"amenity": "kindergarten"},
        {"amenity": "community_centre"},
    ):
        extract.node(lon + 0.002, lat, {**tags, "start_date": "2021-05-01"})
    return extract.write(folder / "place.osm.pbf")


@pytest.mark.parametrize(
    ("lon", "lat", "timezone"),
    [
        (120.05, 28.9, "Asia/Shanghai"),
        (87.6, 43.8, "Asia/Shanghai"),  # Ürümqi, where Asia/Urumqi is in use too
        (9.52, 47.14, "Europe/Vaduz"),
        (-51.2, -30.03, "America/Sao_Paulo"),
    ],
)
def test_time_zone_is_that_of_the_place(tmp_path: Path, lon: float, lat: float, timezone: str) -> None:
    study, _ = build_study(tmp_path / "study", extract_at(tmp_path, lon, lat), people=100)
    assert study.settings.timezone == timezone
    settings = tmp_path / "study" / "study.toml"
    settings.write_text(settings.read_text("utf-8").replace(timezone, "Asia/Tokyo"), "utf-8")
    again, _ = build_study(tmp_path / "study", tmp_path / "place.osm.pbf", people=100)
    assert again.settings.timezone == "Asia/Tokyo"


def test_standards_of_a_built_study_name_no_other_county(tmp_path: Path) -> None:
    study, _ = build_study(tmp_path / "study", extract_at(tmp_path, 120.05, 28.9), people=100)
    assert len(study.standards) >= 8
    text = (tmp_path / "study" / "standards.toml").read_text("utf-8")
    for word in ("永康", "金华", "Yongkang", "Jinhua"):
        assert word not in text


def test_categories_may_lie_in_the_folder_before_the_study_is_built(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / FILE).write_text('[bank]\nlabel = "银行"\nosm = [{ tags = { amenity = ["bank"] } }]\n', "utf-8")
    study, _ = build_study(folder, extract_at(tmp_path, 120.05, 28.9), people=100)
    assert "bank" in study.categories


@pytest.mark.parametrize(("third", "facilities", "covered"), [(None, 2, 100), ("东门社区卫生服务站", 1, 0)])
def test_goal_of_health_stations_counts_hospitals_until_a_station_is_known(
    tmp_path: Path, third: str | None, facilities: int, covered: float
) -> None:
    """Two hospitals near the people; the station is 3 km away."""
    extract = Extract()
    extract.way([(120.0, 28.9), (120.05, 28.9)], ROAD)
    extract.box(120.0495, 28.9005, 120.0497, 28.9007, {"building": "house"})
    for lon in (120.045, 120.048):
        extract.node(lon, 28.9, {"amenity": "hospital"})
    if third:
        extract.node(120.02, 28.9, {"amenity": "clinic", "name": third})
    study, _ = build_study(tmp_path / "study", extract.write(tmp_path / "x.osm.pbf"), people=100)
    answer = coverage.measure(Travel(study), study.facilities, study.standard("health-15"), date(2026, 1, 1))
    assert (answer.facilities, answer.covered, answer.total) == (facilities, covered, 100)
    assert any("every clinic counts" in note for note in answer.notes) == (third is None)
