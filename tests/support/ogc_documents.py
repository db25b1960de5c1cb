"""Documents of the OGC API, ordinary and hostile, and the pages that `maps.feature_pages` makes of them."""

from typing import Any

from geo.study.settings import StudySettings
from maps import feature_pages

HOME = "http://fuwuquan.test"
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


def page(name: str, settings: StudySettings = SETTINGS) -> str:
    kind, document = DOCUMENTS[name]
    titles = {"landing": LANDING["title"], "evil-items": HOSTILE[0], "evil-item": HOSTILE[1], "item": "东城街道"}
    trail = [("首页 Home", "/ogc")] if kind == "landing" else [*TRAIL, (titles.get(name, name), HOSTILE[4])]
    return feature_pages.render(kind, document, settings, titles.get(name, f"页面 {name}"), trail)
