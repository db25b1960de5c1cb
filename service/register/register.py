"""The register: the program's record of facilities, filled from the study on first use, then read and edited.

The API and the command line read facilities from here, so that they give the same numbers.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import URL, ColumnElement, delete, func
from sqlmodel import Session, col, select

from geo.errors import FuwuquanError, UnknownNameError
from geo.study import facilities, texts
from geo.study.categories import FILE
from geo.study.study import Study
from service.register.database import Database, RegisterError
from service.register.history import (
    FACILITY_TABLE,
    FacilityRow,
    Transaction,
    fields_of,
    make_rows,
    select_rows,
    to_frame,
)
from service.register.tables import ChangeRecord, FactRecord, ReplyRecord

NOT_MERGED = ("closed", "source", "verified", "verified_by")
"""Fields that `Register.merge` does not copy, because they are statements about one record only."""
REPLY_LIFETIME = timedelta(days=7)
"""How long the reply to an idempotent request is kept."""

Versions: TypeAlias = Collection[int] | None
"""The versions of a facility that an edit may start from; None: any."""


class GoneError(FuwuquanError):
    """The facility was removed from the register."""


class ConflictError(FuwuquanError):
    """An edit contradicts the register: a new facility's id is in use, for example."""


class StaleVersionError(FuwuquanError):
    """The facility has changed since the editor read it."""


@dataclass(frozen=True)
class StoredFacility:
    """A facility of the register: a frame of one row, its version, and remarks on the edit that has saved it."""

    frame: gpd.GeoDataFrame
    version: int
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: FacilityRow, remarks: tuple[str, ...] = ()) -> "StoredFacility":
        return cls(to_frame([row]), row["version"], remarks)

    @property
    def id(self) -> str:
        return str(self.frame.index[0])


@dataclass(frozen=True)
class IdempotentRequest:
    """Identifies a request that takes effect once however often it is sent.

    Attributes
    ----------
    editor : who sends it
    key : its Idempotency-Key header
    content_hash : a hash of what it asks for
    """

    editor: str
    key: str
    content_hash: str


