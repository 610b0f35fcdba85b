"""Findings that nobody decided on are held against a register that changed; warnings fade."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput
from dbos._error import DBOSException
from sqlalchemy.exc import SQLAlchemyError

from serve import service as services
from serve.db.tables import FindingRow, RegisterVersion, utc_now
from serve.registers.suspicion import apply
from serve.service import Service
from serve.warning_rules import Subject
from serve.warnings import subjects_to_weigh, weigh
from serve.workflows.queues import WorkQueue, start

log = structlog.get_logger()

CHUNK = 200
"""Findings of one step: about a second's work, so that others may write in between."""
SWEPT_AFTER_S = 60.0
TRIED_AGAIN_S = 3600.0


def begin_applying(service: Service) -> None:
    """Put what the registers' newest versions make necessary on the queue; after the commit.

    Not being able to is no failure of the caller's: the sweep begins what nobody else did.
    """
    try:
        for version_id, activated_at in _unapplied(service):
            _start(version_id, activated_at)
    except (DBOSException, SQLAlchemyError) as error:
        log.warning("registers_not_begun", error=type(error).__name__)


def _start(version_id: str, activated_at: datetime) -> None:
    # One that failed is begun anew after an hour; while it runs, its id keeps it from a second run.
    tried = int((utc_now() - activated_at).total_seconds() // TRIED_AGAIN_S)
    name = f"registers-{version_id}-{activated_at.timestamp():.6f}-{tried}"
    start(
        WorkQueue.UPKEEP, reapply_registers, version_id, activated_at.isoformat(), workflow_id=name
    )  # fmt: skip


def _unapplied(service: Service, *, older_s: float = 0.0) -> list[tuple[str, datetime]]:
    before = utc_now() - timedelta(seconds=older_s)
    with service.database.read() as session:
        rows = session.execute(
            sa.select(RegisterVersion.id, RegisterVersion.activated_at).where(
                RegisterVersion.active,
                RegisterVersion.applied_at.is_(None),
                RegisterVersion.activated_at <= before,
            )
        ).all()
    return [(row.id, row.activated_at) for row in rows]


@DBOS.workflow()
def reapply_registers(version_id: str, activated_at: str) -> None:
    """Hold every undecided finding against the registers that count."""
    after = ""
    while True:
        last = reapply_chunk(after)
        if last is None:
            break
        after = last
    finish_applying(version_id, activated_at)


@DBOS.step(retries_allowed=True, max_attempts=6)
def reapply_chunk(after: str) -> str | None:
    """Do so for the next findings by id; returns the last of them, none at the end."""
    service = services.current()
    waiting = (
        sa.select(FindingRow)
        .where(FindingRow.state == "suspected", FindingRow.id > after)
        .order_by(FindingRow.id)
        .limit(CHUNK)
    )
    with service.database.write() as session:
        rows = session.scalars(waiting.with_for_update()).all()
        for row in rows:
            before = (row.reasons, row.cell_code, row.unit, row.supervised_id, row.assessment)
            apply(session, row, settings=service.settings)
            after_it = (row.reasons, row.cell_code, row.unit, row.supervised_id, row.assessment)
            if after_it != before:
                row.revision += 1
                row.updated_at = utc_now()
        return rows[-1].id if rows else None


@DBOS.step()
def finish_applying(version_id: str, activated_at: str) -> None:
    """Note that a version was applied, if it still counts since then."""
    with services.current().database.write() as session:
        session.execute(
            sa.update(RegisterVersion)
            .where(
                RegisterVersion.id == version_id,
                RegisterVersion.activated_at == datetime.fromisoformat(activated_at),
            )
            .values(applied_at=utc_now())
        )


@DBOS.workflow()
def sweep_registers(scheduled: datetime, context: object) -> None:  # noqa: ARG001
    """Begin what a process that died did not begin."""
    for version_id, activated_at in stale_versions():
        _start(version_id, datetime.fromisoformat(activated_at))


@DBOS.step()
def stale_versions() -> list[tuple[str, str]]:
    """Versions that count and that nobody applied for a while."""
    found = _unapplied(services.current(), older_s=SWEPT_AFTER_S)
    return [(version_id, at.isoformat()) for version_id, at in found]


@DBOS.workflow()
def fade_warnings(scheduled: datetime, context: object) -> None:  # noqa: ARG001
    """Weigh every warning anew: what was confirmed long ago no longer counts."""
    for subject, code in warnings_to_weigh():
        weigh_warning(subject, code)


@DBOS.step()
def warnings_to_weigh() -> list[tuple[str, str]]:
    """Subjects whose colour may have changed."""
    service = services.current()
    with service.database.read() as session:
        found = subjects_to_weigh(session, service.settings, now=utc_now())
    return [(subject.value, code) for subject, code in found]


@DBOS.step(retries_allowed=True, max_attempts=6)
def weigh_warning(subject: str, code: str) -> str:
    """Weigh one; returns its colour."""
    service = services.current()
    with service.database.write() as session:
        return weigh(session, Subject(subject), code, settings=service.settings).value


SCHEDULES: list[ScheduleInput] = [
    {
        "schedule_name": "sweep-registers",
        "workflow_fn": sweep_registers,
        "schedule": "20 * * * * *",
        "context": None,
    },
    {
        "schedule_name": "fade-warnings",
        "workflow_fn": fade_warnings,
        "schedule": "30 5 0 * * *",
        "context": None,
    },
]
