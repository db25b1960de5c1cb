"""Expressions of a filter: each has a data type and computes its value for all rows of a frame.

Logic has three values, as in SQL: a predicate is unknown where a value that it needs is missing.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.arrays import ObjectArray
from geo.features.cql2.errors import filter_error, quote
from geo.features.cql2.operators import ARITHMETIC, COMPARISONS, SPATIAL, SPATIAL_CONVERSES, Operation
from geo.features.data_types import DataType

MAX_COMPUTED_ITEMS = 20
"""Items of IN (…) that are not constants."""

Values: TypeAlias = Any
"""The values of an expression in the rows of a frame: an array of shape (rows,), or (1,) if they are all the same.

Booleans are a `pandas.arrays.BooleanArray` of shape (rows,), numbers are float64, dates datetime64[us], and strings and
geometries objects. Unknown values are NA, NaN, NaT and None.
"""
Constant: TypeAlias = str | float | np.datetime64 | BaseGeometry

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?", re.ASCII | re.IGNORECASE)
# Letters with a stroke have no decomposition in Unicode, but the standard's own tests match København with Kobenhavn.
_LETTERS_WITHOUT_STROKE = str.maketrans("øØłŁđĐħĦŧŦ", "oOlLdDhHtT")


@dataclass(frozen=True)
class Expression:
    """A data type, the function that computes the values in a frame, and the value itself where it is a constant."""

    data_type: DataType
    evaluate: Callable[[gpd.GeoDataFrame], Values]
    constant: Constant | None = None


def constant(data_type: DataType, value: Constant) -> Expression:
    """The expression whose value is ``value`` in every row."""
    dtype = {"number": "float64", "date": "datetime64[us]"}.get(data_type, "object")
    values = np.array([value], dtype=dtype)
    return Expression(data_type, lambda frame: values, value)


def boolean_constant(value: bool) -> Expression:
    """TRUE or FALSE in every row."""
    return Expression("boolean", lambda frame: _where_known(lambda: value, len(frame)))


def property_value(name: str, data_type: DataType) -> Expression:
    """The values of a property."""
    match data_type:
        case "geometry":
            return Expression("geometry", lambda frame: frame.geometry.to_numpy())
        case "number" | "integer":
            return Expression("number", lambda frame: frame[name].to_numpy(dtype=float, na_value=np.nan))
        case "boolean":
            return Expression(
                "boolean", lambda frame: pd.array(frame[name].to_numpy(float, na_value=np.nan), "boolean")
            )
        case "date":
            return Expression("date", lambda frame: _datetimes(frame[name].to_numpy(dtype=object)))
        case "string":
            return Expression("string", lambda frame: frame[name].to_numpy(dtype=object))


def _datetimes(days: ObjectArray) -> NDArray[np.datetime64]:
    # Arrow converts ten times as quickly as numpy.
    array = pa.array(days, type=pa.date32(), from_pandas=True)
    datetimes: NDArray[np.datetime64] = array.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return datetimes


# --- predicates ---------------------------------------------------------------------------------------------------


def _where_known(operation: Operation, rows: int, *values: Values) -> Values:
    """Apply ``operation`` in those of ``rows`` rows where all ``values`` are known; unknown in the others."""
    known = np.ones(rows, dtype=bool)
    for array in values:
        known &= ~pd.isna(array)
    results = np.zeros(rows, dtype=bool)
    results[known] = operation(*(np.broadcast_to(array, rows)[known] for array in values))
    return pd.arrays.BooleanArray(results, ~known)


def predicate(operation: Operation, *operands: Expression) -> Expression:
    """The predicate that ``operation`` computes from the operands, unknown where one of them is."""
    return Expression(
        "boolean",
        lambda frame: _where_known(operation, len(frame), *(operand.evaluate(frame) for operand in operands)),
    )


def combination(operation: Operation, conditions: Sequence[Expression]) -> Expression:
    """Conditions combined by a binary operation of three-valued logic, such as and."""
    return Expression("boolean", lambda frame: reduce(operation, (one.evaluate(frame) for one in conditions)))


def negation(condition: Expression) -> Expression:
    """NOT."""
    return Expression("boolean", lambda frame: ~condition.evaluate(frame))


def is_null(operand: Expression) -> Expression:
    """IS NULL, which is never unknown."""
    return Expression("boolean", lambda frame: _where_known(lambda: pd.isna(operand.evaluate(frame)), len(frame)))


def comparison(sign: str, a: Expression, b: Expression) -> Expression:
    """``a`` and ``b`` compared by one of `COMPARISONS`."""
    a, b = _with_equal_types(a, b)
    if a.data_type == "boolean":
        return combination(COMPARISONS[sign], (a, b))
    return predicate(COMPARISONS[sign], a, b)


def between(operand: Expression, low: Expression, high: Expression) -> Expression:
    """BETWEEN, which includes both ends."""
    return combination(operator.and_, (comparison(">=", operand, low), comparison("<=", operand, high)))


def membership(operand: Expression, items: Sequence[Expression]) -> Expression:
    """IN (…)."""
    pairs = [_with_equal_types(operand, item) for item in items]
    # Constants are looked up in a set, all at once; other items are compared one by one.
    constants = {item.constant for converted, item in pairs if converted is operand and item.constant is not None}
    others = [comparison("=", a, b) for a, b in pairs if a is not operand or b.constant is None]
    if len(others) > MAX_COMPUTED_ITEMS:
        raise filter_error(f"has an IN (…) with more than {MAX_COMPUTED_ITEMS} items that are not constants")
    if not constants:
        return combination(operator.or_, others)
    is_constant = predicate(lambda values: [value in constants for value in values], operand)
    return combination(operator.or_, [is_constant, *others])


def like(operand: Expression, pattern: Expression) -> Expression:
    r"""LIKE: % stands for any characters, _ for one, and a character after \ for itself."""
    if operand.data_type != "string" or not isinstance(pattern.constant, str):
        raise filter_error("has a LIKE that is not of a text and a pattern in ' '")
    text = pattern.constant
    # Arrow matches in time proportional to the text, whatever the pattern.
    return predicate(lambda texts: pc.match_like(pa.array(texts, pa.string()), text).to_numpy(False), operand)


def spatial_predicate(name: str, a: Expression, b: Expression) -> Expression:
    """``a`` and ``b`` compared by one of `SPATIAL`."""
    if (a.data_type, b.data_type) != ("geometry", "geometry"):
        raise filter_error(f"uses {name.upper()} of a {a.data_type} and a {b.data_type}; it is of geometries")
    if b.constant is not None:  # a constant geometry is prepared, which makes it quick as the first operand only
        name, a, b = SPATIAL_CONVERSES.get(name, name), b, a
    return predicate(SPATIAL[name], a, b)


# --- values -------------------------------------------------------------------------------------------------------


def arithmetic(sign: str, a: Expression, b: Expression) -> Expression:
    """A number computed by one of `ARITHMETIC`; unknown where it is not finite, as after a division by 0."""
    if (a.data_type, b.data_type) != ("number", "number"):
        raise filter_error(f"calculates with a {a.data_type if a.data_type != 'number' else b.data_type}")

    def evaluate(frame: gpd.GeoDataFrame) -> Values:
        result = ARITHMETIC[sign](a.evaluate(frame), b.evaluate(frame))
        return np.where(np.isfinite(result), result, np.nan)

    return Expression("number", evaluate)


def folded_text(name: str, operand: Expression) -> Expression:
    """A text for comparisons that ignore case (``casei``, Unicode's full case folding) or accents (``accenti``)."""
    if operand.data_type != "string":
        raise filter_error(f"uses {name.upper()} of a {operand.data_type}")
    fold = str.casefold if name == "casei" else remove_accents
    if isinstance(operand.constant, str):
        return constant("string", fold(operand.constant))

    last_frame: gpd.GeoDataFrame | None = None
    last_values: ObjectArray | None = None

    def evaluate(frame: gpd.GeoDataFrame) -> Values:
        # A filter often compares the same folded property with many values.
        nonlocal last_frame, last_values
        if last_frame is not frame:
            texts = [fold(text) if isinstance(text, str) else None for text in operand.evaluate(frame)]
            last_frame, last_values = frame, np.array(texts, dtype=object)
        return last_values

    return Expression("string", evaluate)


def remove_accents(text: str) -> str:
    """The text with combining marks and strokes removed from its letters."""
    # The standard recommends to keep the Japanese voicing marks U+3099 and U+309A: か and が are different letters.
    characters = (
        character
        for character in unicodedata.normalize("NFD", text)
        if character in "\u3099\u309a" or unicodedata.category(character) != "Mn"
    )
    return unicodedata.normalize("NFC", "".join(characters)).translate(_LETTERS_WITHOUT_STROKE)


def instant(text: str) -> Expression:
    """The constant instant that ``text`` states; a day means its first moment."""
    try:
        text = text.removesuffix("T")  # GDAL writes a day so
        if not _INSTANT.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text.upper())
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise filter_error(
            f"has {quote(text)} where a day such as 2021-06-30 or a time such as 2021-06-30T12:00:00Z should be"
        ) from None
    return constant("date", np.datetime64(moment, "us"))


