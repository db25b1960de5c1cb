"""The endpoint about capacity: who is served, who is in reach of full facilities only, and how full facilities are."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.answers import capacity as capacity_answers
from service.api.capacity_queries import MAX_FACILITIES, CapacityQuery
from service.api.queries import QueryRoute
from service.api.responses import answers_of, describe_responses, respond

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@router.get(
    "/capacity/{standard}",
    responses=describe_responses("accessibility, the split of people, and the load of facilities", "Capacity", 404),
    summary="Who is served by the facilities of a goal, and how full they are",
)
async def capacity_of(request: Request, standard: str, query: Annotated[CapacityQuery, Query()]) -> Response:
    answers = answers_of(request)
    limit, weights = min(query.limit, MAX_FACILITIES), query.catchment_weights
    return await respond(
        request,
        lambda state: capacity_answers.answer(
            answers, state, standard, query.coordinates, query.assume, weights, limit
        ),
    )
