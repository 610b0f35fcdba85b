"""Pictures with boxes, from what cameras found and reviewers decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.formats.boxes import LabelledBox, LabelledImage
from serve.db.tables import EvidenceRow, FindingRow
from serve.errors import NotFound
from serve.exports.lessons import Lesson, label_of
from serve.storage import Storage

AROUND = 1.0
"""A picture is cut around its finding with so much of the box's size on each side: what nobody
labelled is farther away than that."""
SMALLEST_PX = 320
_QUALITY = 95
_MANIFEST = "manifest"
_ORIGINALS = ("sealed_scene_end", "sealed_scene_start", "sealed_scene_of_close_up", "sealed_load")
_SHOWN = ("scene_end", "scene_start", "load")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Used:
    """A picture that went into the export.

    Attributes:
        image: The picture and its boxes.
        evidence: What it was cut from.
        group: Pictures of one group go into one split: they show the same place on one day.
    """

    image: LabelledImage
    evidence: EvidenceRow
    group: str


def cut_pictures(
    found: Sequence[tuple[FindingRow, Lesson, Sequence[EvidenceRow]]],
    storage: Storage,
    folder: Path,
) -> Iterator[Used | None]:
    """Cut one picture per finding into a folder; none where its evidence is gone or unreadable."""
    for row, lesson, evidence in found:
        yield _cut(row, lesson, evidence, storage, folder)


def _cut(
    row: FindingRow,
    lesson: Lesson,
    evidence: Sequence[EvidenceRow],
    storage: Storage,
    folder: Path,
) -> Used | None:
    source = _scene(evidence)
    if source is None:
        return None
    try:
        coded = storage.get(source.key)
    except NotFound:
        return None
    pixels = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    box = _box(row, source, evidence, storage)
    if pixels is None or box is None:
        return None
    height, width = pixels.shape[:2]
    inside = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    left, top, right, bottom = _window(inside, width, height)
    cut = np.ascontiguousarray(pixels[top:bottom, left:right])
    path = folder / f"{row.id}.jpg"
    _, coded_cut = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    path.write_bytes(coded_cut.tobytes())
    boxes: tuple[LabelledBox, ...] = ()
    if lesson is Lesson.THERE:
        moved = (inside[0] - left, inside[1] - top, inside[2] - left, inside[3] - top)
        boxes = (LabelledBox(label_of(row), moved),)
    image = LabelledImage(path, (right - left, bottom - top), boxes)
    return Used(image, source, f"{row.camera_id} {row.seen_at:%Y-%m-%d}")


def _scene(evidence: Sequence[EvidenceRow]) -> EvidenceRow | None:
    """The original where there is one: what is shown to people has lines and texts drawn on it."""
    there = [e for e in evidence if e.deleted_at is None and e.media_type.startswith("image/")]
    for role in (*_ORIGINALS, *_SHOWN):
        fitting = sorted((e for e in there if e.role.startswith(role)), key=lambda e: e.role)
        if fitting:
            return fitting[0]
    return None


def _box(
    row: FindingRow, source: EvidenceRow, evidence: Sequence[EvidenceRow], storage: Storage
) -> Box | None:
    """The reviewer's box, else the one noted for this very picture, else the finding's."""
    corrected = (row.corrected or {}).get("bbox_xyxy")
    if corrected:
        return _as_box(corrected)
    manifest = next(
        (e for e in evidence if e.role == _MANIFEST and e.sighting_id == source.sighting_id), None
    )
    if manifest is not None and manifest.deleted_at is None:
        try:
            content = json.loads(storage.get(manifest.key))
        except (NotFound, ValueError):
            content = {}
        for entry in content.get("files", []):
            if entry.get("sha256") == source.sha256 and entry.get("box_xyxy"):
                return _as_box(entry["box_xyxy"])
    return _as_box(row.bbox_xyxy) if row.bbox_xyxy else None


def _as_box(values: Sequence[float]) -> Box | None:
    left, top, right, bottom = (min(max(float(v), 0.0), 1.0) for v in values)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _window(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    edges = []
    for low, high, size in ((box[0], box[2], width), (box[1], box[3], height)):
        wanted = min(max((high - low) * (1 + 2 * AROUND), SMALLEST_PX), size)
        start = min(max((low + high - wanted) / 2, 0), size - wanted)
        edges.append((int(start), min(int(np.ceil(start + wanted)), size)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def into_splits(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return ``train`` or ``test`` for each picture: a fifth of the groups is for testing.

    The hash of the group decides, so that a place stays in its split from one export to the next.
    Where all fell into one split the pictures' own hashes decide; of two or more one is for testing
    in any case.
    """
    for keys in (groups, names):
        splits = ["test" if _share(key) < 0.2 else "train" for key in keys]
        if len(set(splits)) == 2 or len(splits) < 2:
            return splits
    least = min(range(len(names)), key=lambda index: _share(names[index]))
    return ["test" if index == least else "train" for index in range(len(names))]


def _share(key: str) -> float:
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32
