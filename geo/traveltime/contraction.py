"""Contracts a street network: chains of edges become single arcs, and nodes are eliminated into a hierarchy.

`geo.traveltime.graph` calls these compiled loops when it prepares a network.
"""

import numpy as np

from geo.arrays import BoolArray, Float32Array, Int32Array, UInt32Array, UInt64Array
from geo.compiled import compiled
from geo.traveltime.array_tables import Arcs, Chains, Core, Edges, Hierarchy, NetworkEdges


@compiled
def _incident_edges(nodes: int, u: Int32Array, v: Int32Array) -> tuple[Int32Array, Int32Array]:
    """The edges at each node in CSR form: where they begin, shape (nodes + 1,), and the edges, shape (2 × edges,)."""
    degree = np.zeros(nodes + 1, np.int32)
    for edge in range(len(u)):
        degree[u[edge] + 1] += 1
        degree[v[edge] + 1] += 1
    first = np.cumsum(degree).astype(np.int32)
    incident = np.empty(2 * len(u), np.int32)
    free = first[:-1].copy()
    for edge in range(len(u)):
        for node in (u[edge], v[edge]):
            incident[free[node]] = edge
            free[node] += 1
    return first, incident


@compiled
def _inner_nodes(nodes: int, edges: NetworkEdges, first: Int32Array, incident: Int32Array) -> BoolArray:
    """Which nodes lie inside a chain, shape (nodes,).

    These have two edges, and who can come in by one of them can go out by the other, in both directions.
    """
    v, forward, backward = edges.v, edges.forward_seconds, edges.backward_seconds
    inner = np.zeros(nodes, np.bool_)
    for node in range(nodes):
        if first[node + 1] - first[node] == 2:
            a, b = incident[first[node]], incident[first[node] + 1]
            if a != b:
                into_a = np.isfinite(forward[a] if v[a] == node else backward[a])
                out_a = np.isfinite(backward[a] if v[a] == node else forward[a])
                into_b = np.isfinite(forward[b] if v[b] == node else backward[b])
                out_b = np.isfinite(backward[b] if v[b] == node else forward[b])
                inner[node] = into_a == out_b and into_b == out_a
    return inner


@compiled
def contract(nodes: int, edges: NetworkEdges, kept: BoolArray) -> tuple[Edges, Chains, BoolArray]:
    """Join edges into chains through nodes of degree two that need not be ``kept``, shape (nodes,).

    Nothing is lost: a position on an edge is one on its chain. Sums are kept in 64 bits and stored in 32.

    Returns
    -------
    edges : where each edge lies on its chain
    chains : numbered in the order in which they were made
    between_junctions : shape (nodes,), the nodes of degree two, also those that are kept
    """
    u, v, metres = edges.u, edges.v, edges.metres
    forward, backward = edges.forward_seconds, edges.backward_seconds
    first, incident = _incident_edges(nodes, u, v)
    between_junctions = _inner_nodes(nodes, edges, first, incident)
    inner = between_junctions & ~kept
    count = len(u)
    chain, along_chain = np.full(count, np.int32(-1)), np.empty(count, np.bool_)
    forward_before, backward_before = np.empty(count, np.float32), np.empty(count, np.float32)
    metres_before, index_on_chain = np.empty(count, np.float32), np.empty(count, np.int32)
    edge_forward, edge_backward = np.empty(count, np.float32), np.empty(count, np.float32)
    start_node, end_node = np.empty(count, np.int32), np.empty(count, np.int32)
    chain_forward, chain_backward = np.empty(count, np.float32), np.empty(count, np.float32)
    chain_metres, edge_count = np.empty(count, np.float32), np.empty(count, np.int32)
    chains = 0
    # First the chains between junctions; then rings without a junction, which begin at any of their nodes.
    for rings in (False, True):
        for start in range(nodes):
            if inner[start] != rings:
                continue
            for row in range(first[start], first[start + 1]):
                edge = incident[row]
                if chain[edge] >= 0:
                    continue
                node, index = start, 0
                forward_sum, backward_sum, metres_sum = 0.0, 0.0, 0.0
                while True:
                    along = u[edge] == node
                    chain[edge], along_chain[edge], index_on_chain[edge] = chains, along, index
                    index += 1
                    forward_before[edge] = forward_sum if forward_sum < np.inf else 0.0
                    backward_before[edge] = backward_sum if backward_sum < np.inf else 0.0
                    metres_before[edge] = metres_sum
                    with_chain = forward[edge] if along else backward[edge]
                    against_chain = backward[edge] if along else forward[edge]
                    edge_forward[edge] = with_chain if with_chain < np.inf else 0.0
                    edge_backward[edge] = against_chain if against_chain < np.inf else 0.0
                    forward_sum += with_chain
                    backward_sum += against_chain
                    metres_sum += metres[edge]
                    node = v[edge] if along else u[edge]
                    if node == start or not inner[node]:
                        break
                    a, b = incident[first[node]], incident[first[node] + 1]
                    edge = b if a == edge else a
                start_node[chains], end_node[chains], edge_count[chains] = start, node, index
                chain_forward[chains], chain_backward[chains] = forward_sum, backward_sum
                chain_metres[chains] = metres_sum
                chains += 1
    return (
        Edges(
            chain,
            along_chain,
            index_on_chain,
            forward_before,
            backward_before,
            metres_before,
            edge_forward,
            edge_backward,
            metres.astype(np.float32),
        ),
        Chains(
            start_node[:chains].copy(),
            end_node[:chains].copy(),
            chain_forward[:chains].copy(),
            chain_backward[:chains].copy(),
            chain_metres[:chains].copy(),
            edge_count[:chains].copy(),
        ),
        between_junctions,
    )


