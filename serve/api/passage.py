"""What every request passes: its id, its line in the log, its figures, its limits, its headers."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve import logs, metrics

log = structlog.get_logger()

REQUEST_ID = "X-Request-ID"
MAX_BODY_BYTES = 10 * 2**20
TAKES_FILES = frozenset({"create_upload", "append_upload", "import_register"})
"""Endpoints that read their body bit by bit and hold it against limits of their own."""
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{7,63}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_CLOSED = 499  # as others log it: who asked went away
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Where an endpoint says nothing else. Pages of the service bring a policy of their own."""


class Passage:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        """Wrap an application.

        Args:
            app: What answers.
            https: Whether browsers reach it by HTTPS, and are to go on doing so.
        """
        self._app = app
        self._headers = dict(_HEADERS)
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope)
        request_id = sent.get(REQUEST_ID, "")
        if not _SANE_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        facts = logs.begin(request_id=request_id)
        body = _Body(scope, receive, sent)
        status, began = _CLOSED, time.monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, body.receive, answer)
        finally:
            _account(scope, facts, status=status, took_s=time.monotonic() - began)


class _Body:
    """A body that may be so long and no longer."""

    def __init__(self, scope: Scope, receive: Receive, headers: Headers) -> None:
        self._scope, self._receive = scope, receive
        announced = headers.get("Content-Length", "")
        self._announced = int(announced) if announced.isdecimal() else 0
        self._bytes = 0

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            HTTPException: It is too long for the endpoint it goes to.
        """
        # Only now it is known which endpoint that is.
        takes_files = getattr(self._scope.get("route"), "name", None) in TAKES_FILES
        if not takes_files and self._announced > MAX_BODY_BYTES:
            raise _too_large()
        message = await self._receive()
        if message["type"] == "http.request" and not takes_files:
            self._bytes += len(message.get("body", b""))
            if self._bytes > MAX_BODY_BYTES:
                raise _too_large()
        return message


def _too_large() -> HTTPException:
    return HTTPException(413, f"a request may have {MAX_BODY_BYTES} bytes; files are uploaded")


def _account(scope: Scope, facts: dict[str, Any], *, status: int, took_s: float) -> None:
    route = getattr(scope.get("route"), "name", None) or "none"
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.REQUESTS.labels(method, route, str(status)).inc()
    metrics.REQUEST_S.labels(method, route).observe(took_s)
    path = scope["path"]
    if path in _QUIET and status < 400:
        return
    client = scope.get("client")
    # Never the query: filters hold names, and links of others hold signatures.
    log.info(
        "request",
        method=method,
        path=path[:300],
        route=route,
        status=status,
        duration_ms=round(took_s * 1000, 1),
        client_address=client[0] if client else None,
        **{key: value for key, value in facts.items() if key not in ("request_id", "caller")},
    )
