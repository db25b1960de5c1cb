"""Names and other texts of a study are shown as they are; scripts and templates in them do not run."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from maps import pages
from support import program, town
from support.visitor import Visitor

HOSTILE = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "{{ 7*7 }}",
    "</script><script>window.pwned=1</script>",
    "`; window.pwned=1; `",
    "'); window.pwned=1; ('",
    "${window.pwned=1}",
    "\\u003cimg src=x onerror=window.pwned=1\\u003e \\",
    "&lt;img src=x onerror=window.pwned=1&gt;",
)
STANDARDS = ("health-20", "hall-presence", "park-500")
MAP = "Object.values(window).find(x => x instanceof L.Map)"
TOOLTIP_TEXTS = f"""() => {{
    const texts = [];
    const hover = layer => {{
        if (layer.getLayers) return layer.getLayers().forEach(hover);
        if (!layer.feature) return;
        const latlng = layer.getBounds ? layer.getBounds().getCenter() : layer.getLatLng();
        layer.fire("mouseover", {{ latlng }}, true);
        texts.push(...[...document.querySelectorAll(".leaflet-tooltip td")].map(cell => cell.textContent.trim()));
        layer.fire("mouseout", {{ latlng }}, true);
    }};
    {MAP}.eachLayer(hover);
    return texts;
}}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town, with hostile text in every field of the study that holds text."""
    folder = town.make(tmp_path_factory.mktemp("hostile") / "town", names=HOSTILE)
    goals = (folder / "standards.toml").read_text("utf-8")
    lines = []
    for number, line in enumerate(goals.splitlines()):
        key = line.partition(" = ")[0]
        if key in ("name", "name_en", "source", "note"):
            line = f"{key} = {json.dumps(HOSTILE[number % len(HOSTILE)])}"
        lines.append(line)
    (folder / "standards.toml").write_text("\n".join(lines), "utf-8")
    about = folder / "study.toml"
    text = about.read_text("utf-8")
    first = json.dumps(HOSTILE[0])
    for key, value in {"name": 3, "name_en": 1, "notice": 2, "notice_en": 4, "attribution": 1}.items():
        text = text.replace(f"{key} = {first}\n", f"{key} = {json.dumps(HOSTILE[value])}\n", 1)
    about.write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def hostile_address(hostile: Path):
    with program.serving_here(hostile) as address:
        yield address


def assert_harmless(page: Page, visitor: Visitor) -> None:
    """No hostile text has run as a script or become an element."""
    page.wait_for_timeout(50)
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.locator("img[src=x]").count() == 0
    assert visitor.problems == []


def assert_map_is_harmless(page: Page, visitor: Visitor, folder: Path, standard: str) -> None:
    """All names are shown as text, also in tooltips, and none runs while the map is used."""
    body = page.locator("body").inner_text()
    for name in (HOSTILE[2], HOSTILE[4], HOSTILE[3]):  # the notice in both languages, and the study's name
        assert " ".join(name.split()) in body
    assert "49" not in page.locator(".fwq-banner").inner_text()
    names = page.locator(".fwq-name").all_inner_texts()
    assert names == [HOSTILE[0], HOSTILE[1]]
    tooltips = set(page.evaluate(TOOLTIP_TEXTS))
    facilities = json.loads((folder / "facilities.geojson").read_text("utf-8"))["features"]
    category = {"health": "clinic", "hall": "cultural_hall", "park": "park"}.get(standard.split("-")[0], "kindergarten")
    properties = [feature["properties"] for feature in facilities]
    expected = {each["name"] for each in properties if each["category"] == category}
    assert tooltips & expected
    assert "49" not in tooltips
    assert set(HOSTILE[:2]) <= tooltips  # the towns
    page.locator(".leaflet-control-layers-toggle").hover(force=True)
    for box in page.locator(".leaflet-control-layers-overlays input").all():
        box.click()
        box.click()
    for x in range(400, 1200, 90):
        page.mouse.move(x, 420)
    assert_harmless(page, visitor)


@pytest.mark.parametrize("standard", STANDARDS)
def test_served_map_shows_hostile_names_as_text(visitor: Visitor, hostile: Path, hostile_address: str, standard: str):
    page = visitor.open_map(f"{hostile_address}/maps/{standard}")
    assert_map_is_harmless(page, visitor, hostile, standard)
    assert visitor.requests_elsewhere(hostile_address) == []
    assert HOSTILE[3] in page.title()


@pytest.mark.parametrize("standard", STANDARDS)
def test_map_file_shows_hostile_names_as_text(
    offline_visitor: Visitor, hostile: Path, answers, tmp_path: Path, standard: str
):
    """A file has no Content-Security-Policy that stops scripts, so only the escaping does."""
    file = tmp_path / "map.html"
    file.write_text(answers(hostile).gap_map(standard, "inline"), "utf-8")
    page = offline_visitor.open_map(file.as_uri())
    assert_map_is_harmless(page, offline_visitor, hostile, standard)


def test_finder_shows_hostile_names_as_text(visitor: Visitor, hostile: Path, hostile_address: str):
    facilities = json.loads((hostile / "facilities.geojson").read_text("utf-8"))["features"]
    names = {facility["properties"]["name"] for facility in facilities if facility["id"] != "c3"}  # c3 is closed
    page = visitor.open_map(f"{hostile_address}/")
    assert HOSTILE[3] in page.title()
    assert HOSTILE[3] in page.locator("h1").inner_text()
    seen: set[str] = set()
    for category in page.locator("input[name=category]").all():
        category.check(force=True)
        with page.expect_response("**/v1/nearest?*"):
            page.get_by_role("button", name="查找").click()
        page.locator("#results li").first.wait_for()
        expect(page.locator("#status")).not_to_have_text("…")
        seen |= set(page.locator("#results b").all_inner_texts())
        page.mouse.move(300, 500)
        for x in range(100, 700, 60):
            page.mouse.move(x, 560)
    assert seen == names
    assert_harmless(page, visitor)


def test_hostile_position_in_the_form_is_shown_as_text(visitor: Visitor, hostile_address: str):
    page = visitor.open_map(f"{hostile_address}/")
    page.locator("input[name=lat]").fill(HOSTILE[1])
    page.get_by_role("button", name="查找").click()
    expect(page.locator("#status")).to_contain_text("lat")
    assert page.evaluate("typeof window.pwned") == "undefined"


@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[1], HOSTILE[3]])
def test_hostile_names_run_in_a_page_that_does_not_escape(offline_visitor: Visitor, text: str):
    """Shows that the tests above can fail."""
    page = offline_visitor.open("about:blank")
    assert page.evaluate("window.pwned") is None
    page.set_content(f"<!doctype html><p>{text}")
    page.wait_for_function("window.pwned === 1")


def test_templates_escape_all_values():
    assert pages.templates.autoescape is True
