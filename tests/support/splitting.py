"""Travel times by cutting the streets: every place and every facility becomes a node of a networkx graph.

Everything happens in the plane, with the streets of `handmade`. Where a place is equally near to several streets, any
of them is right: the answer is then a span from the least to the greatest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx
import numpy as np
import shapely

from support.handmade import Facility, Metres, Street

SAME = 1e-4  # metres by which two streets are equally near
CLASS_KPH = {"residential": 30.0, "primary": 60.0}
Node = Any


@dataclass(frozen=True)
class Entry:
    """Where one gets onto a street: from how many to how many metres along it, and how far off it one is."""

    street: int
    start: float
    end: float
    connector_m: float


@dataclass(frozen=True)
class Span:
    least: float
    greatest: float


class Split:
    """The streets open to one mode; ``walk_kph``, ``cycle_kph`` as given, driving 0.8 of the legal or class speed."""

    def __init__(self, streets: Sequence[Street], mode: str, max_connector_m: float, kph: Mapping[str, float]) -> None:
        self.streets, self.mode, self.max_connector_m, self.kph = streets, mode, max_connector_m, kph
        self.walk_mps = kph["walk"] / 3.6

    def _mps(self, street: Street) -> float:
        if self.mode in self.kph:
            return self.kph[self.mode] / 3.6
        legal = street.maxspeed_kph
        return (CLASS_KPH[street.highway] if np.isnan(legal) else legal) * 0.8 / 3.6

    def _open(self, street: Street) -> tuple[bool, bool]:
        return {"walk": (street.walk, street.walk), "cycle": street.cycle, "drive": street.drive}[self.mode]

    def entries(self, place: Metres) -> list[Entry]:
        """All nearest places on a street, if near enough; more than one where streets are equally near."""
        found: list[Entry] = []
        for number, street in enumerate(self.streets):
            if any(self._open(street)):
                so_far = 0.0
                for (x1, y1), (x2, y2) in pairwise(street.line):
                    length = float(np.hypot(x2 - x1, y2 - y1))
                    along = ((place[0] - x1) * (x2 - x1) + (place[1] - y1) * (y2 - y1)) / length
                    along = min(max(along, 0.0), length)
                    x, y = x1 + (x2 - x1) * along / length, y1 + (y2 - y1) * along / length
                    away = float(np.hypot(place[0] - x, place[1] - y))
                    found.append(Entry(number, so_far + along, so_far + along, away))
                    so_far += length
        least = min((entry.connector_m for entry in found), default=np.inf)
        return [e for e in found if e.connector_m <= min(least + SAME, self.max_connector_m)]

    def stretches(self, box: Any) -> list[Entry]:
        """Where streets run in a box along the axes: each straight piece clipped by its four sides."""
        west, south, east, north = box.bounds
        found: list[Entry] = []
        for number, street in enumerate(self.streets):
            if any(self._open(street)):
                so_far = 0.0
                for (x1, y1), (x2, y2) in pairwise(street.line):
                    length = float(np.hypot(x2 - x1, y2 - y1))
                    first, last = 0.0, 1.0
                    for start, step, low, high in ((x1, x2 - x1, west, east), (y1, y2 - y1, south, north)):
                        if step == 0:
                            first = first if low <= start <= high else 2.0
                        else:
                            into, out = sorted(((low - start) / step, (high - start) / step))
                            first, last = max(first, into), min(last, out)
                    if first <= last:
                        found.append(Entry(number, so_far + first * length, so_far + last * length, 0.0))
                    so_far += length
        return found

    def seconds(self, places: Sequence[Metres], facilities: Sequence[Facility]) -> list[list[Span]]:
        """From each place (row) to each facility (column)."""
        from_places = [self.entries(place) for place in places]
        polygons = [shapely.get_dimensions(each.place) == 2 if not isinstance(each.place, tuple) else False
                    for each in facilities]  # fmt: skip
        to_facilities = [
            self.stretches(each.place) if polygon else self.entries(each.place)
            for each, polygon in zip(facilities, polygons, strict=True)
        ]
        every = [entry for entries in (*from_places, *to_facilities) for entry in entries]
        graph = networkx.MultiDiGraph()
        for number, street in enumerate(self.streets):
            self._cut(graph, number, street, [e for e in every if e.street == number])
        times: list[list[Span]] = []
        for entries in from_places:
            row: list[list[list[float]]] = [[[] for _ in facilities] for _ in entries]
            for at, entry in enumerate(entries):
                reached = networkx.single_source_dijkstra_path_length(graph, self._node(entry.street, entry.start))
                for f, ways in enumerate(to_facilities):
                    for way in ways:
                        inside = [node for node in self._inside(every, way) if node in reached]
                        best = min((reached[node] for node in inside), default=np.inf)
                        row[at][f].append(best + (entry.connector_m + way.connector_m) / self.walk_mps)
            times.append([self._span([each[f] for each in row], polygons[f]) for f in range(len(facilities))])
        return times

    @staticmethod
    def _span(choices: list[list[float]], polygon: bool) -> Span:
        """A polygon is reached over whichever stretch is nearest; a point over one, though one may not know which."""
        if not choices or not choices[0]:
            return Span(np.inf, np.inf)
        ways = [min(ways) for ways in choices] if polygon else [t for ways in choices for t in ways]
        return Span(min(ways), max(ways))

    def _inside(self, every: list[Entry], way: Entry) -> set[Node]:
        marks = {way.start, way.end}
        marks |= {m for e in every if e.street == way.street for m in (e.start, e.end) if way.start <= m <= way.end}
        return {self._node(way.street, mark) for mark in marks}

    def _node(self, street: int, metres: float) -> Node:
        line = self.streets[street].line
        if metres < 1e-6:
            return line[0]
        return line[-1] if metres > shapely.LineString(line).length - 1e-6 else ("along", street, metres)

    def _cut(self, graph: Any, number: int, street: Street, entries: list[Entry]) -> None:
        length = float(shapely.LineString(street.line).length)
        marks = sorted({0.0, length} | {mark for entry in entries for mark in (entry.start, entry.end)})
        for start, end in pairwise(marks):
            seconds = (end - start) / self._mps(street)
            a, b = self._node(number, start), self._node(number, end)
            if a != b:
                graph.add_nodes_from((a, b))
                if self._open(street)[0]:
                    graph.add_edge(a, b, weight=seconds)
                if self._open(street)[1]:
                    graph.add_edge(b, a, weight=seconds)
        graph.add_nodes_from(self._node(number, mark) for mark in marks)
