"""The shipped study: its towns and totals are real, its places are marked as modelled, and a script makes it."""

import csv
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from geo.study import study
from geo.study.study import Study
from support import program

DATA = Path(__file__).resolve().parents[3] / "data"
MADE = ("areas.geojson", "demand.csv", "facilities.geojson", "land.parquet", "streets.parquet")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "facts" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def towns() -> list[dict[str, str]]:
    return rows(DATA, "towns.csv")


def test_towns_are_the_real_ones(sample: Study) -> None:
    there = sample.areas[sample.areas["level"] == "town"]
    assert there["name"].to_dict() == {town["code"]: town["name"] for town in towns()}
    assert len(there) == 14
    assert sum(name.endswith("街道") for name in there["name"]) == 3


def test_facts_equal_the_published_tables(shared: Path) -> None:
    for name in ("towns.csv", "outline.csv"):
        ours, published = rows(DATA, name), rows(shared, name)
        assert ours == [{column: row[column] for column in ours[0]} for row in published], name


def test_numbers_of_villages_and_communities_are_the_real_ones(sample: Study) -> None:
    units = sample.areas[sample.areas["level"] != "town"]
    assert len(units) == 452
    assert units["level"].value_counts().to_dict() == {"village": 402, "community": 50}
    assert units["urban"].value_counts().to_dict() == {True: 201, False: 251}
    for town in towns():
        own = units[units["parent"] == town["code"]]["level"].value_counts()
        assert (own["village"], own["community"]) == (int(town["villages"]), int(town["communities"]))


def test_population_is_that_of_the_census(sample: Study) -> None:
    assert sample.demand["population"].sum() == 964_203
    assert sample.demand["area_code"].isin(sample.areas.index[sample.areas["level"] != "town"]).all()
    of_unit = sample.areas["urban"].reindex(sample.demand["area_code"]).to_numpy()
    assert (sample.demand["urban"].to_numpy() == of_unit).all()
    for column in ("children_3_6", "elders_65"):
        assert (sample.demand[column] <= sample.demand["population"]).all()


def test_modelled_facilities_and_the_study_say_that_they_are_a_sample(sample: Study) -> None:
    facilities = sample.facilities
    assert set(facilities["category"]) == {"park", "clinic", "kindergarten", "cultural_hall"}
    assert set(facilities["provenance"]) == {"schematic"}
    assert facilities["name"].str.contains("示例").all()
    assert sample.settings.sample is True
    assert "示例" in sample.settings.name
    assert "不可用于决策" in sample.settings.notice
    assert "Not for decisions" in sample.settings.notice_en


def test_modelled_codes_cannot_be_mistaken_for_real_ones(sample: Study) -> None:
    real = {town["code"] for town in towns()}
    modelled = set(sample.areas.index) - real
    assert len(modelled) == 452
    assert not [code for code in modelled if code.isdigit() and len(code) == 12]
    assert sample.facilities["area_code"].isin(sample.areas.index).all()


def test_sample_has_the_citys_standards_and_opening_dates(sample: Study) -> None:
    assert all("永康" in goal.source or "金华" in goal.source or "GB" in goal.source for goal in sample.standards)
    opened = sample.facilities["opened"].dropna()
    assert {day.year for day in opened} >= {2021}


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = DATA / "make_sample"
    out = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, str(script), str(out)], check=True, timeout=program.LIMIT_SECONDS)
    return out


@pytest.mark.parametrize("name", MADE)
def test_script_makes_the_shipped_files(made_again: Path, name: str) -> None:
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (made_again, DATA)]
    assert digests[0] == digests[1], f"{name} is not what data/make_sample makes"


def test_copy_without_a_register_is_a_study(sample_folder: Path, sample: Study) -> None:
    copied = study.read(sample_folder)
    assert copied.settings == sample.settings
    assert not list(sample_folder.glob("register*"))
