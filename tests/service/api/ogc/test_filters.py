"""OGC API – Features – Part 3: CQL2 filters, compared with plain Python over all features."""

from collections.abc import Callable

import pytest
import shapely
from starlette.testclient import TestClient

from support.json_types import JsonObject
from support.ogc import (
    COORDINATE_SYSTEMS,
    CRS84,
    PROJECTED,
    assert_problem,
    features_in_files,
    features_of,
    get,
    items_of,
    keys,
)
from support.ogc_properties import AllFeatures, file_shapes, transformed

each_system = pytest.mark.parametrize("system", COORDINATE_SYSTEMS, ids=("crs84", "4326", "4490", "projected"))
SOME_COLLECTIONS = ("facilities", "areas", "demand", "coverage-health-15", "coverage-park-500")
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"


def metre_in(system: str) -> float:
    """About a metre in the unit of a CRS."""
    return 1.0 if system == PROJECTED else 1e-5


Condition = Callable[[JsonObject], bool | None]
"""What a filter means in plain Python: a function of a feature's properties; None is CQL2's unknown."""


def unknown_if_null(*names: str) -> Callable[[Condition], Condition]:
    """Make a condition unknown where one of the properties is null."""

    def wrapped(test: Condition) -> Condition:
        return lambda p: None if any(p[name] is None for name in names) else test(p)

    return wrapped


def negation(test: Condition) -> Condition:
    """NOT in three-valued logic."""
    return lambda p: None if test(p) is None else not test(p)


def disjunction(first: Condition, other: Condition) -> Condition:
    """OR in three-valued logic."""

    def test(p: JsonObject) -> bool | None:
        answers = (first(p), other(p))
        return True if True in answers else None if None in answers else False

    return test


LARGE: Condition = unknown_if_null("capacity")(lambda p: p["capacity"] > 100)
OLD: Condition = unknown_if_null("opened")(lambda p: p["opened"] < "2005-01-01")
FACILITIES: dict[str, Condition] = {
    "category = 'park'": lambda p: p["category"] == "park",
    "'park' = category": lambda p: p["category"] == "park",
    "category <> 'park'": lambda p: p["category"] != "park",
    "name = 'o''clock'": lambda p: p["name"] == "o'clock",
    "capacity > 100": LARGE,
    "NOT capacity > 100": negation(LARGE),
    "NOT (NOT (capacity > 100))": LARGE,
    "capacity >= 900": unknown_if_null("capacity")(lambda p: p["capacity"] >= 900),
    "capacity < 100.5": unknown_if_null("capacity")(lambda p: p["capacity"] < 100.5),
    "capacity <= 1e2": unknown_if_null("capacity")(lambda p: p["capacity"] <= 100),
    "capacity IS NULL": lambda p: p["capacity"] is None,
    "capacity IS NOT NULL": lambda p: p["capacity"] is not None,
    "NOT capacity IS NULL": lambda p: p["capacity"] is not None,
    "capacity BETWEEN 50 AND 200": unknown_if_null("capacity")(lambda p: 50 <= p["capacity"] <= 200),
    "capacity NOT BETWEEN 50 AND 200": unknown_if_null("capacity")(lambda p: not 50 <= p["capacity"] <= 200),
    "subtype IN ('pocket', 'hospital')": unknown_if_null("subtype")(lambda p: p["subtype"] in ("pocket", "hospital")),
    "subtype NOT IN ('pocket', 'hospital')": unknown_if_null("subtype")(
        lambda p: p["subtype"] not in ("pocket", "hospital")
    ),
    "name LIKE '东城街道%'": lambda p: p["name"].startswith("东城街道"),
    "name LIKE '%医院'": lambda p: p["name"].endswith("医院"),
    "name NOT LIKE '%医院'": lambda p: not p["name"].endswith("医院"),
    "name_en LIKE '%hospital 00_'": lambda p: p["name_en"][:-1].endswith("hospital 00"),
    "name_en LIKE '%HOSPITAL%'": lambda p: "HOSPITAL" in p["name_en"],
    "category = 'clinic' AND capacity > 100": lambda p: p["category"] == "clinic" and LARGE(p),
    "capacity > 100 OR opened < DATE('2005-01-01')": disjunction(LARGE, OLD),
    "NOT (capacity > 100 OR opened < DATE('2005-01-01'))": negation(disjunction(LARGE, OLD)),
    "category = 'park' OR category = 'clinic' AND subtype = 'hospital'": lambda p: (
        p["category"] == "park" or (p["category"] == "clinic" and p["subtype"] == "hospital")
    ),
    "(category = 'park' OR category = 'clinic') AND subtype = 'hospital'": lambda p: (
        p["category"] in ("park", "clinic") and p["subtype"] == "hospital"
    ),
    "opened < DATE('2005-01-01')": OLD,
    "opened >= DATE('2021-01-01') AND opened <= DATE('2021-12-31')": unknown_if_null("opened")(
        lambda p: "2021-01-01" <= p["opened"] <= "2021-12-31"
    ),
    "opened = DATE('2008-06-10')": unknown_if_null("opened")(lambda p: p["opened"] == "2008-06-10"),
    "closed IS NOT NULL": lambda p: p["closed"] is not None,
    "\"category\" = 'park'": lambda p: p["category"] == "park",
    "category > 'clinic'": lambda p: p["category"] > "clinic",
    "CATEGORY = 'park'": None,  # type: ignore[dict-item]  # capital and small letters of names differ
    "area_code LIKE '330784001%' AND category IN ('cultural_hall')": lambda p: (
        p["area_code"].startswith("330784001") and p["category"] == "cultural_hall"
    ),
}
OTHERS: dict[str, dict[str, Condition]] = {
    "areas": {
        "level = 'town'": lambda p: p["level"] == "town",
        "population > 5000 AND level <> 'town'": unknown_if_null("population")(
            lambda p: p["population"] > 5000 and p["level"] != "town"
        ),
        "parent IS NULL": lambda p: p["parent"] is None,
        "parent = '330784001000'": unknown_if_null("parent")(lambda p: p["parent"] == "330784001000"),
        "name LIKE '%示例%'": lambda p: "示例" in p["name"],
    },
    "demand": {
        "population >= 500": lambda p: p["population"] >= 500,
        "population BETWEEN 100 AND 110": lambda p: 100 <= p["population"] <= 110,
        "elders_65 > 50 OR children_3_6 < 5": lambda p: p["elders_65"] > 50 or p["children_3_6"] < 5,
        "area_code = '330784001S01'": lambda p: p["area_code"] == "330784001S01",
    },
    "coverage-health-15": {
        "share < 0.5": unknown_if_null("share")(lambda p: p["share"] < 0.5),
        "NOT share < 0.5": negation(unknown_if_null("share")(lambda p: p["share"] < 0.5)),
        "covered > 30000 OR total = 0": lambda p: p["covered"] > 30000 or p["total"] == 0,
        "code = '330784001000'": lambda p: p["code"] == "330784001000",
    },
    "coverage-hall-new": {
        "share IS NOT NULL": lambda p: p["share"] is not None,
        "covered > 0": lambda p: p["covered"] > 0,
    },
}  # fmt: skip
PLACES = {
    "a point": shapely.Point(120.05, 28.9),
    "a box": shapely.box(120.0, 28.85, 120.06, 28.92),
    "a triangle": shapely.Polygon([(119.95, 28.8), (120.2, 28.85), (120.05, 29.05)]),
    "with a hole": shapely.box(119.95, 28.8, 120.2, 29.0) - shapely.box(120.0, 28.85, 120.1, 28.95),
    "a line": shapely.LineString([(119.9, 28.8), (120.05, 28.9), (120.3, 29.05)]),
    "two parts": shapely.box(120.0, 28.85, 120.02, 28.9) | shapely.box(120.05, 28.85, 120.06, 28.9),
}


