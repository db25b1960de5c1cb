"""Coverage: which share of people, areas or facilities meets a standard, in total and by area.

`geo.measures.counting` decides which rows meet the standard; this module sums them. Everybody counts: people whom no
street reaches stay in the total, as not covered.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.arrays import Float64Array, ObjectArray
from geo.choices import Mode
from geo.measures import counting
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.measures.residential_land import LandCover
from geo.study.land import OPENSTREETMAP
from geo.study.standards import Opened, PeopleGroup, Radius, RadiusClass, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

TARGET_TOLERANCE = 1e-9
"""How far a share may be below its target, relative to it, and still meet it: less than one person of a billion."""


@dataclass(frozen=True)
class AreaShare:
    """The result of one area: ``total`` and ``covered`` count the standard's unit, ``people`` all its residents."""

    code: str
    name: str
    people: float
    total: float
    covered: float
    share: float | None


@dataclass(frozen=True)
class Alternative:
    """The same standard by another mode or speed; ``speed_kph`` is None for driving (each street has its own)."""

    mode: Mode
    speed_kph: float | None
    covered: float
    share: float | None


@dataclass(frozen=True)
class Unreachable:
    """How many people have no travel time for one ``reason``."""

    reason: str
    count: float


@dataclass(frozen=True)
class AreaLand:
    """The residential land of one area: in total, within the radius, and the ratio of both."""

    code: str
    name: str
    hectares: float
    covered_hectares: float
    share: float | None


@dataclass(frozen=True)
class LandShare:
    """How much residential land (居住用地) lies within the radius of a facility: the figure that norms count.

    ``share`` is covered_hectares / hectares. It and ``meets_target`` are None where nothing is known of the facilities.
    ``areas`` are those of the reporting level; land outside all of them counts in the total only.
    """

    hectares: float
    covered_hectares: float
    share: float | None
    meets_target: bool | None
    source: str
    areas: list[AreaLand]


