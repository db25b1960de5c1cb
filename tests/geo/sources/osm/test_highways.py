"""Who may use a way in which direction, and how fast, by its tags."""

import numpy as np
import pytest

from geo.sources.osm import highways
from geo.study.settings import Speeds

CLASSES = Speeds().drive_class_kph


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        ({}, True),
        # First: an area is closed, whatever its other tags are.
        ({"area": "yes"}, False),
        ({"area": "yes", "foot": "yes"}, False),
        ({"area": "no"}, True),
        # Then: a foot tag that allows walking overrides all that forbids it.
        *(({"foot": foot, "access": "private"}, True) for foot in ("yes", "designated", "permissive", "destination")),
        ({"foot": "official", "motorroad": "yes"}, True),
        ({"highway": "motorway", "foot": "yes"}, True),
        ({"highway": "construction", "foot": "yes"}, True),
        # Then: tags that forbid walking.
        *(({"foot": foot}, False) for foot in ("no", "private", "use_sidepath")),
        *(({"access": access}, False) for access in ("no", "private")),
        ({"motorroad": "yes"}, False),
        *(
            ({"highway": highway}, False)
            for highway in ("motorway", "motorway_link", "construction", "proposed", "abandoned", "razed", "raceway",
                            "platform", "corridor")
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
    assert highways.walkable({"highway": "residential", **tags}) is allowed


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
        ({"area": "yes", "bicycle": "yes"}, NEITHER),
    ],
)
def test_tags_decide_in_which_directions_bicycles_may_go(tags: dict[str, str], directions: tuple[bool, bool]) -> None:
    assert highways.cyclable({"highway": "residential", **tags}) == directions


@pytest.mark.parametrize(
    ("text", "kph"),
    [
        ("50", 50),
        ("50 km/h", 50),
        ("30 mph", 48.28032),
        ("7.5", 7.5),
        *(
            (text, np.nan)
            for text in ("", "none", "walk", "CN:urban", "50;30", "signals", "0", "-30", "999", "inf", "nan")
        ),
        ("20 knots", np.nan),
    ],
)
def test_maxspeed_is_read_in_kph_and_unusable_values_are_nan(text: str, kph: float) -> None:
    assert highways.maxspeed_kph({"maxspeed": text}) == pytest.approx(kph, nan_ok=True)
    assert np.isnan(highways.maxspeed_kph({}))


@pytest.mark.parametrize(
    ("tags", "off_ground"),
    [({}, False), ({"bridge": "yes"}, True), ({"bridge": "viaduct"}, True), ({"bridge": "no"}, False),
     ({"tunnel": "yes"}, True), ({"tunnel": "no"}, False), ({"layer": "1"}, False)],
)  # fmt: skip
def test_bridges_and_tunnels_are_off_the_ground(tags: dict[str, str], off_ground: bool) -> None:
    assert highways.off_ground({"highway": "residential", **tags}) is off_ground
