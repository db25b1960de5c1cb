"""Writes facilities to the register: each change gets a version, an entry in the history and a revision.

`service.register.register` and `service.register.imports` write through a `Transaction`; nothing else writes
facilities.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import orjson
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Table, bindparam, insert, select, update
from sqlmodel import Session

from geo.arrays import GeometryArray
from geo.errors import FieldError
from geo.geodesy.distance import distances_outside
from geo.lists import locations, outlines
from geo.study import area_codes, facilities
from geo.study.study import Study
from service.register.tables import ChangeRecord, FacilityRecord, FactRecord

FACILITY_TABLE: Table = FacilityRecord.__table__  # type: ignore[attr-defined]
CHANGE_TABLE: Table = ChangeRecord.__table__  # type: ignore[attr-defined]
BOUNDS = ("west", "south", "east", "north")
"""The columns of a facility's bounding box."""
RECORDED = (*(name for name in facilities.FIELDS if name != "id"), "geometry", "removed", "merged_into")
"""The columns whose changes the history records."""

FacilityRow: TypeAlias = Mapping[str, Any]
"""A row of the table of facilities, or some of its columns: values by column name. The geometry is WKB."""

NewRow: TypeAlias = dict[str, Any]
"""The same for a row that is being made."""

FieldChanges: TypeAlias = dict[str, list[object]]
"""The fields that a change of a facility changes, each with its values before and after, as JSON writes them."""


class Transaction:
    """Changes facilities within one database transaction.

    Attributes
    ----------
    session : the open database session
    editor : who makes the changes, for the history
    source : name of the file that the changes come from, None for an edit
    remarks : what the editor should know of the facility that was saved
    """

    def __init__(self, study: Study, session: Session, editor: str, source: str | None) -> None:
        self._study = study
        self.session, self.editor, self.source = session, editor, source
        self.remarks: tuple[str, ...] = ()

    def settle_area_codes(self, rows: Sequence[NewRow], states_code: Sequence[bool]) -> list[tuple[str, ...]]:
        """Set the ``area_code`` of each row as `geo.study.area_codes` settles it; return the remarks on each row.

        Where the row does not state its code (``states_code``), the position alone decides; a row outside every area
        then keeps the code that it has.
        """
        if not rows:
            return []
        stated = [row["area_code"] if states else None for row, states in zip(rows, states_code, strict=True)]
        shapes = shapely.from_wkb([row["geometry"] for row in rows])
        settled = area_codes.settle(self._study.areas, self._study.settings.projection, stated, shapes)
        for row, code, (settled_code, _) in zip(rows, stated, settled, strict=True):
            row["area_code"] = settled_code if code is not None else settled_code or row["area_code"]
        return [() if remark is None else (remark,) for _, remark in settled]

    def save_facility(
        self,
        action: str,
        old: FacilityRow | None,
        properties: FacilityRow,
        facility_id: str,
        geometry: BaseGeometry | None,
        sets_area: bool = False,
    ) -> FacilityRow:
        """Validate one facility and write it; return its row.

        A facility without an area code gets the code of the area it lies in. So does a facility that has moved, unless
        its code was stated together with the new place (``sets_area``).

        Parameters
        ----------
        action : what the history calls the change, such as “patch”
        old : the facility's row so far; None if it is new
        geometry : WGS84

        Raises
        ------
        FieldError
            A field or the geometry is wrong, or the geometry lies too far outside the study.
        """
        fields, shape = facilities.validate({**properties, "id": facility_id}, geometry, self._study.categories)
        new = make_rows([fields], [shape])[0]
        moved = old is None or old["geometry"] != new["geometry"]
        subtype_note = facilities.subtype_remark(self._study.categories[new["category"]], new["subtype"])
        if subtype_note and (old is None or any(old[name] != new[name] for name in ("category", "subtype"))):
            self.remarks += (subtype_note,)
        if geometry is not None and (shape_note := outlines.what_became(geometry, shape)):
            self.remarks += (shape_note,)
        km_outside = float(distances_outside(self._study.territory, np.array([shape]))[0]) / 1000 if moved else 0.0
        if km_outside > locations.MAX_KM_OUTSIDE:
            raise FieldError([("geometry", f"geometry lies {km_outside:,.0f} km outside the area of the study")])
        states_another = sets_area and (old is None or old["area_code"] != new["area_code"])
        if new["area_code"] is None or moved or states_another:
            self.remarks += self.settle_area_codes([new], [sets_area and new["area_code"] is not None])[0]
        return self.write_rows(action, [(old, new)])[0]

    def write_rows(
        self,
        action: str,
        pairs: Sequence[tuple[FacilityRow | None, FacilityRow]],
        changes: Sequence[FieldChanges] | None = None,
    ) -> list[FacilityRow]:
        """Write rows with their history and return them as they are afterwards; a row without changes is not written.

        Parameters
        ----------
        pairs : the old row (None for a new facility) and the new row of each facility
        changes : what `differences` returns for ``pairs``, if the caller has computed it
        """
        now, last_revision = datetime.now(UTC), self.session.get(FactRecord, "revision")
        revision = int(last_revision.value if last_revision is not None else 0) + 1
        changed_categories: set[str] = set()
        added: list[FacilityRow] = []
        updated: list[FacilityRow] = []
        entries: list[FacilityRow] = []
        result: list[FacilityRow] = []
        for (old, new), fields in zip(pairs, changes or differences(pairs), strict=True):
            if not fields:
                result.append(new if old is None else old)
                continue
            row = {"removed": None, "merged_into": None, **new, "version": 1 if old is None else old["version"] + 1}
            row.pop("number", None)
            changed_categories |= {row["category"]} | ({old["category"]} if old is not None else set())
            if old is None:
                added.append(row)
            else:
                updated.append(row | {"row_number": old["number"]})
            entry = {"facility_id": row["id"], "version": row["version"], "revision": revision, "at": now}
            entries.append(entry | {"who": self.editor, "action": action, "source": self.source, "fields": fields})
            result.append(row)
        if entries:
            self._execute(added, updated, entries)
            self._set_revision(revision, changed_categories)
        return result

    def _execute(self, added: list[FacilityRow], updated: list[FacilityRow], entries: list[FacilityRow]) -> None:
        connection = self.session.connection()
        if added:
            connection.execute(insert(FACILITY_TABLE), added)
        if updated:
            number = FACILITY_TABLE.c.number
            connection.execute(update(FACILITY_TABLE).where(number == bindparam("row_number")), updated)
        connection.execute(insert(CHANGE_TABLE), entries)

    def _set_revision(self, revision: int, categories: set[str]) -> None:
        for key in ("revision", *(f"revision:{name}" for name in categories)):
            self.session.merge(FactRecord(key=key, value=str(revision)))
        self.session.flush()


