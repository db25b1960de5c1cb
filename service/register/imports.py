"""Imports lists of facilities into the register: all of a list in one transaction, or nothing of it.

`matching` finds the facility that each row stands for; `ImportPlan` decides what the row changes; `apply_lists` writes
the changes and returns an `ImportReport`. The command line and the API call `apply_lists`.

Who judges a value: `geo.lists.values` reads each cell. A cell that it cannot read, such as a bad date, is among the
``problems`` of its `geo.lists.reader.ListRow`, and `ImportPlan.add` makes the row unusable. Fields that can be read but
contradict each other, such as a facility closed before it opened, are refused by
`geo.study.facilities.validate_fields`, and the row is unusable too.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import numpy as np
from shapely.geometry.base import BaseGeometry

from geo import garbage_collection
from geo.errors import FieldError
from geo.geodesy import datums, distance
from geo.lists import statuses
from geo.lists.degrees import MAX_BESIDE_M
from geo.lists.reader import FacilityList, ListRow
from geo.study import facilities
from geo.study.study import Study
from service.register import history, matching
from service.register.history import FacilityRow, FieldChanges, NewRow, Transaction
from service.register.import_report import ImportReport, Outcome, RowOutcome
from service.register.matching import RegisterIndex, RowMatcher, RowRejectedError
from service.register.name_index import SAME_PLACE_M
from service.register.register import Register, file_hash
from service.register.tables import FactRecord

FAR_MOVE_M = 1000.0
"""A facility that moves farther than this gets a remark."""


@dataclass(frozen=True)
class ImportOptions:
    """How lists are imported.

    Attributes
    ----------
    dry_run
        Report what would change, and change nothing.
    leave_out
        Import the other rows if some are unusable; if false, nothing is imported when one row of any list is unusable.
    verified
        The day on which the lists' office checked every facility of them.
    source
        The name of the office whose ids these are: it is put before each id, and becomes the facilities' source.
    update
        Whether a row stands for the facility with its id even if its name, place or category is another.
    """

    dry_run: bool = False
    leave_out: bool = False
    verified: date | None = None
    source: str | None = None
    update: bool = False


class _NotAppliedError(Exception):
    """Undoes the transaction of lists with unusable rows."""


def apply_lists(
    register: Register,
    facility_lists: Sequence[FacilityList],
    editor: str,
    options: ImportOptions = ImportOptions(),
    advance: Callable[[int], None] = lambda rows: None,
) -> list[ImportReport]:
    """Import lists into the register, one after another, all of them or nothing; one report for each.

    ``editor`` imports, for the history. ``advance`` is called with the number of rows compared since the last call.

    Raises
    ------
    TableError
        A list is probably in another coordinate system than the one it was read in.
    """
    plans: list[ImportPlan] = []
    transaction_context = register.read_only_transaction() if options.dry_run else register.transaction(editor)
    with garbage_collection.paused(), suppress(_NotAppliedError), transaction_context as transaction:
        rows, is_usable = history.select_rows(transaction.session), True
        for number, facility_list in enumerate(facility_lists):
            index = RegisterIndex(rows)
            plan = ImportPlan(with_source(facility_list, options.source), index, register.study, editor, options)
            plan.compare(transaction, advance)
            plans.append(plan)
            is_usable &= options.leave_out or not plan.has_unusable_rows
            is_last = number == len(facility_lists) - 1
            if is_usable and not options.dry_run:
                plan.write(transaction)
                _set_source_hash(register, facility_list, transaction)
                rows = rows if is_last else history.select_rows(transaction.session)
            elif not is_last:  # the next list is compared with what this one would change
                rows = list(({row["id"]: row for row in rows} | plan.planned_rows()).values())
        if not is_usable:
            raise _NotAppliedError
    applied = is_usable and not options.dry_run
    return [plan.report(applied) for plan in plans]


def _set_source_hash(register: Register, facility_list: FacilityList, transaction: Transaction) -> None:
    """Record that the register is up to date with the study's own file; otherwise `Register.warning` would stay."""
    path = facility_list.file
    if path.is_absolute() and register.is_source(path) and facility_list.coordinates in datums.UNSHIFTED:
        transaction.session.merge(FactRecord(key="source", value=file_hash(path)))


