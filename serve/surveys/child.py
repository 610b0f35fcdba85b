"""Work in a process of its own: the child's side."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import Any

Job = Callable[[dict[str, Any], Callable[[str, float], None]], dict[str, Any]]


def serve_one(do: Job) -> None:
    """Read a job from standard input, do it, and say what came of it.

    Args:
        do: Takes the job and a function to tell progress by; imports what is large itself, so
            that the memory limit holds for that too.
    """
    # Libraries write to standard output as they please; ours is kept apart.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(said: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps(said) + "\n")
            out.flush()

    source = sys.stdin.buffer
    job = json.loads(source.readline())
    threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
    if limit := job.get("memory_bytes"):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(BrokenPipeError):
        say(_done(do, job, lambda stage, share: say({"stage": stage, "share": share})))
    # Threads that still work for a job that is over are not waited for.
    os._exit(0)


def _done(do: Job, job: dict[str, Any], tell: Callable[[str, float], None]) -> dict[str, Any]:
    from vision.errors import CityEyeError, InputError

    try:
        return {"result": do(job, tell)}
    except InputError as error:
        return {"refused": str(error), "kind": type(error).__name__}
    except CityEyeError as error:
        return {"failed": str(error)}
    except MemoryError:
        return {"died": "it needed more memory than is allowed"}


def _end_with_parent(source: Any) -> None:  # noqa: ANN401
    """End when the input does: the parent is gone, and nobody waits for an answer."""
    while source.read(1):
        continue
    os._exit(1)
