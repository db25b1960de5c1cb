"""Reference systems convert geometries as pyproj does, with axes in the order of their authority."""

import json

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError
from geo.geodesy import crs, datums

POINT = shapely.Point(120.04, 28.89)


def test_systems_by_name_have_longitude_first_and_an_address() -> None:
    for name in COORDINATE_SYSTEMS:
        system = crs.by_name(name)
        expected = datums.position_from_wgs84(POINT.x, POINT.y, name)
        assert shapely.get_coordinates(system.from_wgs84(POINT))[0] == pytest.approx(expected)
        assert shapely.get_coordinates(system.to_wgs84(system.from_wgs84(POINT)))[0] == pytest.approx(
            (POINT.x, POINT.y), abs=3e-6
        )
        assert system.uri == (crs.CRS84 if name in datums.UNSHIFTED else f"urn:fuwuquan:crs:{name}")


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="coordinates 'mars'"):
        crs.by_name("mars")


@pytest.mark.parametrize(
    ("projection", "codes", "northing_first"),
    [("EPSG:4549", [4326, 4490, 4549], True), ("EPSG:32651", [4326, 4490, 32651], False)],
)
def test_systems_of_a_study_are_crs84_two_geographic_ones_and_its_projection(
    projection: str, codes: list[int], northing_first: bool
) -> None:
    systems = crs.systems_by_uri(projection)
    assert list(systems) == [crs.CRS84, *(crs.EPSG_URI.format(code) for code in codes)]
    *_, projected = systems.values()
    assert projected.northing_first is northing_first
    assert not projected.is_geographic
    expected = Transformer.from_crs("EPSG:4326", projection, always_xy=True).transform(POINT.x, POINT.y)
    first_and_second = expected[::-1] if northing_first else expected
    assert shapely.get_coordinates(projected.from_wgs84(POINT))[0] == pytest.approx(first_and_second, abs=1e-3)


def test_a_projection_without_a_code_is_not_offered() -> None:
    systems = crs.systems_by_uri("+proj=tmerc +lat_0=0 +lon_0=120 +datum=WGS84 +units=m +type=crs")
    assert [system.name for system in systems.values()] == ["wgs84", "epsg4326", "epsg4490"]


def test_geojson_is_rounded_and_has_counter_clockwise_rings() -> None:
    clockwise = shapely.Polygon([(120, 29), (120, 29.1), (120.123456789, 29.1)])
    text, nothing = crs.by_name("wgs84").to_geojson(np.array([clockwise, None]))
    assert nothing is None
    ring = json.loads(text or "")["coordinates"][0]
    assert shapely.LinearRing(ring).is_ccw
    assert [120.1234568, 29.1] in ring


def test_bounding_box_in_a_projection_holds_the_curved_sides() -> None:
    *_, projected = crs.systems_by_uri("EPSG:32651").values()
    west, south, east, north = projected.bounding_box([119, 28, 121, 30])
    outline = shapely.segmentize(shapely.box(119, 28, 121, 30), 0.001)
    inside = shapely.box(west, south, east, north).buffer(2)
    assert shapely.contains(inside, projected.from_wgs84(outline))
