r"""CQL2 filters: beside a slow evaluation row by row, the standard's examples, and what is refused."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.errors import FieldError
from geo.features import cql2
from geo.features.data_types import DataType
from support import program

DATA_TYPES: dict[str, DataType] = {
    "name": "string",
    "Name": "string",
    "size": "number",
    "beds": "integer",
    "public": "boolean",
    "sold": "boolean",
    "opened": "date",
    "closed": "date",
    "it's": "number",
    "geometry": "geometry",
}
SQUARE = shapely.box(120, 28, 121, 29)
ROWS: list[dict[str, Any]] = [
    dict(zip(DATA_TYPES, row, strict=True))
    for row in [
        ("永康公园", "永康公园", 5.0, 3, True, 1.0, date(2021, 1, 1), None, 1, shapely.Point(120.5, 28.5)),
        ("O'Neill", "o'neill", 2.5, None, False, 0.0, date(2020, 6, 30), date(2021, 1, 1), 2, SQUARE),
        ("50%_\\", None, None, 7, None, np.nan, None, date(2021, 1, 2), 3, shapely.Point(121, 28.5)),
        (None, "x", -4.0, 0, True, np.nan, date(2021, 1, 2), date(2021, 1, 2), 4, None),
        ("", "", 0.0, -3, False, 1.0, date(1000, 1, 1), date(9999, 12, 31), 5, shapely.box(120.5, 28.5, 122, 30)),
        ("København", "KØBENHAVN", 7.0, 2, None, 0.0, date(2021, 1, 1), date(2021, 2, 1), 6, shapely.Point(10, 50)),
        ("two\nlines", "Straße", 1e9, 5, True, 1.0, None, None, None, shapely.LineString([(119, 28.5), (122, 28.5)])),
    ]
]


def framed(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in DATA_TYPES if name != "geometry"}
    columns["sold"], columns["size"] = columns["sold"].astype(float), columns["size"].astype(float)
    return gpd.GeoDataFrame(columns, geometry=[row["geometry"] for row in rows], crs="EPSG:4326")


FRAME = framed(ROWS)


def rows(text: str, to_wgs84: Callable[[Any], Any] | None = None) -> list[int]:
    """The numbers of the rows that a filter keeps."""
    mask = cql2.parse(text, DATA_TYPES, to_wgs84).mask(FRAME)
    assert mask.shape == (len(ROWS),)
    assert mask.dtype == bool
    return np.flatnonzero(mask).tolist()


def refused(text: str) -> str:
    with pytest.raises(FieldError) as caught:
        cql2.parse(text, DATA_TYPES)
    (field, reason), *others = caught.value.problems
    assert (field, others) == ("filter", [])
    assert len(reason) < 200
    return reason


# --- beside a slow evaluation ------------------------------------------------------------------------------------

Slow = Callable[[dict[str, Any]], Any]
Made = tuple[str, Slow]
"""A text, and what it is of a row, in plain Python: None for unknown."""


def strict(judge: Callable[..., Any], *parts: Slow) -> Slow:
    def of(row: dict[str, Any]) -> Any:
        values = [part(row) for part in parts]
        return None if any(value is None for value in values) else judge(*values)

    return of


def column(name: str) -> Made:
    def of(row: dict[str, Any]) -> Any:
        value = row[name]
        unknown = value is None or value != value
        return None if unknown else bool(value) if DATA_TYPES[name] == "boolean" else value

    return f'"{name}"', of


def literal(value: Any) -> Made:
    match value:
        case bool():
            text = str(value).upper()
        case str():
            text = "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
        case date():
            text = f"DATE('{value}')"
        case _:
            text = repr(value)
    return text, lambda row: value


WORDS = ("永康公园", "O'Neill", "50%_\\", "", "København", "x", "一", "two\nlines")
numbers: st.SearchStrategy[Made] = st.recursive(
    st.sampled_from([column("size"), column("beds"), column("it's")])
    | st.integers(-9, 9).map(literal)
    | st.floats(-9, 9, allow_subnormal=False).map(lambda x: round(x, 3)).map(literal),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda made: (
            f"({made[0][0]} {made[1]} {made[2][0]})",
            strict({"+": float.__add__, "-": float.__sub__, "*": float.__mul__}[made[1]], *map(floated, made[::2])),
        )
    ),
    max_leaves=3,
)
strings = st.sampled_from([column("name"), column("Name"), *map(literal, WORDS)])
days = st.sampled_from(
    [column("opened"), column("closed"), *(literal(date(2021, 1, 1) + timedelta(n)) for n in range(-1, 3))]
)
booleans = st.sampled_from([column("public"), column("sold"), literal(True), literal(False)])
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
SHAPES = [
    SQUARE,
    shapely.Point(120.5, 28.5),
    shapely.Point(121, 28.5),
    shapely.LineString([(119, 28.5), (122, 28.5)]),
    shapely.box(120.5, 28.5, 121.5, 29.5),
    shapely.MultiPoint([(10, 50), (120.5, 28.5)]),
    shapely.MultiPolygon([shapely.box(9, 49, 11, 51), shapely.box(120, 28, 120.6, 29)]),
    shapely.MultiLineString([[(120, 28), (121, 29)], [(9, 50), (11, 50)]]),
]


def floated(made: Made) -> Slow:
    return lambda row: None if made[1](row) is None else float(made[1](row))


def compared(kind: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    return st.tuples(kind, st.sampled_from(list(SIGNS)), kind).map(
        lambda made: (f"{made[0][0]} {made[1]} {made[2][0]}", strict(SIGNS[made[1]], made[0][1], made[2][1]))
    )


def within(kind: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    def between(made: tuple[Made, Made, Made, str]) -> Made:
        (a, x), (b, y), (c, z), negated = made
        return f"{a} {negated} BETWEEN {b} AND {c}", conjunction(
            negated, strict(SIGNS[">="], x, y), strict(SIGNS["<="], x, z)
        )

    return st.tuples(kind, kind, kind, st.sampled_from(["", "NOT"])).map(between)


def among(kind: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    def listed(made: tuple[Made, list[Made], str]) -> Made:
        (a, x), items, negated = made
        equal = [strict(SIGNS["="], x, y) for _, y in items]
        return f"{a} {negated} IN ({', '.join(b for b, _ in items)})", lambda row: (
            inverse if negated else lambda value: value
        )(any_of([one(row) for one in equal]))

    return st.tuples(kind, st.lists(kind, min_size=1, max_size=4), st.sampled_from(["", "NOT"])).map(listed)


def any_of(values: list[Any]) -> Any:
    return True if True in values else None if None in values else False


def all_of(values: list[Any]) -> Any:
    return False if False in values else None if None in values else True


def inverse(value: Any) -> Any:
    return None if value is None else not value


def conjunction(negated: str, *parts: Slow) -> Slow:
    def of(row: dict[str, Any]) -> Any:
        value = all_of([part(row) for part in parts])
        return inverse(value) if negated else value

    return of


def like(text: str, pattern: str) -> bool:
    """By recursion, as the standard tells it."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return like(text, pattern[1:]) or (bool(text) and like(text[1:], pattern))
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and like(text[1:], pattern[2:])
    return bool(text) and pattern[0] in ("_", text[0]) and like(text[1:], pattern[1:])


