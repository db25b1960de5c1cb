"""The systems that places are asked for and answered in: OGC's, by their addresses, and those of Chinese maps.

Inside the program everything is WGS84 longitude, latitude; a `System` is how it looks outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.arrays import Float64Array
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import UnknownNameError
from geo.geodesy import datums

Moved: TypeAlias = Callable[[Any, Any], tuple[Float64Array, Float64Array]]

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"
GEOGRAPHIC = (4326, 4490)  # whose latitude comes first


@dataclass(frozen=True)
class System:
    """One coordinate reference system.

    ``name`` is short and fit for tags, ``uri`` its address; ``forward`` takes WGS84 degrees to its first and second
    coordinate, ``backward`` takes these back; ``decimals`` are those of an answer (a centimetre or finer); ``flipped``
    says that the second coordinate is the one that goes east.
    """

    name: str
    uri: str
    forward: Moved
    backward: Moved
    decimals: int = 7
    flipped: bool = False
    degrees: bool = True

    def from_wgs84(self, shapes: Any) -> Any:
        """WGS84 geometries, one or an array, in this system."""
        return shapely.transform(shapes, lambda xy: np.column_stack(self.forward(xy[:, 0], xy[:, 1])))

    def to_wgs84(self, shapes: Any) -> Any:
        """Geometries of this system, one or an array, in WGS84."""
        return shapely.transform(shapes, lambda xy: np.column_stack(self.backward(xy[:, 0], xy[:, 1])))

    def bounds(self, box: Sequence[float]) -> list[float]:
        """The bounding box, in this system, of one of WGS84 degrees."""
        outline = shapely.segmentize(shapely.box(*box), max(box[2] - box[0], box[3] - box[1], 1e-9) / 16)
        return [round(side, self.decimals) for side in self.from_wgs84(outline).bounds]

    def geojson(self, shapes: NDArray[Any]) -> list[str | None]:
        """WGS84 geometries as texts of GeoJSON geometries in this system, rounded to its decimals; None of None.

        Outer rings run against the clock, as RFC 7946 has it.
        """
        turned = shapely.orient_polygons(shapes, exterior_cw=False)
        found: list[str | None] = shapely.to_geojson(shapely.transform(turned, self._written)).tolist()
        return found

    def _written(self, xy: Float64Array) -> Float64Array:
        return np.column_stack(self.forward(xy[:, 0], xy[:, 1])).round(self.decimals)


def _swapped(a: Any, b: Any) -> tuple[Float64Array, Float64Array]:
    return b, a


def _of_datum(name: str) -> System:
    # There is no official address of the shifted ones, and without any CRS84 would be understood.
    uri = CRS84 if name in datums.UNSHIFTED else f"urn:fuwuquan:crs:{name}"
    return System(
        name,
        uri,
        lambda lon, lat: datums.from_wgs84(lon, lat, name),
        lambda x, y: datums.to_wgs84(x, y, name),
    )


_BY_COORDINATES = {name: _of_datum(name) for name in COORDINATE_SYSTEMS}


def by_coordinates(name: str) -> System:
    """The system that ``coordinates=name`` asks for, longitude first; UnknownNameError if there is none."""
    if name not in _BY_COORDINATES:
        raise UnknownNameError("coordinates", name, COORDINATE_SYSTEMS)
    return _BY_COORDINATES[name]


@lru_cache(maxsize=16)
def offered(projection: str) -> dict[str, System]:
    """By their addresses, the systems that places of a study with that projection are offered in; CRS84 first.

    Axes are in the order that the authority says. CGCS2000 is taken as equal to WGS84, from which it differs by
    centimetres.
    """
    found = {CRS84: _BY_COORDINATES["wgs84"]}
    for code in GEOGRAPHIC:
        uri = EPSG.format(code)
        found[uri] = System(f"epsg{code}", uri, _swapped, _swapped, flipped=True)
    crs = CRS.from_user_input(projection)
    authority = crs.to_authority(min_confidence=100)
    if authority is not None and authority[0] == "EPSG":
        uri = EPSG.format(authority[1])
        out = Transformer.from_crs("OGC:CRS84", crs)
        found[uri] = System(
            f"epsg{authority[1]}",
            uri,
            out.transform,
            lambda x, y: out.transform(x, y, direction="INVERSE"),
            decimals=3,
            flipped=crs.axis_info[0].direction.lower() == "north",
            degrees=False,
        )
    return found
