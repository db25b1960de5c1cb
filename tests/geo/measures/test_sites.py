"""Siting against brute force: every choice of a few sites is tried."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from geo.errors import InputError
from geo.measures.sites import (
    cover_cuts,
    cover_search,
    covering,
    fewest_sites,
    least_time,
    median_search,
    most_people,
    problem,
)
from geo.measures.sites.cover_choice import Covering, Search
from support.examples import examples, only_long
from support.siting import allowed_choices, check_limits, options, problems, town

SITING = Path(__file__).parents[4] / "shared" / "data" / "siting"


@given(problems())
@settings(deadline=None, max_examples=examples(60))
def test_most_people_agrees_with_trying_every_choice(case: dict[str, Any]) -> None:
    cover = case["times"] <= 4
    choices = list(allowed_choices(case))
    if not choices or (case["count"] is None and case["budget"] is None):
        with pytest.raises(InputError):
            most_people(cover, case["count"], case["weights"], **options(case, "budget"))
        return
    best = max(float(case["weights"][cover[:, chosen].any(axis=1)].sum()) for chosen in choices)
    result = most_people(cover, case["count"], case["weights"], **options(case, "budget"))
    check_limits(case, result.sites)
    assert result.proven
    assert result.value == pytest.approx(best)
    assert float(case["weights"][cover[:, result.sites].any(axis=1)].sum()) == pytest.approx(result.value)


@given(problems(), st.sampled_from([1.0, 0.9, 0.5, 0.01]))
@settings(deadline=None, max_examples=examples(60))
def test_fewest_sites_agree_with_trying_every_choice(case: dict[str, Any], share: float) -> None:
    cover, weights = case["times"] <= 4, case["weights"]
    case |= {"count": None, "budget": None}
    enough = [
        chosen
        for chosen in allowed_choices(case)
        if weights[cover[:, chosen].any(axis=1)].sum() >= share * weights.sum() * (1 - 1e-9)
    ]
    if not enough:
        with pytest.raises(InputError, match="all sites together cover"):
            fewest_sites(cover, share, weights, **options(case))
        return
    result = fewest_sites(cover, share, weights, **options(case))
    check_limits(case, result.sites)
    assert result.proven
    assert result.value == pytest.approx(min(case["costs"][chosen].sum() for chosen in enough))
    assert case["costs"][result.sites].sum() == pytest.approx(result.value)
    assert weights[cover[:, result.sites].any(axis=1)].sum() >= share * weights.sum() * (1 - 1e-8)


@given(problems(), st.one_of(st.none(), st.integers(0, 12)), st.booleans())
@settings(deadline=None, max_examples=examples(80))
def test_least_time_agrees_with_trying_every_choice(
    case: dict[str, Any], otherwise: int | None, as_sparse: bool
) -> None:
    times, weights = case["times"], case["weights"]

    def total(chosen: Any) -> float:
        nearest = np.min(times[:, chosen], axis=1, initial=np.inf if otherwise is None else otherwise)
        return float((nearest[weights > 0] * weights[weights > 0]).sum())

    best = min(map(total, allowed_choices(case)), default=np.inf)
    table: Any = times
    if as_sparse:
        row, column = np.nonzero(np.isfinite(times))
        table = sparse.csr_array((times[row, column], (row, column)), times.shape)
    arguments = {"otherwise": otherwise, **options(case, "budget")}
    if not np.isfinite(best) or (case["count"] is None and case["budget"] is None):
        with pytest.raises(InputError):
            least_time(table, case["count"], weights, **arguments)
        return
    result = least_time(table, case["count"], weights, **arguments)
    check_limits(case, result.sites)
    assert result.proven
    assert result.value == pytest.approx(best)
    assert total(result.sites) == pytest.approx(result.value)


@pytest.fixture(params=[False, True], ids=["as it is", "poor beginnings"])
def beginnings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a local search that stops early, so that bounds, cuts and branching have to do the work."""
    if request.param:
        improve, interchange = cover_search.search, median_search.search
        monkeypatch.setattr(cover_search, "search", lambda *a: improve(*a) if a[-2] <= 1 else 0.0)
        monkeypatch.setattr(median_search, "search", lambda *a: interchange(*a[:-2], min(1, a[-2]), a[-1]))


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


