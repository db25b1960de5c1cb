"""Presence and openings, against examples counted by hand."""

from datetime import date

import pytest

from geo.measures import coverage
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import two_towns
from support.handmade import Facility, facility_frame, standard
from support.two_towns import by_area, measure


@pytest.fixture
def county() -> Study:
    return two_towns.study()


# --- presence ----------------------------------------------------------------------------------------------------


def hall(number: int, code: str | None, **more: object) -> Facility:
    return Facility(f"h{number}", "cultural_hall", (0, 0), {"area_code": code, **more})


def test_presence_counts_villages_that_have_a_facility(county: Study) -> None:
    goal = standard("presence", category="cultural_hall", units="village", target=0.9)
    # Two halls in one village count once; a community is not a village; the hall of a town is in none of its villages.
    answer = measure(county, goal, hall(1, "A1"), hall(2, "A1"), hall(3, "B1"), hall(4, "B"))
    assert (answer.unit, answer.total, answer.covered, answer.people) == ("villages", 3, 1, None)
    assert (answer.share, answer.meets_target) == (pytest.approx(1 / 3, abs=1e-6), False)
    assert by_area(answer) == {"A": (120, 2, 1, 0.5), "B": (90, 1, 0, 0)}
    assert (answer.method, answer.mode, answer.speed_kph, answer.minutes, answer.alternatives) == (
        None,
        None,
        None,
        None,
        [],
    )
    assert answer.unreachable == []


def test_presence_counts_a_town_with_a_facility_in_one_of_its_villages(county: Study) -> None:
    goal = standard("presence", category="cultural_hall", units="town", target=1.0)
    answer = measure(county, goal, hall(1, "A2"))
    assert (answer.unit, answer.total, answer.covered, answer.meets_target) == ("towns", 2, 1, False)
    assert by_area(answer) == {"A": (120, 1, 1, 1), "B": (90, 1, 0, 0)}
    answer = measure(county, goal, hall(1, "A2"), hall(2, "B"))
    assert (answer.covered, answer.share, answer.meets_target) == (2, 1, True)
    assert measure(county, goal, hall(1, "A2"), hall(2, "B1")).covered == 2  # a community is in its town


def test_facilities_in_no_known_area_are_noted(county: Study) -> None:
    goal = standard("presence", category="cultural_hall", units="village")
    answer = measure(county, goal, hall(1, "A1"), hall(2, None), hall(3, "XYZ"))
    assert answer.covered == 1
    assert any(note.strip().startswith("2") or " 2 " in note for note in answer.notes)
    assert measure(county, goal, hall(1, "A1")).notes == []


def test_closed_and_future_facilities_are_not_present(county: Study) -> None:
    goal = standard("presence", category="cultural_hall", units="village")
    halls = hall(1, "A1", closed="2021-12-31"), hall(2, "A2", closed="2022-01-01"), hall(3, "B2", opened="2022-01-01")
    answer = measure(county, goal, *halls)
    assert (answer.covered, answer.facilities) == (1, 1)


# --- opened ------------------------------------------------------------------------------------------------------


def test_openings_count_both_end_dates_and_no_unknown_date(county: Study) -> None:
    goal = standard("opened", category="cultural_hall", since="2021-01-01", until="2021-12-31", target=5)
    days = ["2020-12-31", "2021-01-01", "2021-06-30", "2021-12-31", "2022-01-01", None]
    codes = ["A1", "A1", "A2", "B1", "A1", "B2"]
    halls = [hall(n, code, opened=day) for n, (day, code) in enumerate(zip(days, codes, strict=True))]
    answer = measure(county, goal, *halls)
    # What opens tomorrow does not stand yet.
    assert (answer.unit, answer.total, answer.covered, answer.people) == ("facilities", 5, 3, None)
    assert (answer.target, answer.share, answer.meets_target) == (5, 0.6, False)
    assert (answer.since, answer.until) == (date(2021, 1, 1), date(2021, 12, 31))
    # A target number of openings belongs to the whole place, so areas have no share.
    assert by_area(answer) == {"A": (120, 3, 2, None), "B": (90, 2, 1, None)}
    (note,) = answer.notes
    assert "1 " in note
    assert "5" in note
    assert measure(county, goal, *halls[1:4]).notes == []


def test_facility_that_closed_again_counts_as_opened(county: Study) -> None:
    dates = {"since": "2021-01-01", "until": "2021-12-31"}
    brief = hall(1, "A1", opened="2021-03-01", closed="2021-09-01")
    assert measure(county, standard("opened", category="cultural_hall", **dates), brief).covered == 1
    assert measure(county, standard("presence", category="cultural_hall", units="village"), brief).covered == 0


def test_planned_openings_count_from_their_day_on(county: Study) -> None:
    goal = standard("opened", category="cultural_hall", since="2022-01-01", until="2022-12-31", target=1)
    planned = hall(1, "A1", opened="2022-05-01")
    answer = measure(county, goal, planned)
    assert (answer.covered, answer.total, answer.share, answer.meets_target, answer.known) == (0, 0, 0, False, True)
    (note,) = answer.notes
    assert "1 are registered to open later" in note
    later = coverage.measure(Travel(county), facility_frame([planned]), goal, date(2022, 5, 1))
    assert (later.covered, later.share, later.meets_target, later.notes) == (1, 1, True, [])


def test_openings_of_subtypes_without_a_target_have_no_share(county: Study) -> None:
    goal = standard("opened", category="park", since="2021-01-01", until="2021-12-31", subtypes=("pocket", "community"))
    opened = {"opened": "2021-05-01"}
    parks = [
        Facility(f"p{n}", "park", (0, 0), {"subtype": s, **opened}) for n, s in enumerate(("pocket", "garden", None))
    ]
    answer = measure(county, goal, *parks)
    assert (answer.total, answer.covered, answer.share, answer.target, answer.meets_target) == (1, 1, None, None, None)
    assert answer.targets == []


def test_share_of_openings_may_exceed_one(county: Study) -> None:
    goal = standard("opened", category="cultural_hall", since="2021-01-01", until="2021-12-31", target=2)
    answer = measure(county, goal, *(hall(n, "A1", opened="2021-05-01") for n in range(5)))
    assert (answer.share, answer.meets_target) == (2.5, True)
