"""The categories of facilities: park, clinic, kindergarten and cultural hall, as `categories.toml` defines them.

This module imports neither pandas nor geopandas, so that the command line can list the categories quickly.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from geo.errors import UnknownNameError
from geo.study.texts import name_key


class Label(NamedTuple):
    """What a subtype is called in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True)
class OsmRule:
    """OpenStreetMap tags that mark a facility of a category.

    An object matches if, for every key of ``tags``, its value is among the values listed, or the list has ``"*"``.
    ``subtype`` is the subtype of objects that match; None if the tags do not tell it.
    """

    tags: Mapping[str, tuple[str, ...]]
    subtype: str | None


@dataclass(frozen=True)
class Category:
    """One category of facilities.

    Attributes
    ----------
    id : the name that files and the API use
    label, label_en : what people call it in Chinese and in English
    subtypes : the labels of each subtype, by the subtype's id
    osm : rules that recognise OpenStreetMap objects of this category; the first that matches decides
    subtypes_by_name_part : (part of a name, subtype); used where the tags do not tell the subtype, the first match
        decides
    """

    id: str
    label: str
    label_en: str
    subtypes: Mapping[str, Label]
    osm: tuple[OsmRule, ...]
    subtypes_by_name_part: tuple[tuple[str, str], ...]


def _load() -> dict[str, Category]:
    tables = tomllib.loads(resources.files("geo.study").joinpath("categories.toml").read_text("utf-8"))
    return {
        category_id: Category(
            id=category_id,
            label=table["label"],
            label_en=table["label_en"],
            subtypes={subtype: Label(*labels) for subtype, labels in table["subtypes"].items()},
            osm=tuple(
                OsmRule({key: tuple(values) for key, values in rule["tags"].items()}, rule.get("subtype"))
                for rule in table["osm"]
            ),
            subtypes_by_name_part=tuple((part, subtype) for part, subtype in table["names"]),
        )
        for category_id, table in tables.items()
    }


CATEGORIES: dict[str, Category] = _load()
"""All categories by id, in the order in which they are listed to people."""

SUBTYPES_BY_NAME: dict[str, dict[str, str]] = {
    category.id: {
        name_key(name): subtype for subtype, labels in category.subtypes.items() for name in (subtype, *labels)
    }
    for category in CATEGORIES.values()
}
"""By category id: its subtypes by the `name_key` of their id, Chinese label and English label."""


def category(category_id: str) -> Category:
    """Return the category with this id; raise UnknownNameError if there is none."""
    if category_id not in CATEGORIES:
        raise UnknownNameError("category", category_id, CATEGORIES)
    return CATEGORIES[category_id]


def validate_id(value: str) -> str:
    """Return ``value`` if it is the id of a category; raise ValueError, as pydantic's validators do, if not."""
    if value not in CATEGORIES:
        raise ValueError(f"{value[:60]!r} is not one of {', '.join(CATEGORIES)}")
    return value
