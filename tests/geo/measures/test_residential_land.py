"""The share of residential land within a radius, against plain geometry in another projection and on the ellipsoid."""

import time
from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Proj
from shapely import Point
from shapely.geometry.base import BaseGeometry

from geo.measures import counting, coverage
from geo.measures.coverage import Coverage, LandShare
from geo.measures.residential_land import LandCover
from geo.study.land import OPENSTREETMAP, ResidentialLand
from geo.study.standards import Radius, Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade
from support.examples import examples
from support.handmade import Area, Facility, People, facility_frame, standard, to_degrees

DAY = date(2021, 7, 1)
GEOD = Geod(ellps="WGS84")
AREAS = [
    Area("A", "town", shapely.box(-5000, -5000, 0, 5000)),
    Area("B", "town", shapely.box(0, -5000, 5000, 5000)),
]
PEOPLE = [People((100, 100), 50, {"area_code": "B"})]


def land_of(*shapes: tuple[str | None, BaseGeometry], source: str = "规划局.gpkg") -> ResidentialLand:
    """Residential land of area codes and polygons in metres."""
    table = {"area_code": [code for code, _ in shapes], "source": source}
    outlines = [to_degrees(shape) for _, shape in shapes]
    return ResidentialLand(gpd.GeoDataFrame(table, geometry=outlines, crs="EPSG:4326"))


def with_land(land: ResidentialLand | None) -> Study:
    return replace(handmade.study(None, [], PEOPLE, AREAS), land=land)


def goal(**fields: object) -> Radius:
    made = standard("radius", **({"metres": 500, "category": "park"} | fields))
    assert isinstance(made, Radius)
    return made


def measure(study: Study, chosen: Standard, *parks: Facility) -> Coverage:
    return coverage.measure(Travel(study), facility_frame(parks), chosen, DAY)


def share_of(answer: Coverage) -> LandShare:
    assert answer.residential_land is not None
    return answer.residential_land


# --- by hand -------------------------------------------------------------------------------------------------------


def test_circle_around_a_point_by_hand() -> None:
    land = land_of(("A", shapely.box(-1000, -1000, 0, 1000)), ("B", shapely.box(0, -1000, 1000, 1000)))
    answer = measure(with_land(land), goal(target=0.1), Facility("p", "park", (100, 0)))
    share = share_of(answer)
    segment = 25 * (np.arccos(0.2) - 0.2 * np.sqrt(1 - 0.04))  # hectares of the circle west of the border
    assert share.hectares == pytest.approx(400, abs=0.01)
    assert share.covered_hectares == pytest.approx(25 * np.pi, rel=1e-4)
    assert share.share == pytest.approx(25 * np.pi / 400, rel=1e-4)
    assert share.meets_target is True
    assert [(area.code, area.hectares) for area in share.areas] == [
        ("A", pytest.approx(200, abs=0.01)),
        ("B", pytest.approx(200, abs=0.01)),
    ]
    assert share.areas[0].covered_hectares == pytest.approx(segment, rel=1e-3)
    assert sum(area.covered_hectares for area in share.areas) == pytest.approx(share.covered_hectares, abs=0.011)


def test_park_is_measured_from_its_outline() -> None:
    study = with_land(land_of(("B", shapely.box(0, 0, 3000, 3000))))
    park = Facility("p", "park", shapely.box(1400, 1400, 1600, 1600))
    expected = (200**2 + 4 * 200 * 500 + np.pi * 500**2) / 10_000
    assert share_of(measure(study, goal(), park)).covered_hectares == pytest.approx(expected, rel=1e-3)


def test_land_that_two_circles_cover_counts_once() -> None:
    study = with_land(land_of(("B", shapely.box(0, 0, 3000, 3000))))
    parks = [Facility(name, "park", (1500, 1500)) for name in ("p", "q")]
    assert share_of(measure(study, goal(), *parks)).covered_hectares == pytest.approx(25 * np.pi, rel=1e-4)


def test_land_outside_all_areas_counts_in_the_total_only() -> None:
    square = shapely.box(6000, 0, 6100, 100)
    share = share_of(measure(with_land(land_of((None, square))), goal(), Facility("p", "park", (6000, 0))))
    assert (share.hectares, share.covered_hectares, share.share) == (1.0, 1.0, 1.0)
    assert [(area.hectares, area.share) for area in share.areas] == [(0.0, None), (0.0, None)]


