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
Singles = NDArray[np.float32]
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

BUCKET_SECONDS = 4.0
# Seeds whose nodes share all but this many bits of their Hilbert number are searched together, so that what a batch
# touches stays in the processor's cache, however large the network.
BATCH_BITS = 15
TOGETHER = 31  # bits that no two nodes differ beyond: one batch


@compiled
def _slots(longest: float, seed_seconds: Floats, limit: float) -> int:
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
def _batches(seed_node: Ints, nodes: int, bits: int) -> tuple[Ints, Ints]:
    """Seeds by blocks of nodes: their order, and where each block begins in it; a counting sort."""
    begin = np.zeros((nodes >> bits) + 2, np.int32)
    for node in seed_node:
        begin[(node >> bits) + 1] += 1
    for block in range(len(begin) - 1):
        begin[block + 1] += begin[block]
    order, filled = np.empty(len(seed_node), np.int32), begin.copy()
    for seed in range(len(seed_node)):
        block = seed_node[seed] >> bits
        order[filled[block]] = seed
        filled[block] += 1
    return order, begin


@compiled
def _search(
    indptr: Ints,
    heads: Ints,
    weights: Singles,
    seed_node: Ints,
    seed_seconds: Floats,
    seed_label: Ints,
    seeds: Ints,
    first_bucket: Ints,
    arcs: bool,
    seconds: Floats,
    label: Ints,
    node_of: Ints,
    below: Ints,
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
            tail = node_of[entry]
            from_tail = seconds[tail]
            if np.int64(from_tail * per_second) == bucket:
                tail_label = label[tail]
                for arc in range(indptr[tail], indptr[tail + 1]):
                    node, reached = heads[arc], from_tail + weights[arc]
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
    indptr: Ints,
    heads: Ints,
    weights: Singles,
    longest: float,
    seed_node: Ints,
    seed_seconds: Floats,
    seed_label: Ints,
    limit: float,
    track: int,
    bits: int,
) -> tuple[Floats, Ints]:
    """Seconds from the nearest seed to every node, and that seed's label or the last arc on the way.

    Parameters
    ----------
    indptr, heads, weights : the graph in CSR form; seconds ≥ 0, of which ``longest`` is the greatest
    seed_node, seed_seconds, seed_label : shape (seeds,); a node may have several
    limit : seconds beyond which nodes are not reached (≤)
    track : `INHERIT` or `ARC`; a seed's arc is −2
    bits : `BATCH_BITS`, or `TOGETHER` for seeds of one place

    Returns
    -------
    seconds : shape (nodes,), infinity where not reached
    label : shape (nodes,), −1 where not reached
    """
    nodes = len(indptr) - 1
    seconds, label = np.empty(nodes), np.empty(nodes, np.int32)
    slots = _slots(longest, seed_seconds, limit)
    order, begin = _batches(seed_node, nodes, bits)
    room = 2 * nodes + len(seed_node)
    fits = False
    while not fits:
        seconds[:], label[:] = np.nextafter(limit, np.inf), -1
        first_bucket = np.full(slots, np.int32(-1))
        node_of, below = np.empty(room, np.int32), np.empty(room, np.int32)
        fits = True
        for block in range(len(begin) - 1):
            seeds = order[begin[block] : begin[block + 1]]
            if fits and len(seeds):
                used = _search(
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
                fits = used >= 0
        room *= 2
    for node in range(nodes):
        if label[node] == -1:
            seconds[node] = np.inf
    return seconds, label


@compiled
def _enlist(
    seconds: Floats, label: Ints, metres: Singles, node: int, reached: float, new_label: int, travelled: float
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
    indptr: Ints,
    heads: Ints,
    weights: Singles,
    arc_metres: Singles,
    longest: float,
    seed_node: Ints,
    seed_seconds: Floats,
    seed_metres: Floats,
    seed_label: Ints,
    k: int,
    limit: float,
    bits: int,
) -> tuple[Floats, Ints, Singles]:
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
    slots = _slots(longest, seed_seconds, limit)
    order, begin = _batches(seed_node, nodes, bits)
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


@compiled
def _along(at: float, onto: float, off: float, stretch: Floats, row: int, opened: bool, home_open: bool) -> float:
    """Seconds between a place and a stretch of its chain, along the chain; the arguments are those of `read_off`."""
    if at < stretch[row, 0]:
        return stretch[row, 1] - off if opened else np.inf
    if at > stretch[row, 2]:
        return onto - stretch[row, 3] if home_open else np.inf
    return 0.0


@compiled
def _over_ends(
    at: float, onto: float, off: float, pieces: int, over: float, home_open: bool, at_start: float, at_end: float
) -> tuple[float, float]:
    """Seconds of a place over the start and over the end of its chain; the arguments are those of `read_off`."""
    # At a chain's end one stands on the node, and no one-way binds.
    by_start = at_start + onto if home_open or at == 0 else np.inf
    by_end = at_end if at == pieces else at_end + max(0.0, over - off)
    return by_start, by_end


@compiled
def read_off(
    node_seconds: Floats,
    node_label: Ints,
    start: Ints,
    end: Ints,
    home: Singles,
    over: Singles,
    pieces: Ints,
    chains: Ints,
    first_place: Ints,
    at: Floats,
    onto: Singles,
    off: Singles,
    order: Ints,
    stretch_chain: Ints,
    stretch: Floats,
    extra: Floats,
    stretch_label: Ints,
    places: int,
) -> tuple[Floats, Ints]:
    """Seconds between places and the nearest of some stretches, by what a search from these wrote for the nodes.

    A place's time is the least over both ends of its chain, or along the chain to a stretch that it has.

    Parameters
    ----------
    node_seconds, node_label : shape (nodes,)
    start, end, pieces : shape (chains,), as in `geo.graph.Graph`
    home, over : shape (chains,), seconds of the whole chain, in the direction that a place takes over its start, and
        over its end (infinity: closed)
    chains : shape (m,), the chains that hold a place, in order
    first_place : shape (m + 1,); where the places of each begin in the four arrays that follow
    at, onto, off : shape (n,), a place's coordinate on its chain; seconds between it and the start in the direction of
        ``home`` and in that of ``over``
    order : shape (n,), number of the place
    stretch_chain : shape (stretches,), in order
    stretch, extra, stretch_label : shape (stretches, 4): ``at`` and ``off`` of the lower end, ``at`` and ``onto`` of
        the upper one; what each costs besides; and whose it is
    places : how many places are numbered

    Returns
    -------
    seconds : shape (places,), infinity where none is reached
    label : shape (places,), −1 there
    """
    seconds, label = np.full(places, np.inf), np.full(places, np.int32(-1))
    low = high = 0
    for number in range(len(chains)):
        chain = chains[number]
        while low < len(stretch_chain) and stretch_chain[low] < chain:
            low += 1
        high = low
        while high < len(stretch_chain) and stretch_chain[high] == chain:
            high += 1
        whole, home_open, opened = over[chain], home[chain] < np.inf, over[chain] < np.inf
        at_start, at_end = node_seconds[start[chain]], node_seconds[end[chain]]
        start_label, end_label = node_label[start[chain]], node_label[end[chain]]
        for row in range(first_place[number], first_place[number + 1]):
            if home_open and opened:
                by_start, by_end = at_start + onto[row], at_end + max(np.float32(0.0), whole - off[row])
            else:
                by_start, by_end = _over_ends(
                    at[row], onto[row], off[row], pieces[chain], whole, home_open, at_start, at_end
                )
            least, nearest = (by_start, start_label) if by_start <= by_end else (by_end, end_label)
            for own in range(low, high):
                way = extra[own] + _along(at[row], onto[row], off[row], stretch, own, opened, home_open)
                if way < least:
                    least, nearest = way, stretch_label[own]
            if least < np.inf:
                place = order[row]
                seconds[place], label[place] = least, nearest
        low = high
    return seconds, label


@compiled
def catchments(
    indptr: Ints,
    heads: Ints,
    weights: Singles,
    longest: float,
    limit: float,
    first_seed: Ints,
    seed_node: Ints,
    seed_seconds: Floats,
    incident: Ints,
    first_incident: Ints,
    start: Ints,
    end: Ints,
    home: Singles,
    over: Singles,
    pieces: Ints,
    first_place: Ints,
    at: Floats,
    onto: Singles,
    off: Singles,
    order: Ints,
    first_stretch: Ints,
    stretch_chain: Ints,
    stretch: Floats,
    extra: Floats,
) -> tuple[NDArray[np.int64], Ints, Singles]:
    """All places within ``limit`` seconds (≤) of each of some candidates.

    Parameters
    ----------
    indptr, heads, weights, longest : as in `search`
    first_seed : shape (candidates + 1,); where the seeds of each candidate begin
    incident, first_incident : the chains that touch each node, in CSR form
    start … pieces : the chains, as in `read_off`
    first_place : shape (chains + 1,); where the places on each chain begin in the four arrays that follow, which are
        those of `read_off`
    first_stretch : shape (candidates + 1,); where the stretches of each candidate begin in the three arrays that follow

    Returns
    -------
    indptr : shape (candidates + 1,); where the rows of each candidate begin
    place, seconds : shape (rows,)
    """
    nodes, candidates = len(indptr) - 1, len(first_seed) - 1
    beyond = np.nextafter(limit, np.inf)
    seconds, label = np.full(nodes, beyond), np.zeros(nodes, np.int32)
    ring = np.full(_slots(longest, seed_seconds, limit), np.int32(-1))
    node_of, below = np.empty(4 * nodes + 16, np.int32), np.empty(4 * nodes + 16, np.int32)
    seeds, no_label = np.arange(len(seed_node)).astype(np.int32), np.zeros(len(seed_node), np.int32)
    seen = np.full(len(start), np.int32(-1))  # the last candidate that each chain was looked at for
    first_row = np.zeros(candidates + 1, np.int64)
    place, taken = np.empty(1024, np.int32), np.empty(1024, np.float32)
    rows = 0
    for candidate in range(candidates):
        own = seeds[first_seed[candidate] : first_seed[candidate + 1]]
        used = -1
        while used < 0:
            used = _search(
                indptr,
                heads,
                weights,
                seed_node,
                seed_seconds,
                no_label,
                own,
                ring,
                False,
                seconds,
                label,
                node_of,
                below,
            )
            if used < 0:
                seconds[:], ring[:] = beyond, -1
                room = 2 * len(node_of)
                node_of, below = np.empty(room, np.int32), np.empty(room, np.int32)
        low, high = first_stretch[candidate], first_stretch[candidate + 1]
        # The candidate's own chains first, then all that touch a node in reach; each once.
        for number in range(low - high, used):
            if number < 0:
                begin, finish = 0, 1
            else:
                node = node_of[number]
                begin, finish = first_incident[node], first_incident[node + 1]
            for which in range(begin, finish):
                chain = stretch_chain[high + number] if number < 0 else incident[which]
                if seen[chain] == candidate:
                    continue
                seen[chain] = candidate
                first, last = first_place[chain], first_place[chain + 1]
                if first == last:
                    continue
                if rows + last - first > len(place):
                    more = max(len(place), last - first)
                    place = np.append(place, np.empty(more, np.int32))
                    taken = np.append(taken, np.empty(more, np.float32))
                whole, home_open, opened = over[chain], home[chain] < np.inf, over[chain] < np.inf
                at_start, at_end = seconds[start[chain]], seconds[end[chain]]
                if home_open and opened and number >= 0:
                    for row in range(first, last):
                        # Written in any case and kept if near enough: no branch to foresee.
                        least = min(at_start + onto[row], at_end + max(np.float32(0.0), whole - off[row]))
                        place[rows], taken[rows] = order[row], least
                        rows += least < beyond
                    continue
                for row in range(first, last):
                    by_start, by_end = _over_ends(
                        at[row], onto[row], off[row], pieces[chain], whole, home_open, at_start, at_end
                    )
                    least = min(by_start, by_end)
                    for mine in range(low, high):
                        if stretch_chain[mine] == chain:
                            way = _along(at[row], onto[row], off[row], stretch, mine, opened, home_open)
                            least = min(least, way + extra[mine])
                    place[rows], taken[rows] = order[row], least
                    rows += least < beyond
        for number in range(used):
            seconds[node_of[number]] = beyond
        first_row[candidate + 1] = rows
    return first_row, place[:rows].copy(), taken[:rows].copy()
