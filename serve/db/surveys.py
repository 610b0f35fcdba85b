"""Tables of uploads, sites, surveys and their comparisons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, id_column, utc_now


class Upload(Base):
    """A resumable upload (tus 1.0). Its bytes are parts in the storage until it is used."""

    __tablename__ = "uploads"
    id: Mapped[str] = id_column()
    user_id: Mapped[str] = mapped_column(sa.ForeignKey("users.id"), index=True)
    file_name: Mapped[str]
    media_type: Mapped[str] = mapped_column(default="application/octet-stream")
    length_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    offset_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # open, complete, used by a survey in the making, spent: to be deleted
    state: Mapped[str] = mapped_column(default="open", index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UploadPart(Base):
    """A stretch of an upload, stored as one object."""

    __tablename__ = "upload_parts"
    upload_id: Mapped[str] = mapped_column(
        sa.ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    offset_bytes: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    key: Mapped[str]


class Site(Base):
    """Ground that is flown again and again."""

    __tablename__ = "sites"
    id: Mapped[str] = id_column()
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    area: Mapped[dict[str, Any] | None]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    revision: Mapped[int] = mapped_column(default=1)


class Survey(Base):
    """One flight over a site: an orthophoto and, where there is one, a surface model."""

    __tablename__ = "surveys"
    id: Mapped[str] = id_column()
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("sites.id"), index=True)
    flown_at: Mapped[datetime] = mapped_column(index=True)
    # received, checking, ready, refused, failed, cancelled; by NodeODM: sending, processing
    state: Mapped[str] = mapped_column(default="received", index=True)
    problem: Mapped[str | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    ortho_upload_id: Mapped[str | None]
    dsm_upload_id: Mapped[str | None]
    photo_upload_ids: Mapped[list[str]] = mapped_column(default=list)
    nodeodm_task_id: Mapped[str | None]
    photos_sent: Mapped[int] = mapped_column(default=0)
    heard_at: Mapped[datetime | None]  # when NodeODM last answered
    ortho_key: Mapped[str | None]
    ortho_sha256: Mapped[str | None]
    dsm_key: Mapped[str | None]
    dsm_sha256: Mapped[str | None]
    preview_key: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # crs, gsd_m, size_wh, bounds
    attempt: Mapped[int] = mapped_column(default=1)  # grows when a failed one is tried again
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    revision: Mapped[int] = mapped_column(default=1)


class Comparison(Base):
    """Two surveys of a site held against each other, with the options that applied."""

    __tablename__ = "comparisons"
    id: Mapped[str] = id_column()
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("sites.id"), index=True)
    before_id: Mapped[str] = mapped_column(sa.ForeignKey("surveys.id"))
    after_id: Mapped[str] = mapped_column(sa.ForeignKey("surveys.id"), index=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default="waiting", index=True)  # running, done, failed …
    stage: Mapped[str | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    problem: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]  # alignment, counts, timings, versions
    change_key: Mapped[str | None]
    report_keys: Mapped[dict[str, Any]] = mapped_column(default=dict)  # language to key
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]
