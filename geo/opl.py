"""An extract as lines of text, taken apart in blocks, so that memory holds what is kept and not what is read.

osmium hands over one Python object after the other, at some microseconds each, and cannot choose nodes by place. It
writes OPL, its format with a line an object (https://osmcode.org/opl-file-format), hardly slower than it reads. So what
is wanted is written as OPL into a temporary file, 40 bytes a node, and read from there.
"""

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import osmium
from numpy.typing import NDArray

from geo.errors import ExtractError
from geo.kernel import compiled

Ints = NDArray[np.int64]
Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees; the edges belong to it."""

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
BLOCK = 1 << 22  # bytes of text at a time
SHORTEST = 8  # bytes of a node's line: n1 T x y
_ESCAPED = re.compile("%([0-9a-f]+)%")
_MEMBER_WAYS = re.compile(r"[M,]w(-?\d+)@")


@dataclass(frozen=True)
class Nodes:
    """Nodes by number. ``ids``: shape (n,), ascending. ``lonlat``: shape (n, 2), degrees. ``tagged``: lines of text."""

    ids: Ints
    lonlat: NDArray[np.float64]
    tagged: list[str]

    def at(self, refs: Ints) -> Ints:
        """Where in ``ids`` each of ``refs`` is; −1 where it is not."""
        if not len(self.ids):
            return np.full(len(refs), -1)
        found = np.minimum(np.searchsorted(self.ids, refs), len(self.ids) - 1)
        return np.where(self.ids[found] == refs, found, -1)

    def places(self, refs: Ints) -> NDArray[np.float64]:
        """Longitude and latitude of each of ``refs``, shape (n, 2); NaN where it is not among these."""
        at = self.at(refs)
        lonlat = np.full((len(refs), 2), np.nan)
        lonlat[at >= 0] = self.lonlat[at[at >= 0]]
        return lonlat

    def of(self, refs: Ints) -> "Nodes":
        """Those that ``refs`` name."""
        at = np.unique(self.at(refs))
        at = at[at >= 0]
        return Nodes(self.ids[at], self.lonlat[at], [])

    def and_also(self, others: "Nodes") -> "Nodes":
        """These and ``others``, of which none is among these."""
        return _sorted(
            [self.ids, others.ids], [self.lonlat, others.lonlat], [*self.tagged, *others.tagged]
        )  # fmt: skip

    def lines(self) -> Iterator[str]:
        for number, (lon, lat) in zip(self.ids.tolist(), self.lonlat.tolist(), strict=True):
            yield f"n{number} x{lon:.7f} y{lat:.7f}\n"


@dataclass(frozen=True)
class Ways:
    """Ways: ``ids``, ``tags`` and ``nodes`` as text, one each; ``refs``: the numbers of all their nodes, flat.

    ``beyond`` are the ways that were asked for by number and have no node among those given.
    """

    ids: list[int]
    tags: list[str]
    nodes: list[str]
    refs: Ints
    beyond: set[int]

    @cached_property
    def lengths(self) -> Ints:
        """How many nodes each way has."""
        return np.array([text.count("n") for text in self.nodes], dtype=np.int64)

    def and_also(self, others: "Ways") -> "Ways":
        """These and ``others``."""
        return Ways(
            self.ids + others.ids,
            self.tags + others.tags,
            self.nodes + others.nodes,
            np.concatenate([self.refs, others.refs]),
            set(),
        )

    def lines(self, which: Iterable[int]) -> Iterator[str]:
        for way in which:
            yield f"w{self.ids[way]} {self.tags[way]} N{self.nodes[way]}\n"


def nodes(path: Path, box: Box = WORLD, ids: Ints | None = None, keys: str = "") -> Nodes:
    """The nodes in ``box``, or those of them that have one of ``ids``; with the lines that have a tag as in ``keys``.

    Raises
    ------
    ExtractError
        As do all functions here: the file is truncated or no OpenStreetMap extract.
    """
    numbers, places = [np.empty(0, np.int64)], [np.empty((0, 2))]
    tagged: list[str] = []
    searched = _tag(keys) if keys else None
    with _text(path, osmium.osm.NODE) as file, file.open("rb") as stream:
        rest = b""
        while block := stream.read(BLOCK):
            whole, _, rest = (rest + block).rpartition(b"\n")
            text = np.frombuffer(whole + b"\n", np.uint8)
            room = len(text) // SHORTEST + 1
            number, place, line = np.empty(room, np.int64), np.empty((room, 2)), np.empty((room, 2), np.int64)
            kept, with_tags = _scan(text, box, number, place, line)
            if ids is None:
                numbers.append(number[:kept].copy())
                places.append(place[:kept].copy())
                texts = [whole[begin:end].decode() for begin, end in line[:with_tags].tolist()] if searched else []
                tagged += [text for text in texts if searched(text)]
            else:
                wanted = np.isin(number[:kept], ids)
                numbers.append(number[:kept][wanted])
                places.append(place[:kept][wanted])
    return _sorted(numbers, places, tagged)


def ways(path: Path, keys: str, ids: Collection[int] = (), among: Nodes | None = None) -> Ways:
    """The ways with a tag that the pattern ``keys`` matches, or one of ``ids``, that have a node in ``among``."""
    tagged = _tag(keys)
    got = Ways([], [], [], np.empty(0, np.int64), set())
    refs = [got.refs]
    with _text(path, osmium.osm.WAY) as file, file.open(encoding="utf-8", newline="\n") as stream:
        while lines := stream.readlines(BLOCK):
            rows = [line[1:-1].split(" ") for line in lines]
            rows = [row for row in rows if len(row[2]) > 1 and (tagged(row[1]) or int(row[0]) in ids)]
            if not rows:
                continue
            flat = np.fromstring(",".join([row[2][1:] for row in rows]).replace("n", ""), np.int64, sep=",")
            if among is not None:
                lengths = np.array([row[2].count("n") for row in rows])
                near = np.logical_or.reduceat(among.at(flat) >= 0, np.cumsum(lengths) - lengths)
                got.beyond.update({int(rows[far][0]) for far in np.flatnonzero(~near)}.intersection(ids))
                flat = flat[np.repeat(near, lengths)]
                rows = [row for row, kept in zip(rows, near, strict=True) if kept]
            refs.append(flat)
            got.ids.extend([int(row[0]) for row in rows])
            got.tags.extend([row[1] for row in rows])
            got.nodes.extend([row[2][1:] for row in rows])
    return Ways(got.ids, got.tags, got.nodes, np.concatenate(refs), got.beyond)


def relations(path: Path, *filters: Any) -> list[str]:
    """The lines of the relations that pass osmium's ``filters``."""
    with _text(path, osmium.osm.RELATION, *filters) as file:
        return file.read_text("utf-8").splitlines(keepends=True)


