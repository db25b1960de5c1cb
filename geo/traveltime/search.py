"""The compiled searches between junctions: a monotone bucket queue, and sweeps over a hierarchy.

The queue is Dial's (1969, Communications of the ACM 12(11)) with buckets of some seconds on float distances. Within a
bucket nodes are taken in any order and taken again when they improve, so results are exact, not rounded: it is the
sequential form of Δ-stepping (Meyer and Sanders 2003, Journal of Algorithms 49(1)).
"""

import numpy as np

from geo.arrays import Float32Array, Float64Array, Int32Array
from geo.compiled import compiled, unsigned

INHERIT, ARC = 0, 1
"""What a search writes for a node: its source's label, or the arc it was reached by."""

BUCKET_SECONDS = 4.0
# Seeds whose nodes share all but this many bits of their Hilbert number are searched together, so that what a batch
# touches stays in the processor's cache, however large the network.
BATCH_BITS = 15


@compiled
def slots_for(longest: float, seed_seconds: Float64Array, limit: float) -> int:
    """How many buckets the ring needs, a power of two: the longest step, or the farthest seed, at once."""
    most = longest
    for seed in range(len(seed_seconds)):
        if seed_seconds[seed] <= limit:
            most = max(most, seed_seconds[seed])
    slots = 1
    while slots < most / BUCKET_SECONDS + 2:
        slots *= 2
    return slots


@compiled
def _batches(seed_node: Int32Array, nodes: int) -> tuple[Int32Array, Int32Array]:
    """Seeds by blocks of nodes: their order, and where each block begins in it; a counting sort."""
    begin = np.zeros((nodes >> BATCH_BITS) + 2, np.int32)
    for node in seed_node:
        begin[(node >> BATCH_BITS) + 1] += 1
    for block in range(len(begin) - 1):
        begin[block + 1] += begin[block]
    order, filled = np.empty(len(seed_node), np.int32), begin.copy()
    for seed in range(len(seed_node)):
        block = seed_node[seed] >> BATCH_BITS
        order[filled[block]] = seed
        filled[block] += 1
    return order, begin


@compiled
def search_batch(
    indptr: Int32Array,
    heads: Int32Array,
    weights: Float32Array,
    seed_node: Int32Array,
    seed_seconds: Float64Array,
    seed_label: Int32Array,
    seeds: Int32Array,
    first_bucket: Int32Array,
    arcs: bool,
    seconds: Float64Array,
    label: Int32Array,
    node_of: Int32Array,
    below: Int32Array,
) -> int:
    """One batch, the ``seeds``, into ``seconds`` and ``label``.

    ``seconds`` hold what a node must stay below; ``first_bucket`` is the ring of buckets, all empty (−1). Gives how
    many entries of ``node_of`` were used, which name every node reached; −1 where there was no room for them.
    """
    # Buckets are stacks of entries, linked by ``below``. A node that improves is put into its new bucket and left in
    # the old one, where it is found done. Pushes are written out: a helper that gives the queue's state back costs a
    # factor of two.
    mask, room = len(first_bucket) - 1, len(node_of)
    per_second = 1.0 / BUCKET_SECONDS
    used, pending, earliest = 0, 0, np.inf
    for seed in seeds:
        node, reached = seed_node[seed], seed_seconds[seed]
        if reached < seconds[node]:
            if used == room:
                return -1
            seconds[node] = reached
            label[node] = -2 if arcs else seed_label[seed]
            slot = np.int64(reached * per_second) & mask
            node_of[used], below[used] = node, first_bucket[slot]
            first_bucket[slot] = used
            used += 1
            pending += 1
            earliest = min(earliest, reached)
    bucket = np.int64(earliest * per_second) if pending else np.int64(0)
    while pending > 0:
        here = bucket & mask
        entry = first_bucket[here]
        while entry >= 0:
            first_bucket[here] = below[entry]
            pending -= 1
            tail = unsigned(node_of[entry])
            from_tail = seconds[tail]
            if np.int64(from_tail * per_second) == bucket:
                tail_label = label[tail]
                for arc in range(unsigned(indptr[tail]), unsigned(indptr[tail + unsigned(1)])):
                    node, reached = unsigned(heads[arc]), from_tail + weights[arc]
                    if reached < seconds[node]:
                        if used == room:
                            return -1
                        seconds[node] = reached
                        label[node] = arc if arcs else tail_label
                        slot = np.int64(reached * per_second) & mask
                        node_of[used], below[used] = node, first_bucket[slot]
                        first_bucket[slot] = used
                        used += 1
                        pending += 1
            entry = first_bucket[here]
        bucket += 1
    return used


