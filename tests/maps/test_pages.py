"""The finder and the gap maps in a browser, from a running server or as files."""

import json
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from geo.measures.coverage import Coverage
from support.visitor import PHONE, SIZES, Visitor

SHIPPED = Path(__file__).parents[2] / "data"
STANDARDS = [standard["id"] for standard in tomllib.loads((SHIPPED / "standards.toml").read_text("utf-8"))["standard"]]
FACILITY_LAYERS = {
    "health": "诊所 Clinic",
    "hall": "文化礼堂 Cultural hall",
    "park": "公园 Park",
    "kindergarten": "幼儿园 Kindergarten",
}
WIDTH = "document.scrollingElement.scrollWidth"
MAP = "Object.values(window).find(x => x instanceof L.Map)"
IS_ON_TOP = """node => {
    const box = node.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return top !== null && (node.contains(top) || top.contains(node));
}"""


def layer_names(page: Page) -> list[str]:
    """Open the list of layers and read it."""
    page.locator(".leaflet-control-layers-toggle").hover(force=True)
    labels = page.locator(".leaflet-control-layers-overlays label")
    expect(labels.first).to_be_visible()
    return [text.strip() for text in labels.all_inner_texts()]


def assert_map_is_usable(page: Page, standard: str, has_gaps: bool, sample: bool) -> None:
    """Banner, panel, legend and controls can be seen and reached, and the layers are listed."""
    if sample:
        expect(page.locator(".fwq-banner")).to_contain_text("示例数据")
        expect(page.locator(".fwq-banner")).to_contain_text("Not for decisions")
        assert page.locator(".fwq-banner").evaluate(IS_ON_TOP)
    else:
        expect(page.locator(".fwq-banner")).to_have_count(0)
    expect(page.locator(".fwq-panel h1")).to_be_visible()
    expect(page.locator(".fwq-figure")).to_be_visible()
    legend = page.locator(".fwq-dots").last
    if page.viewport_size == PHONE:
        expect(legend).not_to_be_visible()  # the map needs the room; a tap opens it
        page.locator(".fwq-panel summary").tap()
    expect(legend).to_be_visible()
    legend.scroll_into_view_if_needed()
    expect(legend).to_be_in_viewport()
    for control in (".leaflet-control-zoom-in", ".leaflet-control-zoom-out", ".leaflet-control-layers-toggle"):
        expect(page.locator(control)).to_be_in_viewport(ratio=1)
        assert page.locator(control).evaluate(IS_ON_TOP), control
    assert page.evaluate(WIDTH) <= page.viewport_size["width"]
    layers = layer_names(page)
    assert "区域 areas" in layers
    assert FACILITY_LAYERS[standard.split("-")[0]] in layers
    assert ("缺口 gaps" in layers) is has_gaps


def _has_gaps(coverage: Coverage) -> bool:
    return coverage.measure != "opened" and coverage.covered < coverage.total


@pytest.fixture(scope="module")
def gaps(answers, served_folder: Path) -> dict[str, bool]:
    return {coverage.standard: _has_gaps(coverage) for coverage in answers(served_folder).all_coverage()}


@pytest.mark.parametrize("standard", STANDARDS)
def test_map_of_each_standard_is_usable(visitor: Visitor, address: str, gaps: dict, standard: str):
    page = visitor.open_map(f"{address}/maps/{standard}")
    assert_map_is_usable(page, standard, gaps[standard], sample=True)
    page.mouse.move(0, 0)
    page.set_viewport_size(PHONE)
    page.locator(".fwq-panel summary").tap()  # a page that is loaded on a phone begins with the legend closed
    assert_map_is_usable(page, standard, gaps[standard], sample=True)
    assert (visitor.problems, visitor.requests_elsewhere(address)) == ([], [])
    assert len(visitor.requests) >= 3


