"""Facilities edited over the API: who may, what is refused, what is kept of it, what others see of it."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.api.app import create_app
from service.register import keys
from service.register.database import RegisterError
from service.settings import Settings
from support import town

ITEMS = "/v1/collections/facilities/items"
NEW = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": list(town.place(5, 5))},
    "properties": {"category": "clinic", "name": "新诊所", "phone": 87654321, "beds": 4},
}


@pytest.fixture
def client(town_folder: Path, database_url: str) -> Iterator[TestClient]:
    """The API of the small town on each kind of database, with a key to edit."""
    with served(town_folder, database_url) as client:
        yield client


@pytest.fixture(scope="module")
def untouched(made_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same for requests that are refused."""
    folder = shutil.copytree(made_town, tmp_path_factory.mktemp("untouched") / "town")
    with served(folder, None) as client:
        yield client
        assert {one.version for one in map(client.app.state.answers.register.get, ("c1", "c2", "k1"))} == {1}


@contextmanager
def served(folder: Path, url: str | None) -> Iterator[TestClient]:
    app = create_app(Settings(study=folder, database_url=url))
    with TestClient(app, raise_server_exceptions=False, headers={"accept-encoding": "identity"}) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(app.state.answers.register.database, '王工')}"
        yield client


def etag(client: TestClient, facility_id: str) -> dict[str, str]:
    return {"If-Match": client.get(f"{ITEMS}/{facility_id}").headers["ETag"]}


def changes(client: TestClient, facility_id: str) -> list[dict]:
    return client.get(f"{ITEMS}/{facility_id}/history").json()["changes"]


