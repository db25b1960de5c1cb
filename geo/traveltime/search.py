"""The compiled searches between junctions: a monotone bucket queue, and sweeps over a hierarchy.

The queue is Dial's (1969, Communications of the ACM 12(11)) with buckets of some seconds on float distances. Within a
bucket nodes are taken in any order and taken again when they improve, so results are exact, not rounded: it is the
sequential form of Δ-stepping (Meyer and Sanders 2003, Journal of Algorithms 49(1)).

A node that improves gets a new entry in its new bucket. The old entry stays in the old bucket; when that comes up, the
node's seconds no longer belong there, and the entry is skipped.

The lines that push an entry onto the queue are repeated in `search_batch` and `search_several`. A helper function would
have to return the state of the queue, which makes the searches twice as slow.
"""

from typing import NamedTuple

import numpy as np

from geo.arrays import Float32Array, Float64Array, Int32Array
from geo.compiled import compiled, unsigned
from geo.traveltime.array_tables import Arcs, Hierarchy, NodeTimes, Seeds, SeveralNearest

BUCKET_SECONDS = 4.0
# Seeds whose nodes share all but this many bits of their Hilbert number are searched together, so that what a batch
# touches stays in the processor's cache, however large the network.
BATCH_BITS = 15


class Queue(NamedTuple):
    """A ring of buckets, each a stack of entries.

    Attributes
    ----------
    first_entry : shape (buckets,), a power of two; the topmost entry of each bucket, −1: it is empty
    node : shape (room,), the node that an entry stands for
    next_entry : shape (room,), the entry below it in its bucket (−1: the last)
    """

    first_entry: Int32Array
    node: Int32Array
    next_entry: Int32Array


@compiled
def bucket_count(longest_seconds: float, seed_seconds: Float64Array, limit: float) -> int:
    """How many buckets the ring needs, a power of two: the longest arc and the farthest seed must fit into it."""
    most = longest_seconds
    for seed in range(len(seed_seconds)):
        if seed_seconds[seed] <= limit:
            most = max(most, seed_seconds[seed])
    buckets = 1
    while buckets < most / BUCKET_SECONDS + 2:
        buckets *= 2
    return buckets


@compiled
def new_queue(buckets: int, room: int) -> Queue:
    """An empty queue for ``room`` entries."""
    return Queue(np.full(buckets, np.int32(-1)), np.empty(room, np.int32), np.empty(room, np.int32))


@compiled
def _batches(seed_node: Int32Array, nodes: int) -> tuple[Int32Array, Int32Array]:
    """Sort seeds by blocks of nodes, by counting: their order, and where each block begins in it."""
    begin = np.zeros((nodes >> BATCH_BITS) + 2, np.int32)
    for node in seed_node:
        begin[(node >> BATCH_BITS) + 1] += 1
    for block in range(len(begin) - 1):
        begin[block + 1] += begin[block]
    order, free = np.empty(len(seed_node), np.int32), begin.copy()
    for seed in range(len(seed_node)):
        block = seed_node[seed] >> BATCH_BITS
        order[free[block]] = seed
        free[block] += 1
    return order, begin


@compiled
def search_batch(arcs: Arcs, seeds: Seeds, batch: Int32Array, queue: Queue, track_arcs: bool, times: NodeTimes) -> int:
    """Search from one ``batch`` of the ``seeds``, and write into ``times``.

    Parameters
    ----------
    batch : shape (n,), rows of the seeds
    queue : an empty queue
    track_arcs : whether the label of a node is the arc by which it was reached (−2: a seed), or the facility of its
        nearest seed
    times : shape (nodes,); the seconds hold on entry what a node must stay below

    Returns
    -------
    How many entries of the queue were used, whose nodes are all that were reached; −1 where it had no room for them.
    """
    indptr, heads, weights = arcs.indptr, arcs.heads, arcs.seconds
    seed_node, seed_seconds, seed_facility = seeds.node, seeds.seconds, seeds.facility
    first_entry, node_of, next_entry = queue.first_entry, queue.node, queue.next_entry
    seconds, label = times.seconds, times.label
    mask, room = len(first_entry) - 1, len(node_of)
    per_second = 1.0 / BUCKET_SECONDS
    used, pending, earliest = 0, 0, np.inf
    for seed in batch:
        node, reached = seed_node[seed], seed_seconds[seed]
        if reached < seconds[node]:
            if used == room:
                return -1
            seconds[node] = reached
            label[node] = -2 if track_arcs else seed_facility[seed]
            slot = np.int64(reached * per_second) & mask
            node_of[used], next_entry[used] = node, first_entry[slot]
            first_entry[slot] = used
            used += 1
            pending += 1
            earliest = min(earliest, reached)
    bucket = np.int64(earliest * per_second) if pending else np.int64(0)
    while pending > 0:
        current = bucket & mask
        entry = first_entry[current]
        while entry >= 0:
            first_entry[current] = next_entry[entry]
            pending -= 1
            tail = unsigned(node_of[entry])
            tail_seconds = seconds[tail]
            if np.int64(tail_seconds * per_second) == bucket:
                tail_label = label[tail]
                for arc in range(unsigned(indptr[tail]), unsigned(indptr[tail + unsigned(1)])):
                    node, reached = unsigned(heads[arc]), tail_seconds + weights[arc]
                    if reached < seconds[node]:
                        if used == room:
                            return -1
                        seconds[node] = reached
                        label[node] = arc if track_arcs else tail_label
                        slot = np.int64(reached * per_second) & mask
                        node_of[used], next_entry[used] = node, first_entry[slot]
                        first_entry[slot] = used
                        used += 1
                        pending += 1
            entry = first_entry[current]
        bucket += 1
    return used


