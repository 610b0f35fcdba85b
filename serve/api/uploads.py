"""Resumable uploads by tus 1.0: creation, creation with upload, checksum, expiration, termination.

``Upload-Defer-Length`` is not offered: a length is needed to hold an upload against its limits.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.problems import MEDIA_TYPE, Problem
from serve.db.tables import Upload
from serve.errors import Conflict, StorageError, TooLarge
from serve.uploads import keeping
from serve.uploads.headers import (
    ALGORITHMS,
    file_name_of,
    media_type_of,
    read_checksum,
    read_metadata,
    write_metadata,
)
from serve.uploads.receiving import ChecksumMismatch, Receiver
from vision.errors import InputError

log = structlog.get_logger()

TUS_VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
OFFSET_STREAM = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
LARGEST = 2**62
DIGESTED_BYTES = 64 * 2**20
"""Bytes whose digests one answer gives."""


class TusRoute(APIRoute):
    """An endpoint whose answers, errors too, say which protocol they speak."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the protocol's headers to what is sent."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = TUS_VERSION
                headers.setdefault("Cache-Control", "no-store")
                if message["status"] == 412:
                    headers["Tus-Version"] = TUS_VERSION
            await send(message)

        await super().handle(scope, receive, tell)


router = APIRouter(tags=["uploads"], route_class=TusRoute)

