"""The files of one finding's evidence: originals, previews, close-up and clip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.config import Camera, Zone
from vision.camera.plates import PlateLooking
from vision.evidence.files import share_or_copy, write_new
from vision.evidence.manifest import EvidenceFile, PlateNote
from vision.evidence.overlay import forgery_code, outlined, overlay_fields, stamped
from vision.evidence.previews import PREVIEW_QUALITY, Portrait, agreed_plate, portrait
from vision.evidence.spool import KeptPicture

CLOSE_UP = "close_up"
"""The role of the picture of the subject alone."""


class SetMaker:
    """Makes the files of one set in a folder that nobody looks into yet."""

    def __init__(self, work: Path, camera: Camera, zone: Zone, finding_id: str) -> None:
        """Prepare to fill ``work``, which has a folder ``sealed`` in it."""
        self._work = work
        self._camera = camera
        self._zone = zone
        self._finding_id = finding_id
        self._shown: list[EvidenceFile] = []
        self._sealed: list[EvidenceFile] = []

    @property
    def files(self) -> list[EvidenceFile]:
        """All files, those to be shown first before the sealed ones."""
        return self._shown + self._sealed

    def add_pictures(
        self, kept: Sequence[KeptPicture], plates: PlateLooking | None
    ) -> PlateNote | None:
        """Add originals, previews and the close-up; return the plate where one is legible."""
        if not kept:
            return None
        portraits = []
        names = _numbered([picture.note.role for picture in kept])
        for picture, name in zip(kept, names, strict=True):
            original = self._add_original(picture, name)
            shown = portrait(picture, plates=plates)
            portraits.append((shown, original))
            if picture.note.role != CLOSE_UP:
                drawn = outlined(shown.scene(), zone=self._zone.polygon, box=picture.note.box_xyxy)
                self._add_preview(drawn, name, original)
        best, original = max(portraits, key=lambda pair: _closeness(pair[0]))
        self._add_close_up(best, original)
        agreed = agreed_plate([shown for shown, _ in portraits])
        if agreed is None:
            return None
        text, shown = agreed
        source = next(entry for other, entry in portraits if other is shown)
        return PlateNote(
            text=text.text,
            confidence=text.confidence,
            box_xyxy=text.box_xyxy,
            read_from=source.path,
        )

    def add_clip(self, clip: Path, span: tuple[datetime, datetime] | None) -> None:
        """Add a clip; it shows faces, so it is among the sealed files."""
        share_or_copy(clip, self._work / "sealed" / "clip.mp4")
        self._sealed.append(
            self._entry(
                "sealed/clip.mp4",
                role="clip",
                media_type="video/mp4",
                taken_at=None if span is None else span[0],
                ends_at=None if span is None else span[1],
            )
        )

    def _add_original(self, picture: KeptPicture, name: str) -> EvidenceFile:
        # A close-up's original is the whole frame it is cut from.
        stem = f"scene_of_{name}" if picture.note.role == CLOSE_UP else name
        share_or_copy(picture.path, self._work / "sealed" / f"{stem}.jpg")
        entry = self._entry(
            f"sealed/{stem}.jpg",
            role=f"sealed_{stem}",
            media_type="image/jpeg",
            taken_at=picture.note.taken_at,
            received_at=picture.note.received_at,
            box_xyxy=picture.note.box_xyxy,
        )
        self._sealed.append(entry)
        return entry

    def _add_close_up(self, shown: Portrait, original: EvidenceFile) -> None:
        self._add_preview(shown.close_up(), CLOSE_UP, original)
        self._write("sealed/close_up.png", shown.crop, (".png", []))
        x1, y1, x2, y2 = shown.crop_xyxy
        height, width = shown.rgb.shape[:2]
        self._sealed.append(
            self._entry(
                "sealed/close_up.png",
                role="sealed_close_up",
                media_type="image/png",
                taken_at=original.taken_at,
                received_at=original.received_at,
                box_xyxy=(x1 / width, y1 / height, x2 / width, y2 / height),
                made_from=original.path,
            )
        )

    def _add_preview(self, rgb: NDArray[np.uint8], name: str, original: EvidenceFile) -> None:
        assert original.taken_at is not None  # noqa: S101 - pictures have their time
        code = forgery_code(self._finding_id, original.sha256, original.taken_at)
        fields = overlay_fields(
            self._camera, zone=self._zone.name, taken_at=original.taken_at, code=code
        )
        options = [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY]
        self._write(f"{name}.jpg", stamped(rgb, fields), (".jpg", options))
        self._shown.append(
            self._entry(
                f"{name}.jpg",
                role=name,
                media_type="image/jpeg",
                taken_at=original.taken_at,
                received_at=original.received_at,
                made_from=original.path,
                code=code,
            )
        )

    def _write(self, name: str, rgb: NDArray[np.uint8], kind: tuple[str, list[int]]) -> None:
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        write_new(self._work / name, cv2.imencode(kind[0], bgr, kind[1])[1].tobytes())

    def _entry(self, path: str, *, role: str, media_type: str, **more: object) -> EvidenceFile:
        content = (self._work / path).read_bytes()
        return EvidenceFile.model_validate(
            {
                "path": path,
                "role": role,
                "media_type": media_type,
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                **more,
            }
        )


def _numbered(roles: Sequence[str]) -> list[str]:
    """Number the roles that come more than once: load_1, load_2."""
    names = []
    for index, role in enumerate(roles):
        count = roles[: index + 1].count(role)
        names.append(f"{role}_{count}" if roles.count(role) > 1 else role)
    return names


def _closeness(shown: Portrait) -> tuple[bool, bool, float, int]:
    """Order pictures by how well they serve as the close-up."""
    note = shown.kept.note
    size = shown.crop.shape[0] * shown.crop.shape[1]
    return note.role == CLOSE_UP, shown.plate is not None, note.quality, size
