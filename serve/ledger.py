"""The ledger: a hash chain over every change of state and every view of a sealed original.

Each entry's SHA-256 covers the one before, so that nothing can be changed, taken out or put in
between without every later entry showing it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.db.columns import utc_now
from serve.db.keeping import LedgerEntry

FIRST = "0" * 64
LOCK = 7266602
"""PostgreSQL advisory lock that makes appending a queue; SQLite has one writer anyway."""


def append(
    session: Session,
    *,
    actor: str,
    action: str,
    subject_type: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> LedgerEntry:
    """Append an entry in the caller's transaction; do it last, it makes other writers wait.

    Args:
        session: An open writing transaction.
        actor: User name, ``token:…``, ``worker`` or ``system``.
        action: What was done, as ``finding.confirm``.
        subject_type: What kind of thing it was done to.
        subject: Its id.
        detail: Words and numbers; never secrets.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    session.flush()
    last = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number.desc()).limit(1))
    head = last.first()
    entry = LedgerEntry(
        number=1 if head is None else head.number + 1,
        at=written(utc_now()),
        actor=actor,
        action=action,
        subject_type=subject_type,
        subject=subject,
        detail=canonical(detail or {}),
        previous_sha256=FIRST if head is None else head.sha256,
    )
    entry.sha256 = digest_of(entry)
    session.add(entry)
    session.flush()
    return entry


def written(at: datetime) -> str:
    """Return a time as entries hold it: in UTC and of one length, so that it sorts as text.

    A time too near the ends of the calendar to be turned into UTC becomes that end.
    """
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = (datetime.min if at.year == datetime.min.year else datetime.max).replace(tzinfo=UTC)
    return at.isoformat(timespec="microseconds")


def digest_of(entry: LedgerEntry) -> str:
    """Return the SHA-256 that an entry should have."""
    parts = [
        entry.number, entry.at, entry.actor, entry.action, entry.subject_type, entry.subject,
        entry.detail, entry.previous_sha256,
    ]  # fmt: skip
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def canonical(value: Any) -> str:  # noqa: ANN401
    """Return JSON of which there is but one spelling."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
