"""The endpoints of saved scenarios: save, list, answer, compare and remove them."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, field_validator

from geo.measures.scenario_document import Scenario
from service.answers import saved_scenarios as answers_about
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api.auth import Editor
from service.api.links import ServiceAddress, link
from service.api.queries import INTEGER_TEXT, CoordinatesQuery, QueryRoute, limit_field, list_schema
from service.api.responses import JSON, answers_of, describe_responses, json_response, respond, state_of
from service.api.travel_queries import ScenarioQuery
from service.register import saved_scenarios

MAX_LISTED = 100
PATH = "/scenarios/{scenario}"
ScenarioId = Annotated[
    str, Path(description="the id to save it under", pattern=f"^{saved_scenarios.ID_PATTERN}$", examples=["new-clinic"])
]

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


class ListQuery(CoordinatesQuery):
    """Which of the saved scenarios are listed."""

    limit: Annotated[int, limit_field(MAX_LISTED), INTEGER_TEXT] = 20
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many scenarios to skip"), INTEGER_TEXT] = 0


class CompareQuery(CoordinatesQuery):
    """Which of the saved scenarios stand side by side."""

    ids: Annotated[
        str,
        Field(
            description=f"ids of saved scenarios with commas between, 2 to {answers_about.MOST_COMPARED}",
            json_schema_extra=list_schema(
                {"type": "string", "pattern": f"^{saved_scenarios.ID_PATTERN}$"},
                minItems=2,
                maxItems=answers_about.MOST_COMPARED,
                uniqueItems=True,
            ),
        ),
    ]

    @field_validator("ids")
    @classmethod
    def _check_ids(cls, value: str) -> str:
        names = value.split(",")
        if not 2 <= len(names) <= answers_about.MOST_COMPARED:
            raise ValueError(f"must be 2 to {answers_about.MOST_COMPARED} ids with commas between")
        if len(set(names)) < len(names):
            raise ValueError("names a scenario twice")
        return value


@router.get(
    "/scenarios",
    responses=describe_responses("the saved scenarios, the last saved first", "Scenarios"),
    summary="The saved scenarios",
)
async def scenarios(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
    answers, limit = answers_of(request), min(query.limit, MAX_LISTED)
    records, count = await run_in_threadpool(saved_scenarios.page, answers.register.database, limit, query.offset)
    address = ServiceAddress(request)

    def page_link(offset: int, rel: str, title: str) -> dict[str, str]:
        numbers = {"limit": str(limit), "offset": str(offset)}
        return link(address("scenarios", **numbers), rel, JSON, title)

    def compute(state: RegisterState) -> JsonObject:
        links = [page_link(query.offset, "self", "本页 this page")]
        if query.offset + limit < count:
            links.append(page_link(query.offset + limit, "next", "下一页 next page"))
        if query.offset:
            links.append(page_link(max(query.offset - limit, 0), "prev", "上一页 previous page"))
        listed = [
            {
                **answers_about.members(answers_about.of_record(record), state),
                "changes": len(answers_about.of_record(record).scenario.changes),
                "href": address("scenarios", record.id),
            }
            for record in records
        ]
        return {
            "scenarios": listed,
            "numberMatched": count,
            "numberReturned": len(listed),
            "links": links,
            "coordinate_system": query.coordinates,
            **answers.study_metadata,
        }

    versions = ",".join(f"{record.id} {record.saved}" for record in records)
    return await respond(request, compute, keep=False, varies_with=_digest(f"{count} {versions}"))


@router.get(
    "/scenarios/compare",
    responses=describe_responses("the goals, with a result of each scenario", "ScenarioComparison", 404),
    summary="Two or more saved scenarios side by side",
)
async def compare(request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
    answers, ids = answers_of(request), query.ids.split(",")

    named = await run_in_threadpool(lambda: [answers_about.opened(answers, scenario_id) for scenario_id in ids])
    return await respond(
        request,
        lambda state: answers_about.comparison(answers, state, named, query.coordinates),
        keep=False,
        varies_with=" ".join(str(each.record and each.record.saved) for each in named),
    )


@router.get(
    PATH,
    responses=describe_responses("its document and its answer on today's register", "SavedScenario", 404),
    summary="A saved scenario, answered on today's register",
)
async def scenario_of(request: Request, scenario: str, query: Annotated[ScenarioQuery, Query()]) -> Response:
    answers = answers_of(request)
    record = await run_in_threadpool(saved_scenarios.get, answers.register.database, scenario)
    return await respond(
        request,
        lambda state: answers_about.answer(answers, state, scenario, query.coordinates, query.gaps),
        keep=False,
        varies_with=str(record.saved),
    )


@router.put(
    PATH,
    responses=describe_responses("the same document was saved before", "SavedScenarioMembers", 401, 404, 409)
    | describe_responses("saved", "SavedScenarioMembers", status=201),
    summary="Save a scenario under an id; another document never replaces it",
)
async def save(
    request: Request,
    scenario: ScenarioId,
    document: Scenario,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
) -> Response:
    state = await state_of(request)

    def write() -> Response:
        answers = answers_of(request)
        record, is_new = answers_about.save(answers, state, scenario, document, query.coordinates, editor)
        content = {**answers_about.members(answers_about.of_record(record), state), "coordinate_system": "wgs84"}
        headers = {"Location": ServiceAddress(request)("scenarios", record.id)}
        return json_response(content, status=201 if is_new else 200, headers=headers)

    return await run_in_threadpool(write)


@router.delete(
    PATH,
    status_code=204,
    responses=describe_responses("removed", None, 401, 404, status=204),
    summary="Remove a saved scenario",
)
async def remove(
    request: Request, scenario: str, query: Annotated[CoordinatesQuery, Query()], editor: Editor
) -> Response:
    await run_in_threadpool(saved_scenarios.remove, answers_of(request).register.database, scenario)
    return Response(status_code=204)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
