"""/v1/nearest as apps need it: what fits of a ranking, open or not, with links into map apps; many places at once.

The town has a few dozen facilities here, so that a limit of 100 gives all of them: what a filter gives must be what is
left of that by hand. All of it is asked with streets and without.
"""

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from geo.geodesy import datums
from geo.study import categories
from geo.study import opening_hours as hours
from service.api.app import create_app
from service.register import keys
from service.settings import Settings
from support import town

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
SUBTYPES = [(name, subtype) for name, one in categories.CATEGORIES.items() for subtype in (*one.subtypes, None)]
MOMENTS = (
    "2026-11-25T10:00",  # a Wednesday
    "2026-11-25T12:15",
    "2026-11-25T23:30",
    "2026-11-26T01:15",
    "2026-11-28T10:30",  # a Saturday
    "2026-10-01T10:00",  # a public holiday
    "2026-11-25T02:00Z",
    "2026-11-25T10:00+08:00",
    "2026-11-24T21:00:59-05:00",
    "2150-01-01T10:00",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The study with streets and without, by the name of the method."""
    made = {}
    for method, streets in (("network", True), ("straight-line", False)):
        made[method] = town.make(tmp_path_factory.mktemp(method) / "town", streets=streets)
        (made[method] / "facilities.geojson").write_text(json.dumps(_facilities(), ensure_ascii=False), "utf-8")
    return made


def _facilities() -> dict[str, Any]:
    """Facilities off the grid, so that no two are as far; some are closed for good."""
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


@pytest.fixture(scope="module")
def clients(folders: dict[str, Path]) -> Iterator[dict[str, TestClient]]:
    """The API of both studies; their registers are not touched."""
    with ExitStack() as opened:
        yield {method: opened.enter_context(_client(folder)) for method, folder in folders.items()}


def _client(folder: Path) -> TestClient:
    return TestClient(create_app(Settings(study=folder)), raise_server_exceptions=False, headers=PLAIN)


@pytest.fixture(params=["network", "straight-line"])
def client(request: pytest.FixtureRequest, clients: dict[str, TestClient]) -> TestClient:
    """The API with streets, and without."""
    client = clients[request.param]
    assert client.get(NEAREST, params=HERE).json()["method"] == request.param
    return client


@pytest.fixture(params=["network", "straight-line"])
def editor(request: pytest.FixtureRequest, folders: dict[str, Path], tmp_path: Path) -> Iterator[TestClient]:
    """The same, new for each test, with a key to edit it."""
    with _client(shutil.copytree(folders[request.param], tmp_path / "town")) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(client.app.state.answers.register.database, '王工')}"
        yield client


def ask(client: TestClient, **parameters: Any) -> dict[str, Any]:
    answer = client.get(NEAREST, params={**HERE, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def whole(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """All facilities that stand, by travel time."""
    found: list[dict[str, Any]] = ask(client, **{"limit": 100, **parameters})["features"]
    return found


def shown(features: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    return [(one["id"], one["properties"]["minutes"], one["properties"]["metres"]) for one in features]


def problem(answer: Any, *names: str) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {one["name"] for one in answer.json()["parameters"]} == set(names)
    return answer.json()["detail"]


def test_the_whole_ranking_has_all_that_stand(client: TestClient):
    features = whole(client)
    standing = {f"f{number}" for number in range(64) if number % 16 != 9}
    assert {one["id"] for one in features} == standing
    assert len(features) == len(standing)
    assert [one["properties"]["minutes"] for one in features] == sorted(
        one["properties"]["minutes"] for one in features
    )


# Filters


@pytest.mark.parametrize("limit", [1, 3, 8, 9, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_several_categories_are_the_merge_of_each(client: TestClient, count: int, limit: int):
    for some in combinations(categories.CATEGORIES, count):
        merged = [one for category in some for one in whole(client, category=category)]
        merged.sort(key=lambda one: one["properties"]["minutes"])
        for order in (some, some[::-1]):
            together = ask(client, category=",".join(order), limit=limit)["features"]
            assert shown(together) == shown(merged[:limit])
            assert together == merged[:limit]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [1, 4, 8, 30])
def test_filters_give_what_is_left_of_the_whole_ranking(client: TestClient, mode: str, limit: int):
    every = whole(client, mode=mode)
    seen = 0
    for category, subtypes, capacity in product(
        (None, "clinic", "park,clinic"), (None, "hospital", "pocket,hospital,public"), (None, 0, 1, 20, 301)
    ):
        asked = {"category": category, "subtype": subtypes, "capacity": capacity}
        found = ask(
            client, mode=mode, limit=limit, **{name: value for name, value in asked.items() if value is not None}
        )
        expected = [
            one
            for one in every
            if (category is None or one["properties"]["category"] in category.split(","))
            and (subtypes is None or one["properties"]["subtype"] in subtypes.split(","))
            and (capacity is None or _holds(one, capacity))
        ]  # fmt: skip
        assert _nearly(found["features"]) == _nearly(expected[:limit]), asked
        assert (found["reason"] is None) == bool(expected)
        seen += len(expected)
    assert seen > 100


def _holds(feature: dict[str, Any], capacity: int) -> bool:
    known = feature["properties"]["capacity"]
    return known is not None and known >= capacity


def _nearly(features: list[dict[str, Any]]) -> list[Any]:
    """Features whose last digit does not count: a look-up and a search add the same numbers up another way."""
    return [
        (one["id"], pytest.approx(one["properties"]["minutes"], abs=0.0011), one["properties"]["capacity"])
        for one in features
    ]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"subtype": "nonsense"}, "subtype"), ({"subtype": "hospital,"}, "subtype"), ({"subtype": ""}, "subtype"),
        ({"category": "park,,clinic"}, "category"), ({"category": "park,Park"}, "category"),
        ({"capacity": "-1"}, "capacity"), ({"capacity": "1.5"}, "capacity"), ({"capacity": "1e400"}, "capacity"),
        ({"open_at": ""}, "open_at"), ({"open_at": "today"}, "open_at"), ({"open_at": "NOW"}, "open_at"),
        ({"open_at": "2026-02-30T10:00"}, "open_at"), ({"open_at": "10:00"}, "open_at"),
        ({"open_at": "\0"}, "open_at"), ({"times": "perhaps"}, "times"), ({"navigation": "2"}, "navigation"),
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused(client: TestClient, query: dict[str, str], name: str):
    problem(client.get(NEAREST, params={**HERE, **query}), name)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59Z", "9999-12-31T12:00-12:00", "0001-01-01T00:00+14:00"])
def test_a_moment_beyond_the_calendar_is_refused(client: TestClient, moment: str):
    problem(client.get(NEAREST, params={**HERE, "open_at": moment}), "open_at")


# Open or not


def _local(moment: str) -> datetime:
    there = datetime.fromisoformat(moment)
    there = there if there.tzinfo is None else there.astimezone(ZONE).replace(tzinfo=None)
    return there.replace(second=0)


def assert_open(answer: dict[str, Any], every: list[dict[str, Any]], moment: datetime, limit: int = 100) -> set[str]:
    """The answer has what `hours.status_at` does not call closed; returns the states that occurred."""
    said = [(one, hours.status_at(one["properties"]["opening_hours"], moment)) for one in every]
    expected = [(one, told) for one, told in said if told.state != "closed"][:limit]
    assert [one["id"] for one in answer["features"]] == [one["id"] for one, _ in expected]
    assert answer["open_at"] == moment.replace(tzinfo=ZONE).isoformat(timespec="minutes")
    for one, (_, told) in zip(answer["features"], expected, strict=True):
        until = None if told.until is None else told.until.replace(tzinfo=ZONE).isoformat(timespec="minutes")
        assert one["properties"]["open"] == {"state": told.state, "until": until, "reason": told.reason}
        assert (told.reason is None) == (told.state == "open")
    return {told.state for _, told in said}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_closed_then_is_left_out(client: TestClient, moment: str):
    every, there = whole(client), _local(moment)
    assert all("open" not in one["properties"] for one in every)
    states = assert_open(ask(client, open_at=moment, limit=100), every, there)
    assert "unknown" in states
    assert_open(ask(client, open_at=moment, limit=3), every, there, 3)
    some = [one for one in every if one["properties"]["category"] in ("clinic", "park")]
    assert_open(ask(client, open_at=moment, limit=100, category="clinic,park"), some, there)
    large = [one for one in every if (one["properties"]["capacity"] or 0) >= 20]
    assert_open(ask(client, open_at=moment, limit=100, capacity=20), large, there)


def test_moments_tell_open_from_closed(client: TestClient):
    """So that the test above compares something."""
    by_hours = {}
    for moment in ("2026-11-25T10:00", "2026-11-25T12:15", "2026-11-25T23:30"):
        by_hours[moment] = {
            one["properties"]["opening_hours"]: one["properties"]["open"]
            for one in ask(client, open_at=moment, limit=100)["features"]
        }
    morning, noon, night = by_hours.values()
    office = "Mo-Fr 08:00-11:30,13:30-17:00"
    assert morning[office] == {"state": "open", "until": "2026-11-25T11:30+08:00", "reason": None}
    assert office not in noon and office not in night
    assert noon["Mo-Su 08:30-20:30"]["until"] == "2026-11-25T20:30+08:00"
    assert night["Mo-Su 20:00-02:00"] == {"state": "open", "until": "2026-11-26T02:00+08:00", "reason": None}
    for one in (morning, noon, night):
        assert one["24/7"] == {"state": "open", "until": None, "reason": None}
        assert one["nonsense"]["state"] == one[None]["state"] == "unknown"
        assert "off" not in one


def test_a_public_holiday_is_unknown(client: TestClient):
    found = {
        one["properties"]["opening_hours"]: one["properties"]["open"]
        for one in ask(client, open_at="2026-10-01T10:00", limit=100)["features"]
    }
    for usual in ("Mo-Fr 08:00-11:30,13:30-17:00", "Mo-Su 08:30-20:30"):
        assert found[usual]["state"] == "unknown"
        assert found[usual]["until"] is None
        assert "hours may not hold" in found[usual]["reason"]
    assert found["24/7"]["state"] == "open"


def test_a_moment_is_the_same_whatever_its_offset(client: TestClient):
    same = [
        ask(client, open_at=moment, limit=100)
        for moment in ("2026-11-25T10:00", "2026-11-25T10:00+08:00", "2026-11-25T02:00Z", "2026-11-24T21:00-05:00")
    ]
    assert all(one == same[0] for one in same)
    spaced = client.get(f"{NEAREST}?lon={LON}&lat={LAT}&limit=100&open_at=2026-11-25T10:00+08:00")  # a bare plus
    assert spaced.json() == same[0]


def test_now_is_now(client: TestClient):
    every = whole(client)
    before = datetime.now(ZONE)
    answer = ask(client, open_at="now", limit=100)
    told = datetime.fromisoformat(answer["open_at"])
    assert before - timedelta(minutes=1) <= told <= datetime.now(ZONE)
    assert told.utcoffset() == timedelta(hours=8)
    assert_open(answer, every, told.replace(tzinfo=None))


def test_the_tag_of_what_is_open_now_goes_with_the_minute(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    from service.api import travel_queries

    class Clock(datetime):
        at = datetime(2026, 11, 25, 10, 0, 5, tzinfo=ZONE)

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return cls.at.astimezone(tz)

    monkeypatch.setattr(travel_queries, "datetime", Clock)

    def tag() -> str:
        answer = client.get(NEAREST, params={**HERE, "open_at": "now"})
        assert "Last-Modified" not in answer.headers
        return answer.headers["ETag"]

    first = tag()
    assert ask(client, open_at="now")["open_at"] == "2026-11-25T10:00+08:00"
    Clock.at += timedelta(seconds=50)
    assert tag() == first
    Clock.at += timedelta(seconds=10)
    assert tag() != first
    late = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert client.get(NEAREST, params={**HERE, "open_at": "now"}, headers=late).status_code == 200


# Times and ways


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("more", [{}, {"category": "clinic,park", "capacity": "5"}, {"limit": "100"}])
def test_times_are_those_of_each_mode(client: TestClient, mode: str, more: dict[str, str]):
    single = {
        one: {feature["id"]: feature["properties"]["minutes"] for feature in whole(client, mode=one)} for one in MODES
    }
    assert all("times" not in one["properties"] for one in whole(client))
    features = ask(client, mode=mode, times="true", **more)["features"]
    assert features
    for feature in features:
        times = feature["properties"]["times"]
        assert list(times) == list(MODES)
        for one in MODES:
            assert times[one] == pytest.approx(single[one][feature["id"]], abs=0.0011)
        assert times[mode] == pytest.approx(feature["properties"]["minutes"], abs=0.0011)
        assert times["cycle"] < times["walk"]


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_ways_come_with_filters(clients: dict[str, TestClient], coordinates: str):
    lon, lat = (float(one) for one in datums.from_wgs84(LON, LAT, coordinates))
    asked = {"lon": lon, "lat": lat, "coordinates": coordinates, "limit": 12, "category": "clinic,park"}
    asked |= {"capacity": 5, "open_at": "2026-11-25T10:00"}
    plain = ask(clients["network"], **asked)["features"]
    ways = ask(clients["network"], **asked, path="true")["features"]
    assert len(plain) > 2
    assert shown(ways) == shown(plain)
    for feature in ways:
        way = feature["properties"]["path"]
        assert way["type"] == "LineString"
        assert way["coordinates"][0] == pytest.approx([lon, lat], abs=2e-6)
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.distance(shapely.Point(way["coordinates"][-1])) < 2e-6
    without = ask(clients["straight-line"], **asked, path="true")["features"]
    assert without
    assert all(one["properties"]["path"] is None for one in without)


def test_all_that_can_be_wished_comes_together(client: TestClient):
    wished = {"path": "true", "times": "true", "navigation": "true", "open_at": "2026-11-25T10:00", "limit": 20}
    together = ask(client, **wished)["features"]
    assert len(together) == 20
    for name in ("path", "times", "navigation", "open"):
        asked = {"limit": 100, "open_at": wished["open_at"]} | ({name: "true"} if name != "open" else {})
        alone = ask(client, **asked)["features"][:20]
        assert [one["properties"][name] for one in alone] == [one["properties"][name] for one in together]


# Links into map apps


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_links_open_each_map_in_its_datum(client: TestClient, coordinates: str, mode: str):
    lon, lat = (float(one) for one in datums.from_wgs84(LON, LAT, coordinates))
    asked = {"lon": lon, "lat": lat, "coordinates": coordinates, "mode": mode, "limit": 100}
    places = {one["id"]: shapely.geometry.shape(one["geometry"]) for one in whole(client)}
    features = ask(client, **asked, navigation="true")["features"]
    assert len(features) == 60
    for feature in features:
        links = {name: urlsplit(href) for name, href in feature["properties"]["navigation"].items()}
        queries = {name: parse_qs(one.query, strict_parsing=True) for name, one in links.items()}
        assert all(len(values) == 1 for query in queries.values() for values in query.values())
        amap, baidu, tencent = ({key: value[0] for key, value in queries[name].items()} for name in NAVIGATED)
        assert [f"{one.scheme}://{one.netloc}{one.path}" for one in links.values()] == list(NAVIGATED.values())
        assert not any(one.fragment for one in links.values())
        shape = places[feature["id"]]
        name = "".join(" " if c in ",|:;" else c for c in feature["properties"]["name"])
        # AMap and Baidu put the name behind signs that it therefore must not have.
        x, y, label = amap["to"].split(",")
        assert label == name
        assert _in(shape, x, y, "gcj02")
        assert _at(amap["from"].split(","), "gcj02")
        latlng, called = baidu["destination"].split("|")
        assert called.removeprefix("name:") == name
        y, x = latlng.removeprefix("latlng:").split(",")
        assert _in(shape, x, y, "bd09")
        assert _at(baidu["origin"].split(",")[::-1], "bd09")
        y, x = tencent["tocoord"].split(",")
        assert tencent["to"] == name
        assert _in(shape, x, y, "gcj02")
        assert _at(tencent["fromcoord"].split(",")[::-1], "gcj02")
        assert (amap["mode"], baidu["mode"], tencent["type"]) == WORDS[mode]
        assert (amap["coordinate"], baidu["coord_type"]) == ("gaode", "bd09ll")
        assert amap.keys() == {"from", "to", "mode", "coordinate", "callnative", "src"}
        assert baidu.keys() == {"origin", "destination", "mode", "coord_type", "output", "src"}
        assert tencent.keys() == {"type", "fromcoord", "tocoord", "to", "policy", "referer"}


NAVIGATED = {
    "amap": "https://uri.amap.com/navigation",
    "baidu": "https://api.map.baidu.com/direction",
    "tencent": "https://apis.map.qq.com/uri/v1/routeplan",
}
WORDS = {
    "walk": ("walk", "walking", "walk"),
    "cycle": ("ride", "riding", "bike"),
    "drive": ("car", "driving", "drive"),
}
NEAR = 3e-6  # degrees: Baidu's published inverse is 1e-6 off, and links have six digits


def _in(shape: Any, x: str, y: str, system: str) -> bool:
    """Whether a place in a system is in a WGS84 shape; the systems are hundreds of metres apart, shapes tens across."""
    place = shapely.Point(*(float(one) for one in datums.to_wgs84(float(x), float(y), system)))
    return bool(shape.distance(place) < NEAR)


def _at(place: list[str], system: str) -> bool:
    return list(map(float, place)) == pytest.approx(
        [float(one) for one in datums.from_wgs84(LON, LAT, system)], abs=NEAR
    )


def test_without_being_asked_for_there_are_no_links(client: TestClient):
    assert all("navigation" not in one["properties"] for one in whole(client))


# Names


def test_each_is_called_what_it_is_in_both_languages(client: TestClient):
    given = {one["id"]: one["properties"] for one in _facilities()["features"]}
    for feature in whole(client):
        told, mine = feature["properties"], given[feature["id"]]
        assert (told["name"], told["name_en"]) == (mine["name"], mine["name_en"])
        category = categories.CATEGORIES[mine["category"]]
        labels = (category.label, category.label_en)
        assert (told["label"], told["label_en"]) == (
            labels if mine["subtype"] is None else tuple(category.subtypes[mine["subtype"]])
        )


@pytest.mark.parametrize("system", COORDINATE_SYSTEMS)
def test_all_systems_have_the_same_answer(client: TestClient, system: str):
    lon, lat = (float(one) for one in datums.from_wgs84(LON, LAT, system))
    plain = ask(client, limit=100, open_at="2026-11-25T10:00", times="true")
    moved = ask(client, lon=lon, lat=lat, coordinates=system, limit=100, open_at="2026-11-25T10:00", times="true")
    assert moved["coordinate_system"] == system
    assert moved["place"] == {"lon": lon, "lat": lat}
    assert len(moved["features"]) > 20
    for one, other in zip(moved["features"], plain["features"], strict=True):
        assert one["id"] == other["id"]
        assert one["properties"]["open"] == other["properties"]["open"]
        assert one["properties"]["minutes"] == pytest.approx(other["properties"]["minutes"], abs=0.01)
        assert one["properties"]["times"] == pytest.approx(other["properties"]["times"], abs=0.01)
        shape, straight = (shapely.geometry.shape(feature["geometry"]) for feature in (one, other))
        back = datums.geometry_to_wgs84(shape, system)
        assert shapely.hausdorff_distance(back, straight) < NEAR
        shifted = system in ("gcj02", "bd09")
        assert (shapely.hausdorff_distance(shape, straight) > 1e-3) == shifted


# Nothing


def test_nothing_that_fits_says_why(client: TestClient):
    for query, reason in (
        ({"capacity": 10**6}, "none of them is as asked for"),
        ({"capacity": 10**6, "category": "park"}, "none of them is as asked for"),
        ({"category": "park", "subtype": "hospital"}, "there is no such facility"),
        ({"category": "park", "subtype": "hospital", "open_at": "now"}, "there is no such facility"),
    ):
        for more in ({}, {"path": "true", "times": "true", "navigation": "true", "limit": 50}):
            answer = ask(client, **query, **more)
            assert answer["features"] == []
            assert answer["reason"].endswith(reason), query


def _only(editor: TestClient, opening_hours: str | None) -> None:
    """Give all clinics the same hours."""
    for feature in whole(editor, category="clinic"):
        change = {"properties": {"opening_hours": opening_hours}}
        answer = editor.patch(f"{ITEMS}/{feature['id']}", json=change, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text


def test_nothing_open_says_so(editor: TestClient):
    _only(editor, "Mo-Fr 08:00-12:00")
    night = {"category": "clinic", "open_at": "2026-11-25T23:00"}
    answer = ask(editor, **night)
    assert answer["features"] == []
    assert answer["reason"] == "此时没有开放的 none of them is open then"
    assert ask(editor, **night | {"open_at": "2026-11-25T09:00"})["reason"] is None


def test_nothing_in_reach_says_so(clients: dict[str, TestClient]):
    far = dict(zip(("lon", "lat"), town.place(14, 4), strict=True))  # there are no streets
    for more in ({}, {"open_at": "2026-11-25T10:00"}, {"times": "true", "navigation": "true", "path": "true"}):
        answer = ask(clients["network"], **far, **more)
        assert answer["features"] == []
        assert "no street within" in answer["reason"]
        assert answer["snapped"] is None
        straight = ask(clients["straight-line"], **far, **more)
        assert len(straight["features"]) == 5
        assert straight["reason"] is None


# Many places at once


def many(client: TestClient, places: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
    answer = client.post(NEAREST, json={"places": places}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _places(count: int, system: str = "wgs84", far: bool = True) -> list[dict[str, Any]]:
    """Places all over the town, some of them beyond its streets, some without an id."""
    chance, found = random.Random(count), []
    for number in range(count):
        x, y = town.place(chance.uniform(0, 15 if far else 8), chance.uniform(0, 8))
        lon, lat = (float(one) for one in datums.from_wgs84(x, y, system))
        found.append({"lon": lon, "lat": lat} | ({"id": f"地点 {number}"} if number % 3 else {}))
    return found


@pytest.mark.parametrize("system", COORDINATE_SYSTEMS)
@pytest.mark.parametrize(
    "query",
    [
        {}, {"limit": 1, "category": "park"}, {"limit": 8, "mode": "drive", "category": "clinic,park"},
        {"subtype": "hospital,pocket"}, {"limit": 30}, {"capacity": 20, "path": "true"}, {"navigation": "true"},
        {"open_at": "2026-11-25T10:00", "times": "true"}, {"capacity": 10**6},
        {"category": "park", "subtype": "public"},
    ],
)  # fmt: skip
def test_many_places_get_what_each_would_get(client: TestClient, query: dict[str, Any], system: str):
    places = _places(12, system)
    together = many(client, places, coordinates=system, **query)
    assert len(together["answers"]) == len(places)
    shared = {name: value for name, value in together.items() if name != "answers"}
    reasons = set()
    for place, answer in zip(places, together["answers"], strict=True):
        alone = ask(client, lon=place["lon"], lat=place["lat"], coordinates=system, **query)
        assert answer.keys() == {"id", "place", "snapped", "reason", "features"}
        assert answer["id"] == place.get("id")
        assert alone == {"type": "FeatureCollection", **shared, **{k: v for k, v in answer.items() if k != "id"}}
        reasons.add(answer["reason"])
    if not query and client.get(NEAREST, params=HERE).json()["method"] == "network":
        assert len(reasons) == 2  # some are out of reach


@pytest.mark.alone
def test_a_thousand_places_take_no_time(client: TestClient):
    places = _places(1000)
    query = {"category": "clinic", "limit": 8}
    many(client, places[:1], **query)
    begun = time.perf_counter()
    answers = many(client, places, **query)["answers"]
    assert time.perf_counter() - begun < 2
    assert [one["id"] for one in answers] == [one.get("id") for one in places]
    assert [one["place"] for one in answers] == [{"lon": one["lon"], "lat": one["lat"]} for one in places]
    for row in (0, 499, 999):
        assert (
            answers[row]["features"] == ask(client, lon=places[row]["lon"], lat=places[row]["lat"], **query)["features"]
        )


def test_many_places_have_limits(client: TestClient):
    def post(content: Any, **query: Any) -> Any:
        return client.post(NEAREST, json=content, params=query)

    place = {"lon": LON, "lat": LAT}
    problem(post({"places": [place] * 1001}), "places")
    problem(post({"places": []}), "places")
    problem(post({}), "places")
    problem(post({"places": place}), "places")
    problem(post({"places": [place], "more": 1}), "more")
    problem(post({"places": [place, place | {"name": "x"}]}), "places[1].name")
    problem(post({"places": [place, {"lon": LON}]}), "places[1].lat")
    for lon in (180.1, -181, 1e9, "x", "120", None, [120], True):
        problem(post({"places": [place, place | {"lon": lon}]}), "places[1].lon")
    problem(post({"places": [place, 1]}), "places[1]")
    problem(post({"places": [place | {"lat": 90.01}]}), "places[0].lat")
    problem(post({"places": [place | {"lat": 91, "lon": 181}]}), "places[0].lat", "places[0].lon")
    problem(post({"places": [place | {"id": "x" * 201}]}), "places[0].id")
    problem(post({"places": [place | {"id": 1}]}), "places[0].id")
    problem(post({"places": [place] * 1000}, limit=11), "limit")
    problem(post({"places": [place] * 101}, limit=100), "limit")
    problem(post({"places": [place]}, limit=0), "limit")
    problem(post({"places": [place]}, lon=1), "lon")  # a place belongs into the body
    problem(post({"places": [place]}, nonsense=1), "nonsense")
    problem(post({"places": [place]}, category="x", mode="fly"), "category", "mode")
    problem(client.post(NEAREST, content=b"{", headers={"Content-Type": JSON}), "body")
    problem(
        client.post(NEAREST, content=b'{"places":[{"lon":NaN,"lat":1}]}', headers={"Content-Type": JSON}),
        "places[0].lon",
    )
    for search in ({"capacity": 1}, {"open_at": "now"}, {"path": "true"}, {"times": "true"}, {"limit": 9}):
        assert "100" in problem(post({"places": [place] * 101}, **search), "places")
        assert len(many(client, [place] * 100, category="park", **search)["answers"]) == 100
    assert len(many(client, [place] * 1000, limit=8)["answers"]) == 1000
    assert len(many(client, [place] * 10, limit=100)["answers"]) == 10
    problem(post({"places": [place] * 11}, limit=100), "limit")
    problem(post({"places": [place] * 100}, limit=11, times="true"), "limit")


def test_a_thousand_places_may_have_long_ids(clients: dict[str, TestClient]):
    places = [{"lon": LON, "lat": LAT, "id": "地" * 200}] * 1000
    content = json.dumps({"places": places})
    answer = clients["network"].post(NEAREST, content=content, headers={"Content-Type": JSON}, params={"limit": 1})
    assert answer.status_code == 200
    assert [one["id"] for one in answer.json()["answers"]] == ["地" * 200] * 1000


def test_what_is_too_small_is_not_said_to_be_closed(client: TestClient):
    answer = ask(client, capacity=10**6, open_at="2026-11-25T10:00")
    assert answer["features"] == []
    assert answer["reason"].endswith("none of them is as asked for")


def test_there_is_a_way_to_who_stands_at_a_crossing(clients: dict[str, TestClient]):
    """It begins and ends where chains of streets do, and has no piece of one."""
    streets = gpd.read_parquet(Path(__file__).parents[3] / "data" / "streets.parquet")
    ends = Counter(end for one in streets.geometry for end in (one.coords[0], one.coords[-1]))
    crossings = [end for end, times in ends.items() if times > 2][::40]
    assert len(crossings) > 10
    for lon, lat in crossings:
        for one in ask(clients["network"], lon=lon, lat=lat, path="true", limit=3)["features"]:
            assert len(one["properties"]["path"]["coordinates"]) >= 2


# Changes and crowds


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_what_is_computed_is_said_once(editor: TestClient):
    """A facility may have further properties of any name; those of the answer are the answer's."""
    mine = {"minutes": 99, "metres": "m", "open": "always", "times": 1, "path": "p", "navigation": "n", "label": "x"}
    own = {"own": 1, "opening_hours": "24/7"}
    facility = ask(editor, limit=1)["features"][0]["id"]
    answer = editor.patch(f"{ITEMS}/{facility}", json={"properties": mine | own}, headers={"If-Match": "*"})
    assert answer.status_code == 200
    for query in ({}, {"times": "true", "navigation": "true", "path": "true", "open_at": "2026-11-25T10:00"}):
        text = editor.get(NEAREST, params={**HERE, "limit": 1, **query}).text
        told = json.loads(text, object_pairs_hook=_each_once)["features"][0]["properties"]
        assert told["own"] == 1
        assert not any(told.get(name) == value for name, value in mine.items())
        assert ("open" in told) == ("open_at" in query)


def test_the_same_wish_in_other_words_takes_no_more_room(client: TestClient):
    """Nobody can fill the memory by asking for the same in ever new words."""
    known = client.app.state.answers.states.current().computed
    first = ask(client, category="park,clinic", limit=3)
    size = len(known)
    for words in ("clinic,park", "park,park,clinic", ",".join(["clinic", "park"] * 200)):
        assert ask(client, category=words, limit=3) == first
    for query in ({"subtype": "pocket"}, {"subtype": "pocket,hospital"}, {"capacity": 3}, {"times": "true"}):
        ask(client, category="park,clinic", limit=3, **query)
    ask(client, category="park,clinic", limit=99)
    assert len(client.app.state.answers.states.current().computed) <= size + 4  # what `times` needs of the other modes


def test_a_change_is_in_the_next_answer(editor: TestClient):
    first = ask(editor, category="clinic", limit=3)["features"]
    assert ask(editor, category="park,clinic", subtype="hospital,pocket")["features"]
    for step, change in enumerate(({"name": "改名"}, {"capacity": 77}, {"opening_hours": "Mo-Su 00:00-24:00"})):
        answer = editor.patch(f"{ITEMS}/{first[0]['id']}", json={"properties": change}, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        (name, value), *_ = change.items()
        for query in ({"category": "clinic"}, {}, {"category": "clinic,park"}, {"category": "clinic", "limit": 50}):
            found = {one["id"]: one["properties"] for one in ask(editor, **{"limit": 8} | query)["features"]}
            assert found[first[0]["id"]][name] == value, (step, query)
        told = {
            one["id"]: one["properties"] for one in many(editor, [HERE], category="clinic")["answers"][0]["features"]
        }
        assert told[first[0]["id"]][name] == value
    assert ask(editor, capacity=77, category="clinic", limit=1)["features"][0]["properties"]["capacity"] >= 77
    new = {
        "type": "Feature",
        "id": "new",
        "geometry": {"type": "Point", "coordinates": [LON, LAT]},
        "properties": {"category": "clinic", "name": "新", "subtype": "hospital"},
    }
    assert editor.post(ITEMS, json=new).status_code == 201
    for query in ({}, {"category": "clinic"}, {"category": "clinic,park"}, {"subtype": "hospital"}, {"limit": 20}):
        assert ask(editor, **query)["features"][0]["id"] == "new", query
    assert editor.delete(f"{ITEMS}/new", headers={"If-Match": "*"}).status_code == 204
    assert "new" not in {one["id"] for one in whole(editor)}
    last = {one["id"]: one["properties"]["minutes"] for one in ask(editor, category="clinic", limit=3)["features"]}
    assert list(last.items()) == [(one["id"], one["properties"]["minutes"]) for one in first]


def test_a_crowd_gets_equal_answers(editor: TestClient):
    """All at once, from the first request on, when nothing has been computed yet."""
    questions = [
        {"category": "clinic"}, {}, {"category": "park,clinic", "limit": 9}, {"capacity": 5, "mode": "drive"},
        {"subtype": "pocket", "coordinates": "gcj02"}, {"open_at": "2026-11-25T10:00", "times": "true"},
        {"navigation": "true", "mode": "cycle"}, {"path": "true", "limit": 2},
    ]  # fmt: skip

    def twenty(thread: int) -> list[tuple[int, bytes, str]]:
        found = []
        for step in range(20):
            row = (thread + step) % len(questions)
            answer = editor.get(NEAREST, params={**HERE, **questions[row]})
            assert answer.status_code == 200
            found.append((row, answer.content, answer.headers["ETag"]))
        return found

    with ThreadPoolExecutor(16) as pool:
        told = [one for found in pool.map(twenty, range(16)) for one in found]
    assert len(told) == 320
    assert len({row for row, _, _ in told}) == len(set(told)) == len(questions)
    for row, content, _ in set(told):
        assert editor.get(NEAREST, params={**HERE, **questions[row]}).content == content


def test_what_is_kept_does_not_grow_for_ever(editor: TestClient):
    every = [one for category in categories.CATEGORIES.values() for one in category.subtypes]
    for count in (1, 2):
        for some in combinations(every, count):
            ask(editor, subtype=",".join(some), limit=1)
    assert len(editor.app.state.answers.states.current().computed) < 60
