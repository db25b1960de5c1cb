"""Siting against brute force: every choice of a few sites is tried."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from geo.errors import InputError
from geo.measures.sites import cover_search, fewest_sites, least_time, median_search, most_people

SITING = Path(__file__).parents[4] / "shared" / "data" / "siting"


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


def allowed_choices(problem: dict[str, Any]) -> Iterator[list[int]]:
    """All choices that keep the limits."""
    sites = problem["times"].shape[1]
    count = sites if problem["count"] is None else problem["count"]
    budget = np.inf if problem["budget"] is None else problem["budget"]
    free = [site for site in range(sites) if site not in problem["fixed"] and site not in problem["forbidden"]]
    for size in range(len(free) + 1):
        for others in itertools.combinations(free, size):
            chosen = [*problem["fixed"], *others]
            if len(chosen) <= count and problem["costs"][chosen].sum() <= budget:
                yield chosen


def check_limits(problem: dict[str, Any], sites: np.ndarray) -> None:
    assert set(problem["fixed"]) <= set(sites.tolist())
    assert not set(problem["forbidden"]) & set(sites.tolist())
    assert problem["count"] is None or len(sites) <= problem["count"]
    assert problem["budget"] is None or problem["costs"][sites].sum() <= problem["budget"] + 1e-6


def options(problem: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: problem[name] for name in ("fixed", "forbidden", "costs", *names)}


@given(problems())
@settings(deadline=None, max_examples=60)
def test_most_people_agrees_with_trying_every_choice(problem: dict[str, Any]) -> None:
    cover = problem["times"] <= 4
    choices = list(allowed_choices(problem))
    if not choices or (problem["count"] is None and problem["budget"] is None):
        with pytest.raises(InputError):
            most_people(cover, problem["count"], problem["weights"], **options(problem, "budget"))
        return
    best = max(float(problem["weights"][cover[:, chosen].any(axis=1)].sum()) for chosen in choices)
    result = most_people(cover, problem["count"], problem["weights"], **options(problem, "budget"))
    check_limits(problem, result.sites)
    assert result.proven
    assert result.value == pytest.approx(best)
    assert float(problem["weights"][cover[:, result.sites].any(axis=1)].sum()) == pytest.approx(result.value)


@given(problems(), st.sampled_from([1.0, 0.9, 0.5, 0.01]))
@settings(deadline=None, max_examples=60)
def test_fewest_sites_agree_with_trying_every_choice(problem: dict[str, Any], share: float) -> None:
    cover, weights = problem["times"] <= 4, problem["weights"]
    problem |= {"count": None, "budget": None}
    enough = [
        chosen
        for chosen in allowed_choices(problem)
        if weights[cover[:, chosen].any(axis=1)].sum() >= share * weights.sum() * (1 - 1e-9)
    ]
    if not enough:
        with pytest.raises(InputError, match="all sites together cover"):
            fewest_sites(cover, share, weights, **options(problem))
        return
    result = fewest_sites(cover, share, weights, **options(problem))
    check_limits(problem, result.sites)
    assert result.proven
    assert result.value == pytest.approx(min(problem["costs"][chosen].sum() for chosen in enough))
    assert problem["costs"][result.sites].sum() == pytest.approx(result.value)
    assert weights[cover[:, result.sites].any(axis=1)].sum() >= share * weights.sum() * (1 - 1e-8)


@given(problems(), st.one_of(st.none(), st.integers(0, 12)), st.booleans())
@settings(deadline=None, max_examples=80)
def test_least_time_agrees_with_trying_every_choice(
    problem: dict[str, Any], otherwise: int | None, as_sparse: bool
) -> None:
    times, weights = problem["times"], problem["weights"]

    def total(chosen: Any) -> float:
        nearest = np.min(times[:, chosen], axis=1, initial=np.inf if otherwise is None else otherwise)
        return float((nearest[weights > 0] * weights[weights > 0]).sum())

    best = min(map(total, allowed_choices(problem)), default=np.inf)
    table: Any = times
    if as_sparse:
        row, column = np.nonzero(np.isfinite(times))
        table = sparse.csr_array((times[row, column], (row, column)), times.shape)
    arguments = {"otherwise": otherwise, **options(problem, "budget")}
    if not np.isfinite(best) or (problem["count"] is None and problem["budget"] is None):
        with pytest.raises(InputError):
            least_time(table, problem["count"], weights, **arguments)
        return
    result = least_time(table, problem["count"], weights, **arguments)
    check_limits(problem, result.sites)
    assert result.proven
    assert result.value == pytest.approx(best)
    assert total(result.sites) == pytest.approx(result.value)


@pytest.fixture(params=[False, True], ids=["as it is", "poor beginnings"])
def beginnings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a local search that stops early, so that bounds, cuts and branching have to do the work."""
    if request.param:
        improve, interchange = cover_search.search, median_search.search
        monkeypatch.setattr(cover_search, "search", lambda *a: improve(*a) if a[-1] == 0 else 0.0)
        monkeypatch.setattr(median_search, "search", lambda *a: interchange(*a[:-2], 1, a[-1]))


