"""Runs work in threads: compiled loops release Python's global lock, so that several run at the same time."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Processor cores that this process may use."""
_executor: ThreadPoolExecutor


def _start_threads() -> None:
    global _executor
    _executor = ThreadPoolExecutor(max(1, CORES - 1), "core")


_start_threads()
if hasattr(os, "register_at_fork"):  # a forked process has no threads but the one that forked
    os.register_at_fork(after_in_child=_start_threads)


def map_in_threads(task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results of ``task`` for each of ``items``, in their order.

    The first item is worked on in the calling thread, the others in the pool's threads. ``task`` must not call this
    function itself, since it would wait for threads that wait for it.
    """
    futures = [_executor.submit(task, item) for item in items[1:]]
    return [task(items[0]), *(future.result() for future in futures)]
