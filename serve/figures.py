"""Figures that are counted in the database when Prometheus asks, the same from every process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.orm import Session

from serve import metrics
from serve.db.tables import (
    CameraRow,
    FindingRow,
    LedgerEntry,
    OutboxEntry,
    Worker,
    utc_now,
)
from serve.service import Service
from serve.workflows.runtime import SILENT_S, workflow_database_url

GOOD_FOR_S = 10.0
"""Counting a million findings takes a moment; several scrapers share one count."""
_STATES = ("ENQUEUED", "DELAYED", "PENDING", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Figures:
    """Counts, not more often than every few seconds."""

    def __init__(self, service: Service) -> None:
        """Prepare to count for a service."""
        self._service = service
        self._lock = threading.Lock()
        self._counted_at: float | None = None

    def count(self) -> None:
        """Bring the gauges up to date."""
        with self._lock:
            now = time.monotonic()
            if self._counted_at is not None and now - self._counted_at < GOOD_FOR_S:
                return
            with self._service.database.read() as session:
                _count(session)
            self._count_queues()
            self._counted_at = now

    def _count_queues(self) -> None:
        url = workflow_database_url(self._service.settings)
        schema = None if url.get_backend_name() == "sqlite" else "dbos"
        table = sa.table(
            "workflow_status", sa.column("queue_name"), sa.column("status"), schema=schema
        )
        query = (
            sa.select(table.c.queue_name, table.c.status, sa.func.count())
            .where(table.c.status.in_(_STATES))
            .group_by(table.c.queue_name, table.c.status)
        )
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        try:
            with engine.connect() as connection:
                rows = connection.execute(query).all()
        except sa.exc.DBAPIError:
            # No process has worked here yet: there are no such tables.
            rows = []
        metrics.QUEUE_DEPTH.clear()
        for queue, state, count in rows:
            metrics.QUEUE_DEPTH.labels(queue or "none", state.lower()).set(count)


def _count(session: Session) -> None:
    _set(metrics.FINDINGS, _by(session, FindingRow.state), ("suspected", "confirmed", "rejected"))
    _set(metrics.OUTBOX, _by(session, OutboxEntry.state), ("waiting", "dead"))
    _set(metrics.DEAD_LETTERS, _by(session, OutboxEntry.target, OutboxEntry.state == "dead"))
    _set(metrics.CAMERAS, _by(session, CameraRow.health, CameraRow.enabled.is_(True)))
    alive = session.scalar(
        sa.select(sa.func.count())
        .select_from(Worker)
        .where(Worker.gone_at.is_(None), Worker.heard_at > utc_now() - timedelta(seconds=SILENT_S))
    )
    metrics.WORKERS_ALIVE.set(alive or 0)
    metrics.LEDGER_ENTRIES.set(session.scalar(sa.select(sa.func.max(LedgerEntry.number))) or 0)


def _by(
    session: Session, column: sa.orm.InstrumentedAttribute[str], *only: sa.ColumnElement[bool]
) -> dict[str, int]:
    rows = session.execute(sa.select(column, sa.func.count()).where(*only).group_by(column))
    return {str(name): int(count) for name, count in rows}


def _set(gauge: Gauge, counts: dict[str, int], always: Iterable[str] = ()) -> None:
    gauge.clear()
    for name in {*always, *counts}:
        gauge.labels(name).set(counts.get(name, 0))
