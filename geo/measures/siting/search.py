"""The choice of sites for a problem, by the exact methods of `geo.measures.sites`, with its bound."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from geo.arrays import Int64Array
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


def most_people(problem: Problem, limits: Limits, start: Int64Array | None = None) -> Chosen:
    """The sites that newly cover most weight."""
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    everything = float(problem.people.weight.sum())
    if not len(problem.candidates) or not everything:
        return Chosen(fixed, 0.0, True)
    choice = exact.most_people(
        problem.cover,
        limits.count,
        problem.people.weight,
        costs=problem.candidates.costs,
        budget=limits.budget,
        fixed=fixed.tolist(),
        **_options(limits, start),
    )
    return Chosen(choice.sites, choice.bound, choice.proven)


def fewest_sites(problem: Problem, needed: float, limits: Limits) -> Chosen:
    """The fewest, or cheapest, sites that newly cover ``needed`` weight.

    Raises
    ------
    FieldError
        All candidates together do not cover it; the message says how far they come.
    """
    fixed = np.flatnonzero(problem.candidates.is_fixed)
    people = problem.people
    spent = float(problem.candidates.costs[fixed].sum())
    if problem.newly_inside(fixed) >= needed * (1 - RELATIVE_TOLERANCE):
        return Chosen(fixed, spent, True)
    everything = float(people.weight.sum())
    reachable = float(people.weight[np.diff(problem.cover.indptr) > 0].sum())
    if reachable < needed - RELATIVE_TOLERANCE * people.total:
        most = (people.covered + reachable) / people.total
        reason = f"share: all candidates together bring {most:.4%} inside; a higher share cannot be reached"
        raise FieldError([("share", reason)])
    share = min(needed / everything, 1.0)
    choice = exact.fewest_sites(
        problem.cover, share, people.weight, costs=problem.candidates.costs, fixed=fixed.tolist(), **_options(limits)
    )
    return Chosen(choice.sites, choice.bound, choice.proven)


def least_time(problem: Problem, limits: Limits, start: Int64Array | None = None) -> Chosen:
    """The sites with which people travel least, today's facilities included.

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
    choice = exact.least_time(
        times,
        None if limits.count is None else limits.count + 1,
        people.weight,
        otherwise=people.horizon,
        costs=np.append(problem.candidates.costs, 0.0),
        budget=limits.budget,
        fixed=[*fixed.tolist(), candidates],
        **_options(limits, start),
    )
    most = float(np.dot(people.weight, people.base)) - choice.bound
    return Chosen(choice.sites[choice.sites < candidates], most, choice.proven)


def _options(limits: Limits, start: Int64Array | None = None) -> dict[str, Any]:
    options = {
        "seconds": max(limits.seconds, 0.01),
        "progress": limits.progress,
        "stop": limits.stop,
        "cores": limits.cores,
        "start": () if start is None else start.tolist(),
    }
    known = inspect.signature(exact.most_people).parameters
    return {name: value for name, value in options.items() if name in known}
