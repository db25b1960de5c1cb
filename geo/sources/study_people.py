"""The people of a study that is built: those of the source that live in the place, each with the code of an area.

`geo.sources.build` calls it. People come from a table of points, from polygons (`people_shapes`), from a raster
(`people_raster`), or from buildings (`population`); this module keeps those in the place, scales them, says which area
each row is in, and accounts for those that it leaves out.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InputError
from geo.geodesy.projection import projection
from geo.sources import inputs, people_raster, people_shapes, population
from geo.sources.inputs import Place, Sources
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.study import areas, demand

_OTHER_TABLES = (".xlsx", ".xls", ".ods", ".txt", ".tsv")
_NAMED_ROWS = 5
_ROUNDING = 1e-6


def collect(
    extract: Extract, sources: Sources, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> tuple[pd.DataFrame, float]:
    """Make the study's demand, a frame with the columns that `geo.study.demand` describes.

    Returns it and the factor by which the people of the source were multiplied.

    Parameters
    ----------
    units : the study's areas, which also tell urban from rural if the source does not
    crs : the study's projection

    Raises
    ------
    InputError
        The source is unusable, or has nobody in the place.
    """
    path, scale = sources.population, 1.0
    if path is None:
        people = _of_buildings(extract, sources, place, units, crs, summary)
        origin = "spread over residential buildings by floor area"
    else:
        if path.suffix.lower() in _OTHER_TABLES:
            raise InputError(f"{path}: save it as .csv with the columns lon, lat, population")
        if path.suffix.lower() == ".csv":
            people = _of_table(path, extract, sources, place, summary)
        else:
            people = _of_shapes(path, extract, sources, place, units, crs, summary)
        origin = f"from {path.name}"
        if sources.people is not None:
            scale = sources.people / people["population"].sum()
            origin += _scale(people, sources.people, path)
    people = people.reindex(columns=[*demand.COLUMNS, *people.columns.difference(demand.COLUMNS, sort=False)])
    stated = people["area_code"]
    people["area_code"] = areas.locate(units, people["lon"].to_numpy(), people["lat"].to_numpy(), crs)
    contradicting = people["population"][stated.notna() & (stated != people["area_code"])].sum()
    if contradicting:
        summary.note(contradicting, "people have an area_code in which they do not lie; the area they lie in counts")
    if people["urban"].isna().all():
        people["urban"] = people["area_code"].map(units["urban"].map({True: 1.0, False: 0.0}))
    summary.add("people 人口", people["population"].sum(), origin)
    outside = people["population"][people["area_code"].isna()].sum()
    if outside:
        summary.note(outside, "people are in no area; they count in the total only")
    return people, scale


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


def _of_table(path: Path, extract: Extract, sources: Sources, place: Place, summary: Summary) -> pd.DataFrame:
    """The people of a CSV table in the area; without an area, those not far from the extract's streets."""
    people = demand.read_rows(path, sources.coordinates or "wgs84")
    parts = people[["children_3_6", "elders_65"]].sum(axis=1) > people["population"] * (1 + _ROUNDING)
    if parts.any():
        remark = f"rows of {path.name} have more children and elders than people, the first is row {parts.idxmax()}"
        summary.note(parts.sum(), remark)
    within = place.outline
    if within is None:
        within = inputs.widened(shapely.box(*extract.streets.total_bounds), sources.margin_m)
    inside = shapely.intersects_xy(within, people["lon"], people["lat"])
    outside = people[~inside]
    if not people["population"][inside].sum() > 0:
        first = "" if outside.empty else f"; row {outside.index[0]} is at {_position(outside.iloc[0])}"
        raise InputError(f"{path}: nobody in it is in {_name(place)}{first}")
    if len(outside):
        remark = f"people of {path.name} outside {_name(place)}, in {len(outside):,} rows"
        if place.outline is None:  # a row far from all streets is a mistake, so it is named
            rows = "; ".join(f"row {row} at {_position(person)}" for row, person in outside[:_NAMED_ROWS].iterrows())
            remark += f": {rows}" + ("; …" if len(outside) > _NAMED_ROWS else "")
        summary.left_out(outside["population"].sum(), remark)
    total = people["population"].sum()
    kept = people["population"][inside].sum()
    summary.account("people", path.name, total, {"in the area": kept}, {"outside": total - kept})
    return people[inside].reset_index(drop=True)


def _position(row: pd.Series) -> str:
    return f"{row['lon']:.6g}, {row['lat']:.6g}"


def _name(place: Place) -> str:
    return place.name if place.outline is not None else "the extract"


def _of_shapes(
    path: Path, extract: Extract, sources: Sources, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> pd.DataFrame:
    """The people of a raster or of polygons in the area; without an area, in the bounds of the extract's streets."""
    outline = place.outline
    if outline is None:
        outline = shapely.box(*extract.streets.total_bounds).buffer(_ROUNDING)
    if path.suffix.lower() in people_shapes.ENDINGS:
        shapes, remarks = people_shapes.read(path, sources.coordinates, crs)
        for remark in remarks:
            summary.note(1, f"{path.name}: {remark}")
    else:
        metric = projection(crs)
        m2 = shapely.area(metric.forward(np.append(units.geometry.to_numpy(), outline)))
        cells = people_raster.read(path, outline, _name(place), float(m2[m2 > 0].min(initial=np.inf)), crs)
        shapes = cells.people
        for amount, remark in cells.notes:
            summary.note(amount, remark)
        for amount, remark in cells.left_out:
            summary.left_out(amount, remark)
    people, share_inside = people_shapes.at_points(shapes, outline, units, extract.buildings, crs)
    if not people["population"].sum() > 0:
        raise InputError(f"{path}: nobody in it is in {_name(place)}")
    touching = share_inside > 0
    cut = shapes["population"] * np.where(touching, 1 - share_inside, 0.0)
    if cut.sum() > _ROUNDING:
        number = (cut > _ROUNDING).sum()
        remark = f"people of {path.name} outside {_name(place)}, by area, in {number:,} shapes that its border cuts"
        summary.left_out(cut.sum(), remark)
    if not touching.all():
        summary.left_out(shapes["population"][~touching].sum(), f"people of {path.name} outside {_name(place)}")
    left_out = {
        "outside, in shapes that the border cuts": cut.sum(),
        "outside": shapes["population"][~touching].sum(),
    }
    kept = people["population"].sum()
    summary.account("people", path.name, shapes["population"].sum(), {"in the area": kept}, left_out)
    return people


def _scale(people: pd.DataFrame, total: float, path: Path) -> str:
    """Scale people, children and elders to a total of people; return what to say of it."""
    read = people["population"].sum()
    factor = total / read
    for name in people_shapes.PERSONS:
        if name in people:
            people[name] *= factor
    return f", {read:,.0f} scaled by {factor:.4g} to {total:,.0f}"