def fields_of(row: FacilityRow) -> NewRow:
    """The fields of `geo.study.facilities.Facility` in a row, without the id."""
    return {name: row[name] for name in facilities.FIELDS if name != "id"}


def make_rows(records: Sequence[FacilityRow], geometries: Sequence[BaseGeometry] | GeometryArray) -> list[NewRow]:
    """Make table rows from the fields of facilities and their WGS84 geometries, with WKB and bounding boxes."""
    blobs, boxes = shapely.to_wkb(geometries), shapely.bounds(geometries).tolist()
    return [
        {name: record[name] for name in facilities.FIELDS} | {"geometry": blob} | dict(zip(BOUNDS, box, strict=True))
        for record, blob, box in zip(records, blobs, boxes, strict=True)
    ]


def to_frame(rows: Sequence[FacilityRow]) -> gpd.GeoDataFrame:
    """Rows as a frame of facilities, as `geo.study.facilities.from_records` returns it."""
    return facilities.from_records(rows, shapely.from_wkb([row["geometry"] for row in rows]))


def select_rows(session: Session, *conditions: ColumnElement[bool]) -> list[FacilityRow]:
    """The rows that fulfil all conditions, ordered by id; facilities that were removed are among them."""
    statement = select(FACILITY_TABLE).where(*conditions).order_by(FACILITY_TABLE.c.id)
    return [dict(row) for row in session.execute(statement).mappings()]


def differences(pairs: Sequence[tuple[FacilityRow | None, FacilityRow]]) -> list[FieldChanges]:
    """The fields in which each new row differs from its old row; for a new facility, all fields that have a value."""
    # Convert the geometries in one call: one call per row would take most of the time of a large import.
    blobs = list(dict.fromkeys(blob for old, new in pairs for blob in _recorded_geometries(old, new)))
    geojson = dict(zip(blobs, map(orjson.loads, shapely.to_geojson(shapely.from_wkb(blobs))), strict=True))

    def as_json(value: object) -> object:
        if isinstance(value, bytes):
            return geojson[value]
        return value.isoformat() if isinstance(value, date) else value

    def changes(old: FacilityRow | None, new: FacilityRow) -> FieldChanges:
        if old is None:
            values = ((name, new.get(name)) for name in RECORDED)
            return {name: [None, as_json(value)] for name, value in values if value is not None and value != {}}
        names = (name for name in RECORDED if name in new and old[name] != new[name])
        return {name: [as_json(old[name]), as_json(new[name])] for name in names}

    return [changes(old, new) for old, new in pairs]


def _recorded_geometries(old: FacilityRow | None, new: FacilityRow) -> tuple[bytes, ...]:
    """The geometries that the history entry of a change contains, as WKB."""
    if old is None:
        return (new["geometry"],)
    return (old["geometry"], new["geometry"]) if old["geometry"] != new["geometry"] else ()
