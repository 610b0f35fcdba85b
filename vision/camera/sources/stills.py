"""A folder of pictures as a source."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vision.camera.config import Outline
from vision.camera.frame import Frame
from vision.camera.sources.address import AddressKind
from vision.camera.sources.clips import pictures_to_clip
from vision.camera.sources.pictures import MAX_PICTURE_BYTES, decoded_picture
from vision.camera.sources.ring import KeptPicture, Ring
from vision.camera.sources.source import Clip, Decoding, SourceEvent
from vision.errors import InputError

MAX_STILLS = 1_000_000
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_DIGITS = re.compile(r"(\d+)")
_DUE_SHARE = 0.98


class Stills:
    """A folder of JPEG and PNG files, one every so many seconds, in the natural order of names.

    A picture that is broken or too large keeps its place in time and is passed over.

    Attributes:
        kind: `AddressKind.FOLDER`.
        live: False.
        address: The folder.
        start: Time of the first picture: as given, else the first file's date of change.
        skipped: Pictures so far that could not be used.
    """

    kind = AddressKind.FOLDER
    live = False
    passed_over = 0
    decode_s = 0.0
    clock_offset_s: float | None = None
    decoding: Decoding = "all frames"

    def __init__(
        self, folder: Path, *, interval_s: float, start: datetime | None = None, keep_s: float
    ) -> None:
        """Look into a folder.

        Args:
            folder: Where the pictures are; folders in it are not looked into.
            interval_s: Seconds from one to the next.
            start: Time of the first; aware.
            keep_s: For how long pictures are kept for clips.

        Raises:
            InputError: There are no pictures in it, or too many.
        """
        self.address = str(folder)
        self._interval = timedelta(seconds=interval_s)
        try:
            self._paths = sorted(
                (path for path in folder.iterdir() if _is_picture(path)),
                key=lambda path: _natural(path.name),
            )
        except OSError as error:
            raise InputError(f"{folder}: cannot be read: {error.strerror or error}") from error
        if not self._paths:
            raise InputError(f"{folder}: holds no .jpg, .jpeg or .png files")
        if len(self._paths) > MAX_STILLS:
            raise InputError(f"{folder}: holds more than {MAX_STILLS} pictures; split it")
        first_change = datetime.fromtimestamp(self._paths[0].stat().st_mtime, UTC)
        self.start = (start or first_change).astimezone(UTC)
        self.skipped = 0
        self._ring: Ring[KeptPicture] = Ring(max(keep_s, 12 * interval_s))

    def events(self, step_s: float, stop: threading.Event) -> Iterator[SourceEvent]:
        """Yield the pictures; see `Source.events`."""
        last: datetime | None = None
        for number, path in enumerate(self._paths):
            if stop.is_set():
                return
            at = self.start + number * self._interval
            if last is not None and (at - last).total_seconds() < _DUE_SHARE * step_s:
                continue
            data = _content(path)
            rgb = None if data is None else decoded_picture(data)
            if data is None or rgb is None:
                self.skipped += 1
                continue
            last = at
            self._ring.add(KeptPicture(data, at))
            yield Frame(taken_at=at, received_at=datetime.now(UTC), rgb=rgb)
        if last is None:
            raise InputError(f"{self.address}: none of its pictures can be decoded")

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write a slide show; see `Source.clip`."""
        return pictures_to_clip(self._ring.items(), start, end, path, masks=masks)


def _is_picture(path: Path) -> bool:
    # Programs that copy leave files with a leading dot.
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Order in which 9 comes before 10."""
    parts = _DIGITS.split(name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _content(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > MAX_PICTURE_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None