def member_ways(relation: str) -> set[int]:
    """The numbers of the ways that a relation's line names."""
    return {int(number) for number in _MEMBER_WAYS.findall(relation.rpartition(" ")[2])}


def tags(text: str) -> dict[str, str]:
    """The tags of ``Thighway=footway,name=In%20%den%20%Äusseren``."""
    pairs = [pair.partition("=") for pair in text[1:].split(",")] if len(text) > 1 else []
    if "%" in text:
        return {_unescaped(key): _unescaped(value) for key, _, value in pairs}
    return {key: value for key, _, value in pairs}


def kinds(texts: Sequence[str], keys: Iterable[str]) -> tuple[list[dict[str, str]], Ints]:
    """The different tags of ``keys`` that occur, and which of these each of ``texts`` has, shape (n,)."""
    found = re.compile(f"[T,]((?:{'|'.join(map(re.escape, keys))})=[^,]*)").findall
    numbers: dict[str, int] = {}
    which = [numbers.setdefault(",".join(found(text)), len(numbers)) for text in texts]
    return [tags("T" + text) for text in numbers], np.array(which, dtype=np.int64)


def node(line: str) -> tuple[int, Mapping[str, str], float, float]:
    """Number, tags, longitude and latitude of a node's line."""
    number, text, lon, lat = line.split(" ")
    return int(number[1:]), tags(text), float(lon[1:]), float(lat[1:])


