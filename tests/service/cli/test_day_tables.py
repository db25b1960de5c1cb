"""`fuwuquan changes`, `progress` and `hours`, and `--on`: tables for people, JSON, CSV and workbooks."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from rich.console import Console
from starlette.testclient import TestClient

from service.answers import changes, hours, progress
from service.answers.changes import Changes
from service.answers.engine import Answers
from service.cli import change_tables, hours_tables, progress_tables
from support import program
from support.program import output_of

FIRST, LAST = date(2020, 12, 31), date(2021, 12, 31)
PERIOD = ("--from", str(FIRST), "--to", str(LAST))


@pytest.fixture(scope="module")
def answers(client: TestClient) -> Answers:
    served: Answers = client.app.state.answers
    return served


@pytest.fixture(scope="module")
def year(answers: Answers) -> Changes:
    return changes.between(answers, answers.states.current(), FIRST, LAST, 10)


def call(folder: Path, *options: object) -> bytes:
    return output_of(program.call(*options, "--study", folder, COLUMNS="200"))


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheet_of(content: bytes) -> list[tuple]:
    return list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))


def console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=200, highlight=False), text


def row_of(text: io.StringIO, start: str) -> list[str]:
    """The words of the first line that begins with ``start``."""
    return next(line.split() for line in text.getvalue().splitlines() if line.strip().startswith(start))


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (("hours", "park-500", "--on", "2019-01-01"), "/v1/hours/park-500?on=2019-01-01"),
        (("progress", "--on", "2021-06-30"), "/v1/progress?on=2021-06-30"),
        (("gaps", "hall-presence", "--on", "2019-01-01"), "/v1/gaps/hall-presence?on=2019-01-01"),
        (("changes", *PERIOD), "/v1/changes?from=2020-12-31&to=2021-12-31"),
    ],
)
def test_json_equals_the_api(served_folder: Path, client: TestClient, command: tuple, address: str):
    assert json.loads(call(served_folder, *command, "--format", "json")) == client.get(address).json()


def test_coverage_of_a_day_says_so(served_folder: Path):
    text = call(served_folder, "coverage", "--on", "2020-12-31").decode()
    assert "as of 2020-12-31" in text
    assert "26 of 250 facilities (cultural hall) have no opening date" in text


def test_map_of_a_day_says_so(served_folder: Path, tmp_path: Path):
    call(served_folder, "map", "hall-new", "-o", tmp_path / "map.html", "--on", "2021-05-01")
    assert "as of 2021-05-01" in (tmp_path / "map.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("coverage", "--on", "1850-01-01"), "on = 1850-01-01: is not a day from 1900-01-01"),
        (("progress", "--on", "2021-02-30"), "is no day"),
    ],
)
def test_days_that_cannot_be_asked_for_are_refused(served_folder: Path, command: tuple, message: str):
    result = program.call(*command, "--study", served_folder, COLUMNS="200")
    assert result.returncode != 0
    assert message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()


def test_files_have_the_format_of_their_ending(served_folder: Path, tmp_path: Path):
    for number, command in enumerate((("hours", "health-15"), ("changes", *PERIOD, "--facilities"), ("progress",))):
        file = tmp_path / f"{number}.{('xlsx', 'csv', 'xlsx')[number]}"
        call(served_folder, *command, "-o", file)
        rows = sheet_of(file.read_bytes())[1:] if file.suffix == ".xlsx" else rows_of(file.read_bytes())
        assert len(rows) == (168, 42, 6 * 13)[number]  # 13 rows: twelve months and today


def test_table_of_hours_has_a_row_for_each_hour(answers: Answers):
    screen, text = console()
    hours_tables.print_hours(screen, *hours.measure(answers, answers.states.current(), "health-15"), ["a note"])
    assert row_of(text, "12:00") == ["12:00", *["4.3%"] * 7]
    assert "最差 worst: 周一 Mo 00:00 4.3%" in text.getvalue()
    assert "a note" in text.getvalue()


def test_spreadsheets_of_hours_have_a_row_for_each_hour(answers: Answers):
    _, week = hours.measure(answers, answers.states.current(), "health-15")
    assert [(row["weekday"], int(row["hour"]), float(row["share"])) for row in rows_of(hours_tables.as_csv(week))] == [
        (hour.weekday, hour.hour, hour.share) for hour in week.hours
    ]
    headings, *cells = sheet_of(hours_tables.as_xlsx(week))
    assert (headings[:2], len(cells)) == (("星期", "时"), 168)


def test_table_of_changes_shows_standards_facilities_and_notes(answers: Answers, year: Changes):
    screen, text = console()
    change_tables.print_changes(screen, year, answers.study.categories)
    assert "42 处开办 opened, 0 处停办 closed" in text.getvalue()
    assert row_of(text, "hall-presence")[2:] == ["62.2%", "67.4%", "+21", "21", "0"]
    assert row_of(text, "2021-03-07")[1:] == ["开办", "opened", "古山镇示例村11幼儿园", "幼儿园", "330784108S11"]
    assert "另有 22 处 22 more" in text.getvalue()
    assert "the history begins on" in text.getvalue()


def test_spreadsheets_of_changes(year: Changes):
    whole = {row["standard"]: row for row in rows_of(change_tables.as_csv(year, False)) if not row["area_code"]}
    assert {name: float(row["covered_after"]) for name, row in whole.items()} == {
        entry.after.standard: entry.after.covered for entry in year.comparisons
    }
    rows = rows_of(change_tables.as_csv(year, True))
    assert {row["id"] for row in rows} == set(year.opened.index)
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)
    assert sheet_of(change_tables.as_xlsx(year, True))[0][0] == "变化"
    assert "期初达到" in sheet_of(change_tables.as_xlsx(year, False))[0]


def test_table_and_spreadsheet_of_progress(answers: Answers):
    entries = progress.measure(answers, answers.states.current(), LAST)
    screen, text = console()
    progress_tables.print_progress(screen, entries)
    assert row_of(text, "hall-new")[2:] == ["20", "21", "✓", "0", "2021-12-22", "1.75", "—"]
    assert "2021-06 7  2021-07 7" in text.getvalue()
    halls = [row for row in rows_of(progress_tables.as_csv(entries)) if row["standard"] == "hall-new"]
    assert [row["day"][:7] for row in halls] == [f"2021-{month:02}" for month in range(1, 13)]
    assert sum(float(row["added"]) for row in halls) == float(halls[-1]["covered"]) == 21


def test_study_without_targets_has_no_progress():
    screen, text = console()
    progress_tables.print_progress(screen, [])
    assert "no standard has a target" in text.getvalue()
