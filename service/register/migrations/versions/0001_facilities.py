"""Creates the tables of facilities and facts."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "facility",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("category", sa.String, nullable=False, index=True),
        *(sa.Column(name, sa.String) for name in ("subtype", "name", "name_en", "area_code", "address", "phone")),
        sa.Column("opened", sa.Date),
        sa.Column("closed", sa.Date),
        sa.Column("opening_hours", sa.String),
        sa.Column("capacity", sa.Integer),
        sa.Column("provenance", sa.String, nullable=False),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("geometry", sa.LargeBinary, nullable=False),
        sa.Column("west", sa.Float, nullable=False, index=True),
        sa.Column("south", sa.Float, nullable=False, index=True),
        sa.Column("east", sa.Float, nullable=False),
        sa.Column("north", sa.Float, nullable=False),
    )
    op.create_table(
        "fact", sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
    )
