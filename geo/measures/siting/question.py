"""From a request to a problem: whom the standard counts, and where sites may be."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely

from geo.errors import FieldError
from geo.measures.counting import CountedUnits
from geo.measures.siting import candidates as places
from geo.measures.siting import problem
from geo.measures.siting.candidates import Candidates
from geo.measures.siting.document import SitePlace, SitesRequest, Weights
from geo.measures.siting.problem import People, Problem
from geo.measures.standing import Standing
from geo.study.standards import Opened, Presence, Radius, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime.travel import Travel

_SAMPLED = 200
"""How many candidates are tried to estimate how many people a candidate reaches."""
_FEWEST_JUNCTIONS = 100
"""However far each of them reaches, so many junctions are always compared."""


@dataclass(frozen=True)
class Effort:
    """How much work a question may take.

    Attributes
    ----------
    seconds : how long to search
    count : how many sites at most
    pairs : how many pairs of a demand point and a candidate; beyond, junctions are thinned and given places refused
    cores : how many cores the search may take
    """

    seconds: float
    count: int
    pairs: int
    cores: int


@dataclass(frozen=True)
class Question:
    """A problem, how many candidates there were before equal ones were merged, and notes for the reader."""

    standard: TravelTime | Radius
    problem: Problem
    candidates: int
    notes: list[str]


def checked_standard(standard: Standard) -> TravelTime | Radius:
    """The standard, if sites can be computed for it.

    Raises
    ------
    FieldError
        It counts units or openings; the message says what to do instead.
    """
    if isinstance(standard, Presence):
        reason = (
            f"standard: {standard.id} asks for one facility in each unit, so each of its gaps needs one site, wherever "
            f"in the unit: /v1/gaps/{standard.id} and `fuwuquan gaps {standard.id}` list them, the most people first"
        )
        raise FieldError([("standard", reason)])
    if isinstance(standard, Opened):
        reason = f"standard: {standard.id} counts openings, which count the same wherever they are: no place is better"
        raise FieldError([("standard", reason)])
    return standard


def ask(
    travel: Travel,
    facilities: gpd.GeoDataFrame,
    standing: Standing,
    request: SitesRequest,
    coordinates: str,
    effort: Effort,
) -> Question:
    """Make the problem of a request.

    Parameters
    ----------
    facilities : those of all categories that stand today
    standing : the standard as it stands today
    coordinates : the system of the positions in the request

    Raises
    ------
    FieldError
        The request cannot be answered; the message says why.
    """
    study, goal, counted = travel.study, checked_standard(standing.standard), standing.counted
    if request.count is not None and request.count > effort.count:
        reason = f"count: more than {effort.count} sites need a longer search: give seconds, with a key, or by command"
        raise FieldError([("count", reason)])
    check_weights(goal, request)
    is_covering = request.objective != "least_time"
    people, notes = People.of(study, goal, counted, request.objective, request.weights or Weights())
    if not people.total > 0:
        raise FieldError([("standard", f"standard: {goal.id} counts nobody here, so no site is better than another")])
    chosen = _candidates(travel, facilities, counted, goal, request, coordinates)
    before = len(chosen)
    chosen = _affordable(travel, goal, people, chosen, request, is_covering, effort)
    asked = problem.build(travel, goal, people, chosen, is_covering, keep_all=request.candidates is not None)
    _check_fixed(asked, request, effort)
    return Question(goal, asked, before, [*notes, *chosen.notes, *_reach_notes(asked, goal)])


def check_weights(standard: TravelTime | Radius, request: SitesRequest) -> None:
    """FieldError if a request has weights that mean nothing for its objective or its standard."""
    if request.weights is None or request.weights == Weights():
        return
    if request.objective == "fewest_sites":
        raise FieldError([("weights", "weights: fewest_sites counts people, as the share does; leave weights out")])
    if standard.people in ("children_3_6", "elders_65"):
        reason = f"weights: {standard.id} counts {standard.people} only, who all weigh the same; leave weights out"
        raise FieldError([("weights", reason)])


def _candidates(
    travel: Travel,
    facilities: gpd.GeoDataFrame,
    counted: CountedUnits,
    standard: TravelTime | Radius,
    request: SitesRequest,
    coordinates: str,
) -> Candidates:
    """The candidates of a request without those on forbidden land; fixed ones come last."""
    study = travel.study
    forbidden = places.polygons(request.forbidden, coordinates)
    shapely.prepare(forbidden)
    parts = []
    for member, given, costs in (("candidates", request.candidates, request.costs), ("fixed", request.fixed, None)):
        if given is None:
            continue
        _check_facilities(facilities, counted, standard, given, member)
        part = places.of_places(study, facilities, given, coordinates, member, costs, is_fixed=member == "fixed")
        part = _as_built(part, facilities, standard)
        if member == "fixed":  # what is decided is paid already
            part = replace(part, costs=np.zeros(len(part)) if request.costs is not None else part.costs)
        parts.append(part)
    if request.candidates is None:
        parts.insert(0, places.junctions(travel, standard.mode if isinstance(standard, TravelTime) else None))
    joined = places.joined(parts)
    if forbidden.is_empty:
        return joined
    is_forbidden = np.asarray(shapely.intersects(forbidden, joined.points), dtype=bool)
    if (wrong := np.flatnonzero(is_forbidden & joined.is_fixed)).size:
        first = int(np.flatnonzero(joined.is_fixed)[0])
        raise FieldError([("fixed", f"fixed: place {wrong[0] - first + 1} lies on forbidden land")])
    if is_forbidden.all():
        raise FieldError([("forbidden", "forbidden: the polygons leave no candidate")])
    out = int(is_forbidden.sum())
    note = f"{out:,} 个候选点在禁建范围内，不计 {out:,} candidates lie on forbidden land and are left out"
    rest = joined.rows(~is_forbidden)
    return replace(rest, notes=[*rest.notes, note] if out else rest.notes)


def _check_facilities(
    facilities: gpd.GeoDataFrame,
    counted: CountedUnits,
    standard: TravelTime | Radius,
    given: list[SitePlace],
    member: str,
) -> None:
    """FieldError if a facility among the places counts already, or has a radius that depends on its size."""
    has_classes = isinstance(standard, Radius) and bool(standard.radius_by_area)
    problems = []
    for number, place in enumerate(given):
        if place.facility is None:
            continue
        if place.facility in counted.facilities.index:
            reason = f"counts for {standard.id} already"
        elif (
            has_classes
            and place.facility in facilities.index
            and (facilities["category"][place.facility] == standard.category)
        ):
            reason = f"does not count for {standard.id} for its size, which a site does not change: give lon and lat"
        else:
            continue
        problems.append((f"{member}[{number}].facility", f"{member}[{number}]: facility {place.facility!r} {reason}"))
    if problems:
        raise FieldError(problems)


def _as_built(part: Candidates, facilities: gpd.GeoDataFrame, standard: TravelTime | Radius) -> Candidates:
    """The candidates as they would be imported.

    A facility of the standard's own category becomes one that counts, and keeps its shape; in one of another category
    a new facility is added at a point.
    """
    shapes = part.shapes.copy()
    for row, name in enumerate(part.facility):
        if name is not None and facilities["category"][name] != standard.category:
            point = shapely.point_on_surface(shapes[row])
            shapes[row] = shapely.Point(round(point.x, places.DECIMALS), round(point.y, places.DECIMALS))
    return replace(part, shapes=shapes)


def _affordable(
    travel: Travel,
    standard: TravelTime | Radius,
    people: People,
    candidates: Candidates,
    request: SitesRequest,
    is_covering: bool,
    effort: Effort,
) -> Candidates:
    """Junctions, thinned if they reach more pairs than the effort allows; given places are refused instead."""
    count = len(candidates)
    if count <= _SAMPLED:
        return candidates
    sample = np.linspace(0, count - 1, _SAMPLED).astype(np.int64)
    tried = problem.build(travel, standard, people, candidates.rows(sample), is_covering, keep_all=True)
    pairs = tried.values.nnz / _SAMPLED * count
    if pairs <= effort.pairs:
        return candidates
    if request.candidates is not None:
        reason = (
            f"candidates: {count:,} of them and the people around make some {pairs:,.0f} pairs, more than "
            f"{effort.pairs:,}; give fewer, or ask with a key or by the command line"
        )
        raise FieldError([("candidates", reason)])
    most = max(_FEWEST_JUNCTIONS, int(count * effort.pairs / pairs))
    return places.thinned(candidates, most, travel.study.settings.projection)


def _check_fixed(asked: Problem, request: SitesRequest, effort: Effort) -> None:
    fixed = int(asked.candidates.is_fixed.sum())
    if request.count is not None and fixed > request.count:
        reason = f"fixed: {fixed} places are fixed, more than the count of {request.count}, which includes them"
        raise FieldError([("fixed", reason)])
    if fixed > effort.count:
        reason = f"fixed: {fixed} places are fixed; more than {effort.count} sites need a longer search, with a key"
        raise FieldError([("fixed", reason)])


def _reach_notes(asked: Problem, standard: TravelTime | Radius) -> list[str]:
    notes = []
    if asked.unreached:
        mode = standard.mode if isinstance(standard, TravelTime) else "walk"
        notes.append(
            f"{asked.unreached} 个候选点附近没有街道，无人可达 "
            f"no street for {mode} is near {asked.unreached} candidates: nobody could get there"
        )
    outside = ~asked.people.inside & (np.diff(asked.cover.indptr) == 0)
    people = float(asked.people.counted[outside].sum())
    if people >= 0.5:
        notes.append(
            f"{people:,.0f} 人在任何候选点的范围之外 {people:,.0f} people are outside today and within the limit of no "
            "candidate: no choice can bring them inside"
        )
    return notes


def subtype_of_sites(
    study: Study, facilities: gpd.GeoDataFrame, standard: TravelTime | Radius
) -> tuple[str | None, list[str]]:
    """The subtype that a new facility must have to count for a standard, and a note on it.

    ``facilities`` are all of the register, open and closed. Where none has a subtype that the standard names, all of
    the category count; the first of such a subtype would change that, so the sites then have none.
    """
    if not standard.subtypes:
        return None, []
    category = study.categories[standard.category]
    of_category = facilities[facilities["category"] == standard.category]
    if len(of_category) and not of_category["subtype"].isin(standard.subtypes).any():
        return None, [
            f"拟建点不带细分：名单中没有{category.label}细分资料 sites have no subtype, since no subtype that "
            f"{standard.id} names is known of any {category.label_en.lower()}"
        ]
    subtype = standard.subtypes[0]
    zh, en = category.subtypes[subtype]
    return subtype, [f"拟建点计为{zh} the sites count as: {en}"]
