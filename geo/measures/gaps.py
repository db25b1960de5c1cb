"""Gaps: the places where people live outside a standard, or the units that have no facility, the worst first.

Two demand points outside a standard of travel time or radius belong to the same gap if they lie in the same reporting
area and are at most ``gap_m`` metres apart, directly or through other points outside. Every unit without a facility is
a gap of a standard of presence. Together, the gaps count what `geo.measures.coverage` calls total − covered. Standards
of openings have no gaps, nor have standards about facilities of which nothing is known.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Literal, TypeAlias

import contourpy
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from cachetools import LRUCache
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, Int64Array, ObjectArray
from geo.geodesy.projection import Projection, projection
from geo.measures.counting import CountedUnits
from geo.measures.grouping import Groups, PointGrouping
from geo.study.standards import Opened, Presence, Standard
from geo.study.study import Study
from geo.traveltime import cache, straight_line
from geo.traveltime.travel import Travel

TEXT_COLUMNS = ("name", "area_code", "town", "nearest_id", "nearest_name")
COLUMNS = (
    "name",
    "area_code",
    "town",
    "people",
    "residents",
    "children_3_6",
    "elders_65",
    "mean_beyond",
    "worst_beyond",
    "out_of_reach",
    "nearest_id",
    "nearest_name",
    "nearest_value",
)
"""The columns of a frame of gaps before its geometry. docs/planning.md describes them."""
SIMPLIFY_M = 10.0
KNOWN_GAPS = 400
"""How many descriptions and outlines of gaps a `GapFinder` keeps."""
BeyondUnit: TypeAlias = Literal["minutes", "metres"]
Description: TypeAlias = dict[str, Any]
"""What is known of one gap: `COLUMNS`, and its ``excess`` (people times minutes or metres beyond) or geometry."""
_POLYGON_GRID = 6
"""The polygon of a gap is drawn around the cells of a grid, this many to ``gap_m``, in which its points lie."""
_MOST_CELLS = 2**20
"""The most cells of that grid; they are larger where a gap extends very far."""


@dataclass(frozen=True)
class Gaps:
    """The gaps of one standard.

    Attributes
    ----------
    records : one for each gap, the worst first, with `COLUMNS` (numbers with three decimals, NaN where unknown) and a
        ``geometry``, a polygon in WGS84 degrees; a point where a unit's outline is unknown
    count : how many gaps there are; the records may be the worst of them only
    unit : people, towns or villages: what total − covered counts
    beyond_unit : the unit of ``mean_beyond``, ``worst_beyond`` and ``nearest_value``; None for a standard of openings
    """

    records: list[Description]
    count: int
    unit: str
    beyond_unit: BeyondUnit | None

    @cached_property
    def frame(self) -> gpd.GeoDataFrame:
        """The records as a frame; the index is the rank of a gap as a text, from 1."""
        index = pd.Index([str(rank) for rank in range(1, len(self.records) + 1)])
        columns = {
            name: pd.Series([record[name] for record in self.records], index, object if name in TEXT_COLUMNS else float)
            for name in COLUMNS
        }
        shapes = np.array([record["geometry"] for record in self.records], dtype=object)
        return gpd.GeoDataFrame(pd.DataFrame(columns, index), geometry=shapes, crs="EPSG:4326")


def measure(travel: Travel, standard: Standard, counted: CountedUnits, limit: int | None = None) -> Gaps:
    """Group what ``counted``, the rows of ``standard``, has outside the limit; describe the worst ``limit`` gaps."""
    if isinstance(standard, Opened):
        return Gaps([], 0, counted.unit, None)
    records, count = [], 0
    if isinstance(standard, Presence):
        if counted.is_known:
            records = _units_without(travel, counted)
        return Gaps(records[:limit], len(records), counted.unit, "metres")
    if counted.is_known:
        records, count = _places_beyond(travel, counted, limit)
    return Gaps(records, count, counted.unit, "minutes" if standard.measure == "travel_time" else "metres")


def _worst_records_first(records: Sequence[Description], shapes: Sequence[BaseGeometry]) -> list[Description]:
    """Records of gaps, in any order, as `Gaps` has them."""
    # Of equally many people those come first who are farther beyond; what is out of reach is farthest of all.
    people, excess = (np.array([record[name] for record in records], dtype=float) for name in ("people", "excess"))
    return [
        {name: _rounded(name, records[row].get(name)) for name in COLUMNS} | {"geometry": shapes[row]}
        for row in _worst_first(people, excess)
    ]


def _rounded(name: str, value: Any) -> str | float | None:
    """The value of a column: a text or None, or a number with three decimals."""
    if name in TEXT_COLUMNS:
        return None if value is None or value != value else str(value)
    return np.nan if value is None else round(float(value), 3)


def _worst_first(people: Float64Array, excess: Float64Array) -> Int64Array:
    """The order of gaps; sums are rounded, since those of the same numbers may differ in their last digits."""
    return np.lexsort((-excess.round(6), -people.round(6))).astype(np.int64)


def _places_beyond(travel: Travel, counted: CountedUnits, limit: int | None) -> tuple[list[Description], int]:
    """The worst ``limit`` gaps of a standard that counts people, and how many there are."""
    outside = counted.rows[~counted.rows["inside"]]
    rows = travel.study.demand.index.get_indexer(outside.index).astype(np.int64)
    finder = GapFinder(travel.study, rows, outside["weight"].to_numpy())
    people = PeopleBeyond(
        inside=outside["inside"].to_numpy(),
        beyond=outside["beyond"].to_numpy(),
        value=outside["value"].to_numpy(),
        nearest=outside["nearest"].to_numpy(),
        ids=counted.facilities.index.to_numpy(dtype=object),
        names=counted.facilities["name"].to_numpy(dtype=object),
    )
    return finder.find(people, finder.groups(~people.inside), limit)


@dataclass(frozen=True)
class PeopleBeyond:
    """How far the people of a standard are beyond its limit.

    Attributes
    ----------
    inside, beyond, value : shape (rows,), as the columns of `geo.measures.counting.CountedUnits`
    nearest : shape (rows,), the number of the nearest facility, −1 if none is in reach
    ids, names : of the facilities, by their numbers
    """

    inside: BoolArray
    beyond: Float64Array
    value: Float64Array
    nearest: Int64Array
    ids: ObjectArray
    names: ObjectArray


class GapFinder:
    """Finds the gaps among the people whom a standard counts, as often as their travel times change.

    Groups are computed again where the choice of people outside has changed, descriptions and outlines only of gaps
    that are not known yet.

    Parameters
    ----------
    rows : the rows of the study's demand whom the standard counts, ascending
    weight : shape (rows,), how many people of the standard's group live there
    """

    def __init__(self, study: Study, rows: Int64Array, weight: Float64Array) -> None:
        self.study, self.weight = study, weight
        demand = study.demand.iloc[rows]
        self._metric, self._gap_m = projection(study.settings.projection), study.settings.gap_m
        self._lon, self._lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
        self._towns = study.demand_areas.to_numpy()[rows]
        self._numbers = {
            name: demand[name].to_numpy(dtype=float) for name in ("population", "children_3_6", "elders_65")
        }
        self._codes, self._unit = np.unique(demand["area_code"].fillna("").to_numpy(dtype=str), return_inverse=True)
        self._grouping = PointGrouping(self._lon, self._lat, self._towns, self._gap_m, self._metric)
        self._names = study.areas["name"].to_dict()
        self._descriptions: LRUCache[bytes, Description] = LRUCache(KNOWN_GAPS)
        self._outlines: LRUCache[bytes, BaseGeometry] = LRUCache(KNOWN_GAPS)
        self._lock = Lock()

    def groups(self, outside: BoolArray, before: Groups | None = None) -> Groups:
        """Group the people ``outside`` the limit, shape (rows,); ``before`` are the groups of other such people."""
        return self._grouping.groups(outside, before)

    def find(self, people: PeopleBeyond, groups: Groups, limit: int | None = None) -> tuple[list[Description], int]:
        """The worst ``limit`` gaps, the worst first, and how many there are; ``groups`` are those of ``people``."""
        outside = np.flatnonzero(groups.chosen)
        group, weight = groups.of_point[outside], self.weight[outside]
        sums, excess = (
            np.bincount(group, numbers, groups.count).astype(np.float64)
            for numbers in (weight, weight * people.beyond[outside])
        )
        by_group = outside[np.argsort(group, kind="stable")]
        starts = np.append(0, np.cumsum(np.bincount(group, minlength=groups.count)))
        descriptions, shapes = [], []
        for number in _worst_first(sums, excess)[:limit]:
            rows = by_group[starts[number] : starts[number + 1]]
            shapes.append(self._outline(rows))
            descriptions.append(self._description(people, rows, shapes[-1]))
        return _worst_records_first(descriptions, shapes), groups.count

    def _description(self, people: PeopleBeyond, rows: Int64Array, outline: BaseGeometry) -> Description:
        """The columns of one gap, whose people live in ``rows``."""
        number, at = np.unique(people.nearest[rows], return_inverse=True)
        ids = "\0".join(f"{people.ids[row]}\0{people.names[row]}" if row >= 0 else "" for row in number)
        key = cache.digest(rows, people.value[rows], at, ids.encode())
        with self._lock:
            known = self._descriptions.get(key)
        if known is None:
            known = self._describe(people, rows, outline)
            with self._lock:
                self._descriptions[key] = known
        return known

    def _describe(self, people: PeopleBeyond, rows: Int64Array, outline: BaseGeometry) -> Description:
        weight, beyond = self.weight[rows], people.beyond[rows]
        in_reach = np.isfinite(beyond)
        code = str(self._codes[_with_most_people(self._unit[rows], weight)]) or None
        description: Description = {
            "name": self._names.get(code) or self._nearest_unit(outline),
            "area_code": code,
            "town": self._names.get(self._towns[rows[0]]),
            "people": weight.sum(),
            "residents": self._numbers["population"][rows].sum(),
            "out_of_reach": weight[~in_reach].sum(),
            "excess": (weight * beyond).sum(),
        }
        for name in ("children_3_6", "elders_65"):
            numbers = self._numbers[name][rows]
            description[name] = np.nan if np.isnan(numbers).all() else np.nansum(numbers)
        if in_reach.any():
            weight, beyond, value = weight[in_reach], beyond[in_reach], people.value[rows][in_reach]
            nearest = people.nearest[rows][in_reach]
            facility = _with_most_people(nearest, weight)
            go_there = nearest == facility
            description |= {
                "mean_beyond": np.average(beyond, weights=weight),
                "worst_beyond": beyond.max(),
                "nearest_id": str(people.ids[facility]),
                "nearest_name": people.names[facility],
                "nearest_value": np.average(value[go_there], weights=weight[go_there]),
            }
        return description

    def _nearest_unit(self, outline: BaseGeometry) -> str | None:
        """The name of a gap outside all areas: “near” the nearest smallest area; None if the study has no areas."""
        areas = self.study.areas
        units = areas[~areas.index.isin(areas["parent"].dropna())]
        if not len(units):
            return None
        centre = shapely.centroid(outline)
        _, nearest = straight_line.nearest(
            units, np.array([centre.x]), np.array([centre.y]), self.study.settings.projection
        )
        unit = units["name"].iloc[nearest[0]]
        return near(unit)

    def _outline(self, rows: Int64Array) -> BaseGeometry:
        """A WGS84 polygon around the points of one gap, with a margin of at least half of ``gap_m``."""
        key = cache.digest(rows)
        with self._lock:
            outline = self._outlines.get(key)
        if outline is None:
            outline = _outline_of(self._lon[rows], self._lat[rows], self._gap_m, self._metric)
            with self._lock:
                self._outlines[key] = outline
        return outline


def near(unit: str) -> str:
    """The name of a place outside all areas, the nearest of which is ``unit``."""
    return f"{unit}附近 near {unit}"


def _with_most_people(values: Int64Array, weight: Float64Array) -> int:
    """The value that most people have; of equal ones the least."""
    distinct, at = np.unique(values, return_inverse=True)
    return int(distinct[np.argmax(np.bincount(at, weight))])


def _outline_of(lon: Float64Array, lat: Float64Array, gap_m: float, metric: Projection) -> BaseGeometry:
    """The line so far from the nearest of a grid's cells with points, traced by marching squares.

    It differs from the union of circles around these cells by a hundredth of the area, and takes a tenth of the time.
    """
    xy = shapely.get_coordinates(metric.points(lon, lat))
    width, height = xy.max(axis=0) - xy.min(axis=0)
    cell_m = max(gap_m / _POLYGON_GRID, np.sqrt(width * height / _MOST_CELLS))
    margin_m = gap_m / 2 + cell_m
    cells = np.round(xy / cell_m).astype(np.int64)
    beside = int(np.ceil(margin_m / cell_m)) + 1
    corner = cells.min(axis=0) - beside
    columns, rows = cells.max(axis=0) - corner + beside + 1
    is_empty = np.ones((rows, columns), dtype=bool)
    is_empty[cells[:, 1] - corner[1], cells[:, 0] - corner[0]] = False
    metres = ndimage.distance_transform_edt(is_empty) * cell_m
    x, y = (np.arange(count) + start for count, start in zip((columns, rows), corner, strict=True))
    generator = contourpy.contour_generator(x * cell_m, y * cell_m, metres, fill_type="OuterOffset")
    polygons = [
        shapely.Polygon(ring[holes[0] : holes[1]], [ring[a:b] for a, b in itertools.pairwise(holes[1:])])
        for ring, holes in zip(*generator.filled(-1.0, margin_m), strict=True)
    ]
    outline = shapely.simplify(shapely.union_all(polygons), min(SIMPLIFY_M, gap_m / 10))
    outline_wgs84: BaseGeometry = metric.inverse(np.array([outline], dtype=object))[0]
    return outline_wgs84


def _units_without(travel: Travel, counted: CountedUnits) -> list[Description]:
    """The gaps of a standard of presence: the units without a facility, with the straight way to the nearest one."""
    study = travel.study
    units = study.areas.loc[counted.rows.index[~counted.rows["inside"]]]
    centres = shapely.point_on_surface(units.geometry.to_numpy())
    metres, nearest = straight_line.nearest(
        counted.facilities, shapely.get_x(centres), shapely.get_y(centres), study.settings.projection
    )
    people = people_of_units(study)
    records = []
    for row, (code, unit) in enumerate(units.iterrows()):
        numbers = people.loc[code] if code in people.index else pd.Series(dtype=float)
        facility = None if nearest[row] < 0 else counted.facilities.iloc[nearest[row]]
        records.append(
            {
                "name": unit["name"],
                "area_code": code,
                "town": study.areas["name"].get(counted.rows["area_code"][code]),
                "people": float(numbers.get("population", 0.0)),
                "residents": float(numbers.get("population", 0.0)),
                "children_3_6": numbers.get("children_3_6"),
                "elders_65": numbers.get("elders_65"),
                "out_of_reach": 0.0,
                "nearest_id": None if facility is None else str(facility.name),
                "nearest_name": None if facility is None else facility["name"],
                "nearest_value": None if facility is None else float(metres[row]),
                "excess": float(metres[row]),
            }
        )
    return _worst_records_first(records, units.geometry.to_numpy())


def people_of_units(study: Study) -> pd.DataFrame:
    """The people of each unit and of each unit's town, by code; numbers of a group known nowhere in it are NaN."""
    columns = ["population", "children_3_6", "elders_65"]
    of_units = study.demand.groupby("area_code")[columns].sum(min_count=1)
    parents = study.areas["parent"].reindex(of_units.index)
    of_parents = of_units.groupby(parents).sum(min_count=1)
    return pd.concat([of_units, of_parents]).groupby(level=0).sum(min_count=1)
