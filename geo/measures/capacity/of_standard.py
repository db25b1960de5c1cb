"""The capacity of the facilities of a standard against the people within its limit.

For each place and area: capacity per 1,000 people, and how many people are served, in reach but without a place, in
reach of facilities whose capacity nobody states, and out of reach. For each facility: how many people come to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.arrays import BoolArray, Float64Array
from geo.errors import UnknownNameError
from geo.geodesy.distance import TOLERANCE_M
from geo.measures.capacity import allocation, floating_catchment, reach
from geo.measures.capacity.floating_catchment import LUO_AND_QI
from geo.measures.capacity.pairs import Pairs
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.study.categories import Category
from geo.study.standards import Radius, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

Assumption: TypeAlias = Literal["none", "median"]
"""What counts as the capacity of a facility that states none: nothing, or the median of its subtype."""

PER_PEOPLE = 1000
SPLIT = ("served", "served_nearest_first", "full", "capacity_unknown")
"""The columns that need to know how many people one unit of capacity serves."""
POINT_COLUMNS = ("people", "accessibility", *SPLIT, "out_of_reach")
FACILITY_COLUMNS = (
    *("name", "subtype", "area_code", "capacity", "is_assumed", "people_in_reach", "weighted_people", "ratio", "load"),
    *("assigned", "free"),
)


@dataclass(frozen=True)
class AreaCapacity:
    """The people of one area, or of the whole study.

    ``total`` counts the standard's people. ``accessibility`` is capacity per 1,000 of them; None if there are none, or
    if no capacity is known. ``served`` + ``full`` + ``capacity_unknown`` + ``out_of_reach`` = ``total``; the first
    three, and ``served_nearest_first``, are None without a split.
    """

    code: str | None
    name: str | None
    total: float
    accessibility: float | None
    served: float | None
    served_nearest_first: float | None
    full: float | None
    capacity_unknown: float | None
    out_of_reach: float


@dataclass(frozen=True)
class Capacity:
    """The capacity of one standard.

    Attributes
    ----------
    points : DataFrame
        One row for each place where people of the standard are, with the index of the study's demand, the columns
        `POINT_COLUMNS`, and ``town``, the code of the reporting area. `SPLIT` are NaN without a split.
    facilities : GeoDataFrame
        One row for each facility that counts, with `FACILITY_COLUMNS` and its geometry, the heaviest load first, then
        those without a load. NaN is unknown.
    total : the whole study
    areas : each area at the reporting level, in the study's order
    stated, assumed, unstated : how many facilities state their capacity, are assumed to have one, or have none
    capacity : the sum of what counts
    weights, zones : of the floating catchment; ``zones`` are the outer edges in minutes or metres, for facilities whose
        limit is that of the standard; where facilities have radii of their own, theirs are in proportion
    people_per_place : how many people one unit of capacity serves; None where the standard does not say
    has_split : whether people are split into served, full and unknown
    notes : what the reader must know, Chinese and English
    """

    points: pd.DataFrame
    facilities: gpd.GeoDataFrame
    total: AreaCapacity
    areas: list[AreaCapacity]
    stated: int
    assumed: int
    unstated: int
    capacity: float
    assumption: Assumption
    weights: tuple[float, ...]
    zones: tuple[float, ...]
    people_per_place: float | None
    has_split: bool
    notes: list[str]


def has_limit(standard: Standard) -> bool:
    """Whether people come to the facilities of a standard within a limit, which presence and openings do not have."""
    return isinstance(standard, TravelTime | Radius)


def measure(
    travel: Travel,
    standard: Standard,
    counted: CountedUnits,
    assumption: Assumption = "none",
    weights: Sequence[float] | None = None,
    most_pairs: int | None = None,
) -> Capacity:
    """Compare ``counted``, the rows and facilities of ``standard``, with the capacity of the facilities.

    Parameters
    ----------
    assumption : what counts where a facility states no capacity
    weights : of zones of equal width up to the limit, the nearest first; None: those of the standard, else `LUO_AND_QI`
    most_pairs : how many pairs of a place and a facility within the limit are allowed; None: any number

    Raises
    ------
    UnknownNameError
        The standard has no limit within which people come; the message names those that have.
    FieldError
        There are too many pairs.
    InputError
        The weights are no numbers from 0 to 1.
    """
    if not isinstance(standard, TravelTime | Radius):
        known = [other.id for other in travel.study.standards if has_limit(other)]
        raise UnknownNameError("standard with a limit of time or distance", standard.id, known)
    weights = floating_catchment.check_weights(weights or standard.catchment_weights or LUO_AND_QI)
    limit = standard.metres if isinstance(standard, Radius) else standard.minutes
    limits = standard.radii(counted.facilities) if isinstance(standard, Radius) else limit
    tolerance = (TOLERANCE_M if isinstance(standard, Radius) else TOLERANCE_MIN) / limit
    study, people = travel.study, counted.rows["weight"].to_numpy(dtype=np.float64)
    rows = study.demand.index.get_indexer(counted.rows.index).astype(np.int64)
    pairs = reach.of_standard(travel, standard, counted.facilities, rows, most_pairs)
    stated = counted.facilities["capacity"].astype(np.float64).to_numpy()
    capacity = _with_medians(counted.facilities, stated) if assumption == "median" else stated
    is_known = ~np.isnan(capacity)
    catchment = floating_catchment.of_pairs(
        pairs, people, np.where(is_known, capacity, 0.0), limits, weights, tolerance
    )
    has_numbers = is_known.any() or (counted.is_known and not len(is_known))  # all closed: their capacity is 0
    split_problem = _split_problem(standard, counted, is_known)
    places = capacity * (standard.people_per_place or np.nan)
    split = (
        None if split_problem else allocation.of_pairs(_only(pairs, is_known), people, np.where(is_known, places, 0.0))
    )
    is_inside = np.bincount(pairs.point, minlength=len(people)) > 0
    points = pd.DataFrame(
        {
            "people": people,
            "accessibility": catchment.accessibility * PER_PEOPLE if has_numbers else np.nan,
            **dict.fromkeys(SPLIT, np.nan),
            "out_of_reach": np.where(is_inside, 0.0, people),
            "town": counted.rows["area_code"].to_numpy(),
        },
        index=counted.rows.index,
    )
    facilities = _facilities(counted.facilities, capacity, stated, pairs, people, catchment.people)
    if split:
        unserved = np.where(is_inside, people - split.served, 0.0)
        may_be_served = np.bincount(pairs.point, ~is_known[pairs.facility], len(people)) > 0
        points["served"], points["served_nearest_first"] = split.served, split.served_nearest_first
        points["capacity_unknown"] = np.where(may_be_served, unserved, 0.0)
        points["full"] = np.where(may_be_served, 0.0, unserved)
        facilities["assigned"] = np.where(is_known, split.assigned, np.nan)
        facilities["free"] = np.where(is_known, places - split.assigned, np.nan)
    return Capacity(
        points,
        facilities.sort_values(["load", "people_in_reach"], ascending=False, kind="stable", na_position="last"),
        _sum(points, None, None, split is not None),
        _by_area(study, points, split is not None),
        stated=int((~np.isnan(stated)).sum()),
        assumed=int((np.isnan(stated) & is_known).sum()),
        unstated=int((~is_known).sum()),
        capacity=float(np.nansum(capacity)),
        assumption=assumption,
        weights=weights,
        zones=tuple(round(limit * zone / len(weights), 3) for zone in range(1, len(weights) + 1)),
        people_per_place=standard.people_per_place,
        has_split=split is not None,
        notes=[
            *_unstated_notes(study.categories[standard.category], counted.facilities, stated, capacity, assumption),
            *([split_problem] if split_problem else []),
            *counted.notes,
            *([standard.note] if standard.note else []),
        ],
    )


def _with_medians(facilities: gpd.GeoDataFrame, stated: Float64Array) -> Float64Array:
    """Capacities, with the median of the subtype where none is stated; facilities without a subtype are one group."""
    subtype = facilities["subtype"].fillna("").to_numpy()
    medians = pd.Series(stated).groupby(subtype).median()
    return np.where(np.isnan(stated), medians.reindex(subtype).to_numpy(dtype=np.float64), stated)


def _only(pairs: Pairs, is_known: BoolArray) -> Pairs:
    """The pairs of the facilities whose capacity is known."""
    rows = is_known[pairs.facility]
    return Pairs(pairs.point[rows], pairs.facility[rows], pairs.cost[rows], pairs.shape)


def _split_problem(standard: TravelTime | Radius, counted: CountedUnits, is_known: BoolArray) -> str | None:
    """Why people cannot be split into served and full; None if they can."""
    if not counted.is_known:
        return "没有设施资料，无法计算 no facilities are known, so nobody can be called served or not"
    if not is_known.any() and len(is_known):
        return (
            "没有一处写明容量，只能算可达人数：请导入带容量的名单 no facility states its capacity, so only people in "
            "reach are computed: import a list with capacities"
        )
    if standard.people_per_place is None:
        return (
            "标准未写明一个床位或学位服务多少人，因此只算可达性和负荷：请在 standards.toml 中写明 people_per_place 和 "
            "people_per_place_source the standard does not say how many people one unit of capacity serves, so only "
            "accessibility and load are computed: state people_per_place and people_per_place_source for it in "
            "standards.toml"
        )
    if counted.people_counted != standard.people and standard.people in ("children_3_6", "elders_65"):
        return (
            f"people_per_place 指的是 {standard.people}，其人数不详、全部人口计入，不算服务人数 people_per_place "
            f"is about {standard.people}, whose number is not known here (all people count), so nobody is called served"
        )
    return None


def _unstated_notes(
    category: Category,
    facilities: gpd.GeoDataFrame,
    stated: Float64Array,
    capacity: Float64Array,
    assumption: Assumption,
) -> list[str]:
    """How many facilities of which subtype state no capacity, and what counts instead."""
    notes = []
    table = pd.DataFrame(
        {"subtype": facilities["subtype"].fillna("").to_numpy(), "stated": stated, "capacity": capacity}
    )
    for subtype, rows in table[table["stated"].isna()].groupby("subtype"):
        zh, en = (
            category.subtypes.get(str(subtype), (str(subtype), str(subtype)))
            if subtype
            else (category.label, category.label_en.lower())
        )
        of_all = f"{len(rows)} / {int((table['subtype'] == subtype).sum())}"
        median = rows["capacity"].iloc[0]
        if median == median:
            notes.append(
                f"{zh} {of_all} 处未写容量，按同类中位数 {median:g} 计 {of_all} of the facilities “{en}” state no "
                f"capacity: each counts as the median of the others, {median:g}"
            )
        else:
            zh_why, en_why = ("，同类均未写", ", nor does any other") if assumption == "median" else ("", "")
            notes.append(
                f"{zh} {of_all} 处未写容量{zh_why}，不计 {of_all} of the facilities “{en}” state no capacity{en_why}; "
                "theirs does not count: it is more than what is computed"
            )
    return notes


def _facilities(
    frame: gpd.GeoDataFrame,
    capacity: Float64Array,
    stated: Float64Array,
    pairs: Pairs,
    people: Float64Array,
    weighted: Float64Array,
) -> gpd.GeoDataFrame:
    """The table of facilities without what the split says."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(weighted > 0, capacity / weighted * PER_PEOPLE, np.nan)
        load = np.where(capacity > 0, weighted / capacity, np.nan)
    columns = {
        "capacity": capacity,
        "is_assumed": np.isnan(stated) & ~np.isnan(capacity),
        "people_in_reach": np.bincount(pairs.facility, people[pairs.point], len(frame)),
        "weighted_people": weighted,
        "ratio": ratio,
        "load": load,
        "assigned": np.nan,
        "free": np.nan,
    }
    table = frame[["name", "subtype", "area_code", "geometry"]].assign(**columns)
    return cast(gpd.GeoDataFrame, table[[*FACILITY_COLUMNS, "geometry"]])


