"""Start a private PostgreSQL server with PostGIS for tests, and stop it afterwards.

The server keeps its files in one folder and listens on a Unix socket only. `running` raises `UnavailableError` with the
reason on a machine that cannot run such a server.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

PROGRAMS = ("initdb", "pg_ctl", "postgres", "psql")
START_SECONDS = 300  # a server starts in seconds, but in minutes beside many other processes
WITH_POSTGIS = "with_postgis"


class UnavailableError(Exception):
    """This machine cannot run PostgreSQL with PostGIS; the message says why."""


class Server:
    """A running server."""

    def __init__(self, programs: Path, socket: Path) -> None:
        self._programs, self._socket = programs, socket

    def database(self, postgis: bool = True) -> str:
        """Create an empty database and return its address.

        A database with PostGIS is copied from a template, because installing the extension takes half a second.
        """
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {WITH_POSTGIS if postgis else 'template1'}")
        return f"postgresql://postgres@/{name}?host={self._socket}"

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement as the superuser and return what psql prints."""
        options = ["-h", self._socket, "-U", "postgres", "-XAtqc", statement, database]
        return _run(self._programs / "psql", *options)


@contextmanager
def running() -> Iterator[Server]:
    """Run a server of the newest installed PostgreSQL that has PostGIS, in a new temporary folder.

    Raises
    ------
    UnavailableError
        If PostgreSQL or PostGIS is missing, or if the server cannot start.
    """
    folders = _program_folders()
    if not folders:
        raise UnavailableError("PostgreSQL is not installed")
    reasons = []
    for programs in folders:
        with _new_folder() as folder:
            try:
                server = _start(programs, folder)
            except UnavailableError as error:
                reasons.append(f"{programs}: {error}")
                continue
            try:
                yield server
            finally:
                _stop(programs, folder)
            return
    raise UnavailableError("; ".join(reasons))


def _program_folders() -> list[Path]:
    """Return the folders that hold PostgreSQL's programs, the newest version first.

    Debian keeps them off the path, in a folder for each version.
    """
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(versions, key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))])[::-1]
    if initdb := shutil.which("initdb"):
        folders.append(Path(initdb).resolve().parent)
    return [folder for folder in dict.fromkeys(folders) if all((folder / name).exists() for name in PROGRAMS)]


@contextmanager
def _new_folder() -> Iterator[Path]:
    """Make a folder with a short path, which the server's user can enter.

    A Unix socket's path has at most 107 bytes, and pytest's temporary folders are closed to other users.
    """
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _start(programs: Path, folder: Path) -> Server:
    """Start a server in an empty folder and install PostGIS in its template database."""
    user = _server_user()
    for name in ("data", "socket"):
        (folder / name).mkdir(mode=0o700)
        if user is not None:
            shutil.chown(folder / name, user, pwd.getpwnam(user).pw_gid)
    data, log = folder / "data", folder / "data" / "log"
    locale = ["-A", "trust", "-E", "UTF8", "--no-locale"]
    _run(programs / "initdb", "-D", data, "-U", "postgres", "--no-sync", *locale, user=user)
    options = f"-k {folder / 'socket'} -c listen_addresses='' -c fsync=off -c max_connections=200"
    wait = ["-w", "-t", START_SECONDS]
    try:
        # A pipe would never end, because the server inherits it. The server's messages are in the log.
        _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", log, *wait, "start", user=user, piped=False)
    except UnavailableError as error:
        with suppress(UnavailableError):
            _stop(programs, folder)
        text = log.read_text("utf-8", "replace").strip() if log.exists() else ""
        raise UnavailableError(_reason(text) or str(error)) from None
    server = Server(programs, folder / "socket")
    try:
        server.execute(f"CREATE DATABASE {WITH_POSTGIS}")
        server.execute("CREATE EXTENSION postgis", WITH_POSTGIS)
    except UnavailableError as error:
        _stop(programs, folder)
        raise UnavailableError(f"PostGIS cannot be used: {error}") from None
    return server


def _stop(programs: Path, folder: Path) -> None:
    _run(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop", user=_server_user(), piped=False)


def _server_user() -> str | None:
    """Return whom the server has to run as: PostgreSQL refuses to run as root. None stands for the current user."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    raise UnavailableError("PostgreSQL does not run as root, and there is no user postgres")


def _run(program: Path, *arguments: object, user: str | None = None, piped: bool = True) -> str:
    """Run a program of PostgreSQL to its end and return its output; UnavailableError with its message if it fails."""
    output = subprocess.PIPE if piped else subprocess.DEVNULL
    command = [str(part) for part in (program, *arguments)]
    try:
        done = subprocess.run(
            command, stdout=output, stderr=output, text=True, timeout=START_SECONDS, user=user, cwd="/", check=True
        )
    except subprocess.CalledProcessError as error:
        raise UnavailableError(_reason(error.stderr) or f"{program.name} ended with {error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{program.name}: {error}") from None
    return done.stdout or ""


def _reason(messages: str | None) -> str:
    """Return the line that says what went wrong; the others are details and hints."""
    lines = (messages or "").strip().splitlines()
    return next((line for line in lines if "FATAL" in line or "ERROR" in line), lines[0] if lines else "")
