"""Helpers for tests that write a small file and read it back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geo.errors import TableError


def write_lines(folder: Path, name: str, *lines: str) -> Path:
    """Write a text file and return its path."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_features(folder: Path, name: str, *features: object) -> Path:
    """Write a GeoJSON FeatureCollection and return its path."""
    return write_lines(folder, name, json.dumps({"type": "FeatureCollection", "features": features}))


def problems_of(read: Callable[[Path], object], path: Path) -> list[str]:
    """Return the problems of the TableError that ``read`` must raise for ``path``, and check that it names the file."""
    with pytest.raises(TableError) as caught:
        read(path)
    assert path.name in str(caught.value)
    return caught.value.problems
