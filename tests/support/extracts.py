"""OpenStreetMap extracts of a handful of objects, written for one test."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import osmium
from osmium.osm import mutable

Tags = Mapping[str, str]


class Extract:
    """Objects of an extract, numbered as they come; `write` puts them in a file of any format osmium knows."""

    def __init__(self) -> None:
        self._nodes: list[mutable.Node] = []
        self._ways: list[mutable.Way] = []
        self._relations: list[mutable.Relation] = []
        self._at: dict[tuple[float, float], int] = {}

    def node(self, lon: float, lat: float, tags: Tags | None = None) -> int:
        """A node of its own, with tags."""
        number = len(self._nodes) + 1
        self._nodes.append(mutable.Node(id=number, version=1, location=(lon, lat), tags=dict(tags or {})))
        return number

    def way(self, places: Sequence[tuple[float, float]], tags: Tags) -> int:
        """A way over places; equal places are one node, also of several ways."""
        for place in places:
            if place not in self._at:
                self._at[place] = self.node(*place)
        return self.way_of([self._at[place] for place in places], tags)

    def way_of(self, nodes: Sequence[int], tags: Tags) -> int:
        """A way over nodes by number; they need not be in the extract."""
        number = len(self._ways) + 1
        self._ways.append(mutable.Way(id=number, version=1, nodes=list(nodes), tags=dict(tags)))
        return number

    def box(self, west: float, south: float, east: float, north: float, tags: Tags) -> int:
        """A closed way around a rectangle."""
        corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        return self.way(corners, tags)

    def boundary(self, name: str, level: int, box: tuple[float, float, float, float], **more: str) -> int:
        """An administrative boundary, a relation around a rectangle."""
        outer = self.box(*box, {})
        number = len(self._relations) + 1
        tags = {"type": "boundary", "boundary": "administrative", "name": name, "admin_level": str(level), **more}
        self._relations.append(mutable.Relation(id=number, version=1, members=[("w", outer, "outer")], tags=tags))
        return number

    def multipolygon(self, members: Sequence[tuple[int, str]], tags: Tags) -> int:
        """A multipolygon of ways by number, each "outer" or "inner"."""
        number = len(self._relations) + 1
        ways = [("w", way, role) for way, role in members]
        tags = {"type": "multipolygon", **tags}
        self._relations.append(mutable.Relation(id=number, version=1, members=ways, tags=tags))
        return number

    def write(self, path: Path) -> Path:
        with osmium.SimpleWriter(str(path)) as writer:
            for node in self._nodes:
                writer.add_node(node)
            for way in self._ways:
                writer.add_way(way)
            for relation in self._relations:
                writer.add_relation(relation)
        return path
