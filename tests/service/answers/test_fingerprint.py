"""The hash of the program's and the study's files, on which entity tags depend."""

from pathlib import Path

import pytest

from service.answers import fingerprint


def test_fingerprint_changes_with_name_and_content_and_ignores_missing_files(tmp_path: Path) -> None:
    first, renamed = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text("1")
    renamed.write_text("1")
    original, _ = fingerprint.of_files([first])
    assert len(original) == 32
    assert fingerprint.of_files([first, tmp_path / "missing"])[0] == original
    assert fingerprint.of_files([renamed])[0] != original
    first.write_text("2")
    assert fingerprint.of_files([first])[0] != original


@pytest.mark.parametrize("name", ["study.toml", "areas.geojson", "streets.parquet", "restrictions.parquet"])
def test_fingerprint_depends_on_each_file_that_answers_are_computed_from(tmp_path: Path, name: str) -> None:
    before, _ = fingerprint.of_program_and_study(tmp_path)
    (tmp_path / name).write_text("changed")
    assert fingerprint.of_program_and_study(tmp_path)[0] != before
