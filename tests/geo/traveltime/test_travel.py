"""Travel times in drawn towns against the slow computation of `support.splitting`.

``test_travel_by_hand.py`` compares them with figures worked out by hand, and
``test_reference.py`` compares those of real places.
"""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.measures import coverage
from geo.study.study import Study
from geo.traveltime.reasons import NO_ROUTE, NO_STREET
from geo.traveltime.travel import Travel
from support.examples import examples
from support.handmade import Facility, Metres, People, Street, facility_frame, lonlat, standard
from support.splitting import Split

pytestmark = pytest.mark.usefixtures("every_street_attracts")

MODES = ("walk", "cycle", "drive")
KPH = {"walk": 4.0, "cycle": 15.0}
CONNECTOR_M = 60.0
NOW = date(2021, 12, 31)
thorough = settings(max_examples=examples(60), derandomize=True)


@st.composite
def street_networks(draw: st.DrawFn) -> list[Street]:
    """Streets between the crossings of a grid: one-ways, parallels with a bend, in several pieces, or closed."""
    crossings = [(100.0 * x, 100.0 * y) for x in range(4) for y in range(3)]
    directions = st.sampled_from([(True, True), (True, True), (True, False), (False, True), (False, False)])
    streets = []
    for number in range(draw(st.integers(1, 12))):
        a = draw(st.sampled_from(crossings))
        b = draw(st.sampled_from([c for c in crossings if c != a and max(abs(c[0] - a[0]), abs(c[1] - a[1])) <= 200]))
        # Bends differ, so that parallel streets do not lie on each other.
        across = (b[1] - a[1], a[0] - b[0])
        bend = (0.11 + 0.02 * number) * draw(st.sampled_from([-1, 1]))
        middle = ((a[0] + b[0]) / 2 + bend * across[0], (a[1] + b[1]) / 2 + bend * across[1])
        line = (
            [a, middle, b] if draw(st.booleans()) or any({a, b} == {s.line[0], s.line[-1]} for s in streets) else [a, b]
        )
        streets.append(
            Street(
                line,
                highway=draw(st.sampled_from(["residential", "primary"])),
                maxspeed_kph=draw(st.sampled_from([float("nan"), 20.0, 70.0])),
                walk=draw(st.sampled_from([True, True, True, False])),
                cycle=draw(directions),
                drive=draw(directions),
            )
        )
    return streets


@st.composite
def locations(draw: st.DrawFn, most: int, jitter: float) -> list[Metres]:
    """Up to ``most`` locations near streets; ``jitter`` keeps any two from being opposite each other by chance."""
    drawn: list[Metres] = []
    for number in range(draw(st.integers(1, most))):
        x, y = draw(st.integers(-7, 37)), draw(st.integers(-7, 27))
        offset = (number + 1) * jitter
        drawn.append((10.0 * x + offset, 10.0 * y + 0.7 * offset))
    return drawn


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[Street], list[Facility], list[People]]:
    """Streets, clinics (some at a crossing, some where people are) and people (some at a crossing)."""
    streets = draw(street_networks())
    people = draw(locations(6, 0.137))
    sites = draw(locations(4, 0.0719))
    ends = [street.line[0] for street in streets]
    people += draw(st.lists(st.sampled_from(ends), max_size=1))
    sites += draw(st.lists(st.sampled_from([*ends, *people]), max_size=2))
    clinics = [Facility(f"c{number}", "clinic", site) for number, site in enumerate(sites)]
    return streets, clinics, [People(place, 1.0) for place in people]


def travel_in(small_study: Callable[..., Study], town: tuple[list[Street], list[Facility], list[People]]) -> Travel:
    streets, clinics, people = town
    return Travel(small_study(streets, clinics, people, max_connector_m=CONNECTOR_M))


def near_limit(streets: list[Street], points: list[Metres]) -> bool:
    """Whether a point is so near the longest connector that rounding decides."""
    lines = [shapely.LineString(street.line) for street in streets]
    return any(abs(line.distance(shapely.Point(point)) - CONNECTOR_M) < 1e-3 for line in lines for point in points)


@pytest.mark.parametrize("mode", MODES)
@thorough
@given(town=towns())
def test_times_equal_those_of_split_streets(
    small_study: Callable[..., Study], mode: str, town: tuple[list[Street], list[Facility], list[People]]
) -> None:
    streets, clinics, people = town
    spots = [each.place for each in (*people, *clinics)]
    if near_limit(streets, spots):
        return
    travel = travel_in(small_study, town)
    times = travel.demand_times(travel.study.facilities, mode)
    split = Split(streets, mode, CONNECTOR_M, KPH)
    expected = split.seconds([p.place for p in people], clinics)
    for row, spans in enumerate(expected):
        least, greatest = min(s.least for s in spans), min(s.greatest for s in spans)
        assert least - 1e-3 <= times.seconds[row] <= greatest + 1e-3
        if np.isfinite(times.seconds[row]):
            span = spans[times.facility[row]]
            assert span.least - 1e-3 <= times.seconds[row] <= span.greatest + 1e-3
            assert times.reason[row] is None
        else:
            assert times.facility[row] == -1
            no_street = not split.entries(people[row].place)
            assert times.reason[row] == (NO_STREET.format(metres=60.0) if no_street else NO_ROUTE)


