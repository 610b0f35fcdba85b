"""Running the case system: as a thread in another process, or as a process of its own."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from serve.casesystem.app import make_case_system
from serve.casesystem.flow import Flow
from serve.casesystem.store import Store
from serve.casesystem.trouble import Trouble, Troubles
from serve.errors import Unavailable

STARTS_WITHIN_S = 20.0


class CaseSystem:
    """A running case system."""

    def __init__(
        self,
        folder: Path,
        secret: SecretStr,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        step_s: float = 20.0,
        trouble: Trouble | None = None,
    ) -> None:
        """Prepare.

        Args:
            folder: Where its file lies.
            secret: Shared with whoever posts.
            host: Address to listen on.
            port: Port; zero for any free one.
            step_s: Seconds of each step of a case's life.
            trouble: What goes wrong from the start.
        """
        self.step_s = step_s
        self.store = Store(folder / "cases.sqlite")
        self.troubles = Troubles()
        if trouble is not None:
            self.troubles.set(trouble)
        self._flow = Flow(self.store, secret, self.troubles, step_s=step_s)
        app = make_case_system(self.store, secret, self.troubles, step_s=step_s)
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="case-system", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Begin in a thread, and return when it answers.

        Raises:
            Unavailable: It did not come up.
        """
        self._flow.start()
        self._thread.start()
        ends = time.monotonic() + STARTS_WITHIN_S
        while not self._server.started:
            if time.monotonic() > ends or not self._thread.is_alive():
                raise Unavailable("the embedded case system did not start; see the log")
            time.sleep(0.02)

    def run(self) -> None:
        """Serve in this thread until it is told to end by a signal."""
        self._flow.start()
        try:
            self._serve()
        finally:
            self._flow.close()
            self.store.close()

    def close(self) -> None:
        """End."""
        self._server.should_exit = True
        self._thread.join(timeout=STARTS_WITHIN_S)
        self._flow.close()
        self.store.close()
        self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        raise Unavailable(
            f"the case system cannot listen on {host}:{port} ({error.strerror}); choose another "
            "port"
        ) from error
