"""The choice of sites for a problem, by the exact methods of `geo.measures.sites`, with its bound."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from geo.arrays import Float64Array, Int64Array
from geo.errors import FieldError
from geo.measures import sites as exact
from geo.measures.sites.problem import RELATIVE_TOLERANCE
from geo.measures.siting.problem import Problem

Progress = Callable[[float, float], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Limits:
    """What a choice may have: ``count`` sites and a ``budget``, None without a limit; and how long to search for it.

    ``progress`` is called with the value and the bound so far; ``stop`` says whether to end now; ``cores`` is how many
    cores the search may take.
    """

    count: int | None
    budget: float | None
    seconds: float
    progress: Progress | None = None
    stop: Stop | None = None
    cores: int = 1


@dataclass(frozen=True)
class Chosen:
    """Sites as columns of a problem, and a bound.

    ``bound`` is a benefit (`geo.measures.siting.problem`) that no choice exceeds; of fewest sites, the number or the
    costs that no choice goes below.
    """

    sites: Int64Array
    bound: float
    proven: bool


def most_people(problem: Problem, limits: Limits, start: Int64Array) -> Chosen:
    """The sites that newly cover most weight; the search begins with the choice ``start``."""
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    if not len(problem.candidates) or not problem.people.weight.any():
        return Chosen(fixed, 0.0, True)
    options = _options(limits, start, problem.candidates.costs, fixed)
    choice = exact.most_people(problem.cover, limits.count, problem.people.weight, budget=limits.budget, **options)
    return Chosen(choice.sites, choice.bound, choice.proven)


def fewest_sites(problem: Problem, needed: float, limits: Limits, start: Int64Array) -> Chosen:
    """The fewest, or cheapest, sites that newly cover ``needed`` weight; the search begins with the choice ``start``.

    Raises
    ------
    FieldError
        All candidates together do not cover it; the message says how far they come.
    """
    people, costs = problem.people, problem.candidates.costs
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    spare = RELATIVE_TOLERANCE * people.total
    if problem.newly_inside(fixed) >= needed - spare:
        return Chosen(fixed, float(costs[fixed].sum()), True)
    everything = float(people.weight.sum())
    reachable = float(people.weight[np.diff(problem.cover.indptr) > 0].sum())
    if reachable < needed - spare:
        most = (people.covered + reachable) / people.total
        reason = f"share: all candidates together bring {most:.4%} inside; a higher share cannot be reached"
        raise FieldError([("share", reason)])
    share = min(needed, reachable) / everything
    choice = exact.fewest_sites(problem.cover, share, people.weight, **_options(limits, start, costs, fixed))
    return Chosen(choice.sites, choice.bound, choice.proven)


def least_time(problem: Problem, limits: Limits, start: Int64Array) -> Chosen:
    """The sites with which people travel least, today's facilities included; the search begins with ``start``.

    Today's facilities are one more site, fixed and free of charge, which each row reaches in its `base`.
    """
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    people, candidates = problem.people, len(problem.candidates)
    values = sparse.coo_array(problem.values)
    useful = values.data < people.base[values.row]
    today = np.flatnonzero(people.base < people.horizon)
    rows = np.concatenate([values.row[useful], today])
    columns = np.concatenate([values.col[useful], np.full(len(today), candidates)])
    data = np.concatenate([values.data[useful], people.base[today]])
    times = sparse.csr_array(sparse.coo_array((data, (rows, columns)), (len(people.weight), candidates + 1)))
    costs = np.append(problem.candidates.costs, 0.0)
    choice = exact.least_time(
        times,
        None if limits.count is None else limits.count + 1,
        people.weight,
        otherwise=people.horizon,
        budget=limits.budget,
        **_options(limits, start, costs, np.append(fixed, candidates)),
    )
    most = float(np.dot(people.weight, people.base)) - choice.bound
    return Chosen(choice.sites[choice.sites < candidates], most, choice.proven)


def _options(limits: Limits, start: Int64Array, costs: Float64Array, fixed: Int64Array) -> exact.Options:
    return {
        "costs": costs,
        "fixed": fixed.tolist(),
        "start": start.tolist(),
        "seconds": max(limits.seconds, 0.01),
        "progress": limits.progress,
        "stop": limits.stop,
        "cores": limits.cores,
    }
