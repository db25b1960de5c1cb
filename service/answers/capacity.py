"""The answer about the capacity of one standard: who is served, by area, and how full each facility is."""

from dataclasses import asdict

import geopandas as gpd
import orjson
import pandas as pd
import shapely

from geo.geodesy import crs
from geo.measures.capacity import Assumption
from geo.measures.capacity.of_standard import FACILITY_COLUMNS, AreaCapacity
from service.answers.engine import MAX_CAPACITY_PAIRS, Answers
from service.answers.gaps import standard_members
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState

DECIMALS = 4


def answer(
    answers: Answers,
    state: RegisterState,
    standard_id: str,
    coordinates: str,
    assume: Assumption = "none",
    weights: tuple[float, ...] | None = None,
    limit: int | None = None,
    most_pairs: int | None = MAX_CAPACITY_PAIRS,
) -> JsonObject:
    """The capacity of a standard as JSON, with at most ``limit`` of its facilities, the heaviest load first.

    Raises
    ------
    UnknownNameError
        There is no standard with that id, or it has no limit of time or distance.
    FieldError
        Too many places and facilities lie within the limit of each other.
    """
    coverage, capacity = answers.capacity(state, standard_id, assume, weights, most_pairs)
    unstated = capacity.facilities[capacity.facilities["capacity"].isna() | capacity.facilities["is_assumed"]]
    return {
        **standard_members(coverage),
        **_members(capacity.total),
        "people_per_place": capacity.people_per_place,
        "people_per_place_source": getattr(answers.study.standard(standard_id), "people_per_place_source", None),
        "weights": capacity.weights,
        "zones": capacity.zones,
        "zone_unit": "metres" if coverage.metres is not None else "minutes",
        "assume": assume,
        "capacity": capacity.capacity,
        "stated": capacity.stated,
        "assumed": capacity.assumed,
        "unstated": capacity.unstated,
        "areas": [asdict(area) for area in capacity.areas],
        "facilities": _as_features(capacity.facilities.iloc[:limit], coordinates),
        "without_stated_capacity": _records(unstated.iloc[:limit][["name", "subtype", "area_code"]]),
        "notes": capacity.notes,
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def _members(total: AreaCapacity) -> JsonObject:
    """The numbers of the whole study, without the code and name of an area."""
    return {name: value for name, value in asdict(total).items() if name not in ("code", "name")}


def _as_features(facilities: gpd.GeoDataFrame, coordinates: str) -> JsonObject:
    """Facilities as a GeoJSON FeatureCollection of points; one inside a facility that is an area."""
    points = shapely.point_on_surface(facilities.geometry.to_numpy())
    features = [
        {"type": "Feature", "id": record.pop("id"), "geometry": orjson.Fragment(point or "null"), "properties": record}
        for record, point in zip(
            _records(facilities[list(FACILITY_COLUMNS)]), crs.by_name(coordinates).to_geojson(points), strict=True
        )
    ]
    return {"type": "FeatureCollection", "features": features}


def _records(table: pd.DataFrame) -> list[JsonObject]:
    """The rows of a table with their ids; unknown numbers are None."""
    rounded = table.round(DECIMALS).astype(object)
    records = rounded.where(table.notna(), None).to_dict("records")
    return [{"id": str(name), **record} for name, record in zip(table.index, records, strict=True)]
