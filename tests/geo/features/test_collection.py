"""Queries select features of a collection by box, dates, values, filters and order."""

from datetime import date

import geopandas as gpd
import pytest
import shapely

from geo.errors import FieldError
from geo.features import cql2
from geo.features.collection import BoundingBox, Collection, FeatureQuery, Queryable, parse_bounding_box
from geo.features.data_types import DataType, Value, parse_value
from geo.geodesy import crs

FRAME = gpd.GeoDataFrame(
    {
        "name": ["b", "a", None, "a"],
        "opened": [date(2020, 1, 1), None, date(2021, 1, 1), date(2022, 1, 1)],
        "closed": [date(2021, 1, 1), None, None, None],
    },
    geometry=[shapely.Point(120, 29), shapely.Point(179.5, 29), shapely.Point(-179.5, 29), None],
    index=["w", "x", "y", "z"],
    crs="EPSG:4326",
)
COLLECTION = Collection(
    id="halls",
    title="Halls",
    description="",
    frame=FRAME,
    queryables={"name": Queryable("string", "name"), "opened": Queryable("date", "opened")},
    properties=lambda rows: [{"name": FRAME["name"].iloc[row]} for row in rows],
    period_columns=("opened", "closed"),
)
WGS84 = crs.by_name("wgs84")
EPSG_4326 = crs.systems_by_uri("EPSG:4549")[crs.EPSG_URI.format(4326)]


def ids(query: FeatureQuery) -> str:
    return "".join(FRAME.index[COLLECTION.rows(query)])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((119, 28, 121, 30), "w"),
        ((120, 29, 120, 29), "w"),
        ((120, 28, 120, 30), "w"),
        ((179, 28, -179, 30), "xy"),
        ((0, 0, 1, 1), ""),
    ],
)
def test_box_selects_what_it_touches_in_either_axis_order(box: BoundingBox, expected: str) -> None:
    for system in (WGS84, EPSG_4326):
        assert ids(FeatureQuery(bounding_box=box, bounding_box_system=system)) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, "wxyz"),
        (date(2020, 12, 31), date(2020, 12, 31), "wx"),
        (date(2021, 1, 1), date(2021, 1, 1), "xy"),
        (None, date(2019, 12, 31), "x"),
        (date(2020, 12, 31), None, "wxyz"),
    ],
)
def test_dates_select_what_exists_on_one_of_them(first: date | None, last: date | None, expected: str) -> None:
    assert ids(FeatureQuery(dates=(first, last))) == expected


def test_values_and_filters_must_all_be_true() -> None:
    opened = cql2.parse("opened IS NOT NULL", COLLECTION.data_types)
    assert ids(FeatureQuery(property_values={"name": "a"})) == "xz"
    assert ids(FeatureQuery(property_values={"name": "a"}, filters=(opened,))) == "z"


@pytest.mark.parametrize(("descending", "expected"), [(False, "xzwy"), (True, "wxzy")])
def test_unknown_values_come_last_and_equal_values_keep_their_order(descending: bool, expected: str) -> None:
    assert ids(FeatureQuery(sort_keys=(("name", descending),))) == expected


def test_temporal_extent_begins_with_the_first_known_day() -> None:
    assert COLLECTION.temporal_extent == (date(2020, 1, 1), None)


def test_bounding_box_is_read_in_the_order_of_the_axes() -> None:
    assert parse_bounding_box([119, 28, 121, 30], WGS84) == (119, 28, 121, 30)
    assert parse_bounding_box([119, 28, 0, 121, 30, 9], WGS84) == (119, 28, 121, 30)
    assert parse_bounding_box([28, 119, 30, 121], EPSG_4326) == (119, 28, 121, 30)
    assert parse_bounding_box([179, 28, -179, 30], WGS84) == (179, 28, -179, 30)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([1, 2, 3], "four numbers"),
        ([119, 30, 121, 28], "not above"),
        ([119, 28, float("nan"), 30], "not above"),
        ([119, 28, 181, 30], "degrees"),
        ([119, -91, 121, 30], "degrees"),
    ],
)
def test_numbers_that_are_no_box_are_refused(numbers: list[float], reason: str) -> None:
    with pytest.raises(FieldError, match=reason):
        parse_bounding_box(numbers, WGS84)


@pytest.mark.parametrize(
    ("text", "data_type", "value"),
    [
        ("x y", "string", "x y"),
        ("-12", "integer", -12),
        ("1e3", "number", 1000.0),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("2021-06-30", "date", date(2021, 6, 30)),
    ],
)
def test_text_becomes_a_value_of_its_type(text: str, data_type: DataType, value: Value) -> None:
    parsed = parse_value(text, data_type)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "data_type"),
    [
        ("1.5", "integer"),
        ("١", "integer"),
        ("1e999", "number"),
        ("nan", "number"),
        (" 1", "number"),
        ("True", "boolean"),
        ("2021-02-30", "date"),
        ("20210630", "date"),
    ],
)
def test_text_that_is_no_value_of_its_type_is_refused(text: str, data_type: DataType) -> None:
    with pytest.raises(ValueError, match=r"^is not "):
        parse_value(text, data_type)
