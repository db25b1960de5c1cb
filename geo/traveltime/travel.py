"""`Travel`: the travel times of one study, with streets or in a straight line.

It prepares the networks of the modes, snaps the study's demand onto them, and keeps the searches of
`geo.traveltime.nearest` by facilities and mode. The measures and the answers of the service ask it.
"""

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock, RLock
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely
from cachetools import LRUCache, cached

from geo.arrays import Float64Array, GeometryArray, Int64Array, ObjectArray
from geo.choices import Mode
from geo.geodesy.projection import projection
from geo.study import streets
from geo.study.settings import Speeds
from geo.study.study import Study
from geo.traveltime import cache, reasons, straight_line
from geo.traveltime.nearest import Distances, NearestFacilities, TravelTimes, position_seconds
from geo.traveltime.network import Network
from geo.traveltime.positions import ChainPositions
from geo.traveltime.ranking import Ranker
from geo.traveltime.snapping import SnappedPoints
from geo.traveltime.stretches import EdgeStretches
from geo.traveltime.updates import FacilityChanges, Nearest

Method = Literal["network", "straight-line"]

TOLERANCE_S = 1e-3
"""How far seconds may exceed a limit and still be within it, since those of arcs have 32 bits.

So 15 minutes exactly are inside, however they are added up.
"""

NEAREST_CACHE_BYTES = 2**30
TIMES_CACHE_BYTES = 2**28
"""What the searches that are kept may take, and what the times of the demand may; the latest is always kept."""

MAX_NETWORKS_AT = 6
"""How many networks at other speeds are kept: each mode at the slower and the faster speed of the study."""


@dataclass(frozen=True)
class _FacilitiesKey:
    """Facilities and a mode (None: a straight line) as the key of a cache; equal if ids, shapes and their order are."""

    mode: Mode | None
    digest: bytes
    facilities: gpd.GeoDataFrame = field(compare=False)

    @classmethod
    def of(cls, facilities: gpd.GeoDataFrame, mode: Mode | None) -> "_FacilitiesKey":
        ids = "\0".join(map(str, facilities.index)).encode()
        shapes = b"".join(shapely.to_wkb(facilities.geometry.to_numpy()))
        return cls(mode, cache.digest(ids, shapes), facilities)


