"""Nodes and ways of an extract as arrays, so that a county's streets and buildings fit into memory.

`opl.OplFile` reads them; `highways` and `buildings` make streets and buildings of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.sources.osm import opl_lines


@dataclass(frozen=True)
class Nodes:
    """Nodes in ascending order of their ids.

    Attributes
    ----------
    ids : shape (n,)
    lonlat : shape (n, 2), degrees WGS84
    tagged_lines : the OPL lines of those nodes that have one of the keys asked for
    tagged_elsewhere : how many nodes of the extract that are not among these have one of the keys
    """

    ids: Int64Array
    lonlat: Float64Array
    tagged_lines: list[str]
    tagged_elsewhere: int = 0

    @classmethod
    def none(cls) -> "Nodes":
        """No nodes."""
        return cls(np.empty(0, np.int64), np.empty((0, 2)), [])

    @classmethod
    def of(cls, ids: Int64Array, lonlat: Float64Array, tagged_lines: list[str], tagged_elsewhere: int = 0) -> "Nodes":
        """Nodes in any order, sorted."""
        if (ids[1:] < ids[:-1]).any():
            order = np.argsort(ids, kind="stable")
            ids, lonlat = ids[order], lonlat[order]
        return cls(ids, lonlat, tagged_lines, tagged_elsewhere)

    @cached_property
    def tagged(self) -> list[tuple[int, dict[str, str]]]:
        """The id and the tags of each of ``tagged_lines``."""
        return [(opl_lines.object_id(line), opl_lines.tags(line)) for line in self.tagged_lines]

    @cached_property
    def tagged_lonlat(self) -> list[tuple[float, float]]:
        """Longitude and latitude of each of ``tagged_lines``, in degrees."""
        return [opl_lines.node_lonlat(line) for line in self.tagged_lines]

    def index_of(self, node_ids: Int64Array) -> Int64Array:
        """The position in ``ids`` of each of ``node_ids``, shape (n,); −1 where a node is not among these."""
        if not len(self.ids):
            return np.full(len(node_ids), -1)
        index = np.minimum(np.searchsorted(self.ids, node_ids), len(self.ids) - 1)
        return np.where(self.ids[index] == node_ids, index, -1)

    def lonlat_of(self, node_ids: Int64Array) -> Float64Array:
        """Longitude and latitude of each of ``node_ids``, shape (n, 2); NaN where a node is not among these."""
        return np.concatenate([self.lonlat, [[np.nan, np.nan]]])[self.index_of(node_ids)]

    def merged_with(self, others: "Nodes") -> "Nodes":
        """These nodes and ``others``, of the same extract; no node may be among both."""
        elsewhere = self.tagged_elsewhere - len(others.tagged_lines)
        ids, lonlat = np.concatenate([self.ids, others.ids]), np.concatenate([self.lonlat, others.lonlat])
        return Nodes.of(ids, lonlat, self.tagged_lines + others.tagged_lines, elsewhere)

    def lines_of(self, node_ids: Int64Array) -> list[str]:
        """OPL lines, without tags, of those of ``node_ids`` that are among these, each once, `with_positive_ids`."""
        index = np.unique(self.index_of(node_ids))
        index = index[index >= 0]
        rows = zip(self.ids[index].tolist(), self.lonlat[index].tolist(), strict=True)
        return opl_lines.with_positive_ids(opl_lines.node_line(node_id, *lonlat) for node_id, lonlat in rows)


@dataclass(frozen=True)
class Ways:
    """Ways, with the tags that decide what they are.

    Many ways agree in their tags of the ``keys`` that the rules read. Such ways share a tag set, so that a rule is
    applied once to each tag set and not to each way.

    Attributes
    ----------
    ids : shape (ways,)
    text : the OPL lines of all ways
    line_ends : shape (ways,), where in ``text`` the line of each way ends
    node_counts : shape (ways,), how many nodes each way has
    tags_hashes : shape (ways,), a hash of each way's tags of ``keys``
    node_ids : the ids of the nodes, one way after the other
    outside_ids : ids of the ways that were asked for by id and left out, because none of their nodes is in the box
    outside_count : how many ways were left out for that reason, with those that were asked for by a key
    keys : the keys that tell ways apart
    """

    ids: Int64Array
    text: bytes
    line_ends: Int64Array
    node_counts: Int64Array
    tags_hashes: Int64Array
    node_ids: Int64Array
    outside_ids: Int64Array
    outside_count: int
    keys: frozenset[str]

    @property
    def tag_sets(self) -> list[dict[str, str]]:
        """The tag sets that occur, each with its tags of ``keys``."""
        return self._tag_sets[0]

    @property
    def tag_set(self) -> Int64Array:
        """The index in `tag_sets` of each way's, shape (ways,)."""
        return self._tag_sets[1]

    @cached_property
    def _tag_sets(self) -> tuple[list[dict[str, str]], Int64Array]:
        _, first, tag_set = np.unique(self.tags_hashes, return_index=True, return_inverse=True)
        return [opl_lines.tags(line, self.keys) for line in self.lines_at(first)], tag_set

    def lines_at(self, index: Int64Array) -> list[str]:
        """The OPL lines of the ways at some positions."""
        begins, ends = np.concatenate([[0], self.line_ends])[index], self.line_ends[index]
        return [self.text[begin:end].decode() for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]

    def nodes_of(self, selected: BoolArray) -> Int64Array:
        """The ids of the nodes of some ways, one way after the other; ``selected`` has shape (ways,)."""
        return self.node_ids[np.repeat(selected, self.node_counts)]

    def merged_with(self, others: "Ways") -> "Ways":
        """These ways and ``others``, which must be some of those with `outside_ids`."""
        return Ways(
            np.concatenate([self.ids, others.ids]),
            self.text + others.text,
            np.concatenate([self.line_ends, others.line_ends + len(self.text)]),
            np.concatenate([self.node_counts, others.node_counts]),
            np.concatenate([self.tags_hashes, others.tags_hashes]),
            np.concatenate([self.node_ids, others.node_ids]),
            self.outside_ids,
            self.outside_count,
            self.keys,
        )
