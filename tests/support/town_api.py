"""The API of the small town: its addresses, an edit, and checks of its answers."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from support import town
from support.json_types import JsonObject

ITEMS = "/v1/collections/facilities/items"
FACILITY = f"{ITEMS}/c1"
LON, LAT = town.place(3, 1)
HERE = {"lon": LON, "lat": LAT}
PLACED = ("/v1/nearest", "/v1/isochrones")
"""The paths that need a place."""
UNTAGGED_PATHS = ("/v1/exports/facilities.csv",)
"""The paths whose answers have no entity tag."""
VARYING_PATHS = ("/v1/changes", "/v1/scenarios")
"""The paths whose answers depend on more than the register: on a key, and on what is saved."""
ORIGIN = "https://map.example"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
GEOJSON = "application/geo+json"
Serve = Callable[..., TestClient]


def place_query(path: str, **extra: str) -> JsonObject:
    """The query of a path: ``extra`` parameters, and a place if the path needs one."""
    return {**(HERE if path in PLACED else {}), **extra}


def rename_facility(editor: TestClient, name: str = "新") -> None:
    """Give the facility another name."""
    answer = editor.patch(FACILITY, json={"properties": {"name": name}}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def assert_problem(answer: Any, status: int) -> JsonObject:
    """The body of an answer that must be a problem with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()


def has_formats(operation: JsonObject) -> bool:
    """Whether an operation offers JSON and HTML."""
    return "f" in {entry["name"] for entry in operation["parameters"]}


def vary_names(answer: Any) -> set[str]:
    """The names in the Vary header, in small letters."""
    return {entry.strip().lower() for entry in answer.headers.get("Vary", "").split(",")}


def preflight(client: TestClient, origin: str, method: str = "PATCH", asked: str = "authorization,if-match") -> Any:
    """The answer to a browser's preflight request."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": asked,
    }
    return client.options(FACILITY, headers=headers)
