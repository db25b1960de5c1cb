"""The endpoints about what a new facility would bring at each junction, and what each closure would cost."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from geo.geodesy import crs
from service.answers import value_geojson as value_answers
from service.answers.json_types import JsonObject
from service.api.feature_queries import MAX_ITEMS, parse_bbox
from service.api.queries import INTEGER_TEXT, CoordinatesQuery, QueryRoute, limit_field, list_schema
from service.api.responses import GEOJSON, answers_of, describe_responses, respond

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


class SitesQuery(CoordinatesQuery):
    """Which sites or facilities are wanted."""

    limit: Annotated[int, limit_field(MAX_ITEMS), INTEGER_TEXT] = 1000
    bbox: Annotated[
        str | None,
        Field(
            description="west,south,east,north in `coordinates`",
            examples=["120,28.8,120.1,28.9"],
            json_schema_extra=list_schema({"type": "number"}, minItems=4, maxItems=6),
        ),
    ] = None


@router.get(
    "/value/{standard}",
    responses=describe_responses("GeoJSON, the best site first", "Values", 404, media_type=GEOJSON),
    summary="How many people a new facility at each junction would bring inside a goal",
)
async def value_of(request: Request, standard: str, query: Annotated[SitesQuery, Query()]) -> Response:
    return await _respond(request, standard, query, value_answers.value_as_geojson)


@router.get(
    "/fragility/{standard}",
    responses=describe_responses("GeoJSON, the worst loss first", "Fragility", 404, media_type=GEOJSON),
    summary="How many people each facility's closure would put outside a goal",
)
async def fragility_of(request: Request, standard: str, query: Annotated[SitesQuery, Query()]) -> Response:
    return await _respond(request, standard, query, value_answers.fragility_as_geojson)


async def _respond(request: Request, standard: str, query: SitesQuery, answer: Callable[..., JsonObject]) -> Response:
    answers, limit = answers_of(request), min(query.limit, MAX_ITEMS)
    box = None if query.bbox is None else parse_bbox(query.bbox, crs.by_name(query.coordinates))
    return await respond(
        request, lambda state: answer(answers, state, standard, query.coordinates, limit, box), GEOJSON
    )
