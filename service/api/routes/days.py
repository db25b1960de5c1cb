"""The endpoints about time: coverage by the hour of the week, what changed between two days, the plan's progress."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.answers import hours as hour_answers
from service.api.queries import DayQuery, QueryRoute
from service.api.responses import answers_of, describe_responses, respond

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@router.get(
    "/hours/{standard}",
    responses=describe_responses("the share at each hour, from Monday 00:00", "Hours", 404),
    summary="Which share of people has an open facility within a goal's limit, at each hour of a usual week",
)
async def hours_of(request: Request, standard: str, query: Annotated[DayQuery, Query()]) -> Response:
    answers = answers_of(request)
    return await respond(
        request, lambda state: hour_answers.answer(answers, state, standard, query.coordinates, query.on)
    )
