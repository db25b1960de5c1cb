"""Folium without the network: Leaflet comes from this machine, and a page can carry all it needs in one file."""

import base64
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import folium
import jinja2
import markupsafe
from branca.element import CssLink, Element, Figure, JavascriptLink
from xstatic.pkg import leaflet

LEAFLET_FOLDER = Path(leaflet.BASE_DIR)
STATIC_FOLDER = Path(__file__).parent / "static"
Assets = Literal["linked", "inline"]

templates = jinja2.Environment(
    loader=jinja2.PackageLoader("maps"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
"""Templates of pages and boxes; whatever is put into them is escaped."""


class Html(Element):
    """Ready HTML. (branca's own Element would run its text as a template.)"""

    def __init__(self, content: str) -> None:
        super().__init__()
        self._content = content

    def render(self, **kwargs: Any) -> str:
        return self._content


class OfflineFigure(Figure):
    """A page whose header links only to what this machine serves, or holds it inline.

    Folium and branca add links to several CDNs while they render. All go, whoever adds them; Leaflet and our own
    style come back from here.
    """

    def __init__(self, assets: Assets, static_url: str, title: str) -> None:
        super().__init__(title=markupsafe.escape(title))
        self._assets, self._static_url = assets, static_url

    def render(self, **kwargs: Any) -> str:
        for child in self._children.values():
            child.render(**kwargs)
        for name, element in list(self.header._children.items()):
            if isinstance(element, JavascriptLink | CssLink):
                del self.header._children[name]
        self.header.add_child(Html(self._assets_html()), name="assets")
        html = str(self._template.render(this=self, kwargs=kwargs)).replace("<html>", '<html lang="zh-CN">', 1)
        # Folium's random names become numbers: the same map is the same file. Nobody is kept from zooming.
        names: dict[str, str] = {}
        html = re.sub(r"\b[0-9a-f]{32}\b|(?<=_)[0-9a-f]{32}", lambda m: names.setdefault(m[0], f"{len(names)}"), html)
        return re.sub(r"initial-scale=1\.0,\s*maximum-scale=1\.0,\s*user-scalable=no", "initial-scale=1.0", html)

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
    """Leaflet's style with its images as data URLs, then the project's own."""

    def data_url(match: re.Match[str]) -> str:
        image = (LEAFLET_FOLDER / match[1]).read_bytes()
        return f"url(data:image/png;base64,{base64.b64encode(image).decode()})"

    leaflet_css = (LEAFLET_FOLDER / "leaflet.css").read_text("utf-8")
    own_css = (STATIC_FOLDER / "fuwuquan.css").read_text("utf-8")
    return re.sub(r"url\((images/[\w.-]+)\)", data_url, leaflet_css) + own_css


def offline_map(figure: OfflineFigure, tiles: str | None, attribution: str) -> folium.Map:
    """An empty Folium map in ``figure``; ``tiles`` is the operator's own tile address, if any."""
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
