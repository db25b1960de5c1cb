"""Who may change the register: keys, of which only the hash is kept."""

import hashlib
import secrets
from datetime import UTC, datetime

from sqlmodel import col, select

from geo.errors import FuwuquanError, UnknownNameError
from service.register.database import Database
from service.register.tables import KeyRecord

EDITOR = "editor"


def create(database: Database, name: str) -> str:
    """A new key to edit with for ``name``, said once and never kept; FuwuquanError if the name has a good one."""
    if not name.strip():
        raise FuwuquanError("a key needs the name of who has it, for the history")
    # 256 random bits cannot be guessed, so that a fast hash is enough.
    key = f"fwq_{secrets.token_urlsafe(32)}"
    with database.writing() as session:
        old = session.get(KeyRecord, name)
        if old is not None and old.revoked is None:
            raise FuwuquanError(f"there is a key {name!r} already; give another name, or revoke it and add a new one")
        session.merge(KeyRecord(name=name, role=EDITOR, hash=_hash(key), made=datetime.now(UTC)))
    return key


def revoke(database: Database, name: str) -> None:
    """Make the key of ``name`` good for nothing from now on; UnknownNameError if there is none that is good."""
    with database.writing() as session:
        record = session.get(KeyRecord, name)
        if record is None or record.revoked is not None:
            known = session.exec(select(KeyRecord.name).where(col(KeyRecord.revoked).is_(None))).all()
            raise UnknownNameError("key", name, known)
        record.revoked = datetime.now(UTC)
        session.add(record)


def list_keys(database: Database) -> list[KeyRecord]:
    """All keys there are and were, by name."""
    with database.reading() as session:
        found = list(session.exec(select(KeyRecord).order_by(col(KeyRecord.name))).all())
        session.expunge_all()
        return found


def name_of(database: Database, key: str) -> str | None:
    """The name of the person whose valid editor key ``key`` is; None if the key is unknown or revoked."""
    with database.reading() as session:
        valid = (col(KeyRecord.role) == EDITOR, col(KeyRecord.revoked).is_(None))
        return session.exec(select(KeyRecord.name).where(col(KeyRecord.hash) == _hash(key), *valid)).first()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
