"""Entity tags: every document has one, equal answers have equal tags, and different answers have different ones."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from support.json_types import JsonObject
from support.town_api import (
    FACILITY,
    ITEMS,
    UNTAGGED_PATHS,
    VARYING_PATHS,
    Serve,
    assert_problem,
    has_formats,
    place_query,
    rename_facility,
)


def test_every_document_has_a_strong_tag_that_stays_the_same(client: TestClient, tagged_paths: list[str]):
    assert len(tagged_paths) > 30
    for path in tagged_paths:
        first, second = (client.get(path, params=place_query(path)) for _ in range(2))
        assert first.status_code == 200, (path, first.text)
        tag = first.headers["ETag"]
        assert tag.startswith('"') and tag.endswith('"') and len(tag) > 3, path
        assert second.headers["ETag"] == tag, path
        assert second.content == first.content, path
        assert first.headers["Cache-Control"] == "no-cache", path


@pytest.mark.parametrize("path", UNTAGGED_PATHS)
def test_openapi_documents_an_etag_exactly_where_there_is_one(
    client: TestClient, get_operations: dict[str, JsonObject], path: str
):
    assert ("ETag" in get_operations[path]["responses"]["200"]["headers"]) == ("ETag" in client.get(path).headers)


def test_matching_if_none_match_is_answered_with_304(client: TestClient, tagged_paths: list[str]):
    for path in tagged_paths:
        whole = client.get(path, params=place_query(path))
        tag = whole.headers["ETag"]
        for tag_header in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other" ,W/{tag}', f'{tag},"other"', "*", " * "):
            answer = client.get(path, params=place_query(path), headers={"If-None-Match": tag_header})
            assert answer.status_code == 304, (path, tag_header)
            assert answer.content == b""
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == whole.headers["Cache-Control"]
            assert "content-length" not in answer.headers
        for other in ('"other"', f'"x{tag[1:]}', tag.strip('"'), "", ",", f'"other-gzip", "{tag[2:]}'):
            answer = client.get(path, params=place_query(path), headers={"If-None-Match": other})
            assert answer.status_code == 200, (path, other)
            assert answer.content == whole.content


def test_two_if_none_match_headers_count_as_one_list(client: TestClient):
    tag = client.get("/v1/standards").headers["ETag"]
    tag_header = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert client.get("/v1/standards", headers=tag_header).status_code == 304


def test_304_has_the_tag_that_matched(client: TestClient):
    tag = client.get("/v1/standards").headers["ETag"]
    answer = client.get("/v1/standards", headers={"If-None-Match": f'"old-gzip", {tag}'})
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/collections/areas/items/nope", 404),
        (f"{ITEMS}/nope", 404),
        ("/v1/coverage/nope", 404),
        ("/v1/isochrones?facility=nope", 404),
        (f"{ITEMS}/nope/history", 404),
        (f"{ITEMS}?filter=garbage(", 400),
        (f"{ITEMS}?bbox=1,2", 400),
        (f"{ITEMS}?colour=red", 400),
        ("/openapi.json?x=1", 400),
    ],
)
def test_conditional_request_that_fails_gets_its_error(client: TestClient, path: str, status: int):
    late = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    for conditions in ({}, {"If-None-Match": "*"}, late):
        assert client.get(path, headers=conditions).status_code == status


def test_coordinate_systems_and_formats_have_different_tags(client: TestClient, tagged_paths: list[str]):
    for path in tagged_paths:
        bodies: dict[str, set[bytes]] = {}
        for system in ("wgs84", "gcj02", "bd09", "cgcs2000"):
            answer = client.get(path, params=place_query(path, coordinates=system))
            bodies.setdefault(answer.headers["ETag"], set()).add(answer.content)
        page = client.get(path, params=place_query(path), headers={"Accept": "text/html"})
        bodies.setdefault(page.headers["ETag"], set()).add(page.content)
        assert len(bodies) >= 4, path
        assert all(len(same) == 1 for same in bodies.values()), path


def test_tags_differ_by_format_and_host(client: TestClient, get_operations: dict[str, JsonObject]):
    both = [path for path, operation in get_operations.items() if has_formats(operation)]
    assert len(both) > 25
    for path in both:
        as_json, as_html = (client.get(path, params=place_query(path, f=f)) for f in ("json", "html"))
        by_accept = client.get(path, params=place_query(path), headers={"Accept": "text/html"})
        assert as_html.headers["content-type"] == by_accept.headers["content-type"] == "text/html; charset=utf-8"
        assert "json" in as_json.headers["content-type"]
        assert as_json.headers["ETag"] not in (as_html.headers["ETag"], by_accept.headers["ETag"]), path
        plain, elsewhere = (client.get(path, headers=headers) for headers in ({}, {"Host": "other.example"}))
        assert b"http://other.example/v1" in elsewhere.content, path
        assert b"other.example" not in plain.content
        if path != FACILITY:  # its tag is its version, which does not depend on links
            assert plain.headers["ETag"] != elsewhere.headers["ETag"], path


def test_only_a_successful_edit_changes_the_tags(editor: TestClient):
    paths = ["/v1/coverage", "/v1/standards", "/v1/nearest", ITEMS, FACILITY, "/v1/collections", "/v1/isochrones"]

    def tags() -> list[str]:
        return [editor.get(path, params=place_query(path)).headers["ETag"] for path in paths]

    before = tags()
    for refused in (
        editor.patch(FACILITY, json={"properties": {"name": "x"}}, headers={"If-Match": '"77-wgs84"'}),
        editor.patch(FACILITY, json={"properties": {"opened": "never"}}, headers={"If-Match": "*"}),
        editor.patch(f"{ITEMS}/none", json={"properties": {}}, headers={"If-Match": "*"}),
        editor.delete(FACILITY),
        editor.post(ITEMS, json={"type": "Feature"}),
    ):
        assert 400 <= refused.status_code < 500
    assert tags() == before
    body = editor.get(FACILITY).json()["properties"]["name"]
    rename_facility(editor, body)  # the name that it has already
    assert tags() == before
    rename_facility(editor)
    after = tags()
    assert not set(after) & set(before)
    assert tags() == after
    for path, old in zip(paths, before, strict=True):
        answer = editor.get(path, params=place_query(path), headers={"If-None-Match": old})
        assert answer.status_code == 200, path


def test_editing_a_facility_does_not_change_the_tag_of_another(editor: TestClient):
    mine, others = editor.get(FACILITY).headers["ETag"], editor.get(f"{ITEMS}/c2").headers["ETag"]
    rename_facility(editor)
    assert editor.get(FACILITY).headers["ETag"] != mine
    assert editor.get(f"{ITEMS}/c2").headers["ETag"] == others


def test_tag_of_a_html_page_cannot_be_used_for_an_edit(editor: TestClient):
    """It depends on everything on the page, and is not the version."""
    tag = editor.get(FACILITY, params={"f": "html"}).headers["ETag"]
    assert_problem(editor.patch(FACILITY, json={"properties": {"name": "新"}}, headers={"If-Match": tag}), 412)


def test_two_applications_on_one_register_have_equal_tags(editor: TestClient, serve: Serve, tagged_paths: list[str]):
    other = serve()

    def tags(client: TestClient) -> dict[str, str]:
        paths = (path for path in tagged_paths if path not in VARYING_PATHS)
        return {path: client.get(path, params=place_query(path)).headers["ETag"] for path in paths}

    before = tags(editor)
    assert tags(other) == before
    rename_facility(editor)
    after = tags(editor)
    assert tags(other) == after
    assert all(after[path] != before[path] for path in ("/v1", "/v1/coverage", ITEMS, FACILITY, "/v1/nearest"))


def test_another_register_of_the_same_study_has_other_tags(serve: Serve, tmp_path: Path):
    """The study, the revision and the versions are equal, and the register's id is not."""
    paths = (ITEMS, FACILITY, "/v1/nearest?lon=120.01&lat=28.91", "/v1/coverage", "/openapi.json")

    def tags(name: str) -> list[str]:
        with TestClient(create_app(Settings(study=folder, database_url=f"sqlite:///{tmp_path / name}"))) as client:
            return [client.get(path).headers["ETag"] for path in paths]

    folder = serve().app.state.answers.settings.study
    first = tags("a.sqlite")
    assert first == tags("a.sqlite")
    assert not set(first) & set(tags("b.sqlite"))


def test_edit_during_a_read_is_visible_in_the_next_answer(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    """The facility is read before the state is: the old facility must not be cached for the new state."""
    register = editor.app.state.answers.register
    real, edited = register.get, []

    def get(facility_id: str) -> Any:
        held = real(facility_id)
        if not edited:
            edited.append(facility_id)
            monkeypatch.setattr(register, "get", real)
            rename_facility(editor, "后来")
        return held

    monkeypatch.setattr(register, "get", get)
    early = editor.get(FACILITY)
    late = editor.get(FACILITY)
    assert early.headers["ETag"] != late.headers["ETag"]
    assert late.json()["properties"]["name"] == "后来"