@compiled
def search(arcs: Arcs, seeds: Seeds, limit: float, track_arcs: bool) -> NodeTimes:
    """Seconds from the nearest seed to every node, within ``limit`` seconds (≤): for a few seeds.

    ``track_arcs`` is that of `search_batch`.
    """
    nodes = len(arcs.indptr) - 1
    times = NodeTimes(np.empty(nodes), np.empty(nodes, np.int32))
    seconds, label = times.seconds, times.label
    buckets = bucket_count(arcs.longest_seconds, seeds.seconds, limit)
    every_seed = np.arange(len(seeds.node)).astype(np.int32)
    room = 2 * nodes + len(seeds.node)
    used = -1
    while used < 0:
        seconds[:], label[:] = np.nextafter(limit, np.inf), -1
        used = search_batch(arcs, seeds, every_seed, new_queue(buckets, room), track_arcs, times)
        room *= 2
    for node in range(nodes):
        if label[node] == -1:
            seconds[node] = np.inf
    return times


@compiled
def sweep(hierarchy: Hierarchy, core: Arcs, seeds: Seeds, limit: float) -> NodeTimes:
    """What `search` gives with the facilities, for many seeds: two passes over a hierarchy, without a queue.

    On the way up, each node passes its seconds on to its higher neighbours; on the way down, it asks them for theirs.
    These are the sweeps of Delling, Goldberg, Nowatzyk and Werneck (2013, "PHAST", Journal of Parallel and Distributed
    Computing 73(7)), from all seeds at once.

    Parameters
    ----------
    hierarchy, core : what `geo.traveltime.graph.Graph.sweep` gives, in the direction of the search; like ``seeds``,
        plain tuples
    """
    rank, first_arc, higher, up, down = hierarchy
    core_arcs = Arcs(*core)
    seed_node, seed_seconds, seed_facility = seeds
    nodes, beyond = len(rank), np.nextafter(limit, np.inf)
    # Arrays are in the order of rank, so that what is touched together lies together.
    seconds, label = np.full(nodes, beyond), np.full(nodes, np.int32(-1))
    for seed in range(len(seed_node)):
        place = rank[seed_node[seed]]
        if seed_seconds[seed] < seconds[place]:
            seconds[place], label[place] = seed_seconds[seed], seed_facility[seed]
    for place in range(len(first_arc) - 1):
        reached, place_label = seconds[place], label[place]
        if place_label >= 0:
            for arc in range(unsigned(first_arc[place]), unsigned(first_arc[place + 1])):
                above = unsigned(higher[arc])
                if reached + up[arc] < seconds[above]:
                    seconds[above], label[above] = reached + up[arc], place_label
    if len(core_arcs.heads):
        in_core = core_arcs.indptr[1:] > core_arcs.indptr[:-1]
        reached_nodes = np.flatnonzero(in_core & (label[rank] >= 0)).astype(np.int32)
        core_seeds = Seeds(reached_nodes, seconds[rank[reached_nodes]], label[rank[reached_nodes]])
        core_times = search(core_arcs, core_seeds, limit, False)
        for node in range(nodes):
            if core_times.label[node] >= 0:
                seconds[rank[node]], label[rank[node]] = core_times.seconds[node], core_times.label[node]
    for place in range(len(first_arc) - 2, -1, -1):
        reached, nearest = seconds[place], unsigned(place)
        # No branches: the processor cannot foresee which neighbour is nearest.
        for arc in range(unsigned(first_arc[place]), unsigned(first_arc[place + 1])):
            above = unsigned(higher[arc])
            over_above = seconds[above] + down[arc]
            nearest = above if over_above < reached else nearest
            reached = min(over_above, reached)
        seconds[place], label[place] = reached, label[nearest]
    node_seconds, node_label = np.empty(nodes), np.empty(nodes, np.int32)
    for node in range(nodes):
        place = unsigned(rank[node])
        node_label[node] = label[place]
        node_seconds[node] = seconds[place] if label[place] >= 0 else np.inf
    return NodeTimes(node_seconds, node_label)


