"""The state of the register that answers are computed from, the cache of what was computed, and when it expires.

* A computed value belongs to one category of facilities, or to all of them. It expires when a facility of that category
  changes, or of any category where it belongs to all, and when a new day begins (`RegisterState.take_over`).
* An encoded response expires with the state, so with any change of the register and with a new day.
* `StateTracker.current` notices both: it compares the database's data version and the day with those of the last state.
* A state of another day (`RegisterState.on_day`) is made of the current one and expires with it. Only the states of the
  `MAX_DAYS` days and categories that were last asked for are kept.
* `service.register.history` raises the revision of each category that it changes. The revisions tell which computed
  values have expired.
"""

import hashlib
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cached_property
from threading import Lock, RLock
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

from cachetools import LRUCache

from geo.study.study import Study
from service.register.register import Register

RESPONSE_CACHE_BYTES = 64 * 2**20
MAX_DAYS = 12
"""How many states of other days are kept: three days of a study with four categories."""
T = TypeVar("T")


@dataclass(frozen=True)
class RegisterState:
    """The register at one revision on one day, with what was computed of it.

    Attributes
    ----------
    revisions : the revision number of each category, and under the empty name that of the whole register
    today : the day that answers hold for, in the study's time zone
    data_version : the database's data version when the register was read; None where it has none
    tag : 32 bytes that differ between two states whose answers may differ
    modified : when answers may last have changed (UTC)
    computed : computed values, by category (None: all categories) and name
    responses : encoded response bodies, by entity tag; only the event loop's thread may use them
    base : the current state, if this one is of another day; else None
    days : the states of other days, by category and day, see `on_day`
    """

    revisions: dict[str, int]
    today: date
    data_version: int | None
    tag: bytes
    modified: datetime
    lock: AbstractContextManager[object] = field(default_factory=RLock, repr=False, compare=False)
    computed: dict[tuple[str | None, Hashable], object] = field(default_factory=dict)
    responses: LRUCache[bytes, bytes] = field(default_factory=lambda: LRUCache(RESPONSE_CACHE_BYTES, getsizeof=len))
    base: "RegisterState | None" = field(default=None, repr=False, compare=False)
    days: LRUCache[tuple[str, date], "RegisterState"] = field(
        default_factory=lambda: LRUCache(MAX_DAYS), repr=False, compare=False
    )
    days_lock: AbstractContextManager[object] = field(default_factory=Lock, repr=False, compare=False)
    days_computing: AbstractContextManager[object] = field(default_factory=RLock, repr=False, compare=False)

    @cached_property
    def modified_timestamp(self) -> float:
        """``modified`` in seconds since 1970."""
        return self.modified.timestamp()

    @cached_property
    def last_modified(self) -> str:
        """``modified`` in the form of a Last-Modified header."""
        return format_datetime(self.modified, usegmt=True)

    def cached(
        self,
        category: str | None,
        name: Hashable,
        compute: Callable[[], T],
        lock: AbstractContextManager[object] | None = None,
    ) -> T:
        """The value called ``name`` of ``category``; ``compute`` runs only once, even if several threads ask.

        Parameters
        ----------
        category : the category whose changes make the value expire; None: a change of any category does
        name : distinguishes the values of a category
        compute : makes the value, which must not be None
        lock : held while computing; default: the lock that most values share
        """
        key = category, name
        value = self.computed.get(key)
        if value is None:
            with lock or self.lock:
                value = self.computed.get(key)
                if value is None:
                    self.computed[key] = value = compute()
        return cast(T, value)

    def on_day(self, category: str, day: date) -> "RegisterState":
        """The same register on another ``day``, for values of ``category``; the latest `MAX_DAYS` of them are kept.

        Their values share one lock, so that all questions about other days together occupy one core.
        """
        with self.days_lock:
            state = self.days.get((category, day))
            if state is None:
                state = replace(self, today=day, lock=self.days_computing, computed={}, base=self)
                self.days[category, day] = state
            return state

    def take_over(self, previous: "RegisterState") -> "RegisterState":
        """Copy from ``previous`` the computed values of all categories that have not changed since; return self."""
        if previous.today == self.today:
            values = list(previous.computed.items())  # a copy, because other threads may be adding values
            for (category, name), value in values:
                if category is not None and self.revisions.get(category) == previous.revisions.get(category):
                    self.computed[category, name] = value
        return self


class StateTracker:
    """Follows the register and the calendar, and makes a new state when either has changed.

    Parameters
    ----------
    register, study : what answers are computed from
    version_hash : 32 bytes that identify what is fixed while the program runs: the program's files, the study's files,
        the register (not its content) and the settings that answers depend on
    version_modified : when the program or the study's files were last changed (UTC)

    Attributes
    ----------
    batch_state : the state for all requests that the event loop has received together; None before the first of them
    """

    def __init__(self, register: Register, study: Study, version_hash: bytes, version_modified: datetime) -> None:
        self._register, self._study = register, study
        self._version_hash, self._version_modified = version_hash, version_modified
        self._computing, self._replacing = RLock(), Lock()
        self._last: RegisterState | None = None
        self.batch_state: RegisterState | None = None

    def end_batch(self) -> None:
        """Make requests that arrive from now on look at the register again."""
        self.batch_state = None

    def current(self) -> RegisterState:
        """The state of the register now; reads the register if it has changed."""
        return self.current_if_unchanged() or self._read()

    def current_if_unchanged(self) -> RegisterState | None:
        """The last state if it still holds, which the database's data version tells quickly; else None."""
        state, data_version = self._last, self._register.database.data_version()
        unchanged = (
            state is not None
            and data_version is not None
            and state.data_version == data_version
            and state.today == self._study.today()
        )
        return state if unchanged else None

    def _read(self) -> RegisterState:
        # The data version is read first: if the register changes while it is read, the next version differs.
        data_version = self._register.database.data_version()
        revisions, today = self._register.revisions(), self._study.today()
        with self._replacing:
            last = self._last
            if last is not None and (last.revisions, last.today) == (revisions, today):
                self._last = replace(last, data_version=data_version)
                return self._last
            tag = hashlib.blake2b(repr((sorted(revisions.items()), today)).encode(), key=self._version_hash).digest()
            midnight = datetime.combine(today, time(), ZoneInfo(self._study.settings.timezone))
            changes = [self._version_modified, midnight, *filter(None, [self._register.last_changed()])]
            state = RegisterState(revisions, today, data_version, tag, max(changes).astimezone(UTC), self._computing)
            self._last = state if last is None else state.take_over(last)
            return self._last
