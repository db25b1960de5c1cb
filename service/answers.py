"""What people ask, answered alike for the API, the pages and the command line: a study and its register at work."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from threading import RLock
from typing import Any, TypeVar

import geopandas as gpd
import shapely

from geo import coverage, datum, duplicates, facilities, isochrones, study, traveltime
from geo.coverage import Count, Coverage
from geo.isochrones import Isochrones
from geo.standards import Direction, Mode, Standard
from maps import gapmap
from maps.offline import Assets
from service.register import Register
from service.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class _State:
    """The register's revisions on one day, and what was computed of it: by category (None: all), then by what."""

    revisions: dict[str, int]
    today: date
    known: dict[tuple[str | None, Hashable], Any] = field(default_factory=dict)

    def after(self, old: "_State") -> "_State":
        """This state, knowing what ``old`` knew of the categories that have not changed since."""
        if old.today == self.today:
            same = {name for name in facilities.CATEGORIES if self.revisions.get(name) == old.revisions.get(name)}
            self.known.update({key: found for key, found in old.known.items() if key[0] in same})
        return self


class Answers:
    """Everything that can be asked about one study.

    What was computed is kept for as long as the category that it is about, and the day, stay the same.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.study = study.read(settings.study)
        self.register = Register(self.study, settings.register_url)
        self.travel = traveltime.Travel(self.study)
        self._lock, self._twins = RLock(), RLock()
        self._state: _State | None = None

    def _now(self) -> _State:
        revisions, today = self.register.revisions(), self.study.today()
        with self._lock:
            if self._state is None or (self._state.revisions, self._state.today) != (revisions, today):
                new = _State(revisions, today)
                self._state = new if self._state is None else new.after(self._state)
            return self._state

    def _known(
        self, state: _State, category: str | None, what: Hashable, compute: Callable[[], T], lock: Any = None
    ) -> T:
        """What is known of ``category`` in ``state``, computed once, however many ask at a time."""
        with lock or self._lock:
            if (category, what) not in state.known:
                state.known[category, what] = compute()
            found: T = state.known[category, what]
            return found

    def _counted(self, state: _State, standard: Standard) -> tuple[Count, Coverage]:
        def compute() -> tuple[Count, Coverage]:
            counted = coverage.count(self.travel, self._facilities(state, standard.category), standard, state.today)
            return counted, coverage.summarise(self.travel, standard, counted)

        return self._known(state, standard.category, standard.id, compute)

    def coverage(self, standard: str) -> Coverage:
        """Where the study stands today on ``standard``; UnknownNameError if there is none."""
        return self._counted(self._now(), self.study.standard(standard))[1]

    def all_coverage(self) -> list[Coverage]:
        """Where the study stands today on each of its standards, in their order."""
        state = self._now()
        return [self._counted(state, standard)[1] for standard in self.study.standards]

    def categories(self) -> set[str]:
        """The categories that the register has a facility of."""
        state = self._now()
        return {name for name in facilities.CATEGORIES if len(self._facilities(state, name))}

    def gap_map(self, standard: str, assets: Assets) -> str:
        """The gap map of ``standard`` as an HTML page; UnknownNameError if there is none."""
        state, goal = self._now(), self.study.standard(standard)

        def compute() -> str:
            counted, answer = self._counted(state, goal)
            return gapmap.render(
                self.study,
                answer,
                counted,
                assets=assets,
                tiles=self.settings.tiles,
                tiles_attribution=self.settings.tiles_attribution,
            )

        return self._known(state, goal.category, (goal.id, assets), compute)

    def _facilities(self, state: _State, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all); UnknownNameError if there is no such category."""
        if category is not None:
            facilities.category(category)
        return self._known(state, category, "facilities", lambda: self.register.facilities(category))

    def _standing(self, state: _State, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all) that stand today."""

        every = self._facilities(state, category)
        return self._known(state, category, "standing", lambda: facilities.standing(every, state.today))

    def nearest(
        self,
        lon: float,
        lat: float,
        category: str | None,
        mode: Mode,
        limit: int,
        coordinates: str,
        path: bool = False,
    ) -> dict[str, Any]:
        """The nearest facilities by travel time as a GeoJSON FeatureCollection, places in ``coordinates``.

        ``path`` asks for the way to each as a LineString, ``path`` among its properties; null without streets.
        """
        wgs_lon, wgs_lat = (float(x) for x in datum.to_wgs84(lon, lat, coordinates))
        state = self._now()
        chosen, reach = self._standing(state, category), None
        if self.travel.method == "network":
            reach = self._known(state, category, ("reach", mode), lambda: self.travel.reach(chosen, mode).searched())
        ranking = self.travel.ranked(chosen, wgs_lon, wgs_lat, mode, limit, path, reach)
        features: list[dict[str, Any]] = []
        places = zip(ranking.rows, ranking.seconds.tolist(), ranking.metres.tolist(), strict=True)
        for row, seconds, metres in places:
            feature = facilities.geojson_feature(chosen.iloc[row], str(chosen.index[row]), coordinates)
            feature["properties"] |= {"minutes": round(seconds / 60, 3), "metres": round(metres, 1)}
            if path:
                way = None if ranking.paths is None else ranking.paths[len(features)]
                feature["properties"]["path"] = way and facilities.geojson_shape(way, coordinates)
            features.append(feature)
        return {
            "type": "FeatureCollection",
            "features": features,
            "place": {"lon": lon, "lat": lat},
            **self._travelled(mode, ranking, coordinates),
        }

    def twins(self, category: str | None, least: float = duplicates.LEAST) -> list[dict[str, Any]]:
        """Likely twins in the register, of a category or all, the likeliest first, with their names."""
        state = self._now()
        frame = self._facilities(state, category)

        def compute(least: float) -> list[dict[str, Any]]:
            crs, units = self.study.about.projection, self.study.areas["name"]
            found = duplicates.twins(frame, crs, least=least, areas=units)
            return [asdict(one) | {"names": [frame["name"][one.a], frame["name"][one.b]]} for one in found]

        if least < duplicates.LEAST:  # seldom asked, and not kept: there are as many as there are numbers
            return compute(least)
        # They may take seconds, for which nobody else shall wait.
        kept = self._known(state, category, "twins", lambda: compute(duplicates.LEAST), self._twins)
        return [one for one in kept if one["score"] >= least]

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
            shape = self.register.get(place).frame.geometry.iloc[0]
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
            "speed_kph": self.travel.speed_kph(mode),
            "method": self.travel.method,
            "snapped": snapped,
            "reason": answer.reason,
            "coordinates": coordinates,
            "sample": about.sample,
            "notice": about.notice or None,
            "data_date": about.data_date,
            "attribution": about.attribution or None,
        }