@pytest.mark.parametrize(
    ("collection", "text"),
    [("facilities", text) for text in FACILITIES] + [(name, text) for name, tests in OTHERS.items() for text in tests],
)
def test_filter_selects_what_plain_python_selects(
    client: TestClient, all_features: AllFeatures, collection: str, text: str
):
    test = (FACILITIES if collection == "facilities" else OTHERS[collection])[text]
    if test is None:
        assert_problem(client.get(items_of(collection), params={"filter": text}))
        return
    everything = all_features(collection)
    expected = [feature["id"] for feature in everything if test(feature["properties"]) is True]
    assert [feature["id"] for feature in features_of(client, collection, filter=text)] == expected
    for further in ({}, {"filter-lang": "cql2-text"}, {"filter-crs": CRS84}):
        assert get(client, items_of(collection), filter=text, limit=1, **further)["numberMatched"] == len(expected)
    # Except for three filters that must match nothing, each must match some features and not all.
    matches_nothing = text in ("name = 'o''clock'", "name_en LIKE '%HOSPITAL%'", "share IS NOT NULL")
    assert (len(expected) == 0) == matches_nothing
    assert len(expected) < len(everything)


@each_system
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("collection", SOME_COLLECTIONS[:3])
def test_geometries_of_a_filter_are_in_the_filter_crs(client: TestClient, collection: str, place: str, system: str):
    drawn = transformed(PLACES[place], system)
    text = shapely.to_wkt(drawn, rounding_precision=9 if metre_in(system) < 1 else 4)
    shapes = file_shapes(collection, system)
    expected = {name for name, shape in shapes.items() if shape.intersects(drawn)}
    # A line of 20 km that is straight in the projection bulges by 7 m in degrees. Features within that distance may be
    # selected or not. In the other systems the tolerance is some millimetres.
    little = 10.0 if system == PROJECTED else 1e-8
    reach, core = drawn.buffer(little), drawn.buffer(-little)
    near = {name for name, shape in shapes.items() if shape.intersects(reach)
            and not (shape.intersects(core) or shape.buffer(-little).intersects(drawn))}  # fmt: skip
    assert len(near) <= len(shapes) // 100
    query = {"filter": f"S_INTERSECTS(geometry, {text})", "filter-crs": system}
    selected = set(keys(collection, features_of(client, collection, **query)))
    assert selected - near == expected - near
    outside = get(client, items_of(collection), **query | {"filter": f"NOT S_INTERSECTS(geometry, {text})", "limit": 1})
    assert outside["numberMatched"] == len(shapes) - len(selected)
    if system == CRS84:  # the default
        assert get(client, items_of(collection), filter=query["filter"], limit=1)["numberMatched"] == len(selected)


