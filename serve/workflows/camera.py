"""Watching cameras as durable work: a workflow for each, moved to another worker when one dies.

A workflow stays unfinished as long as its camera is watched, so that whoever takes over a dead
worker's work takes over its cameras. It ends when the camera is changed or disabled, or a recording
is over; a sweep sees to it that every enabled camera has one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput
from dbos._error import DBOSException
from dbos._utils import GlobalParams
from sqlalchemy.exc import SQLAlchemyError

from serve import service as services
from serve.db.tables import CameraRow, utc_now
from serve.service import Service
from serve.watching.claims import Claim, ClaimLost, held, is_current, take
from serve.watching.faring import Health
from serve.watching.publishing import ensure_published
from serve.watching.room import Stopping, WatchBroke, room_of
from serve.workflows.queues import FINISHED, WorkQueue, start
from serve.workflows.stopping import Stopped
from vision.errors import CityEyeError

log = structlog.get_logger()

AGAIN_S = (2.0, 5.0, 15.0, 30.0, 60.0)
"""Waits before a camera that could not be watched is tried again."""
SETTLED_S = 120.0
CLEARED_AFTER_S = 60.0
"""By then whoever watched a deleted camera has let go of it."""
SWEEP_CRON = "*/30 * * * * *"


def workflow_id(camera_id: str, epoch: int) -> str:
    """Return what makes a camera's workflow this one."""
    return f"watch-{camera_id}-{epoch}"


def begin(cameras: Iterable[tuple[str, int]]) -> None:
    """Have cameras watched, by id and epoch; after the commit that enabled or changed them.

    Doing it again does no harm. Not being able to is no failure of the caller's: the sweep begins
    what nobody else did.
    """
    try:
        for camera_id, epoch in cameras:
            start(
                WorkQueue.CAMERA, watch_camera, camera_id, epoch,
                workflow_id=workflow_id(camera_id, epoch),
            )  # fmt: skip
    except (DBOSException, SQLAlchemyError, RuntimeError) as error:
        log.warning("camera_not_begun", error=type(error).__name__)


# A camera is watched for years; each deploy of each worker moves it once.
@DBOS.workflow(max_recovery_attempts=None)
def watch_camera(camera_id: str, epoch: int) -> str:
    """Watch a camera with the settings of an epoch; returns why that ended."""
    return _keep_watching(camera_id, epoch)


@DBOS.step()
def _keep_watching(camera_id: str, epoch: int) -> str:
    service = services.current()
    ensure_published(service)
    with service.database.write() as session:
        taken = take(session, camera_id, epoch, worker=GlobalParams.executor_id)
    if taken is None:
        return "moved on"
    claim, row = taken
    tries = 0
    while True:
        began = time.monotonic()
        try:
            room_of(service).watch(claim, row)
            return _end(service, claim)
        except Stopping:
            raise Stopped from None
        except ClaimLost:
            log.info("camera_let_go", camera=row.code, claim=claim.number)
            with service.database.read() as session:
                current = is_current(session, claim)
            if current:
                # Another worker has it, and with it this workflow.
                raise Stopped from None
            return "moved on"
        except Exception as error:
            tries = 1 if time.monotonic() - began > SETTLED_S else tries + 1
            log.warning(
                "camera_not_watched", camera=row.code, error=type(error).__name__, tries=tries
            )
            _tell(service, claim, error)
            if not _wait(service, claim, AGAIN_S[min(tries, len(AGAIN_S)) - 1]):
                continue
            with service.database.read() as session:
                again = session.get(CameraRow, camera_id)
            row = again or row


def _end(service: Service, claim: Claim) -> str:
    """Note that a recording is over; it is not begun again until somebody wants it."""
    with service.database.write() as session:
        held(session, claim).health = Health.ENDED
    return "ended"


