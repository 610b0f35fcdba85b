"""Telling tilled fields from building ground by their furrows.

A ploughed or harvested field is as bare as a building site, but its rows all run one way. The
structure tensor of brightness, summed over a region, tells how far they do (Bigün and Granlund,
"Optimal orientation detection of linear symmetry", 1987). Its three sums add up over windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.survey.change import row_strips

TENSOR_FEATURES = ("tensor_cos", "tensor_sin", "tensor_size")

# Rows of crops are 0.3–0.8 m apart: finer structure than this is noise, coarser is shape.
_ROW_SCALE_M = 0.22


def row_tensor(rgb: NDArray[np.uint8], *, gsd_m: float) -> dict[str, NDArray[np.float32]]:
    """Return the terms of the structure tensor of each pixel, by :data:`TENSOR_FEATURES`.

    Args:
        rgb: uint8 RGB, shape ``(rows, cols, 3)``.
        gsd_m: pixel size.

    Returns:
        float32 arrays of shape ``(rows, cols)``: the gradient's size times the cosine and the sine
        of twice its direction, and its size.
    """
    sigma = max(0.6, _ROW_SCALE_M / gsd_m)
    cos, sin, size = (np.empty(rgb.shape[:2], np.float32) for _ in range(3))
    for seen, own, inner in row_strips(len(rgb), reach_px=reach_px(gsd_m)):
        grey = cv2.cvtColor(rgb[seen], cv2.COLOR_RGB2GRAY)
        smooth = cv2.GaussianBlur(grey, (0, 0), sigma)
        dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)[inner]
        dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)[inner]
        # The size, not its square: one strong edge must not outvote a whole field.
        strength = np.add(cv2.magnitude(dx, dy), np.float32(1e-3), out=size[own])
        np.divide(dx * dx - dy * dy, strength, out=cos[own])
        np.divide(cv2.multiply(dx, dy, scale=2), strength, out=sin[own])
    return {"tensor_cos": cos, "tensor_sin": sin, "tensor_size": size}


def reach_px(gsd_m: float) -> int:
    """Return how far around a pixel :func:`row_tensor` looks."""
    return math.ceil(4 * max(0.6, _ROW_SCALE_M / gsd_m)) + 2


def row_coherence(means: Mapping[str, float]) -> float:
    """Return how far a region's edges all run one way: 0 no direction, 1 all parallel.

    Args:
        means: a region's means of :data:`TENSOR_FEATURES`.
    """
    along = math.hypot(means["tensor_cos"], means["tensor_sin"])
    return along / max(means["tensor_size"], 1e-6)


def tilled(means: Mapping[str, float]) -> float:
    """Return the probability that a bare region is a tilled field, by its rows."""
    return 1 / (1 + math.exp(-40 * (row_coherence(means) - 0.205)))
