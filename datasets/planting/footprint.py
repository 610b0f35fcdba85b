"""Footprints: turned rectangles, and L-shapes made by cutting a corner out of one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from shapely.geometry import Polygon

from datasets.planting.noise import Field


@dataclass(frozen=True, slots=True)
class Footprint:
    """A turned rectangle, or an L.

    Attributes:
        x_px: picture column of the centre.
        y_px: picture row of the centre.
        length_m: along ``angle_rad``.
        width_m: across it.
        angle_rad: from the x axis toward the y axis (clockwise to the eye).
        notch_m: length and width of the corner cut out at +, +; None for a rectangle.
    """

    x_px: float
    y_px: float
    length_m: float
    width_m: float
    angle_rad: float
    notch_m: tuple[float, float] | None = None

    @property
    def area_m2(self) -> float:
        """Area in square metres."""
        cut = self.notch_m[0] * self.notch_m[1] if self.notch_m else 0.0
        return self.length_m * self.width_m - cut

    def corners_m(self) -> list[tuple[float, float]]:
        """Return the outline in metres along and across, from the centre."""
        a, b = self.length_m / 2.0, self.width_m / 2.0
        if self.notch_m is None:
            return [(-a, -b), (a, -b), (a, b), (-a, b)]
        cut_a, cut_b = a - self.notch_m[0], b - self.notch_m[1]
        return [(-a, -b), (a, -b), (a, cut_b), (cut_a, cut_b), (cut_a, b), (-a, b)]

    def corners_px(self, gsd_m: float) -> list[tuple[float, float]]:
        """Return the outline's corners in picture pixels."""
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        return [
            (
                self.x_px + (along * cos - across * sin) / gsd_m,
                self.y_px + (along * sin + across * cos) / gsd_m,
            )
            for along, across in self.corners_m()
        ]

    def polygon(self, gsd_m: float) -> Polygon:
        """Return the outline in picture pixels."""
        return Polygon(self.corners_px(gsd_m))

    def inside_m(self, along: Field, across: Field) -> Field:
        """Return metres to the nearest outer edge, positive inside."""
        a, b = np.float32(self.length_m / 2.0), np.float32(self.width_m / 2.0)
        inside = np.minimum(a - np.abs(along), b - np.abs(across))
        if self.notch_m is not None:
            beyond = np.maximum(
                (a - np.float32(self.notch_m[0])) - along,
                (b - np.float32(self.notch_m[1])) - across,
            )
            inside = np.minimum(inside, beyond)
        return np.asarray(inside, np.float32)