@compiled
def _neighbour_lists(
    outgoing: Arcs, incoming: Arcs, room: int
) -> tuple[Int32Array, Int32Array, Int32Array, Int32Array, Float32Array, Float32Array, int]:
    """The neighbours of each node as linked lists of entries.

    Returns
    -------
    begin, degree : shape (nodes,), the first entry of each node (−1: none), and how many it has
    neighbour, following : shape (room,), the node that an entry stands for, and the next entry (−1: the last)
    to_neighbour, from_neighbour : shape (room,), seconds in both directions (infinity: no way)
    used : how many entries there are
    """
    nodes = len(outgoing.indptr) - 1
    out_indptr, out_heads, out_seconds = outgoing.indptr, outgoing.heads, outgoing.seconds
    in_indptr, in_heads, in_seconds = incoming.indptr, incoming.heads, incoming.seconds
    begin, degree = np.full(nodes, np.int32(-1)), np.zeros(nodes, np.int32)
    neighbour, following = np.empty(room, np.int32), np.empty(room, np.int32)
    to_neighbour, from_neighbour = np.empty(room, np.float32), np.empty(room, np.float32)
    none = np.int32(2**31 - 1)
    used = 0
    for node in range(nodes):
        a, b = out_indptr[node], in_indptr[node]
        while a < out_indptr[node + 1] or b < in_indptr[node + 1]:
            out = out_heads[a] if a < out_indptr[node + 1] else none
            into = in_heads[b] if b < in_indptr[node + 1] else none
            neighbour[used], following[used] = min(out, into), begin[node]
            to_neighbour[used] = out_seconds[a] if out <= into else np.inf
            from_neighbour[used] = in_seconds[b] if into <= out else np.inf
            begin[node] = used
            degree[node] += 1
            used += 1
            a, b = a + (out <= into), b + (into <= out)
    return begin, degree, neighbour, following, to_neighbour, from_neighbour, used


