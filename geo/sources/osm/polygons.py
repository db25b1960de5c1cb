"""Polygons that osmium assembles: of multipolygon relations, and of closed ways."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray
from geo.sources.osm import extract_files, opl, opl_lines
from geo.sources.osm.elements import Nodes, Ways

Tags: TypeAlias = Mapping[str, str]


class Polygon(NamedTuple):
    """An area of an extract: ``osm_id`` is ``r`` (relation) or ``w`` (closed way) and the object's id.

    ``outline`` is a valid WGS84 polygon; None where the object's rings make none.
    """

    osm_id: str
    tags: Tags
    outline: BaseGeometry | None


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
    ways : must hold the members of the relations
    selected : shape (ways,), which ways to use: members of the relations, and closed ways that are polygons themselves
    objects : osmium's filter
    is_wanted : a further filter, by tags; no outline is made of other polygons
    """
    lines = [
        *nodes.lines_of(ways.nodes_of(selected)),
        *opl_lines.with_positive_ids(ways.lines_at(np.flatnonzero(selected))),
        *opl_lines.with_positive_ids(relations),
    ]
    content = osmium.io.FileBuffer("".join(lines).encode(), "opl")
    with extract_files.errors(path):
        for element in osmium.FileProcessor(content).with_areas(objects).with_filter(objects):
            if isinstance(element, osmium.osm.Area) and is_wanted(tags := dict(element.tags)):
                letter = "w" if element.from_way() else "r"
                yield Polygon(f"{letter}{opl_lines.original_id(element.orig_id())}", tags, _outline(element))


def _outline(area: osmium.osm.Area) -> BaseGeometry | None:
    try:
        shape = shapely.from_wkb(osmium.geom.WKBFactory().create_multipolygon(area))
    except (RuntimeError, shapely.errors.GEOSException):
        return None
    shape = shapely.make_valid(shape)
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape
