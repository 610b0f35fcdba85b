"""What is written and drawn over a picture that serves as evidence."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.config import Camera, Outline
from vision.camera.events import Box
from vision.report_texts import OVERLAY

_BAND_RGB = (16, 20, 26)
_TEXT_RGB = (240, 243, 246)
_ZONE_RGB = (255, 190, 40)
_BOX_RGB = (232, 48, 66)
_CASING_RGB = (10, 12, 15)
_WEIGHT = 500
# OpenCV 5 carries a font that knows Chinese, so that no font has to be installed.
_FONT = "sans"


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment in a time zone, to the tenth of a second, with its offset from UTC.

    >>> local_time(datetime(2026, 1, 1, 0, 0, 1, 250000, ZoneInfo("UTC")), ZoneInfo("Asia/Urumqi"))
    '2026-01-01 06:00:01.2 +06:00'
    """
    local = moment.astimezone(zone)
    offset = local.strftime("%z")
    tenth = local.microsecond // 100_000
    return f"{local:%Y-%m-%d %H:%M:%S}.{tenth} {offset[:3]}:{offset[3:5]}"


def forgery_code(finding_id: str, original_sha256: str, taken_at: datetime) -> str:
    """Return the code that ties a stamped picture to its sealed original.

    Sixteen hex digits of a SHA-256 over the finding, the time and the original's own SHA-256:
    whoever holds the sealed original can compute it again, and no other original gives it.
    """
    text = "\x1f".join((finding_id, original_sha256, taken_at.isoformat()))
    digits = hashlib.sha256(text.encode()).hexdigest()[:16].upper()
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


def overlay_fields(camera: Camera, *, zone: str, taken_at: datetime, code: str) -> tuple[str, ...]:
    """Return what the overlay says: time, place, direction, device, zone, code (GA/T 832)."""
    given = {
        "time": local_time(taken_at, camera.tz),
        "place": camera.name,
        "direction": camera.direction,
        "device": camera.id,
        "zone": zone,
        "code": code,
    }
    return tuple(
        f"{OVERLAY[key].zh} {OVERLAY[key].en}: {_printable(value)}"
        for key, value in given.items()
        if value
    )


def _printable(text: str) -> str:
    return "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")


def outlined(
    rgb: NDArray[np.uint8], *, zone: Outline | None = None, box: Box | None = None
) -> NDArray[np.uint8]:
    """Return a copy of a picture with a zone's outline and a box drawn over it.

    Args:
        rgb: uint8 (H, W, 3).
        zone: Corners as shares of the frame.
        box: Shares of the frame.
    """
    height, width = rgb.shape[:2]
    thick = max(1, round(width / 640))
    result = rgb.copy()
    shapes: list[tuple[Sequence[tuple[float, float]], tuple[int, int, int]]] = []
    if zone is not None:
        shapes.append((zone, _ZONE_RGB))
    if box is not None:
        x1, y1, x2, y2 = box
        shapes.append((((x1, y1), (x2, y1), (x2, y2), (x1, y2)), _BOX_RGB))
    for corners, colour in shapes:
        # Four bits of sub-pixel position, so that an outline does not jump between pictures.
        points = np.round(np.array(corners) * (width, height) * 16).astype(np.int32)
        for stroke, extra in ((_CASING_RGB, 2), (colour, 0)):
            cv2.polylines(result, [points], True, stroke, thick + extra, cv2.LINE_AA, 4)
    return result


def stamped(rgb: NDArray[np.uint8], fields: Sequence[str]) -> NDArray[np.uint8]:
    """Return a picture with a band of text below it; nothing of the picture is covered.

    Args:
        rgb: uint8 (H, W, 3).
        fields: Put side by side, broken into lines where the width ends.

    Returns:
        uint8 (H + band, W, 3).
    """
    width = rgb.shape[1]
    size = int(min(36, max(12, width / 62)))
    pad = size // 2
    font = cv2.FontFace(_FONT)
    lines = _lines(fields, width - 2 * pad, font, size)
    step = round(1.45 * size)
    band = np.full((step * len(lines) + 2 * pad, width, 3), _BAND_RGB, np.uint8)
    for number, line in enumerate(lines):
        base = pad + number * step + round(1.1 * size)
        cv2.putText(band, line, (pad, base), _TEXT_RGB, font, size, _WEIGHT)
    return np.concatenate((rgb, band))


def _lines(fields: Sequence[str], width: int, font: cv2.FontFace, size: int) -> list[str]:
    """Break fields into lines no wider than ``width``; a field longer than that is broken too."""

    def fits(text: str) -> bool:
        _, _, wide, _ = cv2.getTextSize((width, size), text, (0, 0), font, size, _WEIGHT)
        return bool(wide <= width)

    gap = "   "
    lines = [""]
    for field in fields:
        joined = lines[-1] + gap + field if lines[-1] else field
        if fits(joined):
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for sign in field:
            if lines[-1] and not fits(lines[-1] + sign):
                lines.append("")
            lines[-1] += sign
    return lines
