"""Reads the JSON encoding of CQL2 (a tree of objects with ``op`` and ``args``) into expressions."""

import json
import math
import operator
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.features.cql2 import expressions
from geo.features.cql2.errors import filter_error, quote
from geo.features.cql2.expressions import Expression
from geo.features.cql2.operators import ARITHMETIC, COMPARISONS, SPATIAL, TEMPORAL, TEMPORAL_OF_INTERVALS
from geo.features.data_types import DataType

ToWgs84: TypeAlias = Callable[[BaseGeometry], BaseGeometry]

# The ends of an interval that is open. They lie before and after all days that a property can have.
_BEGINNING, _END = np.datetime64("-9999-01-01", "us"), np.datetime64("19999-01-01", "us")


def read_condition(tree: object, data_types: Mapping[str, DataType], to_wgs84: ToWgs84 | None) -> Expression:
    """The condition of a filter; parameters and errors as in `geo.features.cql2.parse`."""
    return _Reader(data_types, to_wgs84).condition(tree)


class _Reader:
    def __init__(self, data_types: Mapping[str, DataType], to_wgs84: ToWgs84 | None) -> None:
        self._data_types, self._to_wgs84 = data_types, to_wgs84
        self._folded_texts: dict[str, Expression] = {}

    def condition(self, node: object) -> Expression:
        """The expression of ``node``, which must be a boolean."""
        expression = self.expression(node)
        if expression.data_type != "boolean":
            raise filter_error(f"has a {expression.data_type} where a condition should be")
        return expression

    def expression(self, node: object) -> Expression:
        """The expression of ``node``."""
        match node:
            case bool():
                return expressions.boolean_constant(node)
            case int() | float() if math.isfinite(node):
                return expressions.constant("number", float(node))
            case str():
                return expressions.constant("string", unicodedata.normalize("NFC", node))
            case {"property": str(name)}:
                if name not in self._data_types:
                    raise filter_error(
                        f"uses {quote(name)}, which is no property; queryables lists them, and texts stand in ' '"
                    )
                return expressions.property_value(name, self._data_types[name])
            case {"date": str(text)} | {"timestamp": str(text)}:
                return expressions.instant(text)
            case {"bbox": [*corners]}:
                return self._geometry(lambda: _rectangle(corners, self._to_wgs84 is None))
            case {"type": _, "coordinates": [*_]} | {"type": _, "geometries": [*_]}:
                return self._geometry(lambda: shapely.from_geojson(json.dumps(node)))
            case {"op": str(name), "args": [*args]}:
                return self._operation(name.lower(), args)
        raise filter_error("has a list, interval, NULL or too large a number where it cannot be used")

    def _operation(self, name: str, args: list[object]) -> Expression:
        match name, args:
            case (("and" | "or"), [_, *_]):
                conditions = [self.condition(arg) for arg in args]
                return expressions.combination(operator.and_ if name == "and" else operator.or_, conditions)
            case "not", [condition]:
                return expressions.negation(self.condition(condition))
            case "isnull", [operand]:
                return expressions.is_null(self.expression(operand))
            case "between", [operand, low, high]:
                return expressions.between(self.expression(operand), self.expression(low), self.expression(high))
            case "in", [operand, [_, *_] as items]:
                return expressions.membership(self.expression(operand), [self.expression(item) for item in items])
            case "like", [operand, pattern]:
                return expressions.like(self.expression(operand), self.expression(pattern))
            case (("casei" | "accenti"), [operand]):
                return self._folded_text(name, operand)
            case _, [a, b] if name in COMPARISONS:
                return expressions.comparison(name, self.expression(a), self.expression(b))
            case "^", [{"op": "^"}, _]:  # 2^3^2 is 2^9 in the standard's grammar, but the parser reads 8^2
                raise filter_error("has a ^ of a ^; write a^(b^c), or a^(b*c) for (a^b)^c")
            case _, [a, b] if name in ARITHMETIC:
                return expressions.arithmetic(name, self.expression(a), self.expression(b))
            case _, [a, b] if name in SPATIAL:
                return expressions.spatial_predicate(name, self.expression(a), self.expression(b))
            case _, [a, b] if name in TEMPORAL:
                return expressions.predicate(TEMPORAL[name], *self._period(a), *self._period(b))
            case _, [{"interval": _} as a, {"interval": _} as b] if name in TEMPORAL_OF_INTERVALS:
                return expressions.predicate(TEMPORAL_OF_INTERVALS[name], *self._period(a), *self._period(b))
        if name in TEMPORAL_OF_INTERVALS:
            raise filter_error(f"uses {name.upper()}, which is of two INTERVALs; T_INTERSECTS takes days too")
        raise filter_error(f"uses {quote(name.upper())} in a way, or with a number of values, that is not supported")

    def _folded_text(self, name: str, operand: object) -> Expression:
        """One expression for each different operand, so that its texts are folded only once."""
        key = json.dumps([name, operand])
        if key not in self._folded_texts:
            self._folded_texts[key] = expressions.folded_text(name, self.expression(operand))
        return self._folded_texts[key]

    def _period(self, node: object) -> tuple[Expression, Expression]:
        """The first and last instant of an interval; of an instant, the instant twice."""
        match node:
            case {"interval": [start_node, end_node]}:
                start, end = self._interval_end(start_node, _BEGINNING), self._interval_end(end_node, _END)
                first, last = start.constant, end.constant
                if isinstance(first, np.datetime64) and isinstance(last, np.datetime64) and first > last:
                    raise filter_error("has an INTERVAL that ends before it starts")
                return start, end
            case {"interval": _}:
                raise filter_error("has an INTERVAL without a start and an end")
        instant = expressions.as_date(self.expression(node))
        return instant, instant

    def _interval_end(self, node: object, if_open: np.datetime64) -> Expression:
        if node == "..":
            return expressions.constant("date", if_open)
        return expressions.as_date(self.expression(node))

    def _geometry(self, make: Callable[[], BaseGeometry]) -> Expression:
        """A constant geometry, checked, in WGS84."""
        try:
            with np.errstate(all="ignore"):
                geometry = shapely.force_2d(make())
                if self._to_wgs84 is not None:
                    geometry = self._to_wgs84(geometry)
                west, south, east, north = geometry.bounds
        except (shapely.errors.ShapelyError, ValueError, TypeError):
            raise filter_error("has a geometry or BBOX with the wrong number of corners, or wrong corners") from None
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise filter_error(
                "has a geometry that is empty or outside the range of its coordinates; is their order right?"
            )
        if not geometry.is_valid:
            raise filter_error("has a geometry that is not valid, such as a ring that crosses itself")
        shapely.prepare(geometry)
        return expressions.constant("geometry", geometry)


def _rectangle(corners: Sequence[object], may_cross_antimeridian: bool) -> BaseGeometry:
    """The rectangle of a BBOX, which has four numbers, or six with heights; ValueError if it is none."""
    numbers = [number for number in corners if isinstance(number, float)]
    if len(corners) not in (4, 6) or len(numbers) != len(corners):
        raise ValueError(corners)
    (west, south), (east, north) = numbers[:2], numbers[len(numbers) // 2 :][:2]
    if west > east and may_cross_antimeridian:
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    if west > east or south > north:
        raise ValueError(corners)
    return shapely.box(west, south, east, north)
