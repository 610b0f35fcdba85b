"""Local folders for files in the making, and what crashes left of them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve.service import Service

_NAME = re.compile(r"work-(\d+)-.*")


@contextmanager
def folder(service: Service) -> Iterator[Path]:
    """Give a folder of one's own, deleted afterwards whatever happens."""
    path = Path(tempfile.mkdtemp(prefix=f"work-{os.getpid()}-", dir=service.scratch))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(service: Service) -> int:
    """Delete folders of processes that are gone; returns how many."""
    swept = 0
    for path in service.scratch.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and int(match[1]) != os.getpid() and not Path(f"/proc/{match[1]}").exists():
            shutil.rmtree(path, ignore_errors=True)
            swept += 1
    return swept
