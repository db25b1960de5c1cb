"""The lists that offices give to the program: facilities for a study or the register, areas, and residential land.

`fuwuquan build`, `fuwuquan import` and POST /v1/imports read every list through this module. `geo.sources.osm` reads
lists that are OpenStreetMap extracts, and `geo.lists` all others. Both run in a process with limits of memory and time
(`geo.limited_process`); `geo.lists.file_types` limits the size of a file and the number of its rows and cells.

The extract that a study is built from, its population and its elevation are read elsewhere, without these limits.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from geo import limited_process
from geo.errors import ExtractError, TableError
from geo.lists import area_reader, file_types, headings, land_reader, list_tables, reader
from geo.lists.area_reader import AreaList
from geo.lists.headings import FACILITY_COLUMNS
from geo.lists.land_reader import LandList, LandOptions
from geo.lists.layers import Layer
from geo.lists.reader import NO_OPTIONS, FacilityList, ListOptions, ignore_progress
from geo.lists.table_locations import StatedSystem
from geo.lists.values import MISSING
from geo.lists.vector_files import with_ending
from geo.sources.osm import extract as osm
from geo.sources.osm.facilities import COUNTS_AS_POINT

_MENTIONED = 20
_BYTES_PER_SECOND = 2_000_000
"""A file of any size, such as an extract, has at least one second for each `_BYTES_PER_SECOND` bytes."""

T = TypeVar("T")
R = TypeVar("R")


def read(
    path: Path, options: ListOptions = NO_OPTIONS, advance: Callable[[int], None] = ignore_progress
) -> FacilityList:
    """The facilities of a list, as `reader.read`, or of an OpenStreetMap extract.

    Raises
    ------
    TableError, UnknownNameError
        As `reader.read`.
    ExtractError
        The OpenStreetMap extract cannot be read.
    """
    options.check()
    return _with_limits(read_in_this_process, path, options, advance)


def read_areas(path: Path, stated: StatedSystem) -> AreaList:
    """The areas of a list; raises as `area_reader.read`."""
    return _with_limits(area_reader.read, path, stated, ignore_progress)


def read_land(path: Path, options: LandOptions) -> LandList:
    """The residential land of a file; raises as `land_reader.read`."""
    return _with_limits(land_reader.read, path, options, ignore_progress)


def _with_limits(
    function: Callable[[Path, T, Callable[[int], None]], R], path: Path, options: T, advance: Callable[[int], None]
) -> R:
    """What a function makes of a file in a process with limits; TableError if the file takes more."""
    seconds, memory = max(limited_process.MAX_SECONDS, _size(path) / _BYTES_PER_SECOND), limited_process.MAX_BYTES
    try:
        return limited_process.call(
            function, (path, options), advance, modules=[__name__], max_seconds=seconds, max_bytes=memory
        )
    except limited_process.LimitExceededError as error:
        limits = f"{memory >> 30} GB of memory and {seconds:.0f} seconds are allowed"
        advice = "delete what is not the list and save it again, or split it"
        raise TableError(path, [f"{error} ({limits}): {advice}"]) from error


def _size(path: Path) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:  # reported by the reader
        return 0


def read_in_this_process(
    path: Path, options: ListOptions = NO_OPTIONS, advance: Callable[[int], None] = ignore_progress
) -> FacilityList:
    """The facilities of a list or extract, as `read`, without limits of memory and time."""
    path = Path(path)
    options.check()
    if file_types.detect(path) != "pbf":
        return reader.read(path, options, advance)
    notes = file_types.naming_note(path, "pbf")
    layer = _extract_layer(path, options)
    if not layer.row_names and not options.may_be_empty:
        raise TableError(path, ["holds no facility" + ("" if options.within is None else " within the area")])
    headings.check_mapping(FACILITY_COLUMNS.with_mapping(options.columns), list(layer.columns), path)
    table = list_tables.from_layer(layer, fields=list(layer.columns))
    return reader.from_tables(path, "pbf", [table], options, notes + layer.notes, advance)


def _extract_layer(path: Path, options: ListOptions) -> Layer:
    """The facilities of an OpenStreetMap extract that touch ``options.within``; its columns are a facility's fields."""
    with with_ending(path, ".pbf") as file:
        try:
            rows, broken, left_out = osm.read_facilities(file, options.within, options.categories)
        except ExtractError as error:  # names the link, if the file's own name ends otherwise
            raise ExtractError(str(error).replace(str(file), str(path))) from error
    notes = [f"left out: {count} {reason}" for reason, count in left_out.items()]
    if broken:
        more = f" and {len(broken) - _MENTIONED} more" if len(broken) > _MENTIONED else ""
        notes.append(f"{len(broken)} {COUNTS_AS_POINT}: {', '.join(broken[:_MENTIONED])}{more}")
    names = dict.fromkeys(name for _, row, _ in rows for name in row)
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [shape for _, _, shape in rows]
    return Layer(
        "",
        [identity for identity, _, _ in rows],
        {name: [row.get(name, MISSING) for _, row, _ in rows] for name in names},
        shapes,
        system="wgs84",
        notes=notes,
    )
