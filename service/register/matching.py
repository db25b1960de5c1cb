"""Finds the facility of the register that each row of a list stands for.

A row stands for the facility with its id; without an id, for the facility of its category and name near its place.
Rows that could stand for two facilities, or whose id is probably another office's, are rejected with a reason.
`service.register.imports` calls this. `geo.lists.duplicates` is another question: which facilities of the register may
be the same.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.geodesy import datums, distance
from geo.lists import option_hints
from geo.lists.reader import FacilityList, ListRow
from geo.study.texts import name_key
from service.register.history import BOUNDS, FacilityRow
from service.register.import_report import Outcome

SAME_PLACE_M = 1.0
"""A facility that was moved by no more than this has not moved."""
SAME_NAME_M = 500.0
"""A row without an id stands for the facility of its name that is no farther away than this."""
SAME_ID_M = 1000.0
"""A row whose id belongs to a facility of another name farther away than this does not stand for that facility."""
MAX_NEIGHBOURS = 8
"""How many facilities of one name near a row are compared with it."""
MAX_SHIFT_M = 1500.0
"""Positions in two coordinate systems are never farther apart than this."""
SHIFT_TOLERANCE_M = 30.0
"""A row that comes as near as this to its facility in another coordinate system is probably in that system."""
MIN_SHIFTED_ROWS, MIN_SHIFT_M = 3, 150.0
"""The coordinate system of a list is doubted if at least `MIN_SHIFTED_ROWS` of its facilities are in the register under
the same name, and the median of their distances to those is at least `MIN_SHIFT_M`."""

ID_HINT = "if the list's ids are not the register's, import that column as extra"

CategoryAndName: TypeAlias = tuple[str, str]


class RowRejectedError(Exception):
    """A row of a list is not imported: its outcome, and the reasons in words."""

    def __init__(self, outcome: Outcome, *reasons: str) -> None:
        super().__init__(*reasons)
        self.outcome, self.reasons = outcome, reasons


class NameIndex:
    """Finds facilities by category and name. Those without a name are found by rows without one."""

    def __init__(self, rows: Iterable[FacilityRow], geometries: Mapping[str, BaseGeometry]) -> None:
        self._geometries = geometries
        self._rows: dict[CategoryAndName, list[FacilityRow]] = defaultdict(list)
        for row in rows:
            self._rows[row["category"], name_key(row["name"] or "")].append(row)
        self._bounds: dict[CategoryAndName, Float64Array] = {}

    def same_name(self, row: ListRow) -> list[FacilityRow]:
        """The facilities with the category and name of a row, wherever they are."""
        return self._rows.get(_category_and_name(row), [])

    def nearby(self, row: ListRow) -> list[tuple[float, str]]:
        """The nearest facilities with a row's category and name that it may stand for: (metres, id), nearest first."""
        candidates, key = self.same_name(row), _category_and_name(row)
        if not candidates or row.geometry is None:
            return []
        limit = SAME_NAME_M if key[1] else SAME_PLACE_M
        # Thousands of facilities may have one name, such as 卫生室. Exclude by bounding box all that are far away.
        if key not in self._bounds:
            self._bounds[key] = np.array([[candidate[side] for side in BOUNDS] for candidate in candidates])
        west, south, east, north = self._bounds[key].T
        row_west, row_south, row_east, row_north = row.geometry.bounds
        lon_apart = np.maximum(west - row_east, row_west - east).clip(0)
        lat_apart = np.maximum(south - row_north, row_south - north).clip(0)
        near_boxes = np.flatnonzero(distance.flat_distance(lon_apart, lat_apart, row_south) <= 1.1 * limit).tolist()
        ids = [candidates[number]["id"] for number in near_boxes]
        metres = [distance.separation(row.geometry, self._geometries[facility_id]) for facility_id in ids]
        return sorted(pair for pair in zip(metres, ids, strict=True) if pair[0] <= limit)[:MAX_NEIGHBOURS]


class RegisterIndex:
    """All facilities of the register, by id and by name.

    Attributes
    ----------
    by_id : the table row of each facility, removed ones too
    geometries : the WGS84 geometry of each facility, by id
    present, removed : the facilities of either kind, by name
    present_count : how many facilities have not been removed
    """

    def __init__(self, rows: Sequence[FacilityRow]) -> None:
        self.by_id = {row["id"]: row for row in rows}
        shapes = shapely.from_wkb([row["geometry"] for row in rows])
        self.geometries: dict[str, BaseGeometry] = dict(zip(self.by_id, shapes, strict=True))
        self.present = NameIndex((row for row in rows if row["removed"] is None), self.geometries)
        self.removed = NameIndex((row for row in rows if row["removed"] is not None), self.geometries)
        self.present_count = sum(row["removed"] is None for row in rows)


