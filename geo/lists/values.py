"""What the cells of a list mean: categories by any of their names, days and numbers as offices write them, text."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial

import orjson

from geo.lists import contact_values
from geo.lists.placeholders import is_placeholder, is_zero_day, is_zero_phone
from geo.lists.remarks import Remarks, WithNote
from geo.lists.sheets import Cell
from geo.study import facilities, texts
from geo.study.categories import Categories
from geo.study.texts import name_key

MISSING = object()
"""The cell of a row that does not have the column, which GeoJSON allows."""

NUMERIC_TEXTS = ("id", "area_code", "phone")
"""Fields of text that spreadsheets may hold as numbers."""
MAX_EXACT = 10**15
"""Numbers of this size and larger ones lose digits in a spreadsheet."""

_NARROW = {code + 0xFEE0: code for code in range(ord("!"), ord("~") + 1)}
_WITH_DECIMALS = re.compile(r"(\d+)\.0+", re.ASCII)

MAX_YEARS_AHEAD = 30
"""A day of opening that lies more years ahead is doubted."""

_DAY = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*[日号]?(?:[T\s]\d{1,2}:\d{2}(?::\d{2}\S*)?)?")
_DAY_IN_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*月?|(\d{4})(\d{2})")
_YEAR = re.compile(r"(\d{4})\s*年?")
_COUNT = re.compile(
    r"(\d{1,9}|\d{1,3}(?:,\d{3}){1,2})(?:\.0+)?\s*([张个人座名位床]?\s*(?:床位|学位|座位|床|座|位|beds?|seats?|places?)?)"
)
_SHORTENED_NUMBER = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")
# Excel's calendar counts a 29 February 1900 that never was, so that its day 0 is one day earlier from March 1900 on.
_EXCEL_DAY_0 = date(1899, 12, 30)
_EXCEL_DAYS = range(10_000, 80_000)


def text(value: Cell) -> str | None:
    """Any cell as clean text in Unicode's composed form (NFC); None for an empty one."""
    if isinstance(value, str):
        if value[:1] in (" ", "") or value[-1] == " " or not value.isprintable() or "  " in value:
            cleaned = texts.clean(value)
            return cleaned if isinstance(cleaned, str) else None
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat()
    return None if value is None else str(value)


def known_text(value: Cell) -> str | None:
    """As `text`, but None for a placeholder such as 无 too."""
    words = text(value)
    return None if words is None or is_placeholder(words) else words


def lost_digits(value: Cell) -> str | None:
    """The problem of a number that a spreadsheet has shortened; None if it has not."""
    if isinstance(value, str):
        shortened = "+" in value and _SHORTENED_NUMBER.fullmatch(value.strip())
        return "a spreadsheet has shortened this number: format the column as text" if shortened else None
    if isinstance(value, float) and abs(value) >= MAX_EXACT:
        return "a spreadsheet's number of more than 15 digits has lost the last ones: format the column as text"
    return None


def _parse_category(value: Cell, categories: Categories) -> tuple[str, str | None]:
    name = text(value) or ""
    category = categories.by_name.get(name_key(name))
    if category is None:
        known = f"is no category; known: {_listed(categories)}, and their subtypes"
        raise ValueError(_ambiguity(name, categories) or known)
    return category


def _ambiguity(name: str, categories: Categories) -> str | None:
    """The problem of a name of a subtype that several categories have; None of any other name."""
    owners = [category for category in categories if name_key(name) in category.subtypes_by_name]
    if len(owners) < 2:
        return None
    return f"is a subtype of {', '.join(f'{owner.label} {owner.id}' for owner in owners)}: state the category too"


def _listed(categories: Categories) -> str:
    return ", ".join(f"{category.label} {category.id}" for category in categories)


