"""Fixtures for the tests of `/v1/nearest`: the town's API with streets and without."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.register import keys
from service.settings import Settings
from support import town
from support.nearest_api import HERE, NEAREST, PLAIN, make_facilities


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The town's study with streets and without, by the name of the method."""
    made = {}
    for method, streets in (("network", True), ("straight-line", False)):
        made[method] = town.make(tmp_path_factory.mktemp(method) / "town", streets=streets)
        (made[method] / "facilities.geojson").write_text(json.dumps(make_facilities(), ensure_ascii=False), "utf-8")
    return made


@pytest.fixture(scope="session")
def clients(folders: dict[str, Path]) -> Iterator[dict[str, TestClient]]:
    """The API of both studies. Tests must not edit their registers."""
    with ExitStack() as opened:
        yield {method: opened.enter_context(open_client(folder)) for method, folder in folders.items()}


def open_client(folder: Path) -> TestClient:
    return TestClient(create_app(Settings(study=folder)), raise_server_exceptions=False, headers=PLAIN)


@pytest.fixture(params=["network", "straight-line"])
def client(request: pytest.FixtureRequest, clients: dict[str, TestClient]) -> TestClient:
    """The API with streets, and without."""
    client = clients[request.param]
    assert client.get(NEAREST, params=HERE).json()["method"] == request.param
    return client


@pytest.fixture(params=["network", "straight-line"])
def editor(request: pytest.FixtureRequest, folders: dict[str, Path], tmp_path: Path) -> Iterator[TestClient]:
    """The API of a new copy for each test, with a key to edit it."""
    with open_client(shutil.copytree(folders[request.param], tmp_path / "town")) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(client.app.state.answers.register.database, '王工')}"
        yield client
