"""What a standard counts: people, towns, villages or facilities, one row each, and whether each meets the standard.

`geo.measures.coverage` sums the rows; the gap map draws those that do not meet the standard.
"""

from dataclasses import dataclass, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import BoolArray, Float64Array, Int64Array, ObjectArray
from geo.choices import Mode
from geo.geodesy.distance import TOLERANCE_M
from geo.measures.residential_land import LandCover
from geo.study import facilities as study_facilities
from geo.study import standards, streets
from geo.study.areas import LEVELS
from geo.study.standards import Opened, PeopleGroup, Presence, Radius, Standard, TravelTime
from geo.traveltime import reasons
from geo.traveltime import travel as traveltime
from geo.traveltime.travel import Travel

TOLERANCE_MIN = traveltime.TOLERANCE_S / 60.0
SPEED_NOTES = {
    "walk": "步行按 {now:g} km/h 计（通常 {usual:g}） walking at {now:g} km/h (usually {usual:g})",
    "cycle": "电动自行车按 {now:g} km/h 计（通常 {usual:g}） e-bikes at {now:g} km/h (usually {usual:g})",
    "drive": "驾车按限速的 {now:g} 倍计（通常 {usual:g}） driving at {now:g} of the legal speed (usually {usual:g})",
}
SLOPE_NOTE = "步行计入坡度 slopes count on foot"
URBAN_FROM_GRID_NOTE = (
    "城乡按人口网格密度划分（Degree of Urbanisation），不是统计用城乡划分 "
    "urban and rural are told apart by the density of the population grid (Degree of Urbanisation), not by the "
    "statistics bureau"
)
GROUP_UNKNOWN_NOTES = {
    "urban": "城乡不可分，全部人口计入 urban and rural cannot be told apart here: all people count",
    "rural": "城乡不可分，全部人口计入 urban and rural cannot be told apart here: all people count",
    "children_3_6": "儿童数不详，全部人口计入 the number of children is not known here: all people count",
    "elders_65": "老人数不详，全部人口计入 the number of elders is not known here: all people count",
}

GROUP_COLUMNS = {
    "urban": ("城乡", "urban or rural"),
    "children_3_6": ("儿童数", "the number of children"),
    "elders_65": ("老人数", "the number of elders"),
}
"""The columns of demand that say who belongs to a group of people, and what they say in words."""


@dataclass(frozen=True)
class CountedUnits:
    """What a standard counts, before it is summed.

    Attributes
    ----------
    rows : DataFrame
        One row per demand point, area or facility, with the columns ``area_code`` (of the area at the reporting level;
        None outside all areas), ``weight`` (people, or 1), ``inside`` (bool: within the limit), ``beyond`` (minutes or
        metres past the limit; 0 inside, infinity if out of reach; 0 in all rows of openings, which have no limit) and
        ``reason`` (why it is out of reach, else None).
        Where the unit is people, the index is that of the study's demand, without points that have nobody, and there
        are two more columns: ``value`` (minutes or metres to the nearest facility, infinity if none is in reach) and
        ``nearest`` (the row of that facility in ``facilities``, −1 if none is in reach).
    unit : people, towns, villages or facilities
    people_counted : whom the rows count: the standard's group, or all people where the group is unknown; None where the
        unit is not people
    is_known : false if no list says anything about the facilities, or about their opening dates where these count
    land : which residential land lies within the radius, for a standard of radius in a study that has such land
    facilities : GeoDataFrame
        The facilities that were taken into account.
    notes : remarks for the reader of the result, Chinese and English
    """

    rows: pd.DataFrame
    unit: str
    facilities: gpd.GeoDataFrame
    notes: list[str]
    people_counted: PeopleGroup | None = None
    is_known: bool = True
    land: LandCover | None = None


