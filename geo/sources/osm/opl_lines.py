"""Single lines of OPL text, an object each: its id, tags, location and members.

A line is ``n17 Tplace=town,name=Vaduz x9.52 y47.14``, ``w5 Thighway=path Nn1,n2`` or ``r3 Ttype=boundary Mw5@outer``.
Characters that separate are escaped in tags: a space is ``%20%``, its code point in hexadecimal between percent signs.
"""

import re
from collections.abc import Container, Iterable

_ESCAPED = re.compile("%([0-9a-f]+)%")
_MEMBER_WAYS = re.compile(r"[M,]w(-?\d+)@([^,\s]*)")
_MULTIPOLYGON = re.compile("[T,]type=(?:multipolygon|boundary)[, ]")


def object_id(line: str) -> int:
    """The id of a line's object."""
    return int(line[1 : line.index(" ")])


def in_osm_order(lines: Iterable[str]) -> list[str]:
    """Lines of objects of one type in the order that osmium demands of them.

    Objects that nobody has uploaded have negative ids, and come first.
    """
    return sorted(lines, key=lambda line: (object_id(line) > 0, abs(object_id(line))))


def tags(line: str, keys: Container[str] | None = None) -> dict[str, str]:
    """The tags of a line's object; only those of ``keys`` where these are given."""
    tags = {}
    for pair in line.split(" ", 2)[1][1:].split(","):
        key, _, value = pair.partition("=")
        if key and (keys is None or key in keys):
            tags[key] = value
    return {_unescaped(key): _unescaped(value) for key, value in tags.items()} if "%" in line else tags


def node_lonlat(line: str) -> tuple[float, float]:
    """Longitude and latitude of a node's line."""
    lon, lat = line.split()[-2:]
    return float(lon[1:]), float(lat[1:])


def node_line(node_id: int, lon: float, lat: float) -> str:
    """The line of a node without tags."""
    return f"n{node_id} x{lon:.7f} y{lat:.7f}\n"


def is_multipolygon(line: str) -> bool:
    """Whether a relation's line describes a polygon: its type is multipolygon or boundary."""
    return _MULTIPOLYGON.search(line) is not None


def member_ways(line: str) -> set[int]:
    """The ids of the ways that are members of a relation's line."""
    return {way_id for way_id, _ in way_roles(line)}


def way_roles(line: str) -> list[tuple[int, str]]:
    """The ids of the ways that are members of a relation's line, each with its role."""
    return [(int(way_id), _unescaped(role)) for way_id, role in _MEMBER_WAYS.findall(line[line.rindex(" ") :])]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text
