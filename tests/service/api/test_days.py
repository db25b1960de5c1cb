"""?on=, /v1/changes, /v1/progress and /v1/hours over HTTP: their numbers, what is refused, and what they cost."""

import time
from collections import Counter
from datetime import date

import pytest
from starlette.testclient import TestClient

from support import ogc

DAY = "2020-12-31"


@pytest.mark.parametrize("standard", ["health-15", "hall-presence", "hall-new", "park-500"])
def test_coverage_of_a_day_is_the_same_at_each_address(client: TestClient, standard: str):
    answer = ogc.get(client, f"/v1/coverage/{standard}", on=DAY)
    listed = ogc.get(client, "/v1/coverage", on=DAY)
    assert answer["on"] == listed["on"] == DAY
    (entry,) = (entry for entry in listed["standards"] if entry["standard"] == standard)
    assert entry.items() <= answer.items()
    assert any(f"as of {DAY}" in note for note in answer["notes"])
    gaps = ogc.get(client, f"/v1/gaps/{standard}", on=DAY)
    assert (gaps["on"], gaps["covered"], gaps["total"]) == (DAY, answer["covered"], answer["total"])
    if answer["unit"] == "people":
        people = sum(gap["properties"]["people"] for gap in gaps["features"])
        assert people == pytest.approx(answer["total"] - answer["covered"], abs=0.5)


def test_halls_of_a_day_are_those_that_had_opened(client: TestClient):
    facilities = ogc.features_of(client, "facilities", category="cultural_hall", limit=1000)
    halls = [facility["properties"] for facility in facilities]
    villages = {hall["area_code"] for hall in halls if (hall["opened"] or "") <= DAY}
    answer = ogc.get(client, "/v1/coverage/hall-presence", on=DAY)
    assert answer["facilities"] == sum((hall["opened"] or "") <= DAY for hall in halls)
    assert 0 < answer["covered"] <= len(villages)
    unknown = sum(hall["opened"] is None for hall in halls)
    assert any(f"{unknown} of {answer['facilities']} facilities (cultural hall)" in note for note in answer["notes"])


def test_answers_without_a_day_hold_for_today(client: TestClient):
    answer = ogc.get(client, "/v1/coverage/park-500")
    assert ogc.get(client, "/v1/coverage/park-500", on=answer["on"]) == answer
    assert date.fromisoformat(answer["on"]) <= date.today()


def test_day_has_an_entity_tag_of_its_own(client: TestClient):
    tags = {
        client.get("/v1/coverage", params=query).headers["ETag"] for query in ({}, {"on": DAY}, {"on": "2020-12-30"})
    }
    assert len(tags) == 3
    tag = client.get("/v1/progress").headers["ETag"]
    assert client.get("/v1/progress", headers={"If-None-Match": tag}).status_code == 304


def test_gap_map_of_a_day_names_the_day(client: TestClient):
    page = client.get("/maps/park-500", params={"on": DAY})
    assert page.status_code == 200
    assert f"as of {DAY}" in page.text
    assert f"as of {DAY}" not in client.get("/maps/park-500").text
    share = ogc.get(client, "/v1/coverage/park-500", on=DAY)["share"]
    assert f"{share:.1%}" in page.text


@pytest.mark.parametrize(
    "address",
    ["/v1/coverage", "/v1/coverage/park-500", "/v1/gaps/park-500", "/v1/progress", "/v1/hours/park-500"],
)
@pytest.mark.parametrize("day", ["2020-02-30", "1899-12-31", "2200-12-31", "9999-12-31", "20201231", "now", "", "١"])
def test_days_that_cannot_be_asked_for_are_refused(client: TestClient, address: str, day: str):
    answer = client.get(address, params={"on": day})
    assert answer.status_code == 400
    assert [problem["name"] for problem in answer.json()["parameters"]] == ["on"]


@pytest.mark.parametrize("day", ["2020-02-30", "1000-01-01"])
def test_map_refuses_the_same_days(client: TestClient, day: str):
    assert client.get("/maps/park-500", params={"on": day}).status_code == 400


def test_changes_of_the_plan_year(client: TestClient):
    answer = ogc.get(client, "/v1/changes", **{"from": DAY, "to": "2021-12-31"})
    rows = [feature["properties"] for feature in answer["features"]]
    assert (answer["from"], answer["to"]) == (DAY, "2021-12-31")
    assert all(DAY < row["day"] <= "2021-12-31" and row["day"] == row[row["change"]] for row in rows)
    counts = Counter((row["change"], row["category"]) for row in rows)
    assert answer["opened"]["by_category"] == {
        category: number for (change, category), number in counts.items() if change == "opened"
    }
    assert (answer["opened"]["count"], answer["closed"]["count"]) == (42, 0)
    assert (answer["edits"]["count"], answer["edits"]["latest"]) == (0, [])
    assert any("the history begins on" in note for note in answer["notes"])
    for goal in answer["standards"]:
        before, after = (ogc.get(client, f"/v1/coverage/{goal['standard']}", on=day) for day in (DAY, "2021-12-31"))
        assert goal["before"].items() <= before.items()
        assert goal["after"].items() <= after.items()
        assert goal["difference"]["covered"] == pytest.approx(after["covered"] - before["covered"], abs=0.11)
        assert goal["gained"] - goal["lost"] == pytest.approx(goal["difference"]["covered"], abs=0.11)
        assert goal["gaps"] is None
        for area, was, now in zip(goal["areas"], before["areas"], after["areas"], strict=True):
            assert (area["before"], area["after"]) == (was, now)


