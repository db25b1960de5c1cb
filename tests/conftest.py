"""Fixtures for all tests: studies of real places, the shipped sample, hand-made studies, databases and a browser.

Some need what is not part of the repository: real extracts, PostgreSQL, chromium. Where it is missing, their tests are
skipped with the reason; on CI they fail.
"""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Error, expect, sync_playwright

from geo.sources import build
from geo.sources.inputs import Sources
from geo.study import study
from geo.study.study import Study
from support import handmade, postgres
from support.examples import examples
from support.requirements import unavailable

REPOSITORY = Path(__file__).resolve().parents[1]
# No example may fail because the machine is busy with other work.
settings.register_profile(
    "busy", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")
BROWSER_MILLISECONDS = 120_000  # chromium starts in a second, but in many on a busy machine


def _built(folder: Path, sources: Sources) -> Study:
    build.build(folder, sources, lambda step, count: None)
    return study.read(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long tests first: begun last, one of them would keep a single core busy at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Leave modules and tests out of garbage collections: they stay, and searching them takes time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """No FUWUQUAN variable of the machine changes what the tests see."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FUWUQUAN_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real extracts beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        unavailable(f"{folder / 'data'} does not exist")
    return folder


@pytest.fixture(scope="session")
def liechtenstein_extract(shared: Path) -> Path:
    return shared / "data" / "liechtenstein" / "liechtenstein.osm.pbf"


@pytest.fixture(scope="session")
def liechtenstein(liechtenstein_extract: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The country, built from its extract: people from its place nodes. Not to be written to."""
    folder = tmp_path_factory.mktemp("liechtenstein") / "study"
    return _built(folder, Sources(liechtenstein_extract, area="Liechtenstein"))


@pytest.fixture(scope="session")
def porto_alegre(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The city's centre: people and clinics from tables. Not to be written to."""
    data = shared / "data" / "porto_alegre"
    sources = Sources(data / "porto_alegre.osm.pbf", population=data / "hexgrid.csv", facilities=[data / "clinics.csv"])
    return _built(tmp_path_factory.mktemp("porto_alegre") / "study", sources)


@pytest.fixture(scope="session")
def sample() -> Study:
    """The shipped study, read where it lies; `sample_folder` is a copy that may be written to."""
    return study.read(REPOSITORY / "data")


@pytest.fixture
def sample_folder(tmp_path: Path) -> Path:
    """A copy of the shipped study without a register."""
    wanted = (
        "study.toml",
        "standards.toml",
        "facilities.geojson",
        "demand.csv",
        "areas.geojson",
        "land.parquet",
        "streets.parquet",
    )
    folder = tmp_path / "sample"
    folder.mkdir()
    for name in wanted:
        shutil.copy(REPOSITORY / "data" / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def small_study() -> Callable[..., Study]:
    """`handmade.study`: a tiny study drawn in metres, in memory or on disk."""
    return handmade.study


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A running PostgreSQL server with PostGIS."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.running())
        except postgres.UnavailableError as error:
            unavailable(f"PostgreSQL with PostGIS: {error}")
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.sqlite'}"
    return request.getfixturevalue("postgresql").database()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Each process shares one, because playwright cannot be started twice at a time."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        unavailable("chromium is not installed")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    with ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=program, args=arguments, timeout=BROWSER_MILLISECONDS)
            stack.callback(browser.close)
            browser.new_page().close()
        except Error as error:
            unavailable(f"chromium cannot start: {error.message.splitlines()[0]}")
        expect.set_options(timeout=60_000)
        yield browser