def unknown_subtype(value: str, categories: Categories) -> str:
    """The problem of a row whose subtype does not say the category."""
    labels = ", ".join(zh for category in categories for zh, _ in category.subtypes.values())
    known = f"is no category nor subtype; known: {_listed(categories)}; {labels}"
    return f"subtype = {value[:60]!r}: {_ambiguity(value, categories) or known}"


def other_category(category: str, subtype: str, categories: Categories) -> str | None:
    """The category that a subtype's name belongs to, if ``category`` has no such subtype and another has."""
    match = categories.by_name.get(name_key(subtype))
    if match is None or match[0] == category or name_key(subtype) in categories[category].subtypes_by_name:
        return None
    return match[0]


def parse_day(value: Cell) -> date | WithNote | None:
    """A date, with a note where only its month or year was given; ValueError if it is none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _EXCEL_DAYS.start <= value < _EXCEL_DAYS.stop:
            return _EXCEL_DAY_0 + timedelta(days=int(value))
        value = text(value)
    words = unicodedata.normalize("NFKC", str(text(value)))
    if is_zero_day(words):
        return None
    if match := _DAY.fullmatch(words) or _DAY_IN_DIGITS.fullmatch(words):
        return _checked_day(match[1], match[2], match[3])
    if match := _MONTH.fullmatch(words):
        if match[3] and not 1900 <= int(match[3]) <= date.today().year + 10:
            raise ValueError("may be a day in two-digit years: write it as 2021-06-30")
        month = _checked_day(match[1] or match[3], match[2] or match[4], "1")
        return WithNote(month, f"{words!r} read as the first day of that month")
    if match := _YEAR.fullmatch(words):
        return WithNote(_checked_day(match[1], "1", "1"), f"{words!r} read as the first day of that year")
    raise ValueError("is no day such as 2021-06-30")


def _parse_opened(value: Cell) -> date | WithNote | None:
    """As `parse_day`; a day far ahead gets a note, because nothing is planned so long before."""
    result = parse_day(value)
    day = result.value if isinstance(result, WithNote) else result
    if not isinstance(day, date) or day == facilities.NOT_YET or day.year <= date.today().year + MAX_YEARS_AHEAD:
        return result
    before = f"{result.note}; it" if isinstance(result, WithNote) else str(day)
    return WithNote(day, f"{before} is more than {MAX_YEARS_AHEAD} years ahead: until then it does not count")


def _parse_closed(value: Cell) -> date | WithNote | None:
    """As `parse_day`; 至今 means that it has not closed."""
    return None if text(value) in ("至今", "到今", "迄今") else parse_day(value)


def _checked_day(year: str, month: str, day: str) -> date:
    try:
        result = date(int(year), int(month), int(day))
    except ValueError as error:
        raise ValueError(f"is no day: {error}") from error
    if not facilities.FIRST_DAY <= result <= facilities.LAST_DAY:
        raise ValueError("is no day such as 2021-06-30")
    return result


def _plain_code(code: str) -> str | WithNote:
    """An id or area code with narrow characters, and without the decimals that spreadsheets add to numbers."""
    if code.isascii() and not code.endswith("0"):
        return code  # a shortcut, which suffices for most codes
    narrow = code.translate(_NARROW)
    match = _WITH_DECIMALS.fullmatch(narrow)
    return WithNote(match[1], f"{code[:60]!r} read as {match[1]}") if match else narrow


def _parse_count(value: Cell) -> int | WithNote | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    words = unicodedata.normalize("NFKC", str(text(value)))
    match = _COUNT.fullmatch(words)
    if match is None:
        raise ValueError("is no whole number")
    number = int(match[1].replace(",", ""))
    return WithNote(number, f"{words!r} read as {number}") if match[2] else number


def _parse_phone(value: Cell) -> str | WithNote | None:
    if problem := lost_digits(value) if isinstance(value, float) else None:
        raise ValueError(problem)
    words = text(value)
    return None if words is None or is_zero_phone(words) else contact_values.parse_phone(words)


def _parse_hours(value: Cell) -> str | WithNote | None:
    words = text(value)
    return None if words is None else contact_values.parse_hours(words)


_READERS: dict[str, Callable[[Cell], object]] = {
    "phone": _parse_phone,
    "opening_hours": _parse_hours,
    "capacity": _parse_count,
    **dict.fromkeys(facilities.DATE_FIELDS, parse_day),
    "opened": _parse_opened,
    "closed": _parse_closed,
}
_CELL_TYPES = {str, float, int, bool, type(None), date, datetime, time}


def column(field: str, cells: Sequence[Cell], remarks: Remarks, categories: Categories) -> list[object]:
    """The cells of one field as values, None where a cell is empty or has a placeholder.

    A category comes as (category, subtype or None). Cells that cannot be read go to the problems of ``remarks``.
    """
    read = partial(_parse_category, categories=categories) if field == "category" else _READERS.get(field)
    if read is None and field not in NUMERIC_TEXTS and {*map(type, cells)} <= _CELL_TYPES:
        return [known_text(cell) for cell in cells]  # the quickest way, for most columns
    read_before: dict[object, object] = {}
    result: list[object] = []
    for row, cell in enumerate(cells):
        value: object
        if cell is None or cell is MISSING or cell == "":
            value = None
        elif type(cell) not in _CELL_TYPES:  # GeoJSON may have lists and objects
            value = ValueError("is no text")
        elif read is None:
            problem = lost_digits(cell) if field in NUMERIC_TEXTS else None
            value = ValueError(problem) if problem else known_text(cell)
            if isinstance(value, str) and field in NUMERIC_TEXTS:
                value = _plain_code(value)
        elif (typed := (type(cell), cell)) in read_before:
            value = read_before[typed]
        else:
            try:
                value = read(cell) if known_text(cell) is not None else None
            except ValueError as error:
                value = error
            read_before[typed] = value
        if isinstance(value, ValueError):
            remarks.problems[row].append(f"{field} = {str(text(cell))[:60]!r}: {value}")
            value = None
        elif isinstance(value, WithNote):
            remarks.notes[row].append(f"{field} {value.note}")
            value = value.value
        result.append(value)
    return result


def subtype(category: str | None, name: str, categories: Categories) -> tuple[str | None, str | None]:
    """The category and subtype that a subtype's name means; the name itself where it is not known.

    The subtype is None where the name is that of the category, such as 门诊部.
    """
    match = categories.by_name.get(name_key(name))
    if category is not None:
        known = categories[category].subtypes_by_name.get(name_key(name))
        return category, known or (None if match == (category, None) else name)
    return (None, name) if match is None else match


def further_properties(heading: str, cell: Cell) -> dict[str, object]:
    """What a cell of a column that is no field adds to a facility's ``extra``.

    The column that exports have for ``extra`` holds a JSON object, which is unpacked.
    """
    if isinstance(cell, float) and (math.isnan(cell) or math.isinf(cell)):
        return {}
    if isinstance(cell, dict) and heading in ("extra", "其他"):
        return cell
    if isinstance(cell, str):
        if heading in ("extra", "其他") and cell.lstrip().startswith("{"):
            try:
                parsed = orjson.loads(cell)
            except orjson.JSONDecodeError:
                parsed = None
            if isinstance(parsed, dict):
                return parsed
        words = text(cell)
        return {} if words is None else {heading: words}
    if isinstance(cell, bool | int | dict | list):
        return {heading: cell}
    if isinstance(cell, float):
        return {heading: int(cell) if cell.is_integer() and abs(cell) < MAX_EXACT else cell}
    return {} if cell is None else {heading: text(cell)}


def is_nested_too_deeply(properties: Mapping[str, object]) -> bool:
    """Whether a property has more levels of lists and objects than orjson can write (254)."""
    if not any(isinstance(value, dict | list) for value in properties.values()):
        return False
    try:
        orjson.dumps(properties, default=str)
    except TypeError:
        return True
    return False
