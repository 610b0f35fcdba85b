"""What a person does with a finding: decide, correct, comment, take back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.api.versions import check_version
from serve.cases.filing import file_case, withdraw_case
from serve.db.tables import FindingRow, Review, utc_now
from serve.errors import Conflict, MissingCondition, NotAllowed, NotFound
from serve.findings.claiming import is_claimed_by_another
from serve.findings.intake import entitle
from serve.findings.outlines import place_outline, read_polygon
from serve.findings.pending import note
from serve.findings.reject_reasons import reasons_for
from serve.registers.suspicion import apply
from serve.settings import Settings
from serve.warnings import reconsider
from vision.errors import InputError
from vision.finding import FindingKind, GeoPolygon

UNDO_S = 600
"""A reviewer may take the own decision back for so long; after that a supervisor may."""
DECISIONS = ("confirm", "reject", "correct", "auto_confirm", "reopen")
_UNDOABLE = frozenset({"confirm", "reject", "correct", "auto_confirm"})
_SURVEY_KINDS = frozenset(
    {
        FindingKind.NEW_STRUCTURE,
        FindingKind.REMOVED_STRUCTURE,
        FindingKind.LAND_CLEARING,
        FindingKind.DUST_HOTSPOT,
    }
)


@dataclass(frozen=True)
class Reviewer:
    """Who reviews."""

    name: str
    is_supervisor: bool


@dataclass(frozen=True)
class Correction:
    """What a reviewer says that it is instead; what is not given stays."""

    kind: FindingKind | None = None
    geometry: GeoPolygon | None = None
    bbox_xyxy: tuple[float, float, float, float] | None = None


def confirm(
    session: Session,
    finding_id: str,
    reviewer: Reviewer,
    *,
    text: str,
    if_match: str | None,
    settings: Settings,
) -> tuple[FindingRow, tuple[str, ...]]:
    """Confirm a finding and file its cases.

    Returns:
        The finding, and the messages for case systems to begin with after the commit.
    """
    row = _open_for(session, finding_id, reviewer, if_match)
    _must_wait(row)
    now = utc_now()
    before = _decision_of(row)
    row.state, row.decided_by, row.decided_at = "confirmed", reviewer.name, now
    _closed(row, now)
    _record(session, row, "confirm", reviewer, {"text": text} if text else {}, before)
    reconsider(session, row, settings)
    outbox = file_case(session, row, reviewer=reviewer.name, decided_at=now, settings=settings)
    return row, outbox


def reject(
    session: Session,
    finding_id: str,
    reviewer: Reviewer,
    *,
    reason: str,
    text: str,
    if_match: str | None,
) -> FindingRow:
    """Reject a finding for one of the reasons that its kind knows.

    Raises:
        InputError: The reason is not one of the kind's, or its words are missing.
    """
    row = _open_for(session, finding_id, reviewer, if_match)
    _must_wait(row)
    known = reasons_for(FindingKind(row.kind))
    if reason not in known:
        raise InputError(f"{row.kind} is rejected for one of: {', '.join(known)}")
    if reason == "other" and not text.strip():
        raise InputError("another reason has to be given in words")
    now = utc_now()
    before = _decision_of(row)
    row.state, row.decided_by, row.decided_at = "rejected", reviewer.name, now
    row.reject_reason = reason
    _closed(row, now)
    _record(session, row, "reject", reviewer, {"reason": reason, "text": text}, before)
    return row


def correct(
    session: Session,
    finding_id: str,
    reviewer: Reviewer,
    correction: Correction,
    *,
    text: str,
    if_match: str | None,
    settings: Settings,
) -> FindingRow:
    """Correct what a finding is or where; measures that follow are computed anew.

    Raises:
        InputError: Nothing is corrected, or the correction does not fit the finding's door.
    """
    row = _open_for(session, finding_id, reviewer, if_match)
    _must_wait(row)
    kind = FindingKind(row.kind)
    before = _place_of(row)
    corrected = dict(row.corrected or {})
    if correction.kind is not None:
        if (correction.kind in _SURVEY_KINDS) != (kind in _SURVEY_KINDS):
            raise InputError(f"{correction.kind} cannot come from where {kind} was found")
        row.kind = corrected["kind"] = correction.kind.value
    if correction.geometry is not None:
        if kind not in _SURVEY_KINDS:
            raise InputError("a finding of a camera has a box in the picture, no outline")
        outline = read_polygon(correction.geometry, what="geometry")
        place_outline(row, outline)
        corrected["geometry"] = shapely.geometry.mapping(outline)
        corrected["area_m2"] = row.area_m2
    if correction.bbox_xyxy is not None:
        if kind in _SURVEY_KINDS:
            raise InputError("a finding of a survey has an outline, no box in a picture")
        row.bbox_xyxy = corrected["bbox_xyxy"] = _checked_box(correction.bbox_xyxy)
    if corrected == (row.corrected or {}):
        raise InputError("nothing is corrected: give another kind, geometry or bbox_xyxy")
    row.corrected = corrected
    entitle(row)
    row.updated_at = utc_now()
    apply(session, row, settings=settings)
    detail = {"corrected": corrected, "text": text}
    _record(session, row, "correct", reviewer, detail, before)
    return row


def comment(session: Session, finding_id: str, reviewer: Reviewer, *, text: str) -> FindingRow:
    """Write a comment into the history; the finding stays as it is, whoever holds it."""
    row = session.get(FindingRow, finding_id)
    if row is None:
        raise NotFound(f"there is no finding {finding_id}")
    _record(session, row, "comment", reviewer, {"text": text}, {})
    return row


def undo(
    session: Session,
    finding_id: str,
    reviewer: Reviewer,
    *,
    text: str,
    if_match: str | None,
    settings: Settings,
) -> tuple[FindingRow, tuple[str, ...]]:
    """Take the latest decision back.

    Returns:
        The finding, and the messages for case systems to begin with after the commit.

    Raises:
        Conflict: There is no decision to take back.
        NotAllowed: It is somebody else's, or too long ago.
    """
    row = _open_for(session, finding_id, reviewer, if_match)
    last = session.scalars(
        sa.select(Review)
        .where(
            Review.finding_id == row.id, Review.action.in_(DECISIONS), Review.undone.is_(False)
        )
        .order_by(Review.at.desc(), Review.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    if last is None or last.action not in _UNDOABLE:
        raise Conflict("there is no decision on this finding that could be taken back")
    now = utc_now()
    is_own = last.actor == reviewer.name and now - last.at <= timedelta(seconds=UNDO_S)
    if not (is_own or reviewer.is_supervisor):
        raise NotAllowed(
            f"{last.actor} decided this at {last.at:%H:%M} UTC; only they may take it back, within "
            f"{UNDO_S // 60} minutes, or a supervisor"
        )
    last.undone = True
    outbox: tuple[str, ...] = ()
    if last.action == "correct":
        _put_back_place(row, last.before)
        entitle(row)
        apply(session, row, settings=settings)
    else:
        was_confirmed = row.state == "confirmed"
        _put_back_decision(row, last.before)
        if was_confirmed:
            reconsider(session, row, settings)
            outbox = withdraw_case(
                session, row, reviewer=reviewer.name, why=text or "undone", settings=settings
            )
    row.updated_at = now
    detail = {"of": last.id, "action": last.action, "text": text}
    _record(session, row, "undo", reviewer, detail, {})
    return row, outbox


def tally(session: Session, reviewer: str, since: datetime) -> dict[str, int]:
    """Count a reviewer's decisions since a time by action; what was taken back does not count."""
    counts = sa.select(Review.action, sa.func.count()).where(
        Review.actor == reviewer,
        Review.at >= since,
        Review.undone.is_(False),
        Review.action.in_(("confirm", "reject")),
    )
    return {action: int(n) for action, n in session.execute(counts.group_by(Review.action)).all()}


