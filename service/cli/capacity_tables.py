"""Makes tables of capacity: for the terminal, as CSV and as a workbook. `fuwuquan capacity` calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from geo.geodesy import datums
from geo.lists import spreadsheets
from geo.measures.capacity import Capacity
from geo.measures.capacity.of_standard import FACILITY_COLUMNS, POINT_COLUMNS, AreaCapacity
from geo.measures.coverage import Coverage
from geo.study.study import Study
from service.cli.terminal_tables import table

MOST_FACILITIES = 10
"""How many facilities the terminal shows."""
AREA_COLUMNS = (
    *(
        "code",
        "name",
        "total",
        "accessibility",
        "served",
        "served_nearest_first",
        "full",
        "capacity_unknown",
        "out_of_reach",
    ),
)
HEADINGS: Mapping[str, str] = {
    "id": "编号",
    "code": "区域代码",
    "name": "名称",
    "total": "人数",
    "people": "人数",
    "accessibility": "每千人容量",
    "served": "有位",
    "served_nearest_first": "就近先得有位",
    "full": "可达但已满",
    "capacity_unknown": "容量不详",
    "out_of_reach": "不可达",
    "subtype": "细分",
    "area_code": "区域代码",
    "town": "镇街代码",
    "lon": "经度",
    "lat": "纬度",
    "capacity": "容量",
    "is_assumed": "容量为假定",
    "people_in_reach": "可达人数",
    "weighted_people": "加权人数",
    "ratio": "每千加权人容量",
    "load": "每单位容量加权人数",
    "assigned": "分到此处",
    "free": "余位",
}
"""The headings of a workbook. CSV has the columns' own names."""
DECIMALS = 4


@dataclass(frozen=True)
class CapacityTable:
    """Rows of areas, facilities or places."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def as_csv(self) -> bytes:
        """The table as CSV, with columns named as in the API."""
        return spreadsheets.as_csv(self.columns, self.rows)

    def as_xlsx(self) -> bytes:
        """The table as a workbook with Chinese headings."""
        texts = (HEADINGS["code"], HEADINGS["id"], HEADINGS["town"])
        return spreadsheets.as_xlsx(self.title, [HEADINGS[name] for name in self.columns], self.rows, texts)


def table_by(by: str, study: Study, capacity: Capacity, coordinates: str) -> CapacityTable:
    """The table of areas, facilities or places, as ``by`` says; places are in the system ``coordinates``."""
    if by == "area":
        rows = [[getattr(area, name) for name in AREA_COLUMNS] for area in capacity.areas]
        return CapacityTable("分区", AREA_COLUMNS, rows)
    if by == "facility":
        facilities = capacity.facilities[list(FACILITY_COLUMNS)].round(DECIMALS)
        values = facilities.astype(object).to_numpy().tolist()
        return CapacityTable(
            "设施",
            ("id", *FACILITY_COLUMNS),
            [[str(name), *row] for name, row in zip(facilities.index, values, strict=True)],
        )
    where = study.demand.loc[capacity.points.index, ["lon", "lat", "area_code"]]
    lon, lat = datums.from_wgs84(where["lon"].to_numpy(), where["lat"].to_numpy(), coordinates)
    where = where.assign(lon=lon.round(7), lat=lat.round(7))
    places = where.join(capacity.points[["town", *POINT_COLUMNS]].round(DECIMALS)).astype(object)
    return CapacityTable("人口点", tuple(places.columns), places.to_numpy().tolist())


def print_capacity(console: Console, coverage: Coverage, capacity: Capacity) -> None:
    """Print the totals, the areas, the facilities with the heaviest load, and the notes."""
    total = capacity.total
    console.print(
        f"{coverage.name}: {total.total:,.0f} 人 people; 容量 capacity {capacity.capacity:,.0f}; {capacity.stated} "
        f"处写明 stated, {capacity.assumed} 处假定 assumed, {capacity.unstated} 处不详 unknown",
        markup=False,
    )
    unit = "分钟 min" if coverage.metres is None else "米 m"
    weights, zones = (", ".join(f"{number:g}" for number in row) for row in (capacity.weights, capacity.zones))
    console.print(f"权重 weights {weights}; 分区至 zones up to {zones} {unit}", markup=False)
    if capacity.has_split:
        console.print(
            f"有位 served {_count(total.served)} (就近先得 nearest first {_count(total.served_nearest_first)}) · "
            f"可达但已满 in reach but full {_count(total.full)} · 容量不详 unknown {_count(total.capacity_unknown)} · "
            f"不可达 out of reach {_count(total.out_of_reach)}",
            markup=False,
        )
    headings = [
        *("区域 area", "人数 people", "每千人容量 per 1,000", "有位 served", "就近先得 nearest first"),
        *("已满 full", "容量不详 unknown", "不可达 out of reach"),
    ]
    console.print(table(headings, [_area_row(area) for area in (*capacity.areas, total)], right=range(1, 8)))
    heaviest = capacity.facilities[capacity.facilities["load"].notna()].head(MOST_FACILITIES)
    rows = [
        (
            row["name"] or str(name),
            f"{row['capacity']:g}" + ("*" if row["is_assumed"] else ""),
            f"{row['people_in_reach']:,.0f}",
            f"{row['load']:,.2f}",
            _count(row["assigned"]),
            _count(row["free"]),
        )
        for name, row in heaviest.iterrows()
    ]
    headings = [
        *("设施 facility", "容量 capacity", "可达人数 in reach", "负荷 load", "分到此处 assigned", "余位 free"),
    ]
    console.print(table(headings, rows, right=range(1, 6)))
    if heaviest["is_assumed"].any():
        console.print("* 假定 assumed", markup=False)
    for note in capacity.notes:
        console.print(note, markup=False)


def _area_row(area: AreaCapacity) -> tuple[str, ...]:
    per_1000 = "—" if area.accessibility is None else f"{area.accessibility:,.2f}"
    split = (area.served, area.served_nearest_first, area.full, area.capacity_unknown, area.out_of_reach)
    return (area.name or "合计 total", f"{area.total:,.0f}", per_1000, *map(_count, split))


def _count(number: float | None) -> str:
    return "—" if number is None or number != number else f"{number:,.0f}"
