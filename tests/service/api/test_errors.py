"""Every mistake of a client is answered with a problem of the right status, and never with 500."""

import logging
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from geo.errors import FuwuquanError
from support.examples import examples

ITEMS = "/v1/collections/facilities/items"
ONE = f"{ITEMS}/yk-clinic-001"
NEAREST = "/v1/nearest"
HERE = {"lon": "120.03", "lat": "28.9"}
ENDPOINTS = {
    "/v1/standards": {},
    "/v1/coverage": {},
    "/v1/coverage/health-15": {},
    NEAREST: HERE,
    ITEMS: {},
    ONE: {},
    "/maps/health-15": {},
}
WITH_COORDINATES = [path for path in ENDPOINTS if path.startswith("/v1")]
NO_NUMBERS = [
    "", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400", "north", "120,03", "12O.03", "0x10", "1_0_",
    "--1", "[120]", "{}", "null", "true", "\0", "120\0", "1" * 10_000, "９９９度", "120.03;28.9",
]  # fmt: skip
NO_COUNTS = ["", "0", "-1", "1.5", "nan", "inf", "1e400", "ten", "[]", "5\0", "x" * 10_000, "0x5"]
NO_WORDS = [
    "",
    " ",
    "nonsense",
    "WALK",
    "Park",
    "park,",
    "park;clinic",
    "[]",
    "\0",
    "park\0",
    "x" * 10_000,
    "' OR 1=1 --",
]
NO_BOXES = [
    "", ",", ",,,", "1,2,3", "1,2,3,4,5", "120,28,121,29,", "120,28,,29", "a,b,c,d", "nan,28,121,29", "120,28,inf,29",
    "120,28,1e400,29", "120,28,121,181", "120,29,121,28", "-181,0,1,1", "0,0,181,1", "0,-91,1,1", "0,0,1,91",
    "[120,28,121,29]", "120 28 121 29", "120;28;121;29", "\0", "120,28,121,29\0", "1," * 5_000, "9" * 10_000,
    "nan,nan,nan,nan",
]  # fmt: skip


def bad(path: str, name: str, values: list[str], **more: str) -> list:
    return [pytest.param(path, name, {**more, name: value}, id=f"{path} {name}={value[:20]!r}") for value in values]


BAD = [
    *bad(NEAREST, "lon", [*NO_NUMBERS, "180.0001", "-181", "1e9"], lat="28.9"),
    *bad(NEAREST, "lat", [*NO_NUMBERS, "90.0001", "-91", "1e9"], lon="120.03"),
    *bad(NEAREST, "category", NO_WORDS, **HERE),
    *bad(NEAREST, "mode", [*NO_WORDS, "train"], **HERE),
    *bad(NEAREST, "limit", NO_COUNTS, **HERE),
    *bad(ITEMS, "bbox", NO_BOXES),
    *bad(ITEMS, "category", NO_WORDS),
    *bad(ITEMS, "limit", NO_COUNTS),
    *bad(ITEMS, "offset", [*(case for case in NO_COUNTS if case != "0"), str(2**63), "9" * 30]),
    *(case for path in WITH_COORDINATES for case in bad(path, "coordinates", [*NO_WORDS, "WGS84"], **ENDPOINTS[path])),
    *(
        case
        for path in ENDPOINTS
        for name in ("x", "Lon", "limits", "f", "coordinate", "standard", "", "\0", "lon[]", "x" * 10_000, "参数")
        for case in bad(path, name, ["1"], **ENDPOINTS[path])
    ),
    *(case for path in ("/v1/coverage", "/v1/standards") for case in bad(path, "limit", ["5"])),
    pytest.param(NEAREST, "lon", {"lat": "28.9"}, id="no lon"),
    pytest.param(NEAREST, "lat", {"lon": "120.03"}, id="no lat"),
]


