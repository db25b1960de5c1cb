"""Another day than today: which days have equal answers, and the answers against registers of that day alone."""

from dataclasses import asdict, replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import FieldError
from geo.measures import counting, coverage, days
from geo.study import facilities as study_facilities
from geo.study.categories import BUILT_IN
from geo.study.standards import Standard
from geo.traveltime.travel import Travel
from support import two_towns
from support.examples import examples
from support.handmade import Facility, facility_frame, standard

GOALS = (
    standard("travel_time", id="time", minutes=15, alternatives=["cycle"]),
    standard("radius", id="radius", metres=600),
    standard("presence", id="presence", units="village"),
    standard("opened", id="opened", since="2010-01-03", until="2010-01-07", target=2),
)
FIRST = date(2010, 1, 1)
_DAYS = st.integers(0, 9).map(lambda number: FIRST + timedelta(days=number))


@st.composite
def clinics(draw: st.DrawFn, name: str) -> Facility:
    opened = draw(st.none() | _DAYS)
    closed = draw(st.none() | _DAYS.filter(lambda day: opened is None or day >= opened))
    place, code = draw(st.sampled_from([((0, 0), "A1"), ((1200, 0), "A2"), ((3500, 0), "B2"), ((500, 4000), None)]))
    return Facility(name, "clinic", place, {"opened": opened, "closed": closed, "area_code": code})


registers = st.lists(st.nothing(), max_size=0) | st.tuples(*(clinics(name) for name in "abcd")).map(list)


def stood_by(register: list[Facility], day: date) -> list[Facility]:
    """The records of a register that was kept on ``day`` and knew nothing of later days."""
    result = []
    for facility in register:
        opened, closed = facility.properties["opened"], facility.properties["closed"]
        if opened is None or opened <= day:
            known = None if closed is None or closed > day else closed
            result.append(replace(facility, properties={**facility.properties, "closed": known}))
    return result


@pytest.fixture(scope="module")
def travel() -> Travel:
    return Travel(two_towns.study())


@pytest.fixture(scope="module")
def another_travel() -> Travel:
    """It has not seen the facilities of today."""
    return Travel(two_towns.study())


@settings(max_examples=examples(60), deadline=None)
@given(register=registers, day=_DAYS, today=_DAYS, goal=st.sampled_from(GOALS))
def test_day_equals_a_register_of_that_day(
    travel: Travel, another_travel: Travel, register: list[Facility], day: date, today: date, goal: Standard
) -> None:
    """As the service computes it: on the first day of an equal run of days, and updating the travel times of today."""
    frame = facility_frame(register)
    first = days.last_change(days.change_days(frame), day)
    updating = travel.updating(counting.count_units(travel, frame, goal, today).facilities)
    on_day = asdict(coverage.measure(updating, frame, goal, first))
    then = asdict(coverage.measure(another_travel, facility_frame(stood_by(register, day)), goal, day))
    if not on_day["known"] or not then["known"]:  # only the register of all days knows that there are clinics at all
        return
    for name in ("covered", "total", "share", "meets_target", "facilities", "areas", "alternatives", "unreachable"):
        assert on_day[name] == then[name], name


@settings(max_examples=examples(100), deadline=None)
@given(register=registers, day=_DAYS)
def test_days_without_a_change_between_them_have_the_same_facilities(register: list[Facility], day: date) -> None:
    frame = facility_frame(register)
    first = days.last_change(days.change_days(frame), day)
    assert first <= day
    standing = [set(study_facilities.existing_on(frame, which).index) for which in (first, day)]
    assert standing[0] == standing[1]


@pytest.mark.parametrize(
    ("day", "is_refused"),
    [("1899-12-31", True), ("1900-01-01", False), ("2051-12-31", False), ("2052-01-01", True), ("2200-12-31", True)],
)
def test_days_too_far_away_are_refused(day: str, is_refused: bool) -> None:
    today = date(2021, 12, 31)
    if not is_refused:
        assert days.check(date.fromisoformat(day), today) == date.fromisoformat(day)
        return
    with pytest.raises(FieldError, match=f"from = {day}: is not a day from 1900-01-01 to 2051-12-31"):
        days.check(date.fromisoformat(day), today, "from")


def test_last_day_of_a_leap_day_exists() -> None:
    assert days.last_day(date(2024, 2, 29)) == date(2054, 2, 28)


def notes(day: str, today: str, goal: Standard, *register: Facility) -> list[str]:
    frame, study = facility_frame(register), two_towns.study()
    then, now = date.fromisoformat(day), date.fromisoformat(today)
    counted = counting.count_units(Travel(study), frame, goal, then)
    standing = counting.count_units(Travel(study), frame, goal, now).facilities
    return days.notes(then, now, counted, standing, BUILT_IN["clinic"])


def test_notes_count_what_is_unknown_vague_or_planned() -> None:
    register = [
        Facility("unknown", "clinic", (0, 0)),
        Facility("of the year", "clinic", (0, 0), {"opened": "2020-01-01", "closed": "2024-01-01"}),
        Facility("of the month", "clinic", (0, 0), {"opened": "2020-05-01"}),
        Facility("exact", "clinic", (0, 0), {"opened": "2020-05-02"}),
        Facility("planned", "clinic", (0, 0), {"opened": "2023-06-01"}),
        Facility("never", "clinic", (0, 0), {"opened": "2200-12-31"}),
    ]
    first, unknown, vague = notes("2020-05-31", "2021-12-31", GOALS[2], *register)
    assert "as of 2020-05-31" in first
    assert "1 of 4 facilities (clinic) have no opening date" in unknown
    assert "2 (clinic) are registered as opened on 2020-01-01, 2020-05-01" in vague
    *_, ahead = notes("2024-02-02", "2021-12-31", GOALS[2], *register)
    assert "1 openings and 1 closings (clinic)" in ahead
    assert len(notes("2020-05-31", "2021-12-31", GOALS[3], *register)) == 2  # unknown dates are in the standard's note
