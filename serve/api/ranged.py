"""Stored files as answers: whole or by range, checked against what the caller holds already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from serve.storage import Storage, Stored

MAX_AGE_S = 300
"""How long a browser may go on using what it got before it asks again; rights can change."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_SHOWN = ("image/", "video/", "application/geo+json")
_PAGES = "text/html"
_NOTHING = "default-src 'none'; sandbox"
# A stored page runs its own script, but as nobody: it reaches neither cookies nor this service.
_PAGE_POLICY = (
    "default-src 'none'; img-src data:; media-src data:; font-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts allow-popups"
)


def ranged(
    request: Request,
    storage: Storage,
    key: str,
    *,
    media_type: str,
    file_name: str | None = None,
    sha256: str | None = None,
    max_age_s: int = MAX_AGE_S,
) -> Response:
    """Answer a request for a stored file: 200, 206, 304 or 416; to HEAD without the bytes.

    Several ranges in one request are answered with the whole file, as RFC 9110 allows.

    Args:
        request: What was asked.
        storage: Where the file lies.
        key: Its key.
        media_type: What it is; pages are shown in a sandbox, all but pictures, clips and pages
            are offered for saving.
        file_name: Name that saving proposes.
        sha256: Its SHA-256 where known: the best entity tag.
        max_age_s: Seconds that a browser may keep it without asking; 0 where each view counts.

    Raises:
        NotFound: There is no such file.
        StorageError: The storage does not answer.
    """
    stored = storage.head(key)
    tag = _tag(stored, sha256)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": _http_date(stored.modified_at),
        "Cache-Control": f"private, max-age={max_age_s}" if max_age_s else "private, no-store",
        "Vary": "Authorization, Cookie",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": _disposition(media_type, file_name),
        "Content-Security-Policy": _PAGE_POLICY if media_type.startswith(_PAGES) else _NOTHING,
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if _unchanged(request, tag, stored):
        return Response(status_code=304, headers=headers)
    size = stored.size_bytes
    start, end, status = 0, size, 200
    wanted = request.headers.get("Range")
    if wanted and _range_applies(request, tag, stored):
        found = _range(wanted, size)
        if found == "unsatisfiable":
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        if isinstance(found, tuple):
            start, end = found
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD" or end == start:
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(
        _bytes(storage, key, start, end), status, headers=headers, media_type=media_type
    )


async def _bytes(storage: Storage, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    async for chunk in storage.stream_async(key, start, end):
        yield chunk


def _tag(stored: Stored, sha256: str | None) -> str:
    if sha256:
        return f'"{sha256}"'
    if stored.etag:
        return f'"{stored.etag.strip(chr(34))}"'
    return f'"{stored.size_bytes:x}-{int(stored.modified_at.timestamp() * 1e6):x}"'


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _unchanged(request: Request, tag: str, stored: Stored) -> bool:
    asked = request.headers.get("If-None-Match")
    if asked is not None:
        tags = {part.strip().removeprefix("W/") for part in asked.split(",")}
        return "*" in tags or tag in tags
    since = _read_date(request.headers.get("If-Modified-Since"))
    return since is not None and stored.modified_at.replace(microsecond=0) <= since


def _range_applies(request: Request, tag: str, stored: Stored) -> bool:
    """Tell whether what the caller holds parts of is still what is stored (If-Range)."""
    held = request.headers.get("If-Range")
    if held is None:
        return True
    if held.startswith(('"', "W/")):
        return held == tag
    return _read_date(held) == stored.modified_at.replace(microsecond=0)


def _read_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _range(text: str, size: int) -> tuple[int, int] | str | None:
    """Return start and end, ``unsatisfiable``, or none where the header is to be ignored."""
    match = _RANGE.fullmatch(text.strip().replace(" ", "").lower())
    # Longer numbers than any file has bytes would only cost time to read.
    if match is None or any(len(part) > 20 for part in match.groups()):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else "unsatisfiable"
    start = int(first)
    end = size if not last else min(int(last) + 1, size)
    if last and int(last) < start:
        return None
    return (start, end) if start < size else "unsatisfiable"


def _disposition(media_type: str, file_name: str | None) -> str:
    shown = media_type.startswith((*_SHOWN, _PAGES)) and "svg" not in media_type
    kind = "inline" if shown else "attachment"
    if not file_name:
        return kind
    name = "".join(
        "_" if c in '/\\"' or unicodedata.category(c).startswith("C") else c for c in file_name
    )[:200]
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
