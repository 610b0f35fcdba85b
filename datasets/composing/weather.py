"""What happens to a whole frame: weather, darkness, lens, resizing."""

from __future__ import annotations

import math

import cv2
import numpy as np

from datasets.composing.frame import Bgr

_RAIN, _DARK, _VIGNETTE, _RESIZE = 0.05, 0.07, 0.10, 0.25


def weather(pixels: Bgr, rng: np.random.Generator) -> Bgr:
    """Return a frame as a worse camera or worse weather would give it, now and then.

    Args:
        pixels: uint8, shape ``(rows, cols, 3)``.
        rng: source of randomness.
    """
    chance = rng.random(4)
    if chance[0] < _RAIN:
        pixels = _rain(pixels, rng)
    if chance[1] < _DARK:
        pixels = _darken(pixels, rng)
    if chance[2] < _VIGNETTE:
        pixels = _vignette(pixels, rng)
    if chance[3] < _RESIZE:
        pixels = _resize_twice(pixels, rng)
    return pixels


def _rain(pixels: Bgr, rng: np.random.Generator) -> Bgr:
    rows, cols = pixels.shape[:2]
    streaks = np.zeros((rows, cols), np.uint8)
    lean = rng.uniform(-0.35, 0.35)
    for _ in range(int(rng.integers(250, 900))):
        x, y = rng.integers(cols), rng.integers(rows)
        length = float(rng.uniform(8, 26))
        end = (int(x + length * math.sin(lean)), int(y + length * math.cos(lean)))
        cv2.line(streaks, (int(x), int(y)), end, int(rng.integers(60, 170)), 1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(streaks, (0, 0), 0.7).astype(np.float32)[:, :, None]
    # Rain takes contrast from what lies behind it.
    dulled = pixels.astype(np.float32) * 0.85 + 18.0
    return np.clip(dulled + 0.45 * soft, 0, 255).astype(np.uint8)


def _darken(pixels: Bgr, rng: np.random.Generator) -> Bgr:
    gamma, gain = rng.uniform(1.0, 1.5), rng.uniform(0.55, 0.95)
    table = np.clip(255.0 * gain * (np.arange(256) / 255.0) ** gamma, 0, 255)
    dark = table.astype(np.float32)[pixels]
    dark += rng.standard_normal(pixels.shape[:2]).astype(np.float32)[:, :, None] * rng.uniform(2, 7)
    return np.clip(np.rint(dark), 0, 255).astype(np.uint8)


def _vignette(pixels: Bgr, rng: np.random.Generator) -> Bgr:
    rows, cols = pixels.shape[:2]
    y, x = np.ogrid[-1.0 : 1.0 : rows * 1j, -1.0 : 1.0 : cols * 1j]
    shade = 1.0 - rng.uniform(0.1, 0.35) * (x**2 + y**2) / 2.0
    shaded = pixels * shade[:, :, None].astype(np.float32)
    return np.asarray(np.rint(shaded), np.uint8)


def _resize_twice(pixels: Bgr, rng: np.random.Generator) -> Bgr:
    """Lose detail as a cheaper camera or a smaller stream would."""
    rows, cols = pixels.shape[:2]
    share = rng.uniform(0.5, 0.9)
    small = cv2.resize(
        pixels, (round(cols * share), round(rows * share)), interpolation=cv2.INTER_AREA
    )
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 85))])[1]
    worse = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(worse, (cols, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