def with_source(facility_list: FacilityList, source: str | None) -> FacilityList:
    """A list with the name of its source before each id."""
    if source is None:
        return facility_list
    prefix = f"{source}-"
    rows = [
        replace(row, values=row.values | {"id": prefix + str(row.values["id"]).removeprefix(prefix)})
        if "id" in row.values
        else row
        for row in facility_list.rows
    ]
    return replace(facility_list, rows=rows)


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
        self, facility_list: FacilityList, index: RegisterIndex, study: Study, editor: str, options: ImportOptions
    ) -> None:
        self._list, self._index, self._study, self._source = facility_list, index, study, options.source
        self._verification = {} if options.verified is None else {"verified": options.verified, "verified_by": editor}
        self._categories, self._today = study.categories, study.today()
        self._matcher = RowMatcher(facility_list, index, study.categories, options.update, study.areas["name"])
        self._outcomes: list[RowOutcome] = []
        self._writes: list[_PlannedWrite] = []
        self._pairs: list[tuple[FacilityRow | None, FacilityRow]] = []
        self._changes: list[FieldChanges] = []
        self._notes: list[str] = []
        self.rows_by_id: dict[str, ListRow] = {}

    def compare(self, transaction: Transaction, advance: Callable[[int], None]) -> None:
        """Decide what all rows of the list change; TableError as `apply_lists`."""
        self._notes = [*self._list.notes, *matching.check_coordinate_system(self._list, self._index)]
        for row in self._list.rows:
            self.add(row)
            advance(1)
        self._finish(transaction)

    @property
    def has_unusable_rows(self) -> bool:
        """Whether a row cannot be imported."""
        return any(outcome.outcome == "unusable" for outcome in self._outcomes)

    def report(self, applied: bool) -> ImportReport:
        """What the list changes or would change. Call this after the transaction: it may have to index the streets."""
        self._remark_on_streets()
        left_out = (RowOutcome(where, "left out", why=(why,)) for where, why in self._list.left_out)
        return ImportReport(
            file=self._list.file.name,
            coordinates=self._list.coordinates,
            columns=dict(self._list.columns),
            notes=self._notes,
            rows=[*self._outcomes, *left_out],
            missing=self._index.present_count - len(self.rows_by_id.keys() & self._index.by_id.keys()),
            applied=applied,
        )

    def write(self, transaction: Transaction) -> None:
        """Write what the rows change."""
        transaction.source = self._list.file.name
        transaction.write_rows("import", self._pairs, self._changes)

    def planned_rows(self) -> dict[str, FacilityRow]:
        """The rows of the register that the list would add or change, by id."""
        unwritten = {"number": None, "version": 0, "removed": None, "merged_into": None}
        return {new["id"]: unwritten | dict(old or {}) | dict(new) for old, new in self._pairs}

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
            stated, status_remarks = self._stated_fields(old, row)
            outcome = replace(outcome, id=facility_id, why=(*row.notes, *remarks, *status_remarks))
            if old is None or not self._is_unchanged(old, row, stated, geometry):
                fields = self._new_fields(old, facility_id, row, stated)
                self._writes.append(_PlannedWrite(len(self._outcomes), old, fields, geometry))
        except RowRejectedError as rejection:
            outcome = replace(outcome, outcome=rejection.outcome, why=(*row.notes, *rejection.reasons))
        self._outcomes.append(outcome)

    def _finish(self, transaction: Transaction) -> None:
        """Settle the area codes of the facilities to be written, and complete the outcomes of their rows."""
        new_rows = history.make_rows(
            [write.fields for write in self._writes], [write.geometry for write in self._writes]
        )
        self._pairs = [(write.old, new) for write, new in zip(self._writes, new_rows, strict=True)]
        unsettled = [
            position
            for position, (old, new) in enumerate(self._pairs)
            if old is None
            or new["area_code"] is None
            or old["geometry"] != new["geometry"]
            or old["area_code"] != new["area_code"]
        ]
        remarks = dict(
            zip(
                unsettled,
                transaction.settle_area_codes(
                    [new_rows[position] for position in unsettled],
                    [self._states_area_code(new_rows[position]["id"]) for position in unsettled],
                ),
                strict=True,
            )
        )
        self._changes = history.differences(self._pairs)
        for position, (write, new, fields) in enumerate(zip(self._writes, new_rows, self._changes, strict=True)):
            outcome: Outcome = "added" if write.old is None else "changed" if fields else "unchanged"
            self._outcomes[write.position] = replace(
                self._outcomes[write.position],
                name=new["name"],
                outcome=outcome,
                # Of a new facility every field is new; the report does not list them.
                fields={} if write.old is None else fields,
                why=(*self._outcomes[write.position].why, *remarks.get(position, ())),
            )

    def _remark_on_streets(self) -> None:
        """Add a remark to each facility that is new or has moved where no street reaches it."""
        placed = [
            write
            for write in self._writes
            if write.old is None or write.geometry is not self._index.geometries[write.old["id"]]
        ]
        shapes = np.array([write.geometry for write in placed], dtype=object)
        limit = self._study.settings.max_connector_m
        remark = f"no street within {limit:,.0f} m: nobody reaches it in the travel times"
        for position in np.flatnonzero(self._study.are_off_streets(shapes)).tolist():
            outcome = self._outcomes[placed[position].position]
            self._outcomes[placed[position].position] = replace(outcome, why=(*outcome.why, remark))

    def _states_area_code(self, facility_id: str) -> bool:
        return self.rows_by_id[facility_id].values.get("area_code") is not None

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
        if has_not_moved(old_geometry, new):
            return old_geometry, ()
        metres = distance.separation(old_geometry, new)
        return new, (f"moves by {metres / 1000:.1f} km",) if metres >= FAR_MOVE_M else ()

    def _stated_fields(self, old: FacilityRow | None, row: ListRow) -> tuple[NewRow, tuple[str, ...]]:
        """The fields that a row states, and remarks on its status.

        Those of the verification are among them, unless the register has a later one, and the days that follow from
        the status.
        """
        fields = {name: value for name, value in row.values.items() if name not in ("id", "extra")}
        fields |= self._verification
        if old is not None and old["verified"] and fields.get("verified") and fields["verified"] < old["verified"]:
            del fields["verified"]
            fields.pop("verified_by", None)
        if row.status is None:
            return fields, ()
        days = statuses.days(row.status, fields, old or {}, self._today)
        return fields | days.changes, days.remarks

    def _is_unchanged(self, old: FacilityRow, row: ListRow, fields: FacilityRow, geometry: BaseGeometry) -> bool:
        """Whether a row certainly changes nothing: a quick test, which saves validating most rows."""
        extra = row.values.get("extra") or {}
        return (
            all(old[name] == value for name, value in fields.items())
            and all(name in old["extra"] and old["extra"][name] == value for name, value in extra.items())
            and geometry is self._index.geometries[old["id"]]
        )

    def _new_fields(self, old: FacilityRow | None, facility_id: str, row: ListRow, stated: FacilityRow) -> NewRow:
        """The validated fields of a facility after the import; RowRejectedError if one is wrong."""
        fields = {} if old is None else history.fields_of(old)
        if old is None and "source" not in self._list.columns.values():  # else the list states its own sources
            fields["source"] = self._source or self._list.file.name
        extra = ({} if old is None else old["extra"]) | (row.values.get("extra") or {})
        extra = {name: value for name, value in extra.items() if value is not None}
        fields |= {**stated, "extra": extra, "id": facility_id}
        try:
            return facilities.validate_fields(fields, self._categories)
        except FieldError as error:
            raise RowRejectedError("unusable", *(reason for _, reason in error.problems)) from error


def has_not_moved(old: BaseGeometry, new: BaseGeometry) -> bool:
    """Whether two WGS84 geometries are nowhere farther than `SAME_PLACE_M` apart."""
    return old.geom_type == new.geom_type and distance.hausdorff_distance(old, new) <= SAME_PLACE_M
