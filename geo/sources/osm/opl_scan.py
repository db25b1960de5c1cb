"""The compiled loops over lines of OPL text: what they say of nodes and ways, as numbers.

They rely on osmium having written the text: no space, comma, equals sign or line break is in a tag unescaped.
Keys are compared by their hashes, FNV-1a with 64 bits (Fowler, Noll and Vo).
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from geo.arrays import Float64Array, Int64Array, UInt8Array, UInt64Array
from geo.compiled import compiled

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees; the edges belong to it."""

SHORTEST = 6  # bytes of a line: w1 T N
EMPTY = np.uint64(14695981039346656037)  # the hash of nothing


def hashes(keys: Iterable[str]) -> UInt64Array:
    """The hash of each key."""
    marks = []
    for key in keys:
        mark = int(EMPTY)
        for byte in key.encode():
            mark = (mark ^ byte) * 1099511628211 % 2**64
        marks.append(mark)
    return np.array(marks, dtype=np.uint64)


@compiled
def _number(text: UInt8Array, at: int) -> tuple[int, int, int]:
    """The digits of ``-51.25`` as −5125, that two are decimals (−1: there is no digit), and where it ends."""
    sign, digits, decimals, point = 1, 0, -1, False
    if text[at] == ord("-"):
        sign = -1
        at += 1
    while text[at] == ord(".") or ord("0") <= text[at] <= ord("9"):
        if text[at] == ord("."):
            point = True
        else:
            digits = digits * 10 + int(text[at]) - ord("0")
            decimals = max(decimals, 0) + (1 if point else 0)
        at += 1
    return sign * digits, decimals, at


@compiled
def _hashed(mark: Any, byte: int) -> Any:
    return (mark ^ np.uint64(byte)) * np.uint64(1099511628211)


@compiled
def _tagged(text: UInt8Array, at: int, keys: UInt64Array, chosen: int) -> tuple[bool, int, int]:
    """Whether the tags from ``at`` on (a T) have one of the first ``chosen`` of ``keys``, and where they end.

    Between the two, a hash of those tags that have any of ``keys``.
    """
    found, kind = False, EMPTY
    while text[at] != ord(" "):
        at += 1
        begin, mark = at, EMPTY
        while text[at] != ord("=") and text[at] != ord(" "):
            mark = _hashed(mark, text[at])
            at += 1
        matched = False
        for row in range(len(keys)):
            if keys[row] == mark:
                matched = True
                found = found or row < chosen
        if matched:
            at = begin
        while text[at] != ord(" ") and text[at] != ord(","):
            if matched:
                kind = _hashed(kind, text[at])
            at += 1
        if matched:
            kind = _hashed(kind, ord(","))
    return found, int(np.int64(kind)), at


@compiled
def nodes(
    text: UInt8Array, box: Box, keys: UInt64Array, ids: Int64Array, lonlat: Float64Array, lines: Int64Array
) -> tuple[int, int]:
    """Write down the nodes in ``box`` of lines like ``n17 Tplace=town x10.5 y-50.25``, and where tagged lines are.

    Returns how many there are of both; −1 if a line is no node's.
    """
    at = kept = marked = 0
    while at < len(text):
        begin = at
        if text[at] != ord("n"):
            return -1, 0
        ids[kept], _, at = _number(text, at + 1)
        found, _, at = _tagged(text, at + 1, keys, len(keys))
        lon, decimals, at = _number(text, at + 2)
        lonlat[kept, 0] = lon / 10.0**decimals
        lat, others, at = _number(text, at + 2)
        lonlat[kept, 1] = lat / 10.0**others
        placed = decimals >= 0 and others >= 0
        if placed and box[0] <= lonlat[kept, 0] <= box[2] and box[1] <= lonlat[kept, 1] <= box[3]:
            kept += 1
            if found:
                lines[marked, 0], lines[marked, 1] = begin, at + 1
                marked += 1
        at += 1
    return kept, marked


@compiled
def ways(
    text: UInt8Array, keys: UInt64Array, chosen: int, ids: Int64Array, table: Int64Array, refs: Int64Array
) -> tuple[int, int]:
    """Write down the ways of lines like ``w5 Thighway=path,name=A Nn1,n2``, with one of some keys or numbers.

    A row of ``table`` is a way: number, kind, where its line begins and ends, how many nodes; ``refs`` takes the
    nodes. Returns how many ways and how many nodes there are; −1 ways if a line is no way's.
    """
    at = kept = taken = 0
    while at < len(text):
        begin = at
        if text[at] != ord("w"):
            return -1, 0
        number, _, at = _number(text, at + 1)
        wanted, kind, at = _tagged(text, at + 1, keys, chosen)
        at += 1
        if not wanted and len(ids):
            where = np.searchsorted(ids, number)
            wanted = bool(where < len(ids) and ids[where] == number)
        first = taken
        while text[at] != ord("\n"):
            if wanted and text[at] == ord("n"):
                refs[taken], _, at = _number(text, at + 1)
                taken += 1
            else:
                at += 1
        at += 1
        if taken > first:
            table[kept, 0], table[kept, 1], table[kept, 2], table[kept, 3] = number, kind, begin, at
            table[kept, 4] = taken - first
            kept += 1
    return kept, taken
