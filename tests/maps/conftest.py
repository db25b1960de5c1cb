"""A server of the sample, and a browser that records what a page requests and reports."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from service.answers.engine import Answers
from service.settings import Settings
from support import program

# A busy machine can take much longer than the default of 5 s.
expect.set_options(timeout=program.LIMIT_SECONDS * 1000)

SHIPPED = Path(__file__).parents[2] / "data"
WIDE = {"width": 1280, "height": 800}


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
    with program.serving(served_folder) as (address, _):
        yield address


class Visitor:
    """A page in the browser, with the requests that it made and the problems that it reported."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        page.on(
            "response",
            lambda response: response.status >= 400 and self.problems.append(f"{response.status}: {response.url}"),
        )
        page.on("console", lambda message: message.type in ("error", "warning") and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def open_map(self, url: str) -> Page:
        """Open a page that has a map, and wait until the map is there."""
        self.page.goto(url, wait_until="load")
        self.page.locator(".leaflet-map-pane").wait_for(state="attached")
        return self.page

    def requests_elsewhere(self, origin: str) -> list[str]:
        """The requests to other hosts than ``origin``, without the data URLs of the page itself."""
        return [url for url in self.requests if not url.startswith((origin, "data:", "blob:"))]


Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture(scope="session")
def visit(browser: Browser) -> Visit:
    """Opens a page in its own browser context: ``with visit(viewport, offline=…) as visitor``."""

    @contextmanager
    def open_context(viewport: dict[str, int] = WIDE, offline: bool = False, **options: object) -> Iterator[Visitor]:
        context = browser.new_context(viewport=viewport, **options)
        context.set_offline(offline)
        context.set_default_timeout(program.LIMIT_SECONDS * 1000)
        try:
            yield Visitor(context.new_page())
        finally:
            context.close()

    return open_context