def problem(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()["detail"]


def test_a_facility_is_added_and_found_where_it_is_said_to_be(client: TestClient):
    answer = client.post(ITEMS, json=NEW)
    assert answer.status_code == 201, answer.text
    there = client.get(answer.headers["Location"])
    assert there.status_code == 200
    assert there.json() == answer.json()
    assert there.headers["ETag"] == answer.headers["ETag"]
    properties = there.json()["properties"]
    assert (properties["name"], properties["phone"], properties["beds"]) == ("新诊所", "87654321", 4)
    assert properties["area_code"] == "T1N"  # by its place
    assert properties["provenance"] == "register"
    assert there.json()["geometry"] == NEW["geometry"]
    (first,) = changes(client, there.json()["id"])
    assert (first["who"], first["action"], first["version"]) == ("王工", "create", 1)
    assert first["fields"]["name"] == {"from": None, "to": "新诊所"}
    assert first["at"].endswith("Z") or first["at"].endswith("+00:00")


def test_an_edit_is_in_the_next_answer_of_everything(client: TestClient):
    lon, lat = town.place(5, 5)

    def nearest() -> list[str]:
        asked = client.get("/v1/nearest", params={"lon": lon, "lat": lat, "category": "clinic"})
        return [feature["id"] for feature in asked.json()["features"]]

    def counted() -> int:
        return client.get("/v1/coverage/health-20").json()["facilities"]

    count, page = counted(), client.get("/maps/health-20").text
    client.post(ITEMS, json=NEW | {"id": "new"})
    assert nearest()[0] == "new"
    assert counted() == count + 1
    assert client.get("/maps/health-20").text != page
    away = list(town.place(0, 0))
    client.patch(f"{ITEMS}/new", json={"geometry": {"type": "Point", "coordinates": away}}, headers=etag(client, "new"))
    assert nearest()[0] != "new"
    client.delete(f"{ITEMS}/new", headers=etag(client, "new"))
    assert counted() == count


def test_a_patch_changes_what_it_names(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()
    change = {"properties": {"name": "甲诊所", "phone": None, "beds": 7}}
    after = client.patch(f"{ITEMS}/c1", json=change, headers=etag(client, "c1"))
    assert after.status_code == 200, after.text
    expected = before["properties"] | {"name": "甲诊所", "phone": None, "beds": 7}
    assert after.json()["properties"] == expected
    assert after.json()["geometry"] == before["geometry"]
    assert client.get(f"{ITEMS}/c1").json() == after.json()
    last = changes(client, "c1")[-1]
    assert last["fields"] == {
        "name": {"from": "甲", "to": "甲诊所"},
        "phone": {"from": before["properties"]["phone"], "to": None},
        "extra": {"from": {}, "to": {"beds": 7}},
    }
    gone = client.patch(f"{ITEMS}/c1", json={"properties": {"beds": None}}, headers=etag(client, "c1"))
    assert "beds" not in gone.json()["properties"]


def test_what_was_read_can_be_put_back_and_changes_nothing(client: TestClient):
    for facility_id in ("c1", "k1", "p1"):
        read = client.get(f"{ITEMS}/{facility_id}")
        put = client.put(f"{ITEMS}/{facility_id}", json=read.json(), headers={"If-Match": read.headers["ETag"]})
        assert put.status_code == 200, put.text
        assert (put.json(), put.headers["ETag"]) == (read.json(), read.headers["ETag"])
        assert len(changes(client, facility_id)) == 1


def test_putting_replaces_everything_but_where_it_comes_from(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()["properties"]
    put = client.put(f"{ITEMS}/c1", json=NEW, headers=etag(client, "c1"))
    after = put.json()["properties"]
    assert (after["name"], after["beds"], after["subtype"]) == ("新诊所", 4, None)
    assert after["provenance"] == before["provenance"]


@pytest.mark.parametrize("coordinates", ["gcj02", "bd09", "cgcs2000"])
def test_places_are_taken_and_given_in_the_callers_coordinates(client: TestClient, coordinates: str):
    place = client.get(f"{ITEMS}/c1", params={"coordinates": coordinates}).json()["geometry"]
    made = client.post(ITEMS, params={"coordinates": coordinates}, json=NEW | {"geometry": place}).json()
    assert made["geometry"]["coordinates"] == pytest.approx(place["coordinates"], abs=3e-6)
    lon, lat = client.get(f"{ITEMS}/{made['id']}").json()["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx(client.get(f"{ITEMS}/c1").json()["geometry"]["coordinates"], abs=3e-6)
    # The tag of one representation is that of the record.
    tag = client.get(f"{ITEMS}/{made['id']}", params={"coordinates": coordinates}).headers["ETag"]
    assert client.patch(f"{ITEMS}/{made['id']}", json={}, headers={"If-Match": tag}).status_code == 200


def test_the_second_of_two_who_read_the_same_loses(client: TestClient):
    tag = etag(client, "c1")
    assert client.patch(f"{ITEMS}/c1", json={"properties": {"name": "一"}}, headers=tag).status_code == 200
    for send in (client.patch, client.put):
        detail = problem(send(f"{ITEMS}/c1", json=NEW, headers=tag), 412)
        assert "version 2" in detail
    problem(client.delete(f"{ITEMS}/c1", headers=tag), 412)
    assert client.get(f"{ITEMS}/c1").json()["properties"]["name"] == "一"


@pytest.mark.parametrize(
    "tag", ['W/"1-wgs84"', '"2-wgs84"', '"999-wgs84"', '"x"', "1", '"-1-wgs84"', "", '"9' + "9" * 50 + '-wgs84"']
)
def test_a_tag_that_is_not_of_this_version_is_refused(untouched: TestClient, tag: str):
    edition = untouched.get(f"{ITEMS}/c1").headers["ETag"].split("-")[1]
    problem(untouched.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": tag.replace("-wgs", f"-{edition}-wgs")}), 412)
    problem(untouched.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": tag}), 412)


def test_who_has_not_read_may_not_write(client: TestClient):
    for answer in (
        client.patch(f"{ITEMS}/c1", json={}),
        client.put(f"{ITEMS}/c1", json=NEW),
        client.delete(f"{ITEMS}/c1"),
        client.post(f"{ITEMS}/c1/restore"),
        client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}),
    ):
        assert "If-Match" in problem(answer, 428)
    assert client.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": "*"}).status_code == 200
    listed = {"If-Match": f'"77-00000000-wgs84", {etag(client, "c1")["If-Match"]}'}
    assert client.patch(f"{ITEMS}/c1", json={}, headers=listed).status_code == 200


def test_of_many_who_write_at_once_each_version_is_one_mans(client: TestClient):
    def count(_: int) -> int:
        done = 0
        while done < 5:
            read = client.get(f"{ITEMS}/c1")
            counted = read.json()["properties"].get("count", 0)
            answer = client.patch(
                f"{ITEMS}/c1", json={"properties": {"count": counted + 1}}, headers={"If-Match": read.headers["ETag"]}
            )
            assert answer.status_code in (200, 412), answer.text
            done += answer.status_code == 200
        return done

    with ThreadPoolExecutor(4) as several:
        assert sum(several.map(count, range(4))) == 20
    assert client.get(f"{ITEMS}/c1").json()["properties"]["count"] == 20
    assert [change["version"] for change in changes(client, "c1")] == list(range(1, 22))


def test_what_is_taken_out_is_gone_from_everything_and_can_be_restored(client: TestClient):
    before = client.get(f"{ITEMS}/c1").json()
    assert client.delete(f"{ITEMS}/c1", headers=etag(client, "c1")).status_code == 204
    assert "was removed" in problem(client.get(f"{ITEMS}/c1"), 410)
    problem(client.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": "*"}), 410)
    problem(client.delete(f"{ITEMS}/c1", headers={"If-Match": "*"}), 410)
    assert "c1" not in [one["id"] for one in client.get(ITEMS, params={"limit": 100}).json()["features"]]
    problem(client.get("/v1/isochrones", params={"facility": "c1"}), 410)
    assert "existed once" in problem(client.post(ITEMS, json=NEW | {"id": "c1"}), 409)
    assert [change["action"] for change in changes(client, "c1")] == ["import", "remove"]
    restored = client.post(f"{ITEMS}/c1/restore", headers={"If-Match": "*"})
    assert restored.json() == before
    assert "stands" in problem(client.post(f"{ITEMS}/c1/restore", headers={"If-Match": "*"}), 409)


def test_a_merge_keeps_what_either_knew_and_both_histories(client: TestClient):
    client.patch(f"{ITEMS}/c2", json={"properties": {"address": "中山路1号", "beds": 3}}, headers=etag(client, "c2"))
    mine, other = (client.get(f"{ITEMS}/{one}").json()["properties"] for one in ("c1", "c2"))
    assert mine["address"] is None
    merged = client.post(f"{ITEMS}/c1/merge", json={"twin": "c2", "twin_version": 2}, headers=etag(client, "c1"))
    assert merged.status_code == 200, merged.text
    both = merged.json()["properties"]
    assert (both["name"], both["address"], both["beds"]) == (mine["name"], other["address"], 3)
    assert "merged into 'c1'" in problem(client.get(f"{ITEMS}/c2"), 410)
    told = [(change["facility_id"], change["action"]) for change in changes(client, "c1")]
    assert sorted(told) == sorted(
        [("c1", "import"), ("c2", "import"), ("c2", "patch"), ("c2", "merge"), ("c1", "merge")]
    )
    # And apart again.
    assert client.post(f"{ITEMS}/c2/restore", headers={"If-Match": "*"}).json()["properties"] == other
    assert [change["facility_id"] for change in changes(client, "c1")] == ["c1", "c1"]


@pytest.mark.parametrize(
    ("twin", "status"), [({"twin": "c1"}, 409), ({"twin": "k1"}, 409), ({"twin": "none"}, 404), ({}, 400),
                         ({"twin": "c2", "twin_version": 9}, 412)]
)  # fmt: skip
def test_what_cannot_be_merged_is_refused(untouched: TestClient, twin: dict, status: int):
    problem(untouched.post(f"{ITEMS}/c1/merge", json=twin, headers={"If-Match": "*"}), status)
    assert len(changes(untouched, "c1")) == 1


def test_a_request_with_the_same_key_adds_one_facility(client: TestClient):
    once = {"Idempotency-Key": "7e57"}
    first, again = (client.post(ITEMS, json=NEW, headers=once) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert (first.json(), first.headers["Location"]) == (again.json(), again.headers["Location"])
    other = client.post(ITEMS, json=NEW | {"properties": {"category": "park"}}, headers=once)
    assert "another request" in problem(other, 409)
    assert client.get(ITEMS, params={"limit": 1}).json()["numberMatched"] == 10
    assert client.post(ITEMS, json=NEW).json()["id"] != first.json()["id"]


def test_at_once_too(client: TestClient):
    with ThreadPoolExecutor(8) as several:
        made = list(several.map(lambda _: client.post(ITEMS, json=NEW, headers={"Idempotency-Key": "k"}), range(8)))
    assert {one.status_code for one in made} == {201}
    assert len({one.json()["id"] for one in made}) == 1


def test_only_those_with_a_good_key_may_edit(client: TestClient):
    database = client.app.state.answers.register.database
    tags = {"If-Match": "*"}
    for key in (None, "Bearer", "Bearer x", "Basic eDp5", f"Bearer {keys.create(database, '旧')}"):
        if key is not None and key.startswith("Bearer fwq_"):
            keys.revoke(database, "旧")
        client.headers.pop("Authorization", None)
        headers = tags if key is None else tags | {"Authorization": key}
        for answer in (
            client.post(ITEMS, json=NEW, headers=headers),
            client.put(f"{ITEMS}/c1", json=NEW, headers=headers),
            client.patch(f"{ITEMS}/c1", json={}, headers=headers),
            client.delete(f"{ITEMS}/c1", headers=headers),
            client.post(f"{ITEMS}/c1/restore", headers=headers),
            client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}, headers=headers),
        ):
            assert "key" in problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert len(changes(client, "c1")) == 1  # reading needs none


def test_keys_are_kept_as_hashes_and_told_once(client: TestClient):
    database = client.app.state.answers.register.database
    key = keys.create(database, "李工")
    (kept,) = (one for one in keys.list_keys(database) if one.name == "李工")
    assert key not in str(kept.model_dump())
    assert len(kept.hash) == 64
    with pytest.raises(Exception, match="there is a key"):
        keys.create(database, "李工")
    with pytest.raises(Exception, match="unknown key '谁'"):
        keys.revoke(database, "谁")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"properties": {"category": "bakery"}}, "category"),
        ({"properties": {"opened": "yesterday"}}, "opened"),
        ({"properties": {"opened": "2020-01-01", "closed": "2019-01-01"}}, "closed"),
        ({"properties": {"capacity": -1}}, "capacity"),
        ({"properties": {"capacity": 2**40}}, "capacity"),
        ({"properties": {"name": "长" * 301}}, "name"),
        ({"properties": {"name": ["a"]}}, "name"),
        ({"properties": {"extra": "text"}}, "extra"),
        ({"properties": {"much": "x" * 30_000}}, "extra"),
        ({"properties": {"provenance": None}}, "provenance"),
        ({"properties": None}, "properties"),
        ({"geometry": {"type": "Point", "coordinates": [1e9, 1]}}, "geometry"),
        ({"geometry": {"type": "Point", "coordinates": []}}, "geometry"),
        ({"geometry": {"type": "Nonsense"}}, "geometry"),
        ({"geometry": {}}, "geometry"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_changed(untouched: TestClient, change: dict, named: str):
    before = untouched.get(f"{ITEMS}/c1").json()
    answer = untouched.patch(f"{ITEMS}/c1", json=change, headers={"If-Match": "*"})
    problem(answer, 400)
    assert named in json.dumps(answer.json()["parameters"])
    assert untouched.get(f"{ITEMS}/c1").json() == before
    made = untouched.post(ITEMS, json=NEW | {"properties": NEW["properties"] | (change.get("properties") or {})} | (
        {"geometry": change["geometry"]} if "geometry" in change else {}))  # fmt: skip
    assert made.status_code == (400 if change.get("properties", 1) is not None else 201)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"geometry": 1}', b"[" * 100_000])
def test_a_body_that_is_no_feature_is_refused(untouched: TestClient, body: bytes):
    problem(untouched.post(ITEMS, content=body, headers={"Content-Type": "application/json"}), 400)


def test_a_body_that_is_too_large_is_refused(untouched: TestClient):
    big = json.dumps(NEW | {"properties": {"category": "clinic", "x": "y" * 2_000_000}})
    problem(untouched.post(ITEMS, content=big, headers={"Content-Type": "application/json"}), 413)


def test_what_stood_on_a_day_is_told(client: TestClient):
    def standing(day: str) -> list[str]:
        answer = client.get(ITEMS, params={"datetime": day, "limit": 100})
        assert answer.json()["numberMatched"] == len(answer.json()["features"])
        return [feature["id"] for feature in answer.json()["features"]]

    client.post(ITEMS, json=NEW | {"id": "new", "properties": {"category": "clinic", "opened": "2021-07-01"}})
    assert "new" not in standing("2021-06-30")
    assert "new" in standing("2021-07-01")
    change = {"properties": {"closed": "2021-12-31"}}
    client.patch(f"{ITEMS}/new", json=change, headers={"If-Match": "*"})
    assert "new" in standing("2021-12-30")
    assert "new" not in standing("2021-12-31")
    problem(client.get(ITEMS, params={"at": "2021-13-01"}), 400)


def test_what_is_due_for_a_check_is_listed(client: TestClient):
    def due() -> set[str]:
        return {one["id"] for one in client.get(ITEMS, params={"due": "true", "limit": 100}).json()["features"]}

    today = client.app.state.answers.study.today().isoformat()
    assert "c1" in due()
    answer = client.patch(f"{ITEMS}/c1", json={"properties": {"verified": today}}, headers={"If-Match": "*"})
    assert answer.json()["properties"]["verified_by"] == "王工"
    assert "c1" not in due()
    client.patch(f"{ITEMS}/c1", json={"properties": {"verified": "2020-01-01"}}, headers={"If-Match": "*"})
    assert "c1" in due()
    client.patch(f"{ITEMS}/c1", json={"properties": {"closed": "2020-01-01"}}, headers={"If-Match": "*"})
    assert "c1" not in due()  # what has closed need not be visited


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30))
def test_any_text_may_be_asked_for_as_an_id(town_client: TestClient, facility_id: str):
    for below in ("", "/history"):
        assert town_client.get(f"{ITEMS}/{quote(facility_id, safe='')}{below}").status_code in (200, 404)


