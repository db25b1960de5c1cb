"""OGC API – Features: the landing page, the collections and their features (Parts 1, 2 and 3, reading)."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field

from geo.errors import UnknownNameError
from geo.features import collection as collections_
from geo.features import cql2
from geo.features.collection import GEOMETRY, Collection, Column, Question
from geo.geodesy import crs
from geo.geodesy.crs import CRS84, System
from geo.geodesy.datums import UNSHIFTED
from maps import feature_pages
from service.answers import collections as shelves
from service.answers.engine import Answers, State
from service.api.responses import (
    FLAG,
    GEOJSON,
    HTML,
    JSON,
    SCHEMA,
    WHOLE,
    Common,
    Format,
    QueryRoute,
    answer,
    answers_of,
    bad_parameters,
    clamped,
    documented,
    listed,
    preferred,
)
from service.register.register import StoredFacility

MOST_ITEMS = 10_000
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
REL = "http://www.opengis.net/def/rel/ogc/1.0/{}"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
FACILITIES = "facilities"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
CONFORMS = (
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

router = APIRouter(prefix="/v1", tags=["features"], route_class=QueryRoute, default_response_class=Response)


class DocumentQuery(Common):
    """How a document is written."""

    f: Format = None


class SystemQuery(DocumentQuery):
    """In which coordinates places are answered."""

    crs: Annotated[
        str | None, Field(description="address of a coordinate reference system, instead of `coordinates`")
    ] = None


class ItemsQuery(SystemQuery):
    """Which part of a collection. What else is given are values that properties must have."""

    model_config = ConfigDict(extra="allow")

    bbox: Annotated[
        str | None,
        Field(
            description="west,south,east,north in `bbox-crs`, else in `coordinates`",
            examples=["120,28.8,120.1,28.9"],
            json_schema_extra=listed({"type": "number"}, minItems=4, maxItems=6),
        ),
    ] = None
    bbox_crs: Annotated[str | None, Field(alias="bbox-crs", description="address of the bbox's reference system")] = (
        None
    )
    datetime: Annotated[
        str | None,
        Field(
            description="a day, a moment or an interval, open ends as ..: features that are there then",
            examples=["2021-06-30", "2021-01-01/2021-12-31", "../2020-12-31"],
        ),
    ] = None
    filter: Annotated[
        str | None, Field(description="CQL2 text", examples=["category = 'clinic' AND capacity >= 20"])
    ] = None
    filter_lang: Annotated[
        Literal["cql2-text", "cql-text"] | None,
        Field(alias="filter-lang", description="cql2-text; GDAL calls it by the name that its drafts had"),
    ] = None
    filter_crs: Annotated[
        str | None,
        Field(
            alias="filter-crs",
            description="reference system of the filter's geometries; default: that of `coordinates`",
        ),
    ] = None
    sortby: Annotated[
        str | None,
        Field(description="properties, with commas between; - before one: descending", examples=["-capacity,name"]),
    ] = None
    limit: Annotated[int, clamped(MOST_ITEMS), WHOLE] = 100
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many to pass over"), WHOLE] = 0
    due: Annotated[bool, Field(description="facilities: only what stands and nobody has verified for long"), FLAG] = (
        False
    )


def system_of(query: SystemQuery, answers: Answers) -> System:
    """The system that places are asked to be answered in."""
    if query.crs is None:
        return crs.by_coordinates(query.coordinates)
    if query.coordinates not in UNSHIFTED:
        raise bad_parameters([("crs", f"cannot be given with coordinates={query.coordinates}")])
    return _by_address("crs", query.crs, answers)


def _by_address(name: str, address: str, answers: Answers) -> System:
    offered = crs.offered(answers.study.settings.projection)
    # Some clients put it into brackets, as headers have it.
    found = offered.get(address.removeprefix("<").removesuffix(">"))
    if found is None:
        raise bad_parameters([(name, f"is none of {', '.join(offered)}")])
    return found


class _Address:
    """Where the service is, as the client sees it."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def root(self) -> str:
        """The address of the first page, without its slash."""
        return str(self._request.base_url).rstrip("/")

    def __call__(self, *path: str, **query: Any) -> str:
        whole = "/".join([self.root, "v1", *(quote(part, safe="") for part in path)])
        return whole + ("?" + urlencode(query) if query else "")


