"""CQL2 filters (OGC 21-065r2) over frames: a library reads the text, here every row of a frame is judged at once.

Logic has three values: what compares the unknown is unknown, and only what is true is kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal, NoReturn, TypeAlias

import cql2
import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import FieldError

Kind: TypeAlias = Literal["string", "number", "integer", "boolean", "date", "geometry"]
Bools: TypeAlias = NDArray[np.bool_]

MOST_CHARACTERS = 4000
# The parser recurses, and what is too deep for its stack would end the process.
MOST_NESTED, MOST_OPERATORS = 60, 300
_NESTING = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|[()]|\bnot\b|[-+*/^%=<>]|\b(?:and|or|div)\b""", re.IGNORECASE)
SPATIAL: dict[str, Callable[[Any, Any], Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
}
COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
NUMBERS = ("number", "integer")


def refuse(reason: str) -> NoReturn:
    """Say that a filter is unusable, and why."""
    raise FieldError([("filter", f"filter {reason}")])


@dataclass(frozen=True)
class _Truth:
    """What is true and what is false of each row; neither: unknown."""

    true: Bools
    false: Bools


@dataclass(frozen=True)
class _Values:
    """The values of an expression, one a row or one for all, and which of them are known."""

    kind: Kind
    values: Any
    known: Bools
    literal: bool = False


@dataclass(frozen=True)
class Filter:
    """A filter that has been read: ``tree`` is its JSON encoding."""

    tree: Any
    kinds: Mapping[str, Kind]
    to_wgs84: Callable[[Any], Any]

    def mask(self, frame: gpd.GeoDataFrame) -> Bools:
        """Which rows the filter is true of, shape (rows,)."""
        with np.errstate(all="ignore"):
            return _Judge(self, frame).truth(self.tree).true


def parse(text: str, kinds: Mapping[str, Kind], to_wgs84: Callable[[Any], Any] | None = None) -> Filter:
    """The filter of a CQL2 text.

    Parameters
    ----------
    kinds : the properties that it may ask for; the one of kind geometry is a frame's geometry, whatever its name
    to_wgs84 : moves the geometries of the text to WGS84, longitude first; None: they are there

    Raises
    ------
    FieldError
        It is no CQL2, or asks for what is not there or cannot be compared.
    """
    if len(text) > MOST_CHARACTERS:
        refuse(f"is longer than {MOST_CHARACTERS} characters")
    _check_depth(text)
    try:
        tree = cql2.parse_text(text).to_json()
    except Exception as error:  # of the parser's own kinds
        where = re.match(r"\s*--> (\d+):(\d+)", str(error))
        refuse(f"is no CQL2 text{f', at character {where[2]}' if where else ''}")
    found = Filter(tree, dict(kinds), to_wgs84 or (lambda shape: shape))
    # What is wrong with it is wrong of no rows as well.
    nothing = {name: np.array([], dtype=object) for name, kind in kinds.items() if kind != "geometry"}
    found.mask(gpd.GeoDataFrame(nothing, geometry=[], crs="EPSG:4326"))
    return found


def _check_depth(text: str) -> None:
    """Refuse what is nested too deep, by its brackets or its operators, each of which may nest."""
    depth = operators = 0
    for token in _NESTING.findall(text):
        if token[0] in "()":
            depth += 1 if token == "(" else -1
            if depth > MOST_NESTED:
                refuse(f"is nested deeper than {MOST_NESTED}")
        elif token[0] not in "'\"":
            operators += 1
    if operators > MOST_OPERATORS:
        refuse(f"has more than {MOST_OPERATORS} operators")


class _Judge:
    """Evaluates a tree over the rows of a frame."""

    def __init__(self, of: Filter, frame: gpd.GeoDataFrame) -> None:
        self._of, self._frame, self._rows = of, frame, len(frame)

    def truth(self, node: Any) -> _Truth:
        """What a condition is of each row."""
        if isinstance(node, bool):
            return self._settled(np.full(self._rows, node), np.ones(self._rows, dtype=bool))
        if isinstance(node, dict) and "property" in node:
            values = self._values(node)
            if values.kind != "boolean":
                refuse("is no condition")
            return self._settled(values.values.astype(bool), values.known)
        if not isinstance(node, dict) or not isinstance(node.get("args"), list):
            refuse("is no condition")
        name, args = str(node["op"]).lower(), node["args"]
        match name:
            case "and" | "or":
                parts = [self.truth(one) for one in args]
                true, false = ([getattr(one, side) for one in parts] for side in ("true", "false"))
                if name == "and":
                    return _Truth(np.logical_and.reduce(true), np.logical_or.reduce(false))
                return _Truth(np.logical_or.reduce(true), np.logical_and.reduce(false))
            case "not":
                one = self.truth(args[0])
                return _Truth(one.false, one.true)
            case "isnull":
                known = self._values(args[0]).known
                return _Truth(~known, known.copy())
            case "between":
                return self.truth(_both(args, ">=", "<="))
            case "in":
                if not isinstance(args[1], list) or not args[1]:
                    refuse("needs values in brackets after IN")
                return self.truth({"op": "or", "args": [{"op": "=", "args": [args[0], one]} for one in args[1]]})
            case "like":
                return self._like(*args)
            case _ if name in COMPARED:
                return self._compared(COMPARED[name], *args)
            case _ if name in SPATIAL:
                return self._spatial(SPATIAL[name], *args)
            case _:
                refuse(f"uses {name[:40]}, which is not supported")

    def _settled(self, true: Bools, known: Bools) -> _Truth:
        return _Truth(true & known, ~true & known)

    def _compared(self, compare: Callable[[Any, Any], Any], left: Any, right: Any) -> _Truth:
        a, b = self._alike(self._values(left), self._values(right))
        known = a.known & b.known
        true = np.zeros(self._rows, dtype=bool)
        x, y = (np.broadcast_to(one.values, self._rows)[known] for one in (a, b))
        true[known] = compare(x, y).astype(bool)
        return self._settled(true, known)

    def _alike(self, a: _Values, b: _Values) -> tuple[_Values, _Values]:
        """Both of one kind; a text that is a day is one beside days."""
        if "date" in (a.kind, b.kind):
            a, b = _as_day(a), _as_day(b)
        same = a.kind == b.kind or (a.kind in NUMBERS and b.kind in NUMBERS)
        if not same or "geometry" in (a.kind, b.kind):
            refuse(f"compares {a.kind} with {b.kind}")
        return a, b

    def _like(self, left: Any, pattern: Any) -> _Truth:
        values, wanted = self._values(left), self._values(pattern)
        if values.kind != "string" or wanted.kind != "string" or not wanted.literal:
            refuse("needs a text and a pattern for LIKE")
        matches = _pattern(str(wanted.values))
        each = np.broadcast_to(values.values, self._rows)
        true = np.array([known and matches(one) for one, known in zip(each, values.known, strict=True)], dtype=bool)
        return self._settled(true, values.known)

    def _spatial(self, judge: Callable[[Any, Any], Any], left: Any, right: Any) -> _Truth:
        a, b = self._values(left), self._values(right)
        if (a.kind, b.kind) != ("geometry", "geometry"):
            refuse("compares places with what is none")
        known = a.known & b.known
        return self._settled(np.broadcast_to(judge(a.values, b.values), self._rows), known)

    def _values(self, node: Any) -> _Values:
        """The values of an expression."""
        everywhere = np.ones(self._rows, dtype=bool)
        match node:
            case bool():
                return _Values("boolean", node, everywhere, literal=True)
            case int() | float():
                return _Values("number", float(node), everywhere, literal=True)
            case str():
                return _Values("string", node, everywhere, literal=True)
            case {"property": name}:
                return self._property(str(name))
            case {"date": str(text)} | {"timestamp": str(text)}:
                return _Values("date", _day(text), everywhere, literal=True)
            case {"op": "casei" | "accenti" as name, "args": [one]}:
                return self._folded(name, self._values(one))
            case {"bbox": list(box)} if len(box) in (4, 6):
                a, b, c, d = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
                return _Values("geometry", self._shape(lambda: shapely.box(a, b, c, d)), everywhere, literal=True)
            case {"type": _, "coordinates": _} | {"type": _, "geometries": _}:
                return _Values("geometry", self._shape(lambda: shapely.geometry.shape(node)), everywhere, literal=True)
            case {"op": name}:
                refuse(f"uses {str(name)[:40]}, which is not supported")
            case _:
                refuse("has a value that is not supported")

    def _property(self, name: str) -> _Values:
        kinds = self._of.kinds
        if name not in kinds:
            refuse(f"asks for {name[:60]!r}, which is none of {', '.join(kinds)}")
        kind = kinds[name]
        if kind == "geometry":
            shapes = self._frame.geometry.to_numpy()
            return _Values(kind, shapes, ~shapely.is_missing(shapes))
        column = self._frame[name]
        known = column.notna().to_numpy()
        values = column.to_numpy(dtype=float, na_value=np.nan) if kind in NUMBERS else column.to_numpy(dtype=object)
        return _Values(kind, values, known)

    def _folded(self, name: str, one: _Values) -> _Values:
        if one.kind != "string" or name != "casei":
            refuse(f"uses {name}, which is supported for no such value")
        if one.literal:
            return _Values("string", str(one.values).casefold(), one.known, literal=True)
        folded = [text.casefold() if known else None for text, known in zip(one.values, one.known, strict=True)]
        return _Values("string", np.array(folded, dtype=object), one.known)

    def _shape(self, make: Callable[[], Any]) -> Any:
        try:
            shape = make()
            sound = not shape.is_empty and np.isfinite(shapely.get_coordinates(shape)).all()
            moved = self._of.to_wgs84(shapely.force_2d(shape)) if sound else None
        except Exception:  # whatever a library says of a ring of three points
            moved = None
        if moved is None or not moved.is_valid or not np.isfinite(shapely.get_coordinates(moved)).all():
            refuse("has a geometry that is not valid")
        shapely.prepare(moved)
        return moved


def _both(args: list[Any], least: str, most: str) -> Any:
    return {"op": "and", "args": [{"op": least, "args": args[:2]}, {"op": most, "args": [args[0], args[2]]}]}


def _as_day(one: _Values) -> _Values:
    if one.kind == "string" and one.literal:
        return _Values("date", _day(one.values), one.known, literal=True)
    return one


def _day(text: str) -> date:
    try:
        return datetime.fromisoformat(text.upper()).date()
    except ValueError:
        refuse(f"has {text[:40]!r} for a day such as 2021-06-30")


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> Callable[[str], bool]:
    r"""Whether a text is like a pattern: % for any characters, _ for one, \ before what is meant as it stands."""
    parts: list[list[str | None]] = [[]]
    escaped = False
    for character in pattern:
        if escaped or character not in "%_\\":
            parts[-1].append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "_":
            parts[-1].append(None)
        else:
            parts.append([])
    first, *others = parts

    def there(text: str, at: int, part: list[str | None]) -> bool:
        return len(text) - at >= len(part) and all(p is None or p == text[at + i] for i, p in enumerate(part))

    def matches(text: str) -> bool:
        if not others:
            return len(text) == len(first) and there(text, 0, first)
        if not there(text, 0, first):
            return False
        at, end = len(first), len(text) - len(others[-1])
        for part in others[:-1]:  # the first place that fits is as good as any
            while at <= len(text) and not there(text, at, part):
                at += 1
            at += len(part)
        return at <= end and there(text, end, others[-1])

    return matches
