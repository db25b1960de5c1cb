"""A server of the sample, and a browser that records what a page requests and reports."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service.answers.engine import Answers
from service.settings import Settings
from support import program
from support.visitor import WIDE, Visitor

# A busy machine can take much longer than the default of 5 s.
expect.set_options(timeout=program.LIMIT_SECONDS * 1000)

SHIPPED = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def answers() -> Callable[[Path], Answers]:
    """Makes the `Answers` of a study folder."""
    return lambda folder: Answers(Settings(study=folder))


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped study, so that the server's register does not change the original."""
    folder = tmp_path_factory.mktemp("served") / "data"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "make_sample"))
    return folder


@pytest.fixture(scope="session")
def address(served_folder: Path) -> Iterator[str]:
    """The address of a server of the shipped sample."""
    with program.serving_here(served_folder) as address:
        yield address


Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture(scope="session")
def visit(browser: Browser) -> Visit:
    """Opens a page in its own browser context: ``with visit(offline=…) as visitor``."""

    @contextmanager
    def open_context(offline: bool = False, **options: object) -> Iterator[Visitor]:
        context = browser.new_context(viewport=WIDE, has_touch=True, **options)
        context.set_offline(offline)
        context.set_default_timeout(program.LIMIT_SECONDS * 1000)
        try:
            yield Visitor(context.new_page())
        finally:
            context.close()

    return open_context


@pytest.fixture(scope="module")
def visitor(visit: Visit) -> Iterator[Visitor]:
    """A page that the tests of a module use one after another, which takes a third of the time of a new context."""
    with visit() as visitor:
        yield visitor


@pytest.fixture(scope="module")
def offline_visitor(visit: Visit) -> Iterator[Visitor]:
    """The same without a network, for pages that are files."""
    with visit(offline=True) as visitor:
        yield visitor
