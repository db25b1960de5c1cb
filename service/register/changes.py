"""What the history of the register has between two moments, over all facilities."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, not_
from sqlmodel import Session, col, select

from service.register.database import Database
from service.register.tables import ChangeRecord

FILLING = "study"
"""Who, in the history, fills the register from the study's own file on first use."""


@dataclass(frozen=True)
class EditsBetween:
    """The edits of a period.

    Attributes
    ----------
    begins : when the history begins; None if it is empty
    by_action : how many edits there are of each action, such as “patch”
    facilities : how many facilities were edited
    latest : the latest of the edits, the newest first
    """

    begins: datetime | None
    by_action: dict[str, int]
    facilities: int
    latest: list[ChangeRecord]


def between(database: Database, after: datetime, until: datetime, limit: int) -> EditsBetween:
    """The edits from ``after`` on and before ``until``, at most ``limit`` of them with their details.

    That the register was filled from the study's file on first use is no edit.
    """
    filled = and_(col(ChangeRecord.who) == FILLING, col(ChangeRecord.revision) == 1)
    wanted = and_(col(ChangeRecord.at) >= after, col(ChangeRecord.at) < until, not_(filled))
    with database.reading() as session:
        begins = session.exec(select(func.min(ChangeRecord.at))).one()
        by_action = _by_action(session, wanted)
        facilities = session.exec(select(func.count(func.distinct(ChangeRecord.facility_id))).where(wanted)).one()
        newest = select(ChangeRecord).where(wanted).order_by(col(ChangeRecord.number).desc()).limit(limit)
        latest = list(session.exec(newest).all())
        session.expunge_all()
    return EditsBetween(begins, by_action, facilities, latest)


def _by_action(session: Session, wanted: ColumnElement[bool]) -> dict[str, int]:
    action = col(ChangeRecord.action)
    rows = session.exec(select(action, func.count()).where(wanted).group_by(action).order_by(action)).all()
    return {str(name): int(count) for name, count in rows}
