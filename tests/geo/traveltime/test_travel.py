"""Travel times against the slow computation of `support.splitting`, and against figures worked out by hand."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.measures import coverage
from geo.study import facilities
from geo.study.study import Study
from geo.traveltime import network
from geo.traveltime.reasons import NO_FACILITIES, NO_ROUTE, NO_STREET
from geo.traveltime.travel import Travel, TravelTimes
from support.handmade import Facility, Metres, People, Street, facility_frame, lonlat, standard
from support.splitting import Split

GEOD = Geod(ellps="WGS84")
MODES = ("walk", "cycle", "drive")
KPH = {"walk": 4.0, "cycle": 15.0}
CONNECTOR_M = 60.0
NOW = date(2021, 12, 31)
thorough = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def every_street_attracts() -> Iterator[None]:
    """No island counts as small: in towns this small every one-way is one. test_network.py tests small islands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "ISLAND_M", 0.0)
        yield


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
@settings(thorough, max_examples=40)
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


@settings(thorough, max_examples=30)
@given(town=towns(), more=locations(2, 0.0313))
def test_adding_a_facility_never_lengthens_a_trip(
    small_study: Callable[..., Study], town: tuple[list[Street], list[Facility], list[People]], more: list[Metres]
) -> None:
    travel = travel_in(small_study, town)
    before = travel.demand_times(travel.study.facilities, "drive").seconds
    added = facility_frame([*town[1], *(Facility(f"new{n}", "clinic", place) for n, place in enumerate(more))])
    after = travel.demand_times(added, "drive").seconds
    assert np.all(after <= before + 1e-9)


@settings(thorough, max_examples=25)
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


# --- figures worked out by hand ----------------------------------------------------------------------------------


def one_street(small_study: Callable[..., Study], **about: object) -> Travel:
    """A straight street of a kilometre, with people at its west end and a clinic at its east end."""
    return Travel(
        small_study([Street([(0, 0), (1000, 0)])], [Facility("c", "clinic", (1000, 0))], [People((0, 0), 7)], **about)
    )


def coverage_of(travel: Travel, **about: object) -> float | None:
    return coverage.measure(travel, travel.study.facilities, standard("travel_time", **about), NOW).share


def test_kilometre_at_four_kilometres_per_hour_takes_fifteen_minutes(small_study: Callable[..., Study]) -> None:
    travel = one_street(small_study)
    times = travel.demand_times(travel.study.facilities, "walk")
    assert times.seconds == pytest.approx([900], abs=1e-4)
    assert (times.facility.tolist(), times.reason.tolist()) == ([0], [None])


@pytest.mark.parametrize(("length_m", "share"), [(999.9, 1), (1000.0, 1), (1000.1, 0)])
def test_fifteen_minutes_exactly_is_inside(small_study: Callable[..., Study], length_m: float, share: float) -> None:
    travel = one_street(small_study)
    assert travel.study.streets is not None
    travel.study.streets["length_m"] = length_m  # the column counts, and not the length of the line
    assert coverage_of(travel, minutes=15) == share


def test_fifteen_minutes_over_many_edges_is_inside(small_study: Callable[..., Study]) -> None:
    # 1000 / 7 and 0.1-metre steps do not add up to 1000 in floating point.
    cuts = [0.0, *np.cumsum(np.full(6, 1000 / 7)).tolist(), 1000.0]
    streets = [Street([(a, 0.0), (b, 0.0)]) for a, b in pairwise(cuts)]
    travel = Travel(small_study(streets, [Facility("c", "clinic", (1000.0, 0))], [People((0.0, 0.0), 1)]))
    assert travel.study.streets is not None
    travel.study.streets["length_m"] = 1000 / 7
    assert coverage_of(travel, minutes=15) == 1


