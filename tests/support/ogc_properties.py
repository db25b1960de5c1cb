"""Properties of features, and the schemas that describe them."""

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry
from starlette.testclient import TestClient

from support.json_types import JsonObject
from support.ogc import (
    CRS84,
    ROOT,
    Feature,
    Key,
    features_in_files,
)

AllFeatures = Callable[[str], list[Feature]]
"""The fixture `all_features`: all features of a collection."""


@cache
def transformer(system: str) -> pyproj.Transformer:
    """Pyproj's transformer from a system's own latitude and longitude.

    WGS 84 and CGCS2000 count as equal, see `geo.geodesy.datums`.
    """
    code = "EPSG:" + system.rpartition("/")[2]
    return pyproj.Transformer.from_crs(pyproj.CRS(code).geodetic_crs, code)


def transformed(shape: BaseGeometry, system: str) -> BaseGeometry:
    """A longitude, latitude shape in another system, in the order of that system's axes."""
    if system == CRS84:
        return shape
    return shapely.transform(shape, lambda x, y: transformer(system).transform(y, x), interleaved=False)


@cache
def file_shapes(collection: str, system: str) -> dict[Key, BaseGeometry]:
    """The shapes of a collection by key, from the study's files, in a system."""
    return {name: transformed(feature.shape, system) for name, feature in features_in_files(collection).items()}


def property_schemas(client: TestClient, collection: str, what: str) -> dict[str, JsonObject]:
    """The schemas of a collection's queryables or sortables by name; the document is checked."""
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
    for name, described in schema["properties"].items():
        assert described["title"] or described["description"], name
        assert ("type" in described) != described.get("format", "").startswith("geometry-"), name
    properties: dict[str, JsonObject] = schema["properties"]
    return properties


def property_value(feature: Feature, name: str) -> Any:
    """A property of a feature; its id counts as one."""
    return feature["id"] if name == "id" else feature["properties"].get(name)
