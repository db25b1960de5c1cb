"""Small siting problems, and what is allowed in them."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st


@st.composite
def problems(draw: Any) -> dict[str, Any]:
    """A small table of times with its weights, costs, fixed and forbidden sites."""
    people, sites = draw(st.integers(1, 12)), draw(st.integers(1, 7))
    time = st.one_of(st.integers(0, 9), st.just(np.inf))
    times = np.array(draw(st.lists(st.lists(time, min_size=sites, max_size=sites), min_size=people, max_size=people)))
    weight = st.one_of(st.integers(0, 9), st.floats(0, 9))
    roles = draw(
        st.lists(st.sampled_from(["free", "free", "free", "fixed", "forbidden"]), min_size=sites, max_size=sites)
    )
    return {
        "times": times.astype(float),
        "weights": np.array(draw(st.lists(weight, min_size=people, max_size=people)), dtype=float),
        "costs": np.array(draw(st.lists(st.integers(0, 5), min_size=sites, max_size=sites)), dtype=float),
        "fixed": [number for number, role in enumerate(roles) if role == "fixed"],
        "forbidden": [number for number, role in enumerate(roles) if role == "forbidden"],
        "count": draw(st.one_of(st.none(), st.integers(0, sites))),
        "budget": draw(st.one_of(st.none(), st.integers(0, 12))),
    }


def allowed_choices(case: dict[str, Any]) -> Iterator[list[int]]:
    """All choices that keep the limits."""
    sites = case["times"].shape[1]
    count = sites if case["count"] is None else case["count"]
    budget = np.inf if case["budget"] is None else case["budget"]
    free = [site for site in range(sites) if site not in case["fixed"] and site not in case["forbidden"]]
    for size in range(len(free) + 1):
        for others in itertools.combinations(free, size):
            chosen = [*case["fixed"], *others]
            if len(chosen) <= count and case["costs"][chosen].sum() <= budget:
                yield chosen


def check_limits(case: dict[str, Any], sites: np.ndarray) -> None:
    assert set(case["fixed"]) <= set(sites.tolist())
    assert not set(case["forbidden"]) & set(sites.tolist())
    assert case["count"] is None or len(sites) <= case["count"]
    assert case["budget"] is None or case["costs"][sites].sum() <= case["budget"] + 1e-6


def options(case: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: case[name] for name in ("fixed", "forbidden", "costs", *names)}


def town(people: int, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances from scattered people to scattered sites, and how many people each point has."""
    random = np.random.default_rng(3)
    where, places = random.random((people, 2)), random.random((sites, 2))
    metres = np.hypot(*(where[:, None] - places[None]).transpose(2, 0, 1)) * 1000
    return metres, random.integers(1, 100, people).astype(float)
