"""Another day than today: which days have equal answers, and what an answer about such a day assumes.

A facility stands on a day if it has opened by then and not closed by then (`facilities.existing_on`), by the dates that
the register has now. So the answers about two days differ only if a facility opened or closed between them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

import geopandas as gpd

from geo.errors import FieldError
from geo.measures.counting import CountedUnits
from geo.study.categories import Category

FIRST_DAY = date(1900, 1, 1)
MAX_YEARS_AHEAD = 30
"""The register remarks on an opening farther ahead: it is hardly a plan."""


def last_day(today: date) -> date:
    """The last day that can be asked for."""
    # On 29 February, the 28th.
    return today.replace(year=today.year + MAX_YEARS_AHEAD, day=min(today.day, 28 if today.month == 2 else today.day))


def check(day: date, today: date, name: str = "on") -> date:
    """Return ``day``; FieldError, which calls it ``name``, if it is not from `FIRST_DAY` to `MAX_YEARS_AHEAD` ahead."""
    last = last_day(today)
    if not FIRST_DAY <= day <= last:
        reason = f"is not a day from {FIRST_DAY} to {last}, {MAX_YEARS_AHEAD} years ahead"
        raise FieldError([(name, f"{name} = {day}: {reason}")])
    return day


def change_days(facilities: gpd.GeoDataFrame) -> tuple[date, ...]:
    """The days on which any of ``facilities`` opened or closed, or will, in order."""
    return tuple(sorted({day for name in ("opened", "closed") for day in facilities[name] if day is not None}))


def last_change(changes: Sequence[date], day: date) -> date:
    """The latest of the ordered ``changes`` by the end of ``day``; before the first of them, the first day there is.

    Two days with the same last change have equal answers.
    """
    number = bisect_right(changes, day)
    return changes[number - 1] if number else date.min


def notes(day: date, today: date, counted: CountedUnits, standing: gpd.GeoDataFrame, category: Category) -> list[str]:
    """What a reader must know of an answer about ``day``, which is not ``today``.

    Parameters
    ----------
    counted : what the standard counts on ``day``
    standing : the facilities that the standard takes into account today
    category : that of the standard
    """
    frame, counts_openings = counted.facilities, counted.unit == "facilities"
    zh, en = category.label, category.label_en.lower()
    result = [
        f"{day} 的情况，按登记册现有的开办、停办日期；人口、街道和区划为现状 as of {day}, by the days of opening and "
        "closing that the register has now; people, streets and areas are those of today"
    ]
    unknown = int(frame["opened"].isna().sum())
    if unknown and not counts_openings:
        result.append(
            f"{len(frame)} 处{zh}中 {unknown} 处开办日期不详，视为一直存在 {unknown} of {len(frame)} facilities ({en}) "
            "have no opening date and count as standing always"
        )
    result += vague_notes(frame, [day.replace(month=1, day=1), day.replace(day=1)], day, category)
    if day > today:
        opening = sum(opened is not None and today < opened <= day for opened in frame["opened"])
        closing = sum(closed is not None and today < closed <= day for closed in standing["closed"])
        zh_closing, en_closing = ("", "") if counts_openings else (f"、{closing} 处停办", f" and {closing} closings")
        result.append(
            f"{day} 在今天之后：{zh}计入登记册中计划的 {opening} 处开办{zh_closing} {day} lies ahead: {opening} "
            f"openings{en_closing} ({en}) that the register has as planned are counted"
        )
    return result


def vague_notes(facilities: gpd.GeoDataFrame, first_days: Sequence[date], day: date, category: Category) -> list[str]:
    """A note on facilities that opened by ``day`` on one of ``first_days``, the first of a month or of a year.

    Lists often have only the month or the year of an opening, and the register then has its first day.
    """
    opened = [value for value in facilities["opened"] if value is not None and value <= day and value in first_days]
    if not opened:
        return []
    which = ", ".join(str(value) for value in sorted(set(opened)))
    return [
        f"{len(opened)} 处{category.label}登记为 {which} 开办，可能只知年份或月份 {len(opened)} "
        f"({category.label_en.lower()}) are registered as opened on {which}, which may mean that only the year or the "
        "month is known"
    ]
