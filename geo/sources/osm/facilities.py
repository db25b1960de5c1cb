"""Facilities in OpenStreetMap: which tags make one, and what they say of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from geo.study import categories, facilities

KEYS = ("amenity", "healthcare", "leisure")
_KEYS = frozenset(KEYS)
_RULES = [
    (category, rule.subtype, [*rule.tags.items()])
    for category in categories.CATEGORIES.values()
    for rule in category.osm
]
CATEGORY_KEYS = {key for *_, wanted in _RULES for key, _ in wanted}
_OWN_FIELDS = {
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


def category(tags: Mapping[str, str]) -> tuple[categories.Category, str | None] | None:
    if _KEYS.isdisjoint(tags):
        return None
    for category, subtype, wanted in _RULES:
        for key, values in wanted:
            if not (key in tags and (tags[key] in values or "*" in values)):
                break
        else:
            name = tags.get("name", "")
            return category, subtype or next(
                (kind for part, kind in category.subtypes_by_name_part if part in name), None
            )
    return None


def rows(
    number: str,
    tags: Mapping[str, str],
    kind: categories.Category,
    subtype: str | None,
    geometry: Any,
    left_out: Counter[str],
) -> list[tuple[str, dict[str, Any], Any]]:
    """The one row of a facility, with its number and geometry; none if it is private."""
    if tags.get("access") in ("no", "private"):
        left_out[f"{kind.label_en.lower()}s that are private"] += 1
        return []
    start = tags.get("start_date", "")
    capacity = tags.get("capacity", "")
    row = {
        "id": f"osm-{number}",
        "category": kind.id,
        "subtype": subtype,
        "name": tags.get("name", "")[:300],
        "name_en": tags.get("name:en", "")[:300],
        "address": _address(tags),
        "phone": tags.get("phone", tags.get("contact:phone", ""))[:300],
        "opening_hours": tags.get("opening_hours", "")[:300],
        "capacity": int(capacity) if capacity.isdecimal() and len(capacity) < 10 else None,
        "opened": start if is_day(start) and date.fromisoformat(start) >= facilities.FIRST_DAY else None,
        "provenance": "openstreetmap",
        "source": tags.get("source", "")[:300],
        # A tag may be called as a field is.
        "extra": {
            f"osm:{key}" if key in facilities.FIELDS else key: value
            for key, value in tags.items()
            if key not in _OWN_FIELDS
        },
    }
    return [(number, row, geometry)]


def _address(tags: Mapping[str, str]) -> str:
    parts = [tags.get(f"addr:{part}", "") for part in ("city", "street", "housenumber")]
    return (tags.get("addr:full") or " ".join(part for part in parts if part))[:300]


def is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10
