"""Comparing two surface models: their common datum, and where the ground rose or fell."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import NoOverlap
from vision.survey.comparison import HeightDatum
from vision.survey.grid import Grid, Window

_ROUNDS = 20
_MIN_SAMPLES = 100
_MIN_NOISE_M = 0.03


@dataclass(frozen=True, slots=True)
class DatumShift:
    """The plane by which the later surface model lies above the earlier one on stable ground.

    Attributes:
        report: what was found, for people.
        centre: map coordinates ``(x, y)`` where ``report.offset_m`` holds.
    """

    report: HeightDatum
    centre: tuple[float, float]

    def remove(
        self, height_m: NDArray[np.float32], grid: Grid, window: Window
    ) -> NDArray[np.float32]:
        """Return the later survey's heights on ``window`` in the earlier survey's datum."""
        x = grid.x0_m + (window.col + np.arange(window.width) + 0.5) * grid.gsd_m
        y = grid.y0_m - (window.row + np.arange(window.height) + 0.5) * grid.gsd_m
        tilt_x = (x - self.centre[0]) * (self.report.tilt_x_m_per_km / 1000)
        tilt_y = (y - self.centre[1]) * (self.report.tilt_y_m_per_km / 1000)
        plane = (tilt_x[None, :] + tilt_y[:, None] + self.report.offset_m).astype(np.float32)
        return height_m - plane


def fit_datum(
    before_m: NDArray[np.float32], after_m: NDArray[np.float32], *, grid: Grid
) -> DatumShift:
    """Fit the plane between two overviews of surface models on ground that did not change.

    Robust against buildings, trees and earthworks: the fit starts at the most frequent difference
    and keeps, round by round, only samples near the plane (Tukey's biweight).

    Args:
        before_m: float32 heights of the earlier survey on ``grid``, NaN where unknown.
        after_m: the later survey's, same shape.
        grid: the overview's grid.

    Raises:
        NoOverlap: too few places have a height in both.
    """
    difference = after_m.astype(np.float64) - before_m
    known = np.isfinite(difference)
    rows, cols = np.nonzero(known)
    if len(rows) < _MIN_SAMPLES:
        raise NoOverlap(
            "The two DSMs share no ground inside the compared area. Check that each DSM belongs "
            "to its orthophoto, or leave the DSMs out."
        )
    stride = max(1, len(rows) // 80_000)
    rows, cols = rows[::stride], cols[::stride]
    d = difference[rows, cols]
    x = grid.x0_m + (cols + 0.5) * grid.gsd_m
    y = grid.y0_m - (rows + 0.5) * grid.gsd_m
    centre = (grid.x0_m + grid.width * grid.gsd_m / 2, grid.y0_m - grid.height * grid.gsd_m / 2)
    half = max(grid.width, grid.height) * grid.gsd_m / 2
    design = np.column_stack([np.ones_like(x), (x - centre[0]) / half, (y - centre[1]) / half])

    plane = np.array([_half_sample_mode(d), 0.0, 0.0])
    noise = max(float(np.median(np.abs(d - plane[0]))) * 1.4826, _MIN_NOISE_M)
    weight = np.ones_like(d)
    for _ in range(_ROUNDS):
        residual = d - design @ plane
        u = np.minimum(np.abs(residual) / (4.685 * noise), 1.0)
        weight = (1 - u**2) ** 2
        weighted = design * weight[:, None]
        # The small ridge holds the tilt still when the common ground is a narrow strip.
        plane = np.linalg.solve(
            weighted.T @ design + np.diag([0.0, 1e-3, 1e-3]) * len(d), weighted.T @ d
        )
        residual = d - design @ plane
        near = np.abs(residual) < 4.685 * noise
        noise = max(1.4826 * float(np.median(np.abs(residual[near]))), _MIN_NOISE_M)
    stable = float((np.abs(d - design @ plane) < 3 * noise).mean())
    report = HeightDatum(
        offset_m=float(plane[0]),
        tilt_x_m_per_km=float(plane[1] / half * 1000),
        tilt_y_m_per_km=float(plane[2] / half * 1000),
        noise_m=noise,
        stable_share=stable,
        samples=len(d),
    )
    return DatumShift(report, centre)


def _half_sample_mode(values: NDArray[np.float64]) -> float:
    """Most frequent value: the densest half, again and again (Robertson and Cryer, 1974)."""
    v = np.sort(values)
    while len(v) > 3:
        half = (len(v) + 1) // 2
        widths = v[half - 1 :] - v[: len(v) - half + 1]
        start = int(np.argmin(widths))
        v = v[start : start + half]
    return float(v.mean())


def height_change(
    before_m: NDArray[np.float32], after_m: NDArray[np.float32], *, tolerance_px: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return how far the surface certainly rose and fell, allowing for walls that moved sideways.

    A wall that lies a pixel beside where it was would show as a thin strip of rise and fall. So a
    pixel has risen only by what it lies above the highest earlier pixel within ``tolerance_px``,
    and fallen only by what the earlier surface lay above the highest later pixel around it.

    Args:
        before_m: float32 heights of the earlier survey, NaN where unknown.
        after_m: the later survey's, same shape, same datum.
        tolerance_px: how far a wall may lie aside.

    Returns:
        ``gain_m`` and ``loss_m`` (float32, 0 or more; 0 where unknown) and ``known`` (bool).
    """
    known = np.isfinite(before_m) & np.isfinite(after_m)
    low = np.float32(-1e5)
    kernel = np.ones((2 * tolerance_px + 1, 2 * tolerance_px + 1), np.uint8)
    before = np.where(np.isfinite(before_m), before_m, low)
    after = np.where(np.isfinite(after_m), after_m, low)
    gain = np.where(known, after - cv2.dilate(before, kernel), 0)
    loss = np.where(known, before - cv2.dilate(after, kernel), 0)
    return (
        np.maximum(gain, 0).astype(np.float32),
        np.maximum(loss, 0).astype(np.float32),
        known,
    )
