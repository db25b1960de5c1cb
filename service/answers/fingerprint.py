"""A hash of the program's own files and of a study's files: while it stays the same, equal questions on an equal
register have equal answers. `service.answers.engine` makes `Answers.version_hash` of it, and every entity tag
(ETag) depends on that; `service.api.responses` tells where the tags are made."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from geo.study import folder

STUDY_FILES = tuple(name for name in folder.FILES if name not in ("facilities.geojson", "build.json"))
"""The files that a study is read from. Facilities are missing here, because answers take them from the register, and
the account of the build is, because nobody computes with it."""
_PACKAGES = ("geo", "maps", "service")
_SUFFIXES = (".py", ".toml", ".html", ".js", ".css")


def of_program_and_study(study_folder: Path) -> tuple[bytes, datetime]:
    """The hash (32 bytes) of the program's and the study's files, and when the youngest of them was modified."""
    root = Path(__file__).parents[2]
    program = sorted(file for package in _PACKAGES for file in (root / package).rglob("*") if file.suffix in _SUFFIXES)
    return of_files([*program, *(study_folder / name for name in STUDY_FILES)])


def of_files(files: Iterable[Path]) -> tuple[bytes, datetime]:
    """A hash (32 bytes) of those files that exist, and when the youngest of them was modified (UTC)."""
    digest, youngest = hashlib.blake2b(digest_size=32), 0.0
    for file in files:
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + hashlib.blake2b(file.read_bytes()).digest())
            youngest = max(youngest, file.stat().st_mtime)
    return digest.digest(), datetime.fromtimestamp(youngest, UTC)
