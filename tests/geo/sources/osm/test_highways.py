"""Who may use a way in which direction, and how fast, by its tags."""

import pytest

from geo.sources.osm import highways
from geo.study.settings import Speeds

CLASSES = frozenset(Speeds().drive_class_kph)


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        ({}, True),
        *(({key: "yes"}, False) for key in ("disused", "abandoned")),
        ({"disused": "no"}, True),
        # A square is open like other streets.
        ({"area": "yes"}, True),
        ({"area": "yes", "access": "private"}, False),
        # First: a foot tag that allows walking overrides all that forbids it.
        *(({"foot": foot, "access": "private"}, True) for foot in ("yes", "designated", "permissive", "destination")),
        ({"foot": "official", "motorroad": "yes"}, True),
        ({"highway": "motorway", "foot": "yes"}, True),
        ({"highway": "construction", "foot": "yes"}, True),
        # Then: tags that forbid walking.
        *(({"foot": foot}, False) for foot in ("no", "private", "use_sidepath")),
        *(({"access": access}, False) for access in ("no", "private", "military", "emergency", "no;private")),
        *(({"access": access}, True) for access in ("private;customers", "forestry", "agricultural", "permit", "bus")),
        *(({"foot": foot, "access": "private"}, True) for foot in ("customers", "private;yes")),
        ({"foot": "foo", "access": "private"}, False),
        ({"foot": "no", "access": "yes"}, False),
        ({"motorroad": "yes"}, False),
        *(
            ({"highway": highway}, False)
            for highway in ("motorway", "motorway_link", "construction", "proposed", "abandoned", "razed", "raceway",
                            "platform", "corridor", "disused", "planned", "bus_guideway", "demolished")
        ),
        # Any other highway is open; trunk is an ordinary national road in China.
        *(
            ({"highway": highway}, True)
            for highway in ("trunk", "primary", "footway", "steps", "track", "path", "cycleway", "service", "whatever")
        ),
        # No other tag matters.
        ({"access": "customers"}, True),
        ({"foot": "discouraged"}, True),
        ({"oneway": "yes"}, True),
    ],
)  # fmt: skip
def test_tags_decide_who_may_walk(tags: dict[str, str], allowed: bool) -> None:
    assert highways.walkable({"highway": "residential", **tags}) == (allowed, allowed)


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({"foot:forward": "no"}, (False, True)),
        ({"foot:backward": "no"}, (True, False)),
        ({"access:backward": "private"}, (True, False)),
        ({"foot:forward": "yes", "foot": "no"}, (True, False)),
        ({"access:forward": "no", "foot": "yes"}, (True, True)),
        ({"oneway": "yes"}, (True, True)),
        ({"route": "ferry", "oneway": "yes"}, (True, False)),
    ],
)
def test_tags_decide_in_which_directions_people_may_walk(tags: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert highways.walkable({"highway": "residential", **tags}) == directions


BOTH, FORWARD, BACKWARD, NEITHER = (True, True), (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, BOTH),
        ({"oneway": "yes"}, FORWARD),
        ({"oneway": "1"}, FORWARD),
        ({"oneway": "true"}, FORWARD),
        ({"oneway": "-1"}, BACKWARD),
        ({"oneway": "reverse"}, BACKWARD),
        ({"oneway": "no"}, BOTH),
        ({"oneway": "nonsense"}, BOTH),
        ({"junction": "roundabout"}, FORWARD),
        ({"junction": "circular"}, FORWARD),
        ({"junction": "roundabout", "oneway": "no"}, BOTH),
        ({"junction": "roundabout", "oneway": "-1"}, BACKWARD),
        ({"highway": "motorway"}, FORWARD),
        ({"highway": "motorway", "oneway": "no"}, BOTH),
        ({"highway": "trunk"}, BOTH),
        *(
            ({"highway": highway}, NEITHER)
            for highway in ("footway", "path", "cycleway", "steps", "track", "construction", "pedestrian")
        ),
        ({"area": "yes"}, NEITHER),
        ({"access": "no"}, NEITHER),
        ({"access": "private"}, NEITHER),
        # The most specific key decides.
        ({"access": "no", "motor_vehicle": "yes"}, BOTH),
        ({"access": "yes", "motor_vehicle": "no"}, NEITHER),
        ({"vehicle": "no", "motorcar": "yes", "oneway": "yes"}, FORWARD),
        ({"motor_vehicle": "yes", "motorcar": "private"}, NEITHER),
        ({"bicycle": "no", "foot": "no"}, BOTH),
        ({"access": "destination"}, BOTH),
        *(
            ({"motor_vehicle": value}, NEITHER)
            for value in ("forestry", "agricultural", "permit", "delivery", "military", "emergency", "no;forestry")
        ),
        ({"motor_vehicle": "agricultural;destination"}, BOTH),
        ({"vehicle:forward": "no"}, BACKWARD),
        ({"motor_vehicle:backward": "private"}, FORWARD),
        ({"vehicle:forward": "no", "motor_vehicle": "yes"}, BOTH),
        ({"vehicle:forward": "yes", "vehicle": "no"}, FORWARD),
        ({"oneway": "yes", "oneway:motor_vehicle": "no"}, BOTH),
        ({"oneway": "reversible"}, BOTH),
    ],
)  # fmt: skip
def test_tags_decide_in_which_directions_cars_may_drive(tags: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert highways.drivable({"highway": "residential", **tags}, CLASSES) == directions


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, BOTH),
        ({"oneway": "yes"}, FORWARD),
        ({"oneway": "-1"}, BACKWARD),
        ({"oneway": "yes", "oneway:bicycle": "no"}, BOTH),
        ({"oneway": "yes", "cycleway": "opposite_lane"}, BOTH),
        ({"oneway": "yes", "cycleway:left": "opposite"}, BOTH),
        ({"highway": "cycleway"}, BOTH),
        ({"highway": "path"}, BOTH),
        *(
            ({"highway": highway}, NEITHER)
            for highway in ("footway", "steps", "pedestrian", "motorway", "construction")
        ),
        ({"highway": "footway", "bicycle": "yes"}, BOTH),
        ({"highway": "pedestrian", "bicycle": "designated", "oneway": "yes"}, FORWARD),
        ({"bicycle": "no"}, NEITHER),
        ({"bicycle": "use_sidepath"}, NEITHER),
        ({"access": "private"}, NEITHER),
        ({"access": "private", "bicycle": "yes"}, BOTH),
        ({"vehicle": "no"}, NEITHER),
        ({"vehicle": "no", "bicycle": "yes"}, BOTH),
        ({"motorroad": "yes"}, NEITHER),
        ({"area": "yes", "bicycle": "yes"}, BOTH),
        ({"highway": "pedestrian", "area": "yes"}, NEITHER),
        ({"access": "military"}, NEITHER),
        ({"access": "forestry"}, BOTH),
        ({"bicycle": "dismount"}, NEITHER),
        ({"vehicle:forward": "no"}, BACKWARD),
        ({"vehicle:forward": "no", "bicycle": "yes"}, BOTH),
        ({"bicycle:backward": "no"}, FORWARD),
        ({"oneway": "yes", "bicycle:backward": "yes"}, BOTH),
        ({"oneway:bicycle": "yes"}, FORWARD),
        ({"oneway": "yes", "cycleway:left:oneway": "-1"}, BOTH),
        ({"highway": "busway"}, NEITHER),
    ],
)
def test_tags_decide_in_which_directions_bicycles_may_go(tags: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert highways.cyclable({"highway": "residential", **tags}) == directions


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, (BOTH, NEITHER, NEITHER)),
        ({"foot": "no"}, (NEITHER, NEITHER, NEITHER)),
        ({"access": "no"}, (NEITHER, NEITHER, NEITHER)),
        ({"bicycle": "yes"}, (BOTH, BOTH, NEITHER)),
        ({"motor_vehicle": "yes"}, (BOTH, NEITHER, BOTH)),
        ({"vehicle": "yes"}, (BOTH, BOTH, BOTH)),
        ({"access": "yes"}, (BOTH, BOTH, BOTH)),
        ({"motorcar": "destination", "foot": "no", "oneway": "yes"}, (NEITHER, NEITHER, FORWARD)),
    ],
)
def test_ferries_carry_passengers_and_the_vehicles_that_their_tags_name(
    tags: dict[str, str], directions: tuple[tuple[bool, bool], ...]
) -> None:
    ferry = {"route": "ferry", **tags}
    assert (highways.walkable(ferry), highways.cyclable(ferry), highways.drivable(ferry, CLASSES)) == directions


