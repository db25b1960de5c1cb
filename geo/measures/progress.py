"""Progress: how far the targets of a plan are met, month by month, computed from the days of opening and closing.

Each number is what `geo.measures.counting` counts on a day; nothing is extrapolated.
"""

import calendar
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from geo.measures import coverage, days
from geo.measures.counting import CountedUnits
from geo.study.standards import Opened, Standard

MAX_ROWS = 24
DAYS_OF_MONTH = 365.25 / 12


@dataclass(frozen=True)
class MonthEnd:
    """How far a standard was met at the end of ``day``.

    ``covered`` and ``share`` are those of the coverage on that day; ``added`` is ``covered`` less that of the row
    before.
    """

    day: date
    covered: float
    share: float | None
    added: float
    met: bool


@dataclass(frozen=True)
class Progress:
    """How far one standard with a target is met on the day ``on``, and how it came there.

    Attributes
    ----------
    since, until : the period: the standard's own, or that of the plan
    target : a number of openings, or a share
    before : what was covered on the day before the period, or on ``on`` if that is earlier; 0 of openings
    done, total, share : what is covered on ``on``, as in the coverage
    missing : how much of ``unit`` the target still needs; 0 where it is met, None where nothing is known
    met : whether the target is met on ``on``; None where nothing is known
    met_on : the day of the period on which it was met first (its first day if it was met before), else a day after the
        period on which it came to be met; None if it is not
    months : the ends of the period's months (or of every third, sixth or twelfth month) by ``on``
    per_month : what was added in a month, from the first day of the period to ``on`` or its end
    needed_per_month : what the rest of the period needs in a month; None after the period, or where nothing is missing
    planned : what the openings and closings that are registered after ``on`` add by the end of the period
    """

    standard: str
    name: str
    name_en: str
    source: str
    measure: str
    category: str
    unit: str
    since: date
    until: date
    on: date
    target: float
    before: float
    done: float
    total: float
    share: float | None
    missing: float | None
    met: bool | None
    met_on: date | None
    months: list[MonthEnd]
    per_month: float | None
    needed_per_month: float | None
    planned: float
    known: bool
    notes: list[str]


def plan_period(standards: Sequence[Standard], day: date) -> tuple[date, date]:
    """The plan's period: the first and last day of all standards of openings; without any, the year of ``day``."""
    openings = [standard for standard in standards if isinstance(standard, Opened)]
    if not openings:
        return date(day.year, 1, 1), date(day.year, 12, 31)
    return min(standard.since for standard in openings), max(standard.until for standard in openings)


def month_ends(since: date, until: date) -> list[date]:
    """The ends of the months from ``since`` to ``until``, and ``until``; of every third, sixth, … month if many.

    At most `MAX_ROWS` and one.
    """
    months = 12 * (until.year - since.year) + until.month - since.month + 1
    step = next((step for step in (1, 3, 6, 12) if months / step <= MAX_ROWS), math.ceil(months / MAX_ROWS / 12) * 12)
    ends = []
    for number in range(step - 1, months, step):
        year, month = divmod(since.month - 1 + number, 12)
        last = calendar.monthrange(since.year + year, month + 1)[1]
        ends.append(min(date(since.year + year, month + 1, last), until))
    return ends if ends and ends[-1] == until else [*ends, until]


@dataclass(frozen=True)
class _Count:
    counted: CountedUnits
    covered: float
    total: float
    share: float | None
    met: bool
    known: bool


class _Counts:
    """What a standard counts on any day; counted once for all days between two changes."""

    def __init__(self, standard: Standard, changes: Sequence[date], count: Callable[[date], CountedUnits]) -> None:
        self.standard, self.changes = standard, changes
        self._count = count
        self._counts: dict[date, _Count] = {}

    def on(self, day: date) -> _Count:
        first = days.last_change(self.changes, day)
        if first not in self._counts:
            self._counts[first] = self._make(self._count(first))
        return self._counts[first]

    def _make(self, counted: CountedUnits) -> _Count:
        weight, inside = counted.rows["weight"], counted.rows["inside"]
        covered, total, target = float(weight[inside].sum()), float(weight.sum()), self.standard.target or 0.0
        of_openings = isinstance(self.standard, Opened)
        whole = target if of_openings else total
        share = coverage.share_of(covered, whole, None if of_openings else target) if counted.is_known else None
        met = counted.is_known and bool(whole) and coverage.meets(covered / whole, 1.0 if of_openings else target)
        # The rows are needed no more, and a plan has many months.
        counted = replace(counted, rows=counted.rows.iloc[:0])
        return _Count(counted, round(covered, 1), round(total, 1), share, met, counted.is_known)


