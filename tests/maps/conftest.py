"""Maps drawn in this process, and a browser that tells everything a page does."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from service.answers.engine import Answers
from service.settings import Settings
from support import program

SHIPPED = Path(__file__).parents[2] / "data"
WIDE = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def answers() -> Callable[[Path], Answers]:
    """What `service` makes of a study folder."""
    return lambda folder: Answers(Settings(study=folder))


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped study for a server of its own."""
    folder = tmp_path_factory.mktemp("served") / "data"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "make_sample*"))
    return folder


@pytest.fixture(scope="session")
def address(served_folder: Path) -> Iterator[str]:
    """A server of the shipped sample."""
    with program.serving(served_folder) as (address, _):
        yield address


class Visitor:
    """One page of the browser, and what it asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.troubles: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url}"))
        page.on(
            "response", lambda answer: answer.status >= 400 and self.troubles.append(f"{answer.status}: {answer.url}")
        )
        page.on("console", lambda said: said.type in ("error", "warning") and self.troubles.append(said.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def go(self, url: str) -> Page:
        self.page.goto(url, wait_until="load")
        self.page.locator(".leaflet-map-pane").wait_for(state="attached")
        return self.page

    def abroad(self, origin: str) -> list[str]:
        """Requests to anywhere but ``origin``; data in the page's own text is no request."""
        return [url for url in self.requests if not url.startswith((origin, "data:", "blob:"))]


@pytest.fixture(scope="session")
def visit(browser: Browser) -> Callable:
    """Opens a page in a context of its own: ``with visit(viewport, offline=…) as visitor``."""

    @contextmanager
    def visiting(viewport: dict[str, int] = WIDE, offline: bool = False, **more: object) -> Iterator[Visitor]:
        context = browser.new_context(viewport=viewport, **more)
        context.set_offline(offline)
        context.set_default_timeout(60_000)
        try:
            yield Visitor(context.new_page())
        finally:
            context.close()

    return visiting
