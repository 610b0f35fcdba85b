"""Still pictures as bytes: which they are, how large they are, and decoding them safely."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_PICTURE_BYTES = 32 * 1024 * 1024
MAX_PICTURE_PIXELS = 64_000_000
"""8 times what an 8-megapixel camera sends; decoded 192 MB."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Start-of-frame markers (ITU-T T.81, table B.1): C0 to CF but for tables and conditioning.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG or PNG from its header; None where it is neither.

    Read before a pixel is decoded: a few bytes can claim a picture of gigabytes.
    """
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    return None


def decoded_picture(data: bytes) -> NDArray[np.uint8] | None:
    """Decode a JPEG or PNG to uint8 (H, W, 3); None where it is broken, too large or neither."""
    size_wh = picture_size(data)
    if size_wh is None or not 0 < size_wh[0] * size_wh[1] <= MAX_PICTURE_PIXELS:
        return None
    try:
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        return None
    return None if rgb is None else np.asarray(rgb, np.uint8)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            # Padding, and markers without content.
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None
