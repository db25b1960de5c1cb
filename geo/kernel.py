"""The inner loops, compiled by numba: shortest paths by a monotone bucket queue, contraction, Hilbert order.

The queue is Dial's (1969, Communications of the ACM 12(11)) with buckets of some seconds on float distances. Within a
bucket nodes are taken in any order and taken again when they improve, so results are exact, not rounded: it is the
sequential form of Δ-stepping (Meyer and Sanders 2003, Journal of Algorithms 49(1)).

Compiled code is cached beside the package or where ``NUMBA_CACHE_DIR`` says. Nothing here starts threads: callers
that have independent work run it in threads of their own, since no loop holds Python's lock.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """``function`` compiled on first use, from the cache if there is a writable one."""
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither the package's folder nor the home can be written
        return cast(F, numba.njit(nogil=True)(function))


INHERIT, ARC = 0, 1
"""What a search writes for a node: its source's label, or the arc it was reached by."""

# Seeds whose nodes share this many leading bits of their Hilbert number are searched together, so that what a batch
# touches stays in the processor's cache, however large the network.
BATCH_BITS = 15


@compiled
def _search(
    indptr: Ints,
    heads: Ints,
    weights: Floats,
    seed_node: Ints,
    seed_seconds: Floats,
    seed_label: Ints,
    order: NDArray[np.int64],
    limit: float,
    width: float,
    arcs: bool,
    batched: bool,
    seconds: Floats,
    label: Ints,
    room: int,
) -> bool:
    """The search itself, into ``seconds`` and ``label``; False where the queue needed more than ``room`` entries."""
    # An entry is pushed in two places, written out: a helper that gives the queue's state back costs a factor of two.
    # Buckets are stacks of nodes in a ring just longer than the longest arc. A node that improves is put into its new
    # bucket and left in the old one, where it is found done.
    per_second = 1.0 / width
    longest = 0.0
    for arc in range(len(weights)):
        longest = max(longest, weights[arc])
    slots = np.int64(longest * per_second) + 2
    head = np.full(slots, np.int32(-1))
    below, node_of = np.empty(room, np.int32), np.empty(room, np.int32)
    waiting = np.zeros(len(seconds), np.uint8)
    free, used, begin = -1, 0, 0
    while begin < len(order):
        end = len(order)
        if batched:
            end = begin + 1
            block = seed_node[order[begin]] >> BATCH_BITS
            while end < len(order) and seed_node[order[end]] >> BATCH_BITS == block:
                end += 1
        pending, at = 0, begin
        bucket = np.int64(0)
        while True:
            if pending == 0:
                if at == end or seed_seconds[order[at]] > limit:
                    break
                bucket = np.int64(seed_seconds[order[at]] * per_second)
            here = bucket % slots
            while at < end and np.int64(seed_seconds[order[at]] * per_second) <= bucket:
                seed = order[at]
                at += 1
                node = seed_node[seed]
                if seed_seconds[seed] < seconds[node] and seed_seconds[seed] <= limit:
                    seconds[node] = seed_seconds[seed]
                    label[node] = -2 if arcs else seed_label[seed]
                    if free >= 0:
                        entry = free
                        free = below[entry]
                    elif used < room:
                        entry = used
                        used += 1
                    else:
                        return False
                    node_of[entry] = node
                    below[entry] = head[here]
                    head[here] = entry
                    waiting[node] = 1
                    pending += 1
            entry = head[here]
            while entry >= 0:
                head[here] = below[entry]
                below[entry] = free
                free = entry
                pending -= 1
                tail = node_of[entry]
                if waiting[tail] == 1:
                    waiting[tail] = 0
                    from_tail, tail_label = seconds[tail], label[tail]
                    for arc in range(indptr[tail], indptr[tail + 1]):
                        node = heads[arc]
                        reached = from_tail + weights[arc]
                        if reached < seconds[node] and reached <= limit:
                            seconds[node] = reached
                            label[node] = arc if arcs else tail_label
                            if free >= 0:
                                entry = free
                                free = below[entry]
                            elif used < room:
                                entry = used
                                used += 1
                            else:
                                return False
                            slot = np.int64(reached * per_second) % slots
                            node_of[entry] = node
                            below[entry] = head[slot]
                            head[slot] = entry
                            waiting[node] = 1
                            pending += 1
                entry = head[here]
            bucket += 1
        begin = end
    return True


