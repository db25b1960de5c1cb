"""The settings of study.toml: defaults, and messages about wrong settings."""

from pathlib import Path

import pytest

from geo.errors import StudyError
from geo.study.settings import read_settings
from support.files import write_lines

STUDY_TOML = 'id = "here"\nname = "此地"\nprojection = "EPSG:4549"\n'


def test_settings_have_the_documented_defaults(tmp_path: Path) -> None:
    settings = read_settings(write_lines(tmp_path, "study.toml", STUDY_TOML))
    assert (settings.max_connector_m, settings.detour, settings.sample, settings.data_date) == (1000, 1.3, False, None)
    speeds = settings.speeds
    assert (speeds.walk_kph, speeds.walk_slower_kph, speeds.walk_faster_kph) == (4.0, 3.2, 4.8)
    assert (speeds.cycle_kph, speeds.drive_factor) == (15.0, 0.8)
    assert (speeds.kph("walk"), speeds.kph("cycle"), speeds.kph("drive")) == (4.0, 15.0, None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('id = "here"\n', "", "id"),
        ('"here"', '"../there"', "id"),
        ('"此地"', '""', "name"),
        ('"EPSG:4549"', '"EPSG:4326"', "metres"),
        ('"EPSG:4549"', '"EPSG:2263"', "metres"),  # feet
        ('"EPSG:4549"', '"Atlantis"', "Atlantis"),
        ('"EPSG:4549"', "4549", "projection"),
        ("\n", "\nwalk_kph = 4\n", "walk_kph"),
        ('4549"', '4549"\nmax_connector_m = 0', "max_connector_m"),
        ('4549"', '4549"\nmax_connector_m = inf', "max_connector_m"),
        ('4549"', '4549"\ndetour = 0.9', "detour"),
        ('4549"', '4549"\ndata_date = "spring"', "data_date"),
        ('4549"', '4549"\n[speeds]\nwalk_kph = 0', "speeds.walk_kph"),
        ('4549"', '4549"\n[speeds]\nwalk_kph = nan', "speeds.walk_kph"),
        ('4549"', '4549"\n[speeds]\nfly_kph = 900', "speeds.fly_kph"),
        ('4549"', '4549"\n[speeds]\ndrive_factor = 1.1', "speeds.drive_factor"),
        ('4549"', '4549"\n[speeds.drive_class_kph]\nprimary = -1', "speeds.drive_class_kph.primary"),
        ('4549"', '4549"\nspeeds = 4', "speeds"),
        ("=", "", "TOML"),
    ],
)
def test_wrong_setting_is_refused_by_name(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in STUDY_TOML
    with pytest.raises(StudyError) as caught:
        read_settings(write_lines(tmp_path, "study.toml", STUDY_TOML.replace(old, new, 1)))
    assert expected in str(caught.value)
    assert "study.toml" in str(caught.value)


def test_missing_file_and_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.toml"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match=r"study\.toml"):
        read_settings(tmp_path / "study.toml")
