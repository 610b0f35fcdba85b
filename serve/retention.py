"""What is over is deleted: evidence, surveys, and what the service itself leaves behind.

Deleting evidence has two halves. In one transaction it is decided, recorded in the ledger and made
unreachable; only then the files go. Whatever dies in between leaves files that the next run erases,
and never a record that is missing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from serve import ledger, metrics
from serve.api.once import KEPT_DAYS
from serve.cases.states import ENDED
from serve.cases.status import open_case_exists
from serve.db.tables import (
    AnsweredRequest,
    Base,
    Case,
    Comparison,
    EvidenceRow,
    FindingRow,
    LoginAttempt,
    LoginSession,
    Review,
    Survey,
    Worker,
    utc_now,
)
from serve.people.logins import REMEMBERED
from serve.service import Service
from serve.settings import RetentionDays
from serve.surveys import comparing, preparing

log = structlog.get_logger()

ACTOR = "retention"
AT_ONCE = 200
WORKERS_KEPT_DAYS = 7
DECIDED = ("rejected", "expired", "confirmed")


def expire_undecided(service: Service, *, limit: int = AT_ONCE) -> int:
    """Let findings expire that nobody decided on and nobody saw again; returns how many."""
    days = service.settings.retention_days.undecided
    if not days:
        return 0
    now = utc_now()
    before = now - timedelta(days=days)
    over = (
        FindingRow.state == "suspected",
        FindingRow.held.is_(False),
        # A survey flown long ago and brought in today is no old finding.
        FindingRow.created_at < before,
        sa.func.coalesce(FindingRow.last_seen, FindingRow.created_at) < before,
        sa.or_(FindingRow.claimed_until.is_(None), FindingRow.claimed_until < now),
    )
    with service.database.write() as session:
        rows = session.scalars(
            sa.select(FindingRow)
            .where(*over)
            .order_by(FindingRow.id)
            .limit(limit)
            # Who holds a row is deciding on it just now.
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.state, row.decided_by, row.decided_at = "expired", ACTOR, now
            row.claimed_by = row.claimed_until = None
            row.updated_at, row.revision = now, row.revision + 1
            session.add(
                Review(
                    finding_id=row.id, action="expire", actor=ACTOR, at=now, detail={"days": days}
                )
            )
        session.flush()
        for row in rows:
            _record(session, "finding.expire", "finding", row.id, {"days": days})
    return len(rows)


def findings_over(service: Service, *, after: str, limit: int = AT_ONCE) -> list[str]:
    """Return ids of findings with evidence whose time is over, in their order, from `after` on."""
    days = service.settings.retention_days
    now = utc_now()
    over = [
        sa.and_(FindingRow.state == state, FindingRow.decided_at < before)
        for state in DECIDED
        if (before := _before(days, state, now)) is not None
    ]
    if not over:
        return []
    open_case = sa.exists().where(
        Case.finding_id == FindingRow.id, Case.state.not_in([str(state) for state in ENDED])
    )
    query = (
        sa.select(EvidenceRow.finding_id)
        .join(FindingRow, FindingRow.id == EvidenceRow.finding_id)
        .where(
            EvidenceRow.finding_id > after,
            EvidenceRow.deleted_at.is_(None),
            FindingRow.held.is_(False),
            sa.or_(*over),
            ~open_case,
        )
        .distinct()
        .order_by(EvidenceRow.finding_id)
        .limit(limit)
    )
    with service.database.read() as session:
        return list(session.scalars(query))


def delete_evidence(service: Service, finding_id: str) -> int:
    """Make a finding's evidence unreachable, if its time is over still; returns how many files.

    Evidence that came later than the decision has its own time.
    """
    now = utc_now()
    with service.database.write() as session:
        row = session.get(FindingRow, finding_id, with_for_update=True)
        if row is None or row.held or row.state not in DECIDED or row.decided_at is None:
            return 0
        before = _before(service.settings.retention_days, row.state, now)
        if before is None or row.decided_at >= before or open_case_exists(session, row):
            return 0
        evidence = session.scalars(
            sa.select(EvidenceRow)
            .where(
                EvidenceRow.finding_id == finding_id,
                EvidenceRow.deleted_at.is_(None),
                EvidenceRow.created_at < before,
            )
            .order_by(EvidenceRow.id)
        ).all()
        if not evidence:
            return 0
        for each in evidence:
            each.deleted_at = now
        _record(
            session,
            "evidence.delete",
            "finding",
            finding_id,
            {
                "state": row.state,
                "decided_at": ledger.written(row.decided_at),
                "files": [{"id": e.id, "role": e.role, "sha256": e.sha256} for e in evidence],
            },
        )
    metrics.DELETED.labels("evidence").inc(len(evidence))
    return len(evidence)


def erase_deleted(service: Service, *, limit: int = AT_ONCE) -> int:
    """Take files out of the storage that are unreachable already; returns how many rows."""
    with service.database.read() as session:
        rows = session.execute(
            sa.select(EvidenceRow.id, EvidenceRow.key)
            .where(EvidenceRow.erased_at.is_(None), EvidenceRow.deleted_at.is_not(None))
            .order_by(EvidenceRow.id)
            .limit(limit)
        ).all()
        shared = set(
            session.scalars(
                sa.select(EvidenceRow.key).where(
                    EvidenceRow.key.in_([row.key for row in rows]),
                    EvidenceRow.deleted_at.is_(None),
                )
            )
        )
    for row in rows:
        # Two findings may show the same picture; the file goes with the last of them.
        if row.key not in shared:
            service.storage.delete(row.key)
    with service.database.write() as session:
        session.execute(
            sa.update(EvidenceRow)
            .where(EvidenceRow.id.in_([row.id for row in rows]))
            .values(erased_at=utc_now())
        )
    return len(rows)


def surveys_over(service: Service, *, after: str, limit: int = AT_ONCE) -> list[str]:
    """Return ids of surveys whose time is over, in their order, from `after` on."""
    days = service.settings.retention_days.surveys
    if not days:
        return []
    query = (
        sa.select(Survey.id)
        .where(
            Survey.id > after,
            Survey.state == "ready",
            Survey.created_at < utc_now() - timedelta(days=days),
        )
        .order_by(Survey.id)
        .limit(limit)
    )
    with service.database.read() as session:
        return list(session.scalars(query))


def delete_survey(service: Service, survey_id: str) -> bool:
    """Delete an old survey's files, and the maps and reports made of it; tells whether it did."""
    with service.database.write() as session:
        row = session.get(Survey, survey_id, with_for_update=True)
        if row is None or row.state != "ready" or _survey_is_needed(session, survey_id):
            return False
        row.state = "deleted"
        row.ortho_key = row.dsm_key = row.preview_key = None
        row.revision += 1
        made = session.scalars(sa.select(Comparison).where(Comparison.after_id == survey_id)).all()
        keys = [
            key for each in made for key in (each.change_key, *each.report_keys.values()) if key
        ]
        for each in made:
            each.change_key, each.report_keys = None, {}
        _record(
            session,
            "survey.delete",
            "survey",
            survey_id,
            {
                "ortho_sha256": row.ortho_sha256,
                "dsm_sha256": row.dsm_sha256,
                "comparisons": [each.id for each in made],
            },
        )
    for key in keys:
        service.storage.delete(key)
    preparing.drop_files(service, survey_id)
    metrics.DELETED.labels("surveys").inc()
    return True