def test_driving_takes_legal_or_class_speed_times_factor_towards_the_facility(
    small_study: Callable[..., Study],
) -> None:
    # The direct street is a one-way in the other direction, so that cars drive 3 km around: 1 km with a speed limit of
    # 90 km/h, and 2 km at the speed of class secondary.
    streets = [
        Street([(0, 0), (1000, 0)], drive=(False, True)),
        Street([(0, 0), (0, 1000)], highway="secondary"),
        Street([(0, 1000), (1000, 1000)], highway="secondary", maxspeed_kph=90),
        Street([(1000, 1000), (1000, 0)], highway="secondary"),
    ]
    ends = [Facility("west", "clinic", (0, 0)), Facility("east", "clinic", (1000, 0))]
    travel = Travel(small_study(streets, ends, [People((0, 0), 1), People((1000, 0), 1)]))
    west, east = travel.study.facilities.iloc[[0]], travel.study.facilities.iloc[[1]]
    detour_s = (2000 / 50 + 1000 / 90) * 3.6 / 0.8
    assert travel.demand_times(east, "drive").seconds == pytest.approx([detour_s, 0], abs=1e-3)
    assert travel.demand_times(west, "drive").seconds == pytest.approx([0, 1000 / 30 * 3.6 / 0.8], abs=1e-3)
    ranking = travel.ranker(east, "drive").rank(*lonlat(0, 0))
    assert ranking.metres == pytest.approx([3000], abs=1e-2)


def test_connectors_are_walked_in_every_mode(small_study: Callable[..., Study]) -> None:
    streets = [Street([(0, 0), (1000, 0)], maxspeed_kph=50)]
    travel = Travel(small_study(streets, [Facility("c", "clinic", (800, 40))], [People((200, -100), 1)]))
    for mode, mps in (("walk", 4 / 3.6), ("cycle", 15 / 3.6), ("drive", 50 * 0.8 / 3.6)):
        seconds = travel.demand_times(travel.study.facilities, mode).seconds
        assert seconds == pytest.approx([140 / (4 / 3.6) + 600 / mps], abs=1e-3), mode


def test_speeds_of_the_study_are_used(small_study: Callable[..., Study]) -> None:
    travel = one_street(small_study, speeds={"walk_kph": 5.0, "cycle_kph": 20.0, "drive_factor": 0.5})
    for mode, kph in (("walk", 5), ("cycle", 20), ("drive", 15)):
        seconds = travel.demand_times(travel.study.facilities, mode).seconds
        assert seconds == pytest.approx([3600 / kph], abs=1e-3), mode


def test_longest_connector_is_inside(small_study: Callable[..., Study]) -> None:
    street, clinic = [Street([(0, 0), (1000, 0)])], [Facility("c", "clinic", (500, 0))]
    at = lonlat(500, 321)
    connector_m = Travel(small_study(street, clinic)).ranker(facility_frame(clinic), "walk").rank(*at).connector_m
    assert connector_m == pytest.approx(321, abs=1e-3)
    within = Travel(small_study(street, clinic, [People((500, 321), 1)], max_connector_m=connector_m))
    beyond = Travel(small_study(street, clinic, [People((500, 321), 1)], max_connector_m=np.nextafter(connector_m, 0)))
    assert np.isfinite(within.demand_times(within.study.facilities, "walk").seconds).all()
    times = beyond.demand_times(beyond.study.facilities, "walk")
    assert np.isinf(times.seconds).all()
    assert "no street within" in times.reason[0]


def test_longest_connector_holds_for_facilities_too(small_study: Callable[..., Study]) -> None:
    street = [Street([(0, 0), (1000, 0)])]
    clinics = [Facility("near", "clinic", (1000, 299)), Facility("far", "clinic", (0, 301))]
    travel = Travel(small_study(street, clinics, [People((0, 0), 1)], max_connector_m=300))
    times = travel.demand_times(travel.study.facilities, "walk")
    assert times.facility.tolist() == [0]
    assert times.seconds == pytest.approx([1299 * 0.9], abs=1e-3)