def test_an_id_may_hold_anything(client: TestClient):
    for facility_id in ("a/b", "甲 乙", "q?x=1#y", "a'\"<script>"):
        made = client.post(ITEMS, json=NEW | {"id": facility_id})
        assert made.status_code == 201, made.text
        assert client.get(made.headers["Location"]).json()["id"] == facility_id
        assert client.get(made.headers["Location"] + "/history").json()["changes"][0]["action"] == "create"
        assert client.delete(made.headers["Location"], headers={"If-Match": "*"}).status_code == 204


def test_what_was_read_in_any_coordinates_can_be_put_back(client: TestClient):
    for coordinates in ("gcj02", "bd09"):
        read = client.get(f"{ITEMS}/c1", params={"coordinates": coordinates})
        put = client.put(f"{ITEMS}/c1", json=read.json(), headers={"If-Match": read.headers["ETag"]})
        assert (put.status_code, put.json(), put.headers["ETag"]) == (200, read.json(), read.headers["ETag"])
    body = read.json() | {"coordinate_system": "gcj02"}
    asked = {"coordinates": "wgs84"}
    refused = client.put(f"{ITEMS}/c1", params=asked, json=body, headers={"If-Match": "*"})
    assert "gcj02 in the body, wgs84 not" in problem(refused, 400)
    assert len(changes(client, "c1")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "1"}, {"propertys": {}}, {"id": "other"}, {"type": "Bogus"}, {"geometry": None},
        {"properties": {"id": "x"}}, {"properties": {"extra": {"name": "x"}}}, {"properties": {"extra": None}},
    ],
)  # fmt: skip
def test_a_patch_that_says_nothing_that_can_be_done_is_refused(untouched: TestClient, body: dict):
    problem(untouched.patch(f"{ITEMS}/c1", json=body, headers={"If-Match": "*"}), 400)


