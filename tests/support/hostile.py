"""Lists of facilities with every defect that offices' files have, each with what a reader must report of it.

Whatever reads files must report what stands there, and raise nothing but a `FuwuquanError`.
"""

from pathlib import Path

from support import hostile_tables, hostile_vector_files, hostile_workbooks
from support.list_files import HostileFile

FILES: list[HostileFile] = [*hostile_tables.FILES, *hostile_workbooks.FILES, *hostile_vector_files.FILES]


def make(folder: Path, name: str) -> Path:
    """Make the file ``name`` in a folder; its path."""
    (file,) = (file for file in FILES if file.name == name)
    path = folder / name
    file.make(path)
    return path
