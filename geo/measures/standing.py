"""A standard that counts people as it stands, prepared so that a scenario computes only what it changes.

A computation from scratch takes frames of all people and facilities apart and puts others together. Here that is done
once; after a change of facilities, only times are searched again, and what depends on them is summed from arrays. The
result equals that of `geo.measures.counting`, `geo.measures.coverage` and `geo.measures.gaps`; tests compare them.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import geopandas as gpd
import numpy as np

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.choices import Mode
from geo.geodesy.distance import TOLERANCE_M
from geo.measures import counting, coverage
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.measures.coverage import Coverage, LandShare
from geo.measures.gaps import GapFinder, PeopleBeyond
from geo.measures.grouping import Groups
from geo.measures.residential_land import LandCover
from geo.measures.scenario_changes import Changed, ChangedFacility
from geo.study import standards
from geo.study.standards import Radius, Standard, TravelTime
from geo.traveltime.stretches import EdgeStretches
from geo.traveltime.travel import Travel
from geo.traveltime.updates import FacilityChanges, Nearest


@dataclass(frozen=True)
class PeopleAfter:
    """A standard after the changes of a scenario.

    Attributes
    ----------
    coverage : the coverage after them
    inside : shape (rows,), whether the people of each row are within the limit
    gaps : what the gaps that remain are computed from
    """

    coverage: Coverage
    inside: BoolArray
    gaps: PeopleBeyond


@dataclass(frozen=True)
class FacilitiesAfter:
    """The facilities that count after a scenario.

    They are numbered as they stand, then the ``added`` ones.

    Attributes
    ----------
    kept : shape (facilities as they stand,), which of them count still, where they are
    added : those that count now and did not, or elsewhere
    notes : remarks on which subtypes count
    """

    kept: BoolArray
    added: list[ChangedFacility]
    notes: list[str]

    @cached_property
    def changes(self) -> FacilityChanges:
        """The changes, in this numbering."""
        rows = np.arange(len(self.kept))
        return FacilityChanges(np.where(self.kept, rows, -1), len(rows) + np.arange(len(self.added)))

    @property
    def count(self) -> int:
        """How many facilities count."""
        return int(self.kept.sum()) + len(self.added)


class Standing:
    """One standard as it stands.

    Parameters
    ----------
    travel, standard : what is measured
    counted, summary : the rows of the standard and its coverage
    facilities : a frame of the register's facilities of the standard's category at least, open and closed
    """

    def __init__(
        self, travel: Travel, standard: Standard, counted: CountedUnits, summary: Coverage, facilities: gpd.GeoDataFrame
    ) -> None:
        self.travel, self.standard, self.counted, self.coverage = travel, standard, counted, summary
        of_category = facilities[facilities["category"] == standard.category]
        self._subtype_of = {
            name: subtype if isinstance(subtype, str) else None for name, subtype in of_category["subtype"].items()
        }
        self._only_subtypes, self._notes = self._selection(Counter(self._subtype_of.values()))

    def _selection(self, subtypes: Counter[str | None]) -> tuple[bool, list[str]]:
        return standards.subtypes_that_count(subtypes, self.standard, self.travel.study.categories)

    @cached_property
    def people(self) -> "StandingPeople | None":
        """The people whom the standard counts; None where it counts something else.

        So it is of radii that depend on a park's size, and where nothing is known of the facilities.
        """
        has_classes = isinstance(self.standard, Radius) and self.standard.radius_by_area
        if not isinstance(self.standard, TravelTime | Radius) or has_classes:
            return None
        return StandingPeople(self, self.standard) if self.counted.is_known else None

    def facilities_after(self, changed: Changed, day: date) -> FacilitiesAfter | None:
        """Which facilities count after a scenario; None if it changes the rule which subtypes count."""
        of_category = [row for row in changed.rows.values() if row.fields["category"] == self.standard.category]
        subtypes = Counter(self._subtype_of.values())
        for row in of_category:
            if row.id in self._subtype_of:
                subtypes[self._subtype_of[row.id]] -= 1
            subtypes[row.fields["subtype"]] += 1
        only_subtypes, notes = self._selection(subtypes)
        if only_subtypes != self._only_subtypes:
            return None
        kept, added = np.ones(len(self.counted.facilities), dtype=bool), []
        for row in of_category:
            number = self.number.get(row.id)
            counts = row.counts_on(day) and (not only_subtypes or row.fields["subtype"] in self.standard.subtypes)
            if number is not None and not (counts and not row.is_placed):
                kept[number] = False
            if counts and (number is None or row.is_placed):
                added.append(row)
        return FacilitiesAfter(kept, added, notes)

    @cached_property
    def number(self) -> dict[str, int]:
        """The row of each facility that counts as it stands."""
        return {str(name): row for row, name in enumerate(self.counted.facilities.index)}

    def notes_after(self, facilities: FacilitiesAfter) -> list[str]:
        """The notes of the coverage after a scenario: those on subtypes come first."""
        return [*facilities.notes, *self.coverage.notes[len(self._notes) :]]


class StandingPeople:
    """The people whom a standard of travel time or radius counts, with their times (or distances) as they stand."""

    def __init__(self, standing: Standing, standard: TravelTime | Radius) -> None:
        self._standing, self._standard, self._travel = standing, standard, standing.travel
        study, rows = standing.travel.study, standing.counted.rows
        self.rows: Int64Array = study.demand.index.get_indexer(rows.index).astype(np.int64)
        self.weight: Float64Array = rows["weight"].to_numpy()
        self.inside: BoolArray = rows["inside"].to_numpy()
        self._weights, _ = counting.people_weights(study.demand, standard.people)
        self._total = float(self.weight.sum())
        number = {area.code: place for place, area in enumerate(standing.coverage.areas)}
        self._area = np.array([number.get(code, len(number)) for code in rows["area_code"]], dtype=np.int64)
        self._area_total = self.by_area(self.weight)
        codes = study.demand["area_code"].iloc[self.rows].fillna("").to_numpy(dtype=str)
        self.units, self._unit = np.unique(codes, return_inverse=True)
        self._ids = standing.counted.facilities.index.to_numpy(dtype=object)
        self._names = standing.counted.facilities["name"].to_numpy(dtype=object)
        self._standing_by: dict[Mode | None, Nearest] = {}

    def by_area(self, numbers: Float64Array) -> Float64Array:
        """Sum numbers, shape (rows,), by area of the coverage, shape (areas,)."""
        return np.bincount(self._area, numbers, len(self._standing.coverage.areas) + 1)[:-1].astype(np.float64)

    def by_unit(self, numbers: Float64Array) -> Float64Array:
        """Sum numbers, shape (rows,), by smallest unit, shape (units,)."""
        return np.bincount(self._unit, numbers, len(self.units)).astype(np.float64)

    @cached_property
    def finder(self) -> GapFinder:
        """Finds the gaps among these people."""
        return GapFinder(self._travel.study, self.rows, self.weight)

    @cached_property
    def groups(self) -> Groups:
        """The groups of people outside as they stand."""
        return self.finder.groups(~self.inside)

    def after(self, changed: Changed, facilities: FacilitiesAfter) -> PeopleAfter:
        """These people after a scenario."""
        standing, standard = self._standing, self._standard
        by_mode: dict[Mode | None, Nearest] = {}

        def nearest_by(mode: Mode | None) -> Nearest:
            if mode not in by_mode:
                by_mode[mode] = self._nearest_after(changed, facilities, mode)
            return by_mode[mode]

        if isinstance(standard, TravelTime):
            seconds, number = nearest_by(standard.mode)
            values, limit, tolerance = seconds[self.rows] / 60.0, standard.minutes, TOLERANCE_MIN
            others = coverage.alternatives(self._travel, standard, lambda mode: nearest_by(mode)[0], self._weights)
        else:
            metres, number = nearest_by(None)
            values, limit, tolerance, others = metres[self.rows], standard.metres, TOLERANCE_M, []
        inside = values <= limit + tolerance
        covered = float(self.weight[inside].sum())
        by_area = self.by_area(np.where(inside, self.weight, 0.0))
        areas = [
            coverage.area_after_changes(area, *numbers)
            for area, *numbers in zip(standing.coverage.areas, by_area.tolist(), self._area_total.tolist(), strict=True)
        ]
        summary = coverage.after_changes(standing.coverage, standard, covered, self._total, areas)
        out_of_reach = np.flatnonzero(np.isinf(values))
        mode = standard.mode if isinstance(standard, TravelTime) else None
        reason = self._travel.why_out_of_reach(mode, self.rows[out_of_reach], facilities.count == 0)
        summary = replace(
            summary,
            facilities=facilities.count,
            alternatives=others,
            unreachable=coverage.by_reason(reason, self.weight[out_of_reach]),
            notes=standing.notes_after(facilities),
            residential_land=self._land_after(facilities),
        )
        beyond = np.where(inside, 0.0, values - limit)
        return PeopleAfter(summary, inside, self._beyond(changed, facilities, inside, beyond, values, number))

    def _land_after(self, facilities: FacilitiesAfter) -> LandShare | None:
        """The residential land within the radius after a scenario; None where there is none."""
        standing, standard = self._standing.counted, self._standard
        if standing.land is None or not isinstance(standard, Radius):
            return None
        shapes = standing.facilities.geometry.to_numpy()[facilities.kept]
        shapes = np.concatenate([shapes, np.array([row.geometry for row in facilities.added], dtype=object)])
        cover = LandCover(standing.land.land, shapes, np.full(len(shapes), standard.metres), standing.land)
        return coverage.land_share(self._travel.study, standing, cover, standard)

    def _beyond(
        self,
        changed: Changed,
        facilities: FacilitiesAfter,
        inside: BoolArray,
        beyond: Float64Array,
        values: Float64Array,
        number: Int64Array,
    ) -> PeopleBeyond:
        """What gaps are computed from; facilities are numbered by id, as in a frame of them."""
        names = self._names.copy()
        for row in changed.rows.values():
            if row.id in self._standing.number:
                names[self._standing.number[row.id]] = row.fields["name"]
        ids = np.append(self._ids, np.array([row.id for row in facilities.added], dtype=object))
        names = np.append(names, np.array([row.fields["name"] for row in facilities.added], dtype=object))
        order = np.argsort(ids, kind="stable")
        rank = np.empty(len(ids) + 1, dtype=np.int64)
        rank[order], rank[-1] = np.arange(len(ids)), -1
        return PeopleBeyond(inside, beyond, values, rank[number[self.rows]], ids[order], names[order])

    def _nearest_after(self, changed: Changed, facilities: FacilitiesAfter, mode: Mode | None) -> Nearest:
        """Seconds (by a mode) or metres (None) of every demand point to its nearest facility, and its number."""
        travel, standing, before = self._travel, self._standing.counted.facilities, self._nearest_standing(mode)
        if mode is not None and travel.method == "network":
            added = _of_added(changed, changed.stretches(travel, mode), facilities.added)
            return travel.updated_times(standing, before, facilities.changes, added, mode)
        shapes = np.array([row.geometry for row in facilities.added], dtype=object)
        if mode is None:
            return travel.updated_distances(standing, before, facilities.changes, shapes)
        metres, number = travel.updated_distances(standing, self._nearest_standing(None), facilities.changes, shapes)
        return travel.straight_line_seconds(metres, mode), number

    def _nearest_standing(self, mode: Mode | None) -> Nearest:
        if mode not in self._standing_by:
            facilities = self._standing.counted.facilities
            if mode is None:
                distances = self._travel.demand_distances(facilities)
                self._standing_by[mode] = distances.metres, distances.facility
            else:
                times = self._travel.demand_times(facilities, mode)
                self._standing_by[mode] = times.seconds, times.facility
        return self._standing_by[mode]


def _of_added(changed: Changed, stretches: EdgeStretches, added: list[ChangedFacility]) -> EdgeStretches:
    """The stretches of ``added``, numbered in their order, out of those of all changed facilities."""
    number = {row.id: place for place, row in enumerate(added)}
    numbers = np.array([number.get(row.id, -1) for row in changed.rows.values()], dtype=np.int64)[stretches.facility]
    rows = numbers >= 0
    return EdgeStretches(
        numbers[rows],
        stretches.edge[rows],
        stretches.start_fraction[rows],
        stretches.end_fraction[rows],
        stretches.connector_m[rows],
    )
