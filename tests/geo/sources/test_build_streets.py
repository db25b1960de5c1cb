"""Barriers, ferries, squares, tunnels and motorways of an extract, from the build to the minutes of a trip.

A study is drawn in metres: people at A, a clinic at C. Walking is 4 km/h, 15 minutes for 1,000 m.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from geo.choices import Mode
from geo.sources.summary import Summary
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import country
from support.extracts import ROAD, Extract
from support.handmade import lonlat

Metres = tuple[float, float]
A, WEST, MIDDLE, EAST, C = (0.0, 0.0), (400.0, 0.0), (500.0, 0.0), (600.0, 0.0), (1000.0, 0.0)
MODES: tuple[Mode, ...] = ("walk", "cycle", "drive")
DIRECT, ROUND, NEVER = 1000.0, 2200.0, float("inf")


def places(*positions: Metres) -> list[tuple[float, float]]:
    return [(round(lon, 7), round(lat, 7)) for lon, lat in (lonlat(*position) for position in positions)]


def built(folder: Path, extract: Extract, clinic: Metres = C) -> tuple[Study, Summary]:
    extract.node(*places(clinic)[0], {"amenity": "clinic", "name": "Clinic"})
    people = folder / "people.csv"
    people.write_text("lon,lat,population\n{},{},100\n".format(*places(A)[0]))
    return country.build_study(folder / "study", extract.write(folder / "x.osm.pbf"), population=people)


def minutes(study: Study, mode: Mode, place: Metres = A, category: str = "clinic") -> float:
    facilities = study.facilities[study.facilities["category"] == category]
    lon, lat = places(place)[0]
    return float(Travel(study).times(facilities, np.array([lon]), np.array([lat]), mode).seconds[0] / 60)


def metres_walked(study: Study, mode: Mode, place: Metres = A) -> float:
    """The metres that a mode's minutes are at its one speed; all streets are residential, driven at 24 km/h."""
    kph = {"walk": 4.0, "cycle": 15.0, "drive": 24.0}[mode]
    return minutes(study, mode, place) / 60 * kph * 1000


def street_with(tags: Mapping[str, str], way: Mapping[str, str] = ROAD) -> Extract:
    """A street from A to C with a node with tags in its middle, and a way round of 2,200 m."""
    extract = Extract()
    west, middle, east = places(WEST, MIDDLE, EAST)
    extract._node_at[middle] = extract.node(*middle, tags)
    extract.way(places(A, WEST), ROAD)
    extract.way([west, middle, east], way)
    extract.way(places(EAST, C), ROAD)
    extract.way(places(WEST, (400.0, 600.0), (600.0, 600.0), EAST), ROAD)
    return extract


@pytest.mark.parametrize(
    ("tags", "metres"),
    [
        ({}, (DIRECT, DIRECT, DIRECT)),
        ({"barrier": "wall"}, (ROUND, ROUND, ROUND)),
        ({"barrier": "gate", "access": "private"}, (ROUND, ROUND, ROUND)),
        ({"barrier": "gate"}, (DIRECT, DIRECT, DIRECT)),
        ({"barrier": "bollard"}, (DIRECT, DIRECT, ROUND)),
        ({"barrier": "gate", "access": "no", "foot": "yes"}, (DIRECT, ROUND, ROUND)),
    ],
)
def test_barriers_stop_whom_they_name(tmp_path: Path, tags: dict[str, str], metres: Sequence[float]) -> None:
    study, _ = built(tmp_path, street_with(tags))
    assert [metres_walked(study, mode) for mode in MODES] == pytest.approx(metres, rel=2e-3)


@pytest.mark.parametrize(
    ("way", "metres"),
    [
        ({"highway": "service", "access": "military"}, (ROUND, ROUND, ROUND)),
        ({"highway": "disused"}, (ROUND, ROUND, ROUND)),
        ({"highway": "residential", "vehicle:forward": "no"}, (DIRECT, ROUND, ROUND)),
        ({"highway": "residential", "foot:forward": "no"}, (ROUND, DIRECT, DIRECT)),
    ],
)
def test_access_tags_close_streets_to_modes_and_directions(
    tmp_path: Path, way: dict[str, str], metres: Sequence[float]
) -> None:
    study, _ = built(tmp_path, street_with({}, way))
    assert [metres_walked(study, mode) for mode in MODES[:2]] == pytest.approx(metres[:2], rel=2e-3)
    assert (minutes(study, "drive") > 3) == (metres[2] == ROUND)


