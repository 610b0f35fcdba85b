"""What the case system keeps: cases, their events, and tokens, in one SQLite file."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from serve.cases.states import FLOW

SCHEMA = """
CREATE TABLE IF NOT EXISTS cases (
    serial INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    dedupe_key TEXT NOT NULL UNIQUE,
    adapter TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    service_code TEXT NOT NULL,
    draft TEXT NOT NULL,
    state TEXT NOT NULL,
    callback_url TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    step_at TEXT
);
CREATE INDEX IF NOT EXISTS cases_steps ON cases (step_at);
CREATE TABLE IF NOT EXISTS events (
    serial INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    told_at TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_untold ON events (told_at, next_try_at);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    number TEXT,
    ready_at TEXT
);
CREATE TABLE IF NOT EXISTS withdrawals (
    reference TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
);
"""
LONGEST_TRY_S = 60.0


@dataclass(frozen=True)
class NewCase:
    """What is filed."""

    dedupe_key: str
    adapter: str
    title: str
    description: str
    service_code: str
    draft: dict[str, Any]
    callback_url: str | None


@dataclass(frozen=True)
class KeptCase:
    """A case."""

    number: str
    dedupe_key: str
    adapter: str
    title: str
    description: str
    service_code: str
    state: str
    created_at: str
    updated_at: str
    draft: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A change of state that is to be told."""

    serial: int
    number: str
    dedupe_key: str
    state: str
    at: str
    callback_url: str | None
    tries: int


