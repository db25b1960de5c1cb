"""Searches for sites that take long, in the database, so that every process of the server knows all of them.

The process that searches writes to its row every few seconds. A row that says “running” and was not written for
`LOST_AFTER` belongs to a process that is gone, with the machine or the container: it is interrupted.
"""

import secrets
from datetime import UTC, datetime, timedelta

from sqlmodel import col, delete, select, update

from geo.errors import UnknownNameError
from service.register.database import Database
from service.register.register import ConflictError
from service.register.tables import SiteSearchRecord

RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"
MOST_RUNNING = 2
"""How many searches may run at a time, in all processes of the server together."""
KEPT = timedelta(days=30)
"""How long a search that has ended is kept."""
LOST_AFTER = timedelta(seconds=90)
_LOST = "the process that searched is gone: the server was stopped"


class BusyError(ConflictError):
    """As many searches run as may."""


def add(database: Database, who: str, request: dict[str, object], coordinates: str) -> str:
    """Add a search that is to begin now; return its id.

    Raises
    ------
    BusyError
        `MOST_RUNNING` searches are running.
    """
    now = datetime.now(UTC)
    with database.writing() as session:
        lost = (col(SiteSearchRecord.state) == RUNNING, col(SiteSearchRecord.seen) < now - LOST_AFTER)
        session.exec(update(SiteSearchRecord).where(*lost).values(state=INTERRUPTED, problem=_LOST))
        old = (col(SiteSearchRecord.state) != RUNNING, col(SiteSearchRecord.seen) < now - KEPT)
        session.exec(delete(SiteSearchRecord).where(*old))
        running = session.exec(select(SiteSearchRecord.id).where(col(SiteSearchRecord.state) == RUNNING)).all()
        if len(running) >= MOST_RUNNING:
            raise BusyError(
                f"{len(running)} searches for sites are running, and no more may: try again when one has ended, or "
                f"cancel one with DELETE ({', '.join(f'/v1/sites/{name}' for name in running)})"
            )
        search = SiteSearchRecord(
            id=secrets.token_hex(8),
            who=who,
            request=request,
            coordinates=coordinates,
            state=RUNNING,
            begun=now,
            seen=now,
        )
        session.add(search)
        return search.id


def get(database: Database, search_id: str) -> SiteSearchRecord:
    """The search with that id; UnknownNameError if there is none."""
    with database.reading() as session:
        search = session.get(SiteSearchRecord, search_id)
        if search is None:
            raise UnknownNameError("search for sites", search_id, [])
        session.expunge_all()
    if search.state == RUNNING and search.seen < datetime.now(UTC) - LOST_AFTER:
        search.state, search.problem = INTERRUPTED, _LOST
    return search


def report(database: Database, search_id: str, value: float | None, bound: float | None) -> bool:
    """Write that a search is alive, and its best value and bound; return whether it should go on."""
    return _change(database, search_id, value=value, bound=bound)


def end(
    database: Database,
    search_id: str,
    state: str,
    result: bytes | None = None,
    problem: str | None = None,
    value: float | None = None,
    bound: float | None = None,
) -> None:
    """Write how a running search has ended; nothing is written of one that has ended already, or was cancelled."""
    numbers = {} if value is None else {"value": value, "bound": bound}
    _change(database, search_id, state=state, result=result, problem=problem, **numbers)


def _change(database: Database, search_id: str, **values: object) -> bool:
    with database.writing() as session:
        is_running = (col(SiteSearchRecord.id) == search_id, col(SiteSearchRecord.state) == RUNNING)
        written = session.exec(update(SiteSearchRecord).where(*is_running).values(seen=datetime.now(UTC), **values))
        return bool(written.rowcount)


def remove(database: Database, search_id: str) -> None:
    """Forget a search; its process ends when it next reports. UnknownNameError if there is none."""
    with database.writing() as session:
        search = session.get(SiteSearchRecord, search_id)
        if search is None:
            raise UnknownNameError("search for sites", search_id, [])
        session.delete(search)
