"""Once a day the head of the ledger is stamped by another's clock, where one is configured."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput

from serve import service as services
from serve.db.tables import LedgerEntry, LedgerStamp
from serve.ledger_stamps import request_stamp
from serve.service import Service
from serve.workflows.queues import WorkQueue

log = structlog.get_logger()


@DBOS.workflow()
def stamp_daily(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Stamp the head of the ledger."""
    _stamp_ledger()


@DBOS.step(retries_allowed=True, interval_seconds=60.0, max_attempts=6, backoff_rate=2.0)
def _stamp_ledger() -> int | None:
    return stamp_head(services.current())


def stamp_head(service: Service) -> int | None:
    """Stamp the head of the ledger, unless it is stamped already.

    Returns:
        Its number; none where no server is configured or nothing is there to stamp.

    Raises:
        Unavailable: The server does not answer.
        BadStamp: What it answered proves nothing.
    """
    url = service.settings.timestamp_url
    if not url:
        return None
    with service.database.read() as session:
        head = session.scalars(
            sa.select(LedgerEntry).order_by(LedgerEntry.number.desc()).limit(1)
        ).first()
        if head is None or session.get(LedgerStamp, head.number) is not None:
            return None
    token = request_stamp(url, sha256=head.sha256)
    with service.database.write() as session:
        # Two workers may have asked at once; either stamp does.
        session.merge(LedgerStamp(number=head.number, sha256=head.sha256, token=token))
    log.info("ledger_stamped", number=head.number)
    return head.number


SCHEDULES: list[ScheduleInput] = [
    ScheduleInput(
        schedule_name="stamp-ledger",
        workflow_fn=stamp_daily,
        schedule="17 3 * * *",
        context=None,
        queue_name=WorkQueue.UPKEEP,
    ),
]
