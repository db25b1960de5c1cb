"""The endpoints about travel times: nearest facilities, isochrones, the standards, coverage, gaps and scenarios."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from geo.choices import Coordinates
from geo.errors import FieldError
from geo.measures.coverage import Coverage
from geo.measures.scenario_document import Scenario
from service.answers import gaps as gap_answers
from service.answers import isochrones as isochrone_answers
from service.answers import scenarios as scenario_answers
from service.answers.engine import Answers
from service.answers.isochrones import parse_minutes
from service.answers.json_types import JsonObject
from service.answers.nearest import NearestFinder, NearestOptions
from service.answers.state import RegisterState
from service.api.queries import CoordinatesQuery, DayQuery, QueryRoute
from service.api.responses import GEOJSON, answers_of, describe_responses, json_response, respond, state_of
from service.api.travel_queries import (
    MAX_GAPS,
    GapsQuery,
    IsochronesQuery,
    NearestOptionsQuery,
    NearestQuery,
    Places,
    ScenarioQuery,
)

MAX_BODY_BYTES = 2 * 2**20
"""Enough for `MAX_PLACES` places with the longest ids."""
MAX_SCENARIO_BYTES = 2**16
MAX_FACILITIES = 10_000
MAX_SEARCHED_PLACES, MAX_SEARCHED_FACILITIES = 100, 1_000
"""The most places, and facilities for all of them, where each place needs a search of the street network."""

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


@dataclass(frozen=True)
class CoverageMetadata:
    """The members that answers about coverage have about the study and the day, for the OpenAPI document."""

    on: date
    coordinate_system: Coordinates
    notice: str | None
    attribution: str | None


@dataclass(frozen=True)
class OneCoverage(CoverageMetadata, Coverage):
    """The coverage of one standard."""


@dataclass(frozen=True)
class CoverageList(CoverageMetadata):
    """The coverage of all standards."""

    standards: list[Coverage]


def _metadata(answers: Answers, query: CoordinatesQuery) -> JsonObject:
    study = answers.study_metadata
    return {
        "coordinate_system": query.coordinates,
        "notice": study["notice"],
        "attribution": study["attribution"],
    }


@router.get(
    "/nearest",
    responses=describe_responses("GeoJSON, nearest first, with minutes and metres", "Nearest", media_type=GEOJSON),
    summary="The nearest facilities by travel time",
)
async def nearest(request: Request, query: Annotated[NearestQuery, Query()]) -> Response:
    answers = answers_of(request)
    options = query.options(answers.study.settings.timezone)

    def compute(state: RegisterState) -> JsonObject:
        return NearestFinder.cached(answers, state, options).around(query.lon, query.lat)

    varies_with = "" if options.open_at is None else str(options.open_at)
    return await respond(request, compute, GEOJSON, keep=False, varies_with=varies_with, is_quick=options.is_cached)


@router.get("/standards", responses=describe_responses("the goals", "Standards"), summary="The goals, as data")
async def standards(request: Request, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    answers = answers_of(request)

    def compute(state: RegisterState) -> JsonObject:
        goals = [standard.model_dump(mode="json") for standard in answers.study.standards]
        return {"standards": goals, "sample": answers.study.settings.sample, **_metadata(answers, query)}

    return await respond(request, compute)


@router.get(
    "/coverage",
    responses=describe_responses("the coverage of all goals", CoverageList),
    summary="The coverage of all goals",
)
async def coverage(request: Request, query: Annotated[DayQuery, Query()]) -> Response:
    answers = answers_of(request)

    def compute(state: RegisterState) -> JsonObject:
        day = query.on or state.today
        return {"standards": answers.all_coverage(state, query.on), "on": day, **_metadata(answers, query)}

    return await respond(request, compute)


@router.get(
    "/coverage/{standard}",
    responses=describe_responses("the coverage of one goal", OneCoverage, 404),
    summary="The coverage of one goal",
)
async def coverage_of(request: Request, standard: str, query: Annotated[DayQuery, Query()]) -> Response:
    answers = answers_of(request)

    def compute(state: RegisterState) -> JsonObject:
        summary = answers.coverage(standard, state, query.on)
        return {**vars(summary), "on": query.on or state.today, **_metadata(answers, query)}

    return await respond(request, compute)


@router.get(
    "/gaps/{standard}",
    responses=describe_responses("GeoJSON, the worst gap first", "Gaps", 404, media_type=GEOJSON),
    summary="Where people live outside a goal, or which units have no facility",
)
async def gaps_of(request: Request, standard: str, query: Annotated[GapsQuery, Query()]) -> Response:
    answers = answers_of(request)
    limit = min(query.limit, MAX_GAPS)
    return await respond(
        request,
        lambda state: gap_answers.as_geojson(answers, state, standard, query.coordinates, limit, query.on),
        GEOJSON,
    )


@router.post(
    "/scenarios",
    responses=describe_responses("each goal before and after the changes", "ScenarioAnswer", 413),
    summary="What adding, moving, closing or changing facilities does to the goals",
)
async def scenarios(request: Request, scenario: Scenario, query: Annotated[ScenarioQuery, Query()]) -> Response:
    state = await state_of(request)

    def compute() -> Response:
        answers = answers_of(request)
        return json_response(scenario_answers.answer(answers, state, scenario, query.coordinates, query.gaps))

    return await run_in_threadpool(compute)


@router.post(
    "/nearest",
    responses=describe_responses("for each place, in their order, its nearest facilities", "NearestOfEach", 413),
    summary="The nearest facilities of up to 1,000 places at once",
)
async def nearest_of_each(request: Request, places: Places, query: Annotated[NearestOptionsQuery, Query()]) -> Response:
    options = query.options(answers_of(request).study.settings.timezone)
    _check_work(len(places.places), options)
    state = await state_of(request)
    return await run_in_threadpool(_nearest_of_each, request, state, places, options)


def _check_work(places: int, options: NearestOptions) -> None:
    """FieldError if so many places with these options would take too long."""
    if places * options.limit > MAX_FACILITIES:
        raise FieldError([("limit", f"limit times the number of places is more than {MAX_FACILITIES:,}")])
    if options.needs_search and places > MAX_SEARCHED_PLACES:
        reason = f"places are more than {MAX_SEARCHED_PLACES}, the most with these parameters or a limit above 8"
        raise FieldError([("places", reason)])
    if options.needs_search and places * options.limit > MAX_SEARCHED_FACILITIES:
        reason = f"limit times places is more than {MAX_SEARCHED_FACILITIES:,}, the most with these parameters"
        raise FieldError([("limit", reason)])


def _nearest_of_each(request: Request, state: RegisterState, places: Places, options: NearestOptions) -> Response:
    finder = NearestFinder.cached(answers_of(request), state, options)
    collections = [finder.around(place.lon, place.lat) for place in places.places]
    own_members = ("place", "snapped", "reason", "features")
    answers = [
        {"id": place.id, **{name: collection[name] for name in own_members}}
        for place, collection in zip(places.places, collections, strict=True)
    ]
    common = {name: value for name, value in collections[0].items() if name not in (*own_members, "type")}
    return json_response({"answers": answers, **common})


@router.get(
    "/isochrones",
    responses=describe_responses(
        "GeoJSON, one feature for each contour, the shortest first", "Isochrones", 404, 410, media_type=GEOJSON
    ),
    summary="The area within some minutes of a place or a facility",
)
async def isochrones(request: Request, query: Annotated[IsochronesQuery, Query()]) -> Response:
    answers = answers_of(request)

    def compute(state: RegisterState) -> JsonObject:
        minutes = parse_minutes(query.minutes)
        return isochrone_answers.as_geojson(
            answers, query.place, minutes, query.mode, query.direction, query.coordinates
        )

    return await respond(request, compute, GEOJSON)
