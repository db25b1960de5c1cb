"""Saved scenarios over HTTP: saved by who has a key, answered for everybody on the present register."""

import pytest
from starlette.testclient import TestClient

from geo.geodesy import datums
from support import town
from support.edit_api import ITEMS, assert_problem, if_match

LON, LAT = town.place(5, 5)
NEW = {"name": "新<b>", "changes": [{"action": "add", "category": "clinic", "lon": LON, "lat": LAT}]}
CLOSED = {"changes": [{"action": "close", "id": "c1"}]}


def save(client: TestClient, name: str, document: dict, status: int = 201, query: str = "") -> dict:
    response = client.put(f"/v1/scenarios/{name}{query}", json=document)
    assert response.status_code == status, response.text
    content: dict = response.json()
    return content


def test_saved_scenario_answers_as_its_document_does(client: TestClient):
    response = client.put("/v1/scenarios/new-clinic", json=NEW)
    assert response.status_code == 201
    assert response.headers["Location"].endswith("/v1/scenarios/new-clinic")
    answer, asked = client.get("/v1/scenarios/new-clinic").json(), client.post("/v1/scenarios", json=NEW).json()
    assert answer["standards"] == asked["standards"] != []
    assert (answer["document"]["name"], answer["name"]) == ("新<b>", "新<b>")
    assert answer["document"]["changes"][0] == pytest.approx(NEW["changes"][0], abs=1e-6)
    assert (answer["problems"], answer["changed_since"]) == ([], [])
    save(client, "new-clinic", NEW, 200)
    assert "another document" in assert_problem(client.put("/v1/scenarios/new-clinic", json=CLOSED), 409)


def test_answer_is_that_of_the_present_register_and_says_so(client: TestClient):
    save(client, "new-clinic", NEW)
    save(client, "closed", CLOSED)
    before = client.get("/v1/scenarios/new-clinic")
    headers = {"If-None-Match": before.headers["ETag"]}
    assert client.get("/v1/scenarios/new-clinic", headers=headers).status_code == 304
    assert client.delete(f"{ITEMS}/c1", headers=if_match(client, "c1")).status_code == 204
    answer = client.get("/v1/scenarios/new-clinic", headers=headers).json()
    assert answer["changed_since"] == ["clinic"]
    assert "the register has changed since this was saved (clinic)" in answer["notes"][0]
    assert answer["standards"] == client.post("/v1/scenarios", json=NEW).json()["standards"]
    assert answer["standards"] != before.json()["standards"]
    impossible = client.get("/v1/scenarios/closed").json()
    assert impossible["standards"] == []
    assert impossible["problems"] == [
        {
            "name": "changes[0].id",
            "reason": "change 1: there is no facility with the id 'c1': `fuwuquan export` lists the ids",
        }
    ]


def test_scenarios_stand_side_by_side(client: TestClient):
    save(client, "new-clinic", NEW)
    save(client, "closed", CLOSED)
    answer = client.get("/v1/scenarios/compare?ids=closed,new-clinic").json()
    assert [each["id"] for each in answer["scenarios"]] == ["closed", "new-clinic"]
    for goal in answer["standards"]:
        for name, result in zip(("closed", "new-clinic"), goal["results"], strict=True):
            alone = client.get(f"/v1/scenarios/{name}").json()["standards"]
            (expected,) = (each for each in alone if each["standard"] == goal["standard"])
            assert result["covered"] == expected["after"]["covered"]
            assert (result["gained"], result["lost"]) == (expected["gained"], expected["lost"])
    assert "nothing" in assert_problem(client.get("/v1/scenarios/compare?ids=closed,nothing"), 404)
    for ids in ("closed", "closed,closed", "a,b,c,d,e,f", ""):
        assert_problem(client.get("/v1/scenarios/compare", params={"ids": ids}), 400)


def test_list_is_paged_and_removal_leaves_nothing(client: TestClient):
    for name in ("a", "b", "c"):
        save(client, name, NEW)
    first = client.get("/v1/scenarios?limit=2").json()
    assert ([each["id"] for each in first["scenarios"]], first["numberMatched"]) == (["c", "b"], 3)
    (following,) = (link["href"] for link in first["links"] if link["rel"] == "next")
    assert [each["id"] for each in client.get(following).json()["scenarios"]] == ["a"]
    assert "王工" not in client.get("/v1/scenarios").text
    assert client.delete("/v1/scenarios/b").status_code == 204
    assert client.get("/v1/scenarios").json()["numberMatched"] == 2
    assert_problem(client.get("/v1/scenarios/b"), 404)
    assert_problem(client.delete("/v1/scenarios/b"), 404)


def test_positions_are_saved_and_given_in_any_system(client: TestClient):
    shifted = dict(zip(("lon", "lat"), datums.position_from_wgs84(LON, LAT, "gcj02"), strict=True))
    save(client, "shifted", {"changes": [NEW["changes"][0] | shifted]}, query="?coordinates=gcj02")
    change = client.get("/v1/scenarios/shifted").json()["document"]["changes"][0]
    assert (change["lon"], change["lat"]) == pytest.approx((LON, LAT), abs=1e-6)
    change = client.get("/v1/scenarios/shifted?coordinates=gcj02").json()["document"]["changes"][0]
    assert (change["lon"], change["lat"]) == pytest.approx((shifted["lon"], shifted["lat"]), abs=1e-6)


def test_writing_needs_a_key_and_what_cannot_work_is_not_saved(client: TestClient):
    wrong = {"changes": [{"action": "close", "id": "nothing"}]}
    assert "no facility with the id 'nothing'" in assert_problem(client.put("/v1/scenarios/a", json=wrong), 400)
    assert_problem(client.put("/v1/scenarios/A", json=NEW), 400)
    assert_problem(client.put("/v1/scenarios/compare", json=NEW), 409)
    del client.headers["Authorization"]
    assert "key" in assert_problem(client.put("/v1/scenarios/a", json=NEW), 401)
    assert "key" in assert_problem(client.delete("/v1/scenarios/a"), 401)
    assert client.get("/v1/scenarios").json()["numberMatched"] == 0


def test_speeds_are_saved_with_the_scenario(client: TestClient):
    document = NEW | {"speeds": {"walk": 3.2}, "standards": ["health-15"]}
    save(client, "slower", document)
    answer = client.get("/v1/scenarios/slower").json()
    assert answer["document"]["speeds"] == {"walk": 3.2}
    (goal,) = answer["standards"]
    asked = client.post("/v1/scenarios", json=document).json()
    assert (asked["speeds"], asked["standards"]) == ({"walk": 3.2}, [goal])
    assert (goal["before"]["speed_kph"], goal["after"]["speed_kph"]) == (3.2, 3.2)
    variants = {each["id"]: each for each in client.get("/v1/sensitivity/health-15").json()["variants"]}
    assert goal["before"]["covered"] == variants["walk-slower"]["covered"]


def test_hostile_text_stays_text(client: TestClient):
    name = "'; DROP TABLE scenarios; -- <script>alert(1)</script> \u202e"
    save(client, "hostile", NEW | {"name": name})
    assert (
        client.get("/v1/scenarios/hostile").json()["name"] == save(client, "hostile", NEW | {"name": name}, 200)["name"]
    )
    assert "DROP TABLE" in client.get("/v1/scenarios").json()["scenarios"][0]["name"]
    for path in ("..%2f..%2fetc", "%00", "a%20b", "A" * 200):
        assert client.put(f"/v1/scenarios/{path}", json=NEW).status_code in (400, 404)
    assert client.get("/v1/scenarios").json()["numberMatched"] == 1
