"""OGC API – Features from a client's view: collections, links and pages; and the study's own files to compare with."""

import csv
import json
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import shapely
from shapely.geometry.base import BaseGeometry
from starlette.testclient import TestClient

from support.json_types import JsonObject

DATA = Path(__file__).parents[2] / "data"
ROOT = "/v1"
GEOJSON, HTML, JSON, PROBLEM = "application/geo+json", "text/html", "application/json", "application/problem+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"

STUDY = tomllib.loads((DATA / "study.toml").read_text("utf-8"))
STANDARDS = ["health-15", "hall-presence", "hall-new", "park-500"]
"""The standards of the study that `copy_study` makes: one of each measure, since each has several collections."""
_STANDARDS = [
    standard
    for standard in tomllib.loads((DATA / "standards.toml").read_text("utf-8"))["standard"]
    if standard["id"] in STANDARDS
]
COLLECTIONS = ("facilities", "areas", "demand", *(f"coverage-{standard}" for standard in STANDARDS))
"""The collections whose features the study's files hold."""
COMPUTED_COLLECTIONS = (
    *(
        f"{name}-{standard['id']}"
        for name in ("gaps", "value", "fragility")
        for standard in _STANDARDS
        if standard["measure"] != "opened"
    ),
    *(
        f"{name}-{standard['id']}"
        for name in ("capacity", "loads")
        for standard in _STANDARDS
        if standard["measure"] in ("travel_time", "radius")
    ),
)
"""The collections whose features are computed; one may be empty."""

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
WGS84, CGCS2000, PROJECTED = EPSG + "4326", EPSG + "4490", EPSG + STUDY["projection"].removeprefix("EPSG:")
COORDINATE_SYSTEMS = (CRS84, WGS84, CGCS2000, PROJECTED)

Feature = JsonObject
Key = str | tuple[float, float]


class FileFeature(NamedTuple):
    """A feature as a file of the shipped study has it."""

    shape: BaseGeometry
    properties: JsonObject


@cache
def features_in_files(collection: str) -> dict[Key, FileFeature]:
    """The features of a collection by `key`, from the study's own files; those of coverage are the towns."""
    if collection == "demand":
        with (DATA / "demand.csv").open(encoding="utf-8") as file:
            rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
        places = [(float(row["lon"] or "nan"), float(row["lat"] or "nan")) for row in rows]
        by_key: dict[Key, FileFeature] = {
            place: FileFeature(shapely.Point(place), row) for place, row in zip(places, rows, strict=True)
        }
        assert len(by_key) == len(rows)
        return by_key
    file = DATA / ("facilities.geojson" if collection == "facilities" else "areas.geojson")
    features = json.loads(file.read_text("utf-8"))["features"]
    if collection.startswith("coverage-"):
        features = [standard for standard in features if standard["properties"]["level"] == "town"]
    return {key(collection, standard): FileFeature(shape(standard), standard["properties"]) for standard in features}


def copy_study(folder: Path) -> Path:
    """A copy of the shipped study as ``folder``, without a register, and with `STANDARDS` only."""
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", ".prepared"))
    (folder / "standards.toml").write_text(one_of_each_measure(DATA / "standards.toml"), "utf-8")
    return folder


def one_of_each_measure(file: Path) -> str:
    """The text of a file of standards, with `STANDARDS` only."""
    head, *tables = file.read_text("utf-8").split("[[standard]]")
    kept = [table for table in tables if any(f'id = "{standard}"' in table for standard in STANDARDS)]
    return "[[standard]]".join([head, *kept])


def key(collection: str, feature: Feature) -> Key:
    """What identifies a feature of a collection, in the files and in answers in CRS84: id, position or code."""
    if collection == "facilities":
        return str(feature["id"])
    if collection == "demand":
        lon, lat = feature["geometry"]["coordinates"]
        return round(lon, 6), round(lat, 6)
    return str(feature["properties"]["code"])


def keys(collection: str, features: Iterable[Feature]) -> list[Key]:
    """The keys of features, in their order."""
    return [key(collection, feature) for feature in features]