def _by_area(study: Study, points: pd.DataFrame, has_split: bool) -> list[AreaCapacity]:
    areas = study.areas[study.areas["level"] == study.reporting_level]
    by_town = dict(tuple(points.groupby("town")))
    nobody = points.iloc[:0]
    return [_sum(by_town.get(code, nobody), str(code), name, has_split) for code, name in areas["name"].items()]


def _sum(points: pd.DataFrame, code: str | None, name: str | None, has_split: bool) -> AreaCapacity:
    """The sums of some places in tenths of people.

    Running sums are rounded, so that the groups add up to the total, and all but the last to what is covered.
    """
    people = points["people"].sum()
    accessibility = (points["people"] * points["accessibility"]).sum(skipna=False) / people if people else np.nan
    groups = ["served", "capacity_unknown", "full"]
    inside = people - points["out_of_reach"].sum()
    until = np.cumsum(points[groups].sum().to_numpy())[:2] if has_split else np.full(2, np.nan)
    numbers = np.diff(np.round([0.0, *until, inside, people], 1))
    served, unknown, full = (round(float(number), 1) if has_split else None for number in numbers[:3])
    return AreaCapacity(
        code,
        name,
        total=round(float(people), 1),
        accessibility=None if np.isnan(accessibility) else round(float(accessibility), 4),
        served=served,
        served_nearest_first=round(float(points["served_nearest_first"].sum()), 1) if has_split else None,
        full=full,
        capacity_unknown=unknown,
        out_of_reach=round(float(np.round(people, 1) - np.round(inside, 1)), 1),
    )
