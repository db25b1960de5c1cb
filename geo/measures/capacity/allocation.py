"""Who gets a place, where every facility has only so many.

Places are given out in two steps:

1. The nearest first. The pair of a person and a facility that are nearest to each other comes first, as on a waiting
   list by distance: nobody is turned away from a facility that takes somebody who lives farther from it. This is the
   stable matching by distance (Gale and Shapley 1962).
2. As many as possible. Somebody without a place gets one if people who have one can move to another facility within
   their limit, perhaps in a chain of several moves. Nobody loses a place. When no such chain is left, no allocation of
   any kind serves more people (Ford and Fulkerson 1956: the flow from people to places is a maximum).

A library's maximum flow would give the number of step 2 only: scipy's takes whole numbers of 32 bits, which people of a
raster are not, and any of the many maxima may come out, so that a town would win or lose with the order of rows.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Float64Array, Int32Array, Int64Array
from geo.compiled import compiled
from geo.measures.capacity import pairs as pair_tables
from geo.measures.capacity.pairs import Pairs

LEAST_PEOPLE = 1e-9
"""Fewer people than this are a remainder of rounding."""


@dataclass(frozen=True)
class Allocation:
    """How many people have a place.

    Attributes
    ----------
    served : shape (points,), after both steps; their sum is the greatest possible
    served_nearest_first : shape (points,), after the first step; nowhere more than ``served``
    assigned : shape (facilities,), people who have their place there, after both steps
    """

    served: Float64Array
    served_nearest_first: Float64Array
    assigned: Float64Array


class _Tables(NamedTuple):
    """Pairs in the order of their points, and which of them belong to each point and each facility.

    Attributes
    ----------
    point, facility : shape (pairs,)
    first_pair : shape (points + 1,), where the pairs of each point begin
    by_facility : shape (pairs,), the pairs in the order of their facilities
    first_of_facility : shape (facilities + 1,), where those of each facility begin
    """

    point: Int32Array
    facility: Int32Array
    first_pair: Int64Array
    by_facility: Int64Array
    first_of_facility: Int64Array


def allocate(cost: object, demand: ArrayLike, places: ArrayLike, limit: float) -> Allocation:
    """Give places to people within ``limit`` (≤): the nearest first, and then to as many people as possible.

    Parameters
    ----------
    cost : shape (points, facilities), as `two_step_floating_catchment` takes it
    demand : shape (points,), people, also in fractions
    places : shape (facilities,), how many people each can serve

    Raises
    ------
    InputError
        A shape or a number is wrong; the message says which.
    """
    pairs = pair_tables.within(cost, limit)
    points, facilities = pairs.shape
    people = pair_tables.amounts("demand", demand, points)
    return of_pairs(pairs, people, pair_tables.amounts("places", places, facilities))


def of_pairs(pairs: Pairs, people: Float64Array, places: Float64Array) -> Allocation:
    """As `allocate`, of pairs within the limit and numbers that were checked before."""
    points, facilities = pairs.shape
    # Of equal costs the first point comes first, and of one point the first facility.
    _, order = _grouped(pairs.facility, facilities)
    order = order[_grouped(pairs.point[order], points)[1]]
    order = order[np.argsort(pairs.cost[order], kind="stable")]
    first_pair, by_point = _grouped(pairs.point[order], points)
    nearest_first = np.empty(len(order), np.int64)
    nearest_first[by_point] = np.arange(len(order))
    order = order[by_point]
    point, facility, cost = pairs.point[order], pairs.facility[order], pairs.cost[order]
    people_left, places_left, flow = people.copy(), places.copy(), np.zeros(len(order))
    _nearest_first(nearest_first, point, facility, people_left, places_left, flow)
    served_first = people - people_left
    tables = _Tables(point, facility, first_pair, *reversed(_grouped(facility, facilities)))
    unserved = np.flatnonzero((people_left > LEAST_PEOPLE) & (first_pair[1:] > first_pair[:-1]))
    unserved = unserved[np.argsort(cost[first_pair[unserved]], kind="stable")]
    _as_many_as_possible(unserved, tables, people_left, places_left, flow)
    return Allocation(people - people_left, served_first, np.bincount(facility, flow, facilities).astype(np.float64))


@compiled
def _grouped(number: Int32Array, groups: int) -> tuple[Int64Array, Int64Array]:
    """Sort rows by ``number``, from 0, stably: where each group begins, shape (groups + 1,), and the rows in order."""
    first = np.zeros(groups + 1, np.int64)
    for group in number:
        first[group + 1] += 1
    for group in range(groups):
        first[group + 1] += first[group]
    rows, free = np.empty(len(number), np.int64), first.copy()
    for row in range(len(number)):
        rows[free[number[row]]] = row
        free[number[row]] += 1
    return first, rows


@compiled
def _nearest_first(
    order: Int64Array,
    point: Int32Array,
    facility: Int32Array,
    people_left: Float64Array,
    places_left: Float64Array,
    flow: Float64Array,
) -> None:
    """Go through pairs in their ``order`` and give as many places as people and places are left."""
    for pair in order:
        i, j = point[pair], facility[pair]
        amount = min(people_left[i], places_left[j])
        flow[pair] = amount
        people_left[i] -= amount
        places_left[j] -= amount


@compiled
def _levels(tables: _Tables, places_left: Float64Array, flow: Float64Array) -> tuple[Int32Array, Int32Array]:
    """How many steps each point and each facility is from a free place; −1 where no chain leads to one.

    A step leads from a point to a facility within its limit, or from a facility to a point with people there.
    """
    point, facility, first_pair, by_facility, first_of_facility = tables
    points, facilities = len(first_pair) - 1, len(first_of_facility) - 1
    point_level, facility_level = np.full(points, np.int32(-1)), np.full(facilities, np.int32(-1))
    queue = np.empty(facilities, np.int64)
    tail = 0
    for j in range(facilities):
        if places_left[j] > LEAST_PEOPLE:
            facility_level[j], queue[tail] = 0, j
            tail += 1
    head = 0
    while head < tail:
        j = queue[head]
        head += 1
        for row in range(first_of_facility[j], first_of_facility[j + 1]):
            i = point[by_facility[row]]
            if point_level[i] >= 0:
                continue
            point_level[i] = facility_level[j] + 1
            for pair in range(first_pair[i], first_pair[i + 1]):
                k = facility[pair]
                if facility_level[k] < 0 and flow[pair] > LEAST_PEOPLE:
                    facility_level[k], queue[tail] = point_level[i] + 1, k
                    tail += 1
    return point_level, facility_level


@compiled
def _as_many_as_possible(
    unserved: Int64Array,
    tables: _Tables,
    people_left: Float64Array,
    places_left: Float64Array,
    flow: Float64Array,
) -> None:
    """Serve more points, which have people left, by chains of moves, the shortest chains first (Dinic 1970).

    ``unserved`` are their numbers in the order in which they are served. What is left and ``flow``, the people of each
    pair, are changed.
    """
    point, facility, first_pair, by_facility, first_of_facility = tables
    facilities = len(first_of_facility) - 1
    joined, left = np.empty(facilities + 1, np.int64), np.empty(facilities + 1, np.int64)
    while True:
        point_level, facility_level = _levels(tables, places_left, flow)
        next_pair, next_row = first_pair.copy(), first_of_facility.copy()
        has_moved = False
        for start in unserved:
            while people_left[start] > LEAST_PEOPLE and point_level[start] >= 0:
                # Follow falling levels. What leads nowhere is not tried again before levels are computed anew.
                depth, member, target = 0, start, np.int64(-1)
                while next_pair[start] < first_pair[start + 1]:
                    if next_pair[member] == first_pair[member + 1]:  # back to the point before
                        depth -= 1
                        next_row[facility[joined[depth]]] += 1
                        member = np.int64(point[joined[depth]])
                        continue
                    pair = next_pair[member]
                    j = np.int64(facility[pair])
                    if facility_level[j] == point_level[member] - 1:
                        joined[depth] = pair
                        if places_left[j] > LEAST_PEOPLE:
                            target = j
                            break
                        while next_row[j] < first_of_facility[j + 1]:
                            leaving = by_facility[next_row[j]]
                            if flow[leaving] > LEAST_PEOPLE and point_level[point[leaving]] == facility_level[j] - 1:
                                break
                            next_row[j] += 1
                        if next_row[j] < first_of_facility[j + 1]:
                            left[depth] = by_facility[next_row[j]]
                            member = np.int64(point[left[depth]])
                            depth += 1
                            continue
                    next_pair[member] += 1
                if target < 0:
                    break
                amount = min(people_left[start], places_left[target])
                for step in range(depth):
                    amount = min(amount, flow[left[step]])
                people_left[start] -= amount
                places_left[target] -= amount
                flow[joined[depth]] += amount
                for step in range(depth):
                    flow[joined[step]] += amount
                    flow[left[step]] -= amount
                has_moved = True
        if not has_moved:
            return
