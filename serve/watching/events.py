"""What happened to a camera, as rows that are told on later: the outbox of the message broker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.db.tables import CameraEvent
from serve.metrics import CAMERA_EVENTS
from vision.finding import stable_id

FINDING = "finding"
"""Kind of the event that a finding was made or is over."""
COUNT = "count"
"""Kind of the event that an hour's passages of a gate are counted."""


def add_event(
    session: Session, camera_id: str, *, kind: str, at: datetime, detail: Mapping[str, Any]
) -> bool:
    """Add an event, unless it is there already.

    Args:
        session: An open writing transaction that holds the camera's row.
        camera_id: Which camera.
        kind: ``fault``, ``recovered``, ``overloaded``, ``count`` …
        at: When, by the camera's time.
        detail: Words and numbers.

    Returns:
        Whether it was new.
    """
    key = stable_id(camera_id, kind, at.isoformat(), *(f"{k}={detail[k]}" for k in sorted(detail)))
    if session.scalar(sa.select(CameraEvent.id).where(CameraEvent.dedupe_key == key)):
        return False
    session.add(
        CameraEvent(camera_id=camera_id, at=at, kind=kind, detail=dict(detail), dedupe_key=key)
    )
    CAMERA_EVENTS.labels(kind).inc()
    return True
