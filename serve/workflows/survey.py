"""Surveys and their comparisons as durable workflows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput
from dbos._error import DBOSException
from sqlalchemy.exc import SQLAlchemyError

from serve import service as services
from serve.db.tables import Comparison, Survey, utc_now
from serve.errors import StorageError
from serve.service import Service
from serve.surveys import comparing, preparing, scratch
from serve.uploads import keeping
from serve.workflows.photos import begin_leaving, begin_photos, hand_over_to, is_followed
from serve.workflows.queues import FINISHED, WorkQueue, start

log = structlog.get_logger()

STUCK_S = 60.0
"""What waits longer is put on its queue again, which does nothing if it is there."""


def _passes(error: BaseException) -> bool:
    """Tell whether trying again may help: the storage, the database or the disk may come back."""
    return isinstance(error, StorageError | SQLAlchemyError | OSError)


def begin_surveys(survey_ids: Iterable[str]) -> None:
    """Have surveys made ready; after the commit that made them. The sweep does what fails here."""
    try:
        for survey_id in survey_ids:
            with services.current().database.read() as session:
                row = session.get(Survey, survey_id)
            if row is None:
                continue
            if row.ortho_upload_id is None:
                begin_photos(survey_id, row.attempt)
            else:
                start(
                    WorkQueue.SURVEY, prepare_survey, survey_id,
                    workflow_id=_survey_workflow_id(row),
                )  # fmt: skip
    except (DBOSException, SQLAlchemyError, RuntimeError) as error:
        log.warning("surveys_not_begun", error=type(error).__name__)


hand_over_to(begin_surveys)


def begin_comparisons(comparison_ids: Iterable[str]) -> None:
    """Have comparisons made; after the commit that made them. The sweep does what fails here."""
    try:
        for comparison_id in comparison_ids:
            start(
                WorkQueue.SURVEY, compare_surveys, comparison_id,
                workflow_id=_comparison_workflow_id(comparison_id),
            )  # fmt: skip
    except (DBOSException, SQLAlchemyError, RuntimeError) as error:
        log.warning("comparisons_not_begun", error=type(error).__name__)


def _survey_workflow_id(row: Survey) -> str:
    kind = "photos" if row.ortho_upload_id is None else "survey"
    return f"{kind}-{row.id}-{row.attempt}"


def _comparison_workflow_id(comparison_id: str) -> str:
    return f"compare-{comparison_id}"


@DBOS.workflow()
def prepare_survey(survey_id: str) -> None:
    """Check what was uploaded, store it for use, and have it compared."""
    files: dict[str, dict[str, Any]] = {}
    try:
        for role in _begin_survey(survey_id):
            made = _make_file(survey_id, role)
            if "key" not in made:
                _rest(survey_id, made)
                return
            files[role] = made
        if not files:
            return
        done = _finish_survey(survey_id, files)
    except DBOSException:
        raise
    except Exception as error:
        log.exception("survey_failed", survey=survey_id)
        _rest(survey_id, {"failed": _our_fault(error)})
        return
    if "refused" in done:
        _rest(survey_id, done)
        return
    begin_comparisons(done["comparisons"])
    _discard_uploads(done["spent"])


def _our_fault(error: Exception) -> str:
    said = str(error) if isinstance(error, StorageError) else type(error).__name__
    return f"this failed on our side, not for the files: {said}. Try again when it is mended"


def _rest(survey_id: str, made: dict[str, Any]) -> None:
    state = next(s for s in ("refused", "failed", "cancelled") if s in made)
    problem = made[state] if isinstance(made[state], str) else None
    _discard_uploads(_end_survey(survey_id, state, problem))


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _begin_survey(survey_id: str) -> list[str]:
    return preparing.begin(services.current(), survey_id)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _make_file(survey_id: str, role: str) -> dict[str, Any]:
    return preparing.make_file(services.current(), survey_id, role)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _finish_survey(survey_id: str, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return preparing.finish(services.current(), survey_id, files)


@DBOS.step(retries_allowed=True, max_attempts=8, interval_seconds=2, should_retry=_passes)
def _end_survey(survey_id: str, state: str, problem: str | None) -> list[str]:
    return preparing.end(services.current(), survey_id, state, problem)


@DBOS.step()
def _discard_uploads(upload_ids: list[str]) -> None:
    preparing.discard_all(services.current(), upload_ids)


@DBOS.workflow()
def compare_surveys(comparison_id: str) -> None:
    """Compare two surveys and take the findings in."""
    try:
        if not _begin_comparison(comparison_id):
            return
        made = _make_comparison(comparison_id)
        if "cancelled" in made:
            _drop_comparison_files(comparison_id)
            return
        if "failed" in made:
            _end_comparison(comparison_id, made["failed"])
            return
        outbox = _finish_comparison(comparison_id, made)
        if outbox is None:
            _drop_comparison_files(comparison_id)
            return
    except DBOSException:
        raise
    except Exception as error:
        log.exception("comparison_failed", comparison=comparison_id)
        _end_comparison(comparison_id, _our_fault(error))
        return
    from serve.workflows import delivery

    delivery.begin(outbox)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _begin_comparison(comparison_id: str) -> bool:
    return comparing.begin(services.current(), comparison_id)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _make_comparison(comparison_id: str) -> dict[str, Any]:
    return comparing.make(services.current(), comparison_id)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _finish_comparison(comparison_id: str, made: dict[str, Any]) -> list[str] | None:
    return comparing.finish(services.current(), comparison_id, made)


@DBOS.step(retries_allowed=True, max_attempts=8, interval_seconds=2, should_retry=_passes)
def _end_comparison(comparison_id: str, problem: str) -> None:
    comparing.end(services.current(), comparison_id, problem)


@DBOS.step()
def _drop_comparison_files(comparison_id: str) -> None:
    try:
        comparing.drop_files(services.current(), comparison_id)
    except StorageError as error:
        # The sweep does it when the storage is back.
        log.warning("comparison_files_left", comparison=comparison_id, detail=str(error))


@DBOS.workflow()
def sweep_surveys(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Begin what nobody began, and end what nobody will finish."""
    sweep(services.current())


@DBOS.workflow()
def sweep_uploads(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Delete uploads whose time is over, and what crashes left in the storage and on this disk."""
    _sweep_upload_files()


@DBOS.step()
def _sweep_upload_files() -> None:
    service = services.current()
    keeping.sweep(service)
    scratch.sweep(service)
    try:
        comparing.sweep_files(service)
    except StorageError as error:
        log.warning("comparison_files_left", detail=str(error))


def sweep(service: Service) -> None:
    """See to it that nothing hangs for ever; may run anywhere and at any time."""
    before = utc_now() - timedelta(seconds=STUCK_S)
    with service.database.read() as session:
        surveys = session.scalars(
            sa.select(Survey).where(
                Survey.state.in_(preparing.IN_WORK_EVER), Survey.created_at < before
            )
        ).all()
        comparisons = session.scalars(
            sa.select(Comparison.id).where(
                Comparison.state.in_(comparing.IN_WORK), Comparison.created_at < before
            )
        ).all()
        left = session.scalars(
            sa.select(Survey.id).where(
                Survey.nodeodm_task_id.is_not(None),
                Survey.state.in_(("cancelled", "deleted", "failed")),
            )
        ).all()
    begin_surveys(row.id for row in surveys if row.state != "processing")
    begin_comparisons(comparisons)
    begin_leaving(left)
    for row in surveys:
        if row.state == "processing":
            # While NodeODM works, each look puts the next one on the queue before it ends.
            dead = not is_followed(row.id, row.attempt) and _still(service, row, "processing")
        else:
            dead = _is_over(_survey_workflow_id(row))
        if dead:
            preparing.end(service, row.id, "failed", _UNFINISHED)
    for comparison_id in comparisons:
        if _is_over(_comparison_workflow_id(comparison_id)):
            comparing.end(service, comparison_id, _UNFINISHED)


_UNFINISHED = "the work ended without a result, again and again; the service's log says more"


def _still(service: Service, row: Survey, state: str) -> bool:
    with service.database.read() as session:
        now = session.get(Survey, row.id)
    return now is not None and (now.state, now.attempt) == (state, row.attempt)


def _is_over(workflow_id: str) -> bool:
    status = DBOS.get_workflow_status(workflow_id)
    return status is not None and status.status in FINISHED


SCHEDULES: list[ScheduleInput] = [
    {
        "schedule_name": "sweep-surveys",
        "workflow_fn": sweep_surveys,
        "schedule": "20 * * * * *",
        "context": None,
    },
    {
        "schedule_name": "sweep-uploads",
        "workflow_fn": sweep_uploads,
        "schedule": "50 */10 * * * *",
        "context": None,
    },
]
