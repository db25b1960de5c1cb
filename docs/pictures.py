"""Take the screenshots of the README: `make pictures`. It needs chromium and the extracts in ../shared."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support import program, readme

IMAGES = Path(__file__).parent / "images"
DESKTOP, PHONE = (1280, 800), (390, 844)
"""Width and height of the window, in pixels."""


def main() -> None:
    """Build a real study, serve it and the sample, and take the screenshots."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        with readme.workplace(folder) as place:
            place.run("fuwuquan build liechtenstein --osm liechtenstein.osm.pbf --area Liechtenstein")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with program.serving(folder / "data") as (address, _):
            _take_screenshot(browser, f"{address}/maps/park-500", "park-500", DESKTOP)
            _take_screenshot(browser, f"{address}/maps/health-15", "health-15-phone", PHONE)
            _take_screenshot(browser, f"{address}/", "finder-phone", PHONE, tap_map=True)
        with program.serving(folder / "liechtenstein") as (address, _):
            _take_screenshot(browser, f"{address}/maps/health-15", "liechtenstein-health-15", DESKTOP)
        browser.close()


def _take_screenshot(browser: Browser, url: str, name: str, size: tuple[int, int], tap_map: bool = False) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(program.LIMIT_SECONDS * 1000)
    page.goto(url, wait_until="networkidle")
    if tap_map:
        page.locator("#map").click(position={"x": 118, "y": 160})
        page.locator("#results li").first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