def test_park_is_reached_at_its_edge(small_study: Callable[..., Study]) -> None:
    park = Facility("p", "park", shapely.box(600, -300, 900, 300))
    travel = Travel(small_study([Street([(0, 0), (1000, 0)])], [park], [People((x, 0), 1) for x in (0, 700, 1000)]))
    times = travel.demand_times(travel.study.facilities, "walk")
    assert times.seconds == pytest.approx([540, 0, 90], abs=1e-3)
    ranking = travel.ranker(travel.study.facilities, "walk").rank(*lonlat(0, 0))
    assert ranking.metres == pytest.approx([600], abs=1e-2)


def test_park_beside_a_street_is_reached_by_the_shortest_connector(small_study: Callable[..., Study]) -> None:
    park = Facility("p", "park", shapely.Polygon([(600, 50), (700, 150), (500, 150)]))
    travel = Travel(small_study([Street([(0, 0), (1000, 0)])], [park], [People((0, 0), 1)]))
    assert travel.demand_times(travel.study.facilities, "walk").seconds == pytest.approx([650 * 0.9], abs=1e-3)


def reasons_if_nothing_is_reached(times: TravelTimes) -> list[str]:
    assert np.isinf(times.seconds).all()
    assert (times.facility == -1).all()
    return [str(reason) for reason in times.reason]


def test_answer_says_why_nothing_is_reached(small_study: Callable[..., Study]) -> None:
    streets = [Street([(0, 0), (100, 0)]), Street([(5000, 0), (5100, 0)], drive=(False, False))]
    people = [People((0, 0), 1), People((2500, 0), 1)]
    travel = Travel(small_study(streets, [Facility("c", "clinic", (5100, 0))], people))
    clinics = travel.study.facilities
    assert reasons_if_nothing_is_reached(travel.demand_times(clinics, "walk")) == [
        NO_ROUTE,
        NO_STREET.format(metres=1000),
    ]
    assert reasons_if_nothing_is_reached(travel.demand_times(clinics.iloc[:0], "walk")) == [
        NO_FACILITIES,
        NO_FACILITIES,  # whether a street is near or not, as in a ranking
    ]
    for frame, reason in ((clinics, NO_ROUTE), (clinics[:0], NO_FACILITIES)):
        ranking = travel.ranker(frame, "walk").rank(*lonlat(0, 0))
        assert (len(ranking.rows), len(ranking.seconds), len(ranking.metres)) == (0, 0, 0)
        assert ranking.reason == reason
    assert travel.ranker(clinics, "walk").rank(*lonlat(2500, 0)).reason == NO_STREET.format(metres=1000)


def test_facility_far_from_any_street_is_out_of_reach(small_study: Callable[..., Study]) -> None:
    travel = Travel(
        small_study([Street([(0, 0), (100, 0)])], [Facility("c", "clinic", (0, 4000))], [People((0, 0), 1)])
    )
    times = travel.demand_times(travel.study.facilities, "walk")
    assert reasons_if_nothing_is_reached(times) == [NO_ROUTE]
    ranking = travel.ranker(travel.study.facilities, "walk").rank(*lonlat(0, 0))
    assert ranking.reason == times.reason[0]


def test_mode_that_may_use_no_street_reaches_nothing(small_study: Callable[..., Study]) -> None:
    footpath = Street([(0, 0), (100, 0)], drive=(False, False))
    travel = Travel(small_study([footpath], [Facility("c", "clinic", (100, 0))], [People((0, 0), 1)]))
    assert reasons_if_nothing_is_reached(travel.demand_times(travel.study.facilities, "drive")) == [
        NO_STREET.format(metres=1000)
    ]
    assert travel.ranker(travel.study.facilities, "drive").rank(*lonlat(0, 0)).reason == NO_STREET.format(metres=1000)


