"""A NodeODM server: raw photos go in, an orthophoto and a surface model come out.

Spoken is its HTTP interface, version 2: ``/task/new/init``, ``upload``, ``commit``,
``/task/UUID/info``, ``/task/UUID/download/all.zip``, ``/task/cancel``, ``/task/remove``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx

from serve.errors import ServiceError, TooLarge, Unavailable

QUEUED, RUNNING, FAILED, COMPLETED, CANCELLED = 10, 20, 30, 40, 50
ORTHOPHOTO = "odm_orthophoto/odm_orthophoto.tif"
SURFACE = "odm_dem/dsm.tif"
OPTIONS = [{"name": "dsm", "value": True}]
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_CHUNK = 2**20
_LONGEST_SAID = 300


class TaskRefused(ServiceError, ValueError):
    """The server answered, and will not do it."""


@dataclass(frozen=True)
class TaskState:
    """How far a task is."""

    code: int
    progress: float
    said: str


class NodeOdm:
    """The server at one address; close it, or use it in a ``with`` statement."""

    def __init__(self, url: str) -> None:
        """Connect when first needed.

        Args:
            url: Address; ``?token=…`` in it is sent along with each request and never shown.
        """
        parts = urlsplit(url)
        base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._client = httpx.Client(
            base_url=base, params=dict(parse_qsl(parts.query)), timeout=_TIMEOUT,
            follow_redirects=False, trust_env=False,
        )  # fmt: skip

    def __enter__(self) -> NodeOdm:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def init(self, task_id: str, name: str) -> None:
        """Begin a task under an id of our choice."""
        fields = {"name": name, "options": json.dumps(OPTIONS)}
        # As a multipart form, the only kind the server reads here.
        form = {key: (None, value) for key, value in fields.items()}
        self._ask("POST", "/task/new/init", files=form, headers={"set-uuid": task_id})

    def upload(self, task_id: str, name: str, photo: BinaryIO) -> None:
        """Send one photo; one of the same name replaces it."""
        files = {"images": (name, photo, "application/octet-stream")}
        self._ask("POST", f"/task/new/upload/{task_id}", files=files)

    def commit(self, task_id: str) -> None:
        """Have the task done."""
        self._ask("POST", f"/task/new/commit/{task_id}")

    def info(self, task_id: str) -> TaskState:
        """Ask how far it is.

        Raises:
            TaskRefused: The server does not know it.
        """
        said = self._ask("GET", f"/task/{task_id}/info")
        try:
            status = said["status"]
            code, progress = int(status["code"]), float(said.get("progress") or 0.0) / 100
            message = str(status.get("errorMessage") or "")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Unavailable("the NodeODM server gave an answer that is none") from error
        return TaskState(code, min(max(progress, 0.0), 1.0), _short(message))

    def cancel(self, task_id: str) -> None:
        """Stop a task and delete it; one that is not there is gone already."""
        for action in ("cancel", "remove"):
            try:
                self._ask("POST", f"/task/{action}", json={"uuid": task_id})
            except TaskRefused:
                continue

    def download(
        self, task_id: str, path: Path, *, max_bytes: int, tick: Callable[[float], None]
    ) -> None:
        """Fetch all results as a ZIP file.

        Raises:
            TooLarge: It is larger than allowed.
        """
        try:
            with self._client.stream("GET", f"/task/{task_id}/download/all.zip") as answer:
                if answer.status_code != 200 or "json" in answer.headers.get("Content-Type", ""):
                    raise TaskRefused("the NodeODM server does not give the results out")
                announced = int(answer.headers.get("Content-Length") or 0)
                got = 0
                with path.open("wb") as file:
                    for chunk in answer.iter_bytes(_CHUNK):
                        got += len(chunk)
                        if got > max_bytes:
                            raise TooLarge(f"the results are larger than {max_bytes} bytes")
                        file.write(chunk)
                        tick(got / announced if announced else 0.0)
        except (httpx.HTTPError, ValueError) as error:
            if isinstance(error, ServiceError):
                raise
            raise _away(error) from error

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer = self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise _away(error) from error
        if answer.status_code >= 500 or answer.is_redirect:
            raise Unavailable(f"the NodeODM server answered {answer.status_code}")
        try:
            said = answer.json()
        except ValueError as error:
            raise Unavailable("the NodeODM server gave an answer that is none") from error
        if not isinstance(said, dict):
            raise Unavailable("the NodeODM server gave an answer that is none")
        if answer.status_code >= 400 or "error" in said:
            raise TaskRefused(f"the NodeODM server said: {_short(str(said.get('error')))}")
        return said


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"the NodeODM server does not answer ({type(error).__name__})")


def _short(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:_LONGEST_SAID]


def unpack(archive: Path, member: str, target: Path, *, max_bytes: int) -> bool:
    """Unpack one named file; nothing else in the archive is looked at, no path of it is used.

    Returns:
        Whether there is such a file.

    Raises:
        TooLarge: It is larger than allowed, whatever it claims.
        TaskRefused: The archive is none, or damaged.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            try:
                info = packed.getinfo(member)
            except KeyError:
                return False
            if info.file_size > max_bytes:
                raise TooLarge(f"{member} is larger than {max_bytes} bytes")
            with packed.open(info) as source, target.open("wb") as file:
                got = 0
                while chunk := source.read(_CHUNK):
                    got += len(chunk)
                    if got > max_bytes:
                        raise TooLarge(f"{member} is larger than {max_bytes} bytes")
                    file.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise TaskRefused("the results of the NodeODM server are no readable ZIP file") from error
    return True
