"""Coordinate reference systems of requests and answers, by name or by the address (URI) that OGC gives them.

Inside the program all geometries are WGS84 longitude, latitude. A `ReferenceSystem` converts them to and from the
coordinates that a client uses: those of Chinese maps (`by_name`) or those of the OGC API (`systems_by_uri`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import shapely
from pyproj import CRS, Transformer

from geo.arrays import Float64Array, Geometries, GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError
from geo.geodesy import datums

Conversion: TypeAlias = Callable[[Float64Array, Float64Array], tuple[Float64Array, Float64Array]]
"""Takes two coordinates, each of shape (n,), to two others."""

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG_URI = "http://www.opengis.net/def/crs/EPSG/0/{}"
GEOGRAPHIC_CODES = (4326, 4490)
"""EPSG codes of WGS84 and CGCS2000, whose first axis is the latitude."""


@dataclass(frozen=True)
class ReferenceSystem:
    """A coordinate reference system.

    Attributes
    ----------
    name : short, made of letters and digits, fit for an ETag
    uri : its address
    from_lonlat : takes WGS84 longitudes and latitudes to the first and second coordinates
    to_lonlat : takes first and second coordinates to WGS84 longitudes and latitudes
    decimals : to which coordinates of answers are rounded: a centimetre or finer
    northing_first : whether the first axis points north and the second east
    is_geographic : whether coordinates are degrees
    """

    name: str
    uri: str
    from_lonlat: Conversion
    to_lonlat: Conversion
    decimals: int = 7
    northing_first: bool = False
    is_geographic: bool = True

    def from_wgs84(self, geometries: Geometries) -> Geometries:
        """WGS84 geometries in this system."""
        converted: Geometries = shapely.transform(geometries, lambda xy: _convert(xy, self.from_lonlat))
        return converted

    def to_wgs84(self, geometries: Geometries) -> Geometries:
        """Geometries of this system in WGS84."""
        converted: Geometries = shapely.transform(geometries, lambda xy: _convert(xy, self.to_lonlat))
        return converted

    def bounding_box(self, box: Sequence[float]) -> list[float]:
        """Lower and upper corner, in this system, of a box of WGS84 degrees (west, south, east, north)."""
        # The box's sides are curves here, so points along them count too.
        # GEOS refuses to cut a box without a size, that of a single point.
        size = max(box[2] - box[0], box[3] - box[1])
        outline = shapely.segmentize(shapely.box(*box), size / 16) if size > 1e-9 else shapely.Point(box[:2])
        return [round(side, self.decimals) for side in self.from_wgs84(outline).bounds]

    def to_geojson(self, geometries: GeometryArray) -> list[str | None]:
        """Each WGS84 geometry as the text of a GeoJSON geometry in this system, rounded; None where there is none.

        Outer rings run counter-clockwise, as RFC 7946 requires.
        """
        oriented = shapely.orient_polygons(geometries, exterior_cw=False)
        rounded = shapely.transform(oriented, lambda xy: _convert(xy, self.from_lonlat).round(self.decimals))
        texts: list[str | None] = shapely.to_geojson(rounded).tolist()
        return texts


def _convert(xy: Float64Array, conversion: Conversion) -> Float64Array:
    return np.column_stack(conversion(xy[:, 0], xy[:, 1]))


def _swap(first: Float64Array, second: Float64Array) -> tuple[Float64Array, Float64Array]:
    return second, first


def _datum_system(name: str) -> ReferenceSystem:
    # GCJ-02 and BD-09 have no official address, and without an address clients would take them for CRS84.
    uri = CRS84 if name in datums.UNSHIFTED else f"urn:fuwuquan:crs:{name}"
    return ReferenceSystem(
        name,
        uri,
        lambda lon, lat: datums.from_wgs84(lon, lat, name),
        lambda x, y: datums.to_wgs84(x, y, name),
    )


_BY_NAME = {name: _datum_system(name) for name in COORDINATE_SYSTEMS}


def by_name(name: str) -> ReferenceSystem:
    """The system that the parameter ``coordinates=name`` means, longitude first.

    Raises
    ------
    UnknownNameError
        ``name`` is not in `geo.choices.COORDINATE_SYSTEMS`.
    """
    if name not in _BY_NAME:
        raise UnknownNameError("coordinates", name, COORDINATE_SYSTEMS)
    return _BY_NAME[name]


@lru_cache(maxsize=16)
def systems_by_uri(projection: str) -> dict[str, ReferenceSystem]:
    """The systems in which the OGC API offers a study with this projection, by address; CRS84 comes first.

    The projection is among them if it has an EPSG code. Axes are in the order of the authority. CGCS2000 is taken as
    equal to WGS84, from which it differs by centimetres.
    """
    systems = {CRS84: _BY_NAME["wgs84"]}
    for code in GEOGRAPHIC_CODES:
        uri = EPSG_URI.format(code)
        systems[uri] = ReferenceSystem(f"epsg{code}", uri, _swap, _swap, northing_first=True)
    crs = CRS.from_user_input(projection)
    authority = crs.to_authority(min_confidence=100)
    if authority is not None and authority[0] == "EPSG":
        uri = EPSG_URI.format(authority[1])
        transformer = Transformer.from_crs("OGC:CRS84", crs)
        systems[uri] = ReferenceSystem(
            f"epsg{authority[1]}",
            uri,
            transformer.transform,
            lambda x, y: transformer.transform(x, y, direction="INVERSE"),
            decimals=3,
            northing_first=crs.axis_info[0].direction.lower() == "north",
            is_geographic=False,
        )
    return systems
