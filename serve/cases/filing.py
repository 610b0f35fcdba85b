"""Filing and withdrawing: in the transaction of the review, so that neither is without it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger
from serve.cases.drafting import (
    Confirmation,
    Surroundings,
    build_draft,
    confirmation,
    surroundings,
)  # fmt: skip
from serve.cases.states import ENDED, CaseState
from serve.cases.targets import AdapterName, Target, targets_of, wants_auto_post
from serve.db.tables import Case, CaseEvent, FindingRow, OutboxEntry, new_id, utc_now
from serve.settings import Settings

__all__ = ["file_case", "wants_auto_post", "withdraw_case"]


def file_case(
    session: Session,
    row: FindingRow,
    *,
    reviewer: str,
    decided_at: datetime,
    settings: Settings,
) -> tuple[str, ...]:
    """Write a case and its message for each case system that wants this kind.

    Idempotent: a finding has one case per case system; only after that was withdrawn does a new
    confirmation file another, under a dedupe key of its own.

    Returns:
        The outbox entries that wait, for `serve.workflows.delivery.begin` after the commit.

    Raises:
        InputError: The targets file, event table or calendar is wrong; the message says where.
    """
    what = confirmation(row, reviewer=reviewer, decided_at=decided_at)
    wanted = [target for target in targets_of(settings) if what.kind in target.kinds]
    if not wanted:
        return ()
    around = surroundings(session, row, what.finding)
    begun: list[str] = []
    filed: list[str] = []
    for target in wanted:
        earlier = session.scalars(
            sa.select(Case)
            .where(Case.finding_id == row.id, Case.target == target.name)
            .order_by(Case.created_at, Case.id)
        ).all()
        if earlier and earlier[-1].state != CaseState.WITHDRAWN:
            begun += _waiting(session, earlier[-1].id)
            continue
        case_id, entry_id = _file(session, what, around, target, len(earlier) + 1, settings)
        filed.append(case_id)
        begun.append(entry_id)
    # The ledger last: from its first entry on other writers wait for this transaction.
    for case_id in filed:
        ledger.append(
            session, actor=reviewer, action="case.file", subject_type="case", subject=case_id,
            detail={"finding": row.id},
        )  # fmt: skip
    return tuple(begun)


def _file(
    session: Session,
    what: Confirmation,
    around: Surroundings,
    target: Target,
    number: int,
    settings: Settings,
) -> tuple[str, str]:
    case_id = new_id()
    dedupe_key = f"cityeye-{what.row.id}-{target.name}" + (f"-{number}" if number > 1 else "")
    draft = build_draft(
        what, around, target, case_id=case_id, dedupe_key=dedupe_key, settings=settings
    )
    session.add(
        Case(
            id=case_id,
            finding_id=what.row.id,
            dedupe_key=dedupe_key,
            target=target.name,
            kind=what.kind.value,
            event_code=draft.event.code,
            table_version=draft.event.table_version,
            title_zh=draft.titles.zh,
            title_en=draft.titles.en,
            draft=draft.model_dump(mode="json"),
            due_at=draft.limit.due_at,
            cell_code=what.row.cell_code,
            unit=what.row.unit,
        )
    )
    session.flush()
    entry = OutboxEntry(
        id=new_id(),
        case_id=case_id,
        sequence=1,
        target=target.name,
        action="post",
        payload={
            "action": "post",
            "dedupe_key": dedupe_key,
            "draft": draft.model_dump(mode="json"),
        },
        idempotency_key=f"{dedupe_key}:post",
    )
    session.add(entry)
    session.add(CaseEvent(case_id=case_id, state=CaseState.DRAFTED, origin="us"))
    return case_id, entry.id


def withdraw_case(
    session: Session, row: FindingRow, *, reviewer: str, why: str, settings: Settings
) -> tuple[str, ...]:
    """Take back what was filed for a finding whose confirmation was undone.

    What was never sent is cancelled; what was, or may have been, gets a withdraw message. A case
    that has ended at the other side stays as it is.

    Returns:
        The outbox entries that wait, for `serve.workflows.delivery.begin` after the commit.
    """
    cases = session.scalars(
        sa.select(Case).where(
            Case.finding_id == row.id, Case.state.not_in([str(state) for state in ENDED])
        )
    ).all()
    adapters = {target.name: target for target in targets_of(settings)}
    begun: list[str] = []
    notes: list[tuple[str, bool]] = []
    for case in cases:
        told = _withdraw(session, case, why=why, target=adapters.get(case.target))
        begun += told
        notes.append((case.id, bool(told)))
        case.state = CaseState.WITHDRAWN
        case.updated_at = utc_now()
        case.revision += 1
    for case_id, was_told in notes:
        ledger.append(
            session, actor=reviewer, action="case.withdraw", subject_type="case", subject=case_id,
            detail={"finding": row.id, "why": why, "told": was_told},
        )  # fmt: skip
    return tuple(begun)


def _withdraw(session: Session, case: Case, *, why: str, target: Target | None) -> Sequence[str]:
    # Atomic against a worker that is about to send: whoever changes the row first wins.
    cancelled = session.execute(
        sa.update(OutboxEntry)
        .where(
            OutboxEntry.case_id == case.id,
            OutboxEntry.action == "post",
            OutboxEntry.state.in_(("waiting", "dead")),
            OutboxEntry.first_sent_at.is_(None),
        )
        .values(state="cancelled", next_attempt_at=None)
    ).rowcount  # type: ignore[attr-defined]
    detail: dict[str, object] = {"why": why}
    if cancelled:
        detail["told"] = "nothing had been sent"
        session.add(_event(case, detail))
        return ()
    if target is None or (
        target.adapter is AdapterName.OPEN311 and target.withdraw_service_code is None
    ):
        # Saying nothing would look as if the case system knew.
        detail["told"] = "the case system cannot be told by its interface; tell it by hand"
        session.add(_event(case, detail))
        return ()
    last = session.scalar(
        sa.select(sa.func.max(OutboxEntry.sequence)).where(OutboxEntry.case_id == case.id)
    )
    entry = OutboxEntry(
        id=new_id(),
        case_id=case.id,
        sequence=(last or 0) + 1,
        target=case.target,
        action="withdraw",
        payload={"action": "withdraw", "dedupe_key": case.dedupe_key, "reason": why[:2000]},
        idempotency_key=f"{case.dedupe_key}:withdraw",
    )
    session.add(entry)
    session.add(_event(case, detail))
    return (entry.id,)


def _event(case: Case, detail: dict[str, object]) -> CaseEvent:
    return CaseEvent(case_id=case.id, state=CaseState.WITHDRAWN, origin="us", detail=detail)


def _waiting(session: Session, case_id: str) -> list[str]:
    return list(
        session.scalars(
            sa.select(OutboxEntry.id)
            .where(OutboxEntry.case_id == case_id, OutboxEntry.state == "waiting")
            .order_by(OutboxEntry.sequence)
        )
    )