@compiled
def search(
    indptr: Int32Array,
    heads: Int32Array,
    weights: Float32Array,
    longest: float,
    seed_node: Int32Array,
    seed_seconds: Float64Array,
    seed_label: Int32Array,
    limit: float,
    track: int,
) -> tuple[Float64Array, Int32Array]:
    """Seconds from the nearest seed to every node, and that seed's label or the last arc on the way.

    It goes as far as ``limit`` and no farther: for a few seeds.

    Parameters
    ----------
    indptr, heads, weights : the graph in CSR form; seconds ≥ 0, of which ``longest`` is the greatest
    seed_node, seed_seconds, seed_label : shape (seeds,); a node may have several
    limit : seconds beyond which nodes are not reached (≤)
    track : `INHERIT` or `ARC`; a seed's arc is −2

    Returns
    -------
    seconds : shape (nodes,), infinity where not reached
    label : shape (nodes,), −1 where not reached
    """
    nodes = len(indptr) - 1
    seconds, label = np.empty(nodes), np.empty(nodes, np.int32)
    slots, seeds = slots_for(longest, seed_seconds, limit), np.arange(len(seed_node)).astype(np.int32)
    room = 2 * nodes + len(seed_node)
    used = -1
    while used < 0:
        seconds[:], label[:] = np.nextafter(limit, np.inf), -1
        first_bucket = np.full(slots, np.int32(-1))
        node_of, below = np.empty(room, np.int32), np.empty(room, np.int32)
        used = search_batch(
            indptr,
            heads,
            weights,
            seed_node,
            seed_seconds,
            seed_label,
            seeds,
            first_bucket,
            track == ARC,
            seconds,
            label,
            node_of,
            below,
        )
        room *= 2
    for node in range(nodes):
        if label[node] == -1:
            seconds[node] = np.inf
    return seconds, label


@compiled
def sweep(
    rank: Int32Array,
    first: Int32Array,
    higher: Int32Array,
    up: Float32Array,
    down: Float32Array,
    indptr: Int32Array,
    heads: Int32Array,
    weights: Float32Array,
    longest: float,
    seed_node: Int32Array,
    seed_seconds: Float64Array,
    seed_label: Int32Array,
    limit: float,
) -> tuple[Float64Array, Int32Array]:
    """What `search` gives, for many seeds: two passes over a hierarchy of the graph, without a queue.

    Up, each node tells its higher neighbours; down, it asks them: the sweeps of Delling, Goldberg, Nowatzyk and
    Werneck (2013, "PHAST", Journal of Parallel and Distributed Computing 73(7)), from all seeds at once.

    Parameters
    ----------
    rank, first, higher, up, down : as `geo.traveltime.contraction.eliminate` gives them, ``up`` and
        ``down`` in the direction of the search
    indptr, heads, weights, longest : what is left of the graph, as in `search`
    seed_node, seed_seconds, seed_label, limit : as in `search`
    """
    nodes, beyond = len(rank), np.nextafter(limit, np.inf)
    # By rank, so that what is touched together lies together.
    seconds, label = np.full(nodes, beyond), np.full(nodes, np.int32(-1))
    for seed in range(len(seed_node)):
        place = rank[seed_node[seed]]
        if seed_seconds[seed] < seconds[place]:
            seconds[place], label[place] = seed_seconds[seed], seed_label[seed]
    for place in range(len(first) - 1):
        reached, own = seconds[place], label[place]
        if own >= 0:
            for arc in range(unsigned(first[place]), unsigned(first[place + 1])):
                above = unsigned(higher[arc])
                if reached + up[arc] < seconds[above]:
                    seconds[above], label[above] = reached + up[arc], own
    if len(heads):
        seeds = np.flatnonzero((indptr[1:] > indptr[:-1]) & (label[rank] >= 0)).astype(np.int32)
        known, whose = seconds[rank[seeds]], label[rank[seeds]]
        found, nearest = search(indptr, heads, weights, longest, seeds, known, whose, limit, INHERIT)
        for node in range(nodes):
            if nearest[node] >= 0:
                seconds[rank[node]], label[rank[node]] = found[node], nearest[node]
    for place in range(len(first) - 2, -1, -1):
        reached, through = seconds[place], unsigned(place)
        # No branches: which neighbour is nearest cannot be foreseen.
        for arc in range(unsigned(first[place]), unsigned(first[place + 1])):
            above = unsigned(higher[arc])
            over = seconds[above] + down[arc]
            through = above if over < reached else through
            reached = min(over, reached)
        seconds[place], label[place] = reached, label[through]
    node_seconds, node_label = np.empty(nodes), np.empty(nodes, np.int32)
    for node in range(nodes):
        place = unsigned(rank[node])
        node_label[node] = label[place]
        node_seconds[node] = seconds[place] if label[place] >= 0 else np.inf
    return node_seconds, node_label


