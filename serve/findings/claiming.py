"""Claims: a reviewer takes the next findings of the queue for some minutes, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.db.tables import FindingRow, utc_now
from serve.errors import NotFound
from serve.findings.filters import FindingFilters, State
from serve.findings.pending import note
from serve.findings.query import Order, list_findings, order_columns

LEASE_S = 300
"""Long enough to look closely, short enough that what a closed browser held is soon free."""
MOST_AT_ONCE = 20
MOST_HELD = 60
"""Findings that one reviewer may hold."""
_LOOKED_AT = 40


def claim(
    session: Session,
    reviewer: str,
    filters: FindingFilters,
    *,
    count: int,
    order: Order = Order.RISK,
    except_ids: Sequence[str] = (),
) -> list[FindingRow]:
    """Claim the next findings that wait.

    On SQLite there is one writer at a time. On PostgreSQL a candidate that another claim holds is
    passed over, and one that was claimed meanwhile is seen to be when its row is locked.

    Args:
        session: An open writing transaction.
        reviewer: Who claims.
        filters: Which findings; their state is of no account, only those that wait are claimed.
        count: How many at most; fewer where fewer wait or too many are held already.
        order: Which come first: the most urgent, or the newest.
        except_ids: Findings to pass over, which the reviewer left to others.
    """
    now = utc_now()
    count = min(count, MOST_HELD - len(held_by(session, reviewer)))
    free = sa.or_(FindingRow.claimed_until.is_(None), FindingRow.claimed_until <= now)
    also = [free, FindingRow.id.not_in(except_ids)] if except_ids else [free]
    columns = order_columns(order)
    waiting = filters.model_copy(update={"state": [State.SUSPECTED]})
    claimed: list[FindingRow] = []
    cursor = None
    while len(claimed) < count:
        candidates, cursor = list_findings(
            session, waiting, order=order, limit=count + _LOOKED_AT, cursor=cursor, also=also
        )
        ids = [row.id for row in candidates]
        locked = (
            sa.select(FindingRow)
            .where(FindingRow.id.in_(ids), FindingRow.state == State.SUSPECTED.value, free)
            .order_by(*(column.desc() for column in columns))
            .limit(count - len(claimed))
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        claimed += session.scalars(locked)
        if cursor is None:
            break
    _take(session, reviewer, claimed, now)
    return claimed


def claim_these(session: Session, reviewer: str, ids: Sequence[str]) -> list[FindingRow]:
    """Claim certain findings, as far as they wait and nobody else holds them.

    Those that the reviewer holds already are held for a whole lease from now on.

    Args:
        session: An open writing transaction.
        reviewer: Who claims.
        ids: Which findings, in the order in which they are returned.
    """
    now = utc_now()
    locked = (
        sa.select(FindingRow)
        .where(FindingRow.id.in_(ids), FindingRow.state == State.SUSPECTED.value)
        .where(
            sa.or_(
                FindingRow.claimed_until.is_(None),
                FindingRow.claimed_until <= now,
                FindingRow.claimed_by == reviewer,
            )
        )
        .order_by(FindingRow.id)
        .with_for_update(skip_locked=True)
    )
    free = {row.id: row for row in session.scalars(locked)}
    held = {row.id for row in held_by(session, reviewer)}
    room = MOST_HELD - len(held)
    claimed = []
    for finding_id in dict.fromkeys(ids):
        row = free.get(finding_id)
        if row is None or (row.id not in held and room == 0):
            continue
        room -= row.id not in held
        claimed.append(row)
    _take(session, reviewer, claimed, now)
    return claimed


def _take(session: Session, reviewer: str, rows: Sequence[FindingRow], now: datetime) -> None:
    fresh = [
        row.id for row in rows
        if row.claimed_by != reviewer or row.claimed_until is None or row.claimed_until <= now
    ]  # fmt: skip
    for row in rows:
        row.claimed_by, row.claimed_until = reviewer, now + timedelta(seconds=LEASE_S)
    if fresh:
        detail = {"findings": fresh}
        note(session, reviewer, "review.claim", "reviewer", reviewer, detail)
    session.flush()


def held_by(session: Session, reviewer: str) -> list[FindingRow]:
    """Return what a reviewer holds, the most urgent first."""
    return list(
        session.scalars(
            sa.select(FindingRow)
            .where(FindingRow.claimed_by == reviewer, FindingRow.claimed_until > utc_now())
            .order_by(FindingRow.risk.desc(), FindingRow.id.desc())
        )
    )


def renew(session: Session, reviewer: str, ids: Sequence[str]) -> list[FindingRow]:
    """Hold findings for a whole lease from now on.

    Raises:
        NotFound: The reviewer does not hold one of them, or no longer.
    """
    rows = _held(session, reviewer, ids)
    until = utc_now() + timedelta(seconds=LEASE_S)
    for row in rows:
        row.claimed_until = until
    session.flush()
    return rows


def release(session: Session, reviewer: str, ids: Sequence[str]) -> int:
    """Give findings back to the queue; those not held are left alone. Returns how many."""
    rows = session.scalars(
        sa.select(FindingRow)
        .where(FindingRow.id.in_(ids), FindingRow.claimed_by == reviewer)
        .order_by(FindingRow.id)
        .with_for_update()
    ).all()
    for row in rows:
        row.claimed_by = row.claimed_until = None
    session.flush()
    return len(rows)


def _held(session: Session, reviewer: str, ids: Sequence[str]) -> list[FindingRow]:
    rows = list(
        session.scalars(
            sa.select(FindingRow)
            .where(FindingRow.id.in_(ids), FindingRow.claimed_by == reviewer)
            .where(FindingRow.claimed_until > utc_now())
            .order_by(FindingRow.id)
            .with_for_update()
        )
    )
    missing = sorted(set(ids) - {row.id for row in rows})
    if missing:
        raise NotFound(f"you do not hold {', '.join(missing[:3])}; claim again")
    return rows


def is_claimed_by_another(row: FindingRow, reviewer: str, now: datetime) -> bool:
    """Tell whether somebody else holds a finding."""
    return (
        row.claimed_by is not None
        and row.claimed_by != reviewer
        and row.claimed_until is not None
        and row.claimed_until > now
    )
