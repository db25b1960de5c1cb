"""Pages of the OGC API in a browser: sound, accessible and harmless, with maps that show the features."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from maps import feature_pages
from maps.pages import LEAFLET_FOLDER, STATIC_FOLDER
from support.ogc_documents import DOCUMENTS, EVIL_SETTINGS, HOME, SETTINGS, items, page
from support.visitor import PHONE, SIZES, WIDE, Visitor

CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
FOLDERS = {
    "/static/leaflet/": LEAFLET_FOLDER,
    "/static/swagger/": feature_pages.SWAGGER_FOLDER,
    "/static/": STATIC_FOLDER,
}
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "服务圈 API", "version": "1"},
    "paths": {
        "/ogc/collections": {
            "get": {"summary": "全部数据集 collections", "tags": ["ogc"], "responses": {"200": {"description": "OK"}}}
        }
    },
}
WITH_MAP = ("items", "evil-items", "half-empty", "item", "polygon", "evil-item")


def respond(route: Route) -> None:
    """Answer with pages and files as the service would; requests to other hosts fail."""
    path = route.request.url.removeprefix(HOME).partition("?")[0]
    if not route.request.url.startswith(HOME + "/"):
        return route.abort()
    for prefix, folder in FOLDERS.items():
        if path.startswith(prefix):
            return route.fulfill(path=folder / path.removeprefix(prefix))
    if path == "/openapi.json":
        return route.fulfill(json=OPENAPI)
    name, _, evil = path.strip("/").partition("/")
    settings = EVIL_SETTINGS if evil else SETTINGS
    html = feature_pages.docs(settings, "/openapi.json") if name == "docs" else page(name, settings)
    return route.fulfill(body=html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})


@pytest.fixture(scope="module")
def visitor(visit: Callable) -> Iterator[Visitor]:
    """A page of which `respond` answers the requests."""
    with visit() as visitor:
        visitor.page.context.route("**/*", respond)
        yield visitor


def assert_sound(visitor: Visitor) -> None:
    """The page loads nothing from elsewhere, reports no error, runs no hostile script, and fits the screen's width."""
    page = visitor.page
    assert (visitor.problems, visitor.requests_elsewhere(HOME)) == ([], [])
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"]
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").first.is_visible()
    assert page.locator("[id]").evaluate_all("all => all.length === new Set(all.map(x => x.id)).size")


HEADINGS = "h1, h2, h3, h4"
TOO_SMALL = """links => links.map(link => [link.textContent, link.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([text]) => text)"""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_page_is_sound_and_accessible_in_a_browser(visitor: Visitor, name: str):
    page = visitor.open(f"{HOME}/{name}")
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        assert_sound(visitor)
        assert page.locator("a:visible").evaluate_all(TOO_SMALL) == []
        if name in WITH_MAP:
            expect(page.locator("#map canvas")).to_be_visible()
            assert painted_pixels(page) > 50
    expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
    levels = page.locator(HEADINGS).evaluate_all("all => all.map(x => +x.tagName[1])")
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    # All content is in landmarks with different names: axe-core's rules "region" and "landmark-unique".
    assert page.locator("body > :not(aside, header, main, footer, script)").count() == 0
    names = page.locator("section, [role=region]").evaluate_all(
        "all => all.map(x => x.getAttribute('aria-labelledby'))"
    )
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [*DOCUMENTS, "docs"])
def test_page_of_a_study_with_hostile_texts_is_sound_in_a_browser(visitor: Visitor, name: str):
    visitor.open(f"{HOME}/{name}/evil")
    assert_sound(visitor)


def painted_pixels(page: Page) -> int:
    """How many pixels of the map's canvas are painted."""
    return page.locator("#map canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
            .filter((byte, place) => place % 4 === 3 && byte).length"""
    )


@pytest.mark.parametrize("name", ["items", "evil-items"])
def test_feature_on_the_map_shows_its_name_and_links_to_its_page(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, name: str
):
    """A single feature lies in the middle of the map."""
    only = DOCUMENTS[name][1]["features"][:1]
    monkeypatch.setitem(DOCUMENTS, "single", ("items", items(only)))
    page = visitor.open(f"{HOME}/single")
    page.locator("#map").hover()
    expect(page.locator(".leaflet-tooltip")).to_have_text(only[0]["properties"]["name"])
    page.locator("#map").click()
    popup_link = page.locator(".leaflet-popup-content a")
    expect(popup_link).to_have_text(only[0]["properties"]["name"])
    assert popup_link.get_attribute("href") == page.locator("tbody a").get_attribute("href")
    assert_sound(visitor)


def test_wide_table_scrolls_in_its_box(visitor: Visitor):
    visitor.open(f"{HOME}/items", PHONE)
    box = visitor.page.locator(".fwq-scroll")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => { box.scrollLeft = 200; }")
    assert box.evaluate("box => box.scrollLeft") == 200


@pytest.mark.parametrize("size", SIZES)
def test_api_documentation_is_sound_in_a_browser(visitor: Visitor, size: str):
    page = visitor.open(f"{HOME}/docs", SIZES[size])
    expect(page.locator("#swagger .opblock-summary-path")).to_contain_text("/ogc/collections")
    expect(page.locator("h1").first).to_contain_text("接口文档")
    expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
    levels = page.locator("h1:visible, h2:visible, h3:visible").evaluate_all("all => all.map(x => +x.tagName[1])")
    assert levels == [1, 2, 3]
    page.locator(".opblock-summary-control").click()
    expect(page.locator(".execute")).to_be_visible()
    assert_sound(visitor)
