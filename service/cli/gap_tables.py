"""Makes tables of gaps: for the terminal, as CSV and as a workbook. `fuwuquan gaps` calls it."""

from rich.console import Console

from geo.lists import spreadsheets
from geo.measures.coverage import Coverage
from geo.measures.gaps import COLUMNS, Gaps
from maps.labels import UNITS
from service.cli.terminal_tables import table

BEYOND_UNITS = {None: ("", ""), "minutes": ("分钟", "min"), "metres": ("米", "m")}
HEADINGS = {
    "rank": "序号",
    "name": "名称",
    "area_code": "区域代码",
    "town": "镇街",
    "people": "人数",
    "residents": "常住人口",
    "children_3_6": "3–6岁儿童",
    "elders_65": "65岁以上",
    "mean_beyond": "平均超出",
    "worst_beyond": "最远超出",
    "out_of_reach": "不可达人数",
    "nearest_id": "最近设施编号",
    "nearest_name": "最近设施",
    "nearest_value": "到最近设施",
}
"""The headings of a workbook. CSV has the columns' own names."""


NO_GAPS = "新开数目的标准没有缺口 a standard that counts openings has no gaps"


def print_gaps(console: Console, coverage: Coverage, gaps: Gaps, limit: int | None) -> None:
    """Print the worst ``limit`` gaps of a standard, and the notes on its coverage."""
    if coverage.measure == "opened":
        console.print(f"{coverage.name}: {NO_GAPS}", markup=False)
        return
    zh, en = BEYOND_UNITS[gaps.beyond_unit]
    rows = [
        (
            str(rank),
            gap["name"] or "—",
            gap["town"] or "—",
            f"{gap['people']:,.0f}",
            _number(gap["mean_beyond"]),
            _number(gap["worst_beyond"]),
            gap["nearest_name"] or gap["nearest_id"] or "—",
            _number(gap["nearest_value"]),
        )
        for rank, gap in gaps.frame.iloc[:limit].iterrows()
    ]
    console.print(
        f"{coverage.name}: {len(rows)} / {len(gaps.frame)} 处缺口 gaps; {coverage.total - coverage.covered:,.0f} / "
        f"{coverage.total:,.0f} {UNITS[coverage.unit]} {coverage.unit} 未达标 outside",
        markup=False,
    )
    headings = [
        *("序 rank", "缺口 gap", "镇街 town", "人数 people"),
        *(f"平均超出{zh} mean {en} beyond", f"最远{zh} worst", "最近设施 nearest", f"{zh} {en}"),
    ]
    console.print(table(headings, rows, right=(0, 3, 4, 5, 7)))
    for note in coverage.notes:
        console.print(note, markup=False)


def _number(value: float) -> str:
    return "—" if value != value else f"{value:,.1f}"


def _rows(gaps: Gaps, limit: int | None) -> list[list[object]]:
    rows = gaps.frame.iloc[:limit]
    cells = rows[list(COLUMNS)].to_numpy(dtype=object).tolist()
    return [[int(str(rank)), *row] for rank, row in zip(rows.index, cells, strict=True)]


def as_csv(gaps: Gaps, limit: int | None) -> bytes:
    """Write the worst ``limit`` gaps as CSV, with columns named as in the API."""
    return spreadsheets.as_csv(["rank", *COLUMNS], _rows(gaps, limit))


def as_xlsx(gaps: Gaps, limit: int | None) -> bytes:
    """Write the worst ``limit`` gaps as a workbook with Chinese headings, which name the unit of distances."""
    unit = BEYOND_UNITS[gaps.beyond_unit][0]
    distances = ("mean_beyond", "worst_beyond", "nearest_value")
    headings = [f"{HEADINGS[name]}（{unit}）" if name in distances else HEADINGS[name] for name in ("rank", *COLUMNS)]
    return spreadsheets.as_xlsx("缺口", headings, _rows(gaps, limit), text_columns=("区域代码", "最近设施编号"))
