"""OpenStreetMap's access tags: whether a mode may use a street, or pass a barrier, in a direction.

The rules follow the OpenStreetMap wiki, Key:access: the key of the more special group decides, and before a key the
same key with a direction, such as ``vehicle:forward``.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from geo.choices import Mode

Tags: TypeAlias = Mapping[str, str]

MODE_KEYS: dict[Mode, tuple[str, ...]] = {
    "walk": ("foot", "access"),
    "cycle": ("bicycle", "vehicle", "access"),
    "drive": ("motorcar", "motor_vehicle", "vehicle", "access"),
}
"""The keys that name each mode or a group that it belongs to, the most special first."""
PLAIN_KEYS = tuple(dict.fromkeys(key for keys in MODE_KEYS.values() for key in keys))
KEYS = (*PLAIN_KEYS, *(f"{key}:{direction}" for key in PLAIN_KEYS for direction in ("forward", "backward")))
"""The keys that `judge` reads."""

OPENING = {"yes", "designated", "permissive", "destination", "official"}
"""Values that open a street even where its class is closed to the mode, if the mode's own key has one."""
_CLOSED = {"no", "private", "military", "emergency", "use_sidepath"}
_CLOSED_TO: dict[Mode, set[str]] = {
    "walk": _CLOSED,
    "cycle": _CLOSED | {"dismount"},  # whoever pushes a bicycle walks
    "drive": _CLOSED | {"forestry", "agricultural", "permit", "delivery"},
}
_CONDITIONS = {"customers", "residents", "visitors", "public", "discouraged", "optional_sidepath", "limited", "unknown"}
_KNOWN = OPENING | _CONDITIONS | set().union(*_CLOSED_TO.values())


_TAGS_IN_ORDER: dict[tuple[Mode, str], list[tuple[str, bool, bool]]] = {
    (mode, direction): [
        (tag, key == keys[0], tag != key)
        for key in keys
        for tag in ((f"{key}:{direction}", key) if direction else (key,))
    ]
    for mode, keys in MODE_KEYS.items()
    for direction in ("", "forward", "backward")
}
"""By mode and direction: the tags that decide, the first that a way has goes first; whether the key is the mode's own,
and whether it is one of the direction."""


class Judgement(NamedTuple):
    """What the access tags say of a mode.

    Attributes
    ----------
    is_open : whether the mode may pass
    opening : whether a value is one of `OPENING`
    own_key : whether the key names the mode itself, not a group that it belongs to
    of_direction : whether the key is one for the direction
    """

    is_open: bool
    opening: bool
    own_key: bool
    of_direction: bool


def judge(tags: Tags, mode: Mode, direction: str = "") -> Judgement | None:
    """What the tags say of ``mode`` in a ``direction``, forward or backward; None where they say nothing of it.

    A key whose value is not known is passed over. Of several values, separated by semicolons, each lets somebody pass
    who may be meant, so one that is not closed suffices.
    """
    for tag, own_key, of_direction in _TAGS_IN_ORDER[mode, direction]:
        if tag in tags:
            values = _values(tags[tag]) & _KNOWN
            if values:
                return Judgement(bool(values - _CLOSED_TO[mode]), bool(values & OPENING), own_key, of_direction)
    return None


def not_understood(tags: Tags) -> Iterator[tuple[str, str]]:
    """The access tags with a value that `judge` does not know: key and value."""
    for key in KEYS:
        if key in tags and _values(tags[key]) - _KNOWN:
            yield key, tags[key]


@lru_cache(maxsize=1024)  # the same few values stand on most streets
def _values(text: str) -> frozenset[str]:
    return frozenset(value.strip() for value in text.split(";")) - {""}
