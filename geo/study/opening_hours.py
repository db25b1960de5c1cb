"""Whether a facility is open at a moment, according to its ``opening_hours`` in OpenStreetMap's syntax.

The library opening-hours-py reads the syntax. Where it deviates from the specification
(https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification), the answer here is “unknown” rather than wrong.
China's public holidays come from the package holidays. It follows the State Council's yearly notice, which also moves
days off and makes some weekends working days. On such days usual hours may not hold, so the answer is “unknown” too.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

from opening_hours import OpeningHours
from opening_hours import State as LibraryState

State: TypeAlias = Literal["open", "closed", "unknown"]

NOT_KNOWN = "开放时间不详 opening hours are not known"
UNREADABLE = "开放时间无法判读 opening hours cannot be read"
NOT_FIXED = "开放时间无固定时刻 opening hours have no fixed times"
SAYS_UNKNOWN = "开放时间注明不定 opening hours themselves say unknown"
NOTE = "须看说明或预约 it depends on a note or an appointment"
SCHOOL = "学校假期不详 school holidays are not known"
SMALL_HOURS = "跨午夜时段无法判断 which hours run past midnight cannot be told"
NO_CALENDAR = "该年节假日不详 public holidays of that year are not known"
YEAR = "{year} 年放假安排不详 days off of {year} are not known"
HOLIDAY = "{zh}，未必照常开放 {en}: usual hours may not hold"
DAY_OFF = HOLIDAY.format(zh="调休放假日", en="substituted day off")
WEEKEND = HOLIDAY.format(zh="假期中的周末", en="weekend within a holiday")
WORKED = HOLIDAY.format(zh="调休上班日", en="weekend day made a working day")

HOURS_OF_WEEK = 7 * 24
_ANY_MONDAY = date(2024, 1, 1)
MAX_CHARACTERS = 300
# Without a limit the library looks for the next change up to the year 9999, which takes seconds. Seasons repeat within
# a year.
HORIZON_DAYS = 400
FIRST_YEAR, LAST_YEAR = 1950, 2099  # for which the package holidays has data
# How far a working weekend may be from its holiday. No yearly notice since 2001 moved a day farther: 2024-05-11 was
# worked for 1 May.
NEAR_DAYS = 10
DAY = timedelta(days=1)

_COMMENT = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"(; |, | \|\| )")
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
# Selectors of months, days of the year, weeks, years and the first Monday of a month.
_BY_DATE = re.compile(r"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|week|easter|\b\d{4}\b|\[")
_NOT_FIXED = re.compile(r"sunrise|sunset|dawn|dusk|:\d\d\+")
# Selectors that cannot be relied on. “PH Mo” is a holiday on a Monday; the library takes any holiday and any Monday.
# “PH -1 day” is the day before a holiday, which the list of special days below does not have. The library takes dates
# that do not exist, such as Apr 31, for any day.
_MISREAD = re.compile(
    r"[PS]H\s+(?:Mo|Tu|We|Th|Fr|Sa|Su)|(?:Mo|Tu|We|Th|Fr|Sa|Su|\])\s+[PS]H|[PS]H [-\d]+ day"
    r"|Feb\s*3[01]|(?:Apr|Jun|Sep|Nov)\s*31",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Status:
    """Whether a facility is open, and how long that holds.

    Attributes
    ----------
    state : open, closed or unknown
    until : local time of the next change; None if there is none or if it is unknown
    reason : why the state is unknown, in Chinese and English; None if it is known
    """

    state: State
    until: datetime | None
    reason: str | None


def status_at(text: str | None, moment: datetime) -> Status:
    """Return the status at a local time without time zone, for opening hours in OpenStreetMap's syntax.

    No text raises an error: the state is unknown if the text is missing or cannot be read.
    """
    if not text or text.isspace():
        return Status("unknown", None, NOT_KNOWN)
    schedule = _parse(text) if len(text) <= MAX_CHARACTERS else UNREADABLE
    return Status("unknown", None, schedule) if isinstance(schedule, str) else schedule.status_at(moment)


@dataclass(frozen=True)
class UsualWeek:
    """The hours of a week without holidays.

    Attributes
    ----------
    states : the state at the beginning of each of the `HOURS_OF_WEEK` hours, from Monday 00:00
    reason : why a state is unknown, the reason of the first that is; None if all are known
    depends_on_date : whether weeks differ, as with seasons
    """

    states: tuple[State, ...]
    reason: str | None
    depends_on_date: bool


def usual_week(text: str | None, monday: date) -> UsualWeek:
    """Return the usual hours in the week that begins on ``monday``; other weeks may differ (``depends_on_date``).

    No text raises an error: all states are unknown if the text is missing or cannot be read.
    """
    if not text or text.isspace():
        return _unknown_week(NOT_KNOWN)
    schedule = _parse(text) if len(text) <= MAX_CHARACTERS else UNREADABLE
    if isinstance(schedule, str):
        return _unknown_week(schedule)
    return _usual_week(text, monday if schedule.depends_on_date else _ANY_MONDAY)


def _unknown_week(reason: str) -> UsualWeek:
    states: list[State] = ["unknown"] * HOURS_OF_WEEK
    return UsualWeek(tuple(states), reason, depends_on_date=False)


@lru_cache(maxsize=4096)
def _usual_week(text: str, monday: date) -> UsualWeek:
    schedule = _parse(text)
    if isinstance(schedule, str):
        return _unknown_week(schedule)
    first = datetime.combine(monday, time())
    hours = [schedule.usual_state_at(first + timedelta(hours=hour)) for hour in range(HOURS_OF_WEEK)]
    reason = next((reason for _, reason in hours if reason), None)
    return UsualWeek(tuple(state for state, _ in hours), reason, schedule.depends_on_date)


def is_readable(text: str) -> bool:
    """Whether a text is in the syntax, and is not one that can be misread."""
    return len(text) <= MAX_CHARACTERS and _parse(text) != UNREADABLE


@dataclass(frozen=True)
class _Schedule:
    """Parsed opening hours, and the properties that decide how far the library's answer can be trusted.

    Attributes
    ----------
    hours : the library's object
    last_minute : minutes after midnight until which hours that began the day before may run; 0 if none run past
        midnight
    is_simple : whatever is open before ``last_minute`` began the day before
    has_holidays : a rule names public or school holidays
    has_fallback : a rule applies whenever no other does (``||``)
    has_school_holidays : a rule names school holidays, whose dates are unknown
    school_rules_only_close : every rule that names school holidays says closed
    depends_on_date : a rule names months, weeks, years, days of the year or weekdays of a month
    """

    hours: OpeningHours
    last_minute: int
    is_simple: bool
    has_holidays: bool
    has_fallback: bool
    has_school_holidays: bool
    school_rules_only_close: bool
    depends_on_date: bool

    def usual_state_at(self, moment: datetime) -> tuple[State, str | None]:
        """Return the state if neither the day nor the day before is special, and the reason if it is unknown."""
        if not self.is_simple and 60 * moment.hour + moment.minute < self.last_minute:
            return "unknown", SMALL_HOURS
        return self._usual_state(moment)

    def status_at(self, moment: datetime) -> Status:
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return Status("unknown", None, NO_CALENDAR)
        state, reason = self._usual_state(moment)
        change = self.hours.next_change(moment)
        never_changes = change is None and self.is_simple and not self.has_holidays
        if reason or never_changes:  # then the calendar does not matter
            return Status(state, None, reason)
        today = _special_day(moment.date())
        if 60 * moment.hour + moment.minute >= self.last_minute:
            reason = today
        elif not self.is_simple:
            reason = SMALL_HOURS
        else:
            began_yesterday = state == "open" and not self.has_holidays
            reason = _special_day(moment.date() - DAY) or (None if began_yesterday else today)
        if reason:
            return Status("unknown", None, reason)
        return Status(state, change if self._is_certain_until(change, state, moment) else None, None)

    def _usual_state(self, moment: datetime) -> tuple[State, str | None]:
        """Return the state if no day is special, and the reason if the state is unknown."""
        library_state, comment = self.hours.state(moment)
        closed = library_state == LibraryState.CLOSED
        if library_state == LibraryState.UNKNOWN:
            return "unknown", SAYS_UNKNOWN
        # A fallback applies whenever no other rule does. The library applies it only on days without any other rule.
        if self.has_fallback if closed else comment:
            return "unknown", NOTE
        if self.has_school_holidays and not (closed and self.school_rules_only_close):
            return "unknown", SCHOOL
        return "closed" if closed else "open", None

    def _is_certain_until(self, change: datetime | None, state: State, moment: datetime) -> bool:
        """Whether ``state`` holds until ``change`` and then turns into its opposite, with no special day between."""
        if change is None or (not self.is_simple and change.date() > moment.date()):
            return False
        if self._usual_state(change)[0] in ("unknown", state):
            return False
        days = (change.date() - moment.date()).days
        return not any(_special_day(moment.date() + number * DAY) for number in range(days + 1))


@lru_cache(maxsize=4096)
def _parse(text: str) -> _Schedule | str:
    """Return the schedule that ``text`` describes, or the reason why it cannot be relied on."""
    # Chinese keyboards write full-width signs. A space before a comma makes the library begin a new rule.
    text = re.sub(r"\s+,", ",", unicodedata.normalize("NFKC", text).strip())
    try:
        hours = OpeningHours(text, max_interval_days=HORIZON_DAYS)
    except Exception:  # the library's own error, and Python's errors for texts that are not Unicode
        return UNREADABLE
    canonical = _COMMENT.sub("", str(hours))
    if _MISREAD.search(_COMMENT.sub("", text)) or _MISREAD.search(canonical):
        return UNREADABLE
    if _NOT_FIXED.search(canonical):
        return NOT_FIXED
    parts = _SEPARATOR.split(re.sub(r"[;,] PH closed", "", canonical))
    rules, separators = parts[::2], parts[1::2]
    for rule, separator in zip(rules, separators, strict=False):
        # People mean a list of days by “Mo, We 08:00-12:00”; the library reads all of Monday, then Wednesday's hours.
        if separator == ", " and ":" not in rule and "closed" not in rule:
            return UNREADABLE
    spans = [(60 * int(a) + int(b), 60 * int(c) + int(d)) for a, b, c, d in _SPAN.findall(canonical)]
    last_minute = max((end if end <= start else end - 1440 for start, end in spans), default=0)
    # A rule after a semicolon replaces earlier rules, also their hours after midnight. People seldom mean that.
    all_rules_add = set(separators) <= {", "} and all(map(_SPAN.search, rules))
    return _Schedule(
        hours,
        last_minute=max(last_minute, 0),
        is_simple=last_minute <= 0 or (all_rules_add and all(start >= last_minute for start, _ in spans)),
        has_holidays="PH" in canonical or "SH" in canonical,
        has_fallback=" || " in separators,
        has_school_holidays="SH" in canonical,
        school_rules_only_close=all("SH" not in rule or "closed" in rule for rule in rules),
        depends_on_date=_BY_DATE.search(canonical) is not None,
    )


def _special_day(day: date) -> str | None:
    """Return why it is unknown whether usual hours hold on ``day``; None if they hold."""
    # A year's notice may also move days of the year before or after.
    for year in (day.year, day.year + 1, day.year - 1):
        if reason := _special_days(year).get(day):
            return reason
    return None


@lru_cache(maxsize=64)
def _special_days(year: int) -> dict[date, str]:
    """Return the days that the holidays of ``year`` make special, each with the reason."""
    import holidays  # takes a quarter of a second

    zh, en = (holidays.country_holidays("CN", years=year, language=language) for language in ("zh_CN", "en_US"))
    days_off = {day: DAY_OFF if "调休" in zh[day] else HOLIDAY.format(zh=zh[day], en=en[day]) for day in zh}
    # Every notice since 2001 makes some weekends working days. A year without any has no notice yet: then any day near
    # a holiday may be moved.
    if not any(day.year == year for day in zh.weekend_workdays):
        reason = YEAR.format(year=year)
        near = {day + offset * DAY: reason for day in days_off for offset in range(-NEAR_DAYS, NEAR_DAYS + 1)}
        return near | days_off
    special = dict.fromkeys(zh.weekend_workdays, WORKED) | days_off
    for day in days_off:
        for step in (-DAY, DAY):
            neighbour = day + step
            while neighbour.weekday() >= 5 and neighbour not in special:
                special[neighbour] = WEEKEND
                neighbour += step
    return special
