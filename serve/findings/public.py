"""Findings as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field
from shapely.geometry import mapping
from sqlalchemy.orm import Session

from serve.db.tables import Case, EvidenceRow, FindingRow, Review, Sighting, utc_now
from serve.findings.outlines import outline_of

MOST_SIGHTINGS = 200
"""Of one finding, the newest first; each brings its own document."""
MOST_FILES = 500


class Bilingual(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class ReasonPublic(Bilingual):
    """A reason that registers or history give."""

    code: str
    weight: float = Field(description="what it adds to the risk")


class PicturePublic(BaseModel):
    """A picture that may be shown to everybody who may see findings."""

    id: str
    role: str


class FindingItem(BaseModel):
    """A finding as lists show it."""

    id: str
    kind: str
    state: str = Field(description="suspected, confirmed, rejected or expired")
    assessment: str = Field(description="suspected, or permitted by a register")
    score: float
    risk: float = Field(description="what the queue is ordered by, 0 to 1")
    title: Bilingual
    first_seen: datetime | None
    last_seen: datetime | None
    seen_at: datetime = Field(description="first seen, or taken in where that is not known")
    site_id: str | None
    comparison_id: str | None
    camera_id: str | None
    zone: str | None
    longitude: float | None = Field(description="WGS-84, of a point inside or of the camera")
    latitude: float | None
    bounds: tuple[float, float, float, float] | None = Field(description="west, south, east, north")
    bbox_xyxy: list[float] | None = Field(description="box in the picture, shares of the frame")
    area_m2: float | None
    cell: str | None = Field(description="grid cell")
    unit: str | None = Field(description="responsible unit")
    supervised_id: str | None
    plate: str | None
    reasons: list[ReasonPublic]
    decided_by: str | None
    decided_at: datetime | None
    reject_reason: str | None
    claimed_by: str | None = Field(description="who reviews it just now")
    claimed_until: datetime | None
    sightings: int
    revision: int
    pictures: list[PicturePublic] = Field(default_factory=list)


class EvidencePublic(BaseModel):
    """A piece of evidence."""

    id: str
    sighting_id: str
    role: str
    media_type: str
    sha256: str
    size_bytes: int
    taken_at: datetime | None
    sealed: bool = Field(description="an original; every view of it is recorded")
    deleted_at: datetime | None


class SightingPublic(BaseModel):
    """One time that the finding was flagged."""

    id: str
    at: datetime
    ended: bool
    document: dict[str, Any]


class ReviewPublic(BaseModel):
    """One thing that was done with the finding."""

    id: str
    action: str
    actor: str
    at: datetime
    detail: dict[str, Any]
    undone: bool


class CaseLink(BaseModel):
    """A case that the finding became."""

    id: str
    target: str
    state: str


class FindingPublic(FindingItem):
    """Everything about a finding."""

    geometry: dict[str, Any] | None = Field(description="GeoJSON polygon, WGS-84")
    document: dict[str, Any] = Field(description="the newest finding as it was made")
    corrected: dict[str, Any] | None = Field(description="what a reviewer corrected")
    register_versions: dict[str, int]
    held: bool = Field(description="kept from deletion")
    gsd_m: float | None
    evidence: list[EvidencePublic]
    sighted: list[SightingPublic] = Field(description="newest first")
    history: list[ReviewPublic] = Field(description="oldest first")
    cases: list[CaseLink]


def items_of(session: Session, rows: Sequence[FindingRow]) -> list[FindingItem]:
    """Return findings as lists show them, with the pictures that may be shown."""
    pictures: dict[str, list[PicturePublic]] = {}
    found = session.execute(
        sa.select(EvidenceRow.finding_id, EvidenceRow.id, EvidenceRow.role)
        .where(
            EvidenceRow.finding_id.in_([row.id for row in rows]),
            EvidenceRow.media_type.like("image/%"),
            EvidenceRow.sealed.is_(False),
            EvidenceRow.deleted_at.is_(None),
        )
        .order_by(EvidenceRow.created_at, EvidenceRow.id)
    )
    for finding_id, evidence_id, role in found:
        pictures.setdefault(finding_id, []).append(PicturePublic(id=evidence_id, role=role))
    return [FindingItem(**_plain(row), pictures=pictures.get(row.id, [])) for row in rows]


def public_of(session: Session, row: FindingRow) -> FindingPublic:
    """Return everything about a finding."""
    item = items_of(session, [row])[0]
    outline = outline_of(row)
    evidence = session.scalars(
        sa.select(EvidenceRow)
        .where(EvidenceRow.finding_id == row.id)
        .order_by(EvidenceRow.created_at, EvidenceRow.id)
        .limit(MOST_FILES)
    )
    sightings = session.scalars(
        sa.select(Sighting)
        .where(Sighting.finding_id == row.id)
        .order_by(Sighting.at.desc(), Sighting.id)
        .limit(MOST_SIGHTINGS)
    )
    cases = session.scalars(
        sa.select(Case).where(Case.finding_id == row.id).order_by(Case.created_at, Case.id)
    )
    return FindingPublic(
        **item.model_dump(),
        geometry=None if outline is None else mapping(outline),
        document=row.document,
        corrected=row.corrected,
        register_versions=row.register_versions,
        held=row.held,
        gsd_m=row.gsd_m,
        evidence=[EvidencePublic.model_validate(e, from_attributes=True) for e in evidence],
        sighted=[SightingPublic.model_validate(s, from_attributes=True) for s in sightings],
        history=history_of(session, row.id),
        cases=[CaseLink.model_validate(c, from_attributes=True) for c in cases],
    )


def history_of(session: Session, finding_id: str) -> list[ReviewPublic]:
    """Return what was done with a finding, oldest first."""
    reviews = session.scalars(
        sa.select(Review).where(Review.finding_id == finding_id).order_by(Review.at, Review.id)
    )
    return [ReviewPublic.model_validate(r, from_attributes=True) for r in reviews]


_SAME = (
    "id", "kind", "state", "assessment", "score", "risk", "first_seen", "last_seen", "seen_at",
    "site_id", "comparison_id", "camera_id", "zone", "longitude", "latitude", "bbox_xyxy",
    "area_m2", "unit", "supervised_id", "plate", "reasons", "decided_by", "decided_at",
    "reject_reason", "sightings", "revision",
)  # fmt: skip


def _plain(row: FindingRow) -> dict[str, Any]:
    is_claimed = row.claimed_until is not None and row.claimed_until > utc_now()
    bounds = (row.west, row.south, row.east, row.north)
    return {
        **{name: getattr(row, name) for name in _SAME},
        "title": {"zh": row.title_zh, "en": row.title_en},
        "cell": row.cell_code,
        "bounds": None if row.west is None else bounds,
        "claimed_by": row.claimed_by if is_claimed else None,
        "claimed_until": row.claimed_until if is_claimed else None,
    }
