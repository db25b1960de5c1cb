"""The facilities and areas that a build takes from offices' own lists, all rows of which must be usable."""

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

from geo.errors import TableError
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.sources.summary import Summary
from geo.study import areas, facilities
from geo.study.categories import BUILT_IN, Categories

_MENTIONED_ROWS = 5


def read_facilities(
    path: Path,
    outline: BaseGeometry | None,
    coordinates: str | None,
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
    coordinates
        The coordinate system of the list, if the user states it.
    summary
        Receives the rows that are no facilities, and what is to be said of the file.
    categories
        The study's.

    Raises
    ------
    TableError
        Any row is unusable: all of them are named.
    """
    options = ListOptions(within=outline, coordinates=coordinates, may_be_empty=True, categories=categories)
    listed = facility_lists.read(path, options)
    problems = [f"{row.where}: {problem}" for row in listed.rows for problem in row.problems]
    rows = [
        (row.where, {"id": _made_id(path, row.where)} | row.values, row.geometry)
        for row in listed.rows
        if not row.problems
    ]
    try:
        result = facilities.from_rows(rows, path, categories)
    except TableError as error:
        problems += error.problems
    if problems:
        raise TableError(path, problems)
    _add_remarks(summary, path, listed.left_out, listed.notes)
    return result


def read_areas(path: Path, coordinates: str | None, summary: Summary) -> gpd.GeoDataFrame:
    """The areas of a list as `geo.study.areas.from_rows` has them; parameters and errors as in `read_facilities`."""
    listed = facility_lists.read_areas(path, coordinates)
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
