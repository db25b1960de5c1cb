"""Networks: small islands are skipped, prepared files are reopened, and paths follow the streets."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from geo.measures import coverage, isochrones
from geo.study.study import Study, read
from geo.traveltime import cache
from geo.traveltime.network import Network
from geo.traveltime.travel import Travel
from support.handmade import Facility, People, Street, facility_frame, lonlat, standard

GEOD = Geod(ellps="WGS84")
# A street of 30 km, a path of 200 m beside it that meets nothing, and one of 200 m far from both.
MAIN, PATH, FAR = ((0.0, 0.0), (30_000.0, 0.0)), ((400.0, 50.0), (600.0, 50.0)), ((0.0, 5000.0), (200.0, 5000.0))
ISLANDS = [Street(line=list(line)) for line in (MAIN, PATH, FAR)]


def test_point_near_another_street_skips_a_small_island(small_study: Callable[..., Study]) -> None:
    people = [People((500.0, 45.0), 7), People((900.0, 45.0), 5), People((100.0, 5010.0), 3)]
    study = small_study(streets=ISLANDS, facilities=[Facility("c", "clinic", (0.0, 0.0))], people=people)
    travel = Travel(study)
    points = travel.demand_points("walk")
    assert points.island_skipped.tolist() == [True, False, False]
    assert points.connector_m == pytest.approx([45, 45, 10], abs=0.01)
    seconds = travel.demand_times(study.facilities, "walk").seconds
    assert seconds[:2] == pytest.approx([545 * 0.9, 945 * 0.9], abs=0.1)
    # A point without another street is snapped to the island, from which nothing is reached.
    assert points.edge[2] >= 0
    assert np.isinf(seconds[2])
    answer = coverage.measure(travel, study.facilities, standard("travel_time", minutes=15), date(2022, 1, 1))
    assert (answer.covered, answer.total) == (12, 15)
    assert [note for note in answer.notes if "7 people is cut off from the network" in note]


def test_facility_on_a_small_island_is_reached_from_another_street(small_study: Callable[..., Study]) -> None:
    clinic = Facility("c", "clinic", (500.0, 55.0))
    park = Facility("p", "park", shapely.box(450.0, 40.0, 460.0, 60.0))
    study = small_study(streets=ISLANDS, facilities=[clinic, park], people=[People((0.0, 0.0), 1), People((450, 0), 1)])
    travel = Travel(study)
    for row, (metres, beside) in enumerate([(555.0, 105.0), (490.0, 40.0)]):
        facility = study.facilities.iloc[[row]]
        assert travel.demand_times(facility, "walk").seconds == pytest.approx([metres * 0.9, beside * 0.9], abs=0.1)


def test_street_that_cars_cannot_leave_is_skipped(small_study: Callable[..., Study]) -> None:
    one_way_in = Street(line=[(500.0, 0.0), (500.0, 80.0)], drive=(True, False))
    halves = [Street(line=[(0.0, 0.0), (500.0, 0.0)]), Street(line=[(500.0, 0.0), (10_000.0, 0.0)])]
    study = small_study(
        streets=[*halves, one_way_in],
        facilities=[Facility("c", "clinic", (0.0, 0.0))],
        people=[People((500.0, 90.0), 1)],
    )
    travel = Travel(study)
    assert travel.demand_points("drive").island_skipped.tolist() == [True]
    assert travel.demand_points("walk").island_skipped.tolist() == [False]
    driving = 500 / (30 * 0.8 / 3.6)
    assert travel.demand_times(study.facilities, "drive").seconds == pytest.approx([90 * 0.9 + driving], abs=0.1)


def test_island_of_a_hundredth_of_the_largest_component_is_not_skipped(small_study: Callable[..., Study]) -> None:
    main, path = Street(line=[(0.0, 0.0), (19_900.0, 0.0)]), Street(line=[(400.0, 50.0), (600.0, 50.0)])
    study = small_study(streets=[main, path], people=[People((500.0, 45.0), 1)])
    assert Travel(study).demand_points("walk").island_skipped.tolist() == [False]
    longer = Street(line=[(0.0, 0.0), (20_100.0, 0.0)])
    study = small_study(streets=[longer, path], people=[People((500.0, 45.0), 1)])
    assert Travel(study).demand_points("walk").island_skipped.tolist() == [True]


@pytest.mark.parametrize("first", [True, False])
def test_edge_without_length_joins_its_streets(small_study: Callable[..., Study], first: bool) -> None:
    """Two junctions at one place, with an edge of no metres between them, before or after the other edges."""
    whole = small_study(
        streets=[Street([(0, 0), (500, 0)]), Street([(500, 0), (1000, 0)]), Street([(500, 0), (500, 400)])],
        facilities=[
            Facility("end", "clinic", (1000, 0)),
            Facility("middle", "clinic", (500, 0)),
            Facility("park", "park", shapely.box(490, -10, 510, 10)),
        ],
        people=[People((0, 0), 1), People((500, 10), 2), People((500, 0), 3), People((490, -20), 4)],
    )
    assert whole.streets is not None
    cut = whole.streets.copy()
    cut.loc[1, "u"] = 4
    place = shapely.Point(cut.geometry.iloc[1].coords[0])
    joint = cut.iloc[[1]].assign(u=whole.streets.loc[1, "u"], v=4, length_m=0.0)
    joint = joint.set_geometry([shapely.LineString([place, place])], crs=4326)
    table = pd.concat([joint, cut] if first else [cut, joint], ignore_index=True)
    joined = dataclasses.replace(whole, streets=gpd.GeoDataFrame(table, crs=4326))
    for mode in ("walk", "drive"):
        for row in range(3):
            facility = whole.facilities.iloc[[row]]
            times = [Travel(study).demand_times(facility, mode).seconds for study in (whole, joined)]
            assert times[1] == pytest.approx(times[0], abs=1e-3)
            areas = [
                [contour.area_km2 for contour in isochrones.around(Travel(study), place, [1, 5], mode).contours]
                for study in (whole, joined)
            ]
            assert areas[1] == pytest.approx(areas[0], rel=1e-6)
        rankings = [
            Travel(study).ranker(whole.facilities, mode).rank(*lonlat(0, 0), limit=3, paths=True)
            for study in (whole, joined)
        ]
        assert rankings[0].paths is not None
        assert rankings[1].paths is not None
        assert rankings[1].metres == pytest.approx(rankings[0].metres, abs=1e-3)
        assert all(map(shapely.equals, *(shapely.simplify(ranking.paths, 1e-9) for ranking in rankings)))


@pytest.fixture
def no_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, preparing a network is an error, so that it must be reopened."""

    def refuse(*_: object) -> None:
        raise AssertionError("prepared anew")

    monkeypatch.setattr(Network, "prepare", refuse)


