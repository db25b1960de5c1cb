"""The sites of a choice as a reader sees them: where each is, what it adds, and what could stand in its place."""

from dataclasses import dataclass

import shapely

from geo.arrays import Int64Array
from geo.measures.siting import candidates, plan
from geo.measures.siting.document import SitesRequest
from geo.measures.siting.question import Question
from geo.measures.siting.scale import Scale
from geo.study.standards import Radius, TravelTime
from geo.traveltime import straight_line
from geo.traveltime.travel import Travel


@dataclass(frozen=True)
class Site:
    """One site of a choice, in the order of the plan.

    Attributes
    ----------
    rank : its place in the plan, from 1
    point : WGS84
    facility : id of the facility that is enlarged; None of a new one
    name, area_code, place : the caller's name; the smallest unit that it lies in, and what the place is called
    is_fixed : whether it was decided before
    cost : None if no costs are known
    newly_inside : people who come inside with it and did not with those before it
    inside : people newly inside with it and all before it
    same : how many candidates reach exactly the same people, itself included
    alternatives : candidates within reach that could replace it, the best first; none for a fixed site
    """

    rank: int
    point: shapely.Point
    facility: str | None
    name: str | None
    area_code: str | None
    place: str | None
    is_fixed: bool
    cost: float | None
    newly_inside: float
    inside: float
    same: int
    alternatives: list["Alternative"]


@dataclass(frozen=True)
class Alternative:
    """A candidate that could replace a site, and how much worse the whole choice is with it, in its `Siting.unit`."""

    point: shapely.Point
    facility: str | None
    name: str | None
    place: str | None
    costs: float


def described(travel: Travel, asked: Question, order: Int64Array, request: SitesRequest, scale: Scale) -> list[Site]:
    """The sites in the order of the plan."""
    problem, study = asked.problem, travel.study
    places, points = problem.candidates, problem.candidates.points
    replacements = plan.replacements(
        problem, order, request.budget, _reach_m(travel, asked.standard), study.settings.projection
    )
    numbers = [*order.tolist(), *(choice.site for choices in replacements for choice in choices)]
    named = dict(zip(numbers, candidates.named(study, points[numbers]), strict=True))
    sites, inside = [], 0.0
    for rank, (site, choices) in enumerate(zip(order.tolist(), replacements, strict=True), start=1):
        so_far = problem.newly_inside(order[:rank])
        code, name = named[site]
        sites.append(
            Site(
                rank=rank,
                point=points[site],
                facility=places.facility[site],
                name=places.name[site],
                area_code=code,
                place=name,
                is_fixed=bool(places.is_fixed[site]),
                cost=None if request.costs is None else float(places.costs[site]),
                newly_inside=round(so_far - inside, 1) + 0.0,
                inside=round(so_far, 1),
                same=int(problem.same[site]),
                alternatives=[
                    Alternative(
                        point=points[choice.site],
                        facility=places.facility[choice.site],
                        name=places.name[choice.site],
                        place=named[choice.site][1],
                        costs=scale.loss(choice.lost),
                    )
                    for choice in choices
                ],
            )
        )
        inside = so_far
    return sites


def _reach_m(travel: Travel, standard: TravelTime | Radius) -> float:
    """How far a replacement may be from its site: what the limit is in a straight line."""
    if isinstance(standard, Radius):
        return standard.metres
    speed = straight_line.speed_mps(travel.study.settings, standard.mode)
    return standard.minutes * 60 * speed / travel.study.settings.detour