@dataclass(frozen=True)
class Coverage:
    """The result of one standard for the whole study.

    ``total`` and ``covered`` count the ``unit``; ``people`` is ``total`` where the unit is people. ``share`` is
    covered / total. For a standard of openings ``target`` is a count, and ``share`` is covered / target. A field that
    does not apply to the standard is None.

    ``people_group`` is the group of people that the standard names, and ``people_counted`` the group that ``total`` and
    ``covered`` count: all people, where it is unknown who belongs to the group. ``residents`` are all people of the
    study. ``known`` is false where no list says anything about the facilities: ``covered`` is then 0, and ``share`` and
    ``meets_target`` are None.

    ``radius_by_area`` are the classes of a standard of radius that has some, the largest first; ``metres`` is then the
    radius of facilities of unknown size. ``residential_land`` is None where the study has no such land.
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
    people_group: PeopleGroup | None
    people_counted: PeopleGroup | None
    residents: float
    known: bool
    radius_by_area: list[RadiusClass]
    residential_land: LandShare | None


def measure(travel: Travel, facilities: gpd.GeoDataFrame, standard: Standard, day: date) -> Coverage:
    """Return the coverage of ``standard`` with those of ``facilities`` that exist on ``day``."""
    return summarise(travel, standard, counting.count_units(travel, facilities, standard, day))


def summarise(travel: Travel, standard: Standard, counted: CountedUnits) -> Coverage:
    """Sum ``counted`` in total and by area, and state with it how the numbers were made."""
    settings, rows, known = travel.study.settings, counted.rows, counted.is_known
    total, covered = float(rows["weight"].sum()), float(rows["weight"][rows["inside"]].sum())
    target = standard.target
    travel_time = standard if isinstance(standard, TravelTime) else None
    opened = standard if isinstance(standard, Opened) else None
    radius = standard if isinstance(standard, Radius) else None
    return Coverage(
        standard=standard.id,
        name=standard.name,
        name_en=standard.name_en,
        source=standard.source,
        measure=standard.measure,
        category=standard.category,
        method=travel.method if travel_time else "geodesic" if radius else None,
        mode=travel_time.mode if travel_time else None,
        speed_kph=travel.speed_kph(travel_time.mode) if travel_time else None,
        minutes=travel_time.minutes if travel_time else None,
        metres=radius.metres if radius else None,
        since=opened.since if opened else None,
        until=opened.until if opened else None,
        unit=counted.unit,
        total=_round(total),
        covered=_round(covered),
        share=share_of(covered, opened.target if opened else total, None if opened else target) if known else None,
        target=target,
        targets=list(getattr(standard, "targets", ())) or ([target] if target is not None else []),
        meets_target=_meets_target(standard, covered, total) if known else None,
        people=_round(total) if counted.unit == "people" else None,
        facilities=len(counted.facilities),
        areas=by_area(travel, counted),
        alternatives=_alternatives(travel, counted, travel_time) if travel_time else [],
        unreachable=_unreachable(counted),
        notes=[*counted.notes, *_land_notes(counted), *([standard.note] if standard.note else [])],
        sample=settings.sample,
        data_date=settings.data_date,
        study=settings.name,
        people_group=getattr(standard, "people", None),
        people_counted=counted.people_counted,
        residents=_round(float(travel.study.demand["population"].sum())),
        known=known,
        radius_by_area=list(radius.radius_by_area) if radius else [],
        residential_land=land_share(travel.study, counted, counted.land, radius) if radius else None,
    )


def land_share(study: Study, counted: CountedUnits, cover: LandCover | None, standard: Radius) -> LandShare | None:
    """The share of residential land within the radius, in total and by area; None if no such land is known.

    ``cover`` is that of ``counted``, or of the same standard after changes.
    """
    if cover is None:
        return None
    land, known = cover.land, counted.is_known
    total, covered = float(land.hectares.sum()), float(cover.hectares.sum())
    table = pd.DataFrame({"hectares": land.hectares, "covered": cover.hectares})
    sums = table.groupby(study.land_areas.to_numpy()).sum()
    areas = []
    for code, name in study.areas["name"][study.areas["level"] == study.reporting_level].items():
        hectares, covered_there = (float(sums[column].get(code, 0.0)) for column in ("hectares", "covered"))
        share = share_of(covered_there, hectares) if known else None
        areas.append(AreaLand(code, name, _round_hectares(hectares), _round_hectares(covered_there), share))
    return LandShare(
        _round_hectares(total),
        _round_hectares(covered),
        share_of(covered, total, standard.target) if known else None,
        _meets_target(standard, covered, total) if known else None,
        land.source,
        areas,
    )


def _land_notes(counted: CountedUnits) -> list[str]:
    """What a reader should know of the residential land: that OpenStreetMap's may be incomplete, or the source."""
    if counted.land is None:
        return []
    land = counted.land.land
    hectares = float(land.hectares.sum())
    if OPENSTREETMAP in land.source:
        return [
            f"居住用地 {hectares:,.1f} 公顷取自 OpenStreetMap，未绘制的不计 "
            f"{hectares:,.1f} hectares of residential land are OpenStreetMap's: what nobody has drawn there is missing"
        ]
    words = f"居住用地 {hectares:,.1f} 公顷取自 {land.source}"
    return [f"{words} {hectares:,.1f} hectares of residential land are from {land.source}"]


def by_area(travel: Travel, counted: CountedUnits) -> list[AreaShare]:
    """Return the result of each area at the study's reporting level, in the order of the study's areas."""
    study, rows = travel.study, counted.rows
    total = rows["weight"].groupby(rows["area_code"]).sum()
    covered = rows["weight"].where(rows["inside"], 0.0).groupby(rows["area_code"]).sum()
    people = study.demand["population"].groupby(study.demand_areas).sum()
    areas = study.areas[study.areas["level"] == study.reporting_level]
    # A target number of openings belongs to the whole place, not to an area.
    has_shares = counted.is_known and counted.unit != "facilities"
    result = []
    for code, name in areas["name"].items():
        area_total, area_covered = float(total.get(code, 0.0)), float(covered.get(code, 0.0))
        result.append(
            AreaShare(
                code=code,
                name=name,
                people=_round(float(people.get(code, 0.0))),
                total=_round(area_total),
                covered=_round(area_covered),
                share=share_of(area_covered, area_total) if has_shares else None,
            )
        )
    return result


