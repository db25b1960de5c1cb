"""The answers about how far people are from a facility, and about how sure the result of a standard is."""

from dataclasses import asdict

from geo.measures.distribution import Spread
from geo.measures.doubts import Tally
from service.answers.engine import Answers
from service.answers.gaps import standard_members
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState


def distribution(answers: Answers, state: RegisterState, standard_id: str, coordinates: str) -> JsonObject:
    """The distribution of travel times or distances of a standard.

    Raises
    ------
    UnknownNameError
        There is no standard with that id.
    """
    coverage, measured = answers.distribution(state, standard_id)
    return {
        **standard_members(coverage),
        "value_unit": measured.unit,
        "limit": measured.limit,
        "steps": measured.steps,
        "groups": [
            {"group": group.group, "name": group.name, "name_en": group.name_en, **spread_members(group.spread)}
            for group in measured.groups
        ],
        "areas": [{"code": area.code, "name": area.name, **spread_members(area.spread)} for area in measured.areas],
        "unreachable": [asdict(group) for group in coverage.unreachable],
        "notes": [*coverage.notes, *measured.notes],
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def spread_members(spread: Spread) -> JsonObject:
    """The members of a group or an area: those of `Spread`, and how many people reach nothing."""
    members: JsonObject = asdict(spread)
    return {"people": members.pop("people"), "out_of_reach": round(spread.people - spread.reached, 1), **members}


def sensitivity(answers: Answers, state: RegisterState, standard_id: str, coordinates: str) -> JsonObject:
    """How sure the result of a standard is.

    Raises
    ------
    UnknownNameError
        There is no standard with that id.
    """
    coverage, measured = answers.sensitivity(state, standard_id)
    return {
        **standard_members(coverage),
        **{name: value for name, value in asdict(measured).items() if name not in ("headline", "together", "strict")},
        "together": _range(measured.together),
        "strict": _range(measured.strict),
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def _range(tallies: tuple[Tally, Tally]) -> JsonObject:
    lowest, highest = tallies
    return {"lowest": asdict(lowest), "highest": asdict(highest)}
