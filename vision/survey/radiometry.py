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

_PERCENTILES = np.arange(5, 96, 5)
_GAIN_RANGE = (0.4, 2.5)
_MIN_PIXELS = 200
_GREEN_EXCESS = 0.06
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
    """

    matrix: NDArray[np.float64]
    field: NDArray[np.float32]
    field_origin: tuple[float, float]
    cell_m: float

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

    Args:
        before: uint8 RGB, shape ``(rows, cols, 3)``, the earlier survey.
        after: the later survey, same shape.
        valid: bool, shape ``(rows, cols)``: both have data.
        grid: the overview's grid.

    Returns:
        The transform; the identity where there are too few pixels to fit one.
    """
    steady = valid & ~_green(before) & ~_green(after)
    # Plants change with the season: they would teach the fit to turn green into brown.
    fitted = steady if steady.sum() >= max(_MIN_PIXELS, 0.15 * valid.sum()) else valid
    x = before[fitted].reshape(-1, 3).astype(np.float64)
    y = after[fitted].reshape(-1, 3).astype(np.float64)
    if len(x) < _MIN_PIXELS:
        identity = np.hstack([np.eye(3), np.zeros((3, 1))])
        centre = (grid.x0_m, grid.y0_m)
        return ToneMatch(identity, np.zeros((2, 2), np.float32), centre, _FIELD_CELL_M)
    stride = max(1, len(x) // 60_000)
    matrix = _channel_lines(x[::stride], y[::stride])
    matched = np.asarray(cv2.transform(before, matrix), np.uint8)
    field, origin, cell_m = _brightness_field(matched, after, fitted, grid)
    return ToneMatch(matrix, field, origin, cell_m)


def _green(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Excess green over brightness (Woebbecke et al., 1995), where it says plants."""
    total = np.maximum(rgb.sum(axis=2, dtype=np.float32), 1.0)
    return np.asarray(3 * rgb[..., 1] / total - 1 > _GREEN_EXCESS, np.bool_)


def _channel_lines(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a line through matching percentiles of each channel.

    A regression of pixel on pixel would flatten the picture: shadows that moved and edges that lie
    aside scatter both ways. Percentiles of the whole are blind to where a colour went.
    """
    matrix = np.zeros((3, 4))
    for channel in range(3):
        first = np.percentile(x[:, channel], _PERCENTILES)
        second = np.percentile(y[:, channel], _PERCENTILES)
        spread = first - first.mean()
        gain = float((spread * (second - second.mean())).sum() / max((spread**2).sum(), 1.0))
        gain = float(np.clip(gain, *_GAIN_RANGE))
        matrix[channel, channel] = gain
        matrix[channel, 3] = second.mean() - gain * first.mean()
    return matrix


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
