"""The plan's progress, against counting day by day in plain Python."""

import calendar
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.measures import counting, coverage, days, progress
from geo.measures.progress import Progress
from geo.study.standards import Standard
from geo.traveltime.travel import Travel
from support import two_towns
from support.examples import examples
from support.handmade import Facility, facility_frame, standard

SINCE, UNTIL = date(2021, 1, 10), date(2021, 3, 20)
PERIOD = (SINCE, UNTIL)
OPENED = standard("opened", id="new", since=SINCE, until=UNTIL, target=2)
PRESENCE = standard("presence", id="everywhere", units="village", target=0.6)  # 2 of the 3 villages
TRAVEL = Travel(two_towns.study())
VILLAGES = ("A1", "A2", "B2")


def measure(goal: Standard, register: list[Facility], on: date) -> Progress:
    frame = facility_frame(register)
    changes = days.change_days(frame)
    return progress.measure(goal, PERIOD, on, changes, lambda day: counting.count_units(TRAVEL, frame, goal, day))


def clinic(number: int, village: str, opened: date | None, closed: date | None = None) -> Facility:
    return Facility(f"c{number}", "clinic", (0, 0), {"area_code": village, "opened": opened, "closed": closed})


def covered_on(goal: Standard, register: list[Facility], day: date) -> int:
    rows = [facility.properties for facility in register]
    if goal is OPENED:
        return sum(row["opened"] is not None and SINCE <= row["opened"] <= min(day, UNTIL) for row in rows)
    standing = [
        row["area_code"]
        for row in rows
        if (row["opened"] is None or row["opened"] <= day) and (row["closed"] is None or row["closed"] > day)
    ]
    return len(set(standing))


_days = st.integers(-20, 120).map(lambda number: SINCE + timedelta(days=number))
_registers = st.lists(
    st.tuples(st.sampled_from(VILLAGES), st.none() | _days, st.none() | st.integers(0, 60)), min_size=1, max_size=6
)


@settings(max_examples=examples(60), deadline=None)
@given(rows=_registers, on=_days, goal=st.sampled_from([OPENED, PRESENCE]))
@example(rows=[("A1", None, None), ("A2", None, None)], on=SINCE - timedelta(days=1), goal=PRESENCE)
def test_progress_equals_counting_day_by_day(
    rows: list[tuple[str, date | None, int | None]], on: date, goal: Standard
) -> None:
    register = [
        clinic(number, village, opened, None if lasts is None else (opened or SINCE) + timedelta(days=lasts))
        for number, (village, opened, lasts) in enumerate(rows)
    ]
    result = measure(goal, register, on)
    if not result.known:
        assert goal is OPENED
        assert all(opened is None for _, opened, _ in rows)
        assert (result.met, result.missing, result.met_on, result.per_month) == (None, None, None, None)
        return
    wanted = 2  # of openings, and of villages: 60 % of three
    done = covered_on(goal, register, on)
    assert (result.done, result.met) == (done, done >= wanted)
    assert result.missing == max(wanted - done, 0)
    assert result.before == covered_on(goal, register, min(on, SINCE - timedelta(days=1)))
    ends = [date(2021, 1, 31), date(2021, 2, 28), UNTIL]
    expected = [day for day in ends if day <= on] + ([on] if SINCE <= on < UNTIL and on not in ends else [])
    assert [row.day for row in result.months] == expected
    before = result.before
    for row in result.months:
        covered = covered_on(goal, register, row.day)
        assert (row.covered, row.added, row.met) == (covered, covered - before, covered >= wanted)
        before = covered
    if on < UNTIL:
        assert result.planned == covered_on(goal, register, UNTIL) - done
    met = [day for day in _every_day(SINCE, on) if covered_on(goal, register, day) >= wanted]
    if goal is OPENED:  # what has opened stays opened
        assert result.met_on == (met[0] if met else None)
    elif result.met_on is not None:
        assert result.met_on in met
        # The target came to be met on that day.
        assert result.met_on == SINCE or result.met_on - timedelta(days=1) not in met
    else:
        assert on < SINCE or not result.met