def test_park_that_several_streets_enter_is_ranked_once(small_study: Callable[..., Study]) -> None:
    streets = [Street([(0, y), (1000, y)]) for y in (0, 100, 200)] + [Street([(0, 0), (0, 100), (0, 200)])]
    travel = Travel(small_study(streets, [Facility("p", "park", shapely.box(500, -50, 700, 250))]))
    assert travel.ranker(travel.study.facilities, "walk").rank(*lonlat(0, 0)).rows.tolist() == [0]


def test_ranking_says_where_the_point_was_snapped(small_study: Callable[..., Study]) -> None:
    travel = one_street(small_study)
    ranking = travel.ranker(travel.study.facilities, "walk").rank(*lonlat(250, 30))
    assert ranking.snapped == pytest.approx(lonlat(250, 0), abs=1e-9)
    assert ranking.connector_m == pytest.approx(30, abs=1e-4)
    assert ranking.metres == pytest.approx([780], abs=1e-3)


# --- without streets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kph"), [("walk", 4.0), ("cycle", 15.0), ("drive", 30.0 * 0.8)])
def test_without_streets_distance_is_the_straight_line_times_the_detour(
    small_study: Callable[..., Study], mode: str, kph: float
) -> None:
    sites, people = [(0.0, 0.0), (4000.0, 100.0)], [(700.0, 900.0), (3900.0, -2000.0)]
    clinics = [Facility(f"c{n}", "clinic", site) for n, site in enumerate(sites)]
    travel = Travel(small_study(None, clinics, [People(place, 1) for place in people]))
    expected = np.array([[GEOD.inv(*lonlat(*p), *lonlat(*s))[2] for s in sites] for p in people]) * 1.3 / (kph / 3.6)
    assert travel.method == "straight-line"
    times = travel.demand_times(travel.study.facilities, mode)
    assert times.seconds == pytest.approx(expected.min(axis=1), rel=1e-6)
    assert times.facility.tolist() == [0, 1]
    ranking = travel.ranker(travel.study.facilities, mode).rank(*lonlat(*people[1]))
    assert ranking.seconds == pytest.approx(np.sort(expected[1]), rel=1e-6)
    assert ranking.metres == pytest.approx(np.sort(expected[1]) * kph / 3.6, rel=1e-6)
    assert (ranking.snapped, ranking.connector_m) == (None, None)


def test_coverage_without_streets_says_that_it_is_by_straight_line(small_study: Callable[..., Study]) -> None:
    travel = Travel(small_study(None, [Facility("c", "clinic", (0, 0))], [People((769, 0), 3), People((770, 0), 1)]))
    answer = coverage.measure(travel, travel.study.facilities, standard("travel_time", minutes=15), NOW)
    assert (answer.method, answer.share) == ("straight-line", 0.75)  # 1000 m / 1.3 = 769.2 m
    assert one_street(small_study).method == "network"


def test_without_streets_and_facilities_nothing_is_reached(small_study: Callable[..., Study]) -> None:
    travel = Travel(small_study(None, [], [People((0, 0), 1)]))
    assert reasons_if_nothing_is_reached(travel.demand_times(travel.study.facilities, "walk")) == [NO_FACILITIES]
    assert travel.ranker(travel.study.facilities, "walk").rank(*lonlat(0, 0)).reason == NO_FACILITIES


def test_closed_facility_is_not_counted(small_study: Callable[..., Study]) -> None:
    clinics = [
        Facility("closed", "clinic", (100, 0), {"closed": "2020-01-01"}),
        Facility("open", "clinic", (1000, 0), {"opened": "2020-01-01"}),
    ]
    travel = Travel(small_study([Street([(0, 0), (1000, 0)])], clinics, [People((0, 0), 1)]))
    existing = facilities.existing_on(travel.study.facilities, NOW)
    assert travel.demand_times(existing, "walk").seconds == pytest.approx([900], abs=1e-3)
    assert Travel(travel.study).demand_times(travel.study.facilities, "walk").seconds[0] < 91