class RowMatcher:
    """Finds the facilities that the rows of one list stand for. Ask for each row once, in the order of the list."""

    def __init__(self, facility_list: FacilityList, index: RegisterIndex) -> None:
        self._list, self._index = facility_list, index
        self._list_ids = {row.values["id"] for row in facility_list.rows if "id" in row.values}
        self._ids_by_row = self._match_by_name()
        # Rows with the same category, name and place stand for the same facility: its id by their generated id.
        self._ids_by_generated: dict[str, str] = {}
        self._new_rows: dict[CategoryAndName, list[tuple[str, BaseGeometry]]] = defaultdict(list)

    def _match_by_name(self) -> dict[str, str]:
        """Match rows without an id to facilities; return the facility's id by `ListRow.where`.

        The nearest pairs are matched first, so that the result does not depend on the order of the rows.
        """
        pairs: list[tuple[float, str, str]] = []
        for row in self._list.rows:
            if "id" in row.values or "category" not in row.values or row.problems:
                continue
            imported_before = self._index.by_id.get(generate_id(row))
            if imported_before is not None and imported_before["removed"] is None:
                pairs.append((-1.0, row.where, imported_before["id"]))  # sorts before every distance
            elif row.geometry is not None:
                pairs += [(metres, row.where, facility_id) for metres, facility_id in self._index.present.nearby(row)]
            elif len(same_name := self._index.present.same_name(row)) == 1 and row.values.get("name"):
                pairs.append((0.0, row.where, same_name[0]["id"]))
        ids: dict[str, str] = {}
        matched = set(self._list_ids)
        for _, where, facility_id in sorted(pairs):
            if where not in ids and facility_id not in matched:
                ids[where] = facility_id
                matched.add(facility_id)
        return ids

    def find(self, row: ListRow) -> FacilityRow | None:
        """The facility that a row stands for; None if it stands for a new one.

        Raises
        ------
        RowRejectedError
            The facility was removed or merged, or the row may stand for several facilities or for another one.
        """
        facility = self._find_by_id(row) if "id" in row.values else self._find_by_name(row)
        if facility is not None and facility["merged_into"] is not None:
            raise RowRejectedError("left out", f"{facility['id']} was merged into {facility['merged_into']}")
        if facility is not None and facility["removed"] is not None:
            reason = f"{facility['id']} was removed from the register on {facility['removed']:%Y-%m-%d}"
            raise RowRejectedError("left out", reason)
        return facility

    def _find_by_id(self, row: ListRow) -> FacilityRow | None:
        facility = self._index.by_id.get(row.values["id"])
        if facility is None:
            self._check_unknown_id(row)
        else:
            self._check_known_id(row, facility)
        return facility

    def _find_by_name(self, row: ListRow) -> FacilityRow | None:
        if "category" not in row.values:
            raise RowRejectedError("unusable", "has neither an id nor a category")
        generated = generate_id(row)
        facility_id = self._ids_by_row.get(row.where) or self._ids_by_generated.get(generated)
        if facility_id is not None:
            self._ids_by_generated.setdefault(generated, facility_id)
            return self._index.by_id[facility_id]
        return self._index.by_id.get(generated) or self._find_removed(row)

    def _find_removed(self, row: ListRow) -> FacilityRow | None:
        """The removed facility of a row's name near its place; rejects a row without a place that fits several."""
        same_name = self._index.present.same_name(row) if row.geometry is None and row.values.get("name") else []
        if len(same_name) > 1:
            ids = ", ".join(facility["id"] for facility in same_name[:5])
            reason = f"gives no location, and {len(same_name)} facilities have its name: {ids}; give its id"
            raise RowRejectedError("unusable", reason)
        nearby = self._index.removed.nearby(row)
        return self._index.by_id[nearby[0][1]] if nearby else None

    def _check_unknown_id(self, row: ListRow) -> None:
        """Reject a row with an unknown id if the register has a facility of its name near its place."""
        if "category" not in row.values or row.values.get("name") is None:
            return
        for _, facility_id in self._index.present.nearby(row):
            if facility_id not in self._list_ids:
                reason = f"id {row.values['id']} is unknown, and the register has this name here as {facility_id}"
                raise RowRejectedError("unusable", f"{reason}; {ID_HINT}")

    def _check_known_id(self, row: ListRow, facility: FacilityRow) -> None:
        """Reject a row that does not look like the facility with its id: two offices may both number from 1."""
        category, name = row.values.get("category", facility["category"]), row.values.get("name")
        description = f"{facility['name'] or 'without a name'}, {facility['category']}"
        reason = f"id {facility['id']} is {description}, in the register"
        if category != facility["category"]:
            raise RowRejectedError("unusable", f"{reason}, and {category} here; {ID_HINT}")
        if name and facility["name"] and row.geometry is not None:
            row_key, facility_key = name_key(name), name_key(facility["name"])
            metres = distance.separation(row.geometry, self._index.geometries[facility["id"]])
            if metres > SAME_ID_M and row_key not in facility_key and facility_key not in row_key:
                raise RowRejectedError("unusable", f"{reason}, {metres / 1000:.1f} km from here; {ID_HINT}")

    def check_new(self, row: ListRow) -> tuple[str, ...]:
        """Remarks on a row that stands for a new facility whose name occurs nearby in the register or the list.

        Raises
        ------
        RowRejectedError
            In another coordinate system the row would lie where the register has a facility of its name, and neither
            the list nor the user states the system.
        """
        if row.values.get("name") is None or "category" not in row.values or row.geometry is None:
            return ()
        same_name = self._index.present.same_name(row)
        if len(same_name) == 1:
            facility_id = same_name[0]["id"]
            system = self._fitting_system(row.geometry, self._index.geometries[facility_id])
            if system is not None:
                remark = f"the register has this name as {facility_id}, just where this row would be in {system}"
                if not self._list.coordinates_stated:
                    hint = option_hints.coordinates(system)
                    raise RowRejectedError("unusable", f"{remark}: {hint}, or split the list")
                return (remark,)
        new_rows = self._new_rows[_category_and_name(row)]
        for where, geometry in new_rows[:MAX_NEIGHBOURS]:
            metres = distance.separation(row.geometry, geometry)
            if metres <= SAME_NAME_M:
                return (f"{where} has this name too, {metres:,.0f} m away",)
        new_rows.append((row.where, row.geometry))
        return ()

    def _fitting_system(self, geometry: BaseGeometry, facility: BaseGeometry) -> str | None:
        """The coordinate system in which a row's geometry would lie at ``facility``.

        None if the geometry is there already, if it is farther than `MAX_SHIFT_M`, or if no system fits.
        """
        if not 0 < distance.separation(geometry, facility) < MAX_SHIFT_M:
            return None
        written = datums.geometry_from_wgs84(geometry, self._list.coordinates)
        for system in COORDINATE_SYSTEMS:
            if distance.separation(datums.geometry_to_wgs84(written, system), facility) < SHIFT_TOLERANCE_M:
                return system
        return None


