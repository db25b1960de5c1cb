"""`Answers`: one study, its register and the travel engine together, and the questions about them.

The API, the pages and the command line all ask here, so that they give the same numbers. `state` decides how long a
computed answer is kept; `nearest`, `isochrones` and `collections` answer the questions that need more than a few lines.
"""

import hashlib
from dataclasses import asdict, replace
from datetime import date
from functools import cache, cached_property
from threading import RLock
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from geo.choices import Mode
from geo.errors import FieldError, UnknownNameError
from geo.features.collection import Collection
from geo.geodesy import datums
from geo.lists import duplicates
from geo.lists.duplicates import DuplicatePair
from geo.measures import capacity, counting, coverage, days, distribution, gaps, sensitivity
from geo.measures.capacity import Assumption, Capacity
from geo.measures.counting import CountedUnits
from geo.measures.coverage import Coverage
from geo.measures.distribution import Distribution
from geo.measures.gaps import Gaps
from geo.measures.isochrones import Isochrones
from geo.measures.sensitivity import Sensitivity
from geo.measures.standing import Standing
from geo.study import facilities, study
from geo.study.standards import Standard
from geo.traveltime.ranking import Ranking
from geo.traveltime.travel import Travel
from service.answers import collections, fingerprint, site_value
from service.answers.json_types import JsonObject
from service.answers.other_speeds import OtherSpeeds
from service.answers.state import RegisterState, StateTracker
from service.register.register import Register
from service.settings import Settings

if TYPE_CHECKING:
    from maps.offline import Assets


MAX_CAPACITY_PAIRS = 500_000
"""How many pairs of a place and a facility within the limit an answer about capacity may compare."""


