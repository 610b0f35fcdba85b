"""Fit pictures into a model's input without changing their shape, and carry boxes back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.cards import InputSpec

PAD_GREY = 114
"""Grey of the padding: what ultralytics pads with in training."""


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies inside the canvas it was fitted into.

    Attributes:
        scale_xy: Canvas pixels for one picture pixel, along x and y; they differ by rounding only.
        offset_xy: Canvas position of the picture's upper left corner, pixels.
        size_wh: Size of the picture, pixels.
    """

    scale_xy: tuple[float, float]
    offset_xy: tuple[int, int]
    size_wh: tuple[int, int]

    def to_canvas(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Carry boxes, float32 (n, 4), from the picture to the canvas."""
        return np.asarray(boxes_xyxy * self._scale() + self._offset(), np.float32)

    def to_picture(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Carry boxes, float32 (n, 4), from the canvas to the picture, cut at its border."""
        boxes = (boxes_xyxy - self._offset()) / self._scale()
        return np.asarray(np.clip(boxes, 0, np.array(self.size_wh * 2)), np.float32)

    def _scale(self) -> NDArray[np.float32]:
        return np.array(self.scale_xy * 2, np.float32)

    def _offset(self) -> NDArray[np.float32]:
        return np.array(self.offset_xy * 2, np.float32)


def fit(rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> tuple[NDArray[np.uint8], Letterbox]:
    """Scale a picture into a canvas, centred, its shape kept, the rest grey.

    Rounds as ultralytics' LetterBox does, so that a model sees what it was trained on.

    Args:
        rgb: uint8 (H, W, 3).
        size_wh: Size of the canvas, pixels.

    Returns:
        The canvas, uint8 (size_wh[1], size_wh[0], 3), and where the picture lies in it.
    """
    height, width = rgb.shape[:2]
    ratio = min(size_wh[0] / width, size_wh[1] / height)
    new_wh = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    left, top = (
        round((whole - part) / 2 - 0.1) for whole, part in zip(size_wh, new_wh, strict=True)
    )
    canvas = np.full((size_wh[1], size_wh[0], 3), PAD_GREY, np.uint8)
    place = canvas[top : top + new_wh[1], left : left + new_wh[0]]
    place[:] = rgb if new_wh == (width, height) else cv2.resize(rgb, new_wh)
    return canvas, Letterbox(
        scale_xy=(new_wh[0] / width, new_wh[1] / height),
        offset_xy=(left, top),
        size_wh=(width, height),
    )


def to_input(canvas_rgb: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Turn a picture of the right size into a model's input.

    Args:
        canvas_rgb: uint8 (H, W, 3).
        spec: How the model's card says a picture is prepared.

    Returns:
        float32 (1, 3, H, W).
    """
    blob = np.asarray(cv2.dnn.blobFromImage(canvas_rgb, spec.scale), np.float32)
    if spec.mean != (0, 0, 0) or spec.std != (1, 1, 1):
        mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (spec.mean, spec.std))
        blob = ((blob - mean) / std).astype(np.float32)
    return blob
