"""The register: the truth about facilities once it is filled from the study, read and edited."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import geopandas as gpd
import shapely
from sqlalchemy import URL, delete
from sqlmodel import Session, col, select

from geo.errors import FuwuquanError, UnknownNameError
from geo.study import facilities, texts
from geo.study.study import Study
from service.register.database import Database, RegisterError
from service.register.history import TABLE, FacilityRow, Transaction, fields_of, make_rows, select_rows, to_frame
from service.register.tables import ChangeRecord, FactRecord, ReplyRecord

# Whether it stands, and who says so, is known of each by itself.
NOT_MERGED = ("closed", "source", "verified", "verified_by")
REPLIES_KEPT = timedelta(days=7)


class GoneError(FuwuquanError):
    """The facility was taken out of the register."""


class ConflictError(FuwuquanError):
    """There is such a facility already, or the key of a request was used for another."""


class StaleVersionError(FuwuquanError):
    """Somebody else has changed the facility since it was read."""


@dataclass(frozen=True)
class StoredFacility:
    """A facility as the register holds it: a frame of one row, and which version that is."""

    frame: gpd.GeoDataFrame
    version: int

    @classmethod
    def from_row(cls, row: FacilityRow) -> "StoredFacility":
        """A row's facility."""
        return cls(to_frame([row]), row["version"])

    @property
    def id(self) -> str:
        return str(self.frame.index[0])


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that is done once however often it is sent: whose, its Idempotency-Key, the hash of what it asks."""

    who: str
    key: str
    content_hash: str


class Register:
    """The facilities of one study, in a database.

    Raises
    ------
    RegisterError
        The database cannot be opened or written, or it is the register of another study.
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
        self.id = self._fact("id") or self._named()

    def _fill(self) -> str:
        with self.transaction("study", self._source.name) as change:
            owner = change.session.get(FactRecord, "study")  # another process may have been first
            if owner is not None:
                return str(owner.value)
            change.session.add(FactRecord(key="study", value=self.study.settings.id))
            change.session.add(FactRecord(key="source", value=file_hash(self._source)))
            frame = self.study.facilities
            own = [row | {"id": key} for key, row in zip(frame.index, frame.to_dict("records"), strict=True)]
            change.write_rows("import", [(None, row) for row in make_rows(own, list(frame.geometry))])
        return self.study.settings.id

    def _named(self) -> str:
        """A name that tells it from another register of the same study, for one that has none yet."""
        with self.database.writing() as session:
            fact = session.get(FactRecord, "id")  # another process may have been first
            if fact is None:
                fact = FactRecord(key="id", value=uuid4().hex)
                session.add(fact)
            return fact.value

    def _fact(self, key: str) -> str | None:
        with self.database.reading() as session:
            fact = session.get(FactRecord, key)
            return None if fact is None else fact.value

    def revisions(self) -> dict[str, int]:
        """For each category, and under the empty name for all, a number that grows with every change."""
        with self.database.reading() as session:
            facts = session.exec(select(FactRecord).where(col(FactRecord.key).startswith("revision"))).all()
            return {fact.key.removeprefix("revision").removeprefix(":"): int(fact.value) for fact in facts}

    def last_changed(self) -> datetime | None:
        """When the register was last changed."""
        with self.database.reading() as session:
            chosen = select(ChangeRecord.at).order_by(col(ChangeRecord.number).desc()).limit(1)
            return session.exec(chosen).first()

    @property
    def revision(self) -> int:
        """A number that grows with every change."""
        return self.revisions().get("", 0)

    @property
    def warning(self) -> str | None:
        """What is odd about the register: the study's file has changed since the register was filled from it."""
        try:
            if self._fact("source") == file_hash(self._source):
                return None
        except OSError as error:
            return f"{self._source}: cannot be read: {error.strerror}"
        return (
            f"{self._source} has changed since the register was filled from it; "
            f"to take it over: fuwuquan import {self._source} --study {self.study.folder}"
        )

    def is_source(self, file: Path) -> bool:
        """Whether this is the file that the register was filled from."""
        return file.resolve() == self._source.resolve()

    def facilities(self, category: str | None = None) -> gpd.GeoDataFrame:
        """Facilities (of a category), as `geo.study.facilities.from_rows` gives them, ordered by id."""
        where = [] if category is None else [TABLE.c.category == category]
        with self.database.reading() as session:
            return to_frame(select_rows(session, TABLE.c.removed.is_(None), *where))

    def get(self, facility_id: str) -> StoredFacility:
        """The facility with that id; UnknownNameError if there never was one, GoneError if it was taken out."""
        with self.database.reading() as session:
            return StoredFacility.from_row(_present(_one(session, facility_id)))

    def history(self, facility_id: str) -> list[ChangeRecord]:
        """All changes of a facility, and of those that were merged into it, the oldest first."""
        with self.database.reading() as session:
            ids, todo = {_one(session, facility_id)["id"]}, [facility_id]
            while todo:
                merged = select(TABLE.c.id).where(TABLE.c.merged_into.in_(todo))
                todo = [one for one in session.execute(merged).scalars() if one not in ids]
                ids |= set(todo)
            chosen = select(ChangeRecord).where(col(ChangeRecord.facility_id).in_(ids))
            found = session.exec(chosen.order_by(col(ChangeRecord.revision), col(ChangeRecord.number))).all()
            session.expunge_all()
            return list(found)

    @contextmanager
    def transaction(self, who: str, source: str | None = None) -> Iterator[Transaction]:
        """One transaction that alone changes the register: all of it, or, on an error, nothing."""
        with self.database.writing() as session:
            yield Transaction(self.study, session, who, source)

    @contextmanager
    def read_only_transaction(self) -> Iterator[Transaction]:
        """The same to look at what would change: nothing can be written, and nobody waits."""
        with self.database.reading() as session:
            yield Transaction(self.study, session, "", None)

    def create(
        self,
        facility_id: str | None,
        given: FacilityRow,
        place: Any,
        who: str,
        request: IdempotentRequest | None = None,
    ) -> StoredFacility:
        """Add a facility; without an id it gets one. The same ``request`` again adds nothing and gives the same one.

        Raises
        ------
        ConflictError
            There is a facility with this id, or there was; or the request's key was used for another request.
        FieldError
            What is said of it is wrong.
        """
        with self.transaction(who) as change:
            session = change.session
            if request is not None:
                forgotten = datetime.now(UTC) - REPLIES_KEPT
                session.execute(delete(ReplyRecord).where(col(ReplyRecord.at) < forgotten))
                known = session.get(ReplyRecord, (request.who, request.key))
                if known is not None:
                    if known.request != request.content_hash:
                        raise ConflictError(f"Idempotency-Key {request.key!r} was used for another request")
                    return StoredFacility.from_row(_present(_one(session, known.facility_id)))
            facility_id = str(texts.clean(facility_id) or uuid4().hex[:16])
            if session.execute(select(TABLE.c.id).where(TABLE.c.id == facility_id)).first():
                raise ConflictError(f"there is a facility {facility_id!r} already, or there was")
            fields = {"provenance": "register", **given}
            row = change.save_facility("create", None, fields, facility_id, place, in_area=True)
            if request is not None:
                reply = ReplyRecord(
                    who=request.who,
                    key=request.key,
                    request=request.content_hash,
                    facility_id=facility_id,
                    at=datetime.now(UTC),
                )
                session.add(reply)
            return StoredFacility.from_row(row)

    def edit(
        self,
        facility_id: str,
        expected: Collection[int] | None,
        who: str,
        action: str,
        new: Callable[[FacilityRow], tuple[FacilityRow, Any]],
        in_area: bool = False,
    ) -> StoredFacility:
        """Transaction a facility to the fields and the place (WGS84) that ``new`` makes of its row.

        ``in_area``: the code of the area is said with them, so that a new place does not change it.

        Raises
        ------
        StaleVersionError
            Its version is none of ``expected`` (None: any).
        UnknownNameError, GoneError, FieldError
            There is no such facility, or what is said of it is wrong.
        """
        with self.transaction(who) as change:
            old = _expected(_present(_one(change.session, facility_id)), expected)
            given, place = new(old)
            row = change.save_facility(action, old, given, facility_id, place, in_area)
            return StoredFacility.from_row(row)

    def remove(self, facility_id: str, expected: Collection[int] | None, who: str) -> None:
        """Take a facility out of the register; it stays readable in its history, and `restore` brings it back."""
        with self.transaction(who) as change:
            old = _expected(_present(_one(change.session, facility_id)), expected)
            change.write_rows("remove", [(old, {**old, "removed": datetime.now(UTC)})])

    def restore(self, facility_id: str, expected: Collection[int] | None, who: str) -> StoredFacility:
        """Bring back a facility that was taken out or merged; ConflictError if it stands."""
        with self.transaction(who) as change:
            old = _expected(_one(change.session, facility_id), expected)
            if old["removed"] is None:
                raise ConflictError(f"facility {facility_id!r} stands in the register")
            row = change.write_rows("restore", [(old, {**old, "removed": None, "merged_into": None})])[0]
            return StoredFacility.from_row(row)

    def merge(
        self, facility_id: str, expected: Collection[int] | None, twin_id: str, twin_version: int | None, who: str
    ) -> StoredFacility:
        """Make two records of one facility one: what the first does not know it takes from its twin, which goes.

        Both keep their histories, and the first tells both. Raises as `edit`; ConflictError if they are one already.
        """
        if facility_id == twin_id:
            raise ConflictError("a facility is no twin of itself")
        with self.transaction(who) as change:
            kept = _expected(_present(_one(change.session, facility_id)), expected)
            twin = _expected(_present(_one(change.session, twin_id)), None if twin_version is None else [twin_version])
            if kept["category"] != twin["category"]:
                raise ConflictError(f"{facility_id!r} is a {kept['category']}, {twin_id!r} a {twin['category']}")
            unknown = (name for name in facilities.FIELDS if kept[name] is None and name not in NOT_MERGED)
            more = {name: twin[name] for name in unknown if twin[name] is not None}
            both = {**fields_of(kept), **more, "extra": twin["extra"] | kept["extra"]}
            gone = {**twin, "removed": datetime.now(UTC), "merged_into": facility_id}
            change.write_rows("merge", [(twin, gone)])
            row = change.save_facility("merge", kept, both, facility_id, shapely.from_wkb(kept["geometry"]))
            return StoredFacility.from_row(row)


def _one(session: Session, facility_id: str) -> FacilityRow:
    # Databases have no text with such characters in it, nor has any id.
    found = select_rows(session, TABLE.c.id == facility_id) if facility_id.isprintable() else []
    if not found:
        raise UnknownNameError("facility", facility_id, ["see /v1/collections/facilities/items"])
    return found[0]


def _present(row: FacilityRow) -> FacilityRow:
    if row["merged_into"] is not None:
        raise GoneError(f"facility {row['id']!r} was merged into {row['merged_into']!r}")
    if row["removed"] is not None:
        raise GoneError(f"facility {row['id']!r} was taken out of the register on {row['removed']:%Y-%m-%d}")
    return row


def _expected(row: FacilityRow, versions: Collection[int] | None) -> FacilityRow:
    if versions is not None and row["version"] not in versions:
        raise StaleVersionError(
            f"facility {row['id']!r} has changed since you read it; it is now version {row['version']}"
        )
    return row


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
