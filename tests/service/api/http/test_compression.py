"""Compressed answers: their content, their entity tags, and the Vary header."""

import gzip

import brotli
import pytest
import zstandard
from starlette.testclient import TestClient

from support.town_api import FACILITY, ITEMS, assert_problem, place_query

DECODED = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda coded: zstandard.ZstdDecompressor().decompressobj().decompress(coded),
}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize(
    "path", ["/v1/coverage", ITEMS, FACILITY, "/v1/collections/facilities/queryables", "/v1/nearest"]
)
def test_compressed_answer_has_the_same_content_and_its_own_tag(client: TestClient, path: str, coding: str):
    plain = client.get(path, params=place_query(path))
    coded = {"Accept-Encoding": coding}
    answer = client.get(path, params=place_query(path), headers=coded)
    assert answer.headers["Content-Encoding"] == coding
    assert int(answer.headers["Content-Length"]) < len(plain.content)
    with client.stream("GET", path, params=place_query(path), headers=coded) as raw:
        assert DECODED[coding](b"".join(raw.iter_raw())) == plain.content
    tag = answer.headers["ETag"]
    assert tag != plain.headers["ETag"]
    for tag_header in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(path, params=place_query(path), headers=coded | {"If-None-Match": tag_header})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert "accept-encoding" in answer.headers["Vary"].lower()
    assert "accept-encoding" in plain.headers["Vary"].lower()
    # The coding of one client's answer must not be kept for the next client.
    later = client.get(path, params=place_query(path))
    assert "content-encoding" not in later.headers
    assert (later.content, later.headers["ETag"]) == (plain.content, plain.headers["ETag"])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_tag_of_a_compressed_answer_can_be_used_for_an_edit(editor: TestClient, coding: str):
    tag = editor.get(FACILITY, headers={"Accept-Encoding": coding}).headers["ETag"]
    assert tag.endswith(f'-{coding}"')
    change = {"properties": {"name": "新"}}
    assert editor.patch(FACILITY, json=change, headers={"If-Match": tag}).status_code == 200
    assert_problem(editor.patch(FACILITY, json=change | {"properties": {"name": "又"}}, headers={"If-Match": tag}), 412)


def test_openapi_document_is_compressed(client: TestClient):
    assert client.get("/openapi.json", headers={"Accept-Encoding": "gzip"}).headers.get("Content-Encoding") == "gzip"


def test_head_of_a_compressed_answer_has_its_length(client: TestClient):
    with client.stream("GET", "/v1/coverage", headers={"Accept-Encoding": "gzip"}) as raw:
        length = len(b"".join(raw.iter_raw()))
    head = client.head("/v1/coverage", headers={"Accept-Encoding": "gzip"})
    assert int(head.headers["Content-Length"]) == length
