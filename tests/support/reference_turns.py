"""Turn restrictions in the slow computation: a search whose states remember the segments driven last.

A segment driven in one direction is an arc: twice the segment's number, plus one against the segment. A restriction
forbids a sequence of arcs. It shares no code with `geo`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Arcs = tuple[int, ...]
State = tuple[int, Arcs]
"""An arc that was driven to its end, and the longest end of the drive that begins a forbidden sequence."""


@dataclass(frozen=True)
class Restriction:
    """A relation: the ways it names, and the node between the first two where it names one."""

    kind: str  # no_… or only_…
    from_way: int
    via_node: int | None
    via_ways: tuple[int, ...]
    to_way: int


def forbidden_sequences(
    restrictions: Sequence[Restriction], way_of_segment: Sequence[int], ends: Sequence[tuple[int, int]]
) -> set[Arcs]:
    """The sequences of arcs that may not be driven, for segments between nodes ``ends`` of ways ``way_of_segment``."""
    arcs_of_way: dict[int, list[int]] = defaultdict(list)
    leaving: dict[int, list[int]] = defaultdict(list)
    for segment, way in enumerate(way_of_segment):
        for arc in (2 * segment, 2 * segment + 1):
            arcs_of_way[way].append(arc)
            leaving[_tail(arc, ends)].append(arc)

    def path(way: int, start: int) -> list[Arcs]:
        """The arcs from ``start`` along a way to each of its two ends."""
        paths = []
        for direction in (0, 1):
            along = [arc for arc in arcs_of_way[way] if arc % 2 == direction]
            along = along if direction == 0 else along[::-1]
            first = next((n for n, arc in enumerate(along) if _tail(arc, ends) == start), None)
            if first is not None:
                paths.append(tuple(along[first:]))
        return paths

    sequences: set[Arcs] = set()
    for restriction in restrictions:
        if restriction.via_node is not None:
            starts = [restriction.via_node]
        else:
            first_via = arcs_of_way[restriction.via_ways[0]]
            touching = {_head(arc, ends) for arc in arcs_of_way[restriction.from_way]}
            starts = sorted({_tail(arc, ends) for arc in first_via} & touching)
        for node in starts:
            before: list[Arcs] = [(arc,) for arc in arcs_of_way[restriction.from_way] if _head(arc, ends) == node]
            reached: list[tuple[int, Arcs]] = [(node, ())]
            for way in restriction.via_ways:
                reached = [(_head(arcs[-1], ends), so_far + arcs) for at, so_far in reached for arcs in path(way, at)]
            for at, via in reached:
                allowed = {arc for arc in arcs_of_way[restriction.to_way] if _tail(arc, ends) == at}
                if not allowed:
                    continue
                if restriction.kind.startswith("no_"):
                    sequences |= {(*start, *via, arc) for start in before for arc in allowed}
                    continue
                # Whoever must follow the way to its end may not leave it before.
                for start in before:
                    driven = [start]
                    for arc in via:
                        driven.append((*driven[-1], arc))
                    for so_far, following in zip(driven, [*({arc} for arc in via), allowed], strict=True):
                        others = set(leaving[_head(so_far[-1], ends)]) - following
                        sequences |= {(*so_far, other) for other in others}
    return sequences


def _tail(arc: int, ends: Sequence[tuple[int, int]]) -> int:
    return ends[arc // 2][arc % 2]


def _head(arc: int, ends: Sequence[tuple[int, int]]) -> int:
    return ends[arc // 2][1 - arc % 2]


class Drives:
    """All drives over arcs that follow no forbidden sequence, as a graph of `State`.

    Cars turn round at junctions and dead ends, and not where a street just goes on from one segment to the next.
    """

    def __init__(self, seconds: Mapping[int, float], ends: Sequence[tuple[int, int]], forbidden: set[Arcs]) -> None:
        self._ends, self._forbidden = ends, forbidden
        self._beginnings = {sequence[:n] for sequence in forbidden for n in range(1, len(sequence))}
        self._leaving: dict[int, list[int]] = defaultdict(list)
        entering: dict[int, set[int]] = defaultdict(set)
        for arc in seconds:
            self._leaving[_tail(arc, ends)].append(arc)
            entering[_head(arc, ends)].add(arc // 2)
        self._goes_on = set()
        for node, arcs in self._leaving.items():
            leave, enter = {arc // 2 for arc in arcs}, entering[node]
            if len(leave | enter) == 2 and (leave == enter or len(leave) == len(enter) == 1):
                self._goes_on.add(node)
        self.number: dict[State, int] = {}
        pending = [self._state(arc, ()) for arc in seconds]
        self.number = {state: n for n, state in enumerate(dict.fromkeys(pending))}
        tails, heads, costs = [], [], []
        pending = list(self.number)
        while pending:
            state = pending.pop()
            for arc in self.next_arcs(state):
                following = self._state(arc, state[1])
                if following not in self.number:
                    self.number[following] = len(self.number)
                    pending.append(following)
                tails.append(self.number[state])
                heads.append(self.number[following])
                costs.append(seconds[arc])
        self.tails, self.heads, self.costs = tails, heads, costs

    def start(self, arc: int) -> int:
        """The number of the state of somebody who began on an arc and drove to its end."""
        return self.number[self._state(arc, ())]

    def next_arcs(self, state: State) -> list[int]:
        """The arcs that may be driven next."""
        arc, history = state
        endings = [history[n:] for n in range(len(history))]
        return [
            following
            for following in self._leaving[_head(arc, self._ends)]
            if not any((*ending, following) in self._forbidden for ending in endings)
            and not (following == arc ^ 1 and _head(arc, self._ends) in self._goes_on)
        ]

    def states_before(self) -> dict[int, list[int]]:
        """For each arc the numbers of the states from which it may be driven."""
        before: dict[int, list[int]] = defaultdict(list)
        for state, number in self.number.items():
            for arc in self.next_arcs(state):
                before[arc].append(number)
        return before

    def reversed_arcs(self) -> list[tuple[int, int, float]]:
        """The arcs (tail, head, seconds) between states, against the drives."""
        return list(zip(self.heads, self.tails, self.costs, strict=True))

    def _state(self, arc: int, history: Arcs) -> State:
        driven = (*history, arc)
        ending = next((driven[n:] for n in range(len(driven)) if driven[n:] in self._beginnings), ())
        return arc, ending
