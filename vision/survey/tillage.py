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
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    sigma = max(0.6, _ROW_SCALE_M / gsd_m)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma).astype(np.float32)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    # The size, not its square: one strong edge must not outvote a whole field.
    size = cv2.magnitude(dx, dy) + np.float32(1e-3)
    return {
        "tensor_cos": np.asarray((dx * dx - dy * dy) / size, np.float32),
        "tensor_sin": np.asarray(2 * dx * dy / size, np.float32),
        "tensor_size": np.asarray(size, np.float32),
    }


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
