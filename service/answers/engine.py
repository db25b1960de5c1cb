"""What people ask, answered alike for the API, the pages and the command line: a study and its register at work."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cache, cached_property
from pathlib import Path
from threading import Lock, RLock
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
import shapely
from cachetools import LRUCache

from geo.choices import Direction, Mode
from geo.errors import UnknownNameError
from geo.features.collection import Collection
from geo.geodesy import datums
from geo.lists import duplicates
from geo.measures import coverage, isochrones
from geo.measures.coverage import Count, Coverage
from geo.measures.isochrones import Isochrones
from geo.study import categories, facilities, geojson, study
from geo.study.standards import Standard
from geo.traveltime import travel
from maps import gap_map as gapmap
from maps.offline import Assets
from service.answers import collections as shelves
from service.register.register import Register
from service.settings import Settings

STUDY_FILES = ("study.toml", "standards.toml", "areas.geojson", "demand.csv", "streets.parquet")
MOST_KEPT = 64 * 2**20
"""Bytes of ready answers that are kept."""
T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """The register at one revision on one day, and what was computed of it: by category (None: all), then by what.

    ``tag`` differs wherever an answer may differ, ``modified`` is when answers last may have changed; ``mark`` is that
    of the database. ``kept`` are ready answers; only the event loop's thread may touch them.
    """

    revisions: dict[str, int]
    today: date
    mark: int | None
    tag: bytes
    modified: datetime
    known: dict[tuple[str | None, Hashable], Any] = field(default_factory=dict)
    kept: LRUCache[bytes, bytes] = field(default_factory=lambda: LRUCache(MOST_KEPT, getsizeof=len))

    @cached_property
    def modified_s(self) -> float:
        """``modified`` in seconds since 1970."""
        return self.modified.timestamp()

    @cached_property
    def last_modified(self) -> str:
        """``modified`` as a header has it."""
        return format_datetime(self.modified, usegmt=True)

    def after(self, old: "State") -> "State":
        """This state, knowing what ``old`` knew of the categories that have not changed since."""
        if old.today == self.today:
            same = {name for name in categories.CATEGORIES if self.revisions.get(name) == old.revisions.get(name)}
            known = list(old.known.items())  # others may be adding to it
            self.known.update({key: found for key, found in known if key[0] in same})
        return self


class Answers:
    """Everything that can be asked about one study.

    What was computed is kept for as long as the category that it is about, and the day, stay the same.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        files = [settings.study / name for name in STUDY_FILES]
        self._made_of, self._made_at = _contents([*_program(), *files])
        self.study = study.read(settings.study)
        self.register = Register(self.study, settings.register_url)
        self.travel = travel.Travel(self.study)
        # Whatever answers depend on and does not change while the program runs.
        lasting = f"{self.register.id} {settings.verify_days}".encode()
        self._edition = hashlib.blake2b(lasting, key=self._made_of, digest_size=32).digest()
        self._lock, self._twins, self._turn = RLock(), RLock(), Lock()
        self._travelling = cache(self._said_of)
        self._state: State | None = None
        self.shared: State | None = None

    @property
    def edition(self) -> str:
        """A mark of the program, the study and the register, for tags."""
        return self._edition[:4].hex()

    def part(self) -> None:
        """Have whoever asks from now on be answered from the register as it is then."""
        self.shared = None

    def now(self) -> State:
        """The state of today's register."""
        return self.at_hand() or self._read()

    def at_hand(self) -> State | None:
        """The same, if it takes no time: the database says that nothing has changed."""
        state, mark = self._state, self.register.database.data_version()
        same = state is not None and mark is not None and state.mark == mark and state.today == self.study.today()
        return state if same else None

    def _read(self) -> State:
        mark = self.register.database.data_version()  # before all that is read: it may change meanwhile
        revisions, today = self.register.revisions(), self.study.today()
        with self._turn:
            old = self._state
            if old is not None and (old.revisions, old.today) == (revisions, today):
                self._state = replace(old, mark=mark)
                return self._state
            tag = hashlib.blake2b(repr((sorted(revisions.items()), today)).encode(), key=self._edition).digest()
            midnight = datetime.combine(today, time(), ZoneInfo(self.study.settings.timezone))
            changed = [self._made_at, midnight, *filter(None, [self.register.last_changed()])]
            new = State(revisions, today, mark, tag, max(changed).astimezone(UTC))
            self._state = new if old is None else new.after(old)
            return self._state

    def known(
        self, state: State, category: str | None, what: Hashable, compute: Callable[[], T], lock: Any = None
    ) -> T:
        """What is known of ``category`` in ``state``, computed once, however many ask at a time."""
        key = category, what
        found: T | None = state.known.get(key)
        if found is None:
            with lock or self._lock:
                found = state.known.get(key)
                if found is None:
                    state.known[key] = found = compute()
        return found

    def _counted(self, state: State, standard: Standard) -> tuple[Count, Coverage]:
        def compute() -> tuple[Count, Coverage]:
            counted = coverage.count(self.travel, self.facilities(state, standard.category), standard, state.today)
            return counted, coverage.summarise(self.travel, standard, counted)

        return self.known(state, standard.category, standard.id, compute)

    def coverage(self, standard: str, state: State | None = None) -> Coverage:
        """Where the study stands today on ``standard``; UnknownNameError if there is none."""
        return self._counted(state or self.now(), self.study.standard(standard))[1]

    def all_coverage(self, state: State | None = None) -> list[Coverage]:
        """Where the study stands today on each of its standards, in their order."""
        state = state or self.now()
        return [self._counted(state, standard)[1] for standard in self.study.standards]

    def categories(self) -> set[str]:
        """The categories that the register has a facility of."""
        state = self.now()
        return {name for name in categories.CATEGORIES if len(self.facilities(state, name))}

    def gap_map(self, standard: str, assets: Assets) -> str:
        """The gap map of ``standard`` as an HTML page; UnknownNameError if there is none."""
        state, goal = self.now(), self.study.standard(standard)

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

        return self.known(state, goal.category, (goal.id, assets), compute)

    def facilities(self, state: State, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all); UnknownNameError if there is no such category."""
        if category is not None:
            categories.category(category)
            return self.known(state, category, "facilities", lambda: self.register.facilities(category))

        def compute() -> gpd.GeoDataFrame:
            each = [self.facilities(state, one) for one in categories.CATEGORIES]
            some = [one for one in each if len(one)]
            return pd.concat(some).sort_index() if some else each[0]

        return self.known(state, None, "facilities", compute)

    def standing(self, state: State, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all) that stand today."""
        every = self.facilities(state, category)
        return self.known(state, category, "standing", lambda: facilities.existing_on(every, state.today))

    def collections(self) -> list[str]:
        """The ids of the collections there are."""
        return ["facilities", "areas", "demand", *(shelves.COVERAGE + one.id for one in self.study.standards)]

    def check_collection(self, name: str) -> None:
        """UnknownNameError if there is no collection called so."""
        if name not in self.collections():
            raise UnknownNameError("collection", name, self.collections())

    def collection(self, state: State, name: str) -> Collection:
        """The collection called so; UnknownNameError if there is none."""
        self.check_collection(name)
        match name:
            case "facilities":
                frame = self.facilities(state, None)
                return self.known(state, None, ("collection", name), lambda: shelves.of_facilities(frame))
            case "areas":
                return self._areas
            case "demand":
                return self._demand
            case _:
                goal = self.study.standard(name.removeprefix(shelves.COVERAGE))
                answer = self._counted(state, goal)[1]
                return self.known(
                    state, goal.category, ("collection", name), lambda: shelves.of_coverage(self.study, answer)
                )

    @cached_property
    def _areas(self) -> Collection:
        return shelves.of_areas(self.study)

    @cached_property
    def _demand(self) -> Collection:
        return shelves.of_demand(self.study)

    def twins(self, category: str | None, least: float = duplicates.MIN_SCORE) -> list[dict[str, Any]]:
        """Likely twins in the register, of a category or all, the likeliest first, with their names."""
        state = self.now()
        frame = self.facilities(state, category)

        def compute(least: float) -> list[dict[str, Any]]:
            crs, units = self.study.settings.projection, self.study.areas["name"]
            found = duplicates.find(frame, crs, least=least, areas=units)
            return [asdict(one) | {"names": [frame["name"][one.a], frame["name"][one.b]]} for one in found]

        if least < duplicates.MIN_SCORE:  # seldom asked, and not kept: there are as many as there are numbers
            return compute(least)
        # They may take seconds, for which nobody else shall wait.
        kept = self.known(state, category, "twins", lambda: compute(duplicates.MIN_SCORE), self._twins)
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
            shape = shapely.Point(datums.place_to_wgs84(*place, coordinates))
            asked = {"place": {"lon": place[0], "lat": place[1]}}
        answer = isochrones.around(self.travel, shape, minutes, mode, towards=direction == "to")
        features = [
            {
                "type": "Feature",
                "geometry": geojson.geometry(one.geometry, coordinates),
                "properties": {"minutes": one.minutes, "area_km2": one.area_km2, "people": one.people},
            }
            for one in answer.contours
        ]
        return {
            "type": "FeatureCollection",
            "features": features,
            **asked,
            "direction": direction,
            **self.travelled(mode, answer, coordinates),
        }

    def travelled(self, mode: Mode, answer: travel.Ranking | Isochrones, coordinates: str) -> dict[str, Any]:
        """What every answer of travel times says of itself."""
        snapped = None
        if answer.snapped is not None and answer.connector_m is not None:
            lon, lat = datums.place_from_wgs84(*answer.snapped, coordinates)
            snapped = {
                "lon": round(lon, 7),
                "lat": round(lat, 7),
                "connector_m": round(answer.connector_m, 1),
            }
        return {"snapped": snapped, "reason": answer.reason, **self._travelling(mode, coordinates)}

    def _said_of(self, mode: Mode, coordinates: str) -> dict[str, Any]:
        return {
            "mode": mode,
            "speed_kph": self.travel.speed_kph(mode),
            "method": self.travel.method,
            "coordinate_system": coordinates,
            **self.said,
        }

    @cached_property
    def said(self) -> dict[str, Any]:
        """What answers say of the study."""
        about = self.study.settings
        return {
            "sample": about.sample,
            "notice": about.notice or None,
            "data_date": about.data_date,
            "attribution": about.attribution or None,
        }


def _program() -> Iterable[Path]:
    """The program's own files."""
    here = Path(__file__).parents[2]
    return sorted(file for part in ("geo", "maps", "service") for file in (here / part).rglob("*") if _ours(file))


def _ours(file: Path) -> bool:
    return file.suffix in (".py", ".toml", ".html", ".js", ".css")


def _contents(files: Iterable[Path]) -> tuple[bytes, datetime]:
    """A hash of files, those that are there, and when the youngest was changed."""
    found, youngest = hashlib.blake2b(digest_size=32), 0.0
    for file in files:
        if file.is_file():
            found.update(file.name.encode() + b"\0" + hashlib.blake2b(file.read_bytes()).digest())
            youngest = max(youngest, file.stat().st_mtime)
    return found.digest(), datetime.fromtimestamp(youngest, UTC)
