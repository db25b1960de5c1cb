"""Compiles loops over arrays to machine code with numba.

The compiled code is cached beside the package, or in the folder that ``NUMBA_CACHE_DIR`` names. Compiled loops release
Python's global lock and start no threads of their own: callers with independent work run them with `geo.parallel`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile ``function`` on first use, or load it from the cache if a writable cache folder exists."""
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's home can be written
        return cast(Function, numba.njit(nogil=True)(function))


unsigned = np.uint32
"""Marks an array index as non-negative, so that numba need not check whether it counts from the end.

This saves a third of the time of the innermost loops.
"""
