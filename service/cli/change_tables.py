"""Makes tables of what changed between two days: for the terminal, as CSV and as a workbook."""

from rich.console import Console

from geo.study.categories import Categories
from service.answers.changes import Changes
from service.cli import scenario_tables
from service.cli.terminal_tables import table

MOST_FACILITIES = 20
HEADINGS = scenario_tables.HEADINGS | {
    "covered_before": "期初达到",
    "covered_after": "期末达到",
    "share_before": "期初比例",
    "share_after": "期末比例",
}
"""The headings of a workbook of standards. CSV has these names."""
FACILITY_HEADINGS = {
    "change": "变化",
    "day": "日期",
    "id": "编号",
    "name": "名称",
    "category": "类别",
    "subtype": "细分",
    "area_code": "区域代码",
}
"""The headings of a workbook of facilities. CSV has these names."""
CHANGE_LABELS = {"opened": "开办 opened", "closed": "停办 closed"}


def print_changes(console: Console, changes: Changes, categories: Categories) -> None:
    """Print the standards on both days, the facilities that opened or closed, the latest edits, and the notes."""
    console.print(scenario_tables.overview(changes.comparisons, f"{changes.first}", f"{changes.last}"))
    rows = facility_rows(changes)
    counts = f"{len(changes.opened)} 处开办 opened, {len(changes.closed)} 处停办 closed"
    console.print(f"{changes.first} 之后至 {changes.last} after and until: {counts}", markup=False)
    cells = [
        (str(day), CHANGE_LABELS[str(change)], str(name or facility_id), categories[str(kind)].label, str(code or "—"))
        for change, day, facility_id, name, kind, _, code in rows[:MOST_FACILITIES]
    ]
    if cells:
        console.print(table(("日期 day", "变化 change", "名称 name", "类别 category", "区域 area"), cells, right=()))
    more = len(rows) - MOST_FACILITIES
    if more > 0:
        console.print(f"另有 {more} 处 {more} more: --facilities with --format csv or xlsx", markup=False)
    _print_edits(console, changes)
    for note in dict.fromkeys([*changes.notes, *(note for entry in changes.comparisons for note in entry.after.notes)]):
        console.print(note, markup=False)


def _print_edits(console: Console, changes: Changes) -> None:
    edits = changes.edits
    by_action = ", ".join(f"{action} {count}" for action, count in edits.by_action.items())
    total, details = sum(edits.by_action.values()), f": {by_action}" if by_action else ""
    console.print(f"登记册修改 {total} 次，涉及 {edits.facilities} 处 edits of the register{details}", markup=False)
    for edit in edits.latest[:MOST_FACILITIES]:
        fields = ", ".join(edit.fields)
        console.print(f"{edit.at:%Y-%m-%d %H:%M} {edit.action} {edit.facility_id} ({edit.who}): {fields}", markup=False)


def facility_rows(changes: Changes) -> list[list[object]]:
    """A row for each facility that opened or closed, in the order of the days; columns as `FACILITY_HEADINGS`."""
    rows: list[list[object]] = []
    for change, frame in (("opened", changes.opened), ("closed", changes.closed)):
        columns = frame[[change, "name", "category", "subtype", "area_code"]].to_numpy(dtype=object).tolist()
        rows += [[change, row[0], name, *row[1:]] for name, row in zip(frame.index, columns, strict=True)]
    return sorted(rows, key=lambda row: (str(row[1]), str(row[2])))


def as_csv(changes: Changes, facilities: bool) -> bytes:
    """Write the standards by area, or the ``facilities`` that opened or closed, as CSV."""
    from geo.lists import spreadsheets

    if facilities:
        return spreadsheets.as_csv(list(FACILITY_HEADINGS), facility_rows(changes))
    return spreadsheets.as_csv(list(HEADINGS), scenario_tables.rows(changes.comparisons))


def as_xlsx(changes: Changes, facilities: bool) -> bytes:
    """Write the same as a workbook with Chinese headings."""
    from geo.lists import spreadsheets

    if facilities:
        headings, rows, text = FACILITY_HEADINGS, facility_rows(changes), ("id", "area_code")
    else:
        headings, rows, text = HEADINGS, scenario_tables.rows(changes.comparisons), ("standard", "area_code")
    columns = tuple(headings[name] for name in text)
    return spreadsheets.as_xlsx("变化", list(headings.values()), rows, text_columns=columns)
