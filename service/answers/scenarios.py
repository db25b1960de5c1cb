"""The answer about a scenario: each standard before and after its changes."""

from geo.measures import scenario_changes, scenarios
from geo.measures.coverage import Coverage
from geo.measures.scenario_document import Scenario
from geo.measures.scenarios import Comparison
from geo.measures.standing import Standing
from geo.study.settings import Speeds
from geo.study.standards import Standard, TravelTime
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
    speeds = scenarios.chosen_speeds(answers.travel, scenario, standards)
    if speeds is None:
        standing = [answers.standing(state, standard) for standard in standards]
        return [scenarios.compare(changed, each, state.today, most_gaps) for each in standing]
    with answers.other_speeds.lock:
        return [
            scenarios.compare(changed, _standing_at(answers, state, standard, speeds), state.today, most_gaps)
            for standard in standards
        ]


def _standing_at(answers: Answers, state: RegisterState, standard: Standard, speeds: Speeds) -> Standing:
    """A standard as it stands at other speeds, which matter to travel times only."""
    if not isinstance(standard, TravelTime):
        return answers.standing(state, standard)
    return answers.other_speeds.standing(state, standard, answers.facilities(state, standard.category), speeds)


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
        "speeds": None if scenario.speeds is None else scenario.speeds.paces,
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
