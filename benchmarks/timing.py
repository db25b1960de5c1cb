"""Measures times of tasks in turn, the peak memory of a process, and the bandwidth of the memory."""

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

TURN_S = 0.02
"""The least seconds of a turn: short tasks are run several times."""


def clock(task: Callable[[], object]) -> float:
    """Seconds that ``task`` takes."""
    begin = time.perf_counter()
    task()
    return time.perf_counter() - begin


@contextmanager
def quiet() -> Iterator[None]:
    """Switch the garbage collector off, and leave the objects that exist out of its next run."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def interleaved(tasks: Mapping[str, Callable[[], object]], rounds: int, patience_s: float) -> dict[str, float]:
    """The least seconds of each task, run in turn after a warm-up.

    A task has ``rounds`` turns, or as many as fit into ``patience_s`` seconds, but at least three. If one run takes
    longer than that, the warm-up is the measurement. A turn is one run, or as many runs as fill `TURN_S` seconds.
    """
    with quiet():
        best = {name: clock(task) for name, task in tasks.items()}
        left = {
            name: 0 if seconds > patience_s else min(rounds, max(3, int(patience_s / seconds)))
            for name, seconds in best.items()
        }
        best |= {name: np.inf for name, runs in left.items() if runs}
        for turn in range(rounds):
            for name, task in tasks.items():
                begin = time.perf_counter()
                while turn < left[name]:
                    best[name] = min(best[name], clock(task))
                    if time.perf_counter() - begin >= TURN_S:
                        break
    return {name: float(seconds) for name, seconds in best.items()}


def peak_gb() -> float:
    """The peak memory of this process, in GB (1e9 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def bandwidth_gb_s(rounds: int, megabytes: int) -> float:
    """GB read and written per second when one core copies a large array, as STREAM's copy counts it."""
    source = np.ones(megabytes * 1_000_000 // 8)
    target = np.zeros_like(source)
    seconds = interleaved({"copy": lambda: np.copyto(target, source)}, rounds, patience_s=60.0)["copy"]
    return 2 * source.nbytes / seconds / 1e9
