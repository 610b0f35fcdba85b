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
    code: Mapped[str] = mapped_column(unique=True)  # GB/T 28181 id, or any
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
    workflow_id: Mapped[str | None]
    watch_epoch: Mapped[int] = mapped_column(default=0)  # grows with every change of settings
    watched_by: Mapped[str | None]  # worker
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    revision: Mapped[int] = mapped_column(default=1)


class CameraEvent(Base):
    """A fault, a recovery, overload, or a count of trucks."""

    __tablename__ = "camera_events"
    id: Mapped[str] = id_column()
    camera_id: Mapped[str] = mapped_column(sa.ForeignKey("cameras.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    published_at: Mapped[datetime | None] = mapped_column(index=True)  # over MQTT
