"""A camera: where it stands, what it looks at, and where a point falls in its picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset
from datasets.scenes.shape import Vertices


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera without roll.

    Attributes:
        position: of the lens, metres.
        target: what is in the middle of the picture.
        fov_deg: angle of view across the picture's width.
        size_wh: pixels.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    fov_deg: float
    size_wh: tuple[int, int]

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down from the horizon."""
        dx, dy, dz = np.asarray(self.target) - np.asarray(self.position)
        return math.degrees(math.atan2(-dz, math.hypot(dx, dy)))

    def axes(self) -> tuple[Vertices, Vertices, Vertices]:
        """Return the unit vectors to the right, up and forward."""
        forward = np.asarray(self.target, np.float64) - np.asarray(self.position)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return right, np.cross(right, forward), forward

    def project(self, points: Vertices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where points fall.

        Args:
            points: shape ``(n, 3)``.

        Returns:
            Pixels x, y from the top left corner, shape ``(n, 2)``; and depth along the view
            direction in metres, shape ``(n,)`` (not positive: behind the camera).
        """
        right, up, forward = self.axes()
        seen = np.asarray(points, np.float64) - np.asarray(self.position)
        depth = seen @ forward
        focal = self.focal_px
        safe = np.maximum(depth, 1e-6)
        width, height = self.size_wh
        x = width / 2 + focal * (seen @ right) / safe
        y = height / 2 - focal * (seen @ up) / safe
        return np.column_stack([x, y]), depth

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.size_wh[0] / 2 / math.tan(math.radians(self.fov_deg) / 2)


def part_boxes(asset: Asset, view: View) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return the boxes of an asset's labelled parts as the camera sees them, cut to the picture.

    Returns:
        Label and ``x0, y0, x1, y1`` in pixels for each labelled part that is in the picture and
        wholly before the camera.
    """
    boxes = []
    width, height = view.size_wh
    for part in asset.parts:
        if part.label is None or not part.shape.vertices:
            continue
        pixels, depth = view.project(part.shape.points())
        if depth.min() <= 0.1:
            continue
        x0, y0 = np.clip(pixels.min(axis=0), 0, (width, height))
        x1, y1 = np.clip(pixels.max(axis=0), 0, (width, height))
        if x1 - x0 > 1 and y1 - y0 > 1:
            boxes.append((part.label, (float(x0), float(y0), float(x1), float(y1))))
    return boxes
