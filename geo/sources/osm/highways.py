"""Who may use a street of an OpenStreetMap extract, how fast, and where trips may begin and end, by its tags.

The rules follow the OpenStreetMap wiki: Key:access, Key:foot, Key:bicycle, Key:motor_vehicle, Key:oneway and
Tag:route=ferry. Where defaults differ by country they are those of China, where trunk roads are ordinary national
roads, open to walkers. `street_edges` makes edges of the ways.
"""

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from geo.choices import Mode
from geo.sources.osm import access, speeds
from geo.sources.osm.access import Tags

WAY_KEYS = ("highway", "route")
"""A street has a tag of one of these keys."""
_ONEWAY_KEYS: dict[Mode, tuple[str, ...]] = {
    "cycle": ("oneway:bicycle", "oneway:vehicle", "oneway"),
    "drive": ("oneway:motorcar", "oneway:motor_vehicle", "oneway:vehicle", "oneway"),
}
_ALL_ONEWAY_KEYS = tuple(dict.fromkeys(key for keys in _ONEWAY_KEYS.values() for key in keys))
_LANE_KEYS = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
_CONDITIONAL_KEYS = tuple(f"{key}:conditional" for key in (*access.PLAIN_KEYS, "oneway", "maxspeed"))
KEYS = (
    *WAY_KEYS,
    "area",
    "type",
    "disused",
    "abandoned",
    *access.KEYS,
    "motorroad",
    *_ALL_ONEWAY_KEYS,
    *_LANE_KEYS,
    "cycleway:left:oneway",
    "cycleway:right:oneway",
    "junction",
    *speeds.KEYS,
    *_CONDITIONAL_KEYS,
    "duration",
    "bridge",
    "tunnel",
    "covered",
    "location",
    "layer",
)
"""The keys that the rules below read."""
_USAGE_KEYS = frozenset(KEYS) - {*speeds.KEYS, *_CONDITIONAL_KEYS, "duration"}

_NOT_IN_USE = {"construction", "proposed", "planned", "disused", "abandoned", "razed"}
_NOT_IN_USE |= {"demolished", "dismantled", "destroyed", "removed", "historic", "no"}
_NOT_USABLE = _NOT_IN_USE | {"raceway", "platform", "corridor", "bus_guideway"}
_MOTORWAY = {"motorway", "motorway_link"}
_NO_CYCLING = _NOT_USABLE | _MOTORWAY
_NO_CYCLING |= {"footway", "pedestrian", "steps", "bridleway", "elevator", "via_ferrata", "busway"}
_OTHERS = {"trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "service"}
_OTHERS |= {"trunk_link", "primary_link", "secondary_link", "tertiary_link", "road", "track", "path", "cycleway"}
_OTHERS |= {"rest_area", "services", "escape", "emergency_bay", "crossing", "ladder", "trailhead"}
_KNOWN_CLASSES = _NO_CYCLING | _OTHERS
_ONEWAY = {"yes": 1, "true": 1, "1": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0}
_ONEWAY |= {"reversible": 0, "alternating": 0}  # one direction at a time, and nobody knows when
_OPEN_AT_THE_SIDE = {"no", "building_passage", "passage", "avalanche_protector", "culvert"}
"""Values of ``tunnel`` where one gets in and out on the way: passages through buildings, galleries, streets above a
culvert."""
FERRY_KPH = 10.0
"""The speed of a ferry of which no duration is known."""


class Directions(NamedTuple):
    """Whether a way may be used in the direction in which it is drawn, and against it."""

    forward: bool
    backward: bool


_BOTH, _NEITHER = Directions(True, True), Directions(False, False)


def _street_class(tags: Tags) -> str:
    """The value of the highway tag; “disused” where another tag says that the street is out of use."""
    return "disused" if "yes" in (tags.get("disused"), tags.get("abandoned")) else tags["highway"]


def is_ferry(tags: Tags) -> bool:
    """Whether tags mark the route of a ferry."""
    return tags.get("route") == "ferry"


def is_street(tags: Tags) -> bool:
    """Whether tags mark a way that people might travel on."""
    return "highway" in tags or is_ferry(tags)


def is_square(tags: Tags) -> bool:
    """Whether tags mark a street that is an area: closed ways with ``area=yes``, and multipolygons."""
    return "highway" in tags and (tags.get("area") == "yes" or tags.get("type") == "multipolygon")


def walkable(tags: Tags) -> Directions:
    """In which directions people may walk on a way.

    One-way streets are none for walkers, ferries that go one way only are.
    """
    forward, backward = (_walkable(tags, direction) for direction in ("forward", "backward"))
    oneway = _oneway(tags, ("oneway",)) if is_ferry(tags) else _BOTH
    return Directions(forward and oneway.forward, backward and oneway.backward)


def _walkable(tags: Tags, direction: str) -> bool:
    judgement = access.judge(tags, "walk", direction)
    if judgement is not None:
        if not judgement.is_open:
            return False
        if judgement.own_key and judgement.opening:
            return True
    if is_ferry(tags):
        return True  # ferries are public transport: a passenger needs no tag
    return tags.get("motorroad") != "yes" and _street_class(tags) not in _NOT_USABLE | _MOTORWAY


def cyclable(tags: Tags) -> Directions:
    """In which directions people may cycle on a way."""
    is_open = not is_ferry(tags) and tags.get("motorroad") != "yes" and _street_class(tags) not in _NO_CYCLING
    oneway = _oneway(tags, _ONEWAY_KEYS["cycle"])
    lanes = [tags.get(key, "") for key in _LANE_KEYS]
    lane_oneways = [tags.get(f"{key}:oneway") for key in ("cycleway:left", "cycleway:right")]
    if "oneway:bicycle" not in tags and (
        any(lane.startswith("opposite") for lane in lanes) or not {"-1", "no"}.isdisjoint(lane_oneways)
    ):
        oneway = _BOTH
    return _directions(tags, "cycle", is_open, oneway)


def drivable(tags: Tags, car_classes: Container[str]) -> Directions:
    """In which directions people may drive on a way.

    ``car_classes`` are the values of the highway tag that are open to cars.
    """
    if is_square(tags) or not (is_ferry(tags) or _street_class(tags) in car_classes):
        return _NEITHER
    return _directions(tags, "drive", not is_ferry(tags), _oneway(tags, _ONEWAY_KEYS["drive"]))


def _directions(tags: Tags, mode: Mode, is_open: bool, oneway: Directions) -> Directions:
    """The directions of a mode with wheels.

    ``is_open`` tells whether the way is open without access tags, ``oneway`` the directions that its one-way tags
    leave. A tag such as ``bicycle:backward=yes`` opens a one-way street against its direction.
    """
    directions = []
    for direction, along in zip(("forward", "backward"), oneway, strict=True):
        judgement = access.judge(tags, mode, direction)
        if judgement is None:
            directions.append(is_open and along)
            continue
        # On ferries any tag opens; elsewhere bicycle=yes opens what its class closes, and access=yes does not.
        opening = judgement.opening and (is_ferry(tags) or (mode == "cycle" and judgement.own_key))
        against = judgement.opening and judgement.of_direction
        directions.append(judgement.is_open and (is_open or opening) and (along or against))
    return Directions(*directions)


def _oneway(tags: Tags, keys: Sequence[str]) -> Directions:
    """The directions of a way by the first of its one-way tags; roundabouts and motorways are one-way without any."""
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    values = (_ONEWAY[tags[key]] for key in keys if tags.get(key) in _ONEWAY)
    direction = next(values, 1 if implied else 0)
    return Directions(direction >= 0, direction <= 0)


def off_ground(tags: Tags) -> bool:
    """Whether a way leaves the terrain: a bridge, a tunnel or a ferry."""
    return is_ferry(tags) or any(tags.get(key, "no") != "no" for key in ("bridge", "tunnel"))


def in_tunnel(tags: Tags) -> bool:
    """Whether nobody gets onto a way, or off it, except at its ends, because it is below the ground."""
    if tags.get("tunnel", "no") not in _OPEN_AT_THE_SIDE or tags.get("location") == "underground":
        return True
    return tags.get("covered", "no") != "no" and tags.get("layer", "").startswith("-")


def not_understood(tags: Tags) -> Iterator[tuple[str, str]]:
    """The tags of a street whose values no rule knows: key and value."""
    if not is_ferry(tags) and tags["highway"] not in _KNOWN_CLASSES:
        yield "highway", tags["highway"]
    for key in _ALL_ONEWAY_KEYS:
        if key in tags and tags[key] not in _ONEWAY:
            yield key, tags[key]
    if is_ferry(tags) and "duration" in tags and speeds.duration_seconds(tags["duration"]) is None:
        yield "duration", tags["duration"]
    yield from access.not_understood(tags)
    yield from speeds.not_understood(tags)


def has_conditions(tags: Tags) -> bool:
    """Whether a tag restricts a way at some hours only; such tags are not applied."""
    return not tags.keys().isdisjoint(_CONDITIONAL_KEYS)


class Attributes(NamedTuple):
    """The columns of a frame of streets that the tags of a way decide: see `geo.study.streets`."""

    highway: str
    maxspeed_kph: float
    maxspeed_backward_kph: float
    walk: bool
    walk_oneway: int
    cycle_forward: bool
    cycle_backward: bool
    drive_forward: bool
    drive_backward: bool
    walk_attracts: bool
    cycle_attracts: bool
    drive_attracts: bool
    off_ground: bool


def attributes(tags: Tags, car_classes: frozenset[str]) -> Attributes | None:
    """The attributes of a street; None where the way is not a street or nobody may use it."""
    if not is_street(tags):
        return None
    usage = _usage(tuple(item for item in tags.items() if item[0] in _USAGE_KEYS), car_classes)
    if usage is None:
        return None
    street_class = "ferry" if is_ferry(tags) else tags["highway"]
    return Attributes(street_class, speeds.maxspeed_kph(tags, "forward"), speeds.maxspeed_kph(tags, "backward"), *usage)


@lru_cache(maxsize=4096)  # speeds and other tags tell many streets apart that the same people may use
def _usage(
    tag_items: tuple[tuple[str, str], ...], car_classes: frozenset[str]
) -> tuple[bool, int, bool, bool, bool, bool, bool, bool, bool, bool] | None:
    """The fields of `Attributes` after the speeds; None where nobody may use the way."""
    tags = dict(tag_items)
    walk, cycle, drive = walkable(tags), cyclable(tags), drivable(tags, car_classes)
    if not any((*walk, *cycle, *drive)):
        return None
    attracts = not (is_ferry(tags) or in_tunnel(tags))
    on_motorway = tags.get("motorroad") == "yes" or tags.get("highway") in _MOTORWAY
    return (
        any(walk),
        int(walk.forward) - int(walk.backward),
        *cycle,
        *drive,
        attracts,
        attracts,
        attracts and not on_motorway,
        off_ground(tags),
    )
