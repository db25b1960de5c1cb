"""The endpoints about the distribution of travel times, and about how sure the result of a goal is."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.answers import certainty
from service.api.queries import CoordinatesQuery, QueryRoute
from service.api.responses import answers_of, describe_responses, respond

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@router.get(
    "/distribution/{standard}",
    responses=describe_responses("people by minutes or metres, by group and by area", "Distribution", 404),
    summary="How many people are how far from a facility, and how equally",
)
async def distribution(request: Request, standard: str, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    answers = answers_of(request)
    return await respond(request, lambda state: certainty.distribution(answers, state, standard, query.coordinates))


@router.get(
    "/sensitivity/{standard}",
    responses=describe_responses(
        "the result computed otherwise, and what the unknowns could change", "Sensitivity", 404
    ),
    summary="How sure the result of a goal is",
)
async def sensitivity(request: Request, standard: str, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    answers = answers_of(request)
    return await respond(request, lambda state: certainty.sensitivity(answers, state, standard, query.coordinates))
