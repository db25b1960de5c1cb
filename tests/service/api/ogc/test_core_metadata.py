"""Abstract tests of OGC API – Features – Part 1: Core 1.0.1 (OGC 17-069r4, Annex A) about documents, not features.

Each test has the name of the standard's own test. What the official executable suite asks of a service is asked here
of every collection, and answers are compared with what shapely makes of the study's own files.
"""

from urllib.parse import urlsplit

import jsonschema
import pytest
import shapely
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
    assert_problem,
    features_in_files,
    get,
    items_of,
    links,
)
from support.ogc_checks import check_links, item_of, resources
from support.ogc_schemas import COLLECTION, CONFORMANCE, LINKS, TITLED

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


def test_conf_core_http(client: TestClient):
    """/conf/core/http: what RFC 9110 says of GET, HEAD, conditions, and methods that a resource does not have."""
    for address in resources(client):
        answer = client.get(address)
        head = client.head(address)
        assert (answer.status_code, head.status_code, head.content) == (200, 200, b""), address
        for name in ("content-type", "etag"):
            assert answer.headers[name] == head.headers[name], (address, name)
        assert answer.headers["etag"].startswith('"'), address
        for computed in (answer.headers["etag"], f'"other", {answer.headers["etag"]}', "*"):
            again = client.get(address, headers={"If-None-Match": computed})
            assert (again.status_code, again.content) == (304, b""), (address, computed)
            assert again.headers["etag"] == answer.headers["etag"]
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    for address in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections", items_of("areas")):
        refused = client.post(address, json={})
        assert_problem(refused, 405)
        assert "GET" in refused.headers["allow"], address
    assert_problem(client.get(f"{ROOT}/nothing"), 404)


@each_collection
def test_conf_core_crs84(client: TestClient, collection: str):
    """/conf/core/crs84: all geometries are in CRS84, longitude first, unless another CRS is asked for."""
    page = client.get(items_of(collection), params={"limit": 10_000})
    assert page.headers["content-crs"] == f"<{CRS84}>"
    features = page.json()["features"]
    expected = features_in_files(collection)
    assert {ogc.key(collection, feature) for feature in features} == set(expected)
    for feature in features:
        in_file, drawn = expected[ogc.key(collection, feature)].shape, ogc.shape(feature)
        assert shapely.equals_exact(in_file.normalize(), drawn.normalize(), tolerance=1e-6), feature["id"]
    response = client.get(item_of(client, collection))
    assert response.headers["content-crs"] == f"<{CRS84}>"


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
    jsonschema.validate(landing, {"type": "object", "required": ["links"], "properties": {**TITLED, "links": LINKS}})
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
    """/conf/core/api-definition-op: the API definition is at the address that the landing page gives."""
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
    assert {"/conformance", "/collections", *(f"/collections/{collection}/items" for collection in COLLECTIONS)} <= set(
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
    for document in (content, *content["collections"]):
        assert document.get("crs", [CRS84])[0] == CRS84
    assert all(collection["title"] and collection["description"] for collection in content["collections"])


def test_conf_core_fc_md_links(client: TestClient):
    """/conf/core/fc-md-links: the collections' content links to itself and to its other format."""
    check_links(get(client, f"{ROOT}/collections"), f"{ROOT}/collections", JSON)


def test_conf_core_fc_md_items(client: TestClient):
    """/conf/core/fc-md-items: each collection of the service is described once."""
    described = get(client, f"{ROOT}/collections")["collections"]
    assert sorted(collection["id"] for collection in described) == sorted((*COLLECTIONS, *ogc.COMPUTED_COLLECTIONS))
    for collection in described:
        assert "extent" in collection
        for link in links(collection, "items", GEOJSON):
            assert get(client, link["href"])["type"] == "FeatureCollection"


def test_conf_core_fc_md_items_links(client: TestClient):
    """/conf/core/fc-md-items-links: each collection links to its features in every encoding."""
    for collection in get(client, f"{ROOT}/collections")["collections"]:
        jsonschema.validate(collection["links"], LINKS)
        for media_type in (GEOJSON, HTML):
            (link,) = links(collection, "items", media_type)
            assert urlsplit(link["href"]).path == items_of(collection["id"])
            answer = client.get(link["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == media_type


@each_collection
def test_conf_core_fc_md_extent(client: TestClient, collection: str):
    """/conf/core/fc-md-extent: the extent holds all places and times of the collection, and no more than it must."""
    extent = get(client, f"{ROOT}/collections/{collection}")["extent"]
    bounds = shapely.total_bounds([feature.shape for feature in features_in_files(collection).values()])
    box = extent["spatial"]["bbox"][0]
    assert shapely.box(*box).buffer(1e-6).covers(shapely.box(*bounds))
    # Everything lies in the town's areas, and an extent may be theirs.
    assert (
        shapely.box(*shapely.total_bounds([feature.shape for feature in features_in_files("areas").values()]))
        .buffer(0.01)
        .covers(shapely.box(*box))
    )
    if collection != "facilities":
        return
    ((start, end),) = extent["temporal"]["interval"]
    opened = min(
        feature.properties["opened"]
        for feature in features_in_files(collection).values()
        if feature.properties["opened"]
    )
    # The period has no end; of some facilities the opening day is unknown.
    assert start is None or start[:10] <= opened
    assert end is None


@each_collection
def test_conf_core_fc_md_extent_multi(client: TestClient, collection: str):
    """/conf/core/fc-md-extent-multi: the first box holds everything, and each place lies in a further one."""
    extent = get(client, f"{ROOT}/collections/{collection}")["extent"]
    first, *further = [shapely.box(*box).buffer(1e-6) for box in extent["spatial"]["bbox"]]
    for feature in features_in_files(collection).values():
        assert first.covers(feature.shape)
        assert not further or any(box.covers(feature.shape) for box in further)


@each_collection
def test_conf_core_sfc_md_op(client: TestClient, collection: str):
    """/conf/core/sfc-md-op: each collection's description is where it is expected; an unknown collection has none."""
    answer = client.get(f"{ROOT}/collections/{collection}", headers={"Accept": JSON})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert_problem(client.get(f"{ROOT}/collections/{collection}x"), 404)


def test_conf_core_sfc_md_success(client: TestClient):
    """/conf/core/sfc-md-success: a collection's own description equals its description among all collections."""
    for collection in get(client, f"{ROOT}/collections")["collections"]:
        address = f"{ROOT}/collections/{collection['id']}"
        own = get(client, address)
        jsonschema.validate(own, COLLECTION, format_checker=jsonschema.FormatChecker())
        for name in ("id", "title", "description", "extent", "crs"):
            assert own[name] == collection[name], (collection["id"], name)
        assert all(link in own["links"] for link in collection["links"] if link["rel"] not in ("self", "alternate"))
        check_links(own, address, JSON)