def test_box_in_a_filter_selects_the_same_as_the_parameter_bbox(client: TestClient):
    for collection in SOME_COLLECTIONS:
        by_filter = features_of(client, collection, filter="S_INTERSECTS(geometry, BBOX(120.0, 28.85, 120.06, 28.92))")
        assert by_filter == features_of(client, collection, bbox="120.0,28.85,120.06,28.92")
        assert 0 < len(by_filter) < len(features_in_files(collection))


def test_box_in_a_filter_may_cross_the_antimeridian(client: TestClient):
    def selected(text: str, **extra: str) -> int:
        return get(client, items_of("facilities"), filter=text, limit=1, **extra)["numberMatched"]

    assert selected("S_INTERSECTS(geometry, BBOX(179, 0, -179, 1))") == 0
    around = "S_INTERSECTS(geometry, BBOX(119, 0, -179, 60))"
    assert selected(around) == selected(around, **{"filter-crs": CRS84}) == selected("category IS NOT NULL")


def test_all_selecting_parameters_must_hold_at_once(client: TestClient):
    query = {
        "bbox": "120.0,28.85,120.06,28.92",
        "datetime": "2016-01-01",
        "category": "clinic",
        "filter": "capacity > 20 OR name LIKE '%医院'",
    }
    alone = [
        {feature["id"] for feature in features_of(client, "facilities", **{name: value})}
        for name, value in query.items()
    ]
    selected = {feature["id"] for feature in features_of(client, "facilities", **query)}
    assert selected == set.intersection(*alone)
    assert 0 < len(selected) < min(map(len, alone))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "category", "category =", "= 'park'", "category = 'park", "category == 'park'", "category = park'",
        "category = 'park' AND", "((((category = 'park')", "nothing = 1", "category = 'park'; DROP TABLE facility",
        "capacity = 'many'", "opened > DATE('2021-13-01')", "opened > TIMESTAMP('x')", "S_INTERSECTS(geometry)",
        "S_INTERSECTS(geometry, POINT(1))", "S_INTERSECTS(geometry, POLYGON((1 2, 3 4)))",
        "S_INTERSECTS(category, POINT(1 2))", "geometry = 1", "name LIKE 5", "S_NEAR(geometry, POINT(1 2))",
        "capacity IN ('a', 1)", "1 = ", "foo(1) = 2",
        "S_INTERSECTS(geometry, POINT(nan nan))", "{}", "null", "capacity BETWEEN 'a' AND 'b'", "category IN ()",
        "\x00", "🏥", "category = \"park\"", "S_INTERSECTS(geometry, BBOX(1, 2, 3))", "-category = 1",
    ],
)  # fmt: skip
def test_invalid_filter_is_refused_by_name(client: TestClient, text: str):
    assert "filter" in assert_problem(client.get(items_of("facilities"), params={"filter": text}))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "capacity > 1" + ")" * 5000,
        "NOT " * 5000 + "capacity > 1",
        " AND ".join(["capacity > 1"] * 2500),
        "capacity > " + "(" * 3000 + "1" + ")" * 3000,
        "capacity > " + "1 + " * 3000 + "1",
        "name = '" + "x" * 50_000 + "'",
        "name LIKE '" + "%x" * 2000 + "'",
        "capacity > 1" + "0" * 5000,
        "capacity IN (" + ", ".join(map(str, range(5000))) + ")",
        "S_INTERSECTS(geometry, POLYGON(("
        + ", ".join(f"120.0{n:04} 28.9" for n in range(3000))
        + ", 120.00000 28.9)))",
    ],
    ids=range(10),
)
def test_enormous_filter_is_answered_or_refused_and_the_next_works(client: TestClient, text: str):
    """The next request is answered as ever."""
    answer = client.get(items_of("facilities"), params={"filter": text, "limit": 1})
    assert answer.status_code in (200, 400, 414), answer.text[:300]
    assert client.get(items_of("facilities"), params={"filter": "capacity > 1", "limit": 1}).status_code == 200


@pytest.mark.parametrize("language", ["cql2-json", "", "CQL2-TEXT"])
def test_unknown_filter_language_is_refused(client: TestClient, language: str):
    query = {"filter": "category = 'park'", "filter-lang": language}
    assert "filter-lang" in assert_problem(client.get(items_of("facilities"), params=query))
