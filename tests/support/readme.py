"""The commands of the README: runs them and compares, or, as a program, writes what they print into it.

In a ``console`` block, a line that begins with ``$`` is a command, and what follows is what it prints.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
SERVER = "127.0.0.1:8000"
EXTRACTS = (
    "liechtenstein/liechtenstein.osm.pbf",
    "porto_alegre/porto_alegre.osm.pbf",
    "porto_alegre/hexgrid.csv",
    "porto_alegre/clinics.csv",
)
_BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")


def workplace(folder: Path) -> Path:
    """Make ``folder`` a place where the README's commands run: the sample, and the extracts beside it."""
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("register.sqlite*"))
    for extract in EXTRACTS:
        (folder / Path(extract).name).symlink_to(ROOT.parent / "shared" / "data" / extract)
    return folder


def commands(text: str) -> list[tuple[str, str]]:
    """All commands in ``text`` with what it says they print."""
    found = []
    for block in _BLOCK.findall(text):
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed.strip("\n")))
    return found


def run(command: str, folder: Path, server: str) -> str:
    """What ``command`` prints in ``folder``, without the space at the ends of its lines."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        ["bash", "-c", command.replace(SERVER, server)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines()).strip("\n")


def rewrite(page: Path, folder: Path, server: str) -> None:
    """Write into ``page`` what its commands print."""

    def rerun(block: re.Match[str]) -> str:
        parts = [
            f"$ {command}\n" + "".join(f"{line}\n" for line in run(command, folder, server).splitlines())
            for command, _ in commands(block[0])
        ]
        return "```console\n" + "".join(parts) + "```"

    page.write_text(_BLOCK.sub(rerun, page.read_text("utf-8")), "utf-8")


def main() -> None:
    import tempfile

    from support import program

    for page in PAGES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = workplace(Path(scratch))
            with program.serving(folder / "data") as (address, _):
                rewrite(page, folder, address.removeprefix("http://"))


if __name__ == "__main__":
    main()
