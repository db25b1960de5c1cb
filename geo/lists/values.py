"""What the cells of a list mean: categories by any of their names, days and numbers as offices write them, text."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson

from geo.study import categories, facilities, texts
from geo.study.categories import SUBTYPES_BY_NAME
from geo.study.texts import name_key

MISSING = object()
"""The cell of a row that does not have that column, as GeoJSON allows."""


@dataclass(frozen=True)
class _Noted:
    """A value, and what is to be said of how it was taken."""

    value: Any
    note: str


_NOTHING = {"-", "--", "—", "——", "/", "\\", "无", "暂无", "未知", "不详", "n/a", "na", "null", "none"}
_DAY = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*[日号]?(?:[T\s]\d{1,2}:\d{2}(?::\d{2}\S*)?)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*月?|(\d{4})(\d{2})")
_YEAR = re.compile(r"(\d{4})\s*年?")
_COUNT = re.compile(
    r"(\d{1,9}|\d{1,3}(?:,\d{3}){1,2})(?:\.0+)?\s*([张个人座名位床]?\s*(?:床位|学位|座位|床|座|位|beds?|seats?|places?)?)"
)
_SHORTENED = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")
_EPOCH = date(1899, 12, 30)  # day 0 of Excel's calendar, after its leap day of 1900 that never was
_SERIALS = range(10_000, 80_000)
MOST_EXACT = 10**15
"""From here on a spreadsheet's numbers lose digits."""


def _names() -> dict[str, tuple[str, str | None]]:
    """(category, subtype) by every name that says both."""
    known: dict[str, tuple[str, str | None]] = {
        name: (category, subtype) for category, own in SUBTYPES_BY_NAME.items() for name, subtype in own.items()
    }
    # Last, as a category's name says the category also where another's subtype bears it.
    for one in categories.CATEGORIES.values():
        known |= {name_key(name): (one.id, None) for name in (one.id, one.label, one.label_en)}
    return known


_KINDS = _names()


def text(value: Any) -> Any:
    """Any cell as clean text in NFC; None for an empty one."""
    if isinstance(value, str):
        if value[:1] in (" ", "") or value[-1] == " " or not value.isprintable() or "  " in value:
            return texts.clean(value)
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < MOST_EXACT else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat()
    return None if value is None else str(value)


def _lost(value: Any) -> str | None:
    """Why a number is no longer what was typed, if it is not."""
    if isinstance(value, str):
        shortened = "+" in value and _SHORTENED.fullmatch(value.strip())
        return "a spreadsheet has shortened this number: format the column as text" if shortened else None
    if isinstance(value, float) and abs(value) >= MOST_EXACT:
        return "a spreadsheet's number of more than 15 digits has lost the last ones: format the column as text"
    return None


def _category(value: Any) -> Any:
    found = _KINDS.get(name_key(text(value)))
    if found is None:
        raise ValueError(f"is no category; known: {_known()}, and their subtypes")
    return found


def _known() -> str:
    return ", ".join(f"{one.label} {one.id}" for one in categories.CATEGORIES.values())


def no_kind(value: str) -> str:
    """Why a subtype's name does not say the category."""
    labels = ", ".join(zh for one in categories.CATEGORIES.values() for zh, _ in one.subtypes.values())
    return f"subtype = {value[:60]!r}: is no category nor subtype; known: {_known()}; {labels}"


def of_another(category: str, value: str) -> str | None:
    """The category that a subtype's name says, if it is another than ``category`` and that has no such subtype."""
    found = _KINDS.get(name_key(value))
    return None if found is None or found[0] == category or name_key(value) in SUBTYPES_BY_NAME[category] else found[0]


