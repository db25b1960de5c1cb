"""The compiled loops that read times off chains: those of places, and the catchments of candidates."""

from typing import Any

import numpy as np

from geo.arrays import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled, unsigned
from geo.traveltime.search import search_batch, slots_for


@compiled
def _along(at: float, onto: float, off: float, stretch: Float64Array, row: int, opened: bool, home_open: bool) -> float:
    """Seconds between a place and a stretch of its chain, along it; the arguments are those of `along_chains`."""
    if at < stretch[row, 0]:
        return stretch[row, 1] - off if opened else np.inf
    if at > stretch[row, 2]:
        return onto - stretch[row, 3] if home_open else np.inf
    return 0.0


@compiled
def over_ends(
    node_seconds: Float64Array,
    node_label: Int32Array,
    start: Int32Array,
    end: Int32Array,
    to_start: Float32Array,
    to_end: Float32Array,
    limit: float,
    seconds: Float64Array,
    label: Int32Array,
) -> None:
    """Write the seconds of places over the nearer end of their chain, by what a search wrote for the nodes.

    Parameters
    ----------
    node_seconds, node_label : shape (nodes,)
    start, end, to_start, to_end : shape (places,), the nodes at the ends and the seconds to them; infinity: never
    limit : seconds beyond which nothing is reached (≤)
    seconds, label : shape (places,), to be written; infinity and −1 where none is reached
    """
    # No branches: which end is nearer cannot be foreseen.
    for place in range(len(start)):
        a, b = unsigned(start[place]), unsigned(end[place])
        by_start, by_end = node_seconds[a] + to_start[place], node_seconds[b] + to_end[place]
        nearest = a if by_start <= by_end else b
        least = min(by_start, by_end)
        seconds[place] = least if least <= limit else np.inf
        label[place] = node_label[nearest] if seconds[place] < np.inf else np.int32(-1)


@compiled
def along_chains(
    seconds: Float64Array,
    label: Int32Array,
    home: Float32Array,
    over: Float32Array,
    first_place: Int32Array,
    place_of: Int32Array,
    at: Float64Array,
    onto: Float32Array,
    off: Float32Array,
    stretch_chain: Int32Array,
    stretch: Float64Array,
    extra: Float64Array,
    stretch_label: Int32Array,
    limit: float,
) -> None:
    """Shorten ``seconds`` of places where a stretch of their own chain is reached along it.

    Parameters
    ----------
    seconds, label : shape (places,)
    home, over : shape (chains,), seconds of the whole chain in the direction that a place takes over its start, and
        over its end (infinity: closed)
    first_place, place_of : the places on each chain, in CSR form
    at, onto, off : shape (places,), a place's coordinate on its chain; seconds between it and the start in the
        direction of ``home`` and in that of ``over``
    stretch_chain : shape (stretches,)
    stretch, extra, stretch_label : shape (stretches, 4): ``at`` and ``off`` of the lower end, ``at`` and ``onto`` of
        the upper one; what each costs besides; and whose it is
    """
    for row in range(len(stretch_chain)):
        chain = stretch_chain[row]
        opened, home_open = over[chain] < np.inf, home[chain] < np.inf
        for number in range(first_place[chain], first_place[chain + 1]):
            place = unsigned(place_of[number])
            way = extra[row] + _along(at[place], onto[place], off[place], stretch, row, opened, home_open)
            if way < seconds[place] and way <= limit:
                seconds[place], label[place] = way, stretch_label[row]


@compiled
def seeds(
    start: Int32Array,
    end: Int32Array,
    home: Float32Array,
    over: Float32Array,
    pieces: Int32Array,
    length: Float32Array,
    chain: Int32Array,
    stretch: Float64Array,
    extra: Float64Array,
    metres: Float64Array,
    label: Int32Array,
) -> tuple[Int32Array, Float64Array, Float64Array, Int32Array]:
    """What a search for stretches begins with: both ends of their chains.

    Parameters are those of `along_chains`, with ``start``, ``end``, ``pieces`` and ``length`` of the chains;
    ``metres``, shape (stretches, 3), are where on its chain a stretch begins and ends, and those of its connector.

    Returns
    -------
    node, seconds, metres, label : shape (seeds,), at most twice as many as there are stretches
    """
    most = 2 * len(chain)
    node, seconds = np.empty(most, np.int32), np.empty(most)
    gone, whose = np.empty(most), np.empty(most, np.int32)
    count = 0
    for row in range(len(chain)):
        here = chain[row]
        # From the start one goes the way of ``over``, from the end that of ``home``; at a node no one-way binds.
        from_start = 0.0 if stretch[row, 0] == 0 else stretch[row, 1] if over[here] < np.inf else np.inf
        from_end = 0.0 if stretch[row, 2] == pieces[here] else max(0.0, home[here] - stretch[row, 3])
        for which in range(2):
            taken = from_start if which == 0 else from_end
            if taken < np.inf:
                node[count] = start[here] if which == 0 else end[here]
                seconds[count] = taken + extra[row]
                gone[count] = metres[row, 2] + (metres[row, 0] if which == 0 else length[here] - metres[row, 1])
                whose[count] = label[row]
                count += 1
    return node[:count], seconds[:count], gone[:count], whose[:count]