def areas(lines: Iterable[str], tagged: Any) -> Iterator[Any]:
    """osmium's areas of closed ways and multipolygon relations that pass the filter ``tagged``.

    ``lines`` are those of nodes, then ways, then relations. An area is valid until the next one is asked for.
    """
    text = osmium.io.FileBuffer("".join(lines).encode(), "opl")
    for thing in osmium.FileProcessor(text).with_areas(tagged).with_filter(tagged):
        if isinstance(thing, osmium.osm.Area):
            yield thing


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """What osmium says of an unusable file becomes an ExtractError."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:  # osmium's own errors are RuntimeErrors
        if "No space left" in str(error):
            raise ExtractError(
                f"{tempfile.gettempdir()}: has no room to read {path.name}; TMPDIR names another"
            ) from error
        raise ExtractError(
            f"{path}: is truncated or no OpenStreetMap extract ({error}); download it again, or give an .osm.pbf"
        ) from error


@contextmanager
def _text(path: Path, entities: Any, *filters: Any) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        file = Path(folder) / "part.opl"
        with refused(path):
            output = osmium.io.File(str(file), "opl,add_metadata=none")
            with osmium.SimpleWriter(output) as writer, osmium.io.Reader(str(path), entities) as reader:
                osmium.apply(reader, *filters, writer)
        yield file


def _sorted(ids: list[Ints], lonlat: list[NDArray[np.float64]], tagged: list[str]) -> Nodes:
    numbers, places = np.concatenate(ids), np.concatenate(lonlat)
    if (numbers[1:] < numbers[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        numbers, places = numbers[order], places[order]
    return Nodes(numbers, places, tagged)


def _tag(keys: str) -> Callable[[str], Any]:
    return re.compile(f"[T,](?:{keys})").search


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


@compiled
def _number(text: NDArray[np.uint8], at: int) -> tuple[int, int, int]:
    """The digits of ``-51.25`` as −5125, that two are decimals, and where it ends; −1 decimals where there is none."""
    sign, digits, decimals, point = 1, 0, -1, False
    if text[at] == 45:  # -
        sign = -1
        at += 1
    while text[at] > 32:
        if text[at] == 46:  # .
            point = True
        else:
            digits = digits * 10 + text[at] - 48
            decimals = max(decimals, 0) + point
        at += 1
    return sign * digits, decimals, at


@compiled
def _scan(text: NDArray[np.uint8], box: Box, ids: Ints, lonlat: NDArray[np.float64], tagged: Ints) -> tuple[int, int]:
    """Fill in what lines like ``n17 Tplace=town x10.5 y-50.25`` say of nodes in ``box``, and where tagged ones are.

    Returns how many there are, and how many of them have tags.
    """
    at = kept = marked = 0
    while at < len(text):
        begin = at
        ids[kept], _, at = _number(text, at + 1)
        at += 2
        bare = text[at] == 32
        while text[at] != 32:
            at += 1
        lon, decimals, at = _number(text, at + 2)
        lonlat[kept, 0] = lon / 10.0**decimals
        lat, others, at = _number(text, at + 2)
        lonlat[kept, 1] = lat / 10.0**others
        here = decimals >= 0 and others >= 0  # a node may have no place
        if here and box[0] <= lonlat[kept, 0] <= box[2] and box[1] <= lonlat[kept, 1] <= box[3]:
            if not bare:
                tagged[marked, 0], tagged[marked, 1] = begin, at
                marked += 1
            kept += 1
        at += 1
    return kept, marked
