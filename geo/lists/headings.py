"""What the columns of a list mean: its heading found, wherever it stands, and each column's field by its name."""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from geo.errors import TableError
from geo.lists.tabular_files import Sheet
from geo.study import facilities

SEARCHED = 20
"""How many rows from the top a heading is looked for in."""

NAMES: dict[str, list[str]] = tomllib.loads(resources.files("geo.lists").joinpath("columns.toml").read_text("utf-8"))
PLACES = ("lon", "lat", "place", "geometry")
FIELDS = (*facilities.FIELDS, *PLACES)
_BRACKETS = re.compile(r"[(\[{【〔《（].*?[)\]}】〕》）]")
_NEEDLESS = re.compile(r"[\s_*:：、.()\[\]{}【】〔〕《》-]+")
_SYSTEMS = {
    "gcj02": re.compile("gcj0?2?|高德|腾讯|amap|火星|国测局"),
    "bd09": re.compile("bd09|百度|baidu"),
    "cgcs2000": re.compile("cgcs2000|(?:国家)?2000(?:国家)?(?:大地)?(?:坐标系?)?"),
    "wgs84": re.compile("wgs84|gps"),
}


def _simple(heading: str) -> str:
    return _NEEDLESS.sub("", unicodedata.normalize("NFKC", heading).casefold())


_FIELDS = {_simple(name): field for field, names in NAMES.items() for name in [*names, field]}


@lru_cache(maxsize=4096)
def recognised(heading: str) -> tuple[str | None, str | None]:
    """The field that a heading names, and the coordinate system it states; None for what it does not."""
    whole = unicodedata.normalize("NFKC", heading[:200])
    for words in (whole, _BRACKETS.sub("", whole)):
        if field := _FIELDS.get(_simple(words)):
            return field, stated(heading) if field in PLACES else None
    for words in (whole, _BRACKETS.sub("", whole)):
        rest = _simple(words)
        for system in _SYSTEMS.values():
            rest = system.sub("", rest)
        if (field := _FIELDS.get(rest)) in PLACES:
            return field, stated(heading)
    return None, None


def stated(heading: str) -> str | None:
    """The coordinate system that a heading states."""
    words = _simple(heading)
    return next((system for system, pattern in _SYSTEMS.items() if pattern.search(words)), None)


@dataclass(frozen=True)
class Heading:
    """``names`` of the columns, none twice; the ``row`` after which the data begin; what groups above them say."""

    names: list[str]
    row: int
    groups: list[str]


def unmerged(sheet: Sheet, rows: range) -> list[list[Any]]:
    """Some first rows with every merged cell's value in all the places it covers."""
    result = [list(sheet.rows[row]) for row in rows if row < len(sheet.rows)]
    for top, left, bottom, right in sheet.merged:
        for row in range(max(top, rows.start), min(bottom + 1, len(result))):
            if top < len(sheet.rows) and left < len(sheet.rows[top]):
                width = min(right + 1, len(result[row]))
                result[row][left:width] = [sheet.rows[top][left]] * (width - left)
    return result


def find(sheet: Sheet, mapping: Mapping[str, str]) -> Heading | None:
    """The heading of a sheet: of its first rows the one, or two, that name most fields; None if none names two."""
    raw, rows = sheet.rows[: SEARCHED + 1], unmerged(sheet, range(SEARCHED + 1))
    best, score = None, 1
    for number, row in enumerate(rows[:SEARCHED]):
        names = [_words(cell) for cell in row]
        one = _score(names, mapping)
        if one > score:
            best, score = Heading(_distinct(names), number, names), one
        if number + 1 < len(rows) and _score([_words(cell) for cell in raw[number + 1]], mapping):
            below = [_words(cell) for cell in rows[number + 1]]
            below += [""] * (len(names) - len(below))
            groups = names + [""] * (len(below) - len(names))
            for column in range(1, len(groups)):  # a group of a text table stands over its first column only
                if not groups[column] and below[column] and below[column - 1]:
                    groups[column] = groups[column - 1]
            both = [_joined(group, name, mapping) for group, name in zip(groups, below, strict=True)]
            two = _score(both, mapping)
            if two > max(score, one):
                best, score = Heading(_distinct(both), number + 1, groups), two
    return best


def _joined(group: str, name: str, mapping: Mapping[str, str]) -> str:
    if not name or not group or name == group:
        return name or group
    return name if name in mapping or recognised(name)[0] else f"{group} {name}"


def _words(cell: Any) -> str:
    return " ".join(cell.split())[:200] if isinstance(cell, str) else "" if cell is None else str(cell)


def _score(names: Sequence[str], mapping: Mapping[str, str]) -> int:
    fields = {mapping.get(name) or recognised(name)[0] for name in names if name}
    return len(fields - {None})


def score(rows: list[list[Any]], mapping: Mapping[str, str]) -> int:
    """How many fields the heading of some first rows names."""
    heading = find(Sheet("", rows), mapping)
    return 0 if heading is None else _score(heading.names, mapping)


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if not name or seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def fields(names: Sequence[str], mapping: Mapping[str, str], file: object, but: Collection[str] = ()) -> list[str]:
    """The field of each column: by ``mapping``, else by its name; "" without a heading.

    It is “extra” for what nobody knows, and for the fields ``but`` which the file cannot have in a column.

    Raises
    ------
    TableError
        Several columns are the same field, and none bears exactly its first name.
    """
    found = [
        "" if not name else mapping.get(name) or recognised(re.sub(r" \(\d+\)$", "", name))[0] or "extra"
        for name in names
    ]
    found = ["extra" if one in but else one for one in found]
    problems = []
    for field in FIELDS:
        same = [column for column, one in enumerate(found) if one == field]
        if field == "extra" or len(same) < 2:
            continue
        chosen = [column for column in same if names[column] in mapping]
        if not chosen:
            chosen = [column for column in same if names[column] in (NAMES[field][0], field)]
        if len(chosen) == 1 and not any(names[column] == f"{names[chosen[0]]} (2)" for column in same):
            for column in same:
                found[column] = field if column in chosen else "extra"
        else:
            listed = [repr(names[column]) for column in same]
            example = f"say column {names[same[-1]]}=extra"
            problems.append(f"the columns {' and '.join(listed)} both are {field}: {example}, or which it is")
    if problems:
        raise TableError(file, problems)
    return found


def checked(mapping: Mapping[str, str], names: Sequence[str], file: object) -> None:
    """TableError if ``mapping`` names a heading that is not among ``names``, or a field that there is not."""
    problems = [
        f"there is no column {heading!r} to be {field}; there are: {', '.join(filter(None, names)) or 'none'}"
        for heading, field in mapping.items()
        if heading not in names
    ]
    problems += [
        f"{heading}={field}: there is no field {field!r}; there are: {', '.join(FIELDS)}"
        for heading, field in mapping.items()
        if field not in FIELDS
    ]
    if problems:
        raise TableError(file, problems)


def system(names: Sequence[str], found: Sequence[str], groups: Sequence[str], file: object) -> str | None:
    """The coordinate system that the columns of the place state, in their names or the groups above them.

    Raises
    ------
    TableError
        They state several.
    """
    said: dict[str, str] = {}
    for name, field, group in zip(names, found, groups, strict=True):
        if field in PLACES and (one := stated(name) or stated(group)):
            said.setdefault(one, name)
    if len(said) > 1:
        listed = " and ".join(f"{name} ({one})" for one, name in said.items())
        raise TableError(file, [f"its columns state different coordinates: {listed}; map the two that go together"])
    return next(iter(said), None)