def shape(feature: Feature) -> BaseGeometry:
    """The geometry of a GeoJSON feature."""
    return shapely.from_geojson(json.dumps(feature["geometry"]))


def items_of(collection: str) -> str:
    """The path of a collection's features."""
    return f"{ROOT}/collections/{collection}/items"


def get(client: TestClient, url: str, **parameters: object) -> JsonObject:
    """The JSON of an address, which must answer 200."""
    answer = client.get(url, params=parameters or None)
    assert answer.status_code == 200, (url, parameters, answer.text[:500])
    document: JsonObject = answer.json()
    return document


def pages(client: TestClient, url: str, **parameters: object) -> Iterator[JsonObject]:
    """The page at an address and all pages that its ``next`` links lead to."""
    page = get(client, url, **parameters)
    for _ in range(5000):
        yield page
        next_links = links(page, "next")
        if not next_links:
            return
        page = get(client, next_links[0]["href"])
    raise AssertionError(f"{url}: next links without end")


def features_of(client: TestClient, collection: str, **parameters: object) -> list[Feature]:
    """All features of a collection that match, over all pages."""
    query = {"limit": 10_000, **parameters}
    return [feature for page in pages(client, items_of(collection), **query) for feature in page["features"]]


def links(document: JsonObject, rel: str, media_type: str | None = None) -> list[dict[str, str]]:
    """The links of a document that have a relation, and a type if one is given."""
    return [
        standard
        for standard in document["links"]
        if standard["rel"] == rel and media_type in (None, standard.get("type"))
    ]


def assert_problem(answer: Any, status: int = 400) -> str:
    """The detail of an answer, which must be a problem with this status."""
    assert answer.status_code == status, (str(answer.request.url), answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    return str(body["detail"])


def is_same_address(standard: str, other: str) -> bool:
    """Whether two addresses have the same path and the same parameters in any order, without the format ``f``."""
    parts = [urlsplit(url) for url in (standard, other)]
    queries = [
        sorted(pair for pair in parse_qsl(part.query, keep_blank_values=True) if pair[0] != "f") for part in parts
    ]
    return parts[0].path == parts[1].path and queries[0] == queries[1]


class Operation(NamedTuple):
    """One operation of an OpenAPI document."""

    url: str
    """Its path, from the server's root; with ``{names}``."""
    method: str
    content: JsonObject
    parameters: dict[str, JsonObject]
    """Its own and its path's, by name; references are resolved."""


def operations(document: JsonObject) -> list[Operation]:
    """All operations of an OpenAPI document."""
    by_key = []
    for path, item in document["paths"].items():
        for method in ("get", "put", "post", "delete", "options", "head", "patch", "trace"):
            if method not in item:
                continue
            servers = item[method].get("servers") or item.get("servers") or document.get("servers") or [{"url": ""}]
            base = urlsplit(servers[0]["url"]).path.rstrip("/")
            listed = [
                resolve(document, standard)
                for standard in [*item.get("parameters", []), *item[method].get("parameters", [])]
            ]
            by_key.append(
                Operation(base + path, method, item[method], {standard["name"]: standard for standard in listed})
            )
    return by_key


def operation(document: JsonObject, url: str, method: str = "get") -> Operation:
    """The operation of an OpenAPI document with that path and method."""
    (by_key,) = (standard for standard in operations(document) if (standard.url, standard.method) == (url, method))
    return by_key


def resolve(document: JsonObject, content: JsonObject) -> JsonObject:
    """``content``, or what its reference leads to."""
    while "$ref" in content:
        by_key: Any = document
        for name in content["$ref"].removeprefix("#/").split("/"):
            by_key = by_key[name.replace("~1", "/").replace("~0", "~")]
        content = by_key
    return content


def keys_matching(collection: str, test: Callable[[FileFeature], bool]) -> set[Key]:
    """The keys of the features in the files that pass a test."""
    return {name for name, standard in features_in_files(collection).items() if test(standard)}


def rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A bbox as a shape; two where it spans the antimeridian."""
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))
