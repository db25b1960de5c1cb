"""A street network contracted and ordered: chains of edges become single arcs, and nodes follow a Hilbert curve."""

import numpy as np
from numpy.typing import NDArray

from geo.kernel import Floats, Ints, Singles, compiled


@compiled
def chains(
    nodes: int, u: Ints, v: Ints, forward: Floats, backward: Floats, metres: Floats
) -> tuple[Ints, NDArray[np.bool_], Ints, Singles, Singles, Singles, Ints, Ints, Singles, Singles, Singles, Ints]:
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