def count_units(travel: Travel, facilities: gpd.GeoDataFrame, standard: Standard, day: date) -> CountedUnits:
    """Make a row for each demand point, area or facility that ``standard`` counts.

    Only those of ``facilities`` count that exist on ``day``. A standard of openings is the exception: it counts
    facilities that have opened by ``day``, also if they have closed since.
    """
    category = travel.study.categories[standard.category]
    matching, notes = standards.select(facilities, standard, travel.study.categories)
    is_known = not matching.empty
    if not is_known:
        notes.append(
            f"没有任何{category.label}的资料，无法评价：请导入{category.label}名单 nothing is known of any "
            f"{category.label_en.lower()}, so this cannot be measured: import a list of them"
        )
    if not isinstance(standard, Opened):
        matching = study_facilities.existing_on(matching, day)
    match standard:
        case TravelTime():
            counted = _people_by_time(travel, standard, matching, notes)
        case Radius():
            counted = _people_by_distance(travel, standard, matching, notes)
        case Presence():
            counted = areas_with_facility(travel, standard, matching, notes)
        case Opened():
            counted = _openings(travel, standard, matching, notes, day)
    return counted if is_known else replace(counted, is_known=False)


def _people_by_time(
    travel: Travel, standard: TravelTime, facilities: gpd.GeoDataFrame, notes: list[str]
) -> CountedUnits:
    times = travel.demand_times(facilities, standard.mode)
    minutes = times.seconds / 60.0
    rows, people_notes = _people(
        travel, standard, minutes, standard.minutes, TOLERANCE_MIN, times.facility, times.reason
    )
    people_notes += _notes_on_speeds(travel, standard)
    if travel.method == "straight-line":
        detour = travel.study.settings.detour
        people_notes.append(f"无街道数据，按直线 × {detour:g} no streets here: straight line × {detour:g}")
    else:
        people_notes += _cut_off_notes(travel, rows["weight"], standard.mode)
        if streets.has_slopes(travel.study.streets) and "walk" in (standard.mode, *standard.alternatives):
            people_notes.append(SLOPE_NOTE)
    return CountedUnits(rows, "people", facilities, notes + people_notes, group_counted(travel.study.demand, standard))


def _notes_on_speeds(travel: Travel, standard: TravelTime) -> list[str]:
    """A note on each mode of ``standard`` whose speed is not the study's own."""
    usual, speeds = travel.usual_speeds, travel.study.settings.speeds
    return [
        SPEED_NOTES[mode].format(now=speeds.pace(mode), usual=usual.pace(mode))
        for mode in dict.fromkeys((standard.mode, *standard.alternatives))
        if speeds.pace(mode) != usual.pace(mode)
    ]


def _people_by_distance(
    travel: Travel, standard: Radius, facilities: gpd.GeoDataFrame, notes: list[str]
) -> CountedUnits:
    notes = notes + _size_notes(facilities, standard, standard.radii(facilities))
    facilities, radii = with_radii(facilities, standard)
    metres, limit, nearest = straight_distances(travel, facilities, radii, standard.metres)
    reason = reasons.where(nearest < 0, reasons.NO_FACILITIES)
    rows, people_notes = _people(travel, standard, metres, limit, TOLERANCE_M, nearest, reason)
    counted, land = group_counted(travel.study.demand, standard), travel.study.land
    cover = None if land is None else LandCover(land, facilities.geometry.to_numpy(), radii)
    return CountedUnits(rows, "people", facilities, notes + people_notes, counted, land=cover)


def with_radii(facilities: gpd.GeoDataFrame, standard: Radius) -> tuple[gpd.GeoDataFrame, Float64Array]:
    """Those of ``facilities`` that are large enough to count, and the radius of each in metres."""
    radii = standard.radii(facilities)
    return facilities[~np.isnan(radii)], radii[~np.isnan(radii)]


