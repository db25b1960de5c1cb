"""Lists of facilities taken over into the register: what each row would do to it, said first, then all or nothing."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo import garbage_collection
from geo.arrays import Float64Array, GeometryArray
from geo.choices import COORDINATE_SYSTEMS
from geo.errors import FieldError, TableError
from geo.geodesy import datums, distance
from geo.lists.degrees import MAX_BESIDE_M
from geo.lists.reader import FacilityList, ListRow
from geo.study import facilities
from geo.study.texts import name_key
from service.register import history
from service.register.history import FacilityRow, Transaction
from service.register.import_report import ImportReport, Outcome, RowOutcome
from service.register.register import Register, file_hash
from service.register.tables import FactRecord

SAME_M = 1.0  # a facility moved by no more has not moved
NEAR_M = 500.0  # without an id, the same name as far away is the same facility
FAR_M = 1000.0  # with the same id, another name farther away is another facility
FEW = 8  # of a name, near each other, that are compared
MOST_SHIFT_M, THERE_M = 1500.0, 30.0  # how far systems lie apart, and how near is there
NOT_ITS_IDS = "if these are not its ids, say that the column of ids is extra"
FEWEST, OFF_M = 3, 150.0  # how many that are known by name, how far off, are needed to doubt the coordinates


def apply_list(
    register: Register,
    listing: FacilityList,
    who: str,
    *,
    dry_run: bool = False,
    leave_out: bool = False,
    verified: date | None = None,
    advance: Callable[[int], None] = lambda rows: None,
) -> ImportReport:
    """Take a list over into the register in one transaction, or only say what that would do.

    A list with unusable rows is taken over only if they may be left out (``leave_out``). ``verified`` is the day on
    which the list's office has seen to all that is in it.
    """
    changing = register.read_only_transaction() if dry_run else register.transaction(who, listing.file.name)
    with garbage_collection.paused(), changing as change:
        known = _Known(history.select_rows(change.session))
        notes = [*listing.notes, *_elsewhere(listing, known)]
        plan = _Plan(listing, known, {} if verified is None else {"verified": verified, "verified_by": who})
        for line in listing.rows:
            plan.decide(line)
            advance(1)
        pairs, fields, rows = plan.finish(change)
        applied = not dry_run and (leave_out or all(row.outcome != "unusable" for row in rows))
        if applied:
            change.write_rows("import", pairs, fields)
            if register.is_source(listing.file) and listing.coordinates in datums.UNSHIFTED:
                change.session.merge(FactRecord(key="source", value=file_hash(listing.file)))
    left = [RowOutcome(where, "left out", why=(why,)) for where, why in listing.left_out]
    missing = known.present - len(plan.seen.keys() & known.by_id.keys())
    return ImportReport(
        listing.file.name, listing.coordinates, dict(listing.columns), notes, [*rows, *left], missing, applied
    )


def _elsewhere(listing: FacilityList, known: "_Known") -> list[str]:
    """A note where facilities that the register knows by name would lie right in another coordinate system.

    TableError if nobody has said which system the list is in.
    """
    there, here = [], []
    for line in listing.rows:
        if line.geometry is None or line.values.get("name") is None or "category" not in line.values:
            continue
        found = known.standing.all(line)
        if len(found) == 1:
            there.append(known.shapes[found[0]["id"]])
            here.append(line.geometry)
    if len(here) < FEWEST:
        return []
    there, points = shapely.centroid(there), shapely.centroid(here)
    written = datums.geometry_from_wgs84(points, listing.coordinates)
    away = {system: _median_distance(datums.geometry_to_wgs84(written, system), there) for system in COORDINATE_SYSTEMS}
    best = min(away, key=lambda system: away[system])
    now = away[listing.coordinates]
    if now < OFF_M or away[best] > now / 4:
        return []
    said = (
        f"{len(here)} facilities that the register has lie {now:,.0f} m (median) from where it has them; "
        f"in {best} they would lie {away[best]:,.0f} m from there"
    )
    if not listing.coordinates_stated:
        raise TableError(listing.file, [f"{said}: say coordinates {best}, or {listing.coordinates} if that is right"])
    return [said]


def _median_distance(a: GeometryArray, b: GeometryArray) -> float:
    """The median of the metres between each point of ``a`` and its partner in ``b``."""
    (x0, y0), (x1, y1) = shapely.get_coordinates(a).T, shapely.get_coordinates(b).T
    return float(np.median(distance.flat_distance(x1 - x0, y1 - y0, y0)))


class _Names:
    """Rows to be found by category and name near a place; without a name, those that have none."""

    def __init__(self, rows: Iterable[FacilityRow]) -> None:
        self._rows: dict[tuple[str, str], list[FacilityRow]] = defaultdict(list)
        for row in rows:
            self._rows[row["category"], name_key(row["name"] or "")].append(row)
        self._boxes: dict[tuple[str, str], Float64Array] = {}

    def all(self, line: ListRow) -> list[FacilityRow]:
        """Those of a row's category and name, wherever they are."""
        return self._rows.get((line.values["category"], name_key(line.values.get("name") or "")), [])

    def near(self, line: ListRow, shapes: Mapping[str, Any]) -> list[tuple[float, str]]:
        """The nearest few of them that may be the same facility: metres, id."""
        found, kind = self.all(line), (line.values["category"], name_key(line.values.get("name") or ""))
        if not found or line.geometry is None:
            return []
        if kind not in self._boxes:
            self._boxes[kind] = np.array([[row[side] for side in history.BOUNDS] for row in found])
        limit = NEAR_M if kind[1] else SAME_M
        # Thousands may be called 卫生室: their boxes first, all at once.
        west, south, east, north = self._boxes[kind].T
        x0, y0, x1, y1 = line.geometry.bounds
        apart_x = np.maximum(west - x1, x0 - east).clip(0)
        apart_y = np.maximum(south - y1, y0 - north).clip(0)
        around = np.flatnonzero(distance.flat_distance(apart_x, apart_y, y0) <= 1.1 * limit).tolist()
        away = ((distance.separation(line.geometry, shapes[found[row]["id"]]), found[row]["id"]) for row in around)
        return sorted((metres, facility_id) for metres, facility_id in away if metres <= limit)[:FEW]