patterns = st.lists(st.sampled_from(["%", "_", "\\%", "\\_", "公", "永", "'", "N", "e", "n", "5", "\n"]), max_size=6)
likes = st.tuples(strings, patterns.map("".join)).map(
    lambda made: (
        f"{made[0][0]} LIKE {literal(made[1])[0]}",
        strict(lambda text: like(text, made[1]), made[0][1]),
    )
)
spatial = st.tuples(st.sampled_from(sorted(cql2.SPATIAL)), st.sampled_from(SHAPES), st.booleans()).map(
    lambda made: (
        f"{made[0].upper()}({made[1].wkt}, geometry)" if made[2] else f"{made[0]}(geometry,{made[1].wkt})",
        strict(
            lambda shape: getattr(made[1] if made[2] else shape, made[0][2:])(shape if made[2] else made[1]),
            lambda row: row["geometry"],
        ),
    )
)
nulls = st.sampled_from([column(name) for name in DATA_TYPES]).map(
    lambda made: (f"{made[0]} IS NULL", lambda row: made[1](row) is None)
)
simple = [f(kind) for f in (compared, within, among) for kind in (numbers, strings, days, booleans)]
conditions: st.SearchStrategy[Made] = st.recursive(
    st.one_of(*simple, likes, spatial, nulls, booleans),
    lambda inner: st.one_of(
        inner.map(lambda made: (f"NOT ({made[0]})", lambda row: inverse(made[1](row)))),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda parts: (
                " AND ".join(f"({text})" for text, _ in parts),
                lambda row: all_of([of(row) for _, of in parts]),
            )
        ),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda parts: (
                " OR ".join(f"({text})" for text, _ in parts),
                lambda row: any_of([of(row) for _, of in parts]),
            )
        ),
    ),
    max_leaves=5,
)


