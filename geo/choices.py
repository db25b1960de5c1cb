"""The closed sets of values that a question may use.

This module imports nothing heavy, so that the command line can list them without loading the engine.
"""

from typing import Literal, TypeAlias, get_args

Mode: TypeAlias = Literal["walk", "cycle", "drive"]
"""How people travel; ``cycle`` is an e-bike."""
MODES: tuple[Mode, ...] = get_args(Mode)

Direction: TypeAlias = Literal["from", "to"]
"""Whether people travel from a place or to it."""

Coordinates: TypeAlias = Literal["wgs84", "gcj02", "bd09", "cgcs2000"]
"""The coordinate systems of positions in questions, answers and lists; docs/api.md explains them."""
COORDINATE_SYSTEMS: tuple[str, ...] = get_args(Coordinates)

UrbanSource: TypeAlias = Literal["stated", "grid", "none"]
"""Where a study that is built has it from which people are urban."""
