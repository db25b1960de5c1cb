"""A street network contracted and ordered: chains of edges become single arcs, and nodes follow a Hilbert curve."""

import numpy as np

from geo.arrays import BoolArray, Float32Array, Float64Array, Int32Array, UInt32Array, UInt64Array
from geo.compiled import compiled


@compiled
def chains(
    nodes: int, u: Int32Array, v: Int32Array, forward: Float64Array, backward: Float64Array, metres: Float64Array
) -> tuple[
    Int32Array,
    BoolArray,
    Int32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Int32Array,
    Int32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Int32Array,
]:
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
        seconds against the chain from there to its start (0 where closed), and metres between
    start, end, there, back, length, pieces : shape (chains,), the nodes at the ends, seconds along and against
        (infinity: closed), metres, and how many edges there are
    """
    # Sums are kept in 64 bits and stored in 32.
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
    ahead, behind = np.empty(edges, np.float32), np.empty(edges, np.float32)
    before = np.empty(edges, np.float32)
    turn, pieces = np.empty(edges, np.int32), np.empty(edges, np.int32)
    start, end = np.empty(edges, np.int32), np.empty(edges, np.int32)
    there, back = np.empty(edges, np.float32), np.empty(edges, np.float32)
    length = np.empty(edges, np.float32)
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
                    ahead[edge] = gone if gone < np.inf else 0.0
                    behind[edge] = returned if returned < np.inf else 0.0
                    before[edge] = covered
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
def eliminate(
    indptr: Int32Array,
    heads: Int32Array,
    seconds: Float32Array,
    back_indptr: Int32Array,
    back_heads: Int32Array,
    back_seconds: Float32Array,
    most: int,
) -> tuple[
    Int32Array, Int32Array, Int32Array, Float32Array, Float32Array, Int32Array, Int32Array, Float32Array, Float32Array
]:
    """Take nodes out of a graph one by one, always one of least degree, while that is at most ``most``.

    Seconds between the nodes that stay are kept by shortcuts, as in contraction hierarchies (Geisberger et al. 2008,
    WEA); a shortcut is left out where a way over one other node is no longer.

    Parameters
    ----------
    indptr, heads, seconds : arcs in CSR form, sorted by head; and so the same arcs reversed
    most : neighbours that a node may have when it is taken out

    Returns
    -------
    rank : shape (nodes,), the place of each node: those taken out in their order, then the others
    first : shape (out + 1,), where the arcs of each that was taken out begin in the three that follow
    higher, up, down : shape (arcs,), the place of a neighbour it then had, seconds to it and from it (infinity: none)
    indptr, heads, seconds, back : arcs in CSR form among the nodes that stay, with seconds there and back
    """
    nodes = len(indptr) - 1
    room = 2 * len(heads) + 2 * len(back_heads) + 16
    neighbour, following = np.empty(room, np.int32), np.empty(room, np.int32)
    there, back = np.empty(room, np.float32), np.empty(room, np.float32)
    begin, degree = np.full(nodes, np.int32(-1)), np.zeros(nodes, np.int32)
    used, free = 0, np.int32(-1)
    for node in range(nodes):
        a, b = indptr[node], back_indptr[node]
        while a < indptr[node + 1] or b < back_indptr[node + 1]:
            out = heads[a] if a < indptr[node + 1] else np.int32(2**31 - 1)
            into = back_heads[b] if b < back_indptr[node + 1] else np.int32(2**31 - 1)
            neighbour[used], following[used] = min(out, into), begin[node]
            there[used] = seconds[a] if out <= into else np.inf
            back[used] = back_seconds[b] if into <= out else np.inf
            begin[node] = used
            degree[node] += 1
            used += 1
            a, b = a + (out <= into), b + (into <= out)

    # Stacks of nodes by degree; one whose degree has changed since is passed over.
    stack_room = 2 * nodes + 16
    stacked, under = np.empty(stack_room, np.int32), np.empty(stack_room, np.int32)
    top, stacks = np.full(most + 1, np.int32(-1)), 0
    for node in range(nodes - 1, -1, -1):
        if degree[node] <= most:
            stacked[stacks], under[stacks] = node, top[degree[node]]
            top[degree[node]] = stacks
            stacks += 1
    gone = np.zeros(nodes, np.bool_)
    rank, first = np.empty(nodes, np.int32), np.zeros(nodes + 1, np.int32)
    arcs_room = len(heads) + len(back_heads) + 16
    higher = np.empty(arcs_room, np.int32)
    up, down = np.empty(arcs_room, np.float32), np.empty(arcs_room, np.float32)
    near, far = np.empty(nodes, np.float32), np.empty(nodes, np.float32)
    seen, turn = np.full(nodes, np.int64(-1)), np.int64(0)
    out = arcs = 0
    least = 1  # who has no neighbour has nothing to give or to take
    while least <= most:
        if top[least] < 0:
            least += 1
            continue
        node = stacked[top[least]]
        top[least] = under[top[least]]
        if gone[node] or degree[node] != least:
            continue
        gone[node] = True
        if arcs + most > len(higher):
            higher = np.append(higher, np.empty(len(higher), np.int32))
            up, down = np.append(up, np.empty(len(up), np.float32)), np.append(down, np.empty(len(down), np.float32))
        entry = begin[node]
        low = arcs
        while entry >= 0:
            higher[arcs], up[arcs], down[arcs] = neighbour[entry], there[entry], back[entry]
            # The neighbour's entry for this node goes, and this one.
            last, other = np.int32(-1), begin[neighbour[entry]]
            while neighbour[other] != node:
                last, other = other, following[other]
            if last < 0:
                begin[neighbour[entry]] = following[other]
            else:
                following[last] = following[other]
            degree[neighbour[entry]] -= 1
            following[other], free = free, other
            done, entry = entry, following[entry]
            following[done], free = free, done
            arcs += 1
        for i in range(low, arcs):
            a = higher[i]
            # What is one step from a, and to it.
            turn += 1
            entry = begin[a]
            while entry >= 0:
                seen[neighbour[entry]], near[neighbour[entry]], far[neighbour[entry]] = turn, there[entry], back[entry]
                entry = following[entry]
            for j in range(i + 1, arcs):
                b = higher[j]
                onward, against = down[i] + up[j], down[j] + up[i]
                known = seen[b] == turn
                shortest, home = (near[b], far[b]) if known else (np.float32(np.inf), np.float32(np.inf))
                needed = onward < shortest or against < home
                if not needed:
                    continue
                if not known:
                    by, home_by = np.float32(np.inf), np.float32(np.inf)
                    entry = begin[b]
                    while entry >= 0:
                        if seen[neighbour[entry]] == turn:
                            by = min(by, near[neighbour[entry]] + back[entry])
                            home_by = min(home_by, far[neighbour[entry]] + there[entry])
                        entry = following[entry]
                    if by <= onward and home_by <= against:
                        continue
                shortest, home = min(shortest, onward), min(home, against)
                if known:
                    near[b], far[b] = shortest, home
                    for which in range(2):
                        entry = begin[a] if which == 0 else begin[b]
                        while neighbour[entry] != (b if which == 0 else a):
                            entry = following[entry]
                        there[entry], back[entry] = (shortest, home) if which == 0 else (home, shortest)
                    continue
                for which in range(2):
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
                    own, its = (a, b) if which == 0 else (b, a)
                    neighbour[entry], following[entry] = its, begin[own]
                    there[entry], back[entry] = (shortest, home) if which == 0 else (home, shortest)
                    begin[own] = entry
                    degree[own] += 1
                seen[b], near[b], far[b] = turn, shortest, home
        for i in range(low, arcs):
            a = higher[i]
            if degree[a] <= most:
                if stacks == len(stacked):
                    stacked = np.append(stacked, np.empty(stacks, np.int32))
                    under = np.append(under, np.empty(stacks, np.int32))
                stacked[stacks], under[stacks] = a, top[degree[a]]
                top[degree[a]] = stacks
                stacks += 1
                least = min(least, max(degree[a], 1))
        rank[node] = out
        first[out + 1] = arcs
        out += 1

    last_rank = out
    for node in range(nodes):
        if not gone[node]:
            rank[node] = last_rank
            last_rank += 1
    for arc in range(arcs):
        higher[arc] = rank[higher[arc]]
    rest_indptr = np.zeros(nodes + 1, np.int32)
    for node in range(nodes):
        rest_indptr[node + 1] = rest_indptr[node] + (0 if gone[node] else degree[node])
    rest = rest_indptr[nodes]
    rest_heads = np.empty(rest, np.int32)
    rest_there, rest_back = np.empty(rest, np.float32), np.empty(rest, np.float32)
    for node in range(nodes):
        entry, at = begin[node], rest_indptr[node]
        while entry >= 0 and not gone[node]:
            rest_heads[at], rest_there[at], rest_back[at] = neighbour[entry], there[entry], back[entry]
            entry, at = following[entry], at + 1
    return (
        rank,
        first[: out + 1].copy(),
        higher[:arcs].copy(),
        up[:arcs].copy(),
        down[:arcs].copy(),
        rest_indptr,
        rest_heads,
        rest_there,
        rest_back,
    )


@compiled
def hilbert(x: UInt32Array, y: UInt32Array, bits: int) -> UInt64Array:
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