def _alternatives(travel: Travel, counted: CountedUnits, standard: TravelTime) -> list[Alternative]:
    def seconds_by(mode: Mode) -> Float64Array:
        return travel.demand_times(counted.facilities, mode).seconds

    weight, _ = counting.people_weights(travel.study.demand, standard.people)
    return alternatives(travel, standard, seconds_by, weight, counted.is_known)


def alternatives(
    travel: Travel,
    standard: TravelTime,
    seconds_by: Callable[[Mode], Float64Array],
    weight: Float64Array,
    is_known: bool = True,
) -> list[Alternative]:
    """Return the coverage by the standard's other modes, and for walking also at the slower and the faster speed.

    ``seconds_by`` gives the seconds of every demand point to its nearest facility by a mode, ``weight`` is how many
    people of the standard's group live there.
    """
    speeds = travel.study.settings.speeds
    total, result = float(weight.sum()), []
    for mode in dict.fromkeys((standard.mode, *standard.alternatives)):
        speeds_kph: list[float | None] = [None]
        if mode == "walk":
            speeds_kph = [speeds.walk_kph, speeds.walk_slower_kph, speeds.walk_faster_kph]
        if mode == standard.mode:
            del speeds_kph[0]  # the standard's own result
        if not speeds_kph:
            continue
        seconds = seconds_by(mode)
        for kph in speeds_kph:
            # On foot the whole trip goes at one speed, so its time is inversely proportional to it.
            scale = speeds.walk_kph / kph if kph else 1.0
            covered = float(weight[seconds * scale / 60.0 <= standard.minutes + TOLERANCE_MIN].sum())
            share = share_of(covered, total) if is_known else None
            result.append(Alternative(mode, kph or travel.speed_kph(mode), _round(covered), share))
    return result


def after_changes(
    before: Coverage, standard: TravelTime | Radius, covered: float, total: float, areas: list[AreaShare]
) -> Coverage:
    """Return ``before`` with other people ``covered`` out of the same ``total``, in all and by area."""
    return replace(
        before,
        covered=_round(covered),
        share=share_of(covered, total, standard.target),
        meets_target=_meets_target(standard, covered, total),
        areas=areas,
    )


def area_after_changes(before: AreaShare, covered: float, total: float) -> AreaShare:
    """Return the result of an area with other people ``covered`` out of the same ``total``."""
    return replace(before, covered=_round(covered), share=share_of(covered, total))


def _unreachable(counted: CountedUnits) -> list[Unreachable]:
    if counted.unit != "people" or not counted.is_known:
        return []
    out_of_reach = counted.rows[np.isinf(counted.rows["beyond"])]
    return by_reason(out_of_reach["reason"].to_numpy(), out_of_reach["weight"].to_numpy())


def by_reason(reason: ObjectArray, weight: Float64Array) -> list[Unreachable]:
    """Count the people out of reach by reason; ``reason`` and ``weight`` have the shape (rows,)."""
    reasons, at = np.unique(reason.astype(str), return_inverse=True)
    people = np.bincount(at, weight, len(reasons))
    return [Unreachable(str(text), _round(float(count))) for text, count in zip(reasons, people, strict=True)]


def meets(value: float, target: float) -> bool:
    """Whether a share, or a count of openings, reaches its target: a target met exactly is met.

    Sums of fractions are not exact (8.1 / 9.0 is less than 0.9), so values are compared with `TARGET_TOLERANCE`.
    """
    return value >= target * (1.0 - TARGET_TOLERANCE)


def _meets_target(standard: Standard, covered: float, total: float) -> bool | None:
    if standard.target is None or (not total and not isinstance(standard, Opened)):
        return None
    return meets(covered if isinstance(standard, Opened) else covered / total, standard.target)


def share_of(covered: float, total: float | None, target: float | None = None) -> float | None:
    """The share with six decimals; with all of them where rounding would make it reach the target that it misses."""
    if not total:
        return None
    share = covered / total
    rounded = round(share, 6)
    return share if target is not None and meets(rounded, target) and not meets(share, target) else rounded


def _round_hectares(number: float) -> float:
    return round(number, 2)


def _round(number: float) -> float:
    # A tenth of a person: sums of rasters have no more meaning, and the same sum always prints the same.
    return round(number, 1)
