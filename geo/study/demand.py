"""Demand: the points where people are, and how many. This module reads, checks and writes them.

A frame of demand is a DataFrame with the columns `COLUMNS`, then further columns of its source. ``lon`` and ``lat`` are
WGS84 degrees; ``population``, ``children_3_6`` and ``elders_65`` are persons; ``area_code`` is the code of the smallest
area, None outside all areas; ``urban`` is 1 or 0. NaN means unknown.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import TableError
from geo.geodesy import datums

COLUMNS = ("lon", "lat", "population", "children_3_6", "elders_65", "area_code", "urban")

_LIMITS = {"lon": (-180, 180), "lat": (-90, 90), "population": (0, 1e9)}
_OPTIONAL_LIMITS = {"children_3_6": (0, 1e9), "elders_65": (0, 1e9), "urban": (0, 1)}


def read(path: Path, coordinates: str = "wgs84") -> pd.DataFrame:
    """Read a CSV file with the columns ``lon, lat, population`` and others, in any order.

    ``lon`` and ``lat`` are degrees in the system ``coordinates`` and are converted to WGS84.

    Raises
    ------
    TableError
        The file cannot be read, lacks a column, or has a value that is no number within its limits, or a row at 0, 0.
    """
    return read_rows(path, coordinates).reset_index(drop=True)


def read_rows(path: Path, coordinates: str = "wgs84") -> pd.DataFrame:
    """As `read`, with an index that numbers the rows as a spreadsheet does: the heading is row 1."""
    demand = _read_csv(path)
    missing = [name for name in _LIMITS if name not in demand]
    if missing:
        raise TableError(path, [f"has no column {', '.join(missing)}; its columns: {', '.join(demand.columns)}"])
    demand.index += 2
    values, problems = numbers(demand, lambda row: f"row {row}")
    demand = demand.assign(**values)
    for name in _OPTIONAL_LIMITS:
        if name not in demand:
            demand[name] = np.nan
    at_origin = demand.index[(demand["lon"] == 0) & (demand["lat"] == 0)]
    problems += [f"row {row}: lon and lat are 0, 0, as where a position is missing; give it or delete the row"
                 for row in at_origin]  # fmt: skip
    if problems:
        raise TableError(path, problems)
    if "area_code" not in demand:
        demand["area_code"] = None
    demand["lon"], demand["lat"] = datums.to_wgs84(demand["lon"], demand["lat"], coordinates)
    codes = demand["area_code"].astype(object)
    demand["area_code"] = codes.where(codes.notna(), None)
    return demand[[*COLUMNS, *demand.columns.difference(COLUMNS, sort=False)]]


def numbers(table: pd.DataFrame, row_name: Callable[[object], str]) -> tuple[pd.DataFrame, list[str]]:
    """The columns of a table that hold numbers of `COLUMNS`, as floats; and what is wrong with their cells.

    An empty cell is wrong in ``lon``, ``lat`` and ``population`` and unknown (NaN) in others. ``row_name`` makes
    “row 3” of a label of the index.
    """
    columns, problems = {}, []
    for name, (least, most) in (_LIMITS | _OPTIONAL_LIMITS).items():
        if name not in table:
            continue
        number = pd.to_numeric(table[name], errors="coerce")
        wrong = ~number.between(least, most)
        if name == "urban":
            wrong |= ~number.isin((0, 1))
        if name in _OPTIONAL_LIMITS:
            wrong &= table[name].notna()
        problems += [
            f"{row_name(row)}: {name} = {str(value)!r} is not a number from {least:g} to {most:g}"
            for row, value in table.loc[wrong, name].items()
        ]
        columns[name] = number.astype(float)
    return pd.DataFrame(columns, index=table.index), problems


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table without its empty rows; the index keeps the position of each row in the file."""
    try:
        with warnings.catch_warnings():
            # Where the first row is longer than the heading, pandas warns and drops or shifts cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                dtype={"area_code": str},
                encoding="utf-8-sig",
                low_memory=False,
                index_col=False,
                skip_blank_lines=False,
            ).dropna(how="all")
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, pd.errors.ParserWarning) as error:  # parser errors and UnicodeDecodeError are ValueErrors
        raise TableError(path, [f"is not a UTF-8 CSV table with one cell for each column: {error}"]) from error


def write(demand: pd.DataFrame, path: Path) -> None:
    """Write a frame of demand as CSV, with seven decimals of a degree (a centimetre)."""
    demand.assign(lon=demand["lon"].round(7), lat=demand["lat"].round(7)).to_csv(path, index=False)
