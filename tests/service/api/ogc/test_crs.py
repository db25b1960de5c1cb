"""OGC API – Features – Part 2: coordinate reference systems, compared with pyproj over the study's files."""

import random
from urllib.parse import quote

import numpy as np
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    CGCS2000,
    COORDINATE_SYSTEMS,
    CRS84,
    GEOJSON,
    PROJECTED,
    ROOT,
    WGS84,
    assert_problem,
    features_in_files,
    features_of,
    get,
    items_of,
    keys,
)
from support.ogc_properties import file_shapes, transformed

each_system = pytest.mark.parametrize("system", COORDINATE_SYSTEMS, ids=("crs84", "4326", "4490", "projected"))
SOME_COLLECTIONS = ("facilities", "areas", "demand", "coverage-health-15", "coverage-park-500")


def metre_in(system: str) -> float:
    """About a metre in the unit of a CRS."""
    return 1.0 if system == PROJECTED else 1e-5


def test_projection_of_the_sample_has_axes_north_and_east():
    """Otherwise the tests below would not test the order of axes."""
    axes = [axis.direction for axis in pyproj.CRS("EPSG:" + PROJECTED.rpartition("/")[2]).axis_info]
    assert axes == ["north", "east"]
    (north, east) = shapely.get_coordinates(transformed(shapely.Point(120.04, 28.9), PROJECTED))[0]
    assert 3.1e6 < north < 3.3e6
    assert 4.9e5 < east < 5.1e5