@given(conditions)
@settings(max_examples=150, deadline=None)
def test_beside_a_slow_evaluation(made: Made) -> None:
    text, of = made
    assert rows(text) == [number for number, row in enumerate(ROWS) if of(row) is True], text
    assert rows(f"NOT ({text})") == [number for number, row in enumerate(ROWS) if of(row) is False], text
    assert rows(f"({text}) IS NULL") == [number for number, row in enumerate(ROWS) if of(row) is None], text


@given(st.text("ab", max_size=9), st.text("ab%_", max_size=7))
@settings(max_examples=300, deadline=None)
def test_like_beside_a_slow_evaluation(text: str, pattern: str) -> None:
    assert bool(rows(f"'{text}' LIKE '{pattern}'")) == like(text, pattern)


Days = set[int]
BY_SETS: dict[str, Callable[[Days, Days], bool]] = {
    "after": lambda a, b: min(a) > max(b),
    "before": lambda a, b: max(a) < min(b),
    "disjoint": lambda a, b: not a & b,
    "equals": lambda a, b: a == b,
    "intersects": lambda a, b: bool(a & b),
    "contains": lambda a, b: b < a and not {min(a), max(a)} & b,
    "during": lambda a, b: a < b and not {min(b), max(b)} & a,
    "finishedby": lambda a, b: b < a and max(a) in b,
    "finishes": lambda a, b: a < b and max(b) in a,
    "startedby": lambda a, b: b < a and min(a) in b,
    "starts": lambda a, b: a < b and min(b) in a,
    "meets": lambda a, b: max(a) == min(b),
    "metby": lambda a, b: min(a) == max(b),
    "overlaps": lambda a, b: len(a & b) > 1 and bool(a - b) and bool(b - a) and min(a) < min(b),
    "overlappedby": lambda a, b: len(a & b) > 1 and bool(a - b) and bool(b - a) and min(a) > min(b),
}
"""What the names say of two periods as sets of days."""


@pytest.mark.parametrize("name", BY_SETS)
def test_periods_beside_sets_of_days(name: str) -> None:
    ends = [(a, b) for a in range(5) for b in range(a, 5)]
    start = date(2021, 1, 1)
    periods = framed([ROWS[0] | {"opened": start + timedelta(a), "closed": start + timedelta(b)} for a, b in ends])
    for c, d in ends:
        text = f"T_{name}(INTERVAL(opened,closed), INTERVAL('{start + timedelta(c)}','{start + timedelta(d)}'))"
        expected = [BY_SETS[name](set(range(a, b + 1)), set(range(c, d + 1))) for a, b in ends]
        assert cql2.parse(text, DATA_TYPES).mask(periods).tolist() == expected, text


