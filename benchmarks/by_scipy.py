"""scipy's csgraph on the raw network: Dijkstra in C with a Fibonacci heap, from all sources at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from networks import Ends, Floats, Ints, Network

NODES_PER_CALL = 100


class Prepared:
    """``arcs`` as csgraph takes them without a conversion: 64-bit weights, 32-bit indices, and no parallel arcs.

    They run against the travel, so that a search from a source gives the times towards it; ``outward``, with it.
    """

    def __init__(self, network: Network, outward: bool = False) -> None:
        forward, backward = np.isfinite(network.forward), np.isfinite(network.backward)
        tails = np.concatenate([network.u[forward], network.v[backward]])
        heads = np.concatenate([network.v[forward], network.u[backward]])
        seconds = np.concatenate([network.forward[forward], network.backward[backward]])
        if not outward:
            tails, heads = heads, tails
        shape = (len(network),) * 2
        self.arcs = csr_array((seconds, (tails, heads)), shape=shape)
        if self.arcs.nnz < len(seconds):  # csr_array adds parallel arcs up: keep the fastest
            order = np.lexsort((seconds, heads, tails))
            tails, heads, seconds = tails[order], heads[order], seconds[order]
            fastest = np.ones(len(tails), dtype=bool)
            fastest[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
            self.arcs = csr_array((seconds[fastest], (tails[fastest], heads[fastest])), shape=shape)
        self.network = network


prepare = Prepared


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> Ends:
    return Ends.of(prepared.network, edge, fraction)


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (nodes,)."""
    return np.asarray(dijkstra(prepared.arcs, indices=source_nodes, min_only=True, limit=limit_s))


def demand(prepared: Prepared, places: Ends, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,)."""
    return places.least(every_node(prepared, source_nodes, limit_s), limit_s)


def catchments(prepared: Prepared, nodes: Ints, limit_s: float) -> tuple[NDArray[np.int64], Ints, Floats]:
    """What each node reaches: where its rows begin, the node of each row, and the seconds to it."""
    counts, reached, times = [], [], []
    for begin in range(0, len(nodes), NODES_PER_CALL):  # all at once would take a gigabyte
        seconds = dijkstra(prepared.arcs, indices=nodes[begin : begin + NODES_PER_CALL], limit=limit_s)
        row, node = np.nonzero(np.isfinite(seconds))
        counts.append(np.bincount(row, minlength=len(seconds)))
        reached.append(node.astype(np.int32))
        times.append(seconds[row, node])
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return indptr, np.concatenate(reached), np.concatenate(times)
