"""Compiles loops over arrays to machine code with numba.

The compiled code is cached beside the package, or in the folder that ``NUMBA_CACHE_DIR`` names. Compiled loops release
Python's global lock and start no threads of their own: callers with independent work run them with `geo.parallel`.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile ``function`` on first use, or load it from the cache if a writable cache folder exists."""
    try:
        return cast(Callable[Parameters, Result], numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's home can be written
        return cast(Callable[Parameters, Result], numba.njit(nogil=True)(function))


unsigned = np.uint32
"""Marks an array index as non-negative, so that numba need not check whether it counts from the end.

This saves a third of the time of the innermost loops.
"""
