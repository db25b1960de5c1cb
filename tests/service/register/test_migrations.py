"""The database's tables: made from nothing, or brought up from those of the program before."""

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

from service.register import database, tables
from service.register.database import RegisterError
from service.register.history import fields_of, select_rows
from service.register.register import Register
from support import town

OpenRegister = Callable[[Path, str], Register]

BEFORE = """
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
    """A database with nothing in it, not even PostGIS."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.sqlite'}"
    return request.getfixturevalue("postgresql").database(postgis=False)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """To the empty database, past the program."""
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def make_tables_of_before(connection: Connection, facilities: bool = True) -> None:
    """As the program made and filled them before its schemas had numbers."""
    kind = "BLOB" if connection.dialect.name == "sqlite" else "BYTEA"
    for statement in BEFORE.format(bytes=kind).split(";"):
        connection.execute(text(statement))
    rows = [
        ("c1", "clinic", "甲", "2015-01-01", None, 12, {"nested": ["二", 1]}, shapely.Point(120.005, 28.885)),
        ("p1", "park", None, None, "2020-05-06", None, {}, OUTLINE),
    ]
    for id_, category, name, opened, closed, capacity, extra, shape in rows if facilities else ():
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
    for key, value in (("study", "town"), ("source", "of old"), ("revision", "7")):
        connection.execute(text("INSERT INTO fact VALUES (:key, :value)"), {"key": key, "value": value})
    connection.commit()


def assert_as_the_program_says(connection: Connection) -> None:
    def ours(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        table = getattr(thing, "table", None)
        owner = name if kind == "table" else getattr(table, "name", None)
        return not reflected or (owner in SQLModel.metadata.tables and name not in ("place", "ix_facility_place"))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    assert compare_metadata(context, SQLModel.metadata) == []


def test_the_newest_step_is_the_schema_that_the_program_wants():
    script = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert script.get_heads() == [database.SCHEMA]
    assert tables  # whose tables are compared below


def test_an_empty_database_gets_all_tables(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    register = open_register(town_folder, database_url)
    assert_as_the_program_says(connection)
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [database.SCHEMA]
    assert register.revisions() == dict.fromkeys(("", "clinic", "park", "kindergarten", "cultural_hall"), 1)
    assert [(one.version, one.action, one.who) for one in register.history("c1")] == [(1, "import", "study")]


def test_what_was_there_before_is_kept(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    make_tables_of_before(connection)
    register = open_register(town_folder, database_url)
    assert_as_the_program_says(connection)
    found = register.facilities()
    assert list(found.index) == ["c1", "p1"]
    assert dict(found.loc["c1"].drop("geometry").dropna()) == {
        "category": "clinic",
        "name": "甲",
        "capacity": 12,
        "provenance": "schematic",
        "opened": found.loc["c1", "opened"],
        "extra": {"nested": ["二", 1]},
    }
    assert (str(found.loc["c1", "opened"]), str(found.loc["p1", "closed"])) == ("2015-01-01", "2020-05-06")
    assert found.geometry["p1"].equals(OUTLINE)
    assert register.revisions() == {"": 7, "clinic": 7, "park": 7}
    assert "has changed since" in (register.warning or "")  # the hash that it was filled from was kept, too
    (first,) = register.history("p1")
    assert (first.version, first.action, first.revision) == (1, "import", 7)
    assert first.fields["closed"] == [None, "2020-05-06"]
    assert shapely.from_geojson(json.dumps(first.fields["geometry"][1])).equals(OUTLINE)
    # And it goes on from there.
    assert register.edit("p1", [1], "me", "patch", lambda old: ({**fields_of(old), "name": "新"}, OUTLINE)).version == 2
    with register.database.reading() as session:
        assert len(select_rows(session, *register.database.touching((120.015, 28.895, 120.016, 28.896)))) == 1
    assert open_register(town_folder, database_url).get("p1").frame.iloc[0]["name"] == "新"


def test_an_empty_register_of_before_goes_on(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    make_tables_of_before(connection, facilities=False)
    register = open_register(town_folder, database_url)
    assert (len(register.facilities()), register.revisions()) == (0, {"": 7})
    assert register.create("n1", {"category": "clinic"}, shapely.Point(*town.place(1, 1)), "me").version == 1
    assert register.revisions() == {"": 8, "clinic": 8}


def test_a_newer_programs_database_is_left_alone(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    open_register(town_folder, database_url)
    connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    connection.commit()
    with pytest.raises(RegisterError, match="schema 9999"):
        open_register(town_folder, database_url)
    assert connection.execute(text("SELECT count(*) FROM facility")).scalar() == 9


def test_a_step_that_fails_leaves_the_tables_of_before(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    make_tables_of_before(connection)
    connection.execute(text("UPDATE fact SET value = 'none' WHERE key = 'revision'"))  # the step reads a number here
    connection.commit()
    with pytest.raises(ValueError, match="none"):
        open_register(town_folder, database_url)
    names = [name for name in ("facility", "fact", "change", "old_facility") if _has(connection, name)]
    assert names == ["facility", "fact"]
    assert connection.execute(text("SELECT count(*) FROM facility")).scalar() == 2


def _has(connection: Connection, table: str) -> bool:
    connection.rollback()
    return connection.dialect.has_table(connection, table)


def test_places_are_found_by_their_index(
    town_folder: Path, database_url: str, connection: Connection, open_register: OpenRegister
):
    register = open_register(town_folder, database_url)
    where = register.database.touching((119.0, 28.0, 121.0, 30.0))[0]
    plan = connection.dialect.name == "sqlite"
    query = text(f"EXPLAIN {'QUERY PLAN' if plan else ''} SELECT * FROM facility WHERE {where.text}")
    if not plan:
        connection.execute(text("SET enable_seqscan = off"))
    told = " ".join(str(row) for row in connection.execute(query, where.compile().params))
    assert ("VIRTUAL TABLE INDEX" if plan else "ix_facility_place") in told
