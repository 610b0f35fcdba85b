"""Delivering messages to case systems, and asking them for states.

Each attempt is a workflow of its own that ends when the attempt has: no worker waits for a case
system that is away. What begins the next attempt is, in this order, the attempt itself, whoever
finds the case system well again, and the sweep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, ScheduleInput
from dbos._error import DBOSException
from sqlalchemy.exc import SQLAlchemyError

from serve import service as services
from serve.cases.adapters.answers import AskedCase, Outcome, TryLater
from serve.cases.adapters.choice import adapter_for
from serve.cases.adapters.http import TargetTrouble
from serve.cases.breaker import state_of
from serve.cases.outbox import WAITING, Next, age_s, due, locked, next_of, record, take_turn
from serve.cases.states import ENDED, CaseState
from serve.cases.status import Said, apply_said, for_update
from serve.cases.targets import Target, target_named, targets_of
from serve.db.tables import Case, OutboxEntry, TargetState, utc_now
from serve.metrics import DELIVERY_S
from serve.service import Service
from serve.workflows.queues import WorkQueue, start
from vision.errors import CityEyeError

log = structlog.get_logger()

SWEPT_AT_ONCE = 1000
STUCK_S = 120.0
"""An entry due for so long is looked at: its workflow may have ended without moving it on."""
MISCONFIGURED_S = 300.0
POLLED_AT_ONCE = 200


def begin(outbox_ids: Iterable[str]) -> None:
    """Put entries on the queue; after the commit that made or freed them.

    Doing it again does no harm. Not being able to is no failure of the caller's: what was written
    stays written, and the sweep begins what nobody else did.
    """
    ids = list(outbox_ids)
    if not ids:
        return
    try:
        with services.current().database.read() as session:
            rows = session.execute(
                sa.select(OutboxEntry.id, OutboxEntry.case_id, OutboxEntry.turn).where(
                    OutboxEntry.id.in_(ids), OutboxEntry.state == WAITING
                )
            ).all()
        for row in rows:
            _enqueue(row.id, row.case_id, row.turn)
    except (DBOSException, SQLAlchemyError, RuntimeError) as error:
        log.warning("delivery_not_begun", entries=len(ids), error=type(error).__name__)


def _enqueue(entry_id: str, case_id: str, turn: int, *, delay_s: float | None = None) -> None:
    start(
        WorkQueue.DELIVERY, deliver, entry_id, case_id, turn,
        workflow_id=_workflow_id(entry_id, turn), partition=case_id, delay_s=delay_s or None,
    )  # fmt: skip


def _workflow_id(entry_id: str, turn: int) -> str:
    return f"deliver-{entry_id}-{turn}"


@DBOS.workflow()
def deliver(entry_id: str, case_id: str, turn: int) -> None:
    """Make one attempt, and see to the next one."""
    after = _attempt(entry_id, turn)
    if after["again_s"] is not None:
        _enqueue(entry_id, case_id, after["turn"], delay_s=after["again_s"])
    begin(after["begin"])


# What is retried here are troubles with our database; the case system's are outcomes.
@DBOS.step(retries_allowed=True, max_attempts=5, interval_seconds=1.0)
def _attempt(entry_id: str, turn: int) -> dict[str, Any]:
    """Send once. Killed at any point and run again, it finds out what came of it before."""
    service = services.current()
    with service.database.read() as session:
        entry = session.get(OutboxEntry, entry_id)
    if entry is None:
        return {"again_s": None, "turn": turn, "begin": []}
    try:
        target = target_named(entry.target, service.settings)
        adapter = adapter_for(target)
        # Read now, so that a wrong configuration is not taken for the case system's failure.
        _ = target.secret
    except CityEyeError as error:
        after = _put_off(service, entry_id, turn, str(error))
        return _plain(service, entry_id, after)
    with service.database.write() as session:
        leave = take_turn(session, entry_id, turn, target, now=utc_now())
    if isinstance(leave, Next):
        return _plain(service, entry_id, leave)
    outcome: Outcome
    with DELIVERY_S.labels(target.name).time():
        try:
            outcome = adapter.send(leave.message)
        except Exception as error:
            # A fault of ours must not leave the message without a next turn.
            log.exception("delivery_failed", entry=entry_id, error=type(error).__name__)
            outcome = TryLater(f"the message could not be made ({type(error).__name__})")
    with service.database.write() as session:
        after = record(session, entry_id, turn, outcome, target, tried=leave.tries, now=utc_now())
    log.info(
        "delivery_attempt", entry=entry_id, target=target.name, outcome=type(outcome).__name__,
        problem=getattr(outcome, "problem", None),
    )  # fmt: skip
    return _plain(service, entry_id, after)


def _plain(service: Service, entry_id: str, after: Next) -> dict[str, Any]:
    with service.database.read() as session:
        turn = session.scalar(sa.select(OutboxEntry.turn).where(OutboxEntry.id == entry_id))
    return {"again_s": after.again_s, "turn": turn, "begin": list(after.begin)}


def _put_off(service: Service, entry_id: str, turn: int, problem: str) -> Next:
    with service.database.write() as session:
        entry = locked(session, entry_id)
        now = utc_now()
        if entry is None:
            return Next()
        if entry.state == WAITING and entry.turn == turn:
            entry.last_problem = problem[:2000]
            entry.next_attempt_at = now + timedelta(seconds=MISCONFIGURED_S)
            entry.turn += 1
        return next_of(session, entry, now)


@DBOS.workflow()
def sweep_outbox(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Begin what is due and nobody began, as after dying between commit and queue."""
    sweep()


