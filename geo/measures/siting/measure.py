"""Where to build for a standard: the sites, what they achieve, how good that is at most, and the plan."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import numpy as np

from geo.arrays import Int64Array
from geo.errors import FieldError, InputError
from geo.measures import scenario_changes, scenarios
from geo.measures.coverage import meets
from geo.measures.scenario_document import Change
from geo.measures.scenarios import Comparison
from geo.measures.sites.problem import RELATIVE_TOLERANCE
from geo.measures.siting import candidates, plan, question, search
from geo.measures.siting.curve import CurvePoint, curve_of
from geo.measures.siting.description import Site, described
from geo.measures.siting.document import SitesRequest
from geo.measures.siting.plan import Greedy
from geo.measures.siting.problem import Problem
from geo.measures.siting.question import Effort, Question
from geo.measures.siting.scale import Scale, Unit
from geo.measures.siting.search import Chosen, Limits
from geo.measures.standing import Standing
from geo.study import facilities as study_facilities
from geo.study.standards import Radius, Standard, TravelTime
from geo.traveltime.travel import Travel

CHOICE_SHARE = 0.7
"""The share of the time for the choice itself; what is left then improves the curve."""
_TENTH = 0.1
"""Coverage is stated in tenths of a person."""


@dataclass(frozen=True)
class Siting:
    """The answer to a siting question.

    Attributes
    ----------
    comparison : the standard today and with the sites, as a scenario of `changes` gives it
    value, bound, unit : what the choice achieves, and what no choice of these candidates betters
    proven : whether no choice of these candidates is better
    before : the value without the sites
    sites, curve : the plan
    candidates, distinct : how many candidates there were, and how many of them differ
    thinned_to_m : the width of the grid of which each cell kept one candidate; None if all were kept
    beyond_horizon : of least time: people who count as just so far as nobody is searched beyond, before and after
    horizon : that distance, in minutes or metres
    seconds : how long the search took
    notes : remarks for the reader, Chinese and English
    """

    comparison: Comparison
    changes: list[Change]
    value: float
    bound: float
    unit: Unit
    proven: bool
    before: float
    sites: list[Site]
    curve: list[CurvePoint]
    candidates: int
    distinct: int
    thinned_to_m: float | None
    beyond_horizon: tuple[float, float] | None
    horizon: float | None
    seconds: float
    notes: list[str]

    @property
    def gap(self) -> float:
        """How far the value is from the bound, as a share of the bound."""
        return 0.0 if self.proven else abs(self.value - self.bound) / max(abs(self.bound), 1e-12)


def measure(
    travel: Travel,
    facilities: gpd.GeoDataFrame,
    standing: Standing,
    request: SitesRequest,
    coordinates: str,
    day: date,
    effort: Effort,
    progress: Callable[[float, float], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Siting:
    """Answer a siting question.

    Parameters
    ----------
    facilities : all of the register, open and closed
    standing : the standard as it stands on ``day``
    coordinates : the system of the positions in ``request``
    progress : called with the value and the bound so far, in the unit of the answer
    stop : asked now and then; once it is true, the best choice so far is the answer

    Raises
    ------
    FieldError
        The request cannot be answered; the message says why.
    """
    share = _share_of(request, question.checked_standard(standing.standard))
    existing = study_facilities.existing_on(facilities, day)
    asked = question.ask(travel, existing, standing, request, coordinates, effort)
    scale = Scale.of(asked.problem, asked.standard, request)
    started = time.monotonic()
    seconds = CHOICE_SHARE * effort.seconds
    most_sites = request.count or effort.count
    limits = Limits(most_sites, request.budget, seconds, _shown(progress, request, scale, asked), stop, effort.cores)
    needed = np.inf if share is None else share * asked.problem.people.total - asked.problem.people.covered
    greedy = plan.greedy(asked.problem, most_sites, request.budget, needed)
    _check_enough(greedy, needed, effort)
    chosen = _chosen(asked, request, needed, limits, greedy)
    order = plan.ordered(asked.problem, chosen.sites)
    left = Limits(None, request.budget, effort.seconds - (time.monotonic() - started), None, stop, effort.cores)
    most = np.inf if share is not None else chosen.bound
    curve = curve_of(asked.problem, order, greedy, most, left, scale)
    elapsed = time.monotonic() - started
    subtype, notes = question.subtype_of_sites(travel.study, facilities, asked.standard)
    changes = _changes(asked, order, facilities, subtype)
    compared = _compare(travel, facilities, standing, changes, day)
    verdict = _verdict(asked, request, share, chosen, order, compared, scale)
    is_least_time = not asked.problem.is_covering
    unit = 60.0 if isinstance(asked.standard, TravelTime) else 1.0
    return Siting(
        comparison=compared,
        changes=changes,
        value=verdict.value,
        bound=verdict.bound,
        unit=verdict.unit,
        proven=verdict.proven,
        before=0.0 if request.objective == "fewest_sites" else scale.value(0.0),
        sites=described(travel, asked, order, request, scale),
        curve=curve,
        candidates=asked.candidates,
        distinct=len(asked.problem.candidates),
        thinned_to_m=asked.problem.candidates.thinned_to_m,
        beyond_horizon=_beyond(asked.problem, order) if is_least_time else None,
        horizon=asked.problem.people.horizon / unit if is_least_time else None,
        seconds=elapsed,
        notes=list(dict.fromkeys([*verdict.notes, *asked.notes, *notes, *compared.after.notes])),
    )


def check(standard: Standard, request: SitesRequest, coordinates: str) -> None:
    """Check what can be checked of a request before anything is computed; FieldError as `measure` raises it."""
    goal = question.checked_standard(standard)
    question.check_weights(goal, request)
    _share_of(request, goal)
    candidates.polygons(request.forbidden, coordinates)


def _share_of(request: SitesRequest, standard: TravelTime | Radius) -> float | None:
    """The share that fewest sites must reach: the request's, else the standard's target; None of other objectives."""
    if request.objective != "fewest_sites":
        return None
    share = request.share if request.share is not None else standard.target
    if share is None:
        reason = f"share: {standard.id} has no target: say which share of the people shall be inside"
        raise FieldError([("share", reason)])
    return share


def _shown(
    progress: Callable[[float, float], None] | None, request: SitesRequest, scale: Scale, asked: Question
) -> Callable[[float, float], None] | None:
    """The caller's ``progress`` for the values that `geo.measures.sites` reports."""
    if progress is None or request.objective == "fewest_sites":
        return progress
    people = asked.problem.people
    at_base = 0.0 if asked.problem.is_covering else float(np.dot(people.weight, people.base))

    def show(value: float, bound: float) -> None:
        benefit, most = (value, bound) if asked.problem.is_covering else (at_base - value, at_base - bound)
        progress(scale.value(benefit), scale.bound(most))

    return show


