"""Applies the changes of a scenario to the facilities of a register, and says which of them cannot work.

What a scenario adds opens on the day of the answer, what it closes closes on that day, as if both were imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.choices import Mode
from geo.errors import FieldError
from geo.geodesy import datums
from geo.geodesy.distance import distances_outside
from geo.lists.locations import MAX_KM_OUTSIDE
from geo.measures.scenario_document import ALLOWED, ATTRIBUTES, REQUIRED, Change
from geo.study import facilities as study_facilities
from geo.study.facilities import FIELDS, Fields
from geo.study.standards import Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.stretches import EdgeStretches
from geo.traveltime.travel import Travel

NEW_ID = "scenario-{number}"
"""The id of an added facility that has none: the number of its change, from 1."""


@dataclass(frozen=True)
class ChangedFacility:
    """One facility after a scenario: its fields, its WGS84 geometry, and the number of its change, from 0."""

    id: str
    fields: Fields
    geometry: shapely.Geometry
    number: int
    is_placed: bool

    def counts_on(self, day: date) -> bool:
        """Whether it has opened by ``day`` and not closed by then."""
        opened, closed = self.fields["opened"], self.fields["closed"]
        return (opened is None or opened <= day) and (closed is None or closed > day)


@dataclass(frozen=True)
class Changed:
    """The facilities of a register with the changes of a scenario applied.

    Attributes
    ----------
    standing : a frame of all facilities before the changes, open and closed
    rows : the changed facilities, by id
    """

    standing: gpd.GeoDataFrame
    rows: dict[str, ChangedFacility]
    _stretches: dict[Mode, EdgeStretches] = field(default_factory=dict)

    @cached_property
    def categories(self) -> frozenset[str]:
        """The categories of the changed facilities."""
        return frozenset(row.fields["category"] for row in self.rows.values())

    @cached_property
    def placed(self) -> list[ChangedFacility]:
        """The added and the moved facilities."""
        return [row for row in self.rows.values() if row.is_placed]

    @cached_property
    def facilities(self) -> gpd.GeoDataFrame:
        """A frame of all facilities after the changes, open and closed."""
        records = [row.fields | {"id": name} for name, row in self.rows.items()]
        frame = study_facilities.from_records(records, [row.geometry for row in self.rows.values()])
        unchanged = self.standing.loc[~self.standing.index.isin(frame.index)]
        return (pd.concat([unchanged, frame]) if len(unchanged) else frame).sort_index()

    def stretches(self, travel: Travel, mode: Mode) -> EdgeStretches:
        """How the changed facilities are reached in the network of a mode; numbered in the order of ``rows``."""
        if mode not in self._stretches:
            shapes = np.array([row.geometry for row in self.rows.values()], dtype=object)
            self._stretches[mode] = travel.network(mode).edge_stretches(shapes)
        return self._stretches[mode]


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
    rows: dict[str, ChangedFacility] = {}
    for number, change in enumerate(changes):
        facility_id = change.id or NEW_ID.format(number=number + 1)
        try:
            if facility_id in rows:
                raise FieldError([("id", f"id {facility_id!r} is changed twice: put both into one change")])
            _check_members(change)
            fields, shape = _changed_row(facilities, facility_id, change, study, day, coordinates)
        except FieldError as error:
            problems += [(f"changes[{number}].{name}", f"change {number + 1}: {text}") for name, text in error.problems]
            continue
        rows[facility_id] = ChangedFacility(facility_id, fields, shape, number, change.action in ("add", "move"))
    if problems:
        raise FieldError(problems)
    _settle_areas(study, [row for row in rows.values() if row.is_placed])
    return Changed(facilities, rows)


def _settle_areas(study: Study, rows: Sequence[ChangedFacility]) -> None:
    """Give each added or moved facility the area in which it lies."""
    lon, lat = (np.array([axis(row.geometry) for row in rows], dtype=float) for axis in (shapely.get_x, shapely.get_y))
    for row, code in zip(rows, study.area_locator.locate(lon, lat), strict=True):
        row.fields["area_code"] = code


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
        raise FieldError([("id", f"there is no facility with the id {facility_id!r}: `fuwuquan export` lists the ids")])
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
    problems: dict[int, tuple[str, str]] = {}
    for mode, category in {(s.mode, s.category) for s in standards if isinstance(s, TravelTime)}:
        reached = set(changed.stretches(travel, mode).facility.tolist())
        for place, row in enumerate(changed.rows.values()):
            if row.is_placed and row.fields["category"] == category and place not in reached:
                problems[row.number] = _out_of_reach(row.number, mode, travel.study.settings.max_connector_m)
    if problems:
        raise FieldError(problem for _, problem in sorted(problems.items()))


def _out_of_reach(number: int, mode: Mode, metres: float) -> tuple[str, str]:
    reason = f"change {number + 1}: no street for {mode} within {metres:g} m: nobody could get there"
    return f"changes[{number}].lon", reason
