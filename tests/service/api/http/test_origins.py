"""Cross-origin requests (CORS)."""

import pytest
from starlette.testclient import TestClient

from service.api.app import EXPOSED
from support.town_api import FACILITY, ORIGIN, Serve, preflight, vary_names


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_preflight_allows_any_origin_every_method_and_header(client: TestClient, method: str):
    asked = "authorization,content-type,idempotency-key,if-match,if-none-match,x-request-id"
    answer = preflight(client, ORIGIN, method, asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert method in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    allowed = {header.strip().lower() for header in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    assert "access-control-allow-credentials" not in answer.headers


def test_preflight_for_other_methods_or_headers_is_refused(client: TestClient):
    assert preflight(client, ORIGIN, "TRACE").status_code == 400
    assert preflight(client, ORIGIN, asked="x-nonsense").status_code == 400


@pytest.mark.parametrize("path", ["/v1/standards", FACILITY, "/v1/coverage/nope", "/nope"])
def test_pages_of_other_origins_may_read_the_headers_they_need(client: TestClient, path: str):
    answer = client.get(path, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = {header.strip() for header in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"ETag", "Last-Modified", "Location", "Retry-After", "X-Request-ID", "Content-Crs"} <= exposed
    assert exposed == set(EXPOSED)
    assert "access-control-allow-origin" not in client.get(path).headers
    if "ETag" in answer.headers:
        tag_header = {"Origin": ORIGIN, "If-None-Match": answer.headers["ETag"]}
        again = client.get(path, headers=tag_header)
        assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (304, "*")


def test_setting_limits_the_allowed_origins(serve: Serve):
    client = serve(cors_origins=f"{ORIGIN} https://second.example")
    for origin in (ORIGIN, "https://second.example"):
        answer = client.get("/v1/standards", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "origin" in vary_names(answer)
        assert preflight(client, origin).headers["Access-Control-Allow-Origin"] == origin
    for origin in ("https://evil.example", "http://map.example", f"{ORIGIN}.evil.example", "null", ""):
        answer = client.get("/v1/standards", headers={"Origin": origin})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in vary_names(answer)
        refused = preflight(client, origin)
        if origin:
            assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers
