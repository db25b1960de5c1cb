"""The operators of CQL2 and the functions on arrays that compute them.

Operators are named as the standard's JSON encoding names them, in lower case.
"""

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import shapely

Operation: TypeAlias = Callable[..., Any]
"""Takes arrays of one shape (n,) and returns an array or sequence of n results."""

COMPARISONS: dict[str, Operation] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
ARITHMETIC: dict[str, Operation] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.float_power,
    "%": np.fmod,  # the result has the sign of the dividend, as in SQL
    "div": lambda a, b: np.trunc(a / b),
}
SPATIAL: dict[str, Operation] = {
    f"s_{name}": getattr(shapely, name)
    for name in ("intersects", "disjoint", "equals", "touches", "crosses", "overlaps", "within", "contains")
}
SPATIAL_CONVERSES = {"s_within": "s_contains", "s_contains": "s_within"}
"""``a s_within b`` is ``b s_contains a``. The other spatial operators are symmetric."""

# Temporal operators take the first and last instant of one period (a, b), then those of the other (c, d). They are
# defined by OWL-Time, to which clause 7.8 of the standard refers.
TEMPORAL: dict[str, Operation] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_disjoint": lambda a, b, c, d: (a > d) | (b < c),
    "t_equals": lambda a, b, c, d: (a == c) & (b == d),
    "t_intersects": lambda a, b, c, d: (a <= d) & (b >= c),
}
TEMPORAL_OF_INTERVALS: dict[str, Operation] = {
    "t_contains": lambda a, b, c, d: (a < c) & (b > d),
    "t_during": lambda a, b, c, d: (a > c) & (b < d),
    "t_finishedby": lambda a, b, c, d: (a < c) & (b == d),
    "t_finishes": lambda a, b, c, d: (a > c) & (b == d),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlappedby": lambda a, b, c, d: (a > c) & (a < d) & (b > d),
    "t_overlaps": lambda a, b, c, d: (a < c) & (b > c) & (b < d),
    "t_startedby": lambda a, b, c, d: (a == c) & (b > d),
    "t_starts": lambda a, b, c, d: (a == c) & (b < d),
}
"""Temporal operators that are defined for two intervals, but not for single instants."""
