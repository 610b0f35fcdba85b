"""Tables of cameras, who watches them, and how they fare."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, id_column, utc_now


class CameraRow(Base):
    """A camera: its settings without credentials, and its address sealed."""

    __tablename__ = "cameras"
    id: Mapped[str] = id_column()
    code: Mapped[str]  # GB/T 28181 id, or any; free again when the camera is deleted
    name: Mapped[str]
    settings: Mapped[dict[str, Any]]  # zones, masks, location, … as in CAMERA.yaml
    address: Mapped[str]  # without user and password
    sealed_address: Mapped[bytes]  # whole, encrypted
    enabled: Mapped[bool] = mapped_column(default=False, index=True)
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    # What the watching says of itself.
    health: Mapped[str] = mapped_column(default="unwatched", index=True)
    fault: Mapped[dict[str, Any] | None]
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)  # lag, sampled fps …
    last_frame_at: Mapped[datetime | None]
    snapshot_key: Mapped[str | None]
    snapshot_at: Mapped[datetime | None]
    # Who watches: whoever's epoch and claim are not these any more must not write.
    workflow_id: Mapped[str | None]
    watch_epoch: Mapped[int] = mapped_column(default=0)  # grows with every change of settings
    claim: Mapped[int] = mapped_column(default=0)  # grows with every worker that begins
    watched_by: Mapped[str | None]  # worker
    enabled_at: Mapped[datetime | None]
    state_key: Mapped[str | None]  # what the rules remember
    chain: Mapped[dict[str, Any] | None]  # link of the last sealed evidence
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        sa.Index(
            "uq_cameras_code",
            "code",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
        sa.Index("ix_cameras_created", "created_at", "id"),
    )


class CameraEvent(Base):
    """A fault, a recovery, overload, an hour's count of trucks, or a finding."""

    __tablename__ = "camera_events"
    id: Mapped[str] = id_column()
    camera_id: Mapped[str] = mapped_column(sa.ForeignKey("cameras.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    published_at: Mapped[datetime | None]  # over MQTT
    __table_args__ = (
        sa.Index("ix_camera_events_of_camera", "camera_id", "at", "id"),
        sa.Index(
            "ix_camera_events_unpublished",
            "at",
            "id",
            sqlite_where=sa.text("published_at IS NULL"),
            postgresql_where=sa.text("published_at IS NULL"),
        ),
    )
