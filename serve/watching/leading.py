"""One of many processes does what only one should: it holds a lock that dies with it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from serve.db.engine import Database


class Leadership:
    """The right to do something alone, among all processes on one database."""

    def __init__(self, database: Database, *, folder: Path, name: str, number: int) -> None:
        """Take nothing yet.

        Args:
            database: Whose processes share the right.
            folder: Where the lock's file lies, on SQLite.
            name: Of the file.
            number: Of the advisory lock, on PostgreSQL.
        """
        self._database = database
        self._path = folder / f"{name}.lock"
        self._number = number
        self._file: IO[str] | None = None
        self._connection: sa.Connection | None = None

    def holds(self) -> bool:
        """Take the right where nobody has it; returns whether it is ours, as of now."""
        return self._holds_file() if self._database.is_sqlite else self._holds_lock()

    def _holds_file(self) -> bool:
        if self._file is not None:
            return True
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def _holds_lock(self) -> bool:
        try:
            if self._connection is not None:
                # The lock lives as long as the connection does.
                self._connection.execute(sa.text("SELECT 1"))
                return True
            connection = self._database.engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
            if connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self._number))):
                self._connection = connection
                return True
            connection.close()
        except SQLAlchemyError:
            self.give_up()
        return False

    def give_up(self) -> None:
        """Leave the right to others."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            # Closed for good: given back to the pool, it would go on holding the lock.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