# Conformance test /conf/temporal-functions/test-data: rows that fit its answers, and how many of them each keeps.
OF_THE_STANDARD = [
    ("2021-04-16T10:15:59Z", "2022-04-16T10:16:06Z"),
    ("2022-04-16T10:13:19Z", "2023-04-16T10:15:10Z"),
    ("2022-04-16T10:15:10Z", "2022-04-16T10:16:06Z"),
]


@pytest.mark.parametrize(
    ("name", "start", "end", "kept"),
    [
        ("t_after", "..", "2022-04-16T10:13:19Z", 1),
        ("t_before", "2023-01-01T00:00:00Z", "..", 2),
        ("t_disjoint", "2022-04-16T10:13:19Z", "2022-04-16T10:15:09Z", 1),
        ("t_equals", "2021-04-16T10:15:59Z", "2022-04-16T10:16:06Z", 1),
        ("t_intersects", "2022-04-16T10:13:19Z", "2022-04-16T10:15:09Z", 2),
        ("T_CONTAINS", "2022-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 1),
        ("T_DURING", "2022-01-01T00:00:00Z", "2022-12-31T23:59:59Z", 1),
        ("T_FINISHES", "2022-04-16T10:13:19Z", "2022-04-16T10:16:06Z", 1),
        ("T_FINISHEDBY", "2022-04-16T10:13:19Z", "2022-04-16T10:16:06Z", 1),
        ("T_MEETS", "2022-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 0),
        ("T_METBY", "2022-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 1),
        ("T_OVERLAPPEDBY", "2020-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 2),
        ("T_OVERLAPS", "2022-04-16T10:13:19Z", "2023-04-16T10:15:10Z", 1),
        ("T_STARTEDBY", "2022-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 1),
        ("T_STARTS", "2022-04-16T10:13:19Z", "2022-04-16T10:15:10Z", 0),
    ],
)
def test_times_of_the_standard(name: str, start: str, end: str, kept: int) -> None:
    texts = [f"{name}(INTERVAL('{a}','{b}'), interval('{start}','{end}'))" for a, b in OF_THE_STANDARD]
    assert sum(bool(rows(text)) for text in texts) == kept


# --- single cases ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1=1", range(7)),
        ("1=2", []),
        ("TRUE", range(7)),
        ("'a' < 'b' AND TRUE", range(7)),
        ("name = 'O''Neill'", [1]),
        (r"name = 'O\'Neill' or name = 'two\nlines'", [1, 6]),
        (r"name = '50%_\\'", [2]),
        (r"name LIKE '50\%\_\\\\'", [2]),
        ("Name = 'x'", [3]),
        ('"it\'s" = 2', [1]),
        ("CASEI(Name) = casei('STRASSE')", [6]),
        ("CASEI(Name) LIKE casei('køben%')", [5]),
        ("CASEI(name) IN (CASEI('o''NEILL'), casei('KØBENHAVN'))", [1, 5]),
        ("ACCENTI(CASEI(Name)) = accenti(casei('kobenhavn'))", [5]),
        ("ACCENTI(name) = ACCENTI('Ko\u0308bënhavn')", [5]),
        ("ACCENTI('が') = ACCENTI('か')", []),
        ("opened >= '2021-01-01'", [0, 3, 5]),
        ("opened = TIMESTAMP('2021-01-01T00:00:00Z')", [0, 5]),
        ("opened < TIMESTAMP('2021-01-01T12:00:00+01:00')", [0, 1, 4, 5]),
        ("opened IN ('2020-06-30', DATE('2021-01-02'))", [1, 3]),
        ("'2021-01-02' = opened", [3]),
        ("opened < closed", [1, 4, 5]),
        ("'2021-01-01' IN ('x', DATE('2021-01-01'))", range(7)),
        ("'2021-01-01' IN ('x', opened)", [0, 5]),
        ("T_AFTER(opened, DATE('2021-01-01'))", [3]),
        ("t_before(opened, INTERVAL('2021-01-01','..'))", [1, 4]),
        ("T_INTERSECTS(opened, INTERVAL('2021-01-01','2021-12-31'))", [0, 3, 5]),
        ("T_INTERSECTS(INTERVAL(opened,closed), INTERVAL('..','2020-12-31'))", [1, 4]),
        ("T_DURING(INTERVAL(opened,closed), INTERVAL('..','..'))", [1, 3, 4, 5]),
        ("public = sold", [0, 1, 6]),
        ("public AND NOT sold", []),
        ("sold = FALSE", [1, 5]),
        ("public > FALSE", [0, 3, 6]),
        ("(size > 4) = public", [0, 1, 4, 6]),
        ("beds IN (1+2, size*0)", [0, 3]),
        ("beds div 2 = -1", [4]),
        ("beds % 2 = -1", [4]),
        ("-2^2 = 4 AND 7 / 2 = 3.5 AND 10 - 2 - 3 = 5", range(7)),
        ("2^(3^2) = 512 AND 6 - 21 div 10 = 4 AND 6 - 5 % 2 = 5", range(7)),
        ("beds / 0 > 1 OR size ^ 99 > 0 AND size = 1e9", []),
        ("NOT (beds / 0 > 1)", []),
        ("geometry IS NULL", [3]),
        ("S_INTERSECTS(geometry, BBOX(120,28,120.9,29))", [0, 1, 4, 6]),
        ("S_INTERSECTS(geometry, BBOX(120,28,0,120.9,29,9))", [0, 1, 4, 6]),
        ("S_INTERSECTS(geometry, BBOX(120.9,-90,20,90))", [1, 2, 4, 5, 6]),
        ("S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT(10 50),LINESTRING(119 28,119 29)))", [5, 6]),
        ("S_INTERSECTS(geometry, geometry)", [0, 1, 2, 4, 5, 6]),
        ("S_CROSSES(LINESTRING(0 0,2 2),POLYGON((1 0,3 0,3 3,1 3,1 0)))", range(7)),
    ],
)
def test_kept(text: str, kept: Any) -> None:
    assert rows(text) == list(kept)


def test_geometries_are_moved() -> None:
    def swapped(shape: Any) -> Any:
        return shapely.transform(shape, lambda xy: xy[:, ::-1])

    assert rows("S_EQUALS(geometry, POINT(28.5 120.5))", swapped) == [0]
    assert rows("S_EQUALS(geometry, BBOX(28,120,29,121))", swapped) == [1]
    with pytest.raises(FieldError, match="order"):
        rows("S_EQUALS(geometry, POINT(120.5 28.5))", swapped)
    with pytest.raises(FieldError, match="order"):
        rows("S_EQUALS(geometry, POINT(1 2))", lambda shape: shapely.transform(shape, lambda xy: xy * np.inf))


def test_no_rows_and_one() -> None:
    for text in ("1=1", "size > 1", "name LIKE '%'", "opened > closed", "S_INTERSECTS(geometry,POINT(1 2))", "sold"):
        read = cql2.parse(text, DATA_TYPES)
        assert read.mask(FRAME.iloc[:0]).shape == (0,)
        assert read.mask(FRAME.iloc[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no CQL2"),
        ("name ~ 'x'", "no CQL2 text: line 1, character 6"),
        ("name = 'x", "no CQL2"),
        ("name = '\ud800'", "no CQL2"),
        ("nam = 'x'", "'nam', which is no property"),
        ('name = "x"', "texts stand in ' '"),
        ("NAME = 'x'", "'NAME'"),
        ("name = 5", "compares a string with a number; a text stands in ' '"),
        ("size = '5'", "a number does not"),
        ("opened > name", "compares a date with a string"),
        ("opened > 2021", "compares a date with a number"),
        ("public = 2", "compares a boolean with a number"),
        ("geometry = geometry", "compares a geometry"),
        ("opened > '2021'", "'2021' where a day such as 2021-06-30"),
        ("opened > DATE('2021-02-30')", "where a day"),
        ("opened > TIMESTAMP('0001-01-01T00:00:00+14:00')", "where a day"),
        ("opened > DATE(closed)", "cannot be used"),
        ("size IN (1, 'x')", "compares a number with a string"),
        ("size IN (1, (2, 3))", "cannot be used"),
        ("size BETWEEN 1 AND 'x'", "compares a number with a string"),
        ("size = NULL", "NULL"),
        ("size < 1e999", "too large"),
        ("size < " + "9" * 400, "too large"),
        ("size", "a number where a condition"),
        ("size AND TRUE", "a number where a condition"),
        ("POINT(1 2)", "a geometry where a condition"),
        ("name LIKE Name", "pattern"),
        ("size LIKE '5'", "pattern"),
        ("CASEI(size) = 'x'", "CASEI of a number"),
        ("CASEI(name, name) = 'x'", "'CASEI'"),
        ("name + 1 = 2", "calculates with a string"),
        ("2^3^2 = 512", "a ^ of a ^"),
        ("buffer(geometry, 5) IS NULL", "'BUFFER'"),
        ("A_CONTAINS(name, ('x', 'y'))", "'A_CONTAINS'"),
        ("S_DWITHIN(geometry, POINT(1 2), 5, 'm')", "'S_DWITHIN'"),
        ("S_INTERSECTS(geometry)", "'S_INTERSECTS'"),
        ("S_INTERSECTS(geometry, name)", "of a geometry and a string"),
        ("T_DURING(opened, INTERVAL('2021-01-01','..'))", "T_INTERSECTS takes days"),
        ("T_AFTER(opened, INTERVAL('2021-01-01'))", "INTERVAL"),
        ("T_AFTER(opened, INTERVAL('2021-01-02','2021-01-01'))", "ends before it starts"),
        ("T_AFTER(size, DATE('2021-01-01'))", "a number where a day"),
        ("opened = INTERVAL('..','..')", "cannot be used"),
        ("S_INTERSECTS(geometry, POLYGON((0 0,1 1,0 1,1 0,0 0)))", "not valid"),
        ("S_INTERSECTS(geometry, POLYGON((0 0,1 1,0 0)))", "not valid"),
        ("S_INTERSECTS(geometry, POLYGON((0 0,1 1,1 0)))", "corners"),
        ("S_INTERSECTS(geometry, LINESTRING(0 0))", "corners"),
        ("S_INTERSECTS(geometry, LINESTRING EMPTY)", "empty"),
        ("S_INTERSECTS(geometry, POINT(90 180))", "beyond"),
        ("S_INTERSECTS(geometry, POINT(NaN 0))", "no CQL2"),
        (f"S_INTERSECTS(geometry, POINT({'9' * 400} 0))", "no CQL2"),
        (f"S_INTERSECTS(geometry, BBOX(0,0,{'9' * 400},1))", "beyond"),
        ("S_INTERSECTS(geometry, BBOX(0,1,2))", "corners"),
        ("S_INTERSECTS(geometry, BBOX(0,2,1,1))", "corners"),
        ("S_INTERSECTS(geometry, BBOX(1,1,1,1))", "not valid"),
        ("S_INTERSECTS(geometry, BBOX(size,0,1,1))", "corners"),
        ("'" + "x" * 9000 + "' = name", "longer than"),
        ("\U000e0001" * 3000 + " = 1", "no"),
        ('"' + "\U000e0001" * 3000 + '" = 1', "no property"),
        ("'" + "\x07" * 3000 + "' = opened", "where a day"),
        ("x" * 3000 + "(name) = 1", "not supported"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    assert reason in refused(text)


# --- hostile -----------------------------------------------------------------------------------------------------

DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "size=1" + ")" * n,
    "not": lambda n: "NOT " * n + "size=1",
    "not in brackets": lambda n: "NOT(" * n + "size=1" + ")" * n,
    "not of names": lambda n: 'NOT"public"=' * n + "public",
    "signs": lambda n: "size=" + "-" * n + "1",
    "signs in brackets": lambda n: "size=" + "-(" * n + "1" + ")" * n,
    "sums": lambda n: "size=" + "1+" * n + "1",
    "sums in brackets": lambda n: "size=" + "(1+" * n + "1" + ")" * n,
    "powers": lambda n: "size=" + "1^" * n + "1",
    "comparisons": lambda n: "public=" * n + "public",
    "functions": lambda n: "CASEI(" * n + "name" + ")" * n + "='x'",
    "functions of many": lambda n: "f(" * n + "name" + ",1)" * n + "='x'",
    "like": lambda n: "name" + " LIKE 'x'" * n,
    "in": lambda n: "name" + " IN ('x')" * n,
    "lists": lambda n: "size IN " + "(" * n + "1" + ",2)" * n,
    "open lists": lambda n: "size IN " + "(" * n + "1" + ",2)" * (n // 2),
    "open brackets": lambda n: "(" * n + "1 2",
    "rings": lambda n: "S_INTERSECTS(geometry,MULTIPOLYGON" + "(" * n + "1 2",
    "collections": lambda n: "S_INTERSECTS(geometry," + "GEOMETRYCOLLECTION(" * n + "POINT(1 2)" + ")" * n + ")",
    "intervals": lambda n: "T_AFTER(opened," + "INTERVAL(" * n + "opened" + ",'..')" * n + ")",
    "and": lambda n: "TRUE AND " * n + "TRUE",
    "or": lambda n: "TRUE OR " * n + "TRUE",
    "between": lambda n: "size BETWEEN size AND " * n + "1",
    "all": lambda n: "NOT(1+(" * n + "1" + "))" * n,
    "quotes": lambda n: "name='" + "''" * n + "'" + "(" * n + "'",
    "escaped quotes": lambda n: r"name='\'' OR " + "(" * n + r"name='\''" + ")" * n,
    "double quotes": lambda n: '"\'" = 1 AND ' + "(" * n + '1="\'"' + ")" * n,
}


@pytest.mark.parametrize("name", DEEP)
def test_what_is_deep_is_refused_before_it_is_parsed(name: str) -> None:
    began = time.process_time()
    for n in (*range(1, 60), 100, 300, 1000, 3000, 100_000):
        try:
            cql2.parse(DEEP[name](n), DATA_TYPES).mask(FRAME)
        except FieldError as error:
            assert len(str(error)) < 200
    assert time.process_time() - began < 10  # it takes a tenth of it; what is not bounded takes years


def let_through(text: str) -> bool:
    try:
        cql2._bounded(text)
    except FieldError:
        return False
    return True


def test_what_is_let_through_fits_a_small_stack() -> None:
    # A stack that is too small ends the process, so it is another one; macOS gives a thread 512 kB.
    script = """
import json, sys, threading
from geo import errors
from geo.features import cql2

def go(texts):
    for text in texts:
        try:
            cql2.parse(text, {"name": "string", "size": "number", "public": "boolean", "opened": "date"})
        except errors.FieldError:
            pass
    print("whole")

threading.stack_size(256 * 1024)
threading.Thread(target=go, args=[json.load(sys.stdin)]).start()
"""
    largest = [list(takewhile(let_through, map(make, range(1, 300))))[-1] for make in DEEP.values()]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(largest),
        capture_output=True,
        text=True,
        timeout=program.LIMIT_SECONDS,
    )
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr[-500:]


def test_ordinary_filters_are_not_too_much() -> None:
    ring = ",".join(f"{120 + np.cos(a):.5f} {28 + np.sin(a):.5f}" for a in np.linspace(0, 6.2, 300)) + ",121.00000 28.0"
    text = f"(size > 1) AND (S_INTERSECTS(geometry,MULTIPOLYGON((({ring})))))"
    assert rows(text) == [0, 1, 6]
    assert rows("name IN (" + ",".join(f"'{n}'" for n in range(1000)) + ",'x','')") == [4]
    assert rows(" OR ".join(f"beds={n}" for n in range(3, 150))) == [0, 2, 6]
    assert rows("(" * 10 + "beds=3" + ")" * 10) == [0]


@pytest.mark.parametrize("piece", ["%a", "%_", "%", "%a_", "_%a%", "a%"])
def test_like_is_quick(piece: str) -> None:
    frame = framed([ROWS[0] | {"name": "a" * 300}] * 10)
    began = time.process_time()
    assert not cql2.parse(f"name LIKE '{piece * 1500}%b'", DATA_TYPES).mask(frame).any()
    assert not cql2.parse(f"name LIKE '{piece * 20}%b'", DATA_TYPES).mask(frame).any()
    assert time.process_time() - began < 5


SOUP = r"""
name size beds public opened closed geometry nothing "it's" '' 'x' 'x%' '2021-01-01' '..' 1 -1 0 2.5 1e999 TRUE FALSE
NULL = <> < > <= >= + - * / ^ % div ( ) ( ) , ( ) , AND OR NOT IN LIKE BETWEEN IS CASEI( ACCENTI( DATE( TIMESTAMP(
INTERVAL( BBOX( POINT( POLYGON(( LINESTRING( MULTIPOINT( GEOMETRYCOLLECTION( EMPTY S_INTERSECTS( S_WITHIN( T_AFTER(
T_DURING( A_EQUALS( f( isNull( not( in( like( \ ' " ; : . 公园
"""
TOKENS = SOUP.split()
soups = st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join) | st.lists(st.sampled_from(TOKENS)).map("".join)
mutated = st.tuples(conditions, st.integers(0, 200), st.integers(0, 9), st.sampled_from([*TOKENS, ""])).map(
    lambda made: made[0][0][: made[1]] + made[3] + made[0][0][made[1] + made[2] :]
)


@given(st.one_of(soups, mutated, st.text(max_size=80)))
@example("NULL")
@example("(1,2)")
@example("BBOX() = 1")
@example("in(name, size)")
@settings(max_examples=250, deadline=None)
def test_nothing_but_an_error_of_its_own(text: str) -> None:
    try:
        read = cql2.parse(text, DATA_TYPES)
    except FieldError as error:
        assert len(str(error)) < 200
    else:
        assert read.mask(FRAME).shape == (len(ROWS),)


def test_what_is_compared_with_many_computed_things_is_refused():
    assert "20" in refused("name IN (" + ", ".join(["ACCENTI(name)"] * 21) + ")")


def test_a_text_is_folded_once_however_often_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    calls = []
    whole = cql2._without_accents
    monkeypatch.setattr(cql2, "_without_accents", lambda text: calls.append(text) or whole(text))
    frame = gpd.GeoDataFrame({"name": ["é", "b", None]}, geometry=[shapely.Point(0, 0)] * 3)
    one = cql2.parse(" OR ".join(["ACCENTI(name) = 'e'"] * 50), {"name": "string"})
    assert one.mask(frame).tolist() == [True, False, False]
    assert len(calls) == 2


def test_what_gdal_writes_is_understood():
    frame = gpd.GeoDataFrame(
        {"opened": [date(2021, 1, 1), date(2020, 12, 31), None], "urban": [True, False, None]},
        geometry=[shapely.Point(0, 0)] * 3,
    )
    data_types: dict[str, DataType] = {"opened": "date", "urban": "boolean"}
    for text, rows in (
        ("opened >= '2021-01-01T'", [True, False, False]),
        ("urban = 1", [True, False, False]),
        ("urban <> 1", [False, True, False]),
        ("0 = urban", [False, True, False]),
        ("urban IN (0, 1)", [True, True, False]),
    ):
        assert cql2.parse(text, data_types).mask(frame).tolist() == rows, text
    for text in ("urban = 2", "urban = 0.5", "opened >= '2021-01-01TT'", "urban = 'true'"):
        with pytest.raises(FieldError):
            cql2.parse(text, data_types)
