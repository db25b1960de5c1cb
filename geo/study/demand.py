"""Demand: where people are and how many.

A frame of demand has the columns `COLUMNS` and any more of its source: WGS84 degrees, persons, ``urban`` 1, 0 or NaN,
``area_code`` None outside all areas.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import TableError
from geo.geodesy import datums

COLUMNS = ("lon", "lat", "population", "children_3_6", "elders_65", "area_code", "urban")


def read(path: Path, coordinates: str = "wgs84") -> pd.DataFrame:
    """Demand from a CSV file with ``lon, lat, population`` (persons; degrees in ``coordinates``) and any more columns.

    Raises
    ------
    TableError
        The file cannot be read, lacks a column, or has rows that are not numbers in range; nothing is dropped.
    """
    try:
        with warnings.catch_warnings():
            # A first row longer than the heading would be cut, or shift all columns by one.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            demand = pd.read_csv(
                path,
                dtype={"area_code": str},
                encoding="utf-8-sig",
                low_memory=False,
                index_col=False,
                skip_blank_lines=False,  # so that a row's number is its line's
            ).dropna(how="all")
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, pd.errors.ParserWarning) as error:  # parser errors and UnicodeDecodeError are ValueErrors
        raise TableError(path, [f"is not a UTF-8 CSV table with one cell for each column: {error}"]) from error
    missing = [name for name in ("lon", "lat", "population") if name not in demand]
    if missing:
        raise TableError(path, [f"has no column {', '.join(missing)}; its columns: {', '.join(demand.columns)}"])
    limits = {"lon": (-180, 180), "lat": (-90, 90), "population": (0, 1e9)}
    optional = {"children_3_6": (0, 1e9), "elders_65": (0, 1e9), "urban": (0, 1)}
    problems: list[str] = []
    for name, (least, most) in (limits | optional).items():
        if name not in demand:
            demand[name] = np.nan
            continue
        number = pd.to_numeric(demand[name], errors="coerce")
        wrong = ~number.between(least, most)
        if name == "urban":
            wrong |= ~number.isin((0, 1))
        if name in optional:
            wrong &= demand[name].notna()
        problems += [
            f"row {row + 2}: {name} = {str(value)!r} is not a number from {least:g} to {most:g}"
            for row, value in demand.loc[wrong, name].items()
        ]
        demand[name] = number.astype(float)
    if problems:
        raise TableError(path, problems)
    if "area_code" not in demand:
        demand["area_code"] = None
    demand["lon"], demand["lat"] = datums.to_wgs84(demand["lon"], demand["lat"], coordinates)
    codes = demand["area_code"].astype(object)
    demand["area_code"] = codes.where(codes.notna(), None)
    demand = demand.reset_index(drop=True)
    return demand[[*COLUMNS, *demand.columns.difference(COLUMNS, sort=False)]]


def write(demand: pd.DataFrame, path: Path) -> None:
    """Write a frame of demand as CSV; seven decimals of a degree are a centimetre."""
    demand.assign(lon=demand["lon"].round(7), lat=demand["lat"].round(7)).to_csv(path, index=False)
