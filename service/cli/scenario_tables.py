"""Makes tables of scenarios: for the terminal, as CSV and as a workbook. `fuwuquan scenario` calls it."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from geo.measures.scenarios import Comparison
from maps import labels
from service.answers.saved_scenarios import Compared
from service.answers.scenarios import difference
from service.cli.terminal_tables import table

MOST_PLACES = 20
HEADINGS = {
    "standard": "标准代码",
    "name": "标准",
    "unit": "计数单位",
    "area_code": "区域代码",
    "area_name": "区域",
    "total": "总数",
    "covered_before": "现状达到",
    "covered_after": "调整后达到",
    "difference": "增减",
    "share_before": "现状比例",
    "share_after": "调整后比例",
    "share_difference": "比例增减",
    "gained": "新达到",
    "lost": "不再达到",
}
"""The headings of a workbook. CSV has these names."""


def overview(comparisons: Sequence[Comparison], before: str, after: str) -> Table:
    """Make a table with one row for each standard; ``before`` and ``after`` are headings."""
    cells = [
        (
            result.before.standard,
            result.before.name,
            *(labels.headline(summary) for summary in (result.before, result.after)),
            f"{result.after.covered - result.before.covered:+,.0f}",
            f"{result.gained:,.0f}",
            f"{result.lost:,.0f}",
        )
        for result in comparisons
    ]
    headings = ("标准 standard", "目标 goal", before, after, "增减 ±", "新达到 gained", "不再达到 lost")
    return table(headings, cells, right=(2, 3, 4, 5, 6))


def print_comparisons(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Print one row for each standard, then where people gain and lose, and how many gaps remain."""
    console.print(overview(comparisons, "现状 before", "调整后 after"))
    for result in comparisons:
        _print_places(console, result)
        for note in dict.fromkeys([*result.before.notes, *result.after.notes]):
            console.print(note, markup=False)


def _print_places(console: Console, result: Comparison) -> None:
    summary = result.after
    if summary.measure == "opened":  # what has not opened in the period is outside nothing
        return
    unit = f"{labels.UNITS[summary.unit]} {summary.unit}"
    gaps = "" if result.gaps is None else f"; 尚有 {result.gaps.count} 处缺口 gaps remain"
    console.print(
        f"{summary.standard}: {summary.total - summary.covered:,.0f} {unit} 仍未达标 remain outside{gaps}", markup=False
    )
    if result.places:
        cells = [
            (place.area_code or "—", place.name or "—", f"{place.gained:,.0f}", f"{place.lost:,.0f}")
            for place in result.places[:MOST_PLACES]
        ]
        console.print(table(("代码 code", "区域 area", "新达到 gained", "不再达到 lost"), cells, right=(2, 3)))
    more = len(result.places) - MOST_PLACES
    if more > 0:
        console.print(f"另有 {more} 处 {more} more places: --format csv, xlsx, json", markup=False)


def rows(comparisons: Sequence[Comparison]) -> list[list[object]]:
    """A row for each standard, in which the area is empty, and then a row for each area."""
    table_rows: list[list[object]] = []
    for result in comparisons:
        before, after = result.before, result.after
        start = [after.standard, after.name, after.unit]
        change = difference(before, after)
        covered, share = change["covered"], change["share"]
        numbers = [before.covered, after.covered, covered, before.share, after.share, share]
        table_rows.append([*start, None, None, after.total, *numbers, result.gained, result.lost])
        for area in result.areas:
            was, is_now = area.before, area.after
            share = None if was.share is None or is_now.share is None else round(is_now.share - was.share, 6)
            covered = round(is_now.covered - was.covered, 1)
            numbers = [was.covered, is_now.covered, covered, was.share, is_now.share, share]
            table_rows.append([*start, area.code, area.name, is_now.total, *numbers, area.gained, area.lost])
    return table_rows


def as_csv(comparisons: Sequence[Comparison]) -> bytes:
    """Write comparisons as CSV, with a row for each standard and area."""
    from geo.lists import spreadsheets

    return spreadsheets.as_csv(list(HEADINGS), rows(comparisons))


def as_xlsx(comparisons: Sequence[Comparison]) -> bytes:
    """Write comparisons as a workbook with Chinese headings, with a row for each standard and area."""
    from geo.lists import spreadsheets

    text_columns = tuple(HEADINGS[name] for name in ("standard", "area_code"))
    return spreadsheets.as_xlsx("方案比较", list(HEADINGS.values()), rows(comparisons), text_columns=text_columns)


def print_side_by_side(console: Console, compared: Sequence[Compared]) -> None:
    """Print one row for each standard and scenario; what cannot be applied has no rows."""
    table_rows = [
        (
            result.before.standard if first else "",
            result.before.name if first else "",
            each.named.label,
            *(labels.headline(summary) for summary in (result.before, result.after)),
            f"{result.after.covered - result.before.covered:+,.0f}",
            f"{result.gained:,.0f}",
            f"{result.lost:,.0f}",
        )
        for results in _by_standard(compared)
        for first, (each, result) in zip([True] + [False] * len(results), results, strict=False)
    ]
    headings = ("标准 standard", "目标 goal", "方案 scenario", "现状 before", "调整后 after", "增减 ±")
    console.print(table((*headings, "新达到 gained", "不再达到 lost"), table_rows, right=(3, 4, 5, 6, 7)))


def _by_standard(compared: Sequence[Compared]) -> list[list[tuple[Compared, Comparison]]]:
    """The scenarios with a result, by standard."""
    standards = dict.fromkeys(name for each in compared for name in each.by_standard)
    return [[(each, each.by_standard[name]) for each in compared if name in each.by_standard] for name in standards]


def _side_by_side_rows(compared: Sequence[Compared]) -> list[list[object]]:
    return [[each.named.label, *row] for each in compared for row in rows(list(each.by_standard.values()))]


def side_by_side_csv(compared: Sequence[Compared]) -> bytes:
    """Write scenarios as CSV, with a row for each scenario, standard and area."""
    from geo.lists import spreadsheets

    return spreadsheets.as_csv(["scenario", *HEADINGS], _side_by_side_rows(compared))


def side_by_side_xlsx(compared: Sequence[Compared]) -> bytes:
    """Write scenarios as a workbook with Chinese headings, with a row for each scenario, standard and area."""
    from geo.lists import spreadsheets

    headings = ["方案", *HEADINGS.values()]
    text_columns = ("方案", HEADINGS["standard"], HEADINGS["area_code"])
    return spreadsheets.as_xlsx("方案比较", headings, _side_by_side_rows(compared), text_columns=text_columns)
