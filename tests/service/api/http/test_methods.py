"""HEAD answers as GET without a body, and 405 names the allowed methods."""

import pytest
from starlette.testclient import TestClient

from support.json_types import JsonObject
from support.town_api import assert_problem, place_query


def paths_with_get(get_operations: dict[str, JsonObject]) -> list[str]:
    outside = ["/", "/docs", "/openapi.json", "/health", "/ready", "/maps/health-15", "/static/finder.js"]
    return [*get_operations, *outside, "/nope", "/v1/coverage/nope", "/v1/isochrones?lon=x"]


def test_head_has_the_headers_of_get_and_no_body(client: TestClient, get_operations: dict[str, JsonObject]):
    client.get("/maps/health-15")
    for path in paths_with_get(get_operations):
        for extra in ({}, {"Accept-Encoding": "gzip", "Accept": "text/html"}, {"If-None-Match": "*"}):
            headers = extra | {"X-Request-ID": "same"}
            get, head = (
                client.request(method, path, params=place_query(path) or None, headers=headers)
                for method in ("GET", "HEAD")
            )
            assert head.status_code == get.status_code, path
            assert head.content == b"", path
            assert dict(head.headers) == dict(get.headers), path
            if get.status_code == 200 and "content-encoding" not in get.headers:
                assert int(head.headers["Content-Length"]) == len(get.content), path


@pytest.mark.parametrize("path", ["/v1/coverage", "/v1", "/health", "/", "/v1/conformance"])
def test_read_only_paths_allow_only_get_and_head(client: TestClient, path: str):
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
        answer = client.request(method, path)
        assert_problem(answer, 405)
        assert {method_name.strip() for method_name in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


def test_static_files_allow_only_get_and_head(client: TestClient):
    assert client.post("/static/finder.js").headers["Allow"] == "GET, HEAD"
