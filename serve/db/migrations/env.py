"""How Alembic reaches the database: by the connection that it is handed."""

from __future__ import annotations

from alembic import context

from serve.db.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
