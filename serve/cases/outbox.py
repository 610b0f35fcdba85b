"""The outbox: what a worker may send now, and what came of it, each in one transaction."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from serve import ledger
from serve.cases.adapters.answers import (
    Delivered,
    Message,
    Outcome,
    RefusedForGood,
    TokenGiven,
    TryLater,
)  # fmt: skip
from serve.cases.breaker import Opened, ask_leave, note_failure, note_success
from serve.cases.states import CaseState, moves_forward
from serve.cases.status import Said, apply_said, for_update, move
from serve.cases.targets import Target
from serve.db.tables import Case, CaseEvent, OutboxEntry, utc_now
from serve.metrics import DELIVERIES

WAITING = "waiting"
SOON_S = 60.0
"""Longest delay for which a workflow is put on the queue; the sweep begins what is due later."""


@dataclass(frozen=True)
class Next:
    """What is to be done after a turn.

    Attributes:
        again_s: Seconds until the same entry's next turn is to begin; none: not by us.
        begin: Other entries that can begin now.
    """

    again_s: float | None = None
    begin: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """Leave to send a message now."""

    message: Message
    tries: bool


def locked(session: Session, entry_id: str) -> OutboxEntry | None:
    """Return an entry, held against other writers until the transaction ends."""
    return session.get(OutboxEntry, entry_id, with_for_update=True, populate_existing=True)


def take_turn(
    session: Session, entry_id: str, turn: int, target: Target, *, now: datetime
) -> Turn | Next:
    """Find out whether an entry may be sent in this turn, and note that it is about to be.

    A turn is over when its number has gone by: whoever comes late, as after a crash, learns only
    what is next.
    """
    entry = locked(session, entry_id)
    if entry is None:
        return Next()
    if entry.state != WAITING or entry.turn != turn:
        return next_of(session, entry, now)
    if _waits_for_another(session, entry):
        # Whoever finishes the other one begins this one.
        entry.turn += 1
        return Next()
    leave = ask_leave(session, target, now)
    if leave.wait_s > 0:
        _wait(entry, leave.wait_s, now, held=leave.held)
        DELIVERIES.labels(target.name, "held_back").inc()
        return next_of(session, entry, now)
    maybe_sent = entry.first_sent_at is not None
    entry.first_sent_at = entry.first_sent_at or now
    entry.next_attempt_at, entry.held = None, False
    case = session.get_one(Case, entry.case_id)
    message = Message(
        action=entry.action,
        dedupe_key=case.dedupe_key,
        reference=case.dedupe_key + ("" if entry.action == "post" else f":{entry.action}"),
        idempotency_key=entry.idempotency_key,
        payload=entry.payload,
        maybe_sent=maybe_sent,
        first_sent_at=entry.first_sent_at,
        token=entry.remote_token,
        external_id=case.external_id,
    )
    return Turn(message, leave.tries)


def record(
    session: Session,
    entry_id: str,
    turn: int,
    outcome: Outcome,
    target: Target,
    *,
    tried: bool,
    now: datetime,
) -> Next:
    """Write what came of sending, and return what is next."""
    entry = locked(session, entry_id)
    if entry is None:
        return Next()
    if entry.turn != turn or entry.state != WAITING:
        return next_of(session, entry, now)
    entry.attempts += 1
    if isinstance(outcome, Delivered) and _belongs_to_another(session, entry, outcome):
        outcome = TryLater("the case system answered with the id of another of our cases")
    woken: Sequence[str] = ()
    if isinstance(outcome, TryLater) and not outcome.target_is_well:
        opened = note_failure(
            session, target, outcome.problem, now, tried=tried,
            retry_after_s=outcome.retry_after_s,
        )  # fmt: skip
    else:
        opened = Opened()
        if note_success(session, target, now):
            woken = wake(session, target.name, but=entry_id)
    match outcome:
        case Delivered():
            _delivered(session, entry, outcome, target, now)
        case TokenGiven():
            entry.remote_token, entry.token_at = outcome.token, now
            _wait(entry, target.retry.first_s, now)
        case TryLater():
            _later(session, entry, outcome, target, now=now, opened=opened)
        case RefusedForGood():
            bury(session, entry, outcome.problem)
    after = next_of(session, entry, now)
    return Next(after.again_s, (*after.begin, *woken))


def next_of(session: Session, entry: OutboxEntry, now: datetime) -> Next:
    """Return what is next for an entry as it stands."""
    if entry.state == WAITING:
        if entry.held:
            return Next()
        wait_s = 0.0
        if entry.next_attempt_at is not None:
            wait_s = max((entry.next_attempt_at - now).total_seconds(), 0.0)
        return Next(again_s=wait_s if wait_s <= SOON_S else None)
    following = session.scalars(
        sa.select(OutboxEntry.id)
        .where(
            OutboxEntry.case_id == entry.case_id,
            OutboxEntry.sequence > entry.sequence,
            OutboxEntry.state == WAITING,
        )
        .order_by(OutboxEntry.sequence)
        .limit(1)
    ).all()
    return Next(begin=tuple(following))


def bury(session: Session, entry: OutboxEntry, problem: str) -> None:
    """Make an entry a dead letter: it waits for a person."""
    entry.state, entry.last_problem, entry.next_attempt_at = "dead", problem[:2000], None
    entry.turn += 1
    DELIVERIES.labels(entry.target, "dead").inc()
    case = for_update(session, entry.case_id)
    if case is None:
        return
    session.add(
        CaseEvent(
            case_id=case.id, state=CaseState.DEAD, origin="delivery",
            detail={"action": entry.action, "problem": problem[:2000]},
        )
    )  # fmt: skip
    if entry.action == "post" and moves_forward(case.state, CaseState.DEAD):
        move(session, case, CaseState.DEAD, actor="worker", why=problem[:300])
    else:
        ledger.append(
            session, actor="worker", action="case.letter_dead", subject_type="case",
            subject=case.id, detail={"action": entry.action, "problem": problem[:300]},
        )  # fmt: skip


def wake(session: Session, target: str, *, but: str) -> Sequence[str]:
    """Let those go on that the breaker held back; returns the first of them."""
    held = (
        sa.select(OutboxEntry.id)
        .where(
            OutboxEntry.target == target,
            OutboxEntry.state == WAITING,
            OutboxEntry.held.is_(True),
            OutboxEntry.id != but,
        )
        .order_by(OutboxEntry.id)
    )
    # Skipping those that another worker holds: waiting for each other in two orders would lock up.
    ids = session.scalars(held.with_for_update(skip_locked=True)).all()
    for start in range(0, len(ids), 500):
        session.execute(
            sa.update(OutboxEntry)
            .where(OutboxEntry.id.in_(ids[start : start + 500]))
            .values(held=False, next_attempt_at=None)
        )
    return ids[:500]


def _waits_for_another(session: Session, entry: OutboxEntry) -> bool:
    earlier = aliased(OutboxEntry)
    return bool(
        session.scalar(
            sa.select(
                sa.exists().where(
                    earlier.case_id == entry.case_id,
                    earlier.sequence < entry.sequence,
                    earlier.state == WAITING,
                )
            )
        )
    )


def _belongs_to_another(session: Session, entry: OutboxEntry, outcome: Delivered) -> bool:
    if outcome.external_id is None:
        return False
    return bool(
        session.scalar(
            sa.select(
                sa.exists().where(
                    Case.target == entry.target,
                    Case.external_id == outcome.external_id,
                    Case.id != entry.case_id,
                )
            )
        )
    )


def _wait(entry: OutboxEntry, wait_s: float, now: datetime, *, held: bool = False) -> None:
    # Those held back by a breaker come one after the other, not all in the same second.
    spread = random.uniform(0.0, min(wait_s, 30.0) * 0.2)  # noqa: S311
    entry.next_attempt_at = now + timedelta(seconds=wait_s + spread)
    entry.held = held
    entry.turn += 1


def _later(
    session: Session,
    entry: OutboxEntry,
    outcome: TryLater,
    target: Target,
    *,
    now: datetime,
    opened: Opened,
) -> None:
    policy = target.retry
    most = min(policy.attempts, outcome.at_most or policy.attempts)
    if entry.token_at is not None:
        if (now - entry.token_at).total_seconds() > policy.token_patience_s:
            bury(session, entry, f"{outcome.problem}; given up after {policy.token_patience_s} s")
            return
    elif entry.attempts >= most:
        bury(session, entry, f"{outcome.problem}; given up after {entry.attempts} attempts")
        return
    entry.last_problem = outcome.problem[:2000]
    backoff_s = min(policy.first_s * 2 ** min(entry.attempts - 1, 30), policy.longest_s)
    wait_s = backoff_s * random.uniform(0.5, 1.0)  # noqa: S311
    wait_s = max(wait_s, outcome.retry_after_s or 0.0)
    # The one that opened the breaker is the one that tries again; the others are told.
    wait_s = opened.open_s if opened.by_this else max(wait_s, opened.open_s)
    _wait(entry, wait_s, now, held=opened.open_s > 0 and not opened.by_this)
    DELIVERIES.labels(target.name, "retried").inc()


def _delivered(
    session: Session, entry: OutboxEntry, outcome: Delivered, target: Target, now: datetime
) -> None:
    entry.state, entry.delivered_at, entry.last_problem = "delivered", now, None
    entry.next_attempt_at, entry.held = None, False
    entry.turn += 1
    DELIVERIES.labels(target.name, "delivered").inc()
    case = for_update(session, entry.case_id)
    if case is None:
        return
    detail = {"action": entry.action, "external_id": outcome.external_id, "note": outcome.note}
    session.add(
        CaseEvent(case_id=case.id, state=CaseState.DELIVERED, origin="delivery", detail=detail)
    )
    if entry.action != "post":
        ledger.append(
            session, actor="worker", action=f"case.{entry.action}_delivered",
            subject_type="case", subject=case.id, detail=detail,
        )  # fmt: skip
        return
    if outcome.external_id is not None:
        case.external_id = outcome.external_id
    if moves_forward(case.state, CaseState.DELIVERED):
        move(session, case, CaseState.DELIVERED, actor="worker", why="delivered")
    if outcome.state is not None:
        apply_said(session, case, Said(outcome.state, "delivery"), target)


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Return entries that wait and could begin now, longest waiting first."""
    earlier = aliased(OutboxEntry)
    blocked = sa.exists().where(
        earlier.case_id == OutboxEntry.case_id,
        earlier.sequence < OutboxEntry.sequence,
        earlier.state == WAITING,
    )
    return list(
        session.scalars(
            sa.select(OutboxEntry.id)
            .where(
                OutboxEntry.state == WAITING,
                sa.or_(OutboxEntry.next_attempt_at.is_(None), OutboxEntry.next_attempt_at <= now),
                ~blocked,
            )
            .order_by(OutboxEntry.next_attempt_at.nulls_first(), OutboxEntry.id)
            .limit(limit)
        )
    )


def age_s(entry: OutboxEntry) -> float:
    """Return for how long an entry could have begun."""
    return (utc_now() - (entry.next_attempt_at or entry.created_at)).total_seconds()