def check_coordinate_system(facility_list: FacilityList, index: RegisterIndex) -> list[str]:
    """A note if the facilities of a list, found by name, would fit the register better in another coordinate system.

    Raises
    ------
    TableError
        They would, and neither the list nor the user states the system.
    """
    rows = [row for row in facility_list.rows if row.geometry is not None and row.values.get("name") is not None]
    pairs = []
    for row in rows:
        same_name = index.present.same_name(row) if "category" in row.values else []
        if len(same_name) == 1:
            pairs.append((index.geometries[same_name[0]["id"]], row.geometry))
    if len(pairs) < MIN_SHIFTED_ROWS:
        return []
    in_register, in_list = (shapely.centroid(shapes) for shapes in zip(*pairs, strict=True))
    written = datums.geometry_from_wgs84(in_list, facility_list.coordinates)
    metres = {
        system: _median_distance(datums.geometry_to_wgs84(written, system), in_register)
        for system in COORDINATE_SYSTEMS
    }
    best = min(metres, key=lambda system: metres[system])
    now = metres[facility_list.coordinates]
    if now < MIN_SHIFT_M or metres[best] > now / 4:
        return []
    text = (
        f"{len(pairs)} facilities that the register has lie {now:,.0f} m (median) from where it has them; "
        f"in {best} they would lie {metres[best]:,.0f} m from there"
    )
    if not facility_list.coordinates_stated:
        hint = f"{option_hints.coordinates(best)}, or {facility_list.coordinates} if that is right"
        raise TableError(facility_list.file, [f"{text}: {hint}"])
    return [text]


def _median_distance(points: GeometryArray, others: GeometryArray) -> float:
    """The median of the metres from each point to the point at the same position in ``others``."""
    (x0, y0), (x1, y1) = shapely.get_coordinates(points).T, shapely.get_coordinates(others).T
    return float(np.median(distance.flat_distance(x1 - x0, y1 - y0, y0)))


def _category_and_name(row: ListRow) -> CategoryAndName:
    return row.values["category"], name_key(row.values.get("name") or "")


def generate_id(row: ListRow) -> str:
    """An id for a row without one: the same whenever the list is read again."""
    category, name = _category_and_name(row)
    x, y = (0.0, 0.0) if row.geometry is None else shapely.get_coordinates(row.geometry.centroid)[0]
    return f"{category}-{hashlib.sha256(f'{category} {name} {x:.5f} {y:.5f}'.encode()).hexdigest()[:12]}"
