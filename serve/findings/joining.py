"""Telling whether what was flagged is something that was flagged before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.cases.states import ENDED
from serve.db.tables import Case, FindingRow, Review, Sighting, utc_now
from serve.findings.outlines import box_iou, outline_of, overlap
from serve.settings import Settings
from vision.finding import Finding, FindingKind

if TYPE_CHECKING:
    from serve.findings.intake import Origin

SAME_IOU = 0.3
"""Outlines of one thing drawn from two surveys overlap at least so much: they are good to half a
metre, which on a 10 m² shed costs a third of the overlap; neighbours do not overlap at all."""
SAME_INSIDE = 0.6
"""… or this much of the smaller lies in the larger: a building that grew, a field half cleared."""
SAME_BOX_IOU = 0.3
"""The same for boxes of what stands still in a camera's picture; the detector's boxes of one thing
differ less, those of its neighbour overlap less."""
GROWN = 1.25
"""What was rejected is looked at again when it became larger by a quarter; measuring one thing
twice differs by less."""
MOST_LOOKED_AT = 500
"""Earlier findings at one place that are held against a new one, the newest first."""

_SURVEY_KINDS: dict[FindingKind, frozenset[FindingKind]] = {
    # A suspect that is gone is the end of that suspect's story, not a new one.
    FindingKind.REMOVED_STRUCTURE: frozenset(
        {FindingKind.REMOVED_STRUCTURE, FindingKind.NEW_STRUCTURE}
    ),
}
_TRUCKS = frozenset({FindingKind.MUCK_TRUCK_OVERLOAD, FindingKind.MUCK_TRUCK_UNCOVERED})
_GROWING = ("area_m2", "height_gain_m", "exposed_area_m2")


@dataclass(frozen=True)
class Match:
    """An earlier finding that a sighting belongs to.

    Attributes:
        row: The finding.
        is_same_kind: Whether the sighting says the same of it, so that its newest word counts.
        grown: Name of a measure that grew since it was rejected, with both values; none otherwise.
    """

    row: FindingRow
    is_same_kind: bool
    grown: tuple[str, float, float] | None


def same_thing(
    session: Session, finding: Finding, origin: Origin, settings: Settings
) -> Match | None:
    """Return the earlier finding of the same thing, the best where there are several."""
    if origin.camera_id is not None:
        return _same_in_picture(session, finding, origin, settings)
    if finding.geometry is None or origin.site_id is None:
        return None
    outline = finding.geometry.to_shape()
    west, south, east, north = outline.bounds
    kinds = _SURVEY_KINDS.get(finding.kind, frozenset({finding.kind}))
    nearby = session.scalars(
        sa.select(FindingRow)
        .where(
            FindingRow.site_id == origin.site_id,
            FindingRow.kind.in_([kind.value for kind in kinds]),
            FindingRow.west <= east,
            FindingRow.east >= west,
            FindingRow.south <= north,
            FindingRow.north >= south,
        )
        .order_by(FindingRow.seen_at.desc(), FindingRow.id.desc())
        .limit(MOST_LOOKED_AT)
    ).all()
    matches = []
    for row in nearby:
        other = outline_of(row)
        if other is None or not _open(session, row):
            continue
        iou, inside = overlap(outline, other)
        # Two findings of one comparison are two things, however near: the comparison says so.
        if (iou > SAME_IOU or inside >= SAME_INSIDE) and not _of_same_comparison(row, origin):
            matches.append((row.kind == finding.kind.value, iou, row))
    if not matches:
        return None
    same_kind, _, row = max(matches, key=lambda m: (m[0], m[1]))
    grown = _grown(session, row, finding) if row.state == "rejected" else None
    return Match(row, same_kind, grown)


def _of_same_comparison(row: FindingRow, origin: Origin) -> bool:
    return origin.comparison_id is not None and row.comparison_id == origin.comparison_id


def _same_in_picture(
    session: Session, finding: Finding, origin: Origin, settings: Settings
) -> Match | None:
    seen = finding.first_seen or utc_now()
    begins, ends = _day_of(seen, settings)
    rows: Sequence[FindingRow] = session.scalars(
        sa.select(FindingRow)
        .where(
            FindingRow.camera_id == origin.camera_id,
            FindingRow.zone == origin.zone,
            FindingRow.kind == finding.kind.value,
            FindingRow.seen_at >= begins,
            FindingRow.seen_at < ends,
        )
        .order_by(FindingRow.seen_at.desc(), FindingRow.id.desc())
        .limit(MOST_LOOKED_AT)
    ).all()
    plate = finding.attributes.get("plate_text")
    for row in rows:
        same_plate = bool(plate) and plate == row.plate
        if plate and row.plate and not same_plate:
            continue
        # Trucks pass a gate at the same place: only the plate tells that it is the same one. And
        # what was rejected says nothing of another vehicle that stops at its place.
        by_plate_only = finding.kind in _TRUCKS or (
            finding.kind is FindingKind.ILLEGAL_PARKING and row.state == "rejected"
        )
        if by_plate_only and not same_plate:
            continue
        if finding.kind in _TRUCKS and row.state == "rejected":
            continue
        if not _open(session, row):
            continue
        if finding.kind in _TRUCKS or _boxes_meet(finding, row):
            return Match(row, True, None)
    return None


def _boxes_meet(finding: Finding, row: FindingRow) -> bool:
    if finding.bbox_xyxy is None or row.bbox_xyxy is None:
        return False
    return box_iou(finding.bbox_xyxy, row.bbox_xyxy) > SAME_BOX_IOU


def _day_of(at: datetime, settings: Settings) -> tuple[datetime, datetime]:
    zone = ZoneInfo(settings.time_zone)
    begins = datetime.combine(at.astimezone(zone).date(), time(), zone)
    return begins.astimezone(UTC), (begins + timedelta(days=1)).astimezone(UTC)


def _open(session: Session, row: FindingRow) -> bool:
    """Tell whether a finding still takes sightings: a closed case's finding is history."""
    if row.state != "confirmed":
        return True
    states = session.scalars(sa.select(Case.state).where(Case.finding_id == row.id)).all()
    return not states or any(state not in ENDED for state in states)


