"""The commands about the register: import, export, history, duplicates and keys."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import program, town
from support.lists import write_csv

Command = Callable[..., tuple[str, str]]


@pytest.fixture
def command(town_folder: Path) -> Command:
    """Runs a command on the small town, checks its exit status, and returns standard output and standard error."""

    def run(*arguments: object, status: int = 0) -> tuple[str, str]:
        process = program.call(*arguments, "--study", town_folder)
        assert process.returncode == status, process.stderr.decode()
        return process.stdout.decode(), process.stderr.decode()

    return run


@pytest.fixture
def list_with_unusable_row(tmp_path: Path) -> Path:
    """A list of a new clinic and a bakery."""
    return write_csv(tmp_path, ("丁诊所", "诊所", *town.place(5, 5)), ("戊", "面包店", *town.place(5, 6)))


def test_an_exported_file_imports_without_a_change(command: Command, tmp_path: Path):
    path = tmp_path / "名单.xlsx"
    command("export", path, "--coordinates", "bd09")
    assert "9 unchanged" in command("import", path)[1]


def test_a_dry_run_prints_what_would_change(command: Command, list_with_unusable_row: Path):
    output, notes = command("import", list_with_unusable_row, "--coordinates", "wgs84", "--dry-run")
    assert "1 would be added" in " ".join(notes.split())
    assert "面包店" in output


def test_an_unusable_row_keeps_the_whole_list_out(command: Command, list_with_unusable_row: Path):
    notes = command("import", list_with_unusable_row, "--coordinates", "wgs84", status=1)[1]
    assert "nothing was imported" in notes


def test_leave_out_imports_the_other_rows_and_the_history_names_the_editor(
    command: Command, list_with_unusable_row: Path
):
    options = ("--coordinates", "wgs84", "--leave-out", "--by", "李工", "--format", "json")
    (report,) = json.loads(command("import", list_with_unusable_row, *options)[0])
    (added,) = (row["id"] for row in report["rows"] if row["outcome"] == "added")
    assert "李工" in command("history", added)[0]


def test_duplicates_are_printed_as_a_table(command: Command):
    assert "分数 score" in command("duplicates")[0]


def test_a_key_is_added_listed_and_revoked(command: Command):
    assert command("keys", "add", "王工")[0].startswith("fwq_")
    assert "王工" in command("keys", "list")[0]
    command("keys", "revoke", "王工")
    assert "unknown key" in command("keys", "revoke", "王工", status=1)[1]


def test_bad_arguments_are_named(command: Command, list_with_unusable_row: Path, tmp_path: Path):
    assert "is not HEADING=FIELD" in command("import", list_with_unusable_row, "--column", "x", status=1)[1]
    assert "kind of file" in command("export", tmp_path / "out.doc", status=1)[1]
    assert "unknown facility" in command("history", "nobody", status=1)[1]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_several_files_are_one_document_and_all_or_nothing(command: Command, tmp_path: Path, bad: int):
    row = ("丁诊所", "诊所", *town.place(5, 5))
    files = [write_csv(tmp_path, row, name=f"{number}.csv") for number in range(3)]
    files[bad].write_text("nothing,known\n1,2\n", "utf-8")
    out, notes = command("import", *files, "--coordinates", "wgs84", "--format", "json", status=1)
    reports = json.loads(out)
    assert [report["file"] for report in reports] == ["0.csv", "1.csv", "2.csv"]
    assert [report["applied"] for report in reports] == [False] * 3
    assert ["error" in report for report in reports] == [number == bad for number in range(3)]
    assert "nothing of the other files was imported" in notes
    assert "丁诊所" not in command("nearest", "--lon", row[2], "--lat", row[3], "--category", "clinic")[0]
