"""Pages of the OGC API's documents: their content, links and maps; nothing in a document runs as a script."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from geo.study.settings import StudySettings
from maps import feature_pages
from maps.pages import LEAFLET_FOLDER, STATIC_FOLDER

HOME = "http://fuwuquan.test"
CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
SIZES = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
FOLDERS = {
    "/static/leaflet/": LEAFLET_FOLDER,
    "/static/swagger/": feature_pages.SWAGGER_FOLDER,
    "/static/": STATIC_FOLDER,
}
HOSTILE = (
    "<script>window.pwned=1</script>",
    "\"'><img src=x onerror=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "{{ 7*7 }}",
    "javascript:window.pwned=1",
    "a/../b?c#d %2F",
)
SETTINGS = StudySettings(
    id="yongkang",
    name="永康市",
    name_en="Yongkang",
    sample=True,
    notice="示例数据：地点和设施是模拟的，不得用于决策。",
    notice_en="Sample data: places and facilities are modelled, not for decisions.",
    data_date="2021-12-31",
    attribution="永康市服务圈示例",
    projection="EPSG:4549",
)
EVIL_SETTINGS = SETTINGS.model_copy(
    update={"name": HOSTILE[0], "name_en": HOSTILE[1], "notice": HOSTILE[2], "attribution": HOSTILE[1]}
)
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "服务圈 API", "version": "1"},
    "paths": {
        "/ogc/collections": {
            "get": {"summary": "全部数据集 collections", "tags": ["ogc"], "responses": {"200": {"description": "OK"}}}
        }
    },
}
TRAIL = [("首页 Home", "/ogc"), ("数据集 Collections", "/ogc/collections"), ("设施", "/ogc/collections/facilities")]


def link(rel: str, path: str, type_: str = "application/json", title: str = "") -> dict[str, str]:
    return {"rel": rel, "href": HOME + path, "type": type_, "title": title}


def collection(id_: str = "facilities", title: str = "设施 Facilities", description: str = "") -> dict[str, Any]:
    base = f"/ogc/collections/{id_}"
    return {
        "id": id_,
        "title": title,
        "description": description or "登记的公园、诊所、幼儿园和文化礼堂。 Parks, clinics, kindergartens and halls.",
        "extent": {
            "spatial": {
                "bbox": [[119.88, 28.75, 120.35, 29.12]],
                "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            },
            "temporal": {
                "interval": [["2010-01-01T00:00:00Z", None]],
                "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian",
            },
        },
        "itemType": "feature",
        "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/EPSG/0/4490"],
        "storageCrs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "links": [
            link("self", base),
            link("alternate", f"{base}?f=html", "text/html"),
            link("items", f"{base}/items", "application/geo+json", "设施 as GeoJSON"),
            link("items", f"{base}/items?f=html", "text/html", "设施 as HTML"),
            link("items", f"{base}/items?f=csv", "text/csv", "设施 as CSV"),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{base}/queryables", "application/schema+json"),
            link("license", "/licence", "text/html", HOSTILE[0]),
        ],
    }


def feature(id_: object, geometry: dict[str, Any] | None, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": id_, "geometry": geometry, "properties": properties}


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def square(x: float, y: float, side: float = 0.02) -> list[list[list[float]]]:
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def items(features: list[dict[str, Any]], coordinates: str = "wgs84", matched: int | None = None) -> dict[str, Any]:
    base = "/ogc/collections/facilities"
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": matched or len(features),
        "numberReturned": len(features),
        "links": [
            link("self", f"{base}/items?limit=9&f=json", "application/geo+json"),
            link("alternate", f"{base}/items?limit=9&f=html", "text/html"),
            link("next", f"{base}/items?limit=9&offset=18&f=json", "application/geo+json"),
            link("prev", f"{base}/items?limit=9&offset=0", "application/geo+json"),
            link("collection", base),
        ],
        "coordinate_system": coordinates,
        "sample": True,
    }


FEATURES = [
    feature(
        "clinic-1",
        point(120.04, 28.89),
        name="东城街道社区卫生服务中心（示例）",
        category="clinic",
        beds=12,
        people=178214.0,
        open=True,
        closed=None,
        note="字" * 300,
        website="https://example.org/a?b=1",
    ),
    feature("park-2", {"type": "Polygon", "coordinates": square(120.0, 28.9)}, name="公园（示例）", category="park"),
    feature(
        "park-3",
        {"type": "MultiPolygon", "coordinates": [square(120.1, 28.9), square(120.15, 28.95)]},
        name="双园",
        parts={"a": [1, 2]},
    ),
    feature(4, None, name="无位置"),
    *(
        feature(f"hall-{number}", point(119.95 + number / 50, 28.8 + number % 5 / 40), name=f"文化礼堂 {number}")
        for number in range(16)
    ),
]
EVILS = [
    feature(HOSTILE[n], point(120 + n / 50, 28.9), **{HOSTILE[n - 1]: HOSTILE[n], "name": HOSTILE[n]}) for n in range(6)
]
LANDING = {
    "title": "服务圈 · 永康市",
    "description": "永康市的公共服务设施，按 OGC API – Features 提供。 Public services of Yongkang.",
    "attribution": SETTINGS.attribution,
    "links": [
        link("self", "/ogc"),
        link("alternate", "/ogc?f=html", "text/html"),
        link("service-desc", "/openapi.json", "application/vnd.oai.openapi+json;version=3.0"),
        link("service-doc", "/docs", "text/html"),
        link("conformance", "/ogc/conformance?f=json"),
        link("data", "/ogc/collections"),
        {"rel": "describedby", "href": HOSTILE[4], "type": "text/html", "title": HOSTILE[1]},
    ],
    "sample": True,
    "notice": SETTINGS.notice,
    "data_date": "2021-12-31",
}
DOCUMENTS: dict[str, tuple[feature_pages.PageKind, dict[str, Any]]] = {
    "landing": ("landing", LANDING),
    "conformance": (
        "conformance",
        {
            "conformsTo": [
                *(
                    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}"
                    for name in ("core", "oas30", "html", "geojson")
                ),
                HOSTILE[4],
                HOSTILE[0],
            ],
            "links": [link("self", "/ogc/conformance")],
        },
    ),
    "collections": (
        "collections",
        {
            "links": [link("self", "/ogc/collections")],
            "collections": [collection(), collection("areas", "区域 Areas"), collection("x", HOSTILE[0], HOSTILE[1])],
        },
    ),
    "collection": ("collection", collection()),
    "items": ("items", items(FEATURES, matched=128)),
    "evil-items": ("items", items(EVILS)),
    "projected": ("items", items([feature("clinic-1", point(500000.0, 3197000.0), name="诊所（示例）")], "epsg4549")),
    "metres": ("items", items([feature("clinic-1", point(500000.0, 3197000.0), name="诊所（示例）")])),
    "unknown-axes": ("items", items(FEATURES[:1], "epsg4214")),
    "half-empty": ("items", items([feature("nowhere", {"type": "Point", "coordinates": []}), *FEATURES[:1]])),
    "empty": ("items", items([])),
    "item": ("item", {**FEATURES[0], "links": items([])["links"], "coordinate_system": "wgs84"}),
    "polygon": ("item", {**FEATURES[1], "links": items([])["links"]}),
    "evil-item": ("item", {**EVILS[1], "links": items([])["links"]}),
    "schema": (
        "schema",
        {
            "title": "设施",
            "type": "object",
            "properties": {
                "name": {"title": "名称 name", "type": "string"},
                "category": {"title": "类别", "type": ["string", "null"], "enum": ["park", "clinic", HOSTILE[0]]},
                "opened": {"title": "启用", "type": "string", "format": "date"},
                "geometry": {"$ref": "https://geojson.org/schema/Geometry.json"},
                HOSTILE[1]: {"title": HOSTILE[2], "type": HOSTILE[0]},
            },
        },
    ),
}
WITH_MAP = ("items", "evil-items", "half-empty", "item", "polygon", "evil-item")


def page(name: str, settings: StudySettings = SETTINGS) -> str:
    kind, document = DOCUMENTS[name]
    titles = {"landing": LANDING["title"], "evil-items": HOSTILE[0], "evil-item": HOSTILE[1], "item": "东城街道"}
    trail = [("首页 Home", "/ogc")] if kind == "landing" else [*TRAIL, (titles.get(name, name), HOSTILE[4])]
    return feature_pages.render(kind, document, settings, titles.get(name, f"页面 {name}"), trail)


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
    assert all(("src" in one) != (one.get("type") == "application/json") for one in scripts)
    assert all((one.get("src") or "/static/").startswith("/static/") for one in scripts)
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


# --- in a browser ------------------------------------------------------------------------------------------------


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


@pytest.fixture
def open_page(visit: Callable) -> Callable:
    """Opens a page in the browser: ``with open_page(path, size) as visitor``."""

    @contextmanager
    def open_path(path: str, size: str = "wide") -> Iterator[Any]:
        with visit(SIZES[size], has_touch=size == "phone") as visitor:
            visitor.page.context.route("**/*", respond)
            visitor.page.goto(HOME + path, wait_until="load")
            yield visitor

    return open_path


def assert_sound(visitor: Any) -> None:
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_page_is_sound_and_accessible_in_a_browser(open_page: Callable, name: str, size: str):
    with open_page(f"/{name}", size) as visitor:
        page = visitor.page
        expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
        assert_sound(visitor)
        assert page.locator("a:visible").evaluate_all(TOO_SMALL) == []
        levels = page.locator(HEADINGS).evaluate_all("all => all.map(x => +x.tagName[1])")
        assert levels[0] == 1
        assert set(levels[1:]) == {2}
        # All content is in landmarks with different names: axe-core's rules "region" and "landmark-unique".
        assert page.locator("body > :not(aside, header, main, footer, script)").count() == 0
        names = page.locator("section, [role=region]").evaluate_all(
            "all => all.map(x => x.getAttribute('aria-labelledby'))"
        )
        assert len(names) == len(set(names))
        if name in WITH_MAP:
            expect(page.locator("#map canvas")).to_be_visible()
            assert painted_pixels(page) > 50


@pytest.mark.parametrize("name", [*DOCUMENTS, "docs"])
def test_page_of_a_study_with_hostile_texts_is_sound_in_a_browser(open_page: Callable, name: str):
    with open_page(f"/{name}/evil") as visitor:
        assert_sound(visitor)


def painted_pixels(page: Page) -> int:
    """How many pixels of the map's canvas are painted."""
    return page.locator("#map canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
            .filter((byte, place) => place % 4 === 3 && byte).length"""
    )


@pytest.mark.parametrize("name", ["items", "evil-items"])
def test_feature_on_the_map_shows_its_name_and_links_to_its_page(
    open_page: Callable, monkeypatch: pytest.MonkeyPatch, name: str
):
    """A single feature lies in the middle of the map."""
    only = DOCUMENTS[name][1]["features"][:1]
    monkeypatch.setitem(DOCUMENTS, "one", ("items", items(only)))
    with open_page("/one") as visitor:
        page = visitor.page
        page.locator("#map").hover()
        expect(page.locator(".leaflet-tooltip")).to_have_text(only[0]["properties"]["name"])
        page.locator("#map").click()
        popup_link = page.locator(".leaflet-popup-content a")
        expect(popup_link).to_have_text(only[0]["properties"]["name"])
        assert popup_link.get_attribute("href") == page.locator("tbody a").get_attribute("href")
        assert_sound(visitor)


def test_wide_table_scrolls_in_its_box(open_page: Callable):
    with open_page("/items", "phone") as visitor:
        box = visitor.page.locator(".fwq-scroll")
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
        box.evaluate("box => { box.scrollLeft = 200; }")
        assert box.evaluate("box => box.scrollLeft") == 200


@pytest.mark.parametrize("size", SIZES)
def test_api_documentation_is_sound_in_a_browser(open_page: Callable, size: str):
    with open_page("/docs", size) as visitor:
        page = visitor.page
        expect(page.locator("#swagger .opblock-summary-path")).to_contain_text("/ogc/collections")
        expect(page.locator("h1").first).to_contain_text("接口文档")
        expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
        levels = page.locator("h1:visible, h2:visible, h3:visible").evaluate_all("all => all.map(x => +x.tagName[1])")
        assert levels == [1, 2, 3]
        page.locator(".opblock-summary-control").click()
        expect(page.locator(".execute")).to_be_visible()
        assert_sound(visitor)
