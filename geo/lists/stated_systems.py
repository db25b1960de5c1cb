"""Coordinate systems as people write them: in the cells of a column such as 坐标系, and as an EPSG code.

A system is one of `geo.choices.COORDINATE_SYSTEMS`, or a reference system of the EPSG registry, such as “EPSG:4549”.
"""

import re
import unicodedata
from functools import lru_cache

import pyproj

from geo.errors import UnknownNameError
from geo.lists.headings import SYSTEM_PATTERNS

_BY_CODE = {"EPSG:4326": "wgs84", "EPSG:4979": "wgs84", "EPSG:4490": "cgcs2000"}
_FURTHER_NAMES = {
    "gcj02": re.compile("gcj|gaode|autonavi|tencent|soso|mars"),
    "bd09": re.compile("^bd$|bdll|bd0?9ll"),
    "cgcs2000": re.compile("大地2000|^2000$|2000坐标|天地图|tianditu"),
    "wgs84": re.compile("^84$|84坐标|^wgs$|世界大地|地球坐标"),
}
_CODE = re.compile(r"(?:(?:urn:ogc:def:crs:)?epsg:*|srid[:=]?)?(\d{4,6})")
_YEARS = ("1954", "1980", "1984", "2000")
"""Numbers of the years of datums, which are codes of the registry too."""
_CENTRAL_MERIDIAN = re.compile(r"(?:cm|中央子午线|中央经线)[:：=]?(\d{2,3})")
_ZONE = re.compile(r"(?:zone|带号?)[:：=]?(\d{2})(?!\d)|(?<!\d)(\d{2})(?:号|带)")
# EPSG has the 3-degree zones of CGCS2000 in rows: zones 25 to 45 with the zone's number before the easting, and central
# meridians 75° to 135° without it.
_FIRST_WITH_ZONE, _FIRST_BY_MERIDIAN = 4513, 4534


def parse(words: str) -> str:
    """The system that a text names.

    Raises
    ------
    ValueError
        It names none, or several.
    UnknownNameError
        It is a code that the registry does not have.
    """
    plain = re.sub(r"[\s_（）()/-]+", "", unicodedata.normalize("NFKC", words[:200]).casefold())
    match = _CODE.fullmatch(plain)
    if match and plain not in _YEARS:
        return by_code(match[1])
    names = {
        system
        for patterns in (SYSTEM_PATTERNS, _FURTHER_NAMES)
        for system, pattern in patterns.items()
        if pattern.search(plain)
    }
    if len(names) != 1:
        raise ValueError("names no coordinate system" if not names else f"names several: {' and '.join(sorted(names))}")
    (system,) = names
    return (_zone_of_cgcs2000(plain) if system == "cgcs2000" else None) or system


def _zone_of_cgcs2000(plain: str) -> str | None:
    """The 3-degree zone that a text names, by its central meridian or its number."""
    if match := _CENTRAL_MERIDIAN.search(plain):
        step, rest = divmod(int(match[1]) - 75, 3)
        return f"EPSG:{_FIRST_BY_MERIDIAN + step}" if not rest and 0 <= step <= 20 else None
    if match := _ZONE.search(plain.replace("2000", " ")):
        step = int(match[1] or match[2]) - 25
        return f"EPSG:{_FIRST_WITH_ZONE + step}" if 0 <= step <= 20 else None
    return None


def by_code(code: str) -> str:
    """The system of an EPSG code such as “EPSG:4549” or “4549”.

    Raises
    ------
    UnknownNameError
        There is no such system on the Earth's surface.
    """
    match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", code.strip(), re.IGNORECASE)
    name = f"EPSG:{match[1]}" if match else ""
    if name in _BY_CODE:
        return _BY_CODE[name]
    if not _exists(name):
        raise UnknownNameError("crs", code, ["codes of the EPSG registry, such as EPSG:4549"])
    return name


@lru_cache(maxsize=64)
def _exists(name: str) -> bool:
    try:
        crs = pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError:
        return False
    return crs.is_projected or crs.is_geographic
