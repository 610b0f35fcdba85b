"""Red, yellow, green: what confirmed findings make of a supervised object and of a grid cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve.db.tables import FindingRow, WarningChange, WarningState, utc_now
from serve.findings.pending import note
from serve.settings import Settings
from serve.warning_rules import Colour, Subject, WarningRules, rules_of
from vision.finding import FindingKind

ACTOR = "system"
_LOCK = 7266604
_ORDER = list(Colour)
_COLUMNS: dict[Subject, InstrumentedAttribute[str | None]] = {
    Subject.CELL: FindingRow.cell_code,
    Subject.SUPERVISED_OBJECT: FindingRow.supervised_id,
}
_SEEN = sa.func.coalesce(FindingRow.last_seen, FindingRow.seen_at)


@dataclass(frozen=True)
class Weighed:
    """What the rules say of a subject.

    Attributes:
        colour: The worst that holds.
        figures: Points and count of the longest time, and which rule decided.
    """

    colour: Colour
    figures: dict[str, object]


def reconsider(session: Session, row: FindingRow, settings: Settings) -> None:
    """Weigh the object and the cell of a finding anew, after it was confirmed or that was undone.

    Goes before `file_case`: that appends to the ledger, and who holds the ledger must not wait for
    a warning.
    """
    session.flush()
    # Always in this order, so that two reviews do not wait for each other.
    for subject, code in (
        (Subject.CELL, row.cell_code),
        (Subject.SUPERVISED_OBJECT, row.supervised_id),
    ):
        if code:
            weigh(session, subject, code, settings=settings, finding_id=row.id)


def weigh(
    session: Session,
    subject: Subject,
    code: str,
    *,
    settings: Settings,
    finding_id: str | None = None,
    now: datetime | None = None,
) -> Colour:
    """Weigh one subject anew and record it when it changes colour.

    Args:
        session: An open writing transaction.
        subject: Kind of subject.
        code: Which one.
        settings: Of the service.
        finding_id: The finding that gave the occasion; none where only time went by.
        now: Time of weighing; the present by default.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = sa.func.hashtext(f"{subject} {code}")
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK, key)))
    now = now or utc_now()
    rules = rules_of(settings)
    weighed = _weigh(session, subject, code, rules, now)
    state = session.get(WarningState, (subject.value, code))
    before = Colour(state.colour) if state else Colour.GREEN
    if state is None:
        if weighed.colour is Colour.GREEN:
            return Colour.GREEN
        state = WarningState(subject_type=subject.value, subject=code, colour="", since=now,
                             rules_version=rules.version)  # fmt: skip
        session.add(state)
    state.figures, state.rules_version = weighed.figures, rules.version
    state.colour = weighed.colour.value
    if weighed.colour is before:
        return before
    state.since = now
    why = weighed.figures | {"finding": finding_id}
    session.add(
        WarningChange(
            subject_type=subject.value, subject=code, before=before.value,
            after=weighed.colour.value, at=now, why=why, rules_version=rules.version,
        )
    )  # fmt: skip
    session.flush()
    detail = {"before": before.value, "after": weighed.colour.value, **why}
    note(session, ACTOR, "warning.change", subject.value, code, detail)
    return weighed.colour


def _weigh(
    session: Session, subject: Subject, code: str, rules: WarningRules, now: datetime
) -> Weighed:
    found = session.execute(
        sa.select(FindingRow.kind, _SEEN)
        .where(
            _COLUMNS[subject] == code,
            # As an expression, which no index of states serves: a subject has few, a state most.
            FindingRow.state.concat("") == "confirmed",
            _SEEN > now - timedelta(days=rules.longest_days),
        )
    ).all()  # fmt: skip
    seen = [(FindingKind(kind), at) for kind, at in found]
    colour, decided = Colour.GREEN, None
    for number, rule in enumerate(rules.rules, 1):
        if rule.subject is not subject:
            continue
        since = now - timedelta(days=rule.within_days)
        kinds = [k for k, at in seen if at > since and (not rule.kinds or k in rule.kinds)]
        points = sum(rules.points.get(kind, 0.0) for kind in kinds)
        holds = points >= rule.points if rule.points else len(kinds) >= (rule.count or 0)
        if holds and _ORDER.index(rule.colour) > _ORDER.index(colour):
            colour, decided = rule.colour, number
    total = sum(rules.points.get(kind, 0.0) for kind, _ in seen)
    figures: dict[str, object] = {
        "confirmed": len(seen), "points": total, "within_days": rules.longest_days, "rule": decided,
    }  # fmt: skip
    return Weighed(colour, figures)


def subjects_to_weigh(
    session: Session, settings: Settings, *, now: datetime
) -> list[tuple[Subject, str]]:
    """Return all subjects whose colour may have changed with time or with the rules."""
    subjects = {
        (Subject(kind), code)
        for kind, code in session.execute(
            sa.select(WarningState.subject_type, WarningState.subject).where(
                WarningState.colour != Colour.GREEN.value
            )
        )
    }
    since = now - timedelta(days=rules_of(settings).longest_days)
    for subject, column in _COLUMNS.items():
        codes = session.scalars(
            sa.select(column)
            .where(
                FindingRow.state == "confirmed",
                FindingRow.decided_at > since,
                column.is_not(None),
            )
            .distinct()
        )
        subjects |= {(subject, code) for code in codes if code}
    return sorted(subjects)
