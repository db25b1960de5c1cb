"""The schema of the database: created in an empty one, and migrated from the schema of an earlier program."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shapely
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlmodel import SQLModel

from service.register import database
from service.register.database import RegisterError
from service.register.history import fields_of
from service.register.register import Register
from support import town

OpenRegister = Callable[[Path, str], Register]

FIRST_SCHEMA = """
CREATE TABLE facility (
    id VARCHAR NOT NULL PRIMARY KEY, category VARCHAR NOT NULL, subtype VARCHAR, name VARCHAR, name_en VARCHAR,
    area_code VARCHAR, address VARCHAR, phone VARCHAR, opened DATE, closed DATE, opening_hours VARCHAR,
    capacity INTEGER, provenance VARCHAR NOT NULL, extra JSON NOT NULL, geometry {bytes} NOT NULL,
    west FLOAT NOT NULL, south FLOAT NOT NULL, east FLOAT NOT NULL, north FLOAT NOT NULL
);
CREATE INDEX ix_facility_category ON facility (category);
CREATE INDEX ix_facility_west ON facility (west);
CREATE INDEX ix_facility_south ON facility (south);
CREATE TABLE fact (key VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)
"""
OUTLINE = shapely.box(120.01, 28.89, 120.02, 28.9)

pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type 'geometry'")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database; on PostgreSQL without PostGIS."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.sqlite'}"
    return request.getfixturevalue("postgresql").database(postgis=False)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to the empty database that does not use the program."""
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def create_first_schema(connection: Connection, with_facilities: bool = True) -> None:
    """Create and fill the tables as the program did before its schemas had numbers."""
    bytes_type = "BLOB" if connection.dialect.name == "sqlite" else "BYTEA"
    for statement in FIRST_SCHEMA.format(bytes=bytes_type).split(";"):
        connection.execute(text(statement))
    rows = [
        ("c1", "clinic", "甲", "2015-01-01", None, 12, {"nested": ["二", 1]}, shapely.Point(120.005, 28.885)),
        ("p1", "park", None, None, "2020-05-06", None, {}, OUTLINE),
    ]
    for id_, category, name, opened, closed, capacity, extra, shape in rows if with_facilities else ():
        west, south, east, north = shape.bounds
        connection.execute(
            text(
                "INSERT INTO facility (id, category, name, opened, closed, capacity, provenance, extra, geometry, "
                "west, south, east, north) VALUES (:id, :category, :name, :opened, :closed, :capacity, 'schematic', "
                ":extra, :geometry, :west, :south, :east, :north)"
            ),
            {"id": id_, "category": category, "name": name, "opened": opened, "closed": closed, "capacity": capacity}
            | {"extra": json.dumps(extra), "geometry": shapely.to_wkb(shape)}
            | {"west": west, "south": south, "east": east, "north": north},
        )
    for key, value in (("study", "town"), ("source", "hash"), ("revision", "7")):
        connection.execute(text("INSERT INTO fact VALUES (:key, :value)"), {"key": key, "value": value})
    connection.commit()


def assert_schema_matches_models(connection: Connection) -> None:
    """Compare the database with the classes in `service.register.tables`, except for the spatial index."""

    def is_compared(item: object, name: str | None, item_type: str, reflected: bool, other: object) -> bool:
        table = name if item_type == "table" else getattr(getattr(item, "table", None), "name", None)
        return not reflected or (table in SQLModel.metadata.tables and name not in ("place", "ix_facility_place"))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_compared})
    assert compare_metadata(context, SQLModel.metadata) == []


def test_the_newest_migration_has_the_number_of_the_programs_schema():
    script = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert script.get_heads() == [database.SCHEMA]


