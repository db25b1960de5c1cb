"""Writes small lists of facilities and imports them into a register."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from geo.lists import reader, writer
from geo.lists.reader import ListOptions
from service.register import imports
from service.register.import_report import ImportReport, RowOutcome
from service.register.imports import ImportOptions
from service.register.register import Register

HEADINGS = ("名称", "类别", "经度", "纬度")
ID_HEADINGS = ("编号", *HEADINGS)
EDITOR = "王工"


def write_csv(
    folder: Path, *rows: Sequence[object], headings: Sequence[str] = HEADINGS, name: str = "名单.csv"
) -> Path:
    """Write a list with these rows and return its path."""
    content = io.StringIO()
    csv.writer(content).writerows([headings, *rows])
    (folder / name).write_text(content.getvalue(), "utf-8-sig")
    return folder / name


def rewrite_geojson(path: Path, change: Callable[[list[dict[str, Any]]], object], to: Path | None = None) -> Path:
    """Apply ``change`` to the features of a GeoJSON file, in place or into another file; return the written path."""
    content = json.loads(path.read_text("utf-8"))
    change(content["features"])
    (to or path).write_text(json.dumps(content), "utf-8")
    return to or path


def import_list(register: Register, path: Path, coordinates: str | None = "wgs84", **options: Any) -> ImportReport:
    """Read a list and import it; ``options`` are the fields of `imports.ImportOptions`."""
    facility_list = reader.read(path, ListOptions(within=register.study.territory, coordinates=coordinates))
    (report,) = imports.apply_lists(register, [facility_list], EDITOR, ImportOptions(**options))
    return report


def import_row(register: Register, folder: Path, *cells: object, headings: Sequence[str] = HEADINGS) -> RowOutcome:
    """Import a list of one row and return the row's outcome."""
    (row,) = import_list(register, write_csv(folder, cells, headings=headings)).rows
    return row


def snapshot(register: Register) -> str:
    """The register's facilities and revisions as text, to be compared."""
    facilities = writer.write(register.facilities(), "geojson").content.decode()
    return facilities + str(sorted(register.revisions().items()))
