"""Saved scenarios: the document that stands behind an address never changes; it can only be removed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import func
from sqlmodel import col, select

from geo.errors import FieldError, UnknownNameError
from service.register.database import Database
from service.register.register import ConflictError
from service.register.tables import ScenarioRecord

MAX_SAVED = 1000
"""How many scenarios a register keeps at most."""
ID_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"
RESERVED = ("compare",)
"""Ids that would be the address of something else."""


def check_id(scenario_id: str) -> None:
    """Refuse what cannot be the id of a scenario.

    Raises
    ------
    FieldError
        It does not match `ID_PATTERN`.
    ConflictError
        It is the address of something else.
    """
    if not re.fullmatch(ID_PATTERN, scenario_id):
        reason = f"id {scenario_id[:80]!r} must be 1 to 64 small letters a-z, digits and hyphens, no hyphen first"
        raise FieldError([("id", reason)])
    if scenario_id in RESERVED:
        raise ConflictError(f"{scenario_id!r} cannot be the id of a scenario: it is the address of the comparison")


def is_no_id(text: str) -> bool:
    """Whether no scenario can have this id."""
    return text in RESERVED or not re.fullmatch(ID_PATTERN, text)


def save(
    database: Database, scenario_id: str, document: Mapping[str, object], revisions: Mapping[str, int], who: str
) -> tuple[ScenarioRecord, bool]:
    """Save a document under an id; return the record, and whether it is new: the same document may be saved again.

    Raises
    ------
    FieldError
        The id is not allowed.
    ConflictError
        The id is reserved, another document has it, or `MAX_SAVED` scenarios are saved already.
    """
    check_id(scenario_id)
    with database.writing() as session:
        record, is_new = session.get(ScenarioRecord, scenario_id), False
        if record is not None and record.document != document:
            raise ConflictError(
                f"scenario {scenario_id!r} exists already with another document, saved by {record.who}: take another "
                "id, or remove it first"
            )
        if record is None:
            if session.exec(select(func.count()).select_from(ScenarioRecord)).one() >= MAX_SAVED:
                raise ConflictError(f"{MAX_SAVED:,} scenarios are saved, which is the most: remove some first")
            is_new = True
            record = ScenarioRecord(
                id=scenario_id, document=dict(document), revisions=dict(revisions), saved=datetime.now(UTC), who=who
            )
            session.add(record)
        session.flush()
        session.refresh(record)
        session.expunge(record)
    return record, is_new


def get(database: Database, scenario_id: str) -> ScenarioRecord:
    """The scenario with that id; UnknownNameError if there is none."""
    with database.reading() as session:
        record = session.get(ScenarioRecord, scenario_id)
        if record is None:
            names = session.exec(select(ScenarioRecord.id).order_by(col(ScenarioRecord.id)).limit(10)).all()
            raise UnknownNameError("scenario", scenario_id, names)
        session.expunge(record)
        return record


def page(database: Database, limit: int, offset: int = 0) -> tuple[list[ScenarioRecord], int]:
    """At most ``limit`` scenarios from number ``offset`` on, the last saved first, and how many there are in all."""
    with database.reading() as session:
        order = (col(ScenarioRecord.saved).desc(), col(ScenarioRecord.id))
        records = session.exec(select(ScenarioRecord).order_by(*order).limit(limit).offset(offset)).all()
        count = session.exec(select(func.count()).select_from(ScenarioRecord)).one()
        session.expunge_all()
        return list(records), count


def remove(database: Database, scenario_id: str) -> None:
    """Remove a scenario; UnknownNameError if there is none with that id."""
    get(database, scenario_id)
    with database.writing() as session:
        record = session.get(ScenarioRecord, scenario_id)
        if record is not None:  # else somebody else has removed it in the meantime
            session.delete(record)
