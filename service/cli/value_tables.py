"""Makes tables of values and fragility: for the terminal, as CSV and as a workbook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
from rich.console import Console

from geo.geodesy import datums
from geo.lists import spreadsheets
from geo.measures import fragility, site_value
from geo.measures.coverage import Coverage
from geo.measures.fragility import Fragility
from geo.measures.site_value import SiteValues
from maps.labels import UNITS
from service.cli import terminal_tables
from service.cli.gap_tables import BEYOND_UNITS

HEADINGS = {
    "rank": "序号",
    "id": "编号",
    "name": "名称",
    "subtype": "细分",
    "area_code": "区域代码",
    "town": "镇街",
    "people": "新增覆盖人数",
    "residents": "常住人口",
    "children_3_6": "3–6岁儿童",
    "elders_65": "65岁以上",
    "share": "比例提高",
    "people_lost": "失去人数",
    "residents_lost": "失去常住人口",
    "children_3_6_lost": "失去3–6岁儿童",
    "elders_65_lost": "失去65岁以上",
    "share_lost": "比例下降",
    "people_longer": "变远人数",
    "mean_longer": "平均变远",
    "outside_longer": "未达标且变远人数",
    "lon": "经度",
    "lat": "纬度",
}
"""The headings of a workbook. CSV has the columns' own names."""
ENGLISH = {
    "name": "place",
    "people": "people gained",
    "children_3_6": "children",
    "elders_65": "elders",
    "share": "share",
    "people_lost": "people lost",
    "share_lost": "share",
    "people_longer": "longer way",
    "mean_longer": "mean",
}
"""What the terminal adds to a Chinese heading, where it is not the column's own name."""
VALUE_SHOWN = ("rank", "name", "town", "people", "children_3_6", "elders_65", "share", "lon", "lat")
FRAGILITY_SHOWN = ("rank", "id", "name", "town", "people_lost", "share_lost", "people_longer", "mean_longer")
"""The columns that fit into the terminal."""
COUNTS_OPENINGS = "新开数目的标准与地点无关 of a standard that counts openings, every place brings the same"
_TEXTS = ("id", "name", "subtype", "area_code", "town")
_SHARES, _DEGREES = ("share", "share_lost"), ("lon", "lat")


@dataclass(frozen=True)
class ValueTable:
    """The rows of a table, the best or the worst first.

    Attributes
    ----------
    name, title : what the table in the terminal is about; between them it says how many rows it shows
    sheet : the name of the workbook's sheet
    columns, rows : the names of the columns, and their values; NaN and None are unknown
    shown : the columns that the terminal shows
    counts_openings : whether the standard counts openings, which no place and no closure changes
    units : what the Chinese and the English heading of a column say of its unit
    """

    name: str
    title: str
    sheet: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    shown: Sequence[str]
    units: Mapping[str, tuple[str, str]]
    counts_openings: bool

    def print(self, console: Console, limit: int, notes: Sequence[str]) -> None:
        """Print the first ``limit`` rows, and the notes."""
        if self.counts_openings:
            console.print(f"{self.name}: {COUNTS_OPENINGS}", markup=False)
            return
        rows, places = self.rows[:limit], [self.columns.index(name) for name in self.shown]
        console.print(f"{self.name}: {len(rows)} / {self.title}", markup=False)
        units = {name: self.units.get(name, ("", "")) for name in self.shown}
        headings = [f"{HEADINGS[name]}{zh} {ENGLISH.get(name, name)} {en}".rstrip() for name, (zh, en) in units.items()]
        cells = [[_cell(self.columns[place], row[place]) for place in places] for row in rows]
        right = [number for number, name in enumerate(self.shown) if name not in _TEXTS]
        console.print(terminal_tables.table(headings, cells, right))
        for note in notes:
            console.print(note, markup=False)

    def as_csv(self, limit: int | None) -> bytes:
        """Write the first ``limit`` rows as CSV, with columns named as in the API."""
        return spreadsheets.as_csv(list(self.columns), self.rows[:limit])

    def as_xlsx(self, limit: int | None) -> bytes:
        """Write the first ``limit`` rows as a workbook with Chinese headings, which name the unit of distances."""
        headings = [
            HEADINGS[name] + (f"（{self.units[name][0]}）" if name in self.units else "") for name in self.columns
        ]
        texts = [HEADINGS[name] for name in self.columns if name in _TEXTS]
        return spreadsheets.as_xlsx(self.sheet, headings, self.rows[:limit], text_columns=texts)


def of_values(coverage: Coverage, values: SiteValues, coordinates: str) -> ValueTable:
    """What a new facility would bring, site by site; positions in the system ``coordinates``."""
    title = (
        f"{len(values.frame):,} 处 sites that bring somebody inside, of {values.sites:,}; "
        f"{coverage.total - coverage.covered:,.0f} / {_in_all(coverage)} 未达标 outside"
    )
    columns = ("rank", *site_value.COLUMNS, "lon", "lat")
    openings = coverage.measure == "opened"
    return ValueTable(
        coverage.name, title, "价值", columns, _rows(values.frame, coordinates), VALUE_SHOWN, {}, openings
    )


def of_fragility(coverage: Coverage, losses: Fragility, coordinates: str) -> ValueTable:
    """What the closure of each facility would cost; positions in the system ``coordinates``."""
    title = f"{len(losses.frame):,} 处 facilities; {coverage.covered:,.0f} / {_in_all(coverage)} 达标 inside"
    columns = ("rank", "id", *fragility.COLUMNS, "lon", "lat")
    ranked = zip(losses.frame.index, _rows(losses.frame, coordinates), strict=True)
    rows = [[rank, name, *row] for name, (rank, *row) in ranked]
    units = {"mean_longer": BEYOND_UNITS[losses.longer_unit]}
    openings = coverage.measure == "opened"
    return ValueTable(coverage.name, title, "关停损失", columns, rows, FRAGILITY_SHOWN, units, openings)


def _in_all(coverage: Coverage) -> str:
    return f"{coverage.total:,.0f} {UNITS[coverage.unit]} {coverage.unit}"


def _rows(frame: gpd.GeoDataFrame, coordinates: str) -> list[list[object]]:
    """The rank, the columns and the position of each row of a frame that is sorted by rank."""
    lon, lat = datums.from_wgs84(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), coordinates)
    cells = frame.drop(columns="geometry").to_numpy(dtype=object).tolist()
    places = zip(lon.round(7).tolist(), lat.round(7).tolist(), strict=True)
    return [[rank, *row, *place] for rank, (row, place) in enumerate(zip(cells, places, strict=True), 1)]


def _cell(name: str, value: object) -> str:
    if value is None or value != value:
        return "—"
    if name in _TEXTS or not isinstance(value, int | float):
        return str(value)
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:.6f}" if name in _DEGREES else f"{value:,.1f}" if name == "mean_longer" else f"{value:,.0f}"
