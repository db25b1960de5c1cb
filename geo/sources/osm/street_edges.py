"""Street edges out of the ways of an OpenStreetMap extract: cut at junctions and barriers, with ferries and squares."""

from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.geodesy.distance import geodesic_lengths
from geo.sources.osm import barriers, highways, opl_lines, speeds, squares
from geo.sources.osm.access import Tags
from geo.sources.osm.elements import Nodes, Ways
from geo.sources.osm.opl_scan import Box
from geo.study import streets

_EXAMPLES = 5
"""How many values of a tag that was not understood are named."""


class Streets(NamedTuple):
    """The streets of an extract.

    Attributes
    ----------
    frame : as `geo.study.streets.from_lines` makes it
    left_out : how many ways are left out, by reason
    notes : remarks about the streets that are kept, each with the number of ways or nodes that it is about
    used, closed : shape (ways,), which ways edges are made of, and which are streets that nobody may use
    barrier_ids : the nodes with a barrier tag on the streets
    """

    frame: gpd.GeoDataFrame
    left_out: Counter[str]
    notes: Counter[str]
    used: BoolArray
    closed: BoolArray
    barrier_ids: Container[int]


def of_ways(ways: Ways, nodes: Nodes, relations: Iterable[str], box: Box, car_classes: Iterable[str]) -> Streets:
    """The streets of all ways that anybody may use and that come into a box.

    Parameters
    ----------
    ways : their `Ways.keys` must contain `highways.KEYS`
    nodes : the nodes of the ways; barriers are among `Nodes.tagged`
    relations : OPL lines of relations, those of squares and ferries among them
    box : west, south, east, north
    car_classes : the values of highway that are open to cars
    """
    tagged = _TaggedWays(ways, relations)
    lonlat = nodes.lonlat_of(ways.node_ids)
    classes = frozenset(car_classes)
    attributes = [highways.attributes(tags, classes) for tags in tagged.tag_sets]
    usable_sets = np.array([row is not None for row in attributes], dtype=bool)
    is_street = np.array([highways.is_street(tags) for tags in tagged.tag_sets], dtype=bool)[tagged.tag_set]
    usable = usable_sets[tagged.tag_set]
    closed = is_street & ~usable
    way = np.repeat(np.arange(len(ways.ids)), ways.node_counts)
    missing = np.isnan(lonlat[:, 0])
    left_out = Counter(
        {
            "ways closed to everybody": int(closed.sum()),
            "ways cut at the extract's border": len(np.unique(way[usable[way] & missing])),
        }
    )
    around_the_earth = np.zeros(len(way), dtype=bool)
    around_the_earth[1:] = (way[1:] == way[:-1]) & (np.abs(np.diff(lonlat[:, 0])) > 180)
    lines = _lines_in_box(way, ways.node_ids, lonlat, usable[way] & ~missing, around_the_earth, box)
    lines, too_large = _with_crossings(lines, tagged.squares())
    stopped, unknown_barriers, barrier_ids = _barriers(nodes, lines.node_ids)
    edge = _cut_at_junctions(lines, stopped > 0)
    edge_way = lines.way[edge.line]
    table = pd.DataFrame([row for row in attributes if row is not None], columns=highways.Attributes._fields)
    table = table.take((np.cumsum(usable_sets) - 1)[tagged.tag_set[edge_way]])
    table[streets.WAY_ID] = ways.ids[edge_way]
    table[streets.FERRY_KPH] = tagged.ferry_kph(way, lonlat)[edge_way]
    frame = streets.from_lines(edge.geometries, edge.ends, table)
    for column, id_column in zip(streets.STOPS_COLUMNS, (streets.U_ID, streets.V_ID), strict=True):
        node = _index_among(lines.node_ids, frame[id_column].to_numpy())
        frame[column] = np.where(node < 0, 0, stopped[node]).astype(np.uint8)
    notes = _notes(tagged, np.unique(lines.way), unknown_barriers)
    notes["streets cross the 180th meridian, and are cut there"] = len(np.unique(way[usable[way] & around_the_earth]))
    notes["squares are walked around, not across: too many streets and corners"] = too_large
    used = np.isin(np.arange(len(ways.ids)), edge_way)
    return Streets(frame, +left_out, +notes, used, closed, barrier_ids)


