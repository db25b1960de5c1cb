"""Scenarios: facilities added, moved, closed or changed, and what that does to the standards, compared with today.

A scenario counts as a register does into which the same changes are imported: what it adds opens on the day of the
answer, and what it closes closes on that day. `geo.traveltime.updates` searches only what the changes touch.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from geo.arrays import AnyArray, Float64Array
from geo.errors import FieldError
from geo.measures import counting, coverage, gaps
from geo.measures.counting import CountedUnits
from geo.measures.coverage import AreaShare, Coverage
from geo.measures.gaps import Gaps
from geo.measures.scenario_changes import Changed
from geo.measures.scenario_document import Scenario
from geo.measures.standing import FacilitiesAfter, Standing, StandingPeople
from geo.study.settings import Speeds
from geo.study.standards import Presence, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

MAX_PACED_STANDARDS = 5
"""How many standards of travel time a scenario may have at other speeds, which are computed anew."""


@dataclass(frozen=True)
class AreaChange:
    """One area before and after, and how much of the standard's unit gains and loses in it."""

    code: str
    name: str
    before: AreaShare
    after: AreaShare
    gained: float
    lost: float


@dataclass(frozen=True)
class PlaceChange:
    """How much of the standard's unit gains and loses in one smallest unit; None for what lies outside all areas."""

    area_code: str | None
    name: str | None
    gained: float
    lost: float


@dataclass(frozen=True)
class Comparison:
    """One standard before a scenario and after it.

    ``gained`` counts what was outside the standard and is inside after it, ``lost`` the opposite. ``places`` has the
    smallest units where anything changes, the largest change first. ``gaps`` are those that remain; None if they were
    not asked for.
    """

    before: Coverage
    after: Coverage
    gained: float
    lost: float
    areas: list[AreaChange]
    places: list[PlaceChange]
    gaps: Gaps | None


def chosen_standards(study: Study, scenario: Scenario, categories: Collection[str]) -> list[Standard]:
    """The standards that the scenario names, else those of ``categories``, in the study's order.

    Raises
    ------
    FieldError
        A standard is unknown or named twice, or none is about the categories.
    """
    known = [standard.id for standard in study.standards]
    if scenario.standards is None:
        standards = [standard for standard in study.standards if standard.category in categories]
        if not standards:
            names = ", ".join(sorted(categories))
            raise FieldError([("standards", f"standards: no standard of this study is about {names}: name some")])
        return standards
    counts = Counter(scenario.standards)
    problems = [f"standards: unknown standard {name!r}; known: {', '.join(known)}" for name in counts.keys() - {*known}]
    problems += [f"standards: {name!r} is named twice" for name, count in counts.items() if count > 1]
    if problems:
        raise FieldError(("standards", problem) for problem in sorted(problems))
    return [standard for standard in study.standards if standard.id in counts]


def chosen_speeds(travel: Travel, scenario: Scenario, standards: Sequence[Standard]) -> Speeds | None:
    """The speeds that the scenario asks for; None if these are the usual ones.

    Raises
    ------
    FieldError
        A speed changes none of ``standards``, or there are more of travel time than `MAX_PACED_STANDARDS`, or a mode
        that takes ferries has another speed than the study's slower and faster ones.
    """
    usual = travel.study.settings.speeds
    paces = {} if scenario.speeds is None else scenario.speeds.paces
    by_time = [standard for standard in standards if isinstance(standard, TravelTime)]
    modes = {mode for standard in by_time for mode in (standard.mode, *standard.alternatives)}
    problems = [
        (f"speeds.{mode}", f"speeds: none of the scenario's standards depends on the speed of {mode}")
        for mode in paces
        if mode not in modes
    ]
    if paces and len(by_time) > MAX_PACED_STANDARDS:
        reason = f"speeds: at most {MAX_PACED_STANDARDS} standards of travel time at once; there are {len(by_time)}"
        problems.append(("standards", reason))
    for mode, pace in paces.items():
        known = [usual.pace(mode), *usual.slower_and_faster_pace(mode)]
        if pace not in known and travel.has_ferries(mode):
            choices = ", ".join(f"{number:g}" for number in known)
            reason = f"speeds: {mode} takes ferries here, which keep their speed: only {choices} can be computed"
            problems.append((f"speeds.{mode}", reason))
    if problems:
        raise FieldError(problems)
    speeds = usual.with_paces(paces)
    return None if speeds == usual else speeds


