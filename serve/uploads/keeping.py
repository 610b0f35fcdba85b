"""The life of an upload: made, read, put together, used, swept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.access import Role
from serve.api.caller import Caller
from serve.db.tables import Upload, UploadPart, User, new_id, utc_now
from serve.errors import Conflict, Gone, NotFound, QuotaExceeded, StorageError, TooLarge
from serve.service import Service
from serve.settings import Settings

log = structlog.get_logger()

_LYING = ("open", "complete", "used")
_MOST_PARTS = 500


def create(
    session: Session,
    caller: Caller,
    *,
    file_name: str,
    media_type: str,
    length_bytes: int,
    settings: Settings,
) -> Upload:
    """Announce an upload, within the user's share of space.

    Raises:
        TooLarge: One file may not be that large.
        QuotaExceeded: The user's share is used up.
    """
    if length_bytes > settings.upload_max_bytes:
        raise TooLarge(
            f"{length_bytes} bytes announced; one file may have {settings.upload_max_bytes}"
        )
    # Held until the end, so that two requests at once cannot both take the last of the share.
    session.scalars(sa.select(User).where(User.id == caller.user_id).with_for_update()).one()
    quota, lying = share_of(session, caller, settings=settings)
    if lying + length_bytes > quota:
        raise QuotaExceeded(
            f"{length_bytes} bytes more would be beyond your share of {quota} bytes; {lying} are "
            "lying in uploads. Delete uploads that are no longer needed, or have the share raised"
        )
    row = Upload(
        id=new_id(),
        user_id=caller.user_id,
        file_name=file_name,
        media_type=media_type,
        length_bytes=length_bytes,
        state="open" if length_bytes else "complete",
        expires_at=utc_now() + timedelta(seconds=settings.upload_expires_s),
    )
    session.add(row)
    session.flush()
    ledger.append(
        session, actor=caller.name, action="upload.create", subject_type="upload", subject=row.id,
        detail={"file_name": file_name, "bytes": length_bytes},
    )  # fmt: skip
    return row


def share_of(session: Session, caller: Caller, *, settings: Settings) -> tuple[int, int]:
    """Return the caller's share of space and how much of it is taken, in bytes."""
    user = session.get_one(User, caller.user_id)
    quota = user.upload_quota_bytes
    lying = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Upload.length_bytes), 0)).where(
            Upload.user_id == caller.user_id, Upload.state.in_(_LYING)
        )
    )
    return settings.upload_quota_bytes if quota is None else quota, int(lying or 0)