@compiled
def _insert_facility(
    seconds: Float64Array,
    facilities: Int32Array,
    metres: Float32Array,
    node: int,
    reached: float,
    facility: int,
    travelled: float,
) -> bool:
    """Put a facility into the sorted list of ``node``, shape (nodes, k), if it is near enough; each stands once.

    Returns whether the list has changed: the search then passes the facility on to the node's neighbours. Equally near
    facilities stay in the order in which they come, since sorting them by number, as the function of this name in
    `geo.traveltime.lookup` does, would queue nodes again without making anything nearer.
    """
    column = seconds.shape[1] - 1
    if reached >= seconds[node, column]:
        return False
    for other in range(column + 1):
        if facilities[node, other] == facility:
            if seconds[node, other] <= reached:
                return False
            column = other
            break
    while column > 0 and seconds[node, column - 1] > reached:
        seconds[node, column] = seconds[node, column - 1]
        facilities[node, column] = facilities[node, column - 1]
        metres[node, column] = metres[node, column - 1]
        column -= 1
    seconds[node, column], facilities[node, column], metres[node, column] = reached, facility, travelled
    return True


@compiled
def search_several(
    arcs: Arcs, arc_metres: Float32Array, seeds: Seeds, seed_metres: Float64Array, k: int, limit: float
) -> SeveralNearest:
    """The ``k`` nearest facilities of every node: a node is settled at most ``k`` times.

    Parameters
    ----------
    arc_metres, seed_metres : shape (arcs,) and (seeds,), metres of each arc, and those already travelled at each seed
    limit : seconds beyond which nodes are not reached (≤)
    """
    indptr, heads, weights = arcs.indptr, arcs.heads, arcs.seconds
    seed_node, seed_seconds, seed_facility = seeds.node, seeds.seconds, seeds.facility
    nodes = len(indptr) - 1
    seconds = np.full((nodes, k), np.nextafter(limit, np.inf))
    facilities, metres = np.full((nodes, k), np.int32(-1)), np.zeros((nodes, k), np.float32)
    buckets = bucket_count(arcs.longest_seconds, seed_seconds, limit)
    order, begin = _batches(seed_node, nodes)
    mask, per_second = buckets - 1, 1.0 / BUCKET_SECONDS
    first_entry = np.full(buckets, np.int32(-1))
    room = 2 * nodes + len(seed_node) + 16
    node_of, facility_of, next_entry = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    for block in range(len(begin) - 1):
        used, pending, earliest = 0, 0, np.inf
        for seed in order[begin[block] : begin[block + 1]]:
            node, reached = seed_node[seed], seed_seconds[seed]
            if _insert_facility(seconds, facilities, metres, node, reached, seed_facility[seed], seed_metres[seed]):
                slot = np.int64(reached * per_second) & mask
                node_of[used], facility_of[used], next_entry[used] = node, seed_facility[seed], first_entry[slot]
                first_entry[slot] = used
                used += 1
                pending += 1
                earliest = min(earliest, reached)
        bucket = np.int64(earliest * per_second) if pending else np.int64(0)
        while pending > 0:
            current = bucket & mask
            entry = first_entry[current]
            while entry >= 0:
                first_entry[current] = next_entry[entry]
                pending -= 1
                tail, facility = node_of[entry], facility_of[entry]
                column = 0
                while column < k and facilities[tail, column] != facility:
                    column += 1
                # Since it was queued, nearer facilities may have pushed it out of the list, or it has come nearer.
                if column < k and np.int64(seconds[tail, column] * per_second) == bucket:
                    tail_seconds, tail_metres = seconds[tail, column], metres[tail, column]
                    for arc in range(indptr[tail], indptr[tail + 1]):
                        node, reached = heads[arc], tail_seconds + weights[arc]
                        if reached < seconds[node, k - 1] and _insert_facility(
                            seconds, facilities, metres, node, reached, facility, tail_metres + arc_metres[arc]
                        ):
                            if used == len(node_of):
                                node_of = np.append(node_of, np.empty(used, np.int32))
                                facility_of = np.append(facility_of, np.empty(used, np.int32))
                                next_entry = np.append(next_entry, np.empty(used, np.int32))
                            slot = np.int64(reached * per_second) & mask
                            node_of[used], facility_of[used], next_entry[used] = node, facility, first_entry[slot]
                            first_entry[slot] = used
                            used += 1
                            pending += 1
                entry = first_entry[current]
            bucket += 1
    for node in range(nodes):
        for column in range(k):
            if facilities[node, column] == -1:
                seconds[node, column] = np.inf
    return SeveralNearest(seconds, facilities, metres)
