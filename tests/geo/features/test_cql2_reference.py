r"""Random CQL2 filters give the same rows as a slow evaluation, row by row in plain Python."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.errors import FieldError
from geo.features import cql2
from geo.features.cql2.operators import SPATIAL
from support.examples import examples
from support.filters import DATA_TYPES, FRAME, ROWS, SQUARE, frame_of, kept_rows

RowValue = Callable[[dict[str, Any]], Any]
"""Computes an expression's value in one row; None where it is unknown."""
Sample = tuple[str, RowValue]
"""An expression as CQL2 text, and its value in plain Python."""


def strict(operation: Callable[..., Any], *operands: RowValue) -> RowValue:
    """An operation whose result is unknown where an operand is."""

    def evaluate(row: dict[str, Any]) -> Any:
        values = [operand(row) for operand in operands]
        return None if any(value is None for value in values) else operation(*values)

    return evaluate


def column(name: str) -> Sample:
    def evaluate(row: dict[str, Any]) -> Any:
        value = row[name]
        unknown = value is None or value != value
        return None if unknown else bool(value) if DATA_TYPES[name] == "boolean" else value

    return f'"{name}"', evaluate


def literal(value: Any) -> Sample:
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
ARITHMETIC = {"+": float.__add__, "-": float.__sub__, "*": float.__mul__}
numbers: st.SearchStrategy[Sample] = st.recursive(
    st.sampled_from([column("size"), column("beds"), column("it's")])
    | st.integers(-9, 9).map(literal)
    | st.floats(-9, 9, allow_subnormal=False).map(lambda x: round(x, 3)).map(literal),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: (
            f"({parts[0][0]} {parts[1]} {parts[2][0]})",
            strict(ARITHMETIC[parts[1]], as_float(parts[0]), as_float(parts[2])),
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


def as_float(sample: Sample) -> RowValue:
    return lambda row: None if sample[1](row) is None else float(sample[1](row))


def comparisons(kind: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.tuples(kind, st.sampled_from(list(SIGNS)), kind).map(
        lambda parts: (
            f"{parts[0][0]} {parts[1]} {parts[2][0]}",
            strict(SIGNS[parts[1]], parts[0][1], parts[2][1]),
        )
    )


def betweens(kind: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    def between(parts: tuple[Sample, Sample, Sample, str]) -> Sample:
        (a, x), (b, y), (c, z), negated = parts
        return f"{a} {negated} BETWEEN {b} AND {c}", conjunction(
            negated, strict(SIGNS[">="], x, y), strict(SIGNS["<="], x, z)
        )

    return st.tuples(kind, kind, kind, st.sampled_from(["", "NOT"])).map(between)


def memberships(kind: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    def membership(parts: tuple[Sample, list[Sample], str]) -> Sample:
        (a, x), items, negated = parts
        equalities = [strict(SIGNS["="], x, y) for _, y in items]
        return f"{a} {negated} IN ({', '.join(b for b, _ in items)})", lambda row: (
            inverse if negated else lambda value: value
        )(any_of([equality(row) for equality in equalities]))

    return st.tuples(kind, st.lists(kind, min_size=1, max_size=4), st.sampled_from(["", "NOT"])).map(membership)


def any_of(values: list[Any]) -> Any:
    return True if True in values else None if None in values else False


def all_of(values: list[Any]) -> Any:
    return False if False in values else None if None in values else True


def inverse(value: Any) -> Any:
    return None if value is None else not value


def conjunction(negated: str, *conditions: RowValue) -> RowValue:
    def evaluate(row: dict[str, Any]) -> Any:
        value = all_of([condition(row) for condition in conditions])
        return inverse(value) if negated else value

    return evaluate


def like(text: str, pattern: str) -> bool:
    """The standard's definition, by recursion."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return like(text, pattern[1:]) or (bool(text) and like(text[1:], pattern))
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and like(text[1:], pattern[2:])
    return bool(text) and pattern[0] in ("_", text[0]) and like(text[1:], pattern[1:])


patterns = st.lists(st.sampled_from(["%", "_", "\\%", "\\_", "公", "永", "'", "N", "e", "n", "5", "\n"]), max_size=6)
likes = st.tuples(strings, patterns.map("".join)).map(
    lambda parts: (
        f"{parts[0][0]} LIKE {literal(parts[1])[0]}",
        strict(lambda text: like(text, parts[1]), parts[0][1]),
    )
)
spatial = st.tuples(st.sampled_from(sorted(SPATIAL)), st.sampled_from(SHAPES), st.booleans()).map(
    lambda parts: (
        f"{parts[0].upper()}({parts[1].wkt}, geometry)" if parts[2] else f"{parts[0]}(geometry,{parts[1].wkt})",
        strict(
            lambda shape: getattr(parts[1] if parts[2] else shape, parts[0][2:])(shape if parts[2] else parts[1]),
            lambda row: row["geometry"],
        ),
    )
)
nulls = st.sampled_from([column(name) for name in DATA_TYPES]).map(
    lambda sample: (f"{sample[0]} IS NULL", lambda row: sample[1](row) is None)
)
simple = [f(kind) for f in (comparisons, betweens, memberships) for kind in (numbers, strings, days, booleans)]
conditions: st.SearchStrategy[Sample] = st.recursive(
    st.one_of(*simple, likes, spatial, nulls, booleans),
    lambda inner: st.one_of(
        inner.map(lambda sample: (f"NOT ({sample[0]})", lambda row: inverse(sample[1](row)))),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda samples: (
                " AND ".join(f"({text})" for text, _ in samples),
                lambda row: all_of([evaluate(row) for _, evaluate in samples]),
            )
        ),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda samples: (
                " OR ".join(f"({text})" for text, _ in samples),
                lambda row: any_of([evaluate(row) for _, evaluate in samples]),
            )
        ),
    ),
    max_leaves=5,
)


@given(conditions)
@settings(max_examples=examples(150))
def test_random_condition_is_true_false_and_unknown_where_the_slow_evaluation_is(sample: Sample) -> None:
    text, evaluate = sample
    assert kept_rows(text) == [number for number, row in enumerate(ROWS) if evaluate(row) is True], text
    assert kept_rows(f"NOT ({text})") == [number for number, row in enumerate(ROWS) if evaluate(row) is False], text
    assert kept_rows(f"({text}) IS NULL") == [number for number, row in enumerate(ROWS) if evaluate(row) is None], text


@given(st.text("ab", max_size=9), st.text("ab%_", max_size=7))
@settings(max_examples=examples(300))
def test_like_matches_where_the_standards_definition_does(text: str, pattern: str) -> None:
    assert bool(kept_rows(f"'{text}' LIKE '{pattern}'")) == like(text, pattern)


DaySet = set[int]
PERIOD_RELATIONS: dict[str, Callable[[DaySet, DaySet], bool]] = {
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
"""The temporal operators, defined on two periods as sets of days."""


@pytest.mark.parametrize("name", PERIOD_RELATIONS)
def test_temporal_operator_gives_what_its_definition_on_sets_of_days_gives(name: str) -> None:
    ends = [(a, b) for a in range(5) for b in range(a, 5)]
    start = date(2021, 1, 1)
    periods = frame_of([ROWS[0] | {"opened": start + timedelta(a), "closed": start + timedelta(b)} for a, b in ends])
    for c, d in ends:
        text = f"T_{name}(INTERVAL(opened,closed), INTERVAL('{start + timedelta(c)}','{start + timedelta(d)}'))"
        expected = [PERIOD_RELATIONS[name](set(range(a, b + 1)), set(range(c, d + 1))) for a, b in ends]
        assert cql2.parse(text, DATA_TYPES).mask(periods).tolist() == expected, text


FRAGMENTS = r"""
name size beds public opened closed geometry nothing "it's" '' 'x' 'x%' '2021-01-01' '..' 1 -1 0 2.5 1e999 TRUE FALSE
NULL = <> < > <= >= + - * / ^ % div ( ) ( ) , ( ) , AND OR NOT IN LIKE BETWEEN IS CASEI( ACCENTI( DATE( TIMESTAMP(
INTERVAL( BBOX( POINT( POLYGON(( LINESTRING( MULTIPOINT( GEOMETRYCOLLECTION( EMPTY S_INTERSECTS( S_WITHIN( T_AFTER(
T_DURING( A_EQUALS( f( isNull( not( in( like( \ ' " ; : . 公园
"""
TOKENS = FRAGMENTS.split()
token_sequences = st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join) | st.lists(st.sampled_from(TOKENS)).map(
    "".join
)
mutated_conditions = st.tuples(conditions, st.integers(0, 200), st.integers(0, 9), st.sampled_from([*TOKENS, ""])).map(
    lambda parts: parts[0][0][: parts[1]] + parts[3] + parts[0][0][parts[1] + parts[2] :]
)


@given(st.one_of(token_sequences, mutated_conditions, st.text(max_size=80)))
@example("NULL")
@example("(1,2)")
@example("BBOX() = 1")
@example("in(name, size)")
@settings(max_examples=examples(250))
def test_any_text_gives_a_mask_or_a_field_error(text: str) -> None:
    try:
        condition = cql2.parse(text, DATA_TYPES)
    except FieldError as error:
        assert len(str(error)) < 200
    else:
        assert condition.mask(FRAME).shape == (len(ROWS),)
