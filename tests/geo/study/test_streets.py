"""Streets: making edges from lines, and refusing files with wrong streets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from geo.errors import StudyError
from geo.study import streets
from geo.study.study import Study

GEOD = Geod(ellps="WGS84")


def street_frame(lines: list[list[tuple[float, float]]], ends: list[tuple[int, int]]) -> pd.DataFrame:
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
    geometries = np.array([shapely.LineString(line) for line in lines], dtype=object)
    return streets.from_lines(geometries, np.array(ends), attributes)


def test_frame_has_the_documented_columns_and_types() -> None:
    table = street_frame([[(120, 29), (120.01, 29), (120.01, 29.01)]], [(70, 5)])
    kinds = {"u": "int32", "v": "int32", "length_m": "float64", "maxspeed_kph": "float32", "walk": "bool"}
    assert {name: str(table[name].dtype) for name in kinds} == kinds
    assert sorted(table[["u", "v"]].to_numpy().ravel()) == [0, 1]
    expected = sum(GEOD.inv(*a, *b)[2] for a, b in (((120, 29), (120.01, 29)), ((120.01, 29), (120.01, 29.01))))
    assert table["length_m"].tolist() == pytest.approx([expected])


def test_edges_without_length_join_streets_and_rings_without_length_are_dropped() -> None:
    here = (120, 29)
    table = street_frame([[here, here], [here, (120.01, 29)], [here, here]], [(1, 2), (2, 3), (3, 3)])
    assert table["highway"].tolist() == ["h0", "h1"]
    assert table["length_m"].iloc[0] == 0
    assert table["v"].iloc[0] == table["u"].iloc[1]


def test_ring_of_which_one_half_has_no_length_is_kept() -> None:
    here = (120, 29)
    table = street_frame([[here, here, here, (120.01, 29), here]], [(1, 1)])
    assert (table["u"] != table["v"]).all()
    assert sorted(table["length_m"] > 0) == [False, True]


@pytest.mark.parametrize("corners", [3, 4, 5])
def test_rings_are_split_in_two(corners: int) -> None:
    angles = np.linspace(0, 2 * np.pi, corners + 1)
    ring = [(120 + 0.01 * np.cos(a), 29 + 0.01 * np.sin(a)) for a in angles]
    ring[-1] = ring[0]
    table = street_frame([ring, [ring[0], (121, 29)]], [(1, 1), (1, 2)])
    assert (table["u"] != table["v"]).all()
    halves = table[table["highway"] == "h0"]
    assert len(halves) == 2
    assert halves["length_m"].sum() == pytest.approx(GEOD.line_length(*zip(*ring, strict=True)), rel=1e-9)
    # Both halves keep the direction of the ring and its attributes.
    first, second = halves.iloc[0], halves.iloc[1]
    assert (first["v"], second["v"]) == (second["u"], first["u"])
    assert first.geometry.coords[-1] == second.geometry.coords[0]
    assert not halves["drive_forward"].any()
    assert halves["drive_backward"].all()
    assert first["u"] in table.loc[table["highway"] == "h1", ["u", "v"]].to_numpy()


def test_line_there_and_back_is_split_in_two() -> None:
    table = street_frame([[(120, 29), (120.01, 29), (120, 29)]], [(1, 1)])
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
    ("spoil", "expected"),
    [
        (lambda t: t.drop(columns="walk"), "walk"),
        (lambda t: t.iloc[:0], "no streets"),
        (lambda t: t.assign(v=t["u"]), "begin where they end"),
        (lambda t: t.assign(length_m=-1.0), "below 0"),
        (lambda t: t.assign(length_m=0.0), "no street with a length"),
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
        *((lambda t, kph=kph: t.assign(ferry_kph=kph), "ferry_kph") for kph in (0.0, -5.0, 500.0, "slow")),
        *((lambda t, way=way: t.assign(walk_oneway=way), "walk_oneway") for way in (2, -2, 0.5, np.nan)),
        *((lambda t, stops=stops: t.assign(stops_u=0, stops_v=stops), "stops_v") for stops in (8, -1, 0.5, np.nan)),
        (lambda t: t.assign(stops_u=1), "stops_v"),
        (lambda t: t.assign(maxspeed_backward_kph=np.float32(0)), "maxspeed_backward_kph"),
        (lambda t: t.assign(drive_attracts=True), "walk_attracts"),
        (lambda t: t.assign(walk_attracts=True, cycle_attracts=True, drive_attracts=2), "drive_attracts"),
    ],
)
def test_table_with_wrong_values_is_refused(tmp_path: Path, spoil: object, expected: str) -> None:
    path = tmp_path / "streets.parquet"
    table = street_frame([[(120, 29), (120.01, 29)]], [(1, 2)])
    spoil(table).to_parquet(path)  # type: ignore[operator]
    with pytest.raises(StudyError, match=expected) as caught:
        streets.read(path)
    assert "streets.parquet" in str(caught.value)


def test_streets_with_and_without_slopes_are_read(tmp_path: Path) -> None:
    table = street_frame([[(120, 29), (120.01, 29)]], [(1, 2)])
    for name, more in (("flat", {}), ("sloped", {"walk_pace_forward": [np.float32(1.5)], "walk_pace_backward": [0.9]})):
        path = tmp_path / f"{name}.parquet"
        table.assign(**more).to_parquet(path)
        assert streets.has_slopes(streets.read(path)) is bool(more)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"lon,lat\n", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "streets.parquet"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"streets\.parquet"):
        streets.read(path)


def test_parquet_without_geometry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "streets.parquet"
    pd.DataFrame({"u": [0]}).to_parquet(path)
    with pytest.raises(StudyError, match="GeoParquet"):
        streets.read(path)
