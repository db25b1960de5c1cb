"""What new facilities would bring and closures would cost: computed once for each state of the register, and kept.

`service.answers.engine` has the collections of both, and `service.answers.value_geojson` the answers.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import shapely

from geo.features.collection import Collection
from geo.measures import fragility, site_value
from geo.measures.coverage import Coverage
from geo.measures.fragility import Fragility
from geo.measures.gaps import Gaps
from geo.measures.site_value import SiteValues
from service.answers import collections
from service.answers.state import RegisterState

if TYPE_CHECKING:
    from service.answers.engine import Answers

PREFIXES = (collections.VALUE_PREFIX, collections.FRAGILITY_PREFIX)
"""What the ids of the collections of both begin with."""
DESCRIBED = (collections.GAPS_PREFIX, *PREFIXES)
"""What the ids of the collections begin with that are described without their features."""


def values(answers: "Answers", state: RegisterState, standard: str, every: bool = False) -> tuple[Coverage, SiteValues]:
    """The coverage of a standard and the value of each site; UnknownNameError if there is no such standard.

    Of a large study only so many sites are valued as seconds suffice for, unless ``every`` one is asked for.
    """
    chosen = answers.study.standard(standard)
    counted, summary = answers.measured(state, chosen)
    # It may take seconds: it has a lock of its own, so that no other question waits, and two never run at once.
    return summary, state.cached(
        chosen.category,
        ("value", standard, every),
        lambda: site_value.measure(answers.travel, chosen, counted, None if every else site_value.MOST_STEPS),
        lock=answers.value_lock,
    )


def losses(answers: "Answers", state: RegisterState, standard: str) -> tuple[Coverage, Fragility]:
    """The coverage of a standard and its facilities' fragility; UnknownNameError if there is no such standard."""
    chosen = answers.study.standard(standard)
    counted, summary = answers.measured(state, chosen)
    return summary, state.cached(
        chosen.category,
        ("fragility", standard),
        lambda: fragility.measure(answers.travel, chosen, counted),
        lock=answers.value_lock,
    )


def collection(answers: "Answers", state: RegisterState, collection_id: str) -> Collection:
    """The collection with that id, which begins with one of `PREFIXES`."""
    prefix, standard = next(
        (name, collection_id.removeprefix(name)) for name in PREFIXES if collection_id.startswith(name)
    )
    category = answers.study.standard(standard).category
    if prefix == collections.VALUE_PREFIX:
        coverage, of_sites = values(answers, state, standard)
        return state.cached(
            category, ("collection", collection_id), lambda: collections.of_values(coverage, of_sites.frame)
        )
    coverage, of_facilities = losses(answers, state, standard)
    return state.cached(
        category, ("collection", collection_id), lambda: collections.of_fragility(coverage, of_facilities)
    )


def described_collection(answers: "Answers", state: RegisterState, collection_id: str) -> Collection:
    """The collection for its description.

    Gaps, values and fragility are not computed for it: these collections come without features, and their bounds are
    those of the study.
    """
    answers.check_collection(collection_id)
    prefix = next((name for name in DESCRIBED if collection_id.startswith(name)), None)
    if prefix is None:
        return answers.collection(state, collection_id)
    study, summary = answers.study, answers.coverage(collection_id.removeprefix(prefix), state)
    if prefix == collections.GAPS_PREFIX:
        described = collections.of_gaps(summary, Gaps([], 0, summary.unit, None))
    elif prefix == collections.FRAGILITY_PREFIX:
        described = collections.of_fragility(summary, fragility.none(study, answers.facilities(state, None)))
    else:
        described = collections.of_values(summary, site_value.none(study).frame)
    return replace(described, stated_bounds=_bounds(answers, state))


def _bounds(answers: "Answers", state: RegisterState) -> list[float]:
    """West, south, east and north of the study: its territory, its streets and the register's facilities."""
    study, facilities = answers.study, answers.facilities(state, None)
    shapes = [shapely.box(*study.territory.bounds)]
    shapes += [
        shapely.box(*frame.total_bounds) for frame in (study.streets, facilities) if frame is not None and len(frame)
    ]
    return [float(side) for side in shapely.total_bounds(shapes)]
