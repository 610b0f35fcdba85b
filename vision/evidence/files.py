"""Files that are there whole or not at all, also after the power went."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vision.errors import InputError, OutputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
PART_PREFIX = ".part-"


def checked_name(name: str, what: str) -> str:
    """Return a name that is safe as a file name.

    Raises:
        InputError: It holds anything but letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be {what}: use letters, digits, dots, dashes and underscores, "
            "128 at most, not starting with a dot"
        )
    return name


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says about a path that cannot be written into words for people."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        mend = (
            "free some room or name another folder"
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            else "name a folder that may be written to"
        )
        raise OutputError(f"{path}: evidence cannot be written ({reason}); {mend}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, content: bytes) -> None:
    """Write a file in a folder that nobody looks into yet, and make its content last."""
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Put a file where others may look: all of it appears at once, or nothing changes."""
    part = path.parent / f"{PART_PREFIX}{secrets.token_hex(6)}"
    try:
        write_new(part, content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def share_or_copy(source: Path, target: Path) -> None:
    """Put a file's content at a second place: one more name where possible, a copy where not."""
    try:
        os.link(source, target)
    except OSError:
        with source.open("rb") as read, target.open("xb") as write:
            shutil.copyfileobj(read, write, 1 << 20)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
