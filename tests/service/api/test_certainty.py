"""/v1/distribution/{standard} and /v1/sensitivity/{standard}: how far people are, and how sure a result is."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from openapi_schema_validator import OAS30Validator
from starlette.testclient import TestClient

from geo.measures import counting, distribution, sensitivity
from geo.measures import coverage as coverages
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import ogc

MOST_CPU_S = 1.0
"""The core's time that docs/api.md allows an anonymous request, where the networks are open."""


@pytest.mark.parametrize("standard", ["health-15", "health-20", "park-500", "kindergarten-300"])
def test_both_answers_begin_with_the_coverage(client: TestClient, standard: str):
    coverage = ogc.get(client, f"/v1/coverage/{standard}")
    spread = ogc.get(client, f"/v1/distribution/{standard}")
    sure = ogc.get(client, f"/v1/sensitivity/{standard}")
    for answer in (spread, sure):
        for name in ("total", "covered", "share", "unit", "people_counted", "mode", "speed_kph", "sample", "data_date"):
            assert answer[name] == coverage[name]
    own = spread["groups"][0]
    assert (own["group"], own["people"], own["covered"]) == ("standard", coverage["total"], coverage["covered"])
    assert own["within"][spread["steps"].index(spread["limit"])] == coverage["covered"]
    headlines = [variant for variant in sure["variants"] if variant["is_headline"]]
    assert [(variant["covered"], variant["share"]) for variant in headlines] == [
        (coverage["covered"], coverage["share"])
    ]
    shares = {variant["id"]: variant["share"] for variant in sure["variants"]}
    for alternative in coverage["alternatives"]:
        same = [
            variant["share"]
            for variant in sure["variants"]
            if variant["mode"] == alternative["mode"]
            and variant["speed_kph"] == alternative["speed_kph"]
            and variant["method"] == coverage["method"]
        ]
        assert alternative["share"] in same or alternative["mode"] == "drive", shares
    for name in ("together", "strict"):
        assert sure[name]["lowest"]["share"] <= coverage["share"] <= sure[name]["highest"]["share"]


def test_groups_are_apart_and_areas_add_up(client: TestClient):
    answer = ogc.get(client, "/v1/distribution/health-15")
    groups = {group["group"]: group for group in answer["groups"]}
    assert list(groups) == ["standard", "all", "urban", "rural", "children_3_6", "elders_65"]
    assert groups["urban"]["people"] + groups["rural"]["people"] == groups["all"]["people"]
    assert sum(area["people"] for area in answer["areas"]) == pytest.approx(groups["standard"]["people"], abs=1)
    assert 0 < groups["urban"]["gini"] < 1
    assert groups["all"]["out_of_reach"] == 298
    for group in groups.values():
        assert group["within"] == sorted(group["within"])


@pytest.mark.parametrize("standard", ["hall-presence", "hall-new"])
def test_standards_without_people_have_no_distribution(client: TestClient, standard: str):
    answer = ogc.get(client, f"/v1/distribution/{standard}")
    assert (answer["value_unit"], answer["steps"], answer["groups"], answer["areas"]) == (None, [], [], [])
    assert any("counts no people" in note for note in answer["notes"])
    assert ogc.get(client, f"/v1/sensitivity/{standard}")["variants"] == []


@pytest.mark.parametrize("path", ["distribution", "sensitivity"])
@pytest.mark.parametrize(
    ("address", "status"), [("health-99", 404), ("health-15?minutes=20", 400), ("health-15?coordinates=x", 400)]
)
def test_bad_questions_are_refused(client: TestClient, path: str, address: str, status: int):
    answer = client.get(f"/v1/{path}/{address}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == ogc.PROBLEM


@pytest.mark.parametrize("path", ["distribution", "sensitivity"])
def test_an_answer_that_the_client_has_is_not_sent_again(client: TestClient, path: str):
    tag = client.get(f"/v1/{path}/health-15").headers["etag"]
    assert client.get(f"/v1/{path}/health-15", headers={"if-none-match": tag}).status_code == 304


def test_answers_follow_the_register(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Both are computed once for each state of the register."""
    answers = client.app.state.answers  # type: ignore[attr-defined]
    state = answers.states.current()
    assert answers.sensitivity(state, "park-500") is not None
    for module in (distribution, sensitivity):
        monkeypatch.setattr(module, "measure", None)
    assert answers.sensitivity(state, "park-500")[1] is answers.sensitivity(state, "park-500")[1]


@pytest.mark.parametrize("path", ["distribution", "sensitivity"])
def test_answers_match_the_document(client: TestClient, path: str):
    document = client.get("/openapi.json").json()
    response = document["paths"][f"/{path}/{{standard}}"]["get"]["responses"]["200"]
    schema = {**response["content"]["application/json"]["schema"], "components": document["components"]}
    for standard in ("health-15", "park-500", "hall-presence", "hall-new"):
        OAS30Validator(schema).validate(client.get(f"/v1/{path}/{standard}").json())
    with pytest.raises(jsonschema.ValidationError):
        OAS30Validator(schema).validate({"standard": "health-15"})
    parameters = document["paths"][f"/{path}/{{standard}}"]["get"]["parameters"]
    assert [parameter["example"] for parameter in parameters if parameter["in"] == "path"] == ["health-15"]


@pytest.mark.parametrize("name", ["sample", "porto_alegre"])
def test_a_first_request_takes_less_than_a_core_for_a_second(name: str, request: pytest.FixtureRequest):
    study: Study = request.getfixturevalue(name)
    travel, day = Travel(study), date(2026, 1, 1)
    for mode in ("walk", "cycle", "drive"):
        travel.demand_positions(mode)  # type: ignore[arg-type]
    warm_up = True
    for goal in [study.standards[0], study.standards[0], study.standard("park-500")]:
        facilities = study.facilities
        counted = counting.count_units(travel, facilities, goal, day)
        measured = counted, coverages.summarise(travel, goal, counted)
        requests: tuple[Callable[[], object], ...] = (
            lambda: distribution.measure(travel, goal, counted),  # noqa: B023
            lambda: sensitivity.measure(travel, goal, facilities, measured, day),  # noqa: B023
        )
        for compute in requests:
            begin = time.thread_time()
            compute()
            assert warm_up or time.thread_time() - begin < MOST_CPU_S, goal.id
        warm_up = False


def test_study_without_anything_answers(small_study: Callable[..., Study], tmp_path: Path):
    from service.api.app import create_app
    from service.settings import Settings

    small_study(folder=tmp_path / "empty")
    with TestClient(create_app(Settings(study=tmp_path / "empty"))) as empty:
        for path in ("distribution", "sensitivity"):
            for standard in ("health-15", "park-500", "hall-presence", "hall-new"):
                answer = ogc.get(empty, f"/v1/{path}/{standard}")
                assert (answer["known"], answer["covered"], answer["share"]) == (False, 0, None)
