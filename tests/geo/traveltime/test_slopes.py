"""Travel times, isochrones and coverage where slopes slow down walking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.measures import counting, coverage, isochrones
from geo.sources import elevation
from geo.study import streets
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support.handmade import PROJECTION, Facility, People, Street, lonlat, standard
from support.heights import edges, rising_east, tobler, write_raster

rasterio = pytest.importorskip("rasterio")
# rasterio's own arithmetic uses an operator that affine 3 has superseded.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
NOW = date(2022, 1, 1)


def with_slopes(study: Study, forward: ArrayLike, backward: ArrayLike) -> Study:
    """The study with these paces of its streets."""
    assert study.streets is not None
    table = study.streets.assign(**dict(zip(streets.PACE_COLUMNS, (forward, backward), strict=True)))
    return replace(study, streets=table)


def test_uphill_and_downhill_in_closed_form(small_study: Callable[..., Study], tmp_path: Path) -> None:
    """A kilometre up 8 %, and down again; e-bikes and cars do not slow down, and connectors are flat."""
    line = [Street([(-500, 0), (500, 0)])]
    ends = [Facility("west", "clinic", (-500, 40)), Facility("east", "clinic", (500, 0))]
    made = small_study(line, ends, [People((-500, 0), 1), People((500, 0), 1), People((250, 0), 1)])
    slopes = elevation.slopes_along(
        edges([line[0].line]), write_raster(tmp_path / "plane.tif", rising_east(0.08)), PROJECTION
    )
    travel = Travel(with_slopes(made, slopes.forward, slopes.backward))
    flat = Travel(made)
    west, east = made.facilities.iloc[[0]], made.facilities.iloc[[1]]
    up, down = tobler(0.08), tobler(-0.08)
    assert travel.demand_times(east, "walk").seconds == pytest.approx([900 * up, 0, 225 * up], abs=1e-3)
    assert travel.demand_times(west, "walk").seconds == pytest.approx([36, 900 * down + 36, 675 * down + 36], abs=1e-3)
    for mode in ("cycle", "drive"):
        assert travel.demand_times(west, mode).seconds.tolist() == flat.demand_times(west, mode).seconds.tolist()
    ranking = travel.ranker(made.facilities, "walk").rank(*lonlat(250, 0))
    assert ranking.rows.tolist() == [1, 0]
    assert ranking.seconds == pytest.approx([225 * up, 675 * down + 36], abs=1e-3)
    assert ranking.metres == pytest.approx([250, 790], abs=1e-2)


def random_streets(rng: np.random.Generator) -> tuple[list[Street], np.ndarray]:
    """Most streets of a grid of 6 × 5 crossings, and the numbers of the crossings that each leads between."""
    crossings = [
        (100.0 * x + rng.uniform(-20, 20), 100.0 * y + rng.uniform(-20, 20)) for x in range(6) for y in range(5)
    ]
    pairs = [(5 * x + y, 5 * (x + 1) + y) for x in range(5) for y in range(5)]
    pairs += [(5 * x + y, 5 * x + y + 1) for x in range(6) for y in range(4)]
    kept = [pairs[n] for n in rng.choice(len(pairs), 36, replace=False)]
    return [Street([crossings[a], crossings[b]]) for a, b in kept], np.array(kept)


@pytest.mark.parametrize("seed", range(6))
def test_times_on_slopes_equal_those_of_scipy_in_both_directions(small_study: Callable[..., Study], seed: int) -> None:
    """People in the middle of edges and clinics at crossings: Dijkstra on the graph of seconds, by direction."""
    rng = np.random.default_rng(seed)
    lines, ends = random_streets(rng)
    clinics = [Facility(f"c{n}", "clinic", lines[n].line[0]) for n in (0, 7)]
    parts = rng.uniform(0.05, 0.95, len(lines))
    spots = [
        tuple(np.array(s.line[0]) + part * (np.array(s.line[1]) - np.array(s.line[0])))
        for s, part in zip(lines, parts, strict=True)
    ]
    made = small_study(lines, clinics, [People(spot, 1) for spot in spots])
    forward, backward = rng.uniform(0.8, 5, (2, len(lines)))
    travel = Travel(with_slopes(made, forward, backward))
    assert made.streets is not None
    whole = made.streets["length_m"].to_numpy() / (4 / 3.6)
    graph = csr_array(
        (np.concatenate([whole * forward, whole * backward]), (ends[:, [0, 1]].T.ravel(), ends[:, [1, 0]].T.ravel())),
        shape=(30, 30),
    )
    goals = [int(ends[n, 0]) for n in (0, 7)]
    between = dijkstra(graph)
    to = between[:, goals].min(axis=1)
    expected = np.minimum(whole * backward * parts + to[ends[:, 0]], whole * forward * (1 - parts) + to[ends[:, 1]])
    times = travel.demand_times(made.facilities, "walk")
    reached = np.isfinite(expected)
    assert reached.sum() > 20
    assert np.array_equal(reached, np.isfinite(times.seconds))
    assert times.seconds[reached] == pytest.approx(expected[reached], abs=1e-2)

    # Away from a clinic the slopes of the other direction count; isochrones are checked in both directions.
    out = between[goals[0]]
    away = np.minimum(out[ends[:, 0]] + whole * forward * parts, out[ends[:, 1]] + whole * backward * (1 - parts))
    home = np.minimum(
        whole * backward * parts + between[ends[:, 0], goals[0]],
        whole * forward * (1 - parts) + between[ends[:, 1], goals[0]],
    )
    for seconds, towards in ((away, False), (home, True)):
        minutes = sorted(float(np.quantile(seconds[np.isfinite(seconds)], share)) / 60 + 1e-3 for share in (0.3, 0.8))
        answer = isochrones.around(travel, made.facilities.geometry.iloc[0], minutes, "walk", towards=towards)
        assert [c.people for c in answer.contours] == [float((seconds <= m * 60).sum()) for m in minutes]
    ranking = travel.ranker(made.facilities, "walk").rank(*lonlat(*spots[3]))
    if len(ranking.seconds):
        assert ranking.seconds[0] == pytest.approx(expected[3], abs=1e-2)


def test_isochrone_reaches_farther_downhill(small_study: Callable[..., Study]) -> None:
    """Down 5 % in 12 minutes: 953 m, beyond the 800 m of the flat, on edges that are all drawn uphill."""
    lines = [Street([(50.0 * n, 0.0), (50.0 * n + 50, 0.0)]) for n in range(24)]
    made = with_slopes(small_study(lines), tobler(0.05), tobler(-0.05))
    (contour,) = isochrones.around(Travel(made), shapely.Point(lonlat(1200, 0)), [12], "walk").contours
    assert contour.geometry.contains(shapely.Point(lonlat(1200 - 945, 0)))
    assert not contour.geometry.contains(shapely.Point(lonlat(1200 - 1000, 0)))


def test_shares_at_other_speeds_are_those_of_a_study_at_that_speed(small_study: Callable[..., Study]) -> None:
    rng = np.random.default_rng(3)
    lines, _ = random_streets(rng)
    people = [People((float(x), float(y)), 1 + n) for n, (x, y) in enumerate(rng.uniform(0, 500, (60, 2)))]
    forward, backward = rng.uniform(0.8, 5, (2, len(lines)))
    goal = standard("travel_time", minutes=9)
    at = {}
    for kph in (4.0, 3.2):
        made = small_study(lines, [Facility("c", "clinic", lines[0].line[0])], people, speeds={"walk_kph": kph})
        travel = Travel(with_slopes(made, forward, backward))
        at[kph] = coverage.measure(travel, made.facilities, goal, NOW)
    slower = next(share for share in at[4.0].alternatives if share.speed_kph == 3.2)
    assert slower.covered == at[3.2].covered
    assert 0 < at[3.2].covered < at[4.0].covered


def test_notes_mention_slopes_only_where_they_count(small_study: Callable[..., Study]) -> None:
    made = small_study([Street([(0, 0), (900, 0)])], [Facility("c", "clinic", (900, 0))], [People((0, 0), 1)])
    hilly = with_slopes(made, [1.2], [1.0])
    goals = {
        "walk": standard("travel_time", minutes=15),
        "beside": standard("travel_time", minutes=15, mode="cycle", alternatives=["walk"]),
        "cycle": standard("travel_time", minutes=15, mode="cycle"),
        "radius": standard("radius", metres=500),
    }
    for name, goal in goals.items():
        for study, expected in ((made, False), (hilly, name in ("walk", "beside"))):
            notes = coverage.measure(Travel(study), study.facilities, goal, NOW).notes
            assert (counting.SLOPE_NOTE in notes) is expected, name
    assert coverage.measure(Travel(made), made.facilities, goals["walk"], NOW).share == 1
    assert coverage.measure(Travel(hilly), hilly.facilities, goals["walk"], NOW).share == 0
