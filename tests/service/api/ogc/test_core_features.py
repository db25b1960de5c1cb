"""Abstract tests of OGC API – Features – Part 1: Core 1.0.1 (OGC 17-069r4, Annex A) about features and parameters.

Each test has the name of the standard's own test.
"""

from datetime import date, timedelta
from urllib.parse import quote, urlsplit

import jsonschema
import pytest
import shapely
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    CRS84,
    GEOJSON,
    HTML,
    JSON,
    ROOT,
    assert_problem,
    features_in_files,
    features_of,
    get,
    items_of,
    keys,
    links,
)
from support.ogc_checks import check_links, item_of
from support.ogc_schemas import FEATURE, FEATURE_COLLECTION

each_collection = pytest.mark.parametrize("collection", COLLECTIONS)
CLASSES = {
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "html", "oas30")
}
# The schemas of the standard, as far as they ask for anything.
LINK = {
    "type": "object",
    "required": ["href", "rel", "type"],
    "properties": {name: {"type": "string", "minLength": 1} for name in ("href", "rel", "type", "hreflang", "title")},
}
# Of the official suite: across Greenwich, the equator, the antimeridian, at both poles; then through the sample.
BOXES = [
    (-1.5, 50.0, 1.5, 53.0), (-80.0, -5.0, -70.0, 5.0), (177.0, 65.0, -177.0, 70.0), (-180.0, 85.0, 180.0, 90.0),
    (-180.0, -90.0, 180.0, -85.0), (-180.0, -90.0, 180.0, 90.0), (120.0, 28.85, 120.06, 28.92),
    (120.05, -90.0, -170.0, 90.0), (170.0, -90.0, 120.0, 90.0), (119.95, 28.8, 119.9500001, 29.0),
]  # fmt: skip


def check_parameter(document: dict, collection: str, name: str) -> dict:
    """A parameter of a collection's features that the standard defines; its schema."""
    parameter = ogc.operation(document, items_of(collection)).parameters[name]
    assert parameter["in"] == "query"
    assert parameter.get("required", False) is False
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    return ogc.resolve(document, parameter["schema"])


def span(feature: ogc.FileFeature) -> tuple[date, date]:
    """From when to when a facility stands: the day it opened, and the last day before it closed."""
    opened, closed = feature.properties["opened"], feature.properties["closed"]
    return (
        date.fromisoformat(opened) if opened else date.min,
        date.fromisoformat(closed) - timedelta(1) if closed else date.max,
    )


def spans_without_changes(day: date) -> date:
    """The first day from ``day`` on around which nothing opens or closes, so that no time zone matters."""
    events = {date.fromisoformat(text) for feature in features_in_files("facilities").values()
              for text in (feature.properties["opened"], feature.properties["closed"]) if text}  # fmt: skip
    while any(day + timedelta(days) in events for days in (-2, -1, 0, 1, 2)):
        day += timedelta(1)
    return day


