"""Bodies that an edit refuses, and that nothing changes then."""

import json

import pytest
from starlette.testclient import TestClient

from support.edit_api import ITEMS, NEW_FACILITY, assert_problem


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
def test_invalid_value_is_refused_by_name_and_changes_nothing(unchanged_client: TestClient, change: dict, named: str):
    before = unchanged_client.get(f"{ITEMS}/c1").json()
    answer = unchanged_client.patch(f"{ITEMS}/c1", json=change, headers={"If-Match": "*"})
    assert_problem(answer, 400)
    assert named in json.dumps(answer.json()["parameters"])
    assert unchanged_client.get(f"{ITEMS}/c1").json() == before
    body = NEW_FACILITY | {"properties": NEW_FACILITY["properties"] | (change.get("properties") or {})}
    if "geometry" in change:
        body["geometry"] = change["geometry"]
    made = unchanged_client.post(ITEMS, json=body)
    assert made.status_code == (400 if change.get("properties", 1) is not None else 201)


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "1"}, {"propertys": {}}, {"id": "other"}, {"type": "Bogus"}, {"geometry": None},
        {"properties": {"id": "x"}}, {"properties": {"extra": {"name": "x"}}}, {"properties": {"extra": None}},
    ],
)  # fmt: skip
def test_patch_with_unknown_or_contradicting_members_is_refused(unchanged_client: TestClient, body: dict):
    assert_problem(unchanged_client.patch(f"{ITEMS}/c1", json=body, headers={"If-Match": "*"}), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"geometry": 1}', b"[" * 100_000])
def test_body_that_is_not_a_feature_is_refused(unchanged_client: TestClient, body: bytes):
    assert_problem(unchanged_client.post(ITEMS, content=body, headers={"Content-Type": "application/json"}), 400)


def test_too_large_body_is_refused(unchanged_client: TestClient):
    big = json.dumps(NEW_FACILITY | {"properties": {"category": "clinic", "x": "y" * 2_000_000}})
    assert_problem(unchanged_client.post(ITEMS, content=big, headers={"Content-Type": "application/json"}), 413)


@pytest.mark.parametrize("odd", ["\ud800", 10**30, 1e308, {"a": [None, "\udfff"]}])
def test_unusual_values_are_accepted_or_refused_without_an_internal_error(client: TestClient, odd: object):
    body = json.dumps(NEW_FACILITY | {"properties": {"category": "clinic", "odd": odd, "name": odd}})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert client.post(ITEMS, content=body, headers=headers).status_code in (201, 400)
    twin = json.dumps({"twin": odd if isinstance(odd, str) else "\ud800"})
    answer = client.post(f"{ITEMS}/c1/merge", content=twin, headers=headers | {"If-Match": "*"})
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("place", [[0, 0], [116.4, 39.9], [-60, -20]])
def test_place_far_from_the_study_is_refused(unchanged_client: TestClient, place: list[float]):
    feature = NEW_FACILITY | {"geometry": {"type": "Point", "coordinates": place}}
    assert "outside the area" in assert_problem(unchanged_client.post(ITEMS, json=feature), 400)
    assert_problem(
        unchanged_client.patch(f"{ITEMS}/c1", json={"geometry": feature["geometry"]}, headers={"If-Match": "*"}), 400
    )


@pytest.mark.parametrize(
    "sent", ["<urn:fuwuquan:crs:gcj02>", "http://www.opengis.net/def/crs/EPSG/0/4326", "<nonsense>"]
)
def test_content_crs_that_contradicts_the_body_is_refused(unchanged_client: TestClient, sent: str):
    headers = {"Content-Crs": sent, "If-Match": "*"}
    for method, address in (("POST", ITEMS), ("PUT", f"{ITEMS}/c1"), ("PATCH", f"{ITEMS}/c1")):
        assert "Content-Crs" in assert_problem(
            unchanged_client.request(method, address, json=NEW_FACILITY, headers=headers), 400
        )
    agreed = {"Content-Crs": "<urn:fuwuquan:crs:gcj02>"}
    assert unchanged_client.post(ITEMS, params={"coordinates": "gcj02"}, json={}, headers=agreed).status_code == 400
