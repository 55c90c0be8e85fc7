"""Runs tell whether they were taken over from a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds when that was; all runs so far were saved by the verifier itself."""
    op.add_column("runs", sa.Column("imported", sa.Double))


def downgrade() -> None:
    """Removes it again."""
    op.drop_column("runs", "imported")
