"""Request ids, and the answers to internal errors."""

import pytest
from starlette.testclient import TestClient

from support.town_api import ITEMS, ORIGIN, assert_problem

PATHS = ["/v1/standards", "/health", "/", "/nope", "/v1/nearest?lon=x", "/static/finder.js", f"{ITEMS}/nope"]


@pytest.fixture
def broken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The API with a defect: finding duplicates raises an exception that no handler expects."""

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    client.app.state.answers.states.current().responses.clear()  # else the cached answer would be sent
    monkeypatch.setattr(client.app.state.answers, "find_duplicates", fail)
    return client


@pytest.mark.parametrize("path", PATHS)
def test_request_id_is_returned_or_a_new_one_made(client: TestClient, path: str):
    for good in ("a", "A-b_c.9", "x" * 64):
        assert client.get(path, headers={"X-Request-ID": good}).headers["X-Request-ID"] == good
    made = [client.get(path).headers["X-Request-ID"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(len(request_id) == 32 for request_id in made)
    assert client.post(path, headers={"X-Request-ID": "a"}).headers["X-Request-ID"] == "a"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        " ",
        "x" * 65,
        "x" * 10_000,
        "a b",
        "a\r\nSet-Cookie: x=1",
        "a\nb",
        "a\0b",
        "<script>",
        "é",
        "a,b",
        "a\n",
        "%0d",
    ],
)
def test_invalid_request_id_is_replaced(client: TestClient, hostile: str):
    for path in ("/v1/standards", "/nope"):
        answer = client.get(path, headers=[(b"X-Request-ID", hostile.encode("latin-1"))])
        assert len(answer.headers.get_list("X-Request-ID")) == 1
        assert answer.headers["X-Request-ID"] != hostile
        assert answer.headers["X-Request-ID"].isalnum()
        assert "set-cookie" not in answer.headers


def test_internal_error_is_500_with_the_request_id_in_header_and_log(
    broken: TestClient, caplog: pytest.LogCaptureFixture
):
    answer = broken.get("/v1/duplicates", headers={"X-Request-ID": "mine"})
    assert_problem(answer, 500)
    assert answer.headers.get_list("X-Request-ID") == ["mine"]
    assert "mine" in caplog.text
    made = broken.get("/v1/duplicates").headers["X-Request-ID"]
    assert len(made) == 32
    assert made in caplog.text


def test_pages_of_other_origins_may_read_an_internal_error(broken: TestClient):
    answer = broken.get("/v1/duplicates", headers={"Origin": ORIGIN})
    assert answer.headers.get("Access-Control-Allow-Origin") == "*"


def test_head_of_an_internal_error_has_no_body(broken: TestClient):
    answer = broken.head("/v1/duplicates")
    assert (answer.status_code, answer.content) == (500, b"")