def find(session: Session, upload_id: str, caller: Caller, *, lock: bool = False) -> Upload:
    """Return an upload of the caller's; admins see everybody's.

    Raises:
        NotFound: There is none, or it is somebody else's.
        Gone: Its time is over.
    """
    query = sa.select(Upload).where(Upload.id == upload_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None or (row.user_id != caller.user_id and caller.role is not Role.ADMIN):
        raise NotFound("you have no such upload")
    if row.state == "spent" or (row.state != "used" and row.expires_at <= utc_now()):
        raise Gone("this upload is over: it was used, or lay too long; begin a new one")
    return row


def use(session: Session, upload_id: str, caller: Caller, *, role: str) -> Upload:
    """Bind a complete upload to what is made of it, so that nothing else can use or sweep it.

    Raises:
        NotFound: There is none.
        Conflict: It is not complete, or used already.
    """
    row = find(session, upload_id, caller, lock=True)
    if row.state != "complete":
        why = "is used already" if row.state == "used" else (
            f"has only {row.offset_bytes} of {row.length_bytes} bytes; send the rest first"
        )  # fmt: skip
        raise Conflict(f"the upload of the {role} {why}")
    row.state = "used"
    return row


def spend(session: Session, upload_ids: Sequence[str]) -> None:
    """Mark uploads whose bytes are needed no more; `discard` or the sweep deletes them."""
    if upload_ids:
        session.execute(sa.update(Upload).where(Upload.id.in_(upload_ids)).values(state="spent"))


def delete(session: Session, upload_id: str, caller: Caller) -> None:
    """Terminate an upload; its bytes are deleted by `discard` afterwards.

    Raises:
        Conflict: A survey is being made of it.
    """
    row = find(session, upload_id, caller, lock=True)
    if row.state == "used":
        raise Conflict("this upload is in use; cancel what uses it")
    row.state = "spent"
    ledger.append(
        session, actor=caller.name, action="upload.delete", subject_type="upload", subject=row.id
    )


def discard(service: Service, upload_id: str) -> None:
    """Delete the bytes of a spent upload, then its row. May be repeated.

    Raises:
        StorageError: The storage does not answer; the sweep will come again.
    """
    with service.database.read() as session:
        state = session.scalar(sa.select(Upload.state).where(Upload.id == upload_id))
    if state not in ("spent", None):
        return
    for stored in list(service.storage.list(f"uploads/{upload_id}")):
        service.storage.delete(stored.key)
    with service.database.write() as session:
        session.execute(sa.delete(UploadPart).where(UploadPart.upload_id == upload_id))
        session.execute(sa.delete(Upload).where(Upload.id == upload_id, Upload.state == "spent"))


def assemble(service: Service, upload_id: str, path: Path, *, tick: Callable[[float], None]) -> str:
    """Put an upload's parts together into a local file.

    Args:
        service: Where the parts lie.
        upload_id: Which upload.
        path: File to write.
        tick: Told the share done, after each part; may raise to stop.

    Returns:
        The file's SHA-256.

    Raises:
        StorageError: A part is missing or has another size than when it was stored.
    """
    with service.database.read() as session:
        upload = session.get(Upload, upload_id)
        parts = session.scalars(
            sa.select(UploadPart)
            .where(UploadPart.upload_id == upload_id)
            .order_by(UploadPart.offset_bytes)
        ).all()
    length = 0 if upload is None else upload.length_bytes
    digest = hashlib.sha256()
    at = 0
    with path.open("wb") as file:
        for part in parts:
            content = service.storage.get(part.key)
            if part.offset_bytes != at or len(content) != part.size_bytes:
                break
            digest.update(content)
            file.write(content)
            at += len(content)
            tick(at / length if length else 1.0)
    if upload is None or at != length:
        raise StorageError(
            f"upload {upload_id} holds {at} of {length} bytes; parts of it are gone from the "
            "storage. Upload the file again"
        )
    return digest.hexdigest()


def digests(
    service: Service, upload_id: str, *, offset_bytes: int, most_bytes: int
) -> list[tuple[UploadPart, str]]:
    """Return parts that are kept, from an offset on, each with its SHA-256.

    Args:
        service: Where the parts lie.
        upload_id: Which upload.
        offset_bytes: Parts that begin before it are left out.
        most_bytes: Bytes to read; the part that goes beyond is the last one.

    Raises:
        StorageError: A part is gone from the storage.
    """
    with service.database.read() as session:
        parts = session.scalars(
            sa.select(UploadPart)
            .where(UploadPart.upload_id == upload_id, UploadPart.offset_bytes >= offset_bytes)
            .order_by(UploadPart.offset_bytes)
            .limit(_MOST_PARTS)
        ).all()
    found, read_bytes = [], 0
    for part in parts:
        found.append((part, hashlib.sha256(service.storage.get(part.key)).hexdigest()))
        read_bytes += part.size_bytes
        if read_bytes >= most_bytes:
            break
    return found


def sweep(service: Service) -> int:
    """Delete what expired, what is spent, and objects that no upload knows.

    Returns:
        How many uploads were deleted.
    """
    now = utc_now()
    with service.database.write() as session:
        expired = session.scalars(
            sa.select(Upload)
            .where(Upload.state.in_(("open", "complete")), Upload.expires_at <= now)
            .with_for_update(skip_locked=True)
        ).all()
        for row in expired:
            row.state = "spent"
        for row in expired:
            ledger.append(
                session, actor="system", action="upload.expire", subject_type="upload",
                subject=row.id,
            )  # fmt: skip
    with service.database.read() as session:
        spent = session.scalars(sa.select(Upload.id).where(Upload.state == "spent")).all()
        known = set(session.scalars(sa.select(Upload.id)))
    for upload_id in spent:
        discard(service, upload_id)
    # An upload's row is there before its first object, and these were listed after the rows.
    strays = [o for o in service.storage.list("uploads") if o.key.split("/")[1] not in known]
    # One that was made in between the two lists is no stray.
    old = [o for o in strays if now - o.modified_at > timedelta(hours=1)]
    for stored in old:
        service.storage.delete(stored.key)
    if spent or old:
        log.info("uploads_swept", uploads=len(spent), strays=len(old))
    return len(spent)
