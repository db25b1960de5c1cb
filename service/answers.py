"""What people ask, answered alike for the API, the pages and the command line: a study and its register at work."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import shapely

from geo import coverage, datum, facilities, isochrones, study, traveltime
from geo.coverage import Count, Coverage
from geo.errors import UnknownNameError
from geo.isochrones import Isochrones
from geo.standards import Direction, Mode
from maps import gapmap
from maps.offline import Assets
from service.register import Register
from service.settings import Settings


class Answers:
    """Everything that can be asked about one study.

    What was computed is kept for as long as the register's revision and the day stay the same.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.study = study.read(settings.study)
        self.register = Register(self.study, settings.register_url)
        self.travel = traveltime.Travel(self.study)
        self._count = lru_cache(maxsize=256)(self._compute_count)
        self._coverage = lru_cache(maxsize=256)(self._compute_coverage)
        self._gap_map = lru_cache(maxsize=64)(self._compute_gap_map)

    def coverage(self, standard: str) -> Coverage:
        """Where the study stands today on ``standard``; UnknownNameError if there is none."""
        return self._coverage(self.study.standard(standard).id, *self._state())

    def all_coverage(self) -> list[Coverage]:
        """Where the study stands today on each of its standards, in their order."""
        state = self._state()
        return [self._coverage(standard.id, *state) for standard in self.study.standards]

    def gap_map(self, standard: str, assets: Assets) -> str:
        """The gap map of ``standard`` as an HTML page; UnknownNameError if there is none."""
        return self._gap_map(self.study.standard(standard).id, assets, *self._state())

    def nearest(
        self, lon: float, lat: float, category: str | None, mode: Mode, limit: int, coordinates: str
    ) -> dict[str, Any]:
        """The nearest facilities by travel time as a GeoJSON FeatureCollection, places in ``coordinates``."""
        wgs_lon, wgs_lat = (float(x) for x in datum.to_wgs84(lon, lat, coordinates))
        chosen = facilities.standing(self.register.facilities(), date.today())
        if category is not None:
            chosen = chosen[chosen["category"] == facilities.category(category).id]
        ranking = self.travel.ranked(chosen, wgs_lon, wgs_lat, mode, limit)
        features = []
        places = zip(ranking.rows, ranking.seconds.tolist(), ranking.metres.tolist(), strict=True)
        for row, seconds, metres in places:
            feature = facilities.geojson_feature(chosen.iloc[row], str(chosen.index[row]), coordinates)
            feature["properties"] |= {"minutes": round(seconds / 60, 3), "metres": round(metres, 1)}
            features.append(feature)
        return {
            "type": "FeatureCollection",
            "features": features,
            "place": {"lon": lon, "lat": lat},
            **self._travelled(mode, ranking, coordinates),
        }

    def isochrones(
        self,
        place: tuple[float, float] | str,
        minutes: Sequence[float],
        mode: Mode,
        direction: Direction,
        coordinates: str,
    ) -> dict[str, Any]:
        """Isochrones around a place (degrees in ``coordinates``) or a facility (its id), as GeoJSON.

        Raises
        ------
        UnknownNameError
            There is no such facility.
        """
        if isinstance(place, str):
            found = self.register.get(place)
            if found.empty:
                raise UnknownNameError("facility", place, ["see /v1/collections/facilities/items"])
            shape = found.geometry.iloc[0]
            asked: dict[str, Any] = {"facility": place}
        else:
            shape = shapely.Point(*(float(x) for x in datum.to_wgs84(*place, coordinates)))
            asked = {"place": {"lon": place[0], "lat": place[1]}}
        answer = isochrones.around(self.travel, shape, minutes, mode, towards=direction == "to")
        features = [
            {
                "type": "Feature",
                "geometry": facilities.geojson_shape(one.geometry, coordinates),
                "properties": {"minutes": one.minutes, "area_km2": one.area_km2, "people": one.people},
            }
            for one in answer.contours
        ]
        return {
            "type": "FeatureCollection",
            "features": features,
            **asked,
            "direction": direction,
            **self._travelled(mode, answer, coordinates),
        }

    def _travelled(self, mode: Mode, answer: traveltime.Ranking | Isochrones, coordinates: str) -> dict[str, Any]:
        """What every answer of travel times says of itself."""
        about, snapped = self.study.about, None
        if answer.snapped is not None and answer.connector_m is not None:
            lon, lat = datum.from_wgs84(*answer.snapped, coordinates)
            snapped = {
                "lon": round(float(lon), 7),
                "lat": round(float(lat), 7),
                "connector_m": round(answer.connector_m, 1),
            }
        return {
            "mode": mode,
            "speed_kph": about.speeds.kph(mode),
            "method": self.travel.method,
            "snapped": snapped,
            "reason": answer.reason,
            "coordinates": coordinates,
            "sample": about.sample,
            "notice": about.notice or None,
            "data_date": about.data_date,
            "attribution": about.attribution or None,
        }

    def _state(self) -> tuple[int, date]:
        return self.register.revision, date.today()

    def _compute_count(self, standard: str, revision: int, on: date) -> Count:
        return coverage.count(self.travel, self.register.facilities(), self.study.standard(standard), on)

    def _compute_coverage(self, standard: str, revision: int, on: date) -> Coverage:
        counted = self._count(standard, revision, on)
        return coverage.summarise(self.travel, self.register.facilities(), self.study.standard(standard), on, counted)

    def _compute_gap_map(self, standard: str, assets: Assets, revision: int, on: date) -> str:
        chosen, _ = coverage.chosen_facilities(self.register.facilities(), self.study.standard(standard), on)
        return gapmap.render(
            self.study,
            chosen,
            self._coverage(standard, revision, on),
            self._count(standard, revision, on),
            assets=assets,
            tiles=self.settings.tiles,
            tiles_attribution=self.settings.tiles_attribution,
        )
