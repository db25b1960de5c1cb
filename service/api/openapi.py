"""The OpenAPI document: what FastAPI makes of the routes, each collection by its own path, as OpenAPI 3.0.

OGC API – Features asks for version 3.0, which most clients' generators know best, and GDAL asks a server to filter only
by what the path of that very collection documents.
"""

import json
import re
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from geo.features.collection import Collection
from geo.geodesy import crs
from service.answers.engine import Answers, State
from service.api import errors, schemas
from service.api.responses import listed
from service.api.routes import features

VERSION = "3.0.3"
PREFIX = "/v1"
METHODS = [name.lower() for name in errors.METHODS]
HEADERS = {
    "ETag": "tag of this very answer, for If-None-Match",
    "Last-Modified": "when it may last have changed; left out within two seconds of that",
    "X-Request-ID": "the request's own, or a new one; the server's log names it",
}


def describe(app: FastAPI, answers: Answers, state: State) -> dict[str, Any]:
    """The document of all that ``app`` answers from ``answers``."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    # The standard's own paths, seen from the landing page: clients look for /collections/…/items.
    document["servers"] = [{"url": PREFIX}]
    paths = {path.removeprefix(PREFIX) or "/": told for path, told in document["paths"].items()}
    document["paths"] = paths
    for path in [path for path in paths if "{collection}" in path]:
        generic = paths.pop(path)
        for name in answers.collections():
            own = paths.setdefault(path.replace("{collection}", name), {})
            own |= _of_collection(generic, path, answers.collection(state, name))
    for operations in paths.values():
        for method in METHODS:
            if method in operations:
                for one in operations[method].get("parameters", []):
                    _parameter(one, answers)
                _finish(method, operations[method])
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    document["components"]["schemas"] |= {"Problem": errors.SCHEMA, **schemas.SHAPES}
    told: dict[str, Any] = _as_3_0(document)
    return told | {"openapi": VERSION}


def _of_collection(generic: dict[str, Any], path: str, one: Collection) -> dict[str, Any]:
    """What the generic path of collections is for one of them."""
    own: dict[str, Any] = deepcopy(generic)
    for operation in own.values():
        operation["operationId"] = f"{operation['operationId'].split('_v1')[0]}_{one.id.replace('-', '_')}"
        operation["summary"] = f"{operation['summary']}: {one.id}"
        kept = [given for given in operation["parameters"] if given["name"] != "collection"]
        for given in kept:
            if given["name"] == "sortby":
                names = "|".join(re.escape(name) for name in one.columns)
                given["schema"] = listed({"type": "string", "pattern": f"^[+-]?({names})$"}, uniqueItems=True)
        if path.endswith("/items"):
            kept = [given for given in kept if given["name"] != "due" or one.id == features.FACILITIES]
            kept += [
                {
                    "name": key,
                    "in": "query",
                    "required": False,
                    "description": f"{column.title}: only features with this value",
                    "schema": {k: v for k, v in features.schema_of(column).items() if k != "title"},
                }
                for key, column in one.columns.items()
            ]
        operation["parameters"] = kept
    return own


def _parameter(one: dict[str, Any], answers: Answers) -> None:
    """Say of a parameter what FastAPI cannot: that it is never null, and how a list of it is written."""
    shape = one["schema"]
    if {"type": "null"} in shape.get("anyOf", []):
        (only,) = (kind for kind in shape.pop("anyOf") if kind != {"type": "null"})
        one["schema"] = shape = only | shape
    if shape.get("type") == "array":
        # What is written with commas between; the texts of FastAPI's examples would be none.
        texts = shape.pop("examples", [])
        if texts:
            one["example"] = [json.loads(part) if part[0].isdigit() else part for part in texts[0].split(",")]
        if isinstance(shape.get("default"), str):
            shape["default"] = [json.loads(part) for part in shape["default"].split(",")]
    if one["in"] == "query":
        one |= {"style": "form", "explode": False}
    if one["name"] in ("crs", "bbox-crs", "filter-crs"):
        shape |= {"format": "uri", "enum": list(crs.offered(answers.study.settings.projection))}


def _finish(method: str, operation: dict[str, Any]) -> None:
    """Take out FastAPI's 422, which is never answered, and say of headers and limits what holds for all."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    responses |= {str(status): told for status, told in errors.documented(429, 503).items()}
    if method == "get" and "content" in responses["200"]:
        responses["304"] = {"description": "the client has it already (If-None-Match, If-Modified-Since)"}
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-ID"] = _header("X-Request-ID")
    if method == "get" and "content" in responses["200"]:
        for name in ("ETag", "Last-Modified"):
            responses["200"]["headers"][name] = _header(name)


def _header(name: str) -> dict[str, Any]:
    return {"description": HEADERS[name], "schema": {"type": "string"}}


def _as_3_0(node: Any) -> Any:
    """The same in the words of OpenAPI 3.0, which has no type null, no const, and one example of a schema."""
    if isinstance(node, list):
        return [_as_3_0(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: _as_3_0(value) for name, value in node.items()}
    if isinstance(found.get("anyOf"), list) and {"type": "null"} in node["anyOf"]:
        others = [one for one in found.pop("anyOf") if one != {"type": "null"}]
        only = others[0] if len(others) == 1 else {"anyOf": others}
        # Beside a reference nothing else counts.
        found |= {"allOf": [only], "nullable": True} if "$ref" in only else {**only, "nullable": True}
        if "enum" in only:
            found["enum"] = [*only["enum"], None]
    if "const" in found and ("type" in found or "title" in found):
        found["enum"] = [found.pop("const")]
    if isinstance(found.get("examples"), list):
        found["example"] = found.pop("examples")[0]
    for limit in ("Minimum", "Maximum"):
        exclusive = found.get(f"exclusive{limit}")
        if isinstance(exclusive, int | float) and not isinstance(exclusive, bool):
            found |= {limit.lower(): exclusive, f"exclusive{limit}": True}
    return found