def _chosen(asked: Question, request: SitesRequest, needed: float, limits: Limits, greedy: Greedy) -> Chosen:
    """The choice of the exact methods, with the better of their bound and that of the greedy choice."""
    problem = asked.problem
    try:
        if request.objective == "fewest_sites":
            chosen = search.fewest_sites(problem, needed, limits, greedy.sites)
            fewest = float(greedy.fewest(needed))
            bound = chosen.bound if request.costs is not None else max(chosen.bound, fewest)
            proven = chosen.proven or bool(bound >= problem.candidates.costs[chosen.sites].sum())
            return Chosen(chosen.sites, bound, proven)
        chosen = (search.most_people if problem.is_covering else search.least_time)(problem, limits, greedy.sites)
    except InputError as error:
        if isinstance(error, FieldError):
            raise
        raise FieldError([("count", str(error))]) from error
    chosen = _without_useless(problem, chosen)
    if chosen.proven:
        return chosen
    most = greedy.bound(limits.count if limits.count is not None else len(problem.candidates))
    benefit = float(problem.reached(chosen.sites).sum())
    bound = min(chosen.bound, most)
    return Chosen(chosen.sites, bound, bool(bound <= benefit + RELATIVE_TOLERANCE * max(1.0, abs(bound))))


def _check_enough(greedy: Greedy, needed: float, effort: Effort) -> None:
    """FieldError if a share is not reached with as many sites as the effort allows, chosen one after another."""
    if np.isfinite(needed) and greedy.benefits[-1] < needed and len(greedy.sites) >= effort.count:
        reason = (
            f"share: is not reached with {effort.count} sites chosen one after another: ask for a lower share, or for "
            "a longer search (seconds, with a key, or the command line)"
        )
        raise FieldError([("share", reason)])


