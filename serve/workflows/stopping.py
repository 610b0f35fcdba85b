"""Leaving off in order: what takes long asks whether its process is to end."""

from __future__ import annotations

import threading
from collections.abc import Callable

_stopping = threading.Event()
_closers: list[Callable[[], None]] = []


class Stopped(BaseException):
    """Ends a step without an outcome, so that it is run again by whoever takes over.

    Not an ``Exception``: those would be recorded as what came of the step.
    """


def begin() -> None:
    """This process works."""
    _stopping.clear()


def when_stopping(close: Callable[[], None]) -> None:
    """Have something closed, once, when this process is to end, while it can still work."""
    _closers.append(close)


def stop() -> None:
    """This process is to end; what runs long leaves off."""
    _stopping.set()
    while _closers:
        _closers.pop()()


def check() -> None:
    """Leave off if this process is to end.

    Raises:
        Stopped: It is.
    """
    if _stopping.is_set():
        raise Stopped
