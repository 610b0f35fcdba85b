"""Pictures of candidates that may become findings, on disk from the moment they are taken."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from vision.camera.config import Outline
from vision.camera.events import Box
from vision.camera.frame import Frame
from vision.errors import InputError
from vision.evidence.files import (
    PART_PREFIX,
    checked_name,
    share_or_copy,
    sync_folder,
    told,
    write_whole,
)
from vision.evidence.privacy import blackened

ORIGINAL_QUALITY = 95
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}")


class PictureNote(BaseModel):
    """What belongs to a kept picture: lies beside it as JSON, and is written after it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    taken_at: AwareDatetime
    received_at: AwareDatetime
    size_wh: tuple[int, int]
    box_xyxy: Box
    seen: tuple[tuple[str, Box], ...]
    quality: float
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A kept picture and what belongs to it."""

    path: Path
    note: PictureNote

    def rgb(self) -> NDArray[np.uint8]:
        """The picture, uint8 (H, W, 3)."""
        bgr = cv2.imdecode(np.fromfile(self.path, np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None  # noqa: S101 - its bytes were checked against the note
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


class Spool:
    """The pictures of the candidates of one camera: DIR/pending/KEY/ROLE-TIME.jpg and .json."""

    def __init__(self, folder: Path, masks: Sequence[Outline]) -> None:
        """Open or make the folder; what a killed process left half is removed.

        Raises:
            OutputError: The folder cannot be made or written to.
        """
        self._folder = folder
        self._masks = tuple(masks)
        self._last: tuple[weakref.ref[Frame], bytes, Path] | None = None
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob(f"*/{PART_PREFIX}*"):
                part.unlink(missing_ok=True)

    def keys(self) -> tuple[str, ...]:
        """Candidates that have pictures, in order of their names."""
        return tuple(sorted(path.name for path in self._folder.iterdir() if path.is_dir()))

    def keep(
        self,
        key: str,
        frame: Frame,
        *,
        role: str,
        box_xyxy: Box,
        seen: Sequence[tuple[str, Box]],
        quality: float = 0.0,
        most: int | None = None,
    ) -> None:
        """Write a picture down; see `vision.evidence.EvidenceFolder.keep`."""
        checked_name(key, "the name of a candidate")
        if not _ROLE.fullmatch(role):
            raise InputError(f"'{role}' cannot be a role: use small letters, digits, underscores")
        others = [
            kept
            for kept in self.pictures(key, checked=False)
            if kept.note.role == role and kept.note.taken_at != frame.taken_at
        ]
        if most is not None:
            others.sort(key=lambda kept: (-kept.note.quality, kept.note.taken_at))
            if len(others) >= most and others[most - 1].note.quality >= quality:
                return
        folder = self._folder / key
        stem = f"{role}-{frame.taken_at.timestamp() * 1e6:.0f}"
        with told(folder):
            folder.mkdir(exist_ok=True)
            digest = self._write_picture(frame, folder / f"{stem}.jpg")
            note = PictureNote(
                role=role,
                taken_at=frame.taken_at,
                received_at=frame.received_at,
                size_wh=frame.size_wh,
                box_xyxy=box_xyxy,
                seen=tuple(seen),
                quality=quality,
                sha256=digest,
            )
            write_whole(folder / f"{stem}.json", note.model_dump_json().encode())
            for surplus in others[most - 1 :] if most is not None else ():
                _note_path(surplus.path).unlink(missing_ok=True)
                surplus.path.unlink(missing_ok=True)

    def _write_picture(self, frame: Frame, path: Path) -> str:
        """Put a frame's JPEG at a path and return its SHA-256; one frame is encoded once."""
        if self._last is None or self._last[0]() is not frame:
            self._last = (weakref.ref(frame), self._encoded(frame), path)
        content = self._last[1]
        earlier = self._last[2]
        if not path.exists() and earlier != path and earlier.exists():
            share_or_copy(earlier, path)
            sync_folder(path.parent)
        elif not path.exists() or path.read_bytes() != content:
            write_whole(path, content)
        return hashlib.sha256(content).hexdigest()

    def _encoded(self, frame: Frame) -> bytes:
        bgr = cv2.cvtColor(blackened(frame.rgb, self._masks), cv2.COLOR_RGB2BGR)
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            ORIGINAL_QUALITY,
            # Plates are told by colour too: full resolution for it.
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
        return cv2.imencode(".jpg", bgr, options)[1].tobytes()

    def pictures(self, key: str, *, checked: bool = True) -> tuple[KeptPicture, ...]:
        """Return the pictures of a candidate in order of their times.

        Args:
            key: Of the candidate.
            checked: Leave out a picture whose bytes are not those that were written.
        """
        kept = []
        for note_path in (self._folder / checked_name(key, "the name of a candidate")).glob(
            "*.json"
        ):
            path = note_path.with_suffix(".jpg")
            try:
                note = PictureNote.model_validate_json(note_path.read_bytes())
                whole = not checked or hashlib.sha256(path.read_bytes()).hexdigest() == note.sha256
            except (OSError, ValidationError):
                continue
            if whole:
                kept.append(KeptPicture(path, note))
        return tuple(sorted(kept, key=lambda picture: (picture.note.taken_at, picture.path.name)))

    def drop(self, key: str) -> None:
        """Remove all pictures of a candidate; nothing happens where there are none."""
        folder = self._folder / checked_name(key, "the name of a candidate")
        with told(folder):
            if os.path.lexists(folder):
                shutil.rmtree(folder)


def _note_path(picture: Path) -> Path:
    return picture.with_suffix(".json")
