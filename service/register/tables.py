"""The tables of the register. service/migrations makes them; a test holds the two alike."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Integer, LargeBinary
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

Number = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the time zone, so it is said again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class FacilityRecord(SQLModel, table=True):
    """One facility: the fields of `geo.study.facilities.Facility`, its place as WKB with its bounding box in degrees.

    ``version`` counts its changes from 1; ``removed`` is when it was taken out, ``merged_into`` the id of its twin.
    """

    __tablename__ = "facility"

    number: int | None = Field(default=None, sa_column=Column(Number, primary_key=True))
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
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    geometry: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    west: float
    south: float
    east: float
    north: float
    removed: datetime | None = Field(default=None, sa_column=Column(Moment))
    merged_into: str | None = Field(default=None, index=True)


class ChangeRecord(SQLModel, table=True):
    """One change of one facility: which version it made, when, by whom, and of each field from what to what.

    ``fields`` are ``{field: [from, to]}``, days as ISO dates, the geometry as GeoJSON; ``revision`` is the register's.
    """

    __tablename__ = "change"
    __table_args__ = (Index("ix_change_of", "facility_id", "version", unique=True),)

    number: int | None = Field(default=None, sa_column=Column(Number, primary_key=True))
    facility_id: str
    version: int
    revision: int = Field(sa_column=Column(Number, nullable=False))
    at: datetime = Field(sa_column=Column(Moment, nullable=False))
    who: str
    action: str
    source: str | None = None
    fields: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class KeyRecord(SQLModel, table=True):
    """Who may change the register: the SHA-256 of a key of 256 random bits, and until when it was good."""

    __tablename__ = "api_key"

    name: str = Field(primary_key=True)
    role: str
    hash: str = Field(unique=True)
    made: datetime = Field(sa_column=Column(Moment, nullable=False))
    revoked: datetime | None = Field(default=None, sa_column=Column(Moment))


class ReplyRecord(SQLModel, table=True):
    """What was answered to a request with an Idempotency-Key, to be answered again."""

    __tablename__ = "reply"

    who: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    facility_id: str
    at: datetime = Field(sa_column=Column(Moment, nullable=False))


class FactRecord(SQLModel, table=True):
    """What the register knows of itself.

    Its ``id`` among registers, its ``study``, the hash of its ``source`` file, its ``revision``, and of each category
    the revision that last changed it (``revision:clinic``).
    """

    __tablename__ = "fact"

    key: str = Field(primary_key=True)
    value: str
