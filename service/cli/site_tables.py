"""Makes tables of sites: for the terminal, as CSV and as a workbook. `fuwuquan sites` calls it."""

from rich.console import Console

from geo.geodesy import datums
from geo.lists import spreadsheets
from geo.measures.siting.document import SitesRequest
from geo.measures.siting.measure import Siting
from maps import labels
from service.cli.terminal_tables import table

UNITS = {
    "people": "人",
    "weighted people": "加权人数",
    "sites": "处",
    "cost": "费用",
    "mean minutes": "平均分钟",
    "mean metres": "平均米",
}
OBJECTIVES = {"most_people": "惠及人数最多", "fewest_sites": "新建最少", "least_time": "路程最短"}
HEADINGS = {
    "rank": "次序",
    "lon": "经度",
    "lat": "纬度",
    "place": "所在地",
    "area_code": "区域代码",
    "name": "名称",
    "facility": "现有设施编号",
    "is_fixed": "已定",
    "cost": "费用",
    "newly_inside": "新达到人数",
    "inside": "累计新达到",
    "best_alternative_lon": "备选经度",
    "best_alternative_lat": "备选纬度",
    "best_alternative_costs": "改用备选的损失",
    "value": "达到值",
    "bound": "上界或下界",
    "planned": "按次序达到",
}
"""The headings of a workbook. CSV has these names. The last three are the curve's, one row for each count of sites."""


def print_siting(console: Console, siting: Siting, request: SitesRequest) -> None:
    """Print what the choice achieves, the sites in the order of the plan, and the notes."""
    before, after = siting.comparison.before, siting.comparison.after
    unit = f"{UNITS[siting.unit]} {siting.unit}"
    verdict = "已证明最优 proven: no choice of these candidates is better"
    if not siting.proven:
        verdict = f"未证明最优 not proven: no choice betters {_number(siting.bound)} ({siting.gap:.2%} off)"
    console.print(
        f"{after.name}: {OBJECTIVES[request.objective]} {request.objective}; {len(siting.sites)} 处 sites; "
        f"{labels.headline(before)} → {labels.headline(after)}",
        markup=False,
    )
    console.print(f"{_number(siting.value)} {unit}（原 before {_number(siting.before)}）; {verdict}", markup=False)
    curve = {point.count: point for point in siting.curve}
    rows = []
    for site in siting.sites:
        point = curve.get(site.rank)
        best = site.alternatives[0] if site.alternatives else None
        rows.append(
            (
                str(site.rank),
                site.name or site.facility or site.place or "—",
                f"{site.point.x:.6f}, {site.point.y:.6f}",
                f"{site.newly_inside:,.0f}",
                f"{site.inside:,.0f}",
                "—" if point is None else _number(point.lost_by_order),
                "—"
                if point is None
                else f"{_number(point.value)} ≤ {_number(point.bound)}"
                if siting.unit not in ("mean minutes", "mean metres")
                else f"{_number(point.value)} ≥ {_number(point.bound)}",
                "—" if best is None else f"{best.point.x:.6f}, {best.point.y:.6f}",
                "—" if best is None else _number(best.costs),
            )
        )
    headings = [
        *("次序 rank", "地点 place", "经纬度 lon, lat (WGS84)", "新达到 newly inside", "累计 in all"),
        *("次序损失 lost by order", "最好与界 best, bound", "备选 replacement", "损失 costs"),
    ]
    console.print(table(headings, rows, right=(0, 3, 4, 5, 6, 8)))
    for note in siting.notes:
        console.print(note, markup=False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.2f}"


def _rows(siting: Siting, coordinates: str) -> list[list[object]]:
    curve = {point.count: point for point in siting.curve}
    rows: list[list[object]] = []
    for site in siting.sites:
        lon, lat = datums.position_from_wgs84(site.point.x, site.point.y, coordinates)
        best: list[object] = [None, None, None]
        if site.alternatives:
            place = site.alternatives[0]
            best_lon, best_lat = datums.position_from_wgs84(place.point.x, place.point.y, coordinates)
            best = [round(best_lon, 7), round(best_lat, 7), place.costs]
        point = curve.get(site.rank)
        numbers = [None] * 3 if point is None else [point.value, point.bound, point.planned]
        names = [site.place, site.area_code, site.name, site.facility, int(site.is_fixed), site.cost]
        rows.append([site.rank, round(lon, 7), round(lat, 7), *names, site.newly_inside, site.inside, *best, *numbers])
    return rows


def as_csv(siting: Siting, coordinates: str) -> bytes:
    """Write the sites as CSV in the order of the plan, with positions in the system ``coordinates``."""
    return spreadsheets.as_csv(list(HEADINGS), _rows(siting, coordinates))


def as_xlsx(siting: Siting, coordinates: str) -> bytes:
    """Write the sites as a workbook with Chinese headings, with positions in the system ``coordinates``."""
    text_columns = (HEADINGS["area_code"], HEADINGS["facility"])
    return spreadsheets.as_xlsx("选址", list(HEADINGS.values()), _rows(siting, coordinates), text_columns=text_columns)
