"""What the columns of a list mean: finds the heading of a table, and the field that each column's name stands for."""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources

from geo.errors import TableError
from geo.lists import option_hints
from geo.lists.sheets import Cell, Sheet

SEARCHED_ROWS = 20
"""The heading is looked for in so many rows from the top."""

EXTRA = "extra"
"""The field of columns whose heading is not recognised; they are kept as further properties."""

_UNITS = {"度", "分", "秒", "°", "′", "″", "'", '"'}

LOCATION_FIELDS = (
    "lon", "lon_minutes", "lon_seconds", "lat", "lat_minutes", "lat_seconds", "place", "geometry",
)  # fmt: skip
"""The fields that say where a row lies: degrees in two columns or more, both in one, or a shape."""

DATUM, STATUS = "datum", "status"
"""The field of the coordinate system of a row, and of whether its facility stands; no fields of a facility."""

_IN_BRACKETS = re.compile(r"[(\[{【〔《（].*?[)\]}】〕》）]")
_PUNCTUATION = re.compile(r"[\s_*:：、.()\[\]{}【】〔〕《》-]+")
SYSTEM_PATTERNS = {
    "gcj02": re.compile("gcj0?2?|高德|腾讯|amap|火星|国测局"),
    "bd09": re.compile("bd09|百度|baidu"),
    "cgcs2000": re.compile("cgcs2000|(?:国家)?2000(?:国家)?(?:大地)?(?:坐标系?)?"),
    "wgs84": re.compile("wgs(?:19)?84|gps"),
}
"""How headings and cells name each coordinate system, in simplified spelling."""


def _simplify(heading: str) -> str:
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", heading).casefold())


def stated_system(heading: str) -> str | None:
    """The coordinate system that a heading names; None if it names none."""
    simple = _simplify(heading)
    return next((system for system, pattern in SYSTEM_PATTERNS.items() if pattern.search(simple)), None)


@dataclass(frozen=True)
class Vocabulary:
    """The fields of one sort of list, and the headings that name them.

    Attributes
    ----------
    headings
        For each field, the headings that name it. Case, spaces, full-width letters and remarks in brackets do not
        matter.
    mapping
        {heading: field}, stated by the user; it takes precedence over ``headings``.
    """

    headings: Mapping[str, Sequence[str]]
    mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields of this sort of list."""
        return tuple(self.headings)

    def with_mapping(self, mapping: Mapping[str, str]) -> "Vocabulary":
        """The same vocabulary, in which a user says what some headings mean."""
        return replace(self, mapping=dict(mapping))

    @cached_property
    def _field_by_simple_name(self) -> dict[str, str]:
        return {_simplify(name): field for field, names in self.headings.items() for name in (*names, field)}

    @cached_property
    def _recognised(self) -> dict[str, tuple[str | None, str | None]]:
        return {}

    def recognise(self, heading: str) -> tuple[str | None, str | None]:
        """The field that a heading names and the coordinate system that it states; None for what it does not say."""
        if heading not in self._recognised:
            self._recognised[heading] = self._recognise(heading)
        return self._recognised[heading]

    def _recognise(self, heading: str) -> tuple[str | None, str | None]:
        whole = unicodedata.normalize("NFKC", heading[:200])
        candidates = (whole, _IN_BRACKETS.sub("", whole))
        for words in candidates:
            if field := self._field_by_simple_name.get(_simplify(words)):
                return field, stated_system(heading) if field in LOCATION_FIELDS else None
        for words in candidates:
            rest = _simplify(words)
            for pattern in SYSTEM_PATTERNS.values():
                rest = pattern.sub("", rest)
            if (field := self._field_by_simple_name.get(rest)) in LOCATION_FIELDS:
                return field, stated_system(heading)
        return None, None

    def field_of(self, heading: str) -> str | None:
        """The field of a heading: by the user's mapping, else by its name; None if nobody knows it."""
        return self.mapping.get(heading) or self.recognise(heading)[0]


def _load(name: str) -> dict[str, list[str]]:
    return tomllib.loads(resources.files("geo.lists").joinpath(name).read_text("utf-8"))


FACILITY_COLUMNS = Vocabulary(_load("columns.toml"))
AREA_COLUMNS = Vocabulary(
    _load("area_columns.toml") | {name: FACILITY_COLUMNS.headings[name] for name in (*LOCATION_FIELDS, DATUM)}
)


@dataclass(frozen=True)
class Heading:
    """The heading of a sheet.

    Attributes
    ----------
    names
        The names of the columns, none twice; "" for a column without a name.
    last_row
        The index in the sheet's rows of the heading's last row; the data begin below it.
    group_names
        The names that stand above ``names`` where the heading has two rows.
    """

    names: list[str]
    last_row: int
    group_names: list[str]


def find(sheet: Sheet, vocabulary: Vocabulary) -> Heading | None:
    """The heading of a sheet: of its first rows the one, or the two, that name most fields.

    None if no row names two fields.
    """
    raw, rows = sheet.rows[: SEARCHED_ROWS + 1], _rows_with_merged_cells(sheet, range(SEARCHED_ROWS + 1))
    best, best_score = None, 1
    for number, row in enumerate(rows[:SEARCHED_ROWS]):
        names = [_as_name(cell) for cell in row]
        score = _fields_named(names, vocabulary)
        if score > best_score:
            best, best_score = Heading(_distinct(names), number, names), score
        if number + 1 < len(rows) and _may_be_second_row([_as_name(cell) for cell in raw[number + 1]], vocabulary):
            below = [_as_name(cell) for cell in rows[number + 1]]
            below += [""] * (len(names) - len(below))
            groups = names + [""] * (len(below) - len(names))
            for column in range(1, len(groups)):  # in a text table a group stands over its first column only
                if not groups[column] and below[column] and below[column - 1]:
                    groups[column] = groups[column - 1]
            joined = [_joined(group, name, vocabulary) for group, name in zip(groups, below, strict=True)]
            score_of_two = _fields_named(joined, vocabulary)
            if score_of_two > max(best_score, score):
                best, best_score = Heading(_distinct(joined), number + 1, groups), score_of_two
    return best


def _may_be_second_row(names: list[str], vocabulary: Vocabulary) -> bool:
    """Whether a row names fields, or only the units 度, 分 and 秒 of the columns below their headings."""
    units = [_simplify(name) for name in names if name]
    return bool(_fields_named(names, vocabulary) or (len(units) > 1 and {*units} <= _UNITS))


def score(rows: list[list[Cell]], vocabulary: Vocabulary) -> int:
    """How many fields the heading of a table with these first rows names."""
    heading = find(Sheet("", rows), vocabulary)
    return 0 if heading is None else _fields_named(heading.names, vocabulary)


def _rows_with_merged_cells(sheet: Sheet, rows: range) -> list[list[Cell]]:
    """Some first rows of a sheet, with a merged cell's value in every cell that it covers."""
    result = [list(sheet.rows[row]) for row in rows if row < len(sheet.rows)]
    for top, left, bottom, right in sheet.merged:
        for row in range(max(top, rows.start), min(bottom + 1, len(result))):
            if top < len(sheet.rows) and left < len(sheet.rows[top]):
                width = min(right + 1, len(result[row]))
                result[row][left:width] = [sheet.rows[top][left]] * (width - left)
    return result


def _joined(group: str, name: str, vocabulary: Vocabulary) -> str:
    if not name or not group or name == group:
        return name or group
    return name if vocabulary.field_of(name) else f"{group} {name}"


def _as_name(cell: Cell) -> str:
    return " ".join(cell.split())[:200] if isinstance(cell, str) else "" if cell is None else str(cell)


def _fields_named(names: Sequence[str], vocabulary: Vocabulary) -> int:
    return len({vocabulary.field_of(name) for name in names if name} - {None})


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if not name or seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def fields(names: Sequence[str], vocabulary: Vocabulary, file: object, excluded: Collection[str] = ()) -> list[str]:
    """The field of each column; `EXTRA` if its name is not recognised, "" if it has no name.

    The fields ``excluded`` cannot be in a column of this file; such columns are `EXTRA` too.

    Raises
    ------
    TableError
        Several columns are the same field, and none of them has exactly the field's first heading.
    """
    result = ["" if not name else _field_of_numbered(name, vocabulary) or EXTRA for name in names]
    result = [EXTRA if field in excluded else field for field in result]
    problems = []
    for name in vocabulary.fields:
        same = [column for column, other in enumerate(result) if other == name]
        if name == EXTRA or len(same) < 2:
            continue
        chosen = [column for column in same if names[column] in vocabulary.mapping]
        if not chosen:
            chosen = [column for column in same if names[column] in (vocabulary.headings[name][0], name)]
        if len(chosen) == 1 and not any(names[column] == f"{names[chosen[0]]} (2)" for column in same):
            for column in same:
                result[column] = name if column in chosen else EXTRA
        else:
            listed = " and ".join(repr(names[column]) for column in same)
            hint = option_hints.column(names[same[-1]], EXTRA)
            problems.append(f"the columns {listed} both are {name}: {hint} for the one that is not, or rename it")
    if problems:
        raise TableError(file, problems)
    return result


def _field_of_numbered(name: str, vocabulary: Vocabulary) -> str | None:
    """The field of a name that may end in “ (2)”, as `_distinct` makes it."""
    return vocabulary.mapping.get(name) or vocabulary.recognise(re.sub(r" \(\d+\)$", "", name))[0]


def check_mapping(vocabulary: Vocabulary, names: Sequence[str], file: object) -> None:
    """Refuse a mapping that names a heading the file does not have, or a field that does not exist (TableError)."""
    mapping = vocabulary.mapping
    problems = [
        f"there is no column {heading!r} to be {field}; there are: {', '.join(filter(None, names)) or 'none'}"
        for heading, field in mapping.items()
        if heading not in names
    ]
    problems += [
        f"{heading}={field}: there is no field {field!r}; there are: {', '.join(vocabulary.fields)}"
        for heading, field in mapping.items()
        if field not in vocabulary.fields
    ]
    if problems:
        raise TableError(file, problems)


def coordinate_system(
    names: Sequence[str], fields: Sequence[str], group_names: Sequence[str], file: object
) -> str | None:
    """The coordinate system that the location columns state in their names or in the groups above them.

    Raises
    ------
    TableError
        They state several systems.
    """
    column_by_system: dict[str, str] = {}
    for name, column_field, group in zip(names, fields, group_names, strict=True):
        if column_field in LOCATION_FIELDS and (system := stated_system(name) or stated_system(group)):
            column_by_system.setdefault(system, name)
    if len(column_by_system) > 1:
        listed = " and ".join(f"{name} ({system})" for system, name in column_by_system.items())
        raise TableError(file, [f"its columns state different coordinates: {listed}; map the two that go together"])
    return next(iter(column_by_system), None)
