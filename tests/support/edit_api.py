"""A facility to add over HTTP, and what tests of edits ask of the API."""

from starlette.testclient import TestClient

from support import town

ITEMS = "/v1/collections/facilities/items"
NEW_FACILITY = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": list(town.place(5, 5))},
    "properties": {"category": "clinic", "name": "新诊所", "phone": 87654321, "beds": 4},
}


def if_match(client: TestClient, facility_id: str) -> dict[str, str]:
    return {"If-Match": client.get(f"{ITEMS}/{facility_id}").headers["ETag"]}


def history_of(client: TestClient, facility_id: str) -> list[dict]:
    return client.get(f"{ITEMS}/{facility_id}/history").json()["changes"]


def assert_problem(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()["detail"]
