"""Functions that tests call in a process with limits.

Tests import them as ``tests.support.limited_calls``, under which name the helper process finds them.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from geo.errors import TableError, UnknownNameError

Advance = Callable[[int], None]


def process_ids(advance: Advance) -> tuple[int, int]:
    """The ids of the child and of the helper."""
    return os.getpid(), os.getppid()


def doubled(number: int, advance: Advance) -> int:
    advance(1)
    advance(2)
    return 2 * number


def folder_and_threads(advance: Advance) -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get("OPENBLAS_NUM_THREADS")  # noqa: PTH109


def module_files(names: list[str], advance: Advance) -> list[str | None]:
    return [getattr(sys.modules.get(name) or __import__(name), "__file__", None) for name in names]


def refused(advance: Advance) -> None:
    raise TableError("list.csv", ["row 2 is wrong", "row 3 is wrong"])


def unknown(advance: Advance) -> None:
    raise UnknownNameError("category", "zoo", ["park"])


def broken(advance: Advance) -> None:
    raise KeyError("a defect of ours")


def nested(advance: Advance) -> list[object]:
    """A list with 100,000 levels, which pickle cannot write."""
    result: list[object] = []
    for _ in range(100_000):
        result = [result]
    return result


def endless(advance: Advance) -> None:
    endless(advance)


def too_large(advance: Advance) -> int:
    return len(bytes(5 << 30))


def too_long(advance: Advance) -> None:
    time.sleep(60)


def ended(advance: Advance) -> None:
    os._exit(7)


def too_long_with_a_file(advance: Advance) -> None:
    """Write a temporary file, say where it is, and take too long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "unpacked"
        file.write_bytes(bytes(1000))
        advance(int.from_bytes(str(file).encode(), "big"))
        time.sleep(60)
