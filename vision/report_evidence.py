"""What a report shows of a finding's evidence, read from the folder of results."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vision.finding import Evidence, Finding
from vision.report_page import data_uri

MOST_CLIP_BYTES = 3_000_000
"""Clips up to this size are put into the page, larger ones are linked."""
PREVIEW_ROLES = ("scene_start", "scene_end", "load", "load_1", "load_2", "load_3", "close_up")
"""Pictures of a card: those that were made to be shown, faces and plates masked."""
_PREVIEW_WIDTH_PX = 900
_PREVIEW_QUALITY = 80
_PREVIEWS_REMEMBERED = 300


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture in the page."""

    role: str
    jpeg: bytes
    size_wh: tuple[int, int]
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownClip:
    """A clip: in the page where `data` is given, and where it lies."""

    data: Markup | None
    href: str
    size_bytes: int


def small_jpeg(rgb: NDArray[np.uint8], most_width_px: int) -> tuple[bytes, tuple[int, int]]:
    """Return a picture no wider than asked as JPEG, and its size.

    Args:
        rgb: uint8 (H, W, 3).
        most_width_px: Wider pictures are made smaller.
    """
    height, width = rgb.shape[:2]
    if width > most_width_px:
        size = (most_width_px, max(1, round(height * most_width_px / width)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])[1].tobytes()
    return jpeg, (rgb.shape[1], rgb.shape[0])


def previews_of(folder: Path, finding: Finding) -> tuple[Preview, ...]:
    """Return a finding's pictures in small; those that are gone or were changed are left out."""
    previews = []
    for entry in finding.evidence:
        path = _path_of(folder, entry) if entry.role in PREVIEW_ROLES else None
        small = None if path is None else _preview_jpeg(path, entry.sha256)
        if small is not None:
            previews.append(Preview(entry.role, *small, taken_at=entry.taken_at))
    return tuple(previews)


def clip_of(folder: Path, finding: Finding) -> ShownClip | None:
    """Return a finding's clip, None where there is none."""
    entry = next((each for each in finding.evidence if each.role == "clip"), None)
    path = None if entry is None else _path_of(folder, entry)
    if entry is None or path is None:
        return None
    size_bytes = path.stat().st_size
    content = _content(path, entry.sha256) if size_bytes <= MOST_CLIP_BYTES else None
    data = None if content is None else data_uri(content, "video/mp4")
    return ShownClip(data, quote(entry.path), size_bytes)


def links_of(folder: Path, finding: Finding) -> tuple[tuple[Evidence, str], ...]:
    """Return all evidence of a finding with its address, which is empty where it is gone."""
    return tuple(
        (entry, "" if _path_of(folder, entry) is None else quote(entry.path))
        for entry in finding.evidence
    )


def _path_of(folder: Path, entry: Evidence) -> Path | None:
    """Return where evidence lies, None where that is outside the folder or nothing is there."""
    part = PurePosixPath(entry.path)
    if part.is_absolute() or ".." in part.parts:
        return None
    path = folder / part
    inside = path.resolve().is_relative_to(folder.resolve())
    return path if inside and path.is_file() else None


def _content(path: Path, sha256: str) -> bytes | None:
    """Return a file's content, None where it cannot be read or is not what was sealed."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


@lru_cache(maxsize=_PREVIEWS_REMEMBERED)
def _preview_jpeg(path: Path, sha256: str) -> tuple[bytes, tuple[int, int]] | None:
    """Return a preview in small.

    A live camera's report is written again and again with mostly the same pictures.
    """
    content = _content(path, sha256)
    if content is None:
        return None
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    return small_jpeg(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), _PREVIEW_WIDTH_PX)