def test_studies_without_land_and_other_measures_have_no_such_figure() -> None:
    land = land_of(("B", shapely.box(0, 0, 100, 100)))
    assert measure(with_land(None), goal(), Facility("p", "park", (0, 0))).residential_land is None
    presence = standard("presence", units="town", category="park")
    assert measure(with_land(land), presence, Facility("p", "park", (0, 0))).residential_land is None


def test_share_is_unknown_where_no_facility_is_known_and_zero_where_all_have_closed() -> None:
    study = with_land(land_of(("B", shapely.box(0, 0, 100, 100))))
    unknown = share_of(measure(study, goal(target=0.9), Facility("c", "clinic", (0, 0))))
    assert (unknown.hectares, unknown.covered_hectares) == (1.0, 0.0)
    assert (unknown.share, unknown.meets_target, unknown.areas[1].share) == (None, None, None)
    closed = share_of(measure(study, goal(target=0.9), Facility("p", "park", (0, 0), {"closed": date(2020, 1, 1)})))
    assert (closed.share, closed.meets_target, closed.areas[1].share) == (0.0, False, 0.0)


def test_notes_say_whose_land_it_is() -> None:
    for source, words in (
        (OPENSTREETMAP, "what nobody has drawn there is missing"),
        ("规划局.gpkg", "from 规划局.gpkg"),
    ):
        land = land_of(("B", shapely.box(0, 0, 100, 100)), source=source)
        answer = measure(with_land(land), goal(), Facility("p", "park", (0, 0)))
        [note] = [note for note in answer.notes if "居住用地" in note]
        assert words in note
        assert "1.0 hectares" in note


# --- against plain geometry ----------------------------------------------------------------------------------------

STEPS = st.integers(-15, 15)
PARKS = st.lists(st.tuples(STEPS, STEPS, st.sampled_from([0, 18, 22, 60, 75]), st.booleans()), min_size=1, max_size=6)
LAND = st.sets(st.tuples(st.integers(-4, 3), st.integers(-4, 3)), min_size=1, max_size=8)
CLASSES = [{"least_m2": 5000, "metres": 500}, {"least_m2": 400, "metres": 300}]


def park(number: int, x: int, y: int, side: int, is_round: bool) -> Facility:
    place: tuple[float, float] | BaseGeometry = (x * 100.0, y * 100.0)
    if side:
        place = shapely.box(x * 100, y * 100, x * 100 + side, y * 100 + side)
        place = Point(x * 100, y * 100).buffer(side) if is_round else place
    return Facility(f"p{number}", "park", place)


def plain_radius(chosen: Radius, facility: Facility) -> float:
    """The radius of a park; 0 if it is too small."""
    if isinstance(facility.place, tuple) or not chosen.radius_by_area:
        return chosen.metres
    sizes = [each.metres for each in chosen.radius_by_area if facility.place.area >= each.least_m2]
    return sizes[0] if sizes else 0.0


def shape_of(facility: Facility) -> BaseGeometry:
    return Point(facility.place) if isinstance(facility.place, tuple) else facility.place


@settings(max_examples=examples(12), deadline=None)
@given(first=PARKS, second=PARKS, cells=LAND, by_area=st.booleans())
def test_any_land_and_parks_equal_plain_geometry_also_when_updated(
    first: list[tuple[int, int, int, bool]],
    second: list[tuple[int, int, int, bool]],
    cells: set[tuple[int, int]],
    by_area: bool,
) -> None:
    squares = [shapely.box(x * 400, y * 400, x * 400 + 400, y * 400 + 400) for x, y in sorted(cells)]
    study = with_land(land_of(*(("A" if square.centroid.x < 0 else "B", square) for square in squares)))
    chosen = goal(metres=400, radius_by_area=CLASSES if by_area else ())
    covers = []
    for parks in ([park(*numbered) for numbered in zip(range(9), *zip(*drawn, strict=True), strict=False)]
                  for drawn in (first, second)):  # fmt: skip
        counted = counting.count_units(Travel(study), facility_frame(parks), chosen, DAY)
        assert counted.land is not None
        circles = [shape_of(each).buffer(plain_radius(chosen, each), quad_segs=256) for each in parks
                   if plain_radius(chosen, each)]  # fmt: skip
        union = shapely.union_all(circles) if circles else Point()
        expected = [square.intersection(union).area / 10_000 for square in squares]
        assert counted.land.hectares == pytest.approx(expected, abs=0.02)
        covers.append(counted.land)
    assert covers[1].updating(covers[0]).hectares == pytest.approx(covers[1].hectares, abs=1e-9)