class Register:
    """The facilities of one study in a database.

    Raises
    ------
    RegisterError
        The database cannot be opened or written, it is the register of another study, or it has facilities of a
        category that the study does not have.
    """

    def __init__(self, study: Study, url: str | URL) -> None:
        self.study = study
        self.database = Database(url)
        self._source = study.folder / "facilities.geojson"
        owner = self._fact("study") or self._fill()
        if owner != study.settings.id:
            raise RegisterError(
                f"{self.database.address} is the register of the study {owner!r}, not of {study.settings.id!r}; "
                "set FUWUQUAN_DATABASE_URL to another database"
            )
        self._check_categories()
        self.id = self._fact("id") or self._create_id()

    def _fill(self) -> str:
        """Write the study's facilities into an empty register; return the id of the study that it belongs to."""
        with self.transaction("study", self._source.name) as transaction:
            owner = transaction.session.get(FactRecord, "study")
            if owner is not None:  # another process has filled it in the meantime
                return str(owner.value)
            transaction.session.add(FactRecord(key="study", value=self.study.settings.id))
            transaction.session.add(FactRecord(key="source", value=file_hash(self._source)))
            frame = self.study.facilities
            records = [row | {"id": key} for key, row in zip(frame.index, frame.to_dict("records"), strict=True)]
            transaction.write_rows("import", [(None, row) for row in make_rows(records, list(frame.geometry))])
        return self.study.settings.id

    def _check_categories(self) -> None:
        """RegisterError if the register has facilities of a category that the study does not have."""
        columns = FACILITY_TABLE.c
        with self.database.reading() as session:
            counts = session.execute(select(columns.category, func.count()).group_by(columns.category)).all()
        for category, count in counts:
            if category not in self.study.categories:
                raise RegisterError(
                    f"{self.database.address} has {count} facilities of the category {category!r}, which the study "
                    f"lacks; add it to {self.study.folder / FILE}"
                )

    def _create_id(self) -> str:
        """Give the register an id, which tells it from other registers of the same study."""
        with self.database.writing() as session:
            fact = session.get(FactRecord, "id")
            if fact is None:  # else another process has created it in the meantime
                fact = FactRecord(key="id", value=uuid4().hex)
                session.add(fact)
            return fact.value

    def _fact(self, key: str) -> str | None:
        with self.database.reading() as session:
            fact = session.get(FactRecord, key)
            return None if fact is None else fact.value

    def revisions(self) -> dict[str, int]:
        """The revision of each category, and that of the whole register under the empty name.

        A revision is a number that grows with every change.
        """
        with self.database.reading() as session:
            facts = session.exec(select(FactRecord).where(col(FactRecord.key).startswith("revision"))).all()
            return {fact.key.removeprefix("revision").removeprefix(":"): int(fact.value) for fact in facts}

    def last_changed(self) -> datetime | None:
        """When the register was last changed."""
        with self.database.reading() as session:
            statement = select(ChangeRecord.at).order_by(col(ChangeRecord.number).desc()).limit(1)
            return session.exec(statement).first()

    @property
    def revision(self) -> int:
        """The revision of the whole register."""
        return self.revisions().get("", 0)

    @property
    def warning(self) -> str | None:
        """A warning if the study's file of facilities has changed since the register was filled from it."""
        try:
            if self._fact("source") == file_hash(self._source):
                return None
        except OSError as error:
            return f"{self._source}: cannot be read: {error.strerror}"
        return (
            f"{self._source} has changed since the register was filled from it; "
            f"to import the changes: fuwuquan import {self._source} --study {self.study.folder}"
        )

    def is_source(self, file: Path) -> bool:
        """Whether ``file`` is the study's file, from which the register was filled."""
        return file.resolve() == self._source.resolve()

    def facilities(self, category: str | None = None) -> gpd.GeoDataFrame:
        """The facilities of a category (None: of all), ordered by id, as a frame that `geo.study.facilities` describes.

        Facilities that were removed are left out.
        """
        conditions: list[ColumnElement[bool]] = [FACILITY_TABLE.c.removed.is_(None)]
        if category is not None:
            conditions.append(FACILITY_TABLE.c.category == category)
        with self.database.reading() as session:
            return to_frame(select_rows(session, *conditions))

    def get(self, facility_id: str) -> StoredFacility:
        """The facility with that id; UnknownNameError if there never was one, GoneError if it was removed."""
        with self.database.reading() as session:
            return StoredFacility.from_row(_check_present(_find(session, facility_id)))

    def history(self, facility_id: str) -> list[ChangeRecord]:
        """All changes of a facility, and of those that were merged into it, the oldest first."""
        with self.database.reading() as session:
            ids, to_search = {_find(session, facility_id)["id"]}, [facility_id]
            while to_search:
                merged = select(FACILITY_TABLE.c.id).where(FACILITY_TABLE.c.merged_into.in_(to_search))
                to_search = [merged_id for merged_id in session.execute(merged).scalars() if merged_id not in ids]
                ids |= set(to_search)
            statement = select(ChangeRecord).where(col(ChangeRecord.facility_id).in_(ids))
            changes = session.exec(statement.order_by(col(ChangeRecord.revision), col(ChangeRecord.number))).all()
            session.expunge_all()
            return list(changes)

    @contextmanager
    def transaction(self, editor: str, source: str | None = None) -> Iterator[Transaction]:
        """A transaction that changes the register; an error undoes all of it. Other writers wait until it ends."""
        with self.database.writing() as session:
            yield Transaction(self.study, session, editor, source)

    @contextmanager
    def read_only_transaction(self) -> Iterator[Transaction]:
        """A transaction to find out what would change: it cannot write, and nobody waits for it."""
        with self.database.reading() as session:
            yield Transaction(self.study, session, "", None)

    def create(
        self,
        facility_id: str | None,
        properties: FacilityRow,
        geometry: BaseGeometry | None,
        editor: str,
        request: IdempotentRequest | None = None,
    ) -> StoredFacility:
        """Add a facility with this id; without an id it gets one.

        If the same ``request`` was made before, nothing is added and the facility of that time is returned.

        Raises
        ------
        ConflictError
            The id is or was in use, or another request had the same key.
        FieldError
            A field or the WGS84 geometry is wrong.
        """
        with self.transaction(editor) as transaction:
            session = transaction.session
            if request is not None:
                oldest = datetime.now(UTC) - REPLY_LIFETIME
                session.execute(delete(ReplyRecord).where(col(ReplyRecord.at) < oldest))
                reply = session.get(ReplyRecord, (request.editor, request.key))
                if reply is not None:
                    if reply.request != request.content_hash:
                        raise ConflictError(f"Idempotency-Key {request.key!r} was used for another request")
                    return StoredFacility.from_row(_check_present(_find(session, reply.facility_id)))
            facility_id = str(texts.clean(facility_id) or uuid4().hex[:16])
            if session.execute(select(FACILITY_TABLE.c.id).where(FACILITY_TABLE.c.id == facility_id)).first():
                raise ConflictError(f"facility {facility_id!r} exists already or existed once")
            fields = {"provenance": "register", **properties}
            row = transaction.save_facility("create", None, fields, facility_id, geometry, sets_area=True)
            if request is not None:
                session.add(
                    ReplyRecord(
                        who=request.editor,
                        key=request.key,
                        request=request.content_hash,
                        facility_id=facility_id,
                        at=datetime.now(UTC),
                    )
                )
            return StoredFacility.from_row(row, transaction.remarks)

    def edit(
        self,
        facility_id: str,
        versions: Versions,
        editor: str,
        action: str,
        change: Callable[[FacilityRow], tuple[FacilityRow, BaseGeometry | None]],
        sets_area: bool = False,
    ) -> StoredFacility:
        """Change a facility.

        Parameters
        ----------
        action : what the history calls the change
        change : takes the facility's row and returns its new fields and WGS84 geometry
        sets_area : whether the new fields state the area code, which then stays although the facility moves

        Raises
        ------
        StaleVersionError
            The facility's version is not among ``versions``.
        UnknownNameError, GoneError, FieldError
            There is no such facility, or a new field is wrong.
        """
        with self.transaction(editor) as transaction:
            old = _check_version(_check_present(_find(transaction.session, facility_id)), versions)
            fields, geometry = change(old)
            row = transaction.save_facility(action, old, fields, facility_id, geometry, sets_area)
            return StoredFacility.from_row(row, transaction.remarks)

    def remove(self, facility_id: str, versions: Versions, editor: str) -> None:
        """Remove a facility; its history stays readable, and `restore` brings it back. Raises as `edit` does."""
        with self.transaction(editor) as transaction:
            old = _check_version(_check_present(_find(transaction.session, facility_id)), versions)
            transaction.write_rows("remove", [(old, {**old, "removed": datetime.now(UTC)})])

    def restore(self, facility_id: str, versions: Versions, editor: str) -> StoredFacility:
        """Bring back a facility that was removed or merged; ConflictError if it was not. Else raises as `edit` does."""
        with self.transaction(editor) as transaction:
            old = _check_version(_find(transaction.session, facility_id), versions)
            if old["removed"] is None:
                raise ConflictError(f"facility {facility_id!r} was not removed")
            row = transaction.write_rows("restore", [(old, {**old, "removed": None, "merged_into": None})])[0]
            return StoredFacility.from_row(row)

    def merge(
        self, facility_id: str, versions: Versions, duplicate_id: str, duplicate_version: int | None, editor: str
    ) -> StoredFacility:
        """Merge a duplicate into a facility, which takes over the fields that it lacks; the duplicate is removed.

        Both keep their histories; the history of the facility includes that of the duplicate.

        Raises
        ------
        ConflictError
            Both ids are the same, or the categories differ.
        StaleVersionError, UnknownNameError, GoneError, FieldError
            As `edit`, for either of the two. ``duplicate_version`` None allows any version.
        """
        if facility_id == duplicate_id:
            raise ConflictError("a facility cannot be merged with itself")
        with self.transaction(editor) as transaction:
            session = transaction.session
            kept = _check_version(_check_present(_find(session, facility_id)), versions)
            allowed = None if duplicate_version is None else [duplicate_version]
            duplicate = _check_version(_check_present(_find(session, duplicate_id)), allowed)
            if kept["category"] != duplicate["category"]:
                raise ConflictError(
                    f"{facility_id!r} is a {kept['category']}, {duplicate_id!r} a {duplicate['category']}"
                )
            empty = (name for name in facilities.FIELDS if kept[name] is None and name not in NOT_MERGED)
            copied = {name: duplicate[name] for name in empty if duplicate[name] is not None}
            fields = {**fields_of(kept), **copied, "extra": duplicate["extra"] | kept["extra"]}
            removed = {**duplicate, "removed": datetime.now(UTC), "merged_into": facility_id}
            transaction.write_rows("merge", [(duplicate, removed)])
            geometry = shapely.from_wkb(kept["geometry"])
            return StoredFacility.from_row(transaction.save_facility("merge", kept, fields, facility_id, geometry))


def _find(session: Session, facility_id: str) -> FacilityRow:
    """The row with that id, removed or not; UnknownNameError if there is none."""
    # PostgreSQL refuses text with unprintable characters such as NUL, and no id has any.
    rows = select_rows(session, FACILITY_TABLE.c.id == facility_id) if facility_id.isprintable() else []
    if not rows:
        raise UnknownNameError("facility", facility_id, ["see /v1/collections/facilities/items"])
    return rows[0]


def _check_present(row: FacilityRow) -> FacilityRow:
    """Return ``row``; raise GoneError if the facility was removed or merged."""
    if row["merged_into"] is not None:
        raise GoneError(f"facility {row['id']!r} was merged into {row['merged_into']!r}")
    if row["removed"] is not None:
        raise GoneError(f"facility {row['id']!r} was removed from the register on {row['removed']:%Y-%m-%d}")
    return row


def _check_version(row: FacilityRow, versions: Versions) -> FacilityRow:
    """Return ``row``; raise StaleVersionError if its version is not among ``versions``."""
    if versions is not None and row["version"] not in versions:
        raise StaleVersionError(
            f"facility {row['id']!r} has changed since you read it; it is now version {row['version']}"
        )
    return row


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
