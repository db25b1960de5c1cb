"""The documents of OGC API – Features: collections, schemas and features as JSON, and each of them as a page.

`routes.features` reads with these, and `routes.facilities` answers edits with them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import orjson
from fastapi import Request, Response

from geo.errors import UnknownNameError
from geo.features.collection import GEOMETRY, Collection, Queryable
from geo.geodesy import crs
from geo.geodesy.crs import CRS84, ReferenceSystem
from geo.study.categories import Categories
from maps import feature_pages
from service.answers import collections
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api.feature_queries import FACILITIES, DocumentQuery, ItemQuery
from service.api.links import OGC_RELATION, Link, ServiceAddress, link, self_and_alternate
from service.api.queries import CoordinatesQuery
from service.api.responses import GEOJSON, HTML, JSON, SCHEMA, answers_of, choose_media_type, respond
from service.register.register import StoredFacility

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


async def respond_with_document(
    request: Request,
    query: DocumentQuery,
    kind: feature_pages.PageKind,
    make: Callable[[RegisterState, str], JsonObject],
    title: str,
    path: Sequence[str],
    data: str = JSON,
    headers: Mapping[str, str] | None = None,
    keep: bool = True,
) -> Response:
    """A document as JSON or as a page, as the parameter ``f`` or the Accept header prefers.

    Parameters
    ----------
    kind : which template draws the page
    make : makes the document from the register's state and the media type of the answer
    title : of the page
    path : the parts of the document's path below ``/v1``
    data : the media type of its JSON
    headers, keep : as in `respond`
    """
    media_type, answers = choose_media_type(request, query.f, data), answers_of(request)
    all_headers = {"Vary": "Accept", **(headers or {})}
    if media_type != HTML:
        return await respond(request, lambda state: make(state, media_type), data, all_headers, keep)

    def make_page(state: RegisterState) -> str:
        document = orjson.loads(orjson.dumps(make(state, media_type)))
        breadcrumbs = ServiceAddress(request).breadcrumbs(path)
        return feature_pages.render(
            kind,
            document,
            answers.study.settings,
            title,
            breadcrumbs,
            collections.TITLES,
            collections.value_labels(answers.study.categories),
        )

    return await respond(request, make_page, HTML, all_headers | PAGE_HEADERS, keep)


def collection_document(
    collection: Collection,
    address: ServiceAddress,
    answers: Answers,
    coordinates: str,
    own_links: Sequence[Link] = (),
) -> JsonObject:
    """A collection's description; ``own_links`` lead to that itself, and default to one ``self`` link."""
    path = ("collections", collection.id)
    first, last = collection.temporal_extent
    system = crs.by_name(coordinates)
    extent: JsonObject = {}
    if collection.bounds is not None:
        extent["spatial"] = {"bbox": [system.bounding_box(collection.bounds)], "crs": system.uri}
    if collection.period_columns is not None:
        days = [None if day is None else f"{day.isoformat()}T00:00:00Z" for day in (first, last)]
        extent["temporal"] = {"interval": [days], "trs": GREGORIAN}
    links = [
        *(own_links or [link(address(*path), "self", JSON, collection.title)]),
        link(address(*path, "items"), "items", GEOJSON, "GeoJSON"),
        link(address(*path, "items", f="html"), "items", HTML, "网页 as a web page"),
        link(address(*path, "queryables"), OGC_RELATION.format("queryables"), SCHEMA, "可查询 properties for filters"),
        link(address(*path, "sortables"), OGC_RELATION.format("sortables"), SCHEMA, "可排序 properties to sort by"),
    ]
    return {
        "id": collection.id,
        "title": collection.title,
        "description": collection.description,
        "extent": extent,
        "itemType": "feature",
        "crs": list(crs.systems_by_uri(answers.study.settings.projection)),
        "storageCrs": CRS84,
        "links": links,
    }


def schema_document(collection: Collection, schema_id: str, with_geometry: bool) -> JsonObject:
    """The JSON schema of a collection's properties; ``with_geometry`` adds the geometry, which filters may use."""
    properties = {name: queryable_schema(queryable) for name, queryable in collection.queryables.items()}
    if with_geometry:
        properties[GEOMETRY] = {"title": "位置 place", "format": "geometry-any"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id,
        "type": "object",
        "title": collection.title,
        "properties": properties,
        "additionalProperties": False,
    }


def queryable_schema(queryable: Queryable) -> JsonObject:
    """The JSON schema of one property."""
    type_ = {"date": {"type": "string", "format": "date"}}.get(queryable.data_type, {"type": queryable.data_type})
    return {"title": queryable.title, **type_, **({"enum": list(queryable.values)} if queryable.values else {})}


def feature_of(collection: Collection, feature_id: str, system: ReferenceSystem, items_address: str) -> JsonObject:
    """The feature with that id; UnknownNameError, which names ``items_address``, if there is none."""
    if feature_id not in collection.frame.index:
        raise UnknownNameError("feature", feature_id[:100], [f"see {items_address}"])
    return collection.features(np.array([collection.frame.index.get_loc(feature_id)]), system)[0]


def feature_of_record(record: StoredFacility, system: ReferenceSystem, categories: Categories) -> JsonObject:
    """The feature of a facility that was read from the register."""
    return collections.of_facilities(record.frame, categories).features(np.array([0]), system)[0]


def feature_document(
    request: Request,
    collection_id: str,
    feature: JsonObject,
    query: CoordinatesQuery,
    system: ReferenceSystem,
    media_type: str,
) -> JsonObject:
    """A feature with its links and the system of its coordinates."""
    address = ServiceAddress(request)
    system_parameters: dict[str, str] = {}
    if query.coordinates != "wgs84":
        system_parameters["coordinates"] = query.coordinates
    if isinstance(query, ItemQuery) and query.crs is not None:
        system_parameters["crs"] = system.uri
    href = address("collections", collection_id, "items", str(feature["id"]), **system_parameters)
    links = [
        *self_and_alternate(href, media_type, GEOJSON),
        link(address("collections", collection_id), "collection", JSON, collection_id),
    ]
    sample = answers_of(request).study.settings.sample
    return {**feature, "links": links, "coordinate_system": system.name, "sample": sample}


def facility_document(request: Request, record: StoredFacility, coordinates: str) -> tuple[JsonObject, dict[str, str]]:
    """A facility of the register as a document that orjson can encode, and the headers that go with it."""
    system = crs.by_name(coordinates)
    query = CoordinatesQuery(coordinates=coordinates)
    feature = feature_of_record(record, system, answers_of(request).study.categories)
    document = feature_document(request, FACILITIES, feature, query, system, GEOJSON)
    return document, {"ETag": facility_etag(record, answers_of(request), system), "Content-Crs": f"<{system.uri}>"}


def facility_etag(record: StoredFacility, answers: Answers, system: ReferenceSystem) -> str:
    """The entity tag of a facility in a reference system; an edit's If-Match sends it back."""
    return f'"{record.version}-{answers.version_hash}-{system.name}"'
