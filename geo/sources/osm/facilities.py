"""Facilities in OpenStreetMap: which tags mark one, and which of its fields they fill."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from shapely.geometry.base import BaseGeometry

from geo.sources.osm import tag_values
from geo.sources.osm.polygons import Polygon
from geo.study import facilities
from geo.study.categories import Categories, Category
from geo.study.files import Row

BROKEN_OUTLINE = "areas with a broken outline"
"""The reason under which an object without a usable polygon is counted."""
COUNTS_AS_POINT = (
    "facilities count as points: their outlines are not closed, cross themselves, or lack a node or a member"
)
_MAX_TEXT = 300
_FIELD_KEYS = frozenset(
    {
        "name",
        "name:en",
        "opening_hours",
        "capacity",
        "phone",
        "contact:phone",
        "start_date",
        "addr:full",
        "source",
    }
)
"""Keys whose values go into fields of their own; all others go into ``extra``."""


class Classification(NamedTuple):
    """What tags say a facility is; ``subtype`` is None where they do not tell it."""

    category: Category
    subtype: str | None


class FacilityRows:
    """Collects the facilities of an extract, and counts those left out, by reason."""

    def __init__(self, categories: Categories) -> None:
        self._categories = categories
        self.rows: list[Row] = []
        """The OpenStreetMap id of each facility, its properties, and its geometry; not checked yet."""
        self.refused: dict[str, str] = {}
        """The id of each facility that is left out, and the reason."""
        self.broken: dict[str, str] = {}
        """The facilities that are points because their outline is broken: the name, with the id, by id."""

    @property
    def left_out(self) -> Counter[str]:
        """How many facilities are left out, by reason."""
        return Counter(self.refused.values())

    def add_polygon(self, polygon: Polygon) -> None:
        """Add an area, as `add` does; a point amid what is there of it where its outline is broken."""
        before = len(self.rows)
        self.add(polygon.osm_id, polygon.tags, polygon.remains if polygon.outline is None else polygon.outline)
        if polygon.outline is None and len(self.rows) > before:
            facility_id = f"osm-{polygon.osm_id}"
            self.broken[facility_id] = f"{polygon.tags.get('name', '')} ({facility_id})".lstrip()

    def add(self, osm_id: str, tags: Mapping[str, str], geometry: BaseGeometry | None) -> None:
        """Add an object if its tags mark a facility that is open to the public; ``geometry`` None counts as broken."""
        classification = classify(tags, self._categories)
        if classification is None:
            return
        if geometry is None:
            self.refused[osm_id] = BROKEN_OUTLINE
        elif tags.get("access") in ("no", "private"):
            self.refused[osm_id] = f"facilities that are private: {classification.category.label_en.lower()}"
        else:
            self.rows.append((osm_id, _properties(osm_id, tags, classification), geometry))


def rule_keys(categories: Categories) -> frozenset[str]:
    """The keys that the categories' rules read."""
    return frozenset(key for rule in categories.osm_rules for key in rule.tags)


def classify(tags: Mapping[str, str], categories: Categories) -> Classification | None:
    """The category and subtype of a facility by its tags; None of what is not a facility.

    The first rule that matches decides. Where it names no subtype, the facility's name may tell it.
    """
    if all(key not in tags for key in categories.osm_keys):
        return None
    for rule in categories.osm_rules:
        if rule.matches(tags):
            category = categories[rule.category]
            return Classification(category, rule.subtype or _subtype_by_name(category, tags.get("name", "")))
    return None


def is_facility(tags: Mapping[str, str], categories: Categories) -> bool:
    """Whether tags mark a facility."""
    return classify(tags, categories) is not None


def _subtype_by_name(category: Category, name: str) -> str | None:
    return next((subtype for part, subtype in category.subtypes_by_name_part if part in name), None)


def _properties(osm_id: str, tags: Mapping[str, str], classification: Classification) -> dict[str, object]:
    capacity = tags.get("capacity", "")
    opened = tag_values.iso_date(tags.get("start_date", ""))
    return {
        "id": f"osm-{osm_id}",
        "category": classification.category.id,
        "subtype": classification.subtype,
        "name": tags.get("name", "")[:_MAX_TEXT],
        "name_en": tags.get("name:en", "")[:_MAX_TEXT],
        "address": _address(tags),
        "phone": tags.get("phone", tags.get("contact:phone", ""))[:_MAX_TEXT],
        "opening_hours": tags.get("opening_hours", "")[:_MAX_TEXT],
        "capacity": int(capacity) if capacity.isdecimal() and len(capacity) < 10 else None,
        "opened": opened.isoformat() if opened is not None and opened >= facilities.FIRST_DAY else None,
        "provenance": "openstreetmap",
        "source": tags.get("source", "")[:_MAX_TEXT],
        # A key that is also the name of a field gets a prefix.
        "extra": {
            f"osm:{key}" if key in facilities.FIELDS else key: value
            for key, value in tags.items()
            if key not in _FIELD_KEYS
        },
    }


def _address(tags: Mapping[str, str]) -> str:
    parts = [tags.get(f"addr:{part}", "") for part in ("city", "street", "housenumber")]
    return (tags.get("addr:full") or " ".join(part for part in parts if part))[:_MAX_TEXT]
