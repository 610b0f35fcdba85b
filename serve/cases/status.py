"""What case systems say of cases: recorded always, and moving a case where that is forward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger
from serve.cases.states import CaseState, moves_forward, state_of
from serve.cases.targets import Target
from serve.db.tables import Case, CaseEvent, FindingRow, utc_now

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Said:
    """One thing that a case system said of a case.

    Attributes:
        word: Its own word for the state.
        origin: ``callback``, ``poll`` or ``delivery``.
        at: When it happened there.
        note: Free text.
        event_id: Its id of this event, by which one said twice counts once.
        external_id: Its number of the case.
        correction: It says itself that the case went back.
    """

    word: str
    origin: str
    at: datetime | None = None
    note: str | None = None
    event_id: str | None = None
    external_id: str | None = None
    correction: bool = False


def apply_said(session: Session, case: Case, said: Said, target: Target) -> bool:
    """Record what was said, and move the case where that is forward.

    The case must have been read for update.

    Returns:
        Whether it was news; false where the same was said before.
    """
    remote_id = None if said.event_id is None else f"{target.name}:{said.event_id}"
    if remote_id is not None and session.scalar(
        sa.select(CaseEvent.id).where(CaseEvent.remote_id == remote_id)
    ):
        return False
    state = state_of(said.word, target.states)
    if said.external_id and case.external_id != said.external_id:
        case.external_id = said.external_id
        case.revision += 1
    moved = state is not None and _may_move(case, state, said)
    if not moved and said.origin != "callback":
        return False
    detail: dict[str, object] = {"word": said.word, "moved": moved}
    if said.at is not None:
        detail["at"] = said.at.isoformat()
    if said.note:
        detail["note"] = said.note
    if said.correction:
        detail["correction"] = True
    session.add(
        CaseEvent(
            case_id=case.id, state=state or UNKNOWN, origin=said.origin, detail=detail,
            remote_id=remote_id,
        )
    )  # fmt: skip
    if moved and state is not None:
        move(session, case, state, actor=f"case system {target.name}", why=said.origin)
    return True


def _may_move(case: Case, state: CaseState, said: Said) -> bool:
    if case.state == state or case.state == CaseState.WITHDRAWN:
        return False
    if said.correction and said.origin == "callback":
        return True
    # Of the two ways to end, the first one counts: a late message does not reopen or refuse.
    ended = case.state in (CaseState.CLOSED, CaseState.REFUSED)
    return not ended and moves_forward(case.state, state)


def move(session: Session, case: Case, state: CaseState, *, actor: str, why: str) -> None:
    """Put a case into a state, append to the ledger, and let retention know."""
    before = case.state
    now = utc_now()
    case.state = state
    case.updated_at = now
    case.closed_at = now if state in (CaseState.CLOSED, CaseState.REFUSED) else None
    case.revision += 1
    ledger.append(
        session, actor=actor, action=f"case.{state}", subject_type="case", subject=case.id,
        detail={"before": before, "why": why},
    )  # fmt: skip


def for_update(session: Session, case_id: str) -> Case | None:
    """Return a case, held against other writers until the transaction ends."""
    return session.get(Case, case_id, with_for_update=True, populate_existing=True)


def open_case_exists(session: Session, row: FindingRow) -> bool:
    """Tell whether a case of a finding is under way, so that its evidence must be kept."""
    ended = [str(state) for state in (CaseState.CLOSED, CaseState.REFUSED, CaseState.WITHDRAWN)]
    return bool(
        session.scalar(
            sa.select(sa.exists().where(Case.finding_id == row.id, Case.state.not_in(ended)))
        )
    )
