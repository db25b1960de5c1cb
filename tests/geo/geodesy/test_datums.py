"""The datums of Chinese maps are compared with published positions and with their own inverses."""

import numpy as np
import pytest
import shapely

from geo.errors import FuwuquanError, UnknownNameError
from geo.geodesy import datums
from geo.geodesy.distance import geodesic_distance

# Systems from and to, longitude and latitude in the one and in the other, tolerance in degrees.
PUBLISHED_POSITIONS = [
    # googollee/eviltransform, tests
    ("wgs84", "gcj02", 121.5272106, 31.1774276, 121.531541859215, 31.17530398364597, 1e-9),
    ("wgs84", "gcj02", 113.912316, 22.543847, 113.9171764808363, 22.540796131694766, 1e-9),
    ("wgs84", "gcj02", 116.377817, 39.911954, 116.38404722455657, 39.91334545536069, 1e-9),
    # wandergis/coordtransform, tests
    ("wgs84", "gcj02", 116.404, 39.915, 116.41024449916938, 39.91640428150164, 1e-12),
    ("gcj02", "bd09", 116.404, 39.915, 116.41036949371029, 39.92133699351021, 1e-12),
    ("bd09", "gcj02", 116.404, 39.915, 116.39762729119315, 39.90865673957631, 1e-12),
    # hujiulong/gcoord, test/fixtures/china-cities.json, 金华市
    ("wgs84", "gcj02", 119.6427465, 29.0820414, 119.6474509, 29.0790641, 1e-5),
    ("gcj02", "bd09", 119.6474509, 29.0790641, 119.6538875, 29.0854003, 1e-6),
    # Yongkang: 454 m east and 318 m south
    ("wgs84", "gcj02", 120.0427838, 28.8918967, 120.0474519452239, 28.889032631312155, 1e-9),
]


@pytest.fixture(scope="module")
def positions_in_china() -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes."""
    rng = np.random.default_rng(330784)
    return rng.uniform(73.5, 135, 10_000), rng.uniform(18, 53.5, 10_000)


@pytest.mark.parametrize(("source", "target", "lon", "lat", "out_lon", "out_lat", "tolerance"), PUBLISHED_POSITIONS)
def test_conversion_gives_the_published_positions(
    source: str, target: str, lon: float, lat: float, out_lon: float, out_lat: float, tolerance: float
) -> None:
    # From GCJ-02 to BD-09 the conversion goes through WGS84, which adds less than 1e-11 degrees.
    x, y = datums.from_wgs84(*datums.to_wgs84(lon, lat, source), target)
    assert x == pytest.approx(out_lon, abs=max(tolerance, 1e-11), rel=0)
    assert y == pytest.approx(out_lat, abs=max(tolerance, 1e-11), rel=0)


@pytest.mark.parametrize(("system", "tolerance"), [("gcj02", 1e-9), ("bd09", 2e-6), ("cgcs2000", 0), ("wgs84", 0)])
def test_conversion_there_and_back_gives_the_first_position(
    positions_in_china: tuple[np.ndarray, np.ndarray], system: str, tolerance: float
) -> None:
    lon, lat = datums.to_wgs84(*datums.from_wgs84(*positions_in_china, system), system)
    assert np.abs(lon - positions_in_china[0]).max() <= tolerance
    assert np.abs(lat - positions_in_china[1]).max() <= tolerance


def test_shift_has_the_published_size(positions_in_china: tuple[np.ndarray, np.ndarray]) -> None:
    gcj = geodesic_distance(*positions_in_china, *datums.from_wgs84(*positions_in_china, "gcj02"))
    bd = geodesic_distance(*positions_in_china, *datums.from_wgs84(*positions_in_china, "bd09"))
    assert gcj.min() > 20
    assert gcj.max() < 1_000
    assert np.median(gcj) > 300
    assert np.median(bd) > 600
    assert bd.max() < 2_500


def test_cgcs2000_is_taken_as_wgs84() -> None:
    assert datums.to_wgs84(120.0, 28.9, "cgcs2000") == (120.0, 28.9)


@pytest.mark.parametrize("system", ["gcj02", "bd09"])
@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        (9.52, 47.14),
        (-51.2, -30.0),
        (71.9, 40.0),
        (138.0, 35.0),
        (103.8, 0.5),
        (100.0, 56.0),
        (0.0, 90.0),
        (0.0, -90.0),
    ],
)
def test_position_outside_china_is_not_shifted(lon: float, lat: float, system: str) -> None:
    for convert in (datums.from_wgs84, datums.to_wgs84):
        x, y = convert(lon, lat, system)
        assert (float(x), float(y)) == (lon, lat)


@pytest.mark.parametrize("name", ["wgs-84", "GCJ02", "", "baidu"])
def test_unknown_system_is_refused_with_the_names_of_all_systems(name: str) -> None:
    for convert in (datums.to_wgs84, datums.from_wgs84):
        with pytest.raises(UnknownNameError, match="gcj02") as caught:
            convert(120.0, 28.9, name)
        assert repr(name) in str(caught.value)
        assert isinstance(caught.value, FuwuquanError)
        assert isinstance(caught.value, LookupError)
    with pytest.raises(UnknownNameError):
        datums.geometry_to_wgs84(shapely.Point(120, 29), name)


def test_results_have_the_shape_of_the_input() -> None:
    lon, lat = datums.from_wgs84([[120.0, 121.0]], [[29.0, 30.0]], "bd09")
    assert lon.shape == lat.shape == (1, 2)
    assert np.shape(datums.to_wgs84(120.0, 29.0, "gcj02")[0]) == ()


def test_geometry_is_converted_vertex_by_vertex() -> None:
    hole = [(120.002, 29.002), (120.004, 29.002), (120.004, 29.004)]
    park = shapely.Polygon([(120, 29), (120.01, 29), (120.01, 29.01), (120, 29.01)], [hole])
    moved = datums.geometry_from_wgs84(park, "gcj02")
    x, y = datums.from_wgs84(*shapely.get_coordinates(park).T, "gcj02")
    assert np.array_equal(shapely.get_coordinates(moved), np.column_stack([x, y]))
    assert len(moved.interiors) == 1
    back = datums.geometry_to_wgs84(moved, "gcj02")
    assert shapely.equals_exact(back, park, tolerance=1e-9)