@pytest.mark.parametrize(
    ("tags", "attracts"),
    [
        ({}, (True, True, True)),
        ({"tunnel": "yes"}, (False, False, False)),
        ({"tunnel": "no"}, (True, True, True)),
        ({"tunnel": "building_passage"}, (True, True, True)),
        ({"tunnel": "avalanche_protector"}, (True, True, True)),
        ({"location": "underground"}, (False, False, False)),
        ({"covered": "yes"}, (True, True, True)),
        ({"covered": "yes", "layer": "-1"}, (False, False, False)),
        ({"layer": "-1"}, (True, True, True)),
        ({"bridge": "yes", "layer": "1"}, (True, True, True)),
        ({"highway": "motorway"}, (True, True, False)),
        ({"highway": "motorway_link"}, (True, True, False)),
        ({"motorroad": "yes"}, (True, True, False)),
        ({"route": "ferry"}, (False, False, False)),
    ],
)
def test_trips_begin_and_end_neither_in_tunnels_nor_on_ferries_nor_by_car_on_motorways(
    tags: dict[str, str], attracts: tuple[bool, bool, bool]
) -> None:
    attributes = highways.attributes({"highway": "residential", **tags}, CLASSES)
    assert attributes is not None
    assert (attributes.walk_attracts, attributes.cycle_attracts, attributes.drive_attracts) == attracts


@pytest.mark.parametrize(
    ("tags", "unknown"),
    [
        ({"maxspeed": "50", "access": "private;customers", "oneway": "-1"}, []),
        ({"highway": "whatever"}, [("highway", "whatever")]),
        ({"access": "foo;yes", "bicycle:forward": "bar"}, [("access", "foo;yes"), ("bicycle:forward", "bar")]),
        ({"oneway": "maybe", "maxspeed": "50;fast"}, [("oneway", "maybe"), ("maxspeed", "50;fast")]),
        ({"route": "ferry", "duration": "soon"}, [("duration", "soon")]),
    ],
)
def test_tags_that_no_rule_knows_are_named(tags: dict[str, str], unknown: list[tuple[str, str]]) -> None:
    assert list(highways.not_understood({"highway": "residential", **tags})) == unknown


@pytest.mark.parametrize(
    ("tags", "off_ground"),
    [({}, False), ({"bridge": "yes"}, True), ({"bridge": "viaduct"}, True), ({"bridge": "no"}, False),
     ({"tunnel": "yes"}, True), ({"tunnel": "no"}, False), ({"layer": "1"}, False), ({"route": "ferry"}, True)],
)  # fmt: skip
def test_bridges_and_tunnels_are_off_the_ground(tags: dict[str, str], off_ground: bool) -> None:
    assert highways.off_ground({"highway": "residential", **tags}) is off_ground
