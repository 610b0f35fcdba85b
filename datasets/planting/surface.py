"""Surface models: a plausible one where none is given, and what photogrammetry makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import Polygon

from datasets.planting.noise import Field, blur, rough_field, smooth_field
from datasets.planting.scene import Scene, fill_polygons
from datasets.planting.structures import turned_rectangle


@dataclass(frozen=True, slots=True)
class SurfaceShift:
    """A known height error of the earlier survey: an offset and a tilt about the crop's centre.

    Attributes:
        offset_m: added everywhere.
        east_slope: metres per metre east.
        north_slope: metres per metre north.
    """

    offset_m: float = 0.0
    east_slope: float = 0.0
    north_slope: float = 0.0

    def over(self, shape: tuple[int, int], gsd_m: float) -> Field:
        """Return the error at each pixel, float32."""
        rows, cols = shape
        east = (np.arange(cols, dtype=np.float32) + 0.5 - cols / 2) * gsd_m
        north = -(np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) * gsd_m
        return np.asarray(
            self.offset_m + self.east_slope * east[None, :] + self.north_slope * north[:, None],
            np.float32,
        )


def draw_shift(
    rng: np.random.Generator, size_m: tuple[float, float], *, offset_m: float, tilt_m: float
) -> SurfaceShift:
    """Draw an error of at most ``offset_m``, and ``tilt_m`` from edge to edge."""
    bearing = rng.uniform(0, 2 * math.pi)
    slope = rng.uniform(0.3, 1.0) * tilt_m / max(size_m)
    return SurfaceShift(
        offset_m=float(rng.uniform(0.3, 1.0) * rng.choice((-1, 1)) * offset_m),
        east_slope=float(slope * math.cos(bearing)),
        north_slope=float(slope * math.sin(bearing)),
    )


def make_surface(
    scene: Scene, rng: np.random.Generator, buildings: Sequence[Polygon]
) -> tuple[Field, Field]:
    """Return a surface and its terrain, both float32 metres, without noise.

    Terrain rolls and tilts by a few metres; buildings stand 3 to 12 m on vertical walls, some with
    gables; trees and bushes are rough bumps where the picture is dark, rough green.
    """
    shape, gsd_m = scene.shape, scene.gsd_m
    terrain = 1400.0 + 1.2 * rough_field(rng, shape, 220.0 / gsd_m, octaves=3)
    rows, cols = shape
    bearing, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.03)
    terrain += slope * gsd_m * math.cos(bearing) * np.arange(cols, dtype=np.float32)[None, :]
    terrain += slope * gsd_m * math.sin(bearing) * np.arange(rows, dtype=np.float32)[:, None]
    terrain = np.asarray(terrain, np.float32)
    surface = terrain + canopy_heights(scene, rng)
    for polygon in buildings:
        left, top, right, bottom = (
            max(0, math.floor(polygon.bounds[0])),
            max(0, math.floor(polygon.bounds[1])),
            min(cols, math.ceil(polygon.bounds[2])),
            min(rows, math.ceil(polygon.bounds[3])),
        )
        if right <= left or bottom <= top:
            continue
        inside = fill_polygons([polygon], (bottom - top, right - left), left_px=left, top_px=top)
        if not inside.any():
            continue
        area_m2 = polygon.area * gsd_m**2
        tall = rng.uniform(3.0, 12.0) if area_m2 > 40 else rng.uniform(2.6, 6.0)
        base = float(np.median(terrain[top:bottom, left:right][inside]))
        part = surface[top:bottom, left:right]
        height = np.full(part.shape, tall, np.float32)
        if rng.random() < 0.25:
            height += _gable(polygon, gsd_m, part.shape, left, top)
        part[inside] = (base + height)[inside]
    return surface, terrain


def _gable(polygon: Polygon, gsd_m: float, shape: tuple[int, ...], left: int, top: int) -> Field:
    box = turned_rectangle(polygon, gsd_m)
    angle = box.angle_rad + (0.0 if box.length_m >= box.width_m else math.pi / 2)
    half = min(box.length_m, box.width_m) / 2
    x = (np.arange(shape[1]) + 0.5 + left - box.x_px) * gsd_m
    y = (np.arange(shape[0]) + 0.5 + top - box.y_px) * gsd_m
    across = y[:, None] * math.cos(angle) - x[None, :] * math.sin(angle)
    return np.asarray(0.3 * np.maximum(0.0, half - np.abs(across)), np.float32)


def canopy_heights(scene: Scene, rng: np.random.Generator) -> Field:
    """Return heights of trees and bushes where the picture shows canopy, float32 metres."""
    gsd_m = scene.gsd_m
    opened = cv2.morphologyEx(
        scene.canopy.astype(np.uint8),
        cv2.MORPH_OPEN,
        np.ones((max(2, round(0.6 / gsd_m)),) * 2, np.uint8),
    )
    closed = cv2.morphologyEx(
        opened, cv2.MORPH_CLOSE, np.ones((max(2, round(0.9 / gsd_m)),) * 2, np.uint8)
    )
    depth_m = cv2.distanceTransform(closed, cv2.DIST_L2, 3) * gsd_m
    crown = np.minimum(8.0, 2.6 * np.sqrt(depth_m))
    rough = 1.0 + 0.25 * rough_field(rng, scene.shape, 2.0 / gsd_m)
    grass = 0.15 * np.abs(smooth_field(rng, scene.shape, 3.0 / gsd_m)) * scene.vegetation
    return np.asarray(np.maximum(crown * np.clip(rough, 0.3, 1.6), grass), np.float32)


def estimate_terrain(surface: Field, gsd_m: float) -> Field:
    """Return the ground under a given surface: a wide opening on a coarse grid, smoothed."""
    coarse = max(1, round(0.6 / gsd_m))
    rows, cols = surface.shape
    small = cv2.resize(
        surface, (max(8, cols // coarse), max(8, rows // coarse)), interpolation=cv2.INTER_AREA
    )
    wide = max(3, round(24.0 / (gsd_m * coarse)) // 2 * 2 + 1)
    opened = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    grown = cv2.resize(blur(np.asarray(opened, np.float32), 4.0), (cols, rows))
    return np.minimum(surface, np.asarray(grown, np.float32))


def photogrammetric(
    surface: Field, rng: np.random.Generator, *, gsd_m: float, noise_m: float
) -> Field:
    """Return a surface as image matching gives it.

    Edges waver by a pixel or two and are soft; the error is partly correlated over a few metres,
    and there are small bumps where matching was weak.
    """
    shape = surface.shape
    rows, cols = surface.shape
    sway = np.float32(0.9)
    map_col = np.arange(cols, dtype=np.float32)[None, :] + sway * smooth_field(
        rng, (rows, cols), 2.5 / gsd_m
    )
    map_row = np.arange(rows, dtype=np.float32)[:, None] + sway * smooth_field(
        rng, (rows, cols), 2.5 / gsd_m
    )
    wavered = cv2.remap(
        surface, map_col, map_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    soft = blur(np.asarray(wavered, np.float32), float(rng.uniform(0.9, 1.7)))
    fine = blur(rng.standard_normal(shape).astype(np.float32), 0.7) * 2.4
    middle = smooth_field(rng, (rows, cols), 3.0 / gsd_m)
    wide = smooth_field(rng, (rows, cols), 40.0 / gsd_m)
    return np.asarray(soft + noise_m * (0.75 * fine + 0.5 * middle + 0.45 * wide), np.float32)
