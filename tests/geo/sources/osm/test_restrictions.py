"""Turn restrictions of extracts: which paths of street edges their relations forbid, and what becomes of the others."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.osm import restrictions
from geo.study import study
from geo.traveltime.travel import Travel

# A crossroads of the ways 1 (west), 2 (north), 3 (east) and 4 (south) at node 50; way 3 goes on to node 60, where the
# ways 5 and 6 begin. Way 7 passes node 60 without an end there. Cars drive on way 6 towards node 60 only.
EDGES = [
    (1, 10, 50),
    (2, 50, 20),
    (3, 50, 60),
    (4, 40, 50),
    (5, 60, 70),
    (6, 60, 80),
    (7, 90, 60),
    (7, 60, 91),
]
WEST, NORTH, EAST, SOUTH, BEYOND, ONE_WAY, SOUTHERN, NORTHERN = range(8)


@pytest.fixture(scope="module")
def streets() -> gpd.GeoDataFrame:
    table = pd.DataFrame(EDGES, columns=["way_id", "u_id", "v_id"])
    return table.assign(drive_forward=table["way_id"] != 6, drive_backward=True)


def along(*edges: int) -> tuple[int, ...]:
    """Directed edges: a number for one that is followed from u to v, its complement for one from v to u."""
    return tuple(2 * edge if edge >= 0 else 2 * ~edge + 1 for edge in edges)


def read(streets: gpd.GeoDataFrame, members: str, **tags: str) -> tuple[set[tuple[int, ...]], int, dict[str, int]]:
    tags = {"type": "restriction"} | {key.replace("__", ":"): value for key, value in tags.items()}
    line = f"r1 T{','.join(f'{key}={value}' for key, value in tags.items())} M{members}\n"
    paths, applied, left_out = restrictions.forbidden_paths([line], streets)
    assert applied + sum(left_out.values()) == 1
    assert len(paths) == len(set(paths))
    return set(paths), applied, dict(left_out)


FROM_WEST = "w1@from,n50@via,w2@to"


@pytest.mark.parametrize(
    ("members", "rule", "paths"),
    [
        (FROM_WEST, "no_left_turn", {along(WEST, NORTH)}),
        (FROM_WEST, "no_left_turn;no_u_turn", {along(WEST, NORTH)}),
        ("n50@via,w2@to,w1@from", "no_left_turn", {along(WEST, NORTH)}),
        (FROM_WEST, "only_left_turn", {along(WEST, EAST), along(WEST, ~SOUTH), along(WEST, ~WEST)}),
        ("w1@from,n50@via,w1@to", "no_u_turn", {along(WEST, ~WEST)}),
        ("w7@from,n60@via,w7@to", "no_u_turn", {along(SOUTHERN, ~SOUTHERN), along(~NORTHERN, NORTHERN)}),
        ("w1@from,w4@from,n50@via,w2@to", "no_entry", {along(WEST, NORTH), along(SOUTH, NORTH)}),
        ("w1@from,n50@via,w2@to,w3@to", "no_exit", {along(WEST, NORTH), along(WEST, EAST)}),
        ("w1@from,w3@via,w5@to", "no_straight_on", {along(WEST, EAST, BEYOND)}),
        ("w6@from,w3@via,w2@to", "no_left_turn", {along(~ONE_WAY, ~EAST, NORTH)}),
        (
            "w1@from,w3@via,w5@to",
            "only_straight_on",
            {
                *(along(WEST, other) for other in (NORTH, ~SOUTH, ~WEST)),
                *(along(WEST, EAST, other) for other in (~EAST, ~SOUTHERN, NORTHERN)),
            },
        ),
    ],
)
def test_forbidden_paths(streets: gpd.GeoDataFrame, members: str, rule: str, paths: set[tuple[int, ...]]) -> None:
    assert read(streets, members, restriction=rule) == (paths, 1, {})


@pytest.mark.parametrize(
    ("tags", "applied"),
    [
        ({"restriction": "no_left_turn", "except": "bus;motorcar"}, restrictions.FOR_OTHERS),
        ({"restriction": "no_left_turn", "except": "bicycle;psv"}, 1),
        ({"restriction__motorcar": "no_left_turn"}, 1),
        ({"restriction__motor_vehicle": "no_left_turn"}, 1),
        ({"restriction": "no_left_turn", "restriction__motorcar": "none"}, restrictions.UNKNOWN),
        ({"restriction__hgv": "no_left_turn"}, restrictions.FOR_OTHERS),
        ({"restriction__conditional": "no_left_turn @ (07:00-09:00)"}, restrictions.SOMETIMES),
        ({"restriction__motorcar__conditional": "no_left_turn @ (Mo-Fr)"}, restrictions.SOMETIMES),
        ({"restriction": "no_left_turn", "hour_on": "07:00", "hour_off": "09:00"}, restrictions.SOMETIMES),
        ({"restriction": "no_parking"}, restrictions.UNKNOWN),
    ],
)
def test_which_rules_bind_cars(streets: gpd.GeoDataFrame, tags: dict[str, str], applied: int | str) -> None:
    paths, count, left_out = read(
        streets, FROM_WEST, **{key: value.replace(" ", "%20%") for key, value in tags.items()}
    )
    assert (count == 1) == (applied == 1) == bool(paths)
    assert list(left_out) == ([] if applied == 1 else [applied])


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ("w1@from,n50@via", restrictions.BROKEN),
        ("w1@from,w2@to", restrictions.BROKEN),
        ("w1@from,n50@via,w999@to", restrictions.BROKEN),
        ("w1@from,n999@via,w2@to", restrictions.BROKEN),
        ("w1@from,n60@via,w2@to", restrictions.BROKEN),
        ("w1@from,w5@via,w2@to", restrictions.BROKEN),
        ("w1@from,n50@via,w3@via,w5@to", restrictions.BROKEN),
        ("w7@from,n60@via,w5@to", restrictions.BROKEN),  # from which side?
        ("w3@from,n60@via,w6@to", restrictions.CLOSED),
        ("w997@from,n998@via,w999@to", restrictions.ELSEWHERE),
        ("", restrictions.ELSEWHERE),
    ],
)
def test_restrictions_that_cannot_be_applied_are_counted(streets: gpd.GeoDataFrame, members: str, reason: str) -> None:
    assert read(streets, members, restriction="no_left_turn") == (set(), 0, {reason: 1})


@pytest.mark.parametrize("sign", [1, -1])
def test_cars_drive_round_and_walkers_turn_left(tmp_path: Path, sign: int) -> None:
    """As in an extract, with ids that editors write too: below zero."""
    nodes = {1: (120.05, 28.9), 2: (120.0551265, 28.8999999), 3: (120.0551267, 28.9045111)}
    nodes |= {4: (120.0653795, 28.8999991), 5: (120.0653801, 28.9045104)}
    lines = [f"n{sign * number} x{lon} y{lat}" for number, (lon, lat) in nodes.items()]
    lines.append(f"n{sign * 100} Tamenity=clinic,name=C x{nodes[3][0]} y{nodes[3][1]}")
    for number, line in enumerate([(1, 2), (2, 3), (2, 4), (4, 5, 3)], start=1):
        lines.append(f"w{sign * number} Thighway=primary N{','.join(f'n{sign * node}' for node in line)}")
    members = f"w{sign}@from,n{sign * 2}@via,w{sign * 2}@to"
    lines.append(f"r{sign} Ttype=restriction,restriction=no_left_turn M{members}")
    extract, people = tmp_path / "x.opl", tmp_path / "p.csv"
    extract.write_text("\n".join(lines) + "\n", "utf-8")
    people.write_text("lon,lat,population\n120.05,28.9,1\n", "utf-8")
    summary = build.build(tmp_path / "study", Sources(extract, population=people), lambda step, count: None)
    assert [line.amount for line in summary.lines if line.remark == "turn restrictions for cars"] == [1]
    small = study.read(tmp_path / "study")
    minutes = [Travel(small).demand_times(small.facilities, mode).seconds[0] / 60 for mode in ("drive", "walk")]
    assert minutes == pytest.approx([3.75, 15.0], abs=0.01)
