"""Properties keep what they ask, so that other questions can make use of their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds what is known of a query, for new rows, and the indices to look it up by."""
    op.add_column("properties", sa.Column("kin", sa.String(64)))
    op.add_column("properties", sa.Column("hull", sa.LargeBinary))
    op.add_column("properties", sa.Column("query", sa.LargeBinary))
    op.create_index("properties_by_kin", "properties", ["kin"])
    op.create_index("runs_by_network", "runs", ["network"])


def downgrade() -> None:
    """Removes them again."""
    op.drop_index("runs_by_network", "runs")
    op.drop_index("properties_by_kin", "properties")
    for column in ("query", "hull", "kin"):
        op.drop_column("properties", column)
