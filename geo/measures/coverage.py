"""Coverage: the share of people, units or facilities that meet a standard, in total and by area.

Everybody counts: people whom no street reaches stay in the total, as not covered.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.arrays import Float64Array
from geo.choices import Mode
from geo.geodesy.distance import TOLERANCE_M
from geo.study import facilities as facility_register
from geo.study import standards, streets
from geo.study.areas import LEVELS
from geo.study.standards import Opened, Presence, Radius, Standard, TravelTime
from geo.traveltime import straight_line
from geo.traveltime import travel as traveltime
from geo.traveltime.travel import Travel

TOLERANCE_MIN = traveltime.TOLERANCE_S / 60.0
SLOPE_NOTE = "步行计入坡度 slopes count on foot"
PEOPLE_NOTES = {
    "urban": "城乡不可分，全部人口计入 urban and rural cannot be told apart here: all people count",
    "rural": "城乡不可分，全部人口计入 urban and rural cannot be told apart here: all people count",
    "children_3_6": "儿童数不详，全部人口计入 the number of children is not known here: all people count",
    "elders_65": "老人数不详，全部人口计入 the number of elders is not known here: all people count",
}


@dataclass(frozen=True)
class AreaShare:
    """How one area stands: ``total`` and ``covered`` in the standard's unit, ``people`` living there in all."""

    code: str
    name: str
    people: float
    total: float
    covered: float
    share: float | None


@dataclass(frozen=True)
class Alternative:
    """The same standard by another mode or speed; ``speed_kph`` is None for driving (each street's own)."""

    mode: Mode
    speed_kph: float | None
    covered: float
    share: float | None


@dataclass(frozen=True)
class Unreachable:
    """Why some of the total have no travel time: ``count`` of them, in the standard's unit."""

    reason: str
    count: float


@dataclass(frozen=True)
class Coverage:
    """Where a place stands on one standard.

    ``total`` and ``covered`` count the ``unit``; ``people`` is ``total`` where the unit is people. ``share`` is
    covered / total, but for `opened`, where ``target`` is a count, covered / target. What does not apply is None.
    """

    standard: str
    name: str
    name_en: str
    source: str
    measure: str
    category: str
    method: str | None
    mode: Mode | None
    speed_kph: float | None
    minutes: float | None
    metres: float | None
    since: date | None
    until: date | None
    unit: str
    total: float
    covered: float
    share: float | None
    target: float | None
    targets: list[float]
    meets_target: bool | None
    people: float | None
    facilities: int
    areas: list[AreaShare]
    alternatives: list[Alternative]
    unreachable: list[Unreachable]
    notes: list[str]
    sample: bool
    data_date: date | None
    study: str


@dataclass(frozen=True)
class Count:
    """What a standard counts, one row each, before it is summed.

    Attributes
    ----------
    rows : DataFrame
        ``area_code`` (at the reporting level, or None), ``weight`` (people, or 1), ``inside`` (bool), ``beyond``
        (minutes or metres past the limit; 0 inside, infinity out of reach) and ``reason`` (why out of reach, or None);
        where the unit is people, indexed like the study's demand, rows of no weight left out.
    unit : people, towns, villages or facilities
    chosen : the facilities that counted
    """

    rows: pd.DataFrame
    unit: str
    chosen: gpd.GeoDataFrame
    notes: list[str]


def measure(travel: Travel, facilities: gpd.GeoDataFrame, standard: Standard, on: date) -> Coverage:
    """How the study stands on ``standard`` with those of ``facilities`` that stand on the day ``on``."""
    return summarise(travel, standard, count(travel, facilities, standard, on))


def count(travel: Travel, facilities: gpd.GeoDataFrame, standard: Standard, on: date) -> Count:
    """What ``standard`` counts, row by row; `measure` sums it."""
    chosen, notes = standards.select(facilities, standard)
    if not isinstance(standard, Opened):  # openings count even of what has closed since
        chosen = facility_register.existing_on(chosen, on)
    match standard:
        case TravelTime():
            times = travel.demand_times(chosen, standard.mode)
            values = times.seconds / 60.0
            rows, more = _people(travel, standard, values, standard.minutes, TOLERANCE_MIN, times.reason)
            if travel.method == "straight-line":
                detour = travel.study.settings.detour
                more = [*more, f"无街道数据，按直线 × {detour:g} no streets here: straight line × {detour:g}"]
            else:
                more = [*more, *_moved(travel, rows["weight"], standard.mode)]
                if streets.sloped(travel.study.streets) and "walk" in (standard.mode, *standard.alternatives):
                    more.append(SLOPE_NOTE)
            return Count(rows, "people", chosen, notes + more)
        case Radius():
            demand = travel.study.demand
            metres, _ = straight_line.nearest(
                chosen, demand["lon"].to_numpy(), demand["lat"].to_numpy(), travel.study.settings.projection
            )
            reason = traveltime.reason_where(np.isinf(metres), traveltime.NO_FACILITIES)
            rows, more = _people(travel, standard, metres, standard.metres, TOLERANCE_M, reason)
            return Count(rows, "people", chosen, notes + more)
        case Presence():
            return _units(travel, standard, chosen, notes)
        case Opened():
            return _openings(travel, standard, chosen, notes)


