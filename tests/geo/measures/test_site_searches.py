"""Siting searches: their progress, their end, what they begin with, and the steps that make a problem smaller."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from geo.measures.sites import (
    Choice,
    covering,
    fewest_sites,
    least_time,
    most_people,
    presolve,
    problem,
    solver,
)
from geo.measures.sites.cover_choice import Covering, Search
from geo.measures.sites.windows import Windows
from support.examples import examples
from support.siting import allowed_choices, check_limits, options, problems, town


def test_search_tells_its_progress_and_ends_with_what_it_has_when_it_is_stopped() -> None:
    """Values and bounds only improve, the last ones are the answer's, and a stopped search has both."""
    metres, weights = town(120, 40)
    cover = metres <= 90
    calls: dict[str, tuple[Callable[..., Choice], float]] = {
        "most_people": (partial(most_people, cover, 12, weights), 1.0),
        "fewest_sites": (partial(fewest_sites, cover, 0.5, weights), -1.0),
        "least_time": (partial(least_time, metres, 9, weights), -1.0),
    }
    for name, (function, sign) in calls.items():
        seen: list[tuple[float, float]] = []
        exact = function(progress=lambda value, bound, seen=seen: seen.append((value, bound)), seconds=1e4)
        values, bounds = (sign * np.array(column) for column in zip(*seen, strict=True))
        assert (np.diff(values) >= 0).all(), name
        assert (np.diff(bounds) <= 1e-6).all(), name
        assert (bounds >= values).all(), name
        assert exact.proven, name
        assert seen[-1] == pytest.approx((exact.value, exact.bound)), name
        stopped = function(stop=lambda: True, seconds=1e4)
        assert sign * stopped.value <= sign * exact.value <= sign * stopped.bound, name


def test_search_begins_with_a_known_choice() -> None:
    """Without time for anything else, the answer is at least as good as the choice to start from."""
    metres, weights = town(200, 60)
    cover = metres <= 90
    most, least = most_people(cover, 12, weights), least_time(metres, 9, weights)
    few = fewest_sites(cover, 0.6, weights)
    at_once: Any = {"seconds": 1e-6}
    assert most_people(cover, 12, weights, start=most.sites.tolist(), **at_once).value == most.value
    assert least_time(metres, 9, weights, start=least.sites.tolist(), **at_once).value == least.value
    assert fewest_sites(cover, 0.6, weights, start=few.sites.tolist(), **at_once).value == few.value
    # What a limit forbids is left out of it.
    bounded = most_people(cover, 3, weights, start=most.sites.tolist(), forbidden=most.sites.tolist()[:2], **at_once)
    assert len(bounded.sites) <= 3
    assert not set(most.sites[:2].tolist()) & set(bounded.sites.tolist())


@given(problems(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=examples(30))
def test_no_bound_is_violated_and_no_hurried_choice_beats_the_best(case: dict[str, Any], seed: int) -> None:
    """A search that is stopped at a random moment gives an allowed choice, its true value, and a valid bound."""
    cover, weights, random = case["times"] <= 4, case["weights"], np.random.default_rng(seed)
    choices = list(allowed_choices(case))
    if not choices or (case["count"] is None and case["budget"] is None):
        return
    moments = iter(random.random(10_000) < 0.2)
    hurried: Any = {"seconds": float(random.choice([1e-6, 1e-3, 1e-2])), "stop": lambda: next(moments, True)}
    most = most_people(cover, case["count"], weights, **options(case, "budget"), **hurried)
    check_limits(case, most.sites)
    best = max(float(weights[cover[:, chosen].any(axis=1)].sum()) for chosen in choices)
    assert float(weights[cover[:, most.sites].any(axis=1)].sum()) == pytest.approx(most.value)
    assert most.value <= best + 1e-6
    assert best <= most.bound + 1e-6

    def total(chosen: Any) -> float:
        return float((np.min(case["times"][:, chosen], axis=1, initial=20) * weights).sum())

    least = least_time(case["times"], case["count"], weights, otherwise=20, **options(case, "budget"), **hurried)
    check_limits(case, least.sites)
    best = min(map(total, choices))
    assert total(least.sites) == pytest.approx(least.value)
    assert least.bound - 1e-6 <= best <= least.value + 1e-6


def test_a_column_that_one_rule_fixed_is_not_fixed_again() -> None:
    """A site that was fixed to 0 stays so when its reduced cost later asks for 1, and the other way round."""
    matrix = sparse.csc_array(np.ones((1, 4)))
    program = solver.Program(
        costs=np.ones(4),
        matrix=matrix,
        row_lower=np.ones(1),
        row_upper=np.full(1, np.inf),
        lower=np.array([0.0, 1.0, 0.0, 0.0]),
        upper=np.array([0.0, 1.0, 1.0, 1.0]),
        whole=np.ones(4, dtype=bool),
    )
    fixed = covering._fixed(program, np.array([-9.0, 9.0, -9.0, 9.0]), 1.0)
    assert fixed.lower.tolist() == [0, 1, 1, 0]
    assert fixed.upper.tolist() == [0, 1, 1, 0]


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 12))
@settings(deadline=None, max_examples=examples(40))
def test_dominated_sites_and_unneeded_rows_agree_with_comparing_all(seed: int, rows: int, sites: int) -> None:
    """Each site or row that is left out has another one that stays and replaces it; those that stay replace nobody."""
    random = np.random.default_rng(seed)
    cover = random.random((rows, sites)) < random.choice([0.2, 0.5, 0.8])
    costs, never = random.integers(1, 3, sites).astype(float), np.zeros(1, dtype=bool)
    matrix = sparse.csr_array(cover.astype(float))
    out = presolve.dominated_sites(matrix, costs, np.ones(sites, dtype=bool), never)

    def replaces(other: int, site: int) -> bool:
        return bool(other != site and costs[other] <= costs[site] and (cover[:, other] >= cover[:, site]).all())

    for site in np.flatnonzero(cover.any(axis=0)):
        assert out[site] == any(replaces(other, site) and not out[other] for other in range(sites))
    nobody = ~cover.any(axis=1)
    needless = presolve.unneeded_rows(matrix, never)
    for row in np.flatnonzero(~nobody):
        others = [other for other in np.flatnonzero(~nobody & ~needless) if other != row]
        assert needless[row] == any((cover[other] <= cover[row]).all() for other in others)


def test_windows_lead_from_a_greedy_choice_to_a_better_one() -> None:
    metres, weights = town(600, 300)
    limits = problem.limits(300, 40, None)
    rest = Covering.of(sparse.csr_array((metres <= 70).astype(float)), weights, 0.0, limits)
    search = Search(rest, limits)
    search.begin()
    greedy, windows = search.value, Windows(rest, search, limits, partial(covering._solve, with_windows=False))
    for _ in range(12):
        before = search.value
        windows.improve()
        assert search.value >= before
        assert search.best.sum() <= 40
    assert rest.covered(search.best) == search.value > greedy