def test_limit_of_changes_keeps_the_counts(client: TestClient):
    answer = ogc.get(client, "/v1/changes", limit=3)
    assert Counter(feature["properties"]["change"] for feature in answer["features"]) == {"opened": 3, "closed": 3}
    assert answer["opened"]["count"] > 800


def test_places_of_changes_are_in_the_system_asked_for(client: TestClient):
    query = {"from": DAY, "to": "2021-12-31", "limit": "1"}
    wgs84, gcj02 = (
        ogc.shape(ogc.get(client, "/v1/changes", **query, coordinates=name)["features"][0]).centroid
        for name in ("wgs84", "gcj02")
    )
    assert 0.004 < gcj02.x - wgs84.x < 0.006


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"from": "2021-01-02", "to": "2021-01-01"}, "from"),
        ({"from": "2100-01-01"}, "from"),
        ({"to": "1899-01-01"}, "to"),
        ({"from": "2021-13-01"}, "from"),
        ({"from_": "2021-01-01"}, "from_"),
        ({"on": "2021-01-01"}, "on"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_bad_periods_are_refused(client: TestClient, query: dict, name: str):
    answer = client.get("/v1/changes", params=query)
    assert answer.status_code == 400
    assert [problem["name"] for problem in answer.json()["parameters"]] == [name]


def test_progress_of_the_plan(client: TestClient):
    answer = ogc.get(client, "/v1/progress", on="2021-12-31")
    goals = {goal["standard"]: goal for goal in answer["standards"]}
    with_target = [goal["id"] for goal in ogc.get(client, "/v1/standards")["standards"] if goal["target"] is not None]
    assert list(goals) == with_target
    halls = ogc.features_of(client, "facilities", category="cultural_hall", limit=1000)
    opened = sorted(
        hall["properties"]["opened"] for hall in halls if (hall["properties"]["opened"] or "")[:4] == "2021"
    )
    new = goals["hall-new"]
    assert (new["done"], new["target"], new["met_on"], new["missing"]) == (len(opened), 20, opened[19], 0)
    assert [month["covered"] for month in new["months"]] == [
        sum(day[:7] <= f"2021-{month:02}" for day in opened) for month in range(1, 13)
    ]
    for name, goal in goals.items():
        coverage = ogc.get(client, f"/v1/coverage/{name}", on="2021-12-31")
        assert (goal["done"], goal["share"], goal["met"]) == (
            coverage["covered"], coverage["share"], coverage["meets_target"]
        )  # fmt: skip
        assert goal["months"][-1]["covered"] == coverage["covered"]


def test_hours_of_a_standard(client: TestClient):
    answer = ogc.get(client, "/v1/hours/health-15")
    coverage = ogc.get(client, "/v1/coverage/health-15")
    assert (len(answer["hours"]), answer["total"], answer["covered"]) == (168, coverage["total"], coverage["covered"])
    assert answer["best"]["covered"] == max(hour["covered"] for hour in answer["hours"]) == answer["once"]
    assert answer["worst"]["covered"] == min(hour["covered"] for hour in answer["hours"]) == answer["always"]
    assert answer["beyond"] == pytest.approx(coverage["total"] - coverage["covered"], abs=0.11)
    noon = answer["hours"][12]
    assert (noon["weekday"], noon["hour"]) == ("Mo", 12)
    assert noon["share"] < answer["hours"][9]["share"]  # most clinics have a break


@pytest.mark.parametrize("standard", ["hall-presence", "hall-new", "nothing"])
def test_standards_without_hours_are_refused(client: TestClient, standard: str):
    answer = client.get(f"/v1/hours/{standard}")
    assert answer.status_code == 404
    assert standard in answer.json()["detail"]


@pytest.mark.alone
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/v1/coverage", "on"),
        ("/v1/gaps/park-500", "on"),
        ("/maps/park-500", "on"),
        ("/v1/hours/health-20", "on"),
        ("/v1/progress", "on"),
        ("/v1/changes", "from"),
    ],
)
def test_no_answer_about_another_day_takes_a_core_for_a_second(client: TestClient, address: str, name: str):
    """Each day is one that nobody has asked for. The lesser of two counts, because other programs disturb."""
    client.get(address)  # prepares what does not depend on the day
    seconds = []
    for day in ("2012-05-05", "2017-03-03"):
        begin = time.process_time()
        assert client.get(address, params={name: day}).status_code == 200
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 1
