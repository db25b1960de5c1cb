"""The study folder: all files together, and messages about missing and wrong files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import shapely

from geo.errors import FuwuquanError, InputError, StudyError, TableError, UnknownNameError
from geo.study import study
from geo.study.study import Study
from support.handmade import Area, Facility, People, Street


@pytest.fixture
def folder(small_study: Callable[..., Study], tmp_path: Path) -> Path:
    small: Study = small_study(
        [Street([(0, 0), (1000, 0)])],
        [Facility("c", "clinic", (1000, 0), {"area_code": "V"}), Facility("p", "park", shapely.box(0, 0, 50, 50))],
        [People((0, 0), 5, {"area_code": "V"}), People((500, 0), 2)],
        [Area("T", "town", shapely.box(-1, -1, 2000, 2000)), Area("V", "village", shapely.box(0, 0, 9, 9), "T")],
        folder=tmp_path / "study",
    )
    return small.folder


def test_written_study_reads_back(folder: Path) -> None:
    small = study.read(folder)
    assert small.folder == folder
    assert small.facilities.index.tolist() == ["c", "p"]
    assert small.demand["population"].tolist() == [5, 2]
    assert small.demand["area_code"].tolist() == ["V", None]
    assert small.areas.index.tolist() == ["T", "V"]
    assert small.streets is not None
    assert small.streets["length_m"].tolist() == pytest.approx([1000], abs=1e-4)
    assert small.standard("park-500").category == "park"
    with pytest.raises(UnknownNameError, match="park-500"):
        small.standard("park-501")


def test_results_are_reported_by_town(folder: Path) -> None:
    small = study.read(folder)
    assert small.reporting_level == "town"
    assert small.reporting_codes(pd.Series(["V", "T", None, "X"], dtype=object)).tolist() == ["T", "T", None, None]


def test_results_are_reported_by_village_without_towns(small_study: Callable[..., Study]) -> None:
    villages = small_study(areas=[Area("V", "village", (0.0, 0.0)), Area("W", "village", (9.0, 0.0))])
    assert villages.reporting_level == "village"
    assert villages.reporting_codes(pd.Series(["V", "X"], dtype=object)).tolist() == ["V", None]
    assert small_study().reporting_level is None


def test_study_without_streets_is_read(folder: Path) -> None:
    (folder / "streets.parquet").unlink()
    assert study.read(folder).streets is None


@pytest.mark.parametrize("name", ["study.toml", "standards.toml", "facilities.geojson", "demand.csv", "areas.geojson"])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        study.read(folder)


@pytest.mark.parametrize(
    "name", ["study.toml", "standards.toml", "facilities.geojson", "demand.csv", "areas.geojson", "streets.parquet"]
)
@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff", b"\x89PNG\r\n\x1a\n", b"]"])
def test_binary_file_is_refused_by_name(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        study.read(folder)


def test_folder_without_study_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(StudyError, match="fuwuquan build"):
            study.read(path)


def test_demand_with_an_unknown_area_code_is_refused(folder: Path) -> None:
    table = pd.read_csv(folder / "demand.csv", dtype=str)
    table["area_code"] = ["V", "X"]
    table.to_csv(folder / "demand.csv", index=False)
    with pytest.raises(TableError, match=r"demand\.csv: row 3: area_code 'X'"):
        study.read(folder)


def test_copied_folder_is_the_same_study(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    one, other = study.read(folder), study.read(copied)
    pd.testing.assert_frame_equal(one.demand, other.demand)
    assert one.settings == other.settings
    assert one.standards == other.standards


def test_study_error_is_a_fuwuquan_error_and_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(FuwuquanError):
        study.read(tmp_path)
    with pytest.raises(ValueError, match="not a study folder"):
        study.read(tmp_path)
