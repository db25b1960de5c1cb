"""Files of arrays: whatever damages one, it is refused."""

from pathlib import Path

import numpy as np
import pytest

from geo.traveltime import mapped_arrays

ARRAYS = {
    "seconds": np.arange(5, dtype=np.float32),
    "open": np.array([True, False]),
    "heads": np.arange(3, dtype=np.int32),
    "nothing": np.empty(0, np.int64),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("arrays") / "walk.npy"
    mapped_arrays.write(path, ARRAYS)
    read = mapped_arrays.read(path)
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    return path.read_bytes()


def is_refused(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        mapped_arrays.read(path)
    except (OSError, ValueError):
        return True
    return False


def test_one_flipped_bit_anywhere_is_noticed(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "walk.npy"
    assert not is_refused(path, written)
    for position in range(len(written)):
        damaged = bytearray(written)
        damaged[position] ^= 1 << position % 8
        assert is_refused(path, bytes(damaged)), position


def test_file_that_is_cut_short_or_goes_on_is_refused(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "walk.npy"
    assert all(is_refused(path, written[:length]) for length in range(len(written)))
    assert is_refused(path, written + b"\0")
    assert is_refused(path, written + written)


def test_file_under_another_name_is_refused(written: bytes, tmp_path: Path) -> None:
    assert is_refused(tmp_path / "drive.npy", written)
    assert is_refused(tmp_path / "drive.npy", b"\x93NUMPY")