class _TaggedWays:
    """Ways with the tags that count for them, those of the ferries and squares that they are members of included.

    Attributes
    ----------
    tag_sets : the tag sets that occur
    tag_set : shape (ways,), the index in `tag_sets` of each way's
    """

    def __init__(self, ways: Ways, relations: Iterable[str]) -> None:
        self._ways = ways
        self.tag_sets, self.tag_set = list(ways.tag_sets), ways.tag_set.copy()
        row_of = {way_id: row for row, way_id in enumerate(ways.ids.tolist())}
        self._square_members: list[list[tuple[int, bool]]] = []
        self._ferries: list[tuple[str, list[int]]] = []
        for line in relations:
            tags = opl_lines.tags(line, ways.keys)
            members = [(row_of[way_id], role) for way_id, role in opl_lines.way_roles(line) if way_id in row_of]
            if highways.is_ferry(tags):
                # Ferries have landing stages among their members, with roles of their own.
                rows = [row for row, role in members if role in ("", "forward", "backward", "ferry", "main")]
                self._ferries.append((tags.pop("duration", ""), rows))
                self._inherit(rows, tags)
            elif opl_lines.is_multipolygon(line) and highways.is_square(tags):
                self._square_members.append([(row, role == "inner") for row, role in members])
                self._inherit([row for row, _ in members], tags)

    def _inherit(self, rows: Iterable[int], tags: Tags) -> None:
        """Give ways that are no streets by themselves the tags of a relation; their own go before."""
        for row in rows:
            own = self.tag_sets[self.tag_set[row]]
            if "highway" not in own:
                self.tag_set[row] = len(self.tag_sets)
                self.tag_sets.append({**tags, **own})

    def squares(self) -> list[list[tuple[int, bool]]]:
        """The squares: of each its ways, by their rows, and whether the way is an inner ring."""
        is_square = np.array([tags.get("area") == "yes" and "highway" in tags for tags in self.tag_sets], dtype=bool)
        in_relation = {row for members in self._square_members for row, _ in members}
        alone = [row for row in np.flatnonzero(is_square[self.tag_set]).tolist() if row not in in_relation]
        return [*self._square_members, *([(row, False)] for row in alone)]

    def ferry_kph(self, way: Int64Array, lonlat: Float64Array) -> Float64Array:
        """The speed of each way that is a ferry, NaN for others, shape (ways,).

        It is the length by the duration of the way or of its relation. ``way`` and ``lonlat`` are those of all nodes of
        all ways.
        """
        kph = np.full(len(self._ways.ids), np.nan)
        is_ferry = np.array([highways.is_ferry(tags) for tags in self.tag_sets], dtype=bool)[self.tag_set]
        rows = np.flatnonzero(is_ferry)
        km = np.zeros(len(kph))
        for row in rows.tolist():
            places = lonlat[way == row]
            places = places[~np.isnan(places[:, 0])]
            if len(places) > 1:
                km[row] = geodesic_lengths(np.array([shapely.LineString(places)]))[0] / 1000
        kph[rows] = highways.FERRY_KPH
        for duration, members in self._ferries:
            if seconds := speeds.duration_seconds(duration):
                kph[members] = km[members].sum() / (seconds / 3600)
        for row in rows.tolist():
            if seconds := speeds.duration_seconds(self.tag_sets[self.tag_set[row]].get("duration", "")):
                kph[row] = km[row] / (seconds / 3600)
        return np.where(is_ferry & ~(kph > 0), highways.FERRY_KPH, np.where(is_ferry, kph, np.nan))


def _notes(tagged: _TaggedWays, rows: Int64Array, unknown_barriers: Counter[tuple[str, str]]) -> Counter[str]:
    """Remarks about the tags of the ways in some rows, and of barriers."""
    notes: Counter[str] = Counter()
    unknown = Counter(unknown_barriers)
    counts = np.bincount(tagged.tag_set[rows], minlength=len(tagged.tag_sets))
    for tags, count in zip(tagged.tag_sets, counts.tolist(), strict=True):
        if count:
            for tag in highways.not_understood(tags):
                unknown[tag] += count
            notes["streets have tags for some hours, such as access:conditional, which are not applied"] += (
                count if highways.has_conditions(tags) else 0
            )
    for key in dict.fromkeys(key for key, _ in unknown):
        values = Counter({value: count for (tag, value), count in unknown.items() if tag == key})
        examples = ", ".join(f"{value} ({count:,})" for value, count in values.most_common(_EXAMPLES))
        notes[f"tags {key} were not understood, and do not count: {examples}"] = values.total()
    return notes


def _barriers(nodes: Nodes, ids: Int64Array) -> tuple[Int64Array, Counter[tuple[str, str]], set[int]]:
    """The barriers among the nodes with some ids (ascending).

    Whom each of these nodes stops, shape (ids,); how often each tag of barriers was not understood; and the barriers'
    ids.
    """
    stopped = np.zeros(len(ids), dtype=np.int64)
    unknown: Counter[tuple[str, str]] = Counter()
    barrier_ids = set()
    all_barriers = [(node_id, tags) for node_id, tags in nodes.tagged if "barrier" in tags]
    rows = _index_among(ids, np.array([node_id for node_id, _ in all_barriers], dtype=np.int64))
    for row, (node_id, tags) in zip(rows.tolist(), all_barriers, strict=True):
        if row >= 0:
            barrier_ids.add(node_id)
            unknown.update(barriers.not_understood(tags))
            stopped[row] = barriers.stopped(tags)
    return stopped, unknown, barrier_ids


def _index_among(ids: Int64Array, wanted: Int64Array) -> Int64Array:
    """The position of each of ``wanted`` in ``ids`` (ascending), shape (wanted,); −1 where it is not among them."""
    index = np.searchsorted(ids, wanted)
    index[index == len(ids)] = 0
    return np.where(ids[index] == wanted, index, -1) if len(ids) else np.full(len(wanted), -1)


