"""API keys of those who may edit the register. The database keeps only their hashes."""

import hashlib
import secrets
from datetime import UTC, datetime

from sqlmodel import col, select

from geo.errors import FuwuquanError, UnknownNameError
from service.register.database import Database
from service.register.tables import KeyRecord

EDITOR = "editor"


def create(database: Database, name: str) -> str:
    """Create an editor key for ``name`` and return it: it cannot be read again.

    Raises
    ------
    FuwuquanError
        The name is empty, or has a valid key already.
    """
    if not name.strip():
        raise FuwuquanError("a key needs the name of its holder, for the history")
    # A fast hash is enough: nobody can guess 256 random bits.
    key = f"fwq_{secrets.token_urlsafe(32)}"
    with database.writing() as session:
        existing = session.get(KeyRecord, name)
        if existing is not None and existing.revoked is None:
            raise FuwuquanError(f"there is a key {name!r} already; give another name, or revoke it and add a new one")
        session.merge(KeyRecord(name=name, role=EDITOR, hash=_hash(key), made=datetime.now(UTC)))
    return key


def revoke(database: Database, name: str) -> None:
    """Make the key of ``name`` invalid; UnknownNameError if the name has no valid key."""
    with database.writing() as session:
        record = session.get(KeyRecord, name)
        if record is None or record.revoked is not None:
            valid_names = session.exec(select(KeyRecord.name).where(col(KeyRecord.revoked).is_(None))).all()
            raise UnknownNameError("key", name, valid_names)
        record.revoked = datetime.now(UTC)
        session.add(record)


def list_keys(database: Database) -> list[KeyRecord]:
    """All keys by name, valid and revoked."""
    with database.reading() as session:
        records = list(session.exec(select(KeyRecord).order_by(col(KeyRecord.name))).all())
        session.expunge_all()
        return records


def name_of(database: Database, key: str) -> str | None:
    """The name of the person whose valid editor key ``key`` is; None if the key is unknown or revoked."""
    with database.reading() as session:
        valid = (col(KeyRecord.role) == EDITOR, col(KeyRecord.revoked).is_(None))
        return session.exec(select(KeyRecord.name).where(col(KeyRecord.hash) == _hash(key), *valid)).first()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
