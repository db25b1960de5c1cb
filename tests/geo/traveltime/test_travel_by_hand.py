"""Travel times in towns of a few streets, against figures worked out by hand.

``test_travel.py`` draws its towns at random.
"""

from collections.abc import Callable
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geo.measures import coverage
from geo.study import facilities
from geo.study.study import Study
from geo.traveltime.reasons import NO_FACILITIES, NO_ROUTE, NO_STREET
from geo.traveltime.travel import Travel, TravelTimes
from support.handmade import Facility, People, Street, facility_frame, lonlat, standard

pytestmark = pytest.mark.usefixtures("every_street_attracts")

GEOD = Geod(ellps="WGS84")
NOW = date(2021, 12, 31)


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
