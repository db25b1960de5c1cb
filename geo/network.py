"""The street network of one mode, prepared for travel times: a graph of seconds, and places snapped onto its edges.

A *place* sits at a fraction of the way along an edge, joined to it by a straight connector at walking speed. A
facility is *reached* over one or more stretches of edges: a point over the place it snaps to, a park wherever a street
meets or enters it.
"""

from dataclasses import dataclass, fields
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import streets
from geo.graph import Graph, Positions
from geo.projection import geodesic_lengths, projection
from geo.standards import Mode
from geo.study import About, Speeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
KPH_TO_MPS = 1000.0 / 3600.0
# Positions this near to an end are the end: line_locate_point is only so exact, and at a node one-ways do not bind.
_AT_END = 1e-9


@dataclass(frozen=True)
class Places:
    """Places on the network, arrays of shape (n,): edge (−1: no street is near), fraction 0…1, connector in metres."""

    edge: Ints
    fraction: Floats
    connector_m: Floats


@dataclass(frozen=True)
class Access:
    """Stretches of edges over which facilities are reached, arrays of shape (n,).

    ``facility`` is the row of the facility, ``start`` ≤ ``end`` the fractions of the stretch on ``edge``.
    """

    facility: Ints
    edge: Ints
    start: Floats
    end: Floats
    connector_m: Floats


@dataclass(frozen=True)
class Stretches:
    """`Access` on the graph, sorted by chain: those of chain c are the rows ``first[c]`` to ``first[c + 1]``.

    ``low`` and ``high`` are the positions of each stretch's ends along its chain, ``extra`` the seconds of its
    connector and ``owner`` the facility it leads to.
    """

    first: NDArray[np.int32]
    low: Positions
    high: Positions
    extra: Floats
    owner: NDArray[np.int32]


class Network:
    """The edges of a study that are open to one mode, and the `graph` they form.

    ``lines`` are the edges' lines in the projected metres of ``metric``, shape (edges,).
    """

    def __init__(self, table: gpd.GeoDataFrame, about: About, mode: Mode) -> None:
        speeds = about.speeds
        forward, backward = _open(table, mode)
        used = forward | backward
        table, forward, backward = table[used], forward[used], backward[used]
        seconds = table["length_m"].to_numpy() / (_kph(table, mode, speeds) * KPH_TO_MPS)
        onward, back = (seconds * pace for pace in _paces(table, mode))
        ends = table[["u", "v"]].to_numpy()
        names, nodes = np.unique(ends, return_inverse=True)
        nodes = nodes.reshape(ends.shape)

        self.walk_mps = speeds.walk_kph * KPH_TO_MPS
        self.max_connector_m = about.max_connector_m
        self.metric = projection(about.projection)
        self.lines: NDArray[Any] = self.metric.forward(table.geometry.to_numpy())
        xy = np.empty((len(names), 2))
        for column, at in ((0, 0), (1, -1)):
            xy[nodes[:, column]] = shapely.get_coordinates(shapely.get_point(self.lines, at))
        self.graph = Graph.prepare(
            nodes[:, 0],
            nodes[:, 1],
            np.where(forward, onward, np.inf),
            np.where(backward, back, np.inf),
            table["length_m"].to_numpy(),
            *xy.T,
        )
        self._tree = shapely.STRtree(self.lines)
        speeds_mps = table["length_m"].to_numpy() / np.minimum(onward, back)
        self.fastest_mps = max(float(speeds_mps.max(initial=0.0)), self.walk_mps)

    def snap(self, lon: Floats, lat: Floats) -> Places:
        """The nearest point on an edge for each WGS84 place, if within the longest connector (≤)."""
        return self._snap(self.metric.points(lon, lat))

    def _snap(self, geometries: NDArray[Any]) -> Places:
        count = len(geometries)
        edge, fraction = np.full(count, -1), np.full(count, np.nan)
        connector_m = np.full(count, np.inf)
        # The search is in projected metres, the limit in geodesic ones: search a little farther, then measure.
        rows, edges = self._tree.query_nearest(geometries, max_distance=self.max_connector_m * 1.02, all_matches=False)
        ways = shapely.shortest_line(geometries[rows], self.lines[edges])
        metres = geodesic_lengths(self.metric.inverse(ways))
        near = metres <= self.max_connector_m
        rows, edges, ways = rows[near], edges[near], ways[near]
        edge[rows], connector_m[rows] = edges, metres[near]
        fraction[rows] = self._locate(edges, shapely.get_point(ways, 1))
        return Places(edge, fraction, connector_m)

    def edges_within(self, geometry: Any, metres: float) -> Ints:
        """The edges within ``metres`` of a projected geometry, in order, shape (n,)."""
        return np.sort(self._tree.query(geometry, predicate="dwithin", distance=metres))

    def access(self, facilities: gpd.GeoDataFrame) -> Access:
        """How each facility is reached; a facility with no street near enough has no stretch."""
        geometries = self.metric.forward(facilities.geometry.to_numpy())
        kinds = shapely.get_dimensions(geometries)
        polygons = np.flatnonzero(kinds == 2)
        met, edges = self._tree.query(geometries[polygons], predicate="intersects")
        met = polygons[met]
        inside = shapely.intersection(self.lines[edges], geometries[met])
        parts, pair = shapely.get_parts(inside, return_index=True)
        # A part is a stretch of the line, or a point where the line only touches the park.
        ends = [self._locate(edges[pair], shapely.get_point(_as_line(parts), at)) for at in (0, -1)]
        # Where predicate and overlay disagree about a bare touch, the nearest point is that touch.
        others = np.setdiff1d(np.arange(len(geometries)), met[pair])
        snapped = self._snap(geometries[others])
        found = snapped.edge >= 0
        return Access(
            facility=np.concatenate([met[pair], others[found]]),
            edge=np.concatenate([edges[pair], snapped.edge[found]]),
            start=np.concatenate([np.minimum(*ends), snapped.fraction[found]]),
            end=np.concatenate([np.maximum(*ends), snapped.fraction[found]]),
            connector_m=np.concatenate([np.zeros(len(pair)), snapped.connector_m[found]]),
        )

    def stretches(self, access: Access) -> Stretches:
        """Where on the graph facilities are reached."""
        ends = [self.graph.positions(access.edge, fraction) for fraction in (access.start, access.end)]
        swapped = ~self.graph.along[access.edge]
        order = np.argsort(ends[0].chain, kind="stable")
        low, high = (_choose(swapped, a, b, order) for a, b in ((ends[1], ends[0]), (ends[0], ends[1])))
        return Stretches(
            first=np.searchsorted(low.chain, np.arange(len(self.graph.start) + 1)).astype(np.int32),
            low=low,
            high=high,
            extra=access.connector_m[order] / self.walk_mps,
            owner=access.facility[order].astype(np.int32),
        )

    def position(self, places: Places, row: int) -> tuple[float, float]:
        """WGS84 longitude, latitude of a snapped place."""
        point = shapely.line_interpolate_point(self.lines[places.edge[row]], places.fraction[row], normalized=True)
        place = self.metric.inverse(point)
        return float(place.x), float(place.y)

    def _locate(self, edges: Ints, points: NDArray[Any]) -> Floats:
        fraction = np.asarray(shapely.line_locate_point(self.lines[edges], points, normalized=True))
        fraction[fraction < _AT_END] = 0.0
        fraction[fraction > 1 - _AT_END] = 1.0
        return fraction


