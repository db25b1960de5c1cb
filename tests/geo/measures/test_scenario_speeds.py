"""Scenarios at other speeds equal scenarios of a study that has these speeds, and the answers about how sure it is."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.choices import MODES, Mode
from geo.errors import FieldError
from geo.measures import counting, coverage, scenario_changes, scenarios
from geo.measures.scenario_document import Scenario
from geo.measures.scenarios import MAX_PACED_STANDARDS, Comparison
from geo.measures.standing import Standing
from geo.study.standards import Standard
from geo.study.streets import FERRY_KPH
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade
from support.handmade import Facility, People, Street, lonlat, standard
from support.two_towns import TODAY

STREETS = [
    Street([(0, 0), (2000, 0)], "primary"),
    Street([(2000, 0), (2600, 0)], "residential"),
    Street([(2600, 0), (9000, 0)], "tertiary", maxspeed_kph=40),
]
PEOPLE = [People((x, y), 6 + x / 100 + y) for x in range(-500, 9000, 130) for y in (0, 300, 800)]
CLINICS = [Facility("c", "clinic", (-300, 50)), Facility("d", "clinic", (8800, 90))]
LON, LAT = lonlat(4000, 40)
CHANGES = [
    {"action": "add", "category": "clinic", "lon": LON, "lat": LAT},
    {"action": "close", "id": "d"},
]
PACES: dict[Mode, float] = {"walk": 3.2, "cycle": 12.0, "drive": 0.64}


def a_study(ferry_kph: float | None = None, streets: list[Street] | None = STREETS) -> Study:
    study = handmade.study(streets, CLINICS, PEOPLE)
    if ferry_kph is not None:
        column = pd.Series([np.nan, ferry_kph, np.nan], index=study.streets.index)  # type: ignore[union-attr]
        study = replace(study, streets=study.streets.assign(**{FERRY_KPH: column}))  # type: ignore[union-attr]
    return study


def compared(travel: Travel, goal: Standard) -> Comparison:
    study = travel.study
    counted = counting.count_units(travel, study.facilities, goal, TODAY)
    standing = Standing(travel, goal, counted, coverage.summarise(travel, goal, counted), study.facilities)
    changes = Scenario.model_validate({"changes": CHANGES}).changes
    return scenarios.compare(scenario_changes.apply(study.facilities, changes, study, TODAY), standing, TODAY)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["streets", "ferry", "straight line"])
def test_scenario_at_another_speed_equals_that_of_a_study_with_it(kind: str, mode: Mode) -> None:
    study = a_study(6.0 if kind == "ferry" else None, None if kind == "straight line" else STREETS)
    goal = standard("travel_time", minutes=40 if mode == "walk" else 5, mode=mode, alternatives=[])
    speeds = study.settings.speeds.with_paces({mode: PACES[mode]})
    result = compared(Travel(study).at_speeds(speeds), goal)
    own = replace(study, settings=study.settings.model_copy(update={"speeds": speeds}))
    expected = compared(Travel(own), goal)
    (note,) = [note for note in result.before.notes if "usually" in note]
    assert f"{PACES[mode]:g}" in note
    for got, wanted in ((result.before, expected.before), (result.after, expected.after)):
        assert note in got.notes
        members = asdict(got) | {"notes": [text for text in got.notes if text != note]}
        assert members == asdict(wanted)
    assert (result.gained, result.lost) == (expected.gained, expected.lost)
    assert result.gained > 0 < result.lost
    usual = compared(Travel(study), goal)
    assert usual.before.covered > result.before.covered
    seconds = Travel(study).demand_seconds_at(study.facilities, mode, PACES[mode] / study.settings.speeds.pace(mode))
    weight = study.demand["population"].to_numpy()
    inside = seconds / 60.0 <= goal.minutes + counting.TOLERANCE_MIN  # type: ignore[union-attr]
    assert result.before.covered == round(float(weight[inside].sum()), 1)


def chosen(travel: Travel, goals: list[Any], **speeds: float | None) -> Any:
    document = Scenario.model_validate({"changes": CHANGES, "speeds": speeds})
    return scenarios.chosen_speeds(travel, document, goals)


def test_speeds_that_change_nothing_or_cost_too_much_are_refused() -> None:
    travel, walk, radius = Travel(a_study()), standard("travel_time", minutes=15), standard("radius", metres=500)
    assert chosen(travel, [walk]) is None
    assert chosen(travel, [walk], walk=None) is None
    assert chosen(travel, [walk], walk=4.0) is None
    assert chosen(travel, [walk, radius], walk=3.6) == travel.study.settings.speeds.with_paces({"walk": 3.6})
    with pytest.raises(FieldError, match="none of the scenario's standards depends on the speed of drive"):
        chosen(travel, [walk, radius], walk=3.6, drive=0.5)
    with pytest.raises(FieldError, match=f"at most {MAX_PACED_STANDARDS} standards of travel time at once"):
        chosen(travel, [walk] * (MAX_PACED_STANDARDS + 1), walk=3.6)


def test_where_a_ferry_runs_only_the_speeds_of_the_study_are_computed() -> None:
    travel, goal = Travel(a_study(6.0)), standard("travel_time", minutes=15)
    assert chosen(travel, [goal], walk=3.2) == travel.study.settings.speeds.with_paces({"walk": 3.2})
    with pytest.raises(FieldError, match=r"only 4, 3\.2, 4\.8 can be computed"):
        chosen(travel, [goal], walk=3.6)
