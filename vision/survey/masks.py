"""Small operations on masks that the survey modules share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""bool, shape ``(rows, cols)``."""


def disc(radius_m: float, gsd_m: float) -> NDArray[np.uint8]:
    """Return a round structuring element of a radius in metres, at least one pixel."""
    radius = max(1, round(radius_m / gsd_m))
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )


def tidy(mask: Mask, gsd_m: float, *, open_m: float, close_m: float) -> Mask:
    """Join what is a little apart, then drop what is thinner than twice ``open_m``."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc(close_m, gsd_m))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc(open_m, gsd_m))
    return np.asarray(opened > 0)


def main_part(mask: Mask, seed: Mask) -> Mask:
    """Return the connected part that shares most pixels with ``seed``, its holes filled."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    if count <= 1:
        return seed
    votes = np.bincount(labels[seed], minlength=count)
    votes[0] = 0
    if votes.max() == 0:
        return seed
    part = (labels == int(votes.argmax())).astype(np.uint8)
    contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(part, contours, -1, 1, thickness=cv2.FILLED)
    return np.asarray(part > 0)


def inside(values: NDArray[np.float32], mask: Mask) -> float:
    """Return the mean of ``values`` inside a mask; 0 where it is empty."""
    return float(values[mask].mean()) if mask.any() else 0.0
