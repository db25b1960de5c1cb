"""The endpoints of OGC API – Features that read: landing page, collections and their features (Parts 1, 2 and 3)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from geo.geodesy import crs
from service.answers import site_value
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api.feature_documents import (
    collection_document,
    facility_etag,
    feature_document,
    feature_of,
    feature_of_record,
    respond_with_document,
    schema_document,
)
from service.api.feature_queries import (
    FACILITIES,
    MAX_ITEMS,
    DocumentQuery,
    ItemQuery,
    ItemsQuery,
    answer_system,
    collection_query,
)
from service.api.links import LABELS, Link, ServiceAddress, link, self_and_alternate
from service.api.queries import QueryRoute
from service.api.responses import (
    GEOJSON,
    HTML,
    JSON,
    OPENAPI,
    SCHEMA,
    answers_of,
    choose_media_type,
    describe_responses,
)

CONFORMANCE_CLASSES = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    *(
        f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
        for name in (
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "property-property",
        )
    ),
)
COLLECTION = "/collections/{collection}"
ITEMS = COLLECTION + "/items"
ITEM = ITEMS + "/{feature_id:facility_id}"

router = APIRouter(prefix="/v1", tags=["features"], route_class=QueryRoute, default_response_class=Response)


@router.get("/", include_in_schema=False)
@router.get(
    "",
    responses=describe_responses("the landing page", "Landing", html=True),
    summary="Landing page of an OGC API – Features service",
)
async def landing(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        links = [
            *self_and_alternate(address(), media_type, JSON),
            link(address.root + "/openapi.json", "service-desc", OPENAPI, "OpenAPI"),
            link(address.root + "/docs", "service-doc", HTML, "接口文档 documentation of the API"),
            link(address("conformance"), "conformance", JSON, "符合的标准 standards it conforms to"),
            link(address("collections"), "data", JSON, "数据集 collections"),
        ]
        return {
            "title": f"服务圈 fuwuquan · {answers.study.settings.name}",
            "description": "公共服务到哪里、没到哪里 where public services reach people, and where they don't",
            "links": links,
            **answers.study_metadata,
            "coordinate_system": query.coordinates,
        }

    return await respond_with_document(request, query, "landing", make, f"{answers.study.settings.name} API", ())


@router.get(
    "/conformance",
    responses=describe_responses("addresses of conformance classes", "Conformance", html=True),
    summary="The conformance classes",
)
async def conformance(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address = ServiceAddress(request)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        links = self_and_alternate(address("conformance"), media_type, JSON)
        return {"conformsTo": list(CONFORMANCE_CLASSES), "links": links, "coordinate_system": query.coordinates}

    return await respond_with_document(request, query, "conformance", make, LABELS["conformance"], ("conformance",))


@router.get(
    "/collections",
    responses=describe_responses("the collections", "Collections", html=True),
    summary="The collections",
)
async def collections(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        all_collections = (
            site_value.described_collection(answers, state, collection_id) for collection_id in answers.collection_ids()
        )
        return {
            "links": self_and_alternate(address("collections"), media_type, JSON),
            "crs": list(crs.systems_by_uri(answers.study.settings.projection)),
            "collections": [
                collection_document(collection, address, answers, query.coordinates) for collection in all_collections
            ],
            **answers.study_metadata,
            "coordinate_system": query.coordinates,
        }

    return await respond_with_document(request, query, "collections", make, LABELS["collections"], ("collections",))


@router.get(
    COLLECTION,
    responses=describe_responses("the collection", "Collection", 404, html=True),
    summary="One collection",
)
async def collection(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)
    answers.check_collection(collection)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        own_links = self_and_alternate(address("collections", collection), media_type, JSON)
        document = collection_document(
            site_value.described_collection(answers, state, collection), address, answers, query.coordinates, own_links
        )
        return document | answers.study_metadata | {"coordinate_system": query.coordinates}

    return await respond_with_document(request, query, "collection", make, collection, ("collections", collection))


@router.get(
    COLLECTION + "/queryables",
    responses=describe_responses("a JSON schema", "Schema", 404, media_type=SCHEMA, html=True),
    summary="The properties that filters can use",
)
async def queryables(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    return await _respond_with_schema(request, collection, query, "queryables")


@router.get(
    COLLECTION + "/sortables",
    responses=describe_responses("a JSON schema", "Schema", 404, media_type=SCHEMA, html=True),
    summary="The properties to sort by",
)
async def sortables(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    return await _respond_with_schema(request, collection, query, "sortables")


async def _respond_with_schema(request: Request, collection_id: str, query: DocumentQuery, name: str) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)
    answers.check_collection(collection_id)
    path = ("collections", collection_id, name)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        collection = site_value.described_collection(answers, state, collection_id)
        return schema_document(collection, address(*path), with_geometry=name == "queryables")

    return await respond_with_document(request, query, "schema", make, LABELS[name], path, SCHEMA)


@router.get(
    ITEMS,
    responses=describe_responses("a GeoJSON FeatureCollection", "Items", 404, media_type=GEOJSON, html=True),
    summary="Features, page by page",
)
async def items(request: Request, collection: str, query: Annotated[ItemsQuery, Query()]) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)
    answers.check_collection(collection)
    system, limit = answer_system(query, answers), min(query.limit, MAX_ITEMS)

    def link_to_page(rel: str, offset: int, media_type: str, title: str) -> Link:
        return link(str(request.url.include_query_params(limit=limit, offset=offset)), rel, media_type, title)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        features = answers.collection(state, collection)
        rows = features.rows(collection_query(query, features, answers, state, system))
        page = rows[query.offset : query.offset + limit]
        links = self_and_alternate(str(request.url.remove_query_params("f")), media_type, GEOJSON)
        if query.offset + limit < len(rows):
            links.append(link_to_page("next", query.offset + limit, media_type, "下一页 next page"))
        if query.offset > 0:
            links.append(link_to_page("prev", max(0, query.offset - limit), media_type, "上一页 page before"))
        links.append(link(address("collections", collection), "collection", JSON, features.title))
        return {
            "type": "FeatureCollection",
            "features": features.features(page, system),
            "numberMatched": len(rows),
            "numberReturned": len(page),
            "links": links,
            "coordinate_system": system.name,
            **answers.study_metadata,
        }

    path = ("collections", collection, "items")
    headers = {"Content-Crs": f"<{system.uri}>"}
    return await respond_with_document(request, query, "items", make, collection, path, GEOJSON, headers)


@router.get(
    ITEM,
    responses=describe_responses("a GeoJSON Feature", "Item", 404, 410, media_type=GEOJSON, html=True),
    summary="One feature",
)
async def item(request: Request, collection: str, feature_id: str, query: Annotated[ItemQuery, Query()]) -> Response:
    address, answers = ServiceAddress(request), answers_of(request)
    answers.check_collection(collection)
    system = answer_system(query, answers)
    headers = {"Content-Crs": f"<{system.uri}>"}
    record = None
    if collection == FACILITIES:  # read from the register itself, so that version and content are of one moment
        record = await run_in_threadpool(answers.register.get, feature_id)
        if choose_media_type(request, query.f, GEOJSON) != HTML:
            headers["ETag"] = facility_etag(record, answers, system)

    def make(state: RegisterState, media_type: str) -> JsonObject:
        if record is not None:
            feature = feature_of_record(record, system, answers.study.categories)
        else:
            items_address = address("collections", collection, "items")
            feature = feature_of(answers.collection(state, collection), feature_id, system, items_address)
        return feature_document(request, collection, feature, query, system, media_type)

    path = ("collections", collection, "items", feature_id)
    keep = collection != FACILITIES
    return await respond_with_document(request, query, "item", make, feature_id, path, GEOJSON, headers, keep)
