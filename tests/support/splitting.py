"""A slow computation of travel times that splits the streets: every location becomes a node of a networkx graph.

It works in the plane, with the streets of `handmade`. Where a location is equally near to several streets, any of them
is right: the answer is then a span from the least to the greatest seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from support.handmade import Facility, Metres, Street

EQUALLY_NEAR_M = 1e-4  # streets whose distances differ by less count as equally near
CLASS_KPH = {"residential": 30.0, "primary": 60.0}
Node = Metres | tuple[str, int, float]
"""The end of a street, or a location along one: its number, and metres from its start."""


@dataclass(frozen=True)
class Entry:
    """A stretch of a street over which a location is reached: metres along it, and the connector's metres."""

    street: int
    start: float
    end: float
    connector_m: float


@dataclass(frozen=True)
class Span:
    """Seconds that are right: any between the least and the greatest."""

    least: float
    greatest: float


class Split:
    """The streets open to one mode; ``kph`` has the speeds of walking and cycling.

    Cars drive at 0.8 times the legal speed, or the speed of the street's class.
    """

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

    def _pieces(self) -> Iterator[tuple[int, float, Metres, Metres, float]]:
        """The straight pieces of open streets: the street, metres from its start, both ends, and the length."""
        for number, street in enumerate(self.streets):
            if any(self._open(street)):
                metres_before = 0.0
                for (x1, y1), (x2, y2) in pairwise(street.line):
                    length = float(np.hypot(x2 - x1, y2 - y1))
                    yield number, metres_before, (x1, y1), (x2, y2), length
                    metres_before += length

    def entries(self, location: Metres) -> list[Entry]:
        """The nearest point on a street, if near enough; several where streets are equally near."""
        entries: list[Entry] = []
        for number, metres_before, (x1, y1), (x2, y2), length in self._pieces():
            along = ((location[0] - x1) * (x2 - x1) + (location[1] - y1) * (y2 - y1)) / length
            along = min(max(along, 0.0), length)
            x, y = x1 + (x2 - x1) * along / length, y1 + (y2 - y1) * along / length
            connector_m = float(np.hypot(location[0] - x, location[1] - y))
            entries.append(Entry(number, metres_before + along, metres_before + along, connector_m))
        least = min((entry.connector_m for entry in entries), default=np.inf)
        return [e for e in entries if e.connector_m <= min(least + EQUALLY_NEAR_M, self.max_connector_m)]

    def stretches(self, box: BaseGeometry) -> list[Entry]:
        """Where streets run inside a box parallel to the axes: each straight piece is clipped by its four sides."""
        west, south, east, north = box.bounds
        entries: list[Entry] = []
        for number, metres_before, (x1, y1), (x2, y2), length in self._pieces():
            first, last = 0.0, 1.0
            for start, step, low, high in ((x1, x2 - x1, west, east), (y1, y2 - y1, south, north)):
                if step == 0:
                    first = first if low <= start <= high else 2.0
                else:
                    enters, leaves = sorted(((low - start) / step, (high - start) / step))
                    first, last = max(first, enters), min(last, leaves)
            if first <= last:
                entries.append(Entry(number, metres_before + first * length, metres_before + last * length, 0.0))
        return entries

    def seconds(self, locations: Sequence[Metres], facilities: Sequence[Facility]) -> list[list[Span]]:
        """Seconds from each location (row) to each facility (column)."""
        from_locations = [self.entries(location) for location in locations]
        polygons = [shapely.get_dimensions(each.place) == 2 if not isinstance(each.place, tuple) else False
                    for each in facilities]  # fmt: skip
        to_facilities = [
            self.stretches(each.place) if polygon else self.entries(each.place)
            for each, polygon in zip(facilities, polygons, strict=True)
        ]
        all_entries = [entry for entries in (*from_locations, *to_facilities) for entry in entries]
        graph = networkx.MultiDiGraph()
        for number, street in enumerate(self.streets):
            self._split(graph, number, street, [e for e in all_entries if e.street == number])
        times: list[list[Span]] = []
        for entries in from_locations:
            row: list[list[list[float]]] = [[[] for _ in facilities] for _ in entries]
            for at, entry in enumerate(entries):
                reached = networkx.single_source_dijkstra_path_length(graph, self._node(entry.street, entry.start))
                for f, ways in enumerate(to_facilities):
                    for way in ways:
                        nodes = [node for node in self._nodes_inside(all_entries, way) if node in reached]
                        best = min((reached[node] for node in nodes), default=np.inf)
                        row[at][f].append(best + (entry.connector_m + way.connector_m) / self.walk_mps)
            times.append([self._span([each[f] for each in row], polygons[f]) for f in range(len(facilities))])
        return times

    @staticmethod
    def _span(choices: list[list[float]], polygon: bool) -> Span:
        """A polygon is reached over the nearest of its stretches; a point over any of those equally near."""
        if not choices or not choices[0]:
            return Span(np.inf, np.inf)
        ways = [min(ways) for ways in choices] if polygon else [t for ways in choices for t in ways]
        return Span(min(ways), max(ways))

    def _nodes_inside(self, all_entries: list[Entry], way: Entry) -> set[Node]:
        """The nodes on a stretch: its ends, and the entries between them."""
        marks = {way.start, way.end}
        marks |= {
            m for e in all_entries if e.street == way.street for m in (e.start, e.end) if way.start <= m <= way.end
        }
        return {self._node(way.street, mark) for mark in marks}

    def _node(self, street: int, metres: float) -> Node:
        line = self.streets[street].line
        if metres < 1e-6:
            return line[0]
        return line[-1] if metres > shapely.LineString(line).length - 1e-6 else ("along", street, metres)

    def _split(self, graph: networkx.MultiDiGraph, number: int, street: Street, entries: list[Entry]) -> None:
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
