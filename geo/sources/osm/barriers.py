"""Barriers on streets, as nodes with OpenStreetMap's tag ``barrier``: whom they stop."""

from collections.abc import Iterator

from geo.choices import Mode
from geo.sources.osm import access
from geo.sources.osm.access import Tags
from geo.study.streets import STOPS

_EVERYBODY: frozenset[Mode] = frozenset(("walk", "cycle", "drive"))
_WHEELS: frozenset[Mode] = frozenset(("cycle", "drive"))
_CARS: frozenset[Mode] = frozenset(("drive",))
_NOBODY: frozenset[Mode] = frozenset()

_STOPPED: dict[str, frozenset[Mode]] = {
    # Built so that nobody gets past, and without a part that opens.
    **dict.fromkeys(
        ("wall", "city_wall", "retaining_wall", "fence", "hedge", "ditch", "cable_barrier", "guard_rail"), _EVERYBODY
    ),
    # People turn in it one by one; a bicycle does not fit in.
    "full-height_turnstile": _WHEELS,
    # Posts, blocks and loose things with gaps between or beside them.
    **dict.fromkeys(("bollard", "block", "jersey_barrier", "planter", "log", "tyres", "delineators"), _CARS),
    # Too low, or hung up to keep cars out: people step over or walk round, and bicycles are lifted.
    **dict.fromkeys(("chain", "rope", "handrail", "debris", "barrier_board"), _CARS),
    # Openings for people on foot; a bicycle is pushed or lifted through.
    **dict.fromkeys(
        ("kissing_gate", "stile", "horse_stile", "step_over", "turnstile", "squeeze_stile", "wicket_gate", "door"),
        _CARS,
    ),
    # They slow down or keep out vehicles with motors, and let bicycles through.
    **dict.fromkeys(("cycle_barrier", "motorcycle_barrier", "bus_trap", "sump_buster", "horse_jump"), _CARS),
    # They open for whoever comes, unless their access tags or a lock say otherwise.
    **dict.fromkeys(
        ("gate", "lift_gate", "swing_gate", "sliding_gate", "hampshire_gate", "bump_gate", "sliding_beam", "spikes"),
        _NOBODY,
    ),
    **dict.fromkeys(("toll_booth", "border_control", "checkpoint", "sally_port", "security_control"), _NOBODY),
    # One passes over, under or through them.
    **dict.fromkeys(
        ("entrance", "cattle_grid", "kerb", "height_restrictor", "width_restrictor", "coupure", "arch", "no"), _NOBODY
    ),
}
"""Whom a barrier stops that has no access tags, by its type."""


def stopped(tags: Tags) -> int:
    """Whom a barrier stops: the sum of the modes' `geo.study.streets.STOPS`.

    Its access tags decide, then ``locked=yes``, then its type. ``access=yes`` lets no car past a bollard, nor through a
    kissing gate: it says who may pass, and they are too narrow; only a tag for vehicles opens them to cars. A barrier
    of an unknown type stops nobody, and is counted by `not_understood`.
    """
    by_type = _STOPPED.get(tags["barrier"], _NOBODY)
    tags_for_vehicles = {key: value for key, value in tags.items() if key.partition(":")[0] != "access"}
    total = 0
    for mode, number in STOPS.items():
        is_too_narrow = mode in by_type and by_type is not _EVERYBODY
        judgement = access.judge(tags_for_vehicles if is_too_narrow else tags, mode)
        if judgement is not None and (judgement.opening or not judgement.is_open):
            total += 0 if judgement.is_open else number
        elif tags.get("locked") == "yes" or mode in by_type:
            total += number
    return total


def not_understood(tags: Tags) -> Iterator[tuple[str, str]]:
    """Tags of a barrier that no rule knows: key and value."""
    if tags["barrier"] not in _STOPPED:
        yield "barrier", tags["barrier"]
    yield from access.not_understood(tags)
