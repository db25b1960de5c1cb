"""The register: the database of facilities, and the truth about them once it is filled from the study."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import JSON, URL, Column, LargeBinary, event, func
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Field, Session, SQLModel, col, create_engine, select

from geo import datum, facilities
from geo.errors import FuwuquanError
from geo.study import Study

Box: TypeAlias = tuple[float, float, float, float]
SIDES = ("west", "south", "east", "north")
SHIFT = 0.02  # degrees; no system moves a place as far


class RegisterError(FuwuquanError):
    """The database cannot be used, or belongs to another study."""


class FacilityRecord(SQLModel, table=True):
    """One facility; the fields are those of `geo.facilities.Facility`, its place as WKB with its bounding box."""

    __tablename__ = "facility"

    id: str = Field(primary_key=True)
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
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    geometry: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    west: float = Field(index=True)
    south: float = Field(index=True)
    east: float
    north: float


class Fact(SQLModel, table=True):
    """What the register knows of itself: its ``study``, the hash of its ``source`` file, its ``revision``."""

    __tablename__ = "fact"

    key: str = Field(primary_key=True)
    value: str


@dataclass(frozen=True)
class Changes:
    """What an import did, or would do: ids added, changed, as they were, and in the register but not in the file."""

    added: list[str]
    changed: list[str]
    unchanged: list[str]
    missing: list[str]


class Register:
    """The facilities of one study, in a database.

    Raises
    ------
    RegisterError
        The database cannot be opened or written, or it is the register of another study.
    """

    def __init__(self, study: Study, url: str | URL) -> None:
        self.study = study
        self._place = "FUWUQUAN_DATABASE_URL"
        self._source = study.folder / "facilities.geojson"
        self._frame = lru_cache(maxsize=2)(self._read_frame)
        with self._errors():
            url = make_url(url)
            self._place = url.render_as_string(hide_password=True)
            embedded = url.get_backend_name() == "sqlite"
            arguments = {"check_same_thread": False, "timeout": 30} if embedded else {}
            self._engine = create_engine(url, connect_args=arguments, pool_pre_ping=not embedded)
            if embedded:
                event.listen(self._engine, "connect", _write_ahead)
            self._make_tables()
            self._fill()
        owner = self._fact("study")
        if owner != study.about.id:
            raise RegisterError(
                f"{self._place} is the register of the study {owner!r}, not of {study.about.id!r}; "
                "set FUWUQUAN_DATABASE_URL to another database"
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, ImportError) as error:  # a database's driver may not be installed
            what = str(getattr(error, "orig", None) or error).splitlines()[0]
            hint = "; FUWUQUAN_DATABASE_URL names another place" if "read" in what or "open" in what else ""
            raise RegisterError(f"{self._place}: the register cannot be used: {what}{hint}") from error

    def _make_tables(self) -> None:
        # Several processes may start on an empty database at once.
        with self._engine.begin() as connection:
            for table in SQLModel.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def _fill(self) -> None:
        if self._fact("study") is not None:
            return
        try:
            with Session(self._engine) as session:
                session.add(Fact(key="study", value=self.study.about.id))
                session.flush()  # the primary key lets one process alone fill the register
                session.add(Fact(key="source", value=_hash(self._source)))
                session.add(Fact(key="revision", value="1"))
                session.add_all(_records(self.study.facilities))
                session.commit()
        except IntegrityError:
            if self._fact("study") is None:  # it was not that another process was first
                raise

    def _fact(self, key: str) -> str | None:
        with Session(self._engine) as session:
            fact = session.get(Fact, key)
            return None if fact is None else fact.value

    @property
    def revision(self) -> int:
        """A number that grows with every change."""
        with self._errors():
            return int(self._fact("revision") or 0)

    @property
    def warning(self) -> str | None:
        """What is odd about the register: the study's file has changed since the register was filled from it."""
        try:
            with self._errors():
                if self._fact("source") == _hash(self._source):
                    return None
        except OSError as error:
            return f"{self._source}: cannot be read: {error.strerror}"
        return (
            f"{self._source} has changed since the register was filled from it; "
            f"to take it over: fuwuquan import {self._source} --study {self.study.folder}"
        )

    def facilities(self) -> gpd.GeoDataFrame:
        """All facilities, as `geo.facilities.frame` gives them, ordered by id."""
        return self._frame(self.revision)

    def _read_frame(self, revision: int) -> gpd.GeoDataFrame:
        with self._errors(), Session(self._engine) as session:
            return _frame(list(session.exec(select(FacilityRecord).order_by(col(FacilityRecord.id)))))

    def page(
        self, bbox: Box | None, category: str | None, limit: int, offset: int, coordinates: str = "wgs84"
    ) -> tuple[gpd.GeoDataFrame, int]:
        """One page of the facilities that touch ``bbox`` (degrees in ``coordinates``), by id, and how many match."""
        kind: list[Any] = [] if category is None else [col(FacilityRecord.category) == category]
        with self._errors(), Session(self._engine) as session:
            if bbox is None or coordinates in ("wgs84", "cgcs2000"):
                where = kind if bbox is None else [*kind, *_touching(bbox)]
                matched = session.exec(select(func.count()).select_from(FacilityRecord).where(*where)).one()
            else:
                # A box of a shifted system is crooked in WGS84: look around it there, then compare in its own.
                corners = [datum.to_wgs84([bbox[0], bbox[2]], [lat, lat], coordinates) for lat in bbox[1::2]]
                lons, lats = (np.concatenate(axis) for axis in zip(*corners, strict=True))
                around = (lons.min() - SHIFT, lats.min() - SHIFT, lons.max() + SHIFT, lats.max() + SHIFT)
                boxes = select(FacilityRecord.id, *(col(getattr(FacilityRecord, side)) for side in SIDES))
                near = session.exec(boxes.where(*kind, *_touching(around)).order_by(col(FacilityRecord.id))).all()
                sides = np.array([row[1:] for row in near], dtype=float).reshape(-1, 4)
                west, south = datum.from_wgs84(sides[:, 0], sides[:, 1], coordinates)
                east, north = datum.from_wgs84(sides[:, 2], sides[:, 3], coordinates)
                inside = (west <= bbox[2]) & (east >= bbox[0]) & (south <= bbox[3]) & (north >= bbox[1])
                ids = [row[0] for row, keep in zip(near, inside, strict=True) if keep]
                matched, where = len(ids), [col(FacilityRecord.id).in_(ids[offset : offset + limit])]
                offset = 0
            page = select(FacilityRecord).where(*where).order_by(col(FacilityRecord.id)).offset(offset).limit(limit)
            return _frame(list(session.exec(page))), matched

    def get(self, facility_id: str) -> gpd.GeoDataFrame:
        """The facility with that id, as a frame of one row or none."""
        with self._errors(), Session(self._engine) as session:
            record = session.get(FacilityRecord, facility_id)
            return _frame([] if record is None else [record])

    def take_over(self, incoming: gpd.GeoDataFrame, source: Path | None, dry_run: bool = False) -> Changes:
        """Add and change facilities by id, all in one transaction or, if ``dry_run``, not at all.

        Facilities that ``incoming`` does not have stay. ``source`` is the file, if it is the study's own.
        """
        with self._errors(), Session(self._engine) as session:
            known = {record.id: record for record in session.exec(select(FacilityRecord))}
            changes = Changes([], [], [], sorted(set(known) - set(incoming.index)))
            for record in _records(incoming):
                old = known.get(record.id)
                if old is None:
                    changes.added.append(record.id)
                    session.add(record)
                elif old.model_dump() != record.model_dump():
                    changes.changed.append(record.id)
                    session.merge(record)
                else:
                    changes.unchanged.append(record.id)
            if dry_run:
                session.rollback()
                return changes
            if source is not None and source.resolve() == self._source.resolve():
                session.merge(Fact(key="source", value=_hash(source)))
            if changes.added or changes.changed:
                fact = session.get_one(Fact, "revision", with_for_update=True)
                fact.value = str(int(fact.value) + 1)
            session.commit()
            return changes


