"""What HTTP promises of every answer: tags, dates, encodings, HEAD, methods, origins, request ids, rates, formats."""

import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from pydantic import ValidationError
from starlette.testclient import TestClient

from service.api import responses
from service.api.app import EXPOSED, create_app
from service.register import keys
from service.settings import Settings
from support import town

ITEMS = "/v1/collections/facilities/items"
ONE = f"{ITEMS}/c1"
LON, LAT = town.place(3, 1)
HERE = {"lon": LON, "lat": LAT}
PLACED = ("/v1/nearest", "/v1/isochrones")
ORIGIN = "https://map.example"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
GEOJSON = "application/geo+json"
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def client(made_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The small town's API; its register is not touched."""
    folder = shutil.copytree(made_town, tmp_path_factory.mktemp("http") / "town")
    with _client(Settings(study=folder)) as client:
        yield client


@pytest.fixture
def serve(town_folder: Path) -> Iterator[Serve]:
    """Opens the API of a new small town with other settings; closed when the test ends."""
    with ExitStack() as opened:
        yield lambda **more: opened.enter_context(_client(Settings(study=town_folder, **more)))


@pytest.fixture
def editor(serve: Serve) -> TestClient:
    """The API of a new small town, with a key to edit it."""
    client = serve()
    client.headers["Authorization"] = f"Bearer {keys.create(client.app.state.answers.register.database, '王工')}"
    return client


def _client(settings: Settings) -> TestClient:
    plain = {"accept-encoding": "identity"}
    return TestClient(create_app(settings), raise_server_exceptions=False, headers=plain)


@pytest.fixture(scope="module")
def documents(client: TestClient) -> dict[str, dict[str, Any]]:
    """Every path under /v1 that has GET, by its template in OpenAPI, with names filled in, and what GET says of it."""
    found = {}
    for short, operations in client.get("/openapi.json").json()["paths"].items():
        template = "/v1" + short.removesuffix("/")
        if "get" in operations:
            collection = template.removeprefix("/v1/collections/").split("/")[0]
            names = {"standard": "health-15", "feature_id": "c1", "kind": "csv"}
            if "{feature_id}" in template and collection != "facilities":
                first = client.get(f"/v1/collections/{collection}/items", params={"limit": 1}).json()["features"][0]
                names["feature_id"] = str(first["id"])
            path = template
            for name, value in names.items():
                path = path.replace(f"{{{name}}}", value)
            assert "{" not in path
            found[path] = operations["get"]
    assert {"/v1", "/v1/nearest", "/v1/conformance", ITEMS, ONE, "/v1/collections/areas/items/T1"} <= found.keys()
    return found


UNTAGGED = ("/v1/exports/facilities.csv",)


@pytest.fixture(scope="module")
def tagged(documents: dict[str, dict[str, Any]]) -> list[str]:
    """The documents that have tags."""
    return [path for path in documents if path not in UNTAGGED]


def question(path: str, **more: str) -> dict[str, Any]:
    return {**(HERE if path in PLACED else {}), **more}


def edit(editor: TestClient, name: str = "新") -> None:
    answer = editor.patch(ONE, json={"properties": {"name": name}}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()


# Tags


def test_every_document_has_a_strong_tag_that_stays(client: TestClient, tagged: list[str]):
    assert len(tagged) > 30
    for path in tagged:
        first, second = (client.get(path, params=question(path)) for _ in range(2))
        assert first.status_code == 200, (path, first.text)
        tag = first.headers["ETag"]
        assert tag.startswith('"') and tag.endswith('"') and len(tag) > 3, path
        assert second.headers["ETag"] == tag, path
        assert second.content == first.content, path
        assert first.headers["Cache-Control"] == "no-cache", path


@pytest.mark.parametrize("path", UNTAGGED)
def test_what_openapi_says_has_a_tag_has_one(client: TestClient, documents: dict[str, dict[str, Any]], path: str):
    assert ("ETag" in documents[path]["responses"]["200"]["headers"]) == ("ETag" in client.get(path).headers)


def test_who_has_it_is_told_so(client: TestClient, tagged: list[str]):
    for path in tagged:
        whole = client.get(path, params=question(path))
        tag = whole.headers["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other" ,W/{tag}', f'{tag},"other"', "*", " * "):
            answer = client.get(path, params=question(path), headers={"If-None-Match": known})
            assert answer.status_code == 304, (path, known)
            assert answer.content == b""
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == whole.headers["Cache-Control"]
            assert "content-length" not in answer.headers
        for other in ('"other"', f'"x{tag[1:]}', tag.strip('"'), "", ",", f'"other-gzip", "{tag[2:]}'):
            answer = client.get(path, params=question(path), headers={"If-None-Match": other})
            assert answer.status_code == 200, (path, other)
            assert answer.content == whole.content


def test_two_lines_of_tags_are_one_list(client: TestClient):
    tag = client.get("/v1/standards").headers["ETag"]
    known = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert client.get("/v1/standards", headers=known).status_code == 304


def test_tags_tell_the_representations_of_a_path_apart(client: TestClient, tagged: list[str]):
    for path in tagged:
        bodies: dict[str, set[bytes]] = {}
        for system in ("wgs84", "gcj02", "bd09", "cgcs2000"):
            answer = client.get(path, params=question(path, coordinates=system))
            bodies.setdefault(answer.headers["ETag"], set()).add(answer.content)
        page = client.get(path, params=question(path), headers={"Accept": "text/html"})
        bodies.setdefault(page.headers["ETag"], set()).add(page.content)
        assert len(bodies) >= 4, path
        assert all(len(same) == 1 for same in bodies.values()), path


def _has_formats(said: dict[str, Any]) -> bool:
    return "f" in {one["name"] for one in said["parameters"]}


@pytest.mark.parametrize("name", ["areas", "demand", "coverage-health-15"])
def test_a_collection_without_days_has_a_page(client: TestClient, name: str):
    answer = client.get(f"/v1/collections/{name}", params={"f": "html"})
    assert answer.status_code == 200


def test_tags_differ_by_format_and_host(client: TestClient, documents: dict[str, dict[str, Any]]):
    both = [path for path, said in documents.items() if _has_formats(said)]
    assert len(both) > 25
    for path in both:
        as_json, as_html = (client.get(path, params=question(path, f=f)) for f in ("json", "html"))
        by_accept = client.get(path, params=question(path), headers={"Accept": "text/html"})
        assert as_html.headers["content-type"] == by_accept.headers["content-type"] == "text/html; charset=utf-8"
        assert "json" in as_json.headers["content-type"]
        assert as_json.headers["ETag"] not in (as_html.headers["ETag"], by_accept.headers["ETag"]), path
        plain, elsewhere = (client.get(path, headers=headers) for headers in ({}, {"Host": "other.example"}))
        assert b"http://other.example/v1" in elsewhere.content, path
        assert b"other.example" not in plain.content
        if path != ONE:  # its tag is its version, and links are no part of that
            assert plain.headers["ETag"] != elsewhere.headers["ETag"], path


def test_an_edit_changes_the_tags_and_nothing_else_does(editor: TestClient):
    paths = ["/v1/coverage", "/v1/standards", "/v1/nearest", ITEMS, ONE, "/v1/collections", "/v1/isochrones"]

    def tags() -> list[str]:
        return [editor.get(path, params=question(path)).headers["ETag"] for path in paths]

    before = tags()
    for refused in (
        editor.patch(ONE, json={"properties": {"name": "x"}}, headers={"If-Match": '"77-wgs84"'}),
        editor.patch(ONE, json={"properties": {"opened": "never"}}, headers={"If-Match": "*"}),
        editor.patch(f"{ITEMS}/none", json={"properties": {}}, headers={"If-Match": "*"}),
        editor.delete(ONE),
        editor.post(ITEMS, json={"type": "Feature"}),
    ):
        assert 400 <= refused.status_code < 500
    assert tags() == before
    body = editor.get(ONE).json()["properties"]["name"]
    edit(editor, body)  # as it is already
    assert tags() == before
    edit(editor)
    after = tags()
    assert not set(after) & set(before)
    assert tags() == after
    for path, old in zip(paths, before, strict=True):
        answer = editor.get(path, params=question(path), headers={"If-None-Match": old})
        assert answer.status_code == 200, path


def test_a_facilitys_tag_is_its_own(editor: TestClient):
    mine, others = editor.get(ONE).headers["ETag"], editor.get(f"{ITEMS}/c2").headers["ETag"]
    edit(editor)
    assert editor.get(ONE).headers["ETag"] != mine
    assert editor.get(f"{ITEMS}/c2").headers["ETag"] == others


def test_workers_agree_on_tags(editor: TestClient, serve: Serve, tagged: list[str]):
    other = serve()

    def tags(client: TestClient) -> dict[str, str]:
        return {path: client.get(path, params=question(path)).headers["ETag"] for path in tagged}

    before = tags(editor)
    assert tags(other) == before
    edit(editor)
    after = tags(editor)
    assert tags(other) == after
    assert all(after[path] != before[path] for path in ("/v1", "/v1/coverage", ITEMS, ONE, "/v1/nearest"))


def test_an_edit_while_a_facility_is_read_is_not_hidden(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Its version is looked up before the state is; what is kept for the new state must not be the old facility."""
    register = editor.app.state.answers.register
    real, edited = register.get, []

    def get(facility_id: str) -> Any:
        held = real(facility_id)
        if not edited:
            edited.append(facility_id)
            monkeypatch.setattr(register, "get", real)
            edit(editor, "后来")
        return held

    monkeypatch.setattr(register, "get", get)
    early = editor.get(ONE)
    late = editor.get(ONE)
    assert early.headers["ETag"] != late.headers["ETag"]
    assert late.json()["properties"]["name"] == "后来"


# Compressed answers

DECODED = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda coded: zstandard.ZstdDecompressor().decompressobj().decompress(coded),
}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("path", ["/v1/coverage", ITEMS, ONE, "/v1/collections/facilities/queryables", "/v1/nearest"])
def test_a_compressed_answer_is_the_same_with_a_tag_of_its_own(client: TestClient, path: str, coding: str):
    plain = client.get(path, params=question(path))
    coded = {"Accept-Encoding": coding}
    answer = client.get(path, params=question(path), headers=coded)
    assert answer.headers["Content-Encoding"] == coding
    assert int(answer.headers["Content-Length"]) < len(plain.content)
    with client.stream("GET", path, params=question(path), headers=coded) as raw:
        assert DECODED[coding](b"".join(raw.iter_raw())) == plain.content
    tag = answer.headers["ETag"]
    assert tag != plain.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(path, params=question(path), headers=coded | {"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert "accept-encoding" in answer.headers["Vary"].lower()
    assert "accept-encoding" in plain.headers["Vary"].lower()
    # What one client's headers add is not kept for the next.
    later = client.get(path, params=question(path))
    assert "content-encoding" not in later.headers
    assert (later.content, later.headers["ETag"]) == (plain.content, plain.headers["ETag"])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_the_tag_of_a_compressed_answer_is_good_for_an_edit(editor: TestClient, coding: str):
    tag = editor.get(ONE, headers={"Accept-Encoding": coding}).headers["ETag"]
    assert tag.endswith(f'-{coding}"')
    change = {"properties": {"name": "新"}}
    assert editor.patch(ONE, json=change, headers={"If-Match": tag}).status_code == 200
    problem(editor.patch(ONE, json=change | {"properties": {"name": "又"}}, headers={"If-Match": tag}), 412)


def test_the_tag_of_a_page_is_no_version(editor: TestClient):
    """It changes with the program, and with whatever else stands on the page."""
    tag = editor.get(ONE, params={"f": "html"}).headers["ETag"]
    problem(editor.patch(ONE, json={"properties": {"name": "新"}}, headers={"If-Match": tag}), 412)


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
def test_who_asks_for_nothing_good_does_not_have_it(client: TestClient, path: str, status: int):
    late = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    for conditions in ({}, {"If-None-Match": "*"}, late):
        assert client.get(path, headers=conditions).status_code == status


def test_another_register_has_other_tags(serve: Serve, tmp_path: Path):
    """Though its study, its revision and its versions are the same."""
    paths = (ITEMS, ONE, "/v1/nearest?lon=120.01&lat=28.91", "/v1/coverage", "/openapi.json")

    def tags(name: str) -> list[str]:
        with TestClient(create_app(Settings(study=folder, database_url=f"sqlite:///{tmp_path / name}"))) as one:
            return [one.get(path).headers["ETag"] for path in paths]

    folder = serve().app.state.answers.settings.study
    first = tags("a.sqlite")
    assert first == tags("a.sqlite")
    assert not set(first) & set(tags("b.sqlite"))


def test_a_304_has_the_tag_that_matched(client: TestClient):
    tag = client.get("/v1/standards").headers["ETag"]
    answer = client.get("/v1/standards", headers={"If-None-Match": f'"old-gzip", {tag}'})
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)


@pytest.mark.parametrize("path", ["/v1", "/v1/standards"])
def test_a_304_varies_as_the_answer_does(client: TestClient, path: str):
    whole = client.get(path)
    short = client.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert _varies(short) == _varies(whole)


def test_the_openapi_document_is_compressed(client: TestClient):
    assert client.get("/openapi.json", headers={"Accept-Encoding": "gzip"}).headers.get("Content-Encoding") == "gzip"


def _varies(answer: Any) -> set[str]:
    return {one.strip().lower() for one in answer.headers.get("Vary", "").split(",")}


def test_what_is_negotiated_says_so(client: TestClient, documents: dict[str, dict[str, Any]]):
    for path, said in documents.items():
        negotiated = _has_formats(said)
        for accept in ("text/html", "application/json"):
            answer = client.get(path, params=question(path), headers={"Accept": accept})
            assert ("accept" in _varies(answer)) == negotiated, path
        if negotiated:
            known = {"If-None-Match": client.get(path).headers["ETag"]}
            assert "accept" in _varies(client.get(path, headers=known)), path


# Dates


def _at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(responses.time, "time", now.timestamp)


def _modified(client: TestClient) -> datetime:
    return client.app.state.answers.states.current().modified


def test_when_it_last_changed_is_told_and_heeded(
    editor: TestClient, monkeypatch: pytest.MonkeyPatch, tagged: list[str]
):
    edit(editor)
    modified = _modified(editor)
    assert abs(modified.timestamp() - time.time()) < 60
    _at(monkeypatch, modified + timedelta(seconds=60))
    for path in tagged:
        told = editor.get(path, params=question(path))
        date = told.headers["Last-Modified"]
        assert parsedate_to_datetime(date) == modified.replace(microsecond=0), path
        for days, status in ((0, 304), (1, 304), (-1, 200)):
            since = format_datetime(parsedate_to_datetime(date) + timedelta(days=days), usegmt=True)
            answer = editor.get(path, params=question(path), headers={"If-Modified-Since": since})
            assert answer.status_code == status, (path, days)
            assert answer.headers["ETag"] == told.headers["ETag"]
            if status == 304:
                assert answer.content == b""
                assert answer.headers["Last-Modified"] == date


def test_a_second_earlier_is_too_early(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    _at(monkeypatch, _modified(client) + timedelta(seconds=60))
    date = client.get("/v1/standards").headers["Last-Modified"]
    since = format_datetime(parsedate_to_datetime(date) - timedelta(seconds=1), usegmt=True)
    assert client.get("/v1/standards", headers={"If-Modified-Since": since}).status_code == 200


def test_no_date_is_told_so_soon_that_another_change_may_share_it(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    edit(editor)
    modified = _modified(editor)
    late = {"If-Modified-Since": format_datetime(modified + timedelta(days=1), usegmt=True)}
    for seconds, told in ((0.0, False), (1.0, False), (1.99, False), (2.01, True), (-5.0, False)):
        _at(monkeypatch, modified + timedelta(seconds=seconds))
        answer = editor.get("/v1/coverage")
        assert ("Last-Modified" in answer.headers) is told, seconds
        assert editor.get("/v1/coverage", headers=late).status_code == (304 if told else 200), seconds


def test_an_edit_is_a_change_by_date_too(editor: TestClient, monkeypatch: pytest.MonkeyPatch):
    before = _modified(editor)
    time.sleep(0.02)
    edit(editor)
    assert _modified(editor) > before
    _at(monkeypatch, _modified(editor) + timedelta(seconds=10))
    since = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert editor.get("/v1/coverage", headers={"If-Modified-Since": since}).status_code == 200


def test_a_tag_wins_over_a_date(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    _at(monkeypatch, _modified(client) + timedelta(seconds=60))
    told = client.get("/v1/standards").headers
    late = "Fri, 01 Jan 2100 00:00:00 GMT"
    conditions = {"If-None-Match": '"other"', "If-Modified-Since": late}
    assert client.get("/v1/standards", headers={"If-Modified-Since": late}).status_code == 304
    assert client.get("/v1/standards", headers=conditions).status_code == 200
    early = {"If-None-Match": told["ETag"], "If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
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
def test_a_date_that_is_none_is_ignored(client: TestClient, date: str):
    assert client.get("/v1/standards", headers={"If-Modified-Since": date}).status_code == 200


# HEAD and methods


def _gets(documents: dict[str, dict[str, Any]]) -> list[str]:
    outside = ["/", "/docs", "/openapi.json", "/health", "/ready", "/maps/health-15", "/static/finder.js"]
    return [*documents, *outside, "/nope", "/v1/coverage/nope", "/v1/isochrones?lon=x"]


def test_head_is_get_without_its_body(client: TestClient, documents: dict[str, dict[str, Any]]):
    client.get("/maps/health-15")
    for path in _gets(documents):
        for more in ({}, {"Accept-Encoding": "gzip", "Accept": "text/html"}, {"If-None-Match": "*"}):
            headers = more | {"X-Request-ID": "same"}
            get, head = (
                client.request(method, path, params=question(path) or None, headers=headers)
                for method in ("GET", "HEAD")
            )
            assert head.status_code == get.status_code, path
            assert head.content == b"", path
            assert dict(head.headers) == dict(get.headers), path
            if get.status_code == 200 and "content-encoding" not in get.headers:
                assert int(head.headers["Content-Length"]) == len(get.content), path


def test_the_head_of_a_compressed_answer_has_its_length(client: TestClient):
    with client.stream("GET", "/v1/coverage", headers={"Accept-Encoding": "gzip"}) as raw:
        length = len(b"".join(raw.iter_raw()))
    head = client.head("/v1/coverage", headers={"Accept-Encoding": "gzip"})
    assert int(head.headers["Content-Length"]) == length


@pytest.mark.parametrize("path", ["/v1/coverage", "/v1", "/health", "/", "/v1/conformance"])
def test_what_is_only_read_allows_nothing_else(client: TestClient, path: str):
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
        answer = client.request(method, path)
        problem(answer, 405)
        assert {one.strip() for one in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


def test_files_name_their_methods(client: TestClient):
    assert client.post("/static/finder.js").headers["Allow"] == "GET, HEAD"


# Origins


def _preflight(client: TestClient, origin: str, method: str = "PATCH", asked: str = "authorization,if-match") -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": asked,
    }
    return client.options(ONE, headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_any_origin_may_ask_and_edit(client: TestClient, method: str):
    asked = "authorization,content-type,idempotency-key,if-match,if-none-match,x-request-id"
    answer = _preflight(client, ORIGIN, method, asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert method in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    allowed = {one.strip().lower() for one in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_for_more_than_that_is_refused(client: TestClient):
    assert _preflight(client, ORIGIN, "TRACE").status_code == 400
    assert _preflight(client, ORIGIN, asked="x-nonsense").status_code == 400


@pytest.mark.parametrize("path", ["/v1/standards", ONE, "/v1/coverage/nope", "/nope"])
def test_a_page_may_read_what_it_needs(client: TestClient, path: str):
    answer = client.get(path, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = {one.strip() for one in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"ETag", "Last-Modified", "Location", "Retry-After", "X-Request-ID", "Content-Crs"} <= exposed
    assert exposed == set(EXPOSED)
    assert "access-control-allow-origin" not in client.get(path).headers
    if "ETag" in answer.headers:
        known = {"Origin": ORIGIN, "If-None-Match": answer.headers["ETag"]}
        again = client.get(path, headers=known)
        assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (304, "*")


def test_origins_may_be_few(serve: Serve):
    client = serve(cors_origins=f"{ORIGIN} https://second.example")
    for origin in (ORIGIN, "https://second.example"):
        answer = client.get("/v1/standards", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "origin" in _varies(answer)
        assert _preflight(client, origin).headers["Access-Control-Allow-Origin"] == origin
    for origin in ("https://evil.example", "http://map.example", f"{ORIGIN}.evil.example", "null", ""):
        answer = client.get("/v1/standards", headers={"Origin": origin})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in _varies(answer)
        refused = _preflight(client, origin)
        if origin:
            assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers


# Request ids


PATHS = ["/v1/standards", "/health", "/", "/nope", "/v1/nearest?lon=x", "/static/finder.js", f"{ITEMS}/nope"]


@pytest.mark.parametrize("path", PATHS)
def test_a_request_id_is_given_back_or_made(client: TestClient, path: str):
    for good in ("a", "A-b_c.9", "x" * 64):
        assert client.get(path, headers={"X-Request-ID": good}).headers["X-Request-ID"] == good
    made = [client.get(path).headers["X-Request-ID"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(len(one) == 32 for one in made)
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
def test_a_hostile_request_id_is_not_given_back(client: TestClient, hostile: str):
    for path in ("/v1/standards", "/nope"):
        answer = client.get(path, headers=[(b"X-Request-ID", hostile.encode("latin-1"))])
        assert len(answer.headers.get_list("X-Request-ID")) == 1
        assert answer.headers["X-Request-ID"] != hostile
        assert answer.headers["X-Request-ID"].isalnum()
        assert "set-cookie" not in answer.headers


@pytest.fixture
def broken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The API, where twins cannot be found for a reason that nobody foresaw."""

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    client.app.state.answers.states.current().responses.clear()  # or it need not find them
    monkeypatch.setattr(client.app.state.answers, "twins", fail)
    return client


def test_a_request_id_is_given_back_when_something_breaks(broken: TestClient, caplog: pytest.LogCaptureFixture):
    answer = broken.get("/v1/duplicates", headers={"X-Request-ID": "mine"})
    problem(answer, 500)
    assert answer.headers.get_list("X-Request-ID") == ["mine"]
    assert "mine" in caplog.text
    made = broken.get("/v1/duplicates").headers["X-Request-ID"]
    assert len(made) == 32
    assert made in caplog.text


def test_a_page_may_read_what_broke(broken: TestClient):
    answer = broken.get("/v1/duplicates", headers={"Origin": ORIGIN})
    assert answer.headers.get("Access-Control-Allow-Origin") == "*"


def test_the_head_of_what_broke_has_no_body(broken: TestClient):
    answer = broken.head("/v1/duplicates")
    assert (answer.status_code, answer.content) == (500, b"")


# Rates


def test_who_asks_too_often_is_told_when_to_come_back(serve: Serve):
    client = serve(rate="3/minute")
    for _ in range(3):
        assert client.get("/v1/standards").status_code == 200
    for path in ("/v1/standards", "/v1", ITEMS, "/v1/nope"):
        answer = client.get(path, headers={"Origin": ORIGIN, "X-Request-ID": "mine"})
        body = problem(answer, 429)
        assert body["title"] == "Too many requests"
        assert body["type"] == "urn:fuwuquan:problem:too-many-requests"
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert f"{answer.headers['Retry-After']} s" in body["detail"]
        assert answer.headers["X-Request-ID"] == "mine"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"  # so that a page can read when
    assert client.post("/v1/nearest", json={}).status_code == 429
    head = client.head("/v1/standards")
    assert (head.status_code, head.content) == (429, b"")
    for path in ("/health", "/ready", "/", "/openapi.json", "/static/finder.js"):
        assert client.get(path).status_code == 200, path
    assert _preflight(client, ORIGIN).status_code == 200


def test_a_rate_is_of_each_client_and_of_its_time(serve: Serve):
    client = serve(rate="2/second")
    other = TestClient(client.app, client=("192.0.2.1", 1))  # as it runs already
    assert any(client.get("/v1").status_code == 429 for _ in range(100))  # a busy machine answers few in a second
    assert other.get("/v1").status_code == 200
    time.sleep(1.1)
    assert client.get("/v1").status_code == 200


def test_of_several_rates_each_holds(serve: Serve):
    client = serve(rate="3/second;4/hour")
    told: list[Any] = []
    while len(told) < 4:  # what the second refuses is not of the hour
        answer = client.get("/v1/standards")
        if answer.status_code == 200:
            told.append(answer)
        else:
            assert "per 1 second" in problem(answer, 429)["detail"]
            time.sleep(0.2)
    refused = client.get("/v1/standards")
    assert "4 per 1 hour" in problem(refused, 429)["detail"]
    assert int(refused.headers["Retry-After"]) > 3000


def test_a_rate_is_of_the_api_only(serve: Serve):
    client = serve(rate="1/hour")
    assert client.get("/v1/standards").status_code == 200
    assert client.get("/v1x").status_code == 404
    assert client.get("/v1").status_code == 429


def test_without_a_rate_nobody_is_refused(client: TestClient):
    assert {client.get("/v1/conformance").status_code for _ in range(30)} == {200}


@pytest.mark.parametrize(
    "rate",
    ["nonsense", "", "-1/minute", "3", "/minute", "3/fortnight", "x/minute", "1.5/hour", "0/minute", "5/minute;0/hour"],
)
def test_a_rate_that_is_none_is_refused(rate: str):
    with pytest.raises(ValidationError, match="600/minute"):
        Settings(rate=rate)


# Formats


@pytest.mark.parametrize("path", ["/v1", "/v1/collections", ITEMS, ONE, "/v1/collections/facilities/queryables"])
@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (CHROME, True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/json;q=0.5", True),
        ("application/json;q=0.5, text/html;q=0.6", True),
        ("application/json;q=0.6,text/html;q=0.5", False),
        ("application/json, text/html", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense, */*;q=0.1", True),  # a weight that is none is not there
        ("text/html, nonsense", False),
        ("image/png", False),
        ("application/*, text/html;q=0.9", False),
        (",;,;;=q", False),
        ("text/html;charset=utf-8;q=0.9, */*;q=0.1", True),
        ("application/json;q=0.1, application/geo+json;q=0.1, application/schema+json;q=0.1, text/html;q=0.5, "
         "*/*;q=0.8", True),
    ],
)  # fmt: skip
def test_the_format_is_what_is_accepted_best(client: TestClient, path: str, accept: str, html: bool):
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html") is html
    assert answer.text.startswith("<!") is html


def test_what_is_asked_for_wins_over_what_is_accepted(client: TestClient):
    for path, data in (("/v1", "application/json"), (ITEMS, GEOJSON), (ONE, GEOJSON)):
        assert client.get(path, params={"f": "json"}, headers={"Accept": CHROME}).headers["content-type"] == data
        page = client.get(path, params={"f": "html"}, headers={"Accept": "application/json"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        problem(client.get(path, params={"f": "xml"}), 400)


def test_answers_without_pages_are_data_for_browsers_too(client: TestClient):
    for path in ("/v1/standards", "/v1/coverage", "/v1/nearest", "/v1/isochrones"):
        answer = client.get(path, params=question(path), headers={"Accept": CHROME})
        assert answer.headers["content-type"] in ("application/json", GEOJSON)
        assert answer.json()


# What is kept


def test_what_is_kept_is_given_to_who_asks_for_the_same_only(editor: TestClient):
    """Each variant is asked twice, in another order: kept or made, it is the same, and differs from all others."""
    variants: list[tuple[dict[str, str], dict[str, str]]] = [
        (query, headers)
        for query in ({}, {"coordinates": "gcj02"}, {"coordinates": "bd09"}, {"f": "json"}, {"limit": "2"})
        for headers in ({}, {"Accept": "text/html"}, {"Host": "other.example"}, {"Accept-Encoding": "gzip"})
    ]

    def ask() -> list[tuple[str, bytes]]:
        answers = [editor.get(ITEMS, params=query, headers=headers) for query, headers in variants]
        return [(one.headers["content-type"], one.content) for one in answers]

    first = ask()
    variants.reverse()
    assert ask() == first[::-1]
    variants.reverse()
    for (query, headers), (media_type, body) in zip(variants, first, strict=True):
        html = headers.get("Accept") == "text/html" and "f" not in query
        assert media_type == ("text/html; charset=utf-8" if html else GEOJSON)
        assert (b"http://other.example/v1" in body) == ("Host" in headers)
        if not html:
            told = json.loads(body)
            assert told["coordinate_system"] == query.get("coordinates", "wgs84")
            assert told["numberReturned"] == int(query.get("limit", told["numberMatched"]))
            assert told["features"][0]["properties"]["name"] != "改了"
    name = first[0][1]
    edit(editor, "改了")
    after = ask()
    assert all(old != new for old, new in zip(first, after, strict=True))
    assert all("改了".encode() in body for _, body in after)
    assert after[0][1] != name


def test_what_is_kept_is_as_if_it_were_not(editor: TestClient, monkeypatch: pytest.MonkeyPatch, tagged: list[str]):
    with_keeping = {path: editor.get(path, params=question(path)).content for path in tagged}
    kept = editor.app.state.answers.states.current().responses
    assert len(kept) > 20
    kept.clear()
    assert {path: editor.get(path, params=question(path)).content for path in tagged} == with_keeping


def test_origins_and_ids_are_not_kept(client: TestClient):
    told = client.get("/v1/coverage", headers={"Origin": ORIGIN, "X-Request-ID": "first"})
    assert told.headers["X-Request-ID"] == "first"
    later = client.get("/v1/coverage")
    assert later.headers["X-Request-ID"] != "first"
    assert "access-control-allow-origin" not in later.headers
    assert later.content == told.content


# Errors in a browser


@pytest.mark.parametrize(
    ("path", "status", "title", "detail"),
    [
        ("/nope", 404, "没有这一页", "Not Found"),
        ("/v1/collections/areas/items/%3Cimg%20src=x%3E", 404, "没有这一页", "&lt;img src=x&gt;"),
        (f"{ITEMS}?limit=0", 400, "请求有误", "limit"),
        (f"{ITEMS}?filter=%3Cscript%3E", 400, "请求有误", "CQL2"),
        ("/maps/nope", 404, "没有这一页", "nope"),
    ],
)
def test_a_browser_is_shown_what_went_wrong(client: TestClient, path: str, status: int, title: str, detail: str):
    page = client.get(path, headers={"Accept": CHROME})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert title in page.text
    assert detail in page.text
    assert "<script>" not in page.text and "<img" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'href="/"' in page.text
    problem(client.get(path), status)
    problem(client.get(path, headers={"Accept": "application/problem+json, text/html;q=0.9"}), status)
