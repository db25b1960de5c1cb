"""Takes the pictures of the README: `make pictures` (needs chromium and the extracts in ../shared)."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support import program, readme

IMAGES = Path(__file__).parent / "images"
DESK, PHONE = (1280, 800), (390, 844)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = readme.workplace(Path(scratch))
        readme.run("fuwuquan build liechtenstein --osm liechtenstein.osm.pbf --area Liechtenstein", folder, "")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with program.serving(folder / "data") as (address, _):
            _take(browser, f"{address}/maps/park-500", "park-500", DESK)
            _take(browser, f"{address}/maps/health-15", "health-15-phone", PHONE)
            _take(browser, f"{address}/", "finder-phone", PHONE, tap=True)
        with program.serving(folder / "liechtenstein") as (address, _):
            _take(browser, f"{address}/maps/health-15", "liechtenstein-health-15", DESK)
        browser.close()


def _take(browser: Browser, url: str, name: str, size: tuple[int, int], tap: bool = False) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(url, wait_until="networkidle")
    if tap:
        page.locator("#map").click(position={"x": 118, "y": 160})
        page.locator("#results li").first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
