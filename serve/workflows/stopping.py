"""Leaving off in order: what takes long asks whether its process is to end."""

from __future__ import annotations

import threading

_stopping = threading.Event()


class Stopped(BaseException):
    """Ends a step without an outcome, so that it is run again by whoever takes over.

    Not an ``Exception``: those would be recorded as what came of the step.
    """


def begin() -> None:
    """This process works."""
    _stopping.clear()


def stop() -> None:
    """This process is to end; what runs long leaves off."""
    _stopping.set()


def check() -> None:
    """Leave off if this process is to end.

    Raises:
        Stopped: It is.
    """
    if _stopping.is_set():
        raise Stopped
