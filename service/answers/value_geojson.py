"""The answers about what a new facility would bring to a standard, site by site, and what each closure would cost it.

Both are GeoJSON, with the features of the collections ``value-…`` and ``fragility-…`` and what the standard counts.
"""

from geo.features.collection import BoundingBox, Collection, FeatureQuery
from geo.geodesy import crs
from geo.measures.coverage import Coverage
from service.answers import collections, site_value
from service.answers.engine import Answers
from service.answers.gaps import standard_members
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState


def value_as_geojson(
    answers: Answers,
    state: RegisterState,
    standard_id: str,
    coordinates: str,
    limit: int | None = None,
    bounding_box: BoundingBox | None = None,
    every: bool = False,
) -> JsonObject:
    """What a new facility would bring, site by site, as a GeoJSON FeatureCollection, the best first.

    At most ``limit`` sites within ``bounding_box``, both in the system ``coordinates``. ``sites`` says how many were
    looked at: those that bring nobody inside have no feature. ``every`` is that of `site_value.values`.

    Raises
    ------
    UnknownNameError
        There is no standard with that id.
    """
    coverage, values = site_value.values(answers, state, standard_id, every)
    collection = collections.of_values(coverage, values.frame)
    members: JsonObject = {"sites": values.sites, "notes": [*coverage.notes, *values.notes]}
    return _as_geojson(answers, coverage, collection, coordinates, limit, bounding_box) | members


def fragility_as_geojson(
    answers: Answers,
    state: RegisterState,
    standard_id: str,
    coordinates: str,
    limit: int | None = None,
    bounding_box: BoundingBox | None = None,
) -> JsonObject:
    """What the closure of each facility would cost, as a GeoJSON FeatureCollection, the worst first.

    The parameters and errors are those of `value_as_geojson`.
    """
    coverage, losses = site_value.losses(answers, state, standard_id)
    collection = collections.of_fragility(coverage, losses)
    members: JsonObject = {"longer_unit": losses.longer_unit, "notes": coverage.notes}
    return _as_geojson(answers, coverage, collection, coordinates, limit, bounding_box) | members


def _as_geojson(
    answers: Answers,
    coverage: Coverage,
    collection: Collection,
    coordinates: str,
    limit: int | None,
    bounding_box: BoundingBox | None,
) -> JsonObject:
    system = crs.by_name(coordinates)
    rows = collection.rows(FeatureQuery(bounding_box, system))
    features = collection.features(rows[:limit], system)
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": len(rows),
        "numberReturned": len(features),
        **standard_members(coverage),
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }
