"""Scenarios: facilities added, moved, closed or changed, and what that does to the standards, compared with today.

A scenario counts as a register does into which the same changes are imported: what it adds opens on the day of the
answer, and what it closes closes on that day. `geo.traveltime.updates` searches only what the changes touch.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.choices import Mode
from geo.errors import FieldError
from geo.geodesy import datums
from geo.geodesy.distance import distances_outside
from geo.lists.locations import MAX_KM_OUTSIDE
from geo.measures import counting, coverage, gaps
from geo.measures.counting import CountedUnits
from geo.measures.coverage import AreaShare, Coverage
from geo.measures.gaps import Gaps
from geo.measures.scenario_document import ALLOWED, ATTRIBUTES, REQUIRED, Change, Scenario
from geo.study import area_codes
from geo.study import facilities as study_facilities
from geo.study.facilities import FIELDS, Fields
from geo.study.standards import Presence, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

NEW_ID = "scenario-{number}"
"""The id of an added facility that has none: the number of its change, from 1."""


@dataclass(frozen=True)
class Changed:
    """The facilities with the changes of a scenario applied, and the rows that it places somewhere.

    Attributes
    ----------
    facilities : a frame of all facilities, open and closed
    categories : those that the changes touch
    placed : the added and moved facilities: the number of the change, from 0, of each id
    """

    facilities: gpd.GeoDataFrame
    categories: frozenset[str]
    placed: dict[str, int]


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
        A standard is unknown or named twice, none is about the categories, or other speeds are asked for.
    """
    if scenario.speeds:
        reason = "speeds: other speeds are not computed; “alternatives” of each coverage has slower and faster walking"
        raise FieldError([("speeds", reason)])
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


def apply(
    facilities: gpd.GeoDataFrame, changes: Sequence[Change], study: Study, day: date, coordinates: str = "wgs84"
) -> Changed:
    """Apply ``changes``, whose positions are in the system ``coordinates``, to the facilities of a register.

    Raises
    ------
    FieldError
        Changes that cannot work; the message says which and why.
    """
    problems: list[tuple[str, str]] = []
    rows: dict[str, tuple[Fields, shapely.Geometry]] = {}
    placed: dict[str, int] = {}
    for number, change in enumerate(changes):
        facility_id = change.id or NEW_ID.format(number=number + 1)
        try:
            if facility_id in rows:
                raise FieldError([("id", f"id {facility_id!r} is changed twice: put both into one change")])
            _check_members(change)
            rows[facility_id] = _changed_row(facilities, facility_id, change, study, day, coordinates)
        except FieldError as error:
            problems += [(f"changes[{number}].{name}", f"change {number + 1}: {text}") for name, text in error.problems]
            continue
        if change.action in ("add", "move"):
            placed[facility_id] = number
    if problems:
        raise FieldError(problems)
    shapes = [shape for _, shape in rows.values()]
    frame = study_facilities.from_records([fields | {"id": name} for name, (fields, _) in rows.items()], shapes)
    moved = frame.index.isin(list(placed))
    settled = area_codes.settle(
        study.areas, study.settings.projection, [None] * int(moved.sum()), frame.geometry[moved].to_numpy()
    )
    frame.loc[moved, "area_code"] = np.array([code for code, _ in settled], dtype=object)
    unchanged = facilities.loc[~facilities.index.isin(frame.index)]
    all_facilities = pd.concat([unchanged, frame]) if len(unchanged) else frame
    return Changed(all_facilities.sort_index(), frozenset(frame["category"]), placed)


def _check_members(change: Change) -> None:
    """FieldError if a change lacks a member that its action needs, or has one that it does not take."""
    given = change.model_fields_set - {"action"}
    missing = [name for name in REQUIRED[change.action] if getattr(change, name) is None]
    problems = [(name, f"{change.action} needs {name}") for name in missing]
    misplaced = sorted(name for name in given - {*ALLOWED[change.action]} if getattr(change, name) is not None)
    hints = {"lon": ": use move", "lat": ": use move", "category": ": close it and add another"}
    problems += [
        (name, f"{change.action} does not take {name}{hints.get(name, '') if change.action == 'change' else ''}")
        for name in misplaced
    ]
    if change.action == "change" and not given & {*ATTRIBUTES}:
        problems.append(("action", f"change needs one of {', '.join(ATTRIBUTES)}"))
    if problems:
        raise FieldError(problems)


def _changed_row(
    facilities: gpd.GeoDataFrame, facility_id: str, change: Change, study: Study, day: date, coordinates: str
) -> tuple[Fields, shapely.Geometry]:
    """The fields and geometry of a facility after ``change``; FieldError if that cannot work."""
    given = {name: getattr(change, name) for name in change.model_fields_set & {*ATTRIBUTES}}
    if change.action == "add":
        if facility_id in facilities.index:
            raise FieldError([("id", f"id {facility_id!r} is a facility's already: give another, or none")])
        properties = {"id": facility_id, "category": change.category, "opened": day, "provenance": "scenario", **given}
        fields = study_facilities.validate_fields(properties, study.categories)
        _check_subtype(study, fields)
        return fields, _position(change, study, coordinates)
    if facility_id not in facilities.index:
        raise FieldError([("id", f"there is no facility with the id {facility_id!r}")])
    row = facilities.loc[facility_id]
    old = {name: row[name] for name in FIELDS if name != "id"} | {"id": facility_id}
    if old["closed"] is not None and old["closed"] <= day:
        raise FieldError([("id", f"facility {facility_id!r} is closed already, since {old['closed']}")])
    if old["opened"] is not None and old["opened"] > day:
        raise FieldError([("id", f"facility {facility_id!r} has not opened yet; it opens on {old['opened']}")])
    if change.action == "close":
        return old | {"closed": day}, row["geometry"]
    if change.action == "move":
        return old, _position(change, study, coordinates)
    fields = study_facilities.validate_fields(old | given, study.categories)
    if "subtype" in given:
        _check_subtype(study, fields)
    return fields, row["geometry"]


