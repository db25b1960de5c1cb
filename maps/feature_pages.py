"""Pages of the OGC API: each JSON document as a page that people can read and click through; Chinese first.

Also the page of the API documentation, and the page that states an error.
"""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from geo.study.settings import StudySettings
from maps import labels
from maps.links import OWN_RELATIONS, PAGING_RELATIONS, Link, own_formats, page_of, safe_address, targets_of
from maps.pages import templates

PageKind: TypeAlias = Literal["landing", "conformance", "collections", "collection", "items", "item", "schema"]
"""Which document a page shows."""
Document: TypeAlias = Mapping[str, Any]
"""A JSON object."""

LATITUDE_FIRST_SYSTEMS = ("epsg4326", "epsg4490")
LONGITUDE_FIRST_SYSTEMS = ("wgs84", "gcj02", "bd09", "cgcs2000")
IDS_WITHOUT_ADDRESS = ("", ".", "..")
"""Ids that cannot be part of an address: browsers take them, even percent-encoded, for a way up the path."""


def _static_folder_of(package: str) -> Path:
    """The folder ``static`` of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed: run `make setup`", name=package)
    return Path(spec.submodule_search_locations[0]) / "static"


SWAGGER_FOLDER = _static_folder_of("fastapi_offline")
"""Swagger UI's script and style, to be served at ``/static/swagger``."""


