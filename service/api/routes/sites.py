"""The endpoints about where to build: a question that is answered at once, and searches that take long."""

from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Annotated

import orjson
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from geo.measures.siting.document import SitesRequest
from service.answers import sites as site_answers
from service.answers.json_types import JsonObject
from service.answers.site_process import Searches
from service.answers.state import RegisterState
from service.api.auth import Editor, optional_editor
from service.api.queries import CoordinatesQuery, QueryRoute
from service.api.responses import answers_of, describe_responses, json_response, state_of
from service.register import site_searches
from service.register.tables import SiteSearchRecord

MAX_BODY_BYTES = 2**20
"""Enough for `geo.measures.siting.document.MAX_VERTICES` vertices, or all candidates with names."""
AT_ONCE = 2
"""How many questions a process answers at the same time; more wait for `_PATIENCE_S`."""
_PATIENCE_S = 20.0
_free = BoundedSemaphore(AT_ONCE)

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@router.post(
    "/sites",
    responses=describe_responses("the sites, what they achieve, and the plan", "SitesAnswer", 401, 404, 409, 413)
    | describe_responses("a search that takes long has begun; its address is in Location", "SiteSearch", status=202),
    summary="Where to build next for a goal",
    description="Without `seconds`, or with few, the answer comes at once. With more seconds the request needs a key, "
    "as edits do, and begins a search that can be followed at the address in `Location`.",
)
async def sites(request: Request, question: SitesRequest, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    most = answers_of(request).settings.sites_seconds
    if question.seconds is not None and question.seconds > most:
        who = await run_in_threadpool(optional_editor, request)
        if who is None:
            words = f"a search for more than {most:g} seconds needs a key: Authorization: Bearer …"
            raise HTTPException(401, words, {"WWW-Authenticate": "Bearer"})
        return await run_in_threadpool(_begin, request, who, question, query.coordinates)
    state = await state_of(request)
    return await run_in_threadpool(_answer_at_once, request, state, question, query.coordinates)


def _answer_at_once(request: Request, state: RegisterState, question: SitesRequest, coordinates: str) -> Response:
    answers = answers_of(request)
    if not _free.acquire(timeout=_PATIENCE_S):
        raise HTTPException(429, "other questions about sites are being answered: ask again in a minute",
                            {"Retry-After": "60"})  # fmt: skip
    try:
        effort = site_answers.quick_effort(question.seconds or answers.settings.sites_seconds)
        siting = site_answers.choose(answers, state, question, coordinates, effort)
    finally:
        _free.release()
    return json_response(site_answers.as_json(answers, siting, question, coordinates))


def _begin(request: Request, who: str, question: SitesRequest, coordinates: str) -> Response:
    answers = answers_of(request)
    site_answers.check(answers, question, coordinates)
    document = question.model_dump(exclude_unset=True)
    search_id = site_searches.add(answers.register.database, who, document, coordinates)
    _searches(request).start(search_id)
    search = site_searches.get(answers.register.database, search_id)
    return json_response(_described(search, coordinates), status=202, headers={"Location": f"/v1/sites/{search_id}"})


def _searches(request: Request) -> Searches:
    searches: Searches = request.app.state.searches
    return searches


@router.get(
    "/sites/{search}",
    responses=describe_responses("how far a search is, and its result", "SiteSearch", 404),
    summary="How far a search for sites is, and its result",
)
def search_of(request: Request, search: str, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    record = site_searches.get(answers_of(request).register.database, search)
    return json_response(_described(record, query.coordinates))


def _described(search: SiteSearchRecord, coordinates: str) -> JsonObject:
    until = datetime.now(UTC) if search.state == site_searches.RUNNING else search.seen
    value, bound = search.value, search.bound
    gap = None if value is None or bound is None else round(abs(value - bound) / max(abs(bound), 1e-12), 6)
    return {
        "id": search.id,
        "state": search.state,
        "begun": search.begun,
        "seconds": round((until - search.begun).total_seconds(), 1),
        "value": value,
        "bound": bound,
        "gap": gap,
        "request": search.request,
        "request_coordinates": search.coordinates,
        "problem": search.problem,
        "result": None if search.result is None else site_answers.converted(orjson.loads(search.result), coordinates),
        "coordinate_system": coordinates,
    }


@router.delete(
    "/sites/{search}",
    status_code=204,
    responses=describe_responses("the search was cancelled and forgotten", None, 401, 404, status=204),
    summary="Cancel a search for sites, or forget its result",
)
def cancel(request: Request, search: str, query: Annotated[CoordinatesQuery, Query()], editor: Editor) -> Response:
    _searches(request).cancel(search)
    return Response(status_code=204)