def day(value: Any) -> Any:
    """A date, with a note where only its month or year was given; ValueError if it is none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _SERIALS.start <= value < _SERIALS.stop:
            return _EPOCH + timedelta(days=int(value))
        value = text(value)
    words = unicodedata.normalize("NFKC", str(text(value)))
    if words.casefold() in _NOTHING:
        return None
    if found := _DAY.fullmatch(words) or _COMPACT.fullmatch(words):
        return _real(found[1], found[2], found[3])
    if found := _MONTH.fullmatch(words):
        month = _real(found[1] or found[3], found[2] or found[4], "1")
        return _Noted(month, f"{words!r} taken as the first day of that month")
    if found := _YEAR.fullmatch(words):
        return _Noted(_real(found[1], "1", "1"), f"{words!r} taken as the first day of that year")
    raise ValueError("is no day such as 2021-06-30")


def _real(year: str, month: str, day: str) -> date:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError as error:
        raise ValueError(f"is no day: {error}") from error
    if not facilities.FIRST_DAY <= found <= facilities.LAST_DAY:
        raise ValueError("is no day such as 2021-06-30")
    return found


def _count(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    words = unicodedata.normalize("NFKC", str(text(value)))
    if words.casefold() in _NOTHING:
        return None
    found = _COUNT.fullmatch(words)
    if found is None:
        raise ValueError("is no whole number")
    number = int(found[1].replace(",", ""))
    return _Noted(number, f"{words!r} taken as {number}") if found[2] else number


READERS: dict[str, Callable[[Any], Any]] = {
    "category": _category,
    "capacity": _count,
    **dict.fromkeys(facilities.DATE_FIELDS, day),
}


NUMBERS = ("id", "area_code", "phone")
"""Fields of text that a spreadsheet takes for numbers."""
_CELLS = {str, float, int, bool, type(None), date, datetime, time}


def column(field: str, values: Sequence[Any], problems: dict[int, list[str]], notes: dict[int, list[str]]) -> list[Any]:
    """The cells of one field as values, None where a cell is empty; what is wrong with row n goes to ``problems[n]``.

    A category comes as (category, subtype or None).
    """
    read = READERS.get(field)
    if read is None and field not in NUMBERS and {*map(type, values)} <= _CELLS:
        return [text(value) for value in values]  # as most columns are, and this is the quickest
    known: dict[Any, Any] = {}
    result: list[Any] = []
    for number, value in enumerate(values):
        if value is None or value is MISSING or value == "":
            found: Any = None
        elif type(value) not in _CELLS:  # lists and tables, which GeoJSON may have
            found = ValueError("is no text")
        elif read is None:
            why = _lost(value) if field in NUMBERS else None
            found = ValueError(why) if why else text(value)
        elif (cell := (type(value), value)) in known:
            found = known[cell]
        else:
            try:
                found = known[cell] = read(value) if text(value) is not None else None
            except ValueError as error:
                found = known[cell] = error
        if isinstance(found, ValueError):
            problems.setdefault(number, []).append(f"{field} = {str(text(value))[:60]!r}: {found}")
            found = None
        elif isinstance(found, _Noted):
            notes.setdefault(number, []).append(f"{field} {found.note}")
            found = found.value
        result.append(found)
    return result


def subtype(category: str | None, value: str) -> tuple[str | None, str]:
    """The category and subtype that a subtype's name says; the name as it is where nobody knows it."""
    named = name_key(value)
    if category is not None:
        return category, SUBTYPES_BY_NAME.get(category, {}).get(named, value)
    found = _KINDS.get(named)
    return (None, value) if found is None else (found[0], found[1] or value)


def further(name: str, value: Any) -> dict[str, Any]:
    """What a cell of a column that no field is named after adds to ``extra``; the exports' own column as it was."""
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return {}
    if isinstance(value, dict) and name in ("extra", "其他"):
        return value
    if isinstance(value, str):
        if name in ("extra", "其他") and value.lstrip().startswith("{"):
            try:
                known = orjson.loads(value)
            except orjson.JSONDecodeError:
                known = None
            if isinstance(known, dict):
                return known
        value = text(value)
        return {} if value is None else {name: value}
    if isinstance(value, bool | int | dict | list):
        return {name: value}
    if isinstance(value, float):
        return {name: int(value) if value.is_integer() and abs(value) < MOST_EXACT else value}
    return {} if value is None else {name: text(value)}
