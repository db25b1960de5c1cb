"""Saved scenarios: their documents, their answers on the present register, and several of them side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geo.errors import FieldError
from geo.geodesy import datums
from geo.measures import scenario_changes, scenarios
from geo.measures.scenario_document import Scenario
from geo.measures.scenarios import Comparison
from service.answers import scenarios as scenario_answers
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.register import saved_scenarios
from service.register.tables import ScenarioRecord

MOST_COMPARED = 5
"""How many scenarios stand side by side at most."""


def save(
    answers: Answers, state: RegisterState, scenario_id: str, scenario: Scenario, coordinates: str, who: str
) -> tuple[ScenarioRecord, bool]:
    """Save a scenario whose positions are in the system ``coordinates``; return its record and whether it is new.

    Raises
    ------
    FieldError
        The id is not allowed, or the scenario cannot work: what could never be answered is not kept.
    ConflictError
        See `service.register.saved_scenarios.save`.
    """
    saved_scenarios.check_id(scenario_id)
    facilities = answers.facilities(state, None)
    changed = scenario_changes.apply(facilities, scenario.changes, answers.study, state.today, coordinates)
    standards = scenarios.chosen_standards(answers.study, scenario, changed.categories)
    scenario_changes.check_reachable(answers.travel, changed, standards)
    scenarios.chosen_speeds(answers.travel, scenario, standards)
    categories = {standard.category for standard in standards} | changed.categories
    revisions = {name: state.revisions.get(name, 0) for name in sorted(categories)}
    document = _with_positions(scenario, lambda lon, lat: datums.position_to_wgs84(lon, lat, coordinates))
    return saved_scenarios.save(answers.register.database, scenario_id, document, revisions, who)


def _with_positions(scenario: Scenario, convert: Callable[[float, float], tuple[float, float]]) -> JsonObject:
    """The document of a scenario with converted positions."""
    document = scenario.model_dump(exclude_unset=True)
    for change in document["changes"]:
        if change.get("lon") is not None and change.get("lat") is not None:
            lon, lat = convert(change["lon"], change["lat"])
            change["lon"], change["lat"] = round(lon, 7), round(lat, 7)
    return document


@dataclass(frozen=True)
class NamedScenario:
    """A scenario, the id or file that it comes from, the system of its positions, and its record if it is saved."""

    label: str
    scenario: Scenario
    coordinates: str = "wgs84"
    record: ScenarioRecord | None = None


def opened(answers: Answers, scenario_id: str) -> NamedScenario:
    """The saved scenario with that id; UnknownNameError if there is none."""
    return of_record(saved_scenarios.get(answers.register.database, scenario_id))


def of_record(record: ScenarioRecord) -> NamedScenario:
    """The scenario of a record."""
    return NamedScenario(record.id, Scenario.model_validate(record.document), record=record)


def members(named: NamedScenario, state: RegisterState) -> JsonObject:
    """When a scenario was saved, and the categories of facilities that the register has changed since then."""
    record = named.record
    return {
        "id": named.label,
        "name": named.scenario.name,
        "saved": None if record is None else record.saved.isoformat(timespec="seconds"),
        "changed_since": changed_since(named, state),
        "notes": notes(named, state),
    }


def changed_since(named: NamedScenario, state: RegisterState) -> list[str]:
    """The categories of a saved scenario of which the register has changed since it was saved."""
    revisions = {} if named.record is None else named.record.revisions
    return [name for name, revision in revisions.items() if state.revisions.get(name, 0) != revision]


def notes(named: NamedScenario, state: RegisterState) -> list[str]:
    """A remark if the register has changed since a scenario was saved."""
    changed = changed_since(named, state)
    if not changed:
        return []
    return [
        f"保存之后登记册已有变动（{'、'.join(changed)}），结果按现在的登记册计算 the register has changed since "
        f"this was saved ({', '.join(changed)}): the answer is that of today's register"
    ]


def problems_of(error: FieldError) -> list[JsonObject]:
    """Why a scenario cannot be applied to the present register: which member, and the reason."""
    return [{"name": name, "reason": reason} for name, reason in error.problems]


def answer(
    answers: Answers, state: RegisterState, scenario_id: str, coordinates: str, most_gaps: int | None
) -> JsonObject:
    """A saved scenario: its document, and its answer on the present register.

    If a change can no longer be made, ``problems`` says which and why, and ``standards`` is empty.

    Raises
    ------
    UnknownNameError
        There is no such scenario.
    """
    named = opened(answers, scenario_id)
    document = _with_positions(named.scenario, lambda lon, lat: datums.position_from_wgs84(lon, lat, coordinates))
    result: JsonObject = {**members(named, state), "document": document, "problems": [], "standards": []}
    try:
        comparisons = scenario_answers.compare(answers, state, named.scenario, named.coordinates, most_gaps)
    except FieldError as error:
        result["problems"] = problems_of(error)
    else:
        result["standards"] = [scenario_answers.comparison_members(each, coordinates) for each in comparisons]
    return {**result, "coordinate_system": coordinates, **answers.study_metadata}


@dataclass(frozen=True)
class Compared:
    """One of several scenarios side by side: its comparisons by standard, or why it cannot be applied."""

    named: NamedScenario
    by_standard: dict[str, Comparison]
    problems: list[JsonObject]


def side_by_side(answers: Answers, state: RegisterState, named: Sequence[NamedScenario]) -> list[Compared]:
    """Apply each scenario to the present register."""
    compared = []
    for each in named:
        try:
            comparisons = scenario_answers.compare(answers, state, each.scenario, each.coordinates, most_gaps=0)
        except FieldError as error:
            compared.append(Compared(each, {}, problems_of(error)))
        else:
            compared.append(Compared(each, {result.before.standard: result for result in comparisons}, []))
    return compared


def comparison(answers: Answers, state: RegisterState, named: Sequence[NamedScenario], coordinates: str) -> JsonObject:
    """Scenarios side by side, standard by standard; ``results`` are in the order of the scenarios."""
    compared = side_by_side(answers, state, named)
    standards = []
    for standard in answers.study.standards:
        results = [each.by_standard.get(standard.id) for each in compared]
        if any(result is not None for result in results):
            standards.append(
                {
                    "standard": standard.id,
                    "name": standard.name,
                    "name_en": standard.name_en,
                    "target": standard.target,
                    "results": [None if result is None else _result(result) for result in results],
                }
            )
    return {
        "scenarios": [{**members(each.named, state), "problems": each.problems} for each in compared],
        "standards": standards,
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def _result(result: Comparison) -> JsonObject:
    """One standard in one of the scenarios."""
    before, after = result.before, result.after
    return {
        "unit": after.unit,
        "speed_kph": after.speed_kph,
        "total": after.total,
        "covered_before": before.covered,
        "covered": after.covered,
        "share_before": before.share,
        "share": after.share,
        "meets_target": after.meets_target,
        "difference": scenario_answers.difference(before, after),
        "gained": result.gained,
        "lost": result.lost,
        "areas": [
            {
                "code": area.code,
                "name": area.name,
                "covered": area.after.covered,
                "share": area.after.share,
                "gained": area.gained,
                "lost": area.lost,
            }
            for area in result.areas
        ],
    }
