"""Abstract tests of OGC API – Features – Part 1 (OGC 17-069r4, Annex A) for the API definition in OpenAPI 3.0."""

from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    CRS84,
    HTML,
    JSON,
    ROOT,
    assert_problem,
    get,
    items_of,
    links,
)
from support.ogc_checks import item_of

CLASSES = {
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "html", "oas30")
}
# The schemas of the standard, as far as they ask for anything.
LINK = {
    "type": "object",
    "required": ["href", "rel", "type"],
    "properties": {name: {"type": "string", "minLength": 1} for name in ("href", "rel", "type", "hreflang", "title")},
}


def get_operations(client: TestClient, document: dict) -> list[tuple[ogc.Operation, str]]:
    """Each operation GET under the landing page with an address of it, for each collection."""
    selected = []
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
            item_parameters = names[1:] if collection else names
            if item_parameters and not get(client, items_of(own), limit=1)["features"]:
                assert own in ogc.COMPUTED_COLLECTIONS
                continue
            for name in item_parameters:
                address = address.replace("{" + name + "}", item_of(client, own).rpartition("/")[2])
            selected.append((operation, address))
    # The features of each collection have a path of their own.
    assert {items_of(collection) for collection in COLLECTIONS} <= {operation.url for operation, _ in selected}
    return selected


def check_documented(operation: ogc.Operation, answer) -> dict | None:
    """Check that the document has an answer's status and media type; return the schema, if there is one."""
    responses = operation.content["responses"]
    status = str(answer.status_code)
    assert status in responses, (operation.url, status, answer.text[:200])
    if not answer.content:
        return None
    media_type = answer.headers["content-type"]
    described = {name.partition(";")[0]: content for name, content in responses[status]["content"].items()}
    assert media_type.partition(";")[0] in described, (operation.url, status, media_type)
    return described[media_type.partition(";")[0]].get("schema")


def test_conf_oas30_completeness(client: TestClient, document: dict):
    """/conf/oas30/completeness: each answer's status, media type and body are what the API definition has."""
    for operation, address in get_operations(client, document):
        assert operation.content["summary"]
        for accept in (JSON, HTML):
            answer = client.get(address, headers={"Accept": accept})
            assert answer.status_code == 200
            schema = check_documented(operation, answer)
            if accept == JSON:
                assert schema, (operation.url, "has no schema")
                OAS30Validator({**schema, "components": document["components"]}).validate(answer.json())
        computed = {"If-None-Match": client.get(address).headers["etag"]}
        check_documented(operation, client.get(address, headers=computed))


def test_conf_oas30_exception_codes(client: TestClient, document: dict):
    """/conf/oas30/exception-codes: every status of a refusal is in the API definition."""
    for operation, address in get_operations(client, document):
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
            for name, subschema in schema.items():
                look(subschema, (*where, name))
        elif isinstance(schema, list):
            for number, subschema in enumerate(schema):
                look(subschema, (*where, number))

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
    """/conf/oas30/oas-impl: every path understands the parameters that the document has for it, and no others."""
    values = {
        "limit": 2, "offset": 1, "bbox": "119,28,121,30", "bbox-crs": CRS84, "crs": CRS84, "datetime": "2020-01-01/..",
        "filter-lang": "cql2-text", "filter-crs": CRS84, "f": "json", "coordinates": "wgs84", "due": "true",
    }  # fmt: skip
    for operation, address in get_operations(client, document):
        for name, parameter in operation.parameters.items():
            if parameter["in"] != "query":
                continue
            if name in values:
                answer = client.get(address, params={name: values[name]})
                assert answer.status_code == 200, (operation.url, name, answer.text)
            else:
                # Which values it takes differs; the reason of a refusal shows that the parameter is known.
                answer = client.get(address, params={name: "x" * 3})
                assert answer.status_code in (200, 400)
                assert "no such parameter" not in answer.text, (operation.url, name)
        described = {name for name, feature in operation.parameters.items() if feature["in"] == "query"}
        for name in values:
            if name not in described:
                assert_problem(client.get(address, params={name: values[name]}))


def test_conf_oas30_security(document: dict):
    """/conf/oas30/security: the key that edits need is described, where it is needed and only there.

    An empty requirement among several says that the operation works without a key too.
    """
    schemes = document["components"]["securitySchemes"]
    (name,) = (name for name, feature in schemes.items() if (feature["type"], feature["scheme"]) == ("http", "bearer"))
    edits = 0
    for operation in ogc.operations(document):
        required = operation.content.get("security", document.get("security", []))
        if operation.method in ("put", "patch", "delete"):
            assert required == [{name: []}], operation.url
            assert "401" in operation.content["responses"]
            edits += 1
        elif operation.method == "get":
            assert required == [] or {} in required, operation.url  # with a key, changes name their editors too
    assert edits == 6, "of features three, of saved scenarios two, of searches one"
