"""Imports lists of facilities into the register: all of a list in one transaction, or nothing of it.

`matching` finds the facility that each row stands for; `ImportPlan` decides what the row changes; `apply_list` writes
the changes and returns an `ImportReport`. The command line and the API call `apply_list`.

Who judges a value: `geo.lists.values` reads each cell. A cell that it cannot read, such as a bad date, is among the
``problems`` of its `geo.lists.reader.ListRow`, and `ImportPlan.add` makes the row unusable. Fields that can be read but
contradict each other, such as a facility closed before it opened, are refused by
`geo.study.facilities.validate_fields`, and the row is unusable too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from shapely.geometry.base import BaseGeometry

from geo import garbage_collection
from geo.errors import FieldError
from geo.geodesy import datums, distance
from geo.lists.degrees import MAX_BESIDE_M
from geo.lists.reader import FacilityList, ListRow
from geo.study import facilities
from geo.study.categories import Categories
from service.register import history, matching
from service.register.history import FacilityRow, FieldChanges, NewRow, Transaction
from service.register.import_report import ImportReport, Outcome, RowOutcome
from service.register.matching import RegisterIndex, RowMatcher, RowRejectedError
from service.register.register import Register, file_hash
from service.register.tables import FactRecord


def apply_list(
    register: Register,
    facility_list: FacilityList,
    editor: str,
    *,
    dry_run: bool = False,
    leave_out: bool = False,
    verified: date | None = None,
    advance: Callable[[int], None] = lambda rows: None,
) -> ImportReport:
    """Import a list into the register.

    Parameters
    ----------
    editor : who imports, for the history
    dry_run : report what would change, and change nothing
    leave_out : import the other rows if some are unusable; if false, nothing is imported when one row is unusable
    verified : the day on which the list's office checked every facility of the list
    advance : called with the number of rows compared since the last call

    Raises
    ------
    TableError
        The list is probably in another coordinate system than the one it was read in.
    """
    file_name = facility_list.file.name
    transaction_context = register.read_only_transaction() if dry_run else register.transaction(editor, file_name)
    with garbage_collection.paused(), transaction_context as transaction:
        index = RegisterIndex(history.select_rows(transaction.session))
        notes = [*facility_list.notes, *matching.check_coordinate_system(facility_list, index)]
        verification = {} if verified is None else {"verified": verified, "verified_by": editor}
        plan = ImportPlan(facility_list, index, verification, register.study.categories)
        for row in facility_list.rows:
            plan.add(row)
            advance(1)
        pairs, changes, outcomes = plan.finish(transaction)
        applied = not dry_run and (leave_out or all(outcome.outcome != "unusable" for outcome in outcomes))
        if applied:
            transaction.write_rows("import", pairs, changes)
            # The register is now up to date with the study's own file; otherwise `Register.warning` would stay.
            if register.is_source(facility_list.file) and facility_list.coordinates in datums.UNSHIFTED:
                transaction.session.merge(FactRecord(key="source", value=file_hash(facility_list.file)))
    in_list = plan.rows_by_id.keys() & index.by_id.keys()
    return ImportReport(
        file=file_name,
        coordinates=facility_list.coordinates,
        columns=dict(facility_list.columns),
        notes=notes,
        rows=[*outcomes, *(RowOutcome(where, "left out", why=(why,)) for where, why in facility_list.left_out)],
        missing=index.present_count - len(in_list),
        applied=applied,
    )


class _PlannedWrite(NamedTuple):
    """A facility to be written, and the position of its row's outcome in the list of outcomes."""

    position: int
    old: FacilityRow | None
    fields: NewRow
    geometry: BaseGeometry


