"""Street networks as raw arrays, and generated ones of any size.

Raw means that every vertex of every open way is a node, with an edge to the next vertex, as somebody has it who reads
an extract and simplifies nothing.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

WALK_MPS = 4.0 / 3.6
BLOCK_M = 80.0
METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Network:
    """Nodes, shape (nodes,): ``x`` and ``y`` in metres, ``lon`` and ``lat`` in degrees. Edges, shape (edges,): nodes
    ``u`` and ``v``, ``metres``, seconds ``forward`` from u to v and ``backward`` (infinity: closed).
    """

    x: Floats
    y: Floats
    lon: Floats
    lat: Floats
    u: Ints
    v: Ints
    metres: Floats
    forward: Floats
    backward: Floats

    def __len__(self) -> int:
        return len(self.x)

    @property
    def both_ways(self) -> bool:
        """Whether every edge takes the same time in both directions."""
        return bool(np.array_equal(self.forward, self.backward))

    def near_the_middle(self, metres: float) -> NDArray[np.bool_]:
        """Which nodes lie within ``metres`` of the median node, shape (nodes,)."""
        return np.asarray(np.hypot(self.x - np.median(self.x), self.y - np.median(self.y)) <= metres)

    def around_the_middle(self, metres: float) -> "Network":
        """The part of the network within ``metres`` of the median node, with nodes numbered anew."""
        near = self.near_the_middle(metres)
        kept = near[self.u] & near[self.v]
        nodes, ends = np.unique(np.concatenate([self.u[kept], self.v[kept]]), return_inverse=True)
        u, v = ends.astype(np.int32).reshape(2, -1)
        at = (self.x[nodes], self.y[nodes], self.lon[nodes], self.lat[nodes])
        return Network(*at, u, v, self.metres[kept], self.forward[kept], self.backward[kept])

    def save(self, folder: Path) -> None:
        """Write the arrays into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> "Network":
        """Read what `save` wrote."""
        return cls(*(np.load(folder / f"{field.name}.npy") for field in fields(cls)))


@dataclass(frozen=True)
class Ends:
    """Places along edges, shape (places,): the nodes ``u`` and ``v`` of the edge, and the seconds to each."""

    u: Ints
    v: Ints
    to_u: Floats
    to_v: Floats

    @classmethod
    def of(cls, network: Network, edge: Ints, fraction: Floats) -> "Ends":
        """The ends of places at a ``fraction`` of the way along an ``edge``."""
        back, onward = network.backward[edge], network.forward[edge]
        return cls(network.u[edge], network.v[edge], fraction * back, (1.0 - fraction) * onward)

    def least(self, node_seconds: Floats, limit_s: float) -> Floats:
        """Seconds of the places over the nearer end, from those of all nodes; infinity beyond the limit."""
        seconds = np.minimum(node_seconds[self.u] + self.to_u, node_seconds[self.v] + self.to_v)
        seconds[seconds > limit_s] = np.inf
        return seconds


def generate(nodes: int, seed: int) -> Network:
    """A street-like network of ``nodes`` nodes: a jittered grid with gaps, diagonals, dead ends and one-way streets.

    One node in five is a junction or a dead end, the others give streets their shape, as in OpenStreetMap; numbers are
    shuffled, so that neighbours in space are not neighbours in memory.
    """
    rng = np.random.default_rng(seed)
    junctions = nodes // 5
    tips = junctions // 5  # dead ends of streets that begin at a junction
    grid = junctions - tips
    wide = int(np.ceil(np.sqrt(grid)))
    number = np.arange(grid)
    column, row = number % wide, number // wide
    east = number[(column < wide - 1) & (number + 1 < grid)]
    north = number[number + wide < grid]
    slant = number[(column < wide - 1) & (number + wide + 1 < grid)]
    # Keep every second street to the east, so that no junction is left without a street.
    east = east[(column[east] % 2 == 0) | (rng.random(len(east)) < 0.6 * _crossed(column[east]))]
    north = north[rng.random(len(north)) < 0.65 * _crossed(row[north])]
    slant = slant[rng.random(len(slant)) < 0.04 * _crossed(column[slant]) * _crossed(row[slant])]
    last = number[-1:]  # its other neighbours may be missing
    u = np.concatenate([east, north, slant, last, rng.integers(0, grid, tips)])
    v = np.concatenate([east + 1, north + wide, slant + wide + 1, last - 1, np.arange(grid, junctions)])
    x, y = (np.concatenate([at * BLOCK_M + rng.normal(0, 13, grid), np.zeros(tips)]) for at in (column, row))
    x[grid:], y[grid:] = (at[u[-tips:]] + rng.normal(0, 35, tips) for at in (x, y))

    # Nodes between junctions are given to streets at random, and bend them a little.
    shapes = nodes - junctions
    counts = np.bincount(rng.integers(0, len(u), shapes), minlength=len(u))
    street = np.repeat(np.arange(len(u)), counts)
    position = np.arange(shapes) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    part = position / (counts[street] + 1)
    x, y = (np.concatenate([a, a[u[street]] * (1 - part) + a[v[street]] * part + rng.normal(0, 3, shapes)])
            for a in (x, y))  # fmt: skip
    # Each street is a run of counts + 1 edges: from u to its first shape node, and so on to v.
    first = np.cumsum(counts + 1) - (counts + 1)
    tails = np.empty(shapes + len(u), np.int32)
    heads = np.empty_like(tails)
    shape = np.arange(junctions, nodes)
    heads[first[street] + position - 1] = shape
    tails[first[street] + position] = shape
    tails[first], heads[first + counts] = u, v

    name = rng.permutation(nodes).astype(np.int32)
    metres = np.hypot(x[tails] - x[heads], y[tails] - y[heads]) + 0.1
    one_way = np.repeat(rng.random(len(u)) < 0.08, counts + 1)
    order = rng.permutation(len(tails))
    tails, heads, metres, one_way = tails[order], heads[order], metres[order], one_way[order]
    for at in (x, y):
        at[name] = at.copy()
    seconds = metres / WALK_MPS
    lon, lat = x / METRES_A_DEGREE, y / METRES_A_DEGREE
    return Network(x, y, lon, lat, name[tails], name[heads], metres, seconds, np.where(one_way, np.inf, seconds))


def _crossed(line: Ints) -> Floats:
    """The share of streets that cross a line of junctions: some lines stand for railways, some for rivers."""
    return np.where(line % 128 == 127, 0.05, np.where(line % 16 == 15, 0.3, 1.0))
