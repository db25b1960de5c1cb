"""Two records of one facility merged over HTTP."""

import pytest
from starlette.testclient import TestClient

from support.edit_api import ITEMS, assert_problem, history_of, if_match


def test_merge_fills_gaps_and_keeps_both_histories(client: TestClient):
    client.patch(
        f"{ITEMS}/c2", json={"properties": {"address": "中山路1号", "beds": 3}}, headers=if_match(client, "c2")
    )
    mine, other = (client.get(f"{ITEMS}/{facility_id}").json()["properties"] for facility_id in ("c1", "c2"))
    assert mine["address"] is None
    merged = client.post(f"{ITEMS}/c1/merge", json={"twin": "c2", "twin_version": 2}, headers=if_match(client, "c1"))
    assert merged.status_code == 200, merged.text
    both = merged.json()["properties"]
    assert (both["name"], both["address"], both["beds"]) == (mine["name"], other["address"], 3)
    assert "merged into 'c1'" in assert_problem(client.get(f"{ITEMS}/c2"), 410)
    actions = [(change["facility_id"], change["action"]) for change in history_of(client, "c1")]
    assert sorted(actions) == sorted(
        [("c1", "import"), ("c2", "import"), ("c2", "patch"), ("c2", "merge"), ("c1", "merge")]
    )
    # Restoring the twin separates them again.
    assert client.post(f"{ITEMS}/c2/restore", headers={"If-Match": "*"}).json()["properties"] == other
    assert [change["facility_id"] for change in history_of(client, "c1")] == ["c1", "c1"]


def test_merge_with_a_closed_record_does_not_close_the_facility(client: TestClient):
    change = {"properties": {"opened": "2010-01-01", "closed": "2015-01-01", "verified": "2014-01-01"}}
    assert client.patch(f"{ITEMS}/c2", json=change, headers={"If-Match": "*"}).status_code == 200
    client.patch(f"{ITEMS}/c1", json={"properties": {"opened": "2020-01-01"}}, headers={"If-Match": "*"})
    merged = client.post(f"{ITEMS}/c1/merge", json={"twin": "c2"}, headers={"If-Match": "*"})
    assert merged.status_code == 200, merged.text
    both = merged.json()["properties"]
    assert (both["opened"], both["closed"], both["verified"], both["verified_by"]) == ("2020-01-01", None, None, None)


@pytest.mark.parametrize(
    ("twin", "status"), [({"twin": "c1"}, 409), ({"twin": "k1"}, 409), ({"twin": "none"}, 404), ({}, 400),
                         ({"twin": "c2", "twin_version": 9}, 412)]
)  # fmt: skip
def test_impossible_merge_is_refused(unchanged_client: TestClient, twin: dict, status: int):
    assert_problem(unchanged_client.post(f"{ITEMS}/c1/merge", json=twin, headers={"If-Match": "*"}), status)
    assert len(history_of(unchanged_client, "c1")) == 1
