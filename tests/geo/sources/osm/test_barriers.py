"""Whom a barrier on a street stops, by its tags."""

import pytest

from geo.sources.osm import barriers

EVERYBODY, WHEELS, CARS, NOBODY = 7, 6, 4, 0


@pytest.mark.parametrize(
    ("barrier", "tags", "stopped"),
    [
        *((barrier, {}, EVERYBODY) for barrier in ("wall", "fence", "hedge", "city_wall", "retaining_wall", "ditch")),
        *((barrier, {}, CARS) for barrier in ("bollard", "block", "kissing_gate", "stile", "turnstile", "chain")),
        *((barrier, {}, CARS) for barrier in ("cycle_barrier", "motorcycle_barrier", "jersey_barrier", "bus_trap")),
        *((barrier, {}, NOBODY) for barrier in ("gate", "lift_gate", "swing_gate", "toll_booth", "border_control")),
        *((barrier, {}, NOBODY) for barrier in ("entrance", "cattle_grid", "kerb", "height_restrictor", "no")),
        ("full-height_turnstile", {}, WHEELS),
        ("whatever", {}, NOBODY),
        *(("gate", {"access": access}, EVERYBODY) for access in ("private", "no", "military", "emergency")),
        ("gate", {"access": "private", "foot": "yes"}, WHEELS),
        ("gate", {"access": "private", "foot": "yes", "bicycle": "designated"}, CARS),
        ("gate", {"access": "private;customers"}, NOBODY),
        ("gate", {"motor_vehicle": "private"}, CARS),
        ("gate", {"vehicle": "no"}, WHEELS),
        ("gate", {"access": "delivery"}, CARS),
        ("gate", {"foot": "no"}, 1),
        ("gate", {"locked": "yes"}, EVERYBODY),
        ("gate", {"locked": "no"}, NOBODY),
        ("gate", {"locked": "yes", "foot": "yes"}, WHEELS),
        ("gate", {"locked": "yes", "access": "customers"}, EVERYBODY),
        ("wall", {"access": "yes"}, NOBODY),
        ("fence", {"foot": "yes"}, WHEELS),
        ("wall", {"access": "unknown"}, EVERYBODY),
        ("bollard", {"motor_vehicle": "yes"}, NOBODY),
        ("bollard", {"bicycle": "no"}, WHEELS),
        *(("bollard", {"access": access}, CARS) for access in ("yes", "permissive", "destination")),
        ("kissing_gate", {"access": "yes"}, CARS),
        ("bollard", {"access": "no"}, EVERYBODY),
        ("bollard", {"access": "no", "motor_vehicle": "permissive"}, EVERYBODY - CARS),
        ("full-height_turnstile", {"access": "yes"}, WHEELS),
    ],
)  # fmt: skip
def test_access_tags_then_a_lock_then_the_type_of_a_barrier_decide(
    barrier: str, tags: dict[str, str], stopped: int
) -> None:
    assert barriers.stopped({"barrier": barrier, **tags}) == stopped


@pytest.mark.parametrize(
    ("tags", "unknown"),
    [
        ({"barrier": "gate", "access": "private"}, []),
        ({"barrier": "whatever"}, [("barrier", "whatever")]),
        ({"barrier": "yes", "foot": "foo"}, [("barrier", "yes"), ("foot", "foo")]),
    ],
)
def test_tags_of_barriers_that_no_rule_knows_are_named(tags: dict[str, str], unknown: list[tuple[str, str]]) -> None:
    assert list(barriers.not_understood(tags)) == unknown