@compiled
def eliminate(outgoing: Arcs, incoming: Arcs, most_neighbours: int) -> tuple[Hierarchy, Core]:
    """Take nodes out of a graph one by one, always one of least degree, while that is at most ``most_neighbours``.

    Seconds between the nodes that stay are kept by shortcuts, as in contraction hierarchies (Geisberger et al. 2008,
    WEA); a shortcut is left out where a way over one other node is no longer.

    Parameters
    ----------
    outgoing, incoming : arcs out of each node, and the same arcs reversed; those of a node sorted by head
    most_neighbours : neighbours that a node may have when it is eliminated
    """
    nodes = len(outgoing.indptr) - 1
    room = 2 * len(outgoing.heads) + 2 * len(incoming.heads) + 16
    begin, degree, neighbour, following, there, back, used = _neighbour_lists(outgoing, incoming, room)
    free = np.int32(-1)  # the first of the entries that are no longer used

    # Stacks of nodes by degree; a node whose degree has changed since it was stacked is skipped.
    stack_room = 2 * nodes + 16
    stacked, under = np.empty(stack_room, np.int32), np.empty(stack_room, np.int32)
    top, stacks = np.full(most_neighbours + 1, np.int32(-1)), 0
    for node in range(nodes - 1, -1, -1):
        if degree[node] <= most_neighbours:
            stacked[stacks], under[stacks] = node, top[degree[node]]
            top[degree[node]] = stacks
            stacks += 1
    eliminated = np.zeros(nodes, np.bool_)
    rank, first_arc = np.empty(nodes, np.int32), np.zeros(nodes + 1, np.int32)
    arcs_room = len(outgoing.heads) + len(incoming.heads) + 16
    higher = np.empty(arcs_room, np.int32)
    up, down = np.empty(arcs_room, np.float32), np.empty(arcs_room, np.float32)
    # Of the neighbours of one node: the step at which they were marked, seconds from the node to them and from them.
    marked, step = np.full(nodes, np.int64(-1)), np.int64(0)
    from_a, to_a = np.empty(nodes, np.float32), np.empty(nodes, np.float32)
    count = arcs = 0
    least = 1  # a node without neighbours has nothing to pass on
    while least <= most_neighbours:
        if top[least] < 0:
            least += 1
            continue
        node = stacked[top[least]]
        top[least] = under[top[least]]
        if eliminated[node] or degree[node] != least:
            continue
        eliminated[node] = True
        if arcs + most_neighbours > len(higher):
            higher = np.append(higher, np.empty(len(higher), np.int32))
            up, down = np.append(up, np.empty(len(up), np.float32)), np.append(down, np.empty(len(down), np.float32))
        # Move the node's arcs into the hierarchy, and free their entries at both ends.
        entry = begin[node]
        first = arcs
        while entry >= 0:
            higher[arcs], up[arcs], down[arcs] = neighbour[entry], there[entry], back[entry]
            last, other = np.int32(-1), begin[neighbour[entry]]
            while neighbour[other] != node:
                last, other = other, following[other]
            if last < 0:
                begin[neighbour[entry]] = following[other]
            else:
                following[last] = following[other]
            degree[neighbour[entry]] -= 1
            following[other], free = free, other
            freed, entry = entry, following[entry]
            following[freed], free = free, freed
            arcs += 1
        # Between each two of its neighbours a and b, add or shorten an arc where no other way is as short.
        for i in range(first, arcs):
            a = higher[i]
            step += 1
            entry = begin[a]
            while entry >= 0:
                marked[neighbour[entry]] = step
                from_a[neighbour[entry]], to_a[neighbour[entry]] = there[entry], back[entry]
                entry = following[entry]
            for j in range(i + 1, arcs):
                b = higher[j]
                a_to_b, b_to_a = down[i] + up[j], down[j] + up[i]
                adjacent = marked[b] == step
                shortest, shortest_back = (from_a[b], to_a[b]) if adjacent else (np.float32(np.inf), np.float32(np.inf))
                if not (a_to_b < shortest or b_to_a < shortest_back):
                    continue
                if not adjacent:
                    over_one, back_over_one = np.float32(np.inf), np.float32(np.inf)
                    entry = begin[b]
                    while entry >= 0:
                        if marked[neighbour[entry]] == step:
                            over_one = min(over_one, from_a[neighbour[entry]] + back[entry])
                            back_over_one = min(back_over_one, to_a[neighbour[entry]] + there[entry])
                        entry = following[entry]
                    if over_one <= a_to_b and back_over_one <= b_to_a:
                        continue
                shortest, shortest_back = min(shortest, a_to_b), min(shortest_back, b_to_a)
                if adjacent:
                    from_a[b], to_a[b] = shortest, shortest_back
                    for side in range(2):
                        entry = begin[a] if side == 0 else begin[b]
                        while neighbour[entry] != (b if side == 0 else a):
                            entry = following[entry]
                        there[entry], back[entry] = (
                            (shortest, shortest_back) if side == 0 else (shortest_back, shortest)
                        )
                    continue
                for side in range(2):
                    if free >= 0:
                        entry, free = free, following[free]
                    else:
                        if used == len(neighbour):
                            neighbour = np.append(neighbour, np.empty(used, np.int32))
                            following = np.append(following, np.empty(used, np.int32))
                            there = np.append(there, np.empty(used, np.float32))
                            back = np.append(back, np.empty(used, np.float32))
                        entry = np.int32(used)
                        used += 1
                    own, opposite = (a, b) if side == 0 else (b, a)
                    neighbour[entry], following[entry] = opposite, begin[own]
                    there[entry], back[entry] = (shortest, shortest_back) if side == 0 else (shortest_back, shortest)
                    begin[own] = entry
                    degree[own] += 1
                marked[b], from_a[b], to_a[b] = step, shortest, shortest_back
        for i in range(first, arcs):
            a = higher[i]
            if degree[a] <= most_neighbours:
                if stacks == len(stacked):
                    stacked = np.append(stacked, np.empty(stacks, np.int32))
                    under = np.append(under, np.empty(stacks, np.int32))
                stacked[stacks], under[stacks] = a, top[degree[a]]
                top[degree[a]] = stacks
                stacks += 1
                least = min(least, max(degree[a], 1))
        rank[node] = count
        first_arc[count + 1] = arcs
        count += 1

    next_rank = count
    for node in range(nodes):
        if not eliminated[node]:
            rank[node] = next_rank
            next_rank += 1
    for arc in range(arcs):
        higher[arc] = rank[higher[arc]]
    hierarchy = Hierarchy(
        rank, first_arc[: count + 1].copy(), higher[:arcs].copy(), up[:arcs].copy(), down[:arcs].copy()
    )
    return hierarchy, _core(eliminated, begin, degree, neighbour, following, there, back)


