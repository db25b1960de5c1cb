"""Fixtures that all tests share: real studies, the shipped sample, hand-made studies, a browser.

What comes from outside the repository may be missing: on CI that is a failure, elsewhere a skip that says so.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, sync_playwright

from geo.sources import build
from geo.sources.build import Sources
from geo.study import study
from geo.study.study import Study
from support import handmade, postgres

REPOSITORY = Path(__file__).resolve().parents[1]


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI runs every test")
    pytest.skip(f"{what} is missing")


def _built(folder: Path, sources: Sources) -> Study:
    build.build(folder, sources, lambda step, count: None)
    return study.read(folder)


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
        _missing(f"{folder}/data")
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
    wanted = ("study.toml", "standards.toml", "facilities.geojson", "demand.csv", "areas.geojson", "streets.parquet")
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
    """A running PostgreSQL with PostGIS."""
    programs = postgres.programs()
    if programs is None:
        _missing("PostgreSQL with PostGIS")
    # Its user must come to the folder, which pytest's own do not let it, and the socket's name must be short.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        with postgres.running(programs, Path(folder) / "cluster") as server:
            yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.sqlite'}"
    return request.getfixturevalue("postgresql").database()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a browser for what only a browser can show."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (
        "/usr/bin/chromium"
        if Path("/usr/bin/chromium").exists()
        else next(filter(None, map(shutil.which, names)), None)
    )
    return Path(found) if found else _missing("chromium")


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """The one browser of the process: playwright can't be started twice at a time."""
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=arguments)
        yield browser
        browser.close()
