"""What is near a place, as apps need it: by travel time, open or not, with links that take one there."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import orjson
import shapely

from geo.arrays import BoolArray
from geo.choices import MODES, Mode
from geo.geodesy import datums
from geo.study import categories, geojson, opening_hours
from geo.traveltime.nearest import FACILITIES_PER_JUNCTION, NearestFacilities
from geo.traveltime.travel import Ranking
from service.answers.engine import Answers, State

NONE_OPEN = "此时没有开放的 none of them is open then"
NONE_SUCH = "没有符合条件的 none of them is as asked for"
COMPUTED = ("minutes", "metres", "open", "times", "navigation", "path")
"""Members of an answer that no property of a facility can be."""
AMAP = {"walk": "walk", "cycle": "ride", "drive": "car"}
BAIDU = {"walk": "walking", "cycle": "riding", "drive": "driving"}
TENCENT = {"walk": "walk", "cycle": "bike", "drive": "drive"}


@dataclass(frozen=True)
class Wish:
    """What somebody wants to reach, and to know of it.

    ``categories`` and ``subtypes``: any of these, empty: all; ``capacity``: at least; ``open_at``: not closed then, in
    the study's time; ``path``: the way there; ``times``: by every mode; ``navigation``: links into map apps.
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
        return self._hash  # it is looked up again and again

    def __post_init__(self) -> None:
        # Whichever way one asks for the same, it is the same.
        wanted = tuple(one for one in categories.CATEGORIES if one in self.categories)
        object.__setattr__(self, "categories", wanted)
        object.__setattr__(self, "subtypes", tuple(sorted(set(self.subtypes))))

    @cached_property
    def searches(self) -> bool:
        """Whether it takes a search from each place, which a look-up does not answer."""
        sifted = self.capacity is not None or self.open_at is not None
        return sifted or self.path or self.times or self.navigation or self.limit > FACILITIES_PER_JUNCTION

    def at_hand(self, state: State) -> bool:
        """Whether it takes no time, as all of it is a look-up in what is known already."""
        return (self.category, self) in state.known

    @property
    def category(self) -> str | None:
        """The one category; None: several, or all."""
        return self.categories[0] if len(self.categories) == 1 else None


