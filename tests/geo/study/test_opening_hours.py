"""Opening hours, compared with an evaluation minute by minute and with the State Council's notice of 2026."""

import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from time import process_time

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.study import opening_hours
from geo.study.opening_hours import Status
from support.examples import examples

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
WEEK = 7 * 1440
MONDAY = datetime(2026, 3, 9)  # no special day from 1 March to 3 April
WEDNESDAY = datetime(2026, 4, 15, 10)
OFFICE = "Mo-Fr 08:00-17:00"

# 国务院办公厅关于2026年部分节假日安排的通知: first and last day off, days that are worked
OFF_2026 = [((1, 1), (1, 3)), ((2, 15), (2, 23)), ((4, 4), (4, 6)), ((5, 1), (5, 5)), ((6, 19), (6, 21))]
OFF_2026 += [((9, 25), (9, 27)), ((10, 1), (10, 7))]
WORKED_2026 = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]

# First and last weekday (the range may pass Sunday), and spans as (start, length) in minutes; no span is a day off.
Rule = tuple[int, int, list[tuple[int, int]]]
half_hours = st.integers(0, 47).map(lambda n: 30 * n)
lengths = st.one_of(st.integers(1, 20), st.integers(1, 40)).map(lambda n: 30 * n)
rule = st.tuples(st.integers(0, 6), st.integers(0, 6), st.lists(st.tuples(half_hours, lengths), max_size=2))
rules = st.lists(rule, min_size=1, max_size=1) | st.lists(rule, min_size=2, max_size=3)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def as_text(rules: list[Rule], separators: list[str], wrap: bool) -> str:
    """Write rules in OpenStreetMap's syntax; ``wrap`` writes 02:00 for 26:00."""
    text = ""
    for (first, last, spans), separator in zip(rules, ["", *separators], strict=False):
        ends = [start + length for start, length in spans]
        ends = [end - 1440 if wrap and end > 1440 else end for end in ends]
        times = ",".join(f"{clock(span[0])}-{clock(end)}" for span, end in zip(spans, ends, strict=True))
        text += f"{separator}{DAYS[first]}-{DAYS[last]} {times or 'off'}"
    return text


def by_minute(rules: list[Rule], separators: list[str]) -> bytearray:
    """Return 1 for each minute of the week, from Monday, that is open, else 0.

    Hours that run past midnight belong to the day on which they begin.
    """
    opened = bytearray(2 * WEEK)
    for day in range(7):
        kept: list[tuple[int, int]] = []
        for (first, last, spans), separator in zip(rules, ["; ", *separators], strict=False):
            if day in {(first + n) % 7 for n in range((last - first) % 7 + 1)}:
                kept = kept + spans if separator == ", " and spans else list(spans)
        for start, length in kept:
            for minute in range(day * 1440 + start, day * 1440 + start + length):
                opened[minute % WEEK] = 1
    return opened[:WEEK]


def test_weekly_rules_agree_with_an_evaluation_minute_by_minute() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=examples(100), database=None, derandomize=True)
    @given(rules, st.lists(st.sampled_from(["; ", ", "]), min_size=2, max_size=2), st.booleans())
    def agree(rules: list[Rule], separators: list[str], wrap: bool) -> None:
        text, opened = as_text(rules, separators, wrap), by_minute(rules, separators)
        late = max((start + length - 1440 for _, _, spans in rules for start, length in spans), default=0)
        early = any(start < late for _, _, spans in rules for start, _ in spans)
        simple = late <= 0 or not (early or any(not spans for *_, spans in rules) or "; " in text)
        changes = [minute for minute in range(WEEK) if opened[minute] != opened[minute - 1]]
        for minute in {*range(0, WEEK, 97), *changes, *((change - 1) % WEEK for change in changes)}:
            moment = MONDAY + timedelta(minutes=minute)
            status = opening_hours.status_at(text, moment)
            if not simple and minute % 1440 < late:
                assert status == Status("unknown", None, opening_hours.SMALL_HOURS)
            else:
                assert (status.state, status.reason) == ("open" if opened[minute] else "closed", None)
                nearest = min(((change - minute - 1) % WEEK + 1 for change in changes), default=None)
                then = None if nearest is None else moment + timedelta(minutes=nearest)
                is_certain = then is None or simple or then.date() == moment.date()
                assert status.until == (then if is_certain else None)
                seen["until"] += status.until is not None
                seen["late"] += minute % 1440 < late and status.state == "open"
            seen[status.state] += 1

    agree()
    assert min(seen[outcome] for outcome in ("open", "closed", "unknown", "until", "late")) > 30


