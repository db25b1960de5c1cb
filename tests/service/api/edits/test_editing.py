"""Facilities added, replaced, changed, removed and restored over HTTP, and what other answers show of it."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from support import town
from support.edit_api import ITEMS, NEW_FACILITY, assert_problem, history_of, if_match
from support.examples import examples


def test_added_facility_is_at_its_location_with_a_history(client: TestClient):
    answer = client.post(ITEMS, json=NEW_FACILITY)
    assert answer.status_code == 201, answer.text
    there = client.get(answer.headers["Location"])
    assert there.status_code == 200
    assert there.json() == answer.json()
    assert there.headers["ETag"] == answer.headers["ETag"]
    properties = there.json()["properties"]
    assert (properties["name"], properties["phone"], properties["beds"]) == ("新诊所", "87654321", 4)
    assert properties["area_code"] == "T1N"  # found by its place
    assert properties["provenance"] == "register"
    assert there.json()["geometry"] == NEW_FACILITY["geometry"]
    (first,) = history_of(client, there.json()["id"])
    assert (first["who"], first["action"], first["version"]) == ("王工", "create", 1)
    assert first["fields"]["name"] == {"from": None, "to": "新诊所"}
    assert first["at"].endswith("Z") or first["at"].endswith("+00:00")


def test_edit_is_visible_in_nearest_coverage_and_map(client: TestClient):
    lon, lat = town.place(5, 5)

    def nearest() -> list[str]:
        query = client.get("/v1/nearest", params={"lon": lon, "lat": lat, "category": "clinic"})
        return [feature["id"] for feature in query.json()["features"]]

    def counted() -> int:
        return client.get("/v1/coverage/health-20").json()["facilities"]

    count, page = counted(), client.get("/maps/health-20").text
    client.post(ITEMS, json=NEW_FACILITY | {"id": "new"})
    assert nearest()[0] == "new"
    assert counted() == count + 1
    assert client.get("/maps/health-20").text != page
    away = list(town.place(0, 0))
    client.patch(
        f"{ITEMS}/new", json={"geometry": {"type": "Point", "coordinates": away}}, headers=if_match(client, "new")
    )
    assert nearest()[0] != "new"
    client.delete(f"{ITEMS}/new", headers=if_match(client, "new"))
    assert counted() == count


def test_patch_changes_only_the_properties_it_names(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()
    change = {"properties": {"name": "甲诊所", "phone": None, "beds": 7}}
    after = client.patch(f"{ITEMS}/c1", json=change, headers=if_match(client, "c1"))
    assert after.status_code == 200, after.text
    expected = before["properties"] | {"name": "甲诊所", "phone": None, "beds": 7}
    assert after.json()["properties"] == expected
    assert after.json()["geometry"] == before["geometry"]
    assert client.get(f"{ITEMS}/c1").json() == after.json()
    last = history_of(client, "c1")[-1]
    assert last["fields"] == {
        "name": {"from": "甲", "to": "甲诊所"},
        "phone": {"from": before["properties"]["phone"], "to": None},
        "extra": {"from": {}, "to": {"beds": 7}},
    }
    gone = client.patch(f"{ITEMS}/c1", json={"properties": {"beds": None}}, headers=if_match(client, "c1"))
    assert "beds" not in gone.json()["properties"]


def test_further_properties_are_merged_and_null_removes_them(client: TestClient):
    for extra in ({"a": 1, "b": 2}, {"b": None, "c": {"d": 3}}):
        answer = client.patch(f"{ITEMS}/c1", json={"properties": {"extra": extra}}, headers={"If-Match": "*"})
    assert {name: answer.json()["properties"].get(name) for name in "abc"} == {"a": 1, "b": None, "c": {"d": 3}}
    assert "b" not in answer.json()["properties"]


def test_put_of_what_was_read_changes_nothing(client: TestClient):
    for facility_id in ("c1", "k1", "p1"):
        read = client.get(f"{ITEMS}/{facility_id}")
        put = client.put(f"{ITEMS}/{facility_id}", json=read.json(), headers={"If-Match": read.headers["ETag"]})
        assert put.status_code == 200, put.text
        assert (put.json(), put.headers["ETag"]) == (read.json(), read.headers["ETag"])
        assert len(history_of(client, facility_id)) == 1


def test_put_of_what_was_read_in_shifted_coordinates_changes_nothing(client: TestClient):
    for coordinates in ("gcj02", "bd09"):
        read = client.get(f"{ITEMS}/c1", params={"coordinates": coordinates})
        put = client.put(f"{ITEMS}/c1", json=read.json(), headers={"If-Match": read.headers["ETag"]})
        assert (put.status_code, put.json(), put.headers["ETag"]) == (200, read.json(), read.headers["ETag"])
    body = read.json() | {"coordinate_system": "gcj02"}
    query = {"coordinates": "wgs84"}
    refused = client.put(f"{ITEMS}/c1", params=query, json=body, headers={"If-Match": "*"})
    assert "gcj02 in the body, wgs84 not" in assert_problem(refused, 400)
    assert len(history_of(client, "c1")) == 1


def test_put_replaces_everything_except_the_provenance(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()["properties"]
    put = client.put(f"{ITEMS}/c1", json=NEW_FACILITY, headers=if_match(client, "c1"))
    after = put.json()["properties"]
    assert (after["name"], after["beds"], after["subtype"]) == ("新诊所", 4, None)
    assert after["provenance"] == before["provenance"]


@pytest.mark.parametrize("coordinates", ["gcj02", "bd09", "cgcs2000"])
def test_positions_are_read_and_answered_in_the_given_coordinates(client: TestClient, coordinates: str):
    place = client.get(f"{ITEMS}/c1", params={"coordinates": coordinates}).json()["geometry"]
    made = client.post(ITEMS, params={"coordinates": coordinates}, json=NEW_FACILITY | {"geometry": place}).json()
    assert made["geometry"]["coordinates"] == pytest.approx(place["coordinates"], abs=3e-6)
    lon, lat = client.get(f"{ITEMS}/{made['id']}").json()["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx(client.get(f"{ITEMS}/c1").json()["geometry"]["coordinates"], abs=3e-6)
    # The tag of one representation is valid for the record.
    tag = client.get(f"{ITEMS}/{made['id']}", params={"coordinates": coordinates}).headers["ETag"]
    assert client.patch(f"{ITEMS}/{made['id']}", json={}, headers={"If-Match": tag}).status_code == 200


def test_move_changes_the_area_code_unless_the_body_gives_one(client: TestClient):
    there = {"geometry": {"type": "Point", "coordinates": list(town.place(12, 2))}}
    before = client.get(f"{ITEMS}/c1").json()["properties"]["area_code"]
    moved = client.patch(f"{ITEMS}/c1", json=there, headers={"If-Match": "*"}).json()["properties"]["area_code"]
    assert (before, moved) == ("T1S", "T2S")
    sent = there | {"geometry": {"type": "Point", "coordinates": list(town.place(2, 4.1))}}
    sent |= {"properties": {"area_code": "T1S"}}  # 55 m from it
    for _ in range(2):
        again = client.patch(f"{ITEMS}/c1", json=sent, headers={"If-Match": "*"})
        assert again.json()["properties"]["area_code"] == "T1S"


def test_removed_facility_is_gone_everywhere_and_can_be_restored(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()
    assert client.delete(f"{ITEMS}/c1", headers=if_match(client, "c1")).status_code == 204
    assert "was removed" in assert_problem(client.get(f"{ITEMS}/c1"), 410)
    assert_problem(client.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": "*"}), 410)
    assert_problem(client.delete(f"{ITEMS}/c1", headers={"If-Match": "*"}), 410)
    assert "c1" not in [feature["id"] for feature in client.get(ITEMS, params={"limit": 100}).json()["features"]]
    assert_problem(client.get("/v1/isochrones", params={"facility": "c1"}), 410)
    assert "existed once" in assert_problem(client.post(ITEMS, json=NEW_FACILITY | {"id": "c1"}), 409)
    assert [change["action"] for change in history_of(client, "c1")] == ["import", "remove"]
    restored = client.post(f"{ITEMS}/c1/restore", headers={"If-Match": "*"})
    assert restored.json() == before
    assert "was not removed" in assert_problem(client.post(f"{ITEMS}/c1/restore", headers={"If-Match": "*"}), 409)


def test_datetime_selects_facilities_that_stood_on_a_day(client: TestClient):
    def existing_ids(day: str) -> list[str]:
        answer = client.get(ITEMS, params={"datetime": day, "limit": 100})
        assert answer.json()["numberMatched"] == len(answer.json()["features"])
        return [feature["id"] for feature in answer.json()["features"]]

    client.post(ITEMS, json=NEW_FACILITY | {"id": "new", "properties": {"category": "clinic", "opened": "2021-07-01"}})
    assert "new" not in existing_ids("2021-06-30")
    assert "new" in existing_ids("2021-07-01")
    change = {"properties": {"closed": "2021-12-31"}}
    client.patch(f"{ITEMS}/new", json=change, headers={"If-Match": "*"})
    assert "new" in existing_ids("2021-12-30")
    assert "new" not in existing_ids("2021-12-31")
    assert_problem(client.get(ITEMS, params={"at": "2021-13-01"}), 400)


def test_due_lists_existing_facilities_not_verified_for_long(client: TestClient):
    def due() -> set[str]:
        return {feature["id"] for feature in client.get(ITEMS, params={"due": "true", "limit": 100}).json()["features"]}

    today = client.app.state.answers.study.today().isoformat()
    assert "c1" in due()
    answer = client.patch(f"{ITEMS}/c1", json={"properties": {"verified": today}}, headers={"If-Match": "*"})
    assert answer.json()["properties"]["verified_by"] == "王工"
    assert "c1" not in due()
    client.patch(f"{ITEMS}/c1", json={"properties": {"verified": "2020-01-01"}}, headers={"If-Match": "*"})
    assert "c1" in due()
    client.patch(f"{ITEMS}/c1", json={"properties": {"closed": "2020-01-01"}}, headers={"If-Match": "*"})
    assert "c1" not in due()  # a closed facility need not be verified


@pytest.mark.parametrize("sent", ["医院", "Hospital", "ＨＯＳＰＩＴＡＬ", "hospital"])
def test_subtype_may_be_given_by_any_of_its_names(client: TestClient, sent: str):
    made = client.post(ITEMS, json=NEW_FACILITY | {"properties": {"category": "clinic", "subtype": sent}})
    assert made.json()["properties"]["subtype"] == "hospital"


@settings(max_examples=examples(30))
@given(st.text(max_size=30))
def test_any_text_as_an_id_is_answered_with_200_or_404(town_client: TestClient, facility_id: str):
    for below in ("", "/history"):
        assert town_client.get(f"{ITEMS}/{quote(facility_id, safe='')}{below}").status_code in (200, 404)


def test_ids_may_contain_slashes_spaces_and_markup(client: TestClient):
    for facility_id in ("a/b", "甲 乙", "q?x=1#y", "a'\"<script>"):
        made = client.post(ITEMS, json=NEW_FACILITY | {"id": facility_id})
        assert made.status_code == 201, made.text
        assert client.get(made.headers["Location"]).json()["id"] == facility_id
        assert client.get(made.headers["Location"] + "/history").json()["changes"][0]["action"] == "create"
        assert client.delete(made.headers["Location"], headers={"If-Match": "*"}).status_code == 204


def test_id_is_cleaned_before_it_is_compared(client: TestClient):
    first = client.post(ITEMS, json=NEW_FACILITY | {"id": "x  y"}, headers={"Idempotency-Key": "1"})
    assert (first.status_code, first.json()["id"]) == (201, "x y")
    assert (
        client.post(ITEMS, json=NEW_FACILITY | {"id": "x  y"}, headers={"Idempotency-Key": "1"}).json() == first.json()
    )
    for same in ("x  y", " x y", "x\ny", "x\0y"):
        assert_problem(client.post(ITEMS, json=NEW_FACILITY | {"id": same}), 409)
    for refused_id in ("q/history", "restore/merge", ".", "..", " "):
        answer = client.post(ITEMS, json=NEW_FACILITY | {"id": refused_id})
        assert answer.status_code == (201 if refused_id == " " else 400), refused_id
