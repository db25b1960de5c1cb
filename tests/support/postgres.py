"""A private PostgreSQL with PostGIS for tests: started in a folder of its own, asked over a socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from uuid import uuid4


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, with PostGIS beside it, if there is one."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    folders += [Path(found).parent] if found else []
    for folder in folders:
        share = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
        extensions = [Path(share.stdout.strip()), Path("/usr/share/postgresql") / folder.parent.name]
        if any((place / "extension" / "postgis.control").exists() for place in extensions if str(place) != "."):
            return folder
    return None


class Server:
    """A running server; `database` makes an empty database in it and says its address."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self._folder, self._socket = folder, socket

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._socket}"

    def database(self, bare: bool = False) -> str:
        """A new database; PostGIS takes half a second to install, and is there already unless it shall be ``bare``."""
        name = f"test_{uuid4().hex}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {'template1' if bare else self._with_postgis}")
        return self._address(name)

    @cached_property
    def _with_postgis(self) -> str:
        name = "with_postgis"
        self.say(f"CREATE DATABASE {name}")
        self.say("CREATE EXTENSION postgis", name)
        return name

    def say(self, statement: str, database: str = "postgres") -> str:
        command = [self._folder / "psql", "-h", self._socket, "-U", "postgres", "-XAtqc", statement, database]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def running(bin_folder: Path, folder: Path) -> Iterator[Server]:
    """A server whose files are in ``folder``."""
    data, socket = folder / "data", folder / "socket"
    for place in (folder, data, socket):
        place.mkdir(exist_ok=True)
        place.chmod(0o700)
    # PostgreSQL does not run as root; its own user is there where its package is.
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        for place in (folder, data, socket):
            shutil.chown(place, user, pwd.getpwnam(user).pw_gid)

    def run(program: str, *arguments: object) -> None:
        command = [bin_folder / program, *map(str, arguments)]
        subprocess.run(command, check=True, timeout=120, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    options = f"-k {socket} -c listen_addresses='' -c fsync=off -c max_connections=200"
    run("pg_ctl", "-D", data, "-o", options, "-l", data / "log", "-w", "start")
    try:
        yield Server(bin_folder, socket)
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