@pytest.mark.parametrize("size", SIZES)
def test_map_begins_with_the_whole_study_in_view_beside_the_panel(
    visitor: Visitor, address: str, gaps: dict, size: str
):
    page, viewport = visitor.open_map(f"{address}/maps/health-20", SIZES[size]), SIZES[size]
    west, north, east, south = page.evaluate(
        f"""() => {{ const map = {MAP}; let all = L.latLngBounds();
        map.eachLayer(layer => layer.feature && layer.feature.properties.人口 && all.extend(layer.getBounds()));
        const at = p => map.latLngToContainerPoint(p);
        const nw = at(all.getNorthWest()), se = at(all.getSouthEast());
        const box = map.getContainer().getBoundingClientRect();
        return [nw.x + box.x, nw.y + box.y, se.x + box.x, se.y + box.y]; }}"""
    )
    panel = page.locator(".fwq-panel").bounding_box()
    banner = page.locator(".fwq-banner").bounding_box()
    assert west >= 0
    assert east <= viewport["width"] + 1
    assert north >= banner["height"]
    assert south <= viewport["height"] + 1
    beside = west >= panel["x"] + panel["width"]
    above = south <= panel["y"]
    assert beside or above
    assert_map_is_usable(page, "health-20", gaps["health-20"], sample=True)


def test_layer_can_be_switched_off(visitor: Visitor, address: str):
    page = visitor.open_map(f"{address}/maps/park-500")
    marks = f"(() => {{ let marks = 0; {MAP}.eachLayer(x => marks += !!x.feature?.properties.超出); return marks; }})()"
    assert page.evaluate(marks) > 0
    layer_names(page)
    page.locator(".leaflet-control-layers-overlays label", has_text="缺口 gaps").click()
    assert page.evaluate(marks) == 0


@pytest.mark.parametrize("size", SIZES)
def test_tap_on_the_map_lists_the_nearest_facilities_of_the_category(visitor: Visitor, address: str, size: str):
    page = visitor.open_map(f"{address}/", SIZES[size])
    expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
    expect(page.locator(".fwq-goals li")).to_have_count(len(STANDARDS))
    assert page.evaluate(WIDTH) <= SIZES[size]["width"]
    page.get_by_text("幼儿园", exact=False).first.tap()
    with page.expect_response("**/v1/nearest?*") as response:
        page.locator("#map").tap()
    features = response.value.json()["features"]
    assert [feature["properties"]["category"] for feature in features] == ["kindergarten"] * 5
    items = page.locator("#results li")
    expect(items).to_have_count(5)
    for item, feature in zip(items.all_inner_texts(), features, strict=True):
        assert feature["properties"]["name"] in item
        assert f"{feature['properties']['minutes']:.1f} 分钟" in item
    expect(page.locator("#status")).to_contain_text("示例数据")
    assert page.evaluate(WIDTH) <= SIZES[size]["width"]
    # A change of the category repeats the request.
    with page.expect_response("**/v1/nearest?*category=park*"):
        page.get_by_text("公园", exact=False).first.tap()
    expect(items).to_have_count(5)
    assert (visitor.problems, visitor.requests_elsewhere(address)) == ([], [])


def test_finder_shows_the_error_of_the_api(visitor: Visitor, address: str):
    page = visitor.open_map(f"{address}/")
    page.locator("input[name=lon]").fill("<b>far</b>")
    with page.expect_response("**/v1/nearest?*") as response:
        page.get_by_role("button", name="查找").click()
    assert response.value.status == 400
    expect(page.locator("#status")).to_contain_text("lon")
    expect(page.locator("#status b")).to_have_count(0)
    expect(page.locator("#results li")).to_have_count(0)
    page.locator("input[name=lon]").fill("0")
    page.get_by_role("button", name="查找").click()
    expect(page.locator("#status")).to_contain_text("no street within")


def test_finder_shows_an_error_without_a_network(visit, address: str):
    with visit() as visitor:
        page = visitor.open_map(f"{address}/")
        page.context.set_offline(True)
        page.get_by_role("button", name="查找").click()
        expect(page.locator("#status")).to_contain_text("error")


