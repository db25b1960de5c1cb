"""Pages of the OGC API's documents: their content, links and map data; nothing in a document runs as a script."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from geo.study.settings import StudySettings
from maps import feature_pages
from support.ogc_documents import (
    DOCUMENTS,
    EVIL_SETTINGS,
    FEATURES,
    HOME,
    HOSTILE,
    SETTINGS,
    TRAIL,
    collection,
    feature,
    items,
    link,
    page,
    point,
    square,
)


class ParsedPage(HTMLParser):
    """The tags of a page with their attributes, its links and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.mark.parametrize("settings", [SETTINGS, EVIL_SETTINGS], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", [*DOCUMENTS, "docs"])
def test_page_has_no_scripts_and_only_web_links(name: str, settings: StudySettings):
    html = feature_pages.docs(settings, '/openapi.json?"><script>') if name == "docs" else page(name, settings)
    parsed = ParsedPage(html)
    scripts = [attributes for tag, attributes in parsed.tags if tag == "script"]
    assert all(("src" in script) != (script.get("type") == "application/json") for script in scripts)
    assert all((script.get("src") or "/static/").startswith("/static/") for script in scripts)
    assert "img" not in [tag for tag, _ in parsed.tags]
    assert not [key for _, attributes in parsed.tags for key in attributes if key.startswith("on")]
    assert all(href.startswith(("http://", "https://", "/")) for href in parsed.links)
    assert settings.notice.split("<")[0] in parsed.text
    assert [tag for tag, _ in parsed.tags if tag == "h1"] == ["h1"]
    assert '<html lang="zh-CN">' in html
    assert re.search(r"<title>.+ · .+</title>", html)


def test_page_has_no_notice_where_the_study_is_not_a_sample():
    assert "fwq-notice" not in page("landing", SETTINGS.model_copy(update={"sample": False}))


@pytest.mark.parametrize(
    "href",
    ["javascript:x", "JavaScript:x", " javascript:x", "java\nscript:x", "data:text/html,x", "vbscript:x", "", None, 3],
)
def test_href_that_is_no_web_address_is_not_a_link(href: object):
    document = {"title": "t", "links": [{"rel": "data", "href": href}, {"rel": "x", "href": href, "title": "y"}]}
    assert ParsedPage(feature_pages.render("landing", document, SETTINGS, "t", [("t", "/")])).links == []


@pytest.mark.parametrize("href", ["https://a/b", "HTTP://a", "/a:b", "a/b:c", "?a=b:c", "../x", "#a:b"])
def test_web_address_is_a_link(href: str):
    document = {"links": [{"rel": "data", "href": href}]}
    assert ParsedPage(feature_pages.render("landing", document, SETTINGS, "t", [("t", "/")])).links == [href]


def test_landing_page_links_to_all_resources():
    parsed = ParsedPage(page("landing"))
    for path in ("/ogc/collections", "/ogc/conformance?f=html", "/openapi.json", "/docs", "/ogc?f=json"):
        assert HOME + path in parsed.links
    assert "全部数据集 Collections" in parsed.text
    assert "接口文档 API documentation" in parsed.text


def test_collections_link_to_their_pages_and_features():
    parsed = ParsedPage(page("collections"))
    assert HOME + "/ogc/collections/areas?f=html" in parsed.links
    assert HOME + "/ogc/collections/areas/items?f=html" in parsed.links
    assert HOSTILE[0] in parsed.text


def test_collection_shows_its_extent_systems_and_links():
    parsed = ParsedPage(page("collection"))
    for words in ("119.88 – 120.35", "28.75 – 29.12", "2010-01-01T00:00:00Z – …", "OGC:CRS84", "EPSG:4490"):
        assert words in parsed.text
    base = HOME + "/ogc/collections/facilities"
    for path in ("?f=json", "/items?f=html", "/items?f=json", "/items?f=csv", "/queryables"):
        assert base + path in parsed.links


@pytest.mark.parametrize("extent", [..., None, {}, {"spatial": {"bbox": [[1, 2, 3, 4]]}}, {"temporal": {}}])
def test_collection_may_lack_parts_of_its_extent(extent: object):
    document = {name: value for name, value in collection().items() if name != "extent"}
    if extent is not ...:
        document["extent"] = extent
    parsed = ParsedPage(feature_pages.render("collection", document, SETTINGS, "t", TRAIL))
    assert ("1 – 3" in parsed.text) == (extent not in (..., None, {}, {"temporal": {}}))
    assert "时间" not in parsed.text


def test_features_are_rows_of_a_table():
    html = page("items")
    parsed = ParsedPage(html)
    base = HOME + "/ogc/collections/facilities/items"
    assert base + "/clinic-1" in parsed.links
    assert base + "/4" in parsed.links
    assert "显示 20 / 共 128 项" in parsed.text
    headings = html.split("<thead>")[1].split("</thead>")[0]
    assert re.findall(r'<th scope="col">(\w+)</th>', headings) == [
        # No feature has a value for "closed".
        *("name", "category", "beds", "people", "open", "note", "website", "parts")
    ]
    assert f'<span class="fwq-cut" title="{"字" * 300}">{"字" * 300}</span>' in html  # cut where it is drawn
    # The next and previous pages are pages, though the document's links lead to JSON.
    assert base + "?limit=9&offset=18&f=html" in parsed.links
    assert base + "?limit=9&offset=0" in parsed.links
    assert base + "?limit=9&f=json" in parsed.links


def test_id_is_percent_encoded_in_its_address():
    assert HOME + "/ogc/collections/facilities/items/a%2F..%2Fb%3Fc%23d%20%252F" in ParsedPage(page("evil-items")).links


@pytest.mark.parametrize("id_", ["", ".", "..", None])
def test_id_that_would_change_the_path_is_not_a_link(id_: str | None):
    html = feature_pages.render("items", items([feature(id_, point(120, 29), name="x")]), SETTINGS, "t", TRAIL)
    assert not [href for href in ParsedPage(html).links if "/items/" in href]


@pytest.mark.parametrize(
    ("geometry", "drawn"),
    [
        (None, False),
        ({"type": "Point", "coordinates": []}, False),
        ({"type": "MultiPolygon", "coordinates": [[[]]]}, False),
        ({"type": "GeometryCollection", "geometries": []}, False),
        ({"type": "GeometryCollection", "geometries": [point(120, 29), point(500000, 29)]}, False),
        ({"type": "GeometryCollection", "geometries": [point(120, 29)]}, True),
        ({"type": "Point", "coordinates": [120, 29, 5000]}, True),
        ({"type": "Polygon", "coordinates": square(-180, -90)}, True),
    ],
)
def test_geometry_without_a_position_in_degrees_is_not_drawn(geometry: dict[str, Any] | None, drawn: bool):
    assert ('id="map"' in feature_pages.render("items", items([feature(1, geometry)]), SETTINGS, "t", TRAIL)) is drawn


def test_page_without_features_says_so():
    parsed = ParsedPage(page("empty"))
    assert "显示 0 / 共 0 项" in parsed.text
    assert "table" not in [tag for tag, _ in parsed.tags]


def test_item_shows_all_properties_that_have_a_value():
    parsed = ParsedPage(page("item"))
    assert "字" * 300 in parsed.text
    assert "是 yes" in parsed.text
    assert "https://example.org/a?b=1" in parsed.links
    assert "closed" not in parsed.text
    assert "178214 " in parsed.text  # not 178214.0


def test_schema_lists_its_properties():
    parsed = ParsedPage(page("schema"))
    for words in ("名称 name", "string / null", "date", "clinic", *HOSTILE[:3]):
        assert words in parsed.text


@pytest.mark.parametrize(
    ("coordinates", "latitude_first"),
    [("wgs84", False), ("gcj02", False), ("bd09", False), ("cgcs2000", False), ("epsg4326", True), ("epsg4490", True)],
)
def test_latitude_comes_first_in_epsg_4326_and_4490(coordinates: str, latitude_first: bool):
    html = feature_pages.render("items", items(FEATURES, coordinates), SETTINGS, "t", TRAIL)
    data = json.loads(html.split('id="data">')[1].split("</script>")[0])
    assert data["latitude_first"] is latitude_first
    assert len(data["shapes"]) == 19


@pytest.mark.parametrize("query", ["", "coordinates=gcj02", "crs=http%3A%2F%2Fx%2Fdef%2Fcrs%2FEPSG%2F0%2F4549"])
def test_feature_opens_in_the_coordinates_of_the_page_that_lists_it(query: str):
    document = items([feature("a/b", point(120, 29))])
    own = link("self", f"/collections/facilities/items?f=html&limit=1{query and '&'}{query}", "text/html")
    document["links"] = [each for each in document["links"] if each["rel"] != "self"] + [own]
    parsed = ParsedPage(feature_pages.render("items", document, SETTINGS, "t", TRAIL))
    (address,) = {href for href in parsed.links if "a%2Fb" in href}
    assert address.endswith("/items/a%2Fb" + (f"?{query}" if query else ""))


def test_properties_are_shown_by_their_labels():
    property_labels = {"name": "名称 name", "share": HOSTILE[0]}
    labelled = feature("1", point(120, 29), name="东", share=0.4, further=1)
    for kind, document in (("items", items([labelled])), ("item", {**labelled, "links": items([])["links"]})):
        html = feature_pages.render(kind, document, SETTINGS, "t", TRAIL, property_labels)
        assert '<span title="name">名称 name</span>' in html
        for words in ("further", HOSTILE[0]):
            assert words in ParsedPage(html).text


@pytest.mark.parametrize(
    ("share", "label"), [(0.4321, "东 43.2%"), (1, "东 100.0%"), (2.5, "东"), (None, "东"), (True, "东")]
)
def test_share_of_a_coverage_result_is_in_the_map_data(share: object, label: str):
    html = feature_pages.render(
        "items", items([feature("1", point(120, 29), name="东", share=share)]), SETTINGS, "t", TRAIL
    )
    (shape,) = json.loads(html.split('id="data">')[1].split("</script>")[0])["shapes"]
    assert (shape["label"], shape.get("share")) == (label, share if label != "东" else None)


@pytest.mark.parametrize("name", ["projected", "metres", "unknown-axes", "empty"])
def test_page_without_positions_in_degrees_has_no_map(name: str):
    assert "leaflet" not in page(name)
    assert 'id="map"' not in page(name)
    assert "图上不画" in page(name)
