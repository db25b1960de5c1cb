"""Reads an extract for the slow computation, by the definitions of the program's design and by no code of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import osmium
import shapely

from support.reference import GEOD, Mode, Place, Streets, mainland
from support.reference_turns import Arcs, Restriction, forbidden_sequences

Tags = Mapping[str, str]
Segment = tuple[object, object, bool, bool, float, bool, int, float]
"""First and last node, open forward and backward, km/h forward (NaN: on foot), whether places attach to it, way, km/h
backward."""

NOT_WALKED = {"motorway", "motorway_link", "construction", "proposed", "abandoned", "razed", "disused", "planned"}
NOT_WALKED |= {"raceway", "platform", "corridor", "bus_guideway"}
LINKED = {"motorway", "trunk", "primary", "secondary", "tertiary"}
DRIVEN = {"residential", "living_street", "service", "unclassified", "road"}
DRIVEN |= LINKED | {f"{road}_link" for road in LINKED}
CLOSED = {"no", "private", "military", "emergency", "use_sidepath"}
CLOSED_TO_CARS = CLOSED | {"forestry", "agricultural", "permit", "delivery"}
OPEN_TO_WALKERS = {"yes", "designated", "permissive", "destination", "official"}
CAR_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
MAXSPEED = re.compile(r"(\d+(?:\.\d+)?) ?(mph|km/h|kmh|kph)?")
FERRY_KPH = 10.0
LAWS = {"urban": 50.0, "rural": 80.0, "zone30": 30.0, "30": 30.0, "zone:30": 30.0, "zone20": 20.0, "zone:20": 20.0}
"""What the law sets in Liechtenstein and Switzerland."""
WALLS = {"wall", "fence", "city_wall", "retaining_wall", "hedge", "guard_rail", "cable_barrier", "ditch"}
"""Barriers that stop everybody, if no access tag opens them."""
STOP_CARS = {"bollard", "kissing_gate", "stile", "turnstile", "full-height_turnstile", "cycle_barrier", "block"}
STOP_CARS |= {
    "motorcycle_barrier",
    "horse_stile",
    "planter",
    "rope",
    "log",
    "debris",
    "jersey_barrier",
    "chain",
    "door",
}
STOP_CARS |= {"step_over", "squeeze_stile", "wicket_gate", "tyres", "delineators", "handrail", "barrier_board"}
STOP_CARS |= {"bus_trap", "sump_buster", "horse_jump"}


def permission(tags: Tags, keys: Sequence[str], direction: str) -> tuple[str, str] | None:
    """The key and the value of the most special access tag; None where there is none."""
    for key in keys:
        for name in (f"{key}:{direction}", key):
            if name in tags:
                return key, tags[name]
    return None


def walkable(tags: Tags, direction: str = "forward") -> bool:
    """Whether a way is open to walkers in a direction."""
    permitted = permission(tags, ("foot", "access"), direction)
    if permitted is not None:
        key, value = permitted
        if key == "foot" and value in OPEN_TO_WALKERS:
            return True
        if value in CLOSED:
            return False
    if tags.get("route") == "ferry":
        return True
    return tags.get("motorroad") != "yes" and tags["highway"] not in NOT_WALKED


def drivable(tags: Tags, direction: str) -> bool:
    """Whether a way is open to cars in a direction, before one-way tags."""
    permitted = permission(tags, CAR_KEYS, direction)
    if permitted is not None and permitted[1] in CLOSED_TO_CARS:
        return False
    if tags.get("route") == "ferry":
        return permitted is not None
    return tags.get("area") != "yes" and tags.get("highway") in DRIVEN


def one_way(tags: Tags) -> int:
    """1 where cars drive as the way is drawn, −1 against it, 0 both."""
    implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") == "motorway"
    named = {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0}
    keys = ("oneway:motorcar", "oneway:motor_vehicle", "oneway:vehicle", "oneway")
    return next((named[tags[key]] for key in keys if tags.get(key) in named), 1 if implied else 0)


def kph_of(tags: Tags, direction: str, class_kph: Mapping[str, float]) -> float:
    """The legal speed of a street in a direction, or that of its class, in km/h."""
    for key in (f"maxspeed:{direction}", "maxspeed"):
        if (signed := MAXSPEED.fullmatch(tags.get(key, "").strip())) and float(signed[1]) > 0:
            return float(signed[1]) * (1.609344 if signed[2] == "mph" else 1)
    for key in ("maxspeed:type", "source:maxspeed", "zone:maxspeed"):
        country, _, law = tags.get(key, "").partition(":")
        if country in ("LI", "CH") and law in LAWS:
            return LAWS[law]
    highway = tags["highway"]
    return class_kph.get(highway) or class_kph[highway.removesuffix("_link")]


def stops(tags: Tags, mode: Mode) -> bool:
    """Whether a barrier on a node stops walkers or cars."""
    keys, closed = (("foot", "access"), CLOSED) if mode == "walk" else (CAR_KEYS, CLOSED_TO_CARS)
    permitted = permission(tags, keys, "none")
    if permitted is not None and permitted[1] in closed | OPEN_TO_WALKERS:
        return permitted[1] in closed
    if tags.get("locked") == "yes":
        return True
    return tags["barrier"] in WALLS or (mode == "drive" and tags["barrier"] in STOP_CARS)


def read_streets(extract: Path, mode: Mode, class_kph: Mapping[str, float] | None = None) -> Streets:
    """The segments of the ways open to `mode`; cars drive at 0.8 times `maxspeed`, or `class_kph` where untagged."""
    if mode == "cycle":
        raise NotImplementedError("the reference knows walking and driving")
    locations: dict[int, Place] = {}
    segments: list[Segment] = []
    squares: list[list[list[int]]] = []
    nodes_of_way: dict[int, list[int]] = {}
    restrictions: list[Restriction] = []
    # Most objects are nodes without tags, which take long in Python.
    tagged_nodes = osmium.FileProcessor(str(extract), osmium.osm.NODE).with_filter(osmium.filter.KeyFilter("barrier"))
    barriers = {node.id for node in tagged_nodes if stops({tag.k: tag.v for tag in node.tags}, mode)}
    others = osmium.filter.EntityFilter(osmium.osm.WAY | osmium.osm.RELATION)
    for element in osmium.FileProcessor(str(extract)).with_locations().with_filter(others):
        tags = {tag.k: tag.v for tag in element.tags}
        if isinstance(element, osmium.osm.Way):
            locations |= {node.ref: (node.lon, node.lat) for node in element.nodes if node.location.valid()}
            nodes_of_way[element.id] = nodes = [node.ref for node in element.nodes]
            if "highway" not in tags and tags.get("route") != "ferry":
                continue
            if mode == "walk":
                directions = walkable(tags, "forward"), walkable(tags, "backward")
                kph = kph_back = np.nan
                if any(directions) and tags.get("area") == "yes":
                    squares.append([nodes])
            else:
                directions = (
                    drivable(tags, "forward") and one_way(tags) >= 0,
                    (drivable(tags, "backward") and one_way(tags) <= 0),
                )
                kph = kph_back = np.nan
                if any(directions) and "highway" in tags:
                    kph, kph_back = (kph_of(tags, way, class_kph or {}) * 0.8 for way in ("forward", "backward"))
            if tags.get("route") == "ferry":
                kph = kph_back = FERRY_KPH
            attracts = tags.get("tunnel", "no") in ("no", "building_passage") and "highway" in tags
            if mode == "drive" and tags.get("highway") in ("motorway", "motorway_link"):
                attracts = False
            if any(directions):
                segments += [
                    (a, b, *directions, kph, attracts, element.id, kph_back)
                    for a, b in pairwise(nodes)
                    if a in locations and b in locations
                ]
        elif isinstance(element, osmium.osm.Relation) and mode == "drive" and tags.get("type") == "restriction":
            restrictions += restriction(tags, [(m.type, m.ref, m.role) for m in element.members])
        elif isinstance(element, osmium.osm.Relation) and mode == "walk" and "highway" in tags:
            rings = [nodes_of_way[m.ref] for m in element.members if m.type == "w" and m.ref in nodes_of_way]
            if tags.get("type") == "multipolygon" and walkable(tags) and len(rings) == len(element.members):
                squares.append(rings)
                for ring in rings:
                    segments += [(a, b, True, True, np.nan, True, 0, np.nan) for a, b in pairwise(ring)]
    street_nodes = Counter(ref for segment in segments for ref in set(segment[:2]))
    for rings in squares:
        segments += across(rings, locations, street_nodes)
    return assemble(segments, locations, barriers, restrictions)


def across(rings: Sequence[Sequence[int]], locations: Mapping[int, Place], uses: Mapping[int, int]) -> list[Segment]:
    """Straight walks across a square between its corners and the places where other streets meet it.

    On its own outline each node is the end of two segments, so others meet it where a node is the end of more.
    """
    nodes = list(dict.fromkeys(ref for ring in rings for ref in ring))
    if not all(ref in locations for ref in nodes) or sum(uses[ref] > 2 for ref in nodes) < 2:
        return []
    lines = [shapely.LineString([locations[ref] for ref in ring]) for ring in rings]
    square = shapely.build_area(shapely.GeometryCollection(lines))  # holes by the even-odd rule
    pairs = list(combinations(nodes, 2))
    ways = shapely.linestrings([[locations[a], locations[b]] for a, b in pairs])
    inside = shapely.covers(square.buffer(1e-8), ways)
    return [
        (a, b, True, True, np.nan, True, 0, np.nan)
        for (a, b), is_inside in zip(pairs, inside, strict=True)
        if is_inside
    ]


def restriction(tags: Tags, members: Sequence[tuple[str, int, str]]) -> list[Restriction]:
    """The restriction of a relation, if it binds cars; one for each way where it names several from or to."""
    kind = tags.get("restriction:motorcar", tags.get("restriction:motor_vehicle", tags.get("restriction", "")))
    excepted = tags.get("except", "").split(";")
    if not kind.startswith(("no_", "only_")) or {"motorcar", "motor_vehicle"} & {name.strip() for name in excepted}:
        return []
    by_role = {
        role: [ref for kind_of, ref, name in members if name == role and kind_of == "w"]
        for role in ("from", "via", "to")
    }
    node = next((ref for kind_of, ref, name in members if name == "via" and kind_of == "n"), None)
    if node is None and not by_role["via"]:
        return []
    return [
        Restriction(kind, from_way, node, tuple(by_role["via"]) if node is None else (), to_way)
        for from_way in by_role["from"]
        for to_way in by_role["to"]
    ]


def assemble(
    segments: Sequence[Segment],
    locations: Mapping[int, Place],
    barriers: set[int],
    restrictions: Sequence[Restriction],
) -> Streets:
    """Streets of segments; at a barrier each segment gets an end of its own, which leads nowhere."""
    if barriers:
        segments = [
            (
                (a, n) if a in barriers else a,
                (b, n) if b in barriers else b,
                *rest,
            )
            for n, (a, b, *rest) in enumerate(segments)
        ]
    index = {ref: n for n, ref in enumerate(dict.fromkeys(ref for segment in segments for ref in segment[:2]))}
    lonlat = np.array([locations[ref[0] if isinstance(ref, tuple) else ref] for ref in index], dtype=float)
    lonlat = lonlat.reshape(-1, 2)
    ends = np.array([(index[a], index[b]) for a, b, *_ in segments], dtype=np.int64).reshape(-1, 2)
    length_m = np.asarray(GEOD.inv(*lonlat[ends[:, 0]].T, *lonlat[ends[:, 1]].T)[2])
    forward, backward, may_attract = (np.array([segment[i] for segment in segments], dtype=bool) for i in (2, 3, 5))
    kph, kph_back = (np.array([segment[i] for segment in segments], dtype=float) for i in (4, 7))
    paces = np.column_stack([np.ones(len(kph)), np.where(np.isnan(kph), 1.0, kph / kph_back)])
    attracts = mainland(len(index), ends, length_m, forward, backward)
    forbidden: set[Arcs] = set()
    if restrictions:
        numbered = [
            Restriction(r.kind, r.from_way, index.get(r.via_node, -1), r.via_ways, r.to_way)
            if r.via_node is not None
            else r
            for r in restrictions
        ]
        pairs = [(a, b) for a, b in ends.tolist()]
        forbidden = forbidden_sequences(numbered, [segment[6] for segment in segments], pairs)
    return Streets(
        lonlat,
        ends,
        length_m,
        forward,
        backward,
        kph,
        attracts,
        paces,
        eligible=may_attract,
        forbidden=frozenset(forbidden),
    )