class _Lines(NamedTuple):
    """Connected pieces of ways, and the nodes of all of them, one line after the other.

    Attributes
    ----------
    way, counts : shape (lines,), the way that each is a piece of, and how many nodes it has
    node, lonlat : shape (n,) and (n, 2), the position in ``node_ids`` of each node of each line, and where it is
    node_ids, visits : shape (nodes,), the ids of all nodes (ascending), and how often lines visit each
    """

    way: Int64Array
    counts: Int64Array
    node: Int64Array
    lonlat: Float64Array
    node_ids: Int64Array
    visits: Int64Array


def _lines_in_box(
    way: Int64Array,
    node_ids: Int64Array,
    lonlat: Float64Array,
    usable: BoolArray,
    around_the_earth: BoolArray,
    box: Box,
) -> _Lines:
    """The connected pieces, of two nodes or more, of usable ways that have a node in the box.

    A node that is missing in the extract cuts a way in two; so does a step ``around_the_earth``, which the node that it
    leads to marks. A node that follows itself counts once. All arrays have a row for each node of each way.
    """
    begins = np.ones(len(node_ids), dtype=bool)
    missing = np.isnan(lonlat[:, 0])
    begins[1:] = (way[1:] != way[:-1]) | missing[1:] | missing[:-1] | around_the_earth[1:]
    line = np.cumsum(begins) - 1
    new_node = begins.copy()
    new_node[1:] |= node_ids[1:] != node_ids[:-1]
    kept = usable & new_node
    west, south, east, north = box
    lon, lat = lonlat.T
    inside = kept & (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    counts = np.bincount(line, kept).astype(np.int64)
    kept_lines = (counts > 1) & (np.bincount(line, inside) > 0)
    kept &= kept_lines[line]
    ids, node, visits = np.unique(node_ids[kept], return_inverse=True, return_counts=True)
    return _Lines(way[begins][kept_lines], counts[kept_lines], node, lonlat[kept], ids, visits)


def _with_crossings(lines: _Lines, areas: list[list[tuple[int, bool]]]) -> tuple[_Lines, int]:
    """The lines, with the ways across squares, and how many squares have too many places to be crossed.

    ``areas`` are the squares: of each its ways, and whether they are inner rings.
    """
    lines_of: dict[int, list[int]] = {}
    for line in np.flatnonzero(np.isin(lines.way, [row for members in areas for row, _ in members])).tolist():
        lines_of.setdefault(int(lines.way[line]), []).append(line)
    ends = np.cumsum(lines.counts)
    too_large, added = 0, []
    for members in areas:
        rings = [
            squares.Ring(lines.node[part], lines.lonlat[part], is_inner)
            for row, is_inner in members
            for line in lines_of.get(row, ())
            for part in [slice(ends[line] - lines.counts[line], ends[line])]
        ]
        if not rings:
            continue
        own, own_visits = np.unique(np.concatenate([ring.nodes for ring in rings]), return_counts=True)
        crossings = squares.crossings(rings, own[lines.visits[own] > own_visits])
        too_large += crossings.too_many
        added.append((np.full(len(crossings.nodes), members[0][0]), crossings))
    if not added:
        return lines, too_large
    new_nodes = np.concatenate([crossings.nodes.ravel() for _, crossings in added])
    way = np.concatenate([lines.way, *(row for row, _ in added)]).astype(np.int64)
    with_crossings = _Lines(
        way,
        np.concatenate([lines.counts, np.full(len(way) - len(lines.way), 2)]),
        np.concatenate([lines.node, new_nodes]),
        np.concatenate([lines.lonlat, *(crossings.lonlat.reshape(-1, 2) for _, crossings in added)]),
        lines.node_ids,
        lines.visits + np.bincount(new_nodes, minlength=len(lines.visits)),
    )
    return with_crossings, too_large


class _Edges(NamedTuple):
    """Lines between junctions: the ``line`` of `_Lines` each is part of, the ids of its two end nodes, its geometry."""

    line: Int64Array
    ends: Int64Array
    geometries: GeometryArray


def _cut_at_junctions(lines: _Lines, is_barrier: BoolArray) -> _Edges:
    """Cut lines at each node that several lines share or that one line visits twice, and at barriers.

    ``is_barrier`` has a row for each of `_Lines.node_ids`.
    """
    first = np.cumsum(lines.counts) - lines.counts
    is_end = ((lines.visits > 1) | is_barrier)[lines.node]
    is_end[first] = is_end[first + lines.counts - 1] = True
    ends = np.flatnonzero(is_end)
    line = np.repeat(np.arange(len(lines.counts)), lines.counts)
    begin, end = ends[:-1], ends[1:]
    same_line = line[begin] == line[end]
    begin, end = begin[same_line], end[same_line]
    # Edges share their end nodes, so the nodes of all edges are more than those of the lines.
    counts = end - begin + 1
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    vertices = lines.lonlat[np.repeat(begin, counts) + offset]
    geometries = shapely.linestrings(vertices, indices=np.repeat(np.arange(len(begin)), counts))
    return _Edges(line[begin], lines.node_ids[lines.node[np.column_stack([begin, end])]], geometries)
