"""Ledger entries that wait for the end of a transaction.

Appending makes every other writer wait. Where one transaction takes many findings in, appending
one by one would hold the others up from the first on, and on PostgreSQL could deadlock with a
review that holds a finding and waits for the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger

_WAITING = "cityeye_ledger_entries"


def note(
    session: Session,
    actor: str,
    action: str,
    subject_type: str,
    subject: str,
    detail: Mapping[str, Any],
) -> None:
    """Have an entry appended to the ledger when the transaction is committed."""
    waiting = session.info.get(_WAITING)
    if waiting is None:
        waiting = session.info[_WAITING] = []
        sa.event.listen(session, "before_commit", _append)
        sa.event.listen(session, "after_rollback", _forget)
    waiting.append((actor, action, subject_type, subject, dict(detail)))


def _append(session: Session) -> None:
    waiting = session.info.get(_WAITING, [])
    entries, waiting[:] = list(waiting), []
    for actor, action, subject_type, subject, detail in entries:
        ledger.append(
            session, actor=actor, action=action, subject_type=subject_type, subject=subject,
            detail=detail,
        )  # fmt: skip


def _forget(session: Session) -> None:
    session.info.get(_WAITING, []).clear()
