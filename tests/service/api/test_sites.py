"""POST /v1/sites: the answer, what is refused, what one anonymous request may cost, and searches that take long."""

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, update
from starlette.testclient import TestClient

from geo.geodesy import datums
from geo.study.study import Study
from service.answers import site_process
from service.answers import sites as site_answers
from service.answers.engine import Answers
from service.api.routes.sites import MAX_BODY_BYTES
from service.register import keys, site_searches
from service.register.database import Database
from service.register.tables import SiteSearchRecord
from service.settings import Settings
from support import ogc, program

PLACE = {"lon": 120.0475, "lat": 28.889}
LONG = {"standard": "health-15", "count": 1, "seconds": 600}


def post(client: TestClient, status: int = 200, query: str = "", **members: Any) -> Any:
    response = client.post(f"/v1/sites{query}", json={"standard": "health-15", **members})
    assert response.status_code == status, response.text
    return response.json()


def test_sites_as_a_scenario_give_the_coverage_of_the_answer(client: TestClient):
    answer = post(client, count=3)
    assert (answer["objective"], answer["value_unit"], answer["sample"]) == ("most_people", "people", True)
    assert answer["value"] == answer["covered"] <= answer["bound"]
    assert answer["covered_before"] == ogc.get(client, "/v1/coverage/health-15")["covered"]
    scenario = client.post("/v1/scenarios?gaps=0", json=answer["scenario"] | {"standards": ["health-15"]}).json()
    after = scenario["standards"][0]["after"]
    assert (after["covered"], after["total"], after["share"]) == (answer["covered"], answer["total"], answer["share"])
    assert answer["areas"] == scenario["standards"][0]["areas"]
    features = answer["sites"]["features"]
    assert [feature["properties"]["rank"] for feature in features] == [1, 2, 3]
    inside = [feature["properties"]["newly_inside"] for feature in features]
    assert inside == sorted(inside, reverse=True)
    assert sum(inside) == pytest.approx(answer["difference"]["covered"], abs=0.3)
    assert all(feature["properties"]["place"] for feature in features)
    assert [point["count"] for point in answer["curve"]] == [1, 2, 3]
    assert all(point["planned"] <= point["value"] <= point["bound"] for point in answer["curve"])


