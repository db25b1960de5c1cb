"""Makes tables of coverage: for the terminal, as CSV and as a workbook. `fuwuquan coverage` calls it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from geo.measures.coverage import AreaLand, Coverage, LandShare
from maps import labels
from service.cli.terminal_tables import table

Cell: TypeAlias = object
HEADINGS = {
    "area_code": "区域代码",
    "area_name": "区域",
    "standard": "标准代码",
    "name": "标准",
    "name_en": "英文名",
    "source": "依据",
    "measure": "算法",
    "category": "类别",
    "method": "方法",
    "mode": "出行方式",
    "speed_kph": "速度（公里/时）",
    "minutes": "时限（分钟）",
    "metres": "半径（米）",
    "since": "起",
    "until": "止",
    "unit": "计数单位",
    "total": "总数",
    "covered": "达到",
    "share": "比例",
    "target": "目标",
    "targets": "各级目标",
    "meets_target": "是否达标",
    "people": "计入人数",
    "facilities": "设施数",
    "notes": "说明",
    "sample": "示例数据",
    "data_date": "数据日期",
    "study": "地区",
    "people_group": "目标人群",
    "people_counted": "实际计入人群",
    "residents": "常住人口",
    "known": "有无资料",
    "radius_by_area": "按面积的半径",
    "land_hectares": "居住用地（公顷）",
    "land_covered_hectares": "半径内居住用地（公顷）",
    "land_share": "居住用地比例",
    "land_meets_target": "居住用地是否达标",
    "land_source": "居住用地来源",
}
"""What a workbook calls each column of the CSV."""
_LAND = tuple(name for name in HEADINGS if name.startswith("land_"))


_MARKS = {None: "", True: " ✓", False: " ✗"}


def overview(results: Sequence[Coverage]) -> Table:
    """Make a table with one row for each standard, and one below it for its residential land, where that is known."""
    rows = []
    for result in results:
        mark = _MARKS[result.meets_target]
        rows.append((result.standard, result.name, _counted(result), labels.headline(result), _target(result) + mark))
        land = result.residential_land
        if land is not None:
            cells = (
                labels.land_counted(result),
                labels.land_share(result),
                _target(result) + _MARKS[land.meets_target],
            )
            rows.append(("", f"  {labels.LAND}", *cells))
    headings = ("标准 standard", "目标 goal", "达到 / 总数 covered", "比例 share", "要求 target")
    return table(headings, rows, right=(2, 3, 4))


def _counted(result: Coverage) -> str:
    everybody = labels.everybody(result)
    return labels.counted(result) + (f" ({everybody})" if everybody else "")


def _target(result: Coverage) -> str:
    if result.target is None:
        return "—"
    return f"{result.target:g}" if result.measure == "opened" else f"≥ {result.target:.0%}"


def print_details(console: Console, result: Coverage) -> None:
    """Print the result of one standard by area, the alternatives, the people out of reach, and the notes."""
    console.print(f"{labels.limit(result)} · {result.source}", markup=False)
    rows: list[tuple[str, ...]] = [
        (
            area.code,
            area.name,
            f"{area.people:,.0f}",
            f"{area.covered:,.0f}" if result.known else "—",
            f"{area.total:,.0f}",
            labels.area_share(result, area) if result.measure != "opened" else "—",
        )
        for area in result.areas
    ]
    headings = ["代码 code", "区域 area", "常住人口 residents", "达到 covered", "总数 total", "比例 share"]
    if result.residential_land is not None:
        headings.append(f"{labels.LAND} ha")
        of_area = {area.code: labels.land_of_area(result, area) for area in result.residential_land.areas}
        rows = [(*row, of_area[row[0]]) for row in rows]
    console.print(table(headings, rows, right=range(2, len(headings))))
    for alternative in result.alternatives:
        speed = f" {alternative.speed_kph:g} km/h" if alternative.speed_kph else ""
        console.print(
            f"{alternative.mode}{speed}: {labels.percent(alternative.share) if result.known else labels.NOT_KNOWN}"
        )
    for group in result.unreachable:
        console.print(f"{group.count:,.0f} {result.unit}: {group.reason}", markup=False)
    for note in result.notes:
        console.print(note, markup=False)


def _spreadsheet(results: Sequence[Coverage]) -> tuple[list[str], list[list[Cell]]]:
    """Make the headings and rows of a spreadsheet; the columns are named as in the JSON of a standard.

    Each standard has a row for the whole study, in which the area is empty, and then a row for each area. ``people`` of
    both are the people that the standard counts, and ``residents`` all people who live there.
    """
    rows: list[dict[str, Cell]] = []
    for result in results:
        whole = {"area_code": None, "area_name": None} | asdict(result)
        areas = whole.pop("areas")
        for name in ("alternatives", "unreachable", "residential_land"):
            whole.pop(name)
        whole["notes"] = "; ".join(result.notes)
        whole["targets"] = " / ".join(f"{target:g}" for target in result.targets)
        whole["radius_by_area"] = labels.radius_classes(result) or None
        land, land_of_area = result.residential_land, {}
        if land is not None:
            land_of_area = {area.code: _land_cells(area) for area in land.areas}
        rows.append(whole | (dict.fromkeys(_LAND) if land is None else _land_cells(land)))
        # These hold for the whole study and stay empty in the rows of areas.
        shared = whole | dict.fromkeys(("target", "targets", "meets_target", "facilities", "notes"))
        for area in areas:
            code, name, residents = area.pop("code"), area.pop("name"), area.pop("people")
            people = area["total"] if result.unit == "people" else None
            own = {"area_code": code, "area_name": name, "people": people, "residents": residents}
            rows.append(shared | own | area | land_of_area.get(code, dict.fromkeys(_LAND)))
    headings = list(rows[0]) if rows else []
    return headings, [[row[heading] for heading in headings] for row in rows]


def _land_cells(land: LandShare | AreaLand) -> dict[str, Cell]:
    """The cells of `_LAND`; what an area does not have is None."""
    return {name: getattr(land, name.removeprefix("land_"), None) for name in _LAND}


def as_csv(results: Sequence[Coverage]) -> bytes:
    """Write results as CSV, with a row for each standard and area."""
    from geo.lists import spreadsheets  # imports openpyxl, which a table in the terminal does not need

    return spreadsheets.as_csv(*_spreadsheet(results))


def as_xlsx(results: Sequence[Coverage]) -> bytes:
    """Write results as a workbook, with a row for each standard and area; its headings are Chinese and English."""
    from geo.lists import spreadsheets

    names, rows = _spreadsheet(results)
    headings = [f"{HEADINGS[name]} {name}" for name in names]
    text_columns = [f"{HEADINGS[name]} {name}" for name in ("standard", "area_code")]
    return spreadsheets.as_xlsx("达标情况", headings, rows, text_columns)
