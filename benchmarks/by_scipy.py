"""scipy's csgraph on the raw network: Dijkstra in C with a Fibonacci heap, from all sources at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from networks import Ends, Floats, Ints, Network

AT_ONCE = 100


class Prepared:
    """``arcs`` in the form that csgraph takes as it is: 64-bit weights, 32-bit indices, one arc from a node to another.

    They run against the travel, so that a search from a source finds the time towards it; or with it, ``outward``.
    """

    def __init__(self, network: Network, outward: bool = False) -> None:
        onward, back = np.isfinite(network.forward), np.isfinite(network.backward)
        tails = np.concatenate([network.u[onward], network.v[back]])
        heads = np.concatenate([network.v[onward], network.u[back]])
        seconds = np.concatenate([network.forward[onward], network.backward[back]])
        if not outward:
            tails, heads = heads, tails
        shape = (len(network),) * 2
        self.arcs = csr_array((seconds, (tails, heads)), shape=shape)
        if self.arcs.nnz < len(seconds):  # parallel arcs have been added up: take the least
            order = np.lexsort((seconds, heads, tails))
            tails, heads, seconds = tails[order], heads[order], seconds[order]
            first = np.ones(len(tails), dtype=bool)
            first[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
            self.arcs = csr_array((seconds[first], (tails[first], heads[first])), shape=shape)
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
    for begin in range(0, len(nodes), AT_ONCE):  # a full matrix would be a gigabyte
        seconds = dijkstra(prepared.arcs, indices=nodes[begin : begin + AT_ONCE], limit=limit_s)
        row, node = np.nonzero(np.isfinite(seconds))
        counts.append(np.bincount(row, minlength=len(seconds)))
        reached.append(node.astype(np.int32))
        times.append(seconds[row, node])
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return indptr, np.concatenate(reached), np.concatenate(times)
