"""Catchments: which points are within some minutes of each of thousands of candidates, for siting and scenarios.

Each candidate is a bounded search of its own; the candidates are divided among the processor's cores.
"""

import itertools

import numpy as np

from geo.arrays import Float32Array, Int32Array, Int64Array
from geo.parallel import CORES, map_in_threads
from geo.traveltime import lookup
from geo.traveltime.array_tables import Catchments, Seeds, StretchTable
from geo.traveltime.graph import Graph
from geo.traveltime.positions import ChainPositions
from geo.traveltime.stretches import ChainStretches

PARALLEL_FROM = 64
"""With fewer candidates than this, threads take longer than they save."""


def within(
    graph: Graph, stretches: ChainStretches, candidates: int, points: ChainPositions, limit: float, towards: bool = True
) -> Catchments:
    """The ``points`` within ``limit`` seconds (≤) of each of ``candidates``, the facilities of ``stretches``.

    People travel ``towards`` the candidates, or from them. The connectors of the stretches are included in the seconds,
    those of the points are not.
    """
    seeds, _ = stretches.seeds(towards)
    table = stretches.table(towards)
    seed_order = np.argsort(seeds.facility, kind="stable")
    stretch_order = np.argsort(table.facility, kind="stable")
    seeds = Seeds._make(column[seed_order] for column in seeds)
    table = StretchTable._make(column[stretch_order] for column in table)
    first_seed = _first_rows(seeds.facility, candidates)
    first_stretch = _first_rows(table.facility, candidates)
    arcs, _ = graph.arcs(towards)
    tables = points.towards if towards else points.away
    ends, by_node, by_chain = tables.ends, tables.by_node, tables.by_chain

    def of_candidates(cut: tuple[int, int]) -> Catchments:
        rows = slice(cut[0], cut[1] + 1)
        return lookup.catchments(
            arcs, first_seed[rows], seeds, first_stretch[rows], table, tables.sides, ends, by_node, by_chain, limit
        )

    cuts = np.linspace(0, candidates, (CORES if candidates >= PARALLEL_FROM else 1) + 1).astype(int).tolist()
    parts = map_in_threads(of_candidates, list(itertools.pairwise(cuts)))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _first_rows(facility: Int32Array, candidates: int) -> Int32Array:
    """Where the rows of each candidate begin among rows that are sorted by candidate, shape (candidates + 1,)."""
    return np.searchsorted(facility, np.arange(candidates + 1)).astype(np.int32)


def _joined(parts: list[Catchments]) -> Catchments:
    rows_before = np.cumsum([0, *(len(part.point) for part in parts)])
    indptr: list[Int64Array] = [part.indptr[1:] + rows for part, rows in zip(parts, rows_before, strict=False)]
    point: Int32Array = np.concatenate([part.point for part in parts])
    seconds: Float32Array = np.concatenate([part.seconds for part in parts])
    return Catchments(np.concatenate([[0], *indptr]), point, seconds)