def _without_useless(problem: Problem, chosen: Chosen) -> Chosen:
    """The choice without sites that add nothing: a count is a limit, not a duty."""
    order = plan.ordered(problem, chosen.sites)
    kept, reached = [], np.zeros(len(problem.people.weight))
    for site in order.tolist():
        more = np.maximum(reached, problem.reached([site]))
        if problem.candidates.is_fixed[site] or more.sum() > reached.sum():
            kept.append(site)
        reached = more
    return Chosen(np.sort(np.array(kept, dtype=np.int64)), chosen.bound, chosen.proven)


def _changes(asked: Question, order: Int64Array, facilities: gpd.GeoDataFrame, subtype: str | None) -> list[Change]:
    """The sites as the changes of a scenario, in the order of the plan; positions are WGS84."""
    places, category = asked.problem.candidates, asked.standard.category
    changes = []
    for rank, site in enumerate(order.tolist(), start=1):
        facility = places.facility[site]
        if facility is not None and facilities["category"][facility] == category:
            changes.append(Change(action="change", id=facility, subtype=subtype))
            continue
        point = places.points[site]
        name = f"site-{rank}"
        while name in facilities.index:
            name += "x"
        members = {"subtype": subtype, "name": places.name[site]}
        given = {key: value for key, value in members.items() if value is not None}
        changes.append(Change(action="add", id=name, category=category, lon=point.x, lat=point.y, **given))
    return changes


def _compare(
    travel: Travel, facilities: gpd.GeoDataFrame, standing: Standing, changes: Sequence[Change], day: date
) -> Comparison:
    """The standard before and after the sites."""
    if not changes:
        summary = standing.coverage
        areas = [scenarios.AreaChange(area.code, area.name, area, area, 0.0, 0.0) for area in summary.areas]
        return Comparison(summary, summary, 0.0, 0.0, areas, [], None)
    changed = scenario_changes.apply(facilities, changes, travel.study, day)
    return scenarios.compare(changed, standing, day, most_gaps=0)


@dataclass(frozen=True)
class _Verdict:
    value: float
    bound: float
    unit: Unit
    proven: bool
    notes: list[str]


def _verdict(
    asked: Question,
    request: SitesRequest,
    share: float | None,
    chosen: Chosen,
    order: Int64Array,
    compared: Comparison,
    scale: Scale,
) -> _Verdict:
    """The value of a choice and its bound, and whether it is proven; what the coverage says comes first."""
    problem, notes, proven = asked.problem, [], chosen.proven
    gained = compared.after.covered - compared.before.covered
    expected = problem.newly_inside(order)
    if abs(gained - expected) > 2 * _TENTH:
        proven = False
        notes.append(
            f"按覆盖计算新增 {gained:,.1f} 人，选址计算为 {expected:,.1f} 人，以前者为准 the coverage gains "
            f"{gained:,.1f} people, the choice expected {expected:,.1f}: the former counts"
        )
    if share is not None:
        has_costs = request.costs is not None
        value = float(problem.candidates.costs[order].sum()) if has_costs else float(len(order))
        if compared.after.total and not meets(compared.after.covered / compared.after.total + 1e-7, share):
            proven = False
            notes.append(f"未达到 {share:.2%} the share of {share:.2%} is missed")
        verdict = _Verdict(value, min(chosen.bound, value), "cost" if has_costs else "sites", proven, notes)
    else:
        benefit = float(problem.reached(order).sum())
        value = scale.value(benefit)
        if scale.unit == "people":
            value = compared.after.covered
        bound = value if proven else scale.bound(max(chosen.bound, benefit))
        bound = max(bound, value) if scale.more_is_better else min(bound, value)
        verdict = _Verdict(value, bound, scale.unit, proven, notes)
        if request.count is not None and len(order) < request.count:
            notes.append(
                f"{len(order)} 处即可，再多无益 {len(order)} sites do all that can be done here; more would add nothing"
            )
    if not proven:
        notes.insert(
            0,
            f"未证明最优：现得 {verdict.value:,.2f}，上界（下界）{verdict.bound:,.2f}；延长时间可缩小差距 not proven: "
            f"{verdict.value:,.2f} {verdict.unit}, while no choice betters {verdict.bound:,.2f}; a longer search may "
            "close the gap",
        )
    return verdict


def _beyond(problem: Problem, order: Int64Array) -> tuple[float, float]:
    """People, not weighted, who count as at the horizon, today and with the sites."""
    people = problem.people
    today = people.base >= people.horizon
    after = today & ~(problem.reached(order) > 0)
    return round(float(people.counted[today].sum()), 1), round(float(people.counted[after].sum()), 1)