@pytest.mark.parametrize("mode", MODES)
@thorough
@given(town=towns())
def test_ranking_equals_that_of_split_streets(
    small_study: Callable[..., Study], mode: str, town: tuple[list[Street], list[Facility], list[People]]
) -> None:
    streets, clinics, people = town
    if near_limit(streets, [each.place for each in (*people, *clinics)]):
        return
    travel = travel_in(small_study, town)
    spot = lonlat(*people[0].place)
    ranking = travel.ranker(travel.study.facilities, mode).rank(*spot)
    split = Split(streets, mode, CONNECTOR_M, KPH)
    spans = split.seconds([people[0].place], clinics)[0]
    seconds = dict(zip(ranking.rows.tolist(), ranking.seconds.tolist(), strict=True))
    assert len(seconds) == len(ranking.rows)
    for row, span in enumerate(spans):
        assert span.least - 1e-3 <= seconds.get(row, np.inf) <= span.greatest + 1e-3
    assert np.all(np.diff(ranking.seconds) >= 0)

    # `times` gives the same seconds to the nearest one, and a limit leaves out the others.
    times = travel.times(travel.study.facilities, *(np.array([degree]) for degree in spot), mode)
    assert times.seconds[0] == pytest.approx(ranking.seconds[0] if len(seconds) else np.inf, abs=1e-4)
    first_two = travel.ranker(travel.study.facilities, mode).rank(*spot, limit=2)
    assert first_two.seconds == pytest.approx(ranking.seconds[:2], abs=1e-4)  # looked up instead of searched
    assert first_two.metres == pytest.approx(ranking.metres[:2], abs=1e-2) or mode == "drive"

    # Where one speed holds everywhere, the length is that speed times the time.
    if len(seconds) and mode != "drive":
        assert ranking.connector_m is not None
        straight = ranking.connector_m + facility_connectors(split, clinics, ranking.rows.tolist())
        on_streets = (ranking.seconds - straight * 3.6 / 4.0) * KPH[mode] / 3.6
        assert ranking.metres == pytest.approx(straight + on_streets, abs=1e-2)


def facility_connectors(split: Split, clinics: list[Facility], rows: list[int]) -> np.ndarray:
    return np.array([split.entries(clinics[row].place)[0].connector_m for row in rows])


@pytest.mark.parametrize("mode", MODES)
@settings(thorough, max_examples=examples(40))
@given(streets=street_networks(), people=locations(5, 0.137), corners=st.lists(
    st.tuples(st.integers(-3, 33), st.integers(-3, 23), st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=3
))  # fmt: skip
def test_park_is_reached_wherever_a_street_enters_it(
    small_study: Callable[..., Study],
    mode: str,
    streets: list[Street],
    people: list[Metres],
    corners: list[tuple[int, int, int, int]],
) -> None:
    split = Split(streets, mode, CONNECTOR_M, KPH)
    # The sides of parks lie off the grid, so that no street runs along one.
    parks = [
        Facility(
            f"p{n}", "park", shapely.box(10 * x + 3.3 + n, 10 * y + 4.1 + n, 10 * (x + w) + 7.7, 10 * (y + h) + 6.9)
        )
        for n, (x, y, w, h) in enumerate(corners)
    ]
    parks = [park for park in parks if split.stretches(park.place)]
    if near_limit(streets, people) or not parks:
        return
    travel = travel_in(small_study, (streets, parks, [People(place, 1.0) for place in people]))
    times = travel.demand_times(travel.study.facilities, mode)
    for row, spans in enumerate(split.seconds(people, parks)):
        least, greatest = min(s.least for s in spans), min(s.greatest for s in spans)
        assert least - 1e-3 <= times.seconds[row] <= greatest + 1e-3
        ranking = travel.ranker(travel.study.facilities, mode).rank(*lonlat(*people[row]))
        seconds = dict(zip(ranking.rows.tolist(), ranking.seconds.tolist(), strict=True))
        for number, span in enumerate(spans):
            assert span.least - 1e-3 <= seconds.get(number, np.inf) <= span.greatest + 1e-3


@settings(thorough, max_examples=examples(30))
@given(town=towns(), more=locations(2, 0.0313))
def test_adding_a_facility_never_lengthens_a_trip(
    small_study: Callable[..., Study], town: tuple[list[Street], list[Facility], list[People]], more: list[Metres]
) -> None:
    travel = travel_in(small_study, town)
    before = travel.demand_times(travel.study.facilities, "drive").seconds
    added = facility_frame([*town[1], *(Facility(f"new{n}", "clinic", place) for n, place in enumerate(more))])
    after = travel.demand_times(added, "drive").seconds
    assert np.all(after <= before + 1e-9)


@settings(thorough, max_examples=examples(25))
@given(town=towns())
def test_longer_limit_never_lowers_coverage(
    small_study: Callable[..., Study], town: tuple[list[Street], list[Facility], list[People]]
) -> None:
    travel = travel_in(small_study, town)
    covered = [
        coverage.measure(travel, travel.study.facilities, standard("travel_time", minutes=minutes), NOW).covered
        for minutes in (0.5, 1, 2, 3, 5, 10, 120)
    ]
    assert covered == sorted(covered)