def test_a_barrier_on_a_junction_stops_all_ways_through_it(tmp_path: Path) -> None:
    extract = street_with({"barrier": "bollard"})
    extract.way(places(MIDDLE, (500.0, 600.0)), ROAD)
    study, _ = built(tmp_path, extract)
    assert [metres_walked(study, mode) for mode in MODES] == pytest.approx((DIRECT, DIRECT, ROUND), rel=2e-3)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"duration": "00:12"}, (27, NEVER, NEVER)),
        ({"duration": "PT12M", "bicycle": "yes"}, (27, 16, NEVER)),
        ({"duration": "12", "motor_vehicle": "yes"}, (27, NEVER, 14.5)),
        ({}, (27, NEVER, NEVER)),  # 2 km at 10 km/h
        ({"duration": "00:30", "foot": "no", "motor_vehicle": "yes"}, (NEVER, NEVER, 32.5)),
    ],
)
def test_ferries_take_their_duration(tmp_path: Path, tags: dict[str, str], expected: Sequence[float]) -> None:
    extract = Extract()
    extract.way(places(A, (500.0, 0.0)), ROAD)
    extract.way(places((500.0, 0.0), (1500.0, 0.0), (2500.0, 0.0)), {"route": "ferry", **tags})
    extract.way(places((2500.0, 0.0), (3000.0, 0.0)), ROAD)
    study, _ = built(tmp_path, extract, clinic=(3000.0, 0.0))
    assert [minutes(study, mode) for mode in MODES] == pytest.approx(expected, rel=2e-3)
    assert minutes(study, "walk", (1500.0, 100.0)) == NEVER  # nobody starts in the water


@pytest.mark.parametrize("inner", [False, True])
def test_squares_are_crossed_straight_and_round_what_stands_in_them(tmp_path: Path, inner: bool) -> None:
    extract = Extract()
    corners = places((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0), (0.0, 0.0))
    if inner:
        outer = extract.way(corners, {})
        fountain = extract.way(places((20.0, 20.0), (80.0, 20.0), (80.0, 80.0), (20.0, 80.0), (20.0, 20.0)), {})
        extract.multipolygon([(outer, "outer"), (fountain, "inner")], {"highway": "pedestrian"})
    else:
        extract.way(corners, {"highway": "pedestrian", "area": "yes"})
    extract.way(places((-500.0, 0.0), (0.0, 0.0)), ROAD)
    extract.way(places((100.0, 100.0), (600.0, 100.0)), ROAD)
    study, _ = built(tmp_path, extract, clinic=(600.0, 100.0))
    across = 2 * np.hypot(80, 20) if inner else np.hypot(100, 100)
    assert metres_walked(study, "walk", (-500.0, 0.0)) == pytest.approx(1000 + across, rel=1e-3)
    assert minutes(study, "cycle", (-500.0, 0.0)) == NEVER
    assert metres_walked(study, "walk", (50.0, 10.0)) < 700  # a place inside starts from the square


def test_nobody_starts_in_a_tunnel_and_no_park_is_reached_from_one(tmp_path: Path) -> None:
    extract = Extract()
    extract.way(places((-2000.0, 0.0), (2000.0, 0.0)), {"highway": "residential", "tunnel": "yes", "layer": "-1"})
    extract.way(places((0.0, 30.0), (0.0, 3000.0), (-2000.0, 3000.0), (-2000.0, 0.0)), ROAD)
    park = places((-950.0, -50.0), (-850.0, -50.0), (-850.0, 50.0), (-950.0, 50.0), (-950.0, -50.0))
    extract.way(park, {"leisure": "park", "name": "above the tunnel"})
    study, _ = built(tmp_path, extract, clinic=(0.0, 3000.0))
    for mode in MODES:
        assert minutes(study, mode, (0.0, 5.0)) > minutes(study, mode, (0.0, 30.0))
    assert metres_walked(study, "walk", (0.0, 5.0)) == pytest.approx(25 + 2970, rel=1e-3)
    # The nearest street that people can leave is 850 m from the park.
    assert minutes(study, "walk", (0.0, 30.0), "park") == pytest.approx(850 / 1000 * 15, rel=1e-2)


def test_nobody_starts_by_car_on_a_motorway(tmp_path: Path) -> None:
    extract = Extract()
    extract.way(places((-3000.0, 0.0), (3000.0, 0.0)), {"highway": "motorway", "oneway": "yes"})
    extract.way(places((3000.0, 0.0), (3000.0, 3000.0)), {"highway": "motorway_link"})
    extract.way(places((-3000.0, 0.0), (-3000.0, 3000.0)), {"highway": "motorway_link"})
    extract.way(places((0.0, 50.0), (0.0, 3000.0), (3000.0, 3000.0)), ROAD)
    extract.way(places((0.0, 3000.0), (-3000.0, 3000.0)), ROAD)
    study, _ = built(tmp_path, extract, clinic=(0.0, 3000.0))
    assert minutes(study, "drive", (0.0, 10.0)) == pytest.approx(40 / 1000 * 15 + 2950 / 24_000 * 60, rel=1e-2)


def test_tags_that_were_not_understood_and_conditions_are_notes(tmp_path: Path) -> None:
    tags = {"highway": "residential", "maxspeed": "fast", "access:conditional": "no @ (22:00-06:00)"}
    _, summary = built(tmp_path, street_with({"barrier": "dragon"}, tags))
    notes = "\n".join(f"{amount:.0f} {remark}" for amount, remark in country.lines_of(summary, "note"))
    assert "1 tags maxspeed were not understood, and do not count: fast (1)" in notes
    assert "1 tags barrier were not understood, and do not count: dragon (1)" in notes
    assert "1 streets have tags for some hours" in notes
