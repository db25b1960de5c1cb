"""The residential land of the sample: circles around the places where people live, as large as their number needs."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from land import FLAT, Floats, GeometryArray

SQUARE_METRES = {1: 30.0, 0: 100.0}
"""Of residential land for each urban and each rural resident. They are modelled, and no norm's."""
SOURCE = "示例 schematic: 30 m² per urban, 100 m² per rural resident"


def residential_land(
    demand: pd.DataFrame, features: list[dict[str, object]], not_for_homes: GeometryArray
) -> gpd.GeoDataFrame:
    """The land as `geo.study.land` describes it: of each unit what its circles cover, without parks and the river.

    ``features`` are those of the areas, ``not_for_homes`` WGS84 polygons.
    """
    units = gpd.GeoDataFrame.from_features(features, crs="EPSG:4326").set_index("code")
    xy = np.column_stack(FLAT(demand["lon"].to_numpy(), demand["lat"].to_numpy()))
    radii = np.sqrt(demand["population"] * demand["urban"].map(SQUARE_METRES) / np.pi).to_numpy()
    circles = gpd.GeoSeries(shapely.buffer(shapely.points(xy), radii, quad_segs=3), index=demand["area_code"])
    others = _flat(shapely.union_all(not_for_homes))
    rows = []
    for code, own in circles.groupby(level=0):
        land = shapely.union_all(own.to_numpy()).intersection(_flat(units.geometry[code])).difference(others)
        rows += [(code, SOURCE, part) for part in shapely.get_parts(land) if part.area > 1]
    table = gpd.GeoDataFrame(pd.DataFrame(rows, columns=["area_code", "source", "geometry"]), crs="EPSG:4326")
    shapes = shapely.transform(table.geometry.to_numpy(), _degrees)
    return table.set_geometry(shapely.normalize(shapely.make_valid(shapes)), crs="EPSG:4326")


def _flat(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(shape, lambda lonlat: np.column_stack(FLAT(*lonlat.T)))


def _degrees(xy: Floats) -> Floats:
    """Degrees of metres; rounded, so that they are the same on every machine."""
    degrees: Floats = np.column_stack(FLAT(*xy.T, inverse=True)).round(6)
    return degrees
