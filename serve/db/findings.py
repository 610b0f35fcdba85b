"""Tables of findings, their sightings, evidence, and what reviewers decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, id_column, utc_now

Code = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Text whose beginnings are looked up: only in plain order does an index answer that."""


class FindingRow(Base):
    """One thing that a person should look at, whichever door it came through.

    The same thing flagged again is another sighting of the same finding.
    """

    __tablename__ = "findings"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)  # vision's stable id
    kind: Mapped[str]
    # suspected, confirmed, rejected, expired
    state: Mapped[str] = mapped_column(default="suspected")
    assessment: Mapped[str] = mapped_column(default="suspected")  # suspected, permitted
    score: Mapped[float]
    risk: Mapped[float]  # what the queue is ordered by: score, kind, reasons
    title_zh: Mapped[str]
    title_en: Mapped[str]
    plate: Mapped[str | None] = mapped_column(Code)  # as read by machine
    first_seen: Mapped[datetime | None]
    last_seen: Mapped[datetime | None]
    # When the thing was first seen, or came in where that is not known. It never changes, so that
    # pages in its order stay as they are.
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    site_id: Mapped[str | None] = mapped_column(sa.ForeignKey("sites.id"))
    comparison_id: Mapped[str | None] = mapped_column(sa.ForeignKey("comparisons.id"))
    camera_id: Mapped[str | None] = mapped_column(sa.ForeignKey("cameras.id"))
    zone: Mapped[str | None]
    # Outline in WGS-84 as WKB; bounds and a representative point beside it.
    geometry: Mapped[bytes | None]
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    bbox_xyxy: Mapped[list[Any] | None]
    area_m2: Mapped[float | None]
    gsd_m: Mapped[float | None]
    document: Mapped[dict[str, Any]]  # the newest vision.finding.Finding
    # The learned model that it came from, as in the document: what precision is counted by.
    model_name: Mapped[str | None]
    model_version: Mapped[str | None]
    # What registers say.
    cell_code: Mapped[str | None] = mapped_column(Code)
    unit: Mapped[str | None]
    supervised_id: Mapped[str | None]
    register_versions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    # What the reviewer made of it.
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reject_reason: Mapped[str | None]
    corrected: Mapped[dict[str, Any] | None]  # kind, geometry, bbox_xyxy where changed
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    sightings: Mapped[int] = mapped_column(default=1)
    held: Mapped[bool] = mapped_column(default=False)  # from retention
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    revision: Mapped[int] = mapped_column(default=1)
    # Columns after the id are there so that rows which do not fit are passed over inside the
    # index: a row with its document is some kilobytes away.
    __table_args__ = (
        sa.Index("ix_findings_queue", "state", "risk", "id", "score"),
        sa.Index("ix_findings_state_seen", "state", "seen_at", "id", "score"),
        sa.Index("ix_findings_kind_risk", "kind", "state", "risk", "id", "score"),
        sa.Index("ix_findings_kind_seen", "kind", "state", "seen_at", "id", "score"),
        sa.Index("ix_findings_risk", "risk", "id", "score"),
        sa.Index("ix_findings_seen", "seen_at", "id", "score"),
        sa.Index("ix_findings_camera", "camera_id", "seen_at", "id", "state", "kind"),
        sa.Index("ix_findings_camera_risk", "camera_id", "risk", "id", "state", "kind"),
        sa.Index("ix_findings_site", "site_id", "seen_at", "id", "state", "kind"),
        sa.Index("ix_findings_site_risk", "site_id", "risk", "id", "state", "kind"),
        sa.Index("ix_findings_cell", "cell_code", "seen_at", "id", "state", "kind"),
        sa.Index("ix_findings_unit", "unit", "seen_at", "id", "state", "kind"),
        sa.Index("ix_findings_unit_risk", "unit", "risk", "id", "state", "kind"),
        sa.Index("ix_findings_supervised", "supervised_id", "seen_at", "id", "state", "kind"),
        sa.Index("ix_findings_plate", "plate"),
        sa.Index(
            "ix_findings_claimed",
            "claimed_by",
            sqlite_where=sa.text("claimed_by IS NOT NULL"),
            postgresql_where=sa.text("claimed_by IS NOT NULL"),
        ),
        sa.Index("ix_findings_place", "longitude", "latitude"),
        sa.Index("ix_findings_site_place", "site_id", "west", "south"),
        sa.Index("ix_findings_decided", "state", "decided_at"),
        # What the dashboard counts is a stretch of one of these.
        sa.Index("ix_findings_count_found", "kind", "created_at"),
        sa.Index("ix_findings_count_found_of_unit", "unit", "kind", "created_at"),
        sa.Index(
            "ix_findings_count_decided",
            *("state", "kind", "decided_at", "model_name", "model_version"),
        ),
        sa.Index(
            "ix_findings_count_decided_of_unit",
            *("unit", "state", "kind", "decided_at", "model_name", "model_version"),
        ),
    )


class Sighting(Base):
    """One time that a finding was flagged: by a comparison, or by a camera event."""

    __tablename__ = "sightings"
    id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)  # stable
    finding_id: Mapped[str] = mapped_column(
        sa.ForeignKey("findings.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(default=utc_now)
    ended: Mapped[bool] = mapped_column(default=True)
    document: Mapped[dict[str, Any]]


class EvidenceRow(Base):
    """A stored picture or clip."""

    __tablename__ = "evidence"
    id: Mapped[str] = id_column()
    finding_id: Mapped[str] = mapped_column(
        sa.ForeignKey("findings.id", ondelete="CASCADE"), index=True
    )
    sighting_id: Mapped[str] = mapped_column(sa.String(80))
    role: Mapped[str]
    media_type: Mapped[str]
    key: Mapped[str]  # in the storage
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    taken_at: Mapped[datetime | None]
    sealed: Mapped[bool] = mapped_column(default=False)  # an original: viewing it is recorded
    deleted_at: Mapped[datetime | None]  # no longer to be had
    erased_at: Mapped[datetime | None]  # gone from the storage too
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    __table_args__ = (
        sa.UniqueConstraint("finding_id", "sighting_id", "role", "sha256"),
        sa.Index("ix_evidence_key", "key"),
        sa.Index("ix_evidence_erased", "erased_at", "deleted_at"),
    )


class Review(Base):
    """One thing a person did with a finding; the history."""

    __tablename__ = "reviews"
    id: Mapped[str] = id_column()
    finding_id: Mapped[str] = mapped_column(
        sa.ForeignKey("findings.id", ondelete="CASCADE"), index=True
    )
    action: Mapped[str]  # confirm, reject, correct, comment, undo, auto_confirm
    actor: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what undo puts back
    undone: Mapped[bool] = mapped_column(default=False)


class ExportRow(Base):
    """A training set made from reviewed findings."""

    __tablename__ = "exports"
    id: Mapped[str] = id_column()
    form: Mapped[str]  # yolo, coco, change_pairs
    query: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="waiting")
    progress: Mapped[float] = mapped_column(default=0.0)
    problem: Mapped[str | None]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    key: Mapped[str | None]
    sha256: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(sa.BigInteger)
    workflow_id: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
