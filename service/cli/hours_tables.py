"""Makes tables of the coverage by the hour: for the terminal, as CSV and as a workbook. `fuwuquan hours` calls it."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from rich.console import Console

from geo.measures.coverage import Coverage
from geo.measures.hours import WEEKDAYS, Hours, HourShare
from maps import labels
from service.cli.terminal_tables import table

WEEKDAY_LABELS = dict(zip(WEEKDAYS, "一二三四五六日", strict=True))
NAMES = [field.name for field in fields(HourShare)]
HEADINGS = {
    "weekday": "星期",
    "hour": "时",
    "covered": "达到",
    "share": "比例",
    "covered_at_most": "达到（上限）",
    "share_at_most": "比例（上限）",
    "open": "开放设施",
    "unknown": "时间不详设施",
}
"""The headings of a workbook. CSV has the names of the JSON."""


def print_hours(console: Console, coverage: Coverage, hours: Hours, notes: Sequence[str]) -> None:
    """Print the share of each hour, a row for each hour and a column for each weekday, the extremes, and the notes."""
    console.print(f"{coverage.name}: {labels.limit(coverage)}; {hours.week} 起一周 the week of", markup=False)
    by_hour = [hours.hours[hour::24] for hour in range(24)]
    rows = [(f"{hour:02}:00", *(_share(entry) for entry in entries)) for hour, entries in enumerate(by_hour)]
    headings = ["时 hour", *(f"周{WEEKDAY_LABELS[name]} {name}" for name in WEEKDAYS)]
    console.print(table(headings, rows, right=range(8)))
    for words, entry in (("最好 best", hours.best), ("最差 worst", hours.worst)):
        when = f"周{WEEKDAY_LABELS[entry.weekday]} {entry.weekday} {entry.hour:02}:00"
        console.print(f"{words}: {when} {_share(entry)}, {entry.covered:,.0f} / {coverage.total:,.0f} 人", markup=False)
    for words, least, most in (
        ("一周至少一个钟点 in at least one hour", hours.once, hours.once_at_most),
        ("每个钟点 in every hour", hours.always, hours.always_at_most),
        ("圈内有设施但从未开放 never, though within the limit", hours.never_at_least, hours.never),
        ("圈外 beyond the limit at any hour", hours.beyond, hours.beyond),
    ):
        people = f"{least:,.0f}" if least == most else f"{least:,.0f}–{most:,.0f}"
        console.print(f"{words}: {people} 人 people", markup=False)
    for note in notes:
        console.print(note, markup=False)


def _share(entry: HourShare) -> str:
    least, most = labels.percent(entry.share), labels.percent(entry.share_at_most)
    return least if least == most else f"{least}–{most}"


def _rows(hours: Hours) -> list[list[object]]:
    return [list(asdict(entry).values()) for entry in hours.hours]


def as_csv(hours: Hours) -> bytes:
    """Write the hours as CSV, a row for each, with columns named as in the API."""
    from geo.lists import spreadsheets

    return spreadsheets.as_csv(NAMES, _rows(hours))


def as_xlsx(hours: Hours) -> bytes:
    """Write the hours as a workbook with Chinese headings, a row for each."""
    from geo.lists import spreadsheets

    return spreadsheets.as_xlsx("分时段", [HEADINGS[name] for name in NAMES], _rows(hours), text_columns=())
