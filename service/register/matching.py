"""Finds the facility of the register that each row of a list stands for.

A row stands for the facility with its id; without an id, for the facility of its category and name near its place.
Rows that could stand for two facilities, or whose id is probably another office's, are rejected with a reason.
`service.register.imports` calls this. `geo.lists.duplicates` is another question: which facilities of the register may
be the same.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import TableError
from geo.geodesy import datums, distance
from geo.lists import names, option_hints
from geo.lists.reader import FacilityList, ListRow
from geo.study.categories import Categories
from service.register.history import FacilityRow
from service.register.import_report import Outcome
from service.register.name_index import (
    MAX_NEIGHBOURS,
    SAME_NAME_M,
    CategoryAndName,
    NameIndex,
    category_and_name,
)

SAME_ID_M = 50.0
"""A row whose id belongs to a facility of another name farther away than this does not stand for that facility."""
MAX_SHIFT_M = 1500.0
"""Positions in two coordinate systems are never farther apart than this."""
SHIFT_TOLERANCE_M = 30.0
"""A row that comes as near as this to its facility in another coordinate system is probably in that system."""
MIN_SHIFTED_ROWS, MIN_SHIFT_M = 3, 150.0
"""The coordinate system of a list is doubted if at least `MIN_SHIFTED_ROWS` of its facilities are in the register under
the same name, and the median of their distances to those is at least `MIN_SHIFT_M`."""


class RowRejectedError(Exception):
    """A row of a list is not imported: its outcome, and the reasons in words."""

    def __init__(self, outcome: Outcome, *reasons: str) -> None:
        super().__init__(*reasons)
        self.outcome, self.reasons = outcome, reasons


class RegisterIndex:
    """All facilities of the register, by id and by name.

    Attributes
    ----------
    by_id : the table row of each facility, removed ones too
    geometries : the WGS84 geometry of each facility, by id
    present, removed : the facilities of either kind, by name
    present_count : how many facilities have not been removed
    ids_by_number : the ids that are numbers, by the number without zeros at its beginning
    """

    def __init__(self, rows: Sequence[FacilityRow]) -> None:
        self.by_id = {row["id"]: row for row in rows}
        shapes = shapely.from_wkb([row["geometry"] for row in rows])
        self.geometries: dict[str, BaseGeometry] = dict(zip(self.by_id, shapes, strict=True))
        self.present = NameIndex((row for row in rows if row["removed"] is None), self.geometries)
        self.removed = NameIndex((row for row in rows if row["removed"] is not None), self.geometries)
        self.ids_by_number = {number: row["id"] for row in rows if (number := _number(row["id"]))}
        self.present_count = sum(row["removed"] is None for row in rows)


class RowMatcher:
    """Finds the facilities that the rows of one list stand for. Ask for each row once, in the order of the list."""

    def __init__(
        self,
        facility_list: FacilityList,
        index: RegisterIndex,
        categories: Categories,
        update: bool = False,
        area_names: Iterable[str] = (),
    ) -> None:
        """``update``: an id is the register's even where another name at another place has it.

        ``area_names``: the towns and villages with which names of facilities may begin.
        """
        self._list, self._index, self._categories, self._update = facility_list, index, categories, update
        self._units = names.units_of(area_names)
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
                raise RowRejectedError("unusable", f"{reason}; {option_hints.no_ids(self._id_heading())}")

    def _check_known_id(self, row: ListRow, facility: FacilityRow) -> None:
        """Reject a row that does not look like the facility with its id: two offices may both number from 1."""
        if self._update:
            return
        category, name = row.values.get("category", facility["category"]), row.values.get("name")
        description = f"{facility['name'] or 'without a name'}, {facility['category']}"
        reason = f"id {facility['id']} is {description}, in the register"
        if category != facility["category"]:
            raise RowRejectedError("unusable", f"{reason}, and {category} here: {option_hints.own_ids('category')}")
        if bool(name) != bool(facility["name"]):
            return
        is_new_name = name != facility["name"]
        if row.geometry is None:
            if is_new_name and not self._confirms_new_name(row, facility):
                unconfirmed = f"and {name} here, with no position that confirms the new name"
                raise RowRejectedError("unusable", f"{reason}, {unconfirmed}: {option_hints.own_ids('name')}")
            return
        metres = distance.separation(row.geometry, self._index.geometries[facility["id"]])
        limit = SAME_ID_M if name else SAME_NAME_M
        if metres > limit and not (name and names.is_longer_form(name, facility["name"], self._categories)):
            far = f"{metres / 1000:.1f} km" if metres >= 1000 else f"{metres:.0f} m"
            raise RowRejectedError("unusable", f"{reason}, {far} from here: {option_hints.own_ids('name and place')}")

    def _confirms_new_name(self, row: ListRow, facility: FacilityRow) -> bool:
        """Whether a new name without a position is a small correction, or the address is the one that is known."""
        if names.is_longer_form(row.values["name"], facility["name"], self._categories):
            return True
        address = names.plain_text(row.values.get("address"))
        if address and address == names.plain_text(facility["address"]):
            return True
        category = self._categories[facility["category"]]
        return names.is_correction(row.values["name"], facility["name"], category, self._units)

    def _id_heading(self) -> str:
        """The heading of the list's column of ids."""
        return next((heading for heading, field in self._list.columns.items() if field == "id"), "id")

    def check_new(self, row: ListRow) -> tuple[str, ...]:
        """Remarks on a row that stands for a new facility whose id or name is much like that of another.

        Raises
        ------
        RowRejectedError
            In another coordinate system the row would lie where the register has a facility of its name, and neither
            the list nor the user states the system.
        """
        other_id = self._index.ids_by_number.get(_number(row.values.get("id")) or "")
        remarks = [] if other_id is None else [f"its id differs only in zeros at its beginning from {other_id}"]
        if row.values.get("name") is None or "category" not in row.values or row.geometry is None:
            return tuple(remarks)
        same_name = self._index.present.same_name(row)
        if len(same_name) == 1:
            facility_id = same_name[0]["id"]
            system = self._fitting_system(row.geometry, self._index.geometries[facility_id])
            if system is not None:
                remark = f"the register has this name as {facility_id}, just where this row would be in {system}"
                if not self._list.coordinates_stated:
                    hint = option_hints.coordinates(system)
                    raise RowRejectedError("unusable", f"{remark}: {hint}, or split the list")
                return (*remarks, remark)
        nearest = self._index.present.nearest(row)
        if nearest is not None and nearest[0] > SAME_NAME_M:
            count = f" and {len(same_name) - 1} more" if len(same_name) > 1 else ""
            place = f"as {nearest[1]}{count}, {nearest[0] / 1000:.1f} km away"
            remarks.append(f"the register has this name {place}: another branch, or has it moved? Then give its id")
        new_rows = self._new_rows[category_and_name(row)]
        for where, geometry in new_rows[:MAX_NEIGHBOURS]:
            metres = distance.separation(row.geometry, geometry)
            if metres <= SAME_NAME_M:
                return (*remarks, f"{where} has this name too, {metres:,.0f} m away")
        new_rows.append((row.where, row.geometry))
        return tuple(remarks)

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


def _number(facility_id: str | None) -> str | None:
    """An id that is a number without the zeros at its beginning, which spreadsheets drop; None for any other id."""
    return facility_id.lstrip("0") if facility_id is not None and facility_id.isdecimal() else None


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


def generate_id(row: ListRow) -> str:
    """An id for a row without one: the same whenever the list is read again."""
    category, name = category_and_name(row)
    x, y = (0.0, 0.0) if row.geometry is None else shapely.get_coordinates(row.geometry.centroid)[0]
    return f"{category}-{hashlib.sha256(f'{category} {name} {x:.5f} {y:.5f}'.encode()).hexdigest()[:12]}"
