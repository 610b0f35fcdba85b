"""Who watches a camera: one worker at a time, and whoever is not it any more cannot write.

A worker that begins takes a claim, a number that grows. Everything it writes goes through a
transaction that holds the camera's row and compares: a worker that was taken for dead and comes
back finds another number there, and lets the camera go.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.db.tables import CameraRow
from serve.errors import ServiceError


class ClaimLost(ServiceError, RuntimeError):
    """The camera is watched by another worker, or in another way, or not at all any more."""


@dataclass(frozen=True)
class Claim:
    """The right to watch a camera.

    Attributes:
        camera_id: Id of its row.
        epoch: The settings that it is watched with.
        number: Which taking of the camera this is.
    """

    camera_id: str
    epoch: int
    number: int


def take(
    session: Session, camera_id: str, epoch: int, *, worker: str
) -> tuple[Claim, CameraRow] | None:
    """Take a camera; none where it is not to be watched with these settings any more.

    Args:
        session: An open writing transaction.
        camera_id: Which camera.
        epoch: The settings that this work was begun for.
        worker: Who takes it.
    """
    row = _locked(session, camera_id)
    if row is None or row.deleted_at or not row.enabled or row.watch_epoch != epoch:
        return None
    row.claim += 1
    row.watched_by = worker
    row.health = "starting"
    session.flush()
    return Claim(camera_id, epoch, row.claim), row


def held(session: Session, claim: Claim) -> CameraRow:
    """Return the camera's row, locked until the transaction ends.

    Raises:
        ClaimLost: It is not this claim's any more.
    """
    row = _locked(session, claim.camera_id)
    if row is None or (row.watch_epoch, row.claim) != (claim.epoch, claim.number):
        raise ClaimLost(f"camera {claim.camera_id} is not this worker's any more")
    return row


def is_current(session: Session, claim: Claim) -> bool:
    """Return whether the camera is still to be watched as it was when this claim was taken.

    So it may be by another worker; then `held` refuses.
    """
    epoch = session.scalar(sa.select(CameraRow.watch_epoch).where(CameraRow.id == claim.camera_id))
    return epoch == claim.epoch


def _locked(session: Session, camera_id: str) -> CameraRow | None:
    return session.scalar(sa.select(CameraRow).where(CameraRow.id == camera_id).with_for_update())
