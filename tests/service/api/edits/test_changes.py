"""The edits in /v1/changes: of a period, by action, and by whom only for those who have a key."""

from datetime import UTC, datetime, timedelta

from starlette.testclient import TestClient

from support.edit_api import ITEMS, NEW_FACILITY, assert_problem, if_match


def edits(client: TestClient, **query: str) -> dict:
    answer = client.get("/v1/changes", params=query)
    assert answer.status_code == 200, answer.text
    content: dict = answer.json()["edits"]
    return content


def edit(client: TestClient) -> None:
    """A facility is added, another changed twice, a third removed."""
    assert client.post(ITEMS, json=NEW_FACILITY | {"id": "new"}).status_code == 201
    for phone in ("0579-1", "0579-2"):
        patch = {"properties": {"phone": phone, "opened": "2018-05-05"}}
        assert client.patch(f"{ITEMS}/c2", json=patch, headers=if_match(client, "c2")).status_code == 200
    assert client.delete(f"{ITEMS}/k2", headers=if_match(client, "k2")).status_code == 204


def test_edits_are_counted_and_name_their_editor_only_to_those_with_a_key(client: TestClient):
    assert edits(client)["count"] == 0  # that the register was filled is no edit
    edit(client)
    with_key = edits(client)
    key = client.headers.pop("Authorization")
    without_key = edits(client)
    assert without_key["by_action"] == {"create": 1, "patch": 2, "remove": 1}
    assert (without_key["count"], without_key["facilities"]) == (4, 3)
    assert [(entry["facility_id"], entry["version"]) for entry in without_key["latest"]] == [
        ("k2", 2), ("c2", 3), ("c2", 2), ("new", 1)
    ]  # fmt: skip
    assert without_key["latest"][1]["fields"] == ["phone"]
    assert all("who" not in entry and "source" not in entry for entry in without_key["latest"])
    assert [entry.pop("who") for entry in with_key["latest"]] == ["王工"] * 4
    assert [entry.pop("source") for entry in with_key["latest"]] == [None] * 4
    assert with_key == without_key
    client.headers["Authorization"] = key
    answer = client.get("/v1/changes")
    assert answer.json()["edits"]["latest"][0]["who"] == "王工"  # the kept answer without names is for others
    assert "Authorization" in answer.headers["Vary"]
    tags = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/v1/changes", headers=tags).status_code == 304
    client.headers.pop("Authorization")
    assert client.get("/v1/changes", headers=tags).status_code == 200


def test_key_that_is_wrong_is_refused(unchanged_client: TestClient):
    for value in ("Bearer", "Bearer x", "Basic eDp5", ""):
        answer = unchanged_client.get("/v1/changes", headers={"Authorization": value})
        assert "key" in assert_problem(answer, 401)


def test_edits_belong_to_the_day_on_which_they_were_made(client: TestClient):
    edit(client)
    # The study's clock is ahead of UTC, and midnight may pass during the test.
    now = datetime.now(UTC)
    before, after = ((now + timedelta(days=days)).date().isoformat() for days in (-2, 2))
    assert edits(client, **{"from": before, "to": after})["count"] == 4
    assert edits(client, to=before)["count"] == 0
    assert edits(client, **{"from": after, "to": after})["count"] == 0
    opened = client.get("/v1/changes", params={"from": "2018-05-04", "to": "2018-05-05"}).json()
    assert [feature["id"] for feature in opened["features"]] == ["c2"]
    assert opened["edits"]["count"] == 0  # the opening is of 2018, the edit of today
    limited = client.get("/v1/changes", params={"limit": "2"}).json()
    assert (len(limited["edits"]["latest"]), limited["edits"]["count"]) == (2, 4)
