"""Queries of OGC API – Features: their parameters, and which features of a collection they select."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from geo.features import collection as collections
from geo.features import cql2
from geo.features.collection import BoundingBox, Collection, FeatureQuery
from geo.features.data_types import parse_value
from geo.geodesy import crs
from geo.geodesy.crs import ReferenceSystem
from geo.geodesy.datums import UNSHIFTED
from service.answers.engine import Answers
from service.answers.state import RegisterState
from service.api.queries import (
    BOOLEAN_TEXT,
    INTEGER_TEXT,
    CoordinatesQuery,
    Format,
    limit_field,
    list_schema,
    parameter_error,
)

FACILITIES = "facilities"
"""The id of the one collection that can be edited, and that can be queried for ``due``."""
MAX_ITEMS = 10_000


class DocumentQuery(CoordinatesQuery):
    """The parameters of a document."""

    f: Format = None


class ItemQuery(DocumentQuery):
    """The parameters of one feature."""

    crs: Annotated[
        str | None, Field(description="address of a coordinate reference system, instead of `coordinates`")
    ] = None


class ItemsQuery(ItemQuery):
    """The parameters of a page of features. Any other parameter is a value that a property must have."""

    model_config = ConfigDict(extra="allow")

    bbox: Annotated[
        str | None,
        Field(
            description="west,south,east,north in `bbox-crs`, else in `coordinates`",
            examples=["120,28.8,120.1,28.9"],
            json_schema_extra=list_schema({"type": "number"}, minItems=4, maxItems=6),
        ),
    ] = None
    bbox_crs: Annotated[str | None, Field(alias="bbox-crs", description="address of the bbox's reference system")] = (
        None
    )
    datetime: Annotated[
        str | None,
        Field(
            description="a day, a moment or an interval, open ends as ..: features that existed then",
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
    limit: Annotated[int, limit_field(MAX_ITEMS), INTEGER_TEXT] = 100
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many features to skip"), INTEGER_TEXT] = 0
    due: Annotated[
        bool,
        Field(description="facilities: only those that stand and have not been verified for long"),
        BOOLEAN_TEXT,
    ] = False


def answer_system(query: ItemQuery, answers: Answers) -> ReferenceSystem:
    """The reference system that coordinates are answered in."""
    if query.crs is None:
        return crs.by_name(query.coordinates)
    if query.coordinates not in UNSHIFTED:
        raise parameter_error([("crs", f"cannot be given with coordinates={query.coordinates}")])
    return _system_by_uri("crs", query.crs, answers)


def _system_by_uri(parameter: str, uri: str, answers: Answers) -> ReferenceSystem:
    offered = crs.systems_by_uri(answers.study.settings.projection)
    # Some clients write the brackets that the Content-Crs header has.
    system = offered.get(uri.removeprefix("<").removesuffix(">"))
    if system is None:
        raise parameter_error([(parameter, f"is not one of {', '.join(offered)}")])
    return system


def collection_query(
    query: ItemsQuery, collection: Collection, answers: Answers, state: RegisterState, system: ReferenceSystem
) -> FeatureQuery:
    """The query of ``collection`` that the parameters make; an error names the parameter that is wrong.

    ``system`` is the `answer_system` of the query.
    """
    box_system = system if query.crs is None else crs.by_name("wgs84")
    if query.bbox_crs is not None:
        box_system = _system_by_uri("bbox-crs", query.bbox_crs, answers)
    box = None if query.bbox is None else parse_bbox(query.bbox, box_system)
    filter_system = crs.by_name(query.coordinates)
    if query.filter_crs is not None:
        filter_system = _system_by_uri("filter-crs", query.filter_crs, answers)
    filters, days = [], None
    if query.filter is not None:
        to_wgs84 = None if filter_system.name in UNSHIFTED else filter_system.to_wgs84
        filters.append(cql2.parse(query.filter, collection.data_types, to_wgs84))
    if query.datetime is not None:
        days = _days(query.datetime, ZoneInfo(answers.study.settings.timezone))
    values = _property_values(query, collection)
    if query.due:
        since = state.today - timedelta(days=answers.settings.verify_days)
        filters.append(cql2.parse(f"verified IS NULL OR verified < DATE('{since}')", collection.data_types))
        days = days or (state.today, state.today)
    return FeatureQuery(box, box_system, days, values, tuple(filters), _sort_order(query.sortby, collection))


def _property_values(query: ItemsQuery, collection: Collection) -> dict[str, object]:
    """The values that the query's further parameters require of properties."""
    values: dict[str, object] = {}
    problems = []
    for name, text in (query.model_extra or {}).items():
        queryable = collection.queryables.get(name)
        try:
            if queryable is None:
                raise ValueError("there is no such parameter")
            values[name] = parse_value(text, queryable.data_type)
            if queryable.values and text not in queryable.values:
                raise ValueError(f"{text[:60]!r} is not one of {', '.join(queryable.values)}")
        except ValueError as error:
            problems.append((name[:100], str(error)[:200]))
    if "due" in query.model_fields_set and collection.id != FACILITIES:
        problems.append(("due", "there is no such parameter"))
    if problems:
        raise parameter_error(problems)
    return values


def parse_bbox(bbox: str, system: ReferenceSystem) -> BoundingBox:
    """The box of a parameter ``bbox`` in ``system``; an error names the parameter."""
    try:
        numbers = [parse_value(part.strip(), "number") for part in bbox.split(",")]
    except ValueError:
        raise parameter_error([("bbox", "needs four numbers: west,south,east,north")]) from None
    return collections.parse_bounding_box(numbers, system)


def _sort_order(sortby: str | None, collection: Collection) -> tuple[tuple[str, bool], ...]:
    """The properties to sort by, and whether each descends."""
    order: dict[str, bool] = {}
    for part in [] if sortby is None else sortby.split(","):
        name = part.lstrip("+- ").rstrip()  # in an address, + means a space
        if name not in collection.queryables:
            raise parameter_error([("sortby", f"{name[:60]!r} is not one of {', '.join(collection.queryables)}")])
        if name in order:
            raise parameter_error([("sortby", f"has {name[:60]!r} more than once")])
        order[name] = part.lstrip().startswith("-")
    return tuple(order.items())


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?")
_DATETIME_NEEDS = (
    "needs a day or a moment of RFC 3339, such as 2021-06-30 or 2021-06-30T08:00:00Z, or two with / between"
)


def _days(text: str, zone: ZoneInfo) -> tuple[date | None, date | None]:
    """The first and last day, in the study's time zone, of a moment or an interval (RFC 3339); None: an open end."""
    parts = text.split("/")
    if len(parts) > 2 or (len(parts) == 2 and all(part in ("", "..") for part in parts)):
        raise parameter_error([("datetime", _DATETIME_NEEDS)])
    days = [None if len(parts) == 2 and part in ("", "..") else _day(part, zone) for part in parts]
    first, last = days[0], days[-1]
    if first is not None and last is not None and first > last:
        raise parameter_error([("datetime", "ends before it begins")])
    return first, last


def _day(text: str, zone: ZoneInfo) -> date:
    if not _MOMENT.fullmatch(text):
        raise parameter_error([("datetime", _DATETIME_NEEDS)])
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        raise parameter_error([("datetime", _DATETIME_NEEDS)]) from None
