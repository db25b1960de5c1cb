"""Turn restrictions: paths of street edges that cars may not follow. This module checks, reads and writes them.

docs/study.md describes the file.
"""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import StudyError

FILE = "restrictions.parquet"
Path: TypeAlias = tuple[int, ...]
"""Directed edges that follow each other: 2 × the row of the edge in the streets, and one more from v to u."""


def read(path: FilePath, streets: gpd.GeoDataFrame) -> tuple[Path, ...]:
    """Read the turn restrictions among ``streets`` from a Parquet file and check them.

    Raises
    ------
    StudyError
        The file cannot be read, lacks a column, or a row is no path of two or more edges of the streets.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read as Parquet: {error}") from error
    missing = [name for name in ("edges", "forward") if name not in table]
    if missing:
        raise StudyError(f"{path}: has no column {', '.join(missing)}")
    ends = streets[["u", "v"]].to_numpy()
    paths = []
    for row, (edges, forward) in enumerate(zip(table["edges"], table["forward"], strict=True)):
        problem = _problem(edges, forward, ends)
        if problem:
            raise StudyError(f"{path}: row {row}: {problem}")
        paths.append(tuple(2 * int(edge) + (not along) for edge, along in zip(edges, forward, strict=True)))
    return tuple(paths)


def _problem(edges: object, forward: object, ends: np.ndarray) -> str | None:
    """What is wrong with a row; None if nothing is. ``ends`` are the nodes u and v of all streets."""
    if not (isinstance(edges, np.ndarray) and isinstance(forward, np.ndarray)):
        return "edges and forward must be lists"
    if edges.dtype.kind not in "iu" or forward.dtype.kind != "b" or len(edges) != len(forward) or len(edges) < 2:
        return "edges must be two or more row numbers, and forward as many booleans"
    if edges.min() < 0 or edges.max() >= len(ends):
        return f"edges must be rows of the {len(ends)} streets, counted from 0"
    tails, heads = np.where(forward, ends[edges].T, ends[edges].T[::-1])
    return None if np.array_equal(heads[:-1], tails[1:]) else "an edge does not begin where the one before it ends"


def write(paths: Sequence[Path], path: FilePath) -> None:
    """Write turn restrictions to a Parquet file."""
    edges = pd.Series([[directed >> 1 for directed in each] for each in paths], dtype=object)
    forward = pd.Series([[directed & 1 == 0 for directed in each] for each in paths], dtype=object)
    pd.DataFrame({"edges": edges, "forward": forward}).to_parquet(path)
