"""Makes tables of coverage: for the terminal, as CSV and as a workbook. `fuwuquan coverage` calls it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from geo.measures.coverage import Coverage
from maps.labels import UNITS, headline, limit
from service.cli.terminal_tables import table

Cell: TypeAlias = object


def overview(results: Sequence[Coverage]) -> Table:
    """Make a table with one row for each standard."""
    rows = [
        (
            result.standard,
            result.name,
            f"{result.covered:,.0f} / {result.total:,.0f} {UNITS[result.unit]}",
            headline(result),
            _target(result) + {None: "", True: " ✓", False: " ✗"}[result.meets_target],
        )
        for result in results
    ]
    headings = ("标准 standard", "目标 goal", "达到 / 总数 covered", "比例 share", "要求 target")
    return table(headings, rows, right=(2, 3, 4))


def _target(result: Coverage) -> str:
    if result.target is None:
        return "—"
    return f"{result.target:g}" if result.measure == "opened" else f"≥ {result.target:.0%}"


def print_details(console: Console, result: Coverage) -> None:
    """Print the result of one standard by area, the alternatives, the people out of reach, and the notes."""
    console.print(f"{limit(result)} · {result.source}", markup=False)
    rows = [
        (
            area.code,
            area.name,
            f"{area.people:,.0f}",
            f"{area.covered:,.0f}",
            f"{area.total:,.0f}",
            _percent(area.share),
        )
        for area in result.areas
    ]
    headings = ("代码 code", "区域 area", "人口 people", "达到 covered", "总数 total", "比例 share")
    console.print(table(headings, rows, right=(2, 3, 4, 5)))
    for alternative in result.alternatives:
        speed = f" {alternative.speed_kph:g} km/h" if alternative.speed_kph else ""
        console.print(f"{alternative.mode}{speed}: {_percent(alternative.share)}")
    for group in result.unreachable:
        console.print(f"{group.count:,.0f} {result.unit}: {group.reason}", markup=False)
    for note in result.notes:
        console.print(note, markup=False)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def _spreadsheet(results: Sequence[Coverage]) -> tuple[list[str], list[list[Cell]]]:
    """Make the headings and rows of a spreadsheet; the columns are named as in the JSON.

    Each standard has a row for the whole study, in which the area is empty, and then a row for each area.
    """
    rows: list[dict[str, Cell]] = []
    for result in results:
        whole = {"area_code": None, "area_name": None} | asdict(result)
        areas = whole.pop("areas")
        for name in ("alternatives", "unreachable"):
            whole.pop(name)
        whole["notes"] = "; ".join(result.notes)
        whole["targets"] = " / ".join(f"{target:g}" for target in result.targets)
        rows.append(whole)
        # These hold for the whole study and stay empty in the rows of areas.
        shared = whole | dict.fromkeys(("target", "targets", "meets_target", "facilities", "notes"))
        for area in areas:
            code, name = area.pop("code"), area.pop("name")
            rows.append(shared | {"area_code": code, "area_name": name} | area)
    headings = list(rows[0]) if rows else []
    return headings, [[row[heading] for heading in headings] for row in rows]


def as_csv(results: Sequence[Coverage]) -> bytes:
    """Write results as CSV, with a row for each standard and area."""
    from geo.lists import spreadsheets  # imports openpyxl, which a table in the terminal does not need

    return spreadsheets.as_csv(*_spreadsheet(results))


def as_xlsx(results: Sequence[Coverage]) -> bytes:
    """Write results as a workbook, with a row for each standard and area."""
    from geo.lists import spreadsheets

    return spreadsheets.as_xlsx("coverage", *_spreadsheet(results), text_columns=("area_code",))
