"""Fixtures for the tests of edits: the API of the small town, with a key to edit."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.register import keys
from service.settings import Settings


@pytest.fixture
def client(town_folder: Path, database_url: str) -> Iterator[TestClient]:
    """The API of the small town on each kind of database, with a key to edit."""
    with serve(town_folder, database_url) as client:
        yield client


@pytest.fixture(scope="module")
def unchanged_client(made_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same, for requests that are refused: at the end it checks that nothing was edited."""
    folder = shutil.copytree(made_town, tmp_path_factory.mktemp("untouched") / "town")
    with serve(folder, None) as client:
        yield client
        assert {facility.version for facility in map(client.app.state.answers.register.get, ("c1", "c2", "k1"))} == {1}


@contextmanager
def serve(folder: Path, url: str | None) -> Iterator[TestClient]:
    app = create_app(Settings(study=folder, database_url=url))
    with TestClient(app, raise_server_exceptions=False, headers={"accept-encoding": "identity"}) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(app.state.answers.register.database, '王工')}"
        yield client
