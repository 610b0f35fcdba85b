"""Heads of street lamps that hang before a camera: round, pale, seen from above, and no canopy.

A camera on a mast often has the head of its own lamp, or of the next one, at the edge of its
picture. From above it looks like a parasol. What holds such heads without a label teaches the
difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from datasets.composing.frame import Bgr
from datasets.formats.boxes import LabelledBox, Xyxy

_SHARE = 0.3
_TRIES = 12
# Longer half axis in shares of the frame's width, and the shorter one's share of it.
_REACH, _FLATNESS = (0.02, 0.07), (0.35, 0.9)
_SUBPIXEL_BITS = 4


def hang_lamp(pixels: Bgr, boxes: Sequence[LabelledBox], rng: np.random.Generator) -> Bgr:
    """Return a frame that now and then has a lamp's head near its edge, before nothing labelled.

    Args:
        pixels: uint8, shape ``(rows, cols, 3)``.
        boxes: what is labelled; a lamp that would hide some of it is hung elsewhere or not at all.
        rng: source of randomness.
    """
    if rng.random() >= _SHARE:
        return pixels
    rows, cols = pixels.shape[:2]
    for _ in range(_TRIES):
        long = float(rng.uniform(*_REACH)) * cols
        short = long * float(rng.uniform(*_FLATNESS))
        x, y = _at_the_edge(rng, cols, rows)
        place = (x - long - 2, y - long - 2, x + long + 2, y + long + 2)
        if not any(_touch(place, box.xyxy) for box in boxes):
            return _drawn(pixels, (x, y), (long, short), rng)
    return pixels


def _at_the_edge(rng: np.random.Generator, cols: int, rows: int) -> tuple[float, float]:
    """A point near the left, right or upper edge, up to a few hundredths within or beyond it."""
    off = float(rng.uniform(-0.01, 0.06))
    side = int(rng.integers(3))
    if side == 0:
        return float(rng.uniform(0, cols)), off * rows
    return (off if side == 1 else 1 - off) * cols, float(rng.uniform(0.0, 0.7)) * rows


def _touch(a: Xyxy, b: Xyxy) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _drawn(
    pixels: Bgr,
    at_xy: tuple[float, float],
    half_axes: tuple[float, float],
    rng: np.random.Generator,
) -> Bgr:
    """The frame with one head: light above, darker below, soft at its rim, some with their arm."""
    rows, cols = pixels.shape[:2]
    solid = np.zeros((rows, cols), np.uint8)
    factor = 1 << _SUBPIXEL_BITS
    centre = round(at_xy[0] * factor), round(at_xy[1] * factor)
    axes = round(half_axes[0] * factor), round(half_axes[1] * factor)
    tilt = float(rng.normal(0, 12))
    cv2.ellipse(solid, centre, axes, tilt, 0, 360, 255, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    if rng.random() < 0.5:
        # The arm leaves the picture where the lamp is near its edge.
        away = math.atan2(at_xy[1] - rows / 2, at_xy[0] - cols / 2)
        end = round((at_xy[0] + cols * math.cos(away)) * factor)
        end_y = round((at_xy[1] + cols * math.sin(away)) * factor)
        thick = max(1, round(0.25 * half_axes[1]))
        cv2.line(solid, centre, (end, end_y), 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)
    alpha = cv2.GaussianBlur(solid.astype(np.float32) / 255.0, (0, 0), 0.8)[:, :, None]
    down = (np.arange(rows, dtype=np.float32) - at_xy[1]) / max(half_axes[1], 1.0)
    top, bottom = rng.uniform(150, 250), rng.uniform(50, 190)
    shade = np.interp(down, (-1.0, 1.0), (top, bottom)).astype(np.float32)[:, None, None]
    # Night takes the lamp's own light away too: lamps before the camera shine downwards.
    bright = min(1.0, 0.35 + float(pixels.mean()) / 110.0)
    colour = shade * bright * rng.uniform(0.94, 1.06, 3).astype(np.float32)
    mixed = pixels.astype(np.float32) * (1 - alpha) + np.clip(colour, 0, 255) * alpha
    return np.asarray(np.rint(mixed), np.uint8)
