"""What a study takes from an OpenStreetMap extract: streets, facilities, buildings, residential land and place nodes.

First its boundaries are read (`boundaries.read`), which tell where to look, and then all the rest. A build converts the
extract once for both (`opl.converted`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError
from geo.sources.osm import (
    boundaries,
    buildings,
    facilities,
    fates,
    highways,
    land,
    opl,
    opl_lines,
    polygons,
    restrictions,
    street_edges,
    tag_values,
)
from geo.sources.osm.boundaries import Boundaries
from geo.sources.osm.elements import Nodes, Ways
from geo.sources.osm.facilities import FacilityRows
from geo.sources.osm.fates import Fates
from geo.sources.osm.opl import OplFile
from geo.sources.osm.opl_scan import Box
from geo.sources.summary import Progress
from geo.study.categories import BUILT_IN, Categories
from geo.study.files import Row
from geo.study.settings import Speeds

PLACES = ("city", "town", "village", "suburb", "municipality", "hamlet", "neighbourhood")


@dataclass(frozen=True)
class Extract:
    """What a study takes from an extract, in WGS84.

    Attributes
    ----------
    path : the file
    data_date : the day to which the data are up to date; None where the file does not say it
    boundaries : the administrative boundaries, as they were read before
    places : GeoDataFrame of place nodes: ``name``, ``population`` (None or NaN unknown), ``geometry`` (points)
    buildings : GeoDataFrame of residential buildings: ``floor_m2``, ``geometry`` (points)
    residential_land : the outline of each area of it, by id; None where its outline is broken
    streets : as `geo.study.streets.from_lines` makes them
    facility_rows : not checked yet
    turn_restrictions : the OPL lines of their relations, for `restrictions.forbidden_paths`
    broken_outlines : the facilities that are points because their outline is broken: name and id, by id
    left_out : how many objects are left out, by reason; facilities_left_out : those of them that are facilities
    notes : remarks about streets, each with the number of objects that it is about
    fates : what became of the extract's relations, ways and tagged nodes; of turn restrictions it is not known yet
    """

    path: Path
    data_date: date | None
    boundaries: Boundaries
    places: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    residential_land: dict[str, BaseGeometry | None]
    streets: gpd.GeoDataFrame
    facility_rows: list[Row]
    turn_restrictions: list[str]
    broken_outlines: dict[str, str]
    left_out: Counter[str]
    facilities_left_out: Counter[str]
    notes: Counter[str]
    fates: dict[str, Fates]


class _Elements(NamedTuple):
    """Objects near a place: nodes, ways with all their nodes, and OPL lines of relations of such ways.

    ``relations`` are multipolygons, ``street_relations`` squares and ferries. ``turn_restrictions`` are the lines of
    all of them in the extract. ``relation_fates`` accounts for all other relations of the extract, except that of
    administrative boundaries it has only the number, ``administrative``; ``way_count`` is the number of all ways.
    """

    nodes: Nodes
    ways: Ways
    relations: list[str]
    street_relations: list[str]
    turn_restrictions: list[str]
    relation_fates: Fates
    administrative: set[str]
    way_count: int


def read(
    extract: Path | OplFile,
    drawn: Boundaries,
    within: BaseGeometry | None,
    progress: Progress,
    categories: Categories = BUILT_IN,
) -> Extract:
    """Read what lies at least partly in the bounding box of ``within``, a WGS84 polygon; None reads all of it.

    ``drawn`` are the extract's boundaries, ``categories`` those of the facilities that are read.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, is not an OpenStreetMap extract, or holds no street there.
    """
    box = opl.WORLD if within is None else within.bounds
    area_keys = ("building", land.TAG, *categories.osm_keys)
    with opl.converted(extract) as text:
        path = text.source
        elements = _read_elements(text, box, (*highways.WAY_KEYS, *area_keys), area_keys, categories, drawn)
    nodes, ways, relations = elements.nodes, elements.ways, elements.relations
    lonlat = nodes.lonlat_of(ways.node_ids)
    street_ways = street_edges.of_ways(ways, nodes, elements.street_relations, box, Speeds().drive_class_kph)
    streets, left_out = street_ways.frame, street_ways.left_out
    if not streets["length_m"].any():
        raise ExtractError(f"{path}: holds no street{'' if within is None else ' in or around the area'}")
    progress("streets", len(streets))
    facility_rows = FacilityRows(categories)
    _add_nodes(nodes, facility_rows)

    # Ways that only osmium can make polygons of: facilities, members of relations, and rings that are not simple.
    is_facility = np.array([facilities.is_facility(tags, categories) for tags in ways.tag_sets], dtype=bool)
    members = np.isin(ways.ids, list(set().union(*map(opl_lines.member_ways, relations))))
    is_land = np.array([land.is_residential(tags) for tags in ways.tag_sets], dtype=bool)
    left_to_osmium = (is_facility | is_land)[ways.tag_set] | members
    levels, outlines, invalid, homes = buildings.from_ways(ways, lonlat, ~left_to_osmium)
    home_ids = [f"w{way_id}" for way_id in ways.ids[homes].tolist()]
    objects = osmium.filter.KeyFilter(*(words.split("=")[0] for words in area_keys))
    residential_land: dict[str, BaseGeometry | None] = {}

    def is_wanted(tags: polygons.Tags) -> bool:
        return facilities.is_facility(tags, categories) or buildings.is_residential(tags) or land.is_residential(tags)

    for polygon in polygons.assembled(path, nodes, ways, left_to_osmium | invalid, relations, objects, is_wanted):
        facility_rows.add_polygon(polygon)
        if land.is_residential(polygon.tags):
            residential_land[polygon.osm_id] = polygon.outline
        if buildings.is_residential(polygon.tags):
            if polygon.outline is not None:
                levels.append(buildings.levels(polygon.tags))
                outlines.append(polygon.outline)
                home_ids.append(polygon.osm_id)
            elif not facilities.is_facility(polygon.tags, categories):  # a facility is counted by `facility_rows`
                left_out[facilities.BROKEN_OUTLINE] += 1
    used = fates.Used(
        street_ways,
        {osm_id for osm_id, _, _ in facility_rows.rows},
        facility_rows.refused,
        set(home_ids),
        {osm_id for osm_id, outline in residential_land.items() if outline is not None},
        drawn,
    )
    progress("facilities", len(facility_rows.rows))
    progress("buildings", len(outlines))
    return Extract(
        path=path,
        data_date=_data_date(path),
        boundaries=drawn,
        places=_places(nodes),
        buildings=buildings.frame(levels, outlines),
        residential_land=residential_land,
        streets=streets,
        facility_rows=facility_rows.rows,
        turn_restrictions=elements.turn_restrictions,
        broken_outlines=facility_rows.broken,
        left_out=left_out + facility_rows.left_out,
        facilities_left_out=facility_rows.left_out,
        notes=street_ways.notes,
        fates={
            "relations": fates.of_relations(
                elements.relation_fates, elements.administrative, relations, elements.street_relations, ways, used
            ),
            "ways": fates.of_ways(elements.way_count, ways, {*relations, *elements.street_relations}, used, categories),
            "tagged nodes": fates.of_nodes(nodes, used, PLACES),
        },
    )


def read_facilities(
    path: Path, within: BaseGeometry | None, categories: Categories
) -> tuple[list[Row], list[str], Counter[str]]:
    """The facilities of an extract that touch ``within``, a WGS84 polygon (None: all).

    Also the names of those that are points because their outline is broken, and how many are left out, by reason.

    Raises
    ------
    ExtractError
        The file does not exist, is truncated, or is not an OpenStreetMap extract.
    """
    box = opl.WORLD if within is None else within.bounds
    keys = categories.osm_keys
    with opl.converted(path) as text:
        nodes, ways, relations, *_ = _read_elements(text, box, keys, keys, categories, Boundaries())
    facility_rows = FacilityRows(categories)
    _add_nodes(nodes, facility_rows)
    all_ways = np.ones(len(ways.ids), dtype=bool)
    is_facility = partial(facilities.is_facility, categories=categories)
    for polygon in polygons.assembled(
        path, nodes, ways, all_ways, relations, osmium.filter.KeyFilter(*keys), is_facility
    ):
        facility_rows.add_polygon(polygon)
    rows = facility_rows.rows
    if within is not None:
        shapely.prepare(within)
        rows = [(osm_id, fields, shape) for osm_id, fields, shape in rows if within.intersects(shape)]
    ids = {fields["id"] for _, fields, _ in rows}
    return rows, [name for id_, name in facility_rows.broken.items() if id_ in ids], facility_rows.left_out


def _read_elements(
    text: OplFile,
    box: Box,
    way_keys: Sequence[str],
    area_keys: Sequence[str],
    categories: Categories,
    drawn: Boundaries,
) -> _Elements:
    """The objects in and around a box, of which streets, facilities and buildings are made.

    These are the nodes in the box, the ways with one of ``way_keys`` that have a node in it, the multipolygons with one
    of ``area_keys`` that have such a way, and all nodes and ways that these consist of. Keys may have a value, as in
    `OplFile.ways`.
    """
    # The keys that decide what a way is; the rules see no other tags of ways than those of ``way_keys`` and these.
    rule_keys = (*highways.KEYS, *buildings.KEYS, *facilities.rule_keys(categories))
    area_tags = [words.partition("=")[::2] for words in (*area_keys, *highways.WAY_KEYS)]
    relation_keys = {"type", *(key for key, _ in area_tags)}
    nodes = text.nodes(box, keys=("place", "barrier", *categories.osm_keys))
    members, turn_restrictions, administrative, relation_fates = {}, [], set(), Fates(0)
    for line in text.relations():
        relation_fates.read += 1
        tags = opl_lines.tags(line, relation_keys)
        if boundaries.is_administrative(line):
            administrative.add(f"r{opl_lines.object_id(line)}")
        is_area = any(key in tags and value in ("", tags[key]) for key, value in area_tags)
        if highways.is_ferry(tags) or (is_area and opl_lines.is_multipolygon(line)):
            members[line] = opl_lines.member_ways(line)
        elif restrictions.is_restriction(line):
            turn_restrictions.append(line)
        elif not boundaries.is_administrative(line):
            relation_fates.left_out[f"{fates.NO_INTEREST}, type {tags.get('type', 'unknown')}"] += 1
    nodes_in_box = None if box == opl.WORLD else nodes
    ways = text.ways(way_keys, set().union(*members.values()), nodes_in_box, rule_keys, drawn.way_ids)
    near = set(ways.ids.tolist())
    far = [line for line, way_ids in members.items() if near.isdisjoint(way_ids)]
    relation_fates.left_out[fates.OUTSIDE] += sum(f"r{opl_lines.object_id(line)}" not in administrative for line in far)
    for line in far:
        del members[line]
    if len(outside := np.intersect1d(ways.outside_ids, list(set().union(*members.values())))):
        ways = ways.merged_with(text.ways((), outside.tolist(), rule_keys=(*way_keys, *rule_keys)))
    if nodes_in_box is not None and len(unknown := np.unique(ways.node_ids[nodes.index_of(ways.node_ids) < 0])):
        nodes = nodes.merged_with(text.nodes(ids=unknown, keys=("barrier",)))
    multipolygons = [line for line in members if opl_lines.is_multipolygon(line)]
    street_relations = [line for line in members if highways.is_street(opl_lines.tags(line, highways.WAY_KEYS))]
    return _Elements(
        nodes,
        ways,
        multipolygons,
        street_relations,
        turn_restrictions,
        relation_fates,
        administrative,
        text.way_count(),
    )


def _add_nodes(nodes: Nodes, facility_rows: FacilityRows) -> None:
    points = shapely.points(np.array(nodes.tagged_lonlat).reshape(-1, 2))
    for (node_id, tags), point in zip(nodes.tagged, points, strict=True):
        facility_rows.add(f"n{node_id}", tags, point)


def _places(nodes: Nodes) -> gpd.GeoDataFrame:
    rows, points = [], []
    for (_, tags), lonlat in zip(nodes.tagged, nodes.tagged_lonlat, strict=True):
        if tags.get("place") in PLACES and "name" in tags:
            rows.append((tags["name"], tag_values.number(tags.get("population"))))
            points.append(shapely.Point(lonlat))
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=["name", "population"]), geometry=points, crs="EPSG:4326")


def _data_date(path: Path) -> date | None:
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        timestamp = str(reader.header().get("osmosis_replication_timestamp") or "")
    return tag_values.iso_date(timestamp[:10])
