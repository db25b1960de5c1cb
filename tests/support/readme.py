"""Run the commands that the README pages show, and compare or write what they print (`make readme`).

In a ``console`` block, a line that begins with ``$`` is a command, and the lines after it are what it prints.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from support import program

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
SERVER = "127.0.0.1:8000"
DOWNLOADS = ROOT.parent / "shared" / "data"
EXTRACTS = (
    "liechtenstein/liechtenstein.osm.pbf",
    "porto_alegre/porto_alegre.osm.pbf",
    "porto_alegre/hexgrid.csv",
    "porto_alegre/clinics.csv",
)
_PROGRAM_ALONE = re.compile(r"fuwuquan ([^|<>&;$`*]*?)(?: 2>/dev/null)?")
"""A command of the program that bash need not run: it runs in this process, which takes a tenth of the time."""
_BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")


class Example(NamedTuple):
    """A command of a page, and what the page says that it prints."""

    command: str
    output: str


def examples(text: str) -> list[Example]:
    """Return the commands in a page's ``console`` blocks, in their order."""
    parts = [part for block in _BLOCK.findall(text) for part in re.split(r"(?m)^\$ ", block)[1:]]
    return [Example(command, output.strip("\n")) for command, _, output in (part.partition("\n") for part in parts)]


def needs_extracts(text: str) -> bool:
    """Whether a command of the page reads one of the downloaded files."""
    return any(Path(extract).name in example.command for example in examples(text) for extract in EXTRACTS)


class Workplace:
    """A folder that holds the sample and links to the downloaded files, where the commands of one page run."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self._folder, self._servers = folder, servers

    @cached_property
    def _server(self) -> str:
        """Host and port of a server of the sample, started for the first command that asks it."""
        address, _ = self._servers.enter_context(program.serving(self._folder / "data"))
        return address.removeprefix("http://")

    def run(self, command: str) -> str:
        """Run a command of a page and return what it prints, without white space at the ends of lines."""
        if alone := _PROGRAM_ALONE.fullmatch(command):
            with contextlib.chdir(self._folder):
                done = program.call(*shlex.split(alone[1]), COLUMNS="100")
            printed = program.output_of(done).decode()
        else:
            printed = self._run_in_bash(command)
        return "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()).strip("\n")

    def _run_in_bash(self, command: str) -> str:
        if SERVER in command:
            command = command.replace(SERVER, self._server)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=program.environment(PATH=path, COLUMNS="100"),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=program.LIMIT_SECONDS,
        ).stdout


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """Prepare ``folder`` for the commands of one page; a server that they need ends with it."""
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("register.sqlite*"))
    for extract in EXTRACTS:
        (folder / Path(extract).name).symlink_to(DOWNLOADS / extract)
    with ExitStack() as servers:
        yield Workplace(folder, servers)


def rewrite(page: Path, place: Workplace) -> None:
    """Replace what a page says its commands print by what they print now."""

    def printed(block: re.Match[str]) -> str:
        lines = []
        for example in examples(block[0]):
            lines += [f"$ {example.command}", *place.run(example.command).splitlines()]
        return "\n".join(["```console", *lines, "```"])

    page.write_text(_BLOCK.sub(printed, page.read_text("utf-8")), "utf-8")


def main() -> None:
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder, workplace(Path(folder)) as place:
            rewrite(page, place)


if __name__ == "__main__":
    main()
