"""People spread over residential buildings by the populations of areas, where no table or raster of people is given.

`geo.sources.study_people` calls it.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import Float64Array, GeometryArray, ObjectArray
from geo.errors import InputError


def from_buildings(
    buildings: gpd.GeoDataFrame, codes: ObjectArray, areas: gpd.GeoDataFrame, total: float | None
) -> tuple[pd.DataFrame, list[str]]:
    """People spread over residential buildings in proportion to their floor area.

    The people of each area are spread over its own buildings; those of an area without buildings are put at one point
    inside it.

    Parameters
    ----------
    buildings : GeoDataFrame with ``floor_m2`` and points
    codes : shape (buildings,), code of the area that each building is in; None outside all areas
    areas : GeoDataFrame indexed by code, with ``name``, ``parent`` and ``population`` (None unknown)
    total : how many people there are in total. They are divided among areas in proportion to the areas' populations if
        all of these are known, else spread over all buildings alike. None takes the areas' populations as they are

    Returns
    -------
    DataFrame with ``lon, lat, population``, and notes on areas whose people are unknown or stand at one point.

    Raises
    ------
    InputError
        There are no people to spread, or nothing to spread them over.
    """
    floor_m2 = buildings["floor_m2"].to_numpy()
    pool_of_area, people_of_pool = _pools(areas)
    unknown = areas.index[~areas.index.isin(areas["parent"])].difference(list(pool_of_area))
    if total is not None and (len(unknown) or not people_of_pool.sum() > 0):
        if not floor_m2.sum() > 0:
            raise InputError("the extract has no residential building to spread --people over; give --population")
        return _at_points(buildings.geometry.to_numpy(), total * floor_m2 / floor_m2.sum()), []
    if total is not None:
        people_of_pool = people_of_pool * (total / people_of_pool.sum())
    if people_of_pool.empty:
        raise InputError("no area has a population in the extract; give --population FILE, or --people N")
    pools = pd.Series([pool_of_area.get(code) for code in codes], dtype=object)
    floor_of_pool = pd.Series(floor_m2).groupby(pools).sum()
    people_per_m2 = (people_of_pool / floor_of_pool.reindex(people_of_pool.index)).astype(float)
    population = np.nan_to_num(pools.map(people_per_m2).to_numpy(dtype=float) * floor_m2)
    without_floor = people_of_pool.index.difference(floor_of_pool[floor_of_pool > 0].index)
    points_inside = areas.geometry[without_floor].representative_point().to_numpy()
    people = pd.concat(
        [
            _at_points(buildings.geometry.to_numpy(), population),
            _at_points(points_inside, people_of_pool[without_floor].to_numpy(dtype=float)),
        ],
        ignore_index=True,
    )
    names = areas["name"]
    notes = [f"{names[code]}: has no residential building; its people are put at one point" for code in without_floor]
    notes += [f"{names[code]}: its population is unknown; nobody counts there" for code in unknown]
    return people, notes


def _pools(areas: gpd.GeoDataFrame) -> tuple[dict[str, str], pd.Series]:
    """Which areas share a known number of people, so that nobody counts twice.

    A village with a population of its own is a pool of its own. The villages of a town that have none share what the
    town's population leaves after those that have one.

    Returns
    -------
    The pool that each area belongs to (the code of the area whose population it is), and the people of each pool.
    """
    pool_of_area: dict[str, str] = {}
    people_of_pool: dict[str, float] = {}
    population = areas["population"].astype(float)
    for code, own in population.items():
        children = population[areas["parent"] == code]
        without = children.index[children.isna()]
        if not np.isnan(own) and (children.empty or len(without)):
            people_of_pool[code] = max(0.0, own - float(children.sum()))
            pool_of_area |= dict.fromkeys([code, *without], code)
    return pool_of_area, pd.Series(people_of_pool, dtype=float)


def _at_points(points: GeometryArray, population: Float64Array) -> pd.DataFrame:
    people = pd.DataFrame({"lon": shapely.get_x(points), "lat": shapely.get_y(points), "population": population})
    return people[people["population"] > 0]