def _choose(where: NDArray[np.bool_], a: Positions, b: Positions, order: Ints) -> Positions:
    """Positions of ``a`` ``where`` that is so, else of ``b``; in ``order``."""
    return Positions(*(np.where(where, getattr(a, one.name), getattr(b, one.name))[order] for one in fields(Positions)))


def _open(table: pd.DataFrame, mode: Mode) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    names = ("walk", "walk") if mode == "walk" else (f"{mode}_forward", f"{mode}_backward")
    return table[names[0]].to_numpy(dtype=bool), table[names[1]].to_numpy(dtype=bool)


def _kph(table: pd.DataFrame, mode: Mode, speeds: Speeds) -> Floats:
    one_speed = speeds.kph(mode)
    if one_speed is not None:
        return np.full(len(table), one_speed)
    by_class = table["highway"].map(dict(speeds.drive_class_kph)).fillna(speeds.drive_other_kph)
    legal = table["maxspeed_kph"].to_numpy(dtype=float)
    return np.asarray(np.where(np.isnan(legal), by_class.to_numpy(dtype=float), legal) * speeds.drive_factor)


def _paces(table: pd.DataFrame, mode: Mode) -> tuple[Floats, Floats]:
    """The time that slopes make of a second on the flat, along each edge and against it; slopes count on foot only."""
    if mode != "walk" or not streets.sloped(table):
        return np.ones(len(table)), np.ones(len(table))
    onward, back = (table[name].to_numpy(dtype=float) for name in streets.PACES)
    return onward, back


def _as_line(parts: NDArray[Any]) -> NDArray[Any]:
    point = shapely.get_type_id(parts) == shapely.GeometryType.POINT
    lines = parts.copy()
    lines[point] = [shapely.LineString([p, p]) for p in parts[point]]
    return lines
