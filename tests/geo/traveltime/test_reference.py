"""Travel times in real places against the slow computation of `support.reference`, and against published figures."""

import dataclasses
import json
from datetime import date
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.choices import Mode
from geo.geodesy import datums
from geo.measures import coverage
from geo.sources import build
from geo.sources.inputs import Sources
from geo.study import demand, facilities, geojson, study
from geo.study.streets import STOPS
from geo.study.study import Study
from geo.traveltime import network
from geo.traveltime.travel import Travel
from support import reference, reference_reading
from support.examples import examples, only_long
from support.handmade import standard

POINTS = examples(120)
NOW = date(2022, 1, 1)


def random_points(study: Study, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of random points near people, some 200 m away from them."""
    rng = np.random.default_rng(2022)
    rows = rng.choice(len(study.demand), count, replace=False)
    lon, lat = study.demand["lon"].to_numpy()[rows], study.demand["lat"].to_numpy()[rows]
    return lon + rng.normal(0, 0.002, count), lat + rng.normal(0, 0.002, count)


@cache
def read_streets(extract: Path, mode: Mode, class_kph: tuple[tuple[str, float], ...]) -> reference.Streets:
    """The streets of an extract, read once for all tests."""
    return reference_reading.read_streets(extract, mode, dict(class_kph))


def compare(study: Study, extract: Path, frame: gpd.GeoDataFrame, mode: Mode, count: int) -> np.ndarray:
    """Compare the program's seconds with those of the reference, and return the latter."""
    lon, lat = random_points(study, count)
    speeds = study.settings.speeds
    # The reference knows highway=road as a class of its own; the program takes other classes at one speed.
    class_kph = {"road": speeds.drive_other_kph, **speeds.drive_class_kph}
    streets = read_streets(extract, mode, tuple(class_kph.items()))
    places = list(zip(lon.tolist(), lat.tolist(), strict=True))
    listed = list(zip(frame.index, frame.geometry, strict=True))
    expected = np.array([seconds for seconds, _ in streets.nearest(places, listed)])
    times = Travel(study).times(frame, lon, lat, mode)
    assert np.array_equal(np.isinf(times.seconds), np.isinf(expected))
    assert np.array_equal(times.facility < 0, np.isinf(expected))
    reached = np.isfinite(expected)
    assert np.abs(times.seconds[reached] - expected[reached]).max() < 1
    return expected


@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_times_to_the_nearest_clinic_equal_the_slow_ones_in_liechtenstein(
    liechtenstein: Study, liechtenstein_extract: Path, mode: Mode
) -> None:
    clinics = liechtenstein.facilities[liechtenstein.facilities["category"] == "clinic"]
    seconds = compare(liechtenstein, liechtenstein_extract, clinics, mode, POINTS)
    assert np.isfinite(seconds).mean() > 0.9
    assert np.ptp(seconds[np.isfinite(seconds)]) > 400


def test_times_of_cars_that_turn_restrictions_delay_equal_the_slow_ones(
    liechtenstein: Study, liechtenstein_extract: Path
) -> None:
    clinics = liechtenstein.facilities[liechtenstein.facilities["category"] == "clinic"]
    unrestricted = dataclasses.replace(liechtenstein, turn_restrictions=())
    seconds, free = (Travel(each).demand_times(clinics, "drive").seconds for each in (liechtenstein, unrestricted))
    delayed = np.flatnonzero(np.isfinite(free) & (seconds > free + 1))
    assert len(delayed) > 4
    speeds = liechtenstein.settings.speeds
    class_kph = {"road": speeds.drive_other_kph, **speeds.drive_class_kph}
    streets = read_streets(liechtenstein_extract, "drive", tuple(class_kph.items()))
    places = liechtenstein.demand[["lon", "lat"]].to_numpy()[delayed].tolist()
    expected = streets.nearest(places, list(zip(clinics.index, clinics.geometry, strict=True)))
    assert seconds[delayed] == pytest.approx([each for each, _ in expected], abs=1)


@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_times_to_the_nearest_clinic_equal_the_slow_ones_in_porto_alegre(
    porto_alegre: Study, shared: Path, mode: Mode
) -> None:
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    extract = shared / "data" / "porto_alegre" / "porto_alegre.osm.pbf"
    seconds = compare(porto_alegre, extract, clinics, mode, POINTS)
    assert len(clinics) == 117
    assert np.isfinite(seconds).mean() > 0.9


@only_long
def test_times_to_the_nearest_park_equal_the_slow_ones_in_liechtenstein(
    liechtenstein: Study, liechtenstein_extract: Path
) -> None:
    parks = liechtenstein.facilities[liechtenstein.facilities["category"] == "park"]
    streets = reference_reading.read_streets(liechtenstein_extract, "walk")
    lines = shapely.STRtree(shapely.linestrings(streets.lonlat[streets.ends]))
    polygons = parks[parks.geometry.geom_type != "Point"]
    crossed = np.unique(lines.query(polygons.geometry.to_numpy(), predicate="intersects")[0])
    assert len(crossed) > 10
    compare(liechtenstein, liechtenstein_extract, polygons.iloc[crossed], "walk", 40)


@pytest.fixture(scope="module")
def hilly(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The centre of Porto Alegre, built with its elevation."""
    pytest.importorskip("rasterio")
    data = shared / "data" / "porto_alegre"
    sources = Sources(
        data / "porto_alegre.osm.pbf",
        population=data / "hexgrid.csv",
        facilities=[data / "clinics.csv"],
        elevation=data / "elevation.tif",
    )
    folder = tmp_path_factory.mktemp("hilly") / "study"
    build.build(folder, sources, lambda step, count: None)
    return study.read(folder)


def segments(edges: gpd.GeoDataFrame) -> reference.Streets:
    """A study's streets for walkers as the reference takes them: straight segments, each with the paces of its edge."""
    edges = edges[edges["walk"]]
    assert edges["ferry_kph"].isna().all()
    assert (edges["walk_oneway"] == 0).all()
    xy, edge = shapely.get_coordinates(edges.geometry.to_numpy(), return_index=True)
    # Every vertex is a node of its own, except the ends of edges where no barrier stops walkers.
    node = np.arange(len(xy)) + edges[["u", "v"]].to_numpy().max() + 1
    last = np.append(np.flatnonzero(np.diff(edge)), len(edge) - 1)
    for end, vertices in (("u", np.append(0, last[:-1] + 1)), ("v", last)):
        passes = (edges[f"stops_{end}"].to_numpy() & STOPS["walk"]) == 0
        node[vertices[passes]] = edges[end].to_numpy()[passes]
    _, first, node = np.unique(node, return_index=True, return_inverse=True)
    same = edge[1:] == edge[:-1]
    ends = np.column_stack([node[:-1], node[1:]])[same]
    here, there = xy[:-1][same], xy[1:][same]
    always = np.ones(len(ends), dtype=bool)
    paces = edges[["walk_pace_forward", "walk_pace_backward"]].to_numpy(dtype=float)[edge[1:][same]]
    length_m = np.asarray(reference.GEOD.inv(*here.T, *there.T)[2])
    attracts = reference.mainland(len(first), ends, length_m, always, always)
    return reference.Streets(
        xy[first],
        ends,
        length_m,
        always,
        always,
        np.full(len(ends), np.nan),
        attracts,
        paces,
        eligible=edges["walk_attracts"].to_numpy()[edge[1:][same]],
    )


def test_times_to_the_nearest_clinic_equal_the_slow_ones_on_the_slopes_of_porto_alegre(
    hilly: Study, porto_alegre: Study
) -> None:
    clinics = hilly.facilities[hilly.facilities["category"] == "clinic"]
    lon, lat = random_points(hilly, POINTS)
    assert hilly.streets is not None
    places = list(zip(lon.tolist(), lat.tolist(), strict=True))
    listed = list(zip(clinics.index, clinics.geometry, strict=True))
    expected = np.array([nearest for nearest, _ in segments(hilly.streets).nearest(places, listed)])
    seconds = Travel(hilly).times(clinics, lon, lat, "walk").seconds
    assert np.array_equal(np.isinf(seconds), np.isinf(expected))
    reached = np.isfinite(expected)
    assert reached.mean() > 0.9
    assert np.abs(seconds[reached] - expected[reached]).max() < 1
    flat = Travel(porto_alegre).times(clinics, lon, lat, "walk").seconds
    assert np.abs(seconds[reached] - flat[reached]).max() > 120  # without slopes this would fail
    assert (seconds[reached] >= 0.839 * flat[reached]).all()  # the fastest slope in Tobler's function


def test_slopes_lower_coverage_in_porto_alegre(hilly: Study, porto_alegre: Study) -> None:
    goal = standard("travel_time", minutes=15, mode="walk", alternatives=["cycle", "drive"])
    on_slopes, on_the_flat = (coverage.measure(Travel(one), one.facilities, goal, NOW) for one in (hilly, porto_alegre))
    assert on_slopes.share == pytest.approx(0.791, abs=0.002)
    assert on_the_flat.share == pytest.approx(0.811, abs=0.002)
    # Slopes count on foot only.
    for one, other in zip(on_slopes.alternatives, on_the_flat.alternatives, strict=True):
        assert (one.covered < other.covered) if one.mode == "walk" else one == other


@pytest.mark.parametrize(("minutes", "share"), [(15, 0.80831), (20, 0.93721)])
def test_published_shares_of_porto_alegre_within_reach_on_foot(
    porto_alegre: Study, minutes: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of a computation that skips no small islands and knows no gates, squares and places in tunnels."""
    monkeypatch.setattr(network, "ISLAND_M", 0.0)
    assert len(porto_alegre.demand) == 1227
    answer = coverage.measure(
        Travel(porto_alegre), porto_alegre.facilities, standard("travel_time", minutes=minutes), NOW
    )
    assert (answer.total, answer.people, answer.facilities) == (812_935, 812_935, 117)
    assert (answer.method, answer.mode, answer.speed_kph, answer.unit) == ("network", "walk", 4.0, "people")
    assert answer.share == pytest.approx(share, abs=0.0015)


def test_ranking_begins_with_the_nearest_facility_of_the_times(porto_alegre: Study) -> None:
    travel = Travel(porto_alegre)
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    lon, lat = random_points(porto_alegre, 10)
    for mode in ("walk", "cycle", "drive"):
        times = travel.times(clinics, lon, lat, mode)
        for row in range(len(lon)):
            ranking = travel.ranker(clinics, mode).rank(lon[row], lat[row])
            assert np.all(np.diff(ranking.seconds) >= 0)
            if np.isinf(times.seconds[row]):
                assert (len(ranking.rows), ranking.reason) == (0, times.reason[row])
                continue
            assert ranking.seconds[0] == pytest.approx(times.seconds[row], abs=1e-4)  # arcs have 32 bits
            if mode == "walk":
                assert ranking.metres == pytest.approx(ranking.seconds * 4 / 3.6, rel=1e-6)


def test_longer_limit_never_lowers_coverage(porto_alegre: Study) -> None:
    travel = Travel(porto_alegre)
    covered = [
        coverage.measure(travel, porto_alegre.facilities, standard("travel_time", minutes=minutes), NOW).covered
        for minutes in (5, 10, 15, 20, 30, 60, 120)
    ]
    assert covered == sorted(covered)
    assert covered[0] < covered[-1]


def test_adding_clinics_never_lengthens_a_trip(porto_alegre: Study) -> None:
    travel = Travel(porto_alegre)
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    all_of_them = travel.demand_times(clinics, "drive").seconds
    half = travel.demand_times(clinics.iloc[::2], "drive").seconds
    assert np.all(all_of_them <= half + 1e-9)
    assert np.any(all_of_them < half - 60)


def test_lists_in_another_datum_give_the_same_times(sample: Study, tmp_path: Path) -> None:
    """People and clinics are written in GCJ-02 and read as GCJ-02; files are exact to centimetres."""
    clinics = sample.facilities[sample.facilities["category"] == "clinic"]
    lists, table = tmp_path / "clinics.geojson", tmp_path / "people.csv"
    lists.write_text(json.dumps(geojson.feature_collection(clinics, "gcj02")), "utf-8")
    lon, lat = datums.from_wgs84(sample.demand["lon"], sample.demand["lat"], "gcj02")
    sample.demand.assign(lon=lon, lat=lat).to_csv(table, index=False)
    as_written, people = facilities.read(lists), demand.read(table, "gcj02")
    moved = as_written.set_geometry(datums.geometry_to_wgs84(as_written.geometry.to_numpy(), "gcj02"), crs=4326)

    travel = Travel(sample)
    expected = travel.demand_times(clinics, "walk").seconds
    seconds = travel.times(moved, people["lon"].to_numpy(), people["lat"].to_numpy(), "walk").seconds
    reached = np.isfinite(expected)
    assert np.array_equal(reached, np.isfinite(seconds))
    assert np.abs(expected[reached] - seconds[reached]).max() < 0.2
    shifted = travel.times(as_written, people["lon"].to_numpy(), people["lat"].to_numpy(), "walk").seconds
    assert np.median(np.abs(expected[reached] - shifted[reached])) > 60  # with the wrong datum, times differ