class ImportPlan:
    """Decides what each row of a list changes in the register.

    Attributes
    ----------
    rows_by_id : the first row of the list that stands for a facility, by the facility's id
    """

    def __init__(
        self,
        facility_list: FacilityList,
        index: RegisterIndex,
        verification: Mapping[str, object],
        categories: Categories,
    ) -> None:
        """``verification`` are fields that every facility of the list gets."""
        self._list, self._index, self._verification = facility_list, index, verification
        self._categories = categories
        self._matcher = RowMatcher(facility_list, index)
        self._outcomes: list[RowOutcome] = []
        self._writes: list[_PlannedWrite] = []
        self.rows_by_id: dict[str, ListRow] = {}

    def add(self, row: ListRow) -> None:
        """Decide what a row changes. Call this once for each row, in the order of the list."""
        outcome = RowOutcome(row.where, "unchanged", row.values.get("id"), row.values.get("name"), row.notes)
        try:
            if row.problems:
                raise RowRejectedError("unusable", *row.problems)
            old = self._matcher.find(row)
            facility_id = old["id"] if old else row.values.get("id") or matching.generate_id(row)
            self._check_repeated(facility_id, row)
            geometry, remarks = self._geometry(old, row)
            if old is None:
                remarks = (*remarks, *self._matcher.check_new(row))
            outcome = replace(outcome, id=facility_id, why=(*row.notes, *remarks))
            if old is None or not self._is_unchanged(old, row, geometry):
                fields = self._new_fields(old, facility_id, row)
                self._writes.append(_PlannedWrite(len(self._outcomes), old, fields, geometry))
        except RowRejectedError as rejection:
            outcome = replace(outcome, outcome=rejection.outcome, why=(*row.notes, *rejection.reasons))
        self._outcomes.append(outcome)

    def finish(
        self, transaction: Transaction
    ) -> tuple[Sequence[tuple[FacilityRow | None, FacilityRow]], list[FieldChanges], list[RowOutcome]]:
        """The old and new row of each facility to be written, their changes, and the outcome of each row added."""
        new_rows = history.make_rows(
            [write.fields for write in self._writes], [write.geometry for write in self._writes]
        )
        pairs = [(write.old, new) for write, new in zip(self._writes, new_rows, strict=True)]
        transaction.assign_area_codes([new for old, new in pairs if self._needs_area_code(old, new)])
        changes = history.differences(pairs)
        for write, new, fields in zip(self._writes, new_rows, changes, strict=True):
            outcome: Outcome = "added" if write.old is None else "changed" if fields else "unchanged"
            # Of a new facility every field is new; the report does not list them.
            reported = {} if write.old is None else fields
            self._outcomes[write.position] = replace(
                self._outcomes[write.position], name=new["name"], outcome=outcome, fields=reported
            )
        return pairs, changes, self._outcomes

    def _needs_area_code(self, old: FacilityRow | None, new: FacilityRow) -> bool:
        """Whether a facility has no area code, or has moved and the list does not state its code."""
        stated = self.rows_by_id[new["id"]].values.get("area_code") is not None
        return new["area_code"] is None or not (stated or old is None or old["geometry"] == new["geometry"])

    def _check_repeated(self, facility_id: str, row: ListRow) -> None:
        """Reject a row if an earlier one stands for the same facility."""
        first = self.rows_by_id.setdefault(facility_id, row)
        if first is row:
            return
        if first.values == row.values and first.geometry == row.geometry:
            raise RowRejectedError("left out", f"is {first.where} again")
        reason = f"is the same facility as {first.where} ({facility_id}), with other fields"
        raise RowRejectedError("unusable", reason)

    def _geometry(self, old: FacilityRow | None, row: ListRow) -> tuple[BaseGeometry, tuple[str, ...]]:
        """The new geometry of a facility, which is the old object if it has not moved, and remarks on it."""
        if old is None:
            if row.geometry is None:
                raise RowRejectedError("unusable", "gives no location, and the register has no such facility")
            if row.doubts:
                raise RowRejectedError("unusable", *row.doubts)
            return row.geometry, ()
        old_geometry = self._index.geometries[old["id"]]
        if row.geometry is None:
            return old_geometry, ()
        # A doubtful place is accepted if the register has the facility there already.
        if row.doubts and not has_not_moved(old_geometry, row.geometry):
            raise RowRejectedError("unusable", *row.doubts)
        new = facilities.facility_geometry(
            self._categories[row.values.get("category") or old["category"]], row.geometry
        )
        if old_geometry.geom_type != "Point" and new.geom_type == "Point":
            metres = distance.separation(old_geometry, new)
            if metres <= MAX_BESIDE_M:
                return old_geometry, () if metres == 0 else ("lies beside its outline, which was kept",)
            return new, (f"lies {metres:,.0f} m from its outline, which a point replaces",)
        return (old_geometry if has_not_moved(old_geometry, new) else new), ()

    def _stated_fields(self, old: FacilityRow | None, row: ListRow) -> NewRow:
        """The fields that a row states, with those of the verification unless a later one is in the register."""
        fields = {name: value for name, value in row.values.items() if name not in ("id", "extra")}
        fields |= self._verification
        if old is not None and old["verified"] and fields.get("verified") and fields["verified"] < old["verified"]:
            del fields["verified"]
            fields.pop("verified_by", None)
        return fields

    def _is_unchanged(self, old: FacilityRow, row: ListRow, geometry: BaseGeometry) -> bool:
        """Whether a row certainly changes nothing: a quick test, which saves validating most rows."""
        fields, extra = self._stated_fields(old, row), row.values.get("extra") or {}
        return (
            all(old[name] == value for name, value in fields.items())
            and all(name in old["extra"] and old["extra"][name] == value for name, value in extra.items())
            and geometry is self._index.geometries[old["id"]]
        )

    def _new_fields(self, old: FacilityRow | None, facility_id: str, row: ListRow) -> NewRow:
        """The validated fields of a facility after the import; RowRejectedError if one is wrong."""
        fields = {} if old is None else history.fields_of(old)
        if old is None and "source" not in self._list.columns.values():  # else the list states its own sources
            fields["source"] = self._list.file.name
        extra = ({} if old is None else old["extra"]) | (row.values.get("extra") or {})
        extra = {name: value for name, value in extra.items() if value is not None}
        fields |= self._stated_fields(old, row) | {"extra": extra, "id": facility_id}
        try:
            return facilities.validate_fields(fields, self._categories)
        except FieldError as error:
            raise RowRejectedError("unusable", *(reason for _, reason in error.problems)) from error


def has_not_moved(old: BaseGeometry, new: BaseGeometry) -> bool:
    """Whether two WGS84 geometries are nowhere farther than `matching.SAME_PLACE_M` apart."""
    return old.geom_type == new.geom_type and distance.hausdorff_distance(old, new) <= matching.SAME_PLACE_M