@each_collection
def test_conf_core_fc_op(client: TestClient, collection: str):
    """/conf/core/fc-op: each collection's features are where they are expected; an unknown collection has none."""
    answer = client.get(items_of(collection), headers={"Accept": GEOJSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == GEOJSON
    jsonschema.validate(answer.json(), FEATURE_COLLECTION)
    assert_problem(client.get(items_of(collection + "x")), 404)


@each_collection
def test_conf_core_fc_bbox_definition(document: dict, collection: str):
    """/conf/core/fc-bbox-definition: bbox is defined as four or six numbers with commas between."""
    schema = check_parameter(document, collection, "bbox")
    assert schema["type"] == "array"
    assert schema["items"]["type"] == "number"
    numbers = [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]
    assert schema.get("oneOf", numbers) == numbers
    if "oneOf" not in schema:
        assert (schema["minItems"], schema["maxItems"]) == (4, 6)


@each_collection
def test_conf_core_fc_bbox_response(client: TestClient, collection: str):
    """/conf/core/fc-bbox-response: exactly those features are given whose geometry intersects the box."""
    whole = get(client, f"{ROOT}/collections/{collection}")["extent"]["spatial"]["bbox"][0]
    counts = set()
    for box in [tuple(whole), *BOXES]:
        drawn = ogc.rectangle(*box)
        expected = ogc.keys_matching(collection, lambda feature, drawn=drawn: feature.shape.intersects(drawn))
        west, south, east, north = box
        for numbers in (box, (west, south, -100, east, north, 9000)):
            page = client.get(items_of(collection), params={"bbox": ",".join(map(str, numbers)), "limit": 10_000})
            assert page.status_code == 200, (numbers, page.text)
            assert page.headers["content-crs"] == f"<{CRS84}>"
            content = page.json()
            selected = keys(collection, content["features"])
            assert set(selected) == expected, (numbers, len(selected), len(expected))
            assert content["numberMatched"] == len(selected) == len(set(selected))
        counts.add(len(expected))
    assert len(counts) > 2  # so that boxes do make a difference


@pytest.mark.parametrize("collection", ["facilities", "areas", "coverage-park-500"])
def test_bbox_beside_a_polygon_does_not_select_it(client: TestClient, collection: str):
    """The same in the corners of bounding boxes, where an answer by bounding boxes alone is wrong."""
    tried = 0
    for name, feature in features_in_files(collection).items():
        west, south, _, _ = feature.shape.bounds
        corner = shapely.box(west, south, west + 1e-5, south + 1e-5)
        if feature.shape.geom_type != "Polygon" or feature.shape.intersects(corner) or tried > 20:
            continue
        box = ",".join(f"{number:.7f}" for number in corner.bounds)
        assert name not in keys(collection, features_of(client, collection, bbox=box)), name
        tried += 1
    assert tried > 5


@each_collection
def test_conf_core_fc_limit_definition(document: dict, collection: str):
    """/conf/core/fc-limit-definition: limit is defined as an integer, with its least, greatest and default."""
    schema = check_parameter(document, collection, "limit")
    assert schema["type"] == "integer"
    assert (schema["minimum"], schema["maximum"], schema["default"]) == (1, 10_000, 100)


@each_collection
def test_conf_core_fc_limit_response(client: TestClient, collection: str):
    """/conf/core/fc-limit-response: no more features are given than limit says; above the maximum it is no error."""
    count = len(features_in_files(collection))
    for limit, expected in ((1, 1), (7, min(7, count)), (100, min(100, count)), (10_000, count), (10_001, count)):
        page = get(client, items_of(collection), limit=limit)
        assert len(page["features"]) == expected, limit
    assert len(get(client, items_of(collection))["features"]) == min(100, count)
    for wrong in ("0", "-1", "1.5", "ten", "", "1e2"):
        assert_problem(client.get(items_of(collection), params={"limit": wrong}))


@each_collection
def test_conf_core_fc_time_definition(document: dict, collection: str):
    """/conf/core/fc-time-definition: datetime is defined as text."""
    assert check_parameter(document, collection, "datetime")["type"] == "string"


@each_collection
def test_conf_core_fc_time_response(client: TestClient, collection: str):
    """/conf/core/fc-time-response: exactly what stands at a time is given, and what has no time at all."""
    first, second, third = (spans_without_changes(date(year, 3, 1)) for year in (1995, 2016, 2021))
    opening = min(
        span(feature)[0] for feature in features_in_files("facilities").values() if feature.properties["opened"]
    )
    closing = max(
        span(feature)[1] for feature in features_in_files("facilities").values() if feature.properties["closed"]
    )
    query = {
        f"{first}T12:00:00Z": (first, first),
        f"{second}T00:00:00.5+08:00": (second, second),
        f"{third}": (third, third),
        f"{opening}": (opening, opening),
        f"{opening - timedelta(1)}": (opening - timedelta(1), opening - timedelta(1)),
        f"{closing}": (closing, closing),
        f"{closing + timedelta(1)}/..": (closing + timedelta(1), date.max),
        f"{first}T00:00:00Z/{second}T23:59:59Z": (first, second),
        f"{second}/{third}": (second, third),
        f"../{first}T00:00:00Z": (date.min, first),
        f"/{first}": (date.min, first),
        f"{third}T00:00:00Z/..": (third, date.max),
        f"{third}T00:00:00Z/": (third, date.max),
    }
    counts = set()
    for interval, (start, end) in query.items():
        if collection == "facilities":
            expected = ogc.keys_matching(
                collection, lambda feature, s=start, e=end: span(feature)[0] <= e and span(feature)[1] >= s
            )
        else:
            expected = set(features_in_files(collection))
        selected = keys(collection, features_of(client, collection, datetime=interval))
        assert set(selected) == expected, (interval, len(selected), len(expected))
        counts.add(len(expected))
    assert len(counts) > (5 if collection == "facilities" else 0)


@each_collection
def test_conf_core_query_param_unknown(client: TestClient, document: dict, collection: str):
    """/conf/core/query-param-unknown: a parameter that the API definition does not have is refused, and named."""
    for address in (f"{ROOT}/collections/{collection}", items_of(collection), item_of(client, collection)):
        assert "unknown" in assert_problem(client.get(address, params={"unknown": "1"}))
        assert "Limit" in assert_problem(client.get(address, params={"Limit": "1"}))
    for address in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections"):
        assert "unknown" in assert_problem(client.get(address, params={"unknown": "1"}))
    assert "unknown" not in ogc.operation(document, items_of(collection)).parameters


@each_collection
def test_conf_core_query_param_invalid(client: TestClient, collection: str):
    """/conf/core/query-param-invalid: a parameter that has no value of its kind is refused, and named."""
    wrong = {
        "bbox": ["1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "a,b,c,d", "0,10,10,0", "nan,0,1,1", "0,0,inf,1", "", "1,2,,4",
                 "0,-91,1,1", "1;2;3;4"],
        "datetime": ["yesterday", "2021-13-01", "2021-02-29", "2021-06-01T25:00:00Z", "2022-01-01/2021-01-01", "",
                     "2021-01-01/2021-02-01/2021-03-01", "2021-01-01/x", "/", "2021-01-01T00:00:00Z/2021-99-01"],
        "limit": ["0", "x"],
        "offset": ["-1", "x", "1.5"],
        "f": ["xml", ""],
        "crs": ["EPSG:4326", "http://www.opengis.net/def/crs/EPSG/0/32632", ""],
        "bbox-crs": ["http://www.opengis.net/def/crs/EPSG/0/32632"],
        "coordinates": ["wgs72"],
        "filter": ["(((", "nothing_like_it = 1"],
        "filter-lang": ["sql"],
        "sortby": ["nothing_like_it", "", "++", ","],
    }  # fmt: skip
    for name, values in wrong.items():
        for value in values:
            further = {"bbox": "120,28,121,29"} if name == "bbox-crs" else {}
            answer = client.get(items_of(collection), params={name: value, **further})
            assert name in assert_problem(answer), (name, value)
    answer = client.get(f"{items_of(collection)}?limit=1&limit=2")
    assert "limit" in assert_problem(answer)


@each_collection
def test_conf_core_fc_response(client: TestClient, collection: str):
    """/conf/core/fc-response: features come as a FeatureCollection with an array of features, an empty one too."""
    for parameters in (
        {},
        {"limit": 3},
        {"offset": 100_000},
        {"bbox": "0,0,1,1"},
        {"datetime": "2021-01-01T00:00:00Z"},
    ):
        page = get(client, items_of(collection), **parameters)
        jsonschema.validate(page, FEATURE_COLLECTION)
        assert all("id" in feature for feature in page["features"])
    assert get(client, items_of(collection), bbox="0,0,1,1")["features"] == []


@each_collection
def test_conf_core_fc_links(client: TestClient, collection: str):
    """/conf/core/fc-links: features link to themselves, what else they can be had as, and the pages around."""
    for query in (
        "",
        "?limit=2&offset=3",
        "?limit=2&bbox=120,28.8,120.1,29",
        "?datetime=2021-01-01T00%3A00%3A00%2B08:00",
    ):
        address = items_of(collection) + query
        page = get(client, address)
        check_links(page, address, GEOJSON)
        assert get(client, links(page, "self")[0]["href"]) == page
        (html,) = links(page, "alternate", HTML)
        assert client.get(html["href"]).headers["content-type"].startswith(HTML)
        (parent,) = links(page, "collection", JSON)
        assert urlsplit(parent["href"]).path == f"{ROOT}/collections/{collection}"
        extra = page["numberMatched"] > page["numberReturned"]
        if query != "?limit=2&offset=3":
            assert (len(links(page, "next", GEOJSON)), links(page, "prev")) == (extra, [])
        else:
            (onwards,), (back,) = (links(page, rel, GEOJSON) for rel in ("next", "prev"))
            around = get(client, items_of(collection), limit=7)["features"]
            assert get(client, onwards["href"])["features"] == around[5:7]
            before = get(client, back["href"])["features"]
            assert before == around[3 - len(before) : 3]


@each_collection
def test_conf_core_fc_time_stamp(client: TestClient, collection: str):
    """/conf/core/fc-timeStamp: there is no timeStamp, which is optional, so that equal answers have equal ETags."""
    first, second = (client.get(items_of(collection)) for _ in range(2))
    assert "timeStamp" not in first.json()
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


@each_collection
def test_conf_core_fc_number_matched(client: TestClient, collection: str):
    """/conf/core/fc-numberMatched: it is how many features match the parameters, on all pages."""
    for parameters in ({}, {"bbox": "120,28.8,120.1,29"}, {"datetime": "2016-01-01T00:00:00Z"}, {"bbox": "0,0,1,1"}):
        pages = list(ogc.pages(client, items_of(collection), limit=250, **parameters))
        assert {page["numberMatched"] for page in pages} == {sum(len(page["features"]) for page in pages)}
    assert get(client, items_of(collection), limit=1)["numberMatched"] == len(features_in_files(collection))
    assert get(client, items_of(collection), offset=100_000)["numberMatched"] == len(features_in_files(collection))


@each_collection
def test_conf_core_fc_number_returned(client: TestClient, collection: str):
    """/conf/core/fc-numberReturned: it is how many features are on this page."""
    for parameters in (
        {},
        {"limit": 5},
        {"limit": 10_000},
        {"offset": len(features_in_files(collection)) - 2},
        {"offset": 9**9},
    ):
        page = get(client, items_of(collection), **parameters)
        assert page["numberReturned"] == len(page["features"])
    assert page["numberReturned"] == 0


@each_collection
def test_conf_core_f_op(client: TestClient, collection: str):
    """/conf/core/f-op: each feature is where it is expected; others are not."""
    for offset in (0, len(features_in_files(collection)) // 2, len(features_in_files(collection)) - 1):
        answer = client.get(item_of(client, collection, offset), headers={"Accept": GEOJSON})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == GEOJSON
    for unknown in ("nothing", "%00", "%F0%9F%8F%A5", "a%2Fb", "..%2F..", "-1", "99999999999999999999", "1.5"):
        assert_problem(client.get(f"{items_of(collection)}/{unknown}"), 404)


@each_collection
def test_conf_core_f_success(client: TestClient, collection: str):
    """/conf/core/f-success: a single feature equals the one on the page of features."""
    page = get(client, items_of(collection), limit=20, offset=5)
    for feature in page["features"]:
        single = get(client, f"{items_of(collection)}/{quote(str(feature['id']), safe='')}")
        jsonschema.validate(single, FEATURE)
        for name in ("type", "id", "geometry", "properties"):
            assert single[name] == feature[name], (feature["id"], name)
    assert page["numberReturned"] > 8


@each_collection
def test_conf_core_f_links(client: TestClient, collection: str):
    """/conf/core/f-links: a feature links to itself, its other format, and its collection."""
    address = item_of(client, collection, 3)
    single = get(client, address)
    check_links(single, address, GEOJSON)
    assert get(client, links(single, "self")[0]["href"]) == single
    (parent,) = links(single, "collection", JSON)
    assert get(client, parent["href"])["id"] == collection
