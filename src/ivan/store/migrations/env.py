"""Runs the migrations on the connection, and inside the transaction, that the store hands over."""

from __future__ import annotations

from alembic import context

from ivan.store.models import metadata, revisions

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=revisions.name,
)
context.run_migrations()