@compiled
def search(
    indptr: Ints,
    heads: Ints,
    weights: Floats,
    seed_node: Ints,
    seed_seconds: Floats,
    seed_label: Ints,
    limit: float,
    width: float,
    track: int,
    batched: bool,
) -> tuple[Floats, Ints]:
    """Seconds from the nearest seed to every node, and that seed's label or the last arc on the way.

    Parameters
    ----------
    indptr, heads, weights : the graph in CSR form; seconds ≥ 0
    seed_node, seed_seconds, seed_label : shape (seeds,); a node may have several
    limit : seconds beyond which nodes are not reached (≤)
    width : of a bucket, in seconds
    track : `INHERIT` or `ARC`; a seed's arc is −2
    batched : whether to search the seeds in batches of neighbours

    Returns
    -------
    seconds : shape (nodes,), infinity where not reached
    label : shape (nodes,), −1 where not reached
    """
    nodes = len(indptr) - 1
    seconds, label = np.empty(nodes), np.empty(nodes, np.int32)
    # Batch by batch, and within each the nearest first; no time on a street comes near 1e9 seconds.
    batch = (seed_node >> BATCH_BITS) * 1e9 if batched else np.zeros(len(seed_node))
    order = np.argsort(batch + seed_seconds)
    room = nodes + len(order) + 1
    while True:
        seconds[:] = np.inf
        label[:] = -1
        if _search(
            indptr,
            heads,
            weights,
            seed_node,
            seed_seconds,
            seed_label,
            order,
            limit,
            width,
            track == ARC,
            batched,
            seconds,
            label,
            room,
        ):
            return seconds, label
        room *= 2


@compiled
def chains(
    nodes: int, u: Ints, v: Ints, forward: Floats, backward: Floats, metres: Floats
) -> tuple[Ints, NDArray[np.bool_], Ints, Floats, Floats, Floats, Ints, Ints, Floats, Floats, Floats, Ints]:
    """Contract chains of edges through nodes of degree two.

    Parameters
    ----------
    u, v, forward, backward, metres : shape (edges,), the ends of each edge, the seconds along and against it (infinity:
        closed), and its length

    Returns
    -------
    chain, along, turn : shape (edges,), the chain each edge is part of, whether it points the way the chain does, and
        how many edges of the chain come before it
    ahead, behind, before : shape (edges,), seconds along the chain from its start to where the edge begins on it,
        seconds against the chain from there to its start, and metres between
    start, end, there, back, length, edges : shape (chains,), the nodes at the ends, seconds along and against, metres,
        and how many edges there are
    """
    edges = len(u)
    degree = np.zeros(nodes + 1, np.int32)
    for edge in range(edges):
        degree[u[edge] + 1] += 1
        degree[v[edge] + 1] += 1
    first = np.cumsum(degree).astype(np.int32)
    incident = np.empty(2 * edges, np.int32)
    fill = first[:-1].copy()
    for edge in range(edges):
        for node in (u[edge], v[edge]):
            incident[fill[node]] = edge
            fill[node] += 1
    through = np.zeros(nodes, np.bool_)
    for node in range(nodes):
        if first[node + 1] - first[node] == 2:
            a, b = incident[first[node]], incident[first[node] + 1]
            if a != b:
                # Whoever can come in on one side can go out on the other, both ways round.
                into_a = np.isfinite(forward[a] if v[a] == node else backward[a])
                out_a = np.isfinite(backward[a] if v[a] == node else forward[a])
                into_b = np.isfinite(forward[b] if v[b] == node else backward[b])
                out_b = np.isfinite(backward[b] if v[b] == node else forward[b])
                through[node] = into_a == out_b and into_b == out_a

    chain, along = np.full(edges, np.int32(-1)), np.empty(edges, np.bool_)
    ahead, behind, before = np.empty(edges), np.empty(edges), np.empty(edges)
    turn, pieces = np.empty(edges, np.int32), np.empty(edges, np.int32)
    start, end = np.empty(edges, np.int32), np.empty(edges, np.int32)
    there, back, length = np.empty(edges), np.empty(edges), np.empty(edges)
    count = 0
    for rings in (False, True):
        for origin in range(nodes):
            # A ring without a junction begins at any of its nodes.
            if through[origin] != rings:
                continue
            for at in range(first[origin], first[origin + 1]):
                edge = incident[at]
                if chain[edge] >= 0:
                    continue
                node, gone, returned, covered, turns = origin, 0.0, 0.0, 0.0, 0
                while True:
                    forwards = u[edge] == node
                    chain[edge], along[edge], turn[edge] = count, forwards, turns
                    turns += 1
                    ahead[edge], behind[edge], before[edge] = gone, returned, covered
                    gone += forward[edge] if forwards else backward[edge]
                    returned += backward[edge] if forwards else forward[edge]
                    covered += metres[edge]
                    node = v[edge] if forwards else u[edge]
                    if node == origin or not through[node]:
                        break
                    a, b = incident[first[node]], incident[first[node] + 1]
                    edge = b if a == edge else a
                start[count], end[count], pieces[count] = origin, node, turns
                there[count], back[count], length[count] = gone, returned, covered
                count += 1
    return (
        chain,
        along,
        turn,
        ahead,
        behind,
        before,
        start[:count].copy(),
        end[:count].copy(),
        there[:count].copy(),
        back[:count].copy(),
        length[:count].copy(),
        pieces[:count].copy(),
    )


