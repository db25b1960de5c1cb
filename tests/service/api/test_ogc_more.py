"""OGC API – Features beyond Part 1: CRSs (Part 2), filters (Part 3), edits (Part 4); order, pages, what may be kept.

Numbers are compared with pyproj's and shapely's over the study's files, filters with plain Python over all items.
"""

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jsonschema
import numpy as np
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from service.register import keys as service_keys
from support import ogc, town
from support.ogc import (
    CGCS2000,
    COLLECTIONS,
    COORDINATE_SYSTEMS,
    CRS84,
    GEOJSON,
    HTML,
    PROJECTED,
    ROOT,
    WGS84,
    Feature,
    features_of,
    get,
    items_of,
    keys,
    links,
    problem,
    shipped,
)

each_collection = pytest.mark.parametrize("collection", COLLECTIONS)
each_system = pytest.mark.parametrize("system", COORDINATE_SYSTEMS, ids=("crs84", "4326", "4490", "projected"))
SOME = ("facilities", "areas", "demand", "coverage-health-15", "coverage-park-500")
FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SORTABLES = "http://www.opengis.net/def/rel/ogc/1.0/sortables"


# Part 2: coordinate reference systems.


@cache
def transformer(system: str) -> pyproj.Transformer:
    """Return pyproj's transformer from a system's own latitude and longitude.

    WGS 84 and CGCS2000 are taken as equal, see `geo.geodesy.datums`.
    """
    code = "EPSG:" + system.rpartition("/")[2]
    return pyproj.Transformer.from_crs(pyproj.CRS(code).geodetic_crs, code)


def transformed(shape: Any, system: str) -> Any:
    """Return a shape in longitude, latitude as another system has it, in the order of that system's axes."""
    if system == CRS84:
        return shape
    return shapely.transform(shape, lambda x, y: transformer(system).transform(y, x), interleaved=False)


@cache
def shipped_shapes(collection: str, system: str) -> dict[ogc.Key, Any]:
    """Return the shapes of a collection by key, in a coordinate system."""
    return {name: transformed(one.shape, system) for name, one in shipped(collection).items()}


def unit(system: str) -> float:
    """A metre, some, in the unit of a CRS."""
    return 1.0 if system == PROJECTED else 1e-5


def test_the_projections_axes_are_north_and_east():
    """So that the tests below do test an order of axes."""
    axes = [axis.direction for axis in pyproj.CRS("EPSG:" + PROJECTED.rpartition("/")[2]).axis_info]
    assert axes == ["north", "east"]
    (north, east) = shapely.get_coordinates(transformed(shapely.Point(120.04, 28.9), PROJECTED))[0]
    assert 3.1e6 < north < 3.3e6
    assert 4.9e5 < east < 5.1e5


