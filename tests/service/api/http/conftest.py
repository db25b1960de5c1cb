"""Fixtures for the tests of HTTP: the API of the small town."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.register import keys
from service.settings import Settings
from support import ogc, town
from support.json_types import JsonObject
from support.town_api import FACILITY, ITEMS, UNTAGGED_PATHS, Serve


@pytest.fixture(scope="session")
def made_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town's study with a standard of each measure, since each has many addresses."""
    text = ogc.one_of_each_measure(ogc.DATA / "standards.toml")
    return town.make(tmp_path_factory.mktemp("made") / "town", standards=text)


@pytest.fixture(scope="session")
def client(made_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API of the small town. Tests must not edit its register."""
    folder = shutil.copytree(made_town, tmp_path_factory.mktemp("http") / "town")
    with open_client(Settings(study=folder)) as client:
        yield client


@pytest.fixture
def serve(town_folder: Path) -> Iterator[Serve]:
    """Opens the API of a new small town with further settings; it is closed when the test ends."""
    with ExitStack() as opened:
        yield lambda **extra: opened.enter_context(open_client(Settings(study=town_folder, **extra)))


@pytest.fixture
def editor(serve: Serve) -> TestClient:
    """The API of a new small town, with a key to edit it."""
    client = serve()
    client.headers["Authorization"] = f"Bearer {keys.create(client.app.state.answers.register.database, '王工')}"
    return client


def open_client(settings: Settings) -> TestClient:
    plain = {"accept-encoding": "identity"}
    return TestClient(create_app(settings), raise_server_exceptions=False, headers=plain)


@pytest.fixture(scope="session")
def get_operations(client: TestClient) -> dict[str, JsonObject]:
    """The GET operations of the OpenAPI document by their path under /v1, in which all names are filled in."""
    result = {}
    for short, operations in client.get("/openapi.json").json()["paths"].items():
        template = "/v1" + short.removesuffix("/")
        is_of_saved = "{search}" in template or "/scenarios/" in template  # nothing is saved here
        if "get" in operations and not is_of_saved:
            collection = template.removeprefix("/v1/collections/").split("/")[0]
            names = {"standard": "health-15", "feature_id": "c1", "kind": "csv"}
            if "{feature_id}" in template and collection != "facilities":
                first = client.get(f"/v1/collections/{collection}/items", params={"limit": 1}).json()["features"][0]
                names["feature_id"] = str(first["id"])
            path = template
            for name, value in names.items():
                path = path.replace(f"{{{name}}}", value)
            assert "{" not in path
            result[path] = operations["get"]
    assert {"/v1", "/v1/nearest", "/v1/conformance", ITEMS, FACILITY, "/v1/collections/areas/items/T1"} <= result.keys()
    return result


@pytest.fixture(scope="session")
def tagged_paths(get_operations: dict[str, JsonObject]) -> list[str]:
    """The paths whose answers have entity tags."""
    return [path for path in get_operations if path not in UNTAGGED_PATHS]