class Travel:
    """Travel on one study: the networks of its modes, prepared on first use, and its demand snapped onto them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.method: Method = "straight-line" if study.streets is None else "network"
        self._lock = RLock()  # a network is prepared once, and other threads wait for it
        self._prepared: dict[Mode, tuple[Network, SnappedPoints]] = {}
        self._positions: dict[Mode, ChainPositions] = {}
        self._usual: Travel | None = None
        self._networks_at: LRUCache[tuple[Mode, float], Network] = LRUCache(MAX_NETWORKS_AT)
        nearest_cache: LRUCache[_FacilitiesKey, NearestFacilities] = LRUCache(
            NEAREST_CACHE_BYTES, getsizeof=lambda nearest: min(nearest.nbytes, NEAREST_CACHE_BYTES)
        )
        times_cache: LRUCache[_FacilitiesKey, TravelTimes] = LRUCache(
            TIMES_CACHE_BYTES, getsizeof=lambda times: min(times.nbytes, TIMES_CACHE_BYTES)
        )
        distances_cache: LRUCache[_FacilitiesKey, Distances] = LRUCache(
            TIMES_CACHE_BYTES, getsizeof=lambda distances: min(distances.nbytes, TIMES_CACHE_BYTES)
        )
        self._demand_distances = cached(distances_cache, key=_itself, lock=Lock())(self._compute_demand_distances)
        self._nearest_facilities = cached(nearest_cache, key=_itself, lock=Lock())(self._compute_nearest_facilities)
        self._demand_times = cached(times_cache, key=_itself, lock=Lock())(self._compute_demand_times)

    def at_speeds(self, speeds: Speeds) -> "Travel":
        """The same travel with the modes as fast as ``speeds`` say, for times of the demand.

        On foot the whole trip changes its speed; by e-bike and by car the connectors are walked at their usual speed.
        Ferries keep their own speed.
        """
        settings = self.study.settings.model_copy(update={"speeds": speeds})
        paced = Travel(replace(self.study, settings=settings))
        paced._usual, paced._demand_distances = self, self._demand_distances
        return paced

    @property
    def usual_speeds(self) -> Speeds:
        """The study's own speeds, also where `at_speeds` has replaced them."""
        return (self._usual or self).study.settings.speeds

    def speed_kph(self, mode: Mode) -> float | None:
        """The one speed of ``mode``; None for driving on streets, each of which has its own."""
        speeds = self.study.settings.speeds
        if mode == "drive" and self.method == "straight-line":
            return speeds.drive_other_kph * speeds.drive_factor
        return speeds.kph(mode)

    def network(self, mode: Mode) -> Network:
        """The network of ``mode``; ValueError if the study has no streets."""
        return self._network_and_demand(mode)[0]

    def demand_points(self, mode: Mode) -> SnappedPoints:
        """The study's demand, snapped onto the network of ``mode``."""
        return self._network_and_demand(mode)[1]

    def demand_positions(self, mode: Mode) -> ChainPositions:
        """Where on the graph of ``mode`` the study's demand is."""
        network, points = self._network_and_demand(mode)
        with self._lock:
            if self._usual is not None and network.graph is self._usual.network(mode).graph:
                return self._usual.demand_positions(mode)
            if mode not in self._positions:
                self._positions[mode] = network.graph.positions(points.edge, points.fraction)
            return self._positions[mode]

    def _network_and_demand(self, mode: Mode) -> tuple[Network, SnappedPoints]:
        # Read without the lock, so that a prepared mode need not wait for a mode that is being prepared.
        prepared = self._prepared.get(mode)
        if prepared is None:
            with self._lock:
                if mode not in self._prepared:
                    self._prepared[mode] = self._prepare(mode)
                prepared = self._prepared[mode]
        return prepared

    def _prepare(self, mode: Mode) -> tuple[Network, SnappedPoints]:
        if self._usual is None:
            return cache.network(self.study, mode)
        factor = self.study.settings.speeds.pace(mode) / self.usual_speeds.pace(mode)
        return self._usual._network_at(mode, factor), self._usual.demand_points(mode)

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> TravelTimes:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        return self._demand_times(_FacilitiesKey.of(facilities, mode))

    def _compute_demand_times(self, key: _FacilitiesKey) -> TravelTimes:
        mode, facilities = _mode_of(key), key.facilities
        if self.method == "straight-line":
            return self._times_of(self.demand_distances(facilities), mode)
        points, positions = self.demand_points(mode), self.demand_positions(mode)
        return _network_times(self._nearest_facilities(key), points, positions, facilities.empty)

    def demand_seconds_at(self, facilities: gpd.GeoDataFrame, mode: Mode, factor: float) -> Float64Array:
        """As the seconds of `demand_times`, with ``mode`` going ``factor`` times as fast; see `at_speeds`."""
        if self.method == "straight-line" or factor == 1.0 or (mode == "walk" and not self.has_ferries(mode)):
            return self.demand_times(facilities, mode).seconds / factor
        return self.at_speeds(self.study.settings.speeds.scaled(mode, factor)).demand_times(facilities, mode).seconds

    def has_ferries(self, mode: Mode) -> bool:
        """Whether ``mode`` may take a ferry, so that another speed needs a network of its own."""
        return self.study.streets is not None and streets.has_ferries(self.study.streets, mode)

    def _network_at(self, mode: Mode, factor: float) -> Network:
        """The network on which ``mode`` goes ``factor`` times as fast; kept where preparing it takes long."""
        if factor == 1.0:
            return self.network(mode)
        if not self.has_ferries(mode):
            return self.network(mode).at_pace(factor, slows_connectors=mode != "walk")
        # The parts of a way do not change alike, so another way may be the fastest.
        with self._lock:
            if (mode, factor) not in self._networks_at:
                settings = self.study.settings
                scaled = settings.model_copy(update={"speeds": settings.speeds.scaled(mode, factor)})
                if self.study.streets is None:
                    raise ValueError("the study has no street network")
                network = Network.prepare(self.study.streets, scaled, mode, self.study.turn_restrictions)
                self._networks_at[mode, factor] = network
            return self._networks_at[mode, factor]

    def demand_distances(self, facilities: gpd.GeoDataFrame) -> Distances:
        """From every demand point of the study, in its order, straight to the nearest of ``facilities``."""
        return self._demand_distances(_FacilitiesKey.of(facilities, None))

    def _compute_demand_distances(self, key: _FacilitiesKey) -> Distances:
        return self._distances(key.facilities, slice(None))

    def _distances(self, facilities: gpd.GeoDataFrame, rows: slice | Int64Array) -> Distances:
        lon, lat = (self.study.demand[name].to_numpy()[rows] for name in ("lon", "lat"))
        return Distances(*straight_line.nearest(facilities, lon, lat, self.study.settings.projection))

    def demand_two_nearest(self, facilities: gpd.GeoDataFrame, mode: Mode) -> tuple[Float64Array, Int64Array]:
        """From every demand point of the study to the two nearest of ``facilities`` over the network of ``mode``.

        Two arrays of shape (points, 2), the nearest first: seconds, infinity where none can be reached, and the row of
        the facility, −1 where none can be reached. ValueError if the study has no streets.
        """
        nearest_facilities = self._nearest_facilities(_FacilitiesKey.of(facilities, mode))
        two = nearest_facilities.two_at_points(self.demand_points(mode))
        return two.seconds, two.facility.astype(np.int64)

    def updating(self, standing: gpd.GeoDataFrame) -> "Travel":
        """The same travel for frames of facilities that differ little from ``standing``.

        Its times and distances of the demand are equal to those that are computed from scratch, but only what differs
        from ``standing`` is searched. They are kept as long as it is.
        """
        updated = copy.copy(self)
        updated._demand_times = cached({}, key=_itself)(lambda key: self._updated_times(standing, key))
        updated._demand_distances = cached({}, key=_itself)(lambda key: self._updated_distances(standing, key))
        return updated

    def _updated_distances(self, standing: gpd.GeoDataFrame, key: _FacilitiesKey) -> Distances:
        changes, before = FacilityChanges.between(standing, key.facilities), self.demand_distances(standing)
        added = key.facilities.geometry.to_numpy()[changes.added]
        return Distances(*self.updated_distances(standing, (before.metres, before.facility), changes, added))

    def updated_distances(
        self, standing: gpd.GeoDataFrame, before: Nearest, changes: FacilityChanges, added: GeometryArray
    ) -> Nearest:
        """`demand_distances` after ``changes`` of the facilities ``standing``, whose distances are ``before``.

        ``added`` are the WGS84 geometries of ``changes.added``, in their order.
        """

        def among_kept(rows: Int64Array) -> Nearest:
            kept = np.flatnonzero(changes.new_row >= 0)
            nearest = self._distances(standing.iloc[kept], rows)
            return nearest.metres, kept[nearest.facility]

        def among_added() -> Nearest:
            frame = gpd.GeoDataFrame(geometry=added, crs="EPSG:4326")
            metres, facility = np.full(len(before[0]), np.inf), np.full(len(before[0]), -1)
            shapes = projection(self.study.settings.projection).forward(added)
            rows = changes.perhaps_nearer(before[0], shapes, *self._demand_xy)
            nearest = self._distances(frame, rows)
            metres[rows], facility[rows] = nearest.metres, nearest.facility
            return metres, facility

        return changes.update(before, among_kept, among_added)

    @cached_property
    def _demand_xy(self) -> tuple[Float64Array, Float64Array]:
        """The demand in projected metres."""
        lon, lat = (self.study.demand[name].to_numpy() for name in ("lon", "lat"))
        points = projection(self.study.settings.projection).points(lon, lat)
        return shapely.get_x(points), shapely.get_y(points)

    def _updated_times(self, standing: gpd.GeoDataFrame, key: _FacilitiesKey) -> TravelTimes:
        facilities, mode = key.facilities, _mode_of(key)
        if self.method == "straight-line":
            return self._times_of(self._updated_distances(standing, key), mode)
        if standing.empty or facilities.empty:  # there is nothing to begin with, or nothing to search
            return self._compute_demand_times(key)
        changes, before = FacilityChanges.between(standing, facilities), self.demand_times(standing, mode)
        network = self.network(mode)
        added = network.edge_stretches(facilities.geometry.to_numpy()[changes.added])
        seconds, facility = self.updated_times(standing, (before.seconds, before.facility), changes, added, mode)
        reason = _reasons(seconds, self.demand_points(mode), network, no_facilities=False)
        return TravelTimes(seconds, facility, reason)

    def updated_times(
        self,
        standing: gpd.GeoDataFrame,
        before: Nearest,
        changes: FacilityChanges,
        added: EdgeStretches,
        mode: Mode,
    ) -> Nearest:
        """`demand_times` on streets after ``changes`` of the facilities ``standing``, whose times are ``before``.

        ``added`` are the stretches of ``changes.added``, numbered in their order.
        """
        network, points, positions = self.network(mode), self.demand_points(mode), self.demand_positions(mode)

        def among_kept(rows: Int64Array) -> Nearest:
            stretches = self._nearest_facilities(_FacilitiesKey.of(standing, mode)).stretches
            kept = stretches[changes.new_row[stretches.facility] >= 0]
            return _network_seconds(NearestFacilities(network, kept), points[rows], positions[rows])

        def among_added() -> Nearest:
            nearest_facilities = NearestFacilities(network, network.chain_stretches(added))
            return _network_seconds(nearest_facilities, points, positions)

        return changes.update(before, among_kept, among_added)

    def why_out_of_reach(self, mode: Mode | None, rows: Int64Array, no_facilities: bool) -> ObjectArray:
        """Why ``rows`` of the demand reach no facility by ``mode`` (None: in a straight line), shape (rows,)."""
        seconds = np.full(len(rows), np.inf)
        if no_facilities or mode is None or self.method == "straight-line":
            return reasons.where(np.isinf(seconds), reasons.NO_FACILITIES)
        return _reasons(seconds, self.demand_points(mode)[rows], self.network(mode), no_facilities)

    def times(self, facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, mode: Mode) -> TravelTimes:
        """From WGS84 points, shape (points,), to the nearest of ``facilities``."""
        if self.method == "straight-line":
            nearest = straight_line.nearest(facilities, lon, lat, self.study.settings.projection)
            return self._times_of(Distances(*nearest), mode)
        network = self.network(mode)
        points = network.snapper.snap(lon, lat)
        positions = network.graph.positions(points.edge, points.fraction)
        nearest_facilities = self._nearest_facilities(_FacilitiesKey.of(facilities, mode))
        return _network_times(nearest_facilities, points, positions, facilities.empty)

    def _times_of(self, distances: Distances, mode: Mode) -> TravelTimes:
        """The times of straight lines, where no streets are known."""
        reason = reasons.where(distances.facility < 0, reasons.NO_FACILITIES)
        return TravelTimes(self.straight_line_seconds(distances.metres, mode), distances.facility, reason)

    def straight_line_seconds(self, metres: Float64Array, mode: Mode) -> Float64Array:
        """The seconds that straight ``metres`` take where no streets are known."""
        return metres * self.study.settings.detour / straight_line.speed_mps(self.study.settings, mode)

    def ranker(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Ranker:
        """The ranker of ``facilities`` by travel time from any point.

        With streets, this searches the nearest facilities of every junction first, and keeps them for later rankers of
        the same facilities.
        """
        nearest_facilities = None
        if self.method == "network" and not facilities.empty:
            nearest_facilities = self._nearest_facilities(_FacilitiesKey.of(facilities, mode))
            nearest_facilities.prepare_ranking()
        return Ranker(facilities, nearest_facilities, self.study.settings, mode)

    def _compute_nearest_facilities(self, key: _FacilitiesKey) -> NearestFacilities:
        network = self.network(_mode_of(key))
        stretches = network.edge_stretches(key.facilities.geometry.to_numpy())
        return NearestFacilities(network, network.chain_stretches(stretches))


def _mode_of(key: _FacilitiesKey) -> Mode:
    """The mode of a key; ValueError if it stands for a straight line."""
    if key.mode is None:
        raise ValueError("a straight line has no mode")
    return key.mode


def _itself(key: _FacilitiesKey) -> _FacilitiesKey:
    return key


def _network_times(
    nearest_facilities: NearestFacilities, points: SnappedPoints, positions: ChainPositions, no_facilities: bool
) -> TravelTimes:
    """From each of ``points``, at ``positions`` on the graph, to the nearest facility, exactly.

    The time of a point is the sum of its connector, its way on the network and the facility's connector. The way is the
    shortest of those over either end of the point's chain and, if the facility is on the same chain, the way along it.
    """
    seconds, facility = _network_seconds(nearest_facilities, points, positions)
    return TravelTimes(seconds, facility, _reasons(seconds, points, nearest_facilities.network, no_facilities))


def _network_seconds(
    nearest_facilities: NearestFacilities, points: SnappedPoints, positions: ChainPositions
) -> Nearest:
    """The seconds and the facility of `_network_times`."""
    network, junction_times = nearest_facilities.network, nearest_facilities.junction_times
    seconds, facility = position_seconds(
        network, nearest_facilities.stretches, positions, junction_times=junction_times
    )
    connector_s = np.where(points.edge < 0, np.inf, points.connector_m) / network.walk_mps
    return (seconds + connector_s) / network.pace, facility.astype(np.int64)


def _reasons(seconds: Float64Array, points: SnappedPoints, network: Network, no_facilities: bool) -> ObjectArray:
    """Why each of ``points`` whose seconds are infinite reaches no facility, shape (points,); None where it does."""
    reason = reasons.where(~np.isfinite(seconds), reasons.NO_FACILITIES if no_facilities else reasons.NO_ROUTE)
    if not no_facilities:
        reason[points.edge < 0] = reasons.NO_STREET.format(metres=network.max_connector_m)
    return reason
