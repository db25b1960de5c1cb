"""Run the commands that the README pages show, and compare or write what they print (`make readme`).

In a ``console`` block, a line that begins with ``$`` is a command, and the lines after it are what it prints.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """A folder that holds the sample and links to the downloaded files, and a server of that sample."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address

    def run(self, command: str) -> str:
        """Run a command of a page and return what it prints, without white space at the ends of lines."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command.replace(SERVER, self._address)],
            cwd=self._folder,
            env=program.environment(PATH=path, COLUMNS="100"),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=program.LIMIT_SECONDS,
        )
        return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines()).strip("\n")


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """Prepare ``folder`` for the commands of one page, and serve the sample there while they run."""
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("register.sqlite*"))
    for extract in EXTRACTS:
        (folder / Path(extract).name).symlink_to(DOWNLOADS / extract)
    with program.serving(folder / "data") as (address, _):
        yield Workplace(folder, address.removeprefix("http://"))


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
