"""/v1/collections/facilities/items: facilities page by page, and a single facility by its id."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import shapely
from pyproj import Geod
from starlette.testclient import TestClient

from service.api.routes import features
from support import town

ITEMS = "/v1/collections/facilities/items"
BOX = (120.0, 28.85, 120.06, 28.92)


@pytest.fixture(scope="module")
def shipped(served_folder: Path) -> dict[str, dict]:
    """The features of the study's own file, by id."""
    features = json.loads((served_folder / "facilities.geojson").read_text("utf-8"))["features"]
    return {feature["id"]: feature for feature in features}


def follow_links(client: TestClient, rel: str, url: str) -> list[dict]:
    """The page at ``url`` and all pages that its ``rel`` links lead to."""
    pages = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/geo+json"
        pages.append(answer.json())
        assert len(pages) < 200
        url = link(pages[-1], rel)
    return pages


def link(page: dict, rel: str) -> str | None:
    hrefs = [entry["href"] for entry in page["links"] if entry["rel"] == rel]
    assert len(hrefs) <= 1
    return hrefs[0] if hrefs else None


def ids(*some: dict) -> list[str]:
    return [feature["id"] for page in some for feature in page["features"]]


@pytest.mark.parametrize("limit", [97, 311, 933])  # of 933 facilities: with the last two limits the last page is full
def test_next_links_give_every_facility_exactly_once(client: TestClient, shipped: dict, limit: int):
    pages = follow_links(client, "next", f"{ITEMS}?limit={limit}")
    assert ids(*pages) == sorted(shipped)
    assert [page["numberMatched"] for page in pages] == [len(shipped)] * len(pages)
    assert [page["numberReturned"] for page in pages] == [len(page["features"]) for page in pages]
    assert len(pages) == -(-len(shipped) // limit)
    assert all(page["sample"] is True for page in pages)


def test_prev_links_lead_back_to_the_start(client: TestClient, shipped: dict):
    pages = follow_links(client, "prev", f"{ITEMS}?limit=200&offset=800")
    assert ids(*reversed(pages)) == sorted(shipped)
    assert link(pages[-1], "prev") is None


def test_self_link_leads_to_the_page_itself(client: TestClient):
    page = client.get(f"{ITEMS}?limit=3&offset=6&category=park").json()
    again = client.get(link(page, "self")).json()
    assert again == page


def test_links_keep_the_query(client: TestClient, shipped: dict):
    url = f"{ITEMS}?category=park&coordinates=gcj02&limit=20&bbox={','.join(map(str, BOX))}"
    pages = follow_links(client, "next", url)
    assert len(pages) > 1
    query = dict(parse_qsl(urlsplit(link(pages[0], "next")).query))
    assert query == {
        "category": "park",
        "coordinates": "gcj02",
        "limit": "20",
        "offset": "20",
        "bbox": ",".join(map(str, BOX)),
    }
    everything = client.get(url.replace("limit=20", "limit=1000")).json()
    assert ids(*pages) == ids(everything)
    assert all(feature["properties"]["category"] == "park" for feature in everything["features"])


def test_an_offset_beyond_the_end_is_an_empty_page(client: TestClient, shipped: dict):
    page = client.get(f"{ITEMS}?offset=100000").json()
    assert (page["features"], page["numberReturned"], page["numberMatched"]) == ([], 0, len(shipped))
    assert link(page, "next") is None


@pytest.mark.parametrize("category", ["park", "clinic", "kindergarten", "cultural_hall"])
def test_category_selects_exactly_its_facilities(client: TestClient, shipped: dict, category: str):
    page = client.get(ITEMS, params={"category": category, "limit": 1000}).json()
    assert ids(page) == sorted(key for key, feature in shipped.items() if feature["properties"]["category"] == category)


def test_bbox_selects_what_touches_it(client: TestClient, shipped: dict):
    page = client.get(ITEMS, params={"bbox": ",".join(map(str, BOX)), "limit": 1000}).json()
    box = shapely.box(*BOX)
    expected = [
        key
        for key, feature in shipped.items()
        if box.intersects(shapely.box(*shapely.from_geojson(json.dumps(feature["geometry"])).bounds))
    ]
    assert ids(page) == sorted(expected)
    assert 0 < len(expected) < len(shipped)


def test_bbox_of_one_point_selects_what_stands_there(town_client: TestClient):
    lon, lat = town.place(1, 1)
    assert ids(town_client.get(f"{ITEMS}?bbox={lon},{lat},{lon},{lat}").json()) == ["c1"]


def test_bbox_of_the_whole_world_selects_everything(client: TestClient, shipped: dict):
    page = client.get(ITEMS, params={"bbox": "-180,-90,180,90", "limit": 1}).json()
    assert page["numberMatched"] == len(shipped)


@pytest.mark.parametrize("system", ["wgs84", "cgcs2000", "gcj02", "bd09"])
def test_bbox_is_in_the_given_coordinates(client: TestClient, system: str):
    feature = client.get(f"{ITEMS}/yk-clinic-001?coordinates={system}").json()
    assert feature["coordinate_system"] == system
    lon, lat = feature["geometry"]["coordinates"]
    box = f"{lon - 2e-4},{lat - 2e-4},{lon + 2e-4},{lat + 2e-4}"  # some 20 m
    assert "yk-clinic-001" in ids(client.get(ITEMS, params={"bbox": box, "coordinates": system}).json())
    if system in ("gcj02", "bd09"):
        assert "yk-clinic-001" not in ids(client.get(ITEMS, params={"bbox": box}).json())


def test_gcj02_is_454_m_east_and_318_m_south_in_yongkang(client: TestClient, shipped: dict):
    page = client.get(ITEMS, params={"category": "clinic", "coordinates": "gcj02", "limit": 1000}).json()
    geod = Geod(ellps="WGS84")
    for feature in page["features"]:
        lon, lat = shipped[feature["id"]]["geometry"]["coordinates"]
        east, south = feature["geometry"]["coordinates"]
        assert east > lon
        assert south < lat
        near = 5 if feature["id"] == "yk-clinic-001" else 45  # this clinic is in the middle of the city
        assert geod.line_length((lon, east), (lat, lat)) == pytest.approx(454, abs=near)
        assert geod.line_length((lon, lon), (lat, south)) == pytest.approx(318, abs=near)


def test_page_equals_the_studys_file(client: TestClient, shipped: dict):
    page = client.get(ITEMS, params={"limit": 1000}).json()
    for feature in page["features"]:
        written = shipped[feature["id"]]
        assert feature["geometry"] == written["geometry"]
        properties = {key: value for key, value in feature["properties"].items() if value is not None}
        assert properties == {key: value for key, value in written["properties"].items() if value is not None}


def test_single_facility_equals_its_entry_in_the_list(client: TestClient):
    for feature in client.get(f"{ITEMS}?limit=5&category=park").json()["features"]:
        facility = client.get(f"{ITEMS}/{feature['id']}").json()
        assert {key: facility[key] for key in feature} == feature
        assert facility["sample"] is True


@pytest.mark.parametrize("unknown", ["nonsense", "yk-clinic-0010", "%00", "a" * 10_000, "' OR 1=1 --", "%F0%9F%8F%A5"])
def test_unknown_id_is_404(client: TestClient, unknown: str):
    answer = client.get(f"{ITEMS}/{unknown}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("facility_id", ["诊所 1", "x?y#z", "a&b=c", "50%", "way/12"])
def test_facility_with_an_unusual_id_can_be_read(tmp_path: Path, make_client, facility_id: str):
    folder = town.make(tmp_path / "town")
    path = folder / "facilities.geojson"
    content = json.loads(path.read_text("utf-8"))
    content["features"][0]["id"] = facility_id
    path.write_text(json.dumps(content), "utf-8")
    client = make_client(folder)
    assert facility_id in ids(client.get(ITEMS).json())
    answer = client.get(f"{ITEMS}/{quote(facility_id, safe='')}")
    assert answer.status_code == 200
    assert answer.json()["id"] == facility_id


def test_limit_above_the_maximum_is_clamped(client: TestClient, monkeypatch: pytest.MonkeyPatch, shipped: dict):
    assert client.get(f"{ITEMS}?limit={10**30}").json()["numberReturned"] == len(shipped)
    monkeypatch.setattr(features, "MAX_ITEMS", 20)
    page = client.get(f"{ITEMS}?limit=21").json()
    assert page["numberReturned"] == 20
    assert ids(page, client.get(link(page, "next")).json()) == sorted(shipped)[:40]


@pytest.mark.parametrize("coordinates", ["gcj02", "bd09"])
def test_bbox_in_shifted_coordinates_selects_what_is_drawn_in_it(client: TestClient, coordinates: str) -> None:
    """A wide box, whose sides are not straight in WGS84, selects exactly the points that are answered within it."""
    everything = client.get("/v1/collections/facilities/items", params={"limit": 5000, "coordinates": coordinates})
    points = {
        feature["id"]: feature["geometry"]["coordinates"]
        for feature in everything.json()["features"]
        if feature["geometry"]["type"] == "Point"
    }
    # The sides run through facilities, so that an error of a metre changes the result.
    lons, lats = (sorted(axis) for axis in zip(*points.values(), strict=True))
    count = len(lons)
    west, east, south, north = lons[count // 5], lons[-count // 5], lats[count // 5], lats[-count // 5]
    answer = client.get(
        "/v1/collections/facilities/items",
        params={
            "bbox": f"{west - 1e-7},{south - 1e-7},{east + 1e-7},{north + 1e-7}",
            "limit": 5000,
            "coordinates": coordinates,
        },
    ).json()
    selected = {feature["id"] for feature in answer["features"] if feature["geometry"]["type"] == "Point"}
    assert selected == {key for key, (x, y) in points.items() if west <= x <= east and south <= y <= north}
    assert answer["numberMatched"] == len(answer["features"])
    assert 100 < len(selected) < count
