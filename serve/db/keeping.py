"""Tables of the ledger, of requests already answered, and of the workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, utc_now


class LedgerEntry(Base):
    """One link of the hash chain over everything that changed or was viewed."""

    __tablename__ = "ledger"
    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[str]  # RFC 3339, as hashed
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject_type: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str]  # canonical JSON, as hashed
    previous_sha256: Mapped[str] = mapped_column(sa.String(64))
    sha256: Mapped[str] = mapped_column(sa.String(64), unique=True)
    __table_args__ = (sa.Index("ix_ledger_actor", "actor", "number"),)


class LedgerStamp(Base):
    """An RFC 3161 time stamp over the head of the ledger."""

    __tablename__ = "ledger_stamps"
    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    sha256: Mapped[str] = mapped_column(sa.String(64))
    token: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(default=utc_now)


class AnsweredRequest(Base):
    """A request with an idempotency key, and the answer it got."""

    __tablename__ = "answered_requests"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str]
    request_sha256: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int]
    body: Mapped[dict[str, Any]]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Worker(Base):
    """A process that runs workflows, and when it was last heard of."""

    __tablename__ = "workers"
    executor_id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[int]
    place: Mapped[str] = mapped_column(default="")  # machine, since its start, and process space
    process_started: Mapped[str] = mapped_column(default="")  # numbers of processes are used again
    version: Mapped[str]
    queues: Mapped[list[str]]
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    heard_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    gone_at: Mapped[datetime | None]  # its work has been taken over
