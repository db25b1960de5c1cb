"""Which files are extracts that can be read: each object once, as it is today, at a place in degrees.

`check` refuses histories and lists of changes before they are read, `errors` explains what osmium finds wrong while it
reads, and `not_in_degrees` and `repeated` are the errors about what it does not mind.
"""

import bz2
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import osmium

from geo.errors import ExtractError

_OBJECT_DELETED = re.compile(
    # XML: a deleted version, or what an editor is about to delete.
    rb"""<(?:node|way|relation)\s[^<>]*?\b(?:visible=["']false|action=["']delete)["'][^<>]*>"""
    # OPL: the letter D after the version.
    rb"""|^[nwr]-?\d+ (?:v\d+ )?dD """,
    re.MULTILINE,
)
_LONGEST_TAG = 1 << 14
"""No XML tag or start of an OPL line that `_OBJECT_DELETED` looks for is longer, in bytes."""
_BLOCK_BYTES = 1 << 22


def check(path: Path) -> None:
    """Refuse a file that is not there, and one that holds deleted objects or several versions of its objects.

    Raises
    ------
    ExtractError
    """
    if not path.is_file():
        raise ExtractError(f"{path}: is no file" if path.exists() else f"{path}: there is no such file")
    if not path.stat().st_size:
        raise ExtractError(f"{path}: is empty; download it again, or give an .osm.pbf")
    with errors(path):
        # Both, since the header of a .osh does not tell, and neither does the name of a renamed .osh.pbf.
        is_history = osmium.io.File(str(path)).has_multiple_object_versions
        with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
            is_history |= reader.header().has_multiple_object_versions
        is_history = is_history or _has_deleted_objects(path)
    if is_history:
        raise ExtractError(
            f"{path}: is a history or a list of changes, with deleted objects or several versions of an object; "
            "make an extract of one day of it with `osmium time-filter`, or save it without what is deleted"
        )


def _has_deleted_objects(path: Path) -> bool:
    """Whether a text file, XML or OPL, has an object that is marked as deleted; others have a header that tells."""
    name = path.name.lower()
    if not re.search(r"\.(osm|opl|xml)(\.gz|\.bz2)?$", name):
        return False
    opened = gzip.open if name.endswith(".gz") else bz2.open if name.endswith(".bz2") else open
    with cast(BinaryIO, opened(path, "rb")) as stream:
        text = b""
        while block := stream.read(_BLOCK_BYTES):
            text = text[-_LONGEST_TAG:] + block
            if _OBJECT_DELETED.search(text):
                return True
    return False


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn osmium's errors about an unusable file into an ExtractError."""
    try:
        yield
    except osmium.InvalidLocationError as error:
        raise not_in_degrees(path, str(error)) from error
    except (RuntimeError, ValueError, OSError, EOFError) as error:  # osmium's own errors are RuntimeErrors
        raise ExtractError(
            f"{path}: is truncated or no OpenStreetMap extract ({error}); download it again, or give an .osm.pbf"
        ) from error


def not_in_degrees(path: Path, what: str) -> ExtractError:
    """The error about a node without a usable location; ``what`` tells the node or its coordinates."""
    return ExtractError(
        f"{path}: has a node whose coordinates are empty or no degrees of longitude and latitude ({what}); export it "
        "in WGS84 degrees"
    )


def repeated(path: Path, object_type: str, osm_id: int) -> ExtractError:
    """The error about an object that is there more than once."""
    return ExtractError(
        f"{path}: has {object_type} {osm_id} more than once; if it is a history, make an extract of one day with "
        "`osmium time-filter`; if it was put together of several extracts, do so with `osmium merge`"
    )
