"""The folder of one camera's results: findings and events as they happen, and what is remembered.

Lines are appended and flushed to disk one by one; what a killed process left half-written is taken
off at the next start. The remembered state is replaced as a whole.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vision.errors import InputError, OutputError
from vision.finding import Finding

FINDINGS_FILE = "findings.jsonl"
EVENTS_FILE = "events.jsonl"
STATE_FILE = "state.json"
LOCK_FILE = ".lock"


class WatchFolder:
    """Where one camera's results go. One process at a time may write to it."""

    def __init__(self, folder: Path) -> None:
        """Open a folder, making it where it is missing.

        Raises:
            InputError: The folder holds findings that cannot be read.
            OutputError: It cannot be made or written to.
        """
        self.folder = folder
        with _spoken(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in (FINDINGS_FILE, EVENTS_FILE):
                _take_off_half_a_line(folder / name)
        self._latest: dict[str, Finding] = {}
        for finding in self._read():
            self._latest[finding.id] = finding

    def _read(self) -> Iterator[Finding]:
        path = self.folder / FINDINGS_FILE
        if not path.exists():
            return
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Finding.model_validate_json(line)
                except ValidationError as error:
                    raise InputError(
                        f"{path}: line {number} is no finding; move the file away or mend the line"
                    ) from error

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The newest line of every finding, in the order in which they first fired."""
        return tuple(self._latest.values())

    def append(self, finding: Finding) -> None:
        """Append a line for a finding, unless that line is there already.

        The same recording watched again, or a restart after a kill, gives the same findings; they
        are not written twice.

        Raises:
            OutputError: The line could not be written.
        """
        known = self._latest.get(finding.id)
        if known is not None and (
            known.attributes.get("state") in ("ended", finding.attributes.get("state"))
        ):
            return
        self._append(FINDINGS_FILE, finding.model_dump_json())
        self._latest[finding.id] = finding

    def log(self, event: Mapping[str, Any]) -> None:
        """Append a line about the camera itself: a fault, a recovery, overload.

        Raises:
            OutputError: The line could not be written.
        """
        self._append(EVENTS_FILE, json.dumps(dict(event), ensure_ascii=False))

    def _append(self, name: str, line: str) -> None:
        path = self.folder / name
        with _spoken(path), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def load_state(self) -> dict[str, Any] | None:
        """Return what was remembered, or none; a file that cannot be read is none.

        A new start loses dwell times. Refusing to start would lose all that happens from now on.
        """
        try:
            state: dict[str, Any] = json.loads((self.folder / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return state if isinstance(state, dict) else None

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Replace what is remembered.

        Raises:
            OutputError: It could not be written; the old state is still there.
        """
        replace_file(self.folder / STATE_FILE, json.dumps(state, separators=(",", ":")))


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep a results folder for this process until the end of the block, however that comes.

    Raises:
        OutputError: Another process writes to it, or it cannot be written to.
    """
    with _spoken(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("w")
    with lock:
        try:
            # The system lets go of it when the process ends, killed or not.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another watch writes to this folder; stop it or choose another folder "
                "with --out"
            ) from error
        yield


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: It could not be written; what was there before still is.
    """
    scratch = path.with_name(f".{path.name}.new")
    with _spoken(path):
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)


def _take_off_half_a_line(path: Path) -> None:
    """Cut a file after its last whole line."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


@contextmanager
def _spoken(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; free space or choose another "
            "folder with --out"
        ) from error
