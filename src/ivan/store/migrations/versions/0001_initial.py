"""The first schema: networks, properties, runs, proofs, witnesses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the five tables. Written out in full: a migration must not change when the models do."""
    op.create_table(
        "networks",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("architecture", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("file_digest", sa.String(64), nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
        sa.Column("weights", sa.LargeBinary),
    )
    op.create_table(
        "properties",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("inputs", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("checksum", sa.String(64), nullable=False),
        sa.Column("network", sa.String(64), sa.ForeignKey("networks.digest"), nullable=False),
        sa.Column("property", sa.String(64), sa.ForeignKey("properties.digest"), nullable=False),
        sa.Column("options", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("statistics", sa.Text, nullable=False),
        sa.Column("parent", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL")),
        sa.Column("created", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_question", "runs", ["property", "network"])
    op.create_index("runs_by_parent", "runs", ["parent"])
    op.create_table(
        "proofs",
        sa.Column(
            "run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("leaves", sa.BigInteger, nullable=False),
        sa.Column("depth", sa.BigInteger, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "witnesses",
        sa.Column(
            "run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
        sa.Column("outputs", sa.LargeBinary, nullable=False),
        sa.Column("precision", sa.String(16), nullable=False),
    )


def downgrade() -> None:
    """Removes them again."""
    for table in ("witnesses", "proofs", "runs", "properties", "networks"):
        op.drop_table(table)