def straight_distances(
    travel: Travel, facilities: gpd.GeoDataFrame, radii: Float64Array, metres: float
) -> tuple[Float64Array, Float64Array, Int64Array]:
    """Of each demand point the facility whose circle is nearest: metres to the facility, its radius, and its row.

    The circle that is nearest is that to whose edge the fewest metres are missing. Without facilities they are
    infinity, ``metres`` and −1. ``radii``, shape (facilities,), are those of the facilities.
    """
    points = len(travel.study.demand)
    distance, limit, nearest = np.full(points, np.inf), np.full(points, metres), np.full(points, -1)
    for radius in np.unique(radii):
        rows = np.flatnonzero(radii == radius)
        straight = travel.demand_distances(facilities if len(rows) == len(radii) else facilities.iloc[rows])
        is_nearer = straight.metres - radius < distance - limit
        distance[is_nearer], limit[is_nearer] = straight.metres[is_nearer], radius
        nearest[is_nearer] = rows[straight.facility[is_nearer]]
    return distance, limit, nearest


def _size_notes(facilities: gpd.GeoDataFrame, standard: Radius, radii: Float64Array) -> list[str]:
    """Notes on facilities that a standard with radii by area leaves out, and on those whose size is unknown."""
    if not standard.radius_by_area:
        return []
    least = standard.radius_by_area[-1].least_m2
    small = int(np.isnan(radii).sum())
    unknown = int((shapely.get_dimensions(facilities.geometry.to_numpy()) < 2).sum())
    notes = []
    if small:
        notes.append(f"{small} 处不足 {least:g} 平方米，不计入 {small} smaller than {least:g} m² do not count")
    if unknown:
        notes.append(
            f"{unknown} 处面积不详（只有点位），按 {standard.metres:g} 米计 "
            f"{unknown} of unknown size (points) count with {standard.metres:g} m"
        )
    return notes


def _people(
    travel: Travel,
    standard: TravelTime | Radius,
    values: Float64Array,
    limit: Float64Array | float,
    tolerance: float,
    nearest: Int64Array,
    reason: ObjectArray,
) -> tuple[pd.DataFrame, list[str]]:
    """Compare the time or distance of each demand point, ``values``, with the limit; return the rows and notes."""
    study = travel.study
    weight, notes = people_weights(study.demand, standard.people)
    inside = values <= limit + tolerance
    rows = pd.DataFrame(
        {
            "area_code": study.demand_areas,
            "weight": weight,
            "inside": inside,
            "beyond": np.where(inside, 0.0, values - limit),
            "reason": reason,
            "value": values,
            "nearest": nearest,
        },
        index=study.demand.index,
    )
    rows = rows[rows["weight"] > 0]
    if study.settings.urban_from_grid and group_counted(study.demand, standard) in ("urban", "rural"):
        notes.append(URBAN_FROM_GRID_NOTE)
    if study.reporting_level and rows["area_code"].isna().any():
        outside = float(rows["weight"][rows["area_code"].isna()].sum())
        notes.append(
            f"{outside:,.0f} 人不在任何区域，只计入总数 {outside:,.0f} people are outside all areas: they count in the "
            "total only"
        )
    return rows, notes


def group_counted(demand: pd.DataFrame, standard: TravelTime | Radius) -> PeopleGroup:
    """Return whom ``standard`` counts: its group of people, or all where it is unknown everywhere who belongs to it."""
    return "all" if _is_unknown(demand, standard.people) else standard.people


def column_of(group: PeopleGroup) -> str:
    """The column of demand that says who belongs to a group, other than all people."""
    return "urban" if group in ("urban", "rural") else group


def _is_unknown(demand: pd.DataFrame, group: PeopleGroup) -> bool:
    return group != "all" and bool(demand[column_of(group)].isna().all())


def people_weights(demand: pd.DataFrame, group: PeopleGroup) -> tuple[Float64Array, list[str]]:
    """Return how many people of ``group`` live at each demand point, shape (points,), and notes.

    Where it is unknown everywhere who belongs to the group, all people count, and a note says so.
    """
    population = demand["population"].to_numpy()
    if group == "all":
        return population, []
    if _is_unknown(demand, group):
        return population, [GROUP_UNKNOWN_NOTES[group]]
    column = column_of(group)
    unknown = demand[column].isna().to_numpy()
    people_unknown = float(population[unknown].sum())
    notes = []
    if people_unknown:
        notes.append(
            f"{people_unknown:,.0f} 人分类不详，不计入 {people_unknown:,.0f} people of unknown {column} do not count"
        )
    if column == "urban":
        return np.where(demand["urban"] == (1 if group == "urban" else 0), population, 0.0), notes
    return demand[group].fillna(0.0).to_numpy(), notes


