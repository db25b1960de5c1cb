"""The abstract tests of OGC API – Features – Part 1: Core 1.0.1 (OGC 17-069r4, Annex A), each a test of its name.

What the official executable suite of OGC asks of a service is asked here, of every collection, and answers are compared
with what shapely makes of the study's own files.
"""

import json
from datetime import date, timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import jsonschema
import pytest
import shapely
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    CRS84,
    GEOJSON,
    HTML,
    JSON,
    ROOT,
    features_of,
    get,
    items_of,
    keys,
    links,
    problem,
    shipped,
)

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
LINKS = {"type": "array", "minItems": 1, "items": LINK}
NAMED = {"title": {"type": "string"}, "description": {"type": "string"}}
CONFORMANCE = {
    "type": "object",
    "required": ["conformsTo"],
    "properties": {"conformsTo": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
}
EXTENT = {
    "type": "object",
    "properties": {
        "spatial": {
            "type": "object",
            "properties": {
                "bbox": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
                },
                "crs": {"const": CRS84},
            },
        },
        "temporal": {
            "type": "object",
            "properties": {
                "interval": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "array",
                        "minItems": 2,
                        "maxItems": 2,
                        "items": {"type": ["string", "null"], "format": "date-time"},
                    },
                },
                "trs": {"const": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"},
            },
        },
    },
}
COLLECTION = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        **NAMED,
        "id": {"type": "string", "minLength": 1},
        "links": LINKS,
        "extent": EXTENT,
        "itemType": {"const": "feature"},
        "crs": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
}
FEATURE = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "id": {"type": ["string", "integer"]},
        "geometry": {
            "type": ["object", "null"],
            "required": ["type", "coordinates"],
            "properties": {
                "type": {
                    "enum": ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"],
                },
                "coordinates": {"type": "array", "minItems": 1},
            },
        },
        "properties": {"type": ["object", "null"]},
        "links": LINKS,
    },
}
FEATURE_COLLECTION = {
    "type": "object",
    "required": ["type", "features", "links"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"type": "array", "items": FEATURE},
        "links": LINKS,
        "timeStamp": {"type": "string", "format": "date-time"},
        "numberMatched": {"type": "integer", "minimum": 0},
        "numberReturned": {"type": "integer", "minimum": 0},
    },
}

# Of the official suite: across Greenwich, the equator, the antimeridian, at both poles; then through the sample.
BOXES = [
    (-1.5, 50.0, 1.5, 53.0), (-80.0, -5.0, -70.0, 5.0), (177.0, 65.0, -177.0, 70.0), (-180.0, 85.0, 180.0, 90.0),
    (-180.0, -90.0, 180.0, -85.0), (-180.0, -90.0, 180.0, 90.0), (120.0, 28.85, 120.06, 28.92),
    (120.05, -90.0, -170.0, 90.0), (170.0, -90.0, 120.0, 90.0), (119.95, 28.8, 119.9500001, 29.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    """The API definition, by the landing page's link."""
    (link,) = links(get(client, ROOT), "service-desc")
    return get(client, link["href"])


def resources(client: TestClient) -> list[str]:
    """One address of each kind of resource and collection that has JSON and HTML."""
    found = [ROOT, f"{ROOT}/conformance", f"{ROOT}/collections"]
    for collection in COLLECTIONS:
        found += [f"{ROOT}/collections/{collection}", f"{items_of(collection)}?limit=3", item_of(client, collection)]
    return found


def item_of(client: TestClient, collection: str, offset: int = 0) -> str:
    """The address of one item of a collection."""
    (feature,) = get(client, items_of(collection), limit=1, offset=offset)["features"]
    return f"{items_of(collection)}/{quote(str(feature['id']), safe='')}"


def check_links(document: dict, address: str, media_type: str, *, alternate: str = HTML) -> None:
    """A document's links: itself, what else it can be had as, each with rel and type."""
    jsonschema.validate(document["links"], LINKS)
    (own,) = links(document, "self")
    assert own["type"] == media_type
    assert ogc.same_address(own["href"], address), own
    (other,) = links(document, "alternate", alternate)
    assert urlsplit(other["href"]).path == urlsplit(address).path


def test_conf_core_http(client: TestClient):
    """/conf/core/http: what RFC 9110 says of GET, HEAD, conditions, and methods that a resource does not have."""
    for address in resources(client):
        answer = client.get(address)
        head = client.head(address)
        assert (answer.status_code, head.status_code, head.content) == (200, 200, b""), address
        for name in ("content-type", "etag"):
            assert answer.headers[name] == head.headers[name], (address, name)
        assert answer.headers["etag"].startswith('"'), address
        for known in (answer.headers["etag"], f'"other", {answer.headers["etag"]}', "*"):
            again = client.get(address, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), (address, known)
            assert again.headers["etag"] == answer.headers["etag"]
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    for address in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections", items_of("areas")):
        refused = client.post(address, json={})
        problem(refused, 405)
        assert "GET" in refused.headers["allow"], address
    problem(client.get(f"{ROOT}/nothing"), 404)


@each_collection
def test_conf_core_crs84(client: TestClient, collection: str):
    """/conf/core/crs84: all geometries are in CRS84, longitude first, unless another CRS is asked for."""
    page = client.get(items_of(collection), params={"limit": 10_000})
    assert page.headers["content-crs"] == f"<{CRS84}>"
    features = page.json()["features"]
    expected = shipped(collection)
    assert {ogc.key(collection, feature) for feature in features} == set(expected)
    for feature in features:
        said, drawn = expected[ogc.key(collection, feature)].shape, ogc.shape(feature)
        assert shapely.equals_exact(said.normalize(), drawn.normalize(), tolerance=1e-6), feature["id"]
    one = client.get(item_of(client, collection))
    assert one.headers["content-crs"] == f"<{CRS84}>"


def test_conf_core_root_op(client: TestClient):
    """/conf/core/root-op: the landing page is where it is expected, with and without a slash at the end."""
    for address in (ROOT, f"{ROOT}/"):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"] == JSON
        assert links(answer.json(), "conformance"), address


def test_conf_core_root_success(client: TestClient):
    """/conf/core/root-success: the landing page leads to the API definition, the conformance classes and the data."""
    landing = get(client, ROOT)
    jsonschema.validate(landing, {"type": "object", "required": ["links"], "properties": {**NAMED, "links": LINKS}})
    check_links(landing, ROOT, JSON)
    for rel, path in (("conformance", f"{ROOT}/conformance"), ("data", f"{ROOT}/collections")):
        assert path in [urlsplit(link["href"]).path for link in links(landing, rel)]
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        assert links(landing, rel), rel
        for link in links(landing, rel):
            answer = client.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].partition(";")[0] == link["type"].partition(";")[0], link


def test_conf_core_api_definition_op(client: TestClient):
    """/conf/core/api-definition-op: the API definition can be had from where the landing page says."""
    landing = get(client, ROOT)
    for rel, media_type in (("service-desc", ogc.OPENAPI), ("service-doc", HTML)):
        (link,) = links(landing, rel)
        assert link["type"] == media_type
        answer = client.get(link["href"], headers={"Accept": media_type})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)


def test_conf_core_api_definition_success(document: dict):
    """/conf/core/api-definition-success: the API definition is what it says, and has the API's resources."""
    assert document["openapi"].startswith("3.0.")
    OpenAPIV30SpecValidator(document).validate()
    described = {operation.url for operation in ogc.operations(document)}
    assert {ROOT, f"{ROOT}/conformance", f"{ROOT}/collections"} <= {url.rstrip("/") for url in described}
    # The official suite, and GDAL, look for the standard's own paths, from the server's address on.
    assert {"/conformance", "/collections", *(f"/collections/{one}/items" for one in COLLECTIONS)} <= set(
        document["paths"]
    )


