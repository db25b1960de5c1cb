"""The answer about where to build: the sites of one standard, what they achieve, and how good that is at most."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import shapely

from geo.geodesy import datums
from geo.measures.scenario_document import Change
from geo.measures.siting import measure
from geo.measures.siting.description import Alternative, Site
from geo.measures.siting.document import SitesRequest
from geo.measures.siting.measure import Siting
from geo.measures.siting.question import Effort
from geo.parallel import CORES
from geo.study import geojson
from service.answers import gaps as gap_answers
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.scenarios import difference
from service.answers.state import RegisterState

DEFAULT_SECONDS = 30.0
"""How long a search takes that may take long, if the caller says nothing."""
MOST_PAIRS, MOST_COUNT = 10_000_000, 500
QUICK_PAIRS, QUICK_COUNT = 300_000, 50
"""How many pairs of people and candidates, and how many sites, a search may have; and one that is answered at once."""


def quick_effort(seconds: float) -> Effort:
    """The effort of a question that is answered at once."""
    return Effort(seconds, QUICK_COUNT, QUICK_PAIRS, cores=1)


def long_effort(seconds: float | None) -> Effort:
    """The effort of a question that may take ``seconds``."""
    return Effort(seconds or DEFAULT_SECONDS, MOST_COUNT, MOST_PAIRS, CORES)


def choose(
    answers: Answers,
    state: RegisterState,
    request: SitesRequest,
    coordinates: str,
    effort: Effort,
    progress: Callable[[float, float], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Siting:
    """The sites for a request, whose positions are in the system ``coordinates``.

    ``progress`` is called with the value and the bound so far; once ``stop`` is true, the best so far is the answer.

    Raises
    ------
    UnknownNameError
        There is no standard with that id.
    FieldError
        The request cannot be answered; the message says why.
    """
    standard = answers.study.standard(request.standard)
    return measure.measure(
        answers.travel,
        answers.facilities(state, None),
        answers.standing(state, standard),
        request,
        coordinates,
        state.today,
        effort,
        progress,
        stop,
    )


def check(answers: Answers, request: SitesRequest, coordinates: str) -> None:
    """Check what can be checked of a request without searching; UnknownNameError or FieldError as `choose` raises."""
    measure.check(answers.study.standard(request.standard), request, coordinates)


def converted(answer: dict[str, Any], coordinates: str) -> JsonObject:
    """An answer of `as_json`, whose positions are WGS84, with positions in the system ``coordinates``."""

    def convert(place: dict[str, Any]) -> None:
        if "lon" in place:
            place["lon"], place["lat"] = position(shapely.Point(place["lon"], place["lat"]), coordinates)

    for feature in answer["sites"]["features"]:
        feature["geometry"] = geojson.geometry(shapely.geometry.shape(feature["geometry"]), coordinates)
        for alternative in feature["properties"]["alternatives"]:
            convert(alternative)
    for change in answer["scenario"]["changes"]:
        convert(change)
    return answer | {"coordinate_system": coordinates}


def as_json(answers: Answers, siting: Siting, request: SitesRequest, coordinates: str = "wgs84") -> JsonObject:
    """The answer as JSON, with positions in the system ``coordinates``."""
    before, after = siting.comparison.before, siting.comparison.after
    return {
        "objective": request.objective,
        **gap_answers.standard_members(after),
        "value": siting.value,
        "bound": siting.bound,
        "value_unit": siting.unit,
        "proven": siting.proven,
        "gap": round(siting.gap, 6),
        "value_before": siting.before,
        "covered_before": before.covered,
        "difference": difference(before, after),
        "beyond_horizon": None if siting.beyond_horizon is None else _beyond(siting),
        "sites": as_collection(siting, coordinates),
        "curve": [asdict(point) for point in siting.curve],
        "areas": [asdict(area) for area in siting.comparison.areas],
        "places": [asdict(place) for place in siting.comparison.places],
        "scenario": {"changes": [_change(change, coordinates) for change in siting.changes]},
        "candidates": siting.candidates,
        "distinct_candidates": siting.distinct,
        "thinned_to_m": siting.thinned_to_m,
        "seconds": round(siting.seconds, 3),
        "notes": siting.notes,
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def _beyond(siting: Siting) -> JsonObject:
    before, after = siting.beyond_horizon or (0.0, 0.0)
    return {"horizon": siting.horizon, "before": before, "after": after}


def as_collection(siting: Siting, coordinates: str) -> JsonObject:
    """The sites as a GeoJSON FeatureCollection, in the order of the plan."""
    return {"type": "FeatureCollection", "features": [_feature(site, coordinates) for site in siting.sites]}


def _feature(site: Site, coordinates: str) -> JsonObject:
    names = ("rank", "facility", "name", "area_code", "place", "is_fixed", "cost", "newly_inside", "inside", "same")
    return {
        "type": "Feature",
        "id": str(site.rank),
        "geometry": geojson.geometry(site.point, coordinates),
        "properties": {
            **{name: getattr(site, name) for name in names},
            "alternatives": [_alternative(alternative, coordinates) for alternative in site.alternatives],
        },
    }


def _alternative(alternative: Alternative, coordinates: str) -> JsonObject:
    lon, lat = position(alternative.point, coordinates)
    members = {name: getattr(alternative, name) for name in ("facility", "name", "place", "costs")}
    return {"lon": lon, "lat": lat, **members}


def position(point: shapely.Point, coordinates: str) -> tuple[float, float]:
    """Longitude and latitude of a WGS84 point in another system, with seven decimals (a centimetre)."""
    lon, lat = datums.position_from_wgs84(point.x, point.y, coordinates)
    return round(lon, 7), round(lat, 7)


def _change(change: Change, coordinates: str) -> JsonObject:
    """A change as the document of a scenario has it, in the caller's system."""
    members = change.model_dump(exclude_unset=True)
    if change.lon is not None and change.lat is not None:
        members["lon"], members["lat"] = position(shapely.Point(change.lon, change.lat), coordinates)
    return members