def compare(changed: Changed, standing: Standing, day: date, most_gaps: int | None = None) -> Comparison:
    """Compare a standard as it stands on ``day`` with the changed facilities.

    ``most_gaps`` is how many of the remaining gaps are described; None: all. With 0 they are not computed.
    """
    facilities = standing.facilities_after(changed, day) if standing.people else None
    if standing.people is not None and facilities is not None:
        return _compare_people(standing.people, standing, changed, facilities, most_gaps)
    travel, standard, old, summary = standing.travel, standing.standard, standing.counted, standing.coverage
    updated = travel.updating(old.facilities)
    new = counting.count_units(updated, changed.facilities, standard, day)
    if new.land is not None and old.land is not None:
        new = replace(new, land=new.land.updating(old.land))
    result = compare_counted(travel.study, standard, (old, summary), (new, coverage.summarise(updated, standard, new)))
    return result if most_gaps == 0 else replace(result, gaps=gaps.measure(travel, standard, new, most_gaps))


def compare_counted(
    study: Study, standard: Standard, before: tuple[CountedUnits, Coverage], after: tuple[CountedUnits, Coverage]
) -> Comparison:
    """Compare what ``standard`` counts before and after something, without the gaps that remain."""
    (old, old_coverage), (new, new_coverage) = before, after
    table = _gains(study, standard, old, new)
    by_area, by_unit = (table.groupby(name)[["gained", "lost"]].sum() for name in ("area_code", "unit"))
    areas = [
        AreaChange(area.code, area.name, area, later, *_numbers(by_area, area.code))
        for area, later in zip(old_coverage.areas, new_coverage.areas, strict=True)
    ]
    gained, lost = (round(float(table[name].sum()), 1) for name in ("gained", "lost"))
    places = _places(study, by_unit.index.to_numpy(), by_unit["gained"].to_numpy(), by_unit["lost"].to_numpy())
    return Comparison(old_coverage, new_coverage, gained, lost, areas, places, None)


def _compare_people(
    people: StandingPeople, standing: Standing, changed: Changed, facilities: FacilitiesAfter, most_gaps: int | None
) -> Comparison:
    """`compare` of a standard that counts people."""
    after = people.after(changed, facilities)
    gains = np.where(after.inside & ~people.inside, people.weight, 0.0)
    losses = np.where(people.inside & ~after.inside, people.weight, 0.0)
    areas = [
        AreaChange(area.code, area.name, area, later, round(float(gained), 1), round(float(lost), 1))
        for area, later, gained, lost in zip(
            standing.coverage.areas,
            after.coverage.areas,
            people.by_area(gains),
            people.by_area(losses),
            strict=True,
        )
    ]
    places = _places(standing.travel.study, people.units, people.by_unit(gains), people.by_unit(losses))
    gained, lost = (round(float(numbers.sum()), 1) for numbers in (gains, losses))
    remaining = None
    if most_gaps != 0:
        finder = people.finder
        records, count = finder.find(after.gaps, finder.groups(~after.inside, people.groups), most_gaps)
        remaining = Gaps(
            records, count, "people", "minutes" if standing.standard.measure == "travel_time" else "metres"
        )
    return Comparison(standing.coverage, after.coverage, gained, lost, areas, places, remaining)


def _places(study: Study, codes: AnyArray, gains: Float64Array, losses: Float64Array) -> list[PlaceChange]:
    """The smallest units where anything changes, the largest change first; the empty code is outside all areas."""
    names = study.areas["name"]
    places = [
        PlaceChange(str(codes[row]) or None, names.get(codes[row]), *(round(float(n[row]), 1) for n in (gains, losses)))
        for row in np.flatnonzero(gains + losses)
    ]
    return sorted(places, key=lambda place: -(place.gained + place.lost))


def _gains(study: Study, standard: Standard, old: CountedUnits, new: CountedUnits) -> pd.DataFrame:
    """What gains and loses, one row for each row of either, with its area at the reporting level and smallest unit."""
    rows = pd.concat([new.rows, old.rows.loc[~old.rows.index.isin(new.rows.index)]])
    before, after = (
        counted.rows["inside"].reindex(rows.index, fill_value=False).to_numpy(dtype=bool) for counted in (old, new)
    )
    if new.unit == "people":
        unit = study.demand["area_code"].reindex(rows.index)
    elif isinstance(standard, Presence):
        unit = rows.index.to_series()
    else:
        unit = pd.concat([old.facilities, new.facilities])["area_code"].groupby(level=0).last().reindex(rows.index)
    return pd.DataFrame(
        {
            "gained": np.where(after & ~before, rows["weight"], 0.0),
            "lost": np.where(before & ~after, rows["weight"], 0.0),
            "area_code": rows["area_code"].fillna("").to_numpy(),
            "unit": unit.fillna("").to_numpy(),
        }
    )


def _numbers(sums: pd.DataFrame, code: object) -> tuple[float, float]:
    """What gains and loses in an area, in tenths as coverage is."""
    if code not in sums.index:
        return 0.0, 0.0
    gained, lost = sums.loc[code]
    return round(float(gained), 1), round(float(lost), 1)