def _every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_pace_is_that_of_the_days_that_went_by_and_that_remain() -> None:
    register = [clinic(1, "A1", date(2021, 1, 20)), clinic(2, "A2", date(2021, 5, 1))]
    result = measure(OPENED, register, date(2021, 2, 8))
    assert result.per_month == pytest.approx(1 / 30 * 30.4375, abs=0.01)  # one opening in 30 days
    assert result.needed_per_month == pytest.approx(1 / 40 * 30.4375, abs=0.01)  # one in the 40 days that remain
    after = measure(OPENED, register, date(2021, 6, 1))
    assert (after.needed_per_month, after.missing, after.met_on) == (None, 1, None)
    early = measure(OPENED, register, date(2021, 1, 1))
    assert (early.per_month, early.months, early.planned) == (None, [], 1)
    assert early.needed_per_month == pytest.approx(2 / 70 * 30.4375, abs=0.01)


def test_target_that_is_met_late_has_the_day() -> None:
    register = [clinic(1, "A1", None), clinic(2, "A2", date(2022, 7, 1)), clinic(3, "B2", date(2022, 8, 1))]
    result = measure(PRESENCE, register, date(2023, 1, 1))
    assert (result.met, result.met_on, result.months[-1].met) == (True, date(2022, 7, 1), False)


def test_target_that_was_met_before_the_period_is_met_on_its_first_day() -> None:
    result = measure(PRESENCE, [clinic(1, "A1", None), clinic(2, "A2", date(2020, 1, 1))], date(2021, 6, 1))
    assert (result.met_on, result.before) == (SINCE, 2)


def test_share_of_people_that_is_missing_is_counted_in_people() -> None:
    goal = standard("radius", id="near", metres=1000, target=0.5)
    result = measure(goal, [clinic(1, "A1", date(2021, 2, 1))], UNTIL)
    assert (result.done, result.total, result.missing) == (30, 280, 110)
    assert [row.covered for row in result.months] == [0, 30, 30]


def test_people_are_counted_in_tenths_as_in_the_coverage_and_none_is_missing_only_where_the_target_is_met() -> None:
    study = two_towns.study()
    travel = Travel(replace(study, demand=study.demand.assign(population=study.demand["population"] + 1 / 3)))
    frame = facility_frame([clinic(1, "A1", None)])
    counted = counting.count_units(travel, frame, standard("radius", metres=1000), UNTIL)
    summary = coverage.summarise(travel, standard("radius", metres=1000), counted)
    exact = float(counted.rows["weight"][counted.rows["inside"]].sum() / counted.rows["weight"].sum())
    for target in (exact, exact + 1e-6):
        goal = standard("radius", metres=1000, target=target)
        result = progress.measure(goal, PERIOD, UNTIL, [], lambda day: counted)
        assert (result.done, result.total) == (summary.covered, summary.total)
        assert [row.covered for row in result.months] == [summary.covered] * 3
        assert (result.met, result.missing) == ((True, 0) if target == exact else (False, 0.1))


def test_standard_without_a_target_has_no_progress() -> None:
    with pytest.raises(ValueError, match="has no target"):
        measure(standard("presence", units="village"), [], UNTIL)


@pytest.mark.parametrize(
    ("since", "until", "count", "first", "last"),
    [
        ("2021-01-01", "2021-12-31", 12, "2021-01-31", "2021-12-31"),
        ("2021-02-10", "2021-02-20", 1, "2021-02-20", "2021-02-20"),
        ("2024-02-01", "2024-03-15", 2, "2024-02-29", "2024-03-15"),
        ("2021-01-01", "2022-12-31", 24, "2021-01-31", "2022-12-31"),
        ("2021-01-01", "2025-12-31", 20, "2021-03-31", "2025-12-31"),
        ("2016-01-01", "2035-12-31", 20, "2016-12-31", "2035-12-31"),
        ("1900-01-01", "2100-06-30", 23, "1908-12-31", "2100-06-30"),
    ],
)
def test_months_end_and_are_few(since: str, until: str, count: int, first: str, last: str) -> None:
    ends = progress.month_ends(date.fromisoformat(since), date.fromisoformat(until))
    assert (len(ends), ends[0].isoformat(), ends[-1].isoformat()) == (count, first, last)
    assert ends == sorted(set(ends))
    assert all(day.day == calendar.monthrange(day.year, day.month)[1] for day in ends[:-1])


def test_period_of_the_plan_is_that_of_all_its_openings() -> None:
    other = standard("opened", id="other", since="2020-06-01", until="2020-12-31")
    assert progress.plan_period([PRESENCE, OPENED, other], UNTIL) == (date(2020, 6, 1), UNTIL)
    assert progress.plan_period([PRESENCE], date(2023, 5, 5)) == (date(2023, 1, 1), date(2023, 12, 31))
