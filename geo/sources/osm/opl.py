"""An extract as OPL text, of which only what is needed comes into memory.

osmium hands over one Python object after the other, at some microseconds each, and cannot select nodes by location. It
writes OPL, its text format with a line for each object (https://osmcode.org/opl-file-format), nearly as fast as it
reads. So an extract is converted to OPL in a temporary file, some 40 bytes for each node, and compiled loops read the
nodes and ways that are asked for, a block of lines at a time.
"""

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import osmium

from geo.arrays import BoolArray, Int64Array
from geo.errors import ExtractError
from geo.sources.osm import extract_files, opl_lines, opl_scan
from geo.sources.osm.elements import Nodes, Ways
from geo.sources.osm.opl_scan import Box

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
TEXT_BYTES_PER_BYTE = 10
"""How much longer than an `.osm.pbf` the text may be; it is 4 to 6 times as long for the extracts that were tried."""
BLOCK_BYTES = 1 << 20
Filter: TypeAlias = osmium.BaseFilter


class OplFile:
    """A file of OPL text: first the lines of nodes, then those of ways, then those of relations.

    ``source`` is the extract that it is the text of.
    """

    def __init__(self, file: Path, source: Path) -> None:
        self._file, self.source = file, source
        self._ways_begin, self._relations_begin = self._begin_of(b"w"), self._begin_of(b"r")

    def nodes(self, box: Box = WORLD, ids: Int64Array | None = None, keys: Sequence[str] = ()) -> Nodes:
        """The nodes in ``box``, or those of them that have one of ``ids`` (ascending).

        `Nodes.tagged_lines` are those of these nodes that have one of ``keys``.
        """
        key_hashes = opl_scan.hash_keys(keys)
        all_ids, all_lonlat = [np.empty(0, np.int64)], [np.empty((0, 2))]
        tagged_lines: list[str] = []
        previous, elsewhere = np.array([opl_scan.NO_ID]), 0
        for block in self._blocks(0, self._ways_begin):
            room = len(block) // opl_scan.SHORTEST_LINE + 1
            block_ids, lonlat, tagged = np.empty(room, np.int64), np.empty((room, 2)), np.empty((room, 2), np.int64)
            text = np.frombuffer(block, np.uint8)
            count, tagged_count, tagged_outside = opl_scan.scan_nodes(
                text, box, key_hashes, previous, block_ids, lonlat, tagged
            )
            self._check(count, "node", int(previous[0]))
            selected: BoolArray | slice = slice(count)
            if ids is not None:
                selected = _is_among(block_ids[:count], ids)
            # Copied, since a slice would keep the whole block's arrays in memory.
            all_ids.append(block_ids[:count][selected].copy())
            all_lonlat.append(lonlat[:count][selected].copy())
            lines = [block[begin:end].decode() for begin, end in tagged[:tagged_count].tolist()]
            if ids is not None:
                lines = [line for line in lines if _is_among(np.array([opl_lines.object_id(line)]), ids)[0]]
            tagged_lines += lines
            elsewhere += tagged_outside + tagged_count - len(lines)
        nodes = Nodes.of(np.concatenate(all_ids), np.concatenate(all_lonlat), tagged_lines, elsewhere)
        self._check_once("node", nodes.ids)
        return nodes

    def ways(
        self,
        keys: Sequence[str],
        ids: Collection[int] = (),
        nodes: Nodes | None = None,
        rule_keys: Sequence[str] = (),
        noted: Collection[int] = (),
    ) -> Ways:
        """The ways that have one of ``keys`` or ``ids``, and at least one of ``nodes`` (None: any nodes).

        A key may be “landuse=residential”: it means only ways with that tag, as in `opl_scan.hash_keys`. The tag sets
        hold the tags of ``keys`` and ``rule_keys``. `Ways.outside_ids` tells also which of the ways with the ids
        ``noted`` were left out.
        """
        key_hashes = opl_scan.hash_keys(keys, rule_keys)
        sorted_ids = np.sort(np.fromiter(ids, np.int64, len(ids)))
        noted_ids = np.union1d(sorted_ids, np.fromiter(noted, np.int64, len(noted)))
        none, outside_count = np.empty(0, np.int64), 0
        columns = [(none, none, none, none, none, none)]
        lines: list[bytes] = []
        previous = np.array([opl_scan.NO_ID])
        for block in self._blocks(self._ways_begin, self._relations_begin):
            room = len(block) // opl_scan.SHORTEST_LINE + 1
            table, node_ids = np.empty((room, 5), np.int64), np.empty(len(block) // 3 + 1, np.int64)
            text = np.frombuffer(block, np.uint8)
            count, node_count = opl_scan.scan_ways(text, key_hashes, sorted_ids, previous, table, node_ids)
            self._check(count, "way", int(previous[0]))
            way_ids, tags_hashes, begins, ends, node_counts = table[:count].T
            node_ids = node_ids[:node_count].copy()
            near = np.ones(count, dtype=bool)
            if nodes is not None and count:
                near = np.logical_or.reduceat(nodes.index_of(node_ids) >= 0, np.cumsum(node_counts) - node_counts)
            outside = np.intersect1d(way_ids[~near], noted_ids)
            outside_count += int((~near).sum())
            node_ids = node_ids[np.repeat(near, node_counts)]
            begins, ends = begins[near], ends[near]
            columns.append((way_ids[near], ends - begins, node_counts[near], tags_hashes[near], node_ids, outside))
            lines += [block[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        way_ids, sizes, node_counts, tags_hashes, node_ids, outside = map(np.concatenate, zip(*columns, strict=True))
        self._check_once("way", np.sort(way_ids))
        all_keys = frozenset(words.split("=")[0] for words in (*keys, *rule_keys))
        return Ways(
            way_ids,
            b"".join(lines),
            np.cumsum(sizes),
            node_counts,
            tags_hashes,
            node_ids,
            outside,
            outside_count,
            all_keys,
        )

    def relations(self) -> Iterator[str]:
        """The lines of all relations."""
        ids: list[int] = []
        for block in self._blocks(self._relations_begin, self._file.stat().st_size):
            lines = [line.decode() for line in block.splitlines(keepends=True)]
            self._check(0 if all(line[0] == "r" for line in lines) else opl_scan.OTHER_TYPE, "relation", 0)
            ids += map(opl_lines.object_id, lines)
            yield from lines
        self._check_once("relation", np.sort(np.array(ids, np.int64)))

    def way_count(self) -> int:
        """How many ways there are, with any tags or none."""
        return sum(block.count(b"\n") for block in self._blocks(self._ways_begin, self._relations_begin))

    def _check(self, count: int, object_type: str, osm_id: int) -> None:
        """Refuse the file if ``count`` is one of the negative results of `opl_scan` about an object."""
        if count == opl_scan.OTHER_TYPE:
            raise ExtractError(
                f"{self.source}: is not in the order of nodes, ways, relations; sort it with `osmium sort`"
            )
        if count == opl_scan.REPEATED:
            raise extract_files.repeated(self.source, object_type, osm_id)
        if count == opl_scan.NOT_IN_DEGREES:
            raise extract_files.not_in_degrees(self.source, f"node {osm_id}")

    def _check_once(self, object_type: str, sorted_ids: Int64Array) -> None:
        """Refuse the file if two objects have the same id; in a file whose ids ascend `opl_scan` notices them all."""
        again = np.flatnonzero(sorted_ids[1:] == sorted_ids[:-1])
        if len(again):
            raise extract_files.repeated(self.source, object_type, int(sorted_ids[again[0]]))

    def _begin_of(self, object_type: bytes) -> int:
        """Where the lines of an object type (n, w or r), or of a later one, begin: found by bisection."""
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
                if not line or b"nwr".find(line[:1]) >= b"nwr".find(object_type):
                    high = middle
                else:
                    low = begin + len(line)
        return low

    def _blocks(self, begin: int, end: int) -> Iterator[bytes]:
        """The bytes from ``begin`` to ``end`` in blocks of whole lines, about `BLOCK_BYTES` each."""
        with self._file.open("rb") as stream:
            stream.seek(begin)
            rest = b""
            while (at := stream.tell()) < end:
                block = rest + stream.read(min(BLOCK_BYTES, end - at))
                cut = block.rfind(b"\n") + 1
                rest = block[cut:]
                if cut:
                    yield block[:cut]


@contextmanager
def converted(extract: Path | OplFile) -> Iterator[OplFile]:
    """An extract converted to OPL; one that is converted already is yielded as it is.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, is not an OpenStreetMap extract, is a history, or is not in the order of
        nodes, ways, relations; or the disk has no room for the text.
    """
    if isinstance(extract, OplFile):
        yield extract
        return
    path = extract
    extract_files.check(path)
    with tempfile.TemporaryDirectory(prefix="fuwuquan-") as folder:
        file = Path(folder) / "extract.opl"
        # Checked beforehand, since osmium ends the process when it cannot write.
        needed = path.stat().st_size * TEXT_BYTES_PER_BYTE
        if shutil.disk_usage(folder).free < needed:
            raise ExtractError(
                f"{path}: reading it takes {needed / 1e6:,.0f} MB of disk space, and {tempfile.gettempdir()} has less; "
                "free some, or name another folder with TMPDIR"
            )
        with extract_files.errors(path):
            output = osmium.io.File(str(file), "opl,add_metadata=none")
            # One thread decodes while another writes; small buffers keep both busy.
            pool = osmium.io.ThreadPool(2)
            with (
                osmium.SimpleWriter(output, bufsz=1 << 17, thread_pool=pool) as writer,
                osmium.io.Reader(str(path), osmium.osm.OBJECT, thread_pool=pool) as reader,
            ):
                osmium.apply(reader, writer)
        yield OplFile(file, path)


def _is_among(values: Int64Array, sorted_values: Int64Array) -> BoolArray:
    """Whether each value is one of ``sorted_values``, shape (values,)."""
    if not len(sorted_values):
        return np.zeros(len(values), dtype=bool)
    position = np.minimum(np.searchsorted(sorted_values, values), len(sorted_values) - 1)
    return np.equal(sorted_values[position], values)
