"""Speeds and durations in OpenStreetMap's writings."""

import re
from collections.abc import Iterator
from functools import lru_cache

from geo.sources.osm.access import Tags

LAW_KEYS = ("maxspeed:type", "source:maxspeed", "zone:maxspeed")
"""Keys that may name the law that limits the speed, such as ``CN:urban``, where no sign does."""
SIGN_KEYS = ("maxspeed", "maxspeed:forward", "maxspeed:backward")
KEYS = (*SIGN_KEYS, *LAW_KEYS)
MAX_KPH = 200.0
_KPH_PER_UNIT = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": 1.609344, "knots": 1.852, "kn": 1.852}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?) *(km/h|kmh|kph|mph|knots|kn|)")
_WALK_KPH = 7.0
_NAN = float("nan")
_BY_WORD = {
    "walk": _WALK_KPH,
    "walking": _WALK_KPH,
    # These limit nothing by themselves: the speed of the street's class counts.
    **dict.fromkeys(("none", "signals", "variable", "default", "unposted", "unknown", "implicit", "no"), _NAN),
}
_BY_COUNTRY = {
    "CN": {"urban": 50.0, "rural": 70.0, "expressway": 100.0, "motorway": 120.0},
    "AT": {"urban": 50.0, "rural": 100.0, "trunk": 100.0, "motorway": 130.0, "living_street": 7.0},
    "CH": {"urban": 50.0, "rural": 80.0, "trunk": 100.0, "motorway": 120.0, "living_street": 20.0},
    "DE": {"urban": 50.0, "rural": 100.0, "trunk": 100.0, "motorway": _NAN, "living_street": 7.0},
    "FR": {"urban": 50.0, "rural": 80.0, "trunk": 110.0, "motorway": 130.0, "living_street": 20.0},
    "GB": {"nsl_restricted": 48.28032, "nsl_single": 96.56064, "nsl_dual": 112.65408, "motorway": 112.65408},
    "IT": {"urban": 50.0, "rural": 90.0, "trunk": 110.0, "motorway": 130.0},
    "LI": {"urban": 50.0, "rural": 80.0, "living_street": 20.0},
    "RU": {"urban": 60.0, "rural": 90.0, "motorway": 110.0, "living_street": 20.0},
}
"""The speeds that national laws set for classes of streets, in km/h; NaN: they set none."""
_ZONE = re.compile(r"(?:[A-Z]{2}:)?(?:zone:?)?(\d+)")
_CLOCK = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d))?")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def maxspeed_kph(tags: Tags, direction: str = "forward") -> float:
    """The legal speed in km/h in a direction, forward or backward; NaN where it is not known.

    Of several values, separated by semicolons or bars, the least counts.
    """
    for key in (f"maxspeed:{direction}", "maxspeed"):
        if key in tags:
            speeds = [speed for speed in _speeds(tags[key]) if speed is not None]
            if speeds:
                return min(speeds, key=lambda speed: (speed != speed, speed))  # NaN last
    for key in LAW_KEYS:
        if ":" in tags.get(key, ""):
            law = next(iter(_speeds(tags[key])), None)
            if law is not None:
                return law
    return _NAN


def not_understood(tags: Tags) -> Iterator[tuple[str, str]]:
    """The tags of legal speeds with a value that `maxspeed_kph` does not know: key and value."""
    for key in SIGN_KEYS:
        if key in tags and None in _speeds(tags[key]):
            yield key, tags[key]


def duration_seconds(text: str) -> float | None:
    """A duration as HH:MM, HH:MM:SS, ISO 8601 (PT1H30M) or minutes; None for anything else, and for no time at all."""
    text = text.strip()
    seconds = 0.0
    if match := _CLOCK.fullmatch(text):
        hours, minutes, rest = (int(part or 0) for part in match.groups())
        seconds = 3600.0 * hours + 60 * minutes + rest
    elif match := _NUMBER.fullmatch(text):
        seconds = 0.0 if match[2] else 60 * float(match[1])
    elif match := _ISO.fullmatch(text.upper()):
        seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True))
    return seconds if seconds > 0 else None


@lru_cache(maxsize=1024)  # the same few values stand on most streets
def _speeds(text: str) -> tuple[float | None, ...]:
    """The values of a tag, which semicolons or bars separate, as `_kph` reads them."""
    return tuple(_kph(value.strip()) for value in re.split(r"[;|]", text) if value.strip())


def _kph(value: str) -> float | None:
    """One value of a maxspeed tag in km/h; NaN where it sets no speed, None where it is not understood."""
    if match := _NUMBER.fullmatch(value.lower()):
        speed = float(match[1]) * _KPH_PER_UNIT[match[2]]
        return speed if 0 < speed <= MAX_KPH else None
    if value.lower() in _BY_WORD:
        return _BY_WORD[value.lower()]
    if match := _ZONE.fullmatch(value):
        speed = float(match[1])
        return speed if 0 < speed <= MAX_KPH else None
    country, _, street_class = value.partition(":")
    if street_class == "walk" and len(country) == len("CN"):
        return _WALK_KPH
    return _BY_COUNTRY.get(country, {}).get(street_class)
