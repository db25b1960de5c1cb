"""The answer about the progress of the plan: each standard that has a target, month by month."""

from dataclasses import asdict, replace
from datetime import date

from geo.measures import counting, days, progress
from geo.measures.counting import CountedUnits
from geo.measures.progress import Progress
from geo.study import standards
from geo.study.facilities import existing_on
from geo.study.standards import Opened, Standard
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState


def measure(answers: Answers, state: RegisterState, day: date | None = None) -> list[Progress]:
    """The progress of all standards with a target on ``day`` (default today), in the study's order.

    Raises
    ------
    FieldError
        The day is too far away.
    """
    on = state.today if day is None else days.check(day, state.today)
    with_target = [standard for standard in answers.study.standards if standard.target is not None]

    def compute() -> list[Progress]:
        period = progress.plan_period(answers.study.standards, on)
        return [_of_standard(answers, state, standard, period, on) for standard in with_target]

    if day is None:
        return state.cached(None, "progress", compute, lock=state.days_computing)
    with state.days_computing:
        return compute()


def _of_standard(
    answers: Answers, state: RegisterState, standard: Standard, period: tuple[date, date], on: date
) -> Progress:
    facilities, standing = answers.facilities(state, standard.category), answers.measured(state, standard)[0].facilities

    def count(which: date) -> CountedUnits:
        # A travel of its own for each day keeps none of its times.
        return counting.count_units(answers.travel.updating(standing), facilities, standard, which)

    result = progress.measure(standard, period, on, answers.change_days(state, standard.category), count)
    if not result.known:
        return result
    category = answers.study.categories[standard.category]
    matching, _ = standards.select(facilities, standard, answers.study.categories)
    counted = existing_on(matching, on)
    notes = []
    unknown = int(counted["opened"].isna().sum())
    if unknown and not isinstance(standard, Opened):
        notes.append(
            f"{len(counted)} 处{category.label}中 {unknown} 处开办日期不详，视为一直存在 {unknown} of {len(counted)} "
            f"facilities ({category.label_en.lower()}) have no opening date and count as standing always"
        )
    years = range(result.since.year, min(on, result.until).year + 1)
    notes += days.vague_notes(
        matching.loc[[opened is not None and opened >= result.since for opened in matching["opened"]]],
        [date(year, month, 1) for year in years for month in range(1, 13)],
        min(on, result.until),
        category,
    )
    if not isinstance(standard, Opened):
        has_openings = any(isinstance(other, Opened) for other in answers.study.standards)
        zh, en = ("按新建目标", "that of the plan's openings") if has_openings else ("为当年", "the year of the day")
        notes.append(
            f"计划期{zh}：{result.since} 至 {result.until}；人口、街道和区划为现状 the period is {en}, "
            f"{result.since} to {result.until}; people, streets and areas are those of today"
        )
    return replace(result, notes=[*result.notes, *notes])


def answer(answers: Answers, state: RegisterState, coordinates: str, day: date | None = None) -> JsonObject:
    """The progress of all standards as JSON; raises what `measure` does."""
    return {
        "on": day or state.today,
        "standards": [asdict(entry) for entry in measure(answers, state, day)],
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }
