"""Links of the OGC API's JSON documents, as things to click on a page.

A document names each resource several times, once for each format. Here these become one `Target`, with the address of
its page for people and those of its other formats for programs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Link: TypeAlias = Mapping[str, Any]
"""A link as JSON: ``rel``, ``href``, ``type``, ``title``; it may come from elsewhere, so nothing of it is trusted."""

FORMATS = {
    "application/geo+json": "GeoJSON",
    "application/json": "JSON",
    "application/schema+json": "JSON Schema",
    "application/vnd.oai.openapi+json": "OpenAPI",
    "text/csv": "CSV",
    "text/html": "HTML",
}
"""Names of media types."""
NEGOTIATED_TYPES = ("application/geo+json", "application/json", "application/schema+json")
"""Media types that have the same address as the page, and are chosen by the parameter ``f`` or the Accept header."""
RELATION_LABELS = {
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
"""What links lead to, in Chinese and English, the most useful first."""
OWN_RELATIONS = ("self", "alternate")
"""Relations of links to the document itself."""
PAGING_RELATIONS = ("next", "prev", "first", "last")


@dataclass
class Target:
    """A resource that links lead to.

    ``href`` is the address of its page, or of its file if it has no page; ``formats`` are the addresses of its other
    formats, by name; ``note`` is the title of the link.
    """

    relation: str
    note: str
    href: str | None = None
    formats: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> tuple[str, str]:
        """The label in Chinese and English; the link's title where the relation is unknown."""
        return RELATION_LABELS.get(self.relation, (self.note or self.relation, ""))


def safe_address(href: object) -> str | None:
    """``href`` if it is safe to click, else None.

    It must be relative or start with http or https, and have no character that a browser would remove or change.
    """
    if not isinstance(href, str) or not href or any(sign <= " " or sign in '<>"{}|\\^`' for sign in href):
        return None
    scheme = re.match(r"[^/?#]*?:", href)
    return href if scheme is None or scheme[0].lower() in ("http:", "https:") else None


def page_of(links: Iterable[Link], *relations: str) -> str | None:
    """The address of the page of the first of ``links`` that has one of ``relations``; None if none has."""
    matching = [link for link in links if _short_relation(link) in relations]
    matching.sort(key=lambda link: _media_type(link) != "text/html")
    return _page_address(matching[0]) if matching else None


def own_formats(links: Iterable[Link]) -> dict[str, str]:
    """The addresses of the other formats of a page, by name."""
    own = [link for link in links if link.get("rel") in OWN_RELATIONS and _media_type(link) != "text/html"]
    return {_format_name(link): address for link in own if (address := _file_address(link))}


def targets_of(links: Iterable[Link]) -> list[Target]:
    """The resources that ``links`` lead to, in the order of `RELATION_LABELS`."""
    targets: list[Target] = []
    for link in links:
        name, relation = _format_name(link), _short_relation(link)
        # Two links of one relation and one format lead to two resources.
        target = next((known for known in targets if known.relation == relation and name not in known.formats), None)
        if target is None:
            target = Target(relation, str(link.get("title") or ""), _page_address(link))
            targets.append(target)
        if name == "HTML":
            target.href, target.note = _page_address(link), str(link.get("title") or target.note)
        target.formats[name] = _file_address(link) or ""
    for target in targets:
        # The label links to the page, or to the file if there is no page, so that format is not listed once more.
        target.formats = {name: href for name, href in target.formats.items() if href not in ("", target.href)}
        target.formats.pop("HTML", None)
    order = list(RELATION_LABELS)
    return sorted(targets, key=lambda target: order.index(target.relation) if target.relation in order else len(order))


def _media_type(link: Link) -> str:
    return str(link.get("type") or "").partition(";")[0].strip().lower()


def _format_name(link: Link) -> str:
    media_type = _media_type(link)
    return FORMATS.get(media_type, media_type.rpartition("/")[2] or "JSON")


def _short_relation(link: Link) -> str:
    """The relation's name, without the address that OGC's own relations have before it."""
    relation = str(link.get("rel") or "")
    return relation.rpartition("/")[2] if relation.startswith("http://www.opengis.net/def/rel/") else relation


def _page_address(link: Link) -> str | None:
    """The address that a click on ``link`` opens: the page, if the resource has one.

    An address without ``f`` stays as it is: the service answers a browser with the page.
    """
    address = safe_address(link.get("href"))
    if address and _media_type(link) in NEGOTIATED_TYPES and re.search(r"[?&]f=", address):
        return _with_format("html", address)
    return address


def _file_address(link: Link) -> str | None:
    """The address that gives the link's own format even to a browser."""
    address = safe_address(link.get("href"))
    if address and _media_type(link) in NEGOTIATED_TYPES and not re.search(r"[?&]f=", address):
        return _with_format("json", address)
    return address


def _with_format(name: str, href: str) -> str:
    """The address with the parameter ``f`` set to ``name``."""
    address, mark, fragment = href.partition("#")
    changed, replacements = re.subn(r"(?<=[?&])f=[^&]*", f"f={name}", address)
    if not replacements:
        changed = f"{address}{'&' if '?' in address else '?'}f={name}"
    return changed + mark + fragment