def deleted_surveys(service: Service, *, after: str, limit: int = AT_ONCE) -> list[str]:
    """Return ids of surveys that were deleted, in their order, from `after` on."""
    query = sa.select(Survey.id).where(Survey.id > after, Survey.state == "deleted")
    with service.database.read() as session:
        return list(session.scalars(query.order_by(Survey.id).limit(limit)))


def sweep(service: Service) -> dict[str, int]:
    """Delete what the service itself leaves behind; returns how many of what."""
    now = utc_now()
    over: dict[str, tuple[type[Base], sa.ColumnElement[bool]]] = {
        "answers": (AnsweredRequest, AnsweredRequest.at < now - timedelta(days=KEPT_DAYS)),
        "login_attempts": (LoginAttempt, LoginAttempt.at < now - REMEMBERED),
        "sessions": (LoginSession, LoginSession.expires_at < now),
        "workers": (
            Worker,
            sa.and_(
                Worker.gone_at.is_not(None),
                Worker.heard_at < now - timedelta(days=WORKERS_KEPT_DAYS),
            ),
        ),
    }
    counts = {}
    for name, (table, condition) in over.items():
        with service.database.write() as session:
            deleted = session.execute(sa.delete(table).where(condition))
        counts[name] = int(getattr(deleted, "rowcount", 0))
        metrics.DELETED.labels(name).inc(counts[name])
    return counts


def _survey_is_needed(session: Session, survey_id: str) -> bool:
    with_it = sa.or_(Comparison.before_id == survey_id, Comparison.after_id == survey_id)
    if session.scalar(
        sa.select(sa.exists().where(with_it, Comparison.state.in_(comparing.IN_WORK)))
    ):
        return True
    open_case = sa.exists().where(
        Case.finding_id == FindingRow.id, Case.state.not_in([str(state) for state in ENDED])
    )
    return bool(
        session.scalar(
            sa.select(
                sa.exists().where(
                    FindingRow.comparison_id == Comparison.id,
                    with_it,
                    sa.or_(FindingRow.held.is_(True), open_case),
                )
            )
        )
    )


def _before(days: RetentionDays, state: str, now: datetime) -> datetime | None:
    kept: int = getattr(days, state)
    return now - timedelta(days=kept) if kept else None


def _record(
    session: Session, action: str, subject_type: str, subject: str, detail: dict[str, Any]
) -> None:
    ledger.append(
        session,
        actor=ACTOR,
        action=action,
        subject_type=subject_type,
        subject=subject,
        detail=detail,
    )
