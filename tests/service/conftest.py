"""Studies to serve, the API on them, and their registers: a copy of the shipped sample, and the small town."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from geo.study import study
from service.api.app import create_app
from service.register.register import Register
from service.settings import Settings
from support import town

PLAIN = {"accept-encoding": "identity"}
"""Headers of a client that takes no compressed responses, whose ETags differ."""
SHIPPED = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped study, which `sample_client` serves. Tests may change its register and nothing else."""
    folder = tmp_path_factory.mktemp("served") / "data"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "*.py"))
    return folder


@pytest.fixture(scope="session")
def sample_client(served_folder: Path) -> Iterator[TestClient]:
    """The API of the sample. An unhandled exception becomes a response, as for a real client."""
    with TestClient(create_app(Settings(study=served_folder)), raise_server_exceptions=False, headers=PLAIN) as client:
        yield client


@pytest.fixture(scope="session")
def client(sample_client: TestClient) -> TestClient:
    """The client that most tests need: of the sample. A folder of tests may replace it by another."""
    return sample_client


@pytest.fixture(scope="session")
def made_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town's study, for fixtures that copy it."""
    return town.make(tmp_path_factory.mktemp("made") / "town")


@pytest.fixture
def town_folder(made_town: Path, tmp_path: Path) -> Path:
    """A copy of the small town's study for one test."""
    return shutil.copytree(made_town, tmp_path / "town")


@pytest.fixture(scope="session")
def town_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API of the small town, for tests that change nothing."""
    folder = town.make(tmp_path_factory.mktemp("town") / "town")
    with TestClient(create_app(Settings(study=folder)), raise_server_exceptions=False, headers=PLAIN) as client:
        yield client


@pytest.fixture
def open_register() -> Iterator[Callable[[Path, str], Register]]:
    """Opens the register of a study folder in a database, and closes it when the test ends."""
    with ExitStack() as stack:

        def open_one(folder: Path, url: str) -> Register:
            register = Register(study.read(folder), url)
            stack.callback(register.database.close)
            return register

        yield open_one


@pytest.fixture
def make_client() -> Iterator[Callable[[Path], TestClient]]:
    """Opens the API of a study folder, and closes it when the test ends."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(
            TestClient(create_app(Settings(study=folder)), raise_server_exceptions=False, headers=PLAIN)
        )
