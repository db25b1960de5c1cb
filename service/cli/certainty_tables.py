"""Makes tables of distributions and of how sure results are: for the terminal, as CSV and as a workbook.

`fuwuquan distribution` and `fuwuquan sensitivity` call it.
"""

import io
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from geo.lists import spreadsheets
from geo.measures.coverage import Coverage
from geo.measures.distribution import GROUP_NAMES, PERCENTILES, Distribution, Spread
from geo.measures.doubts import Tally
from geo.measures.sensitivity import Sensitivity
from maps import labels
from service.cli.terminal_tables import console, table

UNITS = {"minutes": ("分钟", "min"), "metres": ("米", "m")}
CURVE_ROWS = 12
"""About how many steps of the curve a table in the terminal shows."""
RANGES = {
    "together": ("标准所依各项合计", "together, as far as the standard depends on it"),
    "strict": ("并计开放时间与容量", "with opening hours and capacity"),
}
"""The words for the ranges of several doubts at once."""
Cell: TypeAlias = object
HEADINGS = {
    "group": "人群",
    "area_code": "区域代码",
    "area_name": "区域",
    "people": "人数",
    "out_of_reach": "不可达人数",
    "covered": "达到人数",
    "share": "比例",
    "mean": "平均",
    "gini": "基尼系数",
    "palma": "帕尔马比值",
    "id": "代码",
    "name": "项目",
    "name_en": "英文名",
    "mode": "出行方式",
    "method": "方法",
    "speed_kph": "速度（公里/时）",
    "speed_factor": "相对速度",
    "count": "数量",
    "unit": "单位",
    "of_standard": "属标准本身",
    "lowest": "最低比例",
    "highest": "最高比例",
    "lowest_covered": "最低达到",
    "lowest_total": "最低总数",
    "highest_covered": "最高达到",
    "highest_total": "最高总数",
}
"""What a workbook calls each column of the CSV."""


def _printed(to_file: bool, lines: Callable[[Console], None]) -> bytes:
    """What ``lines`` prints, as wide as the terminal, or for a file."""
    text = io.StringIO()
    terminal = console(text if to_file else None)
    if to_file:
        lines(terminal)
        return text.getvalue().encode()
    with terminal.capture() as capture:
        lines(terminal)
    return capture.get().encode()


def _number(value: float | None, decimals: int = 1) -> str:
    return "—" if value is None else f"{value:,.{decimals}f}"


def distribution_table(coverage: Coverage, measured: Distribution, to_file: bool) -> bytes:
    """The numbers of each group and area, and the curve of each group."""

    def lines(terminal: Console) -> None:
        terminal.print(f"{coverage.name} {coverage.name_en}", markup=False)
        if measured.groups:
            terminal.print(_spreads(coverage, measured))
            terminal.print(_curve(measured))
        for note in (*coverage.notes, *measured.notes):
            terminal.print(note, markup=False)

    return _printed(to_file, lines)


def _spreads(coverage: Coverage, measured: Distribution) -> Table:
    zh, en = UNITS[measured.unit or "minutes"]
    named = [(f"{group.name} {group.name_en}", group.spread) for group in measured.groups]
    named += [(f"  {area.name}", area.spread) for area in measured.areas]
    rows = [
        (
            name,
            _number(spread.people, 0),
            _number(spread.people - spread.reached, 0),
            labels.percent(spread.share) if coverage.known else labels.NOT_KNOWN,
            *(_number(spread.percentiles[percent]) for percent in ("50", "90")),
            _number(spread.mean),
            _number(spread.gini, 3),
            _number(spread.palma, 2),
        )
        for name, spread in named
    ]
    limit = f"≤ {measured.limit:g} {zh}"
    headings = [f"{zh} {en}", "人数 people", "不可达 no way", limit]
    return table(
        [*headings, "一半人 half", "九成人 90 %", "平均 mean", "Gini", "Palma"], rows, right=range(1, len(headings) + 5)
    )


