"""Folium maps that load nothing from other hosts.

A page either links to Leaflet at this service, or holds it inline, so that one file opens without a network.
"""

import base64
import html
import re
from functools import lru_cache
from typing import Literal, TypeAlias

import folium
import markupsafe
from branca.element import CssLink, Element, Figure, JavascriptLink

from maps.pages import LEAFLET_FOLDER, STATIC_FOLDER

Assets: TypeAlias = Literal["linked", "inline"]
"""Whether a page links to scripts and styles at this service, or holds them itself."""


def escape_text(text: object) -> str:
    """Text that Folium can hold: Leaflet shows it as HTML, and branca runs it once more as a Jinja template."""
    return html.escape(str(text)).replace("{", "&#123;")


class Html(Element):
    """Finished HTML in a page. (branca's own Element would run it as a Jinja template.)"""

    def __init__(self, content: str) -> None:
        super().__init__()
        self._content = content

    def render(self, **kwargs: object) -> str:
        """The HTML as it is."""
        return self._content


class OfflineFigure(Figure):
    """A page of Folium's whose head loads nothing from other hosts.

    While they render, Folium and branca add links to several CDNs to the head. These are removed, whichever class adds
    them, and replaced by Leaflet and the project's own style.
    """

    def __init__(self, assets: Assets, static_url: str, title: str) -> None:
        super().__init__(title=markupsafe.escape(title))
        self._assets, self._static_url = assets, static_url

    def render(self, **kwargs: object) -> str:
        """The page as HTML, the same text for the same map."""
        for child in self._children.values():
            child.render(**kwargs)
        for name, element in list(self.header._children.items()):
            if isinstance(element, JavascriptLink | CssLink):
                del self.header._children[name]
        self.header.add_child(Html(self._assets_html()), name="assets")
        page = str(self._template.render(this=self, kwargs=kwargs)).replace("<html>", '<html lang="zh-CN">', 1)
        # Folium names elements by random hexadecimal numbers; counted numbers make equal maps equal files.
        numbers: dict[str, str] = {}
        page = re.sub(
            r"\b[0-9a-f]{32}\b|(?<=_)[0-9a-f]{32}",
            lambda name: numbers.setdefault(name[0], f"{len(numbers)}"),
            page,
        )
        # Folium forbids zooming the page, which people with weak eyes need.
        return re.sub(r"initial-scale=1\.0,\s*maximum-scale=1\.0,\s*user-scalable=no", "initial-scale=1.0", page)

    def _assets_html(self) -> str:
        if self._assets == "inline":
            return f"<style>{_inline_css()}</style><script>{_leaflet_js()}</script>"
        base = self._static_url
        return (
            f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{base}/leaflet/leaflet.css">'
            f'<link rel="stylesheet" href="{base}/fuwuquan.css">'
            f'<script src="{base}/leaflet/leaflet.js"></script>'
        )


@lru_cache(maxsize=1)
def _leaflet_js() -> str:
    script = (LEAFLET_FOLDER / "leaflet.js").read_text("utf-8")
    return re.sub(r"//# sourceMappingURL=.*", "", script)


@lru_cache(maxsize=1)
def _inline_css() -> str:
    """Leaflet's style with its images as data URLs, then the project's own style."""

    def data_url(match: re.Match[str]) -> str:
        image = (LEAFLET_FOLDER / match[1]).read_bytes()
        return f"url(data:image/png;base64,{base64.b64encode(image).decode()})"

    leaflet_css = (LEAFLET_FOLDER / "leaflet.css").read_text("utf-8")
    own_css = (STATIC_FOLDER / "fuwuquan.css").read_text("utf-8")
    return re.sub(r"url\((images/[\w.-]+)\)", data_url, leaflet_css) + own_css


def offline_map(figure: OfflineFigure, tiles: str | None, attribution: str) -> folium.Map:
    """An empty Folium map in ``figure``; ``tiles`` is the URL template of the operator's own tiles, if any."""
    map_ = folium.Map(
        tiles=tiles,
        attr=attribution or " ",
        prefer_canvas=True,
        zoom_control="topright",
        control_scale=True,
        max_zoom=18,
        zoom_snap=0.25,
    )
    figure.add_child(map_)
    return map_
