"""Capacity: how much of a service people can reach, and for how many of them there is a place.

The first two functions work on arrays and need no study: a matrix says how far people are from each facility.

`two_step_floating_catchment`  capacity per person, shared with all others who reach it (Luo and Wang 2003, Luo and Qi
                               2009)
`allocate`                     who gets a place: the nearest first, and then as many as possible (a maximum flow)
`measure`                      both for a standard of a study
"""

from geo.measures.capacity.allocation import Allocation, allocate
from geo.measures.capacity.floating_catchment import (
    LEAST_WEIGHT,
    MAX_ZONES,
    FloatingCatchment,
    check_weights,
    parse_weights,
    two_step_floating_catchment,
)
from geo.measures.capacity.of_standard import Assumption, Capacity, has_limit, measure

__all__ = [
    "LEAST_WEIGHT",
    "MAX_ZONES",
    "Allocation",
    "Assumption",
    "Capacity",
    "FloatingCatchment",
    "allocate",
    "check_weights",
    "has_limit",
    "measure",
    "parse_weights",
    "two_step_floating_catchment",
]
