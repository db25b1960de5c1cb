"""Writing facilities as GeoJSON features, for answers of the API and for `facilities.geojson` of a study."""

from collections.abc import Mapping
from datetime import date
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import orjson
from shapely.geometry.base import BaseGeometry

from geo.geodesy import crs
from geo.study.facilities import DATE_FIELDS, PROPERTY_FIELDS

JsonObject: TypeAlias = dict[str, Any]


def feature(facility: Mapping[str, Any], facility_id: str, coordinates: str = "wgs84") -> JsonObject:
    """Return one row of a frame of facilities as a GeoJSON feature with coordinates in the system ``coordinates``."""
    fields = {field: facility[field] for field in PROPERTY_FIELDS}
    fields |= {field: _iso(facility[field]) for field in DATE_FIELDS}
    return {
        "type": "Feature",
        "id": facility_id,
        "geometry": geometry(facility["geometry"], coordinates),
        "properties": {**facility["extra"], **fields},
    }


def geometry(shape: BaseGeometry, coordinates: str = "wgs84") -> JsonObject:
    """Return a WGS84 shape as a GeoJSON geometry in the system ``coordinates``, with seven decimals (a centimetre)."""
    text = crs.by_name(coordinates).to_geojson(np.array([shape]))[0]
    written: JsonObject = orjson.loads(text or "null")
    return written


def properties(facilities: gpd.GeoDataFrame) -> list[JsonObject]:
    """Return the GeoJSON properties of each row; dates are `datetime.date` objects."""
    rows = zip(*(facilities[field] for field in PROPERTY_FIELDS), strict=True)
    return [
        {**extra, **dict(zip(PROPERTY_FIELDS, values, strict=True))}
        for extra, values in zip(facilities["extra"], rows, strict=True)
    ]


def feature_collection(facilities: gpd.GeoDataFrame, coordinates: str = "wgs84") -> JsonObject:
    """Return a frame of facilities as a FeatureCollection that `geo.study.facilities.read` reads again."""
    features = [feature(row, str(facility_id), coordinates) for facility_id, row in facilities.iterrows()]
    return {"type": "FeatureCollection", "features": features}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
