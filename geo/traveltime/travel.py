"""Seconds to the nearest facility, for everybody, in one pass; after that every answer is a look-up.

The pass starts at all facilities at once, on the graph against the direction of travel (people travel *to* the
facility), and every point reads its time off the two ends of its chain: the graph Voronoi diagram of Erwig (2000,
Networks 36(3)).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from threading import RLock
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely

from geo.arrays import Float64Array, Int64Array, ObjectArray
from geo.choices import Mode
from geo.study.study import Study
from geo.traveltime import cache, reasons, straight_line
from geo.traveltime.nearest import NearestFacilities, position_seconds
from geo.traveltime.network import Network
from geo.traveltime.positions import ChainPositions
from geo.traveltime.ranking import NetworkRanker, Ranker, StraightLineRanker
from geo.traveltime.snapping import SnappedPoints

Method = Literal["network", "straight-line"]

TOLERANCE_S = 1e-3
"""How far seconds may exceed a limit and still be within it, since those of arcs have 32 bits.

So 15 minutes exactly are inside, however they are added up.
"""


@dataclass(frozen=True)
class TravelTimes:
    """Travel times from points to their nearest facility.

    Attributes
    ----------
    seconds : shape (points,), infinity where none can be reached
    facility : shape (points,), row of the nearest facility in the frame asked about, −1 where none can be reached
    reason : shape (points,), why none can be reached; None where one can
    """

    seconds: Float64Array
    facility: Int64Array
    reason: ObjectArray


@dataclass(frozen=True)
class _Question:
    """Facilities and a mode, equal to others of the same ids and shapes in the same order: a key of caches."""

    mode: Mode
    digest: bytes
    facilities: gpd.GeoDataFrame = field(compare=False)

    @classmethod
    def of(cls, facilities: gpd.GeoDataFrame, mode: Mode) -> "_Question":
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
        self._nearest_facilities = lru_cache(maxsize=32)(self._compute_nearest_facilities)
        self._demand_times = lru_cache(maxsize=16)(self._compute_demand_times)

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
            if mode not in self._positions:
                self._positions[mode] = network.graph.positions(points.edge, points.fraction)
            return self._positions[mode]

    def _network_and_demand(self, mode: Mode) -> tuple[Network, SnappedPoints]:
        prepared = self._prepared.get(mode)  # without the lock: another mode may be prepared now
        if prepared is None:
            with self._lock:
                if mode not in self._prepared:
                    self._prepared[mode] = cache.network(self.study, mode)
                prepared = self._prepared[mode]
        return prepared

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> TravelTimes:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        return self._demand_times(_Question.of(facilities, mode))

    def _compute_demand_times(self, question: _Question) -> TravelTimes:
        mode, facilities = question.mode, question.facilities
        if self.method == "straight-line":
            demand = self.study.demand
            return self._straight_line_times(facilities, demand["lon"].to_numpy(), demand["lat"].to_numpy(), mode)
        points, positions = self.demand_points(mode), self.demand_positions(mode)
        return _network_times(self._nearest_facilities(question), points, positions, facilities.empty)

    def times(self, facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, mode: Mode) -> TravelTimes:
        """From WGS84 points, shape (points,), to the nearest of ``facilities``."""
        if self.method == "straight-line":
            return self._straight_line_times(facilities, lon, lat, mode)
        network = self.network(mode)
        points = network.snapper.snap(lon, lat)
        positions = network.graph.positions(points.edge, points.fraction)
        nearest = self._nearest_facilities(_Question.of(facilities, mode))
        return _network_times(nearest, points, positions, facilities.empty)

    def _straight_line_times(
        self, facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, mode: Mode
    ) -> TravelTimes:
        settings = self.study.settings
        metres, facility = straight_line.nearest(facilities, lon, lat, settings.projection)
        seconds = metres * settings.detour / straight_line.speed_mps(settings, mode)
        return TravelTimes(seconds, facility, reasons.where(facility < 0, reasons.NO_FACILITIES))

    def ranker(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Ranker:
        """What ranks ``facilities`` by travel time from any point.

        With streets, it has searched the nearest facilities of every junction already, and its searches are kept for as
        long as the same facilities are asked for.
        """
        if self.method == "straight-line" or facilities.empty:
            return StraightLineRanker(facilities, self.study.settings, mode)
        nearest = self._nearest_facilities(_Question.of(facilities, mode))
        _ = nearest.several
        return NetworkRanker(nearest, facilities.geometry.to_numpy())

    def _compute_nearest_facilities(self, question: _Question) -> NearestFacilities:
        network = self.network(question.mode)
        stretches = network.edge_stretches(question.facilities.geometry.to_numpy())
        return NearestFacilities(network, network.chain_stretches(stretches))


def _network_times(
    nearest: NearestFacilities, points: SnappedPoints, positions: ChainPositions, no_facilities: bool
) -> TravelTimes:
    """From each of ``points``, at ``positions`` on the graph, to the nearest facility, exactly.

    The time of a point is its connector, plus the least of: to either end of its chain of edges and on from there, or
    along the chain where a facility is reached on the same one; plus the facility's connector.
    """
    network = nearest.network
    seconds, facility = position_seconds(network, nearest.stretches, positions, junctions=nearest.nearest)
    off_network = points.edge < 0
    reason = reasons.where(~np.isfinite(seconds), reasons.NO_FACILITIES if no_facilities else reasons.NO_ROUTE)
    if not no_facilities:
        reason[off_network] = reasons.NO_STREET.format(metres=network.max_connector_m)
    connector_s = np.where(off_network, np.inf, points.connector_m) / network.walk_mps
    return TravelTimes(seconds + connector_s, facility.astype(np.int64), reason)
