"""The curve: what each number of sites can achieve at most and at least, and what the plan achieves."""

import time
from dataclasses import dataclass, replace

import numpy as np

from geo.arrays import Int64Array
from geo.measures.sites.problem import RELATIVE_TOLERANCE
from geo.measures.siting import search
from geo.measures.siting.plan import Greedy
from geo.measures.siting.problem import Problem
from geo.measures.siting.scale import Scale
from geo.measures.siting.search import Limits

_LEAST_SECONDS = 0.02
"""A search for one point of the curve is not begun with less time than this."""


@dataclass(frozen=True)
class CurvePoint:
    """What ``count`` sites achieve, fixed ones included.

    Attributes
    ----------
    covered : people inside the standard with the best known choice of so many sites
    value, bound : of that choice, and what no choice betters; ``proven`` if they are equal
    planned : the value of the first ``count`` sites of the plan
    lost_by_order : how much worse that is than ``value``: what it costs to keep the sites of the steps before
    """

    count: int
    covered: float
    value: float
    bound: float
    proven: bool
    planned: float
    lost_by_order: float


@dataclass
class _Step:
    """The best known choice of some number of sites, its benefit and a bound on the benefit of any."""

    sites: Int64Array
    benefit: float
    bound: float
    planned: float

    @property
    def is_open(self) -> bool:
        return self.bound > self.benefit + RELATIVE_TOLERANCE * max(1.0, abs(self.bound))


def curve_of(
    problem: Problem, order: Int64Array, greedy: Greedy, bound: float, limits: Limits, scale: Scale
) -> list[CurvePoint]:
    """The curve up to the number of sites of a plan, improved until the time of ``limits`` is over.

    Parameters
    ----------
    order : the sites of the plan, in the order in which they are built
    greedy : another choice, and bounds
    bound : what no choice of as many sites has more benefit than
    """
    until = time.monotonic() + limits.seconds
    most, fixed = len(order), int(problem.candidates.is_fixed.sum())
    steps = _first_steps(problem, order, greedy, bound)
    _improve(problem, steps, fixed, limits, until)
    points = []
    for count in range(max(1, fixed), most + 1):
        step = steps[count]
        value, planned = scale.value(step.benefit), scale.value(step.planned)
        points.append(
            CurvePoint(
                count=count,
                covered=round(problem.people.inside_today + problem.newly_inside(step.sites), 1),
                value=value,
                bound=scale.bound(step.bound) if step.is_open else value,
                proven=not step.is_open,
                planned=planned,
                lost_by_order=round(abs(value - planned), scale.decimals),
            )
        )
    return points


def _first_steps(problem: Problem, order: Int64Array, greedy: Greedy, bound: float) -> list[_Step]:
    """Steps 0, 1, … from the plan and from a greedy choice, whichever is better, with the bounds of the latter."""
    most = len(order)
    bounds = np.array([greedy.bound(count) for count in range(most + 1)])
    bounds[most] = min(bounds[most], bound)
    everything = float(problem.reached(np.arange(len(problem.candidates))).sum())
    steps, reached = [], np.zeros(len(problem.people.weight))
    for count in range(most + 1):
        if count:
            reached = np.maximum(reached, problem.reached(order[count - 1 : count]))
        planned = float(reached.sum())
        sites, benefit = order[:count], planned
        if count < most and count <= len(greedy.sites) and greedy.benefit(count) > planned:
            sites, benefit = greedy.sites[:count], greedy.benefit(count)
        steps.append(_Step(sites, benefit, max(min(float(bounds[count:].min()), everything), benefit), planned))
    return steps


def _improve(problem: Problem, steps: list[_Step], fixed: int, limits: Limits, until: float) -> None:
    """Search the choices of those steps that are not proven, the least certain first, until the time is over.

    The last step is the choice that the plan is made of, which was searched before.
    """
    improved = True
    while improved:
        improved = False
        counts = [count for count in range(max(1, fixed), len(steps) - 1) if steps[count].is_open]
        counts.sort(key=lambda count: steps[count].benefit - steps[count].bound)
        for place, count in enumerate(counts):
            left = until - time.monotonic()
            if left < _LEAST_SECONDS or (limits.stop is not None and limits.stop()):
                return
            step = steps[count]
            if not step.is_open:
                continue
            seconds = max(_LEAST_SECONDS, left / (len(counts) - place))
            of_step = replace(limits, count=count, seconds=seconds, progress=None)
            chosen = (search.most_people if problem.is_covering else search.least_time)(problem, of_step, step.sites)
            benefit = float(problem.reached(chosen.sites).sum())
            gap = step.bound - step.benefit
            if benefit > step.benefit:
                step.sites, step.benefit = chosen.sites, benefit
            step.bound = max(min(step.bound, chosen.bound), step.benefit)
            improved |= step.bound - step.benefit < 0.9 * gap
        for count in range(len(steps) - 2, -1, -1):  # fewer sites never achieve more
            steps[count].bound = max(min(steps[count].bound, steps[count + 1].bound), steps[count].benefit)
