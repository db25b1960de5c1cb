"""The facilities and areas that a build takes from offices' own lists.

All rows must be usable, except that facilities whose position is doubted are left out and named.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError
from geo.geodesy.distance import distances_outside
from geo.lists import statuses
from geo.lists.locations import MAX_KM_OUTSIDE
from geo.lists.reader import ListOptions
from geo.lists.statuses import Days
from geo.lists.table_locations import StatedSystem
from geo.sources import facility_lists
from geo.sources.summary import Summary
from geo.study import areas, facilities
from geo.study.categories import BUILT_IN, Categories

_MENTIONED_ROWS, _MENTIONED_NOTES = 5, 20


def read_facilities(
    path: Path,
    outline: BaseGeometry | None,
    extent: BaseGeometry | None,
    stated: StatedSystem,
    summary: Summary,
    categories: Categories = BUILT_IN,
) -> gpd.GeoDataFrame:
    """The facilities of a list, as `geo.study.facilities.from_rows` returns them.

    A facility without an id gets one of the file's name and its row.

    Parameters
    ----------
    path
        Any file that `facility_lists.read` reads.
    outline
        The WGS84 polygon of the study's area; None if the study is of a whole extract.
    extent
        The WGS84 box of the extract's streets, of which facilities may lie no more than `MAX_KM_OUTSIDE` outside, if
        the study is of a whole extract.
    stated
        What the user states of the positions of the list.
    summary
        Receives the rows that are no facilities or whose position is doubted, which are left out, and what is to be
        said of other rows and of the file.
    categories
        The study's.

    Raises
    ------
    TableError
        A row is unusable for another reason than its position: all of them are named.
    """
    options = ListOptions(
        within=outline, coordinates=stated.coordinates, crs=stated.crs, may_be_empty=True, categories=categories
    )
    listed = facility_lists.read(path, options)
    problems = [f"{row.where}: {problem}" for row in listed.rows for problem in row.problems]
    doubts = {row.where: row.doubts or _far_off(row.geometry, extent) for row in listed.rows if not row.problems}
    days = {
        row.where: statuses.days(row.status, row.values, {}, date.today())
        for row in listed.rows
        if row.status is not None and not row.problems
    }
    rows = [
        (row.where, {"id": _made_id(path, row.where)} | row.values | _changes(days.get(row.where)), row.geometry)
        for row in listed.rows
        if not row.problems and not doubts[row.where]
    ]
    try:
        result = facilities.from_rows(rows, path, categories)
    except TableError as error:
        problems += error.problems
    if problems:
        raise TableError(path, problems)
    _add_remarks(summary, path, listed.left_out, listed.notes)
    names = {
        row.where: f"{row.where} ({row.values['name']})" if "name" in row.values else row.where for row in listed.rows
    }
    doubted = sum(bool(reasons) for reasons in doubts.values())
    left_out = {"doubted positions": doubted, "rows that are no facilities": len(listed.left_out)}
    summary.account("rows", path.name, len(rows) + sum(left_out.values()), {"facilities": len(result)}, left_out)
    for where, reasons in doubts.items():
        if reasons:
            summary.left_out(1, f"{path.name} {names[where]}: {'; '.join(reasons)}")
    notes = [(row.where, note) for row in listed.rows for note in row.notes]
    notes += [(where, remark) for where, status_days in days.items() for remark in status_days.remarks]
    _add_row_notes(summary, path, notes)
    return result


def _changes(days: Days | None) -> dict[str, date | None]:
    return {} if days is None else days.changes


def _far_off(geometry: BaseGeometry | None, extent: BaseGeometry | None) -> tuple[str, ...]:
    """The doubt about a position that lies far outside the extract; none if it does not."""
    if geometry is None or extent is None:
        return ()
    km = _km_outside(geometry, extent)
    if km <= MAX_KM_OUTSIDE:
        return ()
    x, y = geometry.centroid.x, geometry.centroid.y
    doubt = f"its place {x:.6g}, {y:.6g} lies {km:,.0f} km outside the extract"
    if abs(x) <= 90 and _km_outside(shapely.Point(y, x), extent) <= MAX_KM_OUTSIDE:
        doubt += "; with longitude and latitude swapped it would lie inside: correct the list"
    return (doubt,)


def _km_outside(geometry: BaseGeometry, extent: BaseGeometry) -> float:
    return float(distances_outside(extent, np.array([geometry], dtype=object))[0]) / 1000


def read_areas(path: Path, stated: StatedSystem, summary: Summary) -> gpd.GeoDataFrame:
    """The areas of a list as `geo.study.areas.from_rows` has them; parameters and errors as in `read_facilities`."""
    listed = facility_lists.read_areas(path, stated)
    result = areas.from_rows(listed.rows, path)
    _add_remarks(summary, path, listed.left_out, listed.notes)
    return result


def _made_id(path: Path, where: str) -> str:
    """“诊所-7” for row 7 of 诊所.csv, and “诊所-城区-7” for row 7 of its sheet 城区."""
    return "-".join([path.stem, *(word for word in where.split() if word not in ("layer", "row", "feature"))])


def _add_remarks(summary: Summary, path: Path, left_out: Sequence[tuple[str, str]], notes: Sequence[str]) -> None:
    """Tell which rows of a list were left out, except blank ones, and what is to be said of the whole file."""
    rows = [f"{where} {reason}" for where, reason in left_out if reason != "is blank"]
    if rows:
        more = f" and {len(rows) - _MENTIONED_ROWS} more" if len(rows) > _MENTIONED_ROWS else ""
        remark = f"rows of {path.name}: {'; '.join(rows[:_MENTIONED_ROWS])}{more}"
        summary.left_out(len(rows), remark)
    for note in notes:
        summary.note(1, f"{path.name}: {note}")


def _add_row_notes(summary: Summary, path: Path, notes: Sequence[tuple[str, str]]) -> None:
    """Tell what was understood of single rows, equal remarks together."""
    rows_of_note: dict[str, list[str]] = {}
    for where, text in notes:
        rows_of_note.setdefault(text, []).append(where)
    for text, rows in list(rows_of_note.items())[:_MENTIONED_NOTES]:
        more = f" and {len(rows) - _MENTIONED_ROWS} more" if len(rows) > _MENTIONED_ROWS else ""
        summary.note(len(rows), f"{path.name} {', '.join(rows[:_MENTIONED_ROWS])}{more}: {text}")
    if len(rows_of_note) > _MENTIONED_NOTES:
        summary.note(
            len(rows_of_note) - _MENTIONED_NOTES, f"{path.name}: further remarks on single rows; see import --dry-run"
        )
