"""Collections of features (facilities, areas, demand, results), and queries for some of their features.

The API makes a `FeatureQuery` from a request and a `Collection` answers it, in the same way for all collections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

from geo.arrays import BoolArray, Int64Array
from geo.errors import FieldError
from geo.features.cql2 import Filter
from geo.features.data_types import DataType
from geo.geodesy.crs import ReferenceSystem

BoundingBox: TypeAlias = tuple[float, float, float, float]
"""West, south, east and north, whatever the order of the reference system's axes."""
DateInterval: TypeAlias = tuple[date | None, date | None]
"""From the first day to the last, both inclusive; None where an end is open."""

GEOMETRY = "geometry"
"""The name by which queries refer to a feature's geometry."""


@dataclass(frozen=True)
class Queryable:
    """A property by which features can be filtered and sorted.

    ``title`` is its name for people; ``values`` are the values that it may have, empty where any may be.
    """

    data_type: DataType
    title: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureQuery:
    """Which features of a collection, in which order.

    Attributes
    ----------
    bounding_box : features must touch it; west > east means that it spans the 180th meridian
    bounding_box_system : the reference system of the bounding box
    dates : features must exist on one of these days
    property_values : values that properties must have
    filters : all of them must be true of a feature
    sort_keys : names of properties, each with whether its values descend
    """

    bounding_box: BoundingBox | None = None
    bounding_box_system: ReferenceSystem | None = None
    dates: DateInterval | None = None
    property_values: Mapping[str, object] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    sort_keys: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Collection:
    """Features of one type, in a fixed order.

    Attributes
    ----------
    frame : GeoDataFrame (WGS84) indexed by id (str), with a column for each of ``queryables``
    queryables : the properties by which features can be filtered and sorted
    properties : takes row numbers and returns the properties of these features
    period_columns : the columns with the day from which a feature exists, and the day on which it no longer does; None
        where features always exist
    stated_bounds : `bounds` of a collection that is only described, without its features; None: those of ``frame``
    """

    id: str
    title: str
    description: str
    frame: gpd.GeoDataFrame
    queryables: Mapping[str, Queryable]
    properties: Callable[[Int64Array], Sequence[Mapping[str, object]]]
    period_columns: tuple[str, str] | None = None
    stated_bounds: list[float] | None = None

    @property
    def data_types(self) -> dict[str, DataType]:
        """The data type of each queryable, and of the geometry."""
        return {name: queryable.data_type for name, queryable in self.queryables.items()} | {GEOMETRY: "geometry"}

    def rows(self, query: FeatureQuery) -> Int64Array:
        """Row numbers of the features that fit ``query``, in its order."""
        fits = np.ones(len(self.frame), dtype=bool)
        if query.bounding_box is not None and query.bounding_box_system is not None:
            fits &= self._touches(query.bounding_box, query.bounding_box_system)
        if query.dates is not None and self.period_columns is not None:
            fits &= self._exists(*query.dates)
        for name, value in query.property_values.items():
            fits &= (self.frame[name] == value).to_numpy(dtype=bool)
        for condition in query.filters:
            fits &= condition.mask(self.frame)
        rows = np.flatnonzero(fits)
        for name, descending in reversed(query.sort_keys):
            # Unknown values come last in either direction; features with equal values keep their order.
            ranks, _ = pd.factorize(self.frame[name].iloc[rows], sort=True)
            ranks = np.where(ranks < 0, len(self.frame), -ranks if descending else ranks)
            rows = rows[np.argsort(ranks, kind="stable")]
        return rows

    def _touches(self, box: BoundingBox, system: ReferenceSystem) -> BoolArray:
        west, south, east, north = box
        shapes = system.from_wgs84(self.frame.geometry.to_numpy())
        boxes = [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
        touches = np.zeros(len(shapes), dtype=bool)
        for w, s, e, n in boxes:
            rectangle = shapely.box(s, w, n, e) if system.northing_first else shapely.box(w, s, e, n)
            # A box without width or height becomes a line or a point.
            rectangle = shapely.make_valid(rectangle)
            shapely.prepare(rectangle)
            touches |= shapely.intersects(rectangle, shapes)
        return touches

    def _exists(self, first: date | None, last: date | None) -> BoolArray:
        starts, ends = (self.frame[name] for name in self.period_columns or ())
        return np.array(
            [
                (start is None or last is None or start <= last) and (end is None or first is None or end > first)
                for start, end in zip(starts, ends, strict=True)
            ],
            dtype=bool,
        )

    def features(self, rows: Int64Array, system: ReferenceSystem) -> list[dict[str, object]]:
        """GeoJSON features of ``rows`` with geometries in ``system``; only orjson can write them."""
        geometries = system.to_geojson(self.frame.geometry.to_numpy()[rows])
        return [
            {
                "type": "Feature",
                "id": id_,
                "geometry": None if geometry is None else orjson.Fragment(geometry),
                "properties": properties,
            }
            for id_, geometry, properties in zip(self.frame.index[rows], geometries, self.properties(rows), strict=True)
        ]

    @property
    def bounds(self) -> list[float] | None:
        """West, south, east and north of all features, WGS84 degrees; None where there are no features."""
        if self.frame.empty:
            return self.stated_bounds
        return [float(side) for side in self.frame.total_bounds]

    @property
    def temporal_extent(self) -> DateInterval:
        """From the first day on which a feature existed; the end is open."""
        days = [day for day in self.frame[self.period_columns[0]] if day is not None] if self.period_columns else []
        return (min(days, default=None), None)


def parse_bounding_box(numbers: Sequence[float], system: ReferenceSystem) -> BoundingBox:
    """The bounding box whose lower and upper corner are ``numbers``, in the order of the system's axes.

    Of six numbers the third and sixth are heights, which are ignored.

    Raises
    ------
    FieldError
        The numbers are not the corners of a box.
    """
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4:
        raise FieldError([("bbox", "bbox needs four numbers, or six with heights")])
    a, b, c, d = numbers
    west, south, east, north = (b, a, d, c) if system.northing_first else (a, b, c, d)
    if not all(np.isfinite(numbers)) or south > north:
        raise FieldError([("bbox", "bbox needs a lower corner that is not above the upper one")])
    in_range = min(west, east) >= -180 and max(west, east) <= 180 and south >= -90 and north <= 90
    if system.is_geographic and not in_range:
        raise FieldError([("bbox", "bbox needs degrees: -180 to 180 and -90 to 90")])
    if not system.is_geographic and west > east:
        raise FieldError([("bbox", "bbox needs a lower corner that is not beyond the upper one")])
    return west, south, east, north
