"""Making the earlier survey's colours comparable with the later one's.

Sun, haze, camera and white balance act on the whole picture or on large parts of it; what is built
or dug acts on small parts. So a colour transform is fitted robustly over the whole overlap, plus a
slowly varying brightness field, and both are taken out before colours are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.survey.grid import Grid, Window

_FIT_ROUNDS = 12
_MIN_PIXELS = 200
_FIELD_CELL_M = 96.0
# A brightness field stronger than this (of 255) is not haze or a mosaic seam but real change.
_FIELD_LIMIT = 24.0


@dataclass(frozen=True, slots=True)
class ToneMatch:
    """A colour transform from the earlier survey to the later one.

    Attributes:
        matrix: float64, shape ``(3, 4)``: later RGB = ``matrix[:, :3] @ rgb + matrix[:, 3]``.
        field: float32 lattice of brightness to add (of 255), one value a cell.
        field_origin: map coordinates ``(x, y)`` of the first cell's centre.
        cell_m: size of a cell.
        noise: robust standard deviation of what remains, of 255.
    """

    matrix: NDArray[np.float64]
    field: NDArray[np.float32]
    field_origin: tuple[float, float]
    cell_m: float
    noise: float

    def apply(self, rgb: NDArray[np.uint8], grid: Grid, window: Window) -> NDArray[np.uint8]:
        """Return ``rgb`` (the earlier survey on ``window``) in the later survey's colours."""
        matched = cv2.transform(rgb, self.matrix)
        scale = grid.gsd_m / self.cell_m
        x0 = grid.x0_m + (window.col + 0.5) * grid.gsd_m
        y0 = grid.y0_m - (window.row + 0.5) * grid.gsd_m
        inverse = np.array(
            [
                [scale, 0.0, (x0 - self.field_origin[0]) / self.cell_m],
                [0.0, scale, (self.field_origin[1] - y0) / self.cell_m],
            ]
        )
        field = cv2.warpAffine(
            self.field,
            inverse,
            (window.width, window.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        field = np.rint(field).astype(np.int16)
        shifted = cv2.add(matched, cv2.merge([field, field, field]), dtype=cv2.CV_8U)
        return np.asarray(shifted, np.uint8)


def fit_tone(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    *,
    grid: Grid,
) -> ToneMatch:
    """Fit the colour transform between two aligned overviews.

    The transform is fitted by iteratively reweighted least squares with Tukey's biweight (tuning
    constant 4.685), so that what really changed does not pull it.

    Args:
        before: uint8 RGB, shape ``(rows, cols, 3)``, the earlier survey.
        after: the later survey, same shape.
        valid: bool, shape ``(rows, cols)``: both have data.
        grid: the overview's grid.

    Returns:
        The transform; the identity where there are too few pixels to fit one.
    """
    x = before[valid].reshape(-1, 3).astype(np.float64)
    y = after[valid].reshape(-1, 3).astype(np.float64)
    if len(x) < _MIN_PIXELS:
        identity = np.hstack([np.eye(3), np.zeros((3, 1))])
        centre = (grid.x0_m, grid.y0_m)
        return ToneMatch(identity, np.zeros((2, 2), np.float32), centre, _FIELD_CELL_M, 8.0)
    stride = max(1, len(x) // 60_000)
    matrix, noise = _robust_affine(x[::stride], y[::stride])
    matched = np.asarray(cv2.transform(before, matrix), np.uint8)
    field, origin, cell_m = _brightness_field(matched, after, valid, grid)
    return ToneMatch(matrix, field, origin, cell_m, noise)


def _robust_affine(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    # Start from matched mean and spread per channel: already close, and blind to what changed.
    gain = np.maximum(y.std(axis=0), 1.0) / np.maximum(x.std(axis=0), 1.0)
    gain = np.clip(gain, 0.4, 2.5)
    matrix = np.hstack([np.diag(gain), (np.median(y, 0) - gain * np.median(x, 0))[:, None]])
    design = np.hstack([x, np.ones((len(x), 1))])
    # A weak pull towards the start keeps the fit sane where the picture has almost no colour.
    ridge = np.diag([25.0, 25.0, 25.0, 1e-3]) * len(x) * 0.02
    start = matrix.copy()
    noise = 20.0
    for _ in range(_FIT_ROUNDS):
        residual = y - design @ matrix.T
        distance = np.sqrt((residual**2).sum(axis=1))
        noise = max(2.0, 1.4826 * float(np.median(distance)) / 1.54)
        u = np.minimum(distance / (4.685 * noise * 1.3), 1.0)
        weight = (1 - u**2) ** 2
        weighted = design * weight[:, None]
        matrix = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ y + ridge @ start.T).T
    return matrix, noise


def _brightness_field(
    matched: NDArray[np.uint8], after: NDArray[np.uint8], valid: NDArray[np.bool_], grid: Grid
) -> tuple[NDArray[np.float32], tuple[float, float], float]:
    """Median brightness difference of large cells, smoothed; zero where a cell holds too little."""
    difference = cv2.cvtColor(after, cv2.COLOR_RGB2GRAY).astype(np.float32)
    difference -= cv2.cvtColor(matched, cv2.COLOR_RGB2GRAY)
    cell_px = max(8, round(_FIELD_CELL_M / grid.gsd_m))
    rows = max(1, round(grid.height / cell_px))
    cols = max(1, round(grid.width / cell_px))
    field = np.zeros((rows, cols), np.float32)
    weight = np.zeros((rows, cols), np.float32)
    for r in range(rows):
        for c in range(cols):
            part = np.s_[r * cell_px : (r + 1) * cell_px, c * cell_px : (c + 1) * cell_px]
            inside = valid[part]
            if inside.sum() >= 0.2 * cell_px**2:
                field[r, c] = np.median(difference[part][inside])
                weight[r, c] = 1.0
    field = np.clip(field, -_FIELD_LIMIT, _FIELD_LIMIT)
    blurred = cv2.GaussianBlur(field * weight, (0, 0), 0.8, borderType=cv2.BORDER_REFLECT)
    share = cv2.GaussianBlur(weight, (0, 0), 0.8, borderType=cv2.BORDER_REFLECT)
    smooth = np.where(share > 0.05, blurred / np.maximum(share, 0.05), 0.0).astype(np.float32)
    cell_m = cell_px * grid.gsd_m
    origin = (grid.x0_m + cell_m / 2, grid.y0_m - cell_m / 2)
    return np.atleast_2d(smooth), origin, cell_m
