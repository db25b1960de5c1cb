"""Makes tables of the plan's progress: for the terminal, as CSV and as a workbook. `fuwuquan progress` calls it."""

from collections.abc import Sequence

from rich.console import Console

from geo.measures.progress import Progress
from maps import labels
from service.cli.terminal_tables import table

HEADINGS = {
    "standard": "标准代码",
    "name": "标准",
    "unit": "计数单位",
    "target": "目标",
    "since": "起",
    "until": "止",
    "day": "截至",
    "covered": "达到",
    "share": "比例",
    "added": "新增",
    "met": "是否达标",
    "missing": "尚缺",
    "met_on": "达标日期",
    "notes": "说明",
}
"""The headings of a workbook. CSV has these names."""
NONE = "—"


def print_progress(console: Console, entries: Sequence[Progress]) -> None:
    """Print one row for each standard, then the ends of its months, and the notes."""
    if not entries:
        console.print("没有带目标的标准 no standard has a target", markup=False)
        return
    rows = [
        (
            entry.standard,
            entry.name,
            f"{entry.target:g}" if entry.measure == "opened" else f"≥ {entry.target:.0%}",
            _done(entry, entry.done, entry.share),
            {True: "✓", False: "✗", None: labels.NOT_KNOWN}[entry.met],
            _number(entry.missing, entry.unit),
            str(entry.met_on or NONE),
            _number(entry.per_month, entry.unit),
            _number(entry.needed_per_month, entry.unit),
        )
        for entry in entries
    ]
    headings = (
        *("标准 standard", "目标 goal", "要求 target", "达到 done", "达标 met", "尚缺 missing", "达标日期 met on"),
        *("月均新增 per month", "每月尚需 needed per month"),
    )
    console.print(table(headings, rows, right=(2, 3, 5, 7, 8)))
    for entry in entries:
        months = "  ".join(f"{row.day:%Y-%m} {_done(entry, row.covered, row.share)}" for row in entry.months)
        console.print(f"{entry.standard} {entry.since} — {entry.until}: {months or NONE}", markup=False)
    for note in dict.fromkeys(note for entry in entries for note in entry.notes):
        console.print(note, markup=False)


def _done(entry: Progress, covered: float, share: float | None) -> str:
    if not entry.known:
        return labels.NOT_KNOWN
    return f"{covered:g}" if entry.measure == "opened" else labels.percent(share, entry.target)


def _number(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{value:,.{0 if unit == 'people' else 2}f}".removesuffix(".00")


def _rows(entries: Sequence[Progress]) -> list[list[object]]:
    """A row for each standard on the day asked for, after one for each end of a month before it."""
    rows: list[list[object]] = []
    for entry in entries:
        start = [entry.standard, entry.name, entry.unit, entry.target, entry.since, entry.until]
        earlier = [row for row in entry.months if row.day < entry.on]
        rows += [[*start, row.day, row.covered, row.share, row.added, row.met, None, None, None] for row in earlier]
        added = round(entry.done - (earlier[-1].covered if earlier else entry.before), 1)
        result = [entry.on, entry.done, entry.share, added, entry.met, entry.missing, entry.met_on]
        rows.append([*start, *result, "; ".join(entry.notes)])
    return rows


def as_csv(entries: Sequence[Progress]) -> bytes:
    """Write the progress as CSV, a row for each standard and day."""
    from geo.lists import spreadsheets

    return spreadsheets.as_csv(list(HEADINGS), _rows(entries))


def as_xlsx(entries: Sequence[Progress]) -> bytes:
    """Write the progress as a workbook with Chinese headings."""
    from geo.lists import spreadsheets

    return spreadsheets.as_xlsx("进度", list(HEADINGS.values()), _rows(entries), text_columns=(HEADINGS["standard"],))
