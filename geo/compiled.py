"""Compiles loops over arrays to machine code with numba.

The compiled code is cached beside the package, or in the folder that ``NUMBA_CACHE_DIR`` names. Compiled loops release
Python's global lock and start no threads of their own: callers with independent work run them with `geo.parallel`.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` on first use, or load it from the cache if a writable cache folder exists."""
    try:
        dispatcher: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's home can be written
        return cast(Callable[Parameters, Result], numba.njit(nogil=True)(function))
    _ignore_unreadable_index(dispatcher._cache._cache_file)
    return cast(Callable[Parameters, Result], dispatcher)


def _ignore_unreadable_index(index_file: Any) -> None:
    """Let numba compile a function again if the index of its cache cannot be read.

    The index names the classes of the function's arguments, and numba unpickles it before it compares the version of
    the source. Without this, a cache that another version of the program wrote would end the program with an
    ImportError as soon as one of these classes is renamed.
    """
    load = index_file._load_index

    def load_or_start_anew() -> dict[object, object]:
        try:
            index: dict[object, object] = load()
        except Exception:  # unpickling can raise anything
            return {}
        return index

    index_file._load_index = load_or_start_anew


unsigned = np.uint32
"""Marks an array index as non-negative, so that numba need not check whether it counts from the end.

This saves a third of the time of the innermost loops.
"""
