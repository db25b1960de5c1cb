"""OGC API – Features – Part 3: queryables and sortables, and a parameter for each property."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from starlette.testclient import TestClient

from support.json_types import JsonObject
from support.ogc import (
    COLLECTIONS,
    ROOT,
    assert_problem,
    features_of,
    get,
    items_of,
    links,
)
from support.ogc_properties import property_schemas, property_value

each_collection = pytest.mark.parametrize("collection", COLLECTIONS)
FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SORTABLES = "http://www.opengis.net/def/rel/ogc/1.0/sortables"


def parameter_text(value: Any) -> str:
    """A value as a parameter of an address writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# A filter beside what plain Python makes of a feature's properties; None is what CQL2 calls unknown.
Condition = Callable[[JsonObject], bool | None]


def unknown_if_null(*names: str) -> Callable[[Condition], Condition]:
    """A test that is unknown where one of the properties is null."""

    def wrapped(test: Condition) -> Condition:
        return lambda p: None if any(p[name] is None for name in names) else test(p)

    return wrapped


def test_conformance_declares_part_3(client: TestClient):
    declared = set(get(client, f"{ROOT}/conformance")["conformsTo"])
    assert {
        FEATURES_3 + name for name in ("filter", "features-filter", "queryables", "queryables-query-parameters")
    } <= (declared)
    assert {CQL2 + name for name in ("cql2-text", "basic-cql2", "advanced-comparison-operators")} <= declared


@each_collection
def test_queryables_describe_the_properties_of_the_features(client: TestClient, collection: str):
    described = get(client, f"{ROOT}/collections/{collection}")
    (link,) = links(described, QUERYABLES, "application/schema+json")
    assert urlsplit(link["href"]).path == f"{ROOT}/collections/{collection}/queryables"
    queryables = property_schemas(client, collection, "queryables")
    (geometry,) = [
        name for name, description in queryables.items() if description.get("format", "").startswith("geometry-")
    ]
    assert geometry == "geometry"
    sample = features_of(client, collection)
    unknown_if_null = set().union(*(feature["properties"] for feature in sample)) | {"id", "geometry"}
    assert set(queryables) <= unknown_if_null
    # The values have the declared types.
    for name, description in queryables.items():
        if name in ("id", "geometry"):
            continue
        values = [feature["properties"][name] for feature in sample if feature["properties"].get(name) is not None]
        schema = {key: value for key, value in description.items() if key in ("type", "enum", "format")}
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        assert all(map(validator.is_valid, values)), name
    assert_problem(client.get(f"{ROOT}/collections/{collection}/queryables", params={"unknown": "1"}))


@each_collection
def test_sortables_are_queryables_without_the_geometry(client: TestClient, collection: str):
    (link,) = links(get(client, f"{ROOT}/collections/{collection}"), SORTABLES, "application/schema+json")
    assert urlsplit(link["href"]).path == f"{ROOT}/collections/{collection}/sortables"
    sortables = property_schemas(client, collection, "sortables")
    assert "geometry" not in sortables
    assert set(sortables) <= set(property_schemas(client, collection, "queryables"))


@each_collection
def test_each_queryable_is_a_parameter(client: TestClient, collection: str):
    """An equality on every queryable gives what plain Python gives; values of the wrong kind are refused."""
    everything = features_of(client, collection)
    tried = 0
    for name, description in property_schemas(client, collection, "queryables").items():
        if name == "geometry":
            continue
        values = [property_value(feature, name) for feature in everything if property_value(feature, name) is not None]
        for value in values[:: max(1, len(values) // 3)][:3]:
            selected = features_of(client, collection, **{name: parameter_text(value)})
            expected = [feature["id"] for feature in everything if property_value(feature, name) == value]
            assert [feature["id"] for feature in selected] == expected, (name, value)
            tried += 1
        if description["type"] in ("integer", "number", "boolean"):
            assert name in assert_problem(client.get(items_of(collection), params={name: "nonsense"}))
        if description["type"] == "string" and "enum" not in description and "format" not in description:
            assert features_of(client, collection, **{name: "' OR 1=1 --"}) == []
    assert tried > 3


@pytest.mark.parametrize(
    "query",
    [{"limit": "1_0"}, {"limit": "１"}, {"limit": " 1"}, {"limit": "1.0"}, {"offset": "1_0"}, {"capacity": "٣"},
     {"capacity": "1_0"}, {"opened": "2021-W26-3"}, {"opened": "20210630"}, {"due": "yes"}, {"due": "1"}],
)  # fmt: skip
def test_value_not_written_as_json_is_refused(client: TestClient, query: dict[str, str]):
    (name,) = query
    assert f"{name}: is not " in assert_problem(client.get(items_of("facilities"), params=query))
