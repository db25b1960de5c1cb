"""The answer about the gaps of one standard, as GeoJSON, the worst first."""

from collections.abc import Mapping
from datetime import date

from geo.measures.coverage import Coverage
from geo.measures.gaps import Gaps
from geo.study import geojson
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState

NEAREST = "nearest_"
"""What the names of columns about the nearest facility begin with."""


def _properties(gap: Mapping[str, object], beyond_unit: str | None) -> JsonObject:
    """The properties of a gap; a number that is unknown is None."""
    known = {name: None if value != value else value for name, value in gap.items() if name != "geometry"}
    nearest = {name: known.pop(NEAREST + name) for name in ("id", "name", "value")}
    value = nearest.pop("value")
    return {**known, "nearest": None if value is None else {**nearest, beyond_unit or "": value}}


def as_geojson(
    answers: Answers,
    state: RegisterState,
    standard_id: str,
    coordinates: str,
    limit: int | None = None,
    day: date | None = None,
) -> JsonObject:
    """The gaps of a standard on ``day`` (default today) as a GeoJSON FeatureCollection, at most ``limit`` of them.

    Its members say what the standard counts (``unit``, ``total``, ``covered``) and how many gaps there are in all.

    Raises
    ------
    UnknownNameError
        There is no standard with that id.
    """
    coverage, gaps = answers.gaps(state, standard_id, day)
    return {
        **as_collection(gaps, coordinates, limit),
        **standard_members(coverage),
        "on": day or state.today,
        "gap_m": answers.study.settings.gap_m,
        "notes": coverage.notes,
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def as_collection(gaps: Gaps, coordinates: str, limit: int | None = None) -> JsonObject:
    """A GeoJSON FeatureCollection of at most ``limit`` gaps; ``gaps`` says how many there are in all."""
    features = []
    for rank, gap in enumerate(gaps.records[:limit], start=1):
        members = {"rank": rank, **_properties(gap, gaps.beyond_unit)}
        shape = geojson.geometry(gap["geometry"], coordinates)
        features.append({"type": "Feature", "id": str(rank), "geometry": shape, "properties": members})
    return {
        "type": "FeatureCollection",
        "features": features,
        "gaps": gaps.count,
        "beyond_unit": gaps.beyond_unit,
    }


def standard_members(coverage: Coverage) -> JsonObject:
    """Which standard an answer is about, how it was measured, and what it counts."""
    names = (
        *("standard", "name", "name_en", "source", "measure", "method", "mode", "speed_kph", "minutes", "metres"),
        *("unit", "total", "covered", "share", "people_counted", "known"),
    )
    return {name: getattr(coverage, name) for name in names}
