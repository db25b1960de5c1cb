"""A page in the browser that records what it requests and which problems it reports."""

from playwright.sync_api import Page

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SIZES = {"wide": WIDE, "phone": PHONE}


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

    def open(self, url: str, viewport: dict[str, int] = WIDE) -> Page:
        """Load a page in a window of this size, and forget what was recorded of the pages before it."""
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self.page.set_viewport_size(viewport)
        self.requests.clear()
        self.problems.clear()
        self.page.goto(url, wait_until="load")
        return self.page

    def open_map(self, url: str, viewport: dict[str, int] = WIDE) -> Page:
        """Load a page that has a map, and wait until the map is there."""
        self.open(url, viewport)
        self.page.locator(".leaflet-map-pane").wait_for(state="attached")
        return self.page

    def requests_elsewhere(self, origin: str) -> list[str]:
        """The requests to other hosts than ``origin``, without the data URLs of the page itself."""
        return [url for url in self.requests if not url.startswith((origin, "data:", "blob:"))]
