"""The nearest facilities of a place: those that match some options, by travel time, as GeoJSON features.

`NearestOptions` says which facilities are looked for and what the answer has. `NearestFinder` prepares the matching
facilities, so that each place is answered by a look-up. `navigation` makes the links that open map apps.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import orjson

from geo.arrays import BoolArray
from geo.choices import MODES, Mode
from geo.geodesy import datums
from geo.study import geojson, opening_hours
from geo.traveltime.nearest import FACILITIES_PER_JUNCTION
from geo.traveltime.ranking import Ranker, Ranking
from service.answers import navigation
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState

NONE_OPEN = "此时没有开放的 none of them is open then"
NONE_MATCHES = "没有符合条件的 none of them is as asked for"
COMPUTED_MEMBERS = ("minutes", "metres", "open", "times", "navigation", "path")
"""Members of an answer's properties that are computed: a facility's own property of that name is left out."""
T = TypeVar("T")


@dataclass(frozen=True)
class NearestOptions:
    """Which facilities are looked for, how people travel, and what each feature of the answer has.

    Attributes
    ----------
    categories, subtypes : facilities of any of these; empty: of all
    capacity : facilities with at least this many beds or seats
    open_at : facilities that are not closed at this moment, in the study's time zone, without an offset
    mode : how people travel
    limit : the most facilities for a place
    path : whether each feature has the way there
    times : whether each feature has its minutes by every mode
    navigation : whether each feature has links that open map apps
    coordinates : coordinate system of places and of the answer
    """

    categories: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()
    capacity: int | None = None
    open_at: datetime | None = None
    mode: Mode = "walk"
    limit: int = 5
    path: bool = False
    times: bool = False
    navigation: bool = False
    coordinates: str = "wgs84"

    @cached_property
    def _hash(self) -> int:
        return hash(astuple(self))

    def __hash__(self) -> int:
        return self._hash  # computed once, because each request looks the options up several times

    def __post_init__(self) -> None:
        # Options that mean the same must be equal: sort, and remove repetitions.
        object.__setattr__(self, "categories", tuple(sorted(set(self.categories))))
        object.__setattr__(self, "subtypes", tuple(sorted(set(self.subtypes))))

    @cached_property
    def needs_search(self) -> bool:
        """Whether each place needs a search of the street network, where others are answered by a look-up."""
        filtered = self.capacity is not None or self.open_at is not None
        return filtered or self.path or self.times or self.navigation or self.limit > FACILITIES_PER_JUNCTION

    def is_cached(self, state: RegisterState) -> bool:
        """Whether ``state`` has a finder for these options already, so that an answer takes microseconds."""
        return (self.category, self) in state.computed

    @property
    def category(self) -> str | None:
        """The category, if the options name exactly one; None: several, or all."""
        return self.categories[0] if len(self.categories) == 1 else None


class NearestFinder:
    """Finds the nearest of those facilities that match some options, from any place."""

    def __init__(self, answers: Answers, state: RegisterState, options: NearestOptions) -> None:
        self._answers, self._options = answers, options
        category = options.category

        def cached(name: Hashable, compute: Callable[[], T]) -> T:
            if options.subtypes:  # not kept: there are too many different sets of subtypes
                return compute()
            return state.cached(category, (name, options.categories), compute)

        def ranker(mode: Mode) -> Ranker:
            return cached(("ranker", mode), lambda: answers.travel.ranker(self._facilities, mode))

        self._facilities = cached("selected", lambda: self._select(answers.existing_facilities(state, category)))
        self._ids: list[str] = cached("ids", self._facilities.index.astype(str).tolist)
        self._features: dict[str, bytes] = state.cached(category, ("features", options.coordinates), dict)
        modes = MODES if options.times else (options.mode,)
        self._rankers: dict[Mode, Ranker] = {mode: ranker(mode) for mode in modes}
        self._hours = None if options.open_at is None else self._hours_at(options.open_at)
        self._matching, self._why_none = self._match()

    @classmethod
    def cached(cls, answers: Answers, state: RegisterState, options: NearestOptions) -> "NearestFinder":
        """A finder that is kept with the state, unless its options are unlikely to be asked again."""
        if options.subtypes or options.needs_search:
            return cls(answers, state, options)
        return state.cached(options.category, options, lambda: cls(answers, state, options))

    def _select(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        category_ids, subtypes = self._options.categories, self._options.subtypes
        if len(category_ids) > 1:
            frame = frame[frame["category"].isin(category_ids)]
        return frame[frame["subtype"].isin(subtypes)] if subtypes else frame

    def _hours_at(self, moment: datetime) -> list[opening_hours.Status]:
        return [opening_hours.status_at(text, moment) for text in self._facilities["opening_hours"]]

    def _match(self) -> tuple[BoolArray | None, str | None]:
        """Which facilities have the capacity and are not closed, shape (facilities,), and the reason if none does.

        The array is None where the options ask for neither.
        """
        options, why_none = self._options, None
        if options.capacity is None and self._hours is None:
            return None, None
        matching = np.ones(len(self._facilities), dtype=bool)
        if options.capacity is not None:
            matching &= self._facilities["capacity"].astype(float).to_numpy() >= options.capacity
            why_none = None if matching.any() else NONE_MATCHES
        if self._hours is not None:
            matching &= np.array([hours.state != "closed" for hours in self._hours], dtype=bool)
            why_none = why_none if matching.any() or why_none else NONE_OPEN
        return matching, why_none

    def around(self, lon: float, lat: float) -> JsonObject:
        """The nearest facilities of a place, as a GeoJSON FeatureCollection that orjson can encode.

        ``lon`` and ``lat`` are degrees in the options' coordinate system.
        """
        options = self._options
        place = datums.position_to_wgs84(lon, lat, options.coordinates)
        ranking = self._rankers[options.mode].rank(
            *place, limit=options.limit, paths=options.path, eligible=self._matching
        )
        reason = self._why_none if ranking.reason and len(self._facilities) and self._why_none else ranking.reason
        has_extras = options.path or options.times or options.navigation or self._hours is not None
        extras = list(self._extra_properties(ranking, lon, lat, place)) if has_extras else None
        features = []
        rows = zip(ranking.rows.tolist(), ranking.seconds.tolist(), ranking.metres.tolist(), strict=True)
        for number, (row, seconds, metres) in enumerate(rows):
            beginning = self._features.get(self._ids[row]) or self._encode(row)
            computed = b',"minutes":%.3f,"metres":%.1f' % (seconds / 60, metres)
            extra = orjson.dumps(extras[number])[1:-1] if extras else b""
            features.append(beginning + computed + (b"," + extra if extra else b"") + b"}}")
        open_at = {} if options.open_at is None else {"open_at": _iso(options.open_at, self._zone)}
        return {
            "type": "FeatureCollection",
            "features": orjson.Fragment(b"[" + b",".join(features) + b"]"),
            "place": {"lon": lon, "lat": lat},
            **open_at,
            **self._answers.travel_metadata(options.mode, ranking, options.coordinates),
            "reason": reason,
        }

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._answers.study.settings.timezone)

    def _encode(self, row: int) -> bytes:
        """The facility's feature as JSON, without what depends on the place and without the last two brackets.

        It is encoded once and then kept: encoding takes most of the time of an answer.
        """
        facility = self._facilities.iloc[row]
        label, label_en = self._answers.study.categories[facility["category"]].label_of(facility["subtype"])
        feature = geojson.feature(facility, self._ids[row], self._options.coordinates)
        own = {name: value for name, value in feature["properties"].items() if name not in COMPUTED_MEMBERS}
        feature["properties"] = own | {"label": label, "label_en": label_en}
        self._features[self._ids[row]] = beginning = orjson.dumps(feature)[:-2]
        return beginning

    def _extra_properties(
        self, ranking: Ranking, lon: float, lat: float, place: tuple[float, float]
    ) -> Iterator[JsonObject]:
        """For each facility of the ranking, the properties that only the options ask for.

        ``lon`` and ``lat`` are the place in the options' coordinate system, ``place`` the same in WGS84.
        """
        options = self._options
        times = self._times(ranking, *place) if options.times else {}
        for number, row in enumerate(ranking.rows):
            extra: JsonObject = {}
            if self._hours is not None:
                hours = self._hours[row]
                until = None if hours.until is None else _iso(hours.until, self._zone)
                extra["open"] = {"state": hours.state, "until": until, "reason": hours.reason}
            if options.times:
                extra["times"] = {mode: times[mode][number] for mode in MODES}
            if options.navigation:
                facility = self._facilities.iloc[row]
                label = self._answers.study.categories[facility["category"]].label
                extra["navigation"] = navigation.links(facility, label, (lon, lat), options.coordinates, options.mode)
            if options.path:
                path = None if ranking.paths is None else ranking.paths[number]
                extra["path"] = path and geojson.geometry(path, options.coordinates)
            yield extra

    def _times(self, ranking: Ranking, lon: float, lat: float) -> dict[Mode, list[float | None]]:
        """By every mode, the minutes to each facility of the ranking; None where it is not reached."""
        times: dict[Mode, list[float | None]] = {}
        in_ranking = np.zeros(len(self._facilities), dtype=bool)
        in_ranking[ranking.rows] = True
        for mode in MODES:
            by_mode = ranking
            if mode != self._options.mode:
                by_mode = self._rankers[mode].rank(lon, lat, eligible=in_ranking)
            minutes = dict(zip(by_mode.rows.tolist(), (by_mode.seconds / 60).round(3).tolist(), strict=True))
            times[mode] = [minutes.get(row) for row in ranking.rows.tolist()]
        return times


def _iso(moment: datetime, zone: ZoneInfo) -> str:
    """A moment of the study's clock in ISO 8601, with its offset."""
    return moment.replace(tzinfo=zone).isoformat(timespec="minutes")