@given(st.integers(0, 2**32), st.integers(5, 12), st.integers(4, 9))
@settings(deadline=None, max_examples=examples(40))
def test_cuts_hold_for_every_choice(seed: int, rows: int, sites: int) -> None:
    random = np.random.default_rng(seed)
    cover = (random.random((rows, sites)) < 0.35).astype(float)
    cover[np.arange(rows), random.integers(0, sites, rows)] = 1.0
    x = random.choice([0.0, 1 / 3, 0.5], sites)
    y = np.maximum(0.0, 1.0 - cover @ x)
    sets = cover_cuts.violated(sparse.csr_array(cover), x, y)
    coefficients, right_sides = np.ceil((sets @ cover) / 2), (sets.sum(axis=1) + 1) / 2
    for chosen in itertools.product((0.0, 1.0), repeat=sites):
        uncovered = (cover @ np.array(chosen) == 0).astype(float)
        assert (coefficients @ np.array(chosen) + sets @ uncovered >= right_sides - 1e-9).all()
    assert (coefficients @ x + sets @ y < right_sides).all()


def test_cut_closes_the_gap_of_three_people_between_three_sites() -> None:
    """Half of each site covers everybody; two whole sites are needed."""
    cover = sparse.csr_array(np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=float))
    sets = cover_cuts.violated(cover, np.full(3, 0.5), np.zeros(3))
    assert sets.toarray().tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_columns_are_fixed_only_if_no_better_choice_has_their_other_value(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program with cuts and fixed columns still has the best choice, though the search knew only a poor one."""
    random = np.random.default_rng(seed)
    where = random.random((300, 2))
    metres = np.hypot(*(where[:, None] - where[None]).transpose(2, 0, 1)) * 1000
    weights, cover = random.integers(1, 100, 300).astype(float), sparse.csr_array((metres <= 110).astype(float))
    best = most_people(cover, 14, weights)
    assert best.proven
    limits = problem.limits(300, 14, None)
    rest = Covering.of(cover, weights, 0.0, limits)
    search = Search(rest, limits)
    monkeypatch.setattr(Search, "run", lambda self, beginning: None)
    greedy = np.zeros(len(rest.numbers), dtype=bool)
    search.propose(greedy)
    search.value = 0.99 * best.value
    monkeypatch.setattr(Search, "run_near", lambda *arguments: None)
    program = covering._tightened(rest, search, limits, lambda: None)
    assert search.bound >= best.value
    chosen = np.isin(rest.numbers, best.sites)
    columns = np.append(chosen, rest.cover @ chosen.astype(float) == 0).astype(float)
    assert ((program.lower <= columns) & (columns <= program.upper)).all()
    assert (program.matrix @ columns >= program.row_lower - 1e-9).all()
    assert (program.lower == program.upper).any()


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
        ("2 sites are fixed; the count of 1 allows fewer", {"count": 1, "fixed": [0, 1]}),
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
    with pytest.raises(InputError, match="1 of 2 rows, with 7 people, reach no site at all"):
        least_time(np.array([[1.0, 2.0], [np.inf, 1.0]]), 1, [1, 7], forbidden=[1])


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


@needs_tables
@only_long
def test_new_york_is_proven() -> None:
    """Maximal covering of 2,713 nodes, 400 m on a sphere of 6,378,100 m."""
    lines = (SITING / "new_york_2713.txt").read_text().splitlines()
    lat, lon = np.radians([[float(word) for word in line.split()] for line in lines[5:2718]]).T
    people = np.array(lines[2719:5432], dtype=float)
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    result = most_people(2 * 6_378_100 * np.arcsin(np.sqrt(half)) <= 400, 50, people, seconds=600)
    assert (result.value, result.proven) == (1_153_640, True)