def test_an_empty_database_gets_all_tables(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    register = open_register(town_folder, database_url)
    assert_schema_matches_models(connection)
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [database.SCHEMA]
    assert register.revisions() == dict.fromkeys(("", "clinic", "park", "kindergarten", "cultural_hall"), 1)
    assert [(change.version, change.action, change.who) for change in register.history("c1")] == [
        (1, "import", "study")
    ]


def test_facilities_of_the_first_schema_are_kept(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    create_first_schema(connection)
    register = open_register(town_folder, database_url)
    assert_schema_matches_models(connection)
    frame = register.facilities()
    assert list(frame.index) == ["c1", "p1"]
    assert dict(frame.loc["c1"].drop("geometry").dropna()) == {
        "category": "clinic",
        "name": "甲",
        "capacity": 12,
        "provenance": "schematic",
        "opened": frame.loc["c1", "opened"],
        "extra": {"nested": ["二", 1]},
    }
    assert (str(frame.loc["c1", "opened"]), str(frame.loc["p1", "closed"])) == ("2015-01-01", "2020-05-06")
    assert frame.geometry["p1"].equals(OUTLINE)
    assert register.revisions() == {"": 7, "clinic": 7, "park": 7}
    assert "has changed since" in (register.warning or "")  # the hash of the source file is kept too
    (first,) = register.history("p1")
    assert (first.version, first.action, first.revision) == (1, "import", 7)
    assert first.fields["closed"] == [None, "2020-05-06"]
    assert shapely.from_geojson(json.dumps(first.fields["geometry"][1])).equals(OUTLINE)
    # The migrated facility can be edited.
    assert register.edit("p1", [1], "me", "patch", lambda old: ({**fields_of(old), "name": "新"}, OUTLINE)).version == 2
    assert open_register(town_folder, database_url).get("p1").frame.iloc[0]["name"] == "新"


def test_an_empty_register_of_the_first_schema_is_not_filled_again(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    create_first_schema(connection, with_facilities=False)
    register = open_register(town_folder, database_url)
    assert (len(register.facilities()), register.revisions()) == (0, {"": 7})
    assert register.create("n1", {"category": "clinic"}, shapely.Point(*town.place(1, 1)), "me").version == 1
    assert register.revisions() == {"": 8, "clinic": 8}


def test_a_database_with_a_newer_schema_is_refused_and_left_unchanged(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    open_register(town_folder, database_url)
    connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    connection.commit()
    with pytest.raises(RegisterError, match="schema 9999"):
        open_register(town_folder, database_url)
    assert connection.execute(text("SELECT count(*) FROM facility")).scalar() == 9


def test_a_failed_migration_leaves_the_tables_unchanged(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    create_first_schema(connection)
    connection.execute(text("UPDATE fact SET value = 'none' WHERE key = 'revision'"))  # the migration expects a number
    connection.commit()
    with pytest.raises(ValueError, match="none"):
        open_register(town_folder, database_url)
    names = [name for name in ("facility", "fact", "change", "old_facility") if has_table(connection, name)]
    assert names == ["facility", "fact"]
    assert connection.execute(text("SELECT count(*) FROM facility")).scalar() == 2


def has_table(connection: Connection, table: str) -> bool:
    connection.rollback()
    return connection.dialect.has_table(connection, table)


def test_the_spatial_index_for_other_programs_follows_edits(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    register = open_register(town_folder, database_url)
    point = shapely.Point(*town.place(5, 5))
    box = dict(zip(("west", "south", "east", "north"), point.buffer(0.001).bounds, strict=True))
    within_box = (
        "JOIN facility_place AS place ON place.number = facility.number WHERE place.west <= :east "
        "AND place.east >= :west AND place.south <= :north AND place.north >= :south"
        if connection.dialect.name == "sqlite"
        else "WHERE place && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
    )

    def ids() -> set[str]:
        rows = connection.execute(text(f"SELECT id FROM facility {within_box}"), box).scalars().all()
        connection.rollback()
        return set(rows)

    before = ids()
    assert "c1" not in before
    register.edit("c1", None, "me", "patch", lambda old: (fields_of(old), point))
    assert ids() == before | {"c1"}
