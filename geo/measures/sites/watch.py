"""Keeps the time of a search, and tells the caller how far it is."""

import threading
import time
from collections.abc import Callable

import numpy as np

_ASKED_EVERY_S = 0.05


class Watch:
    """Keeps the time of one search: ``with watch:`` around it, so that ``over`` becomes True in time.

    Attributes
    ----------
    over : shape (1,), True as soon as the search has to end; compiled loops look at it
    """

    def __init__(
        self,
        seconds: float,
        stop: Callable[[], bool] | None = None,
        progress: Callable[[float, float], None] | None = None,
    ) -> None:
        self.over = np.zeros(1, dtype=np.bool_)
        self._deadline = time.monotonic() + seconds
        self._stop, self._progress = stop, progress
        self._reported: tuple[float, float] | None = None
        self._ended = threading.Event()

    def __enter__(self) -> "Watch":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.is_set() and not self.is_over():
            self._ended.wait(min(_ASKED_EVERY_S, self.seconds_left()) if self._stop else self.seconds_left())

    def is_over(self) -> bool:
        """Whether the time is over, or the caller wants the search to end."""
        if not self.over[0] and (time.monotonic() >= self._deadline or (self._stop is not None and self._stop())):
            self.over[0] = True
        return bool(self.over[0])

    def seconds_left(self) -> float:
        """How much time is left, at least 0."""
        return 0.0 if self.over[0] else max(0.0, self._deadline - time.monotonic())

    def report(self, value: float, bound: float) -> None:
        """Tell the caller the best value and bound so far, if they are others than before."""
        if self._progress is not None and (value, bound) != self._reported:
            self._reported = (value, bound)
            self._progress(value, bound)