class Answers:
    """Answers questions about one study.

    Attributes
    ----------
    settings, study, register : what the answers are about
    travel : computes travel times in the study
    states : the register's current state, which most questions take, so that one answer never mixes two states
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # The files are hashed before they are read: a later change of them must not go unnoticed.
        files_hash, files_modified = fingerprint.of_program_and_study(settings.study)
        self.study = study.read(settings.study)
        self.register = Register(self.study, settings.register_url)
        self.travel = Travel(self.study)
        constants = f"{self.register.id} {settings.verify_days}".encode()
        self._version_hash = hashlib.blake2b(constants, key=files_hash, digest_size=32).digest()
        self.states = StateTracker(self.register, self.study, self._version_hash, files_modified)
        self._duplicates_lock, self.value_lock = RLock(), RLock()
        self.other_speeds = OtherSpeeds(self.travel)
        self._mode_metadata = cache(self._make_mode_metadata)

    @property
    def version_hash(self) -> str:
        """Eight hexadecimal digits that identify the program, the study and the register, for entity tags."""
        return self._version_hash[:4].hex()

    def measured(self, state: RegisterState, standard: Standard) -> tuple[CountedUnits, Coverage]:
        """What a standard counts, and its coverage."""

        def compute() -> tuple[CountedUnits, Coverage]:
            facilities, travel = self.facilities(state, standard.category), self.travel
            standing = None if state.base is None else self.measured(state.base, standard)[0]
            if standing is not None:
                # Search only what differs from today, and keep nothing of it in the caches of `travel`.
                travel = travel.updating(standing.facilities)
            counted = counting.count_units(travel, facilities, standard, state.today)
            if standing is not None and counted.land is not None and standing.land is not None:
                counted = replace(counted, land=counted.land.updating(standing.land))
            return counted, coverage.summarise(travel, standard, counted)

        return state.cached(standard.category, standard.id, compute)

    def standing(self, state: RegisterState, standard: Standard) -> Standing:
        """A standard as it stands, prepared for scenarios."""

        def compute() -> Standing:
            counted, summary = self.measured(state, standard)
            facilities = self.facilities(state, standard.category)
            return Standing(self.travel, standard, counted, summary, facilities)

        return state.cached(standard.category, ("standing", standard.id), compute)

    def state_on(self, state: RegisterState, category: str, day: date | None) -> RegisterState:
        """The register on ``day`` (None: today) for questions about ``category``.

        All days between two changes of the category share one state, whose ``today`` is the first of these days.

        Raises
        ------
        FieldError
            The day is too far away.
        """
        if day is None:
            return state
        days.check(day, state.today)
        changes = self.change_days(state, category)
        first, first_of_today = (days.last_change(changes, which) for which in (day, state.today))
        return state if first == first_of_today else state.on_day(category, first)

    def change_days(self, state: RegisterState, category: str) -> tuple[date, ...]:
        """The days on which a facility of the category opens or closes, in order."""
        return state.cached(category, "change days", lambda: days.change_days(self.facilities(state, category)))

    def measured_on(
        self, state: RegisterState, standard: Standard, day: date | None = None
    ) -> tuple[CountedUnits, Coverage]:
        """What a standard counts on ``day`` (None: today), and its coverage with the notes on that day."""
        counted, summary = self.measured(self.state_on(state, standard.category, day), standard)
        if day is None or day == state.today:
            return counted, summary
        standing = self.measured(state, standard)[0].facilities
        category = self.study.categories[standard.category]
        notes = days.notes(day, state.today, counted, standing, category) if counted.is_known else []
        return counted, replace(summary, notes=[*summary.notes, *notes])

    def coverage(self, standard: str, state: RegisterState | None = None, day: date | None = None) -> Coverage:
        """The coverage of the standard with that id; UnknownNameError if there is none.

        Default state: the current; default day: today.
        """
        return self.measured_on(state or self.states.current(), self.study.standard(standard), day)[1]

    def all_coverage(self, state: RegisterState | None = None, day: date | None = None) -> list[Coverage]:
        """The coverage of all standards, in the study's order. Default state: the current; default day: today."""
        state = state or self.states.current()
        return [self.measured_on(state, standard, day)[1] for standard in self.study.standards]

    def gaps(self, state: RegisterState, standard: str, day: date | None = None) -> tuple[Coverage, Gaps]:
        """The coverage and the gaps of the standard with that id, on ``day`` (default today).

        UnknownNameError if there is no such standard.
        """
        chosen = self.study.standard(standard)
        counted, summary = self.measured_on(state, chosen, day)
        return summary, self.state_on(state, chosen.category, day).cached(
            chosen.category, ("gaps", standard), lambda: gaps.measure(self.travel, chosen, counted)
        )

    def distribution(self, state: RegisterState, standard: str) -> tuple[Coverage, Distribution]:
        """The coverage of the standard with that id, and the distribution of its times; UnknownNameError if none."""
        chosen = self.study.standard(standard)
        counted, summary = self.measured(state, chosen)
        return summary, state.cached(
            chosen.category, ("distribution", standard), lambda: distribution.measure(self.travel, chosen, counted)
        )

    def sensitivity(self, state: RegisterState, standard: str) -> tuple[Coverage, Sensitivity]:
        """The coverage of the standard with that id, and how sure it is; UnknownNameError if there is none."""
        chosen = self.study.standard(standard)
        measured, register = self.measured(state, chosen), self.facilities(state, chosen.category)
        return measured[1], state.cached(
            chosen.category,
            ("sensitivity", standard),
            lambda: sensitivity.measure(self.travel, chosen, register, measured, state.today),
        )

    def capacity(
        self,
        state: RegisterState,
        standard: str,
        assume: Assumption = "none",
        weights: tuple[float, ...] | None = None,
        most_pairs: int | None = MAX_CAPACITY_PAIRS,
    ) -> tuple[Coverage, Capacity]:
        """The coverage and the capacity of a standard; `geo.measures.capacity.measure` says what is refused."""
        chosen = self.study.standard(standard)
        counted, summary = self.measured(state, chosen)

        def compute() -> Capacity:
            return capacity.measure(self.travel, chosen, counted, assume, weights, most_pairs)

        if weights is not None:  # caching each possible list of numbers would fill the memory
            return summary, compute()
        return summary, state.cached(chosen.category, ("capacity", standard, assume), compute)

    def categories(self) -> set[str]:
        """The categories of which the register has at least one facility."""
        state = self.states.current()
        return {name for name in self.study.categories.ids if len(self.facilities(state, name))}

    def gap_map(self, standard: str, assets: "Assets", day: date | None = None) -> str:
        """The gap map of the standard with that id on ``day`` (default today), as an HTML page.

        UnknownNameError if there is no such standard.
        """
        state, chosen = self.states.current(), self.study.standard(standard)
        # Not inside `compute`, which holds the lock of other values: whoever values sites may be waiting for that.
        values, losses = None, None
        if day is None or day == state.today:  # nobody builds or closes anything on another day
            values = site_value.values(self, state, standard)[1]
            losses = site_value.losses(self, state, standard)[1]

        def compute() -> str:
            counted, summary = self.measured_on(state, chosen, day)
            from maps import gap_map  # imports folium, which no other answer needs

            return gap_map.render(
                self.study,
                summary,
                counted,
                self.gaps(state, standard, day)[1],
                values,
                losses,
                assets=assets,
                tiles=self.settings.tiles,
                tiles_attribution=self.settings.tiles_attribution,
            )

        if day is None:
            return state.cached(chosen.category, (chosen.id, assets), compute)
        with state.days_computing:  # not kept: there are more days than memory for pages, each of which names its day
            return compute()

    def facilities(self, state: RegisterState, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all), open and closed; UnknownNameError if there is no such one."""
        if category is not None:
            self.study.categories[category]  # raises UnknownNameError
            if state.base is not None:
                return self.facilities(state.base, category)
            return state.cached(category, "facilities", lambda: self.register.facilities(category))

        def compute() -> gpd.GeoDataFrame:
            frames = [self.facilities(state, name) for name in self.study.categories.ids]
            with_rows = [frame for frame in frames if len(frame)]
            return pd.concat(with_rows).sort_index() if with_rows else frames[0]

        return state.cached(None, "facilities", compute)

    def existing_facilities(self, state: RegisterState, category: str | None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all) that have opened and not closed on the state's day."""
        frame = self.facilities(state, category)
        return state.cached(category, "existing", lambda: facilities.existing_on(frame, state.today))

    def collection_ids(self) -> list[str]:
        """The ids of all collections."""
        standards = self.study.standards
        coverages = [collections.COVERAGE_PREFIX + standard.id for standard in standards]
        prefixes = (collections.GAPS_PREFIX, collections.VALUE_PREFIX, collections.FRAGILITY_PREFIX)
        others = [prefix + goal.id for prefix in prefixes for goal in standards if goal.measure != "opened"]
        with_limit = [standard.id for standard in standards if capacity.has_limit(standard)]
        capacities = [prefix + name for prefix in collections.CAPACITY_PREFIXES for name in with_limit]
        return ["facilities", "areas", "demand", *coverages, *others, *capacities]

    def check_collection(self, collection_id: str) -> None:
        """Raise UnknownNameError if there is no collection with that id."""
        if collection_id not in self.collection_ids():
            raise UnknownNameError("collection", collection_id, self.collection_ids())

    def collection(self, state: RegisterState, collection_id: str) -> Collection:
        """The collection with that id; UnknownNameError if there is none."""
        self.check_collection(collection_id)
        match collection_id:
            case "facilities":
                frame = self.facilities(state, None)
                return state.cached(
                    None, ("collection", collection_id), lambda: collections.of_facilities(frame, self.study.categories)
                )
            case "areas":
                return self._areas
            case "demand":
                return self._demand
            case _ if collection_id.startswith(collections.GAPS_PREFIX):
                standard_id = collection_id.removeprefix(collections.GAPS_PREFIX)
                summary, standard_gaps = self.gaps(state, standard_id)
                return state.cached(
                    self.study.standard(standard_id).category,
                    ("collection", collection_id),
                    lambda: collections.of_gaps(summary, standard_gaps),
                )
            case _ if collection_id.startswith(collections.CAPACITY_PREFIXES):
                prefix = next(name for name in collections.CAPACITY_PREFIXES if collection_id.startswith(name))
                standard = self.study.standard(collection_id.removeprefix(prefix))
                return state.cached(
                    standard.category,
                    ("collection", collection_id),
                    lambda: self._capacity_collection(state, prefix, standard),
                )
            case _ if collection_id.startswith(site_value.PREFIXES):
                return site_value.collection(self, state, collection_id)
            case _:
                standard = self.study.standard(collection_id.removeprefix(collections.COVERAGE_PREFIX))
                summary = self.measured(state, standard)[1]
                return state.cached(
                    standard.category,
                    ("collection", collection_id),
                    lambda: collections.of_coverage(self.study, summary),
                )

    def _capacity_collection(self, state: RegisterState, prefix: str, standard: Standard) -> Collection:
        try:
            summary, standard_capacity = self.capacity(state, standard.id)
        except FieldError as error:  # the list of collections must not fail because of one of them
            return collections.of_too_many(prefix, self.coverage(standard.id, state), str(error))
        make = collections.of_capacity if prefix == collections.CAPACITY_PREFIX else collections.of_loads
        return make(self.study, summary, standard_capacity)

    @cached_property
    def _areas(self) -> Collection:
        return collections.of_areas(self.study)

    @cached_property
    def _demand(self) -> Collection:
        return collections.of_demand(self.study)

    def find_duplicates(self, category: str | None, least: float = duplicates.MIN_SCORE) -> list[JsonObject]:
        """Pairs of records that are probably the same facility, of a category or of all, the likeliest first.

        Each pair has the members of `DuplicatePair` and ``names``, the names of both. ``least`` is the lowest score of
        a pair, from 0 to 1.
        """
        state = self.states.current()
        frame = self.facilities(state, category)

        def find(least: float) -> list[DuplicatePair]:
            about, areas = self.study.settings, self.study.areas["name"]
            return duplicates.find(frame, about.projection, least=least, areas=areas, categories=self.study.categories)

        if least < duplicates.MIN_SCORE:  # rarely asked; caching each possible number would fill the memory
            pairs = find(least)
        else:
            # The search may take seconds: it has a lock of its own, so that no other question waits for it.
            likely = state.cached(
                category, "duplicates", lambda: find(duplicates.MIN_SCORE), lock=self._duplicates_lock
            )
            pairs = [pair for pair in likely if pair.score >= least]
        return [asdict(pair) | {"names": [frame["name"][pair.a], frame["name"][pair.b]]} for pair in pairs]

    def travel_metadata(self, mode: Mode, result: Ranking | Isochrones, coordinates: str) -> JsonObject:
        """The members that every answer about travel times has.

        ``snapped`` is where the place was snapped to the street network, or null; ``reason`` is why nothing is reached,
        or null; the others are the mode, speed, method and coordinate system, and `study_metadata`.
        """
        snapped = None
        if result.snapped is not None and result.connector_m is not None:
            lon, lat = datums.position_from_wgs84(*result.snapped, coordinates)
            snapped = {
                "lon": round(lon, 7),
                "lat": round(lat, 7),
                "connector_m": round(result.connector_m, 1),
            }
        return {"snapped": snapped, "reason": result.reason, **self._mode_metadata(mode, coordinates)}

    def _make_mode_metadata(self, mode: Mode, coordinates: str) -> JsonObject:
        return {
            "mode": mode,
            "speed_kph": self.travel.speed_kph(mode),
            "method": self.travel.method,
            "coordinate_system": coordinates,
            **self.study_metadata,
        }

    @cached_property
    def study_metadata(self) -> JsonObject:
        """The members that answers have about the study: whether it is a sample, its notice, date and attribution."""
        about = self.study.settings
        return {
            "sample": about.sample,
            "notice": about.notice or None,
            "data_date": about.data_date,
            "attribution": about.attribution or None,
        }