@compiled
def _enlist(
    seconds: Float64Array,
    label: Int32Array,
    metres: Float32Array,
    node: int,
    reached: float,
    new_label: int,
    travelled: float,
) -> bool:
    """Put a label into a node's row of the lists, shape (nodes, k), if it is near enough; none stands there twice."""
    at = seconds.shape[1] - 1
    if reached >= seconds[node, at]:
        return False
    for row in range(at + 1):
        if label[node, row] == new_label:
            if seconds[node, row] <= reached:
                return False
            at = row
            break
    while at > 0 and seconds[node, at - 1] > reached:
        seconds[node, at] = seconds[node, at - 1]
        label[node, at] = label[node, at - 1]
        metres[node, at] = metres[node, at - 1]
        at -= 1
    seconds[node, at], label[node, at], metres[node, at] = reached, new_label, travelled
    return True


@compiled
def search_several(
    indptr: Int32Array,
    heads: Int32Array,
    weights: Float32Array,
    arc_metres: Float32Array,
    longest: float,
    seed_node: Int32Array,
    seed_seconds: Float64Array,
    seed_metres: Float64Array,
    seed_label: Int32Array,
    k: int,
    limit: float,
) -> tuple[Float64Array, Int32Array, Float32Array]:
    """The ``k`` nearest seeds of different label from every node: a node is settled at most ``k`` times.

    Parameters are those of `search`, with the ``metres`` of arcs and seeds.

    Returns
    -------
    seconds : shape (nodes, k), nearest first, infinity where fewer are reached
    label : shape (nodes, k), −1 there
    metres : shape (nodes, k), travelled on the way that takes so long
    """
    nodes = len(indptr) - 1
    seconds = np.full((nodes, k), np.nextafter(limit, np.inf))
    label, metres = np.full((nodes, k), np.int32(-1)), np.zeros((nodes, k), np.float32)
    slots = slots_for(longest, seed_seconds, limit)
    order, begin = _batches(seed_node, nodes)
    mask, per_second = slots - 1, 1.0 / BUCKET_SECONDS
    first_bucket = np.full(slots, np.int32(-1))
    room = 2 * nodes + len(seed_node) + 16
    node_of, label_of, below = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    for block in range(len(begin) - 1):
        used, pending, earliest = 0, 0, np.inf
        for seed in order[begin[block] : begin[block + 1]]:
            node, reached = seed_node[seed], seed_seconds[seed]
            if _enlist(seconds, label, metres, node, reached, seed_label[seed], seed_metres[seed]):
                slot = np.int64(reached * per_second) & mask
                node_of[used], label_of[used], below[used] = node, seed_label[seed], first_bucket[slot]
                first_bucket[slot] = used
                used += 1
                pending += 1
                earliest = min(earliest, reached)
        bucket = np.int64(earliest * per_second) if pending else np.int64(0)
        while pending > 0:
            here = bucket & mask
            entry = first_bucket[here]
            while entry >= 0:
                first_bucket[here] = below[entry]
                pending -= 1
                tail, tail_label = node_of[entry], label_of[entry]
                row = 0
                while row < k and label[tail, row] != tail_label:
                    row += 1
                # Nearer facilities may have pushed it out of the list since, or it has come nearer itself.
                if row < k and np.int64(seconds[tail, row] * per_second) == bucket:
                    from_tail, walked = seconds[tail, row], metres[tail, row]
                    for arc in range(indptr[tail], indptr[tail + 1]):
                        node, reached = heads[arc], from_tail + weights[arc]
                        if reached < seconds[node, k - 1] and _enlist(
                            seconds, label, metres, node, reached, tail_label, walked + arc_metres[arc]
                        ):
                            if used == len(node_of):
                                node_of = np.append(node_of, np.empty(used, np.int32))
                                label_of = np.append(label_of, np.empty(used, np.int32))
                                below = np.append(below, np.empty(used, np.int32))
                            slot = np.int64(reached * per_second) & mask
                            node_of[used], label_of[used], below[used] = node, tail_label, first_bucket[slot]
                            first_bucket[slot] = used
                            used += 1
                            pending += 1
                entry = first_bucket[here]
            bucket += 1
    for node in range(nodes):
        for row in range(k):
            if label[node, row] == -1:
                seconds[node, row] = np.inf
    return seconds, label, metres
