"""Single lines of OPL text, an object each: its id, tags, location and members.

A line is ``n17 Tplace=town,name=Vaduz x9.52 y47.14``, ``w5 Thighway=path Nn1,n2`` or ``r3 Ttype=boundary Mw5@outer``.
Characters that separate are escaped in tags: a space is ``%20%``, its code point in hexadecimal between percent signs.
"""

import re
from collections.abc import Container, Iterable

_ESCAPED = re.compile("%([0-9a-f]+)%")
_MEMBER_WAYS = re.compile(r"[M,]w(-?\d+)@([^,\s]*)")
_NEGATIVE_MEMBER = re.compile(r"((?:^[NM]|,)[nwr])(-\d+)")
_UPLOADED = 1 << 40
"""Ids of objects that were uploaded are below; OpenStreetMap has used some 2³⁴."""
_MULTIPOLYGON = re.compile("[T,]type=(?:multipolygon|boundary)[, ]")


def object_id(line: str) -> int:
    """The id of a line's object."""
    return int(line[1 : line.index(" ")])


def with_positive_ids(lines: Iterable[str]) -> list[str]:
    """Lines of objects of one type as osmium can make polygons of them: in the order of ids, and all ids above 0.

    Editors give negative ids to objects that nobody has uploaded. Osmium keeps no locations of such nodes. So their ids
    become those beyond `_UPLOADED`; `original_id` turns them back.
    """
    return sorted((_with_positive_ids(line) for line in lines), key=object_id)


def original_id(osm_id: int) -> int:
    """The id that an object had before `with_positive_ids`."""
    return _UPLOADED - osm_id if osm_id > _UPLOADED else osm_id


def _with_positive_ids(line: str) -> str:
    if line[1] != "-" and (line[0] == "n" or "-" not in line):
        return line
    head, middle, members = (
        line[: line.index(" ")],
        line[line.index(" ") : line.rindex(" ") + 1],
        line.rsplit(" ", 1)[1],
    )
    if head[1] == "-":
        head = f"{head[0]}{_UPLOADED - object_id(line)}"
    # The nodes or members come last; a node's line ends with its latitude.
    members = _NEGATIVE_MEMBER.sub(lambda match: f"{match[1]}{_UPLOADED - int(match[2])}", members)
    return head + middle + members


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