def _link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def _both(href: str, media_type: str, data: str) -> list[dict[str, str]]:
    """Links to the document itself and to its other format."""
    joint = "&" if "?" in href else "?"
    as_html = media_type == HTML
    return [
        _link(f"{href}{joint}f=html" if as_html else href, "self", media_type, "本文档 this document"),
        _link(
            f"{href}{joint}f={'json' if as_html else 'html'}",
            "alternate",
            data if as_html else HTML,
            "JSON" if as_html else "网页 as a web page",
        ),
    ]


async def _document(
    request: Request,
    query: DocumentQuery,
    kind: feature_pages.Kind,
    make: Any,
    title: str,
    here: Sequence[str],
    data: str = JSON,
    headers: Mapping[str, str] | None = None,
    keep: bool = True,
) -> Response:
    """A document in the format that was asked for; ``make`` makes it of the state and its media type.

    ``here`` is the path to it.
    """
    media_type, answers = preferred(request, query.f, data), answers_of(request)
    told = {"Vary": "Accept", **(headers or {})}
    if media_type != HTML:
        return await answer(request, lambda state: make(state, media_type), data, told, keep)

    def page(state: State) -> str:
        document = orjson.loads(orjson.dumps(make(state, media_type)))
        trail = _trail(_Address(request), here)
        return feature_pages.render(kind, document, answers.study.settings, title, trail, shelves.TITLES, shelves.WORDS)

    return await answer(request, page, HTML, told | PAGE_HEADERS, keep)


LABELS = {
    "facilities": "设施 facilities",
    "areas": "区域 areas",
    "demand": "人口分布 demand",
    "conformance": "符合的标准 conformance",
    "collections": "数据集 collections",
    "items": "要素 items",
    "queryables": "可查询 queryables",
    "sortables": "可排序 sortables",
}


def _trail(address: _Address, here: Sequence[str]) -> list[tuple[str, str]]:
    """The way to a document: labels and addresses."""
    found = [("服务圈", address.root + "/"), ("API", address())]
    for number, name in enumerate(here, 1):
        found.append((LABELS.get(name, name), address(*here[:number])))
    return found


