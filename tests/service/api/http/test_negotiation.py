"""The choice between JSON and HTML, for get_operations and for errors."""

import pytest
from starlette.testclient import TestClient

from support.json_types import JsonObject
from support.town_api import CHROME, FACILITY, GEOJSON, ITEMS, assert_problem, has_formats, place_query, vary_names


@pytest.mark.parametrize("path", ["/v1", "/v1/collections", ITEMS, FACILITY, "/v1/collections/facilities/queryables"])
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
        ("text/html;q=nonsense, */*;q=0.1", True),  # an invalid weight is ignored
        ("text/html, nonsense", False),
        ("image/png", False),
        ("application/*, text/html;q=0.9", False),
        (",;,;;=q", False),
        ("text/html;charset=utf-8;q=0.9, */*;q=0.1", True),
        ("application/json;q=0.1, application/geo+json;q=0.1, application/schema+json;q=0.1, text/html;q=0.5, "
         "*/*;q=0.8", True),
    ],
)  # fmt: skip
def test_accept_header_chooses_the_format(client: TestClient, path: str, accept: str, html: bool):
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html") is html
    assert answer.text.startswith("<!") is html


def test_parameter_f_takes_precedence_over_accept(client: TestClient):
    for path, data in (("/v1", "application/json"), (ITEMS, GEOJSON), (FACILITY, GEOJSON)):
        assert client.get(path, params={"f": "json"}, headers={"Accept": CHROME}).headers["content-type"] == data
        page = client.get(path, params={"f": "html"}, headers={"Accept": "application/json"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert_problem(client.get(path, params={"f": "xml"}), 400)


def test_vary_names_accept_exactly_where_html_is_offered(client: TestClient, get_operations: dict[str, JsonObject]):
    for path, operation in get_operations.items():
        negotiated = has_formats(operation)
        for accept in ("text/html", "application/json"):
            answer = client.get(path, params=place_query(path), headers={"Accept": accept})
            assert ("accept" in vary_names(answer)) == negotiated, path
        if negotiated:
            tag_header = {"If-None-Match": client.get(path).headers["ETag"]}
            assert "accept" in vary_names(client.get(path, headers=tag_header)), path


@pytest.mark.parametrize("path", ["/v1", "/v1/standards"])
def test_304_has_the_vary_header_of_the_full_answer(client: TestClient, path: str):
    whole = client.get(path)
    short = client.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert vary_names(short) == vary_names(whole)


def test_endpoints_without_pages_answer_json_to_browsers(client: TestClient):
    for path in ("/v1/standards", "/v1/coverage", "/v1/nearest", "/v1/isochrones"):
        answer = client.get(path, params=place_query(path), headers={"Accept": CHROME})
        assert answer.headers["content-type"] in ("application/json", GEOJSON)
        assert answer.json()


@pytest.mark.parametrize("name", ["areas", "demand", "coverage-health-15"])
def test_page_of_a_collection_without_a_period(client: TestClient, name: str):
    answer = client.get(f"/v1/collections/{name}", params={"f": "html"})
    assert answer.status_code == 200


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
def test_browser_gets_an_escaped_error_page(client: TestClient, path: str, status: int, title: str, detail: str):
    page = client.get(path, headers={"Accept": CHROME})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert title in page.text
    assert detail in page.text
    assert "<script>" not in page.text and "<img" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'href="/"' in page.text
    assert_problem(client.get(path), status)
    assert_problem(client.get(path, headers={"Accept": "application/problem+json, text/html;q=0.9"}), status)
