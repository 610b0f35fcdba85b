"""The common working grid of two surveys: where its pixels lie on the ground, and its windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

Bounds = tuple[float, float, float, float]
"""``(min_x, min_y, max_x, max_y)`` in the units of a CRS."""


def apply(
    transform: Affine, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Apply an affine transform to arrays of coordinates."""
    t = transform
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of grid pixels. ``row`` and ``col`` may lie outside the grid."""

    row: int
    col: int
    height: int
    width: int

    def grown(self, margin_px: int) -> Window:
        """Return the window with ``margin_px`` more pixels on every side."""
        return Window(
            self.row - margin_px,
            self.col - margin_px,
            self.height + 2 * margin_px,
            self.width + 2 * margin_px,
        )

    def clipped(self, grid: Grid) -> Window:
        """Return the part of the window that lies on ``grid`` (may be empty)."""
        row, col = max(self.row, 0), max(self.col, 0)
        bottom = min(self.row + self.height, grid.height)
        right = min(self.col + self.width, grid.width)
        return Window(row, col, max(bottom - row, 0), max(right - col, 0))


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up pixel grid in a projected CRS with metre units.

    ``x0_m``/``y0_m`` is the outer corner of the upper left pixel; pixel ``(row, col)`` has its
    centre at ``x0_m + (col + 0.5) * gsd_m``, ``y0_m - (row + 0.5) * gsd_m``.
    """

    crs: CRS
    x0_m: float
    y0_m: float
    gsd_m: float
    width: int
    height: int

    @classmethod
    def covering(cls, crs: CRS, bounds: Bounds, gsd_m: float) -> Grid:
        """Return the grid over ``bounds``, its corner on a multiple of ``gsd_m``."""
        x0 = math.floor(bounds[0] / gsd_m) * gsd_m
        y0 = math.ceil(bounds[3] / gsd_m) * gsd_m
        width = max(1, math.ceil((bounds[2] - x0) / gsd_m - 1e-6))
        height = max(1, math.ceil((y0 - bounds[1]) / gsd_m - 1e-6))
        return cls(crs, x0, y0, gsd_m, width, height)

    @property
    def transform(self) -> Affine:
        """Pixel corner coordinates ``(col, row)`` to map coordinates."""
        return Affine(self.gsd_m, 0.0, self.x0_m, 0.0, -self.gsd_m, self.y0_m)

    @property
    def bounds(self) -> Bounds:
        """Outer bounds in map coordinates."""
        return (
            self.x0_m,
            self.y0_m - self.height * self.gsd_m,
            self.x0_m + self.width * self.gsd_m,
            self.y0_m,
        )

    @property
    def area_m2(self) -> float:
        """Area of the whole grid."""
        return self.width * self.height * self.gsd_m**2

    @property
    def whole(self) -> Window:
        """The window of all pixels."""
        return Window(0, 0, self.height, self.width)

    def coarser(self, gsd_m: float) -> Grid:
        """Return the grid over the same ground at another pixel size."""
        return Grid(
            self.crs,
            self.x0_m,
            self.y0_m,
            gsd_m,
            max(1, math.ceil(self.width * self.gsd_m / gsd_m)),
            max(1, math.ceil(self.height * self.gsd_m / gsd_m)),
        )

    def window_transform(self, window: Window) -> Affine:
        """Return the transform of a window's own pixel corners to map coordinates."""
        return self.transform @ Affine.translation(window.col, window.row)

    def window_over(self, bounds: Bounds) -> Window:
        """Return the smallest window that covers ``bounds`` (not clipped)."""
        col = math.floor((bounds[0] - self.x0_m) / self.gsd_m)
        row = math.floor((self.y0_m - bounds[3]) / self.gsd_m)
        right = math.ceil((bounds[2] - self.x0_m) / self.gsd_m)
        bottom = math.ceil((self.y0_m - bounds[1]) / self.gsd_m)
        return Window(row, col, max(bottom - row, 1), max(right - col, 1))

    def tiles(self, size_px: int) -> Iterator[Window]:
        """Yield windows of at most ``size_px`` a side that cover the grid without overlap."""
        for row in range(0, self.height, size_px):
            for col in range(0, self.width, size_px):
                yield Window(
                    row,
                    col,
                    min(size_px, self.height - row),
                    min(size_px, self.width - col),
                )

    def centres(
        self, window: Window, step_px: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return map coordinates of a lattice of pixel centres.

        The lattice starts at the window's first pixel and has a point every ``step_px`` pixels,
        reaching to or past the last pixel.

        Returns:
            ``x_m`` and ``y_m``, each of shape ``(rows, cols)``.
        """
        rows = np.arange(0, window.height - 1 + step_px, step_px, dtype=np.float64)
        cols = np.arange(0, window.width - 1 + step_px, step_px, dtype=np.float64)
        x_m = self.x0_m + (window.col + cols + 0.5) * self.gsd_m
        y_m = self.y0_m - (window.row + rows + 0.5) * self.gsd_m
        grid_x, grid_y = np.meshgrid(x_m, y_m)
        return grid_x, grid_y