class Nearby:
    """The facilities that one wish is about, ready to be asked from any place."""

    def __init__(self, answers: Answers, state: State, wish: Wish) -> None:
        self._answers, self._wish = answers, wish
        category = wish.category

        def known(name: Hashable, compute: Callable[[], Any]) -> Any:
            if wish.subtypes:  # there are as many sets of them as anybody can think of
                return compute()
            return answers.known(state, category, (name, wish.categories), compute)

        def reach(mode: Mode) -> NearestFacilities:
            found: NearestFacilities = known(
                ("reach", mode), lambda: answers.travel.nearest_facilities(self._chosen, mode).compute()
            )
            return found

        self._chosen = known("chosen", lambda: self._choose(answers.standing(state, category)))
        self._ids: list[str] = known("ids", self._chosen.index.astype(str).tolist)
        self._texts: dict[str, bytes] = answers.known(state, category, ("texts", wish.coordinates), dict)
        modes = () if answers.travel.method != "network" else MODES if wish.times else (wish.mode,)
        self._reach: dict[Mode, NearestFacilities] = {mode: reach(mode) for mode in modes}
        self._open = None if wish.open_at is None else self._hours(wish.open_at)
        self._keep, self._why_none = self._kept()

    @classmethod
    def of(cls, answers: Answers, state: State, wish: Wish) -> "Nearby":
        """The one there is already, where there are not as many wishes as anybody can think of."""
        if wish.subtypes or wish.searches:
            return cls(answers, state, wish)
        return answers.known(state, wish.category, wish, lambda: cls(answers, state, wish))

    def _choose(self, every: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        categories, subtypes = self._wish.categories, self._wish.subtypes
        if len(categories) > 1:
            every = every[every["category"].isin(categories)]
        return every[every["subtype"].isin(subtypes)] if subtypes else every

    def _hours(self, moment: datetime) -> list[opening_hours.Hours]:
        return [opening_hours.at(text, moment) for text in self._chosen["opening_hours"]]

    def _kept(self) -> tuple[BoolArray | None, str | None]:
        """Which of the chosen are as wished today and at that hour, None: all; and why none is, if none is."""
        wish, why = self._wish, None
        if wish.capacity is None and self._open is None:
            return None, None
        keep = np.ones(len(self._chosen), dtype=bool)
        if wish.capacity is not None:
            keep &= self._chosen["capacity"].astype(float).to_numpy() >= wish.capacity
            why = None if keep.any() else NONE_SUCH
        if self._open is not None:
            keep &= np.array([one.state != "closed" for one in self._open], dtype=bool)
            why = why if keep.any() or why else NONE_OPEN
        return keep, why

    def around(self, lon: float, lat: float) -> dict[str, Any]:
        """The nearest of them from a place (degrees in the wish's coordinates), as a GeoJSON FeatureCollection.

        It is to be written by orjson.
        """
        wish, travel = self._wish, self._answers.travel
        place = datums.place_to_wgs84(lon, lat, wish.coordinates)
        reach = self._reach.get(wish.mode)
        ranking = travel.ranked(self._chosen, *place, wish.mode, wish.limit, wish.path, reach, self._keep)
        reason = self._why_none if ranking.reason and len(self._chosen) and self._why_none else ranking.reason
        told_more = wish.path or wish.times or wish.navigation or self._open is not None
        further = list(self._further(ranking, lon, lat, place)) if told_more else None
        features = []
        rows = zip(ranking.rows.tolist(), ranking.seconds.tolist(), ranking.metres.tolist(), strict=True)
        for number, (row, seconds, metres) in enumerate(rows):
            text = self._texts.get(self._ids[row]) or self._text(row)
            end = b',"minutes":%.3f,"metres":%.1f' % (seconds / 60, metres)
            more = orjson.dumps(further[number])[1:-1] if further else b""
            features.append(text + end + (b"," + more if more else b"") + b"}}")
        asked = {} if wish.open_at is None else {"open_at": _told(wish.open_at, self._zone)}
        return {
            "type": "FeatureCollection",
            "features": orjson.Fragment(b"[" + b",".join(features) + b"]"),
            "place": {"lon": lon, "lat": lat},
            **asked,
            **self._answers.travelled(wish.mode, ranking, wish.coordinates),
            "reason": reason,
        }

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._answers.study.settings.timezone)

    def _text(self, row: int) -> bytes:
        """The beginning of a facility's feature, made once: all of it but what depends on who asks."""
        facility = self._chosen.iloc[row]
        category = categories.category(facility["category"])
        zh, en = category.subtypes.get(facility["subtype"], (category.label, category.label_en))
        feature = geojson.feature(facility, self._ids[row], self._wish.coordinates)
        told = {name: value for name, value in feature["properties"].items() if name not in COMPUTED}
        feature["properties"] = told | {"label": zh, "label_en": en}
        self._texts[self._ids[row]] = text = orjson.dumps(feature)[:-2]
        return text

    def _further(self, ranking: Ranking, lon: float, lat: float, place: Any) -> Iterator[dict[str, Any]]:
        """What else each facility of the ranking was wished to say."""
        wish = self._wish
        times = self._times(ranking, *place) if wish.times else {}
        for number, row in enumerate(ranking.rows):
            more: dict[str, Any] = {}
            if self._open is not None:
                found = self._open[row]
                until = None if found.until is None else _told(found.until, self._zone)
                more["open"] = {"state": found.state, "until": until, "reason": found.reason}
            if wish.times:
                more["times"] = {mode: times[mode][number] for mode in MODES}
            if wish.navigation:
                more["navigation"] = navigation(self._chosen.iloc[row], (lon, lat), wish.coordinates, wish.mode)
            if wish.path:
                way = None if ranking.paths is None else ranking.paths[number]
                more["path"] = way and geojson.geometry(way, wish.coordinates)
            yield more

    def _times(self, ranking: Ranking, lon: float, lat: float) -> dict[Mode, list[float | None]]:
        """Minutes to the facilities of the ranking by every mode; None where one does not get there."""
        found: dict[Mode, list[float | None]] = {}
        these = np.zeros(len(self._chosen), dtype=bool)
        these[ranking.rows] = True
        for mode in MODES:
            other = ranking
            if mode != self._wish.mode:
                reach = self._reach.get(mode)
                other = self._answers.travel.ranked(self._chosen, lon, lat, mode, reach=reach, keep=these)
            minutes = dict(zip(other.rows.tolist(), (other.seconds / 60).round(3).tolist(), strict=True))
            found[mode] = [minutes.get(row) for row in ranking.rows.tolist()]
        return found


def _told(moment: datetime, zone: ZoneInfo) -> str:
    return moment.replace(tzinfo=zone).isoformat(timespec="minutes")


def navigation(facility: Any, origin: tuple[float, float], coordinates: str, mode: Mode) -> dict[str, str]:
    """Addresses that open AMap, Baidu and Tencent with the way from ``origin`` to a facility, each in its own datum."""
    target = shapely.point_on_surface(facility["geometry"])
    start = datums.to_wgs84(*origin, coordinates)
    name = facility["name"] or categories.category(facility["category"]).label
    # What separates the parts of an address' parameters must not come from a name.
    label = quote("".join(" " if c in ",|:;" else c for c in name), safe="")

    def written(system: str) -> list[tuple[str, str]]:
        """Longitude and latitude of the origin, and of the target."""
        lons, lats = datums.from_wgs84([start[0], target.x], [start[1], target.y], system)
        return [(f"{lon:.6f}", f"{lat:.6f}") for lon, lat in zip(lons, lats, strict=True)]

    a, b = written("gcj02")
    c, d = written("bd09")
    return {
        "amap": f"https://uri.amap.com/navigation?from={a[0]},{a[1]}&to={b[0]},{b[1]},{label}"
        f"&mode={AMAP[mode]}&coordinate=gaode&callnative=1&src=fuwuquan",
        "baidu": f"https://api.map.baidu.com/direction?origin={c[1]},{c[0]}"
        f"&destination=latlng:{d[1]},{d[0]}|name:{label}&mode={BAIDU[mode]}&coord_type=bd09ll&output=html"
        "&src=webapp.fuwuquan",
        "tencent": f"https://apis.map.qq.com/uri/v1/routeplan?type={TENCENT[mode]}&fromcoord={a[1]},{a[0]}"
        f"&tocoord={b[1]},{b[0]}&to={label}&policy=0&referer=fuwuquan",
    }