@compiled
def _core(
    eliminated: BoolArray,
    begin: Int32Array,
    degree: Int32Array,
    neighbour: Int32Array,
    following: Int32Array,
    there: Float32Array,
    back: Float32Array,
) -> Core:
    """The arcs among the nodes that were not eliminated, out of the linked lists of `_neighbour_lists`."""
    nodes = len(eliminated)
    indptr = np.zeros(nodes + 1, np.int32)
    for node in range(nodes):
        indptr[node + 1] = indptr[node] + (0 if eliminated[node] else degree[node])
    arcs = indptr[nodes]
    heads = np.empty(arcs, np.int32)
    forward, backward = np.empty(arcs, np.float32), np.empty(arcs, np.float32)
    for node in range(nodes):
        entry, row = begin[node], indptr[node]
        while entry >= 0 and not eliminated[node]:
            heads[row], forward[row], backward[row] = neighbour[entry], there[entry], back[entry]
            entry, row = following[entry], row + 1
    return Core(indptr, heads, forward, backward)


@compiled
def hilbert(x: UInt32Array, y: UInt32Array, bits: int) -> UInt64Array:
    """The position of each cell (x, y), both below 2**bits, on the Hilbert curve, shape (n,)."""
    positions = np.empty(len(x), np.uint64)
    for row in range(len(x)):
        px, py = np.uint32(x[row]), np.uint32(y[row])
        position = np.uint64(0)
        side = np.uint32(1) << np.uint32(bits - 1)
        while side > 0:
            right, upper = np.uint64((px & side) != 0), np.uint64((py & side) != 0)
            position = (position << np.uint64(2)) | ((np.uint64(3) * right) ^ upper)
            # Each quarter holds a smaller curve, turned so that its ends meet its neighbours'.
            if upper == 0:
                if right == 1:
                    px, py = ~px, ~py
                px, py = py, px
            side >>= np.uint32(1)
        positions[row] = position
    return positions
