"""Facilities ranked by travel time from one point, with streets and without.

`geo.traveltime.travel.Travel.ranker` makes a ranker of some facilities and a mode; it may be asked from any point.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array
from geo.choices import Mode
from geo.study.settings import StudySettings
from geo.traveltime import routes, straight_line
from geo.traveltime.nearest import FACILITIES_PER_JUNCTION, NearestFacilities, first_of_each
from geo.traveltime.reasons import NO_FACILITIES, NO_ROUTE, NO_STREET
from geo.traveltime.snapping import SnappedPoints

SEARCH_MARGIN_S = 1.0
"""How much farther than the farthest facility a search for paths goes: it rounds its sums differently."""


@dataclass(frozen=True)
class Ranking:
    """Facilities by travel time from one point; those out of reach are left out.

    Attributes
    ----------
    rows : shape (reached,), the facilities' rows, nearest first
    seconds, metres : shape (reached,), the travel time and the metres travelled
    snapped : the WGS84 position on the street from which the way was measured; None without a network
    connector_m : metres from the point to there; None without a network
    reason : why ``rows`` is empty
    paths : shape (reached,), the ways there as WGS84 LineStrings; None if they were not asked for
    """

    rows: Int64Array
    seconds: Float64Array
    metres: Float64Array
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None
    paths: GeometryArray | None = None

    @classmethod
    def empty(cls, reason: str) -> "Ranking":
        """No facility is reached, for ``reason``."""
        return cls(np.empty(0, dtype=int), np.empty(0), np.empty(0), None, None, reason)


class Ranker:
    """Ranks facilities by travel time, over streets or, where ``nearest_facilities`` is None, in a straight line."""

    def __init__(
        self,
        facilities: gpd.GeoDataFrame,
        nearest_facilities: NearestFacilities | None,
        settings: StudySettings,
        mode: Mode,
    ) -> None:
        self._facilities, self._settings = facilities, settings
        self._speed_mps = straight_line.speed_mps(settings, mode)
        shapes = facilities.geometry.to_numpy()
        self._by_street = None if nearest_facilities is None else _RankerByStreet(nearest_facilities, shapes)

    def rank(
        self,
        lon: float,
        lat: float,
        *,
        limit: int | None = None,
        paths: bool = False,
        eligible: BoolArray | None = None,
    ) -> Ranking:
        """The facilities by travel time from one WGS84 point, nearest first.

        Parameters
        ----------
        limit : how many at most; None: all
        paths : whether to return the ways there too; in a straight line there are none
        eligible : shape (facilities,), which facilities count; None: all
        """
        if self._by_street is not None:
            return self._by_street.rank(lon, lat, limit, paths, eligible)
        if not len(self._facilities):
            return Ranking.empty(NO_FACILITIES)
        settings = self._settings
        metres = straight_line.metres_to_each(self._facilities, lon, lat, settings.projection) * settings.detour
        rows = np.argsort(metres, kind="stable")
        rows = rows[:limit] if eligible is None else rows[eligible[rows]][:limit]
        if not len(rows):
            return Ranking.empty(NO_FACILITIES)
        return Ranking(rows, metres[rows] / self._speed_mps, metres[rows], None, None, None)


class _RankerByStreet:
    """Ranks facilities at WGS84 ``shapes``, shape (facilities,), by their times on a network."""

    def __init__(self, nearest_facilities: NearestFacilities, shapes: GeometryArray) -> None:
        self._nearest_facilities, self._shapes = nearest_facilities, shapes

    def rank(self, lon: float, lat: float, limit: int | None, paths: bool, eligible: BoolArray | None) -> Ranking:
        """See `Ranker.rank`. A few facilities without their paths are looked up; all else takes a search."""
        network = self._nearest_facilities.network
        snapped = network.snapper.snap_one(lon, lat)
        if snapped is None:
            return Ranking.empty(NO_STREET.format(metres=network.max_connector_m))
        point, location = snapped
        if limit is None or limit > FACILITIES_PER_JUNCTION or eligible is not None:
            search = self._search(point, np.inf)
            stretches = self._first_stretches(search, limit, eligible)
            rows, seconds, metres = self._searched(search, stretches)
        else:
            rows, seconds, metres = self._looked_up(point, limit)
            if paths:
                search = self._search(point, (seconds[-1] if len(rows) else 0.0) + SEARCH_MARGIN_S)
                stretches = self._first_stretches(search, limit, None)
                rows, seconds, metres = self._searched(search, stretches)
        lines = None
        if paths:
            ways = zip(stretches, self._shapes[rows], strict=True)
            lines = np.array([search.path(stretch, (lon, lat), shape) for stretch, shape in ways], dtype=object)
        reason = None if len(rows) else NO_ROUTE
        return Ranking(rows, seconds, metres, location, float(point.connector_m[0]), reason, lines)

    def _looked_up(self, point: SnappedPoints, limit: int) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Rows, seconds and metres of the ``limit`` nearest facilities, from those of the junctions."""
        several = self._nearest_facilities.at_points(point, limit)
        rows, seconds, metres = several.facility[0].astype(np.int64), several.seconds[0], several.metres[0]
        if len(rows) and rows[-1] < 0:
            count = np.count_nonzero(rows >= 0)
            rows, seconds, metres = rows[:count], seconds[:count], metres[:count]
        return rows, seconds, metres

    def _search(self, point: SnappedPoints, limit_s: float) -> routes.SearchFromPoint:
        return routes.SearchFromPoint(
            self._nearest_facilities.network, self._nearest_facilities.stretches, point, limit_s
        )

    def _first_stretches(
        self, search: routes.SearchFromPoint, limit: int | None, eligible: BoolArray | None
    ) -> Int64Array:
        """The stretch over which each facility is reached first, nearest facility first."""
        facility = self._nearest_facilities.stretches.facility
        stretches = first_of_each(facility, search.seconds)
        return stretches[:limit] if eligible is None else stretches[eligible[facility[stretches]]][:limit]

    def _searched(
        self, search: routes.SearchFromPoint, stretches: Int64Array
    ) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Rows, seconds and metres of the facilities that these stretches lead to."""
        rows = self._nearest_facilities.stretches.facility[stretches].astype(np.int64)
        metres = np.array([search.metres(stretch) for stretch in stretches])
        return rows, search.seconds[stretches], metres
