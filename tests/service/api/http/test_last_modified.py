"""Last-Modified and If-Modified-Since."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from starlette.testclient import TestClient

from service.api import responses
from support.town_api import VARYING_PATHS, place_query, rename_facility


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(responses.time, "time", now.timestamp)


def modified_time(client: TestClient) -> datetime:
    return client.app.state.answers.states.current().modified


def test_last_modified_is_the_time_of_the_edit_and_if_modified_since_respects_it(
    editor: TestClient, monkeypatch: pytest.MonkeyPatch, tagged_paths: list[str]
):
    rename_facility(editor)
    modified = modified_time(editor)
    assert abs(modified.timestamp() - time.time()) < 60
    set_clock(monkeypatch, modified + timedelta(seconds=60))
    for path in (path for path in tagged_paths if path not in VARYING_PATHS):
        reply = editor.get(path, params=place_query(path))
        date = reply.headers["Last-Modified"]
        assert parsedate_to_datetime(date) == modified.replace(microsecond=0), path
        for days, status in ((0, 304), (1, 304), (-1, 200)):
            since = format_datetime(parsedate_to_datetime(date) + timedelta(days=days), usegmt=True)
            answer = editor.get(path, params=place_query(path), headers={"If-Modified-Since": since})
            assert answer.status_code == status, (path, days)
            assert answer.headers["ETag"] == reply.headers["ETag"]
            if status == 304:
                assert answer.content == b""
                assert answer.headers["Last-Modified"] == date


def test_if_modified_since_one_second_earlier_gets_the_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    set_clock(monkeypatch, modified_time(client) + timedelta(seconds=60))
    date = client.get("/v1/standards").headers["Last-Modified"]
    since = format_datetime(parsedate_to_datetime(date) - timedelta(seconds=1), usegmt=True)
    assert client.get("/v1/standards", headers={"If-Modified-Since": since}).status_code == 200


def test_last_modified_is_left_out_for_two_seconds_after_a_change(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    rename_facility(editor)
    modified = modified_time(editor)
    late = {"If-Modified-Since": format_datetime(modified + timedelta(days=1), usegmt=True)}
    for seconds, reply in ((0.0, False), (1.0, False), (1.99, False), (2.01, True), (-5.0, False)):
        set_clock(monkeypatch, modified + timedelta(seconds=seconds))
        answer = editor.get("/v1/coverage")
        assert ("Last-Modified" in answer.headers) is reply, seconds
        assert editor.get("/v1/coverage", headers=late).status_code == (304 if reply else 200), seconds


def test_edit_moves_last_modified_forward(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    before = modified_time(editor)
    time.sleep(0.02)
    rename_facility(editor)
    assert modified_time(editor) > before
    set_clock(monkeypatch, modified_time(editor) + timedelta(seconds=10))
    since = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert editor.get("/v1/coverage", headers={"If-Modified-Since": since}).status_code == 200


def test_if_none_match_takes_precedence_over_if_modified_since(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    set_clock(monkeypatch, modified_time(client) + timedelta(seconds=60))
    reply = client.get("/v1/standards").headers
    late = "Fri, 01 Jan 2100 00:00:00 GMT"
    conditions = {"If-None-Match": '"other"', "If-Modified-Since": late}
    assert client.get("/v1/standards", headers={"If-Modified-Since": late}).status_code == 304
    assert client.get("/v1/standards", headers=conditions).status_code == 200
    early = {"If-None-Match": reply["ETag"], "If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert client.get("/v1/standards", headers=early).status_code == 304


@pytest.mark.parametrize(
    "date",
    [
        "", " ", "x", "0", "-1", "2100-01-01", "2100-01-01T00:00:00Z", "4102444800", "9" * 5000,
        "Fri, 01 Jan 2100", "Fri, 41 Jan 2100 00:00:00 GMT", "Fri, 01 Jan 2100 99:00:00 GMT",
        "Fri, 01 Jan 99999 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 +9999", "Fri, 01 Jan 2100 00:00:00 -0000",
        "Fri, 01 Jan 2100 00:00:00 +99999999999999999999",
    ],
)  # fmt: skip
def test_invalid_if_modified_since_is_ignored(client: TestClient, date: str):
    assert client.get("/v1/standards", headers={"If-Modified-Since": date}).status_code == 200
