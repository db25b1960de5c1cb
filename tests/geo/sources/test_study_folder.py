"""Builds write a whole study or nothing, and keep what people edited."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geo.errors import FuwuquanError, InputError, StudyError
from geo.study import folder as study_files
from support.country import build_study


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"area": "Atlantis"}, "Land"),
        ({"area": "Land", "facilities": [Path("none.csv")]}, r"none\.csv"),
        ({"area": "Land", "areas": Path("none.geojson")}, r"none\.geojson"),
        ({"area": "Land", "population": Path("none.csv")}, r"none\.csv"),
        ({"area": "Land", "level": 7}, "7"),
    ],
)
def test_failed_build_leaves_nothing_behind(
    country_pbf: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FuwuquanError, match=message):
        build_study(tmp_path / "study", country_pbf, **options)
    assert sorted(tmp_path.rglob("*")) == before


def test_failed_build_leaves_an_existing_study_unchanged(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    table = tmp_path / "people.csv"
    table.write_text("lon,lat,population\n10.01,50.01,many\n", "utf-8")
    with pytest.raises(InputError):
        build_study(folder, country_pbf, area="Land", population=table)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_build_replaces_a_study_and_keeps_its_register(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land", people=10)
    (folder / "register.sqlite").write_bytes(b"kept")
    rebuilt, _ = build_study(folder, country_pbf, area="Land", people=20)
    assert rebuilt.demand["population"].sum() == pytest.approx(20)
    assert (folder / "register.sqlite").read_bytes() == b"kept"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_same_sources_give_the_same_files(country_pbf: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        build_study(tmp_path / name, country_pbf, area="Land")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_folder_that_is_not_a_study_is_refused_and_unchanged(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(StudyError, match="photos"):
        build_study(folder, country_pbf, area="Land")
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]
    with pytest.raises(StudyError, match=re.escape("holiday.jpg")):
        build_study(folder / "holiday.jpg", country_pbf, area="Land")


def test_empty_folder_and_missing_parents_are_used(country_pbf: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    build_study(tmp_path / "empty", country_pbf, area="Land")
    build_study(tmp_path / "a" / "b" / "study", country_pbf, area="Land")


def test_rebuilt_study_keeps_edited_standards_and_settings(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land", people=50)
    standards, settings = folder / "standards.toml", folder / "study.toml"
    standards.write_text(standards.read_text("utf-8").replace("minutes = 15", "minutes = 17"), "utf-8")
    settings.write_text(settings.read_text("utf-8").replace("walk_kph = 4.0", "walk_kph = 3.5"), "utf-8")
    rebuilt, summary = build_study(folder, country_pbf, area="Land", people=60)
    assert rebuilt.standard("health-15").minutes == 17
    assert rebuilt.settings.speeds.walk_kph == 3.5
    assert rebuilt.demand["population"].sum() == pytest.approx(60)
    assert any(line.subject.startswith("kept") for line in summary.lines)


def test_unreadable_standards_of_an_existing_study_are_named(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land", people=50)
    (folder / "standards.toml").write_text("[[standard]]\nid = 1\n", "utf-8")
    with pytest.raises(StudyError, match=re.escape(str(folder / "standards.toml"))):
        build_study(folder, country_pbf, area="Land", people=60)


def test_study_of_another_place_is_refused(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land", people=50)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(StudyError, match="holds the study"):
        build_study(folder, country_pbf, people=50)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_folder_that_cannot_be_written_is_named(country_pbf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    build_study(folder, country_pbf, area="Land", people=50)
    (folder / "streets.parquet").unlink()
    (folder / "streets.parquet").mkdir()
    with pytest.raises(StudyError, match=r"streets\.parquet"):
        build_study(folder, country_pbf, area="Land", people=60)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="broken"):
        build_study(tmp_path / "broken", country_pbf, area="Land", people=60)


# --- a process that ends, or a disk that fails, while the files are replaced ------------------------------------------

OLD = {"a": "old", "b": "old", "c": "old"}
NEW = {"a": "new", "b": "new", "c": "new", "d": "new"}


class _KilledError(BaseException):
    """Stands for the end of the process: after it, nothing changes the files any more."""


def _interrupt(monkeypatch: pytest.MonkeyPatch, turn: int, *, for_good: bool) -> list[str]:
    """Let the operation on files with number ``turn`` fail, and all later ones if it is ``for_good``.

    Returns the list that the names of the operations are added to.
    """
    calls: list[str] = []

    def guarded(name: str) -> Callable[..., Any]:
        operation = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if for_good and len(calls) >= turn:
                raise _KilledError
            if len(calls) == turn:
                raise OSError(5, "the disk failed")
            return operation(*arguments, **options)

        return call

    for name in ("rename", "replace", "mkdir", "rmdir", "unlink", "remove"):
        monkeypatch.setattr(os, name, guarded(name))
    return calls


@pytest.mark.parametrize("for_good", [True, False])
def test_files_are_all_old_or_all_new_whichever_operation_is_interrupted(tmp_path: Path, for_good: bool) -> None:
    for turn in range(1, 100):
        study_folder = tmp_path / str(turn)
        study_folder.mkdir()
        for name, text in {**OLD, "register.sqlite": "kept"}.items():
            (study_folder / name).write_text(text)
        scratch = study_files.draft(study_folder)
        draft = scratch.__enter__()
        for name, text in NEW.items():
            (draft / name).write_text(text)
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError, _KilledError):
            calls = _interrupt(patch, turn, for_good=for_good)
            study_files.replace_files(study_folder, draft)
        study_files.recover(study_folder)
        files = {file.name: file.read_text() for file in study_folder.iterdir() if file.is_file()}
        assert files.pop("register.sqlite") == "kept"
        assert files in (OLD, NEW), (turn, calls)
        if len(calls) < turn:
            break
    else:
        pytest.fail("the files are never replaced")
    assert turn > 10
    assert files == NEW
    assert [file.name for file in study_folder.iterdir() if study_files.is_leftover(file)] == []
