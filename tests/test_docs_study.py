"""docs/study.md names every setting, key, column and property that a study's files may have."""

import re
from pathlib import Path

import pytest

from geo.study import areas, categories, demand, facilities, standards, streets
from geo.study.settings import Speeds, StudySettings

PAGE = (Path(__file__).parent.parent / "docs" / "study.md").read_text("utf-8")
STANDARDS = (standards.TravelTime, standards.Radius, standards.Presence, standards.Opened)
NAMES = {
    "study.toml": {*StudySettings.model_fields, *Speeds.model_fields} - {"speeds", "drive_class_kph"},
    "standards.toml": {name for model in STANDARDS for name in model.model_fields},
    "demand.csv": set(demand.COLUMNS),
    "areas.geojson": {"code", *areas.COLUMNS, *areas.LEVELS},
    "facilities.geojson": {*facilities.FIELDS, *categories.BUILT_IN.ids, "hospital", "public", "pocket"} - {"extra"},
    "streets.parquet": {*streets.COLUMNS, *streets.PACE_COLUMNS, *streets.OPTIONAL_COLUMNS},
}


@pytest.mark.parametrize("file", NAMES)
def test_every_name_of_a_file_is_documented(file: str) -> None:
    section = PAGE.split(f"\n## {file}\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"`([^`]+)`", section))
    assert NAMES[file]
    assert NAMES[file] <= documented


def test_defaults_of_settings_are_documented() -> None:
    for text in (
        f"| {StudySettings.model_fields['max_connector_m'].default:g} |",
        f"| {StudySettings.model_fields['detour'].default} |",
        f"| {Speeds().walk_kph} |",
        f"| {Speeds().walk_slower_kph}, {Speeds().walk_faster_kph} |",
        f"| {Speeds().cycle_kph} |",
        f"| {Speeds().drive_factor} |",
        f"| {Speeds().drive_other_kph} |",
        f"`primary = {Speeds().drive_class_kph['primary']:g}`",
    ):
        assert text in PAGE
