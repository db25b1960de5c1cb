"""OGC API – Features – Part 4: edits, as far as tests/service/api/edits does not have them."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import shapely
from starlette.testclient import TestClient

from service.register import keys as service_keys
from support import town
from support.json_types import JsonObject
from support.ogc import (
    GEOJSON,
    HTML,
    PROJECTED,
    ROOT,
    WGS84,
    assert_problem,
    features_of,
    get,
    items_of,
)
from support.ogc_properties import transformed

FEATURES_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
# A filter beside what plain Python makes of a feature's properties; None is what CQL2 calls unknown.
Condition = Callable[[JsonObject], bool | None]


def unknown_if_null(*names: str) -> Callable[[Condition], Condition]:
    """A test that is unknown where one of the properties is null."""

    def wrapped(test: Condition) -> Condition:
        return lambda p: None if any(p[name] is None for name in names) else test(p)

    return wrapped


@pytest.fixture
def editor(town_folder: Path, make_client) -> TestClient:
    """The API of the small town, with a key to edit."""
    client: TestClient = make_client(town_folder)
    key = service_keys.create(client.app.state.answers.register.database, "王工")  # type: ignore[attr-defined]
    client.headers["Authorization"] = f"Bearer {key}"
    return client


NEW = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": list(town.place(5, 5))},
    "properties": {"category": "clinic", "name": "新诊所"},
}


def test_conformance_declares_part_4(client: TestClient):
    declared = set(get(client, f"{ROOT}/conformance")["conformsTo"])
    assert FEATURES_4 + "create-replace-delete" in declared


def test_only_the_facilities_collection_can_be_edited(editor: TestClient):
    described = get(editor, f"{ROOT}/collections")["collections"]
    others = [collection["id"] for collection in described if collection["id"] != "facilities"]
    assert {"areas", "demand"} < set(others)
    for collection in others:
        (feature,) = get(editor, items_of(collection), limit=1)["features"]
        item = f"{items_of(collection)}/{quote(str(feature['id']), safe='')}"
        for method, address in (("POST", items_of(collection)), ("PUT", item), ("PATCH", item), ("DELETE", item)):
            answer = editor.request(method, address, json=NEW, headers={"If-Match": "*"})
            assert_problem(answer, 405)
            assert "GET" in answer.headers["allow"]


def test_edits_are_visible_in_pages_filters_and_entity_tags(editor: TestClient):
    address = items_of("facilities")
    before = editor.get(address)
    body = json.dumps(NEW | {"id": "way/12"})
    made = editor.post(address, content=body, headers={"Content-Type": GEOJSON})
    assert made.status_code == 201, made.text
    place = made.headers["Location"]
    assert place.endswith("/way%2F12")
    unknown_if_null = {"If-None-Match": before.headers["etag"]}
    after = editor.get(address, headers=unknown_if_null)
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["numberMatched"] == before.json()["numberMatched"] + 1
    (selected,) = features_of(editor, "facilities", filter="name = '新诊所'")
    assert selected["id"] == "way/12"
    (selected,) = features_of(editor, "facilities", name="新诊所")
    feature = editor.get(place)
    assert feature.json()["geometry"] == NEW["geometry"] == selected["geometry"]
    assert editor.get(place, params={"crs": PROJECTED}).headers["content-crs"] == f"<{PROJECTED}>"
    assert editor.get(place, headers={"Accept": HTML}).status_code == 200
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": feature.headers["etag"]}
    patched = editor.patch(place, content=json.dumps({"properties": {"name": "旧诊所"}}), headers=merge)
    assert patched.status_code == 200, patched.text
    assert features_of(editor, "facilities", filter="name = '新诊所'") == []
    assert editor.get(place, headers={"If-None-Match": feature.headers["etag"]}).status_code == 200
    replaced = editor.put(place, content=json.dumps(NEW), headers={"Content-Type": GEOJSON, "If-Match": "*"})
    assert replaced.status_code == 200, replaced.text
    assert editor.get(place).json()["properties"]["name"] == "新诊所"
    assert editor.delete(place, headers={"If-Match": "*"}).status_code == 204
    assert editor.get(place).status_code in (404, 410)
    last = editor.get(address)
    assert last.json() == before.json()


def test_entity_tag_of_any_representation_allows_an_edit(editor: TestClient):
    """The tag of a record in any representation allows an edit of it."""
    item = f"{items_of('facilities')}/c1"
    for parameters in ({}, {"crs": PROJECTED}, {"crs": WGS84}, {"coordinates": "gcj02"}):
        tag = editor.get(item, params=parameters).headers["etag"]
        answer = editor.patch(item, json={"properties": {"name": f"甲{len(tag)}"}}, headers={"If-Match": tag})
        assert answer.status_code == 200, (parameters, tag, answer.text)
        assert editor.patch(item, json={"properties": {}}, headers={"If-Match": '"999-wgs84"'}).status_code == 412


def test_body_with_another_content_crs_is_converted_or_refused(editor: TestClient):
    """Part 4 lets Content-Crs name the CRS of a body: metres must not be taken for degrees."""
    north, east = shapely.get_coordinates(transformed(shapely.Point(NEW["geometry"]["coordinates"]), PROJECTED))[0]
    body = NEW | {"id": "projected", "geometry": {"type": "Point", "coordinates": [north, east]}}
    answer = editor.post(items_of("facilities"), json=body, headers={"Content-Crs": f"<{PROJECTED}>"})
    if answer.status_code == 201:
        lon, lat = get(editor, f"{items_of('facilities')}/projected")["geometry"]["coordinates"]
        assert (lon, lat) == pytest.approx(NEW["geometry"]["coordinates"], abs=1e-6)
    else:
        assert_problem(answer)
    swapped = NEW | {"geometry": {"type": "Point", "coordinates": NEW["geometry"]["coordinates"][::-1]}}
    answer = editor.post(items_of("facilities"), json=swapped, headers={"Content-Crs": f"<{WGS84}>"})
    if answer.status_code == 201:
        lon, lat = answer.json()["geometry"]["coordinates"]
        assert (lon, lat) == pytest.approx(NEW["geometry"]["coordinates"], abs=1e-6)
    else:
        assert_problem(answer)


@pytest.mark.parametrize("below", ["history", "restore", "merge"])
def test_paths_below_a_facility_have_their_own_methods(client: TestClient, below: str):
    """The methods do not depend on the key."""
    allowed = "GET, HEAD" if below == "history" else "POST"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allowed.split(", ")):
        answer = client.request(method, f"{items_of('facilities')}/yk-park-001/{below}", json={})
        assert (answer.status_code, answer.headers.get("Allow")) == (405, allowed), method
