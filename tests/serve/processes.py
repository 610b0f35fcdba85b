"""Real ``cityeye`` processes for tests: started, waited for, killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from serve.workflows.runtime import workflow_database_url

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 90
BUSY = 3
"""How much longer than expected anything may take: tests share the machine with others."""
EVERY_POINT = bool(os.environ.get("CITYEYE_TEST_EVERY_POINT"))
"""Whether tests that die step by step die at every one; else at every third, which is quicker."""


def crash_points(most):
    """The numbers of the points at which a test dies, below `most`."""
    return range(1, most, 1 if EVERY_POINT else 3)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """One running command; its output lies in a file."""

    def __init__(self, command, *, log, environment):
        self.log = log
        self._file = log.open("ab")
        self.popen = subprocess.Popen(  # noqa: S603
            command, stdout=self._file, stderr=self._file, cwd=log.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, timeout_s=60):
        return self.popen.wait(BUSY * timeout_s)

    def end(self):
        self.kill(signal.SIGTERM)
        try:
            self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            self.popen.wait(30)
        self._file.close()


def environment_for(folder, *, database_url="", **more):
    """The environment of a service whose data lies in a folder."""
    return {
        "CITYEYE_ENVIRONMENT": "development",
        "CITYEYE_DATA_DIR": str(folder / "data"),
        "CITYEYE_DATABASE_URL": database_url,
        **{f"CITYEYE_{name.upper()}": str(value) for name, value in more.items()},
    }


@contextmanager
def cityeye(*words, folder, environment, crash_at=None, when="before", trace=None):
    """A ``cityeye`` command as a process; with `crash_at` it dies at that point."""
    command = [sys.executable, "-m", "serve.cli", *map(str, words)]
    if crash_at is not None:
        command = [
            sys.executable, str(ROOT / "tests/serve/crashing.py"), "--at", str(crash_at),
            "--when", when, *(["--trace", str(trace)] if trace else []), "--", *map(str, words),
        ]  # fmt: skip
    number = len(list(folder.glob("*.log")))
    process = Process(command, log=folder / f"{words[0]}-{number}.log", environment=environment)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def served(*, folder, environment, port=None, words=(), **crash):
    """``cityeye serve`` that answers; yields its address and its process."""
    port = port or free_port()
    run = cityeye("serve", "--port", port, *words, folder=folder, environment=environment, **crash)
    with run as process:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(address) or not process.alive(), STARTS_WITHIN_S)
        yield address, process


def answers(address):
    try:
        return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(condition, timeout_s, *, every_s=0.2):
    """Wait until something holds; fails when it does not in thrice the time expected."""
    end = time.monotonic() + BUSY * timeout_s
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {BUSY * timeout_s} s"
        time.sleep(every_s)
    return result


def given_up(service, workflow_id):
    """What the engine writes when a workflow's worker died too often; that takes many deaths."""
    url = workflow_database_url(service.settings)
    schema = None if url.get_backend_name() == "sqlite" else "dbos"
    table = sa.table(
        "workflow_status", sa.column("workflow_uuid"), sa.column("status"), schema=schema
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        changed = connection.execute(
            sa.update(table)
            .where(table.c.workflow_uuid == workflow_id)
            .values(status="MAX_RECOVERY_ATTEMPTS_EXCEEDED")
        )
    engine.dispose()
    assert changed.rowcount == 1
