"""Which people of a study that is built are urban and which are rural: as the sources say, or by the population grid.

`geo.sources.build` calls it. `geo.sources.urbanisation` computes the classes of the grid; this module decides whether
they are needed, adds the people whom the source has beyond the border, and says what came of it.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InputError
from geo.sources import inputs, people_raster, people_shapes, urbanisation
from geo.sources.inputs import Place, Sources
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.sources.urbanisation import CENTRE, CLUSTER, RURAL
from geo.study import demand

_ROUNDING = 1e-6
CLASS_NAMES = {CENTRE: "urban centre 城市中心", CLUSTER: "urban cluster 城镇聚居区", RURAL: "rural grid cells 农村"}


def tell_apart(
    people: pd.DataFrame, scale: float, extract: Extract, sources: Sources, place: Place, crs: str, summary: Summary
) -> bool:
    """Complete the column ``urban`` of the study's ``people``; return whether it comes from the population grid.

    Parameters
    ----------
    people : the study's demand, in which ``urban`` is what the areas or the source of people say
    scale : by which the people of the source were multiplied
    crs : the study's projection
    """
    is_stated = bool(people["urban"].notna().any())
    choice = sources.urban
    if choice is None:
        choice = "stated" if is_stated or sources.population is None else "grid"
    if choice == "none":
        people["urban"] = np.nan
    if choice != "grid":
        if choice == "stated" and not is_stated:
            remark = "people are neither urban nor rural: neither the areas nor the population says"
            summary.note(
                people["population"].sum(), remark + ("; --urban grid computes it" if not sources.urban else "")
            )
        return False
    stated = people["urban"].copy()
    if not _by_grid(people, _beyond(scale, extract, sources, place, crs, summary), sources, summary):
        return False
    contradicting = people["population"][stated.notna() & (stated != people["urban"])].sum()
    if contradicting:
        summary.note(
            contradicting, "people are urban in one and rural in the other of the source and the grid, which counts"
        )
    return True


def _by_grid(people: pd.DataFrame, beyond: pd.DataFrame, sources: Sources, summary: Summary) -> bool:
    """Set ``urban`` of ``people`` by the grid of them and those ``beyond``; False if the grid would be too large."""
    everybody = pd.concat([people[list(beyond.columns)], beyond])
    total = people["population"].sum()
    result = urbanisation.of_points(
        everybody[["lon", "lat"]].to_numpy(), everybody["population"].to_numpy(), len(people)
    )
    if result is None:
        summary.note(total, "people are spread over too large an area to compute urban and rural from a grid")
        return False
    people["urban"] = np.where(result.classes == RURAL, 0.0, 1.0)
    for number in (CENTRE, CLUSTER, RURAL):
        remark = f"people, in {result.cells[number]:,} cells of 1 km²"
        summary.add(CLASS_NAMES[number], people["population"][result.classes == number].sum(), remark)
    summary.note(
        total,
        "people are urban (centres and clusters) or rural by the population grid: this program's own computation by "
        "the Degree of Urbanisation (Eurostat and UN 2021), not the statistics bureau's 统计用城乡划分",
    )
    if beyond["population"].sum() > 0:
        summary.note(beyond["population"].sum(), "people beyond the border count towards the clusters that it cuts")
    else:
        summary.note(
            1, "the population ends at the border: a cluster that goes on beyond it counts only what is inside"
        )
    crowded = people["population"] >= urbanisation.DENSE
    if crowded.any():
        remark = f"people are at single points of {urbanisation.DENSE:,.0f} and more: each counts in one cell of 1 km²"
        summary.note(people["population"][crowded].sum(), remark)
    if sources.population is None:
        summary.note(total, "people were spread over buildings by floor area: urban and rural are no better than that")
    return True


def _beyond(scale: float, extract: Extract, sources: Sources, place: Place, crs: str, summary: Summary) -> pd.DataFrame:
    """The people of the source within the margin beyond the border: ``lon``, ``lat`` and ``population``."""
    columns, path = ["lon", "lat", "population"], sources.population
    nobody = pd.DataFrame(columns=columns, dtype=float)
    is_table = path is not None and path.suffix.lower() == ".csv"
    # A table without an area is taken with all rows of the margin already.
    if path is None or (is_table and place.outline is None):
        return nobody
    outline = place.outline
    if outline is None:
        outline = shapely.box(*extract.streets.total_bounds).buffer(_ROUNDING)
    try:
        ring = shapely.difference(inputs.widened(outline, sources.margin_m), outline)
        if is_table:
            rows = demand.read_rows(path, sources.coordinates or "wgs84")
            points = rows[shapely.intersects_xy(ring, rows["lon"], rows["lat"])]
        else:
            if path.suffix.lower() in people_shapes.ENDINGS:
                shapes, _ = people_shapes.read(path, sources.coordinates, crs)
            else:
                shapes = people_raster.read(path, ring, "the surroundings", np.inf, crs).people
            nowhere = gpd.GeoDataFrame({"floor_m2": []}, geometry=[], crs="EPSG:4326")
            points, _ = people_shapes.at_points(shapes, ring, nowhere, nowhere, crs)
    except InputError as error:
        summary.note(1, f"people beyond the border are not known: {error}")
        return nobody
    return points[columns].assign(population=points["population"] * scale)
