"""What an edit has understood in a way that its editor should know of."""

import pytest
from starlette.testclient import TestClient

from support import town
from support.edit_api import ITEMS, NEW_FACILITY, assert_problem

X, Y = town.place(2, 6)  # in T1N


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"properties": {"area_code": "7007"}}, "area code 7007 is not one of the study's"),
        ({"properties": {"area_code": "T2S"}}, "its position counts; correct one of them"),
        ({"properties": {"subtype": "bakery"}}, "subtype 'bakery' is not one of park"),
        ({"geometry": {"type": "LineString", "coordinates": [[X, Y], [X + 0.001, Y]]}}, "of its line the point"),
        ({"geometry": {"type": "MultiPoint", "coordinates": [[X, Y], [X + 0.001, Y]]}}, "of its 2 points the point"),
    ],
)
def test_an_edit_answers_with_remarks(client: TestClient, change: dict, remark: str):
    body = NEW_FACILITY | {"geometry": {"type": "Point", "coordinates": [X, Y]}, "properties": {"category": "park"}}
    made = client.post(ITEMS, json=body).json()
    assert "remarks" not in made
    address = f"{ITEMS}/{made['id']}"
    changed = client.patch(address, json=change, headers={"If-Match": "*"})
    assert changed.status_code == 200
    (answer,) = changed.json()["remarks"]
    assert remark in answer
    assert client.get(address).json()["properties"]["area_code"] == "T1N"
    # The answer can be sent back, and changes nothing.
    again = client.put(address, json=changed.json(), headers={"If-Match": "*"})
    assert (again.status_code, "remarks" in again.json()) == (200, False)


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999"])
@pytest.mark.parametrize("where", ["capacity", "height", "extra"])
def test_a_number_that_json_does_not_allow_is_refused(unchanged_client: TestClient, number: str, where: str):
    value = f'{{"deep": [{number}]}}' if where == "extra" else number
    body = f'{{"properties": {{"{where}": {value}}}}}'
    headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
    answer = unchanged_client.patch(f"{ITEMS}/c1", content=body, headers=headers)
    assert number in assert_problem(answer, 400)
