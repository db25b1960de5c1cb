"""The register's database: SQLite in a file, or PostgreSQL with PostGIS. Its schema is brought up to date on start."""

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
from sqlalchemy import URL, Connection, Engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, create_engine

from geo.errors import FuwuquanError

SCHEMA = "0004"
"""The number of the newest script in service/register/migrations."""
LOCK_TIMEOUT_S = 60
"""How long a writer waits for another."""
LOCK_ID = 1179997777
"""Key of PostgreSQL's advisory lock: any number that no other program uses on the same server."""


class RegisterError(FuwuquanError):
    """The database cannot be used, or belongs to another study."""


class Database:
    """Opens sessions on the register's database.

    Attributes
    ----------
    address : the database's URL without its password and query, for messages

    Raises
    ------
    RegisterError
        The database cannot be opened, or a newer program has written it.
    """

    def __init__(self, url: str | URL) -> None:
        self.address = "FUWUQUAN_DATABASE_URL"
        with self._database_errors():
            url = make_url(url)
            if url.drivername in ("postgres", "postgresql"):
                url = url.set(drivername="postgresql+psycopg")
            # The query may contain a password too.
            self.address = url.set(query={}).render_as_string(hide_password=True)
            self._is_sqlite = url.get_backend_name() == "sqlite"
            if url.get_backend_name() not in ("sqlite", "postgresql"):
                raise RegisterError(f"{self.address}: is neither sqlite:///FILE nor postgresql://HOST/DATABASE")
            if self._is_sqlite and url.database in (None, "", ":memory:"):
                raise RegisterError(f"{self.address}: is a database in memory, which would be lost: sqlite:///FILE")
            self._readers = self._create_engine(url)
            # Writers share one connection of their own: they wait for each other without taking connections of readers.
            writer = self._create_engine(url, for_writing=True)
            self._writer = writer.execution_options(writing=True)
            self._version_connection = self._detached_connection() if self._is_sqlite else None
            # Close the connections when the object is collected: sqlite3 warns of connections that are left open.
            self.close = weakref.finalize(self, _close, self._version_connection, self._readers, writer)
            self._migrate()

    def _create_engine(self, url: URL, for_writing: bool = False) -> Engine:
        options: dict[str, object] = {}
        if for_writing:
            options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": LOCK_TIMEOUT_S}
        elif not self._is_sqlite:
            options = {"isolation_level": "REPEATABLE READ"}
        engine = create_engine(
            url,
            connect_args={"check_same_thread": False, "timeout": LOCK_TIMEOUT_S} if self._is_sqlite else {},
            pool_pre_ping=not self._is_sqlite,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            **options,
        )
        if self._is_sqlite:
            event.listen(engine, "connect", _configure_sqlite)
            event.listen(engine, "begin", _begin)
        return engine

    def _detached_connection(self) -> sqlite3.Connection:
        """A connection that never writes: SQLite's data version leaves out the changes of the connection that asks."""
        pooled = self._readers.connect()
        connection = pooled.connection.dbapi_connection
        pooled.detach()
        assert isinstance(connection, sqlite3.Connection)
        return connection

    def data_version(self) -> int | None:
        """A number that changes whenever the database changes; None on PostgreSQL, where asking is as slow as reading.

        SQLAlchemy is bypassed, because it takes twenty times as long and every request asks.
        """
        if self._version_connection is None:
            return None
        try:
            row = self._version_connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise RegisterError(f"{self.address}: the register cannot be used: {error}") from error
        return int(row[0])

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        """Turn an error of the database or its driver into a RegisterError of one line."""
        try:
            yield
        except (SQLAlchemyError, ImportError) as error:  # ImportError: the driver is not installed
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            unwritable = "readonly" in reason or "unable to open" in reason
            hint = "; FUWUQUAN_DATABASE_URL names another place" if unwritable else ""
            raise RegisterError(f"{self.address}: the register cannot be used: {reason}{hint}") from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database from beginning to end."""
        with self._database_errors(), Session(self._readers) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that may write, one at a time; it is committed at its end, and undone by an error."""
        with self._database_errors(), Session(self._writer) as session, session.begin():
            self._lock(session.connection())
            yield session

    def _lock(self, connection: Connection) -> None:
        """Keep writers of other processes out until the transaction ends; on SQLite, BEGIN IMMEDIATE has done so."""
        if not self._is_sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK_ID})

    def _migrate(self) -> None:
        """Bring the schema up to date, under the writers' lock: several processes may start on an empty database."""
        with self._readers.connect() as connection:
            if self._schema(connection) == SCHEMA:
                return
        with self._writer.begin() as connection:
            self._lock(connection)
            before = self._schema(connection)
            if before == SCHEMA:
                return
            from alembic import command  # slow to import and rarely needed
            from alembic.config import Config
            from alembic.util import CommandError

            config = Config()
            # Config treats % as the start of a variable.
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
            config.attributes["connection"] = connection
            if before is None and inspect(connection).has_table("facility"):
                command.stamp(config, "0001")  # the first schema had no number
            try:
                command.upgrade(config, SCHEMA)
            except CommandError as error:
                raise RegisterError(
                    f"{self.address}: has schema {before}, which this program does not know; use a newer program"
                ) from error

    def _schema(self, connection: Connection) -> str | None:
        """The number of the database's schema; None if it has none."""
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _close(connection: sqlite3.Connection | None, *engines: Engine) -> None:
    if connection is not None:
        connection.close()
    for engine in engines:
        engine.dispose()


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions; sqlite3 must not begin others
    # WAL: readers need not wait for a writer. The file keeps this mode; where another process uses the file just now,
    # a later start sets it.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection) -> None:
    # A writer locks before it reads: otherwise another could write between its reading and its writing.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")
