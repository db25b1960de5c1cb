"""What each feature of `/v1/nearest` has: labels, times by every mode, paths, and links into map apps."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from geo.geodesy import datums
from geo.study import categories
from support.json_types import JsonObject
from support.nearest_api import (
    COORDINATE_SYSTEMS,
    HERE,
    ITEMS,
    LAT,
    LON,
    MODES,
    NEAREST,
    ask,
    full_ranking,
    ids_and_times,
    make_facilities,
)

LINK_TARGETS = {
    "amap": "https://uri.amap.com/navigation",
    "baidu": "https://api.map.baidu.com/direction",
    "tencent": "https://apis.map.qq.com/uri/v1/routeplan",
}
MODE_NAMES = {
    "walk": ("walk", "walking", "walk"),
    "cycle": ("ride", "riding", "bike"),
    "drive": ("car", "driving", "drive"),
}
TOLERANCE = 3e-6  # degrees: Baidu's published inverse is 1e-6 off, and links have six digits


def is_inside(shape: Any, x: str, y: str, system: str) -> bool:
    """Whether a place in a system is in a WGS84 shape; the systems are hundreds of metres apart, shapes tens across."""
    place = shapely.Point(*(float(degrees) for degrees in datums.to_wgs84(float(x), float(y), system)))
    return bool(shape.distance(place) < TOLERANCE)


def is_origin(place: list[str], system: str) -> bool:
    return list(map(float, place)) == pytest.approx(
        [float(degrees) for degrees in datums.from_wgs84(LON, LAT, system)], abs=TOLERANCE
    )


def without_repetition(pairs: list[tuple[str, Any]]) -> JsonObject:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_features_have_labels_in_both_languages(client: TestClient):
    given = {facility["id"]: facility["properties"] for facility in make_facilities()["features"]}
    for feature in full_ranking(client):
        answer, mine = feature["properties"], given[feature["id"]]
        assert (answer["name"], answer["name_en"]) == (mine["name"], mine["name_en"])
        category = categories.BUILT_IN[mine["category"]]
        labels = (category.label, category.label_en)
        assert (answer["label"], answer["label_en"]) == (
            labels if mine["subtype"] is None else tuple(category.subtypes[mine["subtype"]])
        )


@pytest.mark.parametrize("system", COORDINATE_SYSTEMS)
def test_all_coordinate_systems_give_the_same_answer(client: TestClient, system: str):
    lon, lat = (float(degrees) for degrees in datums.from_wgs84(LON, LAT, system))
    plain = ask(client, limit=100, open_at="2026-11-25T10:00", times="true")
    moved = ask(client, lon=lon, lat=lat, coordinates=system, limit=100, open_at="2026-11-25T10:00", times="true")
    assert moved["coordinate_system"] == system
    assert moved["place"] == {"lon": lon, "lat": lat}
    assert len(moved["features"]) > 20
    for moved_feature, other in zip(moved["features"], plain["features"], strict=True):
        assert moved_feature["id"] == other["id"]
        assert moved_feature["properties"]["open"] == other["properties"]["open"]
        assert moved_feature["properties"]["minutes"] == pytest.approx(other["properties"]["minutes"], abs=0.01)
        assert moved_feature["properties"]["times"] == pytest.approx(other["properties"]["times"], abs=0.01)
        shape, straight = (shapely.geometry.shape(feature["geometry"]) for feature in (moved_feature, other))
        back = datums.geometry_to_wgs84(shape, system)
        assert shapely.hausdorff_distance(back, straight) < TOLERANCE
        shifted = system in ("gcj02", "bd09")
        assert (shapely.hausdorff_distance(shape, straight) > 1e-3) == shifted


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("extra", [{}, {"category": "clinic,park", "capacity": "5"}, {"limit": "100"}])
def test_times_equal_the_minutes_of_each_mode(client: TestClient, mode: str, extra: dict[str, str]):
    single = {
        other_mode: {
            feature["id"]: feature["properties"]["minutes"] for feature in full_ranking(client, mode=other_mode)
        }
        for other_mode in MODES
    }
    assert all("times" not in feature["properties"] for feature in full_ranking(client))
    features = ask(client, mode=mode, times="true", **extra)["features"]
    assert features
    for feature in features:
        times = feature["properties"]["times"]
        assert list(times) == list(MODES)
        for other_mode in MODES:
            assert times[other_mode] == pytest.approx(single[other_mode][feature["id"]], abs=0.0011)
        assert times[mode] == pytest.approx(feature["properties"]["minutes"], abs=0.0011)
        assert times["cycle"] < times["walk"]


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_paths_lead_from_the_place_to_the_filtered_facilities(clients: dict[str, TestClient], coordinates: str):
    lon, lat = (float(degrees) for degrees in datums.from_wgs84(LON, LAT, coordinates))
    query = {"lon": lon, "lat": lat, "coordinates": coordinates, "limit": 12, "category": "clinic,park"}
    query |= {"capacity": 5, "open_at": "2026-11-25T10:00"}
    plain = ask(clients["network"], **query)["features"]
    ways = ask(clients["network"], **query, path="true")["features"]
    assert len(plain) > 2
    assert ids_and_times(ways) == ids_and_times(plain)
    for feature in ways:
        way = feature["properties"]["path"]
        assert way["type"] == "LineString"
        assert way["coordinates"][0] == pytest.approx([lon, lat], abs=2e-6)
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.distance(shapely.Point(way["coordinates"][-1])) < 2e-6
    without = ask(clients["straight-line"], **query, path="true")["features"]
    assert without
    assert all(feature["properties"]["path"] is None for feature in without)


def test_path_from_a_street_crossing_has_at_least_two_points(clients: dict[str, TestClient]):
    """At a crossing a path begins where chains of streets meet, and has no part of an edge before it."""
    streets = gpd.read_parquet(Path(__file__).parents[4] / "data" / "streets.parquet")
    ends = Counter(end for street in streets.geometry for end in (street.coords[0], street.coords[-1]))
    crossings = [end for end, times in ends.items() if times > 2][::40]
    assert len(crossings) > 10
    for lon, lat in crossings:
        for feature in ask(clients["network"], lon=lon, lat=lat, path="true", limit=3)["features"]:
            assert len(feature["properties"]["path"]["coordinates"]) >= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_navigation_links_use_each_apps_own_datum(client: TestClient, coordinates: str, mode: str):
    lon, lat = (float(degrees) for degrees in datums.from_wgs84(LON, LAT, coordinates))
    parameters = {"lon": lon, "lat": lat, "coordinates": coordinates, "mode": mode, "limit": 100}
    places = {facility["id"]: shapely.geometry.shape(facility["geometry"]) for facility in full_ranking(client)}
    features = ask(client, **parameters, navigation="true")["features"]
    assert len(features) == 60
    for feature in features:
        links = {name: urlsplit(href) for name, href in feature["properties"]["navigation"].items()}
        queries = {name: parse_qs(link.query, strict_parsing=True) for name, link in links.items()}
        assert all(len(values) == 1 for query in queries.values() for values in query.values())
        amap, baidu, tencent = ({key: value[0] for key, value in queries[name].items()} for name in LINK_TARGETS)
        assert [f"{link.scheme}://{link.netloc}{link.path}" for link in links.values()] == list(LINK_TARGETS.values())
        assert not any(link.fragment for link in links.values())
        shape = places[feature["id"]]
        name = "".join(" " if c in ",|:;" else c for c in feature["properties"]["name"])
        # AMap and Baidu separate the name with signs that it therefore must not contain.
        x, y, label = amap["to"].split(",")
        assert label == name
        assert is_inside(shape, x, y, "gcj02")
        assert is_origin(amap["from"].split(","), "gcj02")
        latlng, called = baidu["destination"].split("|")
        assert called.removeprefix("name:") == name
        y, x = latlng.removeprefix("latlng:").split(",")
        assert is_inside(shape, x, y, "bd09")
        assert is_origin(baidu["origin"].split(",")[::-1], "bd09")
        y, x = tencent["tocoord"].split(",")
        assert tencent["to"] == name
        assert is_inside(shape, x, y, "gcj02")
        assert is_origin(tencent["fromcoord"].split(",")[::-1], "gcj02")
        assert (amap["mode"], baidu["mode"], tencent["type"]) == MODE_NAMES[mode]
        assert (amap["coordinate"], baidu["coord_type"]) == ("gaode", "bd09ll")
        assert amap.keys() == {"from", "to", "mode", "coordinate", "callnative", "src"}
        assert baidu.keys() == {"origin", "destination", "mode", "coord_type", "output", "src"}
        assert tencent.keys() == {"type", "fromcoord", "tocoord", "to", "policy", "referer"}


def test_navigation_links_appear_only_when_asked_for(client: TestClient):
    assert all("navigation" not in feature["properties"] for feature in full_ranking(client))


def test_all_options_together_give_the_same_as_each_alone(client: TestClient):
    wished = {"path": "true", "times": "true", "navigation": "true", "open_at": "2026-11-25T10:00", "limit": 20}
    together = ask(client, **wished)["features"]
    assert len(together) == 20
    for name in ("path", "times", "navigation", "open"):
        query = {"limit": 100, "open_at": wished["open_at"]} | ({name: "true"} if name != "open" else {})
        alone = ask(client, **query)["features"][:20]
        assert [feature["properties"][name] for feature in alone] == [
            feature["properties"][name] for feature in together
        ]


def test_computed_members_replace_further_properties_of_the_same_name(editor: TestClient):
    """A facility may have further properties of any name; the answer's own members take precedence."""
    mine = {"minutes": 99, "metres": "m", "open": "always", "times": 1, "path": "p", "navigation": "n", "label": "x"}
    own = {"own": 1, "opening_hours": "24/7"}
    facility = ask(editor, limit=1)["features"][0]["id"]
    answer = editor.patch(f"{ITEMS}/{facility}", json={"properties": mine | own}, headers={"If-Match": "*"})
    assert answer.status_code == 200
    for query in ({}, {"times": "true", "navigation": "true", "path": "true", "open_at": "2026-11-25T10:00"}):
        text = editor.get(NEAREST, params={**HERE, "limit": 1, **query}).text
        reply = json.loads(text, object_pairs_hook=without_repetition)["features"][0]["properties"]
        assert reply["own"] == 1
        assert not any(reply.get(name) == value for name, value in mine.items())
        assert ("open" in reply) == ("open_at" in query)
