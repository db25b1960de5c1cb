"""Standards as they stand at other speeds than the study's, for scenarios that ask for some."""

from threading import RLock

import geopandas as gpd
from cachetools import LRUCache

from geo.choices import MODES
from geo.measures import counting, coverage
from geo.measures.scenarios import MAX_PACED_STANDARDS
from geo.measures.standing import Standing
from geo.study.settings import Speeds
from geo.study.standards import TravelTime
from geo.traveltime.travel import Travel
from service.answers.state import RegisterState

MAX_TRAVELS = 2
"""For how many choices of speeds travel times are kept."""


class OtherSpeeds:
    """Computes standards of travel time at other speeds, and keeps the latest few.

    Attributes
    ----------
    lock : to be held while asking and while using what is answered, so that all who ask occupy one core together
    """

    def __init__(self, travel: Travel) -> None:
        self.lock = RLock()
        self._travel = travel
        self._travels: LRUCache[tuple[float, ...], Travel] = LRUCache(MAX_TRAVELS)
        self._standing: LRUCache[tuple[bytes, str, tuple[float, ...]], Standing] = LRUCache(MAX_PACED_STANDARDS)

    def standing(
        self, state: RegisterState, standard: TravelTime, facilities: gpd.GeoDataFrame, speeds: Speeds
    ) -> Standing:
        """A standard as it stands; ``facilities`` are those of its category, open and closed."""
        paces = tuple(speeds.pace(mode) for mode in MODES)
        if paces not in self._travels:
            self._travels[paces] = self._travel.at_speeds(speeds)
        key, travel = (state.tag, standard.id, paces), self._travels[paces]
        if key not in self._standing:
            counted = counting.count_units(travel, facilities, standard, state.today)
            summary = coverage.summarise(travel, standard, counted)
            self._standing[key] = Standing(travel, standard, counted, summary, facilities)
        return self._standing[key]