class Store:
    """The case system's memory."""

    def __init__(self, path: Path) -> None:
        """Open it, made where there is none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def file(self, new: NewCase, *, step_s: float) -> tuple[KeptCase, bool]:
        """File a case, once.

        Returns:
            The case, and whether it is new.
        """
        known = self.by_key(new.dedupe_key)
        if known is not None:
            return known, False
        now = datetime.now(UTC)
        with self._write() as connection:
            found = connection.execute(
                "SELECT number FROM cases WHERE dedupe_key = ?", (new.dedupe_key,)
            ).fetchone()
            if found is None:
                serial = connection.execute(
                    "SELECT COALESCE(MAX(serial), 0) + 1 FROM cases"
                ).fetchone()[0]
                connection.execute(
                    "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        serial, f"{now:%Y%m%d}-{serial:06d}", new.dedupe_key, new.adapter,
                        new.title, new.description, new.service_code,
                        json.dumps(new.draft, ensure_ascii=False), "received", new.callback_url,
                        now.isoformat(), now.isoformat(), _later(now, step_s),
                    ),
                )  # fmt: skip
        case = self.by_key(new.dedupe_key)
        assert case is not None  # noqa: S101 (just written)
        return case, found is None

    def by_key(self, dedupe_key: str) -> KeptCase | None:
        """Return the case with a dedupe key."""
        rows = self._rows("SELECT * FROM cases WHERE dedupe_key = ?", dedupe_key)
        return _case(rows[0]) if rows else None

    def by_number(self, number: str) -> KeptCase | None:
        """Return the case with a number."""
        rows = self._rows("SELECT * FROM cases WHERE number = ?", number)
        return _case(rows[0]) if rows else None

    def cases(
        self, *, start: str = "", end: str = "~", limit: int = 1000, offset: int = 0
    ) -> list[KeptCase]:
        """Return cases filed between two times, newest first."""
        rows = self._rows(
            "SELECT * FROM cases WHERE created_at >= ? AND created_at <= ? "
            "ORDER BY serial DESC LIMIT ? OFFSET ?",
            start, end, limit, offset,
        )  # fmt: skip
        return [_case(row) for row in rows]

    def count(self) -> dict[str, int]:
        """Return how many cases there are in each state."""
        rows = self._rows("SELECT state, COUNT(*) AS n FROM cases GROUP BY state ORDER BY state")
        return {row["state"]: row["n"] for row in rows}

    def withdraw(self, dedupe_key: str, reference: str, reason: str) -> KeptCase | None:
        """Withdraw a case, once; none where there is no such case."""
        case = self.by_key(dedupe_key)
        if case is None:
            return None
        now = datetime.now(UTC).isoformat()
        with self._write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO withdrawals VALUES (?, ?, ?, ?)",
                (reference, case.number, reason, now),
            )
            connection.execute(
                "UPDATE cases SET state = 'withdrawn', step_at = NULL, updated_at = ? "
                "WHERE number = ? AND state <> 'closed'",
                (now, case.number),
            )
        return self.by_key(dedupe_key)

    def withdrawals(self) -> list[dict[str, str]]:
        """Return what was withdrawn."""
        return [dict(row) for row in self._rows("SELECT * FROM withdrawals ORDER BY at")]

    def new_token(self, number: str | None, *, ready_s: float) -> str:
        """Return a token that will yield a number after a while, or never."""
        token = secrets.token_hex(8)
        ready = _later(datetime.now(UTC), ready_s)
        with self._write() as connection:
            connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, number, ready))
        return token

    def token(self, token: str) -> tuple[bool, str | None]:
        """Return whether there is such a token, and the number that it yields by now."""
        rows = self._rows("SELECT * FROM tokens WHERE token = ?", token)
        if not rows:
            return False, None
        ready = rows[0]["ready_at"] <= datetime.now(UTC).isoformat()
        return True, rows[0]["number"] if ready else None

    def step(self, *, step_s: float) -> int:
        """Move each case on whose time it is; returns how many moved."""
        now = datetime.now(UTC)
        rows = self._rows(
            "SELECT number, state FROM cases WHERE step_at IS NOT NULL AND step_at <= ? "
            "ORDER BY step_at LIMIT 500",
            now.isoformat(),
        )
        if not rows:
            return 0
        states = ["received", *map(str, FLOW)]
        with self._write() as connection:
            for row in rows:
                after = states[states.index(row["state"]) + 1]
                next_at = None if after == states[-1] else _later(now, step_s)
                moved = connection.execute(
                    "UPDATE cases SET state = ?, updated_at = ?, step_at = ? "
                    "WHERE number = ? AND state = ?",
                    (after, now.isoformat(), next_at, row["number"], row["state"]),
                ).rowcount
                if moved:
                    self._note(connection, row["number"], after, now)
        return len(rows)

    def say(self, number: str, state: str) -> None:
        """Note a state to be told that is not one of the flow's."""
        with self._write() as connection:
            self._note(connection, number, state, datetime.now(UTC))

    @staticmethod
    def _note(connection: sqlite3.Connection, number: str, state: str, at: datetime) -> None:
        connection.execute(
            "INSERT INTO events (number, state, at, next_try_at) VALUES (?, ?, ?, ?)",
            (number, state, at.isoformat(), at.isoformat()),
        )

    def untold(self, limit: int = 100) -> list[Event]:
        """Return events that are to be told now, oldest first."""
        rows = self._rows(
            "SELECT e.serial, e.number, e.state, e.at, e.tries, c.dedupe_key, c.callback_url "
            "FROM events e JOIN cases c ON c.number = e.number "
            "WHERE e.told_at IS NULL AND e.next_try_at <= ? ORDER BY e.serial LIMIT ?",
            datetime.now(UTC).isoformat(), limit,
        )  # fmt: skip
        return [Event(**dict(row)) for row in rows]

    def told(self, event: Event, *, success: bool) -> None:
        """Note that an event was told, or that telling it failed."""
        now = datetime.now(UTC)
        wait_s = min(2.0**event.tries, LONGEST_TRY_S)
        with self._write() as connection:
            connection.execute(
                "UPDATE events SET told_at = ?, tries = tries + 1, next_try_at = ? "
                "WHERE serial = ?",
                (now.isoformat() if success else None, _later(now, wait_s), event.serial),
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _later(now: datetime, seconds: float) -> str:
    return (now + timedelta(seconds=seconds)).isoformat()


def _case(row: sqlite3.Row) -> KeptCase:
    names = KeptCase.__dataclass_fields__
    return KeptCase(
        **{**{n: row[n] for n in names if n != "draft"}, "draft": json.loads(row["draft"])}
    )
