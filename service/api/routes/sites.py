"""The endpoints about where to build."""

from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from geo.errors import FieldError
from geo.measures.siting.document import SitesRequest
from service.answers import sites as site_answers
from service.answers.state import RegisterState
from service.api.queries import CoordinatesQuery, QueryRoute
from service.api.responses import answers_of, describe_responses, json_response, state_of

MAX_BODY_BYTES = 2**20
"""Enough for `geo.measures.siting.document.MAX_VERTICES` vertices, or all candidates with names."""
_AT_ONCE = BoundedSemaphore(2)
_PATIENCE_S = 20.0

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@router.post(
    "/sites",
    responses=describe_responses("the sites, what they achieve, and the plan", "SitesAnswer", 401, 404, 413),
    summary="Where to build next for a goal",
)
async def sites(request: Request, question: SitesRequest, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    state = await state_of(request)
    return await run_in_threadpool(_answer_at_once, request, state, question, query.coordinates)


def _answer_at_once(request: Request, state: RegisterState, question: SitesRequest, coordinates: str) -> Response:
    answers = answers_of(request)
    most = answers.settings.sites_seconds
    if (question.seconds or 0) > most:
        reason = f"seconds: a search of more than {most:g} s needs a key, or the command line: fuwuquan sites"
        raise FieldError([("seconds", reason)])
    if not _AT_ONCE.acquire(timeout=_PATIENCE_S):
        raise HTTPException(
            503, "too many searches for sites are running: try again in a minute", {"Retry-After": "60"}
        )
    try:
        effort = site_answers.quick_effort(question.seconds or most)
        siting = site_answers.choose(answers, state, question, coordinates, effort)
    finally:
        _AT_ONCE.release()
    return json_response(site_answers.as_json(answers, siting, question, coordinates))
