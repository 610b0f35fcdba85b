"""Taking in the bytes of one request, part by part.

A part is put into the storage under a key of its own, and only then does the upload's offset move
past it, in one statement that also asks for the offset it began at. So the offset is always what
is safely kept; whatever breaks in between leaves at most an object that nothing points to; and of
two requests for the same stretch one wins, in any number of processes.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
import structlog
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from serve import ledger
from serve.db.tables import Upload, UploadPart, utc_now
from serve.errors import Conflict, StorageError, TooLarge
from serve.service import Service
from serve.uploads.headers import Checksum

log = structlog.get_logger()

PART_BYTES = 16 * 2**20
"""The most of a request that is held in memory, and the most that a dying process loses."""


class ChecksumMismatch(Exception):
    """The bytes are not those that the sender meant to send."""


class Receiver:
    """Takes in the bytes of one request."""

    def __init__(
        self, service: Service, upload: Upload, *, actor: str, checksum: Checksum | None = None
    ) -> None:
        """Begin at the upload's offset.

        Args:
            service: Where to keep them.
            upload: The upload as it was read for this request.
            actor: Who sends.
            checksum: Of all bytes of this request; then either all of them are kept, or none.
        """
        self.offset_bytes = upload.offset_bytes
        self._service = service
        self._id = upload.id
        self._length = upload.length_bytes
        self._actor = actor
        self._checksum = checksum
        self._hash = checksum.hasher() if checksum else None
        self._request = secrets.token_hex(4)
        self._held: list[UploadPart] = []  # stored, waiting for the checksum

    @property
    def room_bytes(self) -> int:
        """How many bytes the upload lacks."""
        return self._length - self.offset_bytes

    async def receive(self, stream: AsyncIterator[bytes]) -> int:
        """Keep what the stream gives.

        Returns:
            The upload's new offset.

        Raises:
            ChecksumMismatch: The bytes are others than announced; none was kept.
            Conflict: Another request was faster, or the upload is gone.
            TooLarge: More came than the upload was announced with.
            ClientDisconnect: The sender went away; what it had sent is kept.
        """
        buffer = bytearray()
        try:
            async for chunk in stream:
                if self.offset_bytes + len(buffer) + len(chunk) > self._length:
                    raise TooLarge(
                        f"more than the announced {self._length} bytes; the rest was not kept"
                    )
                buffer += chunk
                while len(buffer) >= PART_BYTES:
                    part = bytes(memoryview(buffer)[:PART_BYTES])
                    del buffer[:PART_BYTES]
                    await run_in_threadpool(self._store, part)
            if buffer:
                await run_in_threadpool(self._store, bytes(buffer))
            await run_in_threadpool(self._finish)
        except ClientDisconnect:
            if buffer and self._checksum is None:
                await run_in_threadpool(self._store, bytes(buffer))
            await run_in_threadpool(self._forget)
            raise
        except BaseException:
            await run_in_threadpool(self._forget)
            raise
        return self.offset_bytes

    def _store(self, content: bytes) -> None:
        part = UploadPart(
            upload_id=self._id,
            offset_bytes=self.offset_bytes,
            size_bytes=len(content),
            key=f"uploads/{self._id}/{self.offset_bytes:015d}-{self._request}",
        )
        self._service.storage.put(part.key, content)
        self._held.append(part)
        if self._hash is not None:
            self._hash.update(content)
            self.offset_bytes += len(content)
            return
        self._commit()
        self.offset_bytes += len(content)

    def _finish(self) -> None:
        if self._checksum is None or self._hash is None:
            return
        if not secrets.compare_digest(self._hash.digest(), self._checksum.digest):
            raise ChecksumMismatch
        if self._held:
            self._commit()

    def _commit(self) -> None:
        """Move the offset past the held parts, if it is where this request began."""
        start = self._held[0].offset_bytes
        end = self._held[-1].offset_bytes + self._held[-1].size_bytes
        whole = end == self._length
        expires_s = self._service.settings.upload_expires_s
        with self._service.database.write() as session:
            moved = session.execute(
                sa.update(Upload)
                .where(Upload.id == self._id, Upload.offset_bytes == start, Upload.state == "open")
                .values(
                    offset_bytes=end,
                    state="complete" if whole else "open",
                    expires_at=utc_now() + timedelta(seconds=expires_s),
                )
            )
            if moved.rowcount != 1:  # type: ignore[attr-defined]
                raise Conflict(
                    "another request moved this upload on in the meantime; ask for its offset "
                    "(HEAD) and go on from there"
                )
            session.add_all(self._held)
            if whole:
                ledger.append(
                    session, actor=self._actor, action="upload.complete", subject_type="upload",
                    subject=self._id, detail={"bytes": end},
                )  # fmt: skip
        self._held = []

    def _forget(self) -> None:
        """Delete what was stored but not taken over; the sweep finds what is missed here."""
        for part in self._held:
            with suppress(StorageError):
                self._service.storage.delete(part.key)
        self._held = []