class _Known:
    """The register's rows, to be found by id and by name: those that stand before those that were taken out."""

    def __init__(self, rows: list[FacilityRow]) -> None:
        self.by_id = {row["id"]: row for row in rows}
        self.shapes = dict(zip(self.by_id, shapely.from_wkb([row["geometry"] for row in rows]), strict=True))
        self.standing = _Names(row for row in rows if row["removed"] is None)
        self.gone = _Names(row for row in rows if row["removed"] is not None)
        self.present = sum(row["removed"] is None for row in rows)


class _RefusalError(Exception):
    """A row is not taken: the outcome, and why."""


class _Plan:
    """Which rows of the register become what."""

    def __init__(self, listing: FacilityList, known: _Known, signed: dict[str, Any]) -> None:
        self._listing, self._known, self._signed = listing, known, signed
        self._decided: list[RowOutcome] = []
        self._taken: list[tuple[int, FacilityRow | None, dict[str, Any], Any]] = []
        self.seen: dict[str, ListRow] = {}
        self._ids: dict[str, str] = {}  # of what the list calls alike in one place, the id that it has got
        self._fresh: dict[tuple[str, str], list[ListRow]] = defaultdict(list)
        self._by_name = self._matched()

    def _matched(self) -> dict[str, str]:
        """For rows without an id that stand for a facility of the register: where they are, its id.

        Of all the pairs the nearest first, so that it does not matter which row comes first.
        """
        claimed = {line.values["id"] for line in self._listing.rows if "id" in line.values}
        pairs: list[tuple[float, str, str]] = []
        for line in self._listing.rows:
            if "id" in line.values or "category" not in line.values or line.problems:
                continue
            made = self._known.by_id.get(_made_id(line))
            if made is not None and made["removed"] is None:
                pairs.append((-1.0, line.where, made["id"]))
            elif line.geometry is not None:
                near = self._known.standing.near(line, self._known.shapes)
                pairs += [(metres, line.where, facility_id) for metres, facility_id in near]
            elif len(found := self._known.standing.all(line)) == 1 and line.values.get("name"):
                pairs.append((0.0, line.where, found[0]["id"]))
        result: dict[str, str] = {}
        for _, where, facility_id in sorted(pairs):
            if where not in result and facility_id not in claimed:
                result[where] = facility_id
                claimed.add(facility_id)
        return result

    def decide(self, line: ListRow) -> None:
        """Say what becomes of one row."""
        decision = RowOutcome(line.where, "unchanged", line.values.get("id"), line.values.get("name"), line.notes)
        try:
            if line.problems:
                raise _RefusalError("unusable", *line.problems)
            old = self._old(line)
            facility_id = old["id"] if old else line.values.get("id") or _made_id(line)
            self._once(facility_id, line)
            place, remarks = self._place(old, line)
            if old is None:
                remarks = (*remarks, *self._new_beside(line))
            decision = replace(decision, id=facility_id, why=(*line.notes, *remarks))
            if old is None or not self._same(old, line, place):
                self._taken.append((len(self._decided), old, self._new(old, facility_id, line), place))
        except _RefusalError as refusal:
            outcome, *why = refusal.args
            decision = replace(decision, outcome=outcome, why=(*line.notes, *why))
        self._decided.append(decision)

    def finish(
        self, change: Transaction
    ) -> tuple[Sequence[tuple[FacilityRow | None, FacilityRow]], list[dict[str, list[Any]]], list[RowOutcome]]:
        """What is to be written, how it differs, and what becomes of each row."""
        news = history.make_rows([new for _, _, new, _ in self._taken], [place for *_, place in self._taken])
        pairs = [(old, new) for (_, old, _, _), new in zip(self._taken, news, strict=True)]
        change.assign_area_codes([new for old, new in pairs if self._is_lost(old, new)])
        found = history.differences(pairs)
        for (number, *_), (old, new), fields in zip(self._taken, pairs, found, strict=True):
            outcome: Outcome = "added" if old is None else "changed" if fields else "unchanged"
            told = {} if old is None else fields  # what is new is all of it
            self._decided[number] = replace(self._decided[number], name=new["name"], outcome=outcome, fields=told)
        return pairs, found, self._decided

    def _is_lost(self, old: FacilityRow | None, new: FacilityRow) -> bool:
        """Whether nobody says in which area a facility is: it is new and without a code, or has left its place."""
        said = self.seen[new["id"]].values.get("area_code") is not None
        return new["area_code"] is None or not (said or old is None or old["geometry"] == new["geometry"])

    def _old(self, line: ListRow) -> FacilityRow | None:
        """The row of the register that a row of the list is about; None: it is new."""
        if "id" in line.values:
            row = self._known.by_id.get(line.values["id"])
            if row is None:
                self._unknown_beside(line)
            else:
                self._believable(row, line)
        else:
            if "category" not in line.values:
                raise _RefusalError("unusable", "has neither an id nor a category")
            row = self._known.by_id.get(self._by_name.get(line.where) or self._ids.get(_made_id(line), ""))
            if row is None:
                row = self._known.by_id.get(_made_id(line)) or self._gone(line)
            else:
                self._ids.setdefault(_made_id(line), row["id"])
        if row is not None and row["merged_into"] is not None:
            raise _RefusalError("left out", f"{row['id']} was merged into {row['merged_into']}")
        if row is not None and row["removed"] is not None:
            raise _RefusalError("left out", f"{row['id']} was removed from the register on {row['removed']:%Y-%m-%d}")
        return row

    def _gone(self, line: ListRow) -> FacilityRow | None:
        """What of a row's name was taken out there; or a refusal, where the row has no place and there are several."""
        several = self._known.standing.all(line) if line.geometry is None and line.values.get("name") else []
        if len(several) > 1:
            ids = ", ".join(row["id"] for row in several[:5])
            why = f"has no place, and {len(several)} facilities have its name: {ids}; give its id"
            raise _RefusalError("unusable", why)
        near = self._known.gone.near(line, self._known.shapes)
        return self._known.by_id[near[0][1]] if near else None

    def _unknown_beside(self, line: ListRow) -> None:
        """Refuse an id that nobody knows on what the register has there by another id."""
        if "category" not in line.values or line.values.get("name") is None:
            return
        for _, facility_id in self._known.standing.near(line, self._known.shapes):
            if facility_id not in self._list_ids:
                why = f"id {line.values['id']} is unknown, and the register has this name here as {facility_id}"
                raise _RefusalError("unusable", f"{why}; {NOT_ITS_IDS}")

    @cached_property
    def _list_ids(self) -> set[str]:
        return {line.values["id"] for line in self._listing.rows if "id" in line.values}

    def _new_beside(self, line: ListRow) -> tuple[str, ...]:
        """Remarks on a new facility whose name the register, or the list, has not far away.

        A refusal where it would lie just there in another coordinate system, and nobody has said which it is.
        """
        name = line.values.get("name")
        if name is None or "category" not in line.values:
            return ()
        known = self._known.standing.all(line)
        if (
            len(known) == 1
            and 0 < distance.separation(line.geometry, self._known.shapes[known[0]["id"]]) < MOST_SHIFT_M
        ):
            written = datums.geometry_from_wgs84(line.geometry, self._listing.coordinates)
            for system in COORDINATE_SYSTEMS:
                there = datums.geometry_to_wgs84(written, system)
                if distance.separation(there, self._known.shapes[known[0]["id"]]) < THERE_M:
                    why = f"the register has this name as {known[0]['id']}, just where this row would be in {system}"
                    if not self._listing.coordinates_stated:
                        raise _RefusalError("unusable", f"{why}: say coordinates {system}, or split the list")
                    return (why,)
        kind = line.values["category"], name_key(name)
        for other in self._fresh[kind][:FEW]:
            if (metres := distance.separation(line.geometry, other.geometry)) <= NEAR_M:
                return (f"{other.where} has this name too, {metres:,.0f} m away",)
        self._fresh[kind].append(line)
        return ()

    def _believable(self, row: FacilityRow, line: ListRow) -> None:
        """Refuse a row whose id is that of another facility, as where two offices both count from 1."""
        category, name = line.values.get("category", row["category"]), line.values.get("name")
        what = f"id {row['id']} is {row['name'] or 'without a name'}, {row['category']}, in the register"
        if category != row["category"]:
            raise _RefusalError("unusable", f"{what}, and {category} here; {NOT_ITS_IDS}")
        if name and row["name"] and line.geometry is not None:
            mine, theirs = name_key(name), name_key(row["name"])
            metres = distance.separation(line.geometry, self._known.shapes[row["id"]])
            if metres > FAR_M and mine not in theirs and theirs not in mine:
                raise _RefusalError("unusable", f"{what}, {metres / 1000:.1f} km from here; {NOT_ITS_IDS}")

    def _once(self, facility_id: str, line: ListRow) -> None:
        first = self.seen.setdefault(facility_id, line)
        if first is line:
            return
        if first.values == line.values and first.geometry == line.geometry:
            raise _RefusalError("left out", f"is {first.where} again")
        raise _RefusalError("unusable", f"is the same facility as {first.where} ({facility_id}), with other fields")

    def _place(self, old: FacilityRow | None, line: ListRow) -> tuple[Any, tuple[str, ...]]:
        """Where the facility is from now on, and a remark; the shape that is known if it has not moved."""
        known = None if old is None else self._known.shapes[old["id"]]
        if line.geometry is None:
            if known is None:
                raise _RefusalError("unusable", "has no place, and the register does not know it")
            return known, ()
        # A place that is hard to believe is believed if the register has just that.
        if line.doubts and not (known is not None and has_not_moved(known, line.geometry)):
            raise _RefusalError("unusable", *line.doubts)
        if old is None or known is None:
            return line.geometry, ()
        new = facilities.facility_geometry(line.values.get("category") or old["category"], line.geometry)
        if known.geom_type != "Point" and new.geom_type == "Point":
            away = distance.separation(known, new)
            if away <= MAX_BESIDE_M:
                return known, () if away == 0 else ("lies beside its outline, which was kept",)
            return new, (f"lies {away:,.0f} m from its outline, which a point replaces",)
        return (known if has_not_moved(known, new) else new), ()

    def _given(self, old: FacilityRow | None, line: ListRow) -> dict[str, Any]:
        given = {name: value for name, value in line.values.items() if name not in ("id", "extra")} | self._signed
        if old is not None and old["verified"] and given.get("verified") and given["verified"] < old["verified"]:
            del given["verified"]  # somebody has seen to it since
            given.pop("verified_by", None)
        return given

    def _same(self, old: FacilityRow, line: ListRow, place: Any) -> bool:
        """Whether a row says nothing new; a cheap look, that may miss it."""
        given, extra = self._given(old, line), line.values.get("extra") or {}
        return (
            all(old[name] == value for name, value in given.items())
            and all(name in old["extra"] and old["extra"][name] == value for name, value in extra.items())
            and place is self._known.shapes[old["id"]]
        )

    def _new(self, old: FacilityRow | None, facility_id: str, line: ListRow) -> dict[str, Any]:
        known = {} if old is None else history.fields_of(old)
        if old is None and "source" not in self._listing.columns.values():  # a list that has the column says itself
            known["source"] = self._listing.file.name
        extra = ({} if old is None else old["extra"]) | (line.values.get("extra") or {})
        extra = {name: value for name, value in extra.items() if value is not None}
        try:
            return facilities.validate_fields(known | self._given(old, line) | {"extra": extra, "id": facility_id})
        except FieldError as error:
            raise _RefusalError("unusable", *(reason for _, reason in error.problems)) from error


def has_not_moved(a: BaseGeometry, b: BaseGeometry) -> bool:
    """Whether two WGS84 shapes are everywhere within `SAME_M` of each other."""
    return a.geom_type == b.geom_type and distance.hausdorff_distance(a, b) <= SAME_M


def _made_id(line: ListRow) -> str:
    """An id for a row without one: the same whenever the list is read again."""
    x, y = (0.0, 0.0) if line.geometry is None else shapely.get_coordinates(line.geometry.centroid)[0]
    said = f"{line.values['category']} {name_key(line.values.get('name') or '')} {x:.5f} {y:.5f}"
    return f"{line.values['category']}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
