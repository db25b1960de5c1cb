"""Collections of features: facilities, areas, demand and results, alike for all who ask for a part of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

from geo.arrays import BoolArray, Int64Array
from geo.errors import FieldError
from geo.features.cql2 import Filter, Kind
from geo.geodesy.crs import System

Box: TypeAlias = tuple[float, float, float, float]
Days: TypeAlias = tuple[date | None, date | None]
"""From a day to a day, both inclusive; None: open."""

GEOMETRY = "geometry"


@dataclass(frozen=True)
class Column:
    """What a property of a collection's features is: its kind, its name for people, and the values it may have."""

    kind: Kind
    title: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """Which features, in which order.

    ``box`` is west, south, east, north in ``box_system``, whatever the order of its axes; west > east spans the 180th
    meridian. ``equal`` are values that properties must have, all of ``filters`` must be true of a feature; ``sort`` are
    properties and whether they descend.
    """

    box: Box | None = None
    box_system: System | None = None
    days: Days | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Collection:
    """Features of one kind, in an order of their own.

    Attributes
    ----------
    frame : GeoDataFrame (WGS84) indexed by id, a text, with a column for each of ``columns``
    columns : what one may ask and sort by
    properties : gives the properties of the features in some rows
    period : the columns of the days from which and before which a feature is there, if it has such
    """

    id: str
    title: str
    description: str
    frame: gpd.GeoDataFrame
    columns: Mapping[str, Column]
    properties: Callable[[Int64Array], Sequence[Mapping[str, Any]]]
    period: tuple[str, str] | None = None

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each property that one may ask by, the geometry's too."""
        return {name: column.kind for name, column in self.columns.items()} | {GEOMETRY: "geometry"}

    def rows(self, question: Question) -> Int64Array:
        """The rows that ``question`` asks for, in its order."""
        keep = np.ones(len(self.frame), dtype=bool)
        if question.box is not None and question.box_system is not None:
            keep &= self._touch(question.box, question.box_system)
        if question.days is not None and self.period is not None:
            keep &= self._there(*question.days)
        for name, value in question.equal.items():
            keep &= (self.frame[name] == value).to_numpy(dtype=bool)
        for one in question.filters:
            keep &= one.mask(self.frame)
        found = np.flatnonzero(keep)
        for name, descending in reversed(question.sort):
            # The unknown last, whichever way; equals stay in the order they have.
            codes, _ = pd.factorize(self.frame[name].iloc[found], sort=True)
            codes = np.where(codes < 0, len(self.frame), -codes if descending else codes)
            found = found[np.argsort(codes, kind="stable")]
        return found

    def _touch(self, box: Box, system: System) -> BoolArray:
        west, south, east, north = box
        shapes = system.from_wgs84(self.frame.geometry.to_numpy())
        boxes = [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
        keep = np.zeros(len(shapes), dtype=bool)
        for a, b, c, d in boxes:
            # Boxes without width or height are lines and points.
            shape = shapely.box(b, a, d, c) if system.flipped else shapely.box(a, b, c, d)
            shape = shapely.make_valid(shape)
            shapely.prepare(shape)
            keep |= shapely.intersects(shape, shapes)
        return keep

    def _there(self, first: date | None, last: date | None) -> BoolArray:
        since, before = (self.frame[name] for name in self.period or ())
        return np.array(
            [
                (start is None or last is None or start <= last) and (end is None or first is None or end > first)
                for start, end in zip(since, before, strict=True)
            ],
            dtype=bool,
        )

    def features(self, rows: Int64Array, system: System) -> list[dict[str, Any]]:
        """GeoJSON features of ``rows``, places in ``system``; to be written by orjson."""
        shapes = system.geojson(self.frame.geometry.to_numpy()[rows])
        return [
            {
                "type": "Feature",
                "id": key,
                "geometry": None if shape is None else orjson.Fragment(shape),
                "properties": properties,
            }
            for key, shape, properties in zip(self.frame.index[rows], shapes, self.properties(rows), strict=True)
        ]

    @property
    def bounds(self) -> list[float] | None:
        """West, south, east and north of all features, WGS84 degrees; None without any."""
        if self.frame.empty:
            return None
        return [float(side) for side in self.frame.total_bounds]

    @property
    def days(self) -> Days:
        """The first day on which a feature was there; there is no last."""
        known = [day for day in self.frame[self.period[0]] if day is not None] if self.period else []
        return (min(known, default=None), None)


def _finite(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError
    return number


_WRITTEN: dict[str, tuple[re.Pattern[str], Callable[[str], Any], str]] = {
    "integer": (re.compile(r"-?\d{1,40}", re.ASCII), int, "a whole number"),
    "number": (re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII), _finite, "a number"),
    "boolean": (re.compile("true|false"), "true".__eq__, "true or false"),
    "date": (re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), date.fromisoformat, "a day such as 2021-06-30"),
}
"""How JSON writes values of a kind, what reads them, and what they are."""


def value_of(text: str, kind: Kind) -> Any:
    """The value that a parameter's ``text`` means; ValueError if it is none of ``kind``, as JSON writes it."""
    if kind not in _WRITTEN:
        return text
    pattern, read, what = _WRITTEN[kind]
    try:
        if pattern.fullmatch(text):
            return read(text)
    except ValueError:  # written as one, but it is none
        pass
    raise ValueError(f"is not {what}")


def whole(system: System, numbers: Sequence[float]) -> Box:
    """West, south, east and north of the numbers of a bounding box in the order of the system's axes.

    Six numbers have heights, which no feature has. FieldError if it is no box.
    """
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4:
        raise FieldError([("bbox", "bbox needs four numbers, or six with heights")])
    a, b, c, d = numbers
    west, south, east, north = (b, a, d, c) if system.flipped else (a, b, c, d)
    if not all(np.isfinite(numbers)) or south > north:
        raise FieldError([("bbox", "bbox needs a lower corner that is not above the upper one")])
    if system.degrees and not (min(west, east) >= -180 and max(west, east) <= 180 and south >= -90 and north <= 90):
        raise FieldError([("bbox", "bbox needs degrees: -180 to 180 and -90 to 90")])
    if not system.degrees and west > east:
        raise FieldError([("bbox", "bbox needs a lower corner that is not beyond the upper one")])
    return west, south, east, north
