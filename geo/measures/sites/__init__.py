"""Siting: where facilities should be built, exactly or with a bound on what the best choice could be.

The functions work on arrays and need no study: a matrix says which people each site covers, or how long they travel to
it.

`most_people`   maximal covering: the sites that cover most people (Church and ReVelle 1974)
`fewest_sites`  set covering: the fewest or cheapest sites that cover everybody, or a share (Toregas et al. 1971)
`least_time`    p-median: the sites to which people travel least in total (Hakimi 1964)

Each begins with a good choice by local search, and bounds the best one by a relaxation. Sites that cannot, or must,
belong to a better choice are fixed by their reduced costs; HiGHS solves what remains.
"""

from geo.measures.sites.covering import most_people
from geo.measures.sites.median import least_time
from geo.measures.sites.problem import Choice, Options
from geo.measures.sites.set_covering import fewest_sites

__all__ = ["Choice", "Options", "fewest_sites", "least_time", "most_people"]
