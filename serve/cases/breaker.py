"""The circuit breaker and the rate of each case system, shared by all workers by the database.

Shut: messages are sent. Open: nothing is sent until a time; then one message tries, and what comes
of it shuts the breaker or opens it for longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from serve.cases.targets import Target
from serve.db.tables import TargetState

SUCCESS_NOTED_S = 10.0
"""How stale "last success" may get; noting each would make all workers queue for one row."""


def state_of(session: Session, name: str, *, lock: bool = False) -> TargetState:
    """Return a case system's state, made where there is none yet."""
    row = session.get(TargetState, name, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        # Several workers meet a new case system at once; the first one makes its row.
        on_sqlite = session.get_bind().dialect.name == "sqlite"
        insert = sqlite.insert(TargetState) if on_sqlite else postgresql.insert(TargetState)
        session.execute(insert.values(name=name, failures=0, opened=0).on_conflict_do_nothing())
        row = session.get_one(TargetState, name, with_for_update=lock or None)
    return row


@dataclass(frozen=True)
class Leave:
    """Whether a message may be sent now.

    Attributes:
        wait_s: Zero: send. Otherwise the seconds to wait before asking again.
        held: Waiting is for the breaker, which tells when it shuts.
        tries: This one tries whether the case system is back.
    """

    wait_s: float = 0.0
    held: bool = False
    tries: bool = False


@dataclass(frozen=True)
class Opened:
    """How the breaker stands after a failure: zero seconds where it is shut."""

    open_s: float = 0.0
    by_this: bool = False


def ask_leave(session: Session, target: Target, now: datetime) -> Leave:
    """Ask to send one message now."""
    seen = session.get(TargetState, target.name)
    if seen is not None and seen.open_until is None and target.rate_per_minute is None:
        return Leave()
    state = state_of(session, target.name, lock=True)
    if state.open_until is not None:
        left_s = (state.open_until - now).total_seconds()
        if left_s > 0:
            return Leave(left_s, held=True)
        # This one tries; the others wait until it can have had its answer.
        policy = target.retry
        longest_s = 3 * (policy.connect_timeout_s + policy.answer_timeout_s)
        state.open_until = now + timedelta(seconds=longest_s)
        return Leave(tries=True)
    if target.rate_per_minute is not None:
        slot = max(state.next_slot_at or now, now)
        if slot > now + timedelta(seconds=1):
            return Leave((slot - now).total_seconds())
        state.next_slot_at = slot + timedelta(seconds=60.0 / target.rate_per_minute)
    return Leave()


def note_success(session: Session, target: Target, now: datetime) -> bool:
    """Shut the breaker.

    Returns:
        Whether it was open, so that those held back are to be told.
    """
    state = session.get(TargetState, target.name)
    if (
        state is not None
        and state.failures == 0
        and state.open_until is None
        and state.last_success_at is not None
        and now - state.last_success_at < timedelta(seconds=SUCCESS_NOTED_S)
    ):
        return False
    state = state_of(session, target.name, lock=True)
    was_open = state.open_until is not None
    state.failures, state.opened, state.open_until = 0, 0, None
    state.last_success_at = now
    return was_open


def note_failure(
    session: Session,
    target: Target,
    problem: str,
    now: datetime,
    *,
    tried: bool,
    retry_after_s: float | None,
) -> Opened:
    """Count a failure, and open the breaker where there were enough.

    Args:
        session: A writing transaction.
        target: Whose.
        problem: What went wrong.
        now: The time.
        tried: The failure is of the message that was let through to try.
        retry_after_s: What the case system asked for; it opens at once, for that long.

    Returns:
        For how long the breaker is open, if it is, and whether by this failure.
    """
    state = state_of(session, target.name, lock=True)
    state.failures += 1
    state.last_problem = problem[:1000]
    policy = target.breaker
    is_open = state.open_until is not None and state.open_until > now
    if (is_open and not tried) or not (tried or retry_after_s or state.failures >= policy.failures):
        # Those under way when it opened say nothing new.
        left_s = (state.open_until - now).total_seconds() if state.open_until else 0.0
        return Opened(max(left_s, 0.0))
    state.opened += 1
    open_s = min(policy.open_s * 2 ** min(state.opened - 1, 20), policy.longest_open_s)
    if retry_after_s:
        open_s = min(max(retry_after_s, 1.0), policy.longest_open_s)
    state.open_until = now + timedelta(seconds=open_s)
    return Opened(open_s, by_this=True)
