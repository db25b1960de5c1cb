"""The categories of facilities: park, clinic, kindergarten and cultural hall, and those that a study adds.

`categories.toml` beside this module defines the four that every study has, `BUILT_IN`. A study may have a file of the
same name and form: it adds categories and extends these. `read` returns both together.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from geo.errors import StudyError, UnknownNameError
from geo.study.texts import clean, name_key

FILE = "categories.toml"
"""The name of a study's own file of categories."""


class Label(NamedTuple):
    """What a category or subtype is called in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True)
class OsmRule:
    """OpenStreetMap tags that mark a facility of a category.

    An object matches if, for every key of ``tags``, its value is among the values listed, or the list has ``"*"``.
    ``subtype`` is the subtype of objects that match; None if the tags do not tell it.
    """

    category: str
    tags: Mapping[str, tuple[str, ...]]
    subtype: str | None

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is a facility of the category."""
        return all(key in tags and (tags[key] in values or "*" in values) for key, values in self.tags.items())


@dataclass(frozen=True, eq=False)
class Category:
    """One category of facilities.

    Attributes
    ----------
    id : the name that files and the API use
    label, label_en : what people call it in Chinese and in English
    words : further words that lists have for it
    subtypes : the labels of each subtype, by the subtype's id
    subtypes_by_name : each subtype by the `name_key` of its id, its labels and its words
    subtypes_by_name_part : (part of a name, subtype); used where the tags do not tell the subtype, the first match
        decides
    keeps_outline : whether an area stays an area, which is reached at its edge; else it becomes a point
    colour : of its facilities on maps, such as #1b4d3e
    """

    id: str
    label: str
    label_en: str
    words: tuple[str, ...]
    subtypes: Mapping[str, Label]
    subtypes_by_name: Mapping[str, str]
    subtypes_by_name_part: tuple[tuple[str, str], ...]
    keeps_outline: bool
    colour: str

    def label_of(self, subtype: object) -> Label:
        """What facilities of a subtype are called: the category's own label where the subtype is unknown."""
        return self.subtypes.get(str(subtype), Label(self.label, self.label_en))