def _cut_off_notes(travel: Travel, weight: pd.Series, mode: Mode) -> list[str]:
    """Note how many people start from another street than the nearest, because that one leads nowhere."""
    island_skipped = pd.Series(travel.demand_points(mode).island_skipped, index=travel.study.demand.index)
    people = float(weight[island_skipped[weight.index]].sum())
    if not people:
        return []
    return [
        f"{people:,.0f} 人最近的街道不与路网相通，改从其他街道出发 "
        f"the street nearest to {people:,.0f} people is cut off from the network: they start from another"
    ]


def areas_with_facility(
    travel: Travel, standard: Presence, facilities: gpd.GeoDataFrame, notes: list[str]
) -> CountedUnits:
    """The rows of the units of ``standard``; those are inside in which one of ``facilities`` is."""
    study = travel.study
    areas = study.areas
    units = areas[areas["level"] == standard.units]
    codes = facilities["area_code"].dropna()
    # A facility in a village is in its town as well.
    codes_with_facility = set(codes) | set(areas["parent"].reindex(codes).dropna())
    inside = units.index.isin(codes_with_facility)
    rows = pd.DataFrame(
        {
            "area_code": study.reporting_codes(units.index.to_series()),
            "weight": 1.0,
            "inside": inside,
            "beyond": np.where(inside, 0.0, np.inf),
            "reason": reasons.where(~inside, "无 has none"),
        },
        index=units.index,
    )
    outside = int((~facilities["area_code"].isin(areas.index)).sum())
    if outside:
        notes = [
            *notes,
            f"{outside} 处设施不在已知区域内 {outside} facilities are in no known area and count for no unit",
        ]
    return CountedUnits(rows, LEVELS[standard.units][1], facilities, notes)


def _openings(
    travel: Travel, standard: Opened, facilities: gpd.GeoDataFrame, notes: list[str], day: date
) -> CountedUnits:
    is_known = bool(facilities["opened"].notna().any())
    later = opened_after(facilities, day)
    in_period = opened_in(facilities, standard)
    planned = int((in_period & later).sum())
    facilities, inside = facilities.loc[~later], in_period[~later]
    rows = pd.DataFrame(
        {
            "area_code": travel.study.reporting_codes(facilities["area_code"]),
            "weight": 1.0,
            "inside": inside,
            "beyond": 0.0,
            "reason": None,
        },
        index=facilities.index,
    )
    if planned:
        notes = [
            *notes,
            f"{planned} 处登记为期内稍后开办，尚不计入 {planned} are registered to open later in the period and do not "
            "count yet",
        ]
    unknown = int(facilities["opened"].isna().sum())
    if unknown and is_known:
        notes = [
            *notes,
            f"{unknown} 处设施开办日期不详，不计为新开 "
            f"{unknown} of {len(facilities)} facilities have no opening date and are not counted as opened",
        ]
    elif unknown:
        notes = [
            *notes,
            f"{unknown} 处设施的开办日期都不详，无法评价：请导入带开办日期的名单 no opening date of the {unknown} "
            "facilities is known, so this cannot be measured: import a list with opening dates",
        ]
    return CountedUnits(rows, "facilities", facilities, notes, is_known=is_known)


def opened_after(facilities: gpd.GeoDataFrame, day: date) -> BoolArray:
    """Whether each facility is known to open after ``day`` only, shape (facilities,)."""
    return np.array([opened is not None and opened > day for opened in facilities["opened"]], dtype=bool)


def opened_in(facilities: gpd.GeoDataFrame, standard: Opened) -> BoolArray:
    """Whether each facility is known to have opened in the standard's period, shape (facilities,)."""
    inside = [day is not None and standard.since <= day <= standard.until for day in facilities["opened"]]
    return np.array(inside, dtype=bool)