@compiled
def catchments(
    indptr: Int32Array,
    heads: Int32Array,
    weights: Float32Array,
    longest: float,
    limit: float,
    first_seed: Int32Array,
    seed_node: Int32Array,
    seed_seconds: Float64Array,
    first_near: Int32Array,
    near_place: Int32Array,
    near: Float32Array,
    far: Float32Array,
    other: Int32Array,
    start: Int32Array,
    end: Int32Array,
    to_start: Float32Array,
    to_end: Float32Array,
    home: Float32Array,
    over: Float32Array,
    first_place: Int32Array,
    place_of: Int32Array,
    at: Float64Array,
    onto: Float32Array,
    off: Float32Array,
    first_stretch: Int32Array,
    stretch_chain: Int32Array,
    stretch: Float64Array,
    extra: Float64Array,
) -> tuple[Int64Array, Int32Array, Float32Array]:
    """All places within ``limit`` seconds (≤) of each of some candidates.

    Parameters
    ----------
    indptr, heads, weights, longest : as in `kernel.search`
    first_seed : shape (candidates + 1,); where the seeds of each candidate begin in the two arrays that follow
    first_near, near_place, near, far, other : as in `geo.traveltime.graph.Ends.by_node`
    start … to_end : as in `over_ends`
    home … off : as in `along_chains`
    first_stretch : shape (candidates + 1,); where the stretches of each candidate begin in the three arrays that
        follow, which are those of `along_chains`

    Returns
    -------
    indptr : shape (candidates + 1,); where the rows of each candidate begin
    place, seconds : shape (rows,)
    """
    nodes, candidates = len(indptr) - 1, len(first_seed) - 1
    beyond = np.nextafter(limit, np.inf)
    seconds, label = np.full(nodes, beyond), np.full(nodes, np.int32(-1))
    ring = np.full(slots_for(longest, seed_seconds, limit), np.int32(-1))
    node_of, below = np.empty(4 * nodes + 16, np.int32), np.empty(4 * nodes + 16, np.int32)
    seeds, no_label = np.arange(len(seed_node)).astype(np.int32), np.zeros(len(seed_node), np.int32)
    own = np.full(len(start), np.int32(-1))  # the last candidate whose own chains each place is on
    first_row = np.zeros(candidates + 1, np.int64)
    place, taken = np.empty(1024, np.int32), np.empty(1024, np.float32)
    rows = np.int64(0)
    for candidate in range(candidates):
        used = -1
        while used < 0:
            used = search_batch(
                indptr,
                heads,
                weights,
                seed_node,
                seed_seconds,
                no_label,
                seeds[first_seed[candidate] : first_seed[candidate + 1]],
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
        # The candidate's own chains first: there is a way along them too.
        low, high = first_stretch[candidate], first_stretch[candidate + 1]
        for mine in range(low, high):
            chain = stretch_chain[mine]
            for number in range(first_place[chain], first_place[chain + 1]):
                one = place_of[number]
                if own[one] == candidate:
                    continue
                own[one] = candidate
                least = min(seconds[start[one]] + to_start[one], seconds[end[one]] + to_end[one])
                for row in range(low, high):
                    if stretch_chain[row] == chain:
                        opened, home_open = over[chain] < np.inf, home[chain] < np.inf
                        way = _along(at[one], onto[one], off[one], stretch, row, opened, home_open)
                        least = min(least, way + extra[row])
                if least < beyond:
                    place, taken = _with_room(place, taken, rows + 1)
                    place[rows], taken[rows] = one, least
                    rows += 1
        for number in range(used):
            node = unsigned(node_of[number])
            if label[node] < 0:  # a node that was improved stands there again
                continue
            label[node] = -1
            reached = seconds[node]
            first, last = unsigned(first_near[node]), unsigned(first_near[node + unsigned(1)])
            place, taken = _with_room(place, taken, rows + np.int64(last - first))
            for row in range(first, last):
                # Over the other end it may be nearer; from there it is written if this is not its chain's start.
                beside = other[row]
                across = seconds[unsigned(beside if beside >= 0 else ~beside)]
                least = min(reached + near[row], across + far[row])
                one = near_place[row]
                place[unsigned(rows)], taken[unsigned(rows)] = one, least
                written = (beside < 0) & (across < beyond)
                rows += (least < beyond) & (own[unsigned(one)] != candidate) & (not written)
        for number in range(used):
            seconds[unsigned(node_of[number])] = beyond
        first_row[candidate + 1] = rows
    return first_row, place[:rows], taken[:rows]


@compiled
def _with_room(place: Int32Array, taken: Float32Array, rows: Any) -> tuple[Int32Array, Float32Array]:
    """The same arrays, longer if they are not as long as ``rows``."""
    if rows <= len(place):
        return place, taken
    more = np.int64(len(place)) + np.int64(rows)
    return np.append(place, np.empty(more, np.int32)), np.append(taken, np.empty(more, np.float32))


@compiled
def _entered(
    row: int,
    taken: float,
    facility: int,
    gone: float,
    k: int,
    label: Int32Array,
    seconds: Float64Array,
    metres: Float64Array,
) -> None:
    """Put a facility into the sorted list of the nearest of place ``row``, each facility once, equals by number."""
    last = k  # where it stands already, or what falls out
    for at in range(k):
        if label[row, at] == facility:
            last = at
            break
    if last < k:
        if seconds[row, last] <= taken:
            return
    else:
        last = k - 1
        worst, whose = seconds[row, last], label[row, last]
        if taken > worst or (taken == worst and facility > whose) or taken == np.inf:
            return
    while last > 0 and (
        seconds[row, last - 1] > taken or (seconds[row, last - 1] == taken and label[row, last - 1] > facility)
    ):
        seconds[row, last], label[row, last] = seconds[row, last - 1], label[row, last - 1]
        metres[row, last] = metres[row, last - 1]
        last -= 1
    seconds[row, last], label[row, last], metres[row, last] = taken, facility, gone


@compiled
def nearest_few(
    edge: Int32Array,
    fraction: Float64Array,
    k: int,
    edge_chain: Int32Array,
    along: BoolArray,
    turn: Int32Array,
    edge_ahead: Float32Array,
    edge_behind: Float32Array,
    edge_before: Float32Array,
    forward: Float32Array,
    backward: Float32Array,
    edge_metres: Float32Array,
    start: Int32Array,
    end: Int32Array,
    there: Float32Array,
    back: Float32Array,
    length: Float32Array,
    pieces: Int32Array,
    node_seconds: Float64Array,
    node_label: Int32Array,
    node_metres: Float32Array,
    stretch_chain: Int32Array,
    stretch: Float64Array,
    stretch_metres: Float64Array,
    extra: Float64Array,
    stretch_label: Int32Array,
) -> tuple[Int32Array, Float64Array, Float64Array]:
    """The ``k`` nearest facilities of places: by the several of their chains' ends, and what is on the chains.

    Parameters
    ----------
    edge, fraction : shape (places,), where the places are (−1: nowhere)
    edge_chain … edge_metres : shape (edges,), of the graph
    start, end, there, back, length, pieces : shape (chains,), of the graph
    node_seconds, node_label, node_metres : shape (nodes, several), the several nearest of each node (−1: fewer)
    stretch_chain, extra, stretch_label : shape (stretches,), sorted by chain; seconds of the connectors, facilities
    stretch : shape (stretches, 4), as `along_chains` takes it
    stretch_metres : shape (stretches, 3), where each begins and ends on its chain, and its connector's

    Returns
    -------
    label, seconds, metres : shape (places, k), nearest first; −1 and infinity where fewer are reached
    """
    label = np.full((len(edge), k), np.int32(-1))
    seconds, metres = np.full((len(edge), k), np.inf), np.zeros((len(edge), k))
    for row in range(len(edge)):
        if edge[row] < 0 or not len(edge_chain):
            continue
        on = edge[row]
        here = edge_chain[on]
        part = fraction[row] if along[on] else 1.0 - fraction[row]
        at, before = turn[on] + part, edge_before[on] + part * edge_metres[on]
        ahead = np.float32(edge_ahead[on] + part * forward[on])
        behind = np.float32(edge_behind[on] + part * backward[on])
        # At a chain's end one stands on the node, and no one-way binds.
        to_start = 0.0 if at == 0 else behind if back[here] < np.inf else np.inf
        to_end = 0.0 if at == pieces[here] else max(np.float32(there[here] - ahead), 0.0)
        for which in range(2):
            node = start[here] if which == 0 else end[here]
            over, gone = (to_start, before) if which == 0 else (to_end, length[here] - before)
            for one in range(node_label.shape[1]):
                if node_label[node, one] < 0 or over == np.inf:
                    break
                taken = node_seconds[node, one] + over
                _entered(row, taken, node_label[node, one], gone + node_metres[node, one], k, label, seconds, metres)
        for one in range(np.searchsorted(stretch_chain, here), np.searchsorted(stretch_chain, here + 1)):
            opened, home_open = there[here] < np.inf, back[here] < np.inf
            taken = extra[one] + _along(at, float(behind), float(ahead), stretch, one, opened, home_open)
            low, high = stretch_metres[one, 0], stretch_metres[one, 1]
            gone = max(low - before, before - high, 0.0) + stretch_metres[one, 2]
            if taken < np.inf:
                _entered(row, taken, stretch_label[one], gone, k, label, seconds, metres)
    return label, seconds, metres