def test_update_computes_only_land_near_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = [shapely.box(x * 2000, 0, x * 2000 + 400, 400) for x in range(-2, 2)]
    land = land_of(*(("A", square) for square in squares))
    shapes = np.array([to_degrees(Point(x * 2000, 0)) for x in range(-2, 2)])
    before, after = LandCover(land, shapes[:3], np.full(3, 600.0)), LandCover(land, shapes, np.full(4, 600.0))
    assert before.hectares[3] == 0
    computed: list[int] = []
    original = LandCover._parts_of
    monkeypatch.setattr(LandCover, "_parts_of", lambda self, rows: (computed.extend(rows), original(self, rows))[1])
    assert after.updating(before).hectares[3] == pytest.approx(16, abs=0.01)
    assert computed == [3]


# --- real places ---------------------------------------------------------------------------------------------------


def on_the_ellipsoid(shape: BaseGeometry) -> float:
    """Hectares of polygons, by geodesics."""
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return sum(GEOD.geometry_area_perimeter(shapely.orient_polygons(part))[0] for part in polygons) / 10_000


def circle(shape: BaseGeometry, metres: float) -> BaseGeometry:
    """A WGS84 shape with all within some metres, drawn in an equidistant projection around its own middle."""
    own = Proj(proj="aeqd", lon_0=shape.centroid.x, lat_0=shape.centroid.y, datum="WGS84")
    flat = shapely.transform(shape, lambda xy: np.column_stack(own(*xy.T)))
    return shapely.transform(flat.buffer(metres, quad_segs=100), lambda xy: np.column_stack(own(*xy.T, inverse=True)))


def check_against_the_ellipsoid(study: Study, chosen: Radius) -> LandShare:
    travel = Travel(study)
    counted = counting.count_units(travel, study.facilities, chosen, study.today())
    assert counted.land is not None
    assert study.land is not None
    study.land.hectares  # noqa: B018  (prepared once for each study)
    began = time.process_time()
    counted.land.hectares  # noqa: B018
    assert time.process_time() - began < 1.0  # docs/planning.md
    share = share_of(coverage.summarise(travel, chosen, counted))
    frame = study.land.frame
    circles = shapely.union_all([circle(shape, chosen.metres) for shape in counted.facilities.geometry])
    for code in [None, *(area.code for area in share.areas)]:
        of_area = frame if code is None else frame[study.reporting_codes(frame["area_code"]) == code]
        own = share if code is None else next(area for area in share.areas if area.code == code)
        united = shapely.union_all(of_area.geometry.to_numpy())
        assert own.hectares == pytest.approx(on_the_ellipsoid(united), rel=1e-6, abs=0.0051)
        covered = on_the_ellipsoid(shapely.intersection(united, circles))
        assert own.covered_hectares == pytest.approx(covered, rel=2e-4, abs=0.02)
    return share


@pytest.mark.parametrize("standard_id", ["park-500", "kindergarten-300"])
def test_liechtenstein_equals_areas_on_the_ellipsoid(liechtenstein: Study, standard_id: str) -> None:
    chosen = liechtenstein.standard(standard_id)
    assert isinstance(chosen, Radius)
    share = check_against_the_ellipsoid(liechtenstein, chosen)
    assert (round(share.hectares), round(share.covered_hectares)) == (1077, {"park-500": 299}.get(standard_id, 166))
    assert sum(area.hectares for area in share.areas) == pytest.approx(share.hectares, abs=0.1)


def test_porto_alegre_equals_areas_on_the_ellipsoid(porto_alegre: Study) -> None:
    """OpenStreetMap has no residential land there, so squares of 300 m around its people stand in for it."""
    demand = porto_alegre.demand
    rows = np.unique(np.round(demand[["lon", "lat"]].to_numpy() / 0.003).astype(int), axis=0)
    squares = shapely.box(*(rows * 0.003 - 0.0014).T, *(rows * 0.003 + 0.0014).T)
    frame = gpd.GeoDataFrame(geometry=squares, crs="EPSG:4326").assign(area_code="all", source="squares")
    study = replace(porto_alegre, land=ResidentialLand(frame))
    assert porto_alegre.land is None
    share = check_against_the_ellipsoid(study, goal(category="clinic", metres=700))
    assert share.hectares > 5_000
    assert share.share is not None
    assert 0.1 < share.share < 0.9
