"""Links that open a map app (AMap, Baidu, Tencent) with the way from a place to a facility.

The forms of the addresses are those of the three companies' own documentation of their URI APIs.
"""

from urllib.parse import quote

import pandas as pd
import shapely

from geo.choices import Mode
from geo.geodesy import datums

AMAP_MODES = {"walk": "walk", "cycle": "ride", "drive": "car"}
BAIDU_MODES = {"walk": "walking", "cycle": "riding", "drive": "driving"}
TENCENT_MODES = {"walk": "walk", "cycle": "bike", "drive": "drive"}


def links(facility: pd.Series, label: str, origin: tuple[float, float], coordinates: str, mode: Mode) -> dict[str, str]:
    """The links by the app's name, each with coordinates in that app's own datum.

    Parameters
    ----------
    facility : a row of a frame of facilities
    label : what a facility without a name is called
    origin : longitude and latitude in degrees in ``coordinates``
    """
    target = shapely.point_on_surface(facility["geometry"])
    start = datums.to_wgs84(*origin, coordinates)
    name = facility["name"] or label
    # These characters separate the parts of a parameter, so a name must not contain them.
    quoted_name = quote("".join(" " if character in ",|:;" else character for character in name), safe="")

    def in_datum(system: str) -> list[tuple[str, str]]:
        """Longitude and latitude, as text, of the origin and of the target."""
        lons, lats = datums.from_wgs84([start[0], target.x], [start[1], target.y], system)
        return [(f"{lon:.6f}", f"{lat:.6f}") for lon, lat in zip(lons, lats, strict=True)]

    (gcj_lon, gcj_lat), (gcj_to_lon, gcj_to_lat) = in_datum("gcj02")
    (bd_lon, bd_lat), (bd_to_lon, bd_to_lat) = in_datum("bd09")
    return {
        "amap": f"https://uri.amap.com/navigation?from={gcj_lon},{gcj_lat}&to={gcj_to_lon},{gcj_to_lat},{quoted_name}"
        f"&mode={AMAP_MODES[mode]}&coordinate=gaode&callnative=1&src=fuwuquan",
        "baidu": f"https://api.map.baidu.com/direction?origin={bd_lat},{bd_lon}"
        f"&destination=latlng:{bd_to_lat},{bd_to_lon}|name:{quoted_name}&mode={BAIDU_MODES[mode]}&coord_type=bd09ll"
        "&output=html&src=webapp.fuwuquan",
        "tencent": f"https://apis.map.qq.com/uri/v1/routeplan?type={TENCENT_MODES[mode]}&fromcoord={gcj_lat},{gcj_lon}"
        f"&tocoord={gcj_to_lat},{gcj_to_lon}&to={quoted_name}&policy=0&referer=fuwuquan",
    }
