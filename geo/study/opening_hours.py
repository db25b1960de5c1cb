"""Whether a facility is open at a moment, by OpenStreetMap's ``opening_hours``; what cannot be known is unknown.

The syntax is read by opening-hours-py; what it reads otherwise than the specification does
(https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification) is unknown here. China's public holidays are those
of the package holidays, which follows the State Council's yearly notice of days off and of weekends that are worked.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

from opening_hours import OpeningHours
from opening_hours import State as Told

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

MOST_CHARACTERS = 300
# Without an end the library looks for the next change up to the year 9999, for seconds; seasons come back in a year.
HORIZON_DAYS = 400
FIRST_YEAR, LAST_YEAR = 1950, 2099  # of the package holidays
# No yearly notice since 2001 moved a day farther: 2024-05-11 was worked for 1 May.
NEAR_DAYS = 10
DAY = timedelta(days=1)

_COMMENT = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"(; |, | \|\| )")
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_NOT_FIXED = re.compile(r"sunrise|sunset|dawn|dusk|:\d\d\+")
# “PH Mo” is a holiday that is a Monday, and either to the library; “PH -1 day” is no holiday; Apr 31 is any day to it.
_MISREAD = re.compile(
    r"[PS]H\s+(?:Mo|Tu|We|Th|Fr|Sa|Su)|(?:Mo|Tu|We|Th|Fr|Sa|Su|\])\s+[PS]H|[PS]H [-\d]+ day"
    r"|Feb\s*3[01]|(?:Apr|Jun|Sep|Nov)\s*31",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Hours:
    """Whether it is open, ``until`` when (local time; None if for ever or unknown), and the reason if unknown."""

    state: State
    until: datetime | None
    reason: str | None


def at(text: str | None, moment: datetime) -> Hours:
    """What hours in OpenStreetMap's syntax say of a naive local time. No text is an error: it is unknown then."""
    if not text or text.isspace():
        return Hours("unknown", None, NOT_KNOWN)
    rules = _read(text) if len(text) <= MOST_CHARACTERS else UNREADABLE
    return Hours("unknown", None, rules) if isinstance(rules, str) else rules.at(moment)


@dataclass(frozen=True)
class _Rules:
    """Rules that were read, and what about them decides how far they can be trusted.

    ``late``: minutes after midnight until which the hours of the day before may run; ``simple``: whatever is open
    before then began the day before. ``school``: school holidays matter; ``closes``: they can only close.
    """

    hours: OpeningHours
    late: int
    simple: bool
    holidays: bool
    fallback: bool
    school: bool
    closes: bool

    def at(self, moment: datetime) -> Hours:
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return Hours("unknown", None, NO_CALENDAR)
        state, reason = self._told(moment)
        change = self.hours.next_change(moment)
        if reason or (change is None and self.simple and not self.holidays):  # whatever the day
            return Hours(state, None, reason)
        today = _special(moment.date())
        if _minute(moment) >= self.late:
            reason = today
        elif not self.simple:
            reason = SMALL_HOURS
        else:
            begun = state == "open" and not self.holidays
            reason = _special(moment.date() - DAY) or (None if begun else today)
        if reason:
            return Hours("unknown", None, reason)
        return Hours(state, change if self._certain(state, moment, change) else None, None)

    def _told(self, moment: datetime) -> tuple[State, str | None]:
        """What the rules say if all days are ordinary, and the reason if that is unknown."""
        told, note = self.hours.state(moment)
        closed = told == Told.CLOSED
        if told == Told.UNKNOWN:
            return "unknown", SAYS_UNKNOWN
        # A fallback holds whenever nothing else does; to the library, only on days without any other rule.
        if self.fallback if closed else note:
            return "unknown", NOTE
        if self.school and not (closed and self.closes):
            return "unknown", SCHOOL
        return "closed" if closed else "open", None

    def _certain(self, state: State, moment: datetime, change: datetime | None) -> bool:
        """Whether ``state`` holds until ``change``, then turns into its opposite, and no special day begins before."""
        if change is None or (not self.simple and change.date() > moment.date()):  # small hours lie between
            return False
        if self._told(change)[0] in ("unknown", state):
            return False
        return not any(_special(moment.date() + n * DAY) for n in range((change.date() - moment.date()).days + 1))


@lru_cache(maxsize=4096)
def _read(text: str) -> _Rules | str:
    """The rules that ``text`` says, or the reason why it cannot be relied on."""
    # Full-width signs are what a Chinese keyboard writes; a comma after a space begins a new rule to the library.
    text = re.sub(r"\s+,", ",", unicodedata.normalize("NFKC", text).strip())
    try:
        hours = OpeningHours(text, max_interval_days=HORIZON_DAYS)
    except Exception:  # the library's error, and Python's of what is no text
        return UNREADABLE
    said = _COMMENT.sub("", str(hours))
    if _MISREAD.search(_COMMENT.sub("", text)) or _MISREAD.search(said):
        return UNREADABLE
    if _NOT_FIXED.search(said):
        return NOT_FIXED
    parts = _SEPARATOR.split(re.sub(r"[;,] PH closed", "", said))
    rules, separators = parts[::2], parts[1::2]
    for rule, separator in zip(rules, separators, strict=False):
        # “Mo, We 08:00-12:00” is a list to people, and all of Monday to the library.
        if separator == ", " and ":" not in rule and "closed" not in rule:
            return UNREADABLE
    spans = [(60 * int(a) + int(b), 60 * int(c) + int(d)) for a, b, c, d in _SPAN.findall(said)]
    late = max((end if end <= start else end - 1440 for start, end in spans), default=0)
    # A rule after a semicolon also ends what an earlier one began the day before: people seldom mean that.
    adds = set(separators) <= {", "} and all(map(_SPAN.search, rules))
    return _Rules(
        hours,
        late=max(late, 0),
        simple=late <= 0 or (adds and all(start >= late for start, _ in spans)),
        holidays="PH" in said or "SH" in said,
        fallback=" || " in separators,
        school="SH" in said,
        closes=all("SH" not in rule or "closed" in rule for rule in rules),
    )


def _minute(moment: datetime) -> int:
    return 60 * moment.hour + moment.minute


def _special(day: date) -> str | None:
    """Why nobody knows whether usual hours hold on ``day``; None if they do."""
    for year in (day.year, day.year + 1, day.year - 1):  # a notice moves days of the years beside its own too
        if reason := _arranged(year).get(day):
            return reason
    return None


@lru_cache(maxsize=64)
def _arranged(year: int) -> dict[date, str]:
    """Days that the holidays of ``year`` make special, each with the reason."""
    import holidays  # takes a quarter of a second

    zh, en = (holidays.country_holidays("CN", years=year, language=one) for one in ("zh_CN", "en_US"))
    off = {day: DAY_OFF if "调休" in zh[day] else HOLIDAY.format(zh=zh[day], en=en[day]) for day in zh}
    if not any(day.year == year for day in zh.weekend_workdays):  # every notice since 2001 has some
        unsure = YEAR.format(year=year)
        return {day + n * DAY: unsure for day in off for n in range(-NEAR_DAYS, NEAR_DAYS + 1)} | off
    special = dict.fromkeys(zh.weekend_workdays, WORKED) | off
    for day in off:
        for step in (-DAY, DAY):
            beside = day + step
            while beside.weekday() >= 5 and beside not in special:
                special[beside] = WEEKEND
                beside += step
    return special
