"""Who may edit: keys, versions (If-Match) and idempotency keys."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from service.register import keys
from service.register.database import RegisterError
from support.edit_api import ITEMS, NEW_FACILITY, assert_problem, history_of, if_match


def test_edits_without_a_valid_key_are_refused(client: TestClient):
    database = client.app.state.answers.register.database
    tags = {"If-Match": "*"}
    for key in (None, "Bearer", "Bearer x", "Basic eDp5", f"Bearer {keys.create(database, '旧')}"):
        if key is not None and key.startswith("Bearer fwq_"):
            keys.revoke(database, "旧")
        client.headers.pop("Authorization", None)
        headers = tags if key is None else tags | {"Authorization": key}
        for answer in (
            client.post(ITEMS, json=NEW_FACILITY, headers=headers),
            client.put(f"{ITEMS}/c1", json=NEW_FACILITY, headers=headers),
            client.patch(f"{ITEMS}/c1", json={}, headers=headers),
            client.delete(f"{ITEMS}/c1", headers=headers),
            client.post(f"{ITEMS}/c1/restore", headers=headers),
            client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}, headers=headers),
        ):
            assert "key" in assert_problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert len(history_of(client, "c1")) == 1  # reading needs no key


def test_keys_are_stored_as_hashes(client: TestClient):
    database = client.app.state.answers.register.database
    key = keys.create(database, "李工")
    (record,) = (stored for stored in keys.list_keys(database) if stored.name == "李工")
    assert key not in str(record.model_dump())
    assert len(record.hash) == 64
    with pytest.raises(Exception, match="there is a key"):
        keys.create(database, "李工")
    with pytest.raises(Exception, match="unknown key '谁'"):
        keys.revoke(database, "谁")


def test_revoked_key_can_be_replaced_under_the_same_name(client: TestClient):
    database = client.app.state.answers.register.database
    old = keys.create(database, "李工")
    keys.revoke(database, "李工")
    new = keys.create(database, "李工")
    answers = [client.post(ITEMS, json=NEW_FACILITY, headers={"Authorization": f"Bearer {key}"}) for key in (old, new)]
    assert [answer.status_code for answer in answers] == [401, 201]
    with pytest.raises(Exception, match="needs the name"):
        keys.create(database, " ")


def test_second_edit_of_the_same_version_is_refused(client: TestClient):
    tag = if_match(client, "c1")
    assert client.patch(f"{ITEMS}/c1", json={"properties": {"name": "一"}}, headers=tag).status_code == 200
    for send in (client.patch, client.put):
        detail = assert_problem(send(f"{ITEMS}/c1", json=NEW_FACILITY, headers=tag), 412)
        assert "version 2" in detail
    assert_problem(client.delete(f"{ITEMS}/c1", headers=tag), 412)
    assert client.get(f"{ITEMS}/c1").json()["properties"]["name"] == "一"


@pytest.mark.parametrize(
    "tag", ['W/"1-wgs84"', '"2-wgs84"', '"999-wgs84"', '"x"', "1", '"-1-wgs84"', "", '"9' + "9" * 50 + '-wgs84"']
)
def test_if_match_of_another_version_is_refused(unchanged_client: TestClient, tag: str):
    version_hash = unchanged_client.get(f"{ITEMS}/c1").headers["ETag"].split("-")[1]
    assert_problem(
        unchanged_client.patch(
            f"{ITEMS}/c1", json={}, headers={"If-Match": tag.replace("-wgs", f"-{version_hash}-wgs")}
        ),
        412,
    )
    assert_problem(unchanged_client.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": tag}), 412)


def test_edit_without_if_match_is_refused(client: TestClient):
    for answer in (
        client.patch(f"{ITEMS}/c1", json={}),
        client.put(f"{ITEMS}/c1", json=NEW_FACILITY),
        client.delete(f"{ITEMS}/c1"),
        client.post(f"{ITEMS}/c1/restore"),
        client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}),
    ):
        assert "If-Match" in assert_problem(answer, 428)
    assert client.patch(f"{ITEMS}/c1", json={}, headers={"If-Match": "*"}).status_code == 200
    listed = {"If-Match": f'"77-00000000-wgs84", {if_match(client, "c1")["If-Match"]}'}
    assert client.patch(f"{ITEMS}/c1", json={}, headers=listed).status_code == 200


def test_concurrent_edits_never_lose_one(client: TestClient):
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
    assert [change["version"] for change in history_of(client, "c1")] == list(range(1, 22))


def test_request_repeated_with_its_idempotency_key_adds_one_facility(client: TestClient):
    idempotency = {"Idempotency-Key": "7e57"}
    first, again = (client.post(ITEMS, json=NEW_FACILITY, headers=idempotency) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert (first.json(), first.headers["Location"]) == (again.json(), again.headers["Location"])
    other = client.post(ITEMS, json=NEW_FACILITY | {"properties": {"category": "park"}}, headers=idempotency)
    assert "another request" in assert_problem(other, 409)
    assert client.get(ITEMS, params={"limit": 1}).json()["numberMatched"] == 10
    assert client.post(ITEMS, json=NEW_FACILITY).json()["id"] != first.json()["id"]


def test_concurrent_requests_with_one_idempotency_key_add_one_facility(client: TestClient):
    with ThreadPoolExecutor(8) as several:
        made = list(
            several.map(lambda _: client.post(ITEMS, json=NEW_FACILITY, headers={"Idempotency-Key": "k"}), range(8))
        )
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["id"] for answer in made}) == 1


def test_request_repeated_after_its_facility_was_removed_gets_410(client: TestClient):
    idempotency = {"Idempotency-Key": "k"}
    made = client.post(ITEMS, json=NEW_FACILITY, headers=idempotency)
    client.delete(made.headers["Location"], headers={"If-Match": "*"})
    assert_problem(client.post(ITEMS, json=NEW_FACILITY, headers=idempotency), 410)


def test_errors_do_not_reveal_the_address_of_the_database(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    register = client.app.state.answers.register

    def broken(*_: object) -> None:
        raise RegisterError(f"{register.database.address}: broken")

    monkeypatch.setattr(register, "get", broken)
    assert "server's log" in assert_problem(client.get(f"{ITEMS}/c1"), 503)
    assert register.database.address not in client.get(f"{ITEMS}/c1").text
