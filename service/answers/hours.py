"""The answer about the coverage of one standard at each hour of a usual week."""

from dataclasses import asdict, replace
from datetime import date

from geo.measures import hours
from geo.measures.coverage import Coverage
from geo.measures.hours import Hours
from service.answers.engine import Answers
from service.answers.gaps import standard_members
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState


def measure(
    answers: Answers, state: RegisterState, standard_id: str, day: date | None = None
) -> tuple[Coverage, Hours]:
    """The coverage of a standard on ``day`` (default today), and by the hour in the week of that day.

    Raises
    ------
    UnknownNameError
        There is no standard with that id, or it has no coverage by the hour.
    FieldError
        The day is too far away.
    """
    standard = hours.check(answers.study.standard(standard_id))
    counted, summary = answers.measured_on(state, standard, day)
    monday = hours.monday_of(day or state.today)
    of_day = answers.state_on(state, standard.category, day)

    def compute() -> Hours:
        return hours.measure(answers.travel, standard, counted, monday)

    by_week = of_day.cached(standard.category, ("hours", standard.id), compute, lock=state.days_computing)
    if by_week.week == monday:
        return summary, by_week
    if not by_week.seasonal:
        return summary, replace(by_week, week=monday)
    with state.days_computing:  # not kept, as there are many weeks
        return summary, compute()


def answer(
    answers: Answers, state: RegisterState, standard_id: str, coordinates: str, day: date | None = None
) -> JsonObject:
    """The coverage by the hour as JSON; raises what `measure` does."""
    summary, by_week = measure(answers, state, standard_id, day)
    return {
        **standard_members(summary),
        **asdict(by_week),
        "on": day or state.today,
        "notes": [*by_week.notes, *summary.notes],
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }
