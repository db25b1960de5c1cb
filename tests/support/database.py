"""Reads the register's tables without the program."""

from sqlalchemy import create_engine, text


def read_tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables of facilities, changes and facts, by table."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        tables = {
            table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY {key}"))]
            for table, key in (("facility", "id"), ("change", "number"), ("fact", "key"))
        }
    engine.dispose()
    return tables
