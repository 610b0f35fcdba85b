"""Which process is which: numbers of processes are used again, and mean nothing elsewhere."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

_PROC = Path("/proc")


@functools.cache
def place() -> str:
    """Return what names the space in which process numbers of this process hold.

    Two containers may share a host name, and a machine that was started anew shares everything but
    its boot id.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        # Not Linux: only the process itself is known to live, others by what they say.
        return f"{socket.gethostname()}/{os.getpid()}"


def started(process: int) -> str:
    """Return when a process was started, in ticks since the machine was; empty: no such process.

    A process that has ended and only waits to be collected counts as none.
    """
    try:
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # Fields 3 and 22 of proc(5); the name, field 2, may hold anything, and was cut off.
    return "" if fields[0] in "ZX" else fields[19]
