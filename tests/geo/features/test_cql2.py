r"""CQL2 filters: the examples of the standard, single cases, and the messages of filters that are refused."""

from collections.abc import Sequence
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import FieldError
from geo.features import cql2
from geo.features.cql2 import expressions
from geo.features.data_types import DataType
from support.filters import DATA_TYPES, FRAME, kept_rows, refusal

# Conformance test /conf/temporal-functions/test-data: periods that fit its answers, and how many each operator keeps.
STANDARD_PERIODS = [
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
def test_temporal_operator_keeps_what_the_conformance_test_says(name: str, start: str, end: str, kept: int) -> None:
    texts = [f"{name}(INTERVAL('{a}','{b}'), interval('{start}','{end}'))" for a, b in STANDARD_PERIODS]
    assert sum(bool(kept_rows(text)) for text in texts) == kept


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
def test_filter_keeps_the_rows_of_which_it_is_true(text: str, kept: Sequence[int]) -> None:
    assert kept_rows(text) == list(kept)


def test_geometries_of_the_filter_are_converted_to_wgs84() -> None:
    def swap(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda xy: xy[:, ::-1])

    assert kept_rows("S_EQUALS(geometry, POINT(28.5 120.5))", swap) == [0]
    assert kept_rows("S_EQUALS(geometry, BBOX(28,120,29,121))", swap) == [1]
    with pytest.raises(FieldError, match="order"):
        kept_rows("S_EQUALS(geometry, POINT(120.5 28.5))", swap)
    with pytest.raises(FieldError, match="order"):
        kept_rows("S_EQUALS(geometry, POINT(1 2))", lambda shape: shapely.transform(shape, lambda xy: xy * np.inf))


def test_filter_works_on_frames_without_rows_and_with_one() -> None:
    for text in ("1=1", "size > 1", "name LIKE '%'", "opened > closed", "S_INTERSECTS(geometry,POINT(1 2))", "sold"):
        condition = cql2.parse(text, DATA_TYPES)
        assert condition.mask(FRAME.iloc[:0]).shape == (0,)
        assert condition.mask(FRAME.iloc[:1]).shape == (1,)


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
        ("S_INTERSECTS(geometry, POINT(90 180))", "outside the range"),
        ("S_INTERSECTS(geometry, POINT(NaN 0))", "no CQL2"),
        (f"S_INTERSECTS(geometry, POINT({'9' * 400} 0))", "no CQL2"),
        (f"S_INTERSECTS(geometry, BBOX(0,0,{'9' * 400},1))", "outside the range"),
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
def test_unusable_filter_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in refusal(text)


def test_in_with_more_than_twenty_computed_items_is_refused() -> None:
    assert "20" in refusal("name IN (" + ", ".join(["ACCENTI(name)"] * 21) + ")")


def test_accents_of_a_text_are_removed_once_per_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    remove_accents = expressions.remove_accents
    monkeypatch.setattr(expressions, "remove_accents", lambda text: texts.append(text) or remove_accents(text))
    frame = gpd.GeoDataFrame({"name": ["é", "b", None]}, geometry=[shapely.Point(0, 0)] * 3)
    condition = cql2.parse(" OR ".join(["ACCENTI(name) = 'e'"] * 50), {"name": "string"})
    assert condition.mask(frame).tolist() == [True, False, False]
    assert len(texts) == 2


def test_days_and_booleans_as_gdal_writes_them_are_understood() -> None:
    frame = gpd.GeoDataFrame(
        {"opened": [date(2021, 1, 1), date(2020, 12, 31), None], "urban": [True, False, None]},
        geometry=[shapely.Point(0, 0)] * 3,
    )
    data_types: dict[str, DataType] = {"opened": "date", "urban": "boolean"}
    for text, expected in (
        ("opened >= '2021-01-01T'", [True, False, False]),
        ("urban = 1", [True, False, False]),
        ("urban <> 1", [False, True, False]),
        ("0 = urban", [False, True, False]),
        ("urban IN (0, 1)", [True, True, False]),
    ):
        assert cql2.parse(text, data_types).mask(frame).tolist() == expected, text
    for text in ("urban = 2", "urban = 0.5", "opened >= '2021-01-01TT'", "urban = 'true'"):
        with pytest.raises(FieldError):
            cql2.parse(text, data_types)
