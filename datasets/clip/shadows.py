"""Shadows on level ground, drawn instead of rendered: exact in outline, plain in tone."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset
from datasets.scenes.clip_poses import Border, shadow_points
from datasets.scenes.clip_scene import Daylight
from datasets.scenes.shape import Vertices
from datasets.scenes.view import View

_SKY = {"day": 1.63, "overcast": 2.6, "dusk": 0.6}
_SUN = {"day": 3.0, "overcast": 0.0, "dusk": 0.6}
"""Light on level ground from the sky, and from a sun overhead, as the stage sets them."""
_GAMMA = 2.2
_UNDER = 0.3
"""How much of the sky's light is missing right under a thing."""
_UNDER_BELOW_M = 0.6
_UNDER_SOFT_M = 0.35
_SUN_SOFT_M = {"day": 0.04, "overcast": 0.4, "dusk": 0.12}
_SUBPIXEL_BITS = 4


def shade(
    asset: Asset, ground_z: float, *, daylight: Daylight, view: View, border: Border
) -> NDArray[np.float32]:
    """Return how much darker the ground is for an asset's shadow, 0 to 1.

    Args:
        asset: where it stands.
        ground_z: height of the ground.
        daylight: that throws the shadow.
        view: the camera.
        border: the part of the picture to draw.

    Returns:
        float32, shape of the border.
    """
    x0, y0, x1, y1 = border
    dark = np.zeros((y1 - y0, x1 - x0), np.float32)
    metre = _pixels_a_metre(asset, view)
    sun = _SUN[daylight.kind] * math.sin(math.radians(daylight.sun_elevation_deg))
    if sun:
        lit = _SKY[daylight.kind] / (_SKY[daylight.kind] + sun)
        mask = np.zeros(dark.shape, np.uint8)
        for part in asset.parts:
            points = part.shape.points()
            if len(points):
                fallen = shadow_points(points, ground_z, daylight)
                _fill(mask, view.project(fallen)[0] - (x0, y0), part.shape.faces)
        soft = _blurred(mask, _SUN_SOFT_M[daylight.kind] * metre)
        dark = soft * (1.0 - lit ** (1.0 / _GAMMA))
    under = np.zeros(dark.shape, np.uint8)
    for part in asset.parts:
        points = part.shape.points()
        low = points[points[:, 2] < ground_z + _UNDER_BELOW_M]
        if len(low) > 2:
            flat = np.column_stack([low[:, :2], np.full(len(low), ground_z)])
            pixels = view.project(flat)[0] - (x0, y0)
            hull = cv2.convexHull(pixels.astype(np.float32)).reshape(-1, 2)
            _fill(under, hull.astype(np.float64), [tuple(range(len(hull)))])
    below = _blurred(under, _UNDER_SOFT_M * metre) * _UNDER
    return np.asarray(1.0 - (1.0 - dark) * (1.0 - below), np.float32)


def _pixels_a_metre(asset: Asset, view: View) -> float:
    points = np.vstack([part.shape.points() for part in asset.parts if part.shape.vertices])
    _, depth = view.project(points.mean(axis=0)[None])
    return view.focal_px / max(float(depth[0]), 1.0)


def _fill(mask: NDArray[np.uint8], pixels: Vertices, faces: list[tuple[int, ...]]) -> None:
    scaled = np.round(np.clip(pixels, -4000, 4000) * 2**_SUBPIXEL_BITS).astype(np.int32)
    for face in faces:
        cv2.fillConvexPoly(mask, scaled[list(face)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)


def _blurred(mask: NDArray[np.uint8], sigma_px: float) -> NDArray[np.float32]:
    shares = mask.astype(np.float32) / 255.0
    if sigma_px < 0.4:
        return shares
    return np.asarray(cv2.GaussianBlur(shares, (0, 0), sigma_px), np.float32)
