"""The endpoints about time: coverage by the hour of the week, what changed between two days, the plan's progress."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from service.answers import changes as change_answers
from service.answers import hours as hour_answers
from service.answers import progress as progress_answers
from service.api.auth import optional_editor
from service.api.queries import DATE_TEXT, INTEGER_TEXT, CoordinatesQuery, DayQuery, QueryRoute, limit_field
from service.api.responses import GEOJSON, answers_of, describe_responses, respond

MAX_CHANGES = 10_000

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


class ChangesQuery(CoordinatesQuery):
    """The parameters of what changed between two days."""

    from_: Annotated[
        date | None,
        Field(
            alias="from",
            description="the day after which changes count; default: all since the first day there is",
            examples=["2020-12-31"],
        ),
        DATE_TEXT,
    ] = None
    to: Annotated[
        date | None,
        Field(description="the last day on which changes count; default: today", examples=["2021-12-31"]),
        DATE_TEXT,
    ] = None
    limit: Annotated[int, limit_field(MAX_CHANGES), INTEGER_TEXT] = 1000


OPTIONAL_KEY: dict[str, Any] = {"security": [{}, {"HTTPBearer": []}]}


@router.get(
    "/changes",
    responses=describe_responses(
        "GeoJSON of what opened and closed, with the edits, and each goal then and now",
        "Changes",
        401,
        media_type=GEOJSON,
    ),
    summary="What opened, closed and was edited between two days, and what that did to the goals",
    openapi_extra=OPTIONAL_KEY,
)
async def changes(request: Request, query: Annotated[ChangesQuery, Query()]) -> Response:
    answers = answers_of(request)
    names_editors = await run_in_threadpool(optional_editor, request) is not None
    limit = min(query.limit, MAX_CHANGES)
    return await respond(
        request,
        lambda state: change_answers.answer(
            answers, state, query.from_, query.to, limit, query.coordinates, names_editors
        ),
        GEOJSON,
        headers={"Vary": "Authorization"},
        keep=not names_editors,
        varies_with="editor" if names_editors else "",
    )


@router.get(
    "/progress",
    responses=describe_responses("each goal that has a target, by month", "Progress"),
    summary="How far the plan's targets are met, month by month",
)
async def progress(request: Request, query: Annotated[DayQuery, Query()]) -> Response:
    answers = answers_of(request)
    return await respond(request, lambda state: progress_answers.answer(answers, state, query.coordinates, query.on))
