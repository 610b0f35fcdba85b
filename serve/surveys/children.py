"""Work in a process of its own: the side that starts it.

What comes from outside is opened in a child, which may crash, run out of memory or never end
without taking the worker with it. The child knows neither secrets nor addresses of the service; it
gets a job as a line of JSON and says how far it is in lines of JSON. When the worker dies, the
child ends too: it sees its input end.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from serve.errors import ServiceError
from vision import errors as vision_errors
from vision.errors import CityEyeError, InputError

log = structlog.get_logger()

TICK_S = 0.5
_LAST_WORDS = 2000
# Whatever else is set may be a secret, or an order to a library.
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "PROJ_DATA",
    "PROJ_LIB", "GDAL_DATA", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
)  # fmt: skip

Tick = Callable[[str, float], None]
"""Told the stage and the share done, twice a second; raises to stop the child."""


class ChildFailed(ServiceError, RuntimeError):
    """A child ended without a result: a disk that is full, a model that is not there."""


class ChildDied(ChildFailed):
    """A child took too long, too much memory, or crashed: what it was given made it so."""


def run_child(
    module: str,
    job: Mapping[str, Any],
    *,
    tick: Tick,
    time_s: float | None = None,
    names: Mapping[Path, str] | None = None,
) -> dict[str, Any]:
    """Run a job in a child and wait for it.

    Args:
        module: Python module whose ``__main__`` does the job.
        job: What to do; JSON-like.
        tick: Told of progress.
        time_s: Seconds after which it is stopped.
        names: What people call the local files that sentences may name.

    Returns:
        The child's result.

    Raises:
        InputError: The child refused what it was given; the sentence is the reader's own.
        ChildDied: It took too long, too much memory, or crashed.
        ChildFailed: Something on our side was missing.
    """
    with tempfile.TemporaryFile() as last_words:
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=last_words,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            | {"MALLOC_ARENA_MAX": "2"},
        )
        try:
            told = _converse(child, job, tick=tick, time_s=time_s)
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    # What was not flushed is of no use to a dead child.
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue
        return _outcome(child, told, last_words, names or {})


def _converse(
    child: subprocess.Popen[bytes], job: Mapping[str, Any], *, tick: Tick, time_s: float | None
) -> dict[str, Any]:
    """Give the job, pass progress on; returns the child's last word."""
    lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
    if child.stdin is None or child.stdout is None:
        raise ChildFailed("a child process has no pipes")
    try:
        child.stdin.write(json.dumps(job).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        return {}
    threading.Thread(target=_listen, args=(child.stdout, lines), daemon=True).start()
    begun = time.monotonic()
    stage, share = "begin", 0.0
    while True:
        tick(stage, share)
        if time_s is not None and time.monotonic() - begun > time_s:
            return {"died": f"it took longer than {time_s:.0f} s"}
        try:
            said = lines.get(timeout=TICK_S)
        except queue.Empty:
            continue
        if said is None:
            child.wait()
            return {}
        if "stage" in said:
            stage, share = str(said["stage"]), float(said["share"])
            continue
        return said


def _listen(pipe: Any, lines: queue.Queue[dict[str, Any] | None]) -> None:  # noqa: ANN401
    try:
        for line in pipe:
            lines.put(json.loads(line))
    except ValueError:
        log.warning("child_not_understood")
    lines.put(None)


def _outcome(
    child: subprocess.Popen[bytes],
    told: Mapping[str, Any],
    last_words: Any,  # noqa: ANN401
    names: Mapping[Path, str],
) -> dict[str, Any]:
    if "result" in told:
        result: dict[str, Any] = told["result"]
        return result
    if "refused" in told:
        kind = getattr(vision_errors, str(told.get("kind")), InputError)
        if not (isinstance(kind, type) and issubclass(kind, CityEyeError)):
            kind = InputError
        raise kind(named(str(told["refused"]), names))
    if "failed" in told:
        raise ChildFailed(named(str(told["failed"]), names))
    if "died" in told:
        raise ChildDied(str(told["died"]))
    last_words.seek(0, os.SEEK_END)
    last_words.seek(max(0, last_words.tell() - _LAST_WORDS))
    log.error(
        "child_died", code=child.returncode, last_words=last_words.read().decode(errors="replace")
    )
    code = child.returncode
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise ChildDied(f"its process ended unexpectedly ({how}), perhaps for want of memory")


def named(text: str, names: Mapping[Path, str]) -> str:
    """Return a sentence with people's names for files instead of the local paths."""
    for path, name in names.items():
        text = text.replace(str(path), name)
    return text
