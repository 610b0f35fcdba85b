"""Connections: one way to read, one way to write, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another one on SQLite."""
RECYCLE_S = 3600
"""A SQLite connection reads the statistics when it is opened, and never again."""
ANALYSED_ROWS = 2_000
"""Rows of each index that SQLite looks at for its statistics; a million take no longer then."""


class Database:
    """A database with its connections."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """Connect when first needed.

        Args:
            url: SQLAlchemy URL: ``sqlite:///path`` or ``postgresql+psycopg://…``.
            pool_size: Connections kept, on PostgreSQL.
        """
        self.url = url
        # What an error says lands in the log; what was being written may be secret.
        self.is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = sa.create_engine(url, hide_parameters=True, pool_recycle=RECYCLE_S)
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = sa.create_engine(
                url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True,
                hide_parameters=True,
            )  # fmt: skip
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Read in one transaction; nothing is written."""
        with self._sessions() as session:
            try:
                yield session
            finally:
                # Let go first: a rollback would empty what the caller goes on reading.
                session.expunge_all()
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Write in one transaction: all of it at the end, or nothing after an error.

        On SQLite the write lock is taken at once, so that two writers queue up instead of one
        failing half-way.
        """
        with self._sessions() as session:
            session.connection(execution_options={"cityeye_write": True})
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def analyse(self) -> None:
        """Have SQLite see how its rows are spread, without which it picks the wrong index.

        PostgreSQL does this by itself.
        """
        if not self.is_sqlite:
            return
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA analysis_limit={ANALYSED_ROWS}")
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
        # Connections that are open go by what they read; new ones are made in their place.
        self.engine.dispose()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:  # noqa: ANN401
    # SQLite does not wait (busy_timeout) for others at the switch of a new file: it would
    # deadlock where two have read it and both want it to themselves.
    give_up = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("cityeye_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
