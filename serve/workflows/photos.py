"""Raw flight photos by NodeODM, as durable workflows.

Following a task takes hours: each look is a workflow of its own that puts the next one on the
queue, so that no worker waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from dbos import DBOS
from dbos._error import DBOSException
from sqlalchemy.exc import SQLAlchemyError

from serve import service as services
from serve.errors import StorageError, Unavailable
from serve.surveys import photos, preparing
from serve.workflows.queues import UNFINISHED, WorkQueue, start

log = structlog.get_logger()

LOOK_EVERY_S = 10.0
_AWAY_TRIES = 10


def _passes(error: BaseException) -> bool:
    return isinstance(error, Unavailable | StorageError | SQLAlchemyError | OSError)


def begin_photos(survey_id: str, attempt: int) -> None:
    """Have a survey's photos sent; putting it on the queue again does nothing."""
    start(
        WorkQueue.PHOTOS, send_photos, survey_id, attempt,
        workflow_id=f"photos-{survey_id}-{attempt}",
    )  # fmt: skip


def is_followed(survey_id: str, attempt: int) -> bool:
    """Tell whether photos are being sent, or a look at their task runs or waits for its time."""
    names = (f"photos-{survey_id}-{attempt}", f"photos-look-{survey_id}-{attempt}-")
    return any(
        DBOS.list_workflows(
            status=list(UNFINISHED),
            workflow_id_prefix=name,
            limit=1,
            load_input=False,
            load_output=False,
        )
        for name in names
    )


def begin_leaving(survey_ids: Iterable[str]) -> None:
    """Have the tasks of surveys that need them no more stopped and deleted."""
    try:
        for survey_id in survey_ids:
            start(WorkQueue.PHOTOS, leave_task, survey_id, workflow_id=f"photos-leave-{survey_id}")
    except (DBOSException, SQLAlchemyError, RuntimeError) as error:
        log.warning("leaving_not_begun", error=type(error).__name__)


@DBOS.workflow()
def send_photos(survey_id: str, attempt: int) -> None:
    """Send the photos, then begin to look how far the server is."""
    try:
        sent = _send_photos(survey_id)
    except DBOSException:
        raise
    except Exception as error:
        sent = {"failed": _why(error)}
    if "follow" in sent:
        _look_later(survey_id, attempt, 1)
    else:
        _rest(survey_id, sent)


def _look_later(survey_id: str, attempt: int, number: int) -> None:
    start(
        WorkQueue.PHOTOS, look_at_task, survey_id, attempt, number,
        workflow_id=f"photos-look-{survey_id}-{attempt}-{number}", delay_s=LOOK_EVERY_S,
    )  # fmt: skip


@DBOS.workflow()
def look_at_task(survey_id: str, attempt: int, number: int) -> None:
    """Look once; then look again, or fetch what was made."""
    try:
        seen = _look_at_task(survey_id)
        if "again" in seen:
            _look_later(survey_id, attempt, number + 1)
            return
        if "fetch" in seen:
            seen = _fetch_results(survey_id)
    except DBOSException:
        raise
    except Exception as error:
        seen = {"failed": _why(error)}
    if "ready" not in seen:
        _rest(survey_id, seen)
        return
    for begin in _begins_ready:
        begin([survey_id])
    _discard_photos(seen["spent"])
    begin_leaving([survey_id])


_begins_ready: list[Callable[[list[str]], None]] = []


def hand_over_to(begin: Callable[[list[str]], None]) -> None:
    """Name what goes on with a survey whose orthophoto has come; it stands above this module."""
    _begins_ready.append(begin)


def _why(error: Exception) -> str:
    if isinstance(error, Unavailable | StorageError):
        return str(error)
    log.error("photos_failed", error=type(error).__name__, exc_info=error)
    return f"this failed on our side ({type(error).__name__}). Try again when it is mended"


def _rest(survey_id: str, came: dict[str, Any]) -> None:
    if "failed" in came:
        _end_photos(survey_id, str(came["failed"]))
    # Whether cancelled or failed, the server need not go on.
    begin_leaving([survey_id])


@DBOS.step(retries_allowed=True, max_attempts=_AWAY_TRIES, interval_seconds=2, backoff_rate=1.8,
           should_retry=_passes)  # fmt: skip
def _send_photos(survey_id: str) -> dict[str, Any]:
    return photos.send(services.current(), survey_id)


@DBOS.step(retries_allowed=True, max_attempts=4, interval_seconds=2, should_retry=_passes)
def _look_at_task(survey_id: str) -> dict[str, Any]:
    return photos.follow(services.current(), survey_id)


@DBOS.step(retries_allowed=True, max_attempts=_AWAY_TRIES, interval_seconds=2, backoff_rate=1.8,
           should_retry=_passes)  # fmt: skip
def _fetch_results(survey_id: str) -> dict[str, Any]:
    return photos.fetch(services.current(), survey_id)


@DBOS.step(retries_allowed=True, max_attempts=8, interval_seconds=2, should_retry=_passes)
def _end_photos(survey_id: str, problem: str) -> None:
    preparing.end(services.current(), survey_id, "failed", problem)


@DBOS.step()
def _discard_photos(upload_ids: list[str]) -> None:
    preparing.discard_all(services.current(), upload_ids)


@DBOS.workflow()
def leave_task(survey_id: str) -> None:
    """Stop and delete a survey's task at the server."""
    _leave_task(survey_id)


@DBOS.step(retries_allowed=True, max_attempts=_AWAY_TRIES, interval_seconds=2, backoff_rate=1.8,
           should_retry=_passes)  # fmt: skip
def _leave_task(survey_id: str) -> None:
    photos.leave(services.current(), survey_id)