def sweep() -> int:
    """Begin what is due; returns how many entries that were."""
    entries = _due_entries()
    for entry_id, case_id, turn in entries:
        _enqueue(entry_id, case_id, turn)
    return len(entries)


@DBOS.step()
def _due_entries() -> list[tuple[str, str, int]]:
    service = services.current()
    now = utc_now()
    with service.database.read() as session:
        ids = due(session, now=now, limit=SWEPT_AT_ONCE)
        entries = {
            entry.id: entry
            for entry in session.scalars(sa.select(OutboxEntry).where(OutboxEntry.id.in_(ids)))
        }
        breakers = {
            state.name: state.open_until
            for state in session.scalars(
                sa.select(TargetState).where(TargetState.open_until.is_not(None))
            )
        }
    begun: Counter[str] = Counter()
    found = []
    for entry in (entries[number] for number in ids if number in entries):
        open_until = breakers.get(entry.target)
        # While a breaker is open nothing passes it; when its time is over, one message tries.
        if open_until is not None and (open_until > now or begun[entry.target]):
            continue
        begun[entry.target] += 1
        turn = entry.turn
        if age_s(entry) > STUCK_S and _ended(_workflow_id(entry.id, turn)):
            turn = _move_on(service, entry.id, turn)
        found.append((entry.id, entry.case_id, turn))
    return found


def _ended(workflow_id: str) -> bool:
    status = DBOS.get_workflow_status(workflow_id)
    return status is not None and status.status not in ("PENDING", "ENQUEUED", "DELAYED")


def _move_on(service: Service, entry_id: str, turn: int) -> int:
    with service.database.write() as session:
        entry = locked(session, entry_id)
        if entry is None or entry.state != WAITING:
            return turn
        if entry.turn == turn:
            entry.turn += 1
        return entry.turn


@DBOS.workflow()
def poll_case_systems(scheduled_at: datetime, context: Any) -> None:  # noqa: ANN401, ARG001
    """Ask the case systems that are to be asked for the states of open cases."""
    poll()


@DBOS.step()
def poll() -> int:
    """Ask those whose time it is; returns how many answers there were."""
    service = services.current()
    answers = 0
    for target in targets_of(service.settings):
        if target.poll_interval_s is None:
            continue
        with service.database.write() as session:
            state = state_of(session, target.name, lock=True)
            now = utc_now()
            waited = state.polled_at is None or now - state.polled_at >= timedelta(
                seconds=target.poll_interval_s
            )
            if not waited or (state.open_until is not None and state.open_until > now):
                continue
            state.polled_at = now
        answers += _poll(service, target)
    return answers


def _poll(service: Service, target: Target) -> int:
    asked_after, answers = "", 0
    while True:
        with service.database.read() as session:
            cases = session.scalars(
                sa.select(Case)
                .where(
                    Case.target == target.name,
                    Case.external_id.is_not(None),
                    Case.state.not_in([str(state) for state in (*ENDED, CaseState.DEAD)]),
                    Case.id > asked_after,
                )
                .order_by(Case.id)
                .limit(POLLED_AT_ONCE)
            ).all()
        if not cases:
            return answers
        asked_after = cases[-1].id
        by_key = {case.dedupe_key: case for case in cases}
        asked = [AskedCase(c.dedupe_key, c.external_id, c.created_at) for c in cases]
        try:
            said = adapter_for(target).ask(asked)
        except (TargetTrouble, CityEyeError) as trouble:
            log.info("poll_failed", target=target.name, problem=str(trouble))
            return answers
        for status in said:
            known = by_key.get(status.dedupe_key)
            if known is None or (known.state, known.external_id) == (
                status.state, status.external_id,
            ):  # fmt: skip
                continue
            with service.database.write() as session:
                case = for_update(session, known.id)
                if case is not None:
                    apply_said(
                        session,
                        case,
                        Said(
                            status.state, "poll", status.at, status.note,
                            external_id=status.external_id,
                        ),
                        target,
                    )  # fmt: skip
            answers += 1


SCHEDULES: list[ScheduleInput] = [
    {
        "schedule_name": "sweep-outbox",
        "workflow_fn": sweep_outbox,
        "schedule": "*/30 * * * * *",
        "context": None,
    },
    {
        "schedule_name": "poll-case-systems",
        "workflow_fn": poll_case_systems,
        "schedule": "15,45 * * * * *",
        "context": None,
    },
]
