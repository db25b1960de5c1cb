"""Edges without length, where junctions share a place, from the build to the minutes of a trip.

Extracts are drawn in metres, as OPL text. People live at the node 1, the clinic is at the node 9, 1,000 m east of it.
Nodes from 10 on lie in the middle of the street between them, all at one place. Ways round it take 2,200 m.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geo.choices import Mode
from geo.errors import ExtractError
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import country
from support.handmade import lonlat

ROUND = "w90 Thighway=residential N2,4,5,8"
WEST, EAST = "w91 Thighway=residential N1,2", "w92 Thighway=residential N8,9"
METRES = {1: (0, 0), 2: (400, 0), 4: (400, 600), 5: (600, 600), 8: (600, 0), 9: (1000, 0)}
MIDDLE = range(10, 16)
KPH: dict[Mode, float] = {"walk": 4.0, "cycle": 15.0, "drive": 24.0}


def write_opl(path: Path, ways: Sequence[str], *, node_tags: dict[int, str] | None = None) -> Path:
    """An extract of all the nodes, the clinic, and ways and relations as OPL lines like ``w1 Thighway=path N1,10``."""
    tags = {9: "amenity=clinic", **(node_tags or {})}
    lines = [
        "n{} T{} x{:.7f} y{:.7f}".format(node, tags.get(node, ""), *lonlat(*METRES.get(node, (500, 0))))
        for node in sorted([*METRES, *MIDDLE])
    ]
    for way in ways:
        head, _, nodes = way.rpartition(" N")
        lines.append(f"{head} Nn{nodes.replace(',', ',n')}" if head else way)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def built(folder: Path, ways: Sequence[str], node_tags: dict[int, str] | None = None, **more: Any) -> Study:
    people = folder / "people.csv"
    people.write_text("lon,lat,population\n{},{},100\n".format(*lonlat(0, 0)))
    extract = write_opl(folder / "x.opl", ways, node_tags=node_tags)
    return country.build_study(folder / "study", extract, population=people, **more)[0]


def metres(study: Study, mode: Mode, place: tuple[float, float] = (0, 0)) -> float:
    """Metres from a place to the clinic, computed from the minutes."""
    lon, lat = (np.array([degrees]) for degrees in lonlat(*place))
    seconds = Travel(study).times(study.facilities, lon, lat, mode).seconds[0]
    return float(seconds * KPH[mode] / 3.6)


@pytest.mark.parametrize(
    "middle",
    [
        ("w1 Thighway=residential N2,10", "w2 Thighway=residential N10,11", "w3 Thighway=residential N11,8"),
        ("w1 Thighway=residential N2,10,11,12,13,8", "w2 Thighway=residential N11,4", "w3 Thighway=residential N12,5"),
        ("w1 Thighway=residential N2,10", "w2 Thighway=residential N10,11", "w3 Thighway=residential N11,12",
         "w4 Thighway=residential N12,13", "w5 Thighway=residential N13,8"),
        # The first half of a ring lies at one place; so does a whole ring beside the street.
        ("w1 Thighway=residential N2,10", "w2 Thighway=residential N10,11,12,13,5,10", "w3 Thighway=residential N10,8"),
        ("w1 Thighway=residential N2,10,8", "w2 Thighway=residential N10,11,12,10"),
        ("w1 Thighway=residential N2,10,10,11,11,8",),
    ],
)  # fmt: skip
def test_streets_go_on_where_nodes_share_a_place(tmp_path: Path, middle: Sequence[str]) -> None:
    study = built(tmp_path, [*middle, WEST, EAST])
    assert [metres(study, mode) for mode in KPH] == pytest.approx([1000] * 3, rel=2e-3)
    assert [metres(study, mode, (500, 0)) for mode in KPH] == pytest.approx([500] * 3, rel=2e-3)
    assert metres(study, "walk", (500, -8)) == pytest.approx(508, rel=2e-3)


@pytest.mark.parametrize(
    ("oneway", "cars"),
    [("yes", 1000), ("-1", 2200)],
)
def test_one_way_edges_without_length_hold_for_those_who_heed_them(tmp_path: Path, oneway: str, cars: float) -> None:
    middle = [
        "w1 Thighway=residential N2,10",
        f"w2 Thighway=residential,oneway={oneway} N10,11",
        "w3 Thighway=residential N11,8",
    ]
    study = built(tmp_path, [*middle, ROUND, WEST, EAST])
    assert metres(study, "walk") == pytest.approx(1000, rel=2e-3)
    assert metres(study, "drive") == pytest.approx(cars, rel=2e-3)


@pytest.mark.parametrize("barrier", [10, 11])
def test_a_barrier_at_one_end_of_an_edge_without_length_stops(tmp_path: Path, barrier: int) -> None:
    middle = [f"w{way} Thighway=residential N{ends}" for way, ends in enumerate(("2,10", "10,11", "11,8"), 1)]
    study = built(tmp_path, [*middle, ROUND, WEST, EAST], {barrier: "barrier=bollard"})
    assert metres(study, "walk") == pytest.approx(1000, rel=2e-3)
    assert metres(study, "drive") == pytest.approx(2200, rel=2e-3)


@pytest.mark.parametrize(
    "members",
    [
        "w1@from,n10@via,w2@to",
        "w2@from,n11@via,w3@to",
        "w1@from,w2@via,w3@to",
    ],
)
def test_turn_restrictions_hold_over_edges_without_length(tmp_path: Path, members: str) -> None:
    middle = [f"w{way} Thighway=residential N{ends}" for way, ends in enumerate(("2,10", "10,11", "11,8"), 1)]
    restriction = f"r1 Ttype=restriction,restriction=no_straight_on M{members}"
    study = built(tmp_path, [*middle, ROUND, WEST, EAST, restriction])
    assert metres(study, "walk") == pytest.approx(1000, rel=2e-3)
    assert metres(study, "drive") == pytest.approx(2200, rel=2e-3)


@pytest.mark.parametrize("way", ["w1 Thighway=residential N10,11,12", "w1 Thighway=residential N10,11,12,10"])
def test_an_extract_whose_streets_all_lie_at_one_place_has_no_street(tmp_path: Path, way: str) -> None:
    with pytest.raises(ExtractError, match=r"x\.opl: holds no street"):
        built(tmp_path, [way])
