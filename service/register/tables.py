"""The tables of the register as SQLModel classes.

The scripts in service/register/migrations create the tables in the database; a test checks that both agree.
"""

from datetime import UTC, date, datetime

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, LargeBinary
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A date and time in UTC. SQLite does not store the time zone, so it is added again when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class FacilityRecord(SQLModel, table=True):
    """One facility: the fields of `geo.study.facilities.Facility` and its geometry.

    ``geometry`` is WKB in WGS84; ``west`` to ``north`` are its bounding box in degrees. ``version`` counts the
    facility's changes from 1. ``removed`` is when it was removed, ``merged_into`` the id of the facility that it was
    merged into.
    """

    __tablename__ = "facility"

    number: int | None = Field(default=None, sa_column=Column(RowNumber, primary_key=True))
    id: str = Field(unique=True)
    version: int = 1
    category: str = Field(index=True)
    subtype: str | None = None
    name: str | None = None
    name_en: str | None = None
    area_code: str | None = None
    address: str | None = None
    phone: str | None = None
    opened: date | None = None
    closed: date | None = None
    opening_hours: str | None = None
    capacity: int | None = None
    provenance: str
    source: str | None = None
    verified: date | None = None
    verified_by: str | None = None
    extra: dict[str, object] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    geometry: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    west: float
    south: float
    east: float
    north: float
    removed: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    merged_into: str | None = Field(default=None, index=True)


class ChangeRecord(SQLModel, table=True):
    """One change of one facility.

    ``version`` is the facility's version after the change, ``revision`` the register's. ``who`` made the change,
    ``source`` is the name of the imported file. ``fields`` is ``{field: [before, after]}`` with dates in ISO format
    and the geometry as GeoJSON.
    """

    __tablename__ = "change"
    __table_args__ = (Index("ix_change_of", "facility_id", "version", unique=True),)

    number: int | None = Field(default=None, sa_column=Column(RowNumber, primary_key=True))
    facility_id: str
    version: int
    revision: int = Field(sa_column=Column(RowNumber, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    who: str
    action: str
    source: str | None = None
    fields: dict[str, list[object]] = Field(sa_column=Column(JSON, nullable=False))


class KeyRecord(SQLModel, table=True):
    """An API key: the name of its holder, its SHA-256, and when it was made and revoked."""

    __tablename__ = "api_key"

    name: str = Field(primary_key=True)
    role: str
    hash: str = Field(unique=True)
    made: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    revoked: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class ReplyRecord(SQLModel, table=True):
    """The facility that a request with an Idempotency-Key has created.

    ``request`` is the hash of the request's content. The same request by the same editor gets the same reply again.
    """

    __tablename__ = "reply"

    who: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    facility_id: str
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class SiteSearchRecord(SQLModel, table=True):
    """One search for sites that takes long, in a process of its own.

    ``request`` is the body of the request, whose positions are in the system ``coordinates``. ``state`` is running,
    done, failed or interrupted. ``begun`` is when the search began, ``seen`` when its process last wrote here.
    ``value`` and ``bound`` are the best so far; ``result`` is the answer as JSON; ``problem`` says why there is none.
    """

    __tablename__ = "site_search"

    id: str = Field(primary_key=True)
    who: str
    request: dict[str, object] = Field(sa_column=Column(JSON, nullable=False))
    coordinates: str
    state: str
    begun: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    value: float | None = None
    bound: float | None = None
    result: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    problem: str | None = None


class ScenarioRecord(SQLModel, table=True):
    """A saved scenario: its document with WGS84 positions, who saved it and when.

    ``revisions`` are the revisions of the categories that it is about, when it was saved.
    """

    __tablename__ = "scenario"

    id: str = Field(primary_key=True)
    document: dict[str, object] = Field(sa_column=Column(JSON, nullable=False))
    revisions: dict[str, int] = Field(sa_column=Column(JSON, nullable=False))
    saved: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    who: str


class FactRecord(SQLModel, table=True):
    """One fact about the register itself, by key.

    ``id`` tells it from other registers; ``study`` is the id of its study; ``source`` is the hash of the file that it
    was filled from; ``revision`` is its revision, and ``revision:clinic`` the one that last changed a clinic.
    """

    __tablename__ = "fact"

    key: str = Field(primary_key=True)
    value: str
