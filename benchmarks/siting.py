"""Stages that measure siting: a generated town beside scipy's solver, and New York's maximal covering."""

import time
from pathlib import Path

import numpy as np
from scipy import optimize, sparse

from geo.measures.sites import most_people
from plan import EXTRACTS, SEED, Numbers, Plan

NEW_YORK = EXTRACTS / "siting" / "new_york_2713.txt"
TOWN_COUNT, TOWN_REACH = 40, 0.08
"""How many sites are chosen, and how far each reaches in a square of side 1."""


def town_sites(plan: Plan, scratch: Path) -> Numbers:
    """Maximal covering of scattered people, proven: our seconds, and scipy's with the textbook model.

    scipy.optimize.milp calls HiGHS too; building its model is part of its time. It ends at ``plan.siting_s`` seconds at
    the latest, so that the ratio is a lower bound if it does. RuntimeError if the values differ.
    """
    people, sites = plan.town
    random = np.random.default_rng(SEED)
    where, places = random.random((people, 2)), random.random((sites, 2))
    weights = random.integers(1, 500, people).astype(float)
    cover = np.hypot(*(where[:, None] - places[None]).transpose(2, 0, 1)) <= TOWN_REACH
    count = max(2, TOWN_COUNT * sites // 500)
    most_people(cover[:20, :5], 2)  # loads the compiled loops
    begin = time.perf_counter()
    ours = most_people(cover, count, weights, seconds=plan.siting_s)
    seconds = {"ours": time.perf_counter() - begin, "proven": float(ours.proven)}
    begin = time.perf_counter()
    rows = sparse.block_array([[cover.astype(float), -sparse.eye_array(people)], [np.ones((1, sites)), None]])
    theirs = optimize.milp(
        np.append(np.zeros(sites), -weights),
        constraints=optimize.LinearConstraint(
            rows, np.append(np.zeros(people), 0), np.append(np.full(people, np.inf), count)
        ),
        bounds=optimize.Bounds(0, 1),
        integrality=np.arange(sites + people) < sites,
        options={"mip_rel_gap": 0, "time_limit": plan.siting_s},
    )
    seconds["scipy"] = time.perf_counter() - begin
    if theirs.status == 0 and ours.proven and abs(ours.value + theirs.fun) > 1e-6 * ours.value:
        raise RuntimeError(f"siting covers {ours.value}, scipy {-theirs.fun}; both say that this is the best")
    return seconds


def new_york(plan: Plan, scratch: Path, count: int) -> Numbers:
    """Maximal covering of 2,713 nodes, 400 m on a sphere of 6,378,100 m: seconds, the gap, and whether it is closed."""
    lines = NEW_YORK.read_text("utf-8").splitlines()
    lat, lon = np.radians([[float(word) for word in line.split()] for line in lines[5:2718]]).T
    people = np.array(lines[2719:5432], dtype=float)
    across = np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    metres = 2 * 6_378_100 * np.arcsin(np.sqrt(np.sin((lat[:, None] - lat) / 2) ** 2 + across))
    most_people(metres[:20, :5] <= 400, 2)  # loads the compiled loops
    begin = time.perf_counter()
    choice = most_people(metres <= 400, count, people, seconds=plan.siting_s)
    return {"seconds": time.perf_counter() - begin, "gap": choice.gap, "proven": float(choice.proven)}