def _curve(measured: Distribution) -> Table:
    steps, every = measured.steps, max(1, len(measured.steps) // CURVE_ROWS)
    shown = [
        row for row, step in enumerate(steps) if row % every == 0 or step == measured.limit or row == len(steps) - 1
    ]
    rows = [(f"{steps[row]:g}", *(f"{group.spread.within[row]:,.0f}" for group in measured.groups)) for row in shown]
    headings = [f"≤ {' '.join(UNITS[measured.unit or 'minutes'])}"]
    headings += [f"{group.name} {group.group}" for group in measured.groups]
    return table(headings, rows, right=range(len(headings)))


def _distribution_rows(measured: Distribution) -> tuple[list[str], list[list[Cell]]]:
    """A row for each group and area: its numbers, then the people within each step of the curve."""
    headings = [
        "group",
        "area_code",
        "area_name",
        "people",
        "out_of_reach",
        "covered",
        "share",
        "mean",
        "gini",
        "palma",
    ]
    headings += [f"p{percent}" for percent in PERCENTILES]
    headings += [f"within_{step:g}_{measured.unit}" for step in measured.steps]
    who: list[tuple[list[Cell], Spread]] = [([group.group, None, None], group.spread) for group in measured.groups]
    who += [(["standard", area.code, area.name], area.spread) for area in measured.areas]
    rows = []
    for names, spread in who:
        out_of_reach = round(spread.people - spread.reached, 1)
        numbers = [spread.people, out_of_reach, spread.covered, spread.share, spread.mean, spread.gini, spread.palma]
        rows.append([*names, *numbers, *spread.percentiles.values(), *spread.within])
    return headings, rows


def distribution_csv(coverage: Coverage, measured: Distribution) -> bytes:
    """Write a distribution as CSV, with a row for each group and area."""
    return spreadsheets.as_csv(*_distribution_rows(measured))


def distribution_xlsx(coverage: Coverage, measured: Distribution) -> bytes:
    """Write a distribution as a workbook, with a row for each group and area."""
    names, rows = _distribution_rows(measured)
    rows = [[GROUP_NAMES[str(group)][0], *cells] for group, *cells in rows]
    headings = [_heading_of_distribution(name, UNITS[measured.unit or "minutes"][0]) for name in names]
    return spreadsheets.as_xlsx("分布", headings, rows, (HEADINGS["area_code"],))


def _heading_of_distribution(name: str, unit: str) -> str:
    if name.startswith("within_"):
        return f"≤{name.split('_')[1]}{unit}人数"
    if name[1:].isdigit():
        return f"{name[1:]}%的人（{unit}）"
    return f"{HEADINGS[name]}（{unit}）" if name == "mean" else HEADINGS[name]


def sensitivity_table(coverage: Coverage, measured: Sensitivity, to_file: bool) -> bytes:
    """The result in other ways, and the range of each doubt."""

    def lines(terminal: Console) -> None:
        terminal.print(f"{coverage.name} {coverage.name_en}: {labels.headline(coverage)}", markup=False)
        if measured.variants:
            terminal.print(_variants(coverage, measured))
        if measured.doubts:
            terminal.print(_doubts(measured))
        for note in measured.notes:
            terminal.print(note, markup=False)

    return _printed(to_file, lines)


def _variants(coverage: Coverage, measured: Sensitivity) -> Table:
    rows = [
        (
            f"{variant.name} {variant.name_en}" + (" ←" if variant.is_headline else ""),
            _number(variant.speed_kph),
            _number(variant.covered, 0),
            labels.percent(variant.share) if coverage.known else labels.NOT_KNOWN,
        )
        for variant in measured.variants
    ]
    return table(("换一种算法 computed otherwise", "km/h", "达到 covered", "比例 share"), rows, right=(1, 2, 3))


def _doubts(measured: Sensitivity) -> Table:
    rows = [
        (
            f"{doubt.name} {doubt.name_en}",
            f"{_number(doubt.count, 0)} {'人' if doubt.unit == 'people' else '处'}",
            _share(doubt.lowest),
            _share(doubt.highest),
        )
        for doubt in measured.doubts
    ]
    for name, words in RANGES.items():
        lowest, highest = getattr(measured, name)
        rows.append((" ".join(words), "", _share(lowest), _share(highest)))
    headings = ("不详之处 what is not known", "数量 count", "最低 lowest", "最高 highest")
    return table(headings, rows, right=(1, 2, 3))


def _share(tally: Tally | None) -> str:
    return "—" if tally is None else labels.percent(tally.share)


def _sensitivity_rows(coverage: Coverage, measured: Sensitivity) -> tuple[list[str], list[list[Cell]]]:
    """A row for the result, each other way, each doubt and each range.

    The lowest and the highest of a single result are equal.
    """
    headings = ["id", "name", "name_en", "mode", "method", "speed_kph", "speed_factor", "count", "unit", "of_standard"]
    headings += ["lowest", "lowest_covered", "lowest_total", "highest", "highest_covered", "highest_total"]

    def cells(names: Sequence[Cell], more: Sequence[Cell], lowest: Tally | None, highest: Tally | None) -> list[Cell]:
        numbers: list[Cell] = []
        for tally in (lowest, highest):
            numbers += [None] * 3 if tally is None else [tally.share, tally.covered, tally.total]
        return [*names, *more, *numbers]

    headline = measured.headline
    own = (coverage.mode, coverage.method, coverage.speed_kph, None, None, None, None)
    rows = [cells(("headline", coverage.name, coverage.name_en), own, headline, headline)]
    for variant in measured.variants:
        tally = Tally(headline.total, variant.covered, variant.share)
        way = (variant.mode, variant.method, variant.speed_kph, variant.speed_factor, None, None, None)
        rows.append(cells((variant.id, variant.name, variant.name_en), way, tally, tally))
    for doubt in measured.doubts:
        what = (*[None] * 4, doubt.count, doubt.unit, doubt.of_standard)
        rows.append(cells((doubt.id, doubt.name, doubt.name_en), what, doubt.lowest, doubt.highest))
    for name, words in RANGES.items():
        rows.append(cells((name, *words), [None] * 7, *getattr(measured, name)))
    return headings, rows


def sensitivity_csv(coverage: Coverage, measured: Sensitivity) -> bytes:
    """Write how sure a result is as CSV, with a row for each other way and each doubt."""
    return spreadsheets.as_csv(*_sensitivity_rows(coverage, measured))


def sensitivity_xlsx(coverage: Coverage, measured: Sensitivity) -> bytes:
    """Write how sure a result is as a workbook, with a row for each other way and each doubt."""
    names, rows = _sensitivity_rows(coverage, measured)
    return spreadsheets.as_xlsx("可信程度", [HEADINGS[name] for name in names], rows, (HEADINGS["id"],))