def test_status_is_unknown_on_the_special_days_of_2026() -> None:
    off = {
        date(2026, *first) + timedelta(days=n)
        for first, last in OFF_2026
        for n in range((date(2026, *last) - date(2026, *first)).days + 1)
    }
    days = [
        date(2026, 1, 1) + timedelta(days=n) for n in range(350)
    ]  # the notice of 2027 may move the last days of December
    unknown = {
        day for day in days if opening_hours.status_at("08:00-17:00", datetime(day.year, day.month, day.day, 10)).reason
    }
    assert unknown == off | {date(2026, *day) for day in WORKED_2026}


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ((2026, 10, 1), ["国庆节", "National Day"]),
        ((2026, 2, 17), ["春节", "Spring Festival"]),
        ((2026, 2, 23), ["调休放假日", "substituted day off"]),
        ((2026, 10, 10), ["调休上班日", "made a working day"]),
        ((2026, 2, 21), ["假期中的周末", "weekend within a holiday"]),
        ((2011, 12, 31), ["调休上班日", "made a working day"]),  # in the notice of 2012
        ((2090, 4, 21), ["2090 年放假安排不详", "days off of 2090"]),  # not announced yet
        ((2089, 12, 25), ["2090 年放假安排不详", "days off of 2090"]),
        ((2090, 10, 1), ["国庆节", "National Day"]),
        ((1996, 9, 30), ["1996 年放假安排不详", "days off of 1996"]),
        ((1949, 6, 1), ["该年节假日不详", "of that year"]),
        ((2150, 6, 1), ["该年节假日不详", "of that year"]),
    ],
)
@pytest.mark.parametrize("text", [OFFICE, "Mo-Su,PH 08:00-17:00", f"{OFFICE}; PH off", "24/7; PH off"])
def test_reason_names_the_special_day(text: str, day: tuple[int, int, int], names: list[str]) -> None:
    status = opening_hours.status_at(text, datetime(*day, 10))
    assert (status.state, status.until) == ("unknown", None)
    assert all(name in (status.reason or "") for name in names)


def test_unannounced_year_is_known_far_from_its_holidays() -> None:
    assert opening_hours.status_at(OFFICE, datetime(2090, 4, 20, 10)) == Status("open", datetime(2090, 4, 20, 17), None)
    assert opening_hours.status_at(OFFICE, datetime(2090, 4, 20, 18)) == Status("closed", None, None)


def test_no_notice_since_2002_moved_a_day_farther_than_near_days() -> None:
    for year in range(2002, 2027):
        known = holidays.country_holidays("CN", years=[year - 1, year, year + 1], language="zh_CN")
        fixed = [day for day, name in known.items() if "调休" not in name]
        moved = [day for day, name in known.items() if "调休" in name and day.year == year]
        moved += [day for day in known.weekend_workdays if day.year == year]
        assert len(moved) > 3
        assert max(min(abs((day - holiday).days) for holiday in fixed) for day in moved) <= opening_hours.NEAR_DAYS


@pytest.mark.parametrize("moment", [WEDNESDAY, datetime(2026, 10, 1, 3), datetime(2026, 10, 10), datetime(2090, 5, 1)])
@pytest.mark.parametrize(("text", "state"), [("24/7", "open"), ("Mo-Su 00:00-24:00", "open"), ("off", "closed")])
def test_hours_that_never_change_are_known_on_any_day(text: str, state: opening_hours.State, moment: datetime) -> None:
    assert opening_hours.status_at(text, moment) == Status(state, None, None)


