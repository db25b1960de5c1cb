"""What of some facilities is reached: one search from all of them, and every place looks its time up.

The search goes from the facilities on the graph against the direction of travel, since people travel *to* them.
"""

import itertools
from functools import cached_property
from typing import Any

import numpy as np

from geo.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from geo.parallel import CORES, map_in_threads
from geo.traveltime import lookup, search
from geo.traveltime.graph import ChainPositions
from geo.traveltime.network import ChainStretches, EdgeStretches, Network, SnappedPoints

FACILITIES_PER_JUNCTION = 8
"""How many facilities are kept for every junction."""

SEEDS_FROM = 64
"""Seeds from which on a pass over the whole network is quicker than a search around each."""
PLACES_FROM = 2**17
"""Places from which on a second core pays."""


class NearestFacilities:
    """What every junction of a network needs to reach some facilities: searched once, on first use, and looked up."""

    def __init__(self, network: Network, access: EdgeStretches) -> None:
        self.network, self.stretches = network, network.chain_stretches(access)

    def compute(self) -> "NearestFacilities":
        """Itself, the several nearest known: for who has the time now."""
        _ = self.several
        return self

    @cached_property
    def nearest(self) -> tuple[Float64Array, Int32Array]:
        """Seconds from every junction to the nearest facility, and its row; as `junction_seconds` gives them."""
        return junction_seconds(self.network, self.stretches)

    @cached_property
    def several(self) -> tuple[Float64Array, Int32Array, Float32Array]:
        """Seconds, rows and travelled metres to the several nearest facilities of every junction.

        Three arrays of shape (junctions, FACILITIES_PER_JUNCTION), nearest first.
        """
        return several_nearest(self.network, self.stretches, FACILITIES_PER_JUNCTION)

    @cached_property
    def _tables(self) -> tuple[Any, ...]:
        """What `readoff.nearest_few` takes besides the places."""
        graph, stretches = self.network.graph, self.stretches
        return (
            *(graph.chain, graph.along, graph.turn, graph.ahead, graph.behind, graph.before),
            *(graph.forward, graph.backward, graph.metres),
            *(graph.start, graph.end, graph.there, graph.back, graph.length, graph.pieces),
            *self.several,
            *(stretches.low.chain, stretches.ends(towards=True)),
            np.column_stack([stretches.low_m, stretches.high_m, stretches.extra_m]),
            *(stretches.extra, stretches.owner),
        )

    def at_points(
        self, places: SnappedPoints, limit: int = FACILITIES_PER_JUNCTION
    ) -> tuple[Int32Array, Float64Array, Float64Array]:
        """Rows, seconds and metres of the ``limit`` (≤ `FACILITIES_PER_JUNCTION`) nearest facilities of each place.

        Three arrays of shape (places, limit), nearest first; −1 and infinity where fewer are reached.
        """
        rows, seconds, metres = lookup.nearest_few(places.edge.astype(np.int32), places.fraction, limit, *self._tables)
        connector_m = places.connector_m[:, None]
        return rows, seconds + connector_m / self.network.walk_mps, metres + connector_m


def first_of_each(owner: Int32Array, seconds: Float64Array) -> Int64Array:
    """Rows in the order of ``seconds``, of each ``owner`` the first, those out of reach left out."""
    order = np.lexsort((owner, seconds))
    order = order[np.isfinite(seconds[order])]
    return np.asarray(order[np.sort(np.unique(owner[order], return_index=True)[1])])


def junction_seconds(
    network: Network, stretches: ChainStretches, towards: bool = True, limit: float = np.inf
) -> tuple[Float64Array, Int32Array]:
    """Seconds between all junctions and the nearest of ``stretches``, within ``limit`` (≤), and its facility.

    Two arrays of shape (junctions,): seconds (infinity: out of reach) and facility (−1). At a dead end they are those
    of a search that went no farther than the junction before it; `reached` reads what is there off the chain.
    """
    graph, seeds = network.graph, stretches.seeds(towards)
    if len(seeds.node) < SEEDS_FROM and limit < np.inf:
        arcs = graph.into if towards else graph.out
        return search.search(
            arcs.indptr,
            arcs.heads,
            arcs.seconds,
            arcs.longest,
            seeds.node,
            seeds.seconds,
            seeds.owner,
            limit,
            search.INHERIT,
        )
    levels = graph.hierarchy
    # Against the travel, up is down.
    up, down, left = (levels.down, levels.up, levels.back) if towards else (levels.up, levels.down, levels.there)
    return search.sweep(
        levels.rank,
        levels.first,
        levels.higher,
        up,
        down,
        levels.indptr,
        levels.heads,
        left,
        levels.longest,
        seeds.node,
        seeds.seconds,
        seeds.owner,
        limit,
    )


def several_nearest(
    network: Network, stretches: ChainStretches, k: int
) -> tuple[Float64Array, Int32Array, Float32Array]:
    """Seconds from all junctions to their ``k`` nearest facilities, the facilities, and metres travelled.

    Three arrays of shape (junctions, k), nearest first: seconds (infinity: fewer are reached), facility (−1), metres.
    """
    graph, seeds = network.graph, stretches.seeds(towards=True)
    return search.search_several(
        graph.into.indptr,
        graph.into.heads,
        graph.into.seconds,
        graph.length[graph.into.chain],
        graph.into.longest,
        seeds.node,
        seeds.seconds,
        seeds.metres,
        seeds.owner,
        k,
        np.inf,
    )


def position_seconds(
    network: Network,
    stretches: ChainStretches,
    at: ChainPositions,
    towards: bool = True,
    junctions: tuple[Float64Array, Int32Array] | None = None,
    limit: float = np.inf,
) -> tuple[Float64Array, Int32Array]:
    """Seconds between positions on the network and the nearest of ``stretches``, whose connectors they include.

    ``towards`` the stretches or from them, within ``limit`` (≤); ``junctions`` is what `junction_seconds` gave, if it
    is at hand. Two arrays of shape (positions,): seconds (infinity: out of reach) and the facility that the stretch
    belongs to (−1).
    """
    graph, ends = network.graph, at.towards if towards else at.away
    if not ends.nodes:
        return np.full(len(at), np.inf), np.full(len(at), np.int32(-1))
    found = junctions or junction_seconds(network, stretches, towards, limit)
    seconds, facility = np.empty(len(at)), np.empty(len(at), np.int32)

    def part(rows: slice) -> None:
        lookup.over_ends(
            *found,
            ends.start[rows],
            ends.end[rows],
            ends.to_start[rows],
            ends.to_end[rows],
            limit,
            seconds[rows],
            facility[rows],
        )

    cuts = np.linspace(0, len(at), (CORES if len(at) >= PLACES_FROM else 1) + 1).astype(int)
    map_in_threads(part, [slice(*cut) for cut in itertools.pairwise(cuts)])
    home, over = (graph.back, graph.there) if towards else (graph.there, graph.back)
    onto, off = (at.behind, at.ahead) if towards else (at.ahead, at.behind)
    lookup.along_chains(
        seconds,
        facility,
        home,
        over,
        *at.by_chain,
        at.at,
        onto,
        off,
        stretches.low.chain,
        stretches.ends(towards),
        stretches.extra,
        stretches.owner,
        limit,
    )
    return seconds, facility
