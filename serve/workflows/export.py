"""Training sets, made in the background and kept for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput
from dbos._error import DBOSException
from sqlalchemy.exc import SQLAlchemyError

from serve import ledger
from serve import service as services
from serve.db.tables import ExportRow, utc_now
from serve.exports.making import Form, Made, make_export
from serve.findings.filters import FindingFilters
from serve.service import Service
from serve.surveys.scratch import folder
from serve.workflows.queues import WorkQueue, start
from vision.errors import CityEyeError, InputError

log = structlog.get_logger()

KEPT_DAYS = 7
SWEPT_AFTER_S = 60.0
TRIED_AGAIN_S = 3600.0
_OPEN = ("waiting", "running")
MOST_STARTS = 20
"""Begun anew so often because its worker ended, an export is likely what ends the workers."""
_GIVEN_UP = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"


def key_of(export_id: str) -> str:
    """Return where an export's archive lies."""
    return f"exports/{export_id}.zip"


def begin_export(export_id: str, created_at: datetime) -> None:
    """Put an export on the queue; after the commit that made it.

    Not being able to is no failure of the caller's: the sweep begins what nobody else did.
    """
    try:
        _start(export_id, created_at)
    except DBOSException as error:
        log.warning("export_not_begun", export=export_id, error=type(error).__name__)


def _start(export_id: str, created_at: datetime) -> None:
    # One whose workflow failed outright is begun anew after an hour.
    tried = int((utc_now() - created_at).total_seconds() // TRIED_AGAIN_S)
    start(WorkQueue.EXPORT, export, export_id, workflow_id=f"export-{export_id}-{tried}")


@DBOS.workflow(max_recovery_attempts=MOST_STARTS)
def export(export_id: str) -> None:
    """Make one export."""
    make(export_id)


@DBOS.step()
def make(export_id: str) -> str:
    """Choose, cut, pack and store; run again it begins anew. Returns what became of it."""
    service = services.current()
    with service.database.write() as session:
        row = session.get(ExportRow, export_id)
        if row is None or row.state not in _OPEN:
            return "over"
        row.state, row.progress = "running", 0.0
        form, filters = Form(row.form), FindingFilters.model_validate(row.query)
        name = f"cityeye-{form.value.replace('_', '-')}-{row.created_at:%Y%m%d-%H%M%S}"

    def told(share: float) -> None:
        with service.database.write() as session:
            session.execute(
                sa.update(ExportRow).where(ExportRow.id == export_id).values(progress=share)
            )

    try:
        with folder(service) as work:
            made = make_export(service, form, filters, work, name=name, progress=told)
            service.storage.put(key_of(export_id), made.archive, media_type="application/zip")
            _finish(service, export_id, made)
    except (InputError, CityEyeError) as error:
        _fail(service, export_id, str(error))
        return "failed"
    return "done"


def _finish(service: Service, export_id: str, made: Made) -> None:
    with service.database.write() as session:
        row = session.get_one(ExportRow, export_id)
        if row.state not in _OPEN:
            return
        row.state, row.progress, row.problem = "done", 1.0, None
        row.key, row.sha256 = key_of(export_id), made.sha256
        row.size_bytes, row.counts = made.archive.stat().st_size, made.counts
        row.expires_at = utc_now() + timedelta(days=KEPT_DAYS)
        # Whoever downloads the export sees the originals that it was cut from.
        for evidence in made.sealed:
            detail = {"export": export_id, "finding": evidence.finding_id, "role": evidence.role}
            ledger.append(
                session, actor=row.created_by, action="evidence.view", subject_type="evidence",
                subject=evidence.id, detail=detail,
            )  # fmt: skip
        ledger.append(
            session, actor="worker", action="export.done", subject_type="export",
            subject=export_id, detail={"sha256": made.sha256, "counts": made.counts},
        )  # fmt: skip


def _fail(service: Service, export_id: str, problem: str) -> None:
    with service.database.write() as session:
        row = session.get(ExportRow, export_id)
        if row is not None and row.state in _OPEN:
            row.state, row.problem = "failed", problem
            ledger.append(
                session, actor="worker", action="export.failed", subject_type="export",
                subject=export_id, detail={"problem": problem},
            )  # fmt: skip


@DBOS.workflow()
def sweep_exports(scheduled: datetime, context: object) -> None:  # noqa: ARG001
    """Begin exports that nobody began, and delete the archives of those whose time is over."""
    fail_given_up()
    for export_id, created_at in exports_not_begun():
        _start(export_id, datetime.fromisoformat(created_at))
    delete_expired()


@DBOS.step()
def fail_given_up() -> int:
    """Say of exports whose work the engine gave up that they failed; returns how many there are."""
    given_up = DBOS.list_workflows(
        status=_GIVEN_UP, workflow_id_prefix="export-", load_input=False, load_output=False
    )
    for workflow in given_up:
        export_id = workflow.workflow_id.removeprefix("export-").rpartition("-")[0]
        _fail(
            services.current(),
            export_id,
            f"the worker ended {MOST_STARTS} times while this was made; it may need more memory "
            "than there is. Ask for less at once, or for less time",
        )
    return len(given_up)


@DBOS.step()
def exports_not_begun() -> list[tuple[str, str]]:
    """Exports that have been open for a while; those that run are left alone by their id."""
    before = utc_now() - timedelta(seconds=SWEPT_AFTER_S)
    with services.current().database.read() as session:
        rows = session.execute(
            sa.select(ExportRow.id, ExportRow.created_at).where(
                ExportRow.state.in_(_OPEN), ExportRow.created_at < before
            )
        ).all()
    return [(row.id, row.created_at.isoformat()) for row in rows]


@DBOS.step()
def delete_expired() -> int:
    """Delete archives whose time is over; returns how many."""
    service = services.current()
    with service.database.read() as session:
        over = session.scalars(
            sa.select(ExportRow.id).where(
                ExportRow.state == "done", ExportRow.expires_at < utc_now()
            )
        ).all()
    for export_id in over:
        try:
            service.storage.delete(key_of(export_id))
            with service.database.write() as session:
                row = session.get_one(ExportRow, export_id)
                row.state, row.key = "expired", None
                ledger.append(
                    session, actor="worker", action="export.expired", subject_type="export",
                    subject=export_id,
                )  # fmt: skip
        except (CityEyeError, SQLAlchemyError) as error:
            log.warning("export_not_deleted", export=export_id, error=type(error).__name__)
    return len(over)


SCHEDULES: list[ScheduleInput] = [
    {
        "schedule_name": "sweep-exports",
        "workflow_fn": sweep_exports,
        "schedule": "40 * * * * *",
        "context": None,
    },
]
