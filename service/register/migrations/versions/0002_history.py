"""Adds versions, the history, removal and merging, sources, API keys, idempotent requests and a spatial index."""

from datetime import UTC, datetime

import orjson
import shapely
import sqlalchemy as sa
from alembic import op

from service.register.tables import RowNumber, UtcDateTime

revision, down_revision = "0002", "0001"

TEXT_COLUMNS = ("subtype", "name", "name_en", "area_code", "address", "phone")
COPIED_COLUMNS = (
    "id",
    "category",
    *TEXT_COLUMNS,
    "opened",
    "closed",
    "opening_hours",
    "capacity",
    "provenance",
    "extra",
    "geometry",
)
BOUNDS = ("west", "south", "east", "north")


def upgrade() -> None:
    for name in ("category", "west", "south"):
        op.drop_index(f"ix_facility_{name}", "facility")
    op.rename_table("facility", "old_facility")
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute("ALTER INDEX facility_pkey RENAME TO old_facility_pkey")
    facility = op.create_table(
        "facility",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("category", sa.String, nullable=False, index=True),
        *(sa.Column(name, sa.String) for name in TEXT_COLUMNS),
        sa.Column("opened", sa.Date),
        sa.Column("closed", sa.Date),
        sa.Column("opening_hours", sa.String),
        sa.Column("capacity", sa.Integer),
        sa.Column("provenance", sa.String, nullable=False),
        sa.Column("source", sa.String),
        sa.Column("verified", sa.Date),
        sa.Column("verified_by", sa.String),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("geometry", sa.LargeBinary, nullable=False),
        *(sa.Column(name, sa.Float, nullable=False) for name in BOUNDS),
        sa.Column("removed", UtcDateTime),
        sa.Column("merged_into", sa.String, index=True),
        sa.UniqueConstraint("id"),
    )
    change = op.create_table(
        "change",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("facility_id", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", RowNumber, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("source", sa.String),
        sa.Column("fields", sa.JSON, nullable=False),
    )
    op.create_index("ix_change_of", "change", ["facility_id", "version"], unique=True)
    op.create_table(
        "api_key",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sa.Column("made", UtcDateTime, nullable=False),
        sa.Column("revoked", UtcDateTime),
    )
    op.create_table(
        "reply",
        sa.Column("who", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("facility_id", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    (_index_in_postgis if postgresql else _index_in_sqlite)()
    _copy_facilities(facility, change)
    op.drop_table("old_facility")


def _index_in_postgis() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute(
        "ALTER TABLE facility ADD COLUMN place geometry(Geometry, 4326) "
        "GENERATED ALWAYS AS (ST_SetSRID(ST_GeomFromWKB(geometry), 4326)) STORED"
    )
    op.execute("CREATE INDEX ix_facility_place ON facility USING gist (place)")


def _index_in_sqlite() -> None:
    op.execute("CREATE VIRTUAL TABLE facility_place USING rtree(number, west, east, south, north)")
    add = "INSERT INTO facility_place VALUES (new.number, new.west, new.east, new.south, new.north)"
    drop = "DELETE FROM facility_place WHERE number = old.number"
    op.execute(f"CREATE TRIGGER facility_added AFTER INSERT ON facility BEGIN {add}; END")
    op.execute(f"CREATE TRIGGER facility_dropped AFTER DELETE ON facility BEGIN {drop}; END")
    op.execute(
        "CREATE TRIGGER facility_moved AFTER UPDATE OF number, west, south, east, north ON facility "
        f"BEGIN {drop}; {add}; END"
    )


def _copy_facilities(facility: sa.Table, change: sa.Table) -> None:
    """Copy the facilities of the old table, with a first history entry each, and set the revision of each category."""
    connection, now = op.get_bind(), datetime.now(UTC)
    old = sa.table("old_facility", *(facility.c[name]._copy() for name in (*COPIED_COLUMNS, *BOUNDS)))
    rows = [dict(row) for row in connection.execute(sa.select(old).order_by(old.c.id)).mappings()]
    if not rows:
        return
    current = int(connection.execute(sa.text("SELECT value FROM fact WHERE key = 'revision'")).scalar() or 1)
    connection.execute(facility.insert(), [row | {"version": 1} for row in rows])
    entries = [
        {
            "facility_id": row["id"],
            "version": 1,
            "revision": current,
            "at": now,
            "who": "migration",
            "action": "import",
            "fields": {
                name: [None, _as_json(name, row[name])]
                for name in COPIED_COLUMNS
                if name != "id" and row[name] not in (None, {})
            },
        }
        for row in rows
    ]
    connection.execute(change.insert(), entries)
    fact = sa.table("fact", sa.column("key"), sa.column("value"))
    categories = sorted({row["category"] for row in rows})
    connection.execute(fact.insert(), [{"key": f"revision:{name}", "value": str(current)} for name in categories])


def _as_json(name: str, value: object) -> object:
    if name == "geometry":
        return orjson.loads(shapely.to_geojson(shapely.from_wkb(value)))
    return value.isoformat() if name in ("opened", "closed") else value  # type: ignore[attr-defined]