def test_further_properties_are_merged(client: TestClient):
    for extra in ({"a": 1, "b": 2}, {"b": None, "c": {"d": 3}}):
        answer = client.patch(f"{ITEMS}/c1", json={"properties": {"extra": extra}}, headers={"If-Match": "*"})
    assert {name: answer.json()["properties"].get(name) for name in "abc"} == {"a": 1, "b": None, "c": {"d": 3}}
    assert "b" not in answer.json()["properties"]


def test_a_merge_with_a_stale_twin_does_not_close_what_stands(client: TestClient):
    change = {"properties": {"opened": "2010-01-01", "closed": "2015-01-01", "verified": "2014-01-01"}}
    assert client.patch(f"{ITEMS}/c2", json=change, headers={"If-Match": "*"}).status_code == 200
    client.patch(f"{ITEMS}/c1", json={"properties": {"opened": "2020-01-01"}}, headers={"If-Match": "*"})
    merged = client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}, headers={"If-Match": "*"})
    assert merged.status_code == 200, merged.text
    both = merged.json()["properties"]
    assert (both["opened"], both["closed"], both["verified"], both["verified_by"]) == ("2020-01-01", None, None, None)


def test_an_id_is_cleaned_before_it_is_looked_for(client: TestClient):
    first = client.post(ITEMS, json=NEW | {"id": "x  y"}, headers={"Idempotency-Key": "1"})
    assert (first.status_code, first.json()["id"]) == (201, "x y")
    assert client.post(ITEMS, json=NEW | {"id": "x  y"}, headers={"Idempotency-Key": "1"}).json() == first.json()
    for same in ("x  y", " x y", "x\ny", "x\0y"):
        problem(client.post(ITEMS, json=NEW | {"id": same}), 409)
    for lost in ("q/history", "restore/merge", ".", "..", " "):
        answer = client.post(ITEMS, json=NEW | {"id": lost})
        assert answer.status_code == (201 if lost == " " else 400), lost


