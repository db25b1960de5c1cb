"""A town whose facilities differ in everything that `/v1/nearest` can ask for, and questions to its API."""

import random
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from starlette.testclient import TestClient

from geo.study import categories
from support import town
from support.json_types import JsonObject

JSON = "application/json"
NEAREST = "/v1/nearest"
ITEMS = "/v1/collections/facilities/items"
COORDINATE_SYSTEMS = ("wgs84", "gcj02", "bd09", "cgcs2000")
MODES = ("walk", "cycle", "drive")
ZONE = ZoneInfo("Asia/Shanghai")
LON, LAT = town.place(2.3, 3.1)
HERE = {"lon": LON, "lat": LAT}
PLAIN = {"accept-encoding": "identity"}
NAMES = (
    "A&to=1,2&x=y", "a?b#c", "x|name:z", "甲,乙;丙:丁", "\"双\" 'single' `x`", "50% /\\ 100%25", "a b+c", "<b>粗</b>",
    "latlng:1,2|name:q", "😀 é", "=&=", "https://evil.example/?a=b#c",
)  # fmt: skip
HOURS = (
    None, "24/7", "Mo-Fr 08:00-11:30,13:30-17:00", "Mo-Su 08:30-20:30", "nonsense", "Sa,Su 10:00-12:00", "off",
    "Mo-Su 20:00-02:00",
)  # fmt: skip
SUBTYPES = [(category.id, subtype) for category in categories.BUILT_IN for subtype in (*category.subtypes, None)]
"""Each category with each of its subtypes, and with none."""


def make_facilities() -> JsonObject:
    """Facilities off the street grid, so that no two are equally far; some are closed for ever."""
    chance, features = random.Random(7), []
    for number, (column, row) in enumerate(product(range(8), repeat=2)):
        category, subtype = SUBTYPES[number % len(SUBTYPES)]
        properties = {
            "category": category,
            "subtype": subtype,
            "name": NAMES[number % len(NAMES)],
            "name_en": f"No. {number}" if number % 3 else None,
            "capacity": (None, 0, 5, 20, 300)[number % 5],
            "opening_hours": HOURS[(number // 3) % len(HOURS)],
            "closed": "2020-01-01" if number % 16 == 9 else None,
        }
        x, y = town.place(column + chance.random() * 0.9, row + chance.random() * 0.9)
        point = shapely.Point(x, y)
        shape = point.buffer(0.0004, 3) if category == "park" and subtype == "comprehensive" else point
        geometry = shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "id": f"f{number}", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def ask(client: TestClient, **parameters: Any) -> JsonObject:
    """The answer for one place."""
    answer = client.get(NEAREST, params={**HERE, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def full_ranking(client: TestClient, **parameters: Any) -> list[JsonObject]:
    """All existing facilities, by travel time."""
    features: list[JsonObject] = ask(client, **{"limit": 100, **parameters})["features"]
    return features


def ids_and_times(features: list[JsonObject]) -> list[tuple[str, float, float]]:
    return [(feature["id"], feature["properties"]["minutes"], feature["properties"]["metres"]) for feature in features]


def assert_problem(answer: Any, *names: str) -> str:
    """The detail of a refusal (400) that names exactly these parameters."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {parameter["name"] for parameter in answer.json()["parameters"]} == set(names)
    return answer.json()["detail"]


def ask_many(client: TestClient, places: list[JsonObject], **query: Any) -> JsonObject:
    """The answer for many places."""
    answer = client.post(NEAREST, json={"places": places}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()
