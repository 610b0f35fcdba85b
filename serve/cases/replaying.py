"""Dead letters, tried again: from the beginning, and with evidence links that are good again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger
from serve.cases.drafting import draft_evidence
from serve.cases.outbox import WAITING, locked
from serve.cases.states import CaseState
from serve.cases.status import for_update
from serve.cases.targets import Target, targets_of
from serve.db.tables import Case, CaseEvent, EvidenceRow, OutboxEntry, utc_now
from serve.settings import Settings

MOST_AT_ONCE = 1000


def dead_letters_of(session: Session, target: str) -> list[str]:
    """Return the first dead letters of a case system, oldest first."""
    return list(
        session.scalars(
            sa.select(OutboxEntry.id)
            .where(OutboxEntry.target == target, OutboxEntry.state == "dead")
            .order_by(OutboxEntry.id)
            .limit(MOST_AT_ONCE)
        )
    )


def replay_letters(
    session: Session, entry_ids: Sequence[str], *, actor: str, settings: Settings
) -> list[str]:
    """Let dead letters wait again; those that are none, or of withdrawn cases, are left alone.

    Returns:
        The entries that wait now, for `serve.workflows.delivery.begin` after the commit.
    """
    targets = {target.name: target for target in targets_of(settings)}
    replayed: list[OutboxEntry] = []
    # All are locked in one order, and the ledger comes last: two of these never lock each other up.
    for entry_id in sorted(entry_ids):
        entry = locked(session, entry_id)
        if entry is None or entry.state != "dead":
            continue
        case = for_update(session, entry.case_id)
        if case is None or (case.state == CaseState.WITHDRAWN and entry.action == "post"):
            continue
        _again(session, entry, case, targets.get(entry.target), settings)
        replayed.append(entry)
    for entry in replayed:
        ledger.append(
            session, actor=actor, action="case.replay", subject_type="case",
            subject=entry.case_id,
            detail={"entry": entry.id, "action": entry.action, "replays": entry.replays},
        )  # fmt: skip
    return [entry.id for entry in replayed]


def _again(
    session: Session, entry: OutboxEntry, case: Case, target: Target | None, settings: Settings
) -> None:
    now = utc_now()
    entry.state, entry.attempts, entry.held = WAITING, 0, False
    entry.remote_token = entry.token_at = entry.next_attempt_at = None
    entry.replays += 1
    entry.turn += 1
    if entry.action == "post" and target is not None:
        rows = session.scalars(
            sa.select(EvidenceRow)
            .where(EvidenceRow.finding_id == case.finding_id, EvidenceRow.deleted_at.is_(None))
            .order_by(EvidenceRow.created_at, EvidenceRow.id)
        ).all()
        evidence = draft_evidence(
            rows, case.id, issue=case.links_issue, now=now, target=target, settings=settings
        )
        plain = [item.model_dump(mode="json") for item in evidence]
        entry.payload = {**entry.payload, "draft": {**entry.payload["draft"], "evidence": plain}}
    if case.state == CaseState.DEAD:
        case.state, case.updated_at = CaseState.DRAFTED, now
        case.revision += 1
    session.add(
        CaseEvent(
            case_id=case.id, state=case.state, origin="us",
            detail={"replay": entry.replays, "action": entry.action},
        )
    )  # fmt: skip
