"""The OpenAPI document: FastAPI's description of the routes, changed to OpenAPI 3.0 with paths for each collection.

OGC API – Features requires version 3.0, and most generators of clients know it best. Each collection has paths of its
own, because GDAL filters on the server only by the parameters that are documented for that very collection.
"""

import json
import re
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from geo.features.collection import Collection
from geo.geodesy import crs
from service.answers import site_value
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api import capacity_schemas, certainty_schemas, day_schemas, errors, scenario_schemas, schemas
from service.api.feature_documents import queryable_schema
from service.api.feature_queries import FACILITIES
from service.api.queries import list_schema

VERSION = "3.0.3"
PREFIX = "/v1"
METHODS = [name.lower() for name in errors.METHODS]
HEADERS = {
    "ETag": "identifies this answer, for If-None-Match",
    "Last-Modified": "when the answer may last have changed; left out within two seconds of that",
    "X-Request-ID": "the request's own id, or a new one; the server's log names it",
}


def describe(app: FastAPI, answers: Answers, state: RegisterState) -> JsonObject:
    """The OpenAPI document of ``app``, with the collections of ``answers``."""
    document: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    # Clients look for the standard's own paths, as /collections/…/items, so the prefix moves into the server's address.
    document["servers"] = [{"url": PREFIX}]
    paths = {path.removeprefix(PREFIX) or "/": operations for path, operations in document["paths"].items()}
    document["paths"] = paths
    for path in [path for path in paths if "{collection}" in path]:
        generic = paths.pop(path)
        for collection_id in answers.collection_ids():
            operations = paths.setdefault(path.replace("{collection}", collection_id), {})
            operations |= _operations_of(generic, path, site_value.described_collection(answers, state, collection_id))
    for path, operations in paths.items():
        for method in METHODS:
            if method in operations:
                for parameter in operations[method].get("parameters", []):
                    _complete_parameter(parameter, answers, path.endswith("/items"))
                _complete_responses(method, operations[method])
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    document["components"]["schemas"] |= {
        "Problem": errors.PROBLEM_SCHEMA,
        **schemas.SCHEMAS,
        **certainty_schemas.SCHEMAS,
        **capacity_schemas.SCHEMAS,
        **scenario_schemas.SCHEMAS,
        **day_schemas.SCHEMAS,
    }
    converted: JsonObject = _to_3_0(document)
    return converted | {"openapi": VERSION}


def _operations_of(generic: dict[str, Any], path: str, collection: Collection) -> dict[str, Any]:
    """The operations of one collection, made from those of the path that has ``{collection}`` as a parameter."""
    operations: dict[str, Any] = deepcopy(generic)
    for operation in operations.values():
        operation["operationId"] = f"{operation['operationId'].split('_v1')[0]}_{collection.id.replace('-', '_')}"
        operation["summary"] = f"{operation['summary']}: {collection.id}"
        parameters = [parameter for parameter in operation["parameters"] if parameter["name"] != "collection"]
        for parameter in parameters:
            if parameter["name"] == "sortby":
                names = "|".join(re.escape(name) for name in collection.queryables)
                pattern = f"^[+-]?({names})$"
                parameter["schema"] = list_schema({"type": "string", "pattern": pattern}, uniqueItems=True)
        if path.endswith("/items"):
            if collection.id != FACILITIES:
                parameters = [parameter for parameter in parameters if parameter["name"] != "due"]
            parameters += _property_parameters(collection)
        operation["parameters"] = parameters
    return operations


def _property_parameters(collection: Collection) -> list[JsonObject]:
    """A parameter for each property of a collection's features."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{queryable.title}: only features with this value",
            "schema": {key: value for key, value in queryable_schema(queryable).items() if key != "title"},
        }
        for name, queryable in collection.queryables.items()
    ]


def _complete_parameter(parameter: dict[str, Any], answers: Answers, of_items: bool) -> None:
    """Correct what FastAPI cannot know of a parameter: it is never null, and lists have commas between.

    The subtype of items may be any text: facilities keep subtypes that their category does not have.
    """
    schema = parameter["schema"]
    if {"type": "null"} in schema.get("anyOf", []):
        (only,) = (alternative for alternative in schema.pop("anyOf") if alternative != {"type": "null"})
        parameter["schema"] = schema = only | schema
    if schema.get("type") == "array":
        # FastAPI's examples and defaults are the text with commas; the document needs the list.
        texts = schema.pop("examples", [])
        if texts:
            parts = texts[0].split(",")
            parameter["example"] = [json.loads(part) if part[0].isdigit() else part for part in parts]
        if isinstance(schema.get("default"), str):
            schema["default"] = [json.loads(part) for part in schema["default"].split(",")]
    if (parameter["in"], parameter["name"]) == ("path", "standard") and answers.study.standards:
        parameter["example"] = answers.study.standards[0].id
    if parameter["in"] == "query":
        parameter |= {"style": "form", "explode": False}
    is_subtype = parameter["name"] == "subtype" and not of_items
    if (is_subtype or parameter["name"] == "category") and parameter["in"] == "query":
        categories = answers.study.categories
        names = categories.ids if parameter["name"] == "category" else tuple(categories.subtype_labels)
        schema.get("items", schema).setdefault("enum", list(names))
    if parameter["name"] in ("crs", "bbox-crs", "filter-crs"):
        schema |= {"format": "uri", "enum": list(crs.systems_by_uri(answers.study.settings.projection))}


def _complete_responses(method: str, operation: dict[str, Any]) -> None:
    """Remove FastAPI's 422, which is never answered, and add the headers and errors that all operations have."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    responses |= {str(status): response for status, response in errors.describe_errors(429, 503).items()}
    has_body = method == "get" and "content" in responses["200"]
    if has_body:
        responses["304"] = {"description": "the client has it already (If-None-Match, If-Modified-Since)"}
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-ID"] = _header("X-Request-ID")
    if has_body:
        for name in ("ETag", "Last-Modified"):
            responses["200"]["headers"][name] = _header(name)


def _header(name: str) -> JsonObject:
    return {"description": HEADERS[name], "schema": {"type": "string"}}


def _to_3_0(node: Any) -> Any:
    """Convert OpenAPI 3.1 to 3.0, which has no type null, no const, and one example instead of several."""
    if isinstance(node, list):
        return [_to_3_0(element) for element in node]
    if not isinstance(node, dict):
        return node
    converted = {name: _to_3_0(value) for name, value in node.items()}
    if isinstance(converted.get("anyOf"), list) and {"type": "null"} in node["anyOf"]:
        others = [alternative for alternative in converted.pop("anyOf") if alternative != {"type": "null"}]
        only = others[0] if len(others) == 1 else {"anyOf": others}
        converted |= schemas.nullable(only)
    if "const" in converted and ("type" in converted or "title" in converted):
        converted["enum"] = [converted.pop("const")]
    if isinstance(converted.get("examples"), list):
        converted["example"] = converted.pop("examples")[0]
    for limit in ("Minimum", "Maximum"):
        exclusive = converted.get(f"exclusive{limit}")
        if isinstance(exclusive, int | float) and not isinstance(exclusive, bool):
            converted |= {limit.lower(): exclusive, f"exclusive{limit}": True}
    return converted