@compiled
def hilbert(x: NDArray[np.uint32], y: NDArray[np.uint32], bits: int) -> NDArray[np.uint64]:
    """Place of each cell (x, y), both below 2**bits, on the Hilbert curve, shape (n,)."""
    places = np.empty(len(x), np.uint64)
    for row in range(len(x)):
        px, py = np.uint32(x[row]), np.uint32(y[row])
        place = np.uint64(0)
        side = np.uint32(1) << np.uint32(bits - 1)
        while side > 0:
            right, upper = np.uint64((px & side) != 0), np.uint64((py & side) != 0)
            place = (place << np.uint64(2)) | ((np.uint64(3) * right) ^ upper)
            # Each quarter holds a smaller curve, turned so that its ends meet its neighbours'.
            if upper == 0:
                if right == 1:
                    px, py = ~px, ~py
                px, py = py, px
            side >>= np.uint32(1)
        places[row] = place
    return places


@compiled
def read_off(
    node_seconds: Floats, node_label: Ints, start: Ints, end: Ints, to_start: Floats, to_end: Floats
) -> tuple[Floats, Ints]:
    """Seconds of places along chains, the least over both ends, and the label of that end; shape (places,)."""
    places = len(start)
    seconds, label = np.full(places, np.inf), np.full(places, np.int32(-1))
    for place in range(places):
        if start[place] >= 0:
            over_start = to_start[place] + node_seconds[start[place]]
            over_end = to_end[place] + node_seconds[end[place]]
            if over_start <= over_end:
                seconds[place], label[place] = over_start, node_label[start[place]]
            else:
                seconds[place], label[place] = over_end, node_label[end[place]]
            if seconds[place] == np.inf:
                label[place] = -1
    return seconds, label


@compiled
def along_chains(
    seconds: Floats,
    label: Ints,
    chain: Ints,
    at: Floats,
    ahead: Floats,
    behind: Floats,
    open_ahead: NDArray[np.bool_],
    open_behind: NDArray[np.bool_],
    first: Ints,
    low: Floats,
    high: Floats,
    low_ahead: Floats,
    high_behind: Floats,
    extra: Floats,
    stretch_label: Ints,
) -> None:
    """Shorten ``seconds`` of places, shape (places,), where a stretch on their own chain is reached along it.

    Places stand ``at`` a coordinate of their ``chain``; the stretches of chain c are the rows ``first[c]`` to
    ``first[c + 1]`` of the last five arrays, from ``low`` to ``high`` in that coordinate, and cost ``extra`` seconds.
    """
    for place in range(len(seconds)):
        here = chain[place]
        if here < 0:
            continue
        for stretch in range(first[here], first[here + 1]):
            if at[place] < low[stretch]:
                way = low_ahead[stretch] - ahead[place] if open_ahead[here] else np.inf
            elif at[place] > high[stretch]:
                way = behind[place] - high_behind[stretch] if open_behind[here] else np.inf
            else:
                way = 0.0
            way += extra[stretch]
            if way < seconds[place]:
                seconds[place], label[place] = way, stretch_label[stretch]


@compiled
def spread(grid: Floats, xy: Floats, seconds: Floats, free: float, reach: float, per_cell: float) -> None:
    """Lower the corners of ``grid``, shape (rows, columns), to what they take from points beside them.

    ``xy`` are the points' columns and rows, shape (points, 2); a corner up to ``free`` cells from a point takes the
    point's ``seconds``, up to ``reach`` cells ``per_cell`` seconds more for each, and farther nothing.
    """
    for point in range(len(seconds)):
        x, y = xy[point]
        for row in range(max(0, int(np.ceil(y - reach))), min(len(grid) - 1, int(y + reach)) + 1):
            for column in range(max(0, int(np.ceil(x - reach))), min(grid.shape[1] - 1, int(x + reach)) + 1):
                off = np.hypot(column - x, row - y)
                if off <= reach:
                    taken = seconds[point] + max(0.0, off - free) * per_cell
                    grid[row, column] = min(grid[row, column], taken)