def prepared_files(study: Study) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (study.folder / cache.FOLDER).glob("*"))


@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_network_from_a_file_gives_the_same_seconds(
    sample_folder: Path, mode: str, request: pytest.FixtureRequest
) -> None:
    study = read(sample_folder)
    first = Travel(study)
    seconds = first.demand_times(study.facilities, mode).seconds
    assert prepared_files(study) == [mode]
    request.getfixturevalue("no_preparation")
    reopened = Travel(read(sample_folder))
    assert np.array_equal(reopened.demand_times(study.facilities, mode).seconds, seconds)
    for name, array in first.network(mode).arrays().items():
        assert np.array_equal(reopened.network(mode).arrays()[name], array)


@pytest.mark.parametrize("change", ["speeds", "streets", "demand"])
def test_changed_study_gets_a_new_network(sample_folder: Path, change: str) -> None:
    study = read(sample_folder)
    before = Travel(study).network("walk")
    assert study.streets is not None
    if change == "speeds":
        speeds = study.settings.speeds.model_copy(update={"walk_kph": 8.0})
        other = dataclasses.replace(study, settings=study.settings.model_copy(update={"speeds": speeds}))
    elif change == "streets":
        other = dataclasses.replace(study, streets=study.streets.iloc[:1000])
    else:
        other = dataclasses.replace(study, demand=study.demand.iloc[::2].reset_index(drop=True))
    after = Travel(other)
    if change == "speeds":
        assert after.network("walk").graph.edges.forward_seconds.sum() == pytest.approx(
            before.graph.edges.forward_seconds.sum() / 2, rel=1e-3
        )
    elif change == "streets":
        assert len(after.network("walk").graph.edges.chain) <= 1000
    assert len(after.demand_points("walk").edge) == len(other.demand)
    assert prepared_files(study) == ["walk"]  # the outdated file is deleted


def test_file_of_another_version_of_the_program_is_not_opened(
    sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, changed = Path(cache.__file__).parent.parent, tmp_path / "geo"
    for folder in ("traveltime", "geodesy", "study"):
        shutil.copytree(package / folder, changed / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(changed / "traveltime" / "cache.py"))
    study, names = read(sample_folder), []
    for appended in ("", "", "\n"):
        with (changed / "traveltime" / "snapping.py").open("a") as source:
            source.write(appended)
        cache._program_hash.cache_clear()
        cache.network(study, "walk")
        names += [path.name for path in (study.folder / cache.FOLDER).glob("walk-*.npy")]
    cache._program_hash.cache_clear()
    assert names[0] == names[1] != names[2]
    assert len(names) == 3


def test_files_swapped_between_modes_are_not_opened(sample_folder: Path) -> None:
    study = read(sample_folder)
    seconds = [Travel(study).demand_times(study.facilities, mode).seconds for mode in ("walk", "cycle")]
    paths = [next((study.folder / cache.FOLDER).glob(f"{mode}-*.npy")) for mode in ("walk", "cycle")]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[::-1], strict=True):
        path.unlink()
        path.write_bytes(content)
    again = [Travel(study).demand_times(study.facilities, mode).seconds for mode in ("walk", "cycle")]
    assert all(map(np.array_equal, seconds, again))


