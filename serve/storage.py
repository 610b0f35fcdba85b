"""Stored files: a local folder or S3 behind one interface.

Keys are relative paths with forward slashes, made by the service and never by users.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, S3Store

from serve.errors import NotFound, StorageError

KEY = re.compile(r"[a-z0-9_\-]+(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)+")
CHUNK_BYTES = 4 * 2**20
PART_BYTES = 16 * 2**20
"""Stretch of a large file that is sent at once."""


@dataclass(frozen=True)
class Stored:
    """An object in the storage."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str | None


class Storage:
    """Where files lie."""

    def __init__(self, url: str, *, folder: Path) -> None:
        """Open it.

        Args:
            url: ``s3://bucket/prefix`` (endpoint and keys from the usual ``AWS_…`` variables), or
                empty for the folder.
            folder: Local folder used where `url` is empty.
        """
        self._store: LocalStore | S3Store
        if url:
            options: dict[str, Any] = {}
            self._store = S3Store.from_url(url, **options)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(folder)
        self.is_local = not url
        self.folder = None if url else folder

    def put(self, key: str, content: bytes | Path, *, media_type: str | None = None) -> None:
        """Store bytes or a file, whole or not at all.

        Raises:
            StorageError: It could not be written.
        """
        _checked(key)
        # A local folder keeps no media types; the database does.
        attributes: Any = {"Content-Type": media_type} if media_type and not self.is_local else None
        with _spoken(key, "written"):
            if isinstance(content, Path):
                obstore.put(self._store, key, content, attributes=attributes, chunk_size=PART_BYTES)
            else:
                obstore.put(self._store, key, content, attributes=attributes)
            if self.folder is not None:
                _settle(self.folder, key)

    def get(self, key: str) -> bytes:
        """Return a whole object.

        Raises:
            NotFound: There is none.
            StorageError: It could not be read.
        """
        _checked(key)
        with _spoken(key, "read"):
            return bytes(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, fewer at the end.

        Raises:
            NotFound: There is no such object.
            StorageError: It could not be read.
        """
        _checked(key)
        with _spoken(key, "read"):
            return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def head(self, key: str) -> Stored:
        """Return what is known of an object.

        Raises:
            NotFound: There is none.
            StorageError: It could not be asked.
        """
        _checked(key)
        with _spoken(key, "read"):
            meta = obstore.head(self._store, key)
        return _stored(meta)

    def exists(self, key: str) -> bool:
        """Tell whether there is such an object."""
        try:
            self.head(key)
        except NotFound:
            return False
        return True

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `start` to before `end`, chunk by chunk."""
        stop = self.head(key).size_bytes if end is None else end
        while start < stop:
            chunk = self.get_range(key, start, min(CHUNK_BYTES, stop - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    async def stream_async(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Return the same for an answer that is being sent."""
        _checked(key)
        while start < end:
            length = min(CHUNK_BYTES, end - start)
            chunk = bytes(
                await obstore.get_range_async(self._store, key, start=start, length=length)
            )
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    def fetch(self, key: str, path: Path) -> str:
        """Copy an object into a local file.

        Returns:
            Its SHA-256.
        """
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self.stream(key):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already."""
        _checked(key)
        with suppress(NotFound), _spoken(key, "deleted"):
            obstore.delete(self._store, key)

    def list(self, prefix: str) -> Iterator[Stored]:
        """Return the objects below a prefix."""
        for batch in obstore.list(self._store, prefix.rstrip("/")):
            for meta in batch:
                yield _stored(meta)


def _settle(folder: Path, key: str) -> None:
    """Wait until a file and the way to it are on the disk; the store itself does not."""
    path = folder / key
    for place in (path, *(p for p in path.parents if p.is_relative_to(folder))):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _stored(meta: Any) -> Stored:  # noqa: ANN401
    return Stored(meta["path"], meta["size"], meta["last_modified"], meta.get("e_tag"))


def _checked(key: str) -> None:
    if not KEY.fullmatch(key) or ".." in key:
        raise StorageError(f"{key!r} is not a key of the storage")


@contextmanager
def _spoken(key: str, done: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"there is no stored file {key}") from error
    except Exception as error:
        raise StorageError(
            f"stored file {key} could not be {done} ({type(error).__name__}); look at the "
            "storage's space, rights and connection"
        ) from error
