"""Data types of feature properties, and how the text of a request parameter becomes a value of such a type."""

import re
from collections.abc import Callable
from datetime import date
from typing import Literal, TypeAlias, overload

import numpy as np

DataType: TypeAlias = Literal["string", "number", "integer", "boolean", "date", "geometry"]
Value: TypeAlias = str | float | int | bool | date


def _finite_float(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(text)
    return number


_SYNTAX: dict[str, tuple[re.Pattern[str], Callable[[str], Value], str]] = {
    "integer": (re.compile(r"-?\d{1,40}", re.ASCII), int, "a whole number"),
    "number": (re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII), _finite_float, "a number"),
    "boolean": (re.compile("true|false"), "true".__eq__, "true or false"),
    "date": (re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), date.fromisoformat, "a day such as 2021-06-30"),
}
"""For each type how JSON writes its values, the function that reads them, and the type in words."""


@overload
def parse_value(text: str, data_type: Literal["number"]) -> float: ...
@overload
def parse_value(text: str, data_type: DataType) -> Value: ...
def parse_value(text: str, data_type: DataType) -> Value:
    """The value of a parameter's ``text``, which is written as JSON writes values of ``data_type``.

    Raises
    ------
    ValueError
        ``text`` is no value of that type.
    """
    if data_type not in _SYNTAX:
        return text
    pattern, read, description = _SYNTAX[data_type]
    try:
        if pattern.fullmatch(text):
            return read(text)
    except ValueError:  # it has the form of a value, such as 2021-02-30, but is none
        pass
    raise ValueError(f"is not {description}")
