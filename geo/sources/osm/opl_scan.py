"""Compiled loops over OPL text: they turn the lines of nodes and ways into arrays of numbers.

`opl` calls them, a block of lines at a time. They rely on osmium having written the text: a tag never contains an
unescaped space, comma, equals sign or line break. Keys are compared by their FNV-1a hashes of 64 bits (Fowler, Noll and
Vo), since compiled code is slow at comparing strings.
"""

from collections.abc import Iterable

import numpy as np

from geo.arrays import Float64Array, Int64Array, UInt8Array, UInt64Array
from geo.compiled import compiled

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees; the edges belong to it."""

SHORTEST_LINE = 6
"""Bytes of the shortest line, ``w1 T N``: so a block of n bytes has at most n / 6 lines."""
OTHER_TYPE, REPEATED, NOT_IN_DEGREES = -1, -2, -3
"""What the loops return instead of a number of objects: a line is one of another type, has the id of the line before,
or is that of a node without a location on the Earth."""
NO_ID = np.iinfo(np.int64).min
"""The id before the first line."""
_FNV_START = np.uint64(14695981039346656037)  # the hash of an empty text
_FNV_PRIME = np.uint64(1099511628211)


def hash_keys(selecting: Iterable[str], others: Iterable[str] = ()) -> UInt64Array:
    """A hash table of keys with open addressing: some that select an object that has them, and others.

    Of ``selecting``, “landuse=residential” selects objects whose tag of that key has that value, unless “landuse” is
    among them too. A key may have one such value.

    A slot of the table, shape (slots, 3), holds the FNV-1a hash of a key's UTF-8 bytes, or 0; 1 if the key selects; and
    the hash of key and value where only one value does, else 0. The number of slots is a power of two, and most are
    empty.
    """
    selecting = sorted(selecting, key=lambda words: "=" not in words)  # a key without a value comes last and counts
    selects = dict.fromkeys(others, (0, 0))
    selects |= {words.split("=")[0]: (1, _hash(words) if "=" in words else 0) for words in selecting}
    table = np.zeros((1 << (4 * len(selects) + 1).bit_length(), 3), dtype=np.uint64)
    for key, selection in selects.items():
        value = _hash(key)
        slot = value % len(table)
        while table[slot, 0]:
            slot = (slot + 1) % len(table)
        table[slot] = value, *selection
    return table


def _hash(text: str) -> int:
    value = int(_FNV_START)
    for byte in text.encode():
        value = (value ^ byte) * int(_FNV_PRIME) % 2**64
    return value


@compiled
def _hash_byte(value: np.uint64, byte: int) -> np.uint64:
    return (value ^ np.uint64(byte)) * _FNV_PRIME


@compiled
def _parse_number(text: UInt8Array, at: int) -> tuple[int, int, int]:
    """Parse a decimal number from position ``at`` on.

    Returns its digits as an integer, how many of them are decimals, and the position after it: ``-51.25`` gives −5125
    and 2. The number of decimals is −1 if there is no digit.
    """
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
def _scan_tags(text: UInt8Array, at: int, keys: UInt64Array) -> tuple[bool, int, int]:
    """Scan the tags that begin at ``at``, the position of their T.

    Returns whether any of them has one of the ``keys`` that select, a hash of all tags that have any of ``keys``, and
    the position after the tags.
    """
    selected, tags_hash, last_slot = False, _FNV_START, np.uint64(len(keys) - 1)
    while text[at] != ord(" "):
        at += 1
        begin, key_hash = at, _FNV_START
        while text[at] != ord("=") and text[at] != ord(" "):
            key_hash = _hash_byte(key_hash, text[at])
            at += 1
        slot = key_hash & last_slot
        while keys[slot, 0] != 0 and keys[slot, 0] != key_hash:
            slot = (slot + np.uint64(1)) & last_slot
        matched = keys[slot, 0] == key_hash
        if matched:
            selects = keys[slot, 1] == 1
            if selects and keys[slot, 2] != 0:
                while text[at] != ord(" ") and text[at] != ord(","):
                    key_hash = _hash_byte(key_hash, text[at])
                    at += 1
                selects = key_hash == keys[slot, 2]
            selected = selected or selects
            at = begin
        while text[at] != ord(" ") and text[at] != ord(","):
            if matched:
                tags_hash = _hash_byte(tags_hash, text[at])
            at += 1
        if matched:
            tags_hash = _hash_byte(tags_hash, ord(","))
    return selected, int(np.int64(tags_hash)), at


@compiled
def scan_nodes(
    text: UInt8Array,
    box: Box,
    keys: UInt64Array,
    previous: Int64Array,
    ids: Int64Array,
    lonlat: Float64Array,
    tagged: Int64Array,
) -> tuple[int, int, int]:
    """Read the nodes in ``box`` from lines like ``n17 Tplace=town x10.5 y-50.25``.

    Parameters
    ----------
    text : the bytes of whole lines
    keys : from `hash_keys`
    previous : shape (1,), the id of the line before the text; becomes that of the last line that was read
    ids, lonlat : shapes (lines,) and (lines, 2), filled with each node in the box; others are left as they are
    tagged : shape (lines, 2), filled with where the line of each node with one of ``keys`` begins and ends

    Returns
    -------
    How many nodes are in the box, how many of these have one of the keys, and how many others have one; or, instead of
    the first, what is wrong.
    """
    at = count = tagged_count = elsewhere = 0
    while at < len(text):
        begin = at
        if text[at] != ord("n"):
            return OTHER_TYPE, 0, 0
        node_id, _, at = _parse_number(text, at + 1)
        if node_id == previous[0]:
            return REPEATED, 0, 0
        previous[0] = ids[count] = node_id
        has_key, _, at = _scan_tags(text, at + 1, keys)
        lon, lon_decimals, at = _parse_number(text, at + 2)
        lonlat[count, 0] = lon / 10.0**lon_decimals
        lat, lat_decimals, at = _parse_number(text, at + 2)
        lonlat[count, 1] = lat / 10.0**lat_decimals
        if lon_decimals < 0 or lat_decimals < 0 or abs(lonlat[count, 0]) > 180.0 or abs(lonlat[count, 1]) > 90.0:
            return NOT_IN_DEGREES, 0, 0
        if box[0] <= lonlat[count, 0] <= box[2] and box[1] <= lonlat[count, 1] <= box[3]:
            count += 1
            if has_key:
                tagged[tagged_count, 0], tagged[tagged_count, 1] = begin, at + 1
                tagged_count += 1
        elif has_key:
            elsewhere += 1
        at += 1
    return count, tagged_count, elsewhere


@compiled
def scan_ways(
    text: UInt8Array,
    keys: UInt64Array,
    ids: Int64Array,
    previous: Int64Array,
    table: Int64Array,
    node_ids: Int64Array,
) -> tuple[int, int]:
    """Read the ways with some keys or ids from lines like ``w5 Thighway=path,name=A Nn1,n2``.

    Parameters
    ----------
    text : the bytes of whole lines
    keys : from `hash_keys`; a way is read if it has one that selects, and the tags of all of them are hashed together
    ids : shape (n,), ascending; a way is read also if it has one of these ids
    previous : shape (1,), the id of the line before the text; becomes that of the last line that was read
    table : shape (lines, 5), filled with a row for each way: its id, the hash of its tags, where its line begins and
        ends, and how many nodes it has
    node_ids : filled with the ids of the nodes of these ways, one way after the other

    Returns
    -------
    How many ways and how many node ids there are; or, instead of the first, what is wrong.
    """
    at = count = nodes = 0
    while at < len(text):
        begin = at
        if text[at] != ord("w"):
            return OTHER_TYPE, 0
        way_id, _, at = _parse_number(text, at + 1)
        if way_id == previous[0]:
            return REPEATED, 0
        previous[0] = way_id
        selected, tags_hash, at = _scan_tags(text, at + 1, keys)
        at += 1
        if not selected and len(ids):
            place = np.searchsorted(ids, way_id)
            selected = bool(place < len(ids) and ids[place] == way_id)
        first = nodes
        while text[at] != ord("\n"):
            if selected and text[at] == ord("n"):
                node_ids[nodes], _, at = _parse_number(text, at + 1)
                nodes += 1
            else:
                at += 1
        at += 1
        if nodes > first:
            table[count, 0], table[count, 1], table[count, 2], table[count, 3] = way_id, tags_hash, begin, at
            table[count, 4] = nodes - first
            count += 1
    return count, nodes
