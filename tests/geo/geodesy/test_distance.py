"""Distances are compared with pyproj's Geod, within the errors that the docstrings state."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geo.geodesy import distance

GEOD = Geod(ellps="WGS84")
LATITUDES = st.floats(-60, 60)
LONGITUDES = st.floats(-170, 170)
AZIMUTHS = st.floats(0, 360)


def offset(lon: float, lat: float, azimuth: float, metres: float) -> tuple[float, float]:
    lon, lat, _ = GEOD.fwd(lon, lat, azimuth, metres)
    return lon, lat


def disc(lon: float, lat: float, radius_m: float) -> shapely.Polygon:
    return shapely.Polygon([offset(lon, lat, azimuth, radius_m) for azimuth in np.linspace(0, 360, 72, endpoint=False)])


def nearest_vertex_m(shape: shapely.Geometry, lon: float, lat: float) -> float:
    """Geodesic metres from a position to the outline of a shape, which has a vertex every few metres."""
    x, y = shapely.get_coordinates(shapely.segmentize(shape.boundary, 0.0001)).T
    return float(np.min(GEOD.inv(np.full(len(x), lon), np.full(len(x), lat), x, y)[2]))


def test_geodesic_distance_of_numbers_is_a_number_and_of_arrays_an_array() -> None:
    metres = GEOD.inv(120.0, 29.0, 121.0, 30.0)[2]
    number = distance.geodesic_distance(120.0, 29.0, 121.0, 30.0)
    assert isinstance(number, float)
    assert number == metres
    array = distance.geodesic_distance(*(np.array([value, value]) for value in (120.0, 29.0, 121.0, 30.0)))
    assert array.tolist() == [metres, metres]


@pytest.mark.parametrize("lines", [3, 4000], ids=["one core", "several cores"])
def test_geodesic_lengths_are_those_of_pyproj(lines: int) -> None:
    random = np.random.default_rng(1)
    shapes = np.array([shapely.LineString(random.uniform((119, 28), (121, 30), (3, 2))) for _ in range(lines)])
    expected = [GEOD.geometry_length(shape) for shape in shapes]
    np.testing.assert_allclose(distance.geodesic_lengths(shapes), expected, rtol=1e-12)


def test_an_empty_line_and_no_lines_have_no_length() -> None:
    line = shapely.LineString([(120, 29), (120, 29.01)])
    lengths = distance.geodesic_lengths(np.array([shapely.LineString(), line, shapely.LineString()]))
    assert lengths.tolist() == [0, pytest.approx(GEOD.geometry_length(line)), 0]
    assert distance.geodesic_lengths(np.array([], dtype=object)).shape == (0,)


def test_geodesic_area_leaves_holes_out_and_adds_parts() -> None:
    outer, hole, other = disc(120, 29, 900), disc(120, 29, 300), disc(120.1, 29, 200)
    ring = shapely.Polygon(outer.exterior, [hole.exterior])
    area = {shape: abs(GEOD.geometry_area_perimeter(shape)[0]) for shape in (outer, hole, other)}
    expected = area[outer] - area[hole] + area[other]
    assert distance.geodesic_area(shapely.MultiPolygon([ring, other])) == pytest.approx(expected, rel=1e-9)


@given(LATITUDES)
def test_metres_per_degree_are_those_of_a_short_geodesic(lat: float) -> None:
    east, north = distance.metres_per_degree(lat)
    step = 1e-4
    assert east * step == pytest.approx(GEOD.inv(0, lat, step, lat)[2], rel=1e-6)
    assert north * step == pytest.approx(GEOD.inv(0, lat - step / 2, 0, lat + step / 2)[2], rel=1e-6)


@given(LONGITUDES, LATITUDES, AZIMUTHS, st.floats(1, 10_000))
def test_flat_distance_is_right_within_a_thousandth(lon: float, lat: float, azimuth: float, metres: float) -> None:
    there_lon, there_lat = offset(lon, lat, azimuth, metres)
    for latitude in (lat, there_lat):
        flat = distance.flat_distance(there_lon - lon, there_lat - lat, latitude)
        assert flat == pytest.approx(metres, rel=0.001)


@given(LONGITUDES, LATITUDES, AZIMUTHS, st.floats(0, 1_000_000))
def test_separation_of_points_is_the_geodesic(lon: float, lat: float, azimuth: float, metres: float) -> None:
    a, b = shapely.Point(lon, lat), shapely.Point(offset(lon, lat, azimuth, metres))
    assert distance.separation(a, b) == pytest.approx(metres, abs=1e-3)
    assert distance.hausdorff_distance(a, b) == distance.separation(a, b)


@given(LATITUDES, AZIMUTHS, st.floats(50, 100_000))
def test_separation_of_a_polygon_and_a_point_is_right_within_a_thousandth(
    lat: float, azimuth: float, metres: float
) -> None:
    park, place = disc(120, lat, 400), offset(120, lat, azimuth, 400 + metres)
    expected = nearest_vertex_m(park, *place)
    assert distance.separation(park, shapely.Point(place)) == pytest.approx(expected, rel=0.001, abs=0.5)
    assert distance.separation(shapely.Point(place), park) == pytest.approx(expected, rel=0.001, abs=0.5)


def test_separation_is_zero_where_shapes_touch() -> None:
    assert distance.separation(disc(120, 29, 400), shapely.Point(120, 29)) == 0


@pytest.mark.parametrize("azimuth", [0, 45, 90, 200])
def test_hausdorff_distance_of_a_moved_shape_is_the_way_it_was_moved(azimuth: float) -> None:
    park = disc(120, 29, 400)
    moved = shapely.transform(park, lambda xy: np.array([offset(lon, lat, azimuth, 3.0) for lon, lat in xy]))
    assert distance.hausdorff_distance(park, moved) == pytest.approx(3.0, rel=0.001)


@given(LATITUDES, AZIMUTHS, st.floats(1_000, 20_000))
def test_distances_outside_a_county_are_right_within_half_a_percent(lat: float, azimuth: float, metres: float) -> None:
    county, place = disc(120, lat, 30_000), offset(120, lat, azimuth, 30_000 + metres)
    outside = distance.distances_outside(county, np.array([shapely.Point(120, lat), shapely.Point(place)]))
    assert outside[0] == 0
    assert outside[1] == pytest.approx(nearest_vertex_m(county, *place), rel=0.005)


def test_a_place_in_a_hole_is_outside_by_its_distance_to_the_hole() -> None:
    county, lake = disc(120, 29, 30_000), disc(120, 29, 5_000)
    ring = shapely.Polygon(county.exterior, [lake.exterior])
    outside = distance.distances_outside(ring, np.array([shapely.Point(offset(120, 29, 90, 4_000))]))
    assert outside[0] == pytest.approx(1_000, rel=0.01)
