"""The files of a study folder, and how a new set of them replaces the old: all of it or nothing.

`replace_files` moves a complete draft to `.incoming` in the folder. From then on the new files are valid: each is moved
to its place, and whoever finds `.incoming` later, because the process was killed, finishes that. If a move fails, the
old files, which are kept in `.outgoing` until all is done, return. What people keep there, such as the register, stays.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo.errors import StudyError

FILES = (
    "study.toml",
    "standards.toml",
    "categories.toml",
    "areas.geojson",
    "facilities.geojson",
    "demand.csv",
    "streets.parquet",
    "restrictions.parquet",
    "land.parquet",
    "build.json",
)
"""All files that a build may write."""
_INCOMING, _OUTGOING, _DRAFT = ".incoming", ".outgoing", ".building-"
_OLD_SECONDS = 3600.0
"""A draft that is older was left by a build that was killed."""


def is_leftover(path: Path) -> bool:
    """Whether a file or folder of a study folder was left by a build that did not end."""
    return path.name in (_INCOMING, _OUTGOING) or path.name.startswith(_DRAFT)


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A new empty folder inside ``folder``, deleted at the end; so is ``folder`` if it is empty then."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_DRAFT}*"):
        if time.time() - old.stat().st_mtime > _OLD_SECONDS:
            shutil.rmtree(old)
    scratch = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def replace_files(folder: Path, scratch: Path) -> None:
    """Replace the files of a study by those of ``scratch``, a `draft` of the folder.

    Raises
    ------
    StudyError
        A folder has the name of one of the files.
    OSError
        A file cannot be replaced; the old files are all there again.
    """
    names = sorted(file.name for file in scratch.iterdir())
    for name in names:
        if (folder / name).is_dir():
            raise StudyError(f"{folder / name}: is a folder; a file of the study must go there")
        _write_through(scratch / name)
    _write_through(scratch)
    incoming, outgoing = folder / _INCOMING, folder / _OUTGOING
    outgoing.mkdir()
    try:
        scratch.rename(incoming)
        _write_through(folder)
        for name in names:
            if (folder / name).exists():
                (folder / name).replace(outgoing / name)
            (incoming / name).replace(folder / name)
    except OSError:
        _put_back(folder, names)
        raise
    _write_through(folder)
    _finish(folder)


def recover(folder: Path) -> None:
    """Finish what a build that was killed left undone; afterwards all files of the study are of one build.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    try:
        if (folder / _INCOMING).is_dir():
            for file in (folder / _INCOMING).iterdir():
                file.replace(folder / file.name)
            _finish(folder)
        elif (folder / _OUTGOING).is_dir():
            _put_back(folder, [])
    except FileNotFoundError:  # another process finishes at the same time
        return
    except OSError as error:
        raise StudyError(f"{folder}: a build ended before its end and its files cannot be moved: {error}") from error


def _finish(folder: Path) -> None:
    """Delete the old files, and then `.incoming`, which says that the new ones are valid."""
    if (folder / _OUTGOING).is_dir():
        old = (folder / _OUTGOING).rename(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))  # never put back from here on
        shutil.rmtree(old, ignore_errors=True)
    (folder / _INCOMING).rmdir()


def _put_back(folder: Path, names: list[str]) -> None:
    """Return the old files to their places; ``names`` are those of the new files that may have been moved."""
    incoming, outgoing = folder / _INCOMING, folder / _OUTGOING
    if incoming.is_dir():
        for name in names:
            if not (outgoing / name).exists() and not (incoming / name).exists():
                (folder / name).replace(incoming / name)  # a new file that had no predecessor
        incoming.rename(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))  # the new files are no longer valid
    for file in list(outgoing.iterdir()):
        file.replace(folder / file.name)
    outgoing.rmdir()
    for failed in folder.glob(f"{_DRAFT}*"):
        shutil.rmtree(failed, ignore_errors=True)


def _write_through(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk; of folders only POSIX systems can be asked."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
