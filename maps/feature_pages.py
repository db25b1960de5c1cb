"""Each JSON document of the OGC API as a page that people can read and click through; Chinese first."""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

from geo.study.settings import StudySettings
from maps.offline import templates

PageKind = Literal["landing", "conformance", "collections", "collection", "items", "item", "schema"]
Document = Mapping[str, Any]

LATITUDE_FIRST = ("epsg4326", "epsg4490")
LONGITUDE_FIRST = ("wgs84", "gcj02", "bd09", "cgcs2000")
FORMATS = {
    "application/geo+json": "GeoJSON",
    "application/json": "JSON",
    "application/schema+json": "JSON Schema",
    "application/vnd.oai.openapi+json": "OpenAPI",
    "text/csv": "CSV",
    "text/html": "HTML",
}
NEGOTIATED = ("application/geo+json", "application/json", "application/schema+json")
"""Formats that stand at the same address as the page."""
RELATIONS = {
    "items": ("浏览要素", "Features"),
    "data": ("全部数据集", "Collections"),
    "queryables": ("可查询的字段", "Queryables"),
    "sortables": ("可排序的字段", "Sortables"),
    "schema": ("字段", "Schema"),
    "service-doc": ("接口文档", "API documentation"),
    "service-desc": ("接口定义", "API definition"),
    "conformance": ("遵循的标准", "Conformance"),
    "collection": ("数据集", "Collection"),
    "describedby": ("说明", "Description"),
    "license": ("许可", "Licence"),
}
"""What links lead to, the most wanted first."""
NO_ADDRESS = ("", ".", "..")
"""Ids whose address would be another's: browsers walk up such paths, even percent-encoded ones."""
OWN = ("self", "alternate")
PAGING = ("next", "prev", "first", "last")


def _static_of(package: str) -> Path:
    """The folder ``static`` of an installed package, whose code need not run for it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed: run `make install`", name=package)
    return Path(spec.submodule_search_locations[0]) / "static"


SWAGGER_FOLDER = _static_of("fastapi_offline")
"""Swagger UI's script and style, to be served at ``/static/swagger``."""


@dataclass
class Target:
    """Something to go to: its page or file, and the formats in which programs get it."""

    relation: str
    note: str
    href: str | None = None
    formats: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> tuple[str, str]:
        """In Chinese and English; an unknown relation goes by its link's title."""
        return RELATIONS.get(self.relation, (self.note or self.relation, ""))


