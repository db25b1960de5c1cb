"""Coverage by the hour, against a coverage from scratch of the facilities that are open at each hour."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import UnknownNameError
from geo.measures import counting, coverage, hours
from geo.measures.hours import WEEKDAYS, Hours
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import Facility, People, Street, facility_frame, standard
from support.two_towns import TODAY

GOALS = (
    standard("travel_time", minutes=15),
    standard("travel_time", minutes=4, mode="cycle", people="urban"),
    standard("radius", metres=700),
)
PLACES = [(0, 0), (100, 0), (1300, 0), (2600, 0), (3900, 0), (500, 4000)]


def measure(study: Study, goal: Standard, *facilities: Facility, day: date = TODAY) -> Hours:
    travel = Travel(study)
    return hours.measure(travel, goal, counting.count_units(travel, facility_frame(facilities), goal, day), day)


def clinic(name: str, x: float, text: str | None) -> Facility:
    return Facility(name, "clinic", (x, 0), {"opening_hours": text})


TRAVELS = {True: Travel(two_towns.study()), False: Travel(replace(two_towns.study(), streets=None))}

# A timetable is a list of (first weekday, last weekday, first minute, last minute); None is unknown.
_spans = st.tuples(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted),
    st.lists(st.integers(0, 48), min_size=2, max_size=2, unique=True).map(sorted),
).map(lambda span: (*span[0], *(30 * number for number in span[1])))
_timetables = st.none() | st.lists(_spans, max_size=3)


def text_of(timetable: Any) -> str | None:
    if timetable is None:
        return None
    rules = [
        f"{WEEKDAYS[first]}-{WEEKDAYS[last]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
        for first, last, begin, end in timetable
    ]
    return ", ".join(rules) if rules else "closed"


def is_open(timetable: Any, weekday: int, hour: int) -> bool:
    return any(first <= weekday <= last and begin <= 60 * hour < end for first, last, begin, end in timetable)


@settings(max_examples=examples(30), deadline=None)
@given(
    timetables=st.lists(_timetables, max_size=6),
    goal=st.sampled_from(GOALS),
    streets=st.booleans(),
)
def test_each_hour_equals_the_coverage_of_the_facilities_open_then(
    timetables: list[Any], goal: Standard, streets: bool
) -> None:
    register = [
        Facility(f"c{number}", "clinic", place, {"opening_hours": text_of(timetable)})
        for number, (timetable, place) in enumerate(zip(timetables, PLACES, strict=False))
    ]
    travel = TRAVELS[streets]
    result = hours.measure(travel, goal, counting.count_units(travel, facility_frame(register), goal, TODAY), TODAY)
    people: dict[tuple[int, ...], tuple[float, np.ndarray]] = {}

    def covered(numbers: list[int]) -> tuple[float, np.ndarray]:
        key = tuple(numbers)
        if key not in people:
            frame = facility_frame([register[number] for number in numbers])
            counted = counting.count_units(travel, frame, goal, TODAY)
            people[key] = coverage.summarise(travel, goal, counted).covered, counted.rows["inside"].to_numpy()
        return people[key]

    inside: dict[str, list[np.ndarray]] = {"least": [], "most": []}
    for entry in result.hours:
        weekday = WEEKDAYS.index(entry.weekday)
        unknown = [number for number, timetable in enumerate(timetables) if timetable is None]
        surely = [
            number
            for number, timetable in enumerate(timetables)
            if timetable is not None and is_open(timetable, weekday, entry.hour)
        ]
        (least, least_rows), (most, most_rows) = covered(surely), covered(sorted(surely + unknown))
        assert (entry.covered, entry.covered_at_most) == (least, most)
        assert (entry.open, entry.unknown) == (len(surely), len(unknown))
        inside["least"].append(least_rows)
        inside["most"].append(most_rows)
    weight = counting.count_units(travel, facility_frame(register), goal, TODAY).rows["weight"].to_numpy()
    anyhow, everybody = covered(list(range(len(register)))), weight.sum()
    least_once, most_once = (weight[np.any(inside[name], axis=0)].sum() for name in ("least", "most"))
    assert (result.once, result.once_at_most) == (least_once, most_once)
    assert (result.always, result.always_at_most) == tuple(
        weight[np.all(inside[name], axis=0)].sum() for name in ("least", "most")
    )
    assert (result.never, result.never_at_least) == (anyhow[0] - least_once, anyhow[0] - most_once)
    assert result.beyond == everybody - anyhow[0]
    assert result.best.covered == max(entry.covered for entry in result.hours)
    assert result.worst.covered == min(entry.covered for entry in result.hours)


def at(result: Hours, weekday: str, hour: int) -> tuple[float, float]:
    entry = result.hours[24 * WEEKDAYS.index(weekday) + hour]
    assert (entry.weekday, entry.hour) == (weekday, hour)
    return entry.covered, entry.covered_at_most


def test_an_hour_counts_the_moment_when_it_begins() -> None:
    study = handmade.study([Street([(0, 0), (900, 0)])], [], [People((500, 0), 10)])
    result = measure(study, GOALS[0], clinic("c", 0, "Mo-Fr 08:30-11:30,13:30-17:00"))
    assert [hour for hour in range(24) if at(result, "Mo", hour)[0]] == [9, 10, 11, 14, 15, 16]
    assert at(result, "Sa", 10) == (0, 0)
    assert (result.best.weekday, result.best.hour, result.best.share) == ("Mo", 9, 1)
    assert (result.once, result.always, result.never, result.beyond) == (10, 0, 0, 0)


def test_hours_past_midnight_belong_to_the_next_day() -> None:
    study = handmade.study([Street([(0, 0), (900, 0)])], [], [People((500, 0), 10)])
    result = measure(study, GOALS[0], clinic("c", 0, "Su 22:00-02:00"))
    covered = [(entry.weekday, entry.hour) for entry in result.hours if entry.covered]
    assert covered == [("Mo", 0), ("Mo", 1), ("Su", 22), ("Su", 23)]


def test_what_is_unknown_is_said_with_its_number_and_reason() -> None:
    register = [
        clinic("a", 0, None),
        clinic("b", 0, "Mo-Fr sunrise-sunset"),
        clinic("c", 0, "when the doctor is in"),
        clinic("d", 0, "Mo-Fr 08:00-12:00; SH closed"),
        clinic("e", 0, '08:00-12:00 "by appointment"'),
    ]
    result = measure(two_towns.study(), GOALS[0], *register)
    assert result.facilities == 5
    assert sorted(result.unknown_hours.values()) == [1, 1, 1]
    assert any("3 of 5 facilities are unknown" in note for note in result.notes)
    assert at(result, "Mo", 20) == (0, 30)  # 10 and 20 people live within 1,000 m of all five


def test_holidays_do_not_matter_in_a_usual_week() -> None:
    with_holidays, without = (
        measure(two_towns.study(), GOALS[0], clinic("c", 0, text), day=date(2026, 10, 1))
        for text in ("Mo-Su 08:00-12:00; PH closed", "Mo-Su 08:00-12:00")
    )
    assert with_holidays.hours == without.hours
    assert at(without, "Th", 9) == (30, 30)


def test_seasons_are_those_of_the_day() -> None:
    text = "Apr-Sep 08:00-20:00; Oct-Mar 09:00-17:00"
    summer, winter = (
        measure(two_towns.study(), GOALS[0], clinic("c", 0, text), day=date(2026, month, 1)) for month in (7, 12)
    )
    assert (at(summer, "Mo", 8), at(winter, "Mo", 8)) == ((30, 30), (0, 0))
    assert (summer.week, summer.seasonal) == (date(2026, 6, 29), 1)
    assert any("differ between weeks: those of the week of 2026-06-29" in note for note in summer.notes)


def test_radius_by_area_is_that_of_each_park() -> None:
    parks = [
        Facility("large", "park", shapely.box(-300, -300, 0, 0), {"opening_hours": "Mo 08:00-12:00"}),
        Facility("small", "park", shapely.box(2000, 0, 2050, 50), {"opening_hours": "Mo 08:00-12:00"}),
        Facility("tiny", "park", shapely.box(3900, 0, 3905, 5), {"opening_hours": "24/7"}),
    ]
    classes = [{"least_m2": 5000, "metres": 1000}, {"least_m2": 400, "metres": 450}]
    goal = standard("radius", category="park", metres=500, radius_by_area=classes)
    result = measure(two_towns.study(), goal, *parks)
    # 10 and 20 people live within 1,000 m of the large park; 40 live exactly 450 m from the small; the tiny is no park.
    assert at(result, "Mo", 9) == (70, 70)
    assert (at(result, "Tu", 9), result.facilities) == ((0, 0), 2)


def test_nothing_is_known_without_facilities() -> None:
    result = measure(two_towns.study(), GOALS[0])
    assert {(entry.covered, entry.share, entry.share_at_most) for entry in result.hours} == {(0, None, None)}
    assert (result.facilities, result.once, result.beyond) == (0, 0, 280)


@pytest.mark.parametrize(
    "goal",
    [standard("presence", units="village"), standard("opened", since="2021-01-01", until="2021-12-31")],
)
def test_other_measures_are_refused(goal: Standard) -> None:
    with pytest.raises(UnknownNameError, match="only standards of travel_time and radius"):
        measure(two_towns.study(), goal, clinic("c", 0, "24/7"))


def test_too_many_different_weeks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "MAX_GROUPS", 1)
    register = clinic("a", 0, "Mo 08:00-10:00"), clinic("b", 0, "Tu 08:00-10:00")
    with pytest.raises(UnknownNameError, match="2 different weeks, more than 1"):
        measure(two_towns.study(), GOALS[0], *register)
