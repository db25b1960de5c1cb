"""The people of a study that is built: those of the source that live in the place, each with the code of an area.

`geo.sources.build` calls it. `geo.sources.population` reads them from a table or raster, or computes them from
buildings; this module keeps those in the place, scales them, and says which area each row is in.
"""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from geo.errors import InputError
from geo.sources import population
from geo.sources.inputs import Place, Sources
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.study import areas, demand


def collect(
    extract: Extract, sources: Sources, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> pd.DataFrame:
    """Make the study's demand, a frame with the columns that `geo.study.demand` describes.

    Parameters
    ----------
    units : the study's areas, which also tell urban from rural if the source does not
    crs : the study's projection

    Raises
    ------
    InputError
        The source is unusable, or has nobody in the place.
    """
    if sources.population is None:
        people = _of_buildings(extract, sources, place, units, crs, summary)
        origin = "spread over residential buildings by floor area"
    else:
        people = _of_file(sources.population, extract, sources, place, summary)
        origin = f"from {sources.population.name}"
        if sources.people is not None:
            origin += f", scaled to {sources.people:,.0f}"
    people = people.reindex(columns=[*demand.COLUMNS, *people.columns.difference(demand.COLUMNS, sort=False)])
    people["area_code"] = areas.locate(units, people["lon"].to_numpy(), people["lat"].to_numpy(), crs)
    if people["urban"].isna().all():
        people["urban"] = people["area_code"].map(units["urban"].map({True: 1.0, False: 0.0}))
    summary.add("people 人口", people["population"].sum(), origin)
    outside = people["population"][people["area_code"].isna()].sum()
    if outside:
        summary.note(outside, "people are in no area; they count in the total only")
    return people


def _of_buildings(
    extract: Extract, sources: Sources, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> pd.DataFrame:
    buildings = extract.buildings
    if place.outline is not None:
        buildings = buildings[buildings.intersects(place.outline)].reset_index(drop=True)
    codes = areas.locate(units, buildings.geometry.x.to_numpy(), buildings.geometry.y.to_numpy(), crs)
    people, notes = population.from_buildings(buildings, codes, units, sources.people)
    for note in notes:
        summary.note(1, note)
    return people


def _of_file(path: Path, extract: Extract, sources: Sources, place: Place, summary: Summary) -> pd.DataFrame:
    within = shapely.box(*extract.streets.total_bounds) if place.outline is None else place.outline
    people = population.from_file(path, sources.coordinates or "wgs84", within)
    if place.outline is not None:
        inside = shapely.intersects_xy(place.outline, people["lon"], people["lat"])
        if not inside.all():
            summary.left_out(people["population"][~inside].sum(), f"people of {path.name} outside {sources.area}")
        people = people[inside].reset_index(drop=True)
        if not people["population"].sum() > 0:
            raise InputError(f"{path}: nobody in it is in {sources.area}")
    if sources.people is not None:
        if not people["population"].sum() > 0:
            raise InputError(f"{path}: has no people to scale to {sources.people:g}")
        people["population"] *= sources.people / people["population"].sum()
    return people
