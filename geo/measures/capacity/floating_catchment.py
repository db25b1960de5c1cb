"""The two-step floating catchment: capacity per person, where everybody shares it with all who reach the same place.

The first step divides the capacity of each facility by the people within the limit. The second adds up, for each place
where people are, the ratios of the facilities within the limit (Luo and Wang 2003, Environment and Planning B 30(6)).
In its enhanced form both steps weight people and facilities by zones of the limit (Luo and Qi 2009, Health & Place
15(4)). What people get in total is what the facilities have, as long as somebody reaches them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Float64Array, Int64Array
from geo.errors import InputError
from geo.measures.capacity import pairs as pair_tables
from geo.measures.capacity.pairs import RELATIVE_TOLERANCE, Pairs

MAX_ZONES = 12
LEAST_WEIGHT = 0.001
LUO_AND_QI = (1.0, 0.68, 0.22)
"""The weights of the zones 0–10, 10–20 and 20–30 minutes in Luo and Qi (2009): the slower of their two decays, both of
which are values of a Gaussian function."""


@dataclass(frozen=True)
class FloatingCatchment:
    """Capacity per person at places and facilities.

    Attributes
    ----------
    accessibility : shape (points,), capacity per person; 0 where no facility is within the limit
    ratio : shape (facilities,), capacity per person of the weighted people; 0 where nobody is within the limit
    people : shape (facilities,), the weighted people within the limit
    """

    accessibility: Float64Array
    ratio: Float64Array
    people: Float64Array


def two_step_floating_catchment(
    cost: object, demand: ArrayLike, supply: ArrayLike, limit: float, weights: Sequence[float] = (1.0,)
) -> FloatingCatchment:
    """Capacity per person at each point, and its ratio to the people around at each facility.

    Parameters
    ----------
    cost : shape (points, facilities), how far facilities are from people, in the direction in which they travel; dense,
        with infinity where there is no way, or sparse, where what is not stored is out of reach
    demand : shape (points,), people
    supply : shape (facilities,), capacity
    limit : the largest cost that counts (≤)
    weights : of zones of equal width up to the limit, the nearest first; one zone: the two-step method without decay

    Raises
    ------
    InputError
        A shape or a number is wrong; the message says which.
    """
    pairs = pair_tables.within(cost, limit)
    points, facilities = pairs.shape
    people = pair_tables.amounts("demand", demand, points)
    return of_pairs(pairs, people, pair_tables.amounts("supply", supply, facilities), limit, check_weights(weights))


def check_weights(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights of zones; InputError if they are not 1 to `MAX_ZONES` numbers from `LEAST_WEIGHT` to 1."""
    if not 1 <= len(weights) <= MAX_ZONES:
        raise InputError(f"there are {len(weights)} weights; 1 to {MAX_ZONES} zones are possible")
    if not all(LEAST_WEIGHT <= weight <= 1 for weight in weights):  # NaN is refused as well
        raise InputError(f"the weights of zones must be numbers from {LEAST_WEIGHT} to 1")
    return tuple(float(weight) for weight in weights)


def parse_weights(text: str) -> tuple[float, ...]:
    """The weights that a text such as ``1,0.68,0.22`` lists; InputError if `check_weights` refuses them."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{text[:60]!r} are no weights with commas between, such as 1,0.68,0.22") from None
    return check_weights(numbers)


def of_pairs(
    pairs: Pairs,
    people: Float64Array,
    capacity: Float64Array,
    limit: float | Float64Array,
    weights: Sequence[float],
    tolerance: float = RELATIVE_TOLERANCE,
) -> FloatingCatchment:
    """As `two_step_floating_catchment`, of numbers that were checked before and pairs that are within the limit.

    Each facility may have its own ``limit``. ``tolerance`` is how far a cost may exceed the edge of a zone, as a share
    of the limit.
    """
    points, facilities = pairs.shape
    limits = np.broadcast_to(np.asarray(limit, dtype=np.float64), facilities)
    weight = np.array(weights)[_zone_of(pairs.cost, limits[pairs.facility], len(weights), tolerance)]
    weighted = np.bincount(pairs.facility, weight * people[pairs.point], facilities)
    ratio = np.divide(capacity, weighted, out=np.zeros(facilities), where=weighted > 0)
    accessibility = np.bincount(pairs.point, weight * ratio[pairs.facility], points)
    return FloatingCatchment(accessibility.astype(np.float64), ratio, weighted.astype(np.float64))


def _zone_of(cost: Float64Array, limit: Float64Array, zones: int, tolerance: float) -> Int64Array:
    """The zone, from 0, of each cost within its limit; a cost at the outer edge of a zone is in it."""
    share = np.divide(cost, limit, out=np.zeros(len(cost)), where=limit > 0)
    edges = np.arange(1, zones) / zones + tolerance
    return np.searchsorted(edges, share, side="left").astype(np.int64)