def test_other_objectives(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    fewest = post(client, objective="fewest_sites", share=0.6)
    assert fewest["share"] >= 0.6
    assert fewest["bound"] <= fewest["value"] == len(fewest["sites"]["features"])
    nearer = post(client, objective="least_time", count=2)
    assert nearer["bound"] <= nearer["value"] < nearer["value_before"]
    assert nearer["beyond_horizon"]["after"] <= nearer["beyond_horizon"]["before"]
    monkeypatch.setattr(site_answers, "QUICK_COUNT", 2)
    few = post(client, objective="fewest_sites", share=0.9, status=400)
    assert "share: is not reached with 2 sites" in few["detail"]
    budget = post(client, candidates=[PLACE] * 60, costs=[0] * 60, budget=1)
    assert len(budget["sites"]["features"]) <= 1


def test_positions_of_a_chinese_map(client: TestClient):
    lon, lat = datums.position_from_wgs84(PLACE["lon"], PLACE["lat"], "gcj02")
    shifted = post(client, count=1, fixed=[{"lon": lon, "lat": lat}], query="?coordinates=gcj02")
    site = shifted["sites"]["features"][0]
    assert site["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=1e-6)
    assert shifted["coordinate_system"] == "gcj02"
    change = shifted["scenario"]["changes"][0]
    assert (change["lon"], change["lat"]) == pytest.approx((lon, lat), abs=1e-6)
    plain = post(client, count=1, fixed=[PLACE])
    assert plain["covered"] == shifted["covered"]
    assert site_answers.converted(plain, "gcj02")["sites"] == shifted["sites"]


@pytest.mark.parametrize(
    ("members", "name", "words"),
    [
        ({}, "", "needs a count of sites, such as 5, or a budget"),
        ({"count": 51}, "count", "more than 50 sites need a longer search"),
        ({"count": 1, "candidates": [PLACE] * 5001}, "candidates", "at most 5000"),
        ({"count": 1, "candidates": [{**PLACE, "lon": True}]}, "candidates[0].lon", "number"),
        ({"count": 1, "candidates": [{**PLACE, "lon": 116.4}]}, "candidates[0].lon", "km outside the territory"),
        ({"count": 1, "forbidden": [[[]]]}, "forbidden", "is no GeoJSON object"),
        ({"count": 1, "forbidden": {"type": "Polygon", "coordinates": [[[0, 0]] * 30_000]}}, "forbidden", "20,000"),
        ({"count": 1, "standard": "hall-new"}, "standard", "counts openings"),
        ({"count": 1, "standard": "hall-presence"}, "standard", "each of its gaps needs one site"),
        ({"count": 1, "seconds": -1}, "seconds", "greater than 0"),
        ({"count": 1, "kount": 1}, "kount", "no such parameter"),
        ({"objective": "fewest_sites"}, "share", "say which share"),
        ({"objective": "fewest_sites", "share": 0.9, "fixed": [PLACE] * 51}, "fixed", "51 places are fixed"),
    ],
)
def test_what_cannot_work_is_said(client: TestClient, members: dict[str, Any], name: str, words: str):
    problem = post(client, status=400, **members)
    assert words in problem["detail"]
    assert not name or name in [parameter["name"] for parameter in problem["parameters"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"standard": "nothing", "count": 1}', 404),
        (b'{"standard": "health-15", "count": 1, "forbidden": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"standard": "health-15", "count": 1, "forbidden": ' + b"[" * 900 + b"]" * 900 + b"}", 400),
        (b'{"standard": "health-15", "count": NaN}', 400),
        (b"x" * (MAX_BODY_BYTES + 1), 413),
    ],
    ids=["unknown standard", "deep", "less deep", "NaN", "long"],
)
def test_bodies_that_cannot_be_used(client: TestClient, body: bytes, status: int):
    response = client.post("/v1/sites", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text


def test_too_many_pairs_of_given_candidates_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    lon, lat = post(client, count=1)["sites"]["features"][0]["geometry"]["coordinates"]
    monkeypatch.setattr(site_answers, "QUICK_PAIRS", 50)
    places = [{"lon": lon + number / 1e6, "lat": lat} for number in range(300)]
    assert "pairs, more than 50; give fewer" in post(client, status=400, count=1, candidates=places)["detail"]
    thinned = post(client, count=1)
    assert thinned["thinned_to_m"] > 0
    assert any("in each cell of a grid" in note for note in thinned["notes"])


def test_what_an_anonymous_request_costs_in_a_city(porto_alegre: Study, monkeypatch: pytest.MonkeyPatch):
    answers = Answers(Settings(study=porto_alegre.folder))
    state, effort = answers.states.current(), site_answers.quick_effort(Settings().sites_seconds)
    request = site_answers.SitesRequest(standard="health-15", count=10)
    site_answers.choose(answers, state, request, "wgs84", effort)
    seconds, bytes_ = [], []
    for objective in ("most_people", "least_time"):
        asked = request.model_copy(update={"objective": objective})
        before = time.process_time()
        site_answers.choose(answers, state, asked, "wgs84", effort)
        seconds.append(time.process_time() - before)
        tracemalloc.start()
        site_answers.choose(answers, state, asked, "wgs84", effort)
        bytes_.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    answers.register.database.close()
    assert max(seconds) < 1, seconds
    assert max(bytes_) < 200e6, bytes_


class NoProcess:
    """In place of the processes of searches: remembers which were started."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.started: list[str] = []

    def start(self, search_id: str) -> None:
        self.started.append(search_id)

    def cancel(self, search_id: str) -> None:
        site_searches.remove(self.database, search_id)

    def close(self) -> None:
        """Nothing runs."""


@pytest.fixture
def editor(town_folder: Path, make_client: Callable[[Path], TestClient]) -> TestClient:
    """The API of the small town with a key, whose searches never run."""
    client = make_client(town_folder)
    database = client.app.state.answers.register.database
    client.app.state.searches = NoProcess(database)
    client.headers["Authorization"] = f"Bearer {keys.create(database, '王工')}"
    return client


def test_long_search_needs_a_key(client: TestClient):
    assert "needs a key" in post(client, status=401, **LONG)["detail"]


def test_long_search_has_an_address_and_can_be_cancelled(editor: TestClient):
    response = editor.post("/v1/sites", json=LONG)
    assert response.status_code == 202, response.text
    address = response.headers["Location"]
    assert editor.app.state.searches.started == [address.rpartition("/")[2]]
    search = ogc.get(editor, address)
    assert (search["state"], search["request"], search["result"]) == ("running", LONG, None)
    database = editor.app.state.answers.register.database
    assert site_searches.report(database, search["id"], 80.0, 100.0)
    assert [ogc.get(editor, address)[name] for name in ("value", "bound", "gap")] == [80, 100, 0.2]
    assert editor.delete(address, headers={"Authorization": "Bearer x"}).status_code == 401
    assert editor.delete(address).status_code == 204
    assert editor.get(address).status_code == 404
    assert editor.delete(address).status_code == 404
    assert not site_searches.report(database, search["id"], 81.0, 100.0)


def test_no_more_than_two_searches_run_in_all_processes(editor: TestClient):
    first = [post(editor, status=202, **LONG)["id"] for _ in range(site_searches.MOST_RUNNING)]
    problem = post(editor, status=409, **LONG)
    assert all(name in problem["detail"] for name in first)
    site_searches.end(editor.app.state.answers.register.database, first[0], site_searches.FAILED, problem="here")
    assert ogc.get(editor, f"/v1/sites/{first[0]}")["problem"] == "here"
    post(editor, status=202, **LONG)


def test_search_whose_process_is_gone_is_interrupted(editor: TestClient):
    lost, database = post(editor, status=202, **LONG)["id"], editor.app.state.answers.register.database
    with database.writing() as session:
        past = datetime.now(UTC) - 2 * site_searches.LOST_AFTER
        session.exec(update(SiteSearchRecord).where(col(SiteSearchRecord.id) == lost).values(seen=past))
    assert ogc.get(editor, f"/v1/sites/{lost}")["state"] == "interrupted"
    for _ in range(site_searches.MOST_RUNNING):  # it does not count among those that run
        post(editor, status=202, **LONG)


def test_long_search_is_checked_before_it_begins(editor: TestClient):
    assert "counts openings" in post(editor, status=400, **LONG | {"standard": "hall-new"})["detail"]
    assert "GeoJSON" in post(editor, status=400, **LONG, forbidden=["x"])["detail"]
    post(editor, status=404, **LONG | {"standard": "x"})
    assert editor.app.state.searches.started == []


def test_old_searches_are_forgotten(editor: TestClient):
    database = editor.app.state.answers.register.database
    old = site_searches.add(database, "王工", LONG, "wgs84")
    site_searches.end(database, old, site_searches.DONE, b"{}")
    with database.writing() as session:
        past = datetime.now(UTC) - site_searches.KEPT - timedelta(days=1)
        session.exec(update(SiteSearchRecord).where(col(SiteSearchRecord.id) == old).values(seen=past))
    post(editor, status=202, **LONG)
    assert editor.get(f"/v1/sites/{old}").status_code == 404


@pytest.mark.long
def test_process_searches_and_ends_with_its_server(town_folder: Path, make_client: Callable[[Path], TestClient]):
    client = make_client(town_folder)
    answers: Answers = client.app.state.answers
    client.headers["Authorization"] = f"Bearer {keys.create(answers.register.database, '王工')}"
    quick = post(client, count=2)
    address = f"/v1/sites/{post(client, status=202, count=2, seconds=2)['id']}?coordinates=gcj02"
    deadline = time.monotonic() + program.LIMIT_SECONDS
    while (search := ogc.get(client, address))["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert search["state"] == "done", search
    assert search["result"]["covered"] == quick["covered"] == search["value"]
    assert search["result"]["sites"] == site_answers.converted(quick, "gcj02")["sites"]
    name = post(client, status=202, **LONG)["id"]
    searches: site_process.Searches = client.app.state.searches
    process = searches._processes[name]
    searches.close()
    assert process.poll() is not None
    assert ogc.get(client, f"/v1/sites/{name}")["state"] == "interrupted"
