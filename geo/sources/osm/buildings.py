"""Residential buildings of an OpenStreetMap extract, and how much floor they have."""

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geo.arrays import BoolArray, Float64Array
from geo.geodesy.projection import projection
from geo.sources.osm import opl

# Tag:building on the OpenStreetMap wiki: the kinds people live in; an untold "yes" counts unless the building has
# another use.
RESIDENTIAL = {
    "yes",
    "residential",
    "house",
    "detached",
    "semidetached_house",
    "terrace",
    "apartments",
    "bungalow",
    "dormitory",
    "farm",
    "houseboat",
    "static_caravan",
}
OTHER_USES = (
    "amenity",
    "shop",
    "office",
    "tourism",
    "industrial",
    "man_made",
    "power",
    "leisure",
    "public_transport",
)
DEFAULT_LEVELS = 2.0
KEYS = ("area", "building", "building:levels", *OTHER_USES)
"""The keys that what follows reads."""


def lived_in(tags: Mapping[str, str]) -> bool:
    """Whether people live in what has ``tags``."""
    kind = tags.get("building")
    return kind in RESIDENTIAL and (kind != "yes" or not any(key in tags for key in OTHER_USES))


def levels(tags: Mapping[str, str]) -> float:
    """How many storeys a building has."""
    found = opl.number(tags.get("building:levels"))
    return found if found and found <= 200 else DEFAULT_LEVELS


def rings(ways: opl.Ways, lonlat: Float64Array, which: BoolArray) -> tuple[list[float], list[Any], BoolArray]:
    """Storeys and polygons of the buildings among some ways, and which of the buildings cross or touch themselves.

    Parameters
    ----------
    ways : their `Ways.keys` must hold `KEYS`
    lonlat : shape (refs, 2), degrees; of the nodes of ``ways.refs``, NaN where a node is not in the extract
    which : shape (ways,)
    """
    kinds, kind = ways.kinds
    homes = np.array([lived_in(tags) and tags.get("area") != "no" for tags in kinds], dtype=bool)[kind]
    storeys = np.array([levels(tags) for tags in kinds])[kind]
    chosen = homes & which & (ways.lengths > 3)
    lengths, lonlat = ways.lengths[chosen], lonlat[np.repeat(chosen, ways.lengths)]
    last = np.cumsum(lengths) - 1
    whole = (lonlat[last - lengths + 1] == lonlat[last]).all(axis=1)
    whole &= np.bincount(np.repeat(np.arange(len(lengths)), lengths), np.isnan(lonlat[:, 0]), len(lengths)) == 0
    chosen[chosen] = whole
    lengths, lonlat = lengths[whole], lonlat[np.repeat(whole, lengths)]
    shapes = shapely.polygons(shapely.linearrings(lonlat, indices=np.repeat(np.arange(len(lengths)), lengths)))
    simple = shapely.is_valid(shapes)
    odd = chosen.copy()
    odd[chosen] = ~simple
    return storeys[chosen & ~odd].tolist(), list(shapes[simple]), odd


def frame(storeys: Sequence[float], shapes: Sequence[Any]) -> gpd.GeoDataFrame:
    """``floor_m2`` and, as ``geometry``, a point of each building, given how many storeys it has and its outline."""
    outlines = np.array(shapes, dtype=object)
    # An equal-area projection of the world: only the proportions matter.
    square_metres = shapely.area(projection("EPSG:6933").forward(outlines)) if len(outlines) else np.empty(0)
    floor = np.array(storeys) * square_metres
    return gpd.GeoDataFrame({"floor_m2": floor}, geometry=shapely.point_on_surface(outlines), crs="EPSG:4326")
