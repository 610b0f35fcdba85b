"""Where things may go: on open ground, clear of what stands there and of each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.affinity import scale as scaled
from shapely.geometry import Polygon

from datasets.planting.footprint import Footprint
from datasets.planting.noise import Field, blur
from datasets.planting.scene import Mask, Scene, fill_polygons

_TRIES = 400


@dataclass(slots=True)
class Ground:
    """Open ground of a picture, and what has been taken of it.

    Attributes:
        scene: the picture.
        taken: bool, ground of planted things with a margin; grows with every :meth:`take`.
        blocked: bool, the taken, the given buildings and where there is no data.
        open_: bool, ground by its looks.
        paved: bool, bare or paved ground.
        green_share: float32, vegetation within some 8 m.
        angle_rad: float32, the main direction of the lines around, modulo a right angle.
    """

    scene: Scene
    taken: Mask
    blocked: Mask
    open_: Mask
    paved: Mask
    green_share: Field
    angle_rad: Field

    @classmethod
    def of(cls, scene: Scene) -> Ground:
        """Read the open ground of a scene."""
        rgb = scene.rgb
        total = rgb.sum(axis=2) + 1.0
        spread = (rgb.max(axis=2) - rgb.min(axis=2)) / total
        painted = (spread > 0.13) & ~scene.vegetation
        solid = scene.valid & ~scene.structure & ~painted
        paved = solid & ~scene.vegetation & (scene.edges < 0.3) & (total / 3.0 > 70.0)
        paved &= ~_roof_like(scene)
        green = cv2.boxFilter(
            scene.vegetation.astype(np.float32), -1, (_odd(8.0, scene), _odd(8.0, scene))
        )
        return cls(
            scene=scene,
            taken=np.zeros(scene.shape, np.bool_),
            blocked=scene.structure | ~scene.valid,
            open_=solid & (scene.vegetation | scene.soil) & ~_roof_like(scene),
            paved=paved,
            green_share=np.asarray(green, np.float32),
            angle_rad=_line_angle(scene),
        )

    def take(self, polygon: Polygon, margin_m: float) -> None:
        """Mark a polygon and a margin around it as taken."""
        grown = polygon.buffer(margin_m / self.scene.gsd_m)
        left, top, right, bottom = self._box(grown)
        if right > left and bottom > top:
            part = fill_polygons([grown], (bottom - top, right - left), left_px=left, top_px=top)
            self.taken[top:bottom, left:right] |= part
            self.blocked[top:bottom, left:right] |= part

    def share(self, mask: Mask | Field, polygon: Polygon) -> float:
        """Return the mean of ``mask`` inside a polygon; 0 where it leaves the picture."""
        left, top, right, bottom = self._box(polygon)
        if right <= left or bottom <= top:
            return 0.0
        part = fill_polygons([polygon], (bottom - top, right - left), left_px=left, top_px=top)
        count = int(part.sum())
        if count == 0:
            return float(mask[(top + bottom) // 2, (left + right) // 2])
        return float(mask[top:bottom, left:right][part].mean())

    def is_free(self, polygon: Polygon, *, margin_m: float = 0.5) -> bool:
        """Return whether a polygon keeps inside the picture, off buildings and off the taken."""
        rows, cols = self.scene.shape
        edge = 2.0 / self.scene.gsd_m
        left, top, right, bottom = polygon.bounds
        if left < edge or top < edge or right > cols - edge or bottom > rows - edge:
            return False
        grown = polygon.buffer(margin_m / self.scene.gsd_m)
        return self.share(self.blocked, grown) == 0.0

    def _corners_are_open(self, foot: Footprint) -> bool:
        """Rule out most bad spots without the cost of a polygon."""
        rows, cols = self.scene.shape
        for x, y in foot.corners_px(self.scene.gsd_m):
            if not (2 <= x < cols - 2 and 2 <= y < rows - 2) or self.blocked[int(y), int(x)]:
                return False
        return True

    def _box(self, polygon: Polygon) -> tuple[int, int, int, int]:
        rows, cols = self.scene.shape
        left, top, right, bottom = polygon.bounds
        return (
            max(0, math.floor(left)),
            max(0, math.floor(top)),
            min(cols, math.ceil(right)),
            min(rows, math.ceil(bottom)),
        )

    def spots(
        self, rng: np.random.Generator, mask: Mask, count: int = _TRIES
    ) -> list[tuple[float, float]]:
        """Return up to ``count`` random (x, y) in pixels where ``mask`` holds."""
        where = np.flatnonzero(mask & ~self.blocked)
        if where.size == 0:
            return []
        chosen = rng.choice(where, size=min(count, where.size), replace=False)
        cols = self.scene.shape[1]
        return [(float(index % cols) + 0.5, float(index // cols) + 0.5) for index in chosen]

    def place_structure(
        self,
        rng: np.random.Generator,
        size_m: tuple[float, float],
        *,
        notch_m: tuple[float, float] | None = None,
        angle_rad: float | None = None,
    ) -> Footprint | None:
        """Find room for a structure, turned as its neighbourhood is (or nearly to ``angle_rad``).

        Returns:
            None where the picture has no room for it.
        """
        for x, y in self.spots(rng, self.open_):
            around = float(self.angle_rad[int(y), int(x)])
            if angle_rad is None:
                quarter = 0.0 if rng.random() < 0.5 else math.pi / 2
                turned = around + quarter + rng.normal(0, 0.06)
            else:
                off = (around - angle_rad + math.pi / 4) % (math.pi / 2) - math.pi / 4
                turned = angle_rad + float(np.clip(off, -0.35, 0.35))
            spot = Footprint(x, y, size_m[0], size_m[1], float(turned), notch_m)
            if not self._corners_are_open(spot):
                continue
            polygon = spot.polygon(self.scene.gsd_m)
            if not self.is_free(polygon, margin_m=0.6):
                continue
            near = polygon.buffer(1.0 / self.scene.gsd_m)
            if self.share(self.open_, near) < 0.8 or self.share(self.scene.edges, near) > 0.42:
                continue
            # Few structures stand on bare ground that may be a road.
            if self.share(self.paved, polygon) > 0.4 and rng.random() < 0.75:
                continue
            if self.share(self.scene.canopy, polygon) > 0.3:
                continue
            if self.share(self.scene.shaded, polygon) > 0.35:
                continue
            if rng.random() > 0.12 + 0.88 * self.share(self.green_share, polygon):
                continue
            return spot
        return None

    def place_vehicle(
        self, rng: np.random.Generator, size_m: tuple[float, float]
    ) -> Footprint | None:
        """Find room for a vehicle on bare or paved ground, along its lines."""
        for x, y in self.spots(rng, self.paved, 200):
            angle = float(self.angle_rad[int(y), int(x)]) + rng.normal(0, 0.08)
            angle += math.pi / 2 * int(rng.integers(4))
            spot = Footprint(x, y, size_m[0], size_m[1], angle)
            if not self._corners_are_open(spot):
                continue
            polygon = spot.polygon(self.scene.gsd_m)
            if self.is_free(polygon, margin_m=0.4) and self.share(self.paved, polygon) > 0.9:
                return spot
        return None

    def place_blob(
        self,
        rng: np.random.Generator,
        mask: Mask,
        radius_m: float,
        *,
        min_share: float = 0.85,
    ) -> tuple[float, float] | None:
        """Find room for a round thing where ``mask`` holds; its centre in pixels."""
        for x, y in self.spots(rng, mask, 200):
            disc = scaled(
                Polygon(_CIRCLE), radius_m / self.scene.gsd_m, radius_m / self.scene.gsd_m
            )
            disc = Polygon([(px + x, py + y) for px, py in disc.exterior.coords])
            if self.is_free(disc, margin_m=0.2) and self.share(mask, disc) >= min_share:
                return x, y
        return None


_CIRCLE = [(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * math.pi, 25)[:-1]]


def _odd(metres: float, scene: Scene) -> int:
    return max(3, round(metres / scene.gsd_m) // 2 * 2 + 1)


def _roof_like(scene: Scene) -> Mask:
    """Bare patches of the size of a roof with sharp edges and no ground beside: most are roofs.

    Where no outlines are given, concrete roofs look like earth by colour. Roofs are small pieces
    cut out by strong edges; earth and roads run on.
    """
    bare = ((scene.soil | ~scene.vegetation) & (scene.edges < 0.3)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bare, connectivity=4)
    area_m2 = stats[:, cv2.CC_STAT_AREA] * scene.gsd_m**2
    box = stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT] * scene.gsd_m**2
    compact = area_m2 / np.maximum(box, 1e-6)
    # Outlines already keep the known roofs away; without them, large halls must go too.
    largest_m2 = 350.0 if scene.structure.any() else 900.0
    roof = (area_m2 < largest_m2) & (compact > 0.25)
    roof[0] = False
    return np.asarray(roof[labels]) if count > 1 else np.zeros(scene.shape, np.bool_)


def _line_angle(scene: Scene) -> Field:
    light = scene.rgb.mean(axis=2)
    smooth = blur(np.asarray(light, np.float32), 1.0)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    angle = np.arctan2(down, across)
    wide = 7.0 / scene.gsd_m
    # Four times the angle makes walls and their right angles agree.
    cos = blur(np.asarray(strength**2 * np.cos(4 * angle), np.float32), wide)
    sin = blur(np.asarray(strength**2 * np.sin(4 * angle), np.float32), wide)
    return np.asarray(np.arctan2(sin, cos) / 4.0, np.float32)
