"""Named arrays in one file that is mapped into memory: a record of NumPy's own format, each array a field of it."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from geo.arrays import AnyArray

MOST_BYTES = 2**31 - 2**16
"""The size that a record of NumPy may have."""


def write(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write ``arrays`` to ``path``, all or nothing; OSError if it cannot be written."""
    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
        raise OSError(f"{path}: more than {MOST_BYTES / 1e9:.0f} GB do not fit into a record")
    record = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    offsets = {name: field[1] for name, field in (record.fields or {}).items()}
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        # Written, not mapped: on a full disk, writing fails with an error, but touching a map ends the process.
        with draft.open("xb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(record), "fortran_order": False, "shape": (1,)}
            np.lib.format.write_array_header_2_0(file, header)
            begin = file.tell()
            for name, array in arrays.items():
                file.write(bytes(begin + offsets[name] - file.tell()))  # alignment
                file.write(np.ascontiguousarray(array).tobytes())
            file.write(bytes(begin + record.itemsize - file.tell()))
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the name without the content
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, AnyArray]:
    """The arrays of ``path``, mapped: nothing is read before it is used, and what is written to them stays in memory.

    Raises
    ------
    OSError, ValueError
        The file does not exist, or `write` did not write it.
    """
    record = np.lib.format.open_memmap(path, mode="c").view(np.ndarray)
    if record.dtype.names is None or record.shape != (1,):
        raise ValueError(f"{path}: holds no record")
    return {name: record[name][0] for name in record.dtype.names}
