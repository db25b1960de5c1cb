"""The study's projection converts to metres and back, and a UTM zone fits a place."""

import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod

from geo.errors import InputError
from geo.geodesy.projection import projection, utm


def test_forward_and_inverse_give_the_first_geometry() -> None:
    metric = projection("EPSG:4549")
    lines = np.array([shapely.LineString([(120, 29), (120.01, 29.02)]), None])
    there_and_back = metric.inverse(metric.forward(lines))
    assert shapely.equals_exact(there_and_back[0], lines[0], tolerance=1e-9)
    assert there_and_back[1] is None


def test_one_position_and_an_array_of_positions_are_projected_alike() -> None:
    metric = projection("EPSG:4549")
    x, y = metric.to_metres(120.04, 28.89)
    assert shapely.get_coordinates(metric.points([120.04], [28.89])).tolist() == [[x, y]]
    assert shapely.get_coordinates(metric.points(120.04, 28.89)).tolist() == [[x, y]]
    assert metric.to_degrees(x, y) == pytest.approx((120.04, 28.89), abs=1e-9)


def test_geodesic_distances_are_those_between_the_nearest_points() -> None:
    metric = projection("EPSG:4549")
    squares = np.array([shapely.box(120.1, 29, 120.2, 29.1), shapely.box(119, 28, 121, 30)])
    distances = metric.geodesic_distances(metric.points(120, 29.05), metric.forward(squares))
    expected = Geod(ellps="WGS84").inv(120, 29.05, 120.1, 29.05)[2]
    assert distances.tolist() == [pytest.approx(expected, rel=1e-6), 0]


@pytest.mark.parametrize("lon", [-180, -51.2, -0.1, 0, 9.52, 120.04, 179.99, 180])
@pytest.mark.parametrize("lat", [-79, -0.1, 0, 47.14, 83])
def test_utm_zone_covers_the_place(lon: float, lat: float) -> None:
    area = CRS.from_user_input(utm(shapely.Point(lon, lat))).area_of_use
    assert area is not None
    assert area.west <= lon <= area.east
    assert area.south <= lat <= area.north


@pytest.mark.parametrize("lat", [-80.5, 84.5])
def test_there_is_no_utm_zone_near_the_poles(lat: float) -> None:
    with pytest.raises(InputError, match="no UTM zone"):
        utm(shapely.Point(10, lat))
