"""Named arrays in one file that is mapped into memory: a record of NumPy's own format, each array a field of it.

The file ends with a checksum of its name and of all bytes before. So a damaged file is noticed, and so is a file that
was written under another name.
"""

import mmap
import os
import secrets
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from geo.arrays import AnyArray

MOST_BYTES = 2**31 - 2**16
"""The size that a record of NumPy may have."""
_CHECKSUM_BYTES = 4


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
            file.write(_checksum(draft, path.name))
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the name without the content
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, AnyArray]:
    """The arrays of ``path``, mapped: they take no memory of their own, and what is written to them stays in memory.

    Raises
    ------
    OSError, ValueError
        The file does not exist, is not what `write` wrote under this name, or is damaged.
    """
    with path.open("rb") as file:
        file.seek(-_CHECKSUM_BYTES, os.SEEK_END)
        checksum = file.read()
    if checksum != _checksum(path, path.name, leave=_CHECKSUM_BYTES):
        raise ValueError(f"{path}: is damaged, or was written under another name")
    record = np.lib.format.open_memmap(path, mode="c").view(np.ndarray)
    if record.dtype.names is None or record.shape != (1,):
        raise ValueError(f"{path}: holds no record")
    return {name: record[name][0] for name in record.dtype.names}


def _checksum(path: Path, name: str, leave: int = 0) -> bytes:
    """The CRC-32 of a name and of the bytes of a file, without the last ``leave`` bytes.

    It notices each change of up to 32 bits in a row, and reads some gigabytes a second.
    """
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
        view[: len(view) - leave] as checked,
    ):
        return zlib.crc32(checked, zlib.crc32(name.encode())).to_bytes(_CHECKSUM_BYTES, "little")