def _check_subtype(study: Study, fields: Fields) -> None:
    category = study.categories[fields["category"]]
    if fields["subtype"] is not None and fields["subtype"] not in category.subtypes:
        known = ", ".join(category.subtypes) or "none"
        reason = f"unknown subtype {fields['subtype'][:60]!r} of {category.id}; known: {known}"
        raise FieldError([("subtype", reason)])


def _position(change: Change, study: Study, coordinates: str) -> shapely.Point:
    """The WGS84 position of a change; FieldError if it is no place in the study's territory or near it."""
    lon, lat = float(change.lon or 0.0), float(change.lat or 0.0)
    if abs(lat) <= 90 and _km_outside(study, lon, lat, coordinates) <= MAX_KM_OUTSIDE:
        return shapely.Point(datums.position_to_wgs84(lon, lat, coordinates))
    where = f"position {lon:g}, {lat:g}"
    if abs(lon) <= 90 and _km_outside(study, lat, lon, coordinates) <= MAX_KM_OUTSIDE:
        raise FieldError([("lon", f"{where}: longitude and latitude are swapped")])
    if abs(lat) > 90:
        raise FieldError([("lat", f"{where} is not a longitude and latitude in degrees")])
    far = _km_outside(study, lon, lat, coordinates)
    raise FieldError([("lon", f"{where} lies {far:,.0f} km outside the territory of {study.settings.name}")])


def _km_outside(study: Study, lon: float, lat: float, coordinates: str) -> float:
    point = shapely.Point(datums.position_to_wgs84(lon, lat, coordinates))
    if study.territory.intersects(point):
        return 0.0
    return float(distances_outside(study.territory, np.array([point]))[0]) / 1000


def check_reachable(travel: Travel, changed: Changed, standards: Sequence[Standard]) -> None:
    """FieldError if a standard of travel time counts an added or moved facility that no street reaches."""
    if travel.method == "straight-line" or not changed.placed:
        return
    frame = changed.facilities.loc[list(changed.placed)]
    problems: dict[str, tuple[str, str]] = {}
    for mode, category in {(s.mode, s.category) for s in standards if isinstance(s, TravelTime)}:
        of_category = frame[frame["category"] == category]
        stretches = travel.network(mode).edge_stretches(of_category.geometry.to_numpy())
        for name in of_category.index[~np.isin(np.arange(len(of_category)), stretches.facility)]:
            problems[name] = _out_of_reach(changed.placed[name], mode, travel.study.settings.max_connector_m)
    if problems:
        raise FieldError(problems[name] for name in changed.placed if name in problems)


def _out_of_reach(number: int, mode: Mode, metres: float) -> tuple[str, str]:
    reason = f"change {number + 1}: no street for {mode} within {metres:g} m: nobody could get there"
    return f"changes[{number}].lon", reason


def compare(
    travel: Travel,
    changed: Changed,
    standard: Standard,
    before: tuple[CountedUnits, Coverage],
    day: date,
    most_gaps: int | None = None,
) -> Comparison:
    """Compare ``before``, the rows and coverage of ``standard`` on ``day``, with those of the changed facilities.

    ``most_gaps`` is how many of the remaining gaps are described; None: all. With 0 they are not computed, which takes
    longer than everything else.
    """
    old, summary = before
    updated = travel.updating(old.facilities)
    new = counting.count_units(updated, changed.facilities, standard, day)
    if new.land is not None and old.land is not None:
        new = replace(new, land=new.land.updating(old.land))
    after = coverage.summarise(updated, standard, new)
    table = _gains(travel.study, standard, old, new)
    by_area, by_unit = (table.groupby(name)[["gained", "lost"]].sum() for name in ("area_code", "unit"))
    areas = [
        AreaChange(area.code, area.name, area, later, *_numbers(by_area, area.code))
        for area, later in zip(summary.areas, after.areas, strict=True)
    ]
    names = travel.study.areas["name"]
    places = [
        PlaceChange(str(code) or None, names.get(code), *_numbers(by_unit, code))
        for code, row in by_unit.iterrows()
        if row.any()
    ]
    places.sort(key=lambda place: -(place.gained + place.lost))
    gained, lost = (round(float(table[name].sum()), 1) for name in ("gained", "lost"))
    remaining = None if most_gaps == 0 else gaps.measure(travel, standard, new, most_gaps)
    return Comparison(summary, after, gained, lost, areas, places, remaining)


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
