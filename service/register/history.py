"""How the register is written: every change of a facility gets a version, an entry in its history and a revision."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import orjson
import shapely
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, select

from geo.errors import FieldError
from geo.geodesy.distance import distances_outside
from geo.lists import locations
from geo.study import areas, facilities
from geo.study.study import Study
from service.register.tables import ChangeRecord, FacilityRecord, FactRecord

TABLE: Any = FacilityRecord.__table__  # type: ignore[attr-defined]
CHANGES: Any = ChangeRecord.__table__  # type: ignore[attr-defined]
SIDES = ("west", "south", "east", "north")
COMPARED = (*(name for name in facilities.FIELDS if name != "id"), "geometry", "removed", "merged_into")

FacilityRow: TypeAlias = Mapping[str, Any]
"""A row of the table of facilities: its columns by name."""

FieldChanges: TypeAlias = dict[str, list[Any]]
"""The fields that a change of a facility changes, each with its values before and after, as JSON writes them."""


class Transaction:
    """What one transaction does to the register."""

    def __init__(self, study: Study, session: Session, who: str, source: str | None) -> None:
        self._study = study
        self.session, self.who, self.source = session, who, source

    def assign_area_codes(self, rows: Sequence[dict[str, Any]]) -> None:
        """Give facilities the code of the area that they are in."""
        if rows:
            points = shapely.point_on_surface(shapely.from_wkb([row["geometry"] for row in rows]))
            x, y = shapely.get_x(points), shapely.get_y(points)
            codes = areas.locate(self._study.areas, x, y, self._study.settings.projection)
            for row, code in zip(rows, codes, strict=True):
                row["area_code"] = code or row["area_code"]

    def save_facility(
        self,
        action: str,
        old: FacilityRow | None,
        given: FacilityRow,
        facility_id: str,
        place: Any,
        in_area: bool = False,
    ) -> FacilityRow:
        """Write what fields and a place (WGS84) make of one row.

        A facility without an area's code gets that of its place, and so does one that has moved, unless its code is
        said to be that of the area that it is in (``in_area``). FieldError if anything is wrong, or the place is far
        outside the study.
        """
        facility, shape = facilities.validate({**given, "id": facility_id}, place)
        new = make_rows([facility], [shape])[0]
        moved = old is None or old["geometry"] != new["geometry"]
        away = float(distances_outside(self._study.territory, np.array([shape]))[0]) / 1000 if moved else 0.0
        if away > locations.MAX_KM_OUTSIDE:
            raise FieldError([("geometry", f"geometry lies {away:,.0f} km outside the area of the study")])
        if new["area_code"] is None or (moved and not in_area):
            self.assign_area_codes([new])
        return self.write_rows(action, [(old, new)])[0]

    def write_rows(
        self,
        action: str,
        pairs: Sequence[tuple[FacilityRow | None, FacilityRow]],
        fields: Sequence[dict[str, list[Any]]] | None = None,
    ) -> list[FacilityRow]:
        """Write what becomes of each row, or of none (None), and its history; the rows as they now are.

        ``fields`` are their `differences`, if they are at hand. What does not differ is not written. The revisions
        move if anything was.
        """
        now, known = datetime.now(UTC), self.session.get(FactRecord, "revision")
        revision = int(known.value if known is not None else 0) + 1
        touched: set[str] = set()
        added: list[FacilityRow] = []
        changed: list[FacilityRow] = []
        entries: list[FacilityRow] = []
        result: list[FacilityRow] = []
        for (old, new), differing in zip(pairs, fields or differences(pairs), strict=True):
            if not differing:
                result.append(new if old is None else old)
                continue
            row = {"removed": None, "merged_into": None, **new, "version": 1 if old is None else old["version"] + 1}
            row.pop("number", None)
            touched |= {row["category"]} | ({old["category"]} if old is not None else set())
            if old is None:
                added.append(row)
            else:
                changed.append(row | {"its_number": old["number"]})
            entry = {"facility_id": row["id"], "version": row["version"], "revision": revision, "at": now}
            entries.append(entry | {"who": self.who, "action": action, "source": self.source, "fields": differing})
            result.append(row)
        if entries:
            self._apply(added, changed, entries)
            self._move(revision, touched)
        return result

    def _apply(self, added: list[FacilityRow], changed: list[FacilityRow], entries: list[FacilityRow]) -> None:
        connection = self.session.connection()
        if added:
            connection.execute(insert(TABLE), added)
        if changed:
            connection.execute(update(TABLE).where(TABLE.c.number == bindparam("its_number")), changed)
        connection.execute(insert(CHANGES), entries)

    def _move(self, revision: int, categories: set[str]) -> None:
        for key in ("revision", *(f"revision:{name}" for name in categories)):
            self.session.merge(FactRecord(key=key, value=str(revision)))
        self.session.flush()


def fields_of(row: FacilityRow) -> dict[str, Any]:
    """The fields of a row's facility, but for its id."""
    return {name: row[name] for name in facilities.FIELDS if name != "id"}


def make_rows(fields: Sequence[FacilityRow], shapes: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of facilities: their fields, their places (WGS84) as WKB and the boxes around them."""
    blobs, boxes = shapely.to_wkb(shapes), shapely.bounds(shapes).tolist()
    return [
        {name: facility[name] for name in facilities.FIELDS} | {"geometry": blob} | dict(zip(SIDES, box, strict=True))
        for facility, blob, box in zip(fields, blobs, boxes, strict=True)
    ]


def to_frame(rows: Sequence[FacilityRow]) -> gpd.GeoDataFrame:
    """Rows as `geo.study.facilities.from_rows` gives facilities."""
    return facilities.from_records(rows, shapely.from_wkb([row["geometry"] for row in rows]))


def select_rows(session: Session, *where: Any) -> list[FacilityRow]:
    """The rows that fulfil all of ``where``, by id; also those that were taken out."""
    chosen = select(TABLE).where(*where).order_by(TABLE.c.id)
    return [dict(row) for row in session.execute(chosen).mappings()]


def differences(pairs: Sequence[tuple[FacilityRow | None, FacilityRow]]) -> list[dict[str, list[Any]]]:
    """For each row that becomes another, the fields that differ: from what, to what; of a new one those known."""
    # All places at once.
    blobs = list(dict.fromkeys(blob for old, new in pairs for blob in _moved(old, new)))
    places = dict(zip(blobs, map(orjson.loads, shapely.to_geojson(shapely.from_wkb(blobs))), strict=True))

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return places[value]
        return value.isoformat() if isinstance(value, date) else value

    def differing(old: FacilityRow | None, new: FacilityRow) -> dict[str, list[Any]]:
        if old is None:
            known = ((name, new.get(name)) for name in COMPARED)
            return {name: [None, plain(value)] for name, value in known if value is not None and value != {}}
        changed = (name for name in COMPARED if name in new and old[name] != new[name])
        return {name: [plain(old[name]), plain(new[name])] for name in changed}

    return [differing(old, new) for old, new in pairs]


def _moved(old: FacilityRow | None, new: FacilityRow) -> tuple[bytes, ...]:
    """The places that the history tells of, as WKB."""
    if old is None:
        return (new["geometry"],)
    return (old["geometry"], new["geometry"]) if old["geometry"] != new["geometry"] else ()