@pytest.mark.parametrize(
    ("text", "moment", "state", "until"),
    [
        # Thursday 1 October is National Day, until Wednesday the 7th; Saturday the 10th is worked.
        (OFFICE, datetime(2026, 9, 30, 10), "open", datetime(2026, 9, 30, 17)),
        (OFFICE, datetime(2026, 9, 30, 17), "closed", None),
        (OFFICE, datetime(2026, 10, 8, 7), "closed", datetime(2026, 10, 8, 8)),
        (OFFICE, datetime(2026, 10, 9, 17), "closed", None),
        (OFFICE, datetime(2026, 10, 12, 0), "closed", datetime(2026, 10, 12, 8)),
        ("20:00-24:00", datetime(2026, 9, 30, 21), "open", None),  # the next day is a holiday, whose hours are unknown
        # Hours that began on the eve go on. Whether hours begin on the holiday is unknown, so the end is unknown too.
        ("22:00-02:00", datetime(2026, 9, 30, 23), "open", None),
        ("22:00-02:00", datetime(2026, 10, 1, 1, 59), "open", None),
        ("22:00-02:00", datetime(2026, 10, 1, 2), "unknown", None),
        ("Mo-Tu 22:00-02:00", datetime(2026, 10, 1, 1), "unknown", None),
        ("22:00-02:00", datetime(2026, 10, 8, 1), "unknown", None),
        ("22:00-02:00", datetime(2026, 10, 8, 2), "closed", datetime(2026, 10, 8, 22)),
        ("22:00-02:00; PH off", datetime(2026, 10, 1, 1), "unknown", None),
        ("22:00-02:00; PH off", datetime(2026, 4, 15, 1), "open", datetime(2026, 4, 15, 2)),
        # Whether Tuesday's hours run past midnight is uncertain where another rule names the day after.
        ("Mo-Tu 22:00-02:00, We 22:00-03:00", datetime(2026, 4, 15, 1), "open", datetime(2026, 4, 15, 2)),
        ("Mo-Tu 22:00-02:00; We 22:00-03:00", datetime(2026, 4, 15, 1), "unknown", None),
        ("Mo-Tu 22:00-02:00; We 22:00-03:00", datetime(2026, 4, 14, 23), "open", None),
        ("Mo-Tu 22:00-02:00, We off", datetime(2026, 4, 15, 1), "unknown", None),
        ("Mo-Tu 22:00-02:00, We", datetime(2026, 4, 15, 1), "unknown", None),
        ("22:00-02:00; off", datetime(2026, 4, 15, 1), "unknown", None),
        ("Mo-Fr 08:00-12:00 , 13:00-15:00", datetime(2026, 4, 18, 14), "closed", datetime(2026, 4, 20, 8)),
        ("22:00-02:00,01:00-03:00", datetime(2026, 4, 15, 1), "unknown", None),
    ],
)
def test_status_around_special_days_and_midnight(
    text: str, moment: datetime, state: opening_hours.State, until: datetime | None
) -> None:
    status = opening_hours.status_at(text, moment)
    assert (status.state, status.until) == (state, until)


