"""Seconds to the nearest facility, for everybody, in one pass; then every answer is a look-up.

The pass starts at all facilities at once, on the graph against the direction of travel (people travel *to* the
facility), and every place reads its time off the two ends of its chain: the graph Voronoi diagram of Erwig (2000,
Networks 36(3)).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from threading import RLock
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely

from geo.arrays import BoolArray, Float64Array, Int64Array, ObjectArray
from geo.choices import Mode
from geo.study.study import Study
from geo.traveltime import cache, routes, straight_line
from geo.traveltime.graph import ChainPositions
from geo.traveltime.nearest import FACILITIES_PER_JUNCTION, NearestFacilities, first_of_each, position_seconds
from geo.traveltime.network import Network, SnappedPoints

Method = Literal["network", "straight-line"]

# 15 minutes exactly are inside, also when they were added up another way: seconds have 32 bits on each arc.
TOLERANCE_S = 1e-3
NO_STREET = "{metres:g} 米内无街道 no street within {metres:g} m"
NO_ROUTE = "沿街道到不了任何设施 no facility can be reached on the network"
NO_FACILITIES = "没有这类设施 there is no such facility"


def reason_where(lost: BoolArray, reason: str) -> ObjectArray:
    """``reason`` where ``lost``, else None, shape (n,)."""
    texts = np.full(len(lost), None, dtype=object)
    texts[lost] = reason
    return texts


@dataclass(frozen=True)
class TravelTimes:
    """Travel times from places to their nearest facility.

    Attributes
    ----------
    seconds : shape (places,), infinity where none can be reached
    facility : shape (places,), row of the nearest facility in the frame asked about, −1 where none
    reason : shape (places,), why none can be reached; None where one can
    """

    seconds: Float64Array
    facility: Int64Array
    reason: ObjectArray


@dataclass(frozen=True)
class Ranking:
    """Facilities by travel time from one place, those out of reach left out.

    ``rows``, ``seconds`` and ``metres`` (travelled) have shape (reached,), nearest first; ``paths`` are the ways there
    as WGS84 LineStrings, if they were asked for. ``snapped`` is the WGS84 place on the street and ``connector_m`` the
    way to it; None without a network. ``reason``: why ``rows`` is empty.
    """

    rows: Int64Array
    seconds: Float64Array
    metres: Float64Array
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None
    paths: ObjectArray | None = None

    @classmethod
    def none(cls, reason: str) -> "Ranking":
        """Nothing is reached, for ``reason``."""
        return cls(np.empty(0, dtype=int), np.empty(0), np.empty(0), None, None, reason)


@dataclass(frozen=True)
class _Chosen:
    """Facilities and a mode, equal to others of the same ids and places in the same order."""

    mode: Mode
    digest: bytes
    facilities: gpd.GeoDataFrame = field(compare=False)


class Travel:
    """Travel on one study: the networks of its modes, prepared on first use, and its demand snapped onto them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.method: Method = "straight-line" if study.streets is None else "network"
        self._lock = RLock()  # what one request prepares, others wait for
        self._prepared: dict[Mode, tuple[Network, SnappedPoints]] = {}
        self._positions: dict[Mode, ChainPositions] = {}
        self._reach = lru_cache(maxsize=32)(self._make_reach)
        self._times = lru_cache(maxsize=16)(self._make_times)

    def speed_kph(self, mode: Mode) -> float | None:
        """The one speed of ``mode``; None for driving on streets, each of which has its own."""
        speeds = self.study.settings.speeds
        if mode == "drive" and self.method == "straight-line":
            return speeds.drive_other_kph * speeds.drive_factor
        return speeds.kph(mode)

    def network(self, mode: Mode) -> Network:
        """The network of ``mode``; ValueError if the study has no streets."""
        return self._ready(mode)[0]

    def demand_points(self, mode: Mode) -> SnappedPoints:
        """The study's demand, snapped onto the network of ``mode``."""
        return self._ready(mode)[1]

    def demand_positions(self, mode: Mode) -> ChainPositions:
        """Where on the graph of ``mode`` the study's demand is."""
        network, places = self._ready(mode)
        with self._lock:
            if mode not in self._positions:
                self._positions[mode] = network.graph.positions(places.edge, places.fraction)
            return self._positions[mode]

    def _ready(self, mode: Mode) -> tuple[Network, SnappedPoints]:
        found = self._prepared.get(mode)  # nobody waits for another mode's
        if found is None:
            with self._lock:
                if mode not in self._prepared:
                    self._prepared[mode] = cache.network(self.study, mode)
                found = self._prepared[mode]
        return found

    def nearest_facilities(self, facilities: gpd.GeoDataFrame, mode: Mode) -> NearestFacilities:
        """What of ``facilities`` is reached from everywhere; kept for as long as the same ones are asked for."""
        return self._reach(_chosen(facilities, mode))

    def _make_reach(self, chosen: _Chosen) -> NearestFacilities:
        network = self.network(chosen.mode)
        return NearestFacilities(network, network.edge_stretches(chosen.facilities.geometry.to_numpy()))

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> TravelTimes:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        return self._times(_chosen(facilities, mode))

    def _make_times(self, chosen: _Chosen) -> TravelTimes:
        if self.method == "straight-line":
            demand = self.study.demand
            lon, lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
            return self._straight(chosen.facilities, lon, lat, chosen.mode)
        places, at = self.demand_points(chosen.mode), self.demand_positions(chosen.mode)
        return _to_nearest(self._reach(chosen), places, at, chosen.facilities.empty)

    def times(self, facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, mode: Mode) -> TravelTimes:
        """From WGS84 places to the nearest of ``facilities``."""
        if self.method == "straight-line":
            return self._straight(facilities, lon, lat, mode)
        network = self.network(mode)
        places = network.snap(lon, lat)
        at = network.graph.positions(places.edge, places.fraction)
        return _to_nearest(self.nearest_facilities(facilities, mode), places, at, facilities.empty)

    def _straight(self, facilities: gpd.GeoDataFrame, lon: Float64Array, lat: Float64Array, mode: Mode) -> TravelTimes:
        about = self.study.settings
        metres, found = straight_line.nearest(facilities, lon, lat, about.projection)
        seconds = metres * about.detour / straight_line.speed_mps(about, mode)
        return TravelTimes(seconds, found, reason_where(found < 0, NO_FACILITIES))

    def ranked(
        self,
        facilities: gpd.GeoDataFrame,
        lon: float,
        lat: float,
        mode: Mode,
        limit: int | None = None,
        paths: bool = False,
        reach: NearestFacilities | None = None,
        keep: BoolArray | None = None,
    ) -> Ranking:
        """The first ``limit`` of ``facilities`` by travel time from one WGS84 place, nearest first.

        ``paths`` asks for the ways there too; without streets there are none. ``reach`` is what `reach` gives for these
        facilities and the mode, if it is at hand. ``keep``, shape (facilities,), says which of them count.
        """
        about = self.study.settings
        if not len(facilities):
            return Ranking.none(NO_FACILITIES)
        if self.method == "straight-line":
            metres = straight_line.metres_to_each(facilities, lon, lat, about.projection) * about.detour
            order = np.argsort(metres, kind="stable")
            order = order[:limit] if keep is None else order[keep[order]][:limit]
            seconds = metres[order] / straight_line.speed_mps(about, mode)
            return Ranking(order, seconds, metres[order], None, None, None if len(order) else NO_FACILITIES)
        network = self.network(mode) if reach is None else reach.network
        found = network.snap_one(lon, lat)
        if found is None:
            return Ranking.none(NO_STREET.format(metres=network.max_connector_m))
        place, snapped = found
        reach = reach or NearestFacilities(network, network.edge_stretches(facilities.geometry.to_numpy()))
        ways, farthest = None, np.inf
        if limit is not None and limit <= FACILITIES_PER_JUNCTION and keep is None:
            several, taken, gone = reach.at_points(place, limit)
            rows, seconds, metres = several[0].astype(np.int64), taken[0], gone[0]
            if len(rows) and rows[-1] < 0:
                count = np.count_nonzero(rows >= 0)
                rows, seconds, metres = rows[:count], seconds[:count], metres[:count]
            farthest = seconds[-1] if len(rows) else 0.0
        if paths or np.isinf(farthest):
            search = routes.FromPlace(network, reach.stretches, place, farthest + 1.0)
            chosen = first_of_each(reach.stretches.owner, search.seconds)
            chosen = chosen[:limit] if keep is None else chosen[keep[reach.stretches.owner[chosen]]][:limit]
            rows, seconds = reach.stretches.owner[chosen].astype(np.int64), search.seconds[chosen]
            metres = np.array([search.metres(stretch) for stretch in chosen])
            if paths:
                ends = facilities.geometry.iloc[rows]
                ways = np.array(
                    [search.path(one, (lon, lat), end) for one, end in zip(chosen, ends, strict=True)], dtype=object
                )
        reason = None if len(rows) else NO_ROUTE
        return Ranking(rows, seconds, metres, snapped, float(place.connector_m[0]), reason, ways)


def _chosen(facilities: gpd.GeoDataFrame, mode: Mode) -> _Chosen:
    places = b"".join(shapely.to_wkb(facilities.geometry.to_numpy()))
    return _Chosen(mode, cache.digest("\0".join(map(str, facilities.index)).encode(), places), facilities)


def _to_nearest(reach: NearestFacilities, places: SnappedPoints, at: ChainPositions, none: bool) -> TravelTimes:
    """From each of ``places``, ``at`` their positions, to the nearest facility, exact.

    A place's time is its connector, plus the least of: to either end of its chain of edges and on from there, or along
    the chain where a facility is reached on the same one; plus the facility's connector.
    """
    network = reach.network
    seconds, facility = position_seconds(network, reach.stretches, at, junctions=reach.nearest)
    reason = reason_where(~np.isfinite(seconds), NO_FACILITIES if none else NO_ROUTE)
    if not none:
        reason[places.edge < 0] = NO_STREET.format(metres=network.max_connector_m)
    connector_s = np.where(places.edge >= 0, places.connector_m, np.inf) / network.walk_mps
    return TravelTimes(seconds + connector_s, facility.astype(np.int64), reason)
