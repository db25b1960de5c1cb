r"""Filters in CQL2 text (OGC 21-065r2) over a frame: a library parses, this judges all rows at once.

A filter is read into terms, each a kind and a function from a frame to the values of its rows; what is wrong with it is
found then, never when it is used. Logic has three values, as pandas' boolean arrays have: what is said of an unknown is
unknown, and only what is true is kept.
"""

import json
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any, NoReturn, TypeAlias

import cql2
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from geo.arrays import BoolArray
from geo.errors import FieldError
from geo.features.data_types import DataType

# The parser recurses until the stack is full, which ends the process (a thread on macOS has half a megabyte, which
# holds some 150 levels), and tries each bracket as an expression and again as a list, which doubles its time with each.
MOST_CHARACTERS, MOST_NESTED, MOST_JOINED, MOST_WORK = 8_000, 30, 200, 20_000
MOST_COMPUTED = 20
_TOKEN = re.compile(r"""'(?:''|\\.|[^'\\])*'|"(?:""|[^"])*"|[^\W\d]\w*|[\d.]+|\s+|.""", re.DOTALL)
_ESCAPES = {
    r"\'": "''",
    "\\\\": "\\",
    r"\a": "\a",
    r"\b": "\b",
    r"\t": "\t",
    r"\n": "\n",
    r"\v": "\v",
    r"\f": "\f",
    r"\r": "\r",
}
_BEFORE_BRACKETS = ("and", "or", "not", "in", "like", "between", "div")

Judge: TypeAlias = Callable[..., Any]
COMPARED: dict[str, Judge] = {
    sign: getattr(operator, name)
    for sign, name in (("=", "eq"), ("<>", "ne"), ("<", "lt"), (">", "gt"), ("<=", "le"), (">=", "ge"))
}
COUNTED: dict[str, Judge] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.float_power,
    "%": np.fmod,  # the sign of the dividend, as in SQL
    "div": lambda a, b: np.trunc(a / b),
}
SPATIAL: dict[str, Judge] = {
    f"s_{name}": getattr(shapely, name)
    for name in ("intersects", "disjoint", "equals", "touches", "crosses", "overlaps", "within", "contains")
}
CONVERSE = {"s_within": "s_contains", "s_contains": "s_within"}
# By the first and last instant of one period, then of the other (OWL-Time, as the standard's clause 7.8 refers to it).
TEMPORAL: dict[str, Judge] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_disjoint": lambda a, b, c, d: (a > d) | (b < c),
    "t_equals": lambda a, b, c, d: (a == c) & (b == d),
    "t_intersects": lambda a, b, c, d: (a <= d) & (b >= c),
}
TEMPORAL_OF_INTERVALS: dict[str, Judge] = {
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
EVER = np.datetime64("-9999-01-01", "us"), np.datetime64("19999-01-01", "us")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?", re.ASCII | re.IGNORECASE)
# Letters with a stroke have no decomposition; the standard's own tests want København for Kobenhavn.
_STROKES = str.maketrans("øØłŁđĐħĦŧŦ", "oOlLdDhHtT")


@dataclass(frozen=True)
class _Term:
    """An expression: ``of`` a frame gives an array, shape (rows,) or (1,) if it is the same for all.

    Its missing values are unknown; booleans are a pandas BooleanArray of shape (rows,), days are datetime64[us].
    """

    kind: DataType
    of: Callable[[Any], Any]
    literal: Any = None


@dataclass(frozen=True)
class Filter:
    """A filter that has been read, for any frame with the columns that `parse` was told of."""

    _of: Callable[[Any], Any]

    def mask(self, frame: gpd.GeoDataFrame) -> BoolArray:
        """Which rows the filter is true of, shape (rows,); not those of which it is false or unknown."""
        with np.errstate(all="ignore"):
            mask: BoolArray = self._of(frame).to_numpy(dtype=bool, na_value=False)
        return mask


def parse(text: str, kinds: Mapping[str, DataType], to_wgs84: Callable[[Any], Any] | None = None) -> Filter:
    """The filter of a CQL2 text.

    Parameters
    ----------
    kinds : the properties that it may use; the one of kind geometry is a frame's geometry, whatever its name
    to_wgs84 : moves the text's geometries (shapely) to WGS84, longitude first; None where they are that already

    Raises
    ------
    FieldError
        It is no CQL2, is too long or too deep, uses what is not there, or compares what cannot be compared.
    """
    bounded = _bounded(text)
    try:
        tree = cql2.parse_text(bounded).to_json()
    except Exception as error:  # the parser has three kinds of its own, one of them Exception itself
        place = re.match(r"\s*--> (\d+):(\d+)", str(error))
        where = f": line {place[1]}, character {place[2]} is not understood" if place else ""
        _refuse(f"is no CQL2 text{where}")
    return Filter(_Reader(kinds, to_wgs84).condition(tree).of)


def _refuse(reason: str) -> NoReturn:
    raise FieldError([("filter", f"filter {reason}")])


def _shown(text: str) -> str:
    return repr(text[:40])[:60]


def _bounded(text: str) -> str:
    """``text`` with escapes as the parser knows them, if it is not too much for the parser."""
    if len(text) > MOST_CHARACTERS:
        _refuse(f"is longer than {MOST_CHARACTERS} characters")
    parts: list[str] = []
    pending, bare = [0], [0]  # operators before a comma, AND or OR at each level of brackets; brackets without a name
    joined = work = 0
    before = ""
    for token in _TOKEN.findall(text):
        word = token.lower()
        if token[0] == "'" and len(token) > 1:
            token = re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), token, flags=re.DOTALL)
        parts.append(token)
        if token.isspace():
            continue
        if token == "(":
            named = (before[:1].isalpha() or before[:1] in ("_", '"')) and before not in _BEFORE_BRACKETS
            bare.append(bare[-1] + (not named))
            pending.append(0)
        elif token == ")" and len(pending) > 1:
            pending.pop()
            bare.pop()
        elif word in ("and", "or", ","):
            joined += word != ","
            pending[-1] = 0
        elif word in _BEFORE_BRACKETS or token in "+-*/^%=<>":
            pending[-1] += 1
        work += 2 ** min(bare[-1], 20)
        before = word
        if len(pending) - 1 + sum(pending) > MOST_NESTED:
            _refuse(f"is nested deeper than {MOST_NESTED}; use fewer brackets, signs and NOT")
    if joined > MOST_JOINED:
        _refuse(f"has more than {MOST_JOINED} AND and OR; use IN (…)")
    if work > MOST_WORK:
        _refuse("has too much inside brackets inside brackets; use fewer brackets")
    return "".join(parts)