def _tell(service: Service, claim: Claim, error: Exception) -> None:
    """Show why a camera is not watched at present."""
    if isinstance(error, WatchBroke) or not isinstance(error, CityEyeError):
        # What an unforeseen error says may hold anything, a password too.
        words = f"watching broke off ({type(error).__name__}); the log of the service says more"
    else:
        words = str(error)
    try:
        with service.database.write() as session:
            row = held(session, claim)
            row.health = Health.FAILED
            row.fault = {"kind": "failed", "since": _now(), "message": words[:500]}
    except (ClaimLost, SQLAlchemyError):
        # The next try finds out.
        return


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _wait(service: Service, claim: Claim, seconds: float) -> bool:
    """Wait; returns early, with False, when the process stops or the camera moved on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if room_of(service).stopping(min(1.0, max(0.0, end - time.monotonic()))):
            return False
        try:
            with service.database.read() as session:
                if not is_current(session, claim):
                    return True
        except SQLAlchemyError:
            continue
    return True


@DBOS.workflow()
def sweep_cameras(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """See to it that every enabled camera is watched, or waits for room and says so."""
    begin(_sweep())
    _clear()


@DBOS.step()
def _sweep() -> list[tuple[str, int]]:
    service = services.current()
    ensure_published(service)
    with service.database.read() as session:
        rows = session.scalars(
            sa.select(CameraRow).where(
                CameraRow.enabled, CameraRow.deleted_at.is_(None), CameraRow.health != Health.ENDED
            )
        ).all()
    ids = {workflow_id(row.id, row.watch_epoch): row for row in rows}
    found = DBOS.list_workflows(workflow_ids=list(ids), load_input=False, load_output=False)
    states = {status.workflow_id: status.status for status in found} if ids else {}
    to_begin: list[tuple[str, int]] = []
    for name, row in ids.items():
        state = states.get(name)
        if state is None:
            to_begin.append((row.id, row.watch_epoch))
        elif state in FINISHED:
            epoch = _renew(service, row)
            if epoch is not None:
                to_begin.append((row.id, epoch))
        elif state == "ENQUEUED":
            _note_waiting(service, row)
    return to_begin


@DBOS.step()
def _clear() -> None:
    """Remove pictures and memories of deleted cameras; their findings' evidence stays."""
    service = services.current()
    gone_before = utc_now() - timedelta(seconds=CLEARED_AFTER_S)
    with service.database.read() as session:
        ids = session.scalars(
            sa.select(CameraRow.id).where(
                CameraRow.deleted_at < gone_before,
                sa.or_(CameraRow.state_key.is_not(None), CameraRow.snapshot_key.is_not(None)),
            )
        ).all()
    for camera_id in ids:
        for part in ("watch", "snapshots"):
            for stored in list(service.storage.list(f"cameras/{camera_id}/{part}")):
                service.storage.delete(stored.key)
        with service.database.write() as session:
            row = session.get_one(CameraRow, camera_id)
            row.state_key = row.snapshot_key = None


def _renew(service: Service, row: CameraRow) -> int | None:
    """Open a new epoch for a camera whose workflow ended though it should not have."""
    with service.database.write() as session:
        return session.scalar(
            sa.update(CameraRow)
            .where(
                CameraRow.id == row.id, CameraRow.watch_epoch == row.watch_epoch,
                CameraRow.enabled, CameraRow.health != Health.ENDED,
            )
            .values(watch_epoch=row.watch_epoch + 1, watched_by=None)
            .returning(CameraRow.watch_epoch)
            .execution_options(synchronize_session=False)
        )  # fmt: skip


def _note_waiting(service: Service, row: CameraRow) -> None:
    waits = {"kind": Health.WAITING, "since": _now(), "message": "no worker has room"}
    if row.health == Health.WAITING:
        return
    with service.database.write() as session:
        session.execute(
            sa.update(CameraRow)
            .where(
                CameraRow.id == row.id, CameraRow.watch_epoch == row.watch_epoch,
                CameraRow.claim == row.claim,
            )
            .values(health=Health.WAITING, fault=waits, watched_by=None)
            .execution_options(synchronize_session=False)
        )  # fmt: skip


SCHEDULES: list[ScheduleInput] = [
    {
        "schedule_name": "sweep-cameras",
        "workflow_fn": sweep_cameras,
        "schedule": SWEEP_CRON,
        "context": None,
        "queue_name": WorkQueue.UPKEEP,
    }
]
