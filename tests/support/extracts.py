"""OpenStreetMap extracts of a few objects, written for one test."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import osmium
from osmium.osm import mutable

Tags = Mapping[str, str]
ROAD = {"highway": "residential"}
HOUSE = {"building": "house"}


class Extract:
    """The objects of an extract, each type numbered from 1 in the order in which objects are added."""

    def __init__(self) -> None:
        self._nodes: list[mutable.Node] = []
        self._ways: list[mutable.Way] = []
        self._relations: list[mutable.Relation] = []
        self._node_at: dict[tuple[float, float], int] = {}

    def node(self, lon: float, lat: float, tags: Tags | None = None) -> int:
        """Add a node; return its id."""
        new_id = len(self._nodes) + 1
        self._nodes.append(mutable.Node(id=new_id, version=1, location=(lon, lat), tags=dict(tags or {})))
        return new_id

    def way(self, positions: Sequence[tuple[float, float]], tags: Tags) -> int:
        """Add a way over positions; return its id. Ways that share a position share a node there."""
        for position in positions:
            if position not in self._node_at:
                self._node_at[position] = self.node(*position)
        return self.way_of([self._node_at[position] for position in positions], tags)

    def way_of(self, nodes: Sequence[int], tags: Tags) -> int:
        """Add a way over node ids, which need not be in the extract; return its id."""
        new_id = len(self._ways) + 1
        self._ways.append(mutable.Way(id=new_id, version=1, nodes=list(nodes), tags=dict(tags)))
        return new_id

    def box(self, west: float, south: float, east: float, north: float, tags: Tags) -> int:
        """Add a closed way around a rectangle; return its id."""
        corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        return self.way(corners, tags)

    def boundary(self, name: str, level: int, box: tuple[float, float, float, float], **tags: str) -> int:
        """Add a relation that is an administrative boundary around a rectangle; return its id."""
        outer = self.box(*box, {})
        new_id = len(self._relations) + 1
        own = {"type": "boundary", "boundary": "administrative", "name": name, "admin_level": str(level)}
        self._relations.append(mutable.Relation(id=new_id, version=1, members=[("w", outer, "outer")], tags=own | tags))
        return new_id

    def multipolygon(self, members: Sequence[tuple[int, str]], tags: Tags) -> int:
        """Add a multipolygon relation; return its id. ``members`` are ids of ways, each with "outer" or "inner"."""
        new_id = len(self._relations) + 1
        ways = [("w", way, role) for way, role in members]
        tags = {"type": "multipolygon", **tags}
        self._relations.append(mutable.Relation(id=new_id, version=1, members=ways, tags=tags))
        return new_id

    def write(self, path: Path) -> Path:
        """Write the extract in the format of the file's ending, such as .osm.pbf or .opl; return ``path``."""
        with osmium.SimpleWriter(str(path)) as writer:
            for node in self._nodes:
                writer.add_node(node)
            for way in self._ways:
                writer.add_way(way)
            for relation in self._relations:
                writer.add_relation(relation)
        return path


def add_nearby_objects(extract: Extract) -> None:
    """Add a boundary, three ways of which one is closed to everybody, a house, and a house with a courtyard."""
    extract.boundary("Dorf", 8, (10.0, 50.0, 10.1, 50.1))
    extract.way([(10.0, 50.01), (10.01, 50.01), (10.02, 50.01)], ROAD)
    extract.way([(10.01, 50.01), (10.01, 50.02)], {"highway": "footway", "area": "yes", "foot": "no"})
    extract.way([(10.01, 50.02), (10.05, 50.02)], ROAD)
    extract.box(10.03, 50.03, 10.031, 50.031, HOUSE)
    outer, inner = extract.box(10.04, 50.03, 10.041, 50.031, {}), extract.box(10.0402, 50.0302, 10.0408, 50.0308, {})
    extract.multipolygon([(outer, "outer"), (inner, "inner")], HOUSE)
