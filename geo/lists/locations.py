"""Moves the shapes of a list to WGS84 and checks where they lie: swapped axes, coordinate system, inside the area.

Which system a list is in is never guessed. If the system decides which rows lie in the area, TableError asks the user
for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array, ObjectArray
from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.distance import distances_outside, geodesic_distance
from geo.lists import option_hints
from geo.lists.remarks import Remarks

DISTINCT_SYSTEMS = ("wgs84", "gcj02", "bd09")
"""The systems that differ from each other; CGCS2000 equals WGS84 for this purpose."""
MAX_KM_OUTSIDE = 15.0
"""A facility farther outside the area is doubted."""
_MAX_SHIFT_DEGREES = 0.03  # more than any system shifts
# A list is mixed if at least one row in six contradicts the rest; fewer may be chance near the border.
_MIXED_RATIO = 5


@dataclass(frozen=True)
class Located:
    """The shapes of a list in WGS84.

    Attributes
    ----------
    shapes
        Shape (n,), valid and in two dimensions; None where a row has none.
    system
        The coordinate system that they were read in.
    notes
        Remarks on the whole list.
    """

    shapes: GeometryArray
    system: str
    notes: list[str]


def to_wgs84(
    shapes: GeometryArray,
    row_names: Sequence[str],
    stated: str | None,
    within: BaseGeometry | None,
    file: object,
    remarks: Remarks,
    own_systems: ObjectArray | None = None,
) -> Located:
    """Move the shapes of a list to WGS84.

    Parameters
    ----------
    shapes
        As the list gives them, shape (n,), None where a row has none.
    row_names
        What each row is called in messages.
    stated
        The coordinate system that the file or the user states; None if nobody does.
    within
        The WGS84 polygon that they should lie in; None if it is not known.
    file
        Named in errors.
    remarks
        Receives the problems, doubts and notes of single rows.
    own_systems
        The coordinate system that each row states itself, shape (n,), None where it states none. It goes before
        ``stated``.

    Raises
    ------
    TableError
        Nobody states the system, and it decides which rows lie in the area.
    """
    if within is not None and (within.is_empty or shapely.get_dimensions(within) < 2):
        within = None
    shapes = shapely.force_2d(shapes)
    _check_degrees(shapes, within, remarks)
    rows = np.flatnonzero(~shapely.is_missing(shapes))
    rows = rows[[row not in remarks.doubts for row in rows.tolist()]] if len(rows) else rows
    if own_systems is not None and any(own_systems):
        _move_by_own_systems(shapes, rows, own_systems, within, remarks)
        rows = rows[[system is None for system in own_systems[rows]]]
    if not len(rows):
        return Located(shapes, stated or "wgs84", [])
    system = stated or "wgs84"
    x, y = _centres(shapes[rows])
    notes: list[str] = []
    inside: dict[str, BoolArray] = {}
    if within is not None:
        inside = {
            candidate: _contains(datums.geometry_from_wgs84(within, candidate), x, y) for candidate in DISTINCT_SYSTEMS
        }
        notes += _check_system(inside, [row_names[row] for row in rows.tolist()], stated, file)
    if stated is None:
        notes += _unstated_note(x, y)
    shapes[rows] = datums.geometry_to_wgs84(shapes[rows], system)
    _repair(shapes, rows, remarks)
    if within is not None:
        _report_outside(within, shapes, rows, inside, distinct(system), remarks)
    return Located(shapes, system, notes)


def _move_by_own_systems(
    shapes: GeometryArray, rows: Int64Array, own_systems: ObjectArray, within: BaseGeometry | None, remarks: Remarks
) -> None:
    """Move the rows that state their own system, in place, and report those outside the area."""
    for system in sorted({*filter(None, own_systems[rows])}):
        moved = rows[own_systems[rows] == system]
        shapes[moved] = datums.geometry_to_wgs84(shapes[moved], system)
        _repair(shapes, moved, remarks)
        if within is not None:
            inside = _contains(within, *_centres(shapes[moved]))
            _report_outside(within, shapes, moved, {system: inside}, system, remarks)


def _repair(shapes: GeometryArray, rows: Int64Array, remarks: Remarks) -> None:
    """Make invalid shapes valid, in place, with a note that says why they were not."""
    invalid = rows[~shapely.is_valid(shapes[rows])]
    for row, reason in zip(invalid.tolist(), shapely.is_valid_reason(shapes[invalid]), strict=True):
        why = "crosses or touches itself" if "Self-intersection" in reason else f"is invalid ({reason.split('[')[0]})"
        remarks.notes[row].append(f"its outline {why} and was repaired: look at it on a map")
    shapes[invalid] = shapely.make_valid(shapes[invalid])


def distinct(system: str) -> str:
    """The one of `DISTINCT_SYSTEMS` that a system equals."""
    return "wgs84" if system == "cgcs2000" else system


def _contains(area: BaseGeometry, x: Float64Array, y: Float64Array) -> BoolArray:
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, x, y), dtype=bool)


def _centres(shapes: GeometryArray) -> tuple[Float64Array, Float64Array]:
    west, south, east, north = shapely.bounds(shapes).T
    return (west + east) / 2, (south + north) / 2


def _check_degrees(shapes: GeometryArray, within: BaseGeometry | None, remarks: Remarks) -> None:
    """Swap longitude and latitude where they are swapped, in place; report shapes that are not in degrees.

    Shapes that cannot be used become None, with a problem; those at 0, 0 are doubted.
    """
    present = ~shapely.is_missing(shapes)
    bounds = shapely.bounds(shapes)
    finite = np.isfinite(bounds).all(axis=1)
    drawn = np.flatnonzero(shapely.get_type_id(shapes) > 0)  # bounds do not show NaN among inner vertices
    finite[drawn] &= np.isfinite(shapely.length(shapes[drawn]))
    west, south, east, north = np.where(finite[:, None], bounds, np.nan).T
    with np.errstate(invalid="ignore"):
        possible = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
        possible_swapped = (south >= -180) & (north <= 180) & (west >= -90) & (east <= 90)
        at_zero = (west == 0) & (east == 0) & (south == 0) & (north == 0)
        in_whole_degrees = (west == east) & (south == north) & (west % 1 == 0) & (south % 1 == 0) & possible & ~at_zero
        in_metres = np.maximum(np.maximum(abs(west), abs(east)), np.maximum(abs(south), abs(north))) > 1000
        swapped = present & ~possible & possible_swapped
        if within is not None:
            near = within.buffer(_MAX_SHIFT_DEGREES)
            x, y = (west + east) / 2, (south + north) / 2
            fits = possible & _contains(near, x, y)
            swapped = present & possible_swapped & ~at_zero & ~fits & _contains(near, y, x)
    for row in np.flatnonzero(present & at_zero).tolist():
        remarks.doubts[row].append("its place is 0, 0, which stands for an unknown place")
    for row in np.flatnonzero(present & in_whole_degrees).tolist():
        pair = f"{west[row]:g}, {south[row]:g}"
        remarks.doubts[row].append(
            f"its place {pair} is in whole degrees: its minutes and seconds, or decimals, are lost"
        )
    for row in np.flatnonzero(present & ~possible & ~swapped).tolist():
        pair = f"{west[row]:.10g}, {south[row]:.10g}"
        if not finite[row]:
            problem = "its place is empty or has coordinates that are no numbers"
        elif in_metres[row]:
            problem = f"place {pair} is in metres of a projection: give degrees, or {option_hints.CRS}"
        else:
            problem = f"place {pair} is not a longitude and latitude in degrees"
            problem += ", nor in the area when swapped" if possible_swapped[row] else ""
        remarks.problems[row].append(problem)
        shapes[row] = None
    swapped_rows = np.flatnonzero(swapped)
    if len(swapped_rows):
        shapes[swapped_rows] = shapely.transform(shapes[swapped_rows], lambda xy: xy[:, ::-1])
        for row in swapped_rows.tolist():
            remarks.notes[row].append("longitude and latitude were swapped")


def _check_system(
    inside: dict[str, BoolArray], row_names: Sequence[str], stated: str | None, file: object
) -> list[str]:
    """Compare how many rows lie in the area under each system.

    Returns a note where a stated system fits worse than another. Raises TableError where nobody states the system
    and another fits better, or where the rows seem to be in several.
    """
    system = distinct(stated or "wgs84")
    count = {candidate: int(rows.sum()) for candidate, rows in inside.items()}
    total = len(row_names)
    better = [candidate for candidate in DISTINCT_SYSTEMS if count[candidate] > count[system]]
    better.sort(key=lambda candidate: -count[candidate])
    alternatives = ", ".join(f"{total - count[candidate] or 'none'} as {candidate}" for candidate in better)
    outside = f"{total - count[system]} of {total} places lie outside the area as {stated or system}"
    if stated:
        return [f"{outside}, which is what was stated; {alternatives}: was that meant?"] if better else []
    best = max(DISTINCT_SYSTEMS, key=lambda candidate: count[candidate])
    if mixed := _mixed_systems(inside, count, system, best):
        other, ours, theirs = mixed
        raise TableError(
            file,
            [
                f"coordinates of several systems seem mixed: {_listed(ours, row_names)} only fit the area as {system}, "
                f"{_listed(theirs, row_names)} only as {other}: split the list, or {option_hints.coordinates(best)} "
                "if all rows are in that system"
            ],
        )
    if better:
        hint = option_hints.coordinates(better[0])
        raise TableError(file, [f"{outside}, {alternatives}: {hint}, or {system} if that is right"])
    return []


def _mixed_systems(
    inside: dict[str, BoolArray], count: dict[str, int], system: str, best: str
) -> tuple[str, Int64Array, Int64Array] | None:
    """Another system, the rows that only fit ``system`` and the rows that only fit the other; None if not mixed."""
    every = list(inside.values())
    decisive = np.any(every, axis=0) & ~np.all(every, axis=0)
    misfits = int((decisive & ~inside[best]).sum())
    if misfits * _MIXED_RATIO < int(decisive.sum()) - misfits:
        return None
    for other in sorted(DISTINCT_SYSTEMS, key=lambda candidate: -count[candidate]):
        ours = np.flatnonzero(inside[system] & ~inside[other])
        theirs = np.flatnonzero(inside[other] & ~inside[system])
        fewer, more = sorted((len(ours), len(theirs)))
        if fewer and fewer * _MIXED_RATIO >= more:
            return other, ours, theirs
    return None


def _listed(rows: Int64Array, row_names: Sequence[str]) -> str:
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return ", ".join(row_names[row] for row in rows[:5].tolist()) + more


def _unstated_note(x: Float64Array, y: Float64Array) -> list[str]:
    """How far away the rows would lie in the other systems; no note outside China, where all systems agree."""
    sample = slice(None, None, len(x) // 1000 + 1)
    distance_m = {}
    for system in DISTINCT_SYSTEMS[1:]:
        other_x, other_y = datums.to_wgs84(x[sample], y[sample], system)
        distance_m[system] = float(np.median(geodesic_distance(x[sample], y[sample], other_x, other_y)))
    if max(distance_m.values()) < 1:
        return []
    listed = ", ".join(
        f"as {candidate} the places would lie {metres:,.0f} m elsewhere" for candidate, metres in distance_m.items()
    )
    return [f"coordinates are not stated: read as wgs84; {listed} (median)"]


def _report_outside(
    within: BaseGeometry,
    shapes: GeometryArray,
    rows: Int64Array,
    inside: dict[str, BoolArray],
    system: str,
    remarks: Remarks,
) -> None:
    """Doubt the rows that lie more than `MAX_KM_OUTSIDE` outside the area; note those that lie less."""
    outside = np.flatnonzero(~inside[system])
    if not len(outside):
        return
    km = distances_outside(within, shapes[rows[outside]]) / 1000
    for position, distance in zip(outside.tolist(), km.tolist(), strict=True):
        others = [other for other, rows_inside in inside.items() if rows_inside[position]]
        hint = f"; as {' or '.join(others)} it would lie inside" if others else ""
        row = int(rows[position])
        if distance > MAX_KM_OUTSIDE:
            remarks.doubts[row].append(f"lies {distance:,.0f} km outside the area{hint}")
        else:
            remarks.notes[row].append(f"lies {distance:.1f} km outside the area{hint}")
