"""Adds the saved scenarios."""

import sqlalchemy as sa
from alembic import op

from service.register.tables import UtcDateTime

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    op.create_table(
        "scenario",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("revisions", sa.JSON, nullable=False),
        sa.Column("saved", UtcDateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
    )