def test_conformance_declares_part_2(client: TestClient):
    declared = get(client, f"{ROOT}/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in declared


def test_every_collection_lists_its_systems_and_its_storage_system(client: TestClient):
    listed = get(client, f"{ROOT}/collections")
    for collection in listed["collections"]:
        for described in (collection, get(client, f"{ROOT}/collections/{collection['id']}")):
            systems = described["crs"]
            if "#/crs" in systems:
                systems = [name for name in systems if name != "#/crs"] + listed["crs"]
            assert systems[0] == CRS84
            assert sorted(systems) == sorted(COORDINATE_SYSTEMS)
            assert described["storageCrs"] == CRS84


@each_system
@pytest.mark.parametrize("collection", SOME_COLLECTIONS)
def test_coordinates_in_every_system_equal_pyprojs(client: TestClient, collection: str, system: str):
    plain = get(client, items_of(collection), limit=10_000)["features"]
    page = client.get(items_of(collection), params={"limit": 10_000, "crs": system})
    assert page.status_code == 200
    assert page.headers["content-type"] == GEOJSON
    assert page.headers["content-crs"] == f"<{system}>"
    features = page.json()["features"]
    assert [item["id"] for item in features] == [item["id"] for item in plain]
    assert [item["properties"] for item in features] == [item["properties"] for item in plain]
    for was, is_now in zip(plain, features, strict=True):
        expected = file_shapes(collection, system)[ogc.key(collection, was)]
        drawn = ogc.shape(is_now)
        assert drawn.geom_type == expected.geom_type
        farthest = shapely.hausdorff_distance(expected, drawn)
        assert farthest <= 0.02 * metre_in(system), is_now["id"]
    for feature in (features[0], features[-1]):
        single = client.get(f"{items_of(collection)}/{quote(str(feature['id']), safe='')}", params={"crs": system})
        assert single.headers["content-crs"] == f"<{system}>"
        assert single.json()["geometry"] == feature["geometry"]


@each_system
@pytest.mark.parametrize("collection", SOME_COLLECTIONS)
def test_bbox_selects_in_its_own_system(client: TestClient, collection: str, system: str):
    """Its edges run five centimetres beside features: a box whose corners only are transformed would miss by metres."""
    shapes = file_shapes(collection, system)
    chance = random.Random(7)
    counts = set()
    for _ in range(6):
        names = chance.sample(sorted(shapes, key=str), 4)
        corners = [shapely.get_coordinates(shapes[name])[0] for name in names]
        # Two of the sides go a little beyond a place, two a little less far.
        (x1, x2), (y1, y2) = (sorted(corner[axis] for corner in corners[2 * axis : 2 * axis + 2]) for axis in (0, 1))
        near = 0.05 * metre_in(system)
        box = (x1 - near, y1 + near, x2 - near, y2 + near)
        drawn = shapely.box(*box)
        expected = {name for name, shape in shapes.items() if shape.intersects(drawn)}
        query = {"bbox": ",".join(f"{number:.9f}" for number in box), "bbox-crs": system, "limit": 10_000}
        page = get(client, items_of(collection), **query)
        assert set(keys(collection, page["features"])) == expected, box
        assert page["numberMatched"] == len(expected)
        counts.add(len(expected))
        # The system of the answer is independent of the system of the bbox.
        other = client.get(items_of(collection), params=query | {"crs": PROJECTED})
        assert other.headers["content-crs"] == f"<{PROJECTED}>"
        assert [feature["id"] for feature in other.json()["features"]] == [
            feature["id"] for feature in page["features"]
        ]
    assert len(counts) > 1


@pytest.mark.parametrize("system", [CRS84, WGS84, CGCS2000], ids=("crs84", "4326", "4490"))
@pytest.mark.parametrize("collection", SOME_COLLECTIONS)
def test_bbox_across_the_antimeridian_goes_the_other_way_round(client: TestClient, collection: str, system: str):
    for west, east in ((120.05, -170.0), (170.0, 120.05), (-170.0, 120.05)):
        box = (west, 28.8, east, 29.0)
        numbers = box if system == CRS84 else (28.8, west, 29.0, east)
        drawn = ogc.rectangle(*box)
        expected = ogc.keys_matching(collection, lambda feature, drawn=drawn: feature.shape.intersects(drawn))
        selected = features_of(client, collection, **{"bbox": ",".join(map(str, numbers)), "bbox-crs": system})
        assert set(keys(collection, selected)) == expected, box
        assert 0 < len(expected) < len(features_in_files(collection))


def test_bbox_in_metres_with_west_above_east_is_refused(client: TestClient):
    box = "3200000,500000,3190000,490000"
    assert_problem(client.get(items_of("facilities"), params={"bbox": box, "bbox-crs": PROJECTED}))


@each_system
def test_heights_of_a_bbox_are_ignored(client: TestClient, system: str):
    box = shapely.total_bounds(
        [transformed(feature.shape, system) for feature in list(features_in_files("facilities").values())[:40]]
    )
    x1, y1, x2, y2 = box
    flat, high = (
        features_of(client, "facilities", **{"bbox": ",".join(map(str, numbers)), "bbox-crs": system})
        for numbers in (box, (x1, y1, -500, x2, y2, 8848))
    )
    assert flat == high
    assert 40 <= len(flat) < 933


@pytest.mark.parametrize(
    "wrong",
    ["", "4326", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326", ogc.EPSG + "3857", ogc.EPSG + "4326/", ogc.EPSG + "4326 ",
     "http://www.opengis.net/def/crs/OGC/0/CRS84h", "https://example.com", CRS84.lower(), "#/crs"],
)  # fmt: skip
def test_system_that_a_collection_does_not_list_is_refused(client: TestClient, wrong: str):
    for collection in ("facilities", "demand"):
        address = items_of(collection)
        feature = get(client, address, limit=1)["features"][0]["id"]
        for query in ({"crs": wrong}, {"bbox-crs": wrong, "bbox": "1,2,3,4"},
                      {"filter-crs": wrong, "filter": "S_INTERSECTS(geometry, POINT(1 2))"}):  # fmt: skip
            assert next(iter(query)) in assert_problem(client.get(address, params=query))
        assert "crs" in assert_problem(client.get(f"{address}/{feature}", params={"crs": wrong}))


@pytest.mark.parametrize("name", ["crs", "bbox-crs", "filter-crs"])
def test_unknown_system_is_refused_even_without_coordinates_in_it(client: TestClient, name: str):
    assert name in assert_problem(client.get(items_of("facilities"), params={name: "EPSG:4326"}))


def test_shifted_coordinates_and_a_crs_together_are_refused(client: TestClient):
    address = items_of("facilities")
    item = f"{address}/yk-clinic-001"
    for coordinates in ("gcj02", "bd09"):
        for system in COORDINATE_SYSTEMS:
            for query in (address, item):
                assert_problem(client.get(query, params={"coordinates": coordinates, "crs": system}))
        # GCJ-02 and BD-09 have no CRS of EPSG or OGC, so the answer must not claim one.
        for query in (address, item):
            answer = client.get(query, params={"coordinates": coordinates})
            assert answer.status_code == 200
            assert "opengis.net" not in answer.headers.get("content-crs", "")
        box = "120.04,28.89,120.05,28.9"
        assert_problem(client.get(address, params={"coordinates": coordinates, "bbox": box, "bbox-crs": WGS84}))
    assert client.get(address, params={"coordinates": "wgs84", "crs": CRS84}).status_code == 200


def test_extent_is_in_the_coordinates_of_the_answer(client: TestClient):
    plain, moved = (
        get(client, "/v1/collections/facilities", coordinates=name)["extent"]["spatial"] for name in ("wgs84", "gcj02")
    )
    assert (plain["crs"], moved["crs"]) == (CRS84, "urn:fuwuquan:crs:gcj02")
    features = get(client, items_of("facilities"), coordinates="gcj02", limit=10_000)["features"]
    sides = shapely.total_bounds([shapely.geometry.shape(feature["geometry"]) for feature in features])
    assert np.allclose(moved["bbox"][0], sides, atol=1e-4)
    assert abs(moved["bbox"][0][0] - plain["bbox"][0][0]) > 0.004