def render(
    page_kind: PageKind,
    document: Document,
    settings: StudySettings,
    title: str,
    trail: Sequence[tuple[str, str]],
    property_labels: Mapping[str, str] | None = None,
    value_labels: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """A JSON document as a page, which loads only files below ``/static``.

    Parameters
    ----------
    document : exactly what the JSON answer holds
    title : the page's title where the document has none of its own
    trail : label and address of the pages above and of this one, outermost first
    property_labels : what properties are called
    value_labels : what values of some properties are called, by property
    """
    links = [link for link in document.get("links", ()) if isinstance(link, Mapping)]
    shown_elsewhere = [*OWN_RELATIONS, *PAGING_RELATIONS, *(["collection"] if page_kind in ("items", "item") else [])]
    leaving = [link for link in links if link.get("rel") not in shown_elsewhere]
    return templates.get_template("resource.html").render(
        page_kind=page_kind,
        document=document,
        settings=settings,
        title=_own_title(page_kind, document, links) or title,
        property_labels=property_labels or {},
        value_labels=value_labels or {},
        trail=[(label, safe_address(address)) for label, address in trail],
        formats=own_formats(links),
        targets=targets_of(leaving),
        data=_map_data(page_kind, document),
        safe_address=safe_address,
        page_of=page_of,
        text=_value_text,
        **_details(page_kind, document, links),
    )


def problem(settings: StudySettings, title: str, title_en: str, detail: str) -> str:
    """A page that states an error, with links back."""
    return templates.get_template("problem.html").render(
        settings=settings, title=title, title_en=title_en, detail=detail
    )


def docs(settings: StudySettings, openapi_url: str) -> str:
    """A page that shows the OpenAPI document at ``openapi_url`` with Swagger UI."""
    return templates.get_template("docs.html").render(
        settings=settings, title="接口文档 API documentation", url=openapi_url
    )


def _own_title(page_kind: PageKind, document: Document, links: Sequence[Link]) -> str:
    """The title that the document has itself; empty if it has none."""
    if page_kind == "items":
        return next((str(link.get("title") or "") for link in links if link.get("rel") == "collection"), "")
    if page_kind == "item":
        return _value_text((document.get("properties") or {}).get("name"))
    return str(document.get("title") or "") if page_kind == "collection" else ""


def _details(page_kind: PageKind, document: Document, links: Sequence[Link]) -> dict[str, object]:
    """What the template needs for pages of ``page_kind`` only."""
    if page_kind == "items":
        features = document["features"]
        return {
            "columns": _columns(features),
            "rows": [(feature, _item_address(links, feature)) for feature in features],
            "paging": [(relation, page_of(links, relation)) for relation in ("prev", "next")],
        }
    if page_kind == "collection":
        return {"systems": [(_system_name(uri), safe_address(uri), uri) for uri in document.get("crs", ())]}
    if page_kind == "conformance":
        classes = document["conformsTo"]
        return {"classes": [(_conformance_name(uri), safe_address(uri), uri) for uri in classes]}
    return {}


def _columns(features: Iterable[Document]) -> list[str]:
    """The properties of which any feature has a value, in the order in which they first occur."""
    names: dict[str, None] = {}
    for feature in features:
        names |= {name: None for name, value in (feature.get("properties") or {}).items() if value not in (None, "")}
    return list(names)


def _item_address(links: Iterable[Link], feature: Document) -> str | None:
    """The address of a feature's page, in the coordinates of the page that lists it; None if it can have none."""
    collection, id_ = page_of(links, "collection"), _value_text(feature.get("id"))
    if collection is None or id_ in IDS_WITHOUT_ADDRESS:
        return None
    address, _, query = collection.partition("?")
    own = next((str(link.get("href")) for link in links if link.get("rel") == "self"), "")
    systems = [(name, value) for name, value in parse_qsl(own.partition("?")[2]) if name in ("coordinates", "crs")]
    query = "&".join(filter(None, (query, urlencode(systems))))
    return f"{address.rstrip('/')}/items/{quote(id_, safe='')}" + (f"?{query}" if query else "")


def _value_text(value: object) -> str:
    """A property's value as text; lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _system_name(uri: str) -> str:
    """The authority and code in a reference system's address, such as EPSG:4490; else the address itself."""
    match = re.search(r"/def/crs/([^/]+)/[^/]+/([^/]+)$", uri)
    return f"{match[1]}:{match[2]}" if match else uri


def _conformance_name(uri: str) -> str:
    """The standard, version and class in a conformance class's address; else the address itself."""
    match = re.search(r"/spec/([^/]+)/([^/]+)/conf/(.+)$", uri)
    return f"{match[1]} {match[2]} · {match[3]}" if match else uri


# --- the map of a page ---------------------------------------------------------------------------------------------


def _map_data(page_kind: PageKind, document: Document) -> dict[str, object] | None:
    """The geometries that the page's map draws, each with its label and address; None where nothing can be drawn.

    Shifted coordinates (gcj02, bd09) are drawn as they are. Projected coordinates are not drawn, nor are those of a
    system whose axis order is not known here.
    """
    coordinates = document.get("coordinate_system") or "wgs84"
    latitude_first = coordinates in LATITUDE_FIRST_SYSTEMS
    if page_kind not in ("items", "item") or not (latitude_first or coordinates in LONGITUDE_FIRST_SYSTEMS):
        return None
    links = document.get("links", ())
    shapes = [
        {
            "geometry": feature["geometry"],
            "href": _item_address(links, feature) if page_kind == "items" else None,
            **_label_and_share(feature),
        }
        for feature in (document["features"] if page_kind == "items" else [document])
        if _is_drawable(feature.get("geometry"))
    ]
    return {"shapes": shapes, "latitude_first": latitude_first} if shapes else None


def _label_and_share(feature: Document) -> dict[str, object]:
    """A feature's label, and the share of a coverage result, which sets how dark the feature is drawn."""
    properties = feature.get("properties") or {}
    label, share = _value_text(properties.get("name") or feature.get("id")), properties.get("share")
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1:
        return {"label": f"{label} {labels.percent(share)}", "share": share}
    if properties.get("known") is False:
        return {"label": f"{label} {labels.NOT_KNOWN}"}
    return {"label": label}


def _is_drawable(geometry: Document | None) -> bool:
    """Whether a GeoJSON geometry has a position, and its first position can be in degrees."""
    if not geometry:
        return False
    if "geometries" in geometry:
        return bool(geometry["geometries"]) and all(_is_drawable(part) for part in geometry["geometries"])
    position: Any = geometry.get("coordinates")  # lists within lists, to a depth that depends on the type
    while position and isinstance(position[0], Sequence):
        position = position[0]
    return bool(position) and max(abs(number) for number in position[:2]) <= 180
