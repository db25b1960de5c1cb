"""The isochrone answer: the area within some minutes of a place or a facility, as GeoJSON."""

from collections.abc import Sequence

import shapely

from geo.choices import Direction, Mode
from geo.geodesy import datums
from geo.measures import isochrones
from geo.study import geojson
from service.answers.engine import Answers
from service.answers.json_types import JsonObject

MAX_CONTOURS = 10
MAX_MINUTES = 120


def parse_minutes(text: str) -> list[float]:
    """The numbers of a text such as ``5,10,15``.

    Raises
    ------
    ValueError
        The text has no numbers, more than `MAX_CONTOURS`, or one above `MAX_MINUTES`.
    """
    try:
        minutes = [float(number) for number in text.split(",")]
    except ValueError:
        raise ValueError("needs numbers with commas between: 5,10,15") from None
    if len(minutes) > MAX_CONTOURS or not all(0 < number <= MAX_MINUTES for number in minutes):
        raise ValueError(f"needs 1 to {MAX_CONTOURS} numbers above 0 and up to {MAX_MINUTES}")
    return minutes


def check_place(lon: float | None, lat: float | None, facility: str | None) -> tuple[float, float] | str:
    """The place that isochrones are asked around: longitude and latitude, or the id of a facility.

    Raises
    ------
    ValueError
        There is neither a position nor a facility, or both, or only one of ``lon`` and ``lat``.
    """
    if facility is None and lon is not None and lat is not None:
        return lon, lat
    if facility is None or lon is not None or lat is not None:
        raise ValueError("give both lon and lat, or facility")
    return facility


def as_geojson(
    answers: Answers,
    place: tuple[float, float] | str,
    minutes: Sequence[float],
    mode: Mode,
    direction: Direction,
    coordinates: str,
) -> JsonObject:
    """Isochrones as a GeoJSON FeatureCollection with one feature for each contour, the shortest first.

    Parameters
    ----------
    place : longitude and latitude in degrees in ``coordinates``, or the id of a facility
    minutes : travel times of the contours
    direction : whether people travel from the place or to it
    coordinates : coordinate system of ``place`` and of the answer

    Raises
    ------
    UnknownNameError
        There is no facility with that id.
    """
    origin: JsonObject
    if isinstance(place, str):
        geometry = answers.register.get(place).frame.geometry.iloc[0]
        origin = {"facility": place}
    else:
        geometry = shapely.Point(datums.position_to_wgs84(*place, coordinates))
        origin = {"place": {"lon": place[0], "lat": place[1]}}
    result = isochrones.around(answers.travel, geometry, minutes, mode, towards=direction == "to")
    features = [
        {
            "type": "Feature",
            "geometry": geojson.geometry(contour.geometry, coordinates),
            "properties": {"minutes": contour.minutes, "area_km2": contour.area_km2, "people": contour.people},
        }
        for contour in result.contours
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        **origin,
        "direction": direction,
        **answers.travel_metadata(mode, result, coordinates),
    }
