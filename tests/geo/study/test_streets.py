"""Who may use a way in which direction, how fast; and how lines become edges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from geo.errors import StudyError
from geo.study import streets
from geo.study.study import Speeds, Study

CLASSES = Speeds().drive_class_kph
GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize(
    ("more", "open_to_walkers"),
    [
        ({}, True),
        # first: an area is closed, whatever else it says
        ({"area": "yes"}, False),
        ({"area": "yes", "foot": "yes"}, False),
        ({"area": "no"}, True),
        # then: what opens a way opens it against all that closes it
        *(({"foot": foot, "access": "private"}, True) for foot in ("yes", "designated", "permissive", "destination")),
        ({"foot": "official", "motorroad": "yes"}, True),
        ({"highway": "motorway", "foot": "yes"}, True),
        ({"highway": "construction", "foot": "yes"}, True),
        # then what closes
        *(({"foot": foot}, False) for foot in ("no", "private", "use_sidepath")),
        *(({"access": access}, False) for access in ("no", "private")),
        ({"motorroad": "yes"}, False),
        *(
            ({"highway": highway}, False)
            for highway in ("motorway", "motorway_link", "construction", "proposed", "abandoned", "razed", "raceway",
                            "platform", "corridor")
        ),
        # any other highway is open; trunk is an ordinary national road in China
        *(
            ({"highway": highway}, True)
            for highway in ("trunk", "primary", "footway", "steps", "track", "path", "cycleway", "service", "whatever")
        ),
        # and no other tag matters
        ({"access": "customers"}, True),
        ({"foot": "discouraged"}, True),
        ({"oneway": "yes"}, True),
    ],
)  # fmt: skip
def test_walkable(more: dict[str, str], open_to_walkers: bool) -> None:
    assert streets.walkable({"highway": "residential", **more}) is open_to_walkers


BOTH, FORWARD, BACKWARD, NEITHER = (True, True), (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("more", "directions"),
    [
        ({}, BOTH),
        ({"oneway": "yes"}, FORWARD),
        ({"oneway": "1"}, FORWARD),
        ({"oneway": "true"}, FORWARD),
        ({"oneway": "-1"}, BACKWARD),
        ({"oneway": "reverse"}, BACKWARD),
        ({"oneway": "no"}, BOTH),
        ({"oneway": "nonsense"}, BOTH),
        ({"junction": "roundabout"}, FORWARD),
        ({"junction": "circular"}, FORWARD),
        ({"junction": "roundabout", "oneway": "no"}, BOTH),
        ({"junction": "roundabout", "oneway": "-1"}, BACKWARD),
        ({"highway": "motorway"}, FORWARD),
        ({"highway": "motorway", "oneway": "no"}, BOTH),
        ({"highway": "trunk"}, BOTH),
        *(
            ({"highway": highway}, NEITHER)
            for highway in ("footway", "path", "cycleway", "steps", "track", "construction", "pedestrian")
        ),
        ({"area": "yes"}, NEITHER),
        ({"access": "no"}, NEITHER),
        ({"access": "private"}, NEITHER),
        # the most specific key decides
        ({"access": "no", "motor_vehicle": "yes"}, BOTH),
        ({"access": "yes", "motor_vehicle": "no"}, NEITHER),
        ({"vehicle": "no", "motorcar": "yes", "oneway": "yes"}, FORWARD),
        ({"motor_vehicle": "yes", "motorcar": "private"}, NEITHER),
        ({"bicycle": "no", "foot": "no"}, BOTH),
        ({"access": "destination"}, BOTH),
    ],
)  # fmt: skip
def test_drivable(more: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert streets.drivable({"highway": "residential", **more}, CLASSES) == directions


@pytest.mark.parametrize(
    ("more", "directions"),
    [
        ({}, BOTH),
        ({"oneway": "yes"}, FORWARD),
        ({"oneway": "-1"}, BACKWARD),
        ({"oneway": "yes", "oneway:bicycle": "no"}, BOTH),
        ({"oneway": "yes", "cycleway": "opposite_lane"}, BOTH),
        ({"oneway": "yes", "cycleway:left": "opposite"}, BOTH),
        ({"highway": "cycleway"}, BOTH),
        ({"highway": "path"}, BOTH),
        *(
            ({"highway": highway}, NEITHER)
            for highway in ("footway", "steps", "pedestrian", "motorway", "construction")
        ),
        ({"highway": "footway", "bicycle": "yes"}, BOTH),
        ({"highway": "pedestrian", "bicycle": "designated", "oneway": "yes"}, FORWARD),
        ({"bicycle": "no"}, NEITHER),
        ({"bicycle": "use_sidepath"}, NEITHER),
        ({"access": "private"}, NEITHER),
        ({"access": "private", "bicycle": "yes"}, BOTH),
        ({"vehicle": "no"}, NEITHER),
        ({"vehicle": "no", "bicycle": "yes"}, BOTH),
        ({"motorroad": "yes"}, NEITHER),
        ({"area": "yes", "bicycle": "yes"}, NEITHER),
    ],
)
def test_cyclable(more: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert streets.cyclable({"highway": "residential", **more}) == directions


@pytest.mark.parametrize(
    ("text", "kph"),
    [
        ("50", 50),
        ("50 km/h", 50),
        ("30 mph", 48.28032),
        ("7.5", 7.5),
        *(
            (text, np.nan)
            for text in ("", "none", "walk", "CN:urban", "50;30", "signals", "0", "-30", "999", "inf", "nan")
        ),
        ("20 knots", np.nan),
    ],
)
def test_maxspeed(text: str, kph: float) -> None:
    assert streets.maxspeed_kph({"maxspeed": text}) == pytest.approx(kph, nan_ok=True)
    assert np.isnan(streets.maxspeed_kph({}))


def made(lines: list[list[tuple[float, float]]], ends: list[tuple[int, int]]) -> pd.DataFrame:
    attributes = pd.DataFrame(
        {
            "highway": [f"h{number}" for number in range(len(lines))],
            "maxspeed_kph": np.nan,
            "walk": True,
            "cycle_forward": True,
            "cycle_backward": False,
            "drive_forward": False,
            "drive_backward": True,
        }
    )
    drawn = np.array([shapely.LineString(line) for line in lines], dtype=object)
    return streets.frame(drawn, np.array(ends), attributes)


def test_frame_has_the_columns_of_the_documentation() -> None:
    table = made([[(120, 29), (120.01, 29), (120.01, 29.01)]], [(70, 5)])
    kinds = {"u": "int32", "v": "int32", "length_m": "float64", "maxspeed_kph": "float32", "walk": "bool"}
    assert {name: str(table[name].dtype) for name in kinds} == kinds
    assert sorted(table[["u", "v"]].to_numpy().ravel()) == [0, 1]
    expected = sum(GEOD.inv(*a, *b)[2] for a, b in (((120, 29), (120.01, 29)), ((120.01, 29), (120.01, 29.01))))
    assert table["length_m"].tolist() == pytest.approx([expected])


def test_edges_of_no_length_are_dropped() -> None:
    table = made([[(120, 29), (120, 29)], [(120, 29), (120.01, 29)]], [(1, 2), (2, 3)])
    assert table["highway"].tolist() == ["h1"]
    assert (table["length_m"] > 0).all()


@pytest.mark.parametrize("corners", [3, 4, 5])
def test_rings_are_split(corners: int) -> None:
    angles = np.linspace(0, 2 * np.pi, corners + 1)
    ring = [(120 + 0.01 * np.cos(a), 29 + 0.01 * np.sin(a)) for a in angles]
    ring[-1] = ring[0]
    table = made([ring, [ring[0], (121, 29)]], [(1, 1), (1, 2)])
    assert (table["u"] != table["v"]).all()
    halves = table[table["highway"] == "h0"]
    assert len(halves) == 2
    assert halves["length_m"].sum() == pytest.approx(GEOD.line_length(*zip(*ring, strict=True)), rel=1e-9)
    # Around in the ring's own direction, with its attributes.
    first, second = halves.iloc[0], halves.iloc[1]
    assert (first["v"], second["v"]) == (second["u"], first["u"])
    assert first.geometry.coords[-1] == second.geometry.coords[0]
    assert not halves["drive_forward"].any()
    assert halves["drive_backward"].all()
    assert first["u"] in table.loc[table["highway"] == "h1", ["u", "v"]].to_numpy()


def test_a_ring_of_two_vertices_there_and_back() -> None:
    table = made([[(120, 29), (120.01, 29), (120, 29)]], [(1, 1)])
    assert len(table) == 2
    assert (table["u"] != table["v"]).all()


def test_built_streets_meet_at_their_nodes(liechtenstein: Study) -> None:
    table = liechtenstein.streets
    assert table is not None
    assert (table["u"] != table["v"]).all()
    numbers = np.unique(table[["u", "v"]].to_numpy())
    assert numbers.tolist() == list(range(len(numbers)))
    ends = pd.DataFrame(
        {
            "node": np.concatenate([table["u"], table["v"]]),
            "x": np.concatenate([shapely.get_x(shapely.get_point(table.geometry, at)) for at in (0, -1)]),
            "y": np.concatenate([shapely.get_y(shapely.get_point(table.geometry, at)) for at in (0, -1)]),
        }
    )
    assert (ends.groupby("node")[["x", "y"]].nunique() == 1).all(axis=None)
    lengths = [GEOD.line_length(*line.coords.xy) for line in table.geometry.iloc[:300]]
    assert table["length_m"].iloc[:300].tolist() == pytest.approx(lengths, rel=1e-9)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.drop(columns="walk"), "walk"),
        (lambda t: t.iloc[:0], "no street"),
        (lambda t: t.assign(v=t["u"]), "begin where they end"),
        (lambda t: t.assign(length_m=0.0), "no length"),
        (lambda t: t.assign(length_m=np.nan), "length_m must not be empty"),
        (lambda t: t.assign(u=np.int32(-1)), "numbered nodes"),
        (lambda t: t.set_geometry(shapely.get_point(t.geometry.to_numpy(), 0), crs=4326), "not lines"),
        (lambda t: t.set_crs(3857, allow_override=True), "4326"),
        (lambda t: t.assign(length_m="long"), "length_m"),
        (lambda t: t.assign(maxspeed_kph=np.float32(-30)), "maxspeed_kph"),
        (lambda t: t.assign(maxspeed_kph=np.float32(0)), "maxspeed_kph"),
        (lambda t: t.assign(walk=None), "walk"),
        (lambda t: t.assign(walk_pace_forward=1.0), "walk_pace_backward"),
        *(
            (lambda t, pace=pace: t.assign(walk_pace_forward=1.0, walk_pace_backward=pace), "walk_pace_backward")
            for pace in (np.nan, np.inf, 0.0, -1.0, 1e6, "steep", None)
        ),
    ],
)
def test_a_spoilt_file_is_refused(tmp_path: Path, spoil: object, said: str) -> None:
    path = tmp_path / "streets.parquet"
    table = made([[(120, 29), (120.01, 29)]], [(1, 2)])
    spoil(table).to_parquet(path)  # type: ignore[operator]
    with pytest.raises(StudyError, match=said) as caught:
        streets.read(path)
    assert "streets.parquet" in str(caught.value)


def test_paces_are_read_where_there_are_any(tmp_path: Path) -> None:
    table = made([[(120, 29), (120.01, 29)]], [(1, 2)])
    for name, more in (("flat", {}), ("sloped", {"walk_pace_forward": [np.float32(1.5)], "walk_pace_backward": [0.9]})):
        path = tmp_path / f"{name}.parquet"
        table.assign(**more).to_parquet(path)
        assert streets.sloped(streets.read(path)) is bool(more)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"lon,lat\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "streets.parquet"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"streets\.parquet"):
        streets.read(path)


def test_a_parquet_without_geometry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "streets.parquet"
    pd.DataFrame({"u": [0]}).to_parquet(path)
    with pytest.raises(StudyError, match="GeoParquet"):
        streets.read(path)