def test_part_2_is_declared(client: TestClient):
    declared = get(client, f"{ROOT}/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in declared


def test_every_collection_says_its_systems_and_in_which_it_is_kept(client: TestClient):
    listed = get(client, f"{ROOT}/collections")
    for one in listed["collections"]:
        for described in (one, get(client, f"{ROOT}/collections/{one['id']}")):
            systems = described["crs"]
            if "#/crs" in systems:
                systems = [name for name in systems if name != "#/crs"] + listed["crs"]
            assert systems[0] == CRS84
            assert sorted(systems) == sorted(COORDINATE_SYSTEMS)
            assert described["storageCrs"] == CRS84


@each_system
@pytest.mark.parametrize("collection", SOME)
def test_every_system_comes_out_as_pyproj_has_it(client: TestClient, collection: str, system: str):
    plain = get(client, items_of(collection), limit=10_000)["features"]
    page = client.get(items_of(collection), params={"limit": 10_000, "crs": system})
    assert page.status_code == 200
    assert page.headers["content-type"] == GEOJSON
    assert page.headers["content-crs"] == f"<{system}>"
    features = page.json()["features"]
    assert [one["id"] for one in features] == [one["id"] for one in plain]
    assert [one["properties"] for one in features] == [one["properties"] for one in plain]
    for was, is_now in zip(plain, features, strict=True):
        expected = shipped_shapes(collection, system)[ogc.key(collection, was)]
        drawn = ogc.shape(is_now)
        assert drawn.geom_type == expected.geom_type
        farthest = shapely.hausdorff_distance(expected, drawn)
        assert farthest <= 0.02 * unit(system), is_now["id"]
    for feature in (features[0], features[-1]):
        one = client.get(f"{items_of(collection)}/{quote(str(feature['id']), safe='')}", params={"crs": system})
        assert one.headers["content-crs"] == f"<{system}>"
        assert one.json()["geometry"] == feature["geometry"]


@each_system
@pytest.mark.parametrize("collection", SOME)
def test_a_box_is_in_the_system_that_it_says(client: TestClient, collection: str, system: str):
    """Its edges run five centimetres beside features: a box whose corners only are transformed would miss by metres."""
    shapes = shipped_shapes(collection, system)
    chance = random.Random(7)
    counts = set()
    for _ in range(6):
        names = chance.sample(sorted(shapes, key=str), 4)
        corners = [shapely.get_coordinates(shapes[name])[0] for name in names]
        # Two of the sides go a little beyond a place, two a little less far.
        (x1, x2), (y1, y2) = (sorted(corner[axis] for corner in corners[2 * axis : 2 * axis + 2]) for axis in (0, 1))
        near = 0.05 * unit(system)
        box = (x1 - near, y1 + near, x2 - near, y2 + near)
        drawn = shapely.box(*box)
        expected = {name for name, shape in shapes.items() if shape.intersects(drawn)}
        asked = {"bbox": ",".join(f"{number:.9f}" for number in box), "bbox-crs": system, "limit": 10_000}
        page = get(client, items_of(collection), **asked)
        assert set(keys(collection, page["features"])) == expected, box
        assert page["numberMatched"] == len(expected)
        counts.add(len(expected))
        # And in what system the answer is, is another question.
        other = client.get(items_of(collection), params=asked | {"crs": PROJECTED})
        assert other.headers["content-crs"] == f"<{PROJECTED}>"
        assert [one["id"] for one in other.json()["features"]] == [one["id"] for one in page["features"]]
    assert len(counts) > 1


@pytest.mark.parametrize("system", [CRS84, WGS84, CGCS2000], ids=("crs84", "4326", "4490"))
@pytest.mark.parametrize("collection", SOME)
def test_a_box_across_the_antimeridian_goes_the_other_way_round(client: TestClient, collection: str, system: str):
    for west, east in ((120.05, -170.0), (170.0, 120.05), (-170.0, 120.05)):
        box = (west, 28.8, east, 29.0)
        said = box if system == CRS84 else (28.8, west, 29.0, east)
        drawn = ogc.rectangle(*box)
        expected = ogc.matching(collection, lambda one, drawn=drawn: one.shape.intersects(drawn))
        found = features_of(client, collection, **{"bbox": ",".join(map(str, said)), "bbox-crs": system})
        assert set(keys(collection, found)) == expected, box
        assert 0 < len(expected) < len(shipped(collection))


def test_a_box_in_metres_has_no_antimeridian(client: TestClient):
    box = "3200000,500000,3190000,490000"
    problem(client.get(items_of("facilities"), params={"bbox": box, "bbox-crs": PROJECTED}))


@each_system
def test_heights_of_a_box_are_passed_over(client: TestClient, system: str):
    box = shapely.total_bounds([transformed(one.shape, system) for one in list(shipped("facilities").values())[:40]])
    x1, y1, x2, y2 = box
    flat, high = (
        features_of(client, "facilities", **{"bbox": ",".join(map(str, numbers)), "bbox-crs": system})
        for numbers in (box, (x1, y1, -500, x2, y2, 8848))
    )
    assert flat == high
    assert 40 <= len(flat) < 933


@pytest.mark.parametrize(
    "wrong",
    ["", "4326", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326", ogc.EPSG + "3857", ogc.EPSG + "4326/", ogc.EPSG + "4326 ",
     "http://www.opengis.net/def/crs/OGC/0/CRS84h", "https://example.com", CRS84.lower(), "#/crs"],
)  # fmt: skip
def test_a_system_that_a_collection_does_not_list_is_refused(client: TestClient, wrong: str):
    for collection in ("facilities", "demand"):
        address = items_of(collection)
        feature = get(client, address, limit=1)["features"][0]["id"]
        for asked in ({"crs": wrong}, {"bbox-crs": wrong, "bbox": "1,2,3,4"},
                      {"filter-crs": wrong, "filter": "S_INTERSECTS(geometry, POINT(1 2))"}):  # fmt: skip
            assert next(iter(asked)) in problem(client.get(address, params=asked))
        assert "crs" in problem(client.get(f"{address}/{feature}", params={"crs": wrong}))


def test_chinese_coordinates_and_a_system_are_two_answers_to_one_question(client: TestClient):
    address = items_of("facilities")
    item = f"{address}/yk-clinic-001"
    for coordinates in ("gcj02", "bd09"):
        for system in COORDINATE_SYSTEMS:
            for asked in (address, item):
                problem(client.get(asked, params={"coordinates": coordinates, "crs": system}))
        # No such coordinates have a CRS of EPSG's or OGC's: none may be claimed.
        for asked in (address, item):
            answer = client.get(asked, params={"coordinates": coordinates})
            assert answer.status_code == 200
            assert "opengis.net" not in answer.headers.get("content-crs", "")
        box = "120.04,28.89,120.05,28.9"
        problem(client.get(address, params={"coordinates": coordinates, "bbox": box, "bbox-crs": WGS84}))
    assert client.get(address, params={"coordinates": "wgs84", "crs": CRS84}).status_code == 200


# Part 3: filters.


def schema_of(client: TestClient, collection: str, what: str) -> dict[str, dict[str, Any]]:
    """The queryables or sortables of a collection, checked; by name."""
    address = f"{ROOT}/collections/{collection}/{what}"
    answer = client.get(address)
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    assert schema["$schema"] in (
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
    )
    assert urlsplit(schema["$id"]).path == address
    assert not urlsplit(schema["$id"]).query
    assert schema["type"] == "object"
    assert schema["title"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]
    for name, one in schema["properties"].items():
        assert one["title"] or one["description"], name
        assert ("type" in one) != one.get("format", "").startswith("geometry-"), name
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return properties


def test_part_3_is_declared(client: TestClient):
    declared = set(get(client, f"{ROOT}/conformance")["conformsTo"])
    assert {
        FEATURES_3 + name for name in ("filter", "features-filter", "queryables", "queryables-query-parameters")
    } <= (declared)
    assert {CQL2 + name for name in ("cql2-text", "basic-cql2", "advanced-comparison-operators")} <= declared


@each_collection
def test_queryables_are_what_features_have(client: TestClient, collection: str):
    described = get(client, f"{ROOT}/collections/{collection}")
    (link,) = links(described, QUERYABLES, "application/schema+json")
    assert urlsplit(link["href"]).path == f"{ROOT}/collections/{collection}/queryables"
    queryables = schema_of(client, collection, "queryables")
    (geometry,) = [name for name, one in queryables.items() if one.get("format", "").startswith("geometry-")]
    assert geometry == "geometry"
    sample = features_of(client, collection)
    known = set().union(*(feature["properties"] for feature in sample)) | {"id", "geometry"}
    assert set(queryables) <= known
    # The values are of the types said.
    for name, one in queryables.items():
        if name in ("id", "geometry"):
            continue
        values = [feature["properties"][name] for feature in sample if feature["properties"].get(name) is not None]
        schema = {key: value for key, value in one.items() if key in ("type", "enum", "format")}
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        assert all(map(validator.is_valid, values)), name
    problem(client.get(f"{ROOT}/collections/{collection}/queryables", params={"unknown": "1"}))


@each_collection
def test_sortables_are_what_features_have(client: TestClient, collection: str):
    (link,) = links(get(client, f"{ROOT}/collections/{collection}"), SORTABLES, "application/schema+json")
    assert urlsplit(link["href"]).path == f"{ROOT}/collections/{collection}/sortables"
    sortables = schema_of(client, collection, "sortables")
    assert "geometry" not in sortables
    assert set(sortables) <= set(schema_of(client, collection, "queryables"))


def value_of(feature: Feature, name: str) -> Any:
    return feature["id"] if name == "id" else feature["properties"].get(name)


def written(value: Any) -> str:
    """A value as it stands in a URL's parameter."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@each_collection
def test_each_queryable_is_a_parameter(client: TestClient, collection: str):
    """An equality on every queryable gives what plain Python gives; values of the wrong kind are refused."""
    everything = features_of(client, collection)
    tried = 0
    for name, one in schema_of(client, collection, "queryables").items():
        if name == "geometry":
            continue
        values = [value_of(feature, name) for feature in everything if value_of(feature, name) is not None]
        for value in values[:: max(1, len(values) // 3)][:3]:
            found = features_of(client, collection, **{name: written(value)})
            expected = [feature["id"] for feature in everything if value_of(feature, name) == value]
            assert [feature["id"] for feature in found] == expected, (name, value)
            tried += 1
        if one["type"] in ("integer", "number", "boolean"):
            assert name in problem(client.get(items_of(collection), params={name: "nonsense"}))
        if one["type"] == "string" and "enum" not in one and "format" not in one:
            assert features_of(client, collection, **{name: "' OR 1=1 --"}) == []
    assert tried > 3


# A filter beside what plain Python makes of a feature's properties; None is what CQL2 calls unknown.
Test = Callable[[dict[str, Any]], bool | None]


def known(*names: str) -> Callable[[Test], Test]:
    """A test that is unknown where one of the properties is null."""

    def wrapped(test: Test) -> Test:
        return lambda p: None if any(p[name] is None for name in names) else test(p)

    return wrapped


def neither(test: Test) -> Test:
    """NOT, to which the unknown is unknown."""
    return lambda p: None if test(p) is None else not test(p)


def either(one: Test, other: Test) -> Test:
    """OR of three values."""

    def test(p: dict[str, Any]) -> bool | None:
        answers = (one(p), other(p))
        return True if True in answers else None if None in answers else False

    return test


LARGE: Test = known("capacity")(lambda p: p["capacity"] > 100)
OLD: Test = known("opened")(lambda p: p["opened"] < "2005-01-01")
FACILITIES: dict[str, Test] = {
    "category = 'park'": lambda p: p["category"] == "park",
    "'park' = category": lambda p: p["category"] == "park",
    "category <> 'park'": lambda p: p["category"] != "park",
    "name = 'o''clock'": lambda p: p["name"] == "o'clock",
    "capacity > 100": LARGE,
    "NOT capacity > 100": neither(LARGE),
    "NOT (NOT (capacity > 100))": LARGE,
    "capacity >= 900": known("capacity")(lambda p: p["capacity"] >= 900),
    "capacity < 100.5": known("capacity")(lambda p: p["capacity"] < 100.5),
    "capacity <= 1e2": known("capacity")(lambda p: p["capacity"] <= 100),
    "capacity IS NULL": lambda p: p["capacity"] is None,
    "capacity IS NOT NULL": lambda p: p["capacity"] is not None,
    "NOT capacity IS NULL": lambda p: p["capacity"] is not None,
    "capacity BETWEEN 50 AND 200": known("capacity")(lambda p: 50 <= p["capacity"] <= 200),
    "capacity NOT BETWEEN 50 AND 200": known("capacity")(lambda p: not 50 <= p["capacity"] <= 200),
    "subtype IN ('pocket', 'hospital')": known("subtype")(lambda p: p["subtype"] in ("pocket", "hospital")),
    "subtype NOT IN ('pocket', 'hospital')": known("subtype")(lambda p: p["subtype"] not in ("pocket", "hospital")),
    "name LIKE '东城街道%'": lambda p: p["name"].startswith("东城街道"),
    "name LIKE '%医院'": lambda p: p["name"].endswith("医院"),
    "name NOT LIKE '%医院'": lambda p: not p["name"].endswith("医院"),
    "name_en LIKE '%hospital 00_'": lambda p: p["name_en"][:-1].endswith("hospital 00"),
    "name_en LIKE '%HOSPITAL%'": lambda p: "HOSPITAL" in p["name_en"],
    "category = 'clinic' AND capacity > 100": lambda p: p["category"] == "clinic" and LARGE(p),
    "capacity > 100 OR opened < DATE('2005-01-01')": either(LARGE, OLD),
    "NOT (capacity > 100 OR opened < DATE('2005-01-01'))": neither(either(LARGE, OLD)),
    "category = 'park' OR category = 'clinic' AND subtype = 'hospital'": lambda p: (
        p["category"] == "park" or (p["category"] == "clinic" and p["subtype"] == "hospital")
    ),
    "(category = 'park' OR category = 'clinic') AND subtype = 'hospital'": lambda p: (
        p["category"] in ("park", "clinic") and p["subtype"] == "hospital"
    ),
    "opened < DATE('2005-01-01')": OLD,
    "opened >= DATE('2021-01-01') AND opened <= DATE('2021-12-31')": known("opened")(
        lambda p: "2021-01-01" <= p["opened"] <= "2021-12-31"
    ),
    "opened = DATE('2008-06-10')": known("opened")(lambda p: p["opened"] == "2008-06-10"),
    "closed IS NOT NULL": lambda p: p["closed"] is not None,
    "\"category\" = 'park'": lambda p: p["category"] == "park",
    "category > 'clinic'": lambda p: p["category"] > "clinic",
    "CATEGORY = 'park'": None,  # type: ignore[dict-item]  # names have a case
    "area_code LIKE '330784001%' AND category IN ('cultural_hall')": lambda p: (
        p["area_code"].startswith("330784001") and p["category"] == "cultural_hall"
    ),
}
OTHERS: dict[str, dict[str, Test]] = {
    "areas": {
        "level = 'town'": lambda p: p["level"] == "town",
        "population > 5000 AND level <> 'town'": known("population")(
            lambda p: p["population"] > 5000 and p["level"] != "town"
        ),
        "parent IS NULL": lambda p: p["parent"] is None,
        "parent = '330784001000'": known("parent")(lambda p: p["parent"] == "330784001000"),
        "name LIKE '%示例%'": lambda p: "示例" in p["name"],
    },
    "demand": {
        "population >= 500": lambda p: p["population"] >= 500,
        "population BETWEEN 100 AND 110": lambda p: 100 <= p["population"] <= 110,
        "elders_65 > 50 OR children_3_6 < 5": lambda p: p["elders_65"] > 50 or p["children_3_6"] < 5,
        "area_code = '330784001S01'": lambda p: p["area_code"] == "330784001S01",
    },
    "coverage-health-15": {
        "share < 0.5": known("share")(lambda p: p["share"] < 0.5),
        "NOT share < 0.5": neither(known("share")(lambda p: p["share"] < 0.5)),
        "covered > 30000 OR total = 0": lambda p: p["covered"] > 30000 or p["total"] == 0,
        "code = '330784001000'": lambda p: p["code"] == "330784001000",
    },
    "coverage-hall-new": {
        "share IS NOT NULL": lambda p: p["share"] is not None,
        "covered > 0": lambda p: p["covered"] > 0,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("collection", "text"),
    [("facilities", text) for text in FACILITIES] + [(name, text) for name, tests in OTHERS.items() for text in tests],
)
def test_a_filter_gives_what_plain_python_gives(client: TestClient, collection: str, text: str):
    test = (FACILITIES if collection == "facilities" else OTHERS[collection])[text]
    if test is None:
        problem(client.get(items_of(collection), params={"filter": text}))
        return
    everything = features_of(client, collection)
    expected = [feature["id"] for feature in everything if test(feature["properties"]) is True]
    for further in ({}, {"filter-lang": "cql2-text"}, {"filter-crs": CRS84}):
        found = features_of(client, collection, filter=text, **further)
        assert [feature["id"] for feature in found] == expected
    # That some match and others don't makes it a test; these are there for that nobody matches.
    nobody = text in ("name = 'o''clock'", "name_en LIKE '%HOSPITAL%'", "share IS NOT NULL")
    assert (len(expected) == 0) == nobody
    assert len(expected) < len(everything)
    assert get(client, items_of(collection), filter=text, limit=1)["numberMatched"] == len(expected)


PLACES = {
    "a point": shapely.Point(120.05, 28.9),
    "a box": shapely.box(120.0, 28.85, 120.06, 28.92),
    "a triangle": shapely.Polygon([(119.95, 28.8), (120.2, 28.85), (120.05, 29.05)]),
    "with a hole": shapely.box(119.95, 28.8, 120.2, 29.0) - shapely.box(120.0, 28.85, 120.1, 28.95),
    "a line": shapely.LineString([(119.9, 28.8), (120.05, 28.9), (120.3, 29.05)]),
    "two parts": shapely.box(120.0, 28.85, 120.02, 28.9) | shapely.box(120.05, 28.85, 120.06, 28.9),
}


@each_system
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("collection", SOME[:3])
def test_a_filter_by_place_is_in_the_system_that_it_says(client: TestClient, collection: str, place: str, system: str):
    drawn = transformed(PLACES[place], system)
    text = shapely.to_wkt(drawn, rounding_precision=9 if unit(system) < 1 else 4)
    shapes = shipped_shapes(collection, system)
    expected = {name for name, shape in shapes.items() if shape.intersects(drawn)}
    # A line of some 20 km that is straight in the projection is not in degrees, but bulges by 7 m here: who lies there
    # may be in or out. Elsewhere it is millimetres.
    little = 10.0 if system == PROJECTED else 1e-8
    reach, core = drawn.buffer(little), drawn.buffer(-little)
    near = {name for name, shape in shapes.items() if shape.intersects(reach)
            and not (shape.intersects(core) or shape.buffer(-little).intersects(drawn))}  # fmt: skip
    assert len(near) <= len(shapes) // 100
    asked = {"filter": f"S_INTERSECTS(geometry, {text})", "filter-crs": system}
    found = set(keys(collection, features_of(client, collection, **asked)))
    assert found - near == expected - near
    outside = get(client, items_of(collection), **asked | {"filter": f"NOT S_INTERSECTS(geometry, {text})", "limit": 1})
    assert outside["numberMatched"] == len(shapes) - len(found)
    if system == CRS84:  # it is the default
        assert get(client, items_of(collection), filter=asked["filter"], limit=1)["numberMatched"] == len(found)


def test_a_box_in_a_filter_is_that_of_the_parameter(client: TestClient):
    for collection in SOME:
        by_filter = features_of(client, collection, filter="S_INTERSECTS(geometry, BBOX(120.0, 28.85, 120.06, 28.92))")
        assert by_filter == features_of(client, collection, bbox="120.0,28.85,120.06,28.92")
        assert 0 < len(by_filter) < len(shipped(collection))


def test_all_that_selects_must_hold_at_once(client: TestClient):
    asked = {
        "bbox": "120.0,28.85,120.06,28.92",
        "datetime": "2016-01-01",
        "category": "clinic",
        "filter": "capacity > 20 OR name LIKE '%医院'",
    }
    alone = [
        {feature["id"] for feature in features_of(client, "facilities", **{name: value})}
        for name, value in asked.items()
    ]
    found = {feature["id"] for feature in features_of(client, "facilities", **asked)}
    assert found == set.intersection(*alone)
    assert 0 < len(found) < min(map(len, alone))


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
def test_what_is_no_filter_is_refused_and_named(client: TestClient, text: str):
    assert "filter" in problem(client.get(items_of("facilities"), params={"filter": text}))


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
def test_a_filter_beyond_all_measure_breaks_nothing(client: TestClient, text: str):
    """It is answered or refused; and the next question is answered as ever."""
    answer = client.get(items_of("facilities"), params={"filter": text, "limit": 1})
    assert answer.status_code in (200, 400, 414), answer.text[:300]
    assert client.get(items_of("facilities"), params={"filter": "capacity > 1", "limit": 1}).status_code == 200


@pytest.mark.parametrize("language", ["cql2-json", "", "CQL2-TEXT"])
def test_another_language_of_filters_is_refused(client: TestClient, language: str):
    asked = {"filter": "category = 'park'", "filter-lang": language}
    assert "filter-lang" in problem(client.get(items_of("facilities"), params=asked))


# Order and pages.


@each_collection
def test_features_come_in_the_order_asked_for(client: TestClient, collection: str):
    """Of every sortable, up and down; what has no value stands last in both."""
    everything = features_of(client, collection)
    tried = 0
    for name in schema_of(client, collection, "sortables"):
        for sign in ("", "+", "-"):
            found = features_of(client, collection, sortby=sign + name)
            values = [value_of(feature, name) for feature in found]
            had = [value for value in values if value is not None]
            assert values[len(had) :] == [None] * (len(values) - len(had)), (sign, name)
            assert had == sorted(had, reverse=sign == "-"), (sign, name)
            assert sorted(str(one["id"]) for one in found) == sorted(str(one["id"]) for one in everything)
            tried += len(set(had)) > 1
    assert tried >= 6


def test_the_second_name_decides_among_equals(client: TestClient):
    found = features_of(client, "facilities", sortby="-category,+opened")
    keyed = [(one["properties"]["category"], one["properties"]["opened"] or "9999") for one in found]
    assert keyed == sorted(sorted(keyed, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True)
    for wrong in ("category,", ",category", "category,-nothing", "geometry", "±category"):
        assert "sortby" in problem(client.get(items_of("facilities"), params={"sortby": wrong}))


SELECTIONS: dict[str, dict[str, object]] = {
    "all": {},
    "filter": {"filter": "S_INTERSECTS(geometry, BBOX(119.95, 28.8, 120.1, 29.0))"},
    "sortby": {"sortby": "-area_code"},
    "both, in metres": {
        "filter": "S_INTERSECTS(geometry, BBOX(119.95, 28.8, 120.1, 29.0))", "sortby": "name", "crs": PROJECTED,
    },
}  # fmt: skip


@pytest.mark.parametrize("selection", SELECTIONS)
@each_collection
def test_next_links_lead_to_each_feature_once(client: TestClient, collection: str, selection: str):
    asked = dict(SELECTIONS[selection])
    sortables = schema_of(client, collection, "sortables")
    if "sortby" in asked and str(asked["sortby"]).lstrip("-") not in sortables:
        asked["sortby"] = sorted(sortables)[-1]
    whole = features_of(client, collection, **asked)
    limit = max(2, len(whole) // 7)
    pages = list(ogc.pages(client, items_of(collection), limit=limit, **asked))
    found = [feature for page in pages for feature in page["features"]]
    assert found == whole
    assert len({str(feature["id"]) for feature in found}) == len(found)
    assert [len(page["features"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) >= 4
    # And back.
    page, count = pages[-1], 1
    while back := links(page, "prev"):
        page, count = get(client, back[0]["href"]), count + 1
        assert count <= len(pages)
    assert page["features"] == pages[0]["features"]
    if selection == "all":
        assert len(found) == len(shipped(collection))


# What may be kept, and for how long it is good.


@pytest.mark.parametrize("collection", SOME)
def test_each_representation_has_a_tag_of_its_own(client: TestClient, collection: str):
    """RFC 9110, 8.8.1: a strong ETag is that of the bytes; JSON, HTML, zipped, each system have their own."""
    asked = [
        ({}, {}),
        ({"f": "html"}, {}),
        ({"crs": PROJECTED}, {}),
        ({"crs": WGS84}, {}),
        ({"coordinates": "gcj02"}, {}),
        ({"limit": 3}, {}),
        ({"limit": 3, "offset": 1}, {}),
        ({}, {"Accept-Encoding": "gzip"}),
    ]
    tags: dict[str, bytes] = {}
    for parameters, headers in asked:
        answer = client.get(items_of(collection), params=parameters, headers={"Accept-Encoding": "identity"} | headers)
        assert answer.status_code == 200
        tag = answer.headers["etag"]
        assert tag.startswith('"'), tag
        encoded = answer.headers.get("content-encoding", "").encode() + answer.content
        assert tags.setdefault(tag, encoded) == encoded, (parameters, headers)
    assert len(tags) >= 7


def test_coverage_is_what_the_other_endpoint_says(client: TestClient):
    for standard in ogc.STANDARDS:
        said = {one["code"]: one for one in get(client, f"{ROOT}/coverage/{standard}")["areas"]}
        features = features_of(client, f"coverage-{standard}")
        assert {one["properties"]["code"] for one in features} == set(said)
        for one in features:
            for name in ("name", "people", "total", "covered", "share"):
                assert one["properties"][name] == said[one["properties"]["code"]][name]


@pytest.mark.parametrize("collection", ["areas", "demand"])
def test_properties_are_what_the_files_say(client: TestClient, collection: str):
    count = 0
    for feature in features_of(client, collection):
        said = shipped(collection)[ogc.key(collection, feature)].properties
        for name, value in feature["properties"].items():
            if name not in said or name in ("lon", "lat"):
                continue
            if isinstance(value, bool):
                assert said[name] in (value, str(int(value))), (feature["id"], name)
            elif isinstance(value, int | float):
                assert float(said[name]) == value, (feature["id"], name)
            else:
                assert said[name] == value, (feature["id"], name)
            count += 1
    assert count >= 5 * len(shipped(collection))


# Part 4: edits, as far as tests/service/test_edits.py does not have them.


@pytest.fixture
def editable(town_folder: Path, make_client) -> TestClient:
    """The API of the small town, with a key to edit."""
    client: TestClient = make_client(town_folder)
    key = service_keys.create(client.app.state.answers.register.database, "王工")  # type: ignore[attr-defined]
    client.headers["Authorization"] = f"Bearer {key}"
    return client


NEW = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": list(town.place(5, 5))},
    "properties": {"category": "clinic", "name": "新诊所"},
}


def test_part_4_is_declared(client: TestClient):
    declared = set(get(client, f"{ROOT}/conformance")["conformsTo"])
    assert FEATURES_4 + "create-replace-delete" in declared


def test_only_facilities_can_be_edited(editable: TestClient):
    described = get(editable, f"{ROOT}/collections")["collections"]
    others = [one["id"] for one in described if one["id"] != "facilities"]
    assert {"areas", "demand"} < set(others)
    for collection in others:
        (feature,) = get(editable, items_of(collection), limit=1)["features"]
        item = f"{items_of(collection)}/{quote(str(feature['id']), safe='')}"
        for method, address in (("POST", items_of(collection)), ("PUT", item), ("PATCH", item), ("DELETE", item)):
            answer = editable.request(method, address, json=NEW, headers={"If-Match": "*"})
            problem(answer, 405)
            assert "GET" in answer.headers["allow"]


def test_an_edit_is_in_the_next_page_filter_and_tag(editable: TestClient):
    address = items_of("facilities")
    before = editable.get(address)
    body = json.dumps(NEW | {"id": "way/12"})
    made = editable.post(address, content=body, headers={"Content-Type": GEOJSON})
    assert made.status_code == 201, made.text
    place = made.headers["Location"]
    assert place.endswith("/way%2F12")
    known = {"If-None-Match": before.headers["etag"]}
    after = editable.get(address, headers=known)
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["numberMatched"] == before.json()["numberMatched"] + 1
    (found,) = features_of(editable, "facilities", filter="name = '新诊所'")
    assert found["id"] == "way/12"
    (found,) = features_of(editable, "facilities", name="新诊所")
    one = editable.get(place)
    assert one.json()["geometry"] == NEW["geometry"] == found["geometry"]
    assert editable.get(place, params={"crs": PROJECTED}).headers["content-crs"] == f"<{PROJECTED}>"
    assert editable.get(place, headers={"Accept": HTML}).status_code == 200
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": one.headers["etag"]}
    patched = editable.patch(place, content=json.dumps({"properties": {"name": "旧诊所"}}), headers=merge)
    assert patched.status_code == 200, patched.text
    assert features_of(editable, "facilities", filter="name = '新诊所'") == []
    assert editable.get(place, headers={"If-None-Match": one.headers["etag"]}).status_code == 200
    replaced = editable.put(place, content=json.dumps(NEW), headers={"Content-Type": GEOJSON, "If-Match": "*"})
    assert replaced.status_code == 200, replaced.text
    assert editable.get(place).json()["properties"]["name"] == "新诊所"
    assert editable.delete(place, headers={"If-Match": "*"}).status_code == 204
    assert editable.get(place).status_code in (404, 410)
    last = editable.get(address)
    assert last.json() == before.json()


def test_what_was_read_in_any_system_can_be_sent_back_for_its_tag(editable: TestClient):
    """The tag of a record in any representation allows an edit of it."""
    item = f"{items_of('facilities')}/c1"
    for parameters in ({}, {"crs": PROJECTED}, {"crs": WGS84}, {"coordinates": "gcj02"}):
        tag = editable.get(item, params=parameters).headers["etag"]
        answer = editable.patch(item, json={"properties": {"name": f"甲{len(tag)}"}}, headers={"If-Match": tag})
        assert answer.status_code == 200, (parameters, tag, answer.text)
        assert editable.patch(item, json={"properties": {}}, headers={"If-Match": '"999-wgs84"'}).status_code == 412


def test_a_place_that_is_not_in_crs84_is_not_taken_for_one(editable: TestClient):
    """Part 4 lets a body say its CRS in Content-Crs; who does not understand that must not take metres for degrees."""
    north, east = shapely.get_coordinates(transformed(shapely.Point(NEW["geometry"]["coordinates"]), PROJECTED))[0]
    body = NEW | {"id": "projected", "geometry": {"type": "Point", "coordinates": [north, east]}}
    answer = editable.post(items_of("facilities"), json=body, headers={"Content-Crs": f"<{PROJECTED}>"})
    if answer.status_code == 201:
        lon, lat = get(editable, f"{items_of('facilities')}/projected")["geometry"]["coordinates"]
        assert (lon, lat) == pytest.approx(NEW["geometry"]["coordinates"], abs=1e-6)
    else:
        problem(answer)
    swapped = NEW | {"geometry": {"type": "Point", "coordinates": NEW["geometry"]["coordinates"][::-1]}}
    answer = editable.post(items_of("facilities"), json=swapped, headers={"Content-Crs": f"<{WGS84}>"})
    if answer.status_code == 201:
        lon, lat = answer.json()["geometry"]["coordinates"]
        assert (lon, lat) == pytest.approx(NEW["geometry"]["coordinates"], abs=1e-6)
    else:
        problem(answer)


@pytest.mark.parametrize("name", ["crs", "bbox-crs", "filter-crs"])
def test_an_unknown_system_is_refused_even_where_nothing_is_given_in_it(client: TestClient, name: str):
    assert name in problem(client.get(items_of("facilities"), params={name: "EPSG:4326"}))


@pytest.mark.parametrize("below", ["history", "restore", "merge"])
def test_what_lies_below_a_facility_is_no_facility(client: TestClient, below: str):
    """Its methods are its own, whoever asks."""
    allowed = "GET, HEAD" if below == "history" else "POST"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allowed.split(", ")):
        answer = client.request(method, f"{items_of('facilities')}/yk-park-001/{below}", json={})
        assert (answer.status_code, answer.headers.get("Allow")) == (405, allowed), method


def test_pages_are_called_what_they_are_about(client: TestClient):
    def head(path: str) -> str:
        return client.get(f"/v1/collections/{path}", params={"f": "html"}).text.split("<h1>")[1].split("</h1>")[0]

    assert head("facilities") == head("facilities/items") == "设施 facilities"
    assert head("coverage-health-15/items").startswith("城市15分钟社区卫生服务圈")
    assert head("facilities/items/yk-park-001").startswith("东城街道")
    assert head("facilities/sortables") == "可排序 sortables"
    page = client.get(items_of("facilities"), params={"f": "html"}).text
    assert '<span title="capacity">床位或学位 beds or seats</span>' in page


def test_a_property_is_sorted_by_once(client: TestClient):
    assert "sortby" in problem(client.get(items_of("facilities"), params={"sortby": "name,-name"}))


@pytest.mark.parametrize(
    "query",
    [{"limit": "1_0"}, {"limit": "１"}, {"limit": " 1"}, {"limit": "1.0"}, {"offset": "1_0"}, {"capacity": "٣"},
     {"capacity": "1_0"}, {"opened": "2021-W26-3"}, {"opened": "20210630"}, {"due": "yes"}, {"due": "1"}],
)  # fmt: skip
def test_a_value_is_written_as_json_has_it(client: TestClient, query: dict[str, str]):
    (name,) = query
    assert f"{name}: is not " in problem(client.get(items_of("facilities"), params=query))


def test_a_box_across_the_antimeridian_may_be_in_a_filter(client: TestClient):
    def found(text: str, **more: str) -> int:
        return get(client, items_of("facilities"), filter=text, limit=1, **more)["numberMatched"]

    assert found("S_INTERSECTS(geometry, BBOX(179, 0, -179, 1))") == 0
    around = "S_INTERSECTS(geometry, BBOX(119, 0, -179, 60))"
    assert found(around) == found(around, **{"filter-crs": CRS84}) == found("category IS NOT NULL")


def test_extents_are_in_the_coordinates_of_the_answer(client: TestClient):
    plain, moved = (
        get(client, "/v1/collections/facilities", coordinates=name)["extent"]["spatial"] for name in ("wgs84", "gcj02")
    )
    assert (plain["crs"], moved["crs"]) == (CRS84, "urn:fuwuquan:crs:gcj02")
    features = get(client, items_of("facilities"), coordinates="gcj02", limit=10_000)["features"]
    sides = shapely.total_bounds([shapely.geometry.shape(one["geometry"]) for one in features])
    assert np.allclose(moved["bbox"][0], sides, atol=1e-4)
    assert abs(moved["bbox"][0][0] - plain["bbox"][0][0]) > 0.004
