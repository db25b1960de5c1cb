"""The register's database: SQLite in a file, or PostgreSQL with PostGIS; its tables brought up to date on start."""

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, ColumnElement, Connection, Engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, create_engine

from geo.errors import FuwuquanError
from service.register.tables import FacilityRecord

SCHEMA = "0002"  # the last of service/migrations
PATIENCE_S = 60  # for another who writes
LOCK = 1179997777  # any number that no other program takes on the same server
Box = tuple[float, float, float, float]


class RegisterError(FuwuquanError):
    """The database cannot be used, or belongs to another study."""


class Database:
    """Where the register is kept.

    Raises
    ------
    RegisterError
        It cannot be opened, or a newer program has written it.
    """

    def __init__(self, url: str | URL) -> None:
        self.address = "FUWUQUAN_DATABASE_URL"
        with self.errors():
            url = make_url(url)
            if url.drivername in ("postgres", "postgresql"):
                url = url.set(drivername="postgresql+psycopg")
            self.address = url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password, too
            self._embedded = url.get_backend_name() == "sqlite"
            if url.get_backend_name() not in ("sqlite", "postgresql"):
                raise RegisterError(f"{self.address}: is neither sqlite:///FILE nor postgresql://HOST/DATABASE")
            if self._embedded and url.database in (None, "", ":memory:"):
                raise RegisterError(f"{self.address}: is a database in memory, which would be lost: sqlite:///FILE")
            self._readers = self._engine(url, {} if self._embedded else {"isolation_level": "REPEATABLE READ"})
            # One at a time writes, the others wait for the connection and take none from those who read.
            alone = {"pool_size": 1, "max_overflow": 0, "pool_timeout": PATIENCE_S}
            writer = self._engine(url, alone)
            self._writer = writer.execution_options(writing=True)
            self._watching: Any = None
            if self._embedded:  # its own connection, as what one changes itself is not told
                own = self._readers.connect()
                self._watching = own.connection.dbapi_connection
                own.detach()
            # Connections that nobody gives back before their end are complained of.
            self.close = weakref.finalize(self, _dispose, self._watching, self._readers, writer)
            self._bring_up_to_date()

    def _engine(self, url: URL, more: dict[str, Any]) -> Engine:
        engine = create_engine(
            url,
            connect_args={"check_same_thread": False, "timeout": PATIENCE_S} if self._embedded else {},
            pool_pre_ping=not self._embedded,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            **more,
        )
        if self._embedded:
            event.listen(engine, "connect", _opened)
            event.listen(engine, "begin", _begin)
        return engine

    def data_version(self) -> int | None:
        """A number that changes with every change of the database; None where asking costs as much as reading."""
        if self._watching is None:
            return None
        try:  # past SQLAlchemy, whose way takes twenty times as long
            found = self._watching.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise RegisterError(f"{self.address}: the register cannot be used: {error}") from error
        return int(found[0])

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the database says into one line of ours."""
        try:
            yield
        except (SQLAlchemyError, ImportError) as error:  # a database's driver may not be installed
            what = str(getattr(error, "orig", None) or error).splitlines()[0]
            unusable = "readonly" in what or "unable to open" in what
            hint = "; FUWUQUAN_DATABASE_URL names another place" if unusable else ""
            raise RegisterError(f"{self.address}: the register cannot be used: {what}{hint}") from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database."""
        with self.errors(), Session(self._readers) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that alone may write, others wait; committed at its end, undone by any error."""
        with self.errors(), Session(self._writer) as session, session.begin():
            self._lock(session.connection())
            yield session

    def _lock(self, connection: Connection) -> None:
        if not self._embedded:  # SQLite's BEGIN IMMEDIATE has locked it
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_S}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})

    def touching(self, box: Box) -> list[ColumnElement[bool]]:
        """Conditions for facilities whose bounding box touches ``box`` (WGS84 degrees), by the spatial index."""
        west, south, east, north = box
        sides = {"west": west, "south": south, "east": east, "north": north}
        near = (
            "facility.number IN (SELECT number FROM facility_place"
            " WHERE west <= :east AND east >= :west AND south <= :north AND north >= :south)"
            if self._embedded
            else "facility.place && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
        )
        # The index keeps 32 bits, rounded outwards.
        return [
            text(near).bindparams(**sides),  # type: ignore[list-item]
            col(FacilityRecord.west) <= east,
            col(FacilityRecord.east) >= west,
            col(FacilityRecord.south) <= north,
            col(FacilityRecord.north) >= south,
        ]

    def _bring_up_to_date(self) -> None:
        with self._readers.connect() as connection:
            if self._schema(connection) == SCHEMA:
                return
        # Several processes may start on an empty database at once.
        with self._writer.begin() as connection:
            self._lock(connection)
            before = self._schema(connection)
            if before == SCHEMA:
                return
            from alembic import command  # takes long to import, and is seldom needed
            from alembic.config import Config
            from alembic.util import CommandError

            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
            config.attributes["connection"] = connection
            if before is None and inspect(connection).has_table("facility"):
                command.stamp(config, "0001")  # what there was before schemas had numbers
            try:
                command.upgrade(config, SCHEMA)
            except CommandError as error:
                raise RegisterError(
                    f"{self.address}: is of schema {before}, which this program does not know"
                ) from error

    def _schema(self, connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _dispose(watching: Any, *engines: Engine) -> None:
    if watching is not None:
        watching.close()
    for engine in engines:
        engine.dispose()


def _opened(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, not where sqlite3 thinks
    # Readers need not wait for a writer. The file keeps the mode; where somebody else is at it, a later start sets it.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection) -> None:
    # A transaction that reads before it writes must lock before it reads.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")