def _moved(travel: Travel, weight: pd.Series, mode: Mode) -> list[str]:
    """A note on those who do not start from the street nearest to them, since that is on a small island."""
    moved = pd.Series(travel.demand_points(mode).island_skipped, index=travel.study.demand.index)
    people = float(weight[moved[weight.index]].sum())
    if not people:
        return []
    return [
        f"{people:,.0f} 人最近的街道不与路网相通，改从其他街道出发 "
        f"the street nearest to {people:,.0f} people is cut off from the network: they start from another"
    ]


def _people(
    travel: Travel,
    standard: TravelTime | Radius,
    values: Float64Array,
    limit: float,
    tolerance: float,
    reason: NDArray[Any],
) -> tuple[pd.DataFrame, list[str]]:
    study = travel.study
    weight, notes = _weights(study.demand, standard.people)
    inside = values <= limit + tolerance
    rows = pd.DataFrame(
        {
            "area_code": study.reporting_codes(study.demand["area_code"]),
            "weight": weight,
            "inside": inside,
            "beyond": np.where(inside, 0.0, values - limit),
            "reason": reason,
        },
        index=study.demand.index,
    )
    rows = rows[rows["weight"] > 0]
    if study.reporting_level and rows["area_code"].isna().any():
        notes.append("部分人口不在任何区域，只计入总数 some people are outside all areas: they count in the total only")
    return rows, notes


def _weights(demand: pd.DataFrame, people: standards.People) -> tuple[Float64Array, list[str]]:
    population = demand["population"].to_numpy()
    if people == "all":
        return population, []
    column = "urban" if people in ("urban", "rural") else people
    unknown = demand[column].isna().to_numpy()
    if unknown.all():
        return population, [PEOPLE_NOTES[people]]
    lost = float(population[unknown].sum())
    notes = [f"{lost:,.0f} 人分类不详，不计入 {lost:,.0f} people of unknown {column} do not count"] if lost else []
    if column == "urban":
        return np.where(demand["urban"] == (1 if people == "urban" else 0), population, 0.0), notes
    return demand[people].fillna(0.0).to_numpy(), notes


def _units(travel: Travel, standard: Presence, chosen: gpd.GeoDataFrame, notes: list[str]) -> Count:
    study = travel.study
    areas = study.areas
    units = areas[areas["level"] == standard.units]
    codes = chosen["area_code"].dropna()
    # A facility in a village is in its town as well.
    have = set(codes) | set(areas["parent"].reindex(codes).dropna())
    inside = units.index.isin(have)
    rows = pd.DataFrame(
        {
            "area_code": study.reporting_codes(units.index.to_series()),
            "weight": 1.0,
            "inside": inside,
            "beyond": np.where(inside, 0.0, np.inf),
            "reason": traveltime.reason_where(~inside, "无 has none"),
        },
        index=units.index,
    )
    nowhere = int((~chosen["area_code"].isin(areas.index)).sum())
    if nowhere:
        notes = [
            *notes,
            f"{nowhere} 处设施不在已知区域内 {nowhere} facilities are in no known area and count for no unit",
        ]
    return Count(rows, LEVELS[standard.units][1], chosen, notes)


def _openings(travel: Travel, standard: Opened, chosen: gpd.GeoDataFrame, notes: list[str]) -> Count:
    inside = [day is not None and standard.since <= day <= standard.until for day in chosen["opened"]]
    rows = pd.DataFrame(
        {
            "area_code": travel.study.reporting_codes(chosen["area_code"]),
            "weight": 1.0,
            "inside": np.array(inside, dtype=bool),
            "beyond": 0.0,
            "reason": None,
        },
        index=chosen.index,
    )
    unknown = int(chosen["opened"].isna().sum())
    if unknown:
        notes = [
            *notes,
            f"{unknown} 处设施开办日期不详，不计为新开 "
            f"{unknown} of {len(chosen)} facilities have no opening date and are not counted as opened",
        ]
    return Count(rows, "facilities", chosen, notes)