class _Reader:
    """Makes terms of the standard's JSON encoding."""

    def __init__(self, kinds: Mapping[str, DataType], to_wgs84: Callable[[Any], Any] | None) -> None:
        self._kinds, self._to_wgs84 = kinds, to_wgs84
        self._folds: dict[str, _Term] = {}

    def condition(self, node: Any) -> _Term:
        """The term of ``node``, which is true or false."""
        term = self.term(node)
        if term.kind != "boolean":
            _refuse(f"has a {term.kind} where a condition should be")
        return term

    def term(self, node: Any) -> _Term:
        """The term of ``node``."""
        match node:
            case bool():
                return _Term("boolean", lambda frame: _truth(lambda: node, len(frame)))
            case int() | float() if math.isfinite(node):
                return _constant("number", float(node))
            case str():
                return _constant("string", unicodedata.normalize("NFC", node))
            case {"property": str(name)}:
                return self._property(name)
            case {"date": str(text)} | {"timestamp": str(text)}:
                return _instant(text)
            case {"bbox": [*box]} | {"type": _, "coordinates": [*box]} | {"type": _, "geometries": [*box]}:
                return self._shape(node, box)
            case {"op": str(name), "args": [*args]}:
                return self._operation(name.lower(), args)
        _refuse("has a list, interval, NULL or too large a number where it cannot be used")

    def _property(self, name: str) -> _Term:
        kind = self._kinds.get(name)
        match kind:
            case "geometry":
                return _Term(kind, lambda frame: frame.geometry.to_numpy())
            case "number" | "integer":
                return _Term("number", lambda frame: frame[name].to_numpy(dtype=float, na_value=np.nan))
            case "boolean":
                return _Term(kind, lambda frame: pd.array(frame[name].to_numpy(float, na_value=np.nan), "boolean"))
            case "date":
                return _Term(kind, lambda frame: _days(frame[name].to_numpy(dtype=object)))
            case "string":
                return _Term(kind, lambda frame: frame[name].to_numpy(dtype=object))
        _refuse(f"uses {_shown(name)}, which is no property; queryables lists them, and texts stand in ' '")

    def _operation(self, name: str, args: list[Any]) -> _Term:
        match name, args:
            case (("and" | "or"), [_, *_]):
                return _joined(operator.and_ if name == "and" else operator.or_, [self.condition(one) for one in args])
            case "not", [one]:
                condition = self.condition(one)
                return _Term("boolean", lambda frame: ~condition.of(frame))
            case "isnull", [one]:
                term = self.term(one)
                return _Term("boolean", lambda frame: _truth(lambda: pd.isna(term.of(frame)), len(frame)))
            case "between", [one, low, high]:
                term = self.term(one)
                ends = _compared(">=", term, self.term(low)), _compared("<=", term, self.term(high))
                return _joined(operator.and_, ends)
            case "in", [one, [_, *_] as items]:
                return _among(self.term(one), [self.term(item) for item in items])
            case "like", [one, pattern]:
                return _like(self.term(one), self.term(pattern))
            case (("casei" | "accenti"), [one]):
                said = json.dumps([name, one])  # again and again, mostly
                if said not in self._folds:
                    self._folds[said] = _folded(name, self.term(one))
                return self._folds[said]
            case _, [a, b] if name in COMPARED:
                return _compared(name, self.term(a), self.term(b))
            case "^", [{"op": "^"}, _]:  # 2^3^2 is 2^9 in the standard's grammar, 8^2 in the parser's
                _refuse("has a ^ of a ^; write a^(b^c), or a^(b*c) for (a^b)^c")
            case _, [a, b] if name in COUNTED:
                return _counted(name, self.term(a), self.term(b))
            case _, [a, b] if name in SPATIAL:
                return _spatial(name, self.term(a), self.term(b))
            case _, [a, b] if name in TEMPORAL:
                return _judged(TEMPORAL[name], *self._period(a), *self._period(b))
            case _, [{"interval": _} as a, {"interval": _} as b] if name in TEMPORAL_OF_INTERVALS:
                return _judged(TEMPORAL_OF_INTERVALS[name], *self._period(a), *self._period(b))
        if name in TEMPORAL_OF_INTERVALS:
            _refuse(f"uses {name.upper()}, which is of two INTERVALs; T_INTERSECTS takes days too")
        _refuse(f"uses {_shown(name.upper())} in a way, or with a number of values, that is not supported")

    def _period(self, node: Any) -> tuple[_Term, _Term]:
        """The first and last instant of an interval, or twice an instant."""
        if not (isinstance(node, dict) and "interval" in node):
            instant = _dated(self.term(node))
            return instant, instant
        if len(node["interval"]) != 2:
            _refuse("has an INTERVAL that has not a start and an end")
        start, end = (
            _constant("date", ever) if one == ".." else _dated(self.term(one))
            for one, ever in zip(node["interval"], EVER, strict=True)
        )
        if start.literal is not None and end.literal is not None and start.literal > end.literal:
            _refuse("has an INTERVAL that ends before it starts")
        return start, end

    def _shape(self, node: Mapping[str, Any], box: list[Any]) -> _Term:
        try:
            shape = _box(box, self._to_wgs84 is None) if "bbox" in node else shapely.from_geojson(json.dumps(node))
            with np.errstate(all="ignore"):
                flat = shapely.force_2d(shape)
                shape = flat if self._to_wgs84 is None else self._to_wgs84(flat)
            west, south, east, north = shape.bounds
        except (shapely.errors.ShapelyError, ValueError, TypeError):
            _refuse("has a geometry or BBOX with the wrong number of corners, or wrong corners")
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            _refuse("has a geometry that is empty or beyond what its coordinates can be; is the order of them right?")
        if not shape.is_valid:
            _refuse("has a geometry that is not valid, such as a ring that crosses itself")
        shapely.prepare(shape)
        return _constant("geometry", shape)


