"""A running ``cityeye serve`` for scripts, and a client that is signed in to it."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from serve.db.engine import Database
from vision.errors import CityEyeError

ROOT = Path(__file__).resolve().parents[1]
STARTS_WITHIN_S = 300.0
ENDS_WITHIN_S = 30.0
PATCH_BYTES = 16 * 2**20
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = {"Content-Type": "application/offset+octet-stream"}


class ServiceFailed(CityEyeError, RuntimeError):
    """The service did not start, or answered what it should not."""


class Served:
    """A service that runs, and a client of it."""

    def __init__(self, address: str, token: str, database_url: str, pid: int) -> None:
        """Take where it is, how to get in, and the number of its process."""
        self.address = address
        self.pid = pid
        self._database_url = database_url
        self.client = httpx.Client(
            base_url=f"{address}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )

    def with_token(self, token: str) -> Served:
        """Return a client that is somebody else."""
        return Served(self.address, token, self._database_url, self.pid)

    def database(self) -> Database:
        """Return the service's database, past the API."""
        return Database(self._database_url)

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401
        """Ask and return the answer's JSON.

        Raises:
            ServiceFailed: It was refused.
        """
        return _accepted(self.client.get(path, params=query)).json()

    def post(self, path: str, body: Any = None, **more: Any) -> Any:  # noqa: ANN401
        """Send JSON and return the answer's JSON.

        Raises:
            ServiceFailed: It was refused.
        """
        more = more if body is None else {**more, "json": body}
        answer = _accepted(self.client.post(path, **more))
        return answer.json() if answer.content else None

    def everything(self, path: str, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return the items of all pages."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = self.get(path, limit=200, **query, **more)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    def upload(self, path: Path, *, patch_bytes: int = PATCH_BYTES) -> str:
        """Send a file by the tus protocol and return the upload's address.

        A connection that breaks is taken up again where the service says that it stands.
        """
        size = path.stat().st_size
        name = base64.b64encode(path.name.encode()).decode()
        created = _accepted(
            self.client.post(
                "uploads",
                headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": f"filename {name}"},
            )
        )
        address = str(created.url.join(created.headers["Location"]))
        offset = 0
        with path.open("rb") as file:
            while offset < size:
                file.seek(offset)
                try:
                    answer = _accepted(
                        self.client.patch(
                            address,
                            content=_pieces(file, min(patch_bytes, size - offset)),
                            headers={**TUS, **OFFSET_TYPE, "Upload-Offset": str(offset)},
                        )
                    )
                except httpx.TransportError:
                    time.sleep(0.5)
                    answer = _accepted(self.client.head(address, headers=TUS))
                offset = int(answer.headers["Upload-Offset"])
        return address

    def survey(self, site: str, flown_at: str, *, ortho: Path, dsm: Path | None = None) -> str:
        """Upload a survey of a site and return its id; what it becomes is seen later."""
        files = {"ortho": ortho} if dsm is None else {"ortho": ortho, "dsm": dsm}
        uploads = {
            f"{part}_upload_id": self.upload(path).rpartition("/")[2]
            for part, path in files.items()
        }
        made = self.post(f"sites/{site}/surveys", {"flown_at": flown_at, **uploads})
        return str(made["id"])

    def wait(
        self, path: str, done: Callable[[Any], bool], *, within_s: float, every_s: float = 0.5
    ) -> Any:  # noqa: ANN401
        """Ask until the answer is as wanted.

        Raises:
            ServiceFailed: It was not in time.
        """
        end = time.monotonic() + within_s
        while not done(answer := self.get(path)):
            if time.monotonic() > end:
                raise ServiceFailed(f"{path}: not within {within_s:.0f} s: {answer}")
            time.sleep(every_s)
        return answer


def _pieces(file: Any, length: int) -> Iterator[bytes]:  # noqa: ANN401
    while length > 0:
        piece = file.read(min(2**20, length))
        if not piece:
            return
        length -= len(piece)
        yield piece


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise ServiceFailed(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} "
            f"{answer.text[:500]}"
        )
    return answer


@contextmanager
def served(
    folder: Path,
    *,
    database_url: str = "",
    log: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """Run the service on a folder, with an administrator and a token that may do everything.

    Args:
        folder: Where its data lies; kept.
        database_url: Empty for the embedded database.
        log: Where it writes what it does; default in the folder.
        settings: More of them, by the names of their variables.

    Raises:
        ServiceFailed: It did not start; the message ends with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    data = folder / "data"
    environment = {
        **os.environ,
        "CITYEYE_ENVIRONMENT": "development",
        "CITYEYE_DATA_DIR": str(data),
        "CITYEYE_DATABASE_URL": database_url,
        "CITYEYE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": str(ROOT),
        **(settings or {}),
    }
    cityeye = [sys.executable, "-m", "serve.cli"]

    def run(*words: str, text: str = "") -> str:
        done = subprocess.run(  # noqa: S603
            [*cityeye, *words], env=environment, input=text, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServiceFailed(f"cityeye {words[0]} {words[1]}: {done.stderr.strip()}")
        return done.stdout.strip()

    log = log or folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [*cityeye, "serve", "--dev", "--port", str(port)],
            env=environment, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process, log)
            name = f"script-{port}"
            run("user", "add", name, "--role", "admin", "--password-stdin", text=f"{name}-{name}\n")
            token = run("token", "add", name, "script", "--scope", "*").splitlines()[-1]
            url = database_url or f"sqlite:///{(data / 'cityeye.sqlite').absolute()}"
            yield Served(address, token, url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    last = log.read_text(errors="replace")[-1000:]
    raise ServiceFailed(f"the service did not start; it said last: {last}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
