"""Made-up licence plates for tests, drawn sign by sign; no real plate is among them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS_RGB = {
    "blue": ((20, 60, 180), (255, 255, 255)),
    "yellow": ((240, 190, 20), (10, 10, 10)),
    "green": ((120, 210, 130), (10, 10, 10)),
}
"""Ground and signs."""


def plate(text: str, *, height_px: int = 40, colour: str = "blue") -> NDArray[np.uint8]:
    """A plate with a dot after its second sign, uint8 (height_px, w, 3), in true proportions."""
    ground, signs = COLOURS_RGB[colour]
    big = np.full((140, 440 if len(text) < 8 else 480, 3), ground, np.uint8)
    font = cv2.FontFace("sans")
    x = 16
    for index, sign in enumerate(text):
        if index == 2:
            cv2.circle(big, (x + 6, 70), 6, signs, -1)
            x += 22
        glyph = np.full((110, 110, 3), ground, np.uint8)
        _, _, wide, _ = cv2.getTextSize((999, 200), sign, (0, 0), font, 100, 650)
        cv2.putText(glyph, sign, (2, 90), signs, font, 100, 650)
        big[20:124, x : x + 48] = cv2.resize(glyph[:, : min(110, wide + 6)], (48, 104))
        x += 56
    cv2.rectangle(big, (4, 4), (big.shape[1] - 5, 135), signs, 3)
    size = (round(height_px * big.shape[1] / 140), height_px)
    return np.asarray(cv2.resize(big, size, interpolation=cv2.INTER_AREA), np.uint8)


def vehicle(
    *plates_rgb: NDArray[np.uint8], size_wh: tuple[int, int] = (420, 340), turn_deg: float = 3.0
) -> NDArray[np.uint8]:
    """A grey body with plates one below the other low on it, slightly turned, with noise."""
    width, height = size_wh
    rng = np.random.default_rng(5)
    body = cv2.GaussianBlur(rng.integers(50, 130, (height, width, 3), np.uint8), (0, 0), 8)
    top = int(0.7 * height)
    for part in plates_rgb:
        left = (width - part.shape[1]) // 2
        body[top : top + part.shape[0], left : left + part.shape[1]] = part
        top += part.shape[0] + 2
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1)
    turned = cv2.warpAffine(body, turn, size_wh, borderMode=cv2.BORDER_REPLICATE)
    noisy = turned + rng.normal(0, 4, turned.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
