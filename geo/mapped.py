"""Named arrays in one file that is mapped into memory: a record of NumPy's own format, each array a field of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path``, all or nothing; OSError if it cannot be written."""
    kind = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        record = np.lib.format.open_memmap(draft, mode="w+", dtype=kind, shape=(1,))
        for name, array in arrays.items():
            record[name][0] = array
        record.flush()
        del record
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of ``path``, mapped: nothing is read before it is needed, and what is written to them stays in memory.

    Raises
    ------
    OSError, ValueError
        The file is not there, or none that `write` wrote.
    """
    record = np.lib.format.open_memmap(path, mode="c").view(np.ndarray)
    if record.dtype.names is None or record.shape != (1,):
        raise ValueError(f"{path}: holds no record")
    return {name: record[name][0] for name in record.dtype.names}
