"""A stage that measures a scenario of one new facility beside computations from scratch."""

from datetime import date
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import timing
from plan import SEED, Numbers, Plan

STANDARD = "health-15"
DAY = date(2026, 6, 1)


def scenarios(plan: Plan, scratch: Path, name: str) -> Numbers:
    """Seconds of the answer to one new clinic in a real place, beside computing everything anew.

    ``with-gaps`` is the whole answer: before and after in total and by area, and the ten worst gaps that remain;
    ``answer`` is the same without gaps. ``coverage`` reads the study's folder into an empty memory and computes the
    same standard with its ten worst gaps; its prepared network lies in its file. ``networkx`` makes its graph from
    arrays of the streets that are read already, searches once from all clinics after the change, and looks everybody up
    at the nearest node; it makes no gaps.
    """
    import by_networkx
    import ours
    from geo.measures import counting, coverage, gaps, scenario_changes
    from geo.measures import scenarios as measured
    from geo.measures.scenario_document import Change
    from geo.measures.standing import Standing
    from geo.study import study as studies
    from geo.traveltime.travel import Travel
    from places import PLACES, read

    place, folder = PLACES[name], scratch / f"{name}-scenario"
    travel = ours.build_study(place.extract, place.area, place.population, folder)
    study, standard = travel.study, travel.study.standard(STANDARD)
    counted = counting.count_units(travel, study.facilities, standard, DAY)
    standing = Standing(travel, standard, counted, coverage.summarise(travel, standard, counted), study.facilities)
    homes = iter(np.random.default_rng(SEED).permutation(len(study.demand)).tolist() * 1000)

    def new_clinic() -> Change:
        home = study.demand.iloc[next(homes)]
        return Change(action="add", category=standard.category, lon=float(home["lon"]), lat=float(home["lat"]))

    def answer(most_gaps: int) -> float:
        changed = scenario_changes.apply(study.facilities, [new_clinic()], study, DAY)
        scenario_changes.check_reachable(travel, changed, [standard])
        return measured.compare(changed, standing, DAY, most_gaps).after.covered

    def from_scratch() -> float:
        fresh = Travel(studies.read(folder))
        rows = counting.count_units(fresh, study.facilities, standard, DAY)
        gaps.measure(fresh, standard, rows, 10)
        return coverage.summarise(fresh, standard, rows).covered

    network = read(place.extract, "walk", *ours.speeds())
    tree = cKDTree(np.column_stack([network.lon, network.lat]))
    homes_at = tree.query(study.demand[["lon", "lat"]].to_numpy())[1]
    clinics = counted.facilities.geometry.representative_point()
    limit_s = standard.minutes * 60.0 if standard.measure == "travel_time" else np.inf
    weight = study.demand["population"].to_numpy()

    def by_networkx_from_scratch() -> float:
        change = new_clinic()
        lon, lat = np.append(clinics.x, change.lon), np.append(clinics.y, change.lat)
        nodes = tree.query(np.column_stack([lon, lat]))[1]
        seconds = by_networkx.every_node(by_networkx.prepare(network), nodes, np.inf)[homes_at]
        return float(weight[seconds <= limit_s].sum())

    tasks = {
        "answer": lambda: answer(0),
        "with-gaps": lambda: answer(10),
        "coverage": from_scratch,
        "networkx": by_networkx_from_scratch,
    }
    return {"seconds": timing.interleaved(tasks, min(plan.rounds, 20), 5 * plan.patience_s)}
