"""A scenario equals the coverage of a register into which the same changes are written."""

from dataclasses import asdict
from pathlib import Path

import shapely

from geo.measures.scenario_document import Scenario
from service.answers import scenarios
from service.answers.engine import Answers
from service.register import history
from service.settings import Settings


def test_scenario_equals_the_coverage_of_the_register_after_the_same_edits(town_folder: Path) -> None:
    answers = Answers(Settings(study=town_folder))
    state = answers.states.current()
    standing = answers.existing_facilities(state, "clinic")
    closed, moved = standing.index[:2]
    people = answers.study.demand.iloc[[0, len(answers.study.demand) // 2]]
    (here, there) = [(float(row.lon), float(row.lat)) for row in people.itertuples()]
    document = Scenario.model_validate(
        {
            "changes": [
                {"action": "close", "id": closed},
                {"action": "move", "id": moved, "lon": here[0], "lat": here[1]},
                {"action": "add", "category": "clinic", "lon": there[0], "lat": there[1]},
            ],
            "standards": [standard.id for standard in answers.study.standards],
        }
    )
    results = scenarios.compare(answers, state, document, "wgs84", most_gaps=0)
    assert any(result.gained or result.lost for result in results)

    register, today = answers.register, state.today
    register.create("scenario-1", {"category": "clinic", "opened": today}, shapely.Point(there), "planner")
    register.edit(
        closed,
        None,
        "planner",
        "patch",
        lambda row: (history.fields_of(row) | {"closed": today}, shapely.from_wkb(row["geometry"])),
    )
    register.edit(moved, None, "planner", "patch", lambda row: (history.fields_of(row), shapely.Point(here)))
    for result in results:
        assert asdict(result.after) == asdict(answers.coverage(result.after.standard))
    answers.register.database.close()
