"""How answers are written for people and spreadsheets: terminal tables, CSV and xlsx."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import IO, Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from geo.lists import spreadsheets
from geo.measures.coverage import Coverage
from maps.labels import UNITS, headline, limit


def console(file: IO[str] | None = None) -> Console:
    """Where tables are printed; wide where nobody sees where a line ends."""
    narrow = (file is None and sys.stdout.isatty()) or "COLUMNS" in os.environ
    return Console(file=file, highlight=False, width=None if narrow else 160)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Table:
    """A terminal table; the columns numbered in ``right`` are aligned there, the first is never cut."""
    result = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for number, head in enumerate(heads):
        justify = "right" if number in right else "left"
        result.add_column(head, justify=justify, no_wrap=number == 0, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        result.add_row(*(Text(cell) for cell in row))  # Text: what data contains is no markup
    return result


def overview(found: Sequence[Coverage]) -> Table:
    """One row a standard."""
    rows = []
    for one in found:
        target = "—" if one.target is None else f"{one.target:g}" if one.measure == "opened" else f"≥ {one.target:.0%}"
        mark = {None: "", True: " ✓", False: " ✗"}[one.meets_target]
        counts = f"{one.covered:,.0f} / {one.total:,.0f} {UNITS[one.unit]}"
        rows.append((one.standard, one.name, counts, headline(one), target + mark))
    heads = ("标准 standard", "目标 goal", "达到 / 总数 covered", "比例 share", "要求 target")
    return table(heads, rows, right=(2, 3, 4))


def print_details(console: Console, one: Coverage) -> None:
    """How each area stands on one standard, the alternatives, who is out of reach, and the notes."""
    console.print(f"{limit(one)} · {one.source}", markup=False)
    rows = [
        (
            area.code,
            area.name,
            f"{area.people:,.0f}",
            f"{area.covered:,.0f}",
            f"{area.total:,.0f}",
            _percent(area.share),
        )
        for area in one.areas
    ]
    heads = ("代码 code", "区域 area", "人口 people", "达到 covered", "总数 total", "比例 share")
    console.print(table(heads, rows, right=(2, 3, 4, 5)))
    for other in one.alternatives:
        speed = f" {other.speed_kph:g} km/h" if other.speed_kph else ""
        console.print(f"{other.mode}{speed}: {_percent(other.share)}")
    for lost in one.unreachable:
        console.print(f"{lost.count:,.0f} {one.unit}: {lost.reason}", markup=False)
    for note in one.notes:
        console.print(note, markup=False)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def frame(found: Sequence[Coverage]) -> pd.DataFrame:
    """One row a standard and area, the total first with no area; the columns are named as in the JSON."""
    rows: list[dict[str, Any]] = []
    for one in found:
        whole = {"area_code": None, "area_name": None} | asdict(one)
        areas = whole.pop("areas")
        for name in ("alternatives", "unreachable"):
            whole.pop(name)
        whole["notes"] = "; ".join(one.notes)
        whole["targets"] = " / ".join(f"{target:g}" for target in one.targets)
        rows.append(whole)
        # What holds for the whole only is left empty for an area.
        part = whole | dict.fromkeys(("target", "targets", "meets_target", "facilities", "notes"))
        for area in areas:
            code, name = area.pop("code"), area.pop("name")
            rows.append(part | {"area_code": code, "area_name": name} | area)
    return pd.DataFrame(rows, dtype=object)


def as_csv(found: Sequence[Coverage]) -> bytes:
    """`frame` as CSV."""
    whole = frame(found)
    return spreadsheets.as_csv(list(whole), whole.to_numpy().tolist())


def as_xlsx(found: Sequence[Coverage]) -> bytes:
    """`frame` as a spreadsheet."""
    whole = frame(found)
    return spreadsheets.as_xlsx("coverage", list(whole), whole.to_numpy().tolist(), as_text=("area_code",))