def assert_problem(answer, status: int) -> dict:
    """Check the body that all errors have."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail"} <= body.keys() <= {"type", "title", "status", "detail", "parameters"}
    assert body["status"] == status
    assert body["type"].startswith("urn:fuwuquan:problem:")
    assert all(isinstance(body[key], str) and body[key] for key in ("type", "title", "detail"))
    for parameter in body.get("parameters", []):
        assert parameter.keys() == {"name", "reason"}
        assert isinstance(parameter["name"], str)
        assert parameter["reason"]
    return body


@pytest.mark.parametrize(("path", "name", "parameters"), BAD, ids=range(len(BAD)))
def test_invalid_or_unknown_parameter_is_400_and_named(client: TestClient, path: str, name: str, parameters: dict):
    body = assert_problem(client.get(path, params=parameters), 400)
    assert [parameter["name"] for parameter in body["parameters"]] == [name[:100]]
    assert name[:100] in body["detail"]
    assert len(body["detail"]) < 300  # a bad name or value of 10,000 characters is not sent back


@pytest.mark.parametrize(
    ("path", "name", "query"),
    [
        (NEAREST, "lon", "lon=120.03&lon=120.05&lat=28.9"),
        (NEAREST, "mode", "lon=120.03&lat=28.9&mode=walk&mode=drive"),
        (NEAREST, "category", "lon=120.03&lat=28.9&category=park&category=clinic"),
        (ITEMS, "bbox", "bbox=120,28,121,29&bbox=0,0,1,1"),
        (ITEMS, "limit", "limit=5&limit=6"),
        ("/v1/coverage", "coordinates", "coordinates=wgs84&coordinates=gcj02"),
    ],
)
def test_repeated_parameter_is_400_and_named(client: TestClient, path: str, name: str, query: str):
    """The two values may contradict each other, so neither is used."""
    body = assert_problem(client.get(f"{path}?{query}"), 400)
    assert name in [parameter["name"] for parameter in body["parameters"]]


def test_all_invalid_parameters_are_named_at_once(client: TestClient):
    body = assert_problem(client.get(NEAREST, params={"lon": "x", "mode": "fly", "nonsense": "1"}), 400)
    assert {parameter["name"] for parameter in body["parameters"]} == {"lon", "lat", "mode", "nonsense"}


@pytest.mark.parametrize(
    "query", ["lon=%ff&lat=28.9", "lon=%ED%A0%80&lat=1", "%ff=1&lon=1&lat=1", "lon=1&lat=1&&=", "a;b"]
)
def test_bytes_that_are_not_utf8_are_400(client: TestClient, query: str):
    assert_problem(client.get(f"{NEAREST}?{query}"), 400)


@pytest.mark.parametrize(
    "path",
    [
        "/nope", "/v1/nope", "/v2/coverage", "/v1/coverage/health-15/areas", "/maps", "/maps/nonsense", "/maps/%00",
        "/v1/coverage/%00", "/v1/coverage/..%2f..",
        "/static/nope.js", "/static/%00", "/static/..%2f..%2fpyproject.toml",
        "/static/leaflet/..%2f..%2f..", "/static", "/" + "x" * 10_000, "/v1/coverage/" + "永" * 500, "/%ff",
    ],
)  # fmt: skip
def test_unknown_path_is_404(client: TestClient, path: str):
    assert_problem(client.get(path, follow_redirects=True), 404)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path in [*ENDPOINTS, "/", "/health", "/ready", "/static/finder.js"]
        for method in ("POST", "PUT", "PATCH", "DELETE")
        if (not path.startswith("/v1/collections") or (method == "POST") != path.endswith("/items"))  # these edit
        and (path, method) != (NEAREST, "POST")
    ],
)
def test_wrong_method_is_405(client: TestClient, path: str, method: str):
    answer = client.request(method, path, params=ENDPOINTS.get(path))
    assert_problem(answer, 405)
    if not path.startswith("/static"):
        assert "GET" in answer.headers["allow"]


def make_coverage_fail(client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make `/v1/coverage` raise an error, also where its answer is cached."""

    def fail(*_: object) -> None:
        raise error

    client.app.state.answers.states.current().responses.clear()
    monkeypatch.setattr(client.app.state.answers, "all_coverage", fail)


def test_unusable_register_is_503_with_the_reason(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    make_coverage_fail(client, monkeypatch, FuwuquanError("the register cannot be used: disk full"))
    assert "disk full" in assert_problem(client.get("/v1/coverage"), 503)["detail"]


def test_internal_error_is_in_the_log_and_not_in_the_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    make_coverage_fail(client, monkeypatch, RuntimeError("secret detail"))
    with caplog.at_level(logging.ERROR, "fuwuquan"):
        answer = client.get("/v1/coverage")
    assert_problem(answer, 500)
    assert "secret" not in answer.text
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


KEYS = st.sampled_from(["lon", "lat", "category", "mode", "limit", "offset", "bbox", "coordinates"]) | st.text(
    max_size=8
)
GOOD = st.sampled_from(
    [
        "120.03",
        "28.9",
        "0",
        "5",
        "park",
        "clinic",
        "walk",
        "drive",
        "gcj02",
        "bd09",
        "120,28,121,29",
        "-180",
        "90",
        "1e-320",
    ]
)
NASTY = st.sampled_from([*NO_NUMBERS, *NO_COUNTS, *NO_WORDS, *NO_BOXES]).filter(lambda value: len(value) < 100)
VALUES = GOOD | NASTY | st.floats().map(str) | st.integers().map(str) | st.text(max_size=30)


@settings(max_examples=examples(250), suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from([NEAREST, ITEMS, ONE, "/v1/coverage", "/v1/standards", "/v1/coverage/park-500"]),
    query=st.lists(st.tuples(KEYS, VALUES), max_size=6),
)
def test_no_query_string_causes_an_internal_error(client: TestClient, path: str, query: list[tuple[str, str]]):
    answer = client.get(f"{path}?{urlencode(query, errors='surrogatepass')}")
    if answer.status_code != 200:
        body = assert_problem(answer, 400)
        assert {parameter["name"] for parameter in body["parameters"]} <= {key for key, _ in query} | {"lon", "lat"} | {
            "\ufffd"
        }
    else:
        assert answer.json()


@settings(max_examples=examples(100), suppress_health_check=list(HealthCheck))
@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    mode=st.sampled_from(["walk", "cycle", "drive"]),
    system=st.sampled_from(["wgs84", "gcj02", "bd09", "cgcs2000"]),
)
def test_every_place_on_earth_is_answered(client: TestClient, lon: float, lat: float, mode: str, system: str):
    answer = client.get(NEAREST, params={"lon": lon, "lat": lat, "mode": mode, "coordinates": system})
    assert answer.status_code == 200
    assert bool(answer.json()["features"]) is (answer.json()["reason"] is None)


def test_thousands_of_parameters_are_refused_quickly(client: TestClient):
    body = assert_problem(client.get("/v1/coverage?" + "&".join(f"p{row}=1" for row in range(8_000))), 400)
    assert len(body["parameters"]) == 1
    many = "&".join(f"p{row}=1&p{row}=2" for row in range(2_000))
    assert len(assert_problem(client.get(f"/v1/coverage?{many}"), 400)["parameters"]) <= 41