class Categories:
    """The categories of one study, in the order in which they are listed to people.

    Attributes
    ----------
    osm_rules : rules that recognise OpenStreetMap objects; the first that matches decides. Those of the study's own
        file come first.
    text : the content of the study's own file; None if it has none
    """

    def __init__(self, categories: Sequence[Category], osm_rules: Sequence[OsmRule], text: str | None) -> None:
        self._by_id = {category.id: category for category in categories}
        self.osm_rules = tuple(osm_rules)
        self.text = text

    def __getitem__(self, category_id: str) -> Category:
        """Return the category with this id; raise UnknownNameError if there is none."""
        if category_id not in self._by_id:
            raise UnknownNameError("category", category_id, self._by_id)
        return self._by_id[category_id]

    def __contains__(self, category_id: object) -> bool:
        return category_id in self._by_id

    def __iter__(self) -> Iterator[Category]:
        return iter(self._by_id.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each category."""
        return tuple(self._by_id)

    @cached_property
    def subtype_labels(self) -> Mapping[str, Label]:
        """The labels of each subtype of any category; those of the first category where two have such a subtype."""
        labels: dict[str, Label] = {}
        for category in self:
            labels = {**category.subtypes, **labels}
        return labels

    @cached_property
    def by_name(self) -> Mapping[str, tuple[str, str | None]]:
        """(category, subtype or None) by the `name_key` of every name of a category or subtype.

        The name of a subtype that two categories have is missing, as it does not tell the category.
        """
        categories_of_subtype: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        for category in self:
            for name, subtype in category.subtypes_by_name.items():
                categories_of_subtype[name].append((category.id, subtype))
        names = {name: matches[0] for name, matches in categories_of_subtype.items() if len(matches) == 1}
        # Categories last: a category's name means the category even where another category has a subtype of that name.
        return names | {name: (category.id, None) for category in self for name in _names_of(category)}

    @cached_property
    def osm_keys(self) -> tuple[str, ...]:
        """Keys of OpenStreetMap tags: whatever matches one of `osm_rules` has a tag of at least one of them."""
        return tuple(dict.fromkeys(next(iter(rule.tags)) for rule in self.osm_rules))

    def check_id(self, value: str) -> str:
        """Return ``value`` if it is the id of a category; raise ValueError, as pydantic's validators do, if not."""
        if value not in self._by_id:
            raise ValueError(f"{value[:60]!r} is not one of {', '.join(self._by_id)}")
        return value


def _names_of(category: Category) -> set[str]:
    return {name_key(name) for name in (category.id, category.label, category.label_en, *category.words)}


# --- the file ------------------------------------------------------------------------------------------------------

Word = Annotated[str, BeforeValidator(clean), Field(min_length=1, max_length=60)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _RuleTable(_Table):
    tags: Annotated[dict[Word, Annotated[list[Word], Field(min_length=1)]], Field(min_length=1)]
    subtype: str | None = None


class _SubtypeTable(_Table):
    label: Word | None = None
    label_en: Word | None = None
    words: list[Word] = []

    def with_defaults(self, base: "_SubtypeTable") -> "_SubtypeTable":
        """This table, completed by those of a table that it extends."""
        return _SubtypeTable(
            label=self.label or base.label,
            label_en=self.label_en or base.label_en,
            words=[*base.words, *self.words],
        )


class _CategoryTable(_Table):
    label: Word | None = None
    label_en: Word | None = None
    words: list[Word] = []
    keeps_outline: bool | None = None
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    subtypes: dict[Id, _SubtypeTable] = {}
    osm: list[_RuleTable] = []
    names: list[tuple[Word, str]] = []

    def with_defaults(self, base: "_CategoryTable") -> "_CategoryTable":
        """This table, completed by those of a table that it extends; its own rules and parts of names come first."""
        extended = {
            name: self.subtypes.get(name, _SubtypeTable()).with_defaults(base.subtypes.get(name, _SubtypeTable()))
            for name in {**base.subtypes, **self.subtypes}
        }
        return _CategoryTable(
            label=self.label or base.label,
            label_en=self.label_en or base.label_en,
            words=[*base.words, *self.words],
            keeps_outline=base.keeps_outline if self.keeps_outline is None else self.keeps_outline,
            colour=self.colour or base.colour,
            subtypes=extended,
            osm=[*self.osm, *base.osm],
            names=[*self.names, *base.names],
        )


_TABLES: TypeAdapter[dict[Id, _CategoryTable]] = TypeAdapter(dict[Id, _CategoryTable])
_COLOUR = "#1b4d3e"


def read(path: Path) -> Categories:
    """Read a study's own categories, and return them after the built-in ones, which the file may extend.

    Raises
    ------
    StudyError
        The file cannot be read, or something in it is wrong; the message names the key.
    """
    try:
        text = path.read_text("utf-8")
        own = _TABLES.validate_python(tomllib.loads(text))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        reason = "is an unknown key" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise StudyError(f"{path}: {key}: {reason}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise StudyError(f"{path}: is not TOML: {error}") from error
    try:
        return _categories(own, text)
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from error


def read_of_study(folder: Path) -> Categories:
    """Return the categories of the study in ``folder``: the built-in ones if it has no file of its own.

    Raises
    ------
    StudyError
        As `read`.
    """
    path = folder / FILE
    return read(path) if path.exists() else BUILT_IN


def _built_in_tables() -> dict[str, _CategoryTable]:
    return _TABLES.validate_python(tomllib.loads(resources.files("geo.study").joinpath(FILE).read_text("utf-8")))


def _categories(own: Mapping[str, _CategoryTable], text: str | None) -> Categories:
    """The built-in categories and a study's ``own``; ValueError if these contradict themselves or each other."""
    built_in = _built_in_tables()
    tables = {
        name: own.get(name, _CategoryTable()).with_defaults(built_in.get(name, _CategoryTable()))
        for name in {**built_in, **own}
    }
    categories = [_category(name, table) for name, table in tables.items()]
    _check_names(categories)
    return Categories(categories, [*_rules(own), *_rules(built_in)], text)


def _category(category_id: str, table: _CategoryTable) -> Category:
    if table.label is None:
        raise ValueError(f"{category_id}.label: is missing")
    subtypes: dict[str, Label] = {}
    by_name: dict[str, str] = {}
    for subtype, subtype_table in table.subtypes.items():
        where = f"{category_id}.subtypes.{subtype}"
        if subtype_table.label is None:
            raise ValueError(f"{where}.label: is missing")
        labels = Label(subtype_table.label, subtype_table.label_en or subtype.replace("_", " "))
        subtypes[subtype] = labels
        for name in (subtype, *labels, *subtype_table.words):
            if by_name.setdefault(name_key(name), subtype) != subtype:
                raise ValueError(f"{where}: {name!r} is a name of {by_name[name_key(name)]} already")
    for where, named in (
        *((f"{category_id}.osm", rule.subtype) for rule in table.osm),
        *((f"{category_id}.names", subtype) for _, subtype in table.names),
    ):
        if named is not None and named not in subtypes:
            raise ValueError(
                f"{where}: {named!r} is not one of the subtypes: {', '.join(subtypes) or 'there are none'}"
            )
    return Category(
        id=category_id,
        label=table.label,
        label_en=table.label_en or category_id.replace("_", " ").capitalize(),
        words=tuple(table.words),
        subtypes=subtypes,
        subtypes_by_name=by_name,
        subtypes_by_name_part=tuple(table.names),
        keeps_outline=bool(table.keeps_outline),
        colour=table.colour or _COLOUR,
    )


def _check_names(categories: Sequence[Category]) -> None:
    """Raise ValueError if two categories have a name in common."""
    owners: dict[str, str] = {}
    for category in categories:
        for name in sorted(_names_of(category)):
            if (owner := owners.setdefault(name, category.id)) != category.id:
                raise ValueError(f"{category.id}: {name!r} is a name of {owner} already")


def _rules(tables: Mapping[str, _CategoryTable]) -> list[OsmRule]:
    return [
        OsmRule(name, {key: tuple(values) for key, values in rule.tags.items()}, rule.subtype)
        for name, table in tables.items()
        for rule in table.osm
    ]


BUILT_IN: Categories = _categories({}, None)
"""The categories that every study has."""