@pytest.mark.parametrize(
    ("text", "state", "hour"),
    [
        (f"{OFFICE}; PH off", "open", 17),
        (f"{OFFICE}; Sa,Su,PH off", "open", 17),
        ("PH 08:00-17:00; Mo-Fr 09:00-11:00", "open", 11),
        ("Mo－Fr 08：00－17：00；PH off", "open", 17),
        ("Mo-Fr 08:00-12:00, Sa 09:00-11:00", "open", 12),
        (f"{OFFICE}; We off", "closed", 32),
        ("PH 08:00-17:00", "closed", None),
        ('We 12:00-17:00; We 08:00-12:00 off "PH, SH -1 day, sunset+"', "closed", 12),
        ("Mo-Fr 11:00-17:00; PH,SH off", "closed", None),  # on a school holiday it does not open at all
        ('We 08:00-09:00; We 11:00-12:00 "ring"', "closed", None),
    ],
)
def test_status_on_an_ordinary_wednesday_at_ten(text: str, state: opening_hours.State, hour: int | None) -> None:
    until = None if hour is None else WEDNESDAY.replace(hour=0) + timedelta(hours=hour)
    assert opening_hours.status_at(text, WEDNESDAY) == Status(state, until, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, opening_hours.NOT_KNOWN),
        ("", opening_hours.NOT_KNOWN),
        (" \n", opening_hours.NOT_KNOWN),
        ("周一至周五 8:00-17:00", opening_hours.UNREADABLE),
        ("\0", opening_hours.UNREADABLE),
        ("\ud800", opening_hours.UNREADABLE),
        ('""', opening_hours.UNREADABLE),
        ("(" * 300, opening_hours.UNREADABLE),
        ("ﷺ" * 300, opening_hours.UNREADABLE),
        (",".join(["00:00-48:00"] * 26), opening_hours.UNREADABLE),  # 311 characters
        ("Mo," * 10_000_000, opening_hours.UNREADABLE),
        ("Mo, We 08:00-17:00", opening_hours.UNREADABLE),
        ("PH Mo-Fr 08:00-17:00", opening_hours.UNREADABLE),
        ("Mo-Fr PH off", opening_hours.UNREADABLE),
        ("PH -1 day 08:00-17:00", opening_hours.UNREADABLE),
        ("PH +1 day 08:00-17:00", opening_hours.UNREADABLE),
        ("Apr 31 08:00-17:00", opening_hours.UNREADABLE),
        ("Mo-Fr 08:00-sunset", opening_hours.NOT_FIXED),
        ("Dawn-17:00", opening_hours.NOT_FIXED),
        ("Mo-Fr 08:00+", opening_hours.NOT_FIXED),
        ("Mo-Fr 08:00-17:00 unknown", opening_hours.SAYS_UNKNOWN),
        ('Mo-Fr 08:00-17:00 "by appointment"', opening_hours.NOTE),
        ('"by appointment"', opening_hours.NOTE),
        ("Mo-Fr 08:00-09:00 || 24/7", opening_hours.NOTE),
        (f"{OFFICE}; SH off", opening_hours.SCHOOL),
        ("Mo-Fr 11:00-17:00; SH 08:00-12:00", opening_hours.SCHOOL),
        ("Mo-Tu,SH 08:00-17:00", opening_hours.SCHOOL),
    ],
)
def test_unreliable_text_is_unknown_with_the_reason(text: str | None, reason: str) -> None:
    assert opening_hours.status_at(text, WEDNESDAY) == Status("unknown", None, reason)


@pytest.mark.parametrize("text", [",".join(["00:00-48:00"] * 25), "week 53 Mo[5] 10:00-11:00", 'Mo-Su off "a"', "24/7"])
@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(1950, 1, 1), datetime(2099, 12, 31, 23, 59)])
def test_extreme_moments_are_answered_quickly(text: str, moment: datetime) -> None:
    opening_hours.status_at(text, moment)  # load the calendars of these years first
    start = process_time()
    status = opening_hours.status_at(text, moment)
    assert process_time() - start < 0.5  # a search up to the year 9999 takes from half a second to four
    assert (status.state == "unknown") == (status.reason is not None)


PIECES = (
    "Mo Tu-Fr Sa PH SH [1] [-5] -1 day Feb 29 31 Jan-Dec 2026 9999 week 53 /2 easter 00:00-48:00 22:00-02:00 "
    '08:00 10:00+ /01:00 sunset off unknown "x" " ; , || - : 24/7 ( )'
)
any_text = st.text(max_size=40) | st.lists(st.sampled_from(PIECES.split(" ")), max_size=12).map(" ".join)
any_moment = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)) | st.sampled_from([datetime.min, datetime.max])


@settings(max_examples=examples(300), database=None, derandomize=True)
@given(any_text, any_moment)
def test_no_text_raises_an_error(text: str, moment: datetime) -> None:
    status = opening_hours.status_at(text, moment)
    assert status.state in ("open", "closed", "unknown")
    assert (status.state == "unknown") == (status.reason is not None)
    assert status.until is None or (status.until > moment and status.reason is None)


def test_import_does_not_load_the_holidays() -> None:
    code = "import sys, geo.study.opening_hours; sys.exit('holidays' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