def test_conf_core_conformance_op(client: TestClient):
    """/conf/core/conformance-op: the conformance declaration is where it is expected."""
    answer = client.get(f"{ROOT}/conformance", headers={"Accept": JSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    (link,) = links(get(client, ROOT), "conformance", JSON)
    assert client.get(link["href"]).json() == answer.json()


def test_conf_core_conformance_success(client: TestClient):
    """/conf/core/conformance-success: all classes that the service conforms to are named by their URIs."""
    declared = get(client, f"{ROOT}/conformance")
    jsonschema.validate(declared, CONFORMANCE)
    assert set(declared["conformsTo"]) >= CLASSES
    for name in declared["conformsTo"]:
        assert name.startswith("http://www.opengis.net/spec/"), name
        assert "/conf/" in name, name


def test_conf_core_fc_md_op(client: TestClient):
    """/conf/core/fc-md-op: the collections are where they are expected."""
    answer = client.get(f"{ROOT}/collections", headers={"Accept": JSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON


def test_conf_core_fc_md_success(client: TestClient):
    """/conf/core/fc-md-success: the collections' content has the structure and members that it must have."""
    content = get(client, f"{ROOT}/collections")
    schema = {
        "required": ["links", "collections"],
        "properties": {"collections": {"type": "array", "items": COLLECTION}},
    }
    jsonschema.validate(content, schema, format_checker=jsonschema.FormatChecker())
    for one in (content, *content["collections"]):
        assert one.get("crs", [CRS84])[0] == CRS84
    assert all(one["title"] and one["description"] for one in content["collections"])


def test_conf_core_fc_md_links(client: TestClient):
    """/conf/core/fc-md-links: the collections' content links to itself and to what else it can be had as."""
    check_links(get(client, f"{ROOT}/collections"), f"{ROOT}/collections", JSON)


def test_conf_core_fc_md_items(client: TestClient):
    """/conf/core/fc-md-items: each collection of the service is described once."""
    described = get(client, f"{ROOT}/collections")["collections"]
    assert sorted(one["id"] for one in described) == sorted(COLLECTIONS)
    for one in described:
        assert "extent" in one
        for link in links(one, "items", GEOJSON):
            assert get(client, link["href"])["type"] == "FeatureCollection"


def test_conf_core_fc_md_items_links(client: TestClient):
    """/conf/core/fc-md-items-links: each collection links to its features in every encoding."""
    for one in get(client, f"{ROOT}/collections")["collections"]:
        jsonschema.validate(one["links"], LINKS)
        for media_type in (GEOJSON, HTML):
            (link,) = links(one, "items", media_type)
            assert urlsplit(link["href"]).path == items_of(one["id"])
            answer = client.get(link["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == media_type


@each_collection
def test_conf_core_fc_md_extent(client: TestClient, collection: str):
    """/conf/core/fc-md-extent: the extent holds all places and times of the collection, and no more than it must."""
    extent = get(client, f"{ROOT}/collections/{collection}")["extent"]
    bounds = shapely.total_bounds([one.shape for one in shipped(collection).values()])
    box = extent["spatial"]["bbox"][0]
    assert shapely.box(*box).buffer(1e-6).covers(shapely.box(*bounds))
    # Everything lies in the town's areas, and an extent may be theirs.
    assert (
        shapely.box(*shapely.total_bounds([one.shape for one in shipped("areas").values()]))
        .buffer(0.01)
        .covers(shapely.box(*box))
    )
    if collection != "facilities":
        return
    ((start, end),) = extent["temporal"]["interval"]
    opened = min(one.properties["opened"] for one in shipped(collection).values() if one.properties["opened"])
    # What stands today has no end; of some nobody knows when they opened.
    assert start is None or start[:10] <= opened
    assert end is None


@each_collection
def test_conf_core_fc_md_extent_multi(client: TestClient, collection: str):
    """/conf/core/fc-md-extent-multi: the first box holds everything, and each place lies in a further one."""
    extent = get(client, f"{ROOT}/collections/{collection}")["extent"]
    first, *further = [shapely.box(*box).buffer(1e-6) for box in extent["spatial"]["bbox"]]
    for one in shipped(collection).values():
        assert first.covers(one.shape)
        assert not further or any(box.covers(one.shape) for box in further)


@each_collection
def test_conf_core_sfc_md_op(client: TestClient, collection: str):
    """/conf/core/sfc-md-op: each collection's description is where it is expected; of others there is none."""
    answer = client.get(f"{ROOT}/collections/{collection}", headers={"Accept": JSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    problem(client.get(f"{ROOT}/collections/{collection}x"), 404)


def test_conf_core_sfc_md_success(client: TestClient):
    """/conf/core/sfc-md-success: a collection's own description says what that of all collections says of it."""
    for one in get(client, f"{ROOT}/collections")["collections"]:
        address = f"{ROOT}/collections/{one['id']}"
        own = get(client, address)
        jsonschema.validate(own, COLLECTION, format_checker=jsonschema.FormatChecker())
        for name in ("id", "title", "description", "extent", "crs"):
            assert own[name] == one[name], (one["id"], name)
        assert all(link in own["links"] for link in one["links"] if link["rel"] not in ("self", "alternate"))
        check_links(own, address, JSON)


@each_collection
def test_conf_core_fc_op(client: TestClient, collection: str):
    """/conf/core/fc-op: each collection's features are where they are expected; of others there are none."""
    answer = client.get(items_of(collection), headers={"Accept": GEOJSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == GEOJSON
    jsonschema.validate(answer.json(), FEATURE_COLLECTION)
    problem(client.get(items_of(collection + "x")), 404)


def check_parameter(document: dict, collection: str, name: str) -> dict:
    """A parameter of a collection's features that the standard defines; its schema."""
    parameter = ogc.operation(document, items_of(collection)).parameters[name]
    assert parameter["in"] == "query"
    assert parameter.get("required", False) is False
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    return ogc.looked_up(document, parameter["schema"])


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
        expected = ogc.matching(collection, lambda one, drawn=drawn: one.shape.intersects(drawn))
        west, south, east, north = box
        for said in (box, (west, south, -100, east, north, 9000)):
            page = client.get(items_of(collection), params={"bbox": ",".join(map(str, said)), "limit": 10_000})
            assert page.status_code == 200, (said, page.text)
            assert page.headers["content-crs"] == f"<{CRS84}>"
            content = page.json()
            found = keys(collection, content["features"])
            assert set(found) == expected, (said, len(found), len(expected))
            assert content["numberMatched"] == len(found) == len(set(found))
        counts.add(len(expected))
    assert len(counts) > 2  # so that boxes do make a difference


@pytest.mark.parametrize("collection", ["facilities", "areas", "coverage-park-500"])
def test_a_box_beside_a_polygon_does_not_have_it(client: TestClient, collection: str):
    """The same in the corners of bounding boxes, where an answer by bounding boxes alone is wrong."""
    tried = 0
    for name, one in shipped(collection).items():
        west, south, _, _ = one.shape.bounds
        corner = shapely.box(west, south, west + 1e-5, south + 1e-5)
        if one.shape.geom_type != "Polygon" or one.shape.intersects(corner) or tried > 20:
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
    count = len(shipped(collection))
    for limit, expected in ((1, 1), (7, min(7, count)), (100, min(100, count)), (10_000, count), (10_001, count)):
        page = get(client, items_of(collection), limit=limit)
        assert len(page["features"]) == expected, limit
    assert len(get(client, items_of(collection))["features"]) == min(100, count)
    for wrong in ("0", "-1", "1.5", "ten", "", "1e2"):
        problem(client.get(items_of(collection), params={"limit": wrong}))


@each_collection
def test_conf_core_fc_time_definition(document: dict, collection: str):
    """/conf/core/fc-time-definition: datetime is defined as text."""
    assert check_parameter(document, collection, "datetime")["type"] == "string"


def span(one: ogc.Shipped) -> tuple[date, date]:
    """From when to when a facility stands: the day it opened, and the last day before it closed."""
    opened, closed = one.properties["opened"], one.properties["closed"]
    return (
        date.fromisoformat(opened) if opened else date.min,
        date.fromisoformat(closed) - timedelta(1) if closed else date.max,
    )


def quiet(day: date) -> date:
    """The first day from ``day`` on around which nothing opens or closes, so that no time zone matters."""
    events = {date.fromisoformat(text) for one in shipped("facilities").values()
              for text in (one.properties["opened"], one.properties["closed"]) if text}  # fmt: skip
    while any(day + timedelta(days) in events for days in (-2, -1, 0, 1, 2)):
        day += timedelta(1)
    return day


@each_collection
def test_conf_core_fc_time_response(client: TestClient, collection: str):
    """/conf/core/fc-time-response: exactly what stands at a time is given, and what has no time at all."""
    first, second, third = (quiet(date(year, 3, 1)) for year in (1995, 2016, 2021))
    opening = min(span(one)[0] for one in shipped("facilities").values() if one.properties["opened"])
    closing = max(span(one)[1] for one in shipped("facilities").values() if one.properties["closed"])
    asked = {
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
    for said, (start, end) in asked.items():
        if collection == "facilities":
            expected = ogc.matching(collection, lambda one, s=start, e=end: span(one)[0] <= e and span(one)[1] >= s)
        else:
            expected = set(shipped(collection))
        found = keys(collection, features_of(client, collection, datetime=said))
        assert set(found) == expected, (said, len(found), len(expected))
        counts.add(len(expected))
    assert len(counts) > (5 if collection == "facilities" else 0)


@each_collection
def test_conf_core_query_param_unknown(client: TestClient, document: dict, collection: str):
    """/conf/core/query-param-unknown: a parameter that the API definition does not have is refused, and named."""
    for address in (f"{ROOT}/collections/{collection}", items_of(collection), item_of(client, collection)):
        assert "unknown" in problem(client.get(address, params={"unknown": "1"}))
        assert "Limit" in problem(client.get(address, params={"Limit": "1"}))
    for address in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections"):
        assert "unknown" in problem(client.get(address, params={"unknown": "1"}))
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
            assert name in problem(answer), (name, value)
    answer = client.get(f"{items_of(collection)}?limit=1&limit=2")
    assert "limit" in problem(answer)


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
        more = page["numberMatched"] > page["numberReturned"]
        if query != "?limit=2&offset=3":
            assert (len(links(page, "next", GEOJSON)), links(page, "prev")) == (more, [])
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
    assert get(client, items_of(collection), limit=1)["numberMatched"] == len(shipped(collection))
    assert get(client, items_of(collection), offset=100_000)["numberMatched"] == len(shipped(collection))


@each_collection
def test_conf_core_fc_number_returned(client: TestClient, collection: str):
    """/conf/core/fc-numberReturned: it is how many features are on this page."""
    for parameters in ({}, {"limit": 5}, {"limit": 10_000}, {"offset": len(shipped(collection)) - 2}, {"offset": 9**9}):
        page = get(client, items_of(collection), **parameters)
        assert page["numberReturned"] == len(page["features"])
    assert page["numberReturned"] == 0


@each_collection
def test_conf_core_f_op(client: TestClient, collection: str):
    """/conf/core/f-op: each feature is where it is expected; others are not."""
    for offset in (0, len(shipped(collection)) // 2, len(shipped(collection)) - 1):
        answer = client.get(item_of(client, collection, offset), headers={"Accept": GEOJSON})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == GEOJSON
    for unknown in ("nothing", "%00", "%F0%9F%8F%A5", "a%2Fb", "..%2F..", "-1", "99999999999999999999", "1.5"):
        problem(client.get(f"{items_of(collection)}/{unknown}"), 404)


@each_collection
def test_conf_core_f_success(client: TestClient, collection: str):
    """/conf/core/f-success: a feature by itself is what it is among the others."""
    page = get(client, items_of(collection), limit=20, offset=5)
    for feature in page["features"]:
        one = get(client, f"{items_of(collection)}/{quote(str(feature['id']), safe='')}")
        jsonschema.validate(one, FEATURE)
        for name in ("type", "id", "geometry", "properties"):
            assert one[name] == feature[name], (feature["id"], name)
    assert page["numberReturned"] > 8


@each_collection
def test_conf_core_f_links(client: TestClient, collection: str):
    """/conf/core/f-links: a feature links to itself, what else it can be had as, and its collection."""
    address = item_of(client, collection, 3)
    one = get(client, address)
    check_links(one, address, GEOJSON)
    assert get(client, links(one, "self")[0]["href"]) == one
    (parent,) = links(one, "collection", JSON)
    assert get(client, parent["href"])["id"] == collection


def test_conf_geojson_definition(client: TestClient):
    """/conf/geojson/definition: features are GeoJSON and all else JSON, whether Accept says so, f, or nothing does."""
    for address in resources(client):
        features = "/items" in address
        media_type = GEOJSON if features else JSON
        for accept in ("*/*", media_type, f"text/html;q=0.5, {media_type}", f"{media_type};q=0.9, text/html;q=0.8"):
            answer = client.get(address, headers={"Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type), (address, accept)
        both = client.get(address, params={"f": "json"}, headers={"Accept": HTML})
        assert both.headers["content-type"] == media_type, address


@each_collection
def test_conf_geojson_content(client: TestClient, collection: str):
    """/conf/geojson/content: features and a feature are GeoJSON (RFC 7946), with the links in a member of theirs."""
    page = get(client, items_of(collection), limit=50)
    one = get(client, item_of(client, collection))
    assert (page["type"], one["type"]) == ("FeatureCollection", "Feature")
    assert page["links"]
    assert one["links"]
    assert len({feature["id"] for feature in page["features"]}) == len(page["features"])
    for feature in [*page["features"], one]:
        assert not {"coordinates", "geometries", "features"} & set(feature), "members of other GeoJSON objects"
        assert not {"coordinates", "geometry", "properties"} & set(page), "members of other GeoJSON objects"
        drawn = ogc.shape(feature)
        assert drawn.is_valid
        if drawn.geom_type == "Polygon":
            assert drawn.exterior.is_ccw  # RFC 7946, 3.1.6
            assert not any(ring.is_ccw for ring in drawn.interiors)
        assert "crs" not in feature


VOID = {"meta", "link", "br", "hr", "img", "input", "col", "source", "wbr", "area", "base"}


class Page(HTMLParser):
    """An HTML document read strictly: its elements must be closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.hrefs: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.declaration = ""
        self.feed(text)
        self.close()
        assert self.open in ([], ["html"])  # the end of the last may be left out

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl.lower()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {f"{tag} {name}": value for name, value in attrs}
        if tag == "a":
            self.hrefs += [value or "" for name, value in attrs if name == "href"]
        # What is too long to be seen at once may stand in a title.
        self.text += "".join(f" {value} " for name, value in attrs if name == "title")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID or "svg" in self.open or tag == "svg":
            self.elements.append(tag)
            return
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text += data


def test_conf_html_definition(client: TestClient):
    """/conf/html/definition: every resource comes as HTML to those who ask for it, by Accept or by f."""
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for address in resources(client):
        for answer in (
            client.get(address, headers={"Accept": HTML}),
            client.get(address, headers={"Accept": browser}),
            client.get(address + ("&" if "?" in address else "?") + "f=html"),
        ):
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].partition(";")[0] == HTML, address
        assert "accept" in client.get(address).headers["vary"].lower().replace("accept-encoding", ""), address


def test_conf_html_content(client: TestClient):
    """/conf/html/content: an HTML 5 document that has in its body what the JSON has, and all links as elements `a`."""
    for address in resources(client):
        content = get(client, address)
        page = Page(client.get(address, headers={"Accept": HTML}).text)
        assert page.declaration == "doctype html", address
        assert {"html", "head", "title", "body", "main"} <= set(page.elements), address
        assert page.attributes.get("html lang"), address
        paths = {urlsplit(href).path for href in page.hrefs}
        for link in content["links"]:
            if link["rel"] != "self":
                assert urlsplit(link["href"]).path in paths, (address, link)
        onwards = [ogc.parse_qsl(urlsplit(href).query) for href in page.hrefs]
        for link in links(content, "next"):
            wanted = dict(ogc.parse_qsl(urlsplit(link["href"]).query))
            assert any(wanted["offset"] == dict(query).get("offset") for query in onwards), address
        for one in content.get("collections", []):
            assert f"{ROOT}/collections/{one['id']}" in paths
            assert one["title"] in page.text
        for feature in content.get("features", [content] if content.get("type") == "Feature" else []):
            assert str(feature["id"]) in page.text, address
            for value in feature["properties"].values():
                if isinstance(value, str):
                    assert value in page.text, (address, value)
        for name in content.get("conformsTo", []):
            assert name in page.text


def test_html_runs_nothing_that_others_wrote(make_client, town_folder):
    """Names and ids with markup in them are text."""
    path = town_folder / "facilities.geojson"
    content = json.loads(path.read_text("utf-8"))
    bad = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>&amp;"
    content["features"][0]["properties"]["name"] = bad
    content["features"][0]["id"] = "a'\"<b>/c"
    path.write_text(json.dumps(content), "utf-8")
    client = make_client(town_folder)
    for address in (items_of("facilities"), f"{items_of('facilities')}/{quote(content['features'][0]['id'], safe='')}"):
        page = Page(client.get(address, headers={"Accept": HTML}).text)
        assert bad in page.text
        assert "img" not in page.elements
        assert "b" not in page.elements


def cases(client: TestClient, document: dict) -> list[tuple[ogc.Operation, str]]:
    """Each operation GET under the landing page with an address of it, for each collection."""
    found = []
    for operation in ogc.operations(document):
        if operation.method != "get" or not (operation.url + "/").startswith((f"{ROOT}/collections/", f"{ROOT}/conf")):
            continue
        names = [name for name, parameter in operation.parameters.items() if parameter["in"] == "path"]
        collections = COLLECTIONS if operation.url.startswith(f"{ROOT}/collections/{{") else ("",)
        for collection in collections:
            address = operation.url
            if collection:
                address = address.replace("{" + names[0] + "}", collection)
            own = address.removeprefix(f"{ROOT}/collections/").partition("/")[0]
            for name in names[1:] if collection else names:
                address = address.replace("{" + name + "}", item_of(client, own).rpartition("/")[2])
            found.append((operation, address))
    # The features of each collection stand as paths of their own.
    assert {items_of(one) for one in COLLECTIONS} <= {operation.url for operation, _ in found}
    return found


def check_documented(operation: ogc.Operation, answer) -> dict | None:
    """That an answer's status and media type are in the document; its schema, if it has one."""
    responses = operation.content["responses"]
    status = str(answer.status_code)
    assert status in responses, (operation.url, status, answer.text[:200])
    if not answer.content:
        return None
    media_type = answer.headers["content-type"]
    described = {name.partition(";")[0]: one for name, one in responses[status]["content"].items()}
    assert media_type.partition(";")[0] in described, (operation.url, status, media_type)
    return described[media_type.partition(";")[0]].get("schema")


def test_conf_oas30_completeness(client: TestClient, document: dict):
    """/conf/oas30/completeness: each answer's status, media type and body are what the API definition has."""
    for operation, address in cases(client, document):
        assert operation.content["summary"]
        for accept in (JSON, HTML):
            answer = client.get(address, headers={"Accept": accept})
            assert answer.status_code == 200
            schema = check_documented(operation, answer)
            if accept == JSON:
                assert schema, (operation.url, "has no schema")
                OAS30Validator({**schema, "components": document["components"]}).validate(answer.json())
        known = {"If-None-Match": client.get(address).headers["etag"]}
        check_documented(operation, client.get(address, headers=known))


def test_conf_oas30_exception_codes(client: TestClient, document: dict):
    """/conf/oas30/exception-codes: every status of a refusal is in the API definition."""
    for operation, address in cases(client, document):
        for wrong in (address + "?unknown=1", address + "?f=xml", address + "?f=json&f=html"):
            answer = client.get(wrong)
            assert answer.status_code == 400
            check_documented(operation, answer)
        if "{" in operation.url:
            answer = client.get(operation.url.replace("{", "").replace("}", ""))
            assert answer.status_code == 404
            check_documented(operation, answer)
        assert "422" not in operation.content["responses"], operation.url


def test_conf_oas30_definition_1(client: TestClient):
    """/conf/oas30/definition-1: the link service-desc gives an OpenAPI 3.0 document in JSON."""
    (link,) = links(get(client, ROOT), "service-desc", ogc.OPENAPI)
    answer = client.get(link["href"])
    assert answer.headers["content-type"].replace(" ", "") == ogc.OPENAPI
    assert answer.json()["openapi"].startswith("3.0.")


def test_conf_oas30_definition_2(document: dict):
    """/conf/oas30/definition-2: the document is valid, and nothing in it is of OpenAPI 3.1 only."""
    OpenAPIV30SpecValidator(document).validate()
    newer = {
        "const",
        "examples",
        "prefixItems",
        "$defs",
        "contentMediaType",
        "if",
        "then",
        "else",
        "unevaluatedProperties",
    }

    def look(schema: object, where: tuple) -> None:
        if isinstance(schema, dict):
            if "properties" not in where[-1:]:
                assert not newer & set(schema), where
                assert not isinstance(schema.get("type"), list), where
                assert not isinstance(schema.get("exclusiveMinimum", True), float | int) or (
                    isinstance(schema.get("exclusiveMinimum", True), bool)
                ), where
            for name, one in schema.items():
                look(one, (*where, name))
        elif isinstance(schema, list):
            for number, one in enumerate(schema):
                look(one, (*where, number))

    schemas = 0
    for name, schema in document["components"].get("schemas", {}).items():
        look(schema, (name,))
        schemas += 1
    for operation in ogc.operations(document):
        for name, parameter in operation.parameters.items():
            look(parameter["schema"], (operation.url, name))
            schemas += 1
    assert schemas > 100


def test_conf_oas30_oas_impl(client: TestClient, document: dict):
    """/conf/oas30/oas-impl: every parameter of every path is understood where the document has it."""
    values = {
        "limit": 2, "offset": 1, "bbox": "119,28,121,30", "bbox-crs": CRS84, "crs": CRS84, "datetime": "2020-01-01/..",
        "filter-lang": "cql2-text", "filter-crs": CRS84, "f": "json", "coordinates": "wgs84", "due": "true",
    }  # fmt: skip
    for operation, address in cases(client, document):
        for name, parameter in operation.parameters.items():
            if parameter["in"] != "query":
                continue
            if name in values:
                answer = client.get(address, params={name: values[name]})
                assert answer.status_code == 200, (operation.url, name, answer.text)
            else:
                # What it takes depends; that it is known shows in what is wrong.
                answer = client.get(address, params={name: "x" * 3})
                assert answer.status_code in (200, 400)
                assert "no such parameter" not in answer.text, (operation.url, name)
        described = {name for name, one in operation.parameters.items() if one["in"] == "query"}
        for name in values:
            if name not in described:
                problem(client.get(address, params={name: values[name]}))


def test_conf_oas30_security(document: dict):
    """/conf/oas30/security: the key that edits need is described, where it is needed and only there."""
    schemes = document["components"]["securitySchemes"]
    (name,) = (name for name, one in schemes.items() if (one["type"], one["scheme"]) == ("http", "bearer"))
    edits = 0
    for operation in ogc.operations(document):
        required = operation.content.get("security", document.get("security", []))
        if operation.method in ("put", "patch", "delete"):
            assert required == [{name: []}], operation.url
            assert "401" in operation.content["responses"]
            edits += 1
        elif operation.method == "get":
            assert required == [], operation.url
    assert edits == 3