@pytest.mark.parametrize("damage", ["cut short", "emptied", "of another kind", "overwritten"])
def test_damaged_file_is_replaced(sample_folder: Path, damage: str) -> None:
    study = read(sample_folder)
    seconds = Travel(study).demand_times(study.facilities, "walk").seconds
    (path,) = (study.folder / cache.FOLDER).glob("walk-*.npy")
    whole = path.read_bytes()
    path.unlink()
    third = len(whole) // 3
    path.write_bytes(
        {
            "cut short": whole[: len(whole) // 2],
            "emptied": b"",
            "of another kind": b"\x00" * 5000,
            "overwritten": whole[:third] + b"\xff" * (len(whole) - third),
        }[damage]
    )
    assert np.array_equal(Travel(study).demand_times(study.facilities, "walk").seconds, seconds)
    assert path.read_bytes() == whole


def test_network_is_prepared_each_time_where_the_disk_is_full(
    sample_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(os.strerror(28))

    monkeypatch.setattr("geo.traveltime.mapped_arrays.write", disk_full)
    study = read(sample_folder)
    assert np.isfinite(Travel(study).demand_times(study.facilities, "walk").seconds).any()
    assert prepared_files(study) == []


def test_paths_follow_the_streets(small_study: Callable[..., Study]) -> None:
    bend = Street(line=[(0.0, 0.0), (1000.0, 0.0), (1000.0, 1000.0)])
    side = Street(line=[(1000.0, 1000.0), (0.0, 1000.0)])
    study = small_study(streets=[bend, side], people=[People((0.0, 0.0), 1)])
    clinics = facility_frame([Facility("a", "clinic", (500.0, 1020.0)), Facility("b", "clinic", (700.0, -30.0))])
    ranking = Travel(study).ranker(clinics, "walk").rank(*lonlat(200.0, 10.0), limit=2, paths=True)
    assert ranking.rows.tolist() == [1, 0]
    assert ranking.paths is not None
    expected = (
        [(200, 10), (200, 0), (700, 0), (700, -30)],
        [(200, 10), (200, 0), (1000, 0), (1000, 1000), (500, 1000), (500, 1020)],
    )
    for path, metres, corners in zip(ranking.paths, ranking.metres, expected, strict=True):
        line = shapely.LineString([lonlat(*corner) for corner in corners])
        assert shapely.hausdorff_distance(path, line) < 1e-6
        assert GEOD.geometry_length(path) == pytest.approx(metres, abs=0.1)


def test_path_to_a_park_ends_at_its_edge(small_study: Callable[..., Study]) -> None:
    study = small_study(streets=[Street(line=[(0.0, 0.0), (1000.0, 0.0)])], people=[People((0.0, 0.0), 1)])
    parks = facility_frame(
        [
            Facility("beside", "park", shapely.box(600.0, 40.0, 700.0, 90.0)),
            Facility("across", "park", shapely.box(800.0, -20.0, 900.0, 20.0)),
        ]
    )
    ranking = Travel(study).ranker(parks, "walk").rank(*lonlat(100.0, 10.0), limit=2, paths=True)
    assert ranking.rows.tolist() == [0, 1]
    assert ranking.paths is not None
    for path, metres, length in zip(ranking.paths, ranking.metres, (10 + 500 + 40, 10 + 700), strict=True):
        assert metres == pytest.approx(length, abs=0.1)
        assert GEOD.geometry_length(path) == pytest.approx(length, abs=0.1)


@pytest.mark.parametrize("mode", ["walk", "cycle", "drive"])
def test_paths_in_a_real_place_are_as_long_as_their_metres(porto_alegre: Study, mode: str) -> None:
    travel, rng = Travel(porto_alegre), np.random.default_rng(8)
    clinics = porto_alegre.facilities[porto_alegre.facilities["category"] == "clinic"]
    compared = 0
    for row in rng.choice(len(porto_alegre.demand), 8, replace=False):
        lon, lat = porto_alegre.demand[["lon", "lat"]].iloc[row]
        looked_up = travel.ranker(clinics, mode).rank(lon, lat, limit=5)
        searched = travel.ranker(clinics, mode).rank(lon, lat)
        ranking = travel.ranker(clinics, mode).rank(lon, lat, limit=5, paths=True)
        assert looked_up.rows.tolist() == searched.rows[:5].tolist() == ranking.rows.tolist()
        assert looked_up.seconds == pytest.approx(searched.seconds[:5], abs=0.01)
        assert ranking.paths is not None
        for facility, path, metres in zip(ranking.rows, ranking.paths, ranking.metres, strict=True):
            compared += 1
            assert path.is_valid
            assert path.coords[0] == pytest.approx((lon, lat), abs=1e-9)
            assert path.coords[-1] == pytest.approx(clinics.geometry.iloc[facility].coords[0], abs=1e-9)
            assert GEOD.geometry_length(path) == pytest.approx(metres, rel=1e-4, abs=0.1)
    assert compared > 30
