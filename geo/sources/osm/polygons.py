"""Polygons that osmium assembles: of multipolygon relations, and of closed ways."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Int64Array
from geo.sources.osm import extract_files, opl, opl_lines
from geo.sources.osm.elements import Nodes, Ways

Tags: TypeAlias = Mapping[str, str]


class Polygon(NamedTuple):
    """An area of an extract: ``osm_id`` is ``r`` (relation) or ``w`` (closed way) and the object's id.

    ``outline`` is a valid WGS84 polygon. It is None where the object's rings make none: they are not closed, cross
    themselves, or lack a node or a member. Then ``remains`` is a point amid those of its nodes that are in the extract,
    or None if none is.
    """

    osm_id: str
    tags: Tags
    outline: BaseGeometry | None
    remains: shapely.Point | None


def assembled(
    path: Path,
    nodes: Nodes,
    ways: Ways,
    selected: BoolArray,
    relations: list[str],
    objects: opl.Filter,
    is_wanted: Callable[[Tags], bool],
) -> Iterator[Polygon]:
    """The polygons of the multipolygon ``relations`` (OPL lines) and of some ways, as far as they pass a filter.

    Parameters
    ----------
    path : the extract, for messages
    nodes : must hold the nodes of the ways
    ways : must hold the members of the relations; their `Ways.keys` must contain those that ``is_wanted`` reads, or
        broken outlines of ways are passed over
    selected : shape (ways,), which ways to use: members of the relations, and closed ways that are polygons themselves
    objects : osmium's filter
    is_wanted : a further filter, by tags; no outline is made of other polygons
    """
    lines = [
        *nodes.lines_of(ways.nodes_of(selected)),
        *opl_lines.with_positive_ids(ways.lines_at(np.flatnonzero(selected))),
        *opl_lines.with_positive_ids(relations),
    ]
    complete: set[str] = set()
    content = osmium.io.FileBuffer("".join(lines).encode(), "opl")
    with extract_files.errors(path):
        for element in osmium.FileProcessor(content).with_areas(objects).with_filter(objects):
            if isinstance(element, osmium.osm.Area) and is_wanted(tags := dict(element.tags)):
                letter = "w" if element.from_way() else "r"
                osm_id = f"{letter}{opl_lines.original_id(element.orig_id())}"
                outline = _outline(element)
                if outline is not None:
                    complete.add(osm_id)
                    yield Polygon(osm_id, tags, outline, None)
    for osm_id, own_tags, node_ids in _incomplete(ways, selected, relations, is_wanted, complete):
        lonlat = nodes.lonlat_of(node_ids)
        hull = shapely.convex_hull(shapely.multipoints(lonlat[~np.isnan(lonlat[:, 0])]))
        yield Polygon(osm_id, own_tags, None, None if hull.is_empty else hull.point_on_surface())


def _incomplete(
    ways: Ways, selected: BoolArray, relations: list[str], is_wanted: Callable[[Tags], bool], complete: set[str]
) -> Iterator[tuple[str, Tags, Int64Array]]:
    """The relations and selected ways that are wanted and not ``complete``: id, tags, and the ids of their nodes.

    An open way that is a member of a relation is a part of that outline, and not one of its own.
    """
    wanted_sets = np.array([is_wanted(tags) for tags in ways.tag_sets], dtype=bool)
    ends = np.cumsum(ways.node_counts)
    members = set().union(*map(opl_lines.member_ways, relations))
    for row in np.flatnonzero(wanted_sets[ways.tag_set] & selected).tolist():
        if f"w{ways.ids[row]}" in complete:
            continue
        node_ids = ways.node_ids[ends[row] - ways.node_counts[row] : ends[row]]
        if node_ids[0] == node_ids[-1] or ways.ids[row] not in members:
            yield f"w{ways.ids[row]}", opl_lines.tags(ways.lines_at(np.array([row]))[0]), node_ids
    for line in relations:
        osm_id = f"r{opl_lines.object_id(line)}"
        if osm_id not in complete and is_wanted(relation_tags := opl_lines.tags(line)):
            in_relation = np.isin(ways.ids, list(opl_lines.member_ways(line)))
            yield osm_id, relation_tags, ways.nodes_of(in_relation)


def _outline(area: osmium.osm.Area) -> BaseGeometry | None:
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(area))
    except (RuntimeError, shapely.errors.GEOSException):
        return None
    shape = shapely.make_valid(shape)
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape
