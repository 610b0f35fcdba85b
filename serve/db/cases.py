"""Tables of cases and of what is posted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, id_column, utc_now


class Case(Base):
    """A confirmed finding on its way through the case system."""

    __tablename__ = "cases"
    id: Mapped[str] = id_column()
    finding_id: Mapped[str] = mapped_column(sa.ForeignKey("findings.id"), index=True)
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    target: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    event_code: Mapped[str]
    table_version: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    draft: Mapped[dict[str, Any]]  # as built at confirmation
    # drafted, delivered, filed 立案, dispatched 派遣, handling 处置, reported 反馈, verified 核查,
    # closed 结案, refused, withdrawn, dead
    state: Mapped[str] = mapped_column(default="drafted")
    external_id: Mapped[str | None] = mapped_column(index=True)
    due_at: Mapped[datetime | None]
    cell_code: Mapped[str | None]
    unit: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    closed_at: Mapped[datetime | None]
    links_issue: Mapped[int] = mapped_column(default=1)  # grows when evidence links are revoked
    revision: Mapped[int] = mapped_column(default=1)
    # What the dashboard counts is a stretch of one of these.
    __table_args__ = (
        sa.Index("ix_cases_count_closed", "state", "kind", "closed_at"),
        sa.Index("ix_cases_count_closed_of_unit", "unit", "state", "kind", "closed_at"),
    )


class OutboxEntry(Base):
    """A message for a case system, written in the transaction that made it necessary."""

    __tablename__ = "outbox"
    id: Mapped[str] = id_column()
    case_id: Mapped[str] = mapped_column(sa.ForeignKey("cases.id"), index=True)
    sequence: Mapped[int]  # order per case
    target: Mapped[str] = mapped_column(index=True)
    action: Mapped[str]  # post, withdraw
    payload: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default="waiting")  # delivered, dead, cancelled
    attempts: Mapped[int] = mapped_column(default=0)
    # Set before the first byte is sent: from then on the other side may know of it.
    first_sent_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    held: Mapped[bool] = mapped_column(default=False)  # back by the breaker, which will tell
    last_problem: Mapped[str | None]
    remote_token: Mapped[str | None]  # Open311: to be exchanged for an id
    token_at: Mapped[datetime | None]
    turn: Mapped[int] = mapped_column(default=0)  # part of the workflow's id; grows with each run
    replays: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    delivered_at: Mapped[datetime | None]
    __table_args__ = (
        sa.UniqueConstraint("case_id", "sequence"),
        sa.Index("ix_outbox_due", "state", "next_attempt_at", "id"),
        sa.Index("ix_outbox_state_target", "state", "target", "id"),
    )


class CaseEvent(Base):
    """What happened to a case, from us or from the other side."""

    __tablename__ = "case_events"
    id: Mapped[str] = id_column()
    case_id: Mapped[str] = mapped_column(sa.ForeignKey("cases.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    state: Mapped[str]
    origin: Mapped[str]  # us, delivery, callback, poll
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    remote_id: Mapped[str | None] = mapped_column(unique=True)  # of a callback: it counts once


class TargetState(Base):
    """How a case system fares: the circuit breaker, shared by all workers."""

    __tablename__ = "target_states"
    name: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    opened: Mapped[int] = mapped_column(default=0)  # times in a row; each lasts longer
    open_until: Mapped[datetime | None]
    next_slot_at: Mapped[datetime | None]  # where the rate is limited
    last_problem: Mapped[str | None]
    last_success_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