def _days(values: Any) -> Any:
    # numpy takes ten times as long
    days = pa.array(values, type=pa.date32(), from_pandas=True)
    return days.to_numpy(zero_copy_only=False).astype("datetime64[us]")


def _constant(kind: DataType, value: Any) -> _Term:
    values: Any = np.array([value], dtype=float if kind == "number" else "datetime64[us]" if kind == "date" else object)
    return _Term(kind, lambda frame: values, value)


def _instant(text: str) -> _Term:
    try:
        text = text.removesuffix("T")  # as GDAL writes a day
        if not _INSTANT.fullmatch(text):
            raise ValueError(text)
        instant = datetime.fromisoformat(text.upper())
        instant = instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    except (ValueError, OverflowError):
        _refuse(f"has {_shown(text)} where a day such as 2021-06-30 or a time such as 2021-06-30T12:00:00Z should be")
    return _constant("date", np.datetime64(instant, "us"))


def _box(corners: list[Any], may_wrap: bool) -> Any:
    if len(corners) not in (4, 6) or not all(isinstance(one, float) for one in corners):
        raise ValueError(corners)
    (west, south), (east, north) = corners[:2], corners[len(corners) // 2 :][:2]
    if west > east and may_wrap:  # across the antimeridian, as the standard has it
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    if west > east or south > north:
        raise ValueError(corners)
    return shapely.box(west, south, east, north)


def _truth(judge: Judge, rows: int, *values: Any) -> Any:
    """What ``judge`` says of each of ``rows`` where all ``values`` are known, elsewhere unknown."""
    known = np.ones(rows, dtype=bool)
    for one in values:
        known &= ~pd.isna(one)
    true = np.zeros(rows, dtype=bool)
    true[known] = judge(*(np.broadcast_to(one, rows)[known] for one in values))
    return pd.arrays.BooleanArray(true, ~known)


def _judged(judge: Judge, *terms: _Term) -> _Term:
    return _Term("boolean", lambda frame: _truth(judge, len(frame), *(one.of(frame) for one in terms)))


def _joined(join: Callable[[Any, Any], Any], conditions: Any) -> _Term:
    return _Term("boolean", lambda frame: reduce(join, (one.of(frame) for one in conditions)))


def _dated(term: _Term) -> _Term:
    if term.kind == "string" and term.literal is not None:
        return _instant(term.literal)
    if term.kind != "date":
        _refuse(f"has a {term.kind} where a day should be")
    return term


def _alike(a: _Term, b: _Term) -> tuple[_Term, _Term]:
    """Both of one kind: a text beside days is a day."""
    if {a.kind, b.kind} == {"date", "string"} and "string" in (x.kind for x in (a, b) if x.literal is not None):
        a, b = _dated(a), _dated(b)
    if {a.kind, b.kind} == {"boolean", "number"}:
        a, b = _as_truth(a), _as_truth(b)
    if a.kind != b.kind or a.kind == "geometry":
        quoted = "; a text stands in ' ', a number does not" if {a.kind, b.kind} == {"string", "number"} else ""
        _refuse(f"compares a {a.kind} with a {b.kind}{quoted}")
    return a, b


def _as_truth(term: _Term) -> _Term:
    """0 and 1 are false and true beside a boolean: GDAL has no others."""
    if term.literal not in (0, 1):
        return term
    return _Term("boolean", lambda frame: _truth(lambda: term.literal == 1, len(frame)))


def _compared(name: str, a: _Term, b: _Term) -> _Term:
    a, b = _alike(a, b)
    if a.kind == "boolean":
        return _joined(COMPARED[name], (a, b))
    return _judged(COMPARED[name], a, b)


def _counted(name: str, a: _Term, b: _Term) -> _Term:
    if (a.kind, b.kind) != ("number", "number"):
        _refuse(f"calculates with a {a.kind if a.kind != 'number' else b.kind}")

    def count(frame: Any) -> Any:
        result = COUNTED[name](a.of(frame), b.of(frame))
        return np.where(np.isfinite(result), result, np.nan)  # what is divided by 0 is unknown

    return _Term("number", count)


def _among(one: _Term, items: list[_Term]) -> _Term:
    pairs = [_alike(one, item) for item in items]
    fixed = {b.of(None)[0] for a, b in pairs if a is one and b.literal is not None}
    others = [_compared("=", a, b) for a, b in pairs if a is not one or b.literal is None]
    if len(others) > MOST_COMPUTED:
        _refuse(f"has an IN (…) with more than {MOST_COMPUTED} things that are no values")
    if not fixed:
        return _joined(operator.or_, others)
    return _joined(operator.or_, [_judged(lambda values: [x in fixed for x in values], one), *others])


def _like(one: _Term, pattern: _Term) -> _Term:
    r"""LIKE, where % is any characters, _ is one, and \ takes what follows as it is."""
    if one.kind != "string" or pattern.kind != "string" or pattern.literal is None:
        _refuse("has a LIKE that is not of a text and a pattern in ' '")
    # Arrow's patterns take time in proportion to the text, whatever they are.
    return _judged(lambda texts: pc.match_like(pa.array(texts, pa.string()), pattern.literal).to_numpy(False), one)


def _folded(name: str, term: _Term) -> _Term:
    """A text as it is compared where case (Unicode's full case folding) or accents do not matter."""
    if term.kind != "string":
        _refuse(f"uses {name.upper()} of a {term.kind}")
    fold = str.casefold if name == "casei" else _without_accents
    if term.literal is not None:
        return _constant("string", fold(term.literal))

    held: list[Any] = [None, None]

    def folded(frame: Any) -> Any:
        if held[0] is not frame:
            texts = [fold(one) if isinstance(one, str) else None for one in term.of(frame)]
            held[:] = frame, np.array(texts, dtype=object)
        return held[1]

    return _Term("string", folded)


def _without_accents(text: str) -> str:
    # The standard recommends to keep the Japanese marks: が is another letter than か.
    letters = (x for x in unicodedata.normalize("NFD", text) if x in "\u3099\u309a" or unicodedata.category(x) != "Mn")
    return unicodedata.normalize("NFC", "".join(letters)).translate(_STROKES)


def _spatial(name: str, a: _Term, b: _Term) -> _Term:
    if (a.kind, b.kind) != ("geometry", "geometry"):
        _refuse(f"uses {name.upper()} of a {a.kind} and a {b.kind}; it is of geometries")
    if b.literal is not None:  # a prepared geometry is quick as the first one only
        name, a, b = CONVERSE.get(name, name), b, a
    return _judged(SPATIAL[name], a, b)
