"""The OGC API's documents as pages: what they hold is shown, led on to and drawn, and none of it runs."""

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
from maps.offline import LEAFLET_FOLDER, STATIC_FOLDER

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
ABOUT = StudySettings(
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
EVIL = ABOUT.model_copy(
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
    "attribution": ABOUT.attribution,
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
    "notice": ABOUT.notice,
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


def page(name: str, about: StudySettings = ABOUT) -> str:
    kind, document = DOCUMENTS[name]
    titles = {"landing": LANDING["title"], "evil-items": HOSTILE[0], "evil-item": HOSTILE[1], "item": "东城街道"}
    trail = [("首页 Home", "/ogc")] if kind == "landing" else [*TRAIL, (titles.get(name, name), HOSTILE[4])]
    return feature_pages.render(kind, document, about, titles.get(name, f"页面 {name}"), trail)


class Reader(HTMLParser):
    """The tags of a page, and the text beside its data."""

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


@pytest.mark.parametrize("about", [ABOUT, EVIL], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", [*DOCUMENTS, "docs"])
def test_nothing_in_a_page_runs_or_leads_astray(name: str, about: StudySettings):
    html = feature_pages.docs(about, '/openapi.json?"><script>') if name == "docs" else page(name, about)
    read = Reader(html)
    scripts = [attributes for tag, attributes in read.tags if tag == "script"]
    assert all(("src" in one) != (one.get("type") == "application/json") for one in scripts)
    assert all((one.get("src") or "/static/").startswith("/static/") for one in scripts)
    assert "img" not in [tag for tag, _ in read.tags]
    assert not [key for _, attributes in read.tags for key in attributes if key.startswith("on")]
    assert all(href.startswith(("http://", "https://", "/")) for href in read.links)
    assert about.notice.split("<")[0] in read.text
    assert [tag for tag, _ in read.tags if tag == "h1"] == ["h1"]
    assert '<html lang="zh-CN">' in html
    assert re.search(r"<title>.+ · .+</title>", html)


def test_no_notice_where_the_study_is_no_sample():
    assert "fwq-notice" not in page("landing", ABOUT.model_copy(update={"sample": False}))


@pytest.mark.parametrize(
    "href",
    ["javascript:x", "JavaScript:x", " javascript:x", "java\nscript:x", "data:text/html,x", "vbscript:x", "", None, 3],
)
def test_what_is_no_web_address_is_no_link(href: object):
    document = {"title": "t", "links": [{"rel": "data", "href": href}, {"rel": "x", "href": href, "title": "y"}]}
    assert Reader(feature_pages.render("landing", document, ABOUT, "t", [("t", "/")])).links == []


@pytest.mark.parametrize("href", ["https://a/b", "HTTP://a", "/a:b", "a/b:c", "?a=b:c", "../x", "#a:b"])
def test_web_addresses_are_links(href: str):
    document = {"links": [{"rel": "data", "href": href}]}
    assert Reader(feature_pages.render("landing", document, ABOUT, "t", [("t", "/")])).links == [href]


def test_the_landing_page_leads_on():
    read = Reader(page("landing"))
    for path in ("/ogc/collections", "/ogc/conformance?f=html", "/openapi.json", "/docs", "/ogc?f=json"):
        assert HOME + path in read.links
    assert "全部数据集 Collections" in read.text
    assert "接口文档 API documentation" in read.text


def test_collections_lead_to_their_pages_and_features():
    read = Reader(page("collections"))
    assert HOME + "/ogc/collections/areas?f=html" in read.links
    assert HOME + "/ogc/collections/areas/items?f=html" in read.links
    assert HOSTILE[0] in read.text


def test_a_collection_says_what_it_holds():
    read = Reader(page("collection"))
    for words in ("119.88 – 120.35", "28.75 – 29.12", "2010-01-01T00:00:00Z – …", "OGC:CRS84", "EPSG:4490"):
        assert words in read.text
    base = HOME + "/ogc/collections/facilities"
    for path in ("?f=json", "/items?f=html", "/items?f=json", "/items?f=csv", "/queryables"):
        assert base + path in read.links


@pytest.mark.parametrize("extent", [..., None, {}, {"spatial": {"bbox": [[1, 2, 3, 4]]}}, {"temporal": {}}])
def test_a_collection_need_not_say_where_or_when_it_is(extent: object):
    document = {name: value for name, value in collection().items() if name != "extent"}
    if extent is not ...:
        document["extent"] = extent
    read = Reader(feature_pages.render("collection", document, ABOUT, "t", TRAIL))
    assert ("1 – 3" in read.text) == (extent not in (..., None, {}, {"temporal": {}}))
    assert "时间" not in read.text


def test_features_are_rows():
    html = page("items")
    read = Reader(html)
    base = HOME + "/ogc/collections/facilities/items"
    assert base + "/clinic-1" in read.links
    assert base + "/4" in read.links
    assert "显示 20 / 共 128 项" in read.text
    headings = html.split("<thead>")[1].split("</thead>")[0]
    assert re.findall(r'<th scope="col">(\w+)</th>', headings) == [
        *("name", "category", "beds", "people", "open", "note", "website", "parts")  # none has a value for "closed"
    ]
    assert f'<span class="fwq-cut" title="{"字" * 300}">{"字" * 300}</span>' in html  # cut where it is drawn
    # From a page one turns to a page, though the document's own links lead to more JSON.
    assert base + "?limit=9&offset=18&f=html" in read.links
    assert base + "?limit=9&offset=0" in read.links
    assert base + "?limit=9&f=json" in read.links


def test_an_id_is_one_piece_of_its_address():
    assert HOME + "/ogc/collections/facilities/items/a%2F..%2Fb%3Fc%23d%20%252F" in Reader(page("evil-items")).links


@pytest.mark.parametrize("id_", ["", ".", "..", None])
def test_an_id_that_would_be_another_address_is_no_link(id_: str | None):
    html = feature_pages.render("items", items([feature(id_, point(120, 29), name="x")]), ABOUT, "t", TRAIL)
    assert not [href for href in Reader(html).links if "/items/" in href]


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
def test_what_is_nowhere_or_beyond_degrees_is_not_drawn(geometry: dict[str, Any] | None, drawn: bool):
    assert ('id="map"' in feature_pages.render("items", items([feature(1, geometry)]), ABOUT, "t", TRAIL)) is drawn


def test_there_may_be_no_features():
    read = Reader(page("empty"))
    assert "显示 0 / 共 0 项" in read.text
    assert "table" not in [tag for tag, _ in read.tags]


def test_an_item_shows_all_it_has():
    read = Reader(page("item"))
    assert "字" * 300 in read.text
    assert "是 yes" in read.text
    assert "https://example.org/a?b=1" in read.links
    assert "closed" not in read.text
    assert "178214 " in read.text  # not 178214.0


def test_a_schema_lists_its_fields():
    read = Reader(page("schema"))
    for words in ("名称 name", "string / null", "date", "clinic", *HOSTILE[:3]):
        assert words in read.text


@pytest.mark.parametrize(
    ("coordinates", "drawn"),
    [("wgs84", False), ("gcj02", False), ("bd09", False), ("cgcs2000", False), ("epsg4326", True), ("epsg4490", True)],
)
def test_latitude_comes_first_where_the_system_says_so(coordinates: str, drawn: bool):
    html = feature_pages.render("items", items(FEATURES, coordinates), ABOUT, "t", TRAIL)
    data = json.loads(html.split('id="data">')[1].split("</script>")[0])
    assert data["latitude_first"] is drawn
    assert len(data["shapes"]) == 19


@pytest.mark.parametrize("asked", ["", "coordinates=gcj02", "crs=http%3A%2F%2Fx%2Fdef%2Fcrs%2FEPSG%2F0%2F4549"])
def test_a_feature_is_opened_in_the_coordinates_of_its_page(asked: str):
    document = items([feature("a/b", point(120, 29))])
    own = link("self", f"/collections/facilities/items?f=html&limit=1{asked and '&'}{asked}", "text/html")
    document["links"] = [one for one in document["links"] if one["rel"] != "self"] + [own]
    read = Reader(feature_pages.render("items", document, ABOUT, "t", TRAIL))
    (opened,) = {one for one in read.links if "a%2Fb" in one}
    assert opened.endswith("/items/a%2Fb" + (f"?{asked}" if asked else ""))


def test_properties_go_by_their_names_in_words():
    names = {"name": "名称 name", "share": HOSTILE[0]}
    told = feature("1", point(120, 29), name="东", share=0.4, further=1)
    for kind, document in (("items", items([told])), ("item", {**told, "links": items([])["links"]})):
        html = feature_pages.render(kind, document, ABOUT, "t", TRAIL, names)
        assert '<span title="name">名称 name</span>' in html
        for words in ("further", HOSTILE[0]):
            assert words in Reader(html).text


@pytest.mark.parametrize(
    ("share", "label"), [(0.4321, "东 43.2%"), (1, "东 100.0%"), (2.5, "东"), (None, "东"), (True, "东")]
)
def test_a_share_is_drawn(share: object, label: str):
    html = feature_pages.render(
        "items", items([feature("1", point(120, 29), name="东", share=share)]), ABOUT, "t", TRAIL
    )
    (shape,) = json.loads(html.split('id="data">')[1].split("</script>")[0])["shapes"]
    assert (shape["label"], shape.get("share")) == (label, share if label != "东" else None)


@pytest.mark.parametrize("name", ["projected", "metres", "unknown-axes", "empty"])
def test_no_map_without_a_place(name: str):
    assert "leaflet" not in page(name)
    assert 'id="map"' not in page(name)
    assert "图上不画" in page(name)


# In a browser


def answer(route: Route) -> None:
    """The pages and files as the service would serve them; the rest of the world is not there."""
    path = route.request.url.removeprefix(HOME).partition("?")[0]
    if not route.request.url.startswith(HOME + "/"):
        return route.abort()
    for prefix, folder in FOLDERS.items():
        if path.startswith(prefix):
            return route.fulfill(path=folder / path.removeprefix(prefix))
    if path == "/openapi.json":
        return route.fulfill(json=OPENAPI)
    name, _, evil = path.strip("/").partition("/")
    about = EVIL if evil else ABOUT
    html = feature_pages.docs(about, "/openapi.json") if name == "docs" else page(name, about)
    return route.fulfill(body=html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})


@pytest.fixture
def open_page(visit: Callable) -> Callable:
    @contextmanager
    def opening(path: str, size: str = "wide") -> Iterator[Any]:
        with visit(SIZES[size], has_touch=size == "phone") as visitor:
            visitor.page.context.route("**/*", answer)
            visitor.page.goto(HOME + path, wait_until="load")
            yield visitor

    return opening


def assert_sound(visitor: Any) -> None:
    """Nothing asked for elsewhere, nothing broken, nothing run, nothing beyond the screen's edge, nothing too small."""
    page = visitor.page
    assert (visitor.troubles, visitor.abroad(HOME)) == ([], [])
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"]
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").first.is_visible()
    assert page.locator("[id]").evaluate_all("all => all.length === new Set(all.map(x => x.id)).size")


LEVELS = "h1, h2, h3, h4"
SMALL = """links => links.map(link => [link.textContent, link.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([text]) => text)"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_in_a_browser(open_page: Callable, name: str, size: str):
    with open_page(f"/{name}", size) as visitor:
        page = visitor.page
        expect(page.locator(".fwq-notice")).to_contain_text("示例数据")
        assert_sound(visitor)
        assert page.locator("a:visible").evaluate_all(SMALL) == []
        levels = page.locator(LEVELS).evaluate_all("all => all.map(one => +one.tagName[1])")
        assert levels[0] == 1
        assert set(levels[1:]) == {2}
        # Everything in a landmark, and no two of one name: axe-core's "region" and "landmark-unique".
        assert page.locator("body > :not(aside, header, main, footer, script)").count() == 0
        names = page.locator("section, [role=region]").evaluate_all(
            "all => all.map(x => x.getAttribute('aria-labelledby'))"
        )
        assert len(names) == len(set(names))
        if name in WITH_MAP:
            expect(page.locator("#map canvas")).to_be_visible()
            assert drawn(page) > 50


@pytest.mark.parametrize("name", [*DOCUMENTS, "docs"])
def test_a_hostile_study_in_a_browser(open_page: Callable, name: str):
    with open_page(f"/{name}/evil") as visitor:
        assert_sound(visitor)


def drawn(page: Page) -> int:
    """How many pixels of the map's canvas are painted."""
    return page.locator("#map canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
            .filter((byte, place) => place % 4 === 3 && byte).length"""
    )


@pytest.mark.parametrize("name", ["items", "evil-items"])
def test_a_feature_on_the_map_tells_its_name_and_leads_to_it(
    open_page: Callable, monkeypatch: pytest.MonkeyPatch, name: str
):
    """One feature alone lies in the map's middle."""
    only = DOCUMENTS[name][1]["features"][:1]
    monkeypatch.setitem(DOCUMENTS, "one", ("items", items(only)))
    with open_page("/one") as visitor:
        page = visitor.page
        page.locator("#map").hover()
        expect(page.locator(".leaflet-tooltip")).to_have_text(only[0]["properties"]["name"])
        page.locator("#map").click()
        shown = page.locator(".leaflet-popup-content a")
        expect(shown).to_have_text(only[0]["properties"]["name"])
        assert shown.get_attribute("href") == page.locator("tbody a").get_attribute("href")
        assert_sound(visitor)


def test_a_wide_table_scrolls_in_its_box(open_page: Callable):
    with open_page("/items", "phone") as visitor:
        box = visitor.page.locator(".fwq-scroll")
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
        box.evaluate("box => { box.scrollLeft = 200; }")
        assert box.evaluate("box => box.scrollLeft") == 200


@pytest.mark.parametrize("size", SIZES)
def test_the_api_documentation(open_page: Callable, size: str):
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
