"""Every night what is over is deleted, stretch by stretch; and more often what piles up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS, ScheduleInput

from serve import retention
from serve import service as services
from serve.db.tables import utc_now
from serve.service import Service
from serve.surveys import preparing
from serve.workflows.queues import FINISHED, WorkQueue

log = structlog.get_logger()

WORKFLOWS_KEPT_DAYS = 30
WORKFLOWS_AT_ONCE = 500


@DBOS.workflow()
def retain(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Delete what is over."""
    while _expire_findings():
        pass
    after: str | None = ""
    while after is not None:
        after = _delete_evidence_over(after)
    while _erase_evidence():
        pass
    after = ""
    while after is not None:
        after = _delete_surveys_over(after)
    after = ""
    while after is not None:
        after = _drop_files_of_deleted_surveys(after)


@DBOS.workflow()
def clear_away(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Delete what piles up, erase what an earlier night did not get to, and count what is left."""
    _sweep_leavings()
    while _erase_evidence():
        pass
    while _forget_workflows():
        pass
    _analyse()


def _stretch(
    find: Callable[..., list[str]], act: Callable[[Service, str], object], after: str
) -> str | None:
    """Do something to each of the next ones; returns the last of them, none at the end."""
    service = services.current()
    ids = find(service, after=after)
    for own in ids:
        act(service, own)
    return ids[-1] if ids else None


@DBOS.step()
def _expire_findings() -> int:
    return retention.expire_undecided(services.current())


@DBOS.step()
def _delete_evidence_over(after: str) -> str | None:
    return _stretch(retention.findings_over, retention.delete_evidence, after)


@DBOS.step()
def _erase_evidence() -> int:
    return retention.erase_deleted(services.current())


@DBOS.step()
def _delete_surveys_over(after: str) -> str | None:
    return _stretch(retention.surveys_over, retention.delete_survey, after)


@DBOS.step()
def _drop_files_of_deleted_surveys(after: str) -> str | None:
    # Whoever deleted them may have died before their files went; doing it again does no harm.
    return _stretch(retention.deleted_surveys, preparing.drop_files, after)


@DBOS.step()
def _sweep_leavings() -> dict[str, int]:
    return retention.sweep(services.current())


@DBOS.step()
def _forget_workflows() -> int:
    """Delete what the engine remembers of work long done; returns how many workflows."""
    before = utc_now() - timedelta(days=WORKFLOWS_KEPT_DAYS)
    done = DBOS.list_workflows(
        status=list(FINISHED),
        completed_before=before.isoformat(),
        limit=WORKFLOWS_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([workflow.workflow_id for workflow in done])
    return len(done)


@DBOS.step()
def _analyse() -> None:
    services.current().database.analyse()


SCHEDULES: list[ScheduleInput] = [
    ScheduleInput(
        schedule_name="retain",
        workflow_fn=retain,
        schedule="40 2 * * *",
        context=None,
        queue_name=WorkQueue.UPKEEP,
    ),
    ScheduleInput(
        schedule_name="clear-away",
        workflow_fn=clear_away,
        schedule="25 * * * *",
        context=None,
        queue_name=WorkQueue.UPKEEP,
    ),
]
