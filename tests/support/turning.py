"""A slow computation of travel times with turn restrictions: Dijkstra's algorithm over the edges driven last.

It contracts nothing and shares no code with `geo`. Directed edges are numbered 2 × edge, and one more where the edge is
driven from v to u.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection

import numpy as np
from hypothesis import strategies as st

from support.graphs import Edge, EdgePoint, searches

Path = tuple[int, ...]


class Drives:
    """Drives on ``edges`` that follow none of the ``forbidden`` paths, and turn round at junctions and dead ends."""

    def __init__(self, edges: list[Edge], forbidden: Collection[Path]) -> None:
        self.forbidden = set(forbidden)
        self.beginnings = {path[:length] for path in self.forbidden for length in range(1, len(path))}
        self.tail, self.head, self.seconds = {}, {}, {}
        self.reached_from: dict[EdgePoint, dict[tuple[int, Path], float]] = {}
        self.exits: dict[int, list[int]] = defaultdict(list)
        self.entries: dict[int, list[int]] = defaultdict(list)
        ends: dict[int, list[int]] = defaultdict(list)
        for number, (u, v, forward, backward) in enumerate(edges):
            ends[u].append(number)
            ends[v].append(number)
            for directed, tail, head, seconds in ((2 * number, u, v, forward), (2 * number + 1, v, u, backward)):
                self.tail[directed], self.head[directed], self.seconds[directed] = tail, head, seconds
                if np.isfinite(seconds):
                    self.exits[tail].append(directed)
                    self.entries[head].append(directed)
        # A street just goes on where two edges meet, and each may be left by the other.
        self.goes_on = {
            node
            for node, meeting in ends.items()
            if len(meeting) == 2 and len(set(meeting)) == 2 and self._joins(node, *meeting)
        }

    def _joins(self, node: int, a: int, b: int) -> bool:
        comes = [any(d >> 1 == edge for d in self.entries[node]) for edge in (a, b)]
        leaves = [any(d >> 1 == edge for d in self.exits[node]) for edge in (a, b)]
        return comes[0] == leaves[1] and comes[1] == leaves[0]

    def may_follow(self, driven: Path, directed: int) -> bool:
        """Whether a driver who has ``driven`` some edges last may take the directed edge next."""
        if driven and directed == driven[-1] ^ 1 and self.tail[directed] in self.goes_on:
            return False
        way = (*driven, directed)
        return not any(way[first:] in self.forbidden for first in range(len(way)))

    def arrivals(self, start: EdgePoint) -> dict[tuple[int, Path], float]:
        """Seconds from a start to each node, by the edges driven last."""
        edge, fraction = start
        queue: list[tuple[float, int, Path]] = []
        if fraction in (0.0, 1.0):
            queue.append((0.0, self.head[2 * edge] if fraction else self.tail[2 * edge], ()))
        else:
            for directed, share in ((2 * edge, 1 - fraction), (2 * edge + 1, fraction)):
                if np.isfinite(self.seconds[directed]):
                    queue.append((share * self.seconds[directed], self.head[directed], (directed,)))
        heapq.heapify(queue)
        reached: dict[tuple[int, Path], float] = {}
        while queue:
            seconds, node, driven = heapq.heappop(queue)
            if (node, driven) in reached:
                continue
            reached[node, driven] = seconds
            for directed in self.exits[node]:
                if self.may_follow(driven, directed):
                    way = (*driven, directed)
                    while len(way) > 1 and way not in self.beginnings:  # the edge driven first no longer matters
                        way = way[1:]
                    heapq.heappush(queue, (seconds + self.seconds[directed], self.head[directed], way))
        return reached

    def seconds_between(self, start: EdgePoint, end: EdgePoint) -> float:
        """Seconds from one point of an edge to another; infinity if there is no way."""
        edge, fraction = end
        ways = [np.inf]
        if edge == start[0]:
            directed = 2 * edge if start[1] < fraction else 2 * edge + 1
            share = abs(fraction - start[1])
            ways.append(share * self.seconds[directed] if share else 0.0)
        if start not in self.reached_from:
            self.reached_from[start] = self.arrivals(start)
        for (node, driven), seconds in self.reached_from[start].items():
            if fraction in (0.0, 1.0) and node == (self.head[2 * edge] if fraction else self.tail[2 * edge]):
                ways.append(seconds)
            for directed, share in ((2 * edge, fraction), (2 * edge + 1, 1 - fraction)):
                open_ = np.isfinite(self.seconds[directed])
                if open_ and node == self.tail[directed] and self.may_follow(driven, directed):
                    ways.append(seconds + share * self.seconds[directed])
        return min(ways)


@st.composite
def restricted_searches(
    draw: st.DrawFn,
) -> tuple[int, list[Edge], list[EdgePoint], list[EdgePoint], list[float], list[Path]]:
    """What `support.graphs.searches` draws, and forbidden paths of two to five directed edges, often overlapping."""
    nodes, edges, people, facilities, connectors = draw(searches())
    drives = Drives(edges, [])
    paths: list[Path] = []
    for _ in range(draw(st.integers(1, 8))):
        path = [draw(st.integers(0, 2 * len(edges) - 1))]
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3, 4]))):
            exits = [d for d in range(2 * len(edges)) if drives.tail[d] == drives.head[path[-1]]]
            path.append(draw(st.sampled_from(exits)))
        paths.append(tuple(path))
    return nodes, edges, people, facilities, connectors, paths
