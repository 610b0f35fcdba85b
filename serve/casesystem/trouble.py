"""Failing on purpose, in every way that case systems fail."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.casesystem.modes import EVERYWHERE, INSIDE, Mode
from serve.casesystem.store import Store


class Trouble(BaseModel):
    """What goes wrong from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modes: tuple[Mode, ...] = Field((), description="one of them is chosen for each request")
    share: float = Field(1.0, ge=0, le=1, description="of the requests that are befallen")
    times: int | None = Field(None, ge=0, description="how often; empty: until told otherwise")
    seconds: float = Field(5.0, ge=0, le=600, description="of slow, hang_taken and Retry-After")
    retry_after_date: bool = Field(False, description="Retry-After as a date instead of seconds")


class Troubles:
    """The trouble there is now; told by the admin endpoint, asked by all."""

    def __init__(self) -> None:
        """Begin well."""
        self._lock = threading.Lock()
        self._now = Trouble()
        self._left: int | None = None
        self.befallen: dict[str, int] = {}

    def set(self, trouble: Trouble) -> None:
        """Replace what goes wrong."""
        with self._lock:
            self._now, self._left = trouble, trouble.times

    def choose(self, of: frozenset[Mode]) -> tuple[Mode, Trouble] | None:
        """Return what befalls this request, of some modes."""
        with self._lock:
            modes = [mode for mode in self._now.modes if mode in of]
            if not modes or self._left == 0 or random.random() >= self._now.share:  # noqa: S311
                return None
            if self._left is not None:
                self._left -= 1
            mode = random.choice(modes)  # noqa: S311
            self.befallen[mode] = self.befallen.get(mode, 0) + 1
            return mode, self._now


class Failing:
    """ASGI middleware that fails before, instead of or after the application answered."""

    def __init__(self, app: ASGIApp, *, troubles: Troubles, store: Store) -> None:
        """Wrap an application."""
        self._app, self._troubles, self._store = app, troubles, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(("/drafts", "/open311/")):
            await self._app(scope, receive, send)
            return
        posting = scope["method"] == "POST"
        chosen = self._troubles.choose(frozenset(Mode) - INSIDE if posting else EVERYWHERE)
        if chosen is None:
            await self._app(scope, receive, send)
            return
        mode, trouble = chosen
        is_open311 = path.startswith("/open311/")
        if mode.endswith("_taken"):
            await self._app(scope, receive, _nowhere)
        if mode is Mode.SLOW:
            await asyncio.sleep(trouble.seconds)
            await self._app(scope, receive, send)
        elif mode is Mode.HANG_TAKEN:
            await asyncio.sleep(trouble.seconds)
            await _broken(send)
        elif mode is Mode.DOWN:
            await _broken(send)
        elif mode is Mode.TOO_MANY:
            after = str(int(trouble.seconds))
            if trouble.retry_after_date:
                at = datetime.now(UTC) + timedelta(seconds=trouble.seconds)
                after = format_datetime(at, usegmt=True)
            await _answer(send, 429, {"code": "too_many"}, {"retry-after": after})
        elif mode is Mode.REDIRECT:
            await _answer(send, 302, {}, {"location": "http://127.0.0.1:9/elsewhere"})
        elif mode is Mode.FORBIDDEN:
            await _answer(send, 403, {"code": "forbidden"})
        elif mode is Mode.DUPLICATE:
            said = [{"code": "400", "description": "duplicate"}] if is_open311 else {
                "code": "duplicate", "id": "19990101-000001", "dedupe_key": "somebody-else's",
            }  # fmt: skip
            await _answer(send, 400 if is_open311 else 409, said)
        elif mode in (Mode.ERROR, Mode.ERROR_TAKEN):
            await _answer(send, 500, {"code": "error"})
        elif mode in (Mode.NO_ID, Mode.NO_ID_TAKEN):
            await _answer(send, 200, [] if is_open311 else {"ok": True})
        elif mode in (Mode.WRONG_ID, Mode.WRONG_ID_TAKEN):
            await _answer(send, 200, self._wrong(is_open311))
        elif mode in (Mode.MALFORMED, Mode.MALFORMED_TAKEN):
            await _answer(send, 200, b'{"id": "2026')

    def _wrong(self, is_open311: bool) -> object:
        cases = self._store.cases(limit=50)
        other = random.choice(cases) if cases else None  # noqa: S311
        number = other.number if other else "19990101-000001"
        if is_open311:
            return [{"service_request_id": number}]
        return {"id": number, "dedupe_key": other.dedupe_key if other else "somebody-else's"}


async def _nowhere(message: Message) -> None:
    del message


async def _answer(
    send: Send, status: int, said: object, headers: dict[str, str] | None = None
) -> None:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    named = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _broken(send: Send) -> None:
    # A promise of bytes that never come makes the server end the connection.
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise ConnectionAbortedError("told to be down")