def _touching(bbox: Box) -> list[Any]:
    west, south, east, north = bbox
    return [
        col(FacilityRecord.west) <= east,
        col(FacilityRecord.east) >= west,
        col(FacilityRecord.south) <= north,
        col(FacilityRecord.north) >= south,
    ]


def _write_ahead(connection: Any, _record: Any) -> None:
    # Readers need not wait for a writer. The file keeps the mode; where somebody else is at it, a later start sets it.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _records(frame: gpd.GeoDataFrame) -> Iterator[FacilityRecord]:
    bounds = frame.geometry.bounds.itertuples(index=False)
    for (facility_id, row), box in zip(frame.iterrows(), bounds, strict=True):
        fields = {name: row[name] for name in facilities.FIELDS if name != "id"}
        yield FacilityRecord(
            id=str(facility_id),
            **fields,
            geometry=shapely.to_wkb(row["geometry"]),
            west=box[0],
            south=box[1],
            east=box[2],
            north=box[3],
        )


def _frame(records: list[FacilityRecord]) -> gpd.GeoDataFrame:
    rows = [{name: getattr(record, name) for name in facilities.FIELDS} for record in records]
    table = pd.DataFrame(rows, columns=list(facilities.FIELDS), dtype=object).set_index("id")
    shapes = shapely.from_wkb([record.geometry for record in records])
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, index=table.index, crs="EPSG:4326"))
