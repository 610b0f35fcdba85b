"""Bring a database to this version's tables, by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from serve.db.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Apply every migration that is missing. Several processes may do so at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    # In exclusive mode of either database a second process waits, then finds nothing to do.
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection = connection.execution_options(cityeye_write=True)
        with connection.begin():
            if not database.is_sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7266601)")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