def _missing(standard: Standard, now: _Count) -> float:
    if now.met:
        return 0.0
    target = standard.target or 0.0
    if isinstance(standard, Opened):
        return max(target - now.covered, 0.0)
    least = target * now.total - now.covered
    # Less than a tenth of a person is missing too: 0 would say that the target is met.
    return max(round(least, 1), 0.1) if now.counted.unit == "people" else float(math.ceil(round(least, 6)))


def _met_on(counts: _Counts, since: date, row_days: Sequence[date], on: date) -> date | None:
    """The first day on which the target is met, in the first of the rows' months at whose end it is.

    After the last of them, a day on which it comes to be met: the only one, if nothing closes.
    """
    if counts.on(since).met:
        return since
    begin = since
    for end in row_days:
        if counts.on(end).met:
            candidates = [day for day in counts.changes if begin < day <= end]
            return next((day for day in candidates if counts.on(day).met), end)
        begin = end
    if not counts.on(on).met:
        return None
    late = [day for day in counts.changes if begin < day <= on]
    unmet, met = -1, len(late) - 1
    while met - unmet > 1:
        middle = (unmet + met) // 2
        unmet, met = (unmet, middle) if counts.on(late[middle]).met else (middle, met)
    return late[met]


def measure(
    standard: Standard,
    period: tuple[date, date],
    on: date,
    changes: Sequence[date],
    count: Callable[[date], CountedUnits],
) -> Progress:
    """Return the progress of a standard that has a target.

    Parameters
    ----------
    period : the first and the last day of the plan, for standards that have no period of their own
    changes : the days on which a facility of the standard's category opens or closes, in order
    count : what the standard counts on a day

    Raises
    ------
    ValueError
        The standard has no target.
    """
    if standard.target is None:
        raise ValueError(f"{standard.id} has no target")
    since, until = (standard.since, standard.until) if isinstance(standard, Opened) else period
    counts = _Counts(standard, changes, count)
    now, end = counts.on(on), min(on, until)
    before = counts.on(min(on, since - timedelta(days=1))).covered
    days_of_rows = [day for day in month_ends(since, until) if day <= on]
    if since <= on < until and on not in days_of_rows:
        days_of_rows.append(on)
    months, previous = [], before
    for day in days_of_rows:
        row = counts.on(day)
        months.append(MonthEnd(day, row.covered, row.share, round(row.covered - previous, 1), row.met))
        previous = row.covered
    elapsed, left = (end - since).days + 1, (until - max(on, since - timedelta(days=1))).days
    missing = _missing(standard, now) if now.known else None
    added = counts.on(end).covered - before
    return Progress(
        standard=standard.id,
        name=standard.name,
        name_en=standard.name_en,
        source=standard.source,
        measure=standard.measure,
        category=standard.category,
        unit=now.counted.unit,
        since=since,
        until=until,
        on=on,
        target=standard.target,
        before=before,
        done=now.covered,
        total=now.total,
        share=now.share,
        missing=missing,
        met=now.met if now.known else None,
        met_on=_met_on(counts, since, days_of_rows, on) if now.known and since <= on else None,
        months=months,
        per_month=round(added / elapsed * DAYS_OF_MONTH, 2) if elapsed > 0 and now.known else None,
        needed_per_month=round(missing / left * DAYS_OF_MONTH, 2) if missing and left > 0 else None,
        planned=round(counts.on(until).covered - now.covered, 1) if on < until else 0.0,
        known=now.known,
        notes=list(now.counted.notes),
    )
