"""Street networks as raw arrays, and generated ones of any size.

Raw means every vertex of every way that is open, with an edge between each and the next: what somebody has who reads an
extract and simplifies nothing.
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
        """Which nodes lie within ``metres`` of the middle, shape (nodes,)."""
        return np.asarray(np.hypot(self.x - np.median(self.x), self.y - np.median(self.y)) <= metres)

    def around_the_middle(self, metres: float) -> "Network":
        """What lies within ``metres`` of the middle, numbered anew."""
        near = self.near_the_middle(metres)
        kept = near[self.u] & near[self.v]
        nodes, ends = np.unique(np.concatenate([self.u[kept], self.v[kept]]), return_inverse=True)
        u, v = ends.astype(np.int32).reshape(2, -1)
        at = (self.x[nodes], self.y[nodes], self.lon[nodes], self.lat[nodes])
        return Network(*at, u, v, self.metres[kept], self.forward[kept], self.backward[kept])

    def save(self, folder: Path) -> None:
        """Write the arrays into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for one in fields(self):
            np.save(folder / f"{one.name}.npy", getattr(self, one.name))

    @classmethod
    def load(cls, folder: Path) -> "Network":
        """Read what `save` wrote."""
        return cls(*(np.load(folder / f"{one.name}.npy") for one in fields(cls)))


@dataclass(frozen=True)
class Ends:
    """Places along edges by the nodes ``u`` and ``v`` there, and the seconds ``to_u`` and ``to_v``; shape (places,)."""

    u: Ints
    v: Ints
    to_u: Floats
    to_v: Floats

    @classmethod
    def of(cls, network: Network, edge: Ints, fraction: Floats) -> "Ends":
        """Of places at a ``fraction`` of the way along an ``edge``."""
        back, onward = network.backward[edge], network.forward[edge]
        return cls(network.u[edge], network.v[edge], fraction * back, (1.0 - fraction) * onward)

    def least(self, node_seconds: Floats, limit_s: float) -> Floats:
        """Seconds of the places by those of all nodes, the least over both ends; infinity beyond the limit."""
        seconds = np.minimum(node_seconds[self.u] + self.to_u, node_seconds[self.v] + self.to_v)
        seconds[seconds > limit_s] = np.inf
        return seconds


def generate(nodes: int, seed: int) -> Network:
    """A street-like network of ``nodes`` nodes: a jittered grid with gaps, diagonals, dead ends and one-way streets.

    One node in five is a junction or a dead end, the others give streets their shape, as in OpenStreetMap; numbers are
    shuffled, so that neighbours in space are none in memory.
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
    # Every second street to the east stays, so that no junction is left without any.
    east = east[(column[east] % 2 == 0) | (rng.random(len(east)) < 0.6 * _crossed(column[east]))]
    north = north[rng.random(len(north)) < 0.65 * _crossed(row[north])]
    slant = slant[rng.random(len(slant)) < 0.04 * _crossed(column[slant]) * _crossed(row[slant])]
    lonely = number[-1:]  # its neighbour may not be there
    u = np.concatenate([east, north, slant, lonely, rng.integers(0, grid, tips)])
    v = np.concatenate([east + 1, north + wide, slant + wide + 1, lonely - 1, np.arange(grid, junctions)])
    x, y = (np.concatenate([at * BLOCK_M + rng.normal(0, 13, grid), np.zeros(tips)]) for at in (column, row))
    x[grid:], y[grid:] = (at[u[-tips:]] + rng.normal(0, 35, tips) for at in (x, y))

    # Shape nodes are dealt to streets at random, some to each, and bend them a little.
    shapes = nodes - junctions
    held = np.bincount(rng.integers(0, len(u), shapes), minlength=len(u))
    street = np.repeat(np.arange(len(u)), held)
    turn = np.arange(shapes) - np.repeat(np.cumsum(held) - held, held) + 1
    part = turn / (held[street] + 1)
    x, y = (np.concatenate([a, a[u[street]] * (1 - part) + a[v[street]] * part + rng.normal(0, 3, shapes)])
            for a in (x, y))  # fmt: skip
    # Each street is a run of held + 1 edges: from u to its first shape node, and so on to v.
    first = np.cumsum(held + 1) - (held + 1)
    tails = np.empty(shapes + len(u), np.int32)
    heads = np.empty_like(tails)
    shape = np.arange(junctions, nodes)
    heads[first[street] + turn - 1] = shape
    tails[first[street] + turn] = shape
    tails[first], heads[first + held] = u, v

    name = rng.permutation(nodes).astype(np.int32)
    metres = np.hypot(x[tails] - x[heads], y[tails] - y[heads]) + 0.1
    one_way = np.repeat(rng.random(len(u)) < 0.08, held + 1)
    order = rng.permutation(len(tails))
    tails, heads, metres, one_way = tails[order], heads[order], metres[order], one_way[order]
    for at in (x, y):
        at[name] = at.copy()
    seconds = metres / WALK_MPS
    lon, lat = x / METRES_A_DEGREE, y / METRES_A_DEGREE
    return Network(x, y, lon, lat, name[tails], name[heads], metres, seconds, np.where(one_way, np.inf, seconds))


def _crossed(line: Ints) -> Floats:
    """Which share of streets goes on beyond a line of junctions: few over a railway, fewer over a river."""
    return np.where(line % 128 == 127, 0.05, np.where(line % 16 == 15, 0.3, 1.0))
