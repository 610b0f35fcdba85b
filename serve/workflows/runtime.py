"""A worker process: it runs workflows, says that it lives, and takes over from those that died.

DBOS resumes by itself only what its own executor id left behind. Here every process has an id of
its own and says every few seconds that it lives; whoever notices that another has gone silent puts
its unfinished workflows back on their queues. Doing that twice does no harm: a workflow on a queue
is begun by one worker only.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, ScheduleInput
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from serve import service as services
from serve.db.columns import UtcTime
from serve.db.tables import Worker, utc_now
from serve.service import Service
from serve.settings import Settings
from serve.workflows import processes, stopping
from serve.workflows.queues import WorkQueue

log = structlog.get_logger()

STEPS_VERSION = "1"
"""Grows when the steps of a workflow change so that a half-done one cannot go on."""
HEARTBEAT_S = 5.0
SILENT_S = 30.0
"""A worker not heard of for this long is taken for dead."""
NO_QUEUE = "nothing"
"""A queue that stays empty: for a process that only puts work on queues."""
SURVEYS_AT_ONCE = 1
PHOTO_SETS_AT_ONCE = 4
DELIVERIES_AT_ONCE = 16
POLL_S = 2.0
"""How often a queue is looked at; each look costs three milliseconds of processor time."""
DELIVERY_POLL_S = 1.0
"""So many drafts as go at once can leave every second."""


class Runtime:
    """This process as a worker."""

    def __init__(
        self,
        service: Service,
        *,
        queues: Collection[WorkQueue] = tuple(WorkQueue),
        schedules: Sequence[ScheduleInput] = (),
    ) -> None:
        """Prepare; workflows must have been imported.

        Args:
            service: Whose work it is.
            queues: What this process takes work from; empty for one that only gives work.
            schedules: What is done again and again.
        """
        self.executor_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._service = service
        self._queues = sorted(queues)
        self._schedules = list(schedules)
        self._stop = threading.Event()
        self._launched = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def launch(self) -> None:
        """Begin to work."""
        stopping.begin()
        services.install(self._service)
        self._service.database.analyse()
        url = workflow_database_url(self._service.settings)
        config = DBOSConfig(
            name="cityeye",
            system_database_url=url.render_as_string(hide_password=False),
            executor_id=self.executor_id,
            application_version=STEPS_VERSION,
            log_level="WARNING",
            scheduler_polling_interval_sec=30.0,
        )
        # Before any work is taken: what belongs to a worker nobody heard of is taken from it.
        self._say_alive()
        self._heart.start()
        DBOS(config=config)
        DBOS.listen_queues([str(queue) for queue in self._queues] or [NO_QUEUE])
        DBOS.launch()
        capacity = self._service.settings.camera_capacity
        self._declare(WorkQueue.SURVEY, at_once=SURVEYS_AT_ONCE)
        self._declare(WorkQueue.PHOTOS, at_once=PHOTO_SETS_AT_ONCE)
        self._declare(WorkQueue.CAMERA, at_once=capacity)
        # One after the other per case, many cases at once.
        self._declare(
            WorkQueue.DELIVERY, at_once=DELIVERIES_AT_ONCE, per_partition=1, poll_s=DELIVERY_POLL_S
        )
        self._declare(WorkQueue.EXPORT, at_once=1)
        self._declare(WorkQueue.UPKEEP, at_once=1)
        if self._schedules:
            DBOS.apply_schedules(self._schedules)
        self._launched.set()

    @staticmethod
    def _declare(
        queue: WorkQueue, *, at_once: int, per_partition: int | None = None, poll_s: float = POLL_S
    ) -> None:
        DBOS.register_queue(
            queue,
            worker_concurrency=at_once,
            partition_concurrency=per_partition,
            polling_interval_sec=poll_s,
            on_conflict="always_update",
        )

    def close(self, *, finish_s: int = 0) -> None:
        """Stop working; what is unfinished is taken over by others, or at the next start.

        Args:
            finish_s: Seconds that running workflows get to finish.
        """
        self._stop.set()
        stopping.stop()
        self._heart.join(timeout=HEARTBEAT_S)
        DBOS.destroy(workflow_completion_timeout_sec=finish_s)
        with self._service.database.write() as session:
            session.execute(
                sa.update(Worker)
                .where(Worker.executor_id == self.executor_id)
                .values(heard_at=_now(session) - timedelta(seconds=2 * SILENT_S))
            )

    def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                self._say_alive()
                # At once, then again and again: a crash of the only worker costs no wait.
                if self._launched.wait(HEARTBEAT_S):
                    self._take_over()
            # Whatever happens, the heart goes on: a worker that fell silent while it works would
            # have its work done by two. Silence is what the others go by while a database is away.
            except Exception as error:
                log.warning("heartbeat_failed", error=type(error).__name__)
            self._stop.wait(HEARTBEAT_S)

    def _say_alive(self) -> None:
        with self._service.database.write() as session:
            row = session.get(Worker, self.executor_id)
            if row is None:
                row = Worker(
                    executor_id=self.executor_id,
                    host=socket.gethostname(),
                    process=os.getpid(),
                    place=processes.place(),
                    process_started=processes.started(os.getpid()),
                    version=STEPS_VERSION,
                    queues=[str(queue) for queue in self._queues],
                )
                session.add(row)
            row.heard_at = _now(session)
            row.gone_at = None

    def _take_over(self) -> None:
        """Put what belongs to nobody alive back on its queues.

        It goes by the work, not by the workers: also what a worker took after it had been given
        up, or one of which no row is left, is found.
        """
        owners = {
            status.executor_id
            for status in DBOS.list_workflows(
                status="PENDING", app_version=STEPS_VERSION, load_input=False, load_output=False
            )
            if status.executor_id
        }
        # After the work is read: who is not there now was not alive when it was.
        with self._service.database.read() as session:
            now = _now(session)
            workers = session.scalars(sa.select(Worker).where(Worker.gone_at.is_(None))).all()
        alive = {self.executor_id, *(w.executor_id for w in workers if not _is_gone(w, now))}
        for owner in sorted(owners - alive):
            handles = DBOS._recover_pending_workflows([owner])
            log.info("work_taken_over", worker=owner, workflows=len(handles))
        for worker in workers:
            if worker.executor_id in alive:
                continue
            with self._service.database.write() as session:
                session.execute(
                    sa.update(Worker)
                    .where(
                        Worker.executor_id == worker.executor_id,
                        Worker.heard_at == worker.heard_at,
                    )
                    .values(gone_at=now)
                )
            log.info("worker_gone", worker=worker.executor_id)


def workflow_database_url(settings: Settings) -> URL:
    """Return where the workflow engine keeps its tables."""
    url = make_url(settings.effective_database_url)
    if url.get_backend_name() == "sqlite":
        # A file beside the tables: two engines that poll and write would wait for each other.
        return url.set(database=str(url.database).removesuffix(".sqlite") + "-workflows.sqlite")
    return url


def _now(session: Session) -> datetime:
    """Return the time by the one clock that all workers share: machines' own may differ."""
    if session.get_bind().dialect.name == "postgresql":
        now = session.scalar(sa.select(sa.func.clock_timestamp(type_=UtcTime())))
        return now if now is not None else utc_now()
    return utc_now()


def _is_gone(worker: Worker, now: datetime) -> bool:
    if now - worker.heard_at > timedelta(seconds=SILENT_S):
        return True
    # On the same machine one need not wait: after a crash the next start goes on at once.
    return worker.place == processes.place() and (
        processes.started(worker.process) != worker.process_started
    )
