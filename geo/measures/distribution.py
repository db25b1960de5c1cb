"""Distribution: how many people are how far from a facility, and how equally these times or distances are spread.

The cumulative curve at a standard's own limit is what `geo.measures.coverage` calls covered. People who reach nothing
stay in the curve's total and in the percentiles, as infinitely far; the mean, the Gini coefficient and the Palma ratio
need finite numbers, so they describe those who reach a facility, and the number of the others stands beside them.

Sources: Gini (1912, Variabilità e mutabilità), from the Lorenz curve; Palma (2011, Development and Change 42(1)) and
Cobham and Sumner (2013, Center for Global Development, Working Paper 343) for the ratio named after Palma.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from geo.arrays import BoolArray, Float64Array
from geo.geodesy.distance import TOLERANCE_M
from geo.measures import counting
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.study.standards import Radius, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

PERCENTILES = (10, 25, 50, 75, 90, 95)
GROUP_NAMES = {
    "standard": ("标准计入人口", "people that the standard counts"),
    "all": ("全部常住人口", "all residents"),
    "urban": ("城镇人口", "urban people"),
    "rural": ("农村人口", "rural people"),
    "children_3_6": ("3–6岁儿童", "children of 3 to 6 years"),
    "elders_65": ("65岁以上老人", "elders of 65 years and more"),
}
MOST_STEPS = 120
"""How many steps the curve has at most, beside the limit and 0. Up to twice a limit of an hour these are minutes."""
_NICE = (1, 2, 5)
_SHARE_TOLERANCE = 1e-12
"""How far a cumulated share may be below a percentile, for rounding, and still reach it."""


@dataclass(frozen=True)
class Spread:
    """How far some people are from the nearest facility, in minutes or metres.

    Attributes
    ----------
    people : all of them; ``reached`` those who reach a facility; ``covered`` those within the limit (≤)
    share : covered / people; None if there is nobody, or if nothing is known of the facilities
    mean : of those who reach a facility; None if nobody does
    percentiles : by per cent, the least number within which so many of all people are; None if fewer reach a facility
    gini : 0 if all who reach a facility are equally far, towards 1 if few have all the way; None where the mean is none
        or 0
    palma : what the 10 % who are farthest travel, together, divided by what the 40 % who are nearest do; 0.25 if all
        are equally far; None where gini is None or the nearest travel nothing
    within : the people within each step of the curve (≤)
    """

    people: float
    reached: float
    covered: float
    share: float | None
    mean: float | None
    percentiles: dict[str, float | None]
    gini: float | None
    palma: float | None
    within: list[float]


@dataclass(frozen=True)
class GroupSpread:
    """The spread of one group of people, a key of `GROUP_NAMES`, and its Chinese and English name."""

    group: str
    name: str
    name_en: str
    spread: Spread


@dataclass(frozen=True)
class AreaSpread:
    """The spread of the people that the standard counts in one area."""

    code: str
    name: str
    spread: Spread


@dataclass(frozen=True)
class Distribution:
    """The distribution of travel times or distances of one standard.

    ``unit`` is minutes or metres, ``limit`` the standard's own in it, and ``steps`` those of the curve, in ascending
    order. All of them are None or empty for standards that count no people.
    """

    unit: str | None
    limit: float | None
    steps: list[float]
    groups: list[GroupSpread]
    areas: list[AreaSpread]
    notes: list[str]


def measure(travel: Travel, standard: Standard, counted: CountedUnits) -> Distribution:
    """Return the distribution of a standard whose rows are ``counted``: of each group of people, and by area."""
    if not isinstance(standard, TravelTime | Radius):
        note = "此标准不计人口，没有时间或距离 this standard counts no people: it has no times or distances"
        return Distribution(None, None, [], [], [], [note])
    study, rows = travel.study, counted.rows
    limits: Float64Array | float
    if isinstance(standard, TravelTime):
        values = travel.demand_times(counted.facilities, standard.mode).seconds / 60.0
        unit, limits, limit, tolerance = "minutes", standard.minutes, standard.minutes, TOLERANCE_MIN
    else:
        facilities, radii = counting.with_radii(counted.facilities, standard)
        values, limits, _ = counting.straight_distances(travel, facilities, radii, standard.metres)
        unit, limit, tolerance = "metres", standard.metres, TOLERANCE_M
    steps, inside = curve_steps(limit), values <= limits + tolerance
    own = rows["value"].to_numpy(), rows["weight"].to_numpy(), rows["inside"].to_numpy()

    def of(values: Float64Array, weight: Float64Array, inside: BoolArray) -> Spread:
        result = spread(values, weight, inside, steps, tolerance)
        return result if counted.is_known else replace(result, share=None)

    groups = [GroupSpread("standard", *GROUP_NAMES["standard"], of(*own))]
    groups += [
        GroupSpread(group, *GROUP_NAMES[group], of(values, weight, inside)) for group, weight in _groups(study.demand)
    ]
    areas = [
        AreaSpread(str(code), study.areas["name"][code], of(*(column[places] for column in own)))
        for code, places in rows.groupby("area_code").indices.items()
    ]
    order = {code: position for position, code in enumerate(study.areas.index)}
    areas.sort(key=lambda area: order[area.code])
    return Distribution(unit, limit, steps, groups, areas, _unknown_notes(study))


def curve_steps(limit: float) -> list[float]:
    """Steps from 0 to at least twice a limit, at most `MOST_STEPS` at equal distances of 1, 2, 5, 10…, and the limit.

    Twice a limit above 60 ends at 120 or a little more: with steps of 2, 5 and so on.
    """
    size = next(
        nice * 10.0**power for power in range(10) for nice in _NICE if 2 * limit <= nice * 10.0**power * MOST_STEPS
    )
    count = int(np.ceil(2 * limit / size))
    return sorted({*(number * size for number in range(count + 1)), limit})


def spread(
    values: Float64Array, weight: Float64Array, inside: BoolArray, steps: list[float], tolerance: float = 0.0
) -> Spread:
    """How far people are.

    Parameters
    ----------
    values : minutes or metres of each point, infinity where nothing is reached, shape (points,)
    weight : people at each point, shape (points,)
    inside : whether each point is within the standard's limit, shape (points,)
    steps : of the curve, in the unit of the values
    tolerance : how far a value may exceed a step and still be within it
    """
    covered = float(weight[inside].sum())
    order = np.argsort(values, kind="stable")
    order = order[weight[order] > 0]
    values, weight = values[order], weight[order]
    cumulated = np.concatenate([[0.0], np.cumsum(weight)])
    total = float(weight.sum())
    reached = np.isfinite(values)
    within = cumulated[np.searchsorted(values, np.array(steps) + tolerance, side="right")]
    gini, palma = inequality(values[reached], weight[reached])
    of_reached = float(weight[reached].sum())
    mean = float((values[reached] * weight[reached]).sum() / of_reached) if of_reached else None
    return Spread(
        people=round(total, 1),
        reached=round(of_reached, 1),
        covered=round(covered, 1),
        share=round(covered / total, 6) if total else None,
        mean=None if mean is None else round(mean, 3),
        percentiles={str(percent): _percentile(values, cumulated, percent) for percent in PERCENTILES},
        gini=gini,
        palma=palma,
        within=[round(float(people), 1) for people in within],
    )


def _percentile(values: Float64Array, cumulated: Float64Array, percent: int) -> float | None:
    """The least of the ascending ``values`` within which ``percent`` of the people are; None if it is infinite."""
    if not len(values):
        return None
    row = int(np.searchsorted(cumulated[1:], cumulated[-1] * percent / 100 * (1 - _SHARE_TOLERANCE)))
    value = float(values[min(row, len(values) - 1)])
    return round(value, 3) if np.isfinite(value) else None


def inequality(values: Float64Array, weight: Float64Array) -> tuple[float | None, float | None]:
    """The Gini coefficient and the Palma ratio of ascending finite values, each of ``weight`` people.

    Both come from the Lorenz curve: the share of all travel that the nearest part of the people has. The people of one
    point are equally far, so the curve is straight between points, and a point may be divided among the 40 % and the
    others. Both are None if there is nobody, or if nobody travels.
    """
    travelled = np.concatenate([[0.0], np.cumsum(values * weight)])
    people = np.concatenate([[0.0], np.cumsum(weight)])
    if not travelled[-1] > 0:
        return None, None
    gini = 1.0 - float(np.sum(weight * (travelled[1:] + travelled[:-1])) / (people[-1] * travelled[-1]))
    nearest, without_farthest = np.interp([0.4 * people[-1], 0.9 * people[-1]], people, travelled)
    palma = float((travelled[-1] - without_farthest) / nearest) if nearest > 0 else None
    return round(max(gini, 0.0), 6), None if palma is None else round(palma, 6)


def _groups(demand: pd.DataFrame) -> Iterator[tuple[str, Float64Array]]:
    """All residents, and each group of people that is known of some point: its name, and the people of each point."""
    people = demand["population"].to_numpy()
    yield "all", people
    if demand["urban"].notna().any():
        for name, is_urban in (("urban", 1), ("rural", 0)):
            yield name, np.where(demand["urban"] == is_urban, people, 0.0)
    for name in ("children_3_6", "elders_65"):
        if demand[name].notna().any():
            yield name, demand[name].fillna(0.0).to_numpy()


def _unknown_notes(study: Study) -> list[str]:
    """Remarks on people of whom it is not known whether they belong to a group that is known of others."""
    notes = []
    for column, (zh, en) in counting.GROUP_COLUMNS.items():
        unknown = study.demand[column].isna()
        people = float(study.demand["population"][unknown].sum())
        if people and not unknown.all():
            notes.append(
                f"{people:,.0f} 人{zh}不详，不在该组 {en} is not known of {people:,.0f} people: in no such group"
            )
    return notes
