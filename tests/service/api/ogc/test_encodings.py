"""Abstract tests of OGC API – Features – Part 1 (OGC 17-069r4, Annex A) for the encodings GeoJSON and HTML."""

import json
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import pytest
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    GEOJSON,
    HTML,
    JSON,
    ROOT,
    get,
    items_of,
    links,
)
from support.ogc_checks import item_of, resources

each_collection = pytest.mark.parametrize("collection", COLLECTIONS)
CLASSES = {
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "html", "oas30")
}
# The schemas of the standard, as far as they ask for anything.
LINK = {
    "type": "object",
    "required": ["href", "rel", "type"],
    "properties": {name: {"type": "string", "minLength": 1} for name in ("href", "rel", "type", "hreflang", "title")},
}
VOID = {"meta", "link", "br", "hr", "img", "input", "col", "source", "wbr", "area", "base"}


class Page(HTMLParser):
    """An HTML document read strictly: its elements must be closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.hrefs: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.declaration = ""
        self.feed(text)
        self.close()
        assert self.open in ([], ["html"])  # the last closing tag may be left out

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl.lower()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {f"{tag} {name}": value for name, value in attrs}
        if tag == "a":
            self.hrefs += [value or "" for name, value in attrs if name == "href"]
        # A text that is too long to be shown may stand in a title.
        self.text += "".join(f" {value} " for name, value in attrs if name == "title")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID or "svg" in self.open or tag == "svg":
            self.elements.append(tag)
            return
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text += data


def test_conf_geojson_definition(client: TestClient):
    """/conf/geojson/definition: features are GeoJSON and all else JSON, whether Accept says so, f, or nothing does."""
    for address in resources(client):
        features = "/items" in address
        media_type = GEOJSON if features else JSON
        for accept in ("*/*", media_type, f"text/html;q=0.5, {media_type}", f"{media_type};q=0.9, text/html;q=0.8"):
            answer = client.get(address, headers={"Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type), (address, accept)
        both = client.get(address, params={"f": "json"}, headers={"Accept": HTML})
        assert both.headers["content-type"] == media_type, address


@each_collection
def test_conf_geojson_content(client: TestClient, collection: str):
    """/conf/geojson/content: features and a feature are GeoJSON (RFC 7946), with the links in a member of theirs."""
    page = get(client, items_of(collection), limit=50)
    single = get(client, item_of(client, collection))
    assert (page["type"], single["type"]) == ("FeatureCollection", "Feature")
    assert page["links"]
    assert single["links"]
    assert len({feature["id"] for feature in page["features"]}) == len(page["features"])
    for feature in [*page["features"], single]:
        assert not {"coordinates", "geometries", "features"} & set(feature), "members of other GeoJSON objects"
        assert not {"coordinates", "geometry", "properties"} & set(page), "members of other GeoJSON objects"
        drawn = ogc.shape(feature)
        assert drawn.is_valid
        if drawn.geom_type == "Polygon":
            assert drawn.exterior.is_ccw  # RFC 7946, 3.1.6
            assert not any(ring.is_ccw for ring in drawn.interiors)
        assert "crs" not in feature


def test_conf_html_definition(client: TestClient):
    """/conf/html/definition: every resource comes as HTML to those who ask for it, by Accept or by f."""
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for address in resources(client):
        for answer in (
            client.get(address, headers={"Accept": HTML}),
            client.get(address, headers={"Accept": browser}),
            client.get(address + ("&" if "?" in address else "?") + "f=html"),
        ):
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].partition(";")[0] == HTML, address
        assert "accept" in client.get(address).headers["vary"].lower().replace("accept-encoding", ""), address


def test_conf_html_content(client: TestClient):
    """/conf/html/content: an HTML 5 document that has in its body what the JSON has, and all links as elements `a`."""
    for address in resources(client):
        content = get(client, address)
        page = Page(client.get(address, headers={"Accept": HTML}).text)
        assert page.declaration == "doctype html", address
        assert {"html", "head", "title", "body", "main"} <= set(page.elements), address
        assert page.attributes.get("html lang"), address
        paths = {urlsplit(href).path for href in page.hrefs}
        for link in content["links"]:
            if link["rel"] != "self":
                assert urlsplit(link["href"]).path in paths, (address, link)
        onwards = [ogc.parse_qsl(urlsplit(href).query) for href in page.hrefs]
        for link in links(content, "next"):
            wanted = dict(ogc.parse_qsl(urlsplit(link["href"]).query))
            assert any(wanted["offset"] == dict(query).get("offset") for query in onwards), address
        for described in content.get("collections", []):
            assert f"{ROOT}/collections/{described['id']}" in paths
            assert described["title"] in page.text
        for feature in content.get("features", [content] if content.get("type") == "Feature" else []):
            assert str(feature["id"]) in page.text, address
            for value in feature["properties"].values():
                if isinstance(value, str):
                    assert value in page.text, (address, value)
        for name in content.get("conformsTo", []):
            assert name in page.text


def test_markup_in_names_and_ids_is_escaped(make_client, town_folder):
    """Names and ids that contain markup are shown as text."""
    path = town_folder / "facilities.geojson"
    content = json.loads(path.read_text("utf-8"))
    bad = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>&amp;"
    content["features"][0]["properties"]["name"] = bad
    content["features"][0]["id"] = "a'\"<b>/c"
    path.write_text(json.dumps(content), "utf-8")
    client = make_client(town_folder)
    for address in (items_of("facilities"), f"{items_of('facilities')}/{quote(content['features'][0]['id'], safe='')}"):
        page = Page(client.get(address, headers={"Accept": HTML}).text)
        assert bad in page.text
        assert "img" not in page.elements
        assert "b" not in page.elements
