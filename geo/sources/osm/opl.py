"""An extract as lines of text, taken apart in blocks, so that memory holds what is kept and not what is read.

osmium hands over one Python object after the other, at some microseconds each, and cannot choose nodes by place. It
writes OPL, its format with a line an object (https://osmcode.org/opl-file-format), hardly slower than it reads. So the
extract is written as OPL into a temporary file, some 40 bytes a node, and what is wanted is taken from there.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.errors import ExtractError
from geo.sources.osm import opl_scan
from geo.sources.osm.opl_scan import Box

Progress = Callable[[str, int], None]
"""Called with the name of a step and how many objects it has read since the last call."""

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
SWELLING = 10  # how much longer than an .osm.pbf the text may be: 4 to 6 times in extracts tried
BLOCK = 1 << 20  # bytes of text at a time
NOBODY = np.empty(0, np.int64)
_ESCAPED = re.compile("%([0-9a-f]+)%")
_MEMBER_WAYS = re.compile(r"[M,]w(-?\d+)@")


@dataclass(frozen=True)
class Nodes:
    """Nodes by number: ``ids``, shape (n,), ascending; ``lonlat``, shape (n, 2), degrees. ``lines`` of tagged ones."""

    ids: Int64Array
    lonlat: Float64Array
    lines: list[str]

    def at(self, refs: Int64Array) -> Int64Array:
        """Where in ``ids`` each of ``refs`` is; −1 where it is not."""
        if not len(self.ids):
            return np.full(len(refs), -1)
        found = np.minimum(np.searchsorted(self.ids, refs), len(self.ids) - 1)
        return np.where(self.ids[found] == refs, found, -1)

    def places(self, refs: Int64Array) -> Float64Array:
        """Longitude and latitude of each of ``refs``, shape (n, 2); NaN where it is not among these."""
        at = self.at(refs)
        return np.concatenate([self.lonlat, [[np.nan, np.nan]]])[at]

    def and_also(self, others: "Nodes") -> "Nodes":
        """These and ``others``, of which none is among these."""
        ids, lonlat = np.concatenate([self.ids, others.ids]), np.concatenate([self.lonlat, others.lonlat])
        return _sorted(ids, lonlat, self.lines + others.lines)

    def written(self, refs: Int64Array) -> list[str]:
        """Lines, without tags, of those that ``refs`` name."""
        at = np.unique(self.at(refs))
        at = at[at >= 0]
        rows = zip(self.ids[at].tolist(), self.lonlat[at].tolist(), strict=True)
        return _in_order(f"n{number} x{lon:.7f} y{lat:.7f}\n" for number, (lon, lat) in rows)


@dataclass(frozen=True)
class Ways:
    """Ways: ``ids``, ``ends`` (where in ``content`` their lines end), ``lengths`` (how many nodes), ``kind``, one each.

    Ways of one kind have the same tags of ``keys``. ``refs`` are the numbers of the nodes, one
    way after the other. ``beyond``: the ways that were asked for by number, and have no node among those given.
    """

    ids: Int64Array
    content: bytes
    ends: Int64Array
    lengths: Int64Array
    kind: Int64Array
    refs: Int64Array
    beyond: Int64Array
    keys: frozenset[str]

    @cached_property
    def kinds(self) -> tuple[list[dict[str, str]], Int64Array]:
        """The tags, of ``keys``, of each kind; and which of these kinds each way is of, shape (n,)."""
        _, first, which = np.unique(self.kind, return_index=True, return_inverse=True)
        return [tags(line, self.keys) for line in self.lines(first)], which

    def lines(self, which: Int64Array) -> list[str]:
        """The lines of some ways by index."""
        begins = np.concatenate([[0], self.ends])[which].tolist()
        return [self.content[begin:end].decode() for begin, end in zip(begins, self.ends[which].tolist(), strict=True)]

    def and_also(self, others: "Ways") -> "Ways":
        """These and ``others``; then no way is beyond."""
        return Ways(
            np.concatenate([self.ids, others.ids]),
            self.content + others.content,
            np.concatenate([self.ends, others.ends + len(self.content)]),
            np.concatenate([self.lengths, others.lengths]),
            np.concatenate([self.kind, others.kind]),
            np.concatenate([self.refs, others.refs]),
            NOBODY,
            self.keys,
        )

    def of(self, which: BoolArray) -> Int64Array:
        """The numbers of the nodes of some ways, one way after the other."""
        return self.refs[np.repeat(which, self.lengths)]


class Text:
    """The objects of an extract as text: nodes, then ways, then relations."""

    def __init__(self, file: Path, path: Path) -> None:
        self._file, self._path = file, path
        self._ways, self._relations = self._first(b"w"), self._first(b"r")

    def nodes(self, box: Box = WORLD, ids: Int64Array | None = None, keys: Sequence[str] = ()) -> Nodes:
        """The nodes in ``box``, or those of them that have one of ``ids``; with the lines that have one of ``keys``."""
        hashes = opl_scan.hashes(keys)
        numbers, places, lines = [NOBODY], [np.empty((0, 2))], []
        for block in self._blocks(0, self._ways):
            room = len(block) // opl_scan.SHORTEST + 1
            number, place, line = np.empty(room, np.int64), np.empty((room, 2)), np.empty((room, 2), np.int64)
            kept, marked = opl_scan.nodes(np.frombuffer(block, np.uint8), box, hashes, number, place, line)
            self._ordered(kept >= 0)
            wanted: Any = slice(kept)
            if ids is not None:  # which are in order
                at = np.minimum(np.searchsorted(ids, number[:kept]), len(ids) - 1)
                wanted = ids[at] == number[:kept] if len(ids) else slice(0)
            numbers.append(number[:kept][wanted].copy())
            places.append(place[:kept][wanted].copy())
            lines += [block[begin:end].decode() for begin, end in line[:marked].tolist()]
        return _sorted(np.concatenate(numbers), np.concatenate(places), lines)

    def ways(
        self, keys: Sequence[str], ids: Collection[int] = (), among: Nodes | None = None, also: Sequence[str] = ()
    ) -> Ways:
        """The ways with one of ``keys`` or ``ids`` that have a node ``among`` those given.

        Ways are of one kind if they agree in ``keys`` and in those that ``also`` matter.
        """
        hashes = opl_scan.hashes([*keys, *also])
        wanted = np.sort(np.fromiter(ids, np.int64, len(ids)))
        parts = [(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY)]
        content: list[bytes] = []
        for block in self._blocks(self._ways, self._relations):
            room = len(block) // opl_scan.SHORTEST + 1
            table, refs = np.empty((room, 5), np.int64), np.empty(len(block) // 3 + 1, np.int64)
            kept, taken = opl_scan.ways(np.frombuffer(block, np.uint8), hashes, len(keys), wanted, table, refs)
            self._ordered(kept >= 0)
            number, kind, begin, end, lengths = table[:kept].T
            refs = refs[:taken].copy()
            near = np.ones(kept, dtype=bool)
            if among is not None and kept:
                near = np.logical_or.reduceat(among.at(refs) >= 0, np.cumsum(lengths) - lengths)
            far = np.intersect1d(number[~near], wanted)
            begin, end = begin[near], end[near]
            parts.append((number[near], end - begin, lengths[near], kind[near], refs[np.repeat(near, lengths)], far))
            content += [block[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
        number, sizes, lengths, kind, refs, far = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Ways(number, b"".join(content), np.cumsum(sizes), lengths, kind, refs, far, frozenset([*keys, *also]))

    def relations(self) -> list[str]:
        """The lines of all relations."""
        content = b"".join(self._blocks(self._relations, self._file.stat().st_size)).decode()
        lines = content.splitlines(keepends=True)
        self._ordered(all(line[0] == "r" for line in lines))
        return lines

    def _ordered(self, right: bool) -> None:
        if not right:
            raise ExtractError(f"{self._path}: is not in the order of nodes, ways, relations; osmium sort mends that")

    def _first(self, kind: bytes) -> int:
        """Where the lines of a kind, or of a later one, begin."""
        low, high = 0, self._file.stat().st_size
        with self._file.open("rb") as stream:
            while low < high:
                middle = (low + high) // 2
                stream.seek(middle)
                if middle:
                    stream.seek(middle - 1)
                    stream.readline()
                begin = stream.tell()
                line = stream.readline()
                if not line or b"nwr".find(line[:1]) >= b"nwr".find(kind):
                    high = middle
                else:
                    low = begin + len(line)
        return low

    def _blocks(self, begin: int, end: int) -> Iterator[bytes]:
        """Whole lines of the bytes from ``begin`` to ``end``, some `BLOCK` at a time."""
        with self._file.open("rb") as stream:
            stream.seek(begin)
            rest = b""
            while (at := stream.tell()) < end:
                block = rest + stream.read(min(BLOCK, end - at))
                cut = block.rfind(b"\n") + 1
                rest = block[cut:]
                if cut:
                    yield block[:cut]


@contextmanager
def text(path: Path, tagged: Any) -> Iterator[Text]:
    """An extract as text; of its relations those that pass osmium's filter ``tagged``.

    Raises
    ------
    ExtractError
        The file is truncated, no OpenStreetMap extract, or not in the order of nodes, ways, relations; or there is no
        room for the text.
    """
    tagged.enable_for(osmium.osm.RELATION)
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        file = Path(folder) / "extract.opl"
        # Asked before, since osmium ends the program when it cannot write.
        room = path.stat().st_size * SWELLING
        if shutil.disk_usage(folder).free < room:
            where = tempfile.gettempdir()
            raise ExtractError(f"{path}: takes {room / 1e6:,.0f} MB of {where} to read; TMPDIR may name another folder")
        with refused(path):
            output = osmium.io.File(str(file), "opl,add_metadata=none")
            # One thread decodes while another writes; small buffers, lest one wait for the other.
            pool = osmium.io.ThreadPool(2)
            with (
                osmium.SimpleWriter(output, bufsz=1 << 17, thread_pool=pool) as writer,
                osmium.io.Reader(str(path), osmium.osm.OBJECT, thread_pool=pool) as reader,
            ):
                osmium.apply(reader, tagged, writer)
        yield Text(file, path)


def any_of(path: Path, tagged: Any) -> bool:
    """Whether a way or relation passes osmium's filter ``tagged``."""
    with refused(path):
        found = osmium.FileProcessor(str(path), osmium.osm.WAY | osmium.osm.RELATION).with_filter(tagged)
        return next(iter(found), None) is not None


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """What osmium says of an unusable file becomes an ExtractError."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:  # osmium's own errors are RuntimeErrors
        raise ExtractError(
            f"{path}: is truncated or no OpenStreetMap extract ({error}); download it again, or give an .osm.pbf"
        ) from error


def areas(path: Path, nodes: Nodes, ways: Ways, which: BoolArray, relations: list[str], tagged: Any) -> Iterator[Any]:
    """osmium's areas of multipolygon ``relations`` and of some closed ``ways``, as far as they pass its filter.

    An area is valid until the next one is asked for. ``path`` is what these are of.
    """
    lines = [*nodes.written(ways.of(which)), *_in_order(ways.lines(np.flatnonzero(which))), *_in_order(relations)]
    content = osmium.io.FileBuffer("".join(lines).encode(), "opl")
    with refused(path):
        for thing in osmium.FileProcessor(content).with_areas(tagged).with_filter(tagged):
            if isinstance(thing, osmium.osm.Area):
                yield thing


def _in_order(lines: Iterable[str]) -> list[str]:
    # osmium's order of numbers; those of objects that nobody has uploaded are negative.
    return sorted(lines, key=lambda line: (identity(line) > 0, abs(identity(line))))


def identity(line: str) -> int:
    """The number of the object of a line."""
    return int(line[1 : line.index(" ")])


def place(node: str) -> tuple[float, float]:
    """Longitude and latitude of a node's line."""
    lon, lat = node.split()[-2:]
    return float(lon[1:]), float(lat[1:])


def member_ways(relation: str) -> set[int]:
    """The numbers of the ways that a relation's line names."""
    return {int(number) for number in _MEMBER_WAYS.findall(relation[relation.rindex(" ") :])}


def tags(line: str, keys: Container[str] | None = None) -> dict[str, str]:
    """The tags, or those of ``keys``, in ``w1 Thighway=footway,name=In%20%den%20%Äusseren Nn1,n2``."""
    found = {}
    for pair in line.split(" ", 2)[1][1:].split(","):
        key, _, value = pair.partition("=")
        if key and (keys is None or key in keys):
            found[key] = value
    return {_unescaped(key): _unescaped(value) for key, value in found.items()} if "%" in line else found


def _unescaped(words: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), words) if "%" in words else words


def _sorted(ids: Int64Array, lonlat: Float64Array, lines: list[str]) -> Nodes:
    if (ids[1:] < ids[:-1]).any():
        order = np.argsort(ids, kind="stable")
        ids, lonlat = ids[order], lonlat[order]
    return Nodes(ids, lonlat, lines)


def number(text: str | None) -> float | None:
    """The number that a tag's value is, if it is one; the first of several."""
    digits = (text or "").replace(",", "").replace("'", "").replace(" ", "").split(";")[0]
    try:
        found = float(digits)
    except ValueError:
        return None
    return found if 0 <= found < 1e10 else None


def area_id(area: Any) -> str:
    return f"{'w' if area.from_way() else 'r'}{area.orig_id()}"


def outline(area: Any) -> Any:
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(area))
    except (RuntimeError, shapely.errors.GEOSException):
        return None
    shape = shapely.make_valid(shape)
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape


def existing(path: Path) -> Path:
    if not path.is_file():
        raise ExtractError(f"{path}: is no file" if path.exists() else f"{path}: there is no such file")
    return path
