"""Work on several cores: compiled loops let go of Python's lock, so that threads run them at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_threads: ThreadPoolExecutor


def _start() -> None:
    global _threads
    _threads = ThreadPoolExecutor(max(1, CORES - 1), "core")


_start()
if hasattr(os, "register_at_fork"):  # a fork has none of its parent's threads
    os.register_at_fork(after_in_child=_start)


def map_in_threads(task: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """What ``task`` makes of each of ``parts``, in their order: of the first in this thread, of the others in others.

    ``task`` must not use this function itself.
    """
    others = [_threads.submit(task, part) for part in parts[1:]]
    return [task(parts[0]), *(other.result() for other in others)]