def _open_for(
    session: Session,
    finding_id: str,
    reviewer: Reviewer,
    if_match: str | None,
) -> FindingRow:
    """Return a finding that is locked for this reviewer, its revision counted up.

    Raises:
        NotFound: There is none.
        Conflict: Somebody else reviews it just now.
        Stale: It was changed since.
        MissingCondition: No version was named, and the reviewer holds no claim on it.
    """
    row = session.get(FindingRow, finding_id, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no finding {finding_id}")
    now = utc_now()
    if is_claimed_by_another(row, reviewer.name, now) and row.claimed_until is not None:
        raise Conflict(
            f"{row.claimed_by} reviews this finding until {row.claimed_until:%H:%M:%S} UTC"
        )
    holds = (
        row.claimed_by == reviewer.name and row.claimed_until is not None
        and row.claimed_until > now
    )  # fmt: skip
    if if_match is not None:
        check_version(row, if_match)
    elif holds:
        row.revision += 1
    else:
        raise MissingCondition(
            "claim the finding, or send If-Match with the ETag that reading it gave"
        )
    return row


def _must_wait(row: FindingRow) -> None:
    if row.state != "suspected":
        who = f" by {row.decided_by}" if row.decided_by else ""
        raise Conflict(f"this finding is {row.state}{who}; take that back first")


def _closed(row: FindingRow, now: datetime) -> None:
    row.claimed_by = row.claimed_until = None
    row.updated_at = now


def _record(
    session: Session,
    row: FindingRow,
    action: str,
    reviewer: Reviewer,
    detail: dict[str, Any],
    before: dict[str, Any],
) -> None:
    review = Review(
        finding_id=row.id, action=action, actor=reviewer.name, detail=detail, before=before,
        at=utc_now(),
    )  # fmt: skip
    session.add(review)
    session.flush()
    note(session, reviewer.name, f"finding.{action}", "finding", row.id, detail)


def _checked_box(box: tuple[float, float, float, float]) -> list[float]:
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InputError("bbox_xyxy: left, top, right, bottom as shares of the frame, 0 to 1")
    return [left, top, right, bottom]


def _decision_of(row: FindingRow) -> dict[str, Any]:
    return {
        "state": row.state,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "reject_reason": row.reject_reason,
    }


def _put_back_decision(row: FindingRow, before: dict[str, Any]) -> None:
    row.state = before.get("state") or "suspected"
    row.decided_by = before.get("decided_by")
    at = before.get("decided_at")
    row.decided_at = datetime.fromisoformat(at) if at else None
    row.reject_reason = before.get("reject_reason")


def _place_of(row: FindingRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "geometry": None if row.geometry is None else row.geometry.hex(),
        "bbox_xyxy": row.bbox_xyxy,
        "corrected": row.corrected,
    }


def _put_back_place(row: FindingRow, before: dict[str, Any]) -> None:
    row.kind = before["kind"]
    if before["geometry"] is not None:
        place_outline(row, shapely.from_wkb(before["geometry"]))
    row.bbox_xyxy = before["bbox_xyxy"]
    row.corrected = before["corrected"]
