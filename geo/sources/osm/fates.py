"""What became of each relation, way and tagged node of an extract: each has one fate, so that the sums add up.

An object that serves several uses, such as a way that is a street and the outline of a park, has the fate of the first
of its uses: street, facility, residential building, residential land, outline.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from geo.arrays import BoolArray
from geo.sources.osm import buildings, facilities, highways, land, opl_lines
from geo.sources.osm.boundaries import Boundaries
from geo.sources.osm.elements import Nodes, Ways
from geo.sources.osm.street_edges import Streets
from geo.study.categories import Categories

STREETS, FACILITIES, HOMES, LAND = "streets", "facilities", "residential buildings", "residential land"
BOUNDARIES = "administrative boundaries"
OUTLINES, BOUNDARY_OUTLINES = (
    "outlines of facilities, buildings, residential land and squares",
    "outlines of administrative boundaries",
)
PLACES, BARRIERS = "places", "barriers on streets"
RESTRICTIONS = "turn restrictions"
OUTSIDE = "outside the surroundings"
NO_INTEREST = "without a tag that counts"
"""This is said also of ways without a node."""
_NOT_RESIDENTIAL = "buildings in which nobody lives"
_NO_OUTLINE = "residential buildings without a closed outline"
_NO_LAND_OUTLINE = "residential land without a closed outline"
_CLOSED = "streets closed to everybody"


@dataclass
class Fates:
    """How many objects were read, how many are kept, by use, and how many are left out, by reason."""

    read: int
    kept: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, turn_restrictions: int, left_out: Counter[str]) -> None:
        """Add the relations of turn restrictions that are applied, and those left out."""
        self.kept[RESTRICTIONS] += turn_restrictions
        self.left_out.update(left_out)


@dataclass(frozen=True)
class Used:
    """What a study uses of an extract; objects have ids such as “w5”.

    ``refused`` are facilities that are left out, with the reason, ``homes`` residential buildings, ``land`` areas of
    residential land.
    """

    streets: Streets
    facilities: Collection[str]
    refused: Mapping[str, str]
    homes: Collection[str]
    land: Collection[str]
    drawn: Boundaries


def of_relations(
    fates: Fates, administrative: Collection[str], areas: Iterable[str], streets: Iterable[str], ways: Ways, used: Used
) -> Fates:
    """Complete ``fates`` by the relations of boundaries, areas and streets.

    Parameters
    ----------
    fates : accounts for all relations but these and turn restrictions
    administrative : the ids of the administrative boundaries
    areas, streets : the OPL lines of multipolygons, and of squares and ferries
    ways : those in or around the place
    """
    complete = {boundary.osm_id for boundary in used.drawn.complete}
    named = {boundary.osm_id for boundary in used.drawn.incomplete}
    for osm_id in administrative:
        if osm_id in complete:
            fates.kept[BOUNDARIES] += 1
        elif osm_id in named:
            fates.left_out[f"{BOUNDARIES} that are not complete in the extract"] += 1
        else:
            fates.left_out[f"{BOUNDARIES} without a name or an admin_level"] += 1
    street_ways = set(ways.ids[used.streets.used].tolist())
    street_lines = set(streets)
    for line in dict.fromkeys([*areas, *street_lines]):
        osm_id = f"r{opl_lines.object_id(line)}"
        if osm_id in administrative:
            continue
        tags = opl_lines.tags(line)
        if line in street_lines and not street_ways.isdisjoint(opl_lines.member_ways(line)):
            fates.kept["squares and ferries"] += 1
        elif osm_id in used.facilities:
            fates.kept[FACILITIES] += 1
        elif osm_id in used.homes:
            fates.kept[HOMES] += 1
        elif osm_id in used.land:
            fates.kept[LAND] += 1
        elif osm_id in used.refused:
            fates.left_out[used.refused[osm_id]] += 1
        elif line in street_lines:
            fates.left_out["squares and ferries that are closed or not complete"] += 1
        elif buildings.is_residential(tags):
            fates.left_out[_NO_OUTLINE] += 1
        elif "building" in tags:
            fates.left_out[_NOT_RESIDENTIAL] += 1
        elif land.is_residential(tags):
            fates.left_out[_NO_LAND_OUTLINE] += 1
        else:
            fates.left_out["areas that are neither facilities nor buildings, or not complete"] += 1
    return fates


def of_ways(total: int, ways: Ways, relations: Iterable[str], used: Used, categories: Categories) -> Fates:
    """What became of the ``total`` ways of an extract.

    Parameters
    ----------
    ways : those in or around the place
    relations : the OPL lines of the relations whose members are outlines of areas
    """
    sets = ways.tag_sets
    fate = np.full(len(ways.ids), NO_INTEREST, dtype=object)

    def have_tags(values: Iterable[bool]) -> BoolArray:
        return np.array(list(values), dtype=bool)[ways.tag_set]

    def have_ids(osm_ids: Iterable[str]) -> BoolArray:
        return np.isin(ways.ids, [int(osm_id[1:]) for osm_id in osm_ids if osm_id[0] == "w"])

    kept_relations = {*used.facilities, *used.homes, *used.land}
    outlines = [opl_lines.member_ways(line) for line in relations if f"r{opl_lines.object_id(line)}" in kept_relations]
    boundary_ways = np.array(sorted(used.drawn.way_ids), dtype=np.int64)
    fate[have_tags(map(land.is_residential, sets))] = _NO_LAND_OUTLINE
    fate[have_tags("building" in tags for tags in sets)] = _NOT_RESIDENTIAL
    fate[have_tags(map(buildings.is_residential, sets))] = _NO_OUTLINE
    fate[have_tags(facilities.is_facility(tags, categories) for tags in sets)] = "facilities without a closed outline"
    fate[have_tags(map(highways.is_street, sets))] = "streets without two nodes in the extract and its surroundings"
    fate[used.streets.closed] = _CLOSED
    for reason in set(used.refused.values()):
        fate[have_ids(osm_id for osm_id, why in used.refused.items() if why == reason)] = reason
    uses = {
        BOUNDARY_OUTLINES: np.isin(ways.ids, boundary_ways),
        OUTLINES: np.isin(ways.ids, list(set().union(*outlines))),
        LAND: have_ids(used.land),
        HOMES: have_ids(used.homes),
        FACILITIES: have_ids(used.facilities),
        STREETS: used.streets.used,
    }
    for use, selected in uses.items():
        fate[selected] = use
    fates = Fates(total)
    for text, count in Counter(fate.tolist()).items():
        (fates.kept if text in uses else fates.left_out)[text] += count
    far_boundary_ways = np.setdiff1d(boundary_ways, ways.ids)
    known = np.isin(ways.outside_ids, np.concatenate([ways.ids, far_boundary_ways]))
    outside = ways.outside_count - int(known.sum())
    fates.kept[BOUNDARY_OUTLINES] += len(far_boundary_ways)
    fates.left_out[OUTSIDE] += outside
    fates.left_out[NO_INTEREST] += total - len(ways.ids) - len(far_boundary_ways) - outside
    return fates


def of_nodes(nodes: Nodes, used: Used, places: Collection[str]) -> Fates:
    """What became of the nodes that have a tag of a place, a barrier or a facility.

    ``places`` are the values of place that count.
    """
    fates = Fates(len(nodes.tagged_lines) + nodes.tagged_elsewhere)
    fates.left_out[OUTSIDE] += nodes.tagged_elsewhere
    for number, tags in nodes.tagged:
        if f"n{number}" in used.facilities:
            fates.kept[FACILITIES] += 1
        elif tags.get("place") in places and "name" in tags:
            fates.kept[PLACES] += 1
        elif number in used.streets.barrier_ids:
            fates.kept[BARRIERS] += 1
        elif f"n{number}" in used.refused:
            fates.left_out[used.refused[f"n{number}"]] += 1
        elif "barrier" in tags:
            fates.left_out["barriers on no street"] += 1
        elif "place" in tags:
            fates.left_out["places without a name, or of a kind that is no settlement"] += 1
        else:
            fates.left_out["of other kinds than the categories of facilities"] += 1
    return fates
