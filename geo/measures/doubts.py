"""Doubts: what the data of a study do not say, and the lowest and the highest result that this leaves possible.

A result takes each unknown to be one way: a clinic of unknown subtype does not count, say. The range of a doubt has the
results that are possible if each single facility or person in doubt may be either way. A way that no street shows is
taken to be impossible at worst, and at best as straight over land, at the mode's usual speed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.arrays import BoolArray, Float64Array
from geo.geodesy.distance import TOLERANCE_M
from geo.measures import counting
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.study import facilities as study_facilities
from geo.study import opening_hours
from geo.study.standards import Opened, Presence, Radius, Standard, TravelTime
from geo.traveltime import straight_line
from geo.traveltime.travel import Travel

Ids = frozenset[str]


@dataclass(frozen=True)
class Tally:
    """A result: ``total`` and ``covered`` count the standard's unit; ``share`` is None if there is nothing to count."""

    total: float
    covered: float
    share: float | None


@dataclass(frozen=True)
class Doubt:
    """One unknown.

    Attributes
    ----------
    id, name, name_en : what is unknown
    count : how many facilities or people, as ``unit`` says, it is unknown of
    of_standard : whether the standard itself depends on it; opening hours and capacity are questions beyond it
    lowest, highest : the results that are possible; None where the unknown leaves any result possible
    """

    id: str
    name: str
    name_en: str
    count: float
    unit: str
    of_standard: bool
    lowest: Tally | None
    highest: Tally | None


@dataclass(frozen=True)
class Open:
    """What is open, as it is not known: ids of facilities, and arrays of shape (points,) or (1,) of the demand.

    Attributes
    ----------
    may_not_count, may_count : facilities that the result counts and that it does not
    off_streets : facilities that no street reaches
    without_unit, without_date : facilities whose area or whose opening date is unknown
    off_network : demand points from which no street leads to a facility
    people_may_count, people_may_not_count : people that the result does not count and that it does
    """

    may_not_count: Ids = frozenset()
    may_count: Ids = frozenset()
    off_streets: Ids = frozenset()
    without_unit: Ids = frozenset()
    without_date: Ids = frozenset()
    off_network: BoolArray = field(default_factory=lambda: np.zeros(1, dtype=bool))
    people_may_count: Float64Array = field(default_factory=lambda: np.zeros(1))
    people_may_not_count: Float64Array = field(default_factory=lambda: np.zeros(1))

    def __or__(self, other: "Open") -> "Open":
        """What is open in either."""
        pairs = {name.name: (getattr(self, name.name), getattr(other, name.name)) for name in fields(Open)}
        return Open(
            **{name: np.maximum(a, b) if isinstance(a, np.ndarray) else a | b for name, (a, b) in pairs.items()}
        )


@dataclass(frozen=True)
class Doubts:
    """The doubts of one result, with the ranges of several at once.

    ``together`` has the lowest and the highest result of all doubts that the standard depends on, ``strict`` of all.
    """

    single: list[Doubt]
    together: tuple[Tally, Tally]
    strict: tuple[Tally, Tally]


@dataclass(frozen=True)
class Case:
    """One result and what it was computed from.

    Attributes
    ----------
    category : all facilities of the standard's category, open and closed
    counted, headline : the result's rows and its sums
    day : the day that the result is of
    """

    travel: Travel
    standard: Standard
    category: gpd.GeoDataFrame
    counted: CountedUnits
    headline: Tally
    day: date

    @property
    def pool(self) -> gpd.GeoDataFrame:
        """The facilities that may count: those that stand on the day, or that had opened where openings count."""
        if isinstance(self.standard, Opened):
            return self.category[~counting.opened_after(self.category, self.day)]
        return study_facilities.existing_on(self.category, self.day)


@dataclass(frozen=True)
class _Question:
    """A doubt without its range; ``is_open`` is None where any result is possible."""

    id: str
    name: str
    name_en: str
    count: float
    unit: str
    is_open: Open | None
    of_standard: bool = True


def measure(case: Case) -> Doubts:
    """The doubts of a result, each with its range, and the ranges of several together."""
    single, together, strict = [], Open(), Open()
    for question in _questions(case):
        lowest: Tally | None = case.headline
        highest: Tally | None = case.headline
        if question.is_open is None:
            lowest = highest = None
        elif question.count:
            lowest, highest = possible(case, question.is_open)
            strict = strict | question.is_open
            together = together | question.is_open if question.of_standard else together
        what = (question.id, question.name, question.name_en, question.count, question.unit, question.of_standard)
        single.append(Doubt(*what, lowest, highest))
    return Doubts(single, possible(case, together), possible(case, strict))


def possible(case: Case, is_open: Open) -> tuple[Tally, Tally]:
    """The lowest and the highest result that are possible."""
    facilities = case.counted.facilities
    fewest = facilities[~facilities.index.isin(is_open.may_not_count)]
    pool = case.pool
    extra = pool[pool.index.isin(is_open.may_count) & ~pool.index.isin(facilities.index)]
    most = pd.concat([facilities, extra]) if len(extra) else facilities
    match case.standard:
        case TravelTime() | Radius():
            return _people(case, case.standard, (fewest, most), is_open)
        case Presence():
            standard = case.standard
            return _units(case, standard, fewest, frozenset()), _units(case, standard, most, is_open.without_unit)
        case Opened():
            return _openings(case.standard, fewest, frozenset()), _openings(case.standard, most, is_open.without_date)


def _people(
    case: Case, standard: TravelTime | Radius, facilities: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame], is_open: Open
) -> tuple[Tally, Tally]:
    """The range of a share of people, with the fewest and with the most facilities."""
    travel, most = case.travel, facilities[1]
    inside, may_be_inside = (_reach(travel, frame, standard) for frame in facilities)
    if isinstance(standard, TravelTime):
        metres = standard.minutes * 60.0 * straight_line.speed_mps(travel.study.settings, standard.mode) + TOLERANCE_M
        if is_open.off_network.any():
            may_be_inside |= is_open.off_network & (travel.demand_distances(most).metres <= metres)
        unreached = most[most.index.isin(is_open.off_streets)]
        if len(unreached):
            may_be_inside |= travel.demand_distances(unreached).metres <= metres
    weight, _ = counting.people_weights(travel.study.demand, standard.people)
    certain, doubtful = weight - is_open.people_may_not_count, is_open.people_may_not_count + is_open.people_may_count
    # The share is lowest if of those in doubt just those count who are outside, and highest with those inside.
    lowest = _tally(certain + np.where(inside, 0.0, doubtful), inside)
    highest = _tally(certain + np.where(may_be_inside, doubtful, 0.0), may_be_inside)
    # If that leaves nobody, everybody is in doubt and all of them are inside, or all outside.
    lowest = lowest if lowest.total else _tally(certain + doubtful, inside)
    return lowest, highest if highest.total else _tally(certain + doubtful, may_be_inside)


def _reach(travel: Travel, facilities: gpd.GeoDataFrame, standard: TravelTime | Radius) -> BoolArray:
    """Which demand points are within the standard's limit, shape (points,)."""
    if isinstance(standard, Radius):
        frame, radii = counting.with_radii(facilities, standard)
        metres, limit, _ = counting.straight_distances(travel, frame, radii, standard.metres)
        return metres <= limit + TOLERANCE_M
    return travel.demand_times(facilities, standard.mode).seconds / 60.0 <= standard.minutes + TOLERANCE_MIN


def _tally(people: Float64Array, inside: BoolArray) -> Tally:
    total, covered = float(people.sum()), float(people[inside].sum())
    return Tally(round(total, 1), round(covered, 1), round(covered / total, 6) if total else None)


def _units(case: Case, standard: Presence, facilities: gpd.GeoDataFrame, without_unit: Ids) -> Tally:
    """How many units have a facility if each of those ``without_unit`` is in a unit that has none, where it can be.

    A facility of which only the town is known may be in any village of it, and others may be anywhere.
    """
    rows = counting.areas_with_facility(case.travel, standard, facilities, []).rows
    unlocated = facilities.loc[facilities.index.isin(without_unit), "area_code"]
    lacking = rows.loc[~rows["inside"], "area_code"].value_counts()
    in_town = unlocated[unlocated.isin(case.travel.study.areas.index)].value_counts()
    gained = float(np.minimum(lacking, in_town.reindex(lacking.index).fillna(0)).sum())
    anywhere = float(len(unlocated) - in_town.sum())
    total, covered = float(len(rows)), float(rows["inside"].sum())
    covered = min(total, covered + gained + anywhere)
    return Tally(total, covered, round(covered / total, 6) if total else None)


def _openings(standard: Opened, facilities: gpd.GeoDataFrame, without_date: Ids) -> Tally:
    covered = float((counting.opened_in(facilities, standard) | facilities.index.isin(without_date)).sum())
    return Tally(float(len(facilities)), covered, round(covered / standard.target, 6) if standard.target else None)