def render(
    kind: PageKind,
    document: Document,
    about: StudySettings,
    title: str,
    trail: Sequence[tuple[str, str]],
    names: Mapping[str, str] | None = None,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """``document``, the very one that the JSON answer holds, as a page.

    ``title`` is for what has no name of its own, ``trail`` has the pages above and this one, outermost first, each with
    its label and address, ``names`` what properties are called, ``words`` what some of their values are. The page asks
    for ``/static`` and nothing else.
    """
    links = [link for link in document.get("links", ()) if isinstance(link, Mapping)]
    leaving = [link for link in links if link.get("rel") not in (*OWN, *PAGING)]
    if kind in ("items", "item"):
        leaving = [link for link in leaving if link.get("rel") != "collection"]
    return templates.get_template("resource.html").render(
        kind=kind,
        document=document,
        about=about,
        title=_title(kind, document, links) or title,
        names=names or {},
        words=words or {},
        trail=[(label, _clickable(address)) for label, address in trail],
        formats=_own_formats(links),
        targets=_targets(leaving),
        data=_drawing(kind, document),
        clickable=_clickable,
        page_of=_page_of,
        text=_text,
        **_details(kind, document, links),
    )


def _title(kind: PageKind, document: Document, links: Sequence[Document]) -> str:
    """What a document calls itself."""
    if kind == "items":
        return next((str(link.get("title") or "") for link in links if link.get("rel") == "collection"), "")
    if kind == "item":
        return _text((document.get("properties") or {}).get("name"))
    return str(document.get("title") or "") if kind == "collection" else ""


def problem(about: StudySettings, title: str, title_en: str, detail: str) -> str:
    """A page that says what went wrong, with ways back."""
    return templates.get_template("problem.html").render(about=about, title=title, title_en=title_en, detail=detail)


def docs(about: StudySettings, openapi_url: str) -> str:
    """A page that shows the OpenAPI document at ``openapi_url`` with Swagger UI."""
    return templates.get_template("docs.html").render(about=about, title="接口文档 API documentation", url=openapi_url)


def _details(kind: PageKind, document: Document, links: Sequence[Document]) -> dict[str, Any]:
    """What only pages of ``kind`` show."""
    if kind == "items":
        features = document["features"]
        return {
            "columns": _columns(features),
            "rows": [(feature, _item_address(links, feature)) for feature in features],
            "paging": [(rel, _page_of(links, rel)) for rel in ("prev", "next")],
        }
    if kind == "collection":
        return {"systems": [(_system(uri), _clickable(uri), uri) for uri in document.get("crs", ())]}
    if kind == "conformance":
        return {"classes": [(_conformance(uri), _clickable(uri), uri) for uri in document["conformsTo"]]}
    return {}


def _clickable(href: object) -> str | None:
    """``href`` if it is safe to click: http, https or relative, and nothing that a browser would have to mend first."""
    if not isinstance(href, str) or not href or any(sign <= " " or sign in '<>"{}|\\^`' for sign in href):
        return None
    scheme = re.match(r"[^/?#]*?:", href)
    return href if scheme is None or scheme[0].lower() in ("http:", "https:") else None


def _type(link: Document) -> str:
    return str(link.get("type") or "").partition(";")[0].strip().lower()


def _relation(link: Document) -> str:
    """The relation's short name; OGC's own are addresses that end in it."""
    relation = str(link.get("rel") or "")
    return relation.rpartition("/")[2] if relation.startswith("http://www.opengis.net/def/rel/") else relation


def _as(format_: str, href: str) -> str:
    """``href`` asking for ``format_`` by name, in place of any other."""
    address, mark, fragment = href.partition("#")
    changed, found = re.subn(r"(?<=[?&])f=[^&]*", f"f={format_}", address)
    return (changed if found else f"{address}{'&' if '?' in address else '?'}f={format_}") + mark + fragment


def _page(link: Document) -> str | None:
    """Where a click on ``link`` leads: its page, where it has one. An address that names no format is negotiated."""
    href = _clickable(link.get("href"))
    if href and _type(link) in NEGOTIATED and re.search(r"[?&]f=", href):
        return _as("html", href)
    return href


def _file(link: Document) -> str | None:
    """Where a program gets ``link``, though a browser asks."""
    href = _clickable(link.get("href"))
    return _as("json", href) if href and _type(link) in NEGOTIATED and not re.search(r"[?&]f=", href) else href


def _page_of(links: Iterable[Document], *relations: str) -> str | None:
    """The page of the first of ``links`` that has one of the ``relations``; None without any."""
    fitting = [link for link in links if _relation(link) in relations]
    fitting.sort(key=lambda link: _type(link) != "text/html")
    return _page(fitting[0]) if fitting else None


def _format(link: Document) -> str:
    type_ = _type(link)
    return FORMATS.get(type_, type_.rpartition("/")[2] or "JSON")


def _own_formats(links: Iterable[Document]) -> dict[str, str]:
    """The other formats of a page: their names and addresses."""
    own = [link for link in links if link.get("rel") in OWN and _type(link) != "text/html"]
    return {_format(link): href for link in own if (href := _file(link))}


def _targets(links: Iterable[Document]) -> list[Target]:
    """Links of one relation in several formats become one thing to go to; the most wanted come first."""
    targets: list[Target] = []
    for link in links:
        name, relation = _format(link), _relation(link)
        target = next((one for one in targets if one.relation == relation and name not in one.formats), None)
        if target is None:
            target = Target(relation, str(link.get("title") or ""), _page(link))
            targets.append(target)
        if name == "HTML":
            target.href, target.note = _page(link), str(link.get("title") or target.note)
        target.formats[name] = _file(link) or ""
    for target in targets:
        # The page itself, and a file that has no page, are what the label links to.
        target.formats = {name: href for name, href in target.formats.items() if href not in ("", target.href)}
        target.formats.pop("HTML", None)
    order = list(RELATIONS)
    return sorted(targets, key=lambda one: order.index(one.relation) if one.relation in order else len(order))


def _columns(features: Iterable[Document]) -> list[str]:
    """The properties that any feature has a value for, in the order in which they first stand."""
    names: dict[str, None] = {}
    for feature in features:
        names |= {name: None for name, value in (feature.get("properties") or {}).items() if value not in (None, "")}
    return list(names)


def _item_address(links: Iterable[Document], feature: Document) -> str | None:
    collection, id_ = _page_of(links, "collection"), _text(feature.get("id"))
    if collection is None or id_ in NO_ADDRESS:
        return None
    address, _, query = collection.partition("?")
    # A feature is shown where its collection shows it.
    own = next((str(link.get("href")) for link in links if link.get("rel") == "self"), "")
    places = [(name, value) for name, value in parse_qsl(own.partition("?")[2]) if name in ("coordinates", "crs")]
    query = "&".join(filter(None, (query, urlencode(places))))
    return f"{address.rstrip('/')}/items/{quote(id_, safe='')}" + (f"?{query}" if query else "")


def _text(value: object) -> str:
    """A property's value in words; what has parts stays JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _system(uri: str) -> str:
    found = re.search(r"/def/crs/([^/]+)/[^/]+/([^/]+)$", uri)
    return f"{found[1]}:{found[2]}" if found else uri


def _conformance(uri: str) -> str:
    found = re.search(r"/spec/([^/]+)/([^/]+)/conf/(.+)$", uri)
    return f"{found[1]} {found[2]} · {found[3]}" if found else uri


def _drawing(kind: PageKind, document: Document) -> dict[str, Any] | None:
    """What the map shows: shapes with a label and an address each; None where nothing can be drawn.

    Shifted coordinates (gcj02, bd09) are drawn as they are given; projected ones are not drawn, nor are those of a
    system whose axes are not known here.
    """
    coordinates = document.get("coordinate_system") or "wgs84"
    if kind not in ("items", "item") or coordinates not in LATITUDE_FIRST + LONGITUDE_FIRST:
        return None
    links = document.get("links", ())
    shapes = [
        {
            "geometry": feature["geometry"],
            "href": _item_address(links, feature) if kind == "items" else None,
            **_marked(feature),
        }
        for feature in (document["features"] if kind == "items" else [document])
        if _drawable(feature.get("geometry"))
    ]
    return {"shapes": shapes, "latitude_first": coordinates in LATITUDE_FIRST} if shapes else None


def _marked(feature: Document) -> dict[str, Any]:
    """What a shape is called, and the share of a result, which it is drawn by."""
    properties = feature.get("properties") or {}
    label, share = _text(properties.get("name") or feature.get("id")), properties.get("share")
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1:
        return {"label": f"{label} {share:.1%}", "share": share}
    return {"label": label}


def _drawable(geometry: Document | None) -> bool:
    """Whether a geometry has a first place, and that is in degrees."""
    if not geometry:
        return False
    if "geometries" in geometry:
        return bool(geometry["geometries"]) and all(_drawable(part) for part in geometry["geometries"])
    place: Any = geometry.get("coordinates")
    while place and isinstance(place[0], Sequence):
        place = place[0]
    return bool(place) and max(abs(number) for number in place[:2]) <= 180