UploadId = Annotated[str, Path(min_length=36, max_length=36, pattern=r"^[0-9a-f\-]{36}$")]
Resumable = Annotated[
    str | None, Header(description="protocol version of the sender: 1.0.0", max_length=20)
]
Offset = Annotated[int, Header(ge=0, le=LARGEST, description="where these bytes begin")]
UploadChecksum = Annotated[
    str | None,
    Header(
        max_length=200,
        description="`sha1`, `sha256` or `md5` and, after a space, the digest of this request's "
        "bytes in Base64; if they are others, status 460 and none of them is kept",
    ),
]
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {OFFSET_STREAM: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class UploadPublic(BaseModel):
    """An upload."""

    id: str
    file_name: str
    media_type: str
    length_bytes: int
    offset_bytes: int = Field(description="bytes that are safely kept; go on from here")
    state: str = Field(description="open, complete, used")
    created_at: datetime
    expires_at: datetime = Field(description="when it is swept if nothing used it")


class UploadLimits(BaseModel):
    """What may be uploaded, and how much room is left."""

    max_bytes: int = Field(description="of one file")
    quota_bytes: int = Field(description="of all your uploads together")
    taken_bytes: int = Field(description="of these, by uploads that lie here")
    expires_s: float = Field(description="how long an upload that nothing uses is kept")
    accepts_photos: bool = Field(description="whether surveys may be made of raw photos")


class PartPublic(BaseModel):
    """A stretch of an upload that is kept."""

    offset_bytes: int
    size_bytes: int
    sha256: str = Field(description="of these bytes, in hexadecimal digits")


class PartList(BaseModel):
    """Stretches one after the other."""

    items: list[PartPublic]
    next_offset_bytes: int | None = Field(description="where to ask on; none at the end")


def _public(row: Upload) -> UploadPublic:
    return UploadPublic.model_validate(row, from_attributes=True)


def _check_version(version: str | None) -> None:
    if version != TUS_VERSION:
        raise HTTPException(
            412, f"send Tus-Resumable: {TUS_VERSION}", {"Tus-Version": TUS_VERSION}
        )  # fmt: skip


def _expiry(row: Upload) -> str:
    return format_datetime(row.expires_at.astimezone(UTC).replace(microsecond=0), usegmt=True)


@router.options("/uploads", status_code=204, response_class=Response)
def describe_uploads(service: Here) -> Response:
    """Tell what of the tus protocol is offered."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": TUS_VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(service.settings.upload_max_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


@router.post("/uploads", status_code=201, response_model=UploadPublic, openapi_extra=_BYTES)
async def create_upload(
    request: Request,
    service: Here,
    caller: Who,
    once: CreateOnce,
    upload_length: Annotated[
        int | None, Header(ge=0, le=LARGEST, description="bytes of the whole file")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(description="`filename` and `filetype`, values in Base64, as tus wants them"),
    ] = None,
    upload_defer_length: Annotated[str | None, Header(description="not offered")] = None,
    upload_checksum: UploadChecksum = None,
    tus_resumable: Resumable = None,
) -> Response:
    """Announce an upload; bytes may come along (Content-Type application/offset+octet-stream)."""
    _check_version(tus_resumable)
    if upload_defer_length is not None or upload_length is None:
        raise InputError("send Upload-Length; a length told later is not offered")
    pairs = read_metadata(upload_metadata)
    name, media_type = file_name_of(pairs), media_type_of(pairs)
    checksum = read_checksum(upload_checksum)

    def make(session: Session) -> UploadPublic:
        return _public(
            keeping.create(
                session, caller, file_name=name, media_type=media_type,
                length_bytes=upload_length, settings=service.settings,
            )
        )  # fmt: skip

    asked = json.dumps([upload_length, name, media_type]).encode()
    answer = await run_in_threadpool(
        lambda: once.create(
            asked, make, location=lambda made: f"{request.url.path}/{made.model_dump()['id']}"
        )
    )
    upload_id = json.loads(bytes(answer.body))["id"]
    row = await run_in_threadpool(_find, service, caller, upload_id)
    # Sent again with its idempotency key, the first bytes may be here already.
    if _carries_bytes(request) and row.offset_bytes == 0 and row.state == "open":
        receiver = Receiver(service, row, actor=caller.name, checksum=checksum)
        refused = await _receive(request, receiver)
        if refused is not None:
            refused.headers["Location"] = answer.headers["Location"]
            return refused
        row = await run_in_threadpool(_find, service, caller, upload_id)
    headers = {
        "Location": answer.headers["Location"],
        "Upload-Offset": str(row.offset_bytes),
        "Upload-Expires": _expiry(row),
    }
    return JSONResponse(_public(row).model_dump(mode="json"), 201, headers)


def _carries_bytes(request: Request) -> bool:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == OFFSET_STREAM


def _find(service: Here, caller: Who, upload_id: str) -> Upload:
    with service.database.read() as session:
        return keeping.find(session, upload_id, caller)


async def _receive(request: Request, receiver: Receiver) -> Response | None:
    """Take the bytes in; returns an answer where they were not kept."""
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > receiver.room_bytes:
        raise TooLarge(f"{announced} bytes announced; the upload lacks {receiver.room_bytes}")
    try:
        await receiver.receive(request.stream())
    except ChecksumMismatch:
        body = Problem(
            type="/problems/checksum_mismatch",
            title="Checksum Mismatch",
            status=CHECKSUM_MISMATCH,
            detail="the bytes that arrived are not those of the checksum; none was kept, "
            "send them again",
            instance=request.url.path,
        )
        return JSONResponse(body.model_dump(), CHECKSUM_MISMATCH, media_type=MEDIA_TYPE)
    except ClientDisconnect:
        # Nobody hears this; what had arrived is kept.
        log.info("upload_interrupted", offset_bytes=receiver.offset_bytes)
        return Response(status_code=400)
    return None


@router.get("/uploads")
def list_uploads(
    service: Here, caller: Who, limit: Limit = 50, cursor: Cursor = None
) -> Page[UploadPublic]:
    """List your uploads, newest first."""
    with service.database.read() as session:
        query = sa.select(Upload).where(Upload.user_id == caller.user_id, Upload.state != "spent")
        rows, following = page_of(
            session, query, (Upload.created_at, Upload.id), limit=limit, cursor=cursor
        )
        return Page(items=[_public(row) for row in rows], next=following)


@router.get("/uploads/limits")
def get_upload_limits(service: Here, caller: Who) -> UploadLimits:
    """Tell how large files may be and how much of your share is taken."""
    with service.database.read() as session:
        quota_bytes, taken_bytes = keeping.share_of(session, caller, settings=service.settings)
    return UploadLimits(
        max_bytes=service.settings.upload_max_bytes,
        quota_bytes=quota_bytes,
        taken_bytes=taken_bytes,
        expires_s=service.settings.upload_expires_s,
        accepts_photos=bool(service.settings.nodeodm_url),
    )


@router.get("/uploads/{upload_id}")
def get_upload(service: Here, caller: Who, upload_id: UploadId) -> UploadPublic:
    """Return one of your uploads."""
    return _public(_find(service, caller, upload_id))


@router.get("/uploads/{upload_id}/parts")
def list_upload_parts(
    service: Here,
    caller: Who,
    upload_id: UploadId,
    offset_bytes: Annotated[int, Query(ge=0, le=LARGEST, description="from here on")] = 0,
) -> PartList:
    """Tell what is kept, stretch by stretch, with digests.

    A sender that lost its place holds its file against them before it goes on.
    """
    row = _find(service, caller, upload_id)
    parts = keeping.digests(
        service, upload_id, offset_bytes=offset_bytes, most_bytes=DIGESTED_BYTES
    )
    items = [
        PartPublic(offset_bytes=part.offset_bytes, size_bytes=part.size_bytes, sha256=sha256)
        for part, sha256 in parts
    ]
    end = items[-1].offset_bytes + items[-1].size_bytes if items else row.offset_bytes
    return PartList(items=items, next_offset_bytes=end if end < row.offset_bytes else None)


@router.head("/uploads/{upload_id}", response_class=Response)
def head_upload(
    service: Here, caller: Who, upload_id: UploadId, tus_resumable: Resumable = None
) -> Response:
    """Ask for the offset from which to go on."""
    _check_version(tus_resumable)
    row = _find(service, caller, upload_id)
    return Response(
        status_code=200,
        headers={
            "Upload-Offset": str(row.offset_bytes),
            "Upload-Length": str(row.length_bytes),
            "Upload-Metadata": write_metadata(
                {"filename": row.file_name, "filetype": row.media_type}
            ),
            "Upload-Expires": _expiry(row),
            "Cache-Control": "no-store",
        },
    )


@router.patch(
    "/uploads/{upload_id}", status_code=204, response_class=Response, openapi_extra=_BYTES
)
async def append_upload(
    request: Request,
    service: Here,
    caller: Who,
    upload_id: UploadId,
    upload_offset: Offset,
    upload_checksum: UploadChecksum = None,
    tus_resumable: Resumable = None,
) -> Response:
    """Send bytes from the offset on; what has arrived is kept even when the connection breaks."""
    _check_version(tus_resumable)
    if not _carries_bytes(request):
        raise HTTPException(415, f"send the bytes as {OFFSET_STREAM}")
    checksum = read_checksum(upload_checksum)
    row = await run_in_threadpool(_find, service, caller, upload_id)
    if upload_offset != row.offset_bytes:
        raise Conflict(
            f"the upload's offset is {row.offset_bytes}, not {upload_offset}; go on from there"
        )
    if row.state == "open":
        receiver = Receiver(service, row, actor=caller.name, checksum=checksum)
        refused = await _receive(request, receiver)
        if refused is not None:
            return refused
        row = await run_in_threadpool(_find, service, caller, upload_id)
    elif row.state == "used" or await _has_bytes(request):
        raise Conflict("this upload is complete; nothing can be added")
    return Response(
        status_code=204,
        headers={"Upload-Offset": str(row.offset_bytes), "Upload-Expires": _expiry(row)},
    )


async def _has_bytes(request: Request) -> bool:
    async for chunk in request.stream():
        if chunk:
            return True
    return False


@router.delete("/uploads/{upload_id}", status_code=204, response_class=Response)
def delete_upload(
    service: Here, caller: Who, upload_id: UploadId, tus_resumable: Resumable = None
) -> Response:
    """Terminate an upload and delete its bytes."""
    _check_version(tus_resumable)
    with service.database.write() as session:
        keeping.delete(session, upload_id, caller)
    try:
        keeping.discard(service, upload_id)
    except StorageError as error:
        # It is gone for the user; the sweep deletes the bytes when the storage is back.
        log.warning("upload_not_discarded", upload=upload_id, detail=str(error))
    return Response(status_code=204)
