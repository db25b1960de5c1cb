"""Residential buildings of an OpenStreetMap extract, and how much floor they have.

`geo.sources.population` spreads people over them where no table or raster of people is given.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.geodesy.projection import projection
from geo.sources.osm import tag_values
from geo.sources.osm.elements import Ways

# Values of the building tag that people live in (Tag:building on the OpenStreetMap wiki). "yes" says nothing of the
# use: it counts unless another tag gives the building a use.
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
MAX_LEVELS = 200
KEYS = ("area", "building", "building:levels", *OTHER_USES)
"""The keys that the rules below read."""


class WayBuildings(NamedTuple):
    """Residential buildings drawn as closed ways.

    ``levels`` are the storeys of each, ``outlines`` their WGS84 polygons. ``invalid``, shape (ways,), tells which ways
    are buildings whose outline is not closed, lacks a node, or crosses or touches itself; these have neither levels nor
    an outline here. ``used``, of the same shape, tells which ways the others are.
    """

    levels: list[float]
    outlines: list[BaseGeometry]
    invalid: BoolArray
    used: BoolArray


def is_residential(tags: Mapping[str, str]) -> bool:
    """Whether people live in an object with these tags."""
    use = tags.get("building")
    return use in RESIDENTIAL and (use != "yes" or all(key not in tags for key in OTHER_USES))


def levels(tags: Mapping[str, str]) -> float:
    """How many storeys a building has; `DEFAULT_LEVELS` where its tags do not tell a credible number."""
    value = tag_values.number(tags.get("building:levels"))
    return value if value and value <= MAX_LEVELS else DEFAULT_LEVELS


def from_ways(ways: Ways, lonlat: Float64Array, candidates: BoolArray) -> WayBuildings:
    """The residential buildings among some ways.

    Parameters
    ----------
    ways : their `Ways.keys` must contain `KEYS`
    lonlat : shape (nodes, 2), degrees of each of ``ways.node_ids``; NaN where a node is not in the extract
    candidates : shape (ways,), the ways to look at
    """
    is_home = np.array([is_residential(tags) and tags.get("area") != "no" for tags in ways.tag_sets], dtype=bool)
    levels_of_set = np.array([levels(tags) for tags in ways.tag_sets])
    # A ring has at least four nodes, the first and last being the same.
    homes = is_home[ways.tag_set] & candidates
    chosen = homes & (ways.node_counts > 3)
    counts, lonlat = ways.node_counts[chosen], lonlat[np.repeat(chosen, ways.node_counts)]
    last = np.cumsum(counts) - 1
    complete = (lonlat[last - counts + 1] == lonlat[last]).all(axis=1)
    complete &= np.bincount(_owners(counts), np.isnan(lonlat[:, 0]), len(counts)) == 0
    chosen[chosen] = complete
    counts, lonlat = counts[complete], lonlat[np.repeat(complete, counts)]
    outlines = shapely.polygons(shapely.linearrings(lonlat, indices=_owners(counts)))
    valid = shapely.is_valid(outlines)
    chosen[chosen] = valid
    return WayBuildings(levels_of_set[ways.tag_set][chosen].tolist(), list(outlines[valid]), homes & ~chosen, chosen)


def _owners(counts: Int64Array) -> Int64Array:
    """For each node of consecutive ways the position of its way, given how many nodes each way has."""
    return np.repeat(np.arange(len(counts)), counts)


def frame(levels: Sequence[float], outlines: Sequence[BaseGeometry]) -> gpd.GeoDataFrame:
    """Buildings as a frame: ``floor_m2``, and as ``geometry`` a WGS84 point inside each outline."""
    polygons = np.array(outlines, dtype=object)
    # In an equal-area projection of the world, since only the proportions between areas matter.
    ground_m2 = shapely.area(projection("EPSG:6933").forward(polygons)) if len(polygons) else np.empty(0)
    points = shapely.point_on_surface(polygons)
    return gpd.GeoDataFrame({"floor_m2": np.array(levels) * ground_m2}, geometry=points, crs="EPSG:4326")
