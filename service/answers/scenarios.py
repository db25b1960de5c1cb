"""The answer about a scenario: each standard before and after its changes."""

from geo.measures import scenario_changes, scenarios
from geo.measures.coverage import Coverage
from geo.measures.scenario_document import Scenario
from geo.measures.scenarios import Comparison
from service.answers import gaps as gap_answers
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState


def compare(
    answers: Answers, state: RegisterState, scenario: Scenario, coordinates: str, most_gaps: int | None = None
) -> list[Comparison]:
    """Compare each standard of a scenario, whose positions are in the system ``coordinates``, with today.

    Raises
    ------
    FieldError
        A change cannot work, or a standard is unknown; the message says which.
    """
    facilities = answers.facilities(state, None)
    changed = scenario_changes.apply(facilities, scenario.changes, answers.study, state.today, coordinates)
    standards = scenarios.chosen_standards(answers.study, scenario, changed.categories)
    scenario_changes.check_reachable(answers.travel, changed, standards)
    return [
        scenarios.compare(answers.travel, changed, answers.standing(state, standard), state.today, most_gaps)
        for standard in standards
    ]


def answer(
    answers: Answers,
    state: RegisterState,
    scenario: Scenario,
    coordinates: str,
    most_gaps: int | None,
) -> JsonObject:
    """The comparison of every standard, as JSON; at most ``most_gaps`` (None: all) of the remaining gaps are described.

    Raises
    ------
    FieldError
        As `compare` does.
    """
    comparisons = compare(answers, state, scenario, coordinates, most_gaps)
    return {
        "name": scenario.name,
        "changes": [change.model_dump(exclude_unset=True) for change in scenario.changes],
        "standards": [comparison_members(comparison, coordinates) for comparison in comparisons],
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def comparison_members(comparison: Comparison, coordinates: str) -> JsonObject:
    """One standard before and after, as JSON."""
    before, after = comparison.before, comparison.after
    return {
        "standard": before.standard,
        "before": before,
        "after": after,
        "difference": difference(before, after),
        "gained": comparison.gained,
        "lost": comparison.lost,
        "areas": comparison.areas,
        "places": comparison.places,
        "gaps": None if comparison.gaps is None else gap_answers.as_collection(comparison.gaps, coordinates),
    }


def difference(before: Coverage, after: Coverage) -> JsonObject:
    """How much more is covered, and how much higher the share is; None where a share is unknown."""
    shares = None if before.share is None or after.share is None else round(after.share - before.share, 6)
    return {"covered": round(after.covered - before.covered, 1), "share": shares}
