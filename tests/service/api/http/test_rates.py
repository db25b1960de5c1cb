"""Limits of the request rate."""

import time
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from service.settings import Settings
from support.town_api import ITEMS, ORIGIN, Serve, assert_problem, preflight


def test_requests_above_the_rate_get_429_with_retry_after(serve: Serve):
    client = serve(rate="3/minute")
    for _ in range(3):
        assert client.get("/v1/standards").status_code == 200
    for path in ("/v1/standards", "/v1", ITEMS, "/v1/nope"):
        answer = client.get(path, headers={"Origin": ORIGIN, "X-Request-ID": "mine"})
        body = assert_problem(answer, 429)
        assert body["title"] == "Too many requests"
        assert body["type"] == "urn:fuwuquan:problem:too-many-requests"
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert f"{answer.headers['Retry-After']} s" in body["detail"]
        assert answer.headers["X-Request-ID"] == "mine"
        assert (
            answer.headers["Access-Control-Allow-Origin"] == "*"
        )  # so that scripts of other origins can read Retry-After
    assert client.post("/v1/nearest", json={}).status_code == 429
    head = client.head("/v1/standards")
    assert (head.status_code, head.content) == (429, b"")
    for path in ("/health", "/ready", "/", "/openapi.json", "/static/finder.js"):
        assert client.get(path).status_code == 200, path
    assert preflight(client, ORIGIN).status_code == 200


def test_rate_counts_per_client_and_ends_with_its_period(serve: Serve):
    client = serve(rate="2/second")
    other = TestClient(client.app, client=("192.0.2.1", 1))  # without entering it: the application runs already
    assert any(client.get("/v1").status_code == 429 for _ in range(100))  # a busy machine answers few in a second
    assert other.get("/v1").status_code == 200
    time.sleep(1.1)
    assert client.get("/v1").status_code == 200


def test_each_of_several_rates_is_enforced(serve: Serve):
    client = serve(rate="3/second;4/hour")
    reply: list[Any] = []
    while len(reply) < 4:  # what the first rate refuses does not count for the second
        answer = client.get("/v1/standards")
        if answer.status_code == 200:
            reply.append(answer)
        else:
            assert "per 1 second" in assert_problem(answer, 429)["detail"]
            time.sleep(0.2)
    refused = client.get("/v1/standards")
    assert "4 per 1 hour" in assert_problem(refused, 429)["detail"]
    assert int(refused.headers["Retry-After"]) > 3000


def test_rate_applies_to_paths_below_v1_only(serve: Serve):
    client = serve(rate="1/hour")
    assert client.get("/v1/standards").status_code == 200
    assert client.get("/v1x").status_code == 404
    assert client.get("/v1").status_code == 429


def test_without_a_rate_no_request_is_refused(client: TestClient):
    assert {client.get("/v1/conformance").status_code for _ in range(30)} == {200}


@pytest.mark.parametrize(
    "rate",
    ["nonsense", "", "-1/minute", "3", "/minute", "3/fortnight", "x/minute", "1.5/hour", "0/minute", "5/minute;0/hour"],
)
def test_invalid_rate_setting_is_refused(rate: str):
    with pytest.raises(ValidationError, match="600/minute"):
        Settings(rate=rate)
