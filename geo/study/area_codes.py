"""Compares the area codes that lists and editors state with the areas of the study and with positions."""

from collections.abc import Sequence
from typing import NamedTuple

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray
from geo.geodesy.distance import separation
from geo.study import areas

BORDER_M = 100.0
"""A position no farther outside a unit than this may belong to it: borders and positions are not exact."""
_GROUP, _COUNTY_DIGITS, _MAX_DIGITS = "000", 6, 12


class SettledCode(NamedTuple):
    """The code of the unit of a facility, None if there is none, and a remark if this is not what was stated."""

    code: str | None
    remark: str | None


def settle(
    units: gpd.GeoDataFrame, crs: str, stated: Sequence[str | None], geometries: Sequence[BaseGeometry] | GeometryArray
) -> list[SettledCode]:
    """The code of each facility's unit, by its position and by the code that is stated.

    A code that the study does not know is replaced by that of the position. So is the code of a unit that lies more
    than `BORDER_M` from the position; a nearer one is kept. Codes of the statistical system may be written with 6, 9
    or 12 digits: 330784001 is 330784001000.

    Parameters
    ----------
    units : a frame of areas, as `geo.study.areas` describes it
    crs : the study's projection
    stated : None where no code is stated
    geometries : WGS84
    """
    points = shapely.point_on_surface(geometries)
    located = areas.locate(units, shapely.get_x(points), shapely.get_y(points), crs)
    codes = _Codes(units)
    return [
        SettledCode(here, None) if code is None else codes.settle(code, here, geometry)
        for code, here, geometry in zip(stated, located, geometries, strict=True)
    ]


class _Codes:
    def __init__(self, units: gpd.GeoDataFrame) -> None:
        self._code_by_short = {_short(code): code for code in reversed(units.index)}
        self._known = frozenset(units.index)
        self._names, self._parents, self._shapes = (dict(units[name]) for name in ("name", "parent", "geometry"))

    def settle(self, stated: str, here: str | None, geometry: BaseGeometry) -> SettledCode:
        place = "which lies in no area of the study" if here is None else f"which lies in {self._named(here)}"
        code = stated if stated in self._known else self._code_by_short.get(_short(stated))
        if code is None and here is not None and self._is_of_all(stated):
            return SettledCode(here, None)
        if code is None:
            return SettledCode(here, f"area code {stated} is not one of the study's: its position counts, {place}")
        if here is not None and code in (here, self._parents[here]):
            return SettledCode(here, None)
        unit = self._polygon(code)
        if unit is None or (here is not None and here == self._parents[code]):
            return SettledCode(code, None)
        metres = separation(unit, geometry)
        if metres == 0 and unit is not self._shapes[code]:  # a village that is a point, somewhere in its town
            return SettledCode(code, None)
        far = f"{metres / 1000:.1f} km" if metres >= 1000 else f"{metres:.0f} m"
        remark = f"area code {stated} is that of {self._named(code)}, {far} from its position, {place}"
        if here is None or metres <= BORDER_M:
            return SettledCode(code, f"{remark}: the code was kept")
        return SettledCode(here, f"{remark}: its position counts; correct one of them")

    def _is_of_all(self, code: str) -> bool:
        """Whether a code is that of a county, city or province which contains all units of the study."""
        prefix = _short(code)
        while len(prefix) in (4, 6) and prefix.endswith("00"):
            prefix = prefix[:-2]
        is_code = prefix.isdecimal() and len(prefix) in (2, 4, _COUNTY_DIGITS)
        return is_code and all(known.startswith(prefix) for known in self._known)

    def _named(self, code: str) -> str:
        return code if self._names[code] == code else f"{self._names[code]} {code}"

    def _polygon(self, code: str) -> BaseGeometry | None:
        """The polygon of a unit, or of its town if it is a point; None if there is none."""
        for candidate in (code, self._parents[code]):
            if candidate is not None and shapely.get_dimensions(self._shapes[candidate]) == 2:
                return self._shapes[candidate]
        return None


def _short(code: str) -> str:
    """A code of the statistical system without the zeros that fill it up; any other code as it is."""
    code = code.strip().upper()
    if code.isdecimal() and len(code) <= _MAX_DIGITS and len(code) % 3 == 0:
        while len(code) > _COUNTY_DIGITS and code.endswith(_GROUP):
            code = code.removesuffix(_GROUP)
    return code