def _questions(case: Case) -> Iterator[_Question]:
    """The doubts that can matter for a standard, also those of which nothing is in doubt here."""
    counted, standard = case.counted.facilities, case.standard
    if standard.subtypes:
        yield _subtypes(case)
    if isinstance(standard, Opened):
        undated = _ids(counted, counted["opened"].isna())
        yield _of_facilities("opening_date", "开办日期不详", "opening date is not known", Open(without_date=undated))
        return
    if isinstance(standard, Presence):
        areas = case.travel.study.areas
        smaller = areas["parent"].reindex(counted["area_code"].to_numpy()).to_numpy()
        units = areas.index[areas["level"] == standard.units]
        elsewhere = _ids(counted, ~counted["area_code"].isin(units) & ~pd.Series(smaller, counted.index).isin(units))
        yield _of_facilities("unit", "所在村镇不详", "its unit is not known", Open(without_unit=elsewhere))
    else:
        if isinstance(standard, TravelTime) and case.travel.method == "network":
            yield from _off_streets(case, standard)
        yield from _people_in_doubt(case, standard)
    hours = [text is None or not opening_hours.is_readable(text) for text in counted["opening_hours"]]
    is_open = Open(may_not_count=_ids(counted, np.array(hours, dtype=bool)))
    yield _of_facilities("opening_hours", "开放时间不详", "opening hours are not known", is_open, False)
    is_open = Open(may_not_count=_ids(counted, counted["capacity"].isna()))
    yield _of_facilities("capacity", "容量不详", "capacity is not known", is_open, False)


def _ids(facilities: gpd.GeoDataFrame, chosen: BoolArray | pd.Series) -> Ids:
    return frozenset(facilities.index[np.asarray(chosen, dtype=bool)])


def _of_facilities(name: str, zh: str, en: str, is_open: Open, of_standard: bool = True) -> _Question:
    sets = (is_open.may_not_count, is_open.may_count, is_open.off_streets, is_open.without_unit, is_open.without_date)
    count = float(sum(map(len, sets)))
    return _Question(name, f"设施{zh}", f"facilities: {en}", count, "facilities", is_open, of_standard)


def _subtypes(case: Case) -> _Question:
    """Facilities of unknown subtype; where no other is known, the result counts them, else it does not."""
    known = case.travel.study.categories[case.standard.category].subtypes
    if not case.category["subtype"].isin(case.standard.subtypes).any():
        is_open = Open(may_not_count=_ids(case.counted.facilities, np.ones(len(case.counted.facilities), dtype=bool)))
        return _of_facilities("subtype", "细分不详，均已计入", "subtype is not known, and all count", is_open)
    is_open = Open(may_count=_ids(case.pool, ~case.pool["subtype"].isin(known)))
    return _of_facilities("subtype", "细分不详，均未计入", "subtype is not known, and none counts", is_open)


def _off_streets(case: Case, standard: TravelTime) -> Iterator[_Question]:
    """Facilities that no street reaches, and people from whom no street leads to a facility."""
    travel, counted = case.travel, case.counted.facilities
    reached = np.zeros(len(case.pool), dtype=bool)
    stretches = travel.network(standard.mode).edge_stretches(case.pool.geometry.to_numpy())
    reached[stretches.facility] = True
    is_open = Open(off_streets=_ids(case.pool, ~reached) & frozenset(counted.index))
    metres = travel.study.settings.max_connector_m
    zh, en = f"附近 {metres:g} 米内无街道", f"no street within {metres:g} m"
    yield _of_facilities("facility_street", zh, en, is_open)
    weight, _ = counting.people_weights(travel.study.demand, standard.people)
    no_street = travel.demand_points(standard.mode).edge < 0
    no_route = np.isinf(travel.demand_times(counted, standard.mode).seconds) & ~no_street
    for name, off, words in (
        ("people_street", no_street, (f"人口{zh}", f"people: {en}")),
        ("people_route", no_route, ("人口所在街道不通任何设施", "people: their streets lead to no facility")),
    ):
        yield _Question(name, *words, round(float(weight[off].sum()), 1), "people", Open(off_network=off))


def _people_in_doubt(case: Case, standard: TravelTime | Radius) -> Iterator[_Question]:
    """People outside all areas, who may belong to the place or not, and people of whom the group is unknown."""
    study = case.travel.study
    weight, _ = counting.people_weights(study.demand, standard.people)
    if study.reporting_level:
        outside = np.where(study.demand_areas.isna(), weight, 0.0)
        is_open = Open(people_may_not_count=outside)
        count = round(float(outside.sum()), 1)
        yield _Question("people_area", "人口不在任何区域", "people outside all areas", count, "people", is_open)
    if standard.people != "all":
        zh, en = counting.GROUP_COLUMNS[counting.column_of(standard.people)]
        population = study.demand["population"].to_numpy()
        unknown = np.where(study.demand[counting.column_of(standard.people)].isna(), population, 0.0)
        nobody_knows = counting.group_counted(study.demand, standard) != standard.people
        words = (f"人口{zh}不详", f"people of whom {en} is not known")
        count = round(float(unknown.sum()), 1)
        yield _Question(
            "people_group", *words, count, "people", None if nobody_knows else Open(people_may_count=unknown)
        )