@router.get("/", include_in_schema=False)
@router.get(
    "",
    responses=documented("the landing page", "Landing", html=True),
    summary="Landing page of an OGC API – Features service",
)
async def landing(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = _Address(request), answers_of(request)

    def make(_: State, media_type: str) -> dict[str, Any]:
        links = [
            *_both(address(), media_type, JSON),
            _link(address.root + "/openapi.json", "service-desc", OPENAPI, "OpenAPI"),
            _link(address.root + "/docs", "service-doc", HTML, "接口文档 documentation of the API"),
            _link(address("conformance"), "conformance", JSON, "符合的标准 standards it conforms to"),
            _link(address("collections"), "data", JSON, "数据集 collections"),
        ]
        return {
            "title": f"服务圈 fuwuquan · {answers.study.settings.name}",
            "description": "公共服务到哪里、没到哪里 where public services reach people, and where they don't",
            "links": links,
            **answers.said,
            "coordinate_system": query.coordinates,
        }

    return await _document(request, query, "landing", make, f"{answers.study.settings.name} API", ())


@router.get(
    "/conformance",
    responses=documented("addresses of conformance classes", "Conformance", html=True),
    summary="What it conforms to",
)
async def conformance(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address = _Address(request)

    def make(_: State, media_type: str) -> dict[str, Any]:
        links = _both(address("conformance"), media_type, JSON)
        return {"conformsTo": list(CONFORMS), "links": links, "coordinate_system": query.coordinates}

    return await _document(request, query, "conformance", make, "符合的标准 conformance", ("conformance",))


@router.get("/collections", responses=documented("the collections", "Collections", html=True), summary="What there is")
async def collections(request: Request, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = _Address(request), answers_of(request)

    def make(state: State, media_type: str) -> dict[str, Any]:
        every = (answers.collection(state, name) for name in answers.collections())
        return {
            "links": _both(address("collections"), media_type, JSON),
            "crs": list(crs.offered(answers.study.settings.projection)),
            "collections": [_collection(one, address, answers, query.coordinates, []) for one in every],
            **answers.said,
            "coordinate_system": query.coordinates,
        }

    return await _document(request, query, "collections", make, "数据集 collections", ("collections",))


def _collection(
    one: Collection, address: _Address, answers: Answers, coordinates: str, own: list[dict[str, str]]
) -> dict[str, Any]:
    here = ("collections", one.id)
    first, last = one.days
    system = crs.by_coordinates(coordinates)
    extent: dict[str, Any] = {}
    if one.bounds is not None:
        extent["spatial"] = {"bbox": [system.bounds(one.bounds)], "crs": system.uri}
    if one.period is not None:
        days = [None if day is None else f"{day.isoformat()}T00:00:00Z" for day in (first, last)]
        extent["temporal"] = {"interval": [days], "trs": GREGORIAN}
    links = [
        *(own or [_link(address(*here), "self", JSON, one.title)]),
        _link(address(*here, "items"), "items", GEOJSON, "GeoJSON"),
        _link(address(*here, "items", f="html"), "items", HTML, "网页 as a web page"),
        _link(address(*here, "queryables"), REL.format("queryables"), SCHEMA, "可查询 what one may ask by"),
        _link(address(*here, "sortables"), REL.format("sortables"), SCHEMA, "可排序 what one may sort by"),
    ]
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "extent": extent,
        "itemType": "feature",
        "crs": list(crs.offered(answers.study.settings.projection)),
        "storageCrs": CRS84,
        "links": links,
    }


COLLECTION = "/collections/{collection}"


@router.get(COLLECTION, responses=documented("the collection", "Collection", 404, html=True), summary="One collection")
async def collection(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    address, answers = _Address(request), answers_of(request)
    answers.check_collection(collection)

    def make(state: State, media_type: str) -> dict[str, Any]:
        own = _both(address("collections", collection), media_type, JSON)
        found = _collection(answers.collection(state, collection), address, answers, query.coordinates, own)
        return found | answers.said | {"coordinate_system": query.coordinates}

    return await _document(request, query, "collection", make, collection, ("collections", collection))


@router.get(
    COLLECTION + "/queryables",
    responses=documented("a JSON schema", "Schema", 404, media_type=SCHEMA, html=True),
    summary="What one may ask a collection by",
)
async def queryables(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    return await _schema(request, collection, query, "queryables")


@router.get(
    COLLECTION + "/sortables",
    responses=documented("a JSON schema", "Schema", 404, media_type=SCHEMA, html=True),
    summary="What one may sort a collection by",
)
async def sortables(request: Request, collection: str, query: Annotated[DocumentQuery, Query()]) -> Response:
    return await _schema(request, collection, query, "sortables")


async def _schema(request: Request, name: str, query: DocumentQuery, which: str) -> Response:
    address, answers = _Address(request), answers_of(request)
    answers.check_collection(name)
    here = ("collections", name, which)

    def make(state: State, media_type: str) -> dict[str, Any]:
        found = answers.collection(state, name)
        properties = {key: schema_of(column) for key, column in found.columns.items()}
        if which == "queryables":
            properties[GEOMETRY] = {"title": "位置 place", "format": "geometry-any"}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": address(*here),
            "type": "object",
            "title": found.title,
            "properties": properties,
            "additionalProperties": False,
        }

    return await _document(request, query, "schema", make, LABELS[which], here, SCHEMA)


def schema_of(column: Column) -> dict[str, Any]:
    """A column as JSON schema."""
    kind = {"date": {"type": "string", "format": "date"}}.get(column.kind, {"type": column.kind})
    return {"title": column.title, **kind, **({"enum": list(column.values)} if column.values else {})}


ITEMS = COLLECTION + "/items"
ITEM = ITEMS + "/{feature_id:facility_id}"


@router.get(
    ITEMS,
    responses=documented("a GeoJSON FeatureCollection", "Items", 404, media_type=GEOJSON, html=True),
    summary="Features, page by page",
)
async def items(request: Request, collection: str, query: Annotated[ItemsQuery, Query()]) -> Response:
    address, answers = _Address(request), answers_of(request)
    answers.check_collection(collection)
    system, limit = system_of(query, answers), min(query.limit, MOST_ITEMS)

    def make(state: State, media_type: str) -> dict[str, Any]:
        one = answers.collection(state, collection)
        rows = one.rows(_question(query, one, answers, state, system))
        page = rows[query.offset : query.offset + limit]

        def turned(rel: str, offset: int, title: str) -> dict[str, str]:
            return _link(str(request.url.include_query_params(limit=limit, offset=offset)), rel, media_type, title)

        links = _both(_without_format(request), media_type, GEOJSON)
        if query.offset + limit < len(rows):
            links.append(turned("next", query.offset + limit, "下一页 next page"))
        if query.offset > 0:
            links.append(turned("prev", max(0, query.offset - limit), "上一页 page before"))
        links.append(_link(address("collections", collection), "collection", JSON, one.title))
        return {
            "type": "FeatureCollection",
            "features": one.features(page, system),
            "numberMatched": len(rows),
            "numberReturned": len(page),
            "links": links,
            "coordinate_system": system.name,
            **answers.said,
        }

    here = ("collections", collection, "items")
    told = {"Content-Crs": f"<{system.uri}>"}
    return await _document(request, query, "items", make, collection, here, GEOJSON, told)


def _without_format(request: Request) -> str:
    return str(request.url.remove_query_params("f"))


def _question(query: ItemsQuery, one: Collection, answers: Answers, state: State, system: System) -> Question:
    """What a query asks of a collection; an error names the parameter that is wrong."""
    box_system = system if query.crs is None else crs.by_coordinates("wgs84")
    if query.bbox_crs is not None:
        box_system = _by_address("bbox-crs", query.bbox_crs, answers)
    box = None if query.bbox is None else collections_.whole(box_system, _numbers(query.bbox))
    literal = crs.by_coordinates(query.coordinates)
    if query.filter_crs is not None:
        literal = _by_address("filter-crs", query.filter_crs, answers)
    found, days = [], None
    if query.filter is not None:
        moved = None if literal.name in UNSHIFTED else literal.to_wgs84
        found.append(cql2.parse(query.filter, one.kinds, moved))
    if query.datetime is not None:
        days = _days(query.datetime, ZoneInfo(answers.study.settings.timezone))
    equal, problems = {}, []
    for name, text in (query.model_extra or {}).items():
        column = one.columns.get(name)
        try:
            if column is None:
                raise ValueError("there is no such parameter")
            equal[name] = collections_.value_of(text, column.kind)
            if column.values and text not in column.values:
                raise ValueError(f"{text[:60]!r} is none of {', '.join(column.values)}")
        except ValueError as error:
            problems.append((name[:100], str(error)[:200]))
    if "due" in query.model_fields_set and one.id != FACILITIES:
        problems.append(("due", "there is no such parameter"))
    if problems:
        raise bad_parameters(problems)
    if query.due:
        since = state.today - timedelta(days=answers.settings.verify_days)
        found.append(cql2.parse(f"verified IS NULL OR verified < DATE('{since}')", one.kinds))
        days = days or (state.today, state.today)
    return Question(box, box_system, days, equal, tuple(found), _order(query.sortby, one))


def _numbers(bbox: str) -> list[float]:
    try:
        return [collections_.value_of(part.strip(), "number") for part in bbox.split(",")]
    except ValueError:
        raise bad_parameters([("bbox", "needs four numbers: west,south,east,north")]) from None


def _order(sortby: str | None, one: Collection) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for part in [] if sortby is None else sortby.split(","):
        name = part.lstrip("+- ").rstrip()  # a plus in an address is a space
        if name not in one.columns:
            raise bad_parameters([("sortby", f"{name[:60]!r} is none of {', '.join(one.columns)}")])
        if name in dict(found):
            raise bad_parameters([("sortby", f"has {name[:60]!r} more than once")])
        found.append((name, part.lstrip().startswith("-")))
    return tuple(found)


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?")


def _days(text: str, zone: ZoneInfo) -> tuple[date | None, date | None]:
    """The days of a moment or an interval of RFC 3339, in the study's time zone."""
    parts = text.split("/")
    if len(parts) > 2 or (len(parts) == 2 and all(part in ("", "..") for part in parts)):
        raise bad_parameters([("datetime", NO_TIME)])
    days = [None if len(parts) == 2 and part in ("", "..") else _day(part, zone) for part in parts]
    first, last = days[0], days[-1]
    if first is not None and last is not None and first > last:
        raise bad_parameters([("datetime", "ends before it begins")])
    return first, last


NO_TIME = "needs a day or a moment of RFC 3339, such as 2021-06-30 or 2021-06-30T08:00:00Z, or two with / between"


def _day(text: str, zone: ZoneInfo) -> date:
    if not _MOMENT.fullmatch(text):
        raise bad_parameters([("datetime", NO_TIME)])
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        raise bad_parameters([("datetime", NO_TIME)]) from None


@router.get(
    ITEM,
    responses=documented("a GeoJSON Feature", "Item", 404, 410, media_type=GEOJSON, html=True),
    summary="One feature",
)
async def item(request: Request, collection: str, feature_id: str, query: Annotated[SystemQuery, Query()]) -> Response:
    address, answers = _Address(request), answers_of(request)
    answers.check_collection(collection)
    system = system_of(query, answers)
    headers = {"Content-Crs": f"<{system.uri}>"}
    if collection == FACILITIES:
        held = await run_in_threadpool(answers.register.get, feature_id)
        if preferred(request, query.f, GEOJSON) != HTML:
            headers["ETag"] = etag(held, answers, system)

    def make(state: State, media_type: str) -> dict[str, Any]:
        if collection == FACILITIES:
            found = _of_register(held, system)
        else:
            one = answers.collection(state, collection)
            if feature_id not in one.frame.index:
                raise UnknownNameError(
                    "feature", feature_id[:100], [f"see {address('collections', collection, 'items')}"]
                )
            found = one.features(np.array([one.frame.index.get_loc(feature_id)]), system)[0]
        return _told(request, collection, found, query, system, media_type)

    here = ("collections", collection, "items", feature_id)
    return await _document(request, query, "item", make, feature_id, here, GEOJSON, headers, collection != FACILITIES)


def _of_register(held: StoredFacility, system: System) -> dict[str, Any]:
    return shelves.of_facilities(held.frame).features(np.array([0]), system)[0]


def _told(
    request: Request, collection: str, feature: dict[str, Any], query: Common, system: System, media_type: str
) -> dict[str, Any]:
    """A feature with its links, and the coordinates it is in."""
    address = _Address(request)
    places: dict[str, str] = {"coordinates": query.coordinates} if query.coordinates != "wgs84" else {}
    places |= {"crs": system.uri} if isinstance(query, SystemQuery) and query.crs is not None else {}
    links = [
        *_both(address("collections", collection, "items", feature["id"], **places), media_type, GEOJSON),
        _link(address("collections", collection), "collection", JSON, collection),
    ]
    sample = answers_of(request).study.settings.sample
    return {**feature, "links": links, "coordinate_system": system.name, "sample": sample}


def facility(request: Request, held: StoredFacility, coordinates: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A facility of the register as it is told in ``coordinates``, to be written by orjson, and its headers."""
    system = crs.by_coordinates(coordinates)
    told = _told(request, FACILITIES, _of_register(held, system), Common(coordinates=coordinates), system, GEOJSON)
    return told, {"ETag": etag(held, answers_of(request), system), "Content-Crs": f"<{system.uri}>"}


def etag(held: StoredFacility, answers: Answers, system: System) -> str:
    """The tag of a facility as it is, in a system."""
    return f'"{held.version}-{answers.edition}-{system.name}"'