def solved_by_scipy(costs: np.ndarray, rows: Any, lower: Any, upper: Any, sites: int) -> float:
    result = optimize.milp(
        costs,
        constraints=optimize.LinearConstraint(rows, lower, upper),
        bounds=optimize.Bounds(0, 1),
        integrality=np.arange(len(costs)) < sites,
        options={"mip_rel_gap": 0},
    )
    assert result.success
    return float(result.fun)


@pytest.mark.usefixtures("beginnings")
@pytest.mark.parametrize("seed", range(12))
def test_towns_agree_with_the_textbook_programs(seed: int) -> None:
    """Whole and fractional weights, with and without costs, against scipy's solver on the models of the literature."""
    random = np.random.default_rng(seed)
    people, sites = 70, 40
    metres = np.hypot(*(random.random((people, 1, 2)) - random.random((1, sites, 2))).transpose(2, 0, 1)) * 1000
    weights = random.integers(1, 50, people) * (1.0 if seed % 2 else 1.37)
    costs = np.ones(sites) if seed % 3 else random.integers(1, 9, sites).astype(float)
    budget = costs.mean() * (4 + seed % 5)
    cover = (metres <= 130 + 10 * (seed % 4)).astype(float)
    limit: dict[str, Any] = {"costs": costs, "budget": budget}
    uncovered = solved_by_scipy(
        np.append(np.zeros(sites), weights),
        np.block([[cover, np.eye(people)], [costs[None, :], np.zeros((1, people))]]),
        np.append(np.ones(people), 0),
        np.append(np.full(people, np.inf), budget),
        sites,
    )
    most = most_people(cover, None, weights, **limit)
    assert most.proven
    assert most.value == pytest.approx(weights.sum() - uncovered)
    assigned = np.kron(np.eye(people), np.ones((1, sites)))
    opened = np.tile(np.eye(sites), (people, 1))
    travelled = solved_by_scipy(
        np.append(np.zeros(sites), (metres * weights[:, None]).ravel()),
        np.block([
            [np.zeros((people, sites)), assigned],
            [opened, -np.eye(people * sites)],
            [costs[None, :], np.zeros((1, people * sites))],
        ]),
        np.concatenate([np.ones(people), np.zeros(people * sites), [0]]),
        np.concatenate([np.ones(people), np.full(people * sites, np.inf), [budget]]),
        sites,
    )  # fmt: skip
    least = least_time(metres, None, weights, **limit)
    assert least.proven
    assert least.value == pytest.approx(travelled)