def _grown(session: Session, row: FindingRow, finding: Finding) -> tuple[str, float, float] | None:
    """Return the measure that grew since a finding was rejected."""
    then: dict[str, float] = {}
    documents = session.scalars(sa.select(Sighting.document).where(Sighting.finding_id == row.id))
    for document in documents:
        for name, measure in document.get("measures", {}).items():
            then[name] = max(then.get(name, 0.0), float(measure["value"]))
    for name in _GROWING:
        measure = finding.measures.get(name)
        if measure is not None and then.get(name) and measure.value > GROWN * then[name]:
            return name, then[name], measure.value
    return None


def reopen(session: Session, row: FindingRow, match: Match) -> bool:
    """Put a finding before the reviewers again where the new sighting gives a reason to."""
    if row.state == "rejected" and match.grown is not None:
        name, was, now = match.grown
        why: dict[str, object] = {"why": "grown", "measure": name, "before": was, "after": now}
    elif row.state == "expired":
        why = {"why": "seen_again"}
    else:
        return False
    before = {
        "state": row.state, "decided_by": row.decided_by, "reject_reason": row.reject_reason,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
    }  # fmt: skip
    row.state = "suspected"
    row.decided_by = row.decided_at = row.reject_reason = None
    session.add(
        Review(finding_id=row.id, action="reopen", actor="worker", detail=why, before=before)
    )
    session.flush()
    return True


def newest_sighting(session: Session, finding_id: str) -> str | None:
    """Return the id of the last sighting of a finding."""
    return session.scalar(
        sa.select(Sighting.id)
        .where(Sighting.finding_id == finding_id)
        .order_by(Sighting.at.desc(), Sighting.id.desc())
        .limit(1)
    )
