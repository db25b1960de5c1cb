"""A slow and independent computation of travel times, which tests compare with the program.

It simplifies and indexes nothing, runs Dijkstra's algorithm once for each facility, and shares no code with `geo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from shapely.geometry.base import BaseGeometry

from support.reference_turns import Arcs, Drives

Mode = Literal["walk", "cycle", "drive"]
Floats = NDArray[np.float64]
Place = tuple[float, float]  # longitude, latitude; degrees WGS84
Places = Sequence[Place]
Facilities = Sequence[tuple[str, BaseGeometry]]  # id; shapely Point, Polygon or MultiPolygon in degrees WGS84
Entry = tuple[int, float, float, float]  # segment, from and to which fraction, connector in metres

GEOD = Geod(ellps="WGS84")


def metres_around(place: Place, lonlat: Floats) -> Floats:
    """Metres east and north of a place; within some kilometres nearly azimuthal equidistant."""
    middle = np.radians((lonlat[:, 1] + place[1]) / 2)
    squeeze = 1 - GEOD.es * np.sin(middle) ** 2
    scale = GEOD.a * np.column_stack([np.cos(middle) / squeeze**0.5, (1 - GEOD.es) / squeeze**1.5])
    return np.asarray(np.radians(lonlat - place) * scale)


def fractions(line: BaseGeometry, part: BaseGeometry) -> Floats:
    """The fractions of a segment at which the vertices of `part` lie; exactly 0 or 1 at its ends."""
    first, last = shapely.get_coordinates(line)
    step = last - first
    return np.asarray(np.clip((shapely.get_coordinates(part) - first) @ step / ((step @ step) or 1), 0, 1))


@dataclass(frozen=True)
class Streets:
    """Straight segments between OpenStreetMap nodes."""

    lonlat: Floats  # (nodes, 2), degrees; all other arrays are those of the segments
    ends: NDArray[np.int64]  # (segments, 2), the first and the second node
    length_m: Floats  # geodesic
    forward: NDArray[np.bool_]  # open from its first node to its second
    backward: NDArray[np.bool_]
    kph: Floats  # NaN: people walk at `walk_kph`
    attracts: NDArray[np.bool_]  # not on a small island
    paces: Floats | None = None  # (segments, 2), factors of slopes on the seconds forward and backward
    eligible: NDArray[np.bool_] | None = None  # not in a tunnel, on a motorway or on the water; None: all are
    forbidden: frozenset[Arcs] = frozenset()  # see `support.reference_turns`

    @property
    def _eligible(self) -> NDArray[np.bool_]:
        return np.ones(len(self.ends), dtype=bool) if self.eligible is None else self.eligible

    def locate(self, segment: int, fraction: float) -> Place:
        """Longitude and latitude of a point on a segment."""
        first, last = self.lonlat[self.ends[segment]]
        lon, lat = (first + fraction * (last - first)).tolist()
        return lon, lat

    def snap(self, lon: float, lat: float, max_connector_m: float = 1000) -> tuple[int, float, float] | None:
        """The nearest point: segment, fraction 0…1 along it, metres to it; None beyond `max_connector_m`.

        Small islands count only where no other segment is within that distance.
        """
        return self._snap(lon, lat, max_connector_m, self.attracts) or self._snap(
            lon, lat, max_connector_m, ~self.attracts
        )

    def _snap(
        self, lon: float, lat: float, max_connector_m: float, candidates: NDArray[np.bool_]
    ) -> tuple[int, float, float] | None:
        candidates = candidates & self._eligible
        if not candidates.any():
            return None
        first, last = metres_around((lon, lat), self.lonlat)[self.ends].transpose(1, 0, 2)
        step, squared = last - first, ((last - first) ** 2).sum(axis=1)
        along = np.clip(-(first * step).sum(axis=1) / np.maximum(squared, 1e-12), 0, 1)
        squares = np.where(candidates, ((first + along[:, None] * step) ** 2).sum(axis=1), np.inf)
        segment = int(np.argmin(squares))
        fraction = float(along[segment])
        connector_m = GEOD.inv(lon, lat, *self.locate(segment, fraction))[2]
        return (segment, fraction, connector_m) if connector_m <= max_connector_m else None

    def entries(self, shape: BaseGeometry, max_connector_m: float = 1000) -> list[Entry]:
        """Where streets reach a facility: the nearest point, or each stretch in a polygon; empty if too far."""
        if shape.geom_type == "Point":
            snapped = self.snap(shape.x, shape.y, max_connector_m)
            return [(snapped[0], snapped[1], *snapped[1:])] if snapped else []
        lines = np.asarray(shapely.linestrings(self.lonlat[self.ends]))
        inside_entries: list[Entry] = []
        for segment in np.flatnonzero(shapely.intersects(shape, lines) & self._eligible).tolist():
            line, inside = lines[segment], shapely.intersection(lines[segment], shape)
            if inside.is_empty:  # a bare touch, lost by rounding
                inside = shapely.shortest_line(line, shape)
            spans = [fractions(line, part) for part in shapely.get_parts(inside)]
            inside_entries += [(segment, float(along.min()), float(along.max()), 0.0) for along in spans]
        if any(self.attracts[entry[0]] for entry in inside_entries):
            return inside_entries
        beside = self._beside(shape, max_connector_m, np.flatnonzero(self.attracts & self._eligible))
        if inside_entries or beside:
            return inside_entries + beside
        return self._beside(shape, max_connector_m, np.flatnonzero(self._eligible))

    def _beside(self, polygon: BaseGeometry, max_connector_m: float, segments: NDArray[np.int64]) -> list[Entry]:
        """The point of these segments that is nearest to a polygon which none of them touches, if near enough."""
        centre = (polygon.centroid.x, polygon.centroid.y)
        for _ in range(2):  # the second time around the nearest point, where the projection is most exact
            flat = shapely.transform(polygon, partial(metres_around, centre))
            lines = np.asarray(shapely.linestrings(metres_around(centre, self.lonlat)[self.ends[segments]]))
            nearest = int(np.argmin(shapely.distance(flat, lines)))
            connector = shapely.shortest_line(lines[nearest], flat)
            segment, at = int(segments[nearest]), float(fractions(lines[nearest], connector)[0])
            segments, centre = segments[[nearest]], self.locate(segment, at)
        return [(segment, at, at, connector.length)] if connector.length <= max_connector_m else []

    def seconds(
        self, places: Places, facilities: Facilities, walk_kph: float = 4.0, max_connector_m: float = 1000
    ) -> Floats:
        """Seconds from each place (row) to each facility (column); infinity where there is no way."""
        walk_mps, nodes = walk_kph / 3.6, len(self.lonlat)
        whole = self.length_m * 3.6 / np.where(np.isnan(self.kph), walk_kph, self.kph)
        paces = (1.0, 1.0) if self.paces is None else self.paces.T
        directions = zip((self.forward, self.backward), paces, strict=True)
        forward, backward = (np.where(is_open, whole * pace, np.inf).tolist() for is_open, pace in directions)
        a, b = self.ends.T.tolist()

        def along(segment: int, first: float, last: float) -> float:
            direction: list[float] = forward if last > first else backward
            return 0.0 if first == last else direction[segment] * abs(last - first)

        reached = [self.entries(shape, max_connector_m) for _, shape in facilities]
        if self.forbidden:
            drives = Drives(
                {2 * s: forward[s] for s in range(len(a)) if forward[s] < np.inf}
                | {2 * s + 1: backward[s] for s in range(len(a)) if backward[s] < np.inf},
                list(zip(a, b, strict=True)),
                self.forbidden,
            )
            arcs, states, before = drives.reversed_arcs(), len(drives.number), drives.states_before()
        else:
            # Arcs run against the traffic, so that a search from a facility finds the time towards it.
            arcs = [*zip(b, a, forward, strict=True), *zip(a, b, backward, strict=True)]
            states, before = nodes, {}
        # Facility `f` is the node `states + f`.
        ends_of_drives: list[tuple[int, int, float]] = []
        for f, entries in enumerate(reached, start=states):
            for s, low, high, connector_m in entries:
                for arc, node, seconds in ((2 * s, a[s], along(s, 0, low)), (2 * s + 1, b[s], along(s, 1, high))):
                    states_before = before.get(arc, ()) if self.forbidden else (node,)
                    ends_of_drives += [(f, state, seconds + connector_m / walk_mps) for state in states_before]
        graph = least_graph([*arcs, *ends_of_drives], states + len(reached))
        snaps = {p: snap for p, place in enumerate(places) if (snap := self.snap(*place, max_connector_m))}
        result = np.full((len(places), len(facilities)), np.inf)
        for f, entries in enumerate(reached):
            from_node = dijkstra(graph, indices=np.array([states + f]))[0].tolist()
            for p, (s, here, place_m) in snaps.items():
                if self.forbidden:
                    ways = [
                        along(s, here, 0) + (from_node[drives.start(2 * s + 1)] if backward[s] < np.inf else np.inf),
                        along(s, here, 1) + (from_node[drives.start(2 * s)] if forward[s] < np.inf else np.inf),
                    ]
                else:
                    ways = [along(s, here, 0) + from_node[a[s]], along(s, here, 1) + from_node[b[s]]]
                same_segment = [(min(max(here, low), high), m) for entry, low, high, m in entries if entry == s]
                ways += [along(s, here, there) + connector_m / walk_mps for there, connector_m in same_segment]
                result[p, f] = place_m / walk_mps + min(ways)
        return result

    def nearest(
        self, places: Places, facilities: Facilities, walk_kph: float = 4.0, max_connector_m: float = 1000
    ) -> list[tuple[float, str | None]]:
        """Seconds to the nearest facility and its id, for each place; infinity and None where none is reached."""
        table = self.seconds(places, facilities, walk_kph, max_connector_m).tolist()
        least = [min(zip(row, range(len(row)), strict=True), default=(np.inf, 0)) for row in table]
        return [(s, facilities[f][0] if s < np.inf else None) for s, f in least]


def least_graph(arcs: Sequence[tuple[int, int, float]], nodes: int) -> csr_array:
    """The graph of the arcs (tail, head, seconds); of parallel ones only the least, as scipy would add them up."""
    least = {arc[:2]: arc[2] for arc in sorted(arcs, key=lambda arc: -arc[2]) if arc[2] < np.inf}
    tails_heads = np.array([*least], dtype=np.int64).reshape(-1, 2).T
    return csr_array(([*least.values()], tuple(tails_heads)), shape=(nodes, nodes))


def mainland(
    nodes: int, ends: NDArray[np.int64], length_m: Floats, forward: NDArray[np.bool_], backward: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which segments lie in a strongly connected component of 5 km, or of a hundredth of the largest one."""
    arcs = np.concatenate([ends[forward], ends[backward, ::-1]])
    graph = csr_array((np.ones(len(arcs)), tuple(arcs.T)), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=True, connection="strong")
    metres: dict[int, float] = {}
    for (a, b), metre in zip(component[ends].tolist(), length_m.tolist(), strict=True):
        if a == b:
            metres[a] = metres.get(a, 0.0) + metre
    least = min(5000.0, max(metres.values(), default=0.0) / 100)
    return np.array([a == b and metres[a] >= least for a, b in component[ends].tolist()], dtype=bool)
