"""Demand from a population raster, or from residential buildings and the populations of areas."""

import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.arrays import Float64Array
from geo.errors import InputError
from geo.sources import raster


def from_raster(path: Path, within: Any) -> pd.DataFrame:
    """One row for each raster cell with people whose centre is in ``within`` (a WGS84 polygon; None: everywhere).

    Raises
    ------
    InputError
        The file cannot be read as a raster, or no cell with people is inside.
    """
    with raster.opened(path) as dataset:
        from rasterio.transform import xy
        from rasterio.warp import transform as warp
        from rasterio.warp import transform_bounds
        from rasterio.windows import Window, from_bounds, intersect

        window = Window(0, 0, dataset.width, dataset.height)
        if within is not None:
            bounds = transform_bounds("EPSG:4326", dataset.crs, *within.bounds)
            wanted = from_bounds(*bounds, dataset.transform)
            # Whole cells, and one more on each side.
            column, row = math.floor(wanted.col_off) - 1, math.floor(wanted.row_off) - 1
            wanted = Window(column, row, math.ceil(wanted.width) + 3, math.ceil(wanted.height) + 3)
            if not intersect(window, wanted):
                raise InputError(f"{path}: the raster does not touch the area")
            window = window.intersection(wanted)
        cells = dataset.read(1, window=window, masked=True).astype(float).filled(0.0)
        row, column = np.nonzero(np.isfinite(cells) & (cells > 0))
        x, y = xy(dataset.window_transform(window), row, column)
        lon, lat = warp(dataset.crs, "EPSG:4326", np.atleast_1d(x), np.atleast_1d(y))
    if cells.max(initial=0.0) > 1e9:
        raise InputError(f"{path}: a cell has {cells.max():g} people; is it a raster of people in each cell?")
    demand = pd.DataFrame({"lon": lon, "lat": lat, "population": cells[row, column]})
    if within is not None:
        shapely.prepare(within)
        demand = demand[shapely.contains_xy(within, demand["lon"], demand["lat"])]
    if demand.empty:
        raise InputError(f"{path}: no cell with people is in the area")
    return demand.reset_index(drop=True)


def from_buildings(
    buildings: gpd.GeoDataFrame, area: NDArray[Any], areas: gpd.GeoDataFrame, people: float | None
) -> tuple[pd.DataFrame, list[str]]:
    """People spread over residential buildings by floor area.

    Parameters
    ----------
    buildings : GeoDataFrame with ``floor_m2`` and points
    area : shape (buildings,), code of the area each stands in; None outside all
    areas : GeoDataFrame indexed by code, with ``population`` (None unknown)
    people : how many all together, if given; shared out like the areas' own populations where all of these are known,
        else by floor area alone. An area without a building has its people at a point inside it

    Returns
    -------
    DataFrame with ``lon, lat, population``, and notes on areas whose people are unknown.

    Raises
    ------
    InputError
        There are no people to spread, or nothing to spread them over.
    """
    floor_m2 = buildings["floor_m2"].to_numpy()
    pool, known = _pools(areas)
    unknown = areas.index[~areas.index.isin(areas["parent"])].difference(list(pool))
    if people is not None and (len(unknown) or not known.sum() > 0):
        if not floor_m2.sum() > 0:
            raise InputError("the extract has no residential building to spread --people over; give --population")
        population = people * floor_m2 / floor_m2.sum()
        return _points(buildings.geometry.to_numpy(), population), []
    if people is not None:
        known = known * (people / known.sum())
    if known.empty:
        raise InputError("no area has a population in the extract; give --population FILE, or --people N")
    pools = pd.Series([pool.get(code) for code in area], dtype=object)
    floor_of_pool = pd.Series(floor_m2).groupby(pools).sum()
    per_m2 = (known / floor_of_pool.reindex(known.index)).astype(float)
    population = np.nan_to_num(pools.map(per_m2).to_numpy(dtype=float) * floor_m2)
    bare = known.index.difference(floor_of_pool[floor_of_pool > 0].index)
    demand = pd.concat(
        [
            _points(buildings.geometry.to_numpy(), population),
            _points(areas.geometry[bare].representative_point().to_numpy(), known[bare].to_numpy(dtype=float)),
        ],
        ignore_index=True,
    )
    notes = [f"{areas['name'][code]}: no residential building; its people stand at one point" for code in bare]
    notes += [f"{areas['name'][code]}: its population is unknown; nobody counts there" for code in unknown]
    return demand, notes


def _pools(areas: gpd.GeoDataFrame) -> tuple[dict[str, str], pd.Series]:
    """Which area's number the people of each area belong to, and these numbers.

    A village has its own; villages without one share what their town's number leaves. Nobody counts twice.
    """
    pool: dict[str, str] = {}
    known: dict[str, float] = {}
    population = areas["population"].astype(float)
    for code, own in population.items():
        children = population[areas["parent"] == code]
        without = children.index[children.isna()]
        if not np.isnan(own) and (children.empty or len(without)):
            known[code] = max(0.0, own - float(children.sum()))
            pool |= dict.fromkeys([code, *without], code)
    return pool, pd.Series(known, dtype=float)


def _points(points: NDArray[Any], population: Float64Array) -> pd.DataFrame:
    demand = pd.DataFrame({"lon": shapely.get_x(points), "lat": shapely.get_y(points), "population": population})
    return demand[demand["population"] > 0]