def test_a_request_sent_again_after_its_facility_is_gone_says_so(client: TestClient):
    once = {"Idempotency-Key": "k"}
    made = client.post(ITEMS, json=NEW, headers=once)
    client.delete(made.headers["Location"], headers={"If-Match": "*"})
    problem(client.post(ITEMS, json=NEW, headers=once), 410)


@pytest.mark.parametrize("odd", ["\ud800", 10**30, 1e308, {"a": [None, "\udfff"]}])
def test_odd_values_are_taken_or_refused(client: TestClient, odd: object):
    body = json.dumps(NEW | {"properties": {"category": "clinic", "odd": odd, "name": odd}})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert client.post(ITEMS, content=body, headers=headers).status_code in (201, 400)
    twin = json.dumps({"twin": odd if isinstance(odd, str) else "\ud800"})
    answer = client.post(f"{ITEMS}/c1/merge", content=twin, headers=headers | {"If-Match": "*"})
    assert answer.status_code in (400, 404)


def test_a_move_changes_the_area_unless_it_is_said(client: TestClient):
    there = {"geometry": {"type": "Point", "coordinates": list(town.place(12, 2))}}
    before = client.get(f"{ITEMS}/c1").json()["properties"]["area_code"]
    moved = client.patch(f"{ITEMS}/c1", json=there, headers={"If-Match": "*"}).json()["properties"]["area_code"]
    assert (before, moved) == ("T1S", "T2S")
    said = there | {"geometry": {"type": "Point", "coordinates": list(town.place(2, 6))}}
    said |= {"properties": {"area_code": "T2S"}}
    for _ in range(2):
        again = client.patch(f"{ITEMS}/c1", json=said, headers={"If-Match": "*"})
        assert again.json()["properties"]["area_code"] == "T2S"


