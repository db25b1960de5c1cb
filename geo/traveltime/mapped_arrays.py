"""Named arrays in one file that is mapped into memory: a record of NumPy's own format, each array a field of it."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 2**31 - 2**16
"""What NumPy's records can hold."""


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path``, all or nothing; OSError if it cannot be written."""
    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
        raise OSError(f"{path}: more than {MOST_BYTES / 1e9:.0f} GB do not fit into a record")
    kind = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    offsets = {name: place[1] for name, place in (kind.fields or {}).items()}
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        # Written, not mapped: where the disk is full, that is an error and not the end of the process.
        with draft.open("xb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (1,)}
            np.lib.format.write_array_header_2_0(file, header)
            begin = file.tell()
            for name, array in arrays.items():
                file.write(bytes(begin + offsets[name] - file.tell()))  # alignment
                file.write(np.ascontiguousarray(array).tobytes())
            file.write(bytes(begin + kind.itemsize - file.tell()))
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves the name without the content
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