def town(people: int, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances from scattered people to scattered sites, and how many people each point has."""
    random = np.random.default_rng(3)
    where, places = random.random((people, 2)), random.random((sites, 2))
    metres = np.hypot(*(where[:, None] - places[None]).transpose(2, 0, 1)) * 1000
    return metres, random.integers(1, 100, people).astype(float)


def test_result_is_proven_on_a_town_and_a_bound_without_time() -> None:
    metres, weights = town(500, 150)
    cover = metres <= 90
    exact = most_people(cover, 15, weights)
    hurried = most_people(cover, 15, weights, seconds=1e-3)
    assert exact.proven
    assert hurried.value <= exact.value <= hurried.bound
    assert weights[cover[:, hurried.sites].any(axis=1)].sum() == hurried.value
    nearest, soon = least_time(metres, 9, weights), least_time(metres, 9, weights, seconds=1e-3)
    assert nearest.proven
    assert soon.bound <= nearest.value <= soon.value
    fewest = fewest_sites(cover, 0.8, weights)
    assert (
        most_people(cover, len(fewest.sites) - 1, weights).value
        < 0.8 * weights.sum()
        <= most_people(cover, len(fewest.sites), weights).value
    )


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("count of sites or a budget", {}),
        ("count = 1.5", {"count": 1.5}),
        ("budget = -1", {"budget": -1}),
        ("site 1 is fixed and forbidden", {"count": 2, "fixed": [1], "forbidden": [1, 2]}),
        ("fixed has a site that does not exist", {"count": 2, "fixed": [3]}),
        ("fixed sites alone", {"count": 1, "fixed": [0, 1]}),
        ("weights has the shape", {"count": 1, "weights": [1, 2]}),
        ("costs must be finite", {"count": 1, "costs": [1, np.nan, 2]}),
        ("seconds = 0", {"count": 1, "seconds": 0}),
    ],
)
def test_wrong_arguments_are_refused(message: str, arguments: dict[str, Any]) -> None:
    for function in (most_people, least_time):
        with pytest.raises(InputError, match=message):
            function(np.ones((4, 3)), **arguments)


def test_what_nobody_can_reach_is_said() -> None:
    with pytest.raises(InputError, match=r"cover 50\.00% of the people"):
        fewest_sites(np.array([[1, 0], [0, 0]]))
    with pytest.raises(InputError, match="no choice was seen that everybody reaches"):
        least_time(np.array([[1.0, np.inf], [np.inf, 1.0]]), 1)


def p_median(name: str) -> tuple[np.ndarray, int]:
    """A table of the OR-Library: distances between all nodes, and how many medians to choose."""
    numbers = np.array((SITING / name).read_text().split(), dtype=int)
    nodes, _, count = numbers[:3]
    length = np.zeros((nodes, nodes))
    for a, b, metres in numbers[3:].reshape(-1, 3):
        length[a - 1, b - 1] = length[b - 1, a - 1] = metres  # where an edge is given twice, the last counts
    return sparse.csgraph.dijkstra(sparse.csr_array(length)), int(count)


needs_tables = pytest.mark.skipif(not SITING.is_dir(), reason="the published tables are not beside the repository")


@needs_tables
def test_p_medians_of_the_or_library() -> None:
    published = [5819, 4093, 4250, 3034, 1355, 7824, 5631, 4445, 2734, 1255]
    for number, value in enumerate(published, start=1):
        distances, count = p_median(f"pmed{number}.txt")
        result = least_time(distances, count)
        assert (result.value, result.proven) == (value, True), number


@needs_tables
def test_stores_of_san_francisco() -> None:
    import pandas as pd

    table = pd.read_csv(SITING / "SF_network_distance_candidateStore_16_censusTract_205_new.csv")
    metres = table.pivot(index="DestinationName", columns="name", values="distance")
    people = table.drop_duplicates("DestinationName").set_index("DestinationName")["demand"].reindex(metres.index)
    cover = metres.to_numpy() <= 5000
    assert (fewest_sites(cover).value, fewest_sites(cover).proven) == (8, True)
    most = most_people(cover, 4, people.to_numpy())
    assert (most.value, most.proven) == (875_247, True)
    least = least_time(metres.to_numpy(), 4, people.to_numpy())
    assert least.value == pytest.approx(2_848_268_129.7145)
    assert least.proven