@pytest.mark.parametrize("place", [[0, 0], [116.4, 39.9], [-60, -20]])
def test_a_place_far_from_the_study_is_refused(untouched: TestClient, place: list[float]):
    feature = NEW | {"geometry": {"type": "Point", "coordinates": place}}
    assert "outside the area" in problem(untouched.post(ITEMS, json=feature), 400)
    problem(untouched.patch(f"{ITEMS}/c1", json={"geometry": feature["geometry"]}, headers={"If-Match": "*"}), 400)


def test_a_name_whose_key_was_revoked_can_have_another(client: TestClient):
    database = client.app.state.answers.register.database
    old = keys.create(database, "李工")
    keys.revoke(database, "李工")
    new = keys.create(database, "李工")
    answers = [client.post(ITEMS, json=NEW, headers={"Authorization": f"Bearer {key}"}) for key in (old, new)]
    assert [answer.status_code for answer in answers] == [401, 201]
    with pytest.raises(Exception, match="needs the name"):
        keys.create(database, " ")


def test_strangers_are_not_told_where_the_register_is(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    register = client.app.state.answers.register

    def broken(*_: object) -> None:
        raise RegisterError(f"{register.database.address}: broken")

    monkeypatch.setattr(register, "get", broken)
    assert "server's log" in problem(client.get(f"{ITEMS}/c1"), 503)
    assert register.database.address not in client.get(f"{ITEMS}/c1").text


@pytest.mark.parametrize("said", ["医院", "Hospital", "ＨＯＳＰＩＴＡＬ", "hospital"])
def test_a_subtype_has_many_names_and_one_id(client: TestClient, said: str):
    made = client.post(ITEMS, json=NEW | {"properties": {"category": "clinic", "subtype": said}})
    assert made.json()["properties"]["subtype"] == "hospital"


@pytest.mark.parametrize(
    "said", ["<urn:fuwuquan:crs:gcj02>", "http://www.opengis.net/def/crs/EPSG/0/4326", "<nonsense>"]
)
def test_a_body_in_another_system_than_it_says_is_refused(untouched: TestClient, said: str):
    headers = {"Content-Crs": said, "If-Match": "*"}
    for method, address in (("POST", ITEMS), ("PUT", f"{ITEMS}/c1"), ("PATCH", f"{ITEMS}/c1")):
        assert "Content-Crs" in problem(untouched.request(method, address, json=NEW, headers=headers), 400)
    agreed = {"Content-Crs": "<urn:fuwuquan:crs:gcj02>"}
    assert untouched.post(ITEMS, params={"coordinates": "gcj02"}, json={}, headers=agreed).status_code == 400