def test_finder_uses_the_position_of_the_device(visit, address: str):
    position = {"longitude": 120.04, "latitude": 28.895}
    with visit(geolocation=position, permissions=["geolocation"]) as visitor:
        page = visitor.open_map(f"{address}/", PHONE)
        page.locator("#locate").click()
        expect(page.locator("#results li")).to_have_count(5)
        assert page.locator("input[name=lon]").input_value() == "120.04000"
        assert visitor.problems == []


def test_finder_says_when_the_device_has_no_position(visit, address: str):
    with visit(permissions=[]) as visitor:
        page = visitor.open_map(f"{address}/", PHONE)
        page.locator("#locate").click()
        expect(page.locator("#status")).to_contain_text("无法定位")


def test_goal_links_to_its_map(visitor: Visitor, address: str):
    page = visitor.open_map(f"{address}/")
    page.locator(".fwq-goals a").nth(STANDARDS.index("park-500")).click()
    page.wait_for_url("**/maps/park-500")
    expect(page.locator(".fwq-panel h1")).to_be_visible()
    assert (visitor.problems, visitor.requests_elsewhere(address)) == ([], [])


@pytest.mark.parametrize("path", ["/", "/maps/health-15"])
def test_page_has_a_language_a_heading_and_labels_for_screen_readers(visitor: Visitor, address: str, path: str):
    page = visitor.open_map(f"{address}{path}")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.title()
    assert page.locator("h1").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    unlabelled = page.locator("input, select, textarea, button").evaluate_all(
        """fields => fields.filter(field => {
            const label = field.getAttribute("aria-label") || field.title
                || [...field.labels].map(x => x.textContent).join("")
                || (field.tagName === "BUTTON" ? field.textContent : "");
            return !label.trim();
        }).map(field => field.outerHTML)"""
    )
    assert unlabelled == []
    assert page.locator("[id]").evaluate_all("all => all.length === new Set(all.map(x => x.id)).size")


def test_finder_works_by_keyboard(visitor: Visitor, address: str):
    page = visitor.open_map(f"{address}/")
    page.locator("input[name=category]").first.focus()
    page.keyboard.press("ArrowRight")
    page.locator("input[name=lat]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#results li")).to_have_count(5)
    checked = page.locator("input[name=category]:checked")
    assert checked.input_value() == page.locator("input[name=category]").nth(1).input_value()


@pytest.mark.parametrize(
    ("place", "standard"),
    [("sample_folder", "health-20"), ("liechtenstein", "park-500"), ("liechtenstein", "kindergarten-town")],
)
def test_map_file_is_usable_without_a_network(
    request: pytest.FixtureRequest, offline_visitor: Visitor, answers, tmp_path: Path, place: str, standard: str
):
    study = request.getfixturevalue(place)
    service = answers(getattr(study, "folder", study))
    file = tmp_path / f"{standard}.html"
    file.write_text(service.gap_map(standard, "inline"), "utf-8")
    page = offline_visitor.open_map(file.as_uri())
    assert_map_is_usable(page, standard, _has_gaps(service.coverage(standard)), sample=place == "sample_folder")
    assert (offline_visitor.problems, offline_visitor.requests_elsewhere(file.as_uri())) == ([], [])
    assert page.evaluate("document.characterSet") == "UTF-8"
    headline = page.locator(".fwq-figure").inner_text()
    assert f"{service.coverage(standard).share:.1%}" in headline
    # At least one pixel of a canvas is painted.
    assert page.evaluate(
        """() => [...document.querySelectorAll("canvas")].some(canvas => canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte))"""
    )


def test_finder_holds_its_data_as_json(visitor: Visitor, address: str):
    page = visitor.open_map(f"{address}/")
    data = json.loads(page.locator("#data").text_content())
    assert len(data["outlines"]) == 14  # streets and towns