def summarise(travel: Travel, standard: Standard, counted: Count) -> Coverage:
    """The sums of ``counted``, in total and by area, with all that makes the number defensible."""
    about, rows = travel.study.settings, counted.rows
    total, covered = float(rows["weight"].sum()), float(rows["weight"][rows["inside"]].sum())
    share = _share(covered, standard.target if isinstance(standard, Opened) else total)
    target = standard.target
    timed = standard if isinstance(standard, TravelTime) else None
    people = counted.unit == "people"
    lost = rows[np.isinf(rows["beyond"])] if people else rows.iloc[:0]
    return Coverage(
        standard=standard.id,
        name=standard.name,
        name_en=standard.name_en,
        source=standard.source,
        measure=standard.measure,
        category=standard.category,
        method=travel.method if timed else "geodesic" if isinstance(standard, Radius) else None,
        mode=timed.mode if timed else None,
        speed_kph=travel.speed_kph(timed.mode) if timed else None,
        minutes=timed.minutes if timed else None,
        metres=standard.metres if isinstance(standard, Radius) else None,
        since=standard.since if isinstance(standard, Opened) else None,
        until=standard.until if isinstance(standard, Opened) else None,
        unit=counted.unit,
        total=_rounded(total),
        covered=_rounded(covered),
        share=share,
        target=target,
        targets=list(getattr(standard, "targets", ())) or ([target] if target is not None else []),
        meets_target=_meets(standard, covered, total),
        people=_rounded(total) if people else None,
        facilities=len(counted.chosen),
        areas=by_area(travel, counted),
        alternatives=_alternatives(travel, counted.chosen, timed) if timed else [],
        unreachable=[
            Unreachable(str(reason), _rounded(float(weight)))
            for reason, weight in lost.groupby("reason")["weight"].sum().items()
        ],
        notes=[*counted.notes, *([standard.note] if standard.note else [])],
        sample=about.sample,
        data_date=about.data_date,
        study=about.name,
    )


def by_area(travel: Travel, counted: Count) -> list[AreaShare]:
    """How each area of the study's reporting level stands, in the areas' order."""
    study, rows = travel.study, counted.rows
    weight = rows["weight"].groupby(rows["area_code"]).sum()
    covered = rows["weight"].where(rows["inside"], 0.0).groupby(rows["area_code"]).sum()
    people = study.demand["population"].groupby(study.reporting_codes(study.demand["area_code"])).sum()
    areas = study.areas[study.areas["level"] == study.reporting_level]
    return [
        AreaShare(
            code=code,
            name=name,
            people=_rounded(float(people.get(code, 0.0))),
            total=_rounded(float(weight.get(code, 0.0))),
            covered=_rounded(float(covered.get(code, 0.0))),
            share=None
            if counted.unit == "facilities"
            else _share(float(covered.get(code, 0.0)), float(weight.get(code, 0.0))),
        )
        for code, name in areas["name"].items()
    ]


def _alternatives(travel: Travel, chosen: gpd.GeoDataFrame, standard: TravelTime) -> list[Alternative]:
    speeds = travel.study.settings.speeds
    weight, _ = _weights(travel.study.demand, standard.people)
    alternatives = []
    for mode in dict.fromkeys((standard.mode, *standard.alternatives)):
        paces: list[float | None] = [None]
        if mode == "walk":
            paces = [speeds.walk_kph, speeds.walk_slower_kph, speeds.walk_faster_kph]
        if mode == standard.mode:
            del paces[0]  # the headline itself
        if not paces:
            continue
        times = travel.demand_times(chosen, mode)
        for kph in paces:
            # On foot the whole trip goes at one speed, so its time is inversely proportional to it.
            seconds = times.seconds * (speeds.walk_kph / kph if kph else 1.0)
            covered = float(weight[seconds / 60.0 <= standard.minutes + TOLERANCE_MIN].sum())
            alternatives.append(
                Alternative(
                    mode, kph or travel.speed_kph(mode), _rounded(covered), _share(covered, float(weight.sum()))
                )
            )
    return alternatives


def _meets(standard: Standard, covered: float, total: float) -> bool | None:
    if standard.target is None or (not total and not isinstance(standard, Opened)):
        return None
    return covered >= standard.target if isinstance(standard, Opened) else covered / total >= standard.target


def _share(covered: float, total: float | None) -> float | None:
    return round(covered / total, 6) if total else None


def _rounded(number: float) -> float:
    # A tenth of a person: sums of rasters have no more meaning, and the same sum always prints the same.
    return round(number, 1)
