"""Adds the searches for sites that take long."""

import sqlalchemy as sa
from alembic import op

from service.register.tables import UtcDateTime

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.create_table(
        "site_search",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("coordinates", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("begun", UtcDateTime, nullable=False),
        sa.Column("seen", UtcDateTime, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("bound", sa.Float),
        sa.Column("result", sa.LargeBinary),
        sa.Column("problem", sa.String),
    )
