"""The cache of encoded responses never mixes up questions, clients or states of the register."""

import json

import pytest
from starlette.testclient import TestClient

from support.town_api import GEOJSON, ITEMS, ORIGIN, place_query, rename_facility


def test_each_variant_of_a_question_gets_its_own_answer_before_and_after_an_edit(editor: TestClient):
    """Each variant is asked twice, in two orders: computed or cached, its answer is the same."""
    variants: list[tuple[dict[str, str], dict[str, str]]] = [
        (query, headers)
        for query in ({}, {"coordinates": "gcj02"}, {"coordinates": "bd09"}, {"f": "json"}, {"limit": "2"})
        for headers in ({}, {"Accept": "text/html"}, {"Host": "other.example"}, {"Accept-Encoding": "gzip"})
    ]

    def ask() -> list[tuple[str, bytes]]:
        answers = [editor.get(ITEMS, params=query, headers=headers) for query, headers in variants]
        return [(answer.headers["content-type"], answer.content) for answer in answers]

    first = ask()
    variants.reverse()
    assert ask() == first[::-1]
    variants.reverse()
    for (query, headers), (media_type, body) in zip(variants, first, strict=True):
        html = headers.get("Accept") == "text/html" and "f" not in query
        assert media_type == ("text/html; charset=utf-8" if html else GEOJSON)
        assert (b"http://other.example/v1" in body) == ("Host" in headers)
        if not html:
            reply = json.loads(body)
            assert reply["coordinate_system"] == query.get("coordinates", "wgs84")
            assert reply["numberReturned"] == int(query.get("limit", reply["numberMatched"]))
            assert reply["features"][0]["properties"]["name"] != "改了"
    name = first[0][1]
    rename_facility(editor, "改了")
    after = ask()
    assert all(old != new for old, new in zip(first, after, strict=True))
    assert all("改了".encode() in body for _, body in after)
    assert after[0][1] != name


def test_answers_are_the_same_with_and_without_the_cache(
    editor: TestClient, monkeypatch: pytest.MonkeyPatch, tagged_paths: list[str]
):
    with_cache = {path: editor.get(path, params=place_query(path)).content for path in tagged_paths}
    cache = editor.app.state.answers.states.current().responses
    assert len(cache) > 20
    cache.clear()
    assert {path: editor.get(path, params=place_query(path)).content for path in tagged_paths} == with_cache


def test_headers_of_one_request_do_not_appear_in_the_next_answer(client: TestClient):
    reply = client.get("/v1/coverage", headers={"Origin": ORIGIN, "X-Request-ID": "first"})
    assert reply.headers["X-Request-ID"] == "first"
    later = client.get("/v1/coverage")
    assert later.headers["X-Request-ID"] != "first"
    assert "access-control-allow-origin" not in later.headers
    assert later.content == reply.content
