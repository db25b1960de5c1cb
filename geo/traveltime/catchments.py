"""Catchments: who is within some minutes of each of thousands of candidates, for siting and what-if.

Each candidate is a bounded search of its own; both halves of them run at the same time.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from geo.arrays import Float32Array, Int32Array, Int64Array
from geo.parallel import CORES, map_in_threads
from geo.traveltime import lookup
from geo.traveltime.graph import ChainPositions, Graph
from geo.traveltime.network import ChainStretches

PARALLEL_FROM = 64
"""Candidates from which on threads pay."""


@dataclass(frozen=True)
class Catchments:
    """Places within reach of candidates: those of candidate c are the rows ``indptr[c]`` to ``indptr[c + 1]``.

    Attributes
    ----------
    indptr : shape (candidates + 1,)
    place : shape (rows,), number of the place, in no order
    seconds : shape (rows,)
    """

    indptr: Int64Array
    place: Int32Array
    seconds: Float32Array


def within(
    graph: Graph, stretches: ChainStretches, candidates: int, places: ChainPositions, limit: float, towards: bool = True
) -> Catchments:
    """The ``places`` within ``limit`` seconds (≤) of each of ``candidates``, the owners of ``stretches``.

    ``towards`` them, or from them; the connectors of the stretches are included, those of the places are not.
    """
    seeds = stretches.seeds(towards)
    by_owner = np.argsort(seeds.owner, kind="stable")
    own = np.argsort(stretches.owner, kind="stable")
    first_seed = np.searchsorted(seeds.owner[by_owner], np.arange(candidates + 1)).astype(np.int32)
    first_stretch = np.searchsorted(stretches.owner[own], np.arange(candidates + 1)).astype(np.int32)
    arcs, ends = (graph.into, places.towards) if towards else (graph.out, places.away)
    home, over = (graph.back, graph.there) if towards else (graph.there, graph.back)
    onto, off = (places.behind, places.ahead) if towards else (places.ahead, places.behind)
    node, seconds, chain = seeds.node[by_owner], seeds.seconds[by_owner], stretches.low.chain[own]
    stretch, extra = stretches.ends(towards)[own], stretches.extra[own]

    def part(cut: tuple[int, int]) -> tuple[Int64Array, Int32Array, Float32Array]:
        low, high = cut
        return lookup.catchments(
            arcs.indptr,
            arcs.heads,
            arcs.seconds,
            arcs.longest,
            limit,
            first_seed[low : high + 1],
            node,
            seconds,
            *ends.by_node,
            ends.start,
            ends.end,
            ends.to_start,
            ends.to_end,
            home,
            over,
            *places.by_chain,
            places.at,
            onto,
            off,
            first_stretch[low : high + 1],
            chain,
            stretch,
            extra,
        )

    cuts = np.linspace(0, candidates, (CORES if candidates >= PARALLEL_FROM else 1) + 1).astype(int).tolist()
    parts = map_in_threads(part, list(itertools.pairwise(cuts)))
    if len(parts) == 1:
        return Catchments(*parts[0])
    before = np.cumsum([0, *(len(place) for _, place, _ in parts)])
    indptr = np.concatenate([[0], *(indptr[1:] + gone for (indptr, _, _), gone in zip(parts, before, strict=False))])
    return Catchments(
        indptr, np.concatenate([place for _, place, _ in parts]), np.concatenate([seconds for *_, seconds in parts])
    )
