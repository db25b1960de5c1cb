"""The addresses of the service's documents, and the links between them (RFC 8288 relations)."""

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias
from urllib.parse import quote, urlencode

from fastapi import Request

from service.api.responses import HTML

Link: TypeAlias = dict[str, str]
OGC_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/{}"
LABELS = {
    "facilities": "设施 facilities",
    "areas": "区域 areas",
    "demand": "人口分布 demand",
    "conformance": "符合的标准 conformance",
    "collections": "数据集 collections",
    "items": "要素 items",
    "queryables": "可查询 queryables",
    "sortables": "可排序 sortables",
}
"""What the parts of a path are called on pages."""


class ServiceAddress:
    """The address of the service as the client of a request sees it; call it to get an address below ``/v1``."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def root(self) -> str:
        """The address of the first page, without its slash."""
        return str(self._request.base_url).rstrip("/")

    def __call__(self, *path: str, **query: str) -> str:
        address = "/".join([self.root, "v1", *(quote(part, safe="") for part in path)])
        return address + ("?" + urlencode(query) if query else "")

    def breadcrumbs(self, path: Sequence[str]) -> list[tuple[str, str]]:
        """The label and address of each document above the one at ``path``, and of that itself."""
        crumbs = [("服务圈", self.root + "/"), ("API", self())]
        for depth, part in enumerate(path, 1):
            crumbs.append((LABELS.get(part, part), self(*path[:depth])))
        return crumbs


def link(href: str, rel: str, media_type: str, title: str) -> Link:
    """A link as OGC API documents have it."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def self_and_alternate(href: str, media_type: str, data: str) -> list[Link]:
    """Links from a document to itself and to its other format.

    Parameters
    ----------
    href : the document's address, without the parameter ``f``
    media_type : the document's own: HTML or ``data``
    data : the media type of the format that is not HTML
    """
    joint = "&" if "?" in href else "?"
    is_html = media_type == HTML
    return [
        link(f"{href}{joint}f=html" if is_html else href, "self", media_type, "本文档 this document"),
        link(
            f"{href}{joint}f={'json' if is_html else 'html'}",
            "alternate",
            data if is_html else HTML,
            "JSON" if is_html else "网页 as a web page",
        ),
    ]