# --- conversions between data types -------------------------------------------------------------------------------


def as_date(expression: Expression) -> Expression:
    """The expression as a date: a constant text is read as an instant."""
    if expression.data_type == "string" and isinstance(expression.constant, str):
        return instant(expression.constant)
    if expression.data_type != "date":
        raise filter_error(f"has a {expression.data_type} where a day should be")
    return expression


def _as_boolean(expression: Expression) -> Expression:
    """The constants 0 and 1 as FALSE and TRUE: GDAL has no boolean constants."""
    if expression.constant not in (0, 1):
        return expression
    return boolean_constant(expression.constant == 1)


def _with_equal_types(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """Two expressions that can be compared: a constant text beside a date becomes a date, 0 beside a boolean FALSE."""
    data_types = {a.data_type, b.data_type}
    has_constant_text = any(one.data_type == "string" and one.constant is not None for one in (a, b))
    if data_types == {"date", "string"} and has_constant_text:
        a, b = as_date(a), as_date(b)
    if data_types == {"boolean", "number"}:
        a, b = _as_boolean(a), _as_boolean(b)
    if a.data_type != b.data_type or a.data_type == "geometry":
        hint = "; a text stands in ' ', a number does not" if data_types == {"string", "number"} else ""
        raise filter_error(f"compares a {a.data_type} with a {b.data_type}{hint}")
    return a, b
